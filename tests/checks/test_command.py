"""`csms check --production`: each risk fails it, and without them it passes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from csms import cli, db
from csms.certificates.backup import NOTE_FILE
from csms.checks import addresses, database
from csms.checks.finding import Level
from csms.config import Settings
from csms.domain.api_token import Role
from csms.repositories.api_tokens import ApiTokens
from tests.conftest import DATABASE

STRONG = "9f2c41d07be3586aa1f40c7d93e2b86f"
Check = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
def environment(
    tmp_path: Path, mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """A set-up with nothing wrong but MongoDB's version, which is not looked at here."""
    issued = trustme.CA().issue_cert("localhost")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    (tmp_path / "both.pem").chmod(0o600)
    monkeypatch.setattr(database, "has_ended", lambda version, today: False)
    monkeypatch.setattr(database, "advice", lambda version, today, is_embedded: [])
    return {
        "CSMS_MONGODB_URI": mongodb_uri, "CSMS_MONGODB_DATABASE": DATABASE,
        "CSMS_DATA_DIR": str(tmp_path), "CSMS_ADMIN_TOKEN": STRONG,
        "CSMS_TLS_CERT": str(tmp_path / "both.pem"), "CSMS_TLS_KEY": str(tmp_path / "both.pem"),
    }  # fmt: skip


@pytest.fixture
def check(
    environment: dict[str, str],
    database: db.Database,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Check:
    """Run the command; returns the exit status and what it said."""

    async def run(*options: str, **changed: str | None) -> tuple[int, str]:
        for name, value in {**environment, **changed}.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        capsys.readouterr()
        status = await asyncio.to_thread(cli.main, ["check", *options])
        return status, capsys.readouterr().out

    return run


async def fails_in_production_alone(check: Check, named: str, **changed: str | None) -> str:
    """The finding is a warning, and a failure with --production; returns what that said."""
    status, said = await check(**changed)
    assert status == 0 and named in said and "FAILED" not in said, said
    status, said = await check("--production", **changed)
    assert status == 1, said
    [failed] = [line for line in said.splitlines() if "FAILED" in line]
    assert named in failed
    lines = said.splitlines()
    assert "remedy: " in lines[lines.index(failed) + 1]
    assert lines[-1] == "1 finding against production"
    return said


@pytest.mark.gen_test
async def test_a_good_set_up_passes(check: Check) -> None:
    status, said = await check("--production")
    assert (status, said.splitlines()[-1]) == (0, "no findings against production")


@pytest.mark.gen_test
async def test_plain_http(check: Check) -> None:
    plain: dict[str, str | None] = {"CSMS_TLS_CERT": None, "CSMS_TLS_KEY": None}
    await fails_in_production_alone(check, "over plain HTTP", **plain)
    status, said = await check("--production", **plain, CSMS_HOST="127.0.0.1")
    assert status == 0, said


@pytest.mark.gen_test
async def test_bare_records(check: Check, database: db.Database) -> None:
    await database.charge_points.insert_many(
        [
            {"_id": "BARE", "isWhitelisted": True},
            {"_id": "HAS-A-KEY", "isWhitelisted": True, "authorizationKeyHash": "..."},
            {"_id": "HAS-A-PROFILE", "isWhitelisted": True, "securityProfile": 3},
            {"_id": "MAY-NOT-CONNECT", "isWhitelisted": False},
        ]
    )
    said = await fails_in_production_alone(check, "1 can be played by anybody")
    assert "BARE" in said and "HAS-A" not in said and "MAY-NOT" not in said
    # Nobody is let in without credentials any more, but where a record says so.
    status, said = await check("--production", CSMS_REQUIRE_CREDENTIALS="true")
    assert status == 0, said
    bare = {"_id": "BARE"}
    await database.charge_points.update_one(bare, {"$set": {"requireCredentials": False}})
    await fails_in_production_alone(
        check, "1 can be played by anybody", CSMS_REQUIRE_CREDENTIALS="true"
    )
    await database.charge_points.update_one(bare, {"$set": {"requireCredentials": True}})
    status, said = await check("--production", CSMS_REQUIRE_CREDENTIALS="false")
    assert status == 0, said


@pytest.mark.gen_test
async def test_the_first_token(check: Check, database: db.Database, tmp_path: Path) -> None:
    tokens = ApiTokens(database, lambda: datetime.now(UTC))
    token = await tokens.ensure_first(None)
    assert token is not None
    (tmp_path / "admin-token").write_text(token)
    (tmp_path / "admin-token").chmod(0o600)
    said = await fails_in_production_alone(
        check, "the first token is in use", CSMS_ADMIN_TOKEN=None
    )
    assert token not in said
    await tokens.create("somchai", Role.ADMIN, created_by="csms token")
    [first] = [record["_id"] for record in await tokens.list() if record["name"] == "first"]
    assert first in said
    await tokens.revoke(first)
    status, said = await check("--production", CSMS_ADMIN_TOKEN=None)
    assert status == 0 and "holds a token of no use any more" in said


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("token", "named"),
    [
        ("correct horse battery staple", "can be guessed"),
        ("a-token-of-twenty-characters-or-more", "is one of an example"),
    ],
)
async def test_weak_tokens(check: Check, token: str, named: str) -> None:
    said = await fails_in_production_alone(check, named, CSMS_ADMIN_TOKEN=token)
    assert token not in said


@pytest.mark.gen_test
async def test_a_stored_token_of_an_example(check: Check, database: db.Database) -> None:
    tokens = ApiTokens(database, lambda: datetime.now(UTC))
    await tokens.ensure_first("a-token-of-twenty-characters-or-more")
    await fails_in_production_alone(check, "is one of an example", CSMS_ADMIN_TOKEN=None)


@pytest.mark.gen_test
async def test_no_backup_of_the_authority(check: Check, tmp_path: Path) -> None:
    data = ["--data-dir", str(tmp_path / "data")]
    folder = tmp_path / "data" / "ca"
    (tmp_path / "passphrase").write_text("correct horse battery staple")
    changed = {"CSMS_DATA_DIR": str(tmp_path / "data")}

    def back_up(file: str) -> int:
        passphrase = ["--passphrase-file", str(tmp_path / "passphrase")]
        return cli.main(["ca", "backup", str(tmp_path / file), *passphrase, *data])

    assert cli.main(["ca", "init", *data]) == 0
    await fails_in_production_alone(check, "its key has no backup", **changed)
    assert back_up("one.p12") == 0
    status, said = await check("--production", **changed)
    assert status == 0 and "as one.p12" in said
    # Another authority with the old one's note.
    note = (folder / NOTE_FILE).read_bytes()
    for path in folder.iterdir():
        path.unlink()
    assert cli.main(["ca", "init", *data]) == 0
    (folder / NOTE_FILE).write_bytes(note)
    await fails_in_production_alone(check, "is of another key", **changed)


@pytest.mark.gen_test
async def test_remedies_reach_what_was_checked(check: Check, tmp_path: Path) -> None:
    """A command that is copied from a remedy finds the installation of the config file."""
    config, file = tmp_path / "csms.toml", tmp_path / "one.p12"
    config.write_text(f'data_dir = "{tmp_path / "of-config"}"\n')
    assert cli.main(["ca", "init", "--config", str(config)]) == 0
    _, said = await check("--config", str(config), CSMS_DATA_DIR=None)
    [remedy] = [line.split() for line in said.splitlines() if "ca backup FILE" in line]
    words = remedy[remedy.index("csms") + 1 : remedy.index("with")]
    words = [word.rstrip(",").replace("FILE", str(file)) for word in words]
    (tmp_path / "passphrase").write_text("correct horse battery staple")
    assert cli.main([*words, "--passphrase-file", str(tmp_path / "passphrase")]) == 0
    _, said = await check("--config", str(config), CSMS_DATA_DIR=None)
    assert "as one.p12" in said


@pytest.mark.gen_test
async def test_files_that_others_read(
    check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from csms.checks import secret_files

    # The folders of a test are closed to others, which is protection enough.
    status, _ = await check("--production")
    assert status == 0
    (tmp_path / "both.pem").chmod(0o644)
    status, _ = await check("--production")
    assert status == 0
    monkeypatch.setattr(secret_files, "_is_reachable", lambda path: True)
    await fails_in_production_alone(check, "can be read by every user")


@pytest.mark.gen_test
async def test_a_database_that_does_not_run_is_not_vouched_for(
    check: Check, tmp_path: Path
) -> None:
    changed: dict[str, str | None] = {"CSMS_MONGODB_URI": None, "CSMS_DATA_DIR": str(tmp_path)}
    await fails_in_production_alone(check, "not running", **changed)


def test_a_mongodb_that_has_ended_is_a_risk_and_the_embedded_one_a_note() -> None:
    today = date(2026, 6, 1)
    [ended] = database.mongodb_version("6.0.5", today, is_embedded=False)
    assert ended.level is Level.RISK and "6.0.5" in ended.text and "8.0" in ended.remedy
    [embedded] = database.mongodb_version("8.0.4", today, is_embedded=True)
    assert embedded.level is Level.NOTE and "small sites" in embedded.text
    assert list(database.mongodb_version("8.0.4", today, is_embedded=False)) == []


def test_a_database_without_a_password_is_a_risk() -> None:
    [found] = database.password("mongodb://db1,db2/?replicaSet=csms")
    assert found.level is Level.RISK
    [embedded] = database.password("mongodb://127.0.0.1:1/", is_embedded=True)
    assert "csms serve" in embedded.remedy
    assert list(database.password("mongodb://csms:secret@db1/?replicaSet=csms")) == []
    assert list(database.password("mongodb://db1/?authMechanism=MONGODB-X509")) == []


TLS: dict[str, Any] = {"tls_cert": Path("cert.pem"), "tls_key": Path("key.pem")}


@pytest.mark.parametrize(
    ("settings", "levels", "named"),
    [
        ({}, ["risk"], "set tls_cert"),
        ({"host": "10.0.0.1"}, ["risk"], "set tls_cert"),
        ({"host": "localhost"}, ["fine"], ""),
        ({"trust_proxy_headers": ["10.0.4.1"]}, ["note"], "nobody but the proxy"),
        ({"trust_proxy_headers": ["127.0.0.1", "::1"]}, ["risk"], "set host = 127.0.0.1"),
        ({"trust_proxy_headers": ["127.0.0.1"], "host": "127.0.0.1"}, ["fine"], ""),
        ({**TLS, "tls_port": 9443, "trust_proxy_headers": ["127.0.0.1"]}, ["note"], "nobody but"),
        (TLS, ["fine"], ""),
        ({**TLS, "tls_port": 9443}, ["risk"], "leave tls_port out"),
        ({**TLS, "admin_port": 9001, "admin_tls": False}, ["risk"], "admin_host = 127.0.0.1"),
        ({**TLS, "admin_port": 9001, "admin_tls": False, "admin_host": "::1"}, ["fine"], ""),
        ({**TLS, "metrics_port": 9100}, ["risk"], "metrics_host = 127.0.0.1"),
        ({**TLS, "metrics_port": 9100, "metrics_host": "127.0.0.1"}, ["fine"], ""),
        ({"admin_port": 9001}, ["risk", "risk"], "set tls_cert"),
    ],
)
def test_which_addresses_are_open(settings: dict[str, Any], levels: list[str], named: str) -> None:
    found = list(addresses.plain_http(Settings(**settings)))
    assert [finding.level for finding in found] == levels
    assert named in found[0].remedy


@pytest.mark.parametrize(
    ("settings", "levels"),
    [
        ({}, []),
        ({"public_url": "https://cs.example.org"}, []),
        ({"public_url": "http://cs.example.org"}, ["risk"]),
        ({"admin_port": 9001}, ["note"]),
        ({"admin_port": 9001, "public_url": "https://cs.example.org"}, []),
    ],
)
def test_urls_for_charge_points(settings: dict[str, Any], levels: list[str]) -> None:
    found = addresses.public_url(Settings(**settings))
    assert [finding.level for finding in found] == levels
