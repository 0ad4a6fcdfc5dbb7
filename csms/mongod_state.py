"""What is kept on disk of a running `mongod`, and how to tell whether it still runs.

Files in the data directory:

    mongodb/      the data
    mongod.json   pid and port of the mongod that runs; gone after an orderly stop
    mongod.port   the port of the last start, tried first by the next, so that the URI stays

What is secret of it is in csms/mongod_secrets.py.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pymongo
from pymongo.errors import PyMongoError

from csms.mongod_secrets import read_key

HOST = "127.0.0.1"
REPLICA_SET = "csms"

_PROC = Path("/proc")


@dataclass(frozen=True)
class MongodState:
    """A mongod that was started on a data directory: its pid and its port on loopback."""

    pid: int
    port: int
    asks_password: bool = False
    """Those that csms started before version 0.3.0 do not."""

    @classmethod
    def read(cls, data_dir: Path) -> MongodState | None:
        """The state as it was kept; None if there is none that can be read."""
        try:
            fields = json.loads((data_dir / "mongod.json").read_text(encoding="utf-8"))
            asks_password = fields.get("asks_password") is True
            return cls(int(fields["pid"]), int(fields["port"]), asks_password)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def write(self, data_dir: Path) -> None:
        """Keep it for other processes and for the next start."""
        _write(data_dir / "mongod.json", json.dumps(asdict(self)))
        _write(data_dir / "mongod.port", str(self.port))

    def is_alive(self, data_dir: Path) -> bool:
        """Whether it runs and is the mongod of this directory, not one that got its pid later."""
        if not (_PROC / "self").exists():
            return self._answers(data_dir)
        try:
            arguments = (_PROC / str(self.pid) / "cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return {b"--dbpath", os.fsencode(db_path(data_dir)), b"%d" % self.port} <= set(arguments)

    def _answers(self, data_dir: Path) -> bool:
        try:
            with connect(self.port, read_key(data_dir) if self.asks_password else None) as client:
                options = client.admin.command("getCmdLineOpts")["parsed"]
                pid = client.admin.command("serverStatus")["pid"]
        except PyMongoError:
            return False
        return bool(options["storage"]["dbPath"] == str(db_path(data_dir)) and pid == self.pid)

    def has_ended(self) -> bool:
        """Whether no process has this pid any more."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        # A zombie that nobody collects has ended too. The name before its state may hold blanks.
        with suppress(OSError):
            stat = (_PROC / str(self.pid) / "stat").read_bytes()
            return stat.rpartition(b")")[2].split()[0] == b"Z"
        return False


def uri_of(port: int, user: str, password: str, database: str = "") -> str:
    """Where the primary is found by a user of this database; without one, of `admin`."""
    return f"mongodb://{user}:{password}@{HOST}:{port}/{database}?replicaSet={REPLICA_SET}"


def connect(port: int, key: str | None = None) -> pymongo.MongoClient[dict[str, Any]]:
    """A client of the mongod on this port, whatever its replica set says of itself.

    With the key of its key file it has all rights: as a member of the replica set it is a user
    that is there before any other.
    """
    if key is not None:
        return sign_in(port, "__system", key, "local")
    return pymongo.MongoClient(HOST, port, directConnection=True, serverSelectionTimeoutMS=2_000)


def sign_in(
    port: int, user: str, password: str, database: str
) -> pymongo.MongoClient[dict[str, Any]]:
    """The same for a user of this database."""
    return pymongo.MongoClient(
        HOST,
        port,
        username=user,
        password=password,
        authSource=database,
        authMechanism="SCRAM-SHA-256",
        directConnection=True,
        serverSelectionTimeoutMS=2_000,
    )


def db_path(data_dir: Path) -> Path:
    """Where mongod keeps the data."""
    return data_dir / "mongodb"


def last_port(data_dir: Path) -> int:
    """The port of the last start, 0 if there was none."""
    try:
        return int((data_dir / "mongod.port").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0


def forget(data_dir: Path) -> None:
    """Say that no mongod runs any more."""
    (data_dir / "mongod.json").unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    # A reader, or the next start after a kill, must never see half of it.
    partial = path.with_name(path.name + ".new")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
