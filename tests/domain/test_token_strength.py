"""Which tokens can be guessed."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.token_strength import ENOUGH_BITS, bits_of


@pytest.mark.parametrize(
    "token",
    [
        "", "a" * 40, "password" * 5, "12345678901234567890", string.ascii_lowercase,
        "0123456789abcdef0123456789abcdef", "correct horse battery staple",
        "CorrectHorseBatteryStaple1", "my-company-csms-admin-token-2026",
        "a-token-of-twenty-characters-or-more", "admin1234567890admin", "Summer2024!Summer2024!",
    ],
)  # fmt: skip
def test_what_people_make_up_is_weak(token: str) -> None:
    assert bits_of(token) < ENOUGH_BITS


@given(st.integers(0, 2**64), st.sampled_from([string.hexdigits[:16], string.printable[:62]]))
def test_what_is_random_is_strong(seed: int, alphabet: str) -> None:
    token = "".join(random.Random(seed).choices(alphabet, k=40))
    assert bits_of(token) >= ENOUGH_BITS


@given(st.text(max_size=60))
def test_any_text_can_be_judged(token: str) -> None:
    assert 0 <= bits_of(token) <= 8 * len(token)
