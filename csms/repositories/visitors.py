"""Which records the identities of visitors who were turned away belong to."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from csms import db
from csms.domain.charge_point import fold_serial
from csms.domain.text import fold_text
from csms.repositories.charge_points import ChargePoints


@dataclass(frozen=True, slots=True)
class VisitorRecords:
    """Records by the identity that a visitor sent.

    `exact` are those with this identity; `similar` are those whose identity differs from it in
    case or in Unicode's normal form alone, where no record has it and one only is similar.
    `waiting` are records without identity, by the folded serial that a visitor reported.
    """

    exact: Mapping[str, db.Document]
    similar: Mapping[str, db.Document]
    waiting: Mapping[str, db.Document]

    def waiting_for(self, rejection: Mapping[str, Any]) -> db.Document | None:
        """The record that waits for the serial of this visitor."""
        return self.waiting.get(fold_serial(rejection.get("reportedSerialNumber")) or "")


async def find_visitor_records(
    charge_points: ChargePoints, rejections: Iterable[db.Document]
) -> VisitorRecords:
    """The records of a page of `rejected_connections`, whitelisted or not: three queries."""
    rejections = list(rejections)
    identities = {one["chargePointIdentity"] for one in rejections} - {None}
    if not identities:
        return VisitorRecords({}, {}, {})
    exact = await charge_points.find_by_identities(sorted(identities))
    others = identities - exact.keys()
    similar = await _find_similar(charge_points, others) if others else {}
    serials = {
        one["reportedSerialNumber"]
        for one in rejections
        if one.get("reportedSerialNumber") and one["chargePointIdentity"] in others
    }
    waiting = await _find_waiting(charge_points, serials) if serials else {}
    return VisitorRecords(exact, similar, waiting)


async def _find_waiting(
    charge_points: ChargePoints, serials: Collection[str]
) -> dict[str, db.Document]:
    query = {
        "serialNumber": {"$in": sorted(serials), "$type": "string"},
        "chargePointIdentity": None,
        "isWhitelisted": {"$ne": False},
    }
    async with db.errors():
        found = await charge_points.collection.find(query, collation=db.CASE_INSENSITIVE).to_list(
            None
        )
    return {fold_serial(record["serialNumber"]) or "": record for record in found}


async def _find_similar(
    charge_points: ChargePoints, identities: Collection[str]
) -> dict[str, db.Document]:
    # Not by `identityFolded`: of two records that collide, only one has it.
    forms = {form for identity in identities for form in _forms(identity)}
    async with db.errors():
        found = await charge_points.collection.find(
            {"chargePointIdentity": {"$in": sorted(forms), "$type": "string"}},
            collation=db.CASE_INSENSITIVE,
        ).to_list(None)
    records: dict[str, list[db.Document]] = {}
    for record in found:
        records.setdefault(fold_text(record["chargePointIdentity"]), []).append(record)
    meant = {identity: records.get(fold_text(identity), []) for identity in identities}
    return {identity: one[0] for identity, one in meant.items() if len(one) == 1}


def _forms(identity: str) -> set[str]:
    return {identity, *(unicodedata.normalize(form, identity) for form in ("NFC", "NFD"))}
