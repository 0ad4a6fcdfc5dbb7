"""`charge_points` as sessions write it: each write names the session that it needs there.

A session is a socket that has claimed its charge point's record (`ocppSessionId`). What a charge
point reports is written with the session that it came on in the filter of the same write, so that
a node that stood still, or has not heard yet that the charge point has moved, overwrites nothing.

A `Claim` in place of a `Hold` stands for a session that may have ended meanwhile, as where a charge
point hangs up when it is asked something: it still writes, until another session has followed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pymongo import ReturnDocument, UpdateOne

from csms import db
from csms.domain.connector import MAX_CONNECTORS, new_connector
from csms.domain.hold import Claim, Hold
from csms.domain.protocol_trouble import HARMLESS_QUIRKS, LAST_AT
from csms.domain.times import DeviceTime
from csms.errors import SessionLost
from csms.repositories.charge_points import (
    CLAIM_FIELDS,
    COLLECTION,
    OVER_BOUND,
    STORED_BYTES,
    connectors_update,
)
from csms.repositories.telemetry import Telemetry
from csms.repositories.writes import Conditional

SIGNS_EVERY = 1.0
"""Seconds between writes of `lastSeen`."""

SESSION = "ocppSessionId"

CERTIFICATE_REQUESTS_WITHIN = timedelta(days=1)


@dataclass(slots=True)
class _SignsOfLife:
    """What a session's messages of the last second come to: one update, not hundreds."""

    charge_point_id: str
    last_seen: datetime | None = None
    trouble_at: datetime | None = None
    counts: Counter[str] = field(default_factory=Counter)
    """What is added to counters in the record, by their path."""
    fields: dict[str, Any] = field(default_factory=dict)

    def changes(self, fields: Mapping[str, Any] | None = None) -> db.Document:
        """The update, together with other fields."""
        values: db.Document = dict(self.fields)
        if self.last_seen is not None:
            values["lastSeen"] = self.last_seen
        if self.trouble_at is not None:
            values[f"protocolTrouble.{LAST_AT}"] = self.trouble_at
        values |= fields or {}
        changes: db.Document = {"$set": values} if values else {}
        if self.counts:
            changes["$inc"] = dict(self.counts)
        return changes


class HeldRecords:
    """Writes what charge points report into the records that their sessions hold."""

    def __init__(self, database: db.Database, telemetry: Telemetry) -> None:
        self._collection: db.Collection = database[COLLECTION]
        self._telemetry = telemetry
        self._signs: dict[str, _SignsOfLife] = {}
        """By session."""
        self._will_store = False
        self.clock_ahead = timedelta(0)
        """How far this node's clock is ahead of the database's, if it is off: which of two statuses
        is the newer goes by the latter."""

    # Taking a record, and giving it up

    async def claim(
        self,
        claim: Claim,
        identity: str,
        instead_of: str | None,
        now: datetime,
        unchanged: Mapping[str, Any] | None = None,
    ) -> bool:
        """Take the record for a new socket, from the session that is known to have to go.

        What this node noted of that session last is stored with it. False if another session has
        the record now, it is not whitelisted any more, or not for this identity, or a field is not
        `unchanged`.
        """
        fields = {
            SESSION: claim.session_id,
            "nodeId": claim.node_id,
            "remoteAddress": claim.remote_address,
            "ocppProtocolRaw": claim.protocol,
            "connectedAt": now,
        }
        signs = self._signs.pop(instead_of or "", None)
        operation = UpdateOne(
            {
                "_id": claim.charge_point_id,
                SESSION: instead_of,
                "chargePointIdentity": identity,
                "isWhitelisted": {"$ne": False},
                **(unchanged or {}),
            },
            {"$set": fields} if signs is None else signs.changes(fields),
        )
        claimed = False
        try:
            claimed = await self._telemetry.update_if(
                COLLECTION,
                Conditional(
                    claim.charge_point_id,
                    (operation,),
                    lambda record: record is not None and record.get(SESSION) == claim.session_id,
                ),
            )
        finally:
            if not claimed and instead_of and signs:
                self._put_back(instead_of, signs)
        if claimed:
            claim.connected_at = now
        return claimed

    async def reclaim(self, claim: Claim) -> bool:
        """Take a record again that was given up for this session.

        False if another session has it, or has had it since: what this one still has to say is
        older than what that one said.
        """
        async with db.errors():
            result = await self._collection.update_one(
                _held_by(claim),
                {"$set": {SESSION: claim.session_id, "nodeId": claim.node_id}},
            )
        return result.matched_count == 1

    async def release(self, claim: Claim, now: datetime) -> None:
        """Give the record up, unless another session has taken it since."""
        signs = self._signs.pop(claim.session_id, None) or _SignsOfLife(claim.charge_point_id)
        await self._release(claim, signs, {"disconnectedAt": now})

    async def withdraw(self, claim: Claim, before: db.Document) -> None:
        """Give the record up and leave no trace: the claimant was not who it said it was."""
        self._signs.pop(claim.session_id, None)
        fields = {name: before.get(name) for name in CLAIM_FIELDS}
        await self._release(claim, _SignsOfLife(claim.charge_point_id), fields)

    async def _release(self, claim: Claim, signs: _SignsOfLife, fields: Mapping[str, Any]) -> None:
        given_up = {**fields, SESSION: None, "nodeId": None}
        try:
            await self._telemetry.update(
                COLLECTION, UpdateOne(_held_by(claim.hold), signs.changes(given_up))
            )
        except Exception:
            # It is tried again, and has this to take along then.
            self._put_back(claim.session_id, signs)
            raise

    async def release_node(self, node_id: str, now: datetime) -> int:
        """Show every charge point that a node held as off line; returns how many."""
        async with db.errors():
            result = await self._collection.update_many(
                {"nodeId": {"$eq": node_id, "$type": "string"}},
                {"$set": {SESSION: None, "nodeId": None, "disconnectedAt": now}},
            )
        return result.modified_count

    # What is waited for

    async def set_fields(
        self,
        hold: Hold | Claim,
        fields: Mapping[str, Any],
        flag: tuple[str, bool] | None = None,
    ) -> None:
        """Set what a charge point reported of itself; returns when it is acknowledged.

        With `flag`, that flag is raised or lowered in the same write.

        Raises:
            SessionLost: another session holds the record; nothing was written.
            DatabaseUnavailable: it may not be written.
        """
        changes: db.Document = {"$set": dict(fields)}
        if flag is not None:
            changes |= _flagged(*flag)
        await self._write(hold, UpdateOne(_held_by(hold), changes))

    async def set_flag(self, hold: Hold | Claim, flag: str, raised: bool) -> None:
        """Raise or lower a flag; returns when it is acknowledged.

        Raises:
            SessionLost, DatabaseUnavailable: as `set_fields`.
        """
        await self._write(hold, UpdateOne(_held_by(hold), _flagged(flag, raised)))

    async def set_status(
        self, hold: Hold, status: Mapping[str, Any], time: DeviceTime, now: datetime
    ) -> None:
        """Set the status of a charge point as a whole, unless a newer one is there.

        Raises:
            SessionLost, DatabaseUnavailable: as `set_fields`.
        """
        where = _held_by(hold)
        if time.tells_order:
            where["statusTimestamp"] = _no_newer_than(time.time, now)

        def is_superseded(record: Mapping[str, Any]) -> bool:
            return time.tells_order and _is_newer(record, time.time, now)

        operation = UpdateOne(where, {"$set": dict(status)})
        await self._write(hold, operation, is_superseded=is_superseded)

    async def set_connector_status(
        self,
        hold: Hold,
        connector_id: int,
        status: Mapping[str, Any],
        time: DeviceTime,
        now: datetime,
    ) -> None:
        """Set a connector's status, unless a newer one is there; creates a new connector.

        Raises:
            SessionLost, DatabaseUnavailable: as `set_fields`.
        """
        there: db.Document = {"connectorId": connector_id}
        tells_order = time.tells_order
        if tells_order:
            there["statusTimestamp"] = _no_newer_than(time.time, now)
        where = {**_held_by(hold), "connectors": {"$elemMatch": there}}
        fields = {f"connectors.$.{name}": value for name, value in status.items()}
        operations = [UpdateOne(where, {"$set": fields})]
        if connector_id <= MAX_CONNECTORS:
            created = {**new_connector(connector_id, now), **status}
            operations.append(
                UpdateOne(
                    {**_held_by(hold), "connectors.connectorId": {"$ne": connector_id}},
                    {"$push": {"connectors": {"$each": [created], "$sort": {"connectorId": 1}}}},
                )
            )

        def is_superseded(record: Mapping[str, Any]) -> bool:
            for connector in record.get("connectors") or ():
                if connector.get("connectorId") == connector_id:
                    return tells_order and _is_newer(connector, time.time, now)
            return connector_id > MAX_CONNECTORS

        await self._write(hold, *operations, is_superseded=is_superseded)

    async def put_connectors(
        self,
        hold: Hold | Claim,
        before: Sequence[db.Document],
        after: Sequence[db.Document],
        now: datetime,
        *,
        count: int | None = None,
    ) -> bool:
        """Put `after` in place of `before`; False if they changed meanwhile (then try again).

        With `count`, `connectorCount` is corrected too.

        Raises:
            SessionLost, DatabaseUnavailable: as `set_fields`.
        """
        operation = connectors_update(_held_by(hold), before, after, now, count)
        is_put = await self._telemetry.update_if(
            COLLECTION,
            Conditional(
                hold.charge_point_id,
                (operation,),
                lambda record: record is not None and record.get("connectors") == list(after),
            ),
        )
        if not is_put:
            async with db.errors():
                record = await self._collection.find_one(
                    {"_id": hold.charge_point_id}, {SESSION: 1, "connectedAt": 1}
                )
            if not _is_held_by(hold, record):
                raise SessionLost
        return is_put

    async def _write(
        self,
        hold: Hold | Claim,
        *operations: UpdateOne,
        is_superseded: Callable[[Mapping[str, Any]], bool] | None = None,
    ) -> None:
        """Apply the one of these that fits, unless what the record has now goes before them all."""

        def is_done(record: db.Document | None) -> bool | None:
            if record is None or not _is_held_by(hold, record):
                return False
            # Held again after it was given up for a moment, maybe: then it has to be tried again.
            return True if is_superseded is not None and is_superseded(record) else None

        conditional = Conditional(hold.charge_point_id, operations, is_done)
        if not await self._telemetry.update_if(COLLECTION, conditional):
            raise SessionLost

    async def count_certificate_request(self, hold: Hold, now: datetime) -> int:
        """Count a request for a certificate; returns how many came within about a day.

        Raises:
            SessionLost, DatabaseUnavailable: as `set_fields`.
        """
        counted, since = "$certificateRequests.count", "$certificateRequests.since"
        is_of_today = {"$gt": [since, now - CERTIFICATE_REQUESTS_WITHIN]}
        counts = {
            "since": {"$cond": [is_of_today, since, now]},
            "count": {"$cond": [is_of_today, {"$add": [counted, 1]}, 1]},
        }
        async with db.errors():
            record = await self._collection.find_one_and_update(
                _held_by(hold),
                [{"$set": {"certificateRequests": counts}}],
                {"certificateRequests": 1},
                return_document=ReturnDocument.AFTER,
            )
        if record is None:
            raise SessionLost
        return int(record["certificateRequests"]["count"])

    # What nobody waits for

    def note(self, hold: Hold | Claim, fields: Mapping[str, Any]) -> None:
        """Set what nobody waits for; stored soon, if the session still holds the record then."""
        self._telemetry.update_behind(COLLECTION, UpdateOne(_held_by(hold), {"$set": dict(fields)}))

    def note_stored_bytes(
        self, claim: Claim, stored: Mapping[str, Any], over_at: datetime | None = None
    ) -> None:
        """Keep what a charge point has stored of late, and flag one that is over; stored soon."""
        fields = stored if over_at is None else {**stored, "overAt": over_at}
        changes: db.Document = {
            "$set": {f"{STORED_BYTES}.{name}": value for name, value in fields.items()}
        }
        if over_at is not None:
            changes["$addToSet"] = {"flags": OVER_BOUND}
        self._telemetry.update_behind(COLLECTION, UpdateOne(_held_by(claim), changes))

    def note_end(self, hold: Hold, fields: Mapping[str, Any]) -> None:
        """Set fields of a session that is about to end; stored with its end at the latest."""
        self._signs_of(hold).fields |= fields

    def note_sign_of_life(self, hold: Hold, now: datetime, quirks: Sequence[str]) -> None:
        """Note that a charge point spoke, and with which quirks; stored within a second."""
        signs = self._signs_of(hold)
        signs.last_seen = now
        if quirks:
            signs.counts.update(f"quirks.{name}" for name in quirks)
            if not HARMLESS_QUIRKS.issuperset(quirks):
                signs.trouble_at = now

    def note_quirk(self, hold: Hold, quirk: str) -> None:
        """Count a quirk that no message showed; stored within a second."""
        self._signs_of(hold).counts[f"quirks.{quirk}"] += 1

    def note_trouble(self, hold: Hold, trouble: str, now: datetime) -> None:
        """Count protocol trouble (csms.domain.protocol_trouble); stored within a second."""
        signs = self._signs_of(hold)
        signs.trouble_at = now
        signs.counts[f"protocolTrouble.{trouble}"] += 1

    def forget_signs(self, charge_point_id: str) -> None:
        """Forget what was noted of a charge point and is not stored yet."""
        for session_id, signs in list(self._signs.items()):
            if signs.charge_point_id == charge_point_id:
                del self._signs[session_id]

    def _signs_of(self, hold: Hold) -> _SignsOfLife:
        signs = self._signs.get(hold.session_id)
        if signs is None:
            signs = _SignsOfLife(hold.charge_point_id)
            self._put_back(hold.session_id, signs)
        return signs

    def _put_back(self, session_id: str, signs: _SignsOfLife) -> None:
        self._signs.setdefault(session_id, signs)
        if not self._will_store:
            self._will_store = True
            asyncio.get_running_loop().call_later(SIGNS_EVERY, self.store_signs_of_life)

    def store_signs_of_life(self) -> None:
        """Hand what was noted to the writer."""
        self._will_store = False
        noted, self._signs = self._signs, {}
        for session_id, signs in noted.items():
            if changes := signs.changes():
                hold = Hold(signs.charge_point_id, session_id)
                self._telemetry.update_behind(COLLECTION, UpdateOne(_held_by(hold), changes))


def _flagged(flag: str, raised: bool) -> db.Document:
    """The part of an update that raises or lowers a flag."""
    return {"$addToSet" if raised else "$pull": {"flags": flag}}


def _held_by(hold: Hold | Claim) -> db.Document:
    """Matches the record that is held; with a claim, also one that was given up and not taken."""
    if isinstance(hold, Hold):
        return {"_id": hold.charge_point_id, SESSION: hold.session_id}
    return {
        "_id": hold.charge_point_id,
        SESSION: {"$in": [None, hold.session_id]},
        "connectedAt": hold.connected_at,
    }


def _is_held_by(hold: Hold | Claim, record: Mapping[str, Any] | None) -> bool:
    """The same of a record that was read."""
    if record is None:
        return False
    if record.get(SESSION) == hold.session_id:
        return True
    return (
        isinstance(hold, Claim)
        and record.get(SESSION) is None
        and record.get("connectedAt") == hold.connected_at
    )


def _no_newer_than(time: datetime, now: datetime) -> db.Document:
    """Matches a `statusTimestamp` that a status of this time goes before.

    One that lies ahead of `now` is that of a clock that was fast: it must not keep out what is
    reported after it was set.
    """
    return {"$not": {"$gt": time, "$lte": now}}


def _is_newer(status: Mapping[str, Any], time: datetime, now: datetime) -> bool:
    """The same, of a status that is on record."""
    at = status.get("statusTimestamp")
    return at is not None and time < at <= now
