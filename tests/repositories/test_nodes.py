"""Leases of the nodes, and what a dead one held."""

from __future__ import annotations

import asyncio

import pytest

from csms import db
from csms.domain.hold import Claim, Hold
from csms.metrics import Metrics
from csms.repositories.charge_points import ChargePoints
from csms.repositories.held_records import HeldRecords
from csms.repositories.nodes import LEASE, Identification, Nodes
from csms.repositories.telemetry import Telemetry
from tests.repositories.conftest import START

pytestmark = pytest.mark.gen_test


async def renew(nodes: Nodes, name: str) -> bool:
    return await nodes.renew(Identification(name, b"key", b"former key"))


async def age(nodes: Nodes, name: str, seconds: float) -> None:
    """Have a lease end so much sooner."""
    earlier = {"$subtract": ["$leaseUntil", int(seconds * 1000)]}
    await nodes.collection.update_one({"_id": name}, [{"$set": {"leaseUntil": earlier}}])


async def test_a_lease_runs_out_unless_renewed(database: db.Database) -> None:
    nodes = Nodes(database)
    assert not await renew(nodes, "a")
    await renew(nodes, "b")
    assert await renew(nodes, "b")
    await age(nodes, "a", LEASE.total_seconds() + 1)
    assert await nodes.dead() == ["a"]
    assert [node["_id"] for node in await nodes.living()] == ["b"]
    assert await nodes.find_living("a") is None
    assert await nodes.is_alone("b") and not await nodes.is_alone("a")
    await nodes.remove_if_dead("b")
    await nodes.remove_if_dead("a")
    assert await nodes.dead() == []
    assert await nodes.find_living("b")


async def test_a_node_that_comes_back_learns_that_it_was_taken_for_dead(
    database: db.Database,
) -> None:
    nodes = Nodes(database)
    await renew(nodes, "a")
    await age(nodes, "a", LEASE.total_seconds() + 1)
    assert not await renew(nodes, "a")
    assert await renew(nodes, "a")


async def test_a_node_that_was_seen_to_die_is_dead_at_once(database: db.Database) -> None:
    nodes = Nodes(database)
    await renew(nodes, "a")
    await nodes.declare_dead("a")
    assert await nodes.dead() == ["a"]


@pytest.fixture
def telemetry(telemetry_database: db.TelemetryDatabase) -> Telemetry:
    """The writer, on the real mongod: the one in memory knows no bulk writes."""
    return Telemetry(telemetry_database, Metrics(), 0)


@pytest.fixture
def charge_points(database: db.Database, telemetry: Telemetry) -> ChargePoints:
    """The records."""
    return ChargePoints(database, telemetry)


@pytest.fixture
def held(database: db.Database, telemetry: Telemetry) -> HeldRecords:
    """The same, for sessions."""
    return HeldRecords(database, telemetry)


async def test_only_the_session_that_holds_a_record_gives_it_up(
    charge_points: ChargePoints, held: HeldRecords
) -> None:
    await charge_points.create({"_id": "CP1", "chargePointIdentity": "CP1"})
    old, new = (Claim(Hold("CP1", name), "n1", "192.0.2.1", "ocpp1.6") for name in ("old", "new"))
    assert await held.claim(old, "CP1", None, START)
    assert not await held.claim(new, "CP1", None, START)
    assert await held.claim(new, "CP1", "old", START)
    await held.release(old, START)
    assert (await charge_points.get("CP1"))["ocppSessionId"] == "new"
    await held.release(new, START)
    record = await charge_points.get("CP1")
    assert (record["ocppSessionId"], record["nodeId"]) == (None, None)
    assert record["disconnectedAt"] == START


async def test_a_claim_that_is_withdrawn_leaves_no_trace(
    charge_points: ChargePoints, held: HeldRecords
) -> None:
    record = {"_id": "CP1", "chargePointIdentity": "CP1", "remoteAddress": "192.0.2.7"}
    await charge_points.create(dict(record))
    claim = Claim(Hold("CP1", "s"), "n1", "192.0.2.1", "ocpp1.6")
    before = await charge_points.get("CP1")
    assert await held.claim(claim, "CP1", None, START)
    await held.withdraw(claim, before)
    after = await charge_points.get("CP1")
    assert {name: value for name, value in after.items() if value is not None} == record


async def test_who_is_not_let_in_any_more_cannot_claim(
    charge_points: ChargePoints, held: HeldRecords
) -> None:
    await charge_points.create({"_id": "A", "chargePointIdentity": "A", "isWhitelisted": False})
    await charge_points.create({"_id": "B", "chargePointIdentity": "another"})
    claims = {name: Claim(Hold(name, f"s{name}"), "n1", "", "ocpp1.6") for name in ("A", "B")}
    for name, claim in claims.items():
        assert not await held.claim(claim, name, None, START)


async def test_of_claims_made_at_once_each_knows_whether_it_won(
    charge_points: ChargePoints, held: HeldRecords
) -> None:
    for n in range(10):
        holder = "somebody" if n % 3 == 0 else None
        await charge_points.create(
            {"_id": f"{n}", "chargePointIdentity": f"{n}", "ocppSessionId": holder}
        )
    claims = [Claim(Hold(f"{n}", f"s{n}"), "n1", "", "ocpp1.6") for n in range(10)]
    won = await asyncio.gather(
        *(held.claim(claim, claim.charge_point_id, None, START) for claim in claims)
    )
    assert won == [n % 3 != 0 for n in range(10)]
    records = await asyncio.gather(*(charge_points.get(f"{n}") for n in range(10)))
    assert [r["ocppSessionId"] for r in records] == [
        f"s{n}" if n % 3 else "somebody" for n in range(10)
    ]


async def test_a_dead_nodes_charge_points_are_off_line(
    charge_points: ChargePoints, held: HeldRecords
) -> None:
    for name, node_id in (("A", "n1"), ("B", "n2")):
        await charge_points.create({"_id": name, "chargePointIdentity": name})
        claim = Claim(Hold(name, f"s{name}"), node_id, "", "ocpp1.6")
        await held.claim(claim, name, None, START)
    await held.release_node("n1", START)
    assert (await charge_points.get("A"))["ocppSessionId"] is None
    assert (await charge_points.get("B"))["ocppSessionId"] == "sB"
