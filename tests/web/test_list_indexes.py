"""The filters of lists are served by indexes, however many records there are."""

from __future__ import annotations

from typing import Any

import pytest

from csms import db
from csms.repositories.charge_points import CONNECTED, TROUBLED
from csms.web.api.charge_points import ChargePointQuery
from csms.web.api.transactions import TransactionQuery

pytestmark = pytest.mark.gen_test


def stages(plan: dict[str, Any]) -> set[str]:
    """The names of the indexes, and of the other stages, of a query plan."""
    inner = [plan[name] for name in ("inputStage", "queryPlan") if name in plan]
    inner += plan.get("inputStages", [])
    own = {str(plan.get("indexName") or plan.get("stage"))}
    return own.union(*(stages(stage) for stage in inner))


@pytest.mark.parametrize(
    ("collection", "found", "index"),
    [
        ("charge_points", TROUBLED, "troubled"),
        ("charge_points", ChargePointQuery(protocolTrouble=True).filter(), "troubled"),
        ("charge_points", CONNECTED, "nodeId"),
        ("charge_points", ChargePointQuery(status="Faulted").filter(), "connector_status"),
        ("charge_points", ChargePointQuery(status="Faulted").filter(), "status"),
        ("transactions", TransactionQuery(flag="late").matching(), "flagged"),
        (
            "transactions",
            TransactionQuery(status="Orphaned").matching(),
            "status_1_startTimestamp_-1__id_-1",
        ),
        (
            "transactions",
            TransactionQuery.model_validate({"stoppedFrom": "2026-01-01"}).matching(),
            "stopTimestamp_1",
        ),
    ],
)
async def test_filters_are_served_by_an_index(
    database: db.Database, collection: str, found: dict[str, Any], index: str
) -> None:
    # With nothing in it any plan would do.
    await database.charge_points.insert_many(
        {"_id": f"CP{n}", "nodeId": "n", "ocppSessionId": "s", "status": "Available",
         "connectors": [{"status": "Available"}]}
        for n in range(200)
    )  # fmt: skip
    explained = await database[collection].find(found).explain()
    assert index in stages(explained["queryPlanner"]["winningPlan"])
