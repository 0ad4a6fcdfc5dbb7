"""Tokens that can be guessed, and the first one, which was on a screen and is in a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from csms import db
from csms.checks.finding import Finding, Level
from csms.checks.remedy import command
from csms.config import Settings
from csms.domain.api_token import hash_token
from csms.domain.token_strength import ENOUGH_BITS, bits_of
from csms.repositories.api_tokens import ENVIRONMENT
from csms.secret_files import secret_names

SUBJECT = "tokens"
SHORTEST = 20
PUBLISHED = (
    "a-token-of-twenty-characters-or-more",
    "test-admin-token",
    "changeme",
    "change-me",
    "admin",
    "secret",
    "password",
    "token",
)
"""Tokens of examples and tests. Of a stored token only the digest is known: it is compared."""

FIRST, MADE_BY_CSMS = "first", "csms"
RANDOM = "`openssl rand -hex 32` prints one that nobody guesses"


def configured_tokens(settings: Settings) -> Iterator[Finding]:
    """Whether tokens in the settings can be guessed."""
    for name in sorted(secret_names(Settings)):
        value = getattr(settings, name)
        if value is None or not name.endswith("_token"):
            continue
        reason = _weakness(value.get_secret_value())
        if reason:
            yield Finding(SUBJECT, f"{name} {reason}", Level.RISK, RANDOM)


def stored_tokens(settings: Settings, records: Sequence[db.Document]) -> Iterator[Finding]:
    """Whether the first token, or one that is published, still opens the door."""
    token_file = settings.data_dir / "admin-token"
    published = {hash_token(token) for token in PUBLISHED}
    first = [one for one in records if _is_first(one)]
    for record in first:
        yield Finding(
            SUBJECT,
            f"the first token is in use (id {record['_id']}): it was made at the first start, and"
            " has been in a terminal or a log, and in a file",
            Level.RISK,
            f"{command(settings, 'token create NAME --role admin')} for each person or program;"
            f" {command(settings, 'token revoke ' + record['_id'])}; rm {token_file}",
        )
    for record in records:
        if record["tokenHash"] in published:
            yield Finding(
                SUBJECT,
                f"the token {record['name']} (id {record['_id']}) is one of an example",
                Level.RISK,
                f"make another, and then: {command(settings, 'token revoke ' + record['_id'])}",
            )
        elif record["_id"] == ENVIRONMENT and settings.admin_token is None:
            yield Finding(
                SUBJECT,
                "there is a configured token, which this check was not given",
                Level.NOTE,
                "run the check with the settings and secrets of csms serve",
            )
    if not first and token_file.exists():
        yield Finding(
            SUBJECT, f"{token_file} holds a token of no use any more", Level.NOTE, "delete it"
        )


def _is_first(record: db.Document) -> bool:
    return (record["name"], record["createdBy"]) == (FIRST, MADE_BY_CSMS)


def _weakness(token: str) -> str:
    if token in PUBLISHED:
        return "is one of an example"
    if len(token) < SHORTEST:
        return f"has fewer than {SHORTEST} characters"
    if bits_of(token) < ENOUGH_BITS:
        return "can be guessed: it is made of words or repeats itself"
    return ""
