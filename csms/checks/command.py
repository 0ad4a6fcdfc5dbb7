"""`csms check`: looks at everything, says what it found, and what to do."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from pydantic import SecretStr

from csms import db
from csms.checks import addresses, database, secret_files, tls, tokens
from csms.checks.finding import Finding, Level
from csms.config import Settings
from csms.embedded_mongod import running_uri
from csms.errors import NoReplicaSet
from csms.mongod_program import find_mongod, mongod_version

WIDTH = 14


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add its own option to the command line."""
    parser.add_argument(
        "--production",
        action="store_true",
        help="fail on what is risky where strangers reach the server",
    )


async def run(settings: Settings, *, production: bool) -> int:
    """Print each finding; returns the exit status, 1 if one of them fails."""
    findings = [Finding("settings", "ok")]
    _say(findings[0], production)
    async for finding in _everything(settings):
        findings.append(finding)
        _say(finding, production)
    failed = sum(finding.fails(production=production) for finding in findings)
    if production:
        print(f"{failed or 'no'} finding{'' if failed == 1 else 's'} against production")
    return 1 if failed else 0


def _say(finding: Finding, production: bool) -> None:
    if finding.fails(production=production):
        mark = "FAILED: "
    else:
        mark = "" if finding.level is Level.FINE else "warning: "
    print(f"{finding.subject:{WIDTH}}{mark}{finding.text}")
    if finding.remedy:
        print(f"{'':{WIDTH}}remedy: {finding.remedy}")


async def _everything(settings: Settings) -> AsyncIterator[Finding]:
    for finding in _set_up(settings):
        yield finding
    async for finding in _mongodb(settings):
        yield finding


def _set_up(settings: Settings) -> Iterable[Finding]:
    """The findings that need no database."""
    return chain(
        tls.tls_files(settings),
        tls.authority(settings),
        addresses.plain_http(settings),
        addresses.public_url(settings),
        tokens.configured_tokens(settings),
        secret_files.readable_by_others(settings),
    )


async def _mongodb(settings: Settings) -> AsyncIterator[Finding]:
    uri = settings.mongodb_uri or running_uri(settings.data_dir)
    is_embedded = settings.mongodb_uri is None
    now = datetime.now(UTC)
    if uri is None:
        mongod = find_mongod(settings.mongod)
        yield Finding(
            "MongoDB",
            f"not running; csms serve will start {mongod}",
            Level.RISK,
            "start csms, then check again: what is in the database was not looked at",
        )
        for finding in database.mongodb_version(
            mongod_version(mongod), now.date(), is_embedded=True
        ):
            yield finding
        return
    plain = uri.get_secret_value() if isinstance(uri, SecretStr) else uri
    try:
        server = db.check_server(plain)
    except NoReplicaSet as error:
        yield Finding("MongoDB", str(error), Level.FAILURE)
        return
    yield Finding("MongoDB", f"ok: {server}")
    version = database.mongodb_version(server.version, now.date(), is_embedded=is_embedded)
    for finding in chain(version, database.password(plain, is_embedded=is_embedded)):
        yield finding
    client: Any = db.connect(settings, plain)
    try:
        async for finding in database.data(settings, client[settings.mongodb_database]):
            yield finding
    finally:
        client.close()
