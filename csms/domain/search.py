"""Search in records: any part of some text fields, without case, in any language and normal form.

A record keeps the three-letter pieces of its texts as `searchGrams`, which an index finds in no
time: what contains the text asked for has all the pieces of it. The pieces only narrow the search;
whether the text is there is asked of the fields themselves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from csms.domain.folded_keys import FOLDED_KEYS
from csms.domain.text import fold_text, nfc

SEARCHED = ("_id", "name", "stationName", "location", "serialNumber", "chargePointIdentity")
GRAMS = "searchGrams"
_LENGTH = 3


def grams_of(text: str) -> set[str]:
    """The pieces of one text; none if it is shorter than a piece."""
    folded = fold_text(text)
    return {folded[i : i + _LENGTH] for i in range(len(folded) - _LENGTH + 1)}


def grams(record: Mapping[str, Any]) -> list[str]:
    """The pieces of a charge point's record."""
    texts = (record.get(field) for field in SEARCHED)
    return sorted(set().union(*(grams_of(text) for text in texts if isinstance(text, str))))


def containing(text: str) -> dict[str, Any]:
    """A filter for the records of which any searched field contains the text."""
    contains = {"$regex": re.escape(nfc(text)), "$options": "i"}
    fields: list[dict[str, Any]] = [{field: contains} for field in SEARCHED]
    # An id or identity of before may be stored in another normal form; its folded key is not.
    folded = {"$regex": re.escape(fold_text(text))}
    found: dict[str, Any] = {"$or": fields + [{key: folded} for key in FOLDED_KEYS]}
    pieces = grams_of(text)
    if not pieces:
        return found
    # A record that somebody else wrote may have no pieces yet.
    narrowed = {"$or": [{GRAMS: {"$all": sorted(pieces)}}, {GRAMS: None}]}
    return {"$and": [narrowed, found]}
