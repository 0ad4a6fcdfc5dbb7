"""Leases of the nodes, and what a dead one held."""

from __future__ import annotations

import asyncio

import pytest

from csms import db
from csms.metrics import Metrics
from csms.repositories.charge_points import ChargePoints, Claim
from csms.repositories.nodes import Nodes
from csms.repositories.telemetry import Telemetry
from tests.repositories.conftest import START, Clock

pytestmark = pytest.mark.gen_test


async def test_a_lease_runs_out_unless_renewed(memory: db.Database, clock: Clock) -> None:
    nodes = Nodes(memory)
    await nodes.renew("a", clock(), b"key")
    await nodes.renew("b", clock(), b"key")
    clock.advance(seconds=7)
    await nodes.renew("b", clock(), b"key")
    clock.advance(seconds=7)
    assert await nodes.expired(clock()) == ["a"]
    await nodes.remove("a")
    assert await nodes.expired(clock()) == []


@pytest.fixture
def charge_points(database: db.Database, telemetry_database: db.TelemetryDatabase) -> ChargePoints:
    """The records, on the real mongod: the one in memory knows no bulk writes."""
    return ChargePoints(database, Telemetry(telemetry_database, Metrics(), 0))


async def test_only_the_session_that_holds_a_record_gives_it_up(
    charge_points: ChargePoints,
) -> None:
    await charge_points.create({"_id": "CP1", "chargePointIdentity": "CP1"})
    old, new = (Claim("CP1", name, "n1", "192.0.2.1", "ocpp1.6") for name in ("old", "new"))
    assert await charge_points.claim(old, "CP1", None, START)
    assert not await charge_points.claim(new, "CP1", None, START)
    assert await charge_points.claim(new, "CP1", "old", START)
    await charge_points.release(old, START)
    assert (await charge_points.get("CP1"))["ocppSessionId"] == "new"
    await charge_points.release(new, START)
    record = await charge_points.get("CP1")
    assert (record["ocppSessionId"], record["nodeId"]) == (None, None)
    assert record["disconnectedAt"] == START


async def test_a_claim_that_is_withdrawn_leaves_no_trace(charge_points: ChargePoints) -> None:
    record = {"_id": "CP1", "chargePointIdentity": "CP1", "remoteAddress": "192.0.2.7"}
    await charge_points.create(dict(record))
    claim = Claim("CP1", "s", "n1", "192.0.2.1", "ocpp1.6")
    before = await charge_points.get("CP1")
    assert await charge_points.claim(claim, "CP1", None, START)
    await charge_points.withdraw(claim, before)
    after = await charge_points.get("CP1")
    assert {name: value for name, value in after.items() if value is not None} == record


async def test_who_is_not_let_in_any_more_cannot_claim(charge_points: ChargePoints) -> None:
    await charge_points.create({"_id": "A", "chargePointIdentity": "A", "isWhitelisted": False})
    await charge_points.create({"_id": "B", "chargePointIdentity": "another"})
    claims = {name: Claim(name, f"s{name}", "n1", "", "ocpp1.6") for name in ("A", "B")}
    for name, claim in claims.items():
        assert not await charge_points.claim(claim, name, None, START)


async def test_of_claims_made_at_once_each_knows_whether_it_won(
    charge_points: ChargePoints,
) -> None:
    for n in range(10):
        holder = "somebody" if n % 3 == 0 else None
        await charge_points.create(
            {"_id": f"{n}", "chargePointIdentity": f"{n}", "ocppSessionId": holder}
        )
    claims = [Claim(f"{n}", f"s{n}", "n1", "", "ocpp1.6") for n in range(10)]
    won = await asyncio.gather(
        *(charge_points.claim(claim, claim.charge_point_id, None, START) for claim in claims)
    )
    assert won == [n % 3 != 0 for n in range(10)]
    records = await asyncio.gather(*(charge_points.get(f"{n}") for n in range(10)))
    assert [r["ocppSessionId"] for r in records] == [
        f"s{n}" if n % 3 else "somebody" for n in range(10)
    ]


async def test_a_dead_nodes_charge_points_are_off_line(charge_points: ChargePoints) -> None:
    for name, node_id in (("A", "n1"), ("B", "n2")):
        await charge_points.create({"_id": name, "chargePointIdentity": name})
        claim = Claim(name, f"s{name}", node_id, "", "ocpp1.6")
        await charge_points.claim(claim, name, None, START)
    await charge_points.release_node("n1", START)
    assert (await charge_points.get("A"))["ocppSessionId"] is None
    assert (await charge_points.get("B"))["ocppSessionId"] == "sB"
