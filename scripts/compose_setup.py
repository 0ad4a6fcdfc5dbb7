#!/usr/bin/env python3
"""What config/compose.yaml needs once, before csms starts; done again, it changes nothing.

`compose_setup.py secrets` makes the key file of the replica set, the passwords and the first token,
each for the service that reads it. `compose_setup.py mongodb` starts the replica set and makes its
users.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from csms import analyst_role

KEY, URI, ANALYST_URI, TOKEN = (
    "keyfile",
    "csms_mongodb_uri",
    "mongodb-analyst-uri",
    "csms_admin_token",
)
REPLICA_SET, DATABASE, USER = "csms", "csms", "csms"
ROLES = [{"role": role, "db": DATABASE} for role in ("readWrite", "dbAdmin")]
READY_SECONDS, SELECTION_MS = 120.0, 5_000
_NOT_YET_INITIALIZED, _ALREADY_EXISTS = 94, 51003

Client = MongoClient[dict[str, Any]]


def make_secrets(args: argparse.Namespace) -> None:
    """Write each secret that is not there yet, readable by one user alone."""
    key = secrets.token_hex(96)
    # mongod takes no key that anybody else can read, so each reader has a copy.
    if not (args.mongodb_dir / KEY).exists():
        _write(args.setup_dir / KEY, key, args.csms_owner)
        _write(args.mongodb_dir / KEY, key, args.mongodb_owner)
    for name, user, database in ((URI, USER, "admin"), (ANALYST_URI, analyst_role.USER, DATABASE)):
        uri = (
            f"mongodb://{user}:{secrets.token_urlsafe(32)}@{args.host}/{DATABASE}"
            f"?replicaSet={REPLICA_SET}&authSource={database}"
        )
        _write_once(args.csms_dir / name, uri, args.csms_owner)
    _write_once(args.csms_dir / TOKEN, f"csms_{secrets.token_urlsafe(32)}", args.csms_owner)


def _write_once(path: Path, text: str, owner: int) -> None:
    if not path.exists():
        _write(path, text, owner)


def _write(path: Path, text: str, owner: int) -> None:
    partial = path.with_name(f".{path.name}")
    partial.unlink(missing_ok=True)
    opened = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with os.fdopen(opened, "w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    if owner != os.getuid():
        os.chown(partial, owner, owner)
    partial.rename(path)


def set_up_mongodb(args: argparse.Namespace) -> None:
    """Start the replica set if it has not been, and see that its users have their passwords.

    Raises:
        PyMongoError: MongoDB was not ready in time.
    """
    key = (args.setup_dir / KEY).read_text(encoding="utf-8").strip()
    deadline = time.monotonic() + READY_SECONDS
    # Members of the replica set show each other the key; it opens before there is any user.
    with _connect(args.host, "__system", key, "local") as client:
        while not _is_primary(client, args.host, deadline):
            time.sleep(0.5)
        _make_role(client)
        _make_user(client, "admin", args.csms_dir / URI, ROLES)
        _make_user(client, DATABASE, args.csms_dir / ANALYST_URI, [analyst_role.ROLE])


def _connect(host: str, user: str, password: str, database: str) -> Client:
    return MongoClient(
        host,
        username=user,
        password=password,
        authSource=database,
        authMechanism="SCRAM-SHA-256",
        directConnection=True,
        serverSelectionTimeoutMS=SELECTION_MS,
    )


def _is_primary(client: Client, host: str, deadline: float) -> bool:
    """Whether there is a primary; starts the replica set if that has not been done."""
    try:
        if client.admin.command("hello").get("isWritablePrimary"):
            return True
        client.admin.command("replSetGetStatus")
    except OperationFailure as error:
        if error.code != _NOT_YET_INITIALIZED:
            raise
        members = [{"_id": 0, "host": host}]
        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
    except PyMongoError:
        if time.monotonic() > deadline:
            raise
    return False


def _make_role(client: Client) -> None:
    wanted, database = analyst_role.privileges(DATABASE), client[DATABASE]
    try:
        database.command("createRole", analyst_role.ROLE, privileges=wanted, roles=[])
    except OperationFailure as error:
        # 51002: there is one of this name.
        if error.code != 51002:
            raise
        database.command("updateRole", analyst_role.ROLE, privileges=wanted, roles=[])


def _make_user(client: Client, database: str, uri: Path, roles: list[Any]) -> None:
    named = urlsplit(uri.read_text(encoding="utf-8").strip())
    user = named.username or ""
    fields: dict[str, Any] = {
        "pwd": named.password, "roles": roles, "mechanisms": ["SCRAM-SHA-256"],
    }  # fmt: skip
    try:
        client[database].command("createUser", user, **fields)
    except OperationFailure as error:
        if error.code != _ALREADY_EXISTS:
            raise
        client[database].command("updateUser", user, **fields)


def main(argv: list[str] | None = None) -> int:
    """Do one of the two."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=["secrets", "mongodb"])
    parser.add_argument("--host", default="mongodb:27017", help="where mongod is")
    parser.add_argument("--mongodb-dir", type=Path, default=Path("/secrets/mongodb"))
    parser.add_argument("--setup-dir", type=Path, default=Path("/secrets/setup"))
    parser.add_argument("--csms-dir", type=Path, default=Path("/secrets/csms"))
    parser.add_argument("--mongodb-owner", type=int, default=999)
    parser.add_argument("--csms-owner", type=int, default=10001)
    args = parser.parse_args(argv)
    try:
        (make_secrets if args.step == "secrets" else set_up_mongodb)(args)
    except (OSError, PyMongoError) as error:
        print(f"compose_setup {args.step}: {error}", file=sys.stderr)
        return 1
    print(f"{args.step}: done")
    return 0


if __name__ == "__main__":
    sys.exit(main())
