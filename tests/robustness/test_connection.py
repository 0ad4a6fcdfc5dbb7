"""A connection: every valid Call is answered, none twice, and one Call of ours is out at a time.

The frames are arbitrary; the handlers answer, refuse, fail, or take their time.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Coroutine
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csms.actions.context import Context, Deps, Inbound
from csms.config import Settings
from csms.connections.backlog import Backlog, Share
from csms.connections.connection import Connection, Node
from csms.connections.message_log import MessageLog
from csms.connections.standstill import Standstills
from csms.domain.hold import Claim, Hold
from csms.domain.secret_values import KnownSecrets
from csms.errors import CommandError, DatabaseUnavailable, OcppError
from csms.metrics import Metrics
from csms.ocppj import lenient_json
from csms.ocppj.frames import Message, decode
from csms.ocppj.payloads import check_inbound
from tests.robustness.strategies import SERVED, messages, served_calls
from tests.support.stored import unbounded

Outcome = type[Exception] | None
OUTCOMES: list[Outcome] = [None, None, OcppError, DatabaseUnavailable, ZeroDivisionError]
METRICS = Metrics()
QUIET = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])


class Wire:
    """The socket under the connection: keeps what is sent."""

    closed_for = None
    is_paused = False

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.closed = False
        self.share = Share(Backlog(2**30, nothing))
        self._news = asyncio.Event()

    def send(self, text: bytes) -> None:
        self.sent.append(json.loads(text))
        self._news.set()

    def close(self, code: int, reason: str) -> None:
        self.closed = True

    def fail(self, code: int, reason: str) -> None:
        self.closed = True

    def abort(self, reason: str) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def ping(self) -> None:
        raise AssertionError("nobody asked for a ping")

    def calls(self) -> list[Any]:
        return [frame for frame in self.sent if frame[0] == 2]

    async def next_call(self, number: int) -> str:
        """The id of our Call number so many, when it is out."""
        while len(self.calls()) < number:
            self._news.clear()
            await self._news.wait()
        assert len(self.calls()) == number
        return str(self.calls()[-1][1])

    def answers(self) -> Counter[str | int]:
        return Counter(frame[1] for frame in self.sent if frame[0] != 2)


def handler(outcomes: list[Outcome]) -> Any:
    """A handler that has its outcomes one after the other, after some turns of the loop."""

    async def handle(context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        outcome = outcomes.pop() if outcomes else None
        await asyncio.sleep(0)
        if outcome is OcppError:
            raise OcppError("InternalError", "as the test has it")
        if outcome is not None:
            raise outcome("as the test has it")
        return {}

    return handle


def nothing(*_: Any, **__: Any) -> None:
    """Keep nothing of it."""


def connect(wire: Wire, outcomes: list[Outcome]) -> Connection:
    """A connection that has been admitted."""

    async def nobody(*_: Any) -> Any:
        raise AssertionError("nothing is asked for, nothing is bound")

    deps = SimpleNamespace(
        settings=Settings(call_timeout=30, inbound_queue=1000),
        metrics=METRICS,
        clock=lambda: datetime.now(UTC),
        held=SimpleNamespace(note_sign_of_life=nothing),
        note_trouble=nothing,
        secrets=KnownSecrets(),
        bounds=SimpleNamespace(visitors=unbounded(), note=lambda _: None),
    )
    log = SimpleNamespace(inbound=nothing, outbound=nothing, unreadable=nothing)
    handle = handler(outcomes)
    node = Node(
        cast(Deps, deps),
        {action: Inbound(action, handle) for action in SERVED},
        cast(MessageLog, log),
        on_bind=nobody,
        on_accepted=lambda _: None,
        on_unbooted=lambda _: None,
        on_work=lambda *_: None,
        ask=nobody,
        regain=nobody,
        standstills=Standstills(),
    )
    connection = Connection(wire, node, identity="CP1", remote_address="192.0.2.1")
    connection.claim = Claim(Hold("CP1", connection.session_id), "node", "192.0.2.1", "ocpp1.6")
    connection.accepted = True
    return connection


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run on a loop of its own, quickly."""
    asyncio.run(work)


@QUIET
@given(st.lists(served_calls, max_size=8), st.lists(st.sampled_from(OUTCOMES), max_size=8))
def test_every_call_is_answered_once_and_in_order(
    calls: list[tuple[str, Any]], outcomes: list[Outcome]
) -> None:
    async def work() -> None:
        wire = Wire()
        connection = connect(wire, outcomes)
        for number, (action, payload) in enumerate(calls):
            connection.receive(json.dumps([2, str(number), action, payload]))
        await connection.drained()
        assert [frame[1] for frame in wire.sent] == [str(number) for number in range(len(calls))]
        assert all(frame[0] in (3, 4) for frame in wire.sent)
        assert not wire.closed

    run(work())


@QUIET
@given(st.lists(messages, max_size=12))
def test_no_message_makes_an_exception_or_two_replies(received: list[Message]) -> None:
    async def work() -> None:
        wire = Wire()
        connection = connect(wire, [])
        for message in received:
            connection.receive(message)
        await connection.drained()
        # Two Calls may have the same id; each of them has a reply of its own.
        asked = Counter(
            unique_id for message in received if (unique_id := _id_of_call(message)) is not None
        )
        assert wire.answers() <= asked

    run(work())


def _id_of_call(message: Message) -> str | int | None:
    """The id of what may be taken for a Call, however broken the rest of it is."""
    text, _ = decode(message)
    try:
        frame = lenient_json.loads(text)
    except lenient_json.NotJson:
        start = re.match(r'[\s\0\ufeff,]*\[[\s,]*2\s*,[\s,]*(?:"([^"]*)"|(-?\d+))', text)
        if start is None:
            return None
        return start[1] if start[2] is None else int(start[2])
    if not isinstance(frame, list) or len(frame) < 2 or frame[0] != 2:
        return None
    return frame[1] if isinstance(frame[1], str | int) else None


ANSWERS = st.sampled_from(["result", "error", "late", "twice", "junk", "nothing"])


@QUIET
@given(st.lists(ANSWERS, min_size=1, max_size=6), served_calls)
def test_one_call_of_ours_is_out_at_a_time(plans: list[str], crossing: tuple[str, Any]) -> None:
    async def work() -> None:
        wire = Wire()
        connection = connect(wire, [])
        asked = [asyncio.ensure_future(connection.call("Reset", {"type": "Soft"})) for _ in plans]
        for number, plan in enumerate(plans, 1):
            unique_id = await wire.next_call(number)
            # A Call of theirs may cross ours, and is answered meanwhile.
            connection.receive(json.dumps([2, f"x{number}", *crossing]))
            await connection.drained()
            assert wire.answers()[f"x{number}"] == 1
            _play(connection, plan, unique_id)
            if plan == "nothing":
                break
        connection.was_closed()
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(o, dict | CommandError) for o in outcomes)

    run(work())


def _play(connection: Connection, plan: str, unique_id: str) -> None:
    if plan == "nothing":
        return
    if plan == "junk":
        connection.receive(json.dumps([3, "nobody's", {}]))
        connection.receive("{")
    if plan == "error":
        connection.receive(json.dumps([4, unique_id, "InternalError", "", {}]))
    for _ in range(2 if plan in ("twice", "late") else 1):
        connection.receive(json.dumps([3, unique_id, {"status": "Accepted"}]))


@QUIET
@given(served_calls)
def test_the_check_lets_pass_or_raises_what_is_answered(call: tuple[str, Any]) -> None:
    action, payload = call
    if not isinstance(payload, dict):
        return
    before = json.dumps(payload)
    try:
        checked, _ = check_inbound(action, payload)
    except OcppError as error:
        assert error.code.endswith("Violation")
    else:
        assert isinstance(checked, dict)
    assert json.dumps(payload) == before
