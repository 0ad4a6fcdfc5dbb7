"""What runs as MongoDB, and what is wrong in the data."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime

from csms import db
from csms.checks.finding import Finding, Level
from csms.checks.tokens import stored_tokens
from csms.config import Settings
from csms.mongodb_in_use import advice
from csms.mongodb_support import has_ended
from csms.repositories.api_tokens import ApiTokens
from csms.repositories.bare_records import count_bare, let_in, list_bare
from csms.repositories.folded_keys import collisions
from csms.repositories.schema import Schema

NAMED = 5
"""Records that are named; of more only the number is."""


def mongodb_version(version: str, today: date, *, is_embedded: bool) -> Iterator[Finding]:
    """Whether this version still gets security fixes, and whether it is the embedded one."""
    lines = list(advice(version, today, is_embedded=is_embedded))
    if lines:
        level = Level.RISK if has_ended(version, today) else Level.NOTE
        yield Finding("MongoDB", " ".join(lines[:-1]).rstrip(":"), level, lines[-1])


def password(uri: str, *, is_embedded: bool = False) -> Iterator[Finding]:
    """Whether csms shows MongoDB a password or a certificate."""
    if "@" not in uri and "authMechanism" not in uri:
        yield Finding(
            "MongoDB",
            "is used without a password: who reaches it reads and changes everything",
            Level.RISK,
            "start csms serve: it starts this MongoDB anew, with a password"
            if is_embedded
            else "start mongod with --keyFile, make a user, and name it in CSMS_MONGODB_URI",
        )


async def data(settings: Settings, database: db.Database) -> AsyncIterator[Finding]:
    """What is wrong in the data.

    Raises:
        DatabaseUnavailable: MongoDB did not answer.
    """
    state = await Schema(database).state()
    yield Finding("schema", str(state), Level.FAILURE if state.is_too_new else Level.FINE)
    for collision in await collisions(database["charge_points"]):
        yield Finding(
            "charge points",
            f"{collision}: the same without case and normal form",
            Level.NOTE,
            "change or delete one of the two",
        )
    async for finding in bare_records(settings, database):
        yield finding
    for finding in stored_tokens(
        settings, await ApiTokens(database, lambda: datetime.now(UTC)).list()
    ):
        yield finding


async def bare_records(settings: Settings, database: db.Database) -> AsyncIterator[Finding]:
    """Charge points that anybody can be who knows their identity.

    Raises:
        DatabaseUnavailable: MongoDB did not answer.
    """
    open_to_all = let_in(required_by_default=settings.require_credentials)
    count = await count_bare(database["charge_points"], open_to_all)
    if count == 0:
        yield Finding("charge points", "each needs a key or a certificate")
        return
    names = ", ".join(await list_bare(database["charge_points"], NAMED, open_to_all))
    more = f" and {count - NAMED} more" if count > NAMED else ""
    yield Finding(
        "charge points",
        f"{count} can be played by anybody who knows the identity: {names}{more}",
        Level.RISK,
        "give each an authorizationKey, or a securityProfile above 0; require_credentials turns"
        " away those that have neither",
    )
