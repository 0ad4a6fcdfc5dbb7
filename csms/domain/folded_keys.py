"""Folded keys: what keeps ids and identities apart that differ only in case or in normal form.

A record of a charge point keeps them beside what was entered, under a unique index each. A record
of before there were such keys, whose id or identity another record has in other letters, goes on
without the key; `csms check` and the log name the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from csms.domain.text import fold_text

FOLDED_KEYS: Mapping[str, str] = {"idFolded": "_id", "identityFolded": "chargePointIdentity"}
"""The field that is folded, by the field that keeps the folded text."""

NAMES: Mapping[str, str] = {
    "_id": "id",
    **{key: "id" if field == "_id" else field for key, field in FOLDED_KEYS.items()},
}
"""What people call a field of a unique index, where that is not its own name."""


def folded_keys(fields: Mapping[str, Any]) -> dict[str, str | None]:
    """The keys to store with these fields of a record; None where the field is cleared."""
    return {key: _fold(fields[field]) for key, field in FOLDED_KEYS.items() if field in fields}


def _fold(value: Any) -> str | None:
    return fold_text(value) if isinstance(value, str) else None
