"""Folded keys: what keeps ids, and names, apart that differ only in case or in normal form.

A record of a charge point keeps them beside what was entered, under a unique index each: its id,
its identity, and its names. The names are its identity and its serial together: no charge point
may be called what another one's type plate says, or it would be taken for that one. A record of
before there were such keys, which collides with another, goes on without the key; `csms check`
and the log name the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from csms.domain.text import fold_text

FOLDED_KEYS: Mapping[str, str] = {"idFolded": "_id", "identityFolded": "chargePointIdentity"}
"""The field that is folded, by the field that keeps the folded text."""

NAMED_BY = ("chargePointIdentity", "serialNumber")
"""What a charge point is called by. Between records these are one namespace."""
NAMES_KEY = "namesFolded"
"""The field that keeps the folded names, a list: one entry where identity and serial are equal."""

NAMES: Mapping[str, str] = {
    "_id": "id",
    **{key: "id" if field == "_id" else field for key, field in FOLDED_KEYS.items()},
}
"""What people call a field of a unique index, where that is not its own name."""


def folded_keys(fields: Mapping[str, Any]) -> dict[str, str | None]:
    """The keys to store with these fields of a record; None where the field is cleared."""
    return {key: _fold(fields[field]) for key, field in FOLDED_KEYS.items() if field in fields}


def fold_name(name: str) -> str:
    """An identity or a serial as it is compared: trimmed, without case, in NFC."""
    return fold_text(name.strip())


def names_of(fields: Mapping[str, Any]) -> dict[str, str]:
    """The folded names in these fields of a record, by field; what is empty names nothing."""
    texts = ((field, fields.get(field)) for field in NAMED_BY)
    folded = ((field, fold_name(text)) for field, text in texts if isinstance(text, str))
    return {field: name for field, name in folded if name}


def same_name(one: Any, other: Any) -> bool:
    """Whether two identities, or two serials, name the same charge point; None names none."""
    return fold_name(str(one or "")) == fold_name(str(other or ""))


def stored_names(record: Mapping[str, Any]) -> list[str]:
    """The names that a record has in the index."""
    names = record.get(NAMES_KEY)
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def all_keys(record: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a new record."""
    return {**folded_keys(record), NAMES_KEY: _listed(names_of(record).values())}


def keys_after(record: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The keys to store when these fields of a record are set.

    A field that stays as it is keeps the keys that it has, or has not: a record that has collided
    since before there were keys can be changed in everything else.
    """
    changed = {name: value for name, value in fields.items() if value != record.get(name)}
    keys: dict[str, Any] = dict(folded_keys(changed))
    if any(field in changed for field in NAMED_BY):
        staying = {field: record.get(field) for field in NAMED_BY if field not in changed}
        kept = set(names_of(staying).values()) & set(stored_names(record))
        keys[NAMES_KEY] = _listed(kept | set(names_of(changed).values()))
    return keys


def _listed(names: Iterable[str]) -> list[str]:
    return sorted(set(names))


def _fold(value: Any) -> str | None:
    return fold_text(value) if isinstance(value, str) else None
