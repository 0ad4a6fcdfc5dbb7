"""The users of the embedded mongod: csms itself, and an analyst who can only read.

Everything here may be interrupted and done again: what is right already is left as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pymongo
from pymongo.errors import OperationFailure

from csms import analyst_role
from csms.mongod_secrets import (
    ANALYST_URI_FILE,
    URI_FILE,
    keep_secret,
    new_password,
    password_in,
)
from csms.mongod_state import MongodState, sign_in, uri_of

Client = pymongo.MongoClient[dict[str, Any]]

USER = "csms"
AUTHENTICATION_FAILED = 18
_ALREADY_EXISTS = 51003
_MECHANISMS = ["SCRAM-SHA-256"]


def make_users(client: Client, state: MongodState, data_dir: Path, database: str) -> None:
    """See that both users exist with the passwords in their files, and that the URIs are right.

    `client` has all rights, `database` is the one that analysts read.

    Raises:
        PyMongoError: it could not be done now.
        OSError: a file could not be written.
    """
    own = _make_user(client, state.port, data_dir / URI_FILE, "admin", USER, ["root"])
    keep_secret(data_dir / URI_FILE, uri_of(state.port, USER, own))
    _make_role(client, database)
    user, roles = analyst_role.USER, [analyst_role.ROLE]
    path = data_dir / ANALYST_URI_FILE
    password = _make_user(client, state.port, path, database, user, roles)
    keep_secret(path, uri_of(state.port, user, password, database))


def _make_user(
    client: Client, port: int, path: Path, database: str, user: str, roles: Sequence[str]
) -> str:
    """See that a user can sign in with the password in a file; returns the password."""
    kept = password_in(path)
    if kept and _can_sign_in(port, database, user, kept):
        return kept
    password = kept or new_password()
    fields: dict[str, Any] = {"pwd": password, "roles": list(roles), "mechanisms": _MECHANISMS}
    try:
        client[database].command("createUser", user, **fields)
    except OperationFailure as error:
        if error.code != _ALREADY_EXISTS:
            raise
        client[database].command("updateUser", user, **fields)
    return password


def _can_sign_in(port: int, database: str, user: str, password: str) -> bool:
    with sign_in(port, user, password, database) as client:
        try:
            client.admin.command("ping")
        except OperationFailure as error:
            if error.code != AUTHENTICATION_FAILED:
                raise
            return False
    return True


def _make_role(client: Client, database: str) -> None:
    wanted = analyst_role.privileges(database)
    found = client[database].command("rolesInfo", analyst_role.ROLE, showPrivileges=True)["roles"]
    if not found:
        client[database].command("createRole", analyst_role.ROLE, privileges=wanted, roles=[])
    elif found[0]["roles"] or not analyst_role.is_same(found[0]["privileges"], wanted):
        client[database].command("updateRole", analyst_role.ROLE, privileges=wanted, roles=[])
