"""A private `mongod` under the data directory, for those who have no MongoDB of their own.

It is a one-member replica set on loopback, started with csms and stopped with it. A mongod that
outlived a killed csms is taken over by the next start; so is the data of one that died as well.
The file `lock` in the data directory is locked by the csms that owns the mongod.

From its first moment it answers nobody without a password, not even on loopback. csms signs in with
the key file of the replica set and makes the users, at each start those that are missing: so data
from before there were users opens as well, and lost passwords are replaced.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import stat
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import pymongo
from pymongo.errors import OperationFailure, PyMongoError

from csms.errors import CsmsError
from csms.mongod_program import find_mongod, mongod_command, mongod_environment
from csms.mongod_secrets import (
    ANALYST_URI_FILE,
    URI_FILE,
    UriLost,
    key_path,
    make_key,
    password_in,
    read_secret,
)
from csms.mongod_state import (
    HOST,
    REPLICA_SET,
    MongodState,
    connect,
    db_path,
    forget,
    last_port,
    uri_of,
)
from csms.mongod_users import AUTHENTICATION_FAILED, USER, make_users

# A replay after a crash takes a while on a slow disk.
START_SECONDS = 120.0
STOP_SECONDS = 60.0
POLL_SECONDS = 0.03
# mongod's exit status when it cannot listen.
EXIT_NET_ERROR = 48
# The data are of a version that it does not read.
EXIT_NEED_UPGRADE = 62
PORT_ATTEMPTS = 3
OWN_FILES = ("admin-token", "ca", "lock", "mongod")
"""How the names of what csms keeps begin. A directory with other things is not closed to others:
it may be one of the system's."""
LOG_LINES_SHOWN = 8
LOG_LINE_LENGTH = 400


class MongodFailed(CsmsError):
    """The mongod did not start. `status` is its exit status, None where it did not end."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class DataDirInUse(CsmsError):
    """Another csms runs on this data directory."""


class _KeyRefused(CsmsError):
    """The mongod does not know the key in the key file."""


def running_uri(data_dir: Path) -> str | None:
    """The URI with full rights of the mongod that runs on a data directory; None if none does.

    Raises:
        UriLost: it asks for a password that is not on file.
    """
    state = MongodState.read(data_dir)
    if state is None or not state.is_alive(data_dir.resolve()):
        return None
    if not state.asks_password:
        return f"mongodb://{HOST}:{state.port}/?replicaSet={REPLICA_SET}"
    password = password_in(data_dir / URI_FILE)
    if password is None:
        raise UriLost(data_dir / URI_FILE)
    return uri_of(state.port, USER, password)


class EmbeddedMongod:
    """The mongod of one data directory. As a context manager it gives the URI."""

    def __init__(
        self,
        data_dir: Path,
        *,
        binary: Path | None = None,
        cache_gb: float = 0.5,
        database: str = "csms",
    ) -> None:
        """`binary` is the configured mongod, `cache_gb` the size of WiredTiger's cache, GB.

        `database` is the one that the analyst may read.
        """
        self._dir = data_dir.resolve()
        self._binary = binary
        self._cache_gb = cache_gb
        self._database = database
        self._key = ""
        self.version = ""
        """Of the mongod, once it was started."""
        self._lock: TextIO | None = None
        self._state: MongodState | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._log = self._dir / "mongod.log"
        self._log_start = 0

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
            if all(entry.name.startswith(OWN_FILES) for entry in self._dir.iterdir()):
                _close_to_others(self._dir)
            self._key = make_key(self._dir)
            state = self._take_over() or self._launch()
            return uri_of(state.port, USER, str(password_in(self._dir / URI_FILE)))
        except BaseException:
            self.stop()
            raise

    @property
    def analyst_uri(self) -> str:
        """The URI that can only read what is for analysts."""
        return read_secret(self._dir / ANALYST_URI_FILE)

    def revive(self) -> bool:
        """Start the mongod again if it has ended; says whether it had.

        Raises:
            MongodNotFound, MongodFailed: as they say.
        """
        if self._lock is None or self._state is None or not self._has_ended(self._state):
            return False
        self._forget()
        self._launch()
        return True

    def stop(self) -> None:
        """Shut the mongod down in order, and let the data directory go."""
        if self._lock is None:
            return
        if self._state is not None:
            self._terminate(self._state)
            self._forget()
        self._lock.close()
        self._lock = None

    def _take_lock(self) -> None:
        # The kernel drops the lock with the process, however that ends.
        lock = (self._dir / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise DataDirInUse(
                f"Another csms runs on the data directory {self._dir}. Stop it, or give this one "
                "a directory of its own with --data-dir or CSMS_DATA_DIR."
            ) from None
        self._lock = lock

    def _take_over(self) -> MongodState | None:
        left_over = MongodState.read(self._dir)
        if left_over is None or not left_over.is_alive(self._dir):
            return None
        self._state = left_over
        if not left_over.asks_password:
            self._end_left_over()
            return None
        try:
            self._await_primary(left_over)
        except _KeyRefused:
            # The key file was lost meanwhile, and made anew.
            self._end_left_over()
        except MongodFailed:
            # It may have been on its way out; the next one takes up its data.
            if not self._has_ended(left_over):
                raise
            self._forget()
        return self._state

    def _end_left_over(self) -> None:
        """Stop a mongod that cannot be gone on with; another one takes up its data."""
        assert self._state is not None
        self._terminate(self._state)
        self._forget()

    def _launch(self) -> MongodState:
        binary = find_mongod(self._binary)
        db_path(self._dir).mkdir(exist_ok=True, mode=0o700)
        _close_to_others(db_path(self._dir))
        attempts = 0
        while True:
            attempts += 1
            state = self._spawn(binary, free_port(last_port(self._dir)))
            try:
                self._await_primary(state, is_own=True)
                return state
            except MongodFailed as error:
                # Somebody may have taken the port after it was seen free.
                if error.status != EXIT_NET_ERROR or attempts == PORT_ATTEMPTS:
                    raise

    def _spawn(self, binary: Path, port: int) -> MongodState:
        with self._log.open("ab") as log:
            os.fchmod(log.fileno(), 0o600)
            self._log_start = log.tell()
            try:
                data, key_file = db_path(self._dir), key_path(self._dir)
                command = mongod_command(binary, port, data, self._cache_gb, key_file)
                self._child = subprocess.Popen(
                    [*command, "--logpath", str(self._log), "--logappend"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=mongod_environment(),
                    # Ctrl-C is for csms, which stops the mongod when it has written what is left.
                    start_new_session=True,
                )
            except OSError as error:
                raise MongodFailed(f"{binary} cannot be run: {error.strerror}") from None
        self._state = MongodState(self._child.pid, port, asks_password=True)
        try:
            self._state.write(self._dir)
        except OSError as error:
            # Nobody would find it later: it must not run without its state on disk.
            self._child.kill()
            self._child.wait()
            raise MongodFailed(f"{self._dir} cannot be written: {error.strerror}") from None
        return self._state

    def _await_primary(self, state: MongodState, *, is_own: bool = False) -> None:
        """Wait until the mongod is a primary with its users; do what it takes.

        `is_own` says that it was started just now, with the key.

        Raises:
            MongodFailed: it has ended, or takes too long.
            _KeyRefused: it is not `is_own`, and has another key.
        """
        deadline = time.monotonic() + START_SECONDS
        # The driver is slow to try again where nobody listens yet.
        while not listens(state.port):
            self._pause(state, deadline)
        with connect(state.port, self._key) as client:
            while True:
                try:
                    if _make_primary(client, f"{HOST}:{state.port}"):
                        make_users(client, state, self._dir, self._database)
                        self.version = client.server_info()["version"]
                        return
                except PyMongoError as error:
                    # On the port of our own may be somebody else: then it ends in a moment.
                    refused = getattr(error, "code", None) == AUTHENTICATION_FAILED
                    if refused and not is_own:
                        raise _KeyRefused from error
                self._pause(state, deadline)

    def _pause(self, state: MongodState, deadline: float) -> None:
        """Wait a moment, unless there is nothing left to wait for."""
        if self._has_ended(state):
            status = None if self._child is None else self._child.returncode
            raise MongodFailed(f"mongod ended, status {status}. {self._why()}", status)
        if time.monotonic() > deadline:
            raise MongodFailed(f"mongod was not ready in {START_SECONDS:.0f} s. {self._why()}")
        time.sleep(POLL_SECONDS)

    def _why(self) -> str:
        text = ""
        with suppress(FileNotFoundError), self._log.open("rb") as log:
            log.seek(self._log_start)
            text = log.read().decode(errors="replace")
        lines = text.splitlines()
        # What went wrong may stand far above the end, before a long trace.
        serious = [line for line in lines if '"s":"F"' in line or '"s":"E"' in line]
        shown = [line[:LOG_LINE_LENGTH] for line in (serious or lines)[-LOG_LINES_SHOWN:]]
        status = None if self._child is None else self._child.returncode
        if status == -signal.SIGILL:
            shown.append("MongoDB 5 and later needs a processor with AVX.")
        if status == EXIT_NEED_UPGRADE:
            shown.append(
                f"{db_path(self._dir)} was written by a MongoDB of another version. Name its mongod"
                " with CSMS_MONGOD; or take its data over with mongodump and mongorestore, or by"
                " mongod versions one after the other (6.0, 7.0, 8.0)."
            )
        if status == 127 and "libcurl.so.4" in text:
            shown.append("Install libcurl4; on Debian or Ubuntu: sudo apt-get install libcurl4")
        return "\n".join([f"From {self._log}:", *shown])

    def _terminate(self, state: MongodState) -> None:
        if self._child is None and not state.is_alive(self._dir):
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._has_ended(state):
                return
            with suppress(ProcessLookupError):
                os.kill(state.pid, number)
            deadline = time.monotonic() + STOP_SECONDS
            while not self._has_ended(state) and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)

    def _has_ended(self, state: MongodState) -> bool:
        # A child stays a zombie until it is asked for.
        return state.has_ended() if self._child is None else self._child.poll() is not None

    def _forget(self) -> None:
        forget(self._dir)
        self._state = self._child = None


def _close_to_others(folder: Path) -> None:
    # One that belongs to somebody else is theirs to close.
    if stat.S_IMODE(folder.stat().st_mode) != stat.S_IRWXU:
        with suppress(PermissionError):
            folder.chmod(stat.S_IRWXU)


def _make_primary(client: pymongo.MongoClient[dict[str, Any]], host: str) -> bool:
    """Whether the mongod is a writable primary under this host; takes the next step if not."""
    hello = client.admin.command("hello")
    if hello.get("isWritablePrimary") and hello.get("me") == host:
        return True
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code != 94:  # NotYetInitialized
            raise
        members = [{"_id": 0, "host": host}]
        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
        return False
    if config["members"][0]["host"] != host:
        config["members"][0]["host"] = host
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)
    return False


def listens(port: int) -> bool:
    """Whether somebody takes connections on this port of loopback."""
    with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


def free_port(preferred: int = 0) -> int:
    """A port of loopback that nobody listens on: the preferred one, if it is free."""
    if preferred and _is_free(preferred):
        return preferred
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe, suppress(OSError):
        # As mongod itself does, or a port that was just let go would seem taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((HOST, port))
        return True
    return False
