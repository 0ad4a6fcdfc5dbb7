"""A replica set of three real mongods on loopback, whose primary can be stepped down or killed."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pymongo.errors import ConnectionFailure, PyMongoError

from csms import mongod_state
from csms.embedded_mongod import free_port, listens
from csms.mongod_program import find_mongod, mongod_command, mongod_environment
from csms.mongod_state import HOST, REPLICA_SET

MEMBERS = 3
READY_SECONDS = 60.0
QUICK, SLOW = 2_000, 60_000
SETTINGS = {"electionTimeoutMillis": QUICK, "heartbeatIntervalMillis": 500}
"""Quicker than MongoDB's own 10 s and 2 s: how long it takes to notice is not what is tested."""


class Member:
    """One mongod."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        """As the replica set names it."""
        return f"{HOST}:{self.port}"

    def start(self) -> None:
        """Start it; that it listens has to be waited for."""
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        with (self.folder / "mongod.log").open("ab") as log:
            self._process = subprocess.Popen(
                mongod_command(find_mongod(None), self.port, data, 0.25),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=mongod_environment(),
            )

    def kill(self) -> None:
        """End it without a word, and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, to freeze it or let it go on."""
        if self._process is not None:
            self._process.send_signal(number)

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def command(self, *arguments: Any, **fields: Any) -> dict[str, Any]:
        """Run a command of the admin database on this very member."""
        with mongod_state.connect(self.port) as client:
            return dict(client.admin.command(*arguments, **fields))


class ReplicaSet:
    """Three members. `stop` leaves none of them behind, whatever happened."""

    def __init__(self, folder: Path) -> None:
        self.members = [Member(folder / str(number)) for number in range(MEMBERS)]

    @property
    def uri(self) -> str:
        """Names all members, so that any of them may be away."""
        hosts = ",".join(member.host for member in self.members)
        return f"mongodb://{hosts}/?replicaSet={REPLICA_SET}"

    def start(self) -> None:
        """Start all members; returns when there is a primary and the others follow it."""
        for member in self.members:
            member.start()
        _wait(lambda: all(listens(member.port) for member in self.members))
        members = [{"_id": n, "host": member.host} for n, member in enumerate(self.members)]
        config = {"_id": REPLICA_SET, "members": members, "settings": SETTINGS}
        self.members[0].command("replSetInitiate", config)
        self.until_whole()

    def until_whole(self) -> None:
        """Wait until every member is a primary or a secondary, and there is one primary."""
        _wait(lambda: sorted(self._states()) == ["PRIMARY", *["SECONDARY"] * (MEMBERS - 1)])

    def primary(self) -> Member:
        """The member that takes writes; waited for if there is none."""
        found: list[Member] = []

        def find() -> bool:
            found[:] = [member for member in self.members if _is_primary(member)]
            return len(found) == 1

        _wait(find)
        return found[0]

    @contextmanager
    def alone(self) -> Iterator[None]:
        """The primary stays one, but neither of the others follows it."""
        self._set_election_timeout(SLOW)
        secondaries = [member for member in self.members if member is not self.primary()]
        try:
            for member in secondaries:
                member.signal(signal.SIGSTOP)
            yield
        finally:
            for member in secondaries:
                member.signal(signal.SIGCONT)
            self.until_whole()
            self._set_election_timeout(QUICK)

    def _set_election_timeout(self, milliseconds: int) -> None:
        primary = self.primary()
        config = primary.command("replSetGetConfig")["config"]
        config["settings"]["electionTimeoutMillis"] = milliseconds
        config["version"] += 1
        primary.command("replSetReconfig", config)

    def step_down(self) -> None:
        """Have the primary give its place to another, and stand back for a while."""
        # Connections to it may be closed before the answer.
        with suppress(ConnectionFailure):
            self.primary().command("replSetStepDown", 20, secondaryCatchUpPeriodSecs=10)

    def stop(self) -> None:
        """Kill every member."""
        for member in self.members:
            member.kill()

    def _states(self) -> list[str]:
        with suppress(PyMongoError):
            status = self.primary().command("replSetGetStatus")
            return [str(member["stateStr"]) for member in status["members"]]
        return []


def _is_primary(member: Member) -> bool:
    if not member.is_running:
        return False
    with suppress(PyMongoError):
        return bool(member.command("hello")["isWritablePrimary"])
    return False


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the replica set is not ready"
        time.sleep(0.05)


@contextmanager
def replica_set(folder: Path) -> Iterator[ReplicaSet]:
    """A replica set that is gone afterwards."""
    members = ReplicaSet(folder)
    try:
        members.start()
        yield members
    finally:
        members.stop()
