"""Which row named a key first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from csms.domain.repeats import Repeats

KEYS = st.lists(st.lists(st.integers(0, 12), max_size=3, unique=True), max_size=12)


@given(KEYS)
def test_finds_the_first_row_of_every_key_that_comes_again(rows: list[list[int]]) -> None:
    repeats = Repeats()
    for keys in rows:
        repeats.expect(keys)
    first: dict[int, int] = {}
    for number, keys in enumerate(rows):
        for key in keys:
            assert repeats.first_row(key) == first.get(key)
            first.setdefault(key, number)
        repeats.note(number, keys)


def test_a_row_that_was_not_noted_does_not_count() -> None:
    repeats = Repeats()
    for _ in range(3):
        repeats.expect(["a"])
    repeats.note(3, ["a"])
    assert repeats.first_row("a") == 3


def test_other_keys_of_a_rows_record_are_noted_when_the_file_names_them() -> None:
    repeats = Repeats()
    repeats.expect(["a"])
    repeats.expect(["b"])
    repeats.note(2, ["a"], also=["b", "c"])
    assert repeats.first_row("b") == 2


def test_a_large_file_is_not_remembered() -> None:
    repeats = Repeats()
    for number in range(50_000):
        repeats.expect([("serialNumber", f"SN-{number}")])
    for number in range(50_000):
        repeats.note(number, [("serialNumber", f"SN-{number}")])
    remembered = sum(
        repeats.first_row(("serialNumber", f"SN-{number}")) is not None for number in range(50_000)
    )
    assert remembered < 500
