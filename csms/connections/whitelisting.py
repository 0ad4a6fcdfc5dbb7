"""Whitelisting: changes to the fleet's records, and what they mean for sockets that are open.

REST, the CSV import and the admin pages all come here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from csms import db
from csms.actions.context import Deps
from csms.connections.holding import Holding
from csms.connections.revocation import Revocation
from csms.domain.alarm import ABOUT_CHARGE_POINTS
from csms.domain.charge_point import (
    NAMED,
    ChargePointPatch,
    NewChargePoint,
    name_objections,
    new_record,
)
from csms.domain.connector import ConnectorType, TypeSource, new_connector
from csms.domain.installed_certificate import END_BEFORE, EndReason, reason_to_end
from csms.errors import Duplicate, FieldError, InvalidInput, NotFound

ATTEMPTS = 10
_EITHER = ("serialNumber", "chargePointIdentity")


class Whitelisting:
    """Creates, changes and deletes charge points."""

    def __init__(self, deps: Deps, holding: Holding, revocation: Revocation) -> None:
        self._deps = deps
        self._holding = holding
        self._revocation = revocation

    async def create(self, new: NewChargePoint) -> db.Document:
        """Whitelist a charge point.

        Raises:
            Duplicate: id, serialNumber or chargePointIdentity is taken.
            InvalidInput: one of them has characters that might be taken for others.
        """
        _refuse(name_objections({**new.model_dump(include=set(NAMED)), "id": new.id}))
        key = await self._store(new.id, new.authorizationKey)
        record = new_record(new, key, self._deps.clock())
        async with self._unused(record):
            await self._deps.charge_points.create(record)
        self._remember(new.id, new.authorizationKey)
        return record

    async def change(self, charge_point_id: str, patch: ChargePointPatch) -> db.Document:
        """Change what the patch names, and close a socket that may no longer be open.

        The certificates that the charge point has end with what they were given for, unless the
        patch keeps them.

        Raises:
            NotFound, Duplicate: as they say.
            InvalidInput: the record would be left with neither serial nor identity, or a new one
                of them might be taken for another.
        """
        await self._refuse_new_names(charge_point_id, patch)
        fields: dict[str, Any] = patch.model_dump(
            exclude_unset=True, exclude={"authorizationKey", "keepCertificates"}
        )
        before = await self._deps.charge_points.get(charge_point_id)
        if "authorizationKey" in patch.model_fields_set:
            key = await self._store(charge_point_id, patch.authorizationKey)
            fields |= {"authorizationKeyHash": key, "nextAuthorizationKeyHash": None}
        if "securityProfile" in fields:
            fields["nextSecurityProfile"] = None
        if "chargePointIdentity" in fields:
            fields["identitySource"] = None
        if not patch.keepCertificates and reason_to_end(before, {**before, **fields}):
            fields[END_BEFORE] = self._deps.clock()
        async with self._unused(fields):
            record = await self._change(charge_point_id, fields)
        self._remember(charge_point_id, patch.authorizationKey)
        self._holding.enforce(charge_point_id, record)
        because = reason_to_end(before, record)
        if because is not None and not patch.keepCertificates:
            await self._revocation.end_all(charge_point_id, because)
        if "authorizationKeyHash" in fields:
            await self._deps.stored_keys.forget([before])
        return record

    async def _change(self, charge_point_id: str, fields: Mapping[str, Any]) -> db.Document:
        charge_points, now = self._deps.charge_points, self._deps.clock()
        cleared = [name for name in _EITHER if name in fields and fields[name] is None]
        others = [name for name in _EITHER if name not in cleared]
        if not cleared or any(name in fields for name in others):
            return await charge_points.change(charge_point_id, fields, now)
        # Another request may clear the other one meanwhile: the update itself has to look.
        for other in others:
            with suppress(NotFound):
                return await charge_points.change(charge_point_id, fields, now, relying_on=other)
        await charge_points.get(charge_point_id)
        raise InvalidInput(
            FieldError(cleared[0], "cannot be cleared: a record needs a serial or an identity")
        )

    async def delete(self, charge_point_id: str) -> None:
        """Delete a record, and close its socket.

        Raises:
            NotFound: there is no such record.
        """
        await self._deps.charge_points.get(charge_point_id)
        # Before and behind it: what fails in between, or is issued, must not outlive the record.
        await self._revocation.end_all(charge_point_id, EndReason.DELETED)
        deleted = await self._deps.charge_points.delete(charge_point_id)
        self._holding.enforce(charge_point_id, None)
        await self._deps.stored_keys.forget([deleted])
        for kind in ABOUT_CHARGE_POINTS:
            self._deps.alarms.close(kind, charge_point_id)
        # Another charge point may get its id.
        await self._revocation.end_all(charge_point_id, EndReason.DELETED)

    async def records_changed(self, charge_point_ids: Iterable[str]) -> None:
        """Close the sockets that records changed elsewhere no longer allow."""
        await self._holding.recheck(charge_point_ids)

    async def credentials_changed(self, ended: Mapping[str, EndReason]) -> None:
        """End the certificates of charge points whose records were changed elsewhere."""
        for charge_point_id, because in ended.items():
            await self._revocation.end_all(charge_point_id, because)

    async def set_connector_type(
        self, charge_point_id: str, connector_id: int, connector_type: ConnectorType
    ) -> db.Document:
        """Set a connector's type for good; returns the record.

        A connector within `connectorCount` that has not been seen yet is created.

        Raises:
            NotFound: there is no such charge point or connector.
        """
        now = self._deps.clock()
        for _ in range(ATTEMPTS):
            record = await self._deps.charge_points.get(charge_point_id)
            before: list[db.Document] = record.get("connectors") or []
            after = [dict(connector) for connector in before]
            connector = next((c for c in after if c["connectorId"] == connector_id), None)
            if connector is None:
                if not 1 <= connector_id <= (record.get("connectorCount") or 0):
                    raise NotFound(f"connector of {charge_point_id}", connector_id)
                connector = new_connector(connector_id, now)
                after.append(connector)
                after.sort(key=lambda c: int(c["connectorId"]))
            connector |= {
                "type": connector_type,
                "typeSource": TypeSource.ADMIN,
                "updatedAt": now,
            }
            if await self._deps.charge_points.put_connectors(charge_point_id, before, after, now):
                return {**record, "connectors": after, "updatedAt": now}
        raise InvalidInput(FieldError("type", "the connectors keep changing; try again"))

    async def _refuse_new_names(self, charge_point_id: str, patch: ChargePointPatch) -> None:
        """Refuse a serial or identity that might be taken for another; those on record may stay."""
        errors = name_objections(patch.model_dump(include=set(NAMED)))
        if errors:
            before = await self._deps.charge_points.get(charge_point_id)
            _refuse([e for e in errors if before.get(e.field) != getattr(patch, e.field)])

    def _remember(self, charge_point_id: str, key: str | None) -> None:
        if key is not None:
            self._deps.secrets.remember(charge_point_id, [key])

    @asynccontextmanager
    async def _unused(self, fields: Mapping[str, Any]) -> AsyncIterator[None]:
        """Delete the key that fields refer to if the record was not written."""
        try:
            yield
        except (Duplicate, InvalidInput, NotFound):
            # In case of DatabaseUnavailable, it may have been.
            await self._deps.stored_keys.forget([fields])
            raise

    async def _store(self, charge_point_id: str, key: str | None) -> str | None:
        """Store a key's hash; returns the reference for the record."""
        if key is None:
            return None
        return await self._deps.stored_keys.add(charge_point_id, key, self._deps.clock())


def _refuse(errors: list[FieldError]) -> None:
    if errors:
        raise InvalidInput(*errors)
