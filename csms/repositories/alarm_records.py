"""`alarms` as people see it: lists, and what an operator does about one of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, ReturnDocument

from csms import db
from csms.errors import FieldError, InvalidInput, NotFound
from csms.repositories.alarms import COLLECTION
from csms.repositories.pages import Listing, find_listing, find_page

_OPEN: Mapping[str, Any] = {"closedAt": None}
_CLOSED: Mapping[str, Any] = {"closedAt": {"$ne": None}}
_STAGES = (("o", _OPEN, "raisedAt"), ("c", _CLOSED, "closedAt"))
"""The open alarms come first, the latest raised of them, then the latest closed."""


class AlarmRecords:
    """Reads alarms, and changes those that a person has looked at."""

    def __init__(self, database: db.Database) -> None:
        self.collection: db.Collection = database[COLLECTION]

    async def page(
        self, found: Mapping[str, Any], is_open: bool | None, limit: int, cursor: str | None
    ) -> tuple[list[db.Document], str | None]:
        """One page, and the cursor of the next.

        Raises:
            InvalidInput: the cursor is not one of ours.
            DatabaseUnavailable: MongoDB did not answer.
        """
        stages = [s for s in _STAGES if is_open is None or is_open is (s[0] == "o")]
        stage, _, rest = (cursor or "").partition(".")
        if cursor is not None:
            names = [name for name, _, _ in stages]
            if stage not in names:
                raise InvalidInput(
                    FieldError("cursor", "is not a nextCursor of this list; start without one")
                )
            stages = stages[names.index(stage) :]
        items: list[db.Document] = []
        after = rest or None
        for name, condition, sort_field in stages:
            if len(items) == limit:
                return items, f"{name}."
            more, after = await find_page(
                self.collection,
                {**found, **condition},
                sort_field=sort_field,
                order="desc",
                limit=limit - len(items),
                cursor=after,
            )
            items += more
            if after is not None:
                return items, f"{name}.{after}"
        return items, None

    async def listing(self, found: Mapping[str, Any], is_open: bool, page: int) -> Listing:
        """One page by its number.

        Raises:
            DatabaseUnavailable: MongoDB did not answer.
        """
        _, condition, sort_field = _STAGES[0 if is_open else 1]
        return await find_listing(
            self.collection,
            {**found, **condition},
            sort_field=sort_field,
            order="desc",
            page=page,
        )

    async def open_ones(self, limit: int, charge_point_id: str) -> list[db.Document]:
        """The open alarms of a charge point: critical ones first, then the latest.

        Raises:
            DatabaseUnavailable: MongoDB did not answer.
        """
        found = {**_OPEN, "chargePointId": charge_point_id}
        # By the alphabet, "critical" comes before "warning".
        order = [("severity", ASCENDING), ("raisedAt", DESCENDING), ("_id", DESCENDING)]
        async with db.errors():
            return await self.collection.find(found).sort(order).limit(limit).to_list(limit)

    async def latest_by_kind(self) -> list[tuple[db.Document, int]]:
        """The latest open alarm of each kind, and how many are open: critical ones first.

        Raises:
            DatabaseUnavailable: MongoDB did not answer.
        """
        pipeline: list[db.Document] = [
            {"$match": dict(_OPEN)},
            {"$sort": {"raisedAt": DESCENDING, "_id": DESCENDING}},
            {"$group": {"_id": "$kind", "latest": {"$first": "$$ROOT"}, "count": {"$sum": 1}}},
            # By the alphabet, "critical" comes before "warning".
            {"$sort": {"latest.severity": ASCENDING, "latest.raisedAt": DESCENDING}},
        ]
        async with db.errors():
            found = await self.collection.aggregate(pipeline).to_list(None)
        return [(kind["latest"], int(kind["count"])) for kind in found]

    async def count_open(self) -> dict[str, int]:
        """How many alarms of each kind are open; kinds without any are left out.

        Raises:
            DatabaseUnavailable: MongoDB did not answer.
        """
        pipeline: list[db.Document] = [
            {"$match": dict(_OPEN)},
            {"$group": {"_id": "$kind", "count": {"$sum": 1}}},
        ]
        async with db.errors():
            found = await self.collection.aggregate(pipeline).to_list(None)
        return {str(kind["_id"]): int(kind["count"]) for kind in found}

    async def get(self, alarm_id: str) -> db.Document:
        """One alarm.

        Raises:
            NotFound: there is none with this id.
        """
        async with db.errors():
            alarm = await self.collection.find_one({"_id": _read_id(alarm_id)})
        if alarm is None:
            raise NotFound("alarm", alarm_id)
        return alarm

    async def acknowledge(self, alarm_id: str, by: str, now: datetime) -> db.Document:
        """Note that somebody looks after an alarm; who did first stays.

        Raises:
            NotFound: there is none with this id.
        """
        fields = {"acknowledgedAt": now, "acknowledgedBy": by}
        return await self._change(alarm_id, {"acknowledgedAt": None}, {"$set": fields})

    async def close(self, alarm_id: str, by: str, now: datetime) -> db.Document:
        """Close an alarm, if it is open: what raises it again opens another one.

        Raises:
            NotFound: there is none with this id.
        """
        changes = {"$set": {"closedAt": now, "closedBy": by}, "$unset": {"openKey": ""}}
        return await self._change(alarm_id, _OPEN, changes)

    async def _change(
        self, alarm_id: str, if_so: Mapping[str, Any], changes: Mapping[str, Any]
    ) -> db.Document:
        async with db.errors():
            changed = await self.collection.find_one_and_update(
                {"_id": _read_id(alarm_id), **if_so},
                changes,
                return_document=ReturnDocument.AFTER,
            )
        return await self.get(alarm_id) if changed is None else changed


def _read_id(alarm_id: str) -> ObjectId:
    if not ObjectId.is_valid(alarm_id):
        raise NotFound("alarm", alarm_id)
    return ObjectId(alarm_id)
