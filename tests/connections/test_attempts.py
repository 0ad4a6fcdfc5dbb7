"""Failed attempts: who guesses has to wait, and nobody else."""

from __future__ import annotations

from contextlib import ExitStack

from csms.connections.attempts import (
    ADDRESS_FACTOR,
    MINUTE,
    SERIAL_FACTOR,
    UNKNOWN_FACTOR,
    FailedAttempts,
)
from csms.domain.limiter import Limiter


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_after_so_many_failures_the_visitor_waits_until_the_minute_has_passed() -> None:
    clock = Clock()
    attempts = FailedAttempts(Limiter(clock), 3)
    for _ in range(3):
        assert attempts.must_wait("a", "CP1") == 0
        attempts.failed("a", "CP1")
        clock.now += 1
    assert attempts.must_wait("a", "CP1") == MINUTE - 3
    clock.now += MINUTE - 3
    assert attempts.must_wait("a", "CP1") == 0


def test_the_real_charge_point_elsewhere_is_heard() -> None:
    attempts = FailedAttempts(Limiter(), 3)
    for _ in range(50):
        attempts.failed("guesser", "CP1")
    assert attempts.must_wait("guesser", "CP1") > 0
    assert attempts.must_wait("elsewhere", "CP1") == 0
    assert attempts.must_wait("guesser", "CP2") == 0


def test_an_address_that_guesses_at_many_waits_for_each_that_it_tried() -> None:
    attempts = FailedAttempts(Limiter(), 3)
    for number in range(3 * ADDRESS_FACTOR):
        attempts.failed("guesser", f"CP{number}")
    assert attempts.must_wait("guesser", "CP1") > 0
    # A charge point behind the same address that has not failed is none of the guessers.
    assert attempts.must_wait("guesser", "new") == 0


def test_all_addresses_of_a_network_are_one_guesser() -> None:
    attempts = FailedAttempts(Limiter(), 3)
    for number in range(3):
        attempts.failed(f"2001:db8::{number}", "CP1")
    assert attempts.must_wait("2001:db8::99", "CP1") > 0
    assert attempts.must_wait("2001:db8:0:1::99", "CP1") == 0


def test_identities_on_no_record_are_bounded_by_network() -> None:
    attempts = FailedAttempts(Limiter(), 3)
    for _ in range(3 * UNKNOWN_FACTOR):
        assert attempts.unknown_must_wait("a") == 0
        attempts.was_unknown("a")
    assert attempts.unknown_must_wait("a") > 0
    assert attempts.unknown_must_wait("b") == 0
    assert attempts.must_wait("a", "CP1") == 0


def test_serials_are_bounded_more_tightly() -> None:
    attempts = FailedAttempts(Limiter(), 3)
    for _ in range(3 * SERIAL_FACTOR):
        assert attempts.serial_must_wait("a") == 0
        attempts.serial_failed("a")
    assert attempts.serial_must_wait("a") > 0
    assert attempts.serial_must_wait("b") == attempts.unknown_must_wait("a") == 0


def test_zero_is_no_limit() -> None:
    attempts = FailedAttempts(Limiter(), 0)
    for _ in range(100):
        attempts.failed("a", "CP1")
        attempts.was_unknown("a")
    assert attempts.must_wait("a", "CP1") == attempts.unknown_must_wait("a") == 0


def test_many_passwords_at_once_gain_nothing() -> None:
    attempts = FailedAttempts(Limiter(), 3)
    attempts.failed("a", "CP1")
    with ExitStack() as checks:
        for _ in range(2):
            assert attempts.must_wait("a", "CP1") == 0
            checks.enter_context(attempts.under_way("a", "CP1", counts=True))
        assert attempts.must_wait("a", "CP1") > 0
        assert attempts.must_wait("b", "CP1") == 0 == attempts.must_wait("a", "CP2")
    assert attempts.must_wait("a", "CP1") == 0
