"""The gate: a bounded rate of newcomers, and a share of it for those on record."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from csms.connections.gate import LONGEST_WAIT, MAX_NETWORKS, Gate, KnownIdentities
from csms.connections.visitor import Visitor
from csms.errors import DatabaseUnavailable

FLEET = {f"cp{number}" for number in range(100)}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Records:
    """Counts how often it is asked which identities are on record."""

    def __init__(self, *identities: str) -> None:
        self.identities = set(identities)
        self.reads = 0
        self.is_away = False

    async def read(self) -> set[str]:
        self.reads += 1
        await asyncio.sleep(0)
        if self.is_away:
            raise DatabaseUnavailable("away")
        return set(self.identities)


def gate_of(rate: int, clock: Clock, *known: str) -> Gate:
    identities = KnownIdentities(Records().read, clock)
    identities._identities = set(known)
    return Gate(rate, identities, clock)


def visitor(identity: str, address: str = "192.0.2.1") -> Visitor:
    path = f"/ocpp/1.6/{identity}"
    return Visitor(path, path, ("ocpp1.6",), None, address)


def test_a_crowd_is_spread() -> None:
    gate = gate_of(10, Clock(), *FLEET)
    waits = Counter(gate.wait("a", f"CP{number}") for number in range(50))
    assert waits[0] == 10
    assert set(waits) == {0, 1, 2, 3, 4, 5}
    assert max(waits.values()) <= 10


def test_who_comes_as_told_is_let_in() -> None:
    clock = Clock()
    gate = gate_of(10, clock, *FLEET)
    crowd = {f"CP{number}": gate.wait("a", f"CP{number}") for number in range(40)}
    tries = 0
    while waiting := {cp: wait for cp, wait in crowd.items() if wait}:
        tries += 1
        clock.now += 1
        crowd = {cp: gate.wait("a", cp) if wait <= 1 else wait - 1 for cp, wait in waiting.items()}
    assert tries <= 6


def test_the_wait_is_bounded_and_the_rate_comes_back() -> None:
    clock = Clock()
    gate = gate_of(1, clock)
    assert max(gate.wait("a", "CP1") for _ in range(1_000)) == LONGEST_WAIT
    clock.now = 2_000
    assert gate.wait("a", "CP1") == 0


def test_zero_is_no_limit() -> None:
    gate = gate_of(0, Clock())
    assert {asyncio.run(gate.admit(visitor("CP1"))) for _ in range(1_000)} == {0}


@pytest.mark.parametrize("junk_from", ["198.51.100.9", "192.0.2.1"])
def test_junk_keeps_nobody_out_who_is_on_record(junk_from: str) -> None:
    clock = Clock()
    gate = gate_of(40, clock, *FLEET)
    let_in = 0
    for second in range(20):
        clock.now = float(second)
        let_in += sum(gate.wait(junk_from, f"junk{n}") == 0 for n in range(1_000))
        for number in range(20):
            assert gate.wait("192.0.2.1", f"cp{number}") == 0
    # One address gets a quarter of the rate.
    assert let_in == 20 * 10


def test_junk_from_everywhere_leaves_half_of_the_rate() -> None:
    gate = gate_of(40, Clock(), *FLEET)
    assert sum(gate.wait(f"192.0.2.{n}", None) == 0 for n in range(200)) == 20
    assert sum(gate.wait("192.0.2.1", f"cp{n}") == 0 for n in range(40)) == 20


def test_an_identity_that_a_flood_has_learned_opens_little() -> None:
    gate = gate_of(1_000, Clock(), *FLEET)
    assert sum(gate.wait("198.51.100.9", "cp1") == 0 for _ in range(1_000)) == 250 + 4
    assert gate.wait("192.0.2.1", "cp2") == 0


def test_who_uses_a_learned_identity_elsewhere_keeps_its_owner_out_no_more() -> None:
    gate = gate_of(1_000, Clock(), *FLEET)
    # Two networks fill what strangers get, and use the identity up where they are.
    for network in ("198.51.100.8", "198.51.100.9"):
        assert sum(gate.wait(network, "cp1") == 0 for _ in range(1_000)) == 250 + 4
    assert gate.wait("192.0.2.1", "junk") > 0
    assert gate.wait("192.0.2.1", "cp1") == 0


def test_networks_are_bounded() -> None:
    gate = gate_of(10**6, Clock())
    for number in range(MAX_NETWORKS + 10):
        gate.wait(str(number), None)
    assert len(gate._networks) == MAX_NETWORKS


@pytest.mark.gen_test
async def test_records_are_read_when_somebody_would_be_sent_away_and_seldom() -> None:
    clock, records = Clock(), Records("cp1")
    gate = Gate(4, KnownIdentities(records.read, clock), clock)
    assert await gate.admit(visitor("junk")) == 0
    assert records.reads == 0
    waits = await asyncio.gather(*(gate.admit(visitor(f"junk{n}")) for n in range(50)))
    assert set(waits) != {0} and records.reads == 1
    assert await gate.admit(visitor("CP1")) == 0
    # Whitelisted just now: known with the next reading.
    records.identities.add("cp2")
    assert await gate.admit(visitor("CP2")) > 0
    clock.now += 2
    for number in range(50):
        await gate.admit(visitor(f"junk{number}"))
    assert await gate.admit(visitor("CP2")) == 0
    assert records.reads == 2


@pytest.mark.gen_test
async def test_while_the_database_is_away_those_that_were_known_are() -> None:
    clock, records = Clock(), Records("cp1")
    known = KnownIdentities(records.read, clock)
    assert await known.refresh() and "CP1" in known
    clock.now, records.is_away = 100.0, True
    assert not await known.refresh()
    assert "CP1" in known
