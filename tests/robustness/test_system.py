"""The whole system on a real socket and database: any Call has one answer, by its schema."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tornado.ioloop import IOLoop

from csms.ocppj.payloads import answer_errors
from csms.ocppj.schemas import strict
from tests.robustness.strategies import SERVED, any_actions, json_values, served_calls
from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import System

CODES = {
    "NotImplemented",
    "NotSupported",
    "FormationViolation",
    "PropertyConstraintViolation",
    "OccurenceConstraintViolation",
    "TypeConstraintViolation",
}
calls = st.lists(served_calls | st.tuples(any_actions, json_values), min_size=1, max_size=12)


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(calls)
def test_any_call_has_one_answer(
    io_loop: IOLoop, system: System, sent: list[tuple[str, Any]]
) -> None:
    io_loop.run_sync(lambda: converse(system, sent), timeout=60)


async def converse(system: System, sent: list[tuple[str, Any]]) -> None:
    """Send the Calls back to back, and look at every answer."""
    charge_point = await online(system)
    answers = [charge_point.start(action, payload) for action, payload in sent]
    for (action, payload), answer in zip(sent, answers, strict=True):
        frame = await answer
        if frame[0] == 3:
            assert answer_errors(action, frame[2]) == [], (action, payload, frame)
        else:
            assert frame[2] in CODES, (action, payload, frame)
            assert not fits(action, payload), (action, payload, frame)
    assert "currentTime" in await charge_point.call("Heartbeat", {})
    await charge_point.close()


def fits(action: str, payload: Any) -> bool:
    """Whether a Call keeps the standard, and must be served."""
    return action in SERVED and strict(action).is_valid(payload)


async def online(system: System) -> ScriptedChargePoint:
    """A charge point on a new socket that has booted, now or before."""
    if await system.database.charge_points.count_documents({}) == 0:
        await system.whitelist()
    charge_point = await ScriptedChargePoint.connect(system.ocpp, "CP1")
    assert (await charge_point.boot())["status"] == "Accepted"
    return charge_point
