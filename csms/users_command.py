"""`csms user`: who may sign in to the admin pages."""

from __future__ import annotations

import argparse
import getpass
import sys
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from csms import db
from csms.config import Settings
from csms.domain.api_token import Role
from csms.domain.user import NewUser, UserPatch, fold
from csms.errors import FieldError, InvalidInput
from csms.repositories.audit import Audit, on_command_line
from csms.repositories.sessions import Sessions
from csms.repositories.users import Users

M = TypeVar("M", bound=BaseModel)


def add_arguments(parser: argparse.ArgumentParser) -> Any:
    """Add the actions; returns them, for what all actions on the database have in common."""
    actions = parser.add_subparsers(required=True, dest="user_action", metavar="ACTION")
    create = actions.add_parser("create", help="make a user; asks for the password")
    create.add_argument("name")
    create.add_argument("--role", choices=[role.value for role in Role], default="viewer")
    password = actions.add_parser("password", help="set a user's password")
    password.add_argument("name")
    delete = actions.add_parser("delete", help="remove a user")
    delete.add_argument("name")
    actions.add_parser("list", help="list the users")
    return actions


async def run(settings: Settings, uri: str, args: argparse.Namespace) -> int:
    """Do what was asked.

    Raises:
        InvalidInput: the name or the password breaks its rule.
        NotFound, Duplicate, LastAdmin: as they say.
    """
    client = db.connect(settings, uri)
    database = client[settings.mongodb_database]

    def now() -> datetime:
        return datetime.now(UTC)

    users = Users(database, now)
    sessions = Sessions(
        database,
        now,
        timedelta(hours=settings.session_hours),
        timedelta(days=settings.session_max_days),
    )
    audit = Audit(database)
    try:
        if args.user_action == "list":
            for record in await users.list():
                print(f"{record['role']:8}  {record['name']}")
            return 0
        if args.user_action == "create":
            new = _checked(NewUser, name=args.name, password=_ask_password(), role=args.role)
            await users.create(new.name, new.password, new.role, "csms user")
            await audit.record(on_command_line("csms user create", new.name), now())
            print(f"made {new.name}, role {new.role}")
            return 0
        if args.user_action == "password":
            patch = _checked(UserPatch, password=_ask_password())
            await users.change(args.name, patch)
        else:
            await users.delete(args.name)
        await sessions.end_all("user", fold(args.name))
        entry = on_command_line(f"csms user {args.user_action}", args.name)
        await audit.record(entry, now())
        is_password = args.user_action == "password"
        print("changed; sessions that were open have ended" if is_password else "removed")
    finally:
        users.passwords.close()
        client.close()
    return 0


def _checked(model: type[M], **fields: str) -> M:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        found = (FieldError(str(problem["loc"][0]), problem["msg"]) for problem in problems)
        raise InvalidInput(*found) from None


def _ask_password() -> str:
    """From the terminal, twice; or one line of standard input, for scripts."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    while True:
        password = getpass.getpass("Password: ")
        if password == getpass.getpass("Once more: "):
            return password
        print("These differ; try again.")
