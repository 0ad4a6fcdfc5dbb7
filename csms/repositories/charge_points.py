"""`charge_points`: the record of every charge point, as ops see and change it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument, UpdateOne

from csms import db
from csms.domain.charge_point import BOUND
from csms.domain.command import RESET_SENT_AT
from csms.domain.folded_keys import (
    NAMED_BY,
    NAMES_KEY,
    fold_name,
    folded_keys,
    keys_after,
    names_of,
)
from csms.domain.protocol_trouble import LAST_AT
from csms.domain.text import fold_text
from csms.domain.unanswered import BOOT, CONFIGURATION
from csms.errors import DatabaseUnavailable, Duplicate, FieldError, InvalidInput, NotFound
from csms.repositories import names, search
from csms.repositories.folded_keys import find_same_text, name_the_other
from csms.repositories.lookups import Gathered, Lookup
from csms.repositories.telemetry import Telemetry
from csms.repositories.writes import Conditional

COLLECTION = "charge_points"

CONNECTED: Mapping[str, Any] = {"ocppSessionId": {"$ne": None}, "nodeId": {"$type": "string"}}
"""Matches charge points that are connected. A session's node goes with it, and has an index."""

TROUBLED: Mapping[str, Any] = {f"protocolTrouble.{LAST_AT}": {"$type": "date"}}
"""Matches charge points with protocol trouble; an index holds these alone."""

NOT_TROUBLED: Mapping[str, Any] = {f"protocolTrouble.{LAST_AT}": None}

STORED_BYTES = "storedBytes"
"""What a charge point has stored of late (csms.domain.stored_bytes), once that is worth a note."""
OVER_BOUND = "tooMuchData"
"""The flag of one that has stored more than its bound in the last hour."""

CLAIM_FIELDS = ("remoteAddress", "connectedAt", "disconnectedAt", "lastSeen", "ocppProtocolRaw")
_KEYED = (*NAMED_BY, NAMES_KEY)
_CHANGE_ATTEMPTS = 10
_KEPT_IF_SET = (CONFIGURATION, BOOT, RESET_SENT_AT)


def kept_of(record: Mapping[str, Any]) -> db.Document:
    """What is kept of a record while its charge point is connected: memory is what limits them."""
    kept: db.Document = {name: record.get(name) for name in (*CLAIM_FIELDS, "connectorSync")}
    return kept | {name: record[name] for name in _KEPT_IF_SET if record.get(name)}


class ChargePoints:
    """Reads and writes records. All times are UTC."""

    def __init__(self, database: db.Database, telemetry: Telemetry) -> None:
        self.collection: db.Collection = database[COLLECTION]
        self._telemetry = telemetry
        quick = telemetry.database[COLLECTION]
        self._by_id = Lookup(quick, "_id")
        self._by_identity = Lookup(quick, "chargePointIdentity", {"isWhitelisted": {"$ne": False}})
        self._serial_only = Gathered(self._read_serial_only)

    async def create(self, record: db.Document) -> None:
        """Store a new record.

        Raises:
            Duplicate: id, serialNumber or chargePointIdentity is taken; the error names which, and
                the record that has it.
        """
        try:
            async with db.errors():
                await self.collection.insert_one(record)
        except Duplicate as duplicate:
            raise await name_the_other(self.collection, duplicate, record) from None

    async def get(self, charge_point_id: str) -> db.Document:
        """The record with this id.

        Raises:
            NotFound: there is none.
        """
        record = await self._by_id.find(charge_point_id)
        if record is None:
            raise NotFound("charge point", charge_point_id)
        return record

    async def find(self, charge_point_id: str) -> db.Document | None:
        """The record with this id, if there is one."""
        return await self._by_id.find(charge_point_id)

    async def find_by_identity(self, identity: str) -> db.Document | None:
        """The whitelisted record with this identity, in whatever normal form it was entered."""
        record = await self._by_identity.find(identity)
        if record is not None or identity.isascii():
            return record
        record = await find_same_text(self.collection, "chargePointIdentity", identity)
        return record if record is not None and record.get("isWhitelisted") is not False else None

    async def id_of(self, text: str) -> str:
        """The id of a record as it is stored; the text itself if there is no such record."""
        if text.isascii() or await self._by_id.find(text) is not None:
            return text
        record = await find_same_text(self.collection, "_id", text)
        return text if record is None else str(record["_id"])

    async def find_by_identity_in_any_case(self, identity: str) -> db.Document | None:
        """The whitelisted record with this identity without case; None if two could be meant."""
        async with db.errors():
            found = await self.collection.find(
                {
                    "chargePointIdentity": {"$eq": identity, "$type": "string"},
                    "isWhitelisted": {"$ne": False},
                },
                collation=db.CASE_INSENSITIVE,
            ).to_list(2)
        return found[0] if len(found) == 1 else None

    async def find_by_identities(self, identities: Sequence[str]) -> dict[str, db.Document]:
        """The records with these identities, whitelisted or not, by identity."""
        async with db.errors():
            found = await self.collection.find(
                {"chargePointIdentity": {"$in": list(identities), "$type": "string"}}
            ).to_list(None)
        return {record["chargePointIdentity"]: record for record in found}

    async def whitelisted_identities(self) -> set[str]:
        """The identities of all whitelisted records, folded."""
        query = {"chargePointIdentity": {"$type": "string"}, "isWhitelisted": {"$ne": False}}
        async with db.errors():
            found = await self.collection.find(query, {"_id": 0, "chargePointIdentity": 1}).to_list(
                None
            )
        return {fold_text(record["chargePointIdentity"]) for record in found}

    async def serial_only_exist(self) -> bool:
        """Whether any whitelisted record waits for its identity; those who ask at once share."""
        return bool(await self._serial_only.find(""))

    async def _read_serial_only(self, _: set[str]) -> dict[str, bool]:
        async with db.errors():
            found = await self.collection.find_one(
                {
                    "chargePointIdentity": None,
                    "serialNumber": {"$type": "string"},
                    "isWhitelisted": {"$ne": False},
                },
                {"_id": 1},
                hint="serial_only",
            )
        return {"": found is not None}

    async def find_by_serial_only(self, serial: str) -> db.Document | None:
        """The whitelisted record with this serial (without case) that has no identity yet."""
        async with db.errors():
            return await self.collection.find_one(
                {
                    "serialNumber": {"$eq": serial, "$type": "string"},
                    "chargePointIdentity": None,
                    "isWhitelisted": {"$ne": False},
                },
                collation=db.CASE_INSENSITIVE,
            )

    async def bind_identity(self, charge_point_id: str, identity: str, now: datetime) -> bool:
        """Give a record the identity that its charge point has chosen, if it still has none.

        Raises:
            Duplicate: it is another record's identity or serial; the error names the record.
        """
        fields = {"chargePointIdentity": identity, "identitySource": BOUND}
        name = fold_name(identity)
        try:
            async with db.errors():
                result = await self.collection.update_one(
                    {"_id": charge_point_id, "chargePointIdentity": None},
                    {
                        "$set": {**fields, **folded_keys(fields), "updatedAt": now},
                        **({"$addToSet": {NAMES_KEY: name}} if name else {}),
                        **search.forget_if_changed(fields),
                    },
                )
        except Duplicate as duplicate:
            raise await name_the_other(
                self.collection, duplicate, fields, charge_point_id
            ) from None
        await self._refresh_search(charge_point_id)
        return result.modified_count == 1

    async def change(
        self,
        charge_point_id: str,
        fields: Mapping[str, Any],
        now: datetime,
        *,
        relying_on: str | None = None,
    ) -> db.Document:
        """Set fields that ops changed, and return the record as it is now.

        Raises:
            NotFound: there is no such record, or none with text in the field `relying_on`.
            Duplicate: the serial or identity is another record's; the error names which field, and
                the record that has it.
            InvalidInput: others keep changing its serial and identity at the same time.
        """
        changes = {**fields, "updatedAt": now}
        if not any(name in fields for name in NAMED_BY):
            where = {"_id": charge_point_id}
            record = await self._set(
                {**where, relying_on: {"$type": "string"}} if relying_on else where, changes
            )
            if record is None:
                raise NotFound("charge point", charge_point_id)
        else:
            record = await self._change_names(charge_point_id, changes, relying_on)
        await self._refresh_search(charge_point_id)
        return record

    async def _change_names(
        self, charge_point_id: str, changes: Mapping[str, Any], relying_on: str | None
    ) -> db.Document:
        """Change a serial or an identity: the keys are those of both, so neither may change too."""
        for _ in range(_CHANGE_ATTEMPTS):
            async with db.errors():
                before = await self.collection.find_one(
                    {"_id": charge_point_id}, dict.fromkeys(_KEYED, 1)
                )
            if before is None or (relying_on and not isinstance(before.get(relying_on), str)):
                raise NotFound("charge point", charge_point_id)
            unchanged = {name: before.get(name) for name in _KEYED}
            try:
                record = await self._set(
                    {"_id": charge_point_id, **unchanged},
                    {**changes, **keys_after(before, changes)},
                )
            except Duplicate as duplicate:
                changed = {n: value for n, value in changes.items() if value != before.get(n)}
                raise await name_the_other(
                    self.collection, duplicate, changed, charge_point_id
                ) from None
            if record is not None:
                await self._adopt_names_left_by(before, record)
                return record
        raise InvalidInput(FieldError(NAMED_BY[0], "keeps changing; try again"))

    async def _adopt_names_left_by(
        self, before: Mapping[str, Any], after: Mapping[str, Any] | None = None
    ) -> None:
        """Records that collided with what this one was called have their names to themselves."""
        kept = set(names_of(after or {}).values())
        left = {
            field: str(before[field])
            for field, name in names_of(before).items()
            if name not in kept
        }
        # It is done; what was left out before is only protected a little later without this.
        with suppress(DatabaseUnavailable):
            await names.adopt(self.collection, left)

    async def _set(self, where: db.Document, fields: db.Document) -> db.Document | None:
        async with db.errors():
            return await self.collection.find_one_and_update(
                where,
                {"$set": fields, **search.forget_if_changed(fields)},
                return_document=ReturnDocument.AFTER,
            )

    async def _refresh_search(self, charge_point_id: str) -> None:
        # What was changed is changed, whether it can be found fast yet or not.
        with suppress(DatabaseUnavailable):
            await search.refresh(self.collection, {"_id": charge_point_id})

    async def delete(self, charge_point_id: str) -> db.Document:
        """Remove a record; returns it.

        Raises:
            NotFound: there is no such record.
        """
        async with db.errors():
            deleted = await self.collection.find_one_and_delete({"_id": charge_point_id})
        if deleted is None:
            raise NotFound("charge point", charge_point_id)
        await self._adopt_names_left_by(deleted)
        return deleted

    async def set_by_ops(self, charge_point_id: str, fields: Mapping[str, Any]) -> None:
        """Set what a command of ops has brought about; returns when it is acknowledged.

        It holds whatever session the charge point has by then. What charge points report of
        themselves goes through `HeldRecords`.
        """
        await self._telemetry.update(
            COLLECTION, UpdateOne({"_id": charge_point_id}, {"$set": dict(fields)})
        )

    async def take_over(
        self, charge_point_id: str, coming: Mapping[str, Any], into: Mapping[str, Any]
    ) -> bool:
        """Have fields that wait to be taken over (`coming`, as they were read) emptied for `into`.

        False if ops have changed them since; then nothing was written.
        """
        after = {**dict.fromkeys(coming), **into}
        return await self._telemetry.update_if(
            COLLECTION,
            Conditional(
                charge_point_id,
                (UpdateOne({"_id": charge_point_id, **coming}, {"$set": after}),),
                lambda record: (
                    record is not None and all(record.get(n) == v for n, v in after.items())
                ),
            ),
        )

    async def set_next_key(self, charge_point_id: str, reference: str) -> str | None:
        """Set the key that the charge point will use from now on; returns what it replaces."""
        async with db.errors():
            before = await self.collection.find_one_and_update(
                {"_id": charge_point_id},
                {"$set": {"nextAuthorizationKeyHash": reference}},
                {"nextAuthorizationKeyHash": 1},
            )
        return None if before is None else before.get("nextAuthorizationKeyHash")

    async def forgive_over_bound(self, charge_point_id: str, since: datetime) -> bool:
        """Lower that flag, unless it was over its bound after `since`, on any node.

        Says whether it is lowered.
        """
        operation = UpdateOne(
            {
                "_id": charge_point_id,
                "flags": OVER_BOUND,
                f"{STORED_BYTES}.overAt": {"$not": {"$gt": since}},
            },
            {"$pull": {"flags": OVER_BOUND}},
        )
        return await self._telemetry.update_if(
            COLLECTION,
            Conditional(
                charge_point_id,
                (operation,),
                lambda record: OVER_BOUND not in ((record or {}).get("flags") or ()),
            ),
        )

    async def count_by_node(self) -> dict[str, int]:
        """How many charge points each node holds."""
        pipeline: list[db.Document] = [
            {"$match": {"nodeId": {"$type": "string"}}},
            {"$group": {"_id": "$nodeId", "count": {"$sum": 1}}},
        ]
        async with db.errors():
            return {doc["_id"]: doc["count"] async for doc in self.collection.aggregate(pipeline)}

    async def count_quirks(self) -> dict[str, int]:
        """How many charge points have each quirk."""
        pipeline: list[db.Document] = [
            {"$project": {"quirk": {"$objectToArray": "$quirks"}}},
            {"$unwind": "$quirk"},
            {"$group": {"_id": "$quirk.k", "count": {"$sum": 1}}},
        ]
        async with db.errors():
            return {doc["_id"]: doc["count"] async for doc in self.collection.aggregate(pipeline)}

    async def connectors_of(self, charge_point_id: str) -> list[db.Document]:
        """The connectors on record."""
        record = await self.get(charge_point_id)
        return list(record.get("connectors") or [])

    async def put_connectors(
        self,
        charge_point_id: str,
        before: Sequence[db.Document],
        after: Sequence[db.Document],
        now: datetime,
        *,
        count: int | None = None,
    ) -> bool:
        """Put `after` in place of `before`; False if they changed meanwhile (then try again).

        With `count`, `connectorCount` is corrected too.
        """
        operation = connectors_update({"_id": charge_point_id}, before, after, now, count)
        return await self._telemetry.update_if(
            COLLECTION,
            Conditional(
                charge_point_id,
                (operation,),
                lambda record: record is not None and record.get("connectors") == list(after),
            ),
        )

    async def forget_trouble(self, charge_point_id: str, now: datetime) -> db.Document:
        """Count protocol trouble and quirks anew, from nothing; returns the record.

        Raises:
            NotFound: there is no such record.
        """
        return await self.change(charge_point_id, {"protocolTrouble": {}, "quirks": {}}, now)


def connectors_update(
    where: Mapping[str, Any],
    before: Sequence[db.Document],
    after: Sequence[db.Document],
    now: datetime,
    count: int | None,
) -> UpdateOne:
    """Puts `after` in place of `before` in the record that `where` matches, if they are there."""
    fields: db.Document = {"connectors": list(after), "updatedAt": now}
    if count is not None:
        fields["connectorCount"] = count
    unchanged: Any = list(before) or {"$in": [[], None]}
    return UpdateOne({**where, "connectors": unchanged}, {"$set": fields})
