"""What the compose file runs once: secrets for each service, and a MongoDB that asks for them."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from csms import cli, db
from csms.config import Settings
from csms.embedded_mongod import free_port
from csms.mongod_program import find_mongod, mongod_environment

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "compose_setup.py"
KEY, URI, ANALYST_URI, TOKEN = (
    "mongodb/keyfile",
    "csms/csms_mongodb_uri",
    "csms/mongodb-analyst-uri",
    "csms/csms_admin_token",
)


@pytest.fixture
def setup() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compose_setup", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def options(tmp_path: Path, port: int) -> list[str]:
    """The volumes are folders here, and everything is its own owner's."""
    found = ["--host", f"127.0.0.1:{port}"]
    for name in ("mongodb", "setup", "csms"):
        (tmp_path / name).mkdir()
        found += [f"--{name}-dir", str(tmp_path / name)]
    return [*found, "--mongodb-owner", str(os.getuid()), "--csms-owner", str(os.getuid())]


def contents(folder: Path) -> dict[str, str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in paths}


def test_secrets_are_made_once_and_are_their_readers_alone(
    setup: ModuleType, options: list[str], tmp_path: Path
) -> None:
    assert setup.main(["secrets", *options]) == 0
    made = contents(tmp_path)
    assert set(made) == {KEY, "setup/keyfile", URI, ANALYST_URI, TOKEN}
    assert made[KEY] == made["setup/keyfile"] and len(made[KEY].strip()) == 192
    for name in made:
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o400
    assert setup.main(["secrets", *options]) == 0
    assert contents(tmp_path) == made


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_each_secret_is_given_to_its_reader(
    setup: ModuleType, options: list[str], tmp_path: Path
) -> None:
    assert setup.main(["secrets", *options[:-4]]) == 0
    owners = {name: (tmp_path / name).stat().st_uid for name in contents(tmp_path)}
    assert owners == {KEY: 999, "setup/keyfile": 10001, URI: 10001, ANALYST_URI: 10001,
                      TOKEN: 10001}  # fmt: skip


@pytest.fixture
def mongod(setup: ModuleType, options: list[str], tmp_path: Path, port: int) -> Iterator[None]:
    """A mongod as the compose file starts it."""
    assert setup.main(["secrets", *options]) == 0
    (tmp_path / "data").mkdir()
    command = [
        str(find_mongod(None)), "--replSet=csms", "--bind_ip=127.0.0.1", "--auth",
        f"--dbpath={tmp_path / 'data'}", f"--keyFile={tmp_path / KEY}", f"--port={port}",
        "--setParameter=enableLocalhostAuthBypass=false", "--wiredTigerCacheSizeGB=0.25",
        "--nounixsocket",
    ]  # fmt: skip
    with (tmp_path / "mongod.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, env=mongod_environment())
    with MongoClient[dict[str, object]]("127.0.0.1", port, directConnection=True) as client:
        client.admin.command("ping")
    yield
    process.terminate()
    process.wait()


def test_mongodb_is_set_up_and_asks_for_the_passwords(
    setup: ModuleType,
    options: list[str],
    mongod: None,
    tmp_path: Path,
    port: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Again and again, as `compose up` does.
    for _ in range(2):
        assert setup.main(["mongodb", *options]) == 0
    with MongoClient[dict[str, object]]("127.0.0.1", port, directConnection=True) as nobody:
        with pytest.raises(OperationFailure, match="requires authentication"):
            nobody.csms.charge_points.find_one()
        with pytest.raises(OperationFailure):
            nobody.admin.command("createUser", "me", pwd="me", roles=["root"])

    # With its own URI csms makes its collections and indexes, and may do no more than that.
    settings = Settings(heartbeats_mb=1, meter_values_mb=4, boot_notifications_mb=1, messages_mb=1)
    uri = (tmp_path / URI).read_text().strip()

    async def prepare() -> None:
        client = db.connect(settings, uri)
        await db.prepare(client[settings.mongodb_database], settings)
        client.close()

    asyncio.run(prepare())
    with MongoClient[dict[str, object]](uri) as own:
        own.csms.charge_points.insert_one({"_id": "CP1"})
        own.csms.sessions.insert_one({"_id": "S1"})
        create_user = {"createUser": "me", "pwd": "me", "roles": ["root"]}
        for database, command in (("admin", {"replSetGetConfig": 1}), ("csms", create_user)):
            with pytest.raises(OperationFailure, match="not authorized"):
                own[database].command(command)

    with MongoClient[dict[str, object]]((tmp_path / ANALYST_URI).read_text().strip()) as analyst:
        assert analyst.csms.charge_points.find_one() == {"_id": "CP1"}
        for forbidden in (
            lambda: analyst.csms.sessions.find_one(),
            lambda: analyst.csms.charge_points.insert_one({"_id": "CP2"}),
        ):
            with pytest.raises(OperationFailure, match="not authorized"):
                forbidden()

    # csms finds what it needs in the directory that it is given.
    monkeypatch.setenv("CSMS_SECRETS_DIR", str(tmp_path / "csms"))
    capsys.readouterr()
    assert cli.main(["check", "--data-dir", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "replica set csms" in said and "without a password" not in said


def test_a_mongodb_that_is_not_there_is_one_line(
    setup: ModuleType,
    options: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    setup.main(["secrets", *options])
    monkeypatch.setattr(setup, "READY_SECONDS", 0.0)
    monkeypatch.setattr(setup, "SELECTION_MS", 100)
    assert setup.main(["mongodb", *options]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("compose_setup mongodb: ")
