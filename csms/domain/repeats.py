"""Which row of a file named a record first, without remembering all of them.

Nearly every key of a fleet occurs once. A table of bits, filled on a first reading, tells which
keys may occur again, and only these are remembered on the second. A bit that two keys share makes
a key remembered for nothing, never missed.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

_BITS = 1 << 25


class Repeats:
    """Keys of a file's rows: first `expect` all of them, then `note` and ask for each row."""

    def __init__(self) -> None:
        self._named = bytearray(_BITS // 8)
        self._named_twice: set[int] = set()
        self._first_rows: dict[Hashable, int] = {}

    def expect(self, keys: Iterable[Hashable]) -> None:
        """Take in a row's keys on the first reading."""
        for key in keys:
            place = hash(key) % _BITS
            if self._is_named(place):
                self._named_twice.add(place)
            self._named[place // 8] |= 1 << place % 8

    def first_row(self, key: Hashable) -> int | None:
        """The row that this key was noted for, if any."""
        return self._first_rows.get(key)

    def note(self, row: int, keys: Iterable[Hashable], also: Iterable[Hashable] = ()) -> None:
        """Note a row's keys, and `also` those of its record that the row does not name."""
        for key in keys:
            if hash(key) % _BITS in self._named_twice:
                self._first_rows.setdefault(key, row)
        for key in also:
            if self._is_named(hash(key) % _BITS):
                self._first_rows.setdefault(key, row)

    def _is_named(self, place: int) -> bool:
        return bool(self._named[place // 8] >> place % 8 & 1)
