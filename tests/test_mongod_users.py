"""Who may do what on the embedded mongod: nobody without a password, analysts read."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pymongo
import pytest
from _pytest.mark.structures import ParameterSet
from pymongo.errors import OperationFailure

from csms import analyst_role, db, embedded_mongod
from csms.embedded_mongod import EmbeddedMongod, free_port, running_uri
from csms.mongod_program import find_mongod, mongod_command, mongod_environment
from csms.mongod_secrets import (
    ANALYST_URI_FILE,
    URI_FILE,
    UriLost,
    key_path,
    password_in,
    read_secret,
)
from csms.mongod_state import HOST, REPLICA_SET, MongodState, connect

Client = pymongo.MongoClient[dict[str, Any]]

FILES = (URI_FILE, ANALYST_URI_FILE, "mongod.key")
UNAUTHORIZED = 13

STEPS = (
    ("embedded_mongod", "make_key", 1),
    ("embedded_mongod", "listens", 1),
    ("embedded_mongod", "_make_primary", 1),
    ("mongod_users", "_make_user", 1),
    ("mongod_users", "keep_secret", 1),
    ("mongod_users", "_make_role", 1),
    ("mongod_users", "_make_user", 2),
    ("mongod_users", "keep_secret", 2),
)
"""Of a first start, each with the function that does it and which of its calls it is."""

DIES_AFTER = """
import importlib, os, signal, sys
from pathlib import Path
from csms.embedded_mongod import EmbeddedMongod

folder, module, name, left = sys.argv[1:]
module, left = importlib.import_module("csms." + module), int(left)
step = getattr(module, name)

def die_after(*args, **options):
    global left
    result = step(*args, **options)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(module, name, die_after)
EmbeddedMongod(Path(folder), cache_gb=0.25).start()
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data directory; no mongod of it outlives the test."""
    path = tmp_path / "data"
    yield path
    state = MongodState.read(path)
    if state is not None and state.is_alive(path):
        os.kill(state.pid, signal.SIGKILL)


def long(*values: Any) -> ParameterSet:
    """A case that starts several mongods, and has a sibling that is run each time."""
    return pytest.param(*values, marks=pytest.mark.long)


def mongod_on(data_dir: Path) -> EmbeddedMongod:
    return EmbeddedMongod(data_dir, cache_gb=0.25)


def client(uri: str) -> Client:
    return Client(uri, serverSelectionTimeoutMS=5_000)


def refused(work: Callable[[], Any]) -> bool:
    """Whether MongoDB refuses it for want of rights."""
    try:
        work()
    except OperationFailure as error:
        return error.code == UNAUTHORIZED
    return False


def is_closed(data_dir: Path) -> bool:
    """Whether the mongod refuses who has no password."""
    state = MongodState.read(data_dir)
    assert state is not None
    with connect(state.port) as anonymous:
        admin = anonymous.admin
        return all(
            refused(work)
            for work in (
                lambda: anonymous.csms.charge_points.find_one(),
                lambda: admin.command("createUser", "me", pwd="mine", roles=["root"]),
                lambda: admin.command("replSetReconfig", {}, force=True),
                lambda: anonymous.list_database_names(),
                lambda: admin.command("shutdown", force=True),
            )
        )


def works(data_dir: Path, uri: str) -> bool:
    """Whether everything is as a start should leave it."""
    with client(uri) as own, client(read_secret(data_dir / ANALYST_URI_FILE)) as analyst:
        own.csms.charge_points.insert_one({"name": "new"})
        modes = {stat.S_IMODE((data_dir / name).stat().st_mode) for name in FILES}
        read = analyst.csms.charge_points.find_one({"name": "new"}) is not None
        return read and modes == {0o600} and running_uri(data_dir) == uri and is_closed(data_dir)


def test_nobody_gets_in_without_a_password(data_dir: Path) -> None:
    with mongod_on(data_dir) as uri:
        assert works(data_dir, uri)


def test_nor_while_there_are_no_users_yet(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    for name in ("_make_primary", "make_users"):
        step = getattr(embedded_mongod, name)

        def look_first(*args: Any, step: Callable[..., Any] = step) -> Any:
            seen.append(is_closed(data_dir))
            return step(*args)

        monkeypatch.setattr(embedded_mongod, name, look_first)
    with mongod_on(data_dir) as uri:
        assert works(data_dir, uri)
    assert len(seen) >= 2 and all(seen)


def test_secrets_are_in_files_of_their_owner_alone(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir.mkdir(mode=0o755)
    monkeypatch.setenv("CSMS_ADMIN_TOKEN", "a-token-in-the-environment")
    with mongod_on(data_dir):
        state = MongodState.read(data_dir)
        assert state is not None
        process = Path(f"/proc/{state.pid}")
        shown = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
        shown += (data_dir / "mongod.log").read_bytes() + (data_dir / "mongod.json").read_bytes()
        secrets = [read_secret(key_path(data_dir)), "a-token-in-the-environment"]
        secrets += [str(password_in(data_dir / name)) for name in (URI_FILE, ANALYST_URI_FILE)]
        assert [secret for secret in secrets if secret.encode() in shown] == []
        assert min(len(secret) for secret in secrets) > 20 and len(set(secrets)) == 4
        for name, mode in {".": 0o700, "mongodb": 0o700, "mongod.log": 0o600}.items():
            assert stat.S_IMODE((data_dir / name).stat().st_mode) == mode
        assert list(Path("/tmp").glob(f"mongodb-{state.port}.sock")) == []


def test_a_directory_with_other_things_in_it_is_not_closed_but_for_the_secrets(
    tmp_path: Path,
) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "of somebody else").touch()
    with mongod_on(tmp_path) as uri:
        assert works(tmp_path, uri)
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
        assert stat.S_IMODE((tmp_path / "mongodb").stat().st_mode) == 0o700


def test_an_analyst_reads_what_is_named_and_nothing_else(data_dir: Path) -> None:
    assert set(analyst_role.COLLECTIONS) < set(db.INDEXES)
    with mongod_on(data_dir) as uri, client(uri) as own:
        for name in db.INDEXES:
            own.csms[name].insert_one({"_id": 1})
        own.other.meter_values.insert_one({"_id": 1})
        with client(read_secret(data_dir / ANALYST_URI_FILE)) as analyst:
            data = analyst.get_default_database()
            assert data.name == "csms"
            readable = {
                name for name in db.INDEXES if not refused(lambda name=name: data[name].find_one())
            }
            assert readable == set(analyst_role.COLLECTIONS)
            assert set(data.list_collection_names()) >= readable
            assert data.meter_values.index_information() and data.command(
                "collStats", "meter_values"
            )
            hidden = ({"$lookup": {"from": "credentials", "as": "x", "pipeline": []}},)
            for work in (
                lambda: data.meter_values.insert_one({}),
                lambda: data.meter_values.update_one({}, {"$set": {"a": 1}}),
                lambda: data.meter_values.delete_many({}),
                lambda: data.meter_values.aggregate([{"$out": "mine"}]),
                lambda: data.meter_values.drop(),
                lambda: data.meter_values.create_index("a"),
                lambda: data.charge_points.aggregate(list(hidden)),
                lambda: data.charge_points.aggregate([{"$unionWith": "users"}]),
                lambda: data.command("usersInfo", {"user": "csms", "db": "admin"}),
                lambda: data.charge_points.watch().try_next(),
                lambda: analyst.other.meter_values.find_one(),
                lambda: analyst.local["oplog.rs"].find_one(),
                lambda: analyst.admin["system.users"].find_one(),
                lambda: analyst.config.transactions.find_one(),
                lambda: data.command("updateUser", "analyst", roles=["dbOwner"]),
                lambda: analyst.admin.command("getCmdLineOpts"),
            ):
                assert refused(work)


def test_each_start_brings_the_role_up_to_date(data_dir: Path) -> None:
    with mongod_on(data_dir) as uri, client(uri) as own:
        too_much = [{"role": "readWrite", "db": "csms"}]
        own.csms.command("updateRole", analyst_role.ROLE, privileges=[], roles=too_much)
        own.csms.users.insert_one({})
    with mongod_on(data_dir) as uri:
        assert works(data_dir, uri)
        with client(read_secret(data_dir / ANALYST_URI_FILE)) as analyst:
            assert refused(lambda: analyst.csms.users.find_one())
            assert refused(lambda: analyst.csms.charge_points.insert_one({}))


def test_the_example_in_the_readme_works_as_an_analyst(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    [example] = [
        block.partition("```")[0]
        for block in readme.split("```python\n")[1:]
        if ANALYST_URI_FILE in block.partition("```")[0]
    ]
    sample = {"measurand": "Energy.Active.Import.Register", "phase": None, "value": 1234.5}
    reading = {
        "chargePointId": "SIM-00001",
        "connectorId": 1,
        "timestamp": datetime(2026, 11, 23, 12, tzinfo=UTC),
        "sampledValue": [sample],
        "flags": [],
    }
    folder = data_dir.with_name("csms-data")
    monkeypatch.chdir(folder.parent)
    with mongod_on(folder) as uri:
        with client(uri) as own:
            own.csms.meter_values.insert_one(reading)
        known: dict[str, Any] = {}
        exec(example, known)
        known["db"].client.close()
    assert "1234.5 Wh" in capsys.readouterr().out


def left_over_of_0_2_0(data_dir: Path) -> tuple[MongodState, subprocess.Popen[bytes]]:
    """A mongod without a password, and the state of it as version 0.2.0 and before wrote it."""
    data = data_dir / "mongodb"
    data.mkdir(parents=True)
    port = free_port()
    process = subprocess.Popen(
        mongod_command(find_mongod(None), port, data, 0.25),
        stdout=subprocess.DEVNULL,
        env=mongod_environment(),
    )
    with Client(HOST, port, directConnection=True, serverSelectionTimeoutMS=60_000) as own:
        members = [{"_id": 0, "host": f"{HOST}:{port}"}]
        own.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
    with client(f"mongodb://{HOST}:{port}/?replicaSet={REPLICA_SET}") as own:
        own.csms.charge_points.insert_one({"_id": "kept"})
    (data_dir / "mongod.json").write_text(f'{{"pid": {process.pid}, "port": {port}}}')
    (data_dir / "mongod.port").write_text(str(port))
    return MongodState(process.pid, port), process


@pytest.mark.parametrize("runs", [True, long(False)])
def test_data_of_before_there_were_passwords_opens_unaided(data_dir: Path, runs: bool) -> None:
    left_over, process = left_over_of_0_2_0(data_dir)
    if not runs:
        process.terminate()
        process.wait()
    with mongod_on(data_dir) as uri:
        assert left_over.has_ended()
        assert works(data_dir, uri)
        with client(uri) as own:
            assert own.csms.charge_points.find_one({"_id": "kept"})
    process.wait()


@pytest.mark.parametrize("lost", [(URI_FILE,), long(("mongod.key",)), long(FILES)])
def test_lost_files_are_written_anew(data_dir: Path, lost: tuple[str, ...]) -> None:
    mongod = mongod_on(data_dir)
    mongod.start()
    before = [read_secret(data_dir / name) for name in lost]
    mongod._lock.close()  # type: ignore[union-attr]
    for name in lost:
        (data_dir / name).unlink()
    # It still runs, and is taken over if it can be.
    with mongod_on(data_dir) as uri:
        assert works(data_dir, uri)
        assert [read_secret(data_dir / name) for name in lost] != before
    mongod._child.wait()  # type: ignore[union-attr]
    for name in lost:
        (data_dir / name).write_text("damaged\n")
        (data_dir / name).chmod(0o644)
    with mongod_on(data_dir) as uri:
        assert works(data_dir, uri)


def test_a_lost_uri_of_a_mongod_that_runs_is_named_with_the_remedy(data_dir: Path) -> None:
    with mongod_on(data_dir):
        (data_dir / URI_FILE).unlink()
        with pytest.raises(UriLost, match="stop csms serve and start it again"):
            running_uri(data_dir)


@pytest.mark.parametrize(
    ("step", "with_mongod"),
    [
        *(long(step, False) for step in STEPS if step not in (STEPS[3], STEPS[-1])),
        (STEPS[3], False),
        (STEPS[-1], False),
        (STEPS[2], True),
        long(STEPS[3], True),
    ],
)
def test_a_first_start_that_is_killed_is_gone_on_with(
    data_dir: Path, step: tuple[str, str, int], with_mongod: bool
) -> None:
    module, name, call = step
    arguments = [str(data_dir), module, name, str(call)]
    killed = subprocess.run([sys.executable, "-c", DIES_AFTER, *arguments], check=False)
    assert killed.returncode == -signal.SIGKILL
    left_over = MongodState.read(data_dir)
    if with_mongod and left_over is not None:
        os.kill(left_over.pid, signal.SIGKILL)
    with mongod_on(data_dir) as uri:
        assert works(data_dir, uri)
