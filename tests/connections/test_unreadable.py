"""Messages that cannot be read: all are counted, and a few a minute are kept."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from csms.connections.connection import Connection
from csms.connections.unreadable import KEPT_PER_MINUTE, MINUTE, UnreadableMessages
from csms.domain.hold import Hold
from csms.domain.protocol_trouble import UNREADABLE_FRAMES
from csms.metrics import Metrics
from csms.ocppj.frames import Head, Message
from csms.ocppj.websocket import BadText


class Scene:
    """A connection, and what is noted of it."""

    def __init__(self, is_known: bool = True) -> None:
        self.now = 1000.0
        self.metrics = Metrics()
        self.troubles: list[tuple[str, str]] = []
        self.kept: list[tuple[str, Head | None, str]] = []
        self.warned: list[dict[str, Any]] = []
        deps = SimpleNamespace(
            metrics=self.metrics,
            note_trouble=lambda hold, trouble: self.troubles.append(
                (hold.charge_point_id, trouble)
            ),
        )
        messages = SimpleNamespace(
            unreadable=lambda party, text, head, reason: self.kept.append((text, head, reason))
        )
        connection = SimpleNamespace(
            node=SimpleNamespace(deps=deps, messages=messages),
            is_known=is_known,
            hold=Hold("CP1", "session"),
            log=SimpleNamespace(warning=lambda event, **fields: self.warned.append(fields)),
        )
        self.unreadable = UnreadableMessages(cast(Connection, connection), lambda: self.now)

    def note(self, message: Message = "x", times: int = 1) -> None:
        for _ in range(times):
            self.unreadable.note("unreadable", message, None, "no JSON")

    def counted(self) -> float | None:
        return self.metrics.registry.get_sample_value(
            "csms_bad_frames_total", {"kind": "unreadable"}
        )


def test_all_are_counted_and_a_few_a_minute_are_kept() -> None:
    scene = Scene()
    scene.note(times=100)
    assert scene.counted() == 100
    assert scene.troubles == [("CP1", UNREADABLE_FRAMES)] * 100
    assert len(scene.kept) == len(scene.warned) == KEPT_PER_MINUTE
    scene.now += MINUTE - 1
    scene.note()
    assert len(scene.kept) == KEPT_PER_MINUTE
    scene.now += 1
    scene.note(times=100)
    assert len(scene.kept) == 2 * KEPT_PER_MINUTE


def test_any_kind_of_message_is_kept_as_text() -> None:
    scene = Scene()
    for message in ("Tür", "Tür".encode(), "Tür".encode("latin-1"), BadText(b"T\xfcr")):
        scene.note(message)
    assert scene.kept == [("Tür", None, "no JSON")] * 4


def test_of_one_without_a_record_nothing_is_stored() -> None:
    scene = Scene(is_known=False)
    scene.note()
    assert (scene.counted(), scene.troubles, scene.kept) == (1, [], [])
    assert scene.warned == [{"kind": "unreadable", "reason": "no JSON"}]


def test_calls_that_were_refused_are_counted_by_their_action() -> None:
    scene = Scene()
    for action in ("MeterValues", "Made-up"):
        scene.unreadable.note("refused", "x", Head(2, "1", action), "the payload is not an object")
    assert [trouble for _, trouble in scene.troubles] == [
        "refusedCalls.MeterValues.FormationViolation",
        "refusedCalls.unknown.FormationViolation",
    ]
