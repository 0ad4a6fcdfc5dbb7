"""The heartbeat of a worker: bytes in a pipe, as long as its event loop turns."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Self

from csms.domain.alarm import Alarm, AlarmKind
from csms.repositories.alarms import Alarms

HEARTBEAT = "CSMS_WORKER_HEARTBEAT"
"""In the environment of a worker: the file descriptor that takes its heartbeat."""
FROZE = "CSMS_WORKER_FROZE"
"""In the environment of a worker: it replaces one that had no heartbeat for so many seconds."""
BEATS_EVERY = 1.0
FIRST_WITHIN = 120.0
"""Seconds until a worker has loaded its modules, on a machine that is slow and busy."""
KEPT_OPEN = 24 * 3600.0
"""Seconds after which the alarm for a frozen worker is closed, if it has not frozen again."""


class WorkerHeartbeat:
    """The supervisor's end of the pipe.

    What counts is how often there was no beat when one was looked for, not the time between: if
    the supervisor was stopped too, or the whole machine, the worker is not to blame.
    """

    def __init__(self, patience: float) -> None:
        """`patience` is how many seconds without a beat are too many; 0 never are."""
        self._patience = patience
        self._pipe, self.given = os.pipe()
        """The worker's end."""
        os.set_blocking(self._pipe, False)
        self.beats = 0
        """How often there was one when it was looked for."""
        self._in_vain = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._pipe)
        os.close(self.given)

    @property
    def environment(self) -> Mapping[str, str]:
        """What tells the worker where to send its heartbeat."""
        return {HEARTBEAT: str(self.given)}

    def look(self) -> float:
        """Look for beats, to be called every `BEATS_EVERY`; returns the seconds without any."""
        try:
            has_beaten = bool(os.read(self._pipe, 65_536))
        except BlockingIOError:
            has_beaten = False
        self._in_vain = 0 if has_beaten else self._in_vain + 1
        self.beats += has_beaten
        return self._in_vain * BEATS_EVERY

    @property
    def has_frozen(self) -> bool:
        """Whether it has been without a beat for too long."""
        patience = self._patience if self.beats else max(self._patience, FIRST_WITHIN)
        return self._patience > 0 and self._in_vain * BEATS_EVERY >= patience


def send_heartbeat() -> None:
    """In a worker: show the supervisor that the event loop turns, from now on."""
    if HEARTBEAT not in os.environ:
        return
    pipe = int(os.environ[HEARTBEAT])
    os.set_blocking(pipe, False)
    loop = asyncio.get_running_loop()

    def beat() -> None:
        # A full pipe: the supervisor is stopped, and will find many beats. A broken one: it died.
        with suppress(OSError):
            os.write(pipe, b".")
        loop.call_later(BEATS_EVERY / 2, beat)

    beat()


def note_frozen(alarms: Alarms, node_id: str) -> None:
    """In a worker that replaces a frozen one: raise the alarm, and close it in the end."""
    if (seconds := os.environ.pop(FROZE, None)) is None:
        return
    facts = (("seconds without a heartbeat", seconds), ("host", socket.gethostname()))
    alarms.note(Alarm(AlarmKind.WORKER_FROZEN, node_id, None, facts))
    loop = asyncio.get_running_loop()
    loop.call_later(KEPT_OPEN, alarms.close, AlarmKind.WORKER_FROZEN, node_id)
