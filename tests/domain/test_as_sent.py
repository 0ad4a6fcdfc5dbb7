"""What was sent: safe to store, whatever it is."""

from __future__ import annotations

from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.as_sent import (
    MAX_DEPTH,
    MAX_SIZE,
    as_sent,
    bounded,
    differs,
    digest,
    key_part,
    register_flag,
    usable_register,
    usable_transaction_id,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(JSON)
def test_everything_can_be_stored_and_is_bounded(value: Any) -> None:
    kept = as_sent(value)
    bson.encode({"kept": kept})
    assert len(str(kept)) <= 100
    assert digest(kept, 1) == digest(as_sent(value), 1)
    assert "|" not in key_part(kept) and "#" not in key_part(kept)


@given(st.dictionaries(st.text(), JSON, max_size=3))
def test_an_answer_can_be_stored_and_read_again(answer: dict[str, Any]) -> None:
    kept = bounded(answer)
    assert bson.decode(bson.encode(kept)).keys() == kept.keys()


def test_of_an_answer_that_fits_nothing_is_changed() -> None:
    answer = {"a.b": [1, -(2**63), "x" * 10_000, {"c": [None, True, 1.5]}], "": ""}
    assert bounded(answer) == answer


def test_an_answer_is_cut_where_it_is_too_deep_or_too_much() -> None:
    deep: Any = []
    for _ in range(1010):
        deep = [deep]
    kept = bounded({"deep": deep})["deep"]
    for _ in range(MAX_DEPTH - 1):
        [kept] = kept
    assert kept == "..."
    assert as_sent(deep) == "a list, nested too deep"
    many = bounded({"many": [1] * 1_000_000, "more": 1})
    assert len(many["many"]) < 100_000 and many["many"][-1] == "..." and "more" not in many
    assert len(bounded({"text": "x" * 2 * MAX_SIZE})["text"]) < MAX_SIZE + 10


def test_half_a_surrogate_pair_can_be_stored() -> None:
    assert as_sent("a\ud800") == "a?"


@pytest.mark.parametrize("raw", [None, 0, -1, 2**31, 2**63 - 1, True, "7", 7.0, [], {}])
def test_no_transaction_id(raw: object) -> None:
    assert usable_transaction_id(raw) is None


def test_transaction_ids() -> None:
    assert [usable_transaction_id(raw) for raw in (1, 2**31 - 1)] == [1, 2**31 - 1]


def test_registers_that_say_nothing_are_named() -> None:
    assert [usable_register(raw) for raw in (0, 5, -1, 2**60, True, "5", None)] == [
        0, 5, None, None, None, None, None,
    ]  # fmt: skip
    assert register_flag("MeterStop", None) == register_flag("MeterStop", -1) == "missingMeterStop"
    assert register_flag("MeterStop", "x") == "unreadableMeterStop"


def test_the_raw_value_is_kept_where_it_differs() -> None:
    assert differs(5000.0, 5000) and differs("5000", 5000) and differs(-1, None)
    assert not differs(5000, 5000) and not differs(None, None)
