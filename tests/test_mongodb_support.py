"""When a version of MongoDB has ended."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from csms.mongodb_support import RECOMMENDED, end_of_life, has_ended


@pytest.mark.parametrize(
    ("version", "last_day"),
    [
        ("6.0.5", date(2025, 7, 31)),
        ("v7.0.14", date(2027, 8, 31)),
        ("8.0.0-rc3", date(2029, 10, 31)),
        ("3.6.1", date(2023, 4, 30)),
        ("8.2.1", None),
        ("nonsense", None),
    ],
)
def test_the_last_day(version: str, last_day: date | None) -> None:
    assert end_of_life(version) == last_day


def test_it_has_ended_the_day_after() -> None:
    last_day = date(2025, 7, 31)
    assert not has_ended("6.0.5", last_day)
    assert has_ended("6.0.5", last_day + timedelta(days=1))
    assert not has_ended("8.2.1", date(2099, 1, 1))


def test_what_is_recommended_lives() -> None:
    assert not has_ended(RECOMMENDED, date(2026, 11, 27))
