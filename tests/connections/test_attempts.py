"""Failed attempts: who guesses has to wait, and nobody else."""

from __future__ import annotations

from csms.connections.attempts import (
    ADDRESS_FACTOR,
    MAX_NAME,
    MAX_REMEMBERED,
    WINDOW,
    FailedAttempts,
)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_after_so_many_failures_the_visitor_waits_until_the_window_has_passed() -> None:
    clock = Clock()
    attempts = FailedAttempts(3, clock)
    for _ in range(3):
        assert attempts.must_wait("a", "CP1") == 0
        attempts.failed("a", "CP1")
        clock.now += 1
    assert attempts.must_wait("a", "CP1") == WINDOW - 3
    clock.now += WINDOW - 3
    assert attempts.must_wait("a", "CP1") == 0


def test_the_real_charge_point_elsewhere_is_heard() -> None:
    attempts = FailedAttempts(3, Clock())
    for _ in range(50):
        attempts.failed("guesser", "CP1")
    assert attempts.must_wait("guesser", "CP1") > 0
    assert attempts.must_wait("elsewhere", "CP1") == 0
    assert attempts.must_wait("guesser", "CP2") == 0


def test_an_address_that_guesses_at_many_waits_for_each_that_it_tried() -> None:
    attempts = FailedAttempts(3, Clock())
    for number in range(3 * ADDRESS_FACTOR):
        attempts.failed("guesser", f"CP{number}")
    assert attempts.must_wait("guesser", "CP1") > 0
    # A charge point behind the same address that has not failed is none of the guessers.
    assert attempts.must_wait("guesser", "new") == 0


def test_no_limit_is_none() -> None:
    attempts = FailedAttempts(0, Clock())
    for _ in range(100):
        attempts.failed("a", "CP1")
    assert attempts.must_wait("a", "CP1") == 0


def test_memory_is_bounded() -> None:
    attempts = FailedAttempts(3, Clock())
    for number in range(MAX_REMEMBERED + 10):
        attempts.failed(f"a{number}", "CP1")
    assert len(attempts._failures) <= MAX_REMEMBERED


def test_of_a_huge_name_only_the_beginning_is_kept() -> None:
    attempts = FailedAttempts(1, Clock())
    attempts.failed("a", "x" * 1_000_000)
    assert attempts.must_wait("a", "x" * 1_000_000) > 0
    assert sum(len(name or "") for _, name in attempts._failures) <= MAX_NAME
