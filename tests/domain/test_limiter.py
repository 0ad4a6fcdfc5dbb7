"""The rule of all limits: so many in a window that begins with the first."""

from __future__ import annotations

import pytest

from csms.domain.limiter import MAX_KEY, MAX_REMEMBERED, Limit, Limiter, Tally, network_of

LIMIT = Limit("test", 3, 60.0)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_after_so_many_the_key_waits_until_the_window_has_passed() -> None:
    clock = Clock()
    limiter = Limiter(clock)
    for _ in range(3):
        assert limiter.wait(LIMIT, "a") == 0
        limiter.count(LIMIT, "a")
        clock.now += 1
    assert limiter.wait(LIMIT, "a") == 57
    assert limiter.wait(LIMIT, "b") == 0
    assert limiter.wait(Limit("another", 3, 60.0), "a") == 0
    clock.now += 57
    assert limiter.wait(LIMIT, "a") == 0
    assert limiter.count(LIMIT, "a") == Tally(1, 60.0)


def test_zero_is_no_limit() -> None:
    limiter, unlimited = Limiter(Clock()), Limit("test", 0, 60.0)
    for _ in range(100):
        limiter.count(unlimited, "a")
    assert limiter.wait(unlimited, "a") == 0


def test_what_is_under_way_counts() -> None:
    assert Tally(1, 30.0).wait(LIMIT, besides=1) == 0
    assert Tally(1, 30.0).wait(LIMIT, besides=2) == 30.0


def test_a_key_can_be_forgotten() -> None:
    limiter = Limiter(Clock())
    for _ in range(3):
        limiter.count(LIMIT, "a")
    limiter.forget(LIMIT, "a")
    assert limiter.wait(LIMIT, "a") == 0


def test_memory_is_bounded_and_who_goes_on_is_remembered() -> None:
    limiter = Limiter(Clock())
    for number in range(MAX_REMEMBERED + 10):
        limiter.count(LIMIT, f"{number} {'x' * 1_000_000 if number == 0 else ''}")
        limiter.count(LIMIT, "guesser")
    assert len(limiter._tallies) == MAX_REMEMBERED
    assert limiter.wait(LIMIT, "guesser") > 0
    assert max(len(key) for _, key in limiter._tallies) <= MAX_KEY


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("no:address", "no:address"),
    ],
)
def test_a_network_is_what_somebody_has_who_has_an_address(address: str, network: str) -> None:
    assert network_of(address) == network
