"""Which records the identities of visitors who were turned away belong to."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from csms import db
from csms.domain.text import fold_text
from csms.repositories.charge_points import ChargePoints


@dataclass(frozen=True, slots=True)
class VisitorRecords:
    """Records by the identity that a visitor sent.

    `exact` are those with this identity; `similar` are those whose identity differs from it in
    case or in Unicode's normal form alone, where no record has it and one only is similar.
    """

    exact: Mapping[str, db.Document]
    similar: Mapping[str, db.Document]


async def find_visitor_records(
    charge_points: ChargePoints, rejections: Iterable[db.Document]
) -> VisitorRecords:
    """The records, whitelisted or not, of a page of `rejected_connections`: two queries at most."""
    identities = {one["chargePointIdentity"] for one in rejections} - {None}
    if not identities:
        return VisitorRecords({}, {})
    exact = await charge_points.find_by_identities(sorted(identities))
    others = identities - exact.keys()
    similar = await _find_similar(charge_points, others) if others else {}
    return VisitorRecords(exact, similar)


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
