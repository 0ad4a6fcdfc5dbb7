"""Leases of the nodes, and what a dead one held."""

from __future__ import annotations

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


async def test_only_the_session_that_holds_a_record_gives_it_up(memory: db.Database) -> None:
    charge_points = ChargePoints(memory, Telemetry(memory, Metrics(), 0))
    await charge_points.create({"_id": "CP1", "chargePointIdentity": "CP1"})
    old, new = (Claim("CP1", name, "n1", "192.0.2.1", "ocpp1.6") for name in ("old", "new"))
    await charge_points.claim(old, None, START)
    assert await charge_points.claim(new, None, START) is None
    before = await charge_points.claim(new, "old", START)
    assert before is not None and before["ocppSessionId"] == "old"
    await charge_points.release(old, START)
    assert (await charge_points.get("CP1"))["ocppSessionId"] == "new"
    await charge_points.release(new, START)
    record = await charge_points.get("CP1")
    assert (record["ocppSessionId"], record["nodeId"]) == (None, None)
    assert record["disconnectedAt"] == START


async def test_a_claim_that_is_withdrawn_leaves_no_trace(memory: db.Database) -> None:
    charge_points = ChargePoints(memory, Telemetry(memory, Metrics(), 0))
    record = {"_id": "CP1", "chargePointIdentity": "CP1", "remoteAddress": "192.0.2.7"}
    await charge_points.create(dict(record))
    claim = Claim("CP1", "s", "n1", "192.0.2.1", "ocpp1.6")
    before = await charge_points.claim(claim, None, START)
    assert before is not None
    await charge_points.withdraw(claim, before)
    after = await charge_points.get("CP1")
    assert {name: value for name, value in after.items() if value is not None} == record


async def test_a_dead_nodes_charge_points_are_off_line(memory: db.Database) -> None:
    charge_points = ChargePoints(memory, Telemetry(memory, Metrics(), 0))
    for name, node_id in (("A", "n1"), ("B", "n2")):
        await charge_points.create({"_id": name, "chargePointIdentity": name})
        await charge_points.claim(Claim(name, f"s{name}", node_id, "", "ocpp1.6"), None, START)
    await charge_points.release_node("n1", START)
    assert (await charge_points.get("A"))["ocppSessionId"] is None
    assert (await charge_points.get("B"))["ocppSessionId"] == "sB"
