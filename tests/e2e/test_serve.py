"""`csms serve` as a process of its own: started, killed, started again, stopped."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pymongo import MongoClient

from csms.cli import main
from csms.embedded_mongod import free_port, running_uri
from csms.mongod_program import find_mongod, mongod_command, mongod_environment
from csms.mongod_secrets import ANALYST_URI_FILE, read_secret
from csms.mongod_state import HOST, REPLICA_SET
from tests.e2e.test_messages import metering
from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import Client

SETTINGS = {
    "CSMS_HOST": "127.0.0.1",
    "CSMS_PORT": "0",
    "CSMS_NODE_ID": "node",
    "CSMS_MONGOD_CACHE_GB": "0.25",
    "CSMS_METER_VALUES_MB": "4",
    "CSMS_MAX_STORED_SHARE": "0",
}


class Process:
    """A running `csms serve`, and what it has said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = ""

    async def ready(self) -> Client:
        """Wait for the lines that say where everything is."""
        assert self.process.stdout is not None
        while "admin token" not in self.said:
            line = await asyncio.wait_for(self.process.stdout.readline(), 30)
            assert line, f"csms ended: {self.said}"
            self.said += line.decode()
        found = re.search(r"http://127\.0\.0\.1:\d+", self.said)
        assert found is not None
        return Client(found[0])

    async def logs(self, event: str) -> None:
        """Wait for an event in the log."""
        assert self.process.stderr is not None
        async with asyncio.timeout(60):
            while event not in (await self.process.stderr.readline()).decode():
                assert not self.process.stderr.at_eof(), f"csms ended without {event}"

    async def end(self, number: signal.Signals) -> int:
        """Send a signal, and wait for the end."""
        self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), 30)


@asynccontextmanager
async def serve(
    data_dir: Path, *prefix: str, stdout: int = asyncio.subprocess.PIPE
) -> AsyncIterator[Process]:
    """Run it; `prefix` is a command line that runs another."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CSMS_")}
    process = await asyncio.create_subprocess_exec(
        *prefix, sys.executable, "-m", "csms", "serve", "--data-dir", str(data_dir),
        env=environment | SETTINGS, stdout=stdout, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Process(process)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


@pytest.mark.gen_test(timeout=90)
async def test_a_life_with_a_violent_death_in_it(tmp_path: Path) -> None:
    data_dir = tmp_path / "ข้อมูล csms"
    async with serve(data_dir) as first:
        client = await first.ready()
        token = (data_dir / "admin-token").read_text().strip()
        # Nobody looks at this output as it comes: it may be a log that others can read.
        assert token not in first.said and str(data_dir / "admin-token") in first.said
        assert (data_dir / "admin-token").stat().st_mode & 0o777 == 0o600
        status, _ = await client.rest(
            "POST", "/admin/charge-points", {"id": "CP1", "chargePointIdentity": "CP1"}, token=token
        )
        assert status == 201
        charge_point = await ScriptedChargePoint.connect(client.ocpp, "CP1")
        await charge_point.boot()
        await charge_point.call("MeterValues", metering("1"))
        await first.end(signal.SIGKILL)
        await charge_point.close()
    left_over = running_uri(data_dir)
    assert left_over is not None

    async with serve(data_dir) as second:
        client = await second.ready()
        # No terminal: the file is named, and has the URI of before.
        assert "mongodb://" not in second.said and str(data_dir / ANALYST_URI_FILE) in second.said
        assert "is for evaluation and small sites" in second.said
        assert running_uri(data_dir) == left_over
        assert token not in second.said
        _, record = await client.rest("GET", "/admin/charge-points/CP1", token=token)
        assert record["connected"] is False and record["registrationStatus"] == "Accepted"
        _, page = await client.rest("GET", "/admin/meter-values", token=token)
        assert len(page["items"]) == 1
        charge_point = await ScriptedChargePoint.connect(client.ocpp, "CP1")
        assert await charge_point.call("Heartbeat", {})
        assert await second.end(signal.SIGTERM) == 0
        assert (await charge_point.closed())[0] == 1012
        await charge_point.close()
    assert running_uri(data_dir) is None


@pytest.mark.gen_test(timeout=60)
async def test_on_a_terminal_the_uri_for_analysts_is_printed(
    tmp_path: Path,
) -> None:
    ours, theirs = pty.openpty()
    async with serve(tmp_path, stdout=theirs):
        os.close(theirs)
        said = ""
        async with asyncio.timeout(30):
            while "admin token" not in said or not said.endswith("\n"):
                said += (await asyncio.to_thread(os.read, ours, 4096)).decode()
        assert (tmp_path / "admin-token").read_text().strip() in said
        assert read_secret(tmp_path / ANALYST_URI_FILE) in said
        assert running_uri(tmp_path) not in said
    os.close(ours)


@pytest.mark.gen_test(timeout=60)
async def test_with_a_database_of_ones_own_no_mongod_is_started(
    mongodb_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SETTINGS, "CSMS_MONGODB_URI", mongodb_uri)
    monkeypatch.setitem(SETTINGS, "CSMS_MONGODB_DATABASE", "csms_serve")
    monkeypatch.setitem(SETTINGS, "CSMS_ADMIN_TOKEN", "from-the-environment")
    async with serve(tmp_path) as process:
        client = await process.ready()
        assert "from-the-environment" not in process.said
        assert "evaluation" not in process.said and "analysts" not in process.said
        status, _ = await client.rest("GET", "/admin/charge-points", token="from-the-environment")
        assert status == 200
        assert await process.end(signal.SIGINT) == 0
    assert os.listdir(tmp_path) == []
    with MongoClient[dict[str, object]](mongodb_uri) as database:
        database.drop_database("csms_serve")


@pytest.mark.parametrize("name", ["CSMS_ADMIN_TOKEN", "CSMS_METRICS_TOKEN"])
def test_a_short_token_is_refused_with_what_to_do(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    monkeypatch.setenv(name, "nineteen-characters")
    assert main(["serve", "--data-dir", str(tmp_path)]) == 2
    said, errors = capsys.readouterr()
    setting = name.removeprefix("CSMS_").lower()
    assert f"csms: setting {setting}: is too short: set a random text of 20" in errors
    assert "nineteen" not in said + errors


@pytest.mark.gen_test(timeout=90)
async def test_the_first_token_of_workers_is_shown_on_a_terminal(
    tmp_path: Path, mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SETTINGS, "CSMS_MONGODB_URI", mongodb_uri)
    monkeypatch.setitem(SETTINGS, "CSMS_MONGODB_DATABASE", "csms_terminal")
    monkeypatch.setitem(SETTINGS, "CSMS_WORKERS", "2")
    monkeypatch.setitem(SETTINGS, "CSMS_PORT", str(free_port()))
    # script(1) runs it on a terminal, and passes on what that shows.
    command = f"{sys.executable} -m csms serve --data-dir {tmp_path / 'data'}"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CSMS_")}
    process = await asyncio.create_subprocess_exec(
        "script", "-qec", command, "/dev/null", env=environment | SETTINGS,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    said = ""
    while "admin token" not in said:
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        assert line, said
        said += line.decode()
    process.terminate()
    await process.communicate()
    assert (tmp_path / "data" / "admin-token").read_text().strip() in said
    with MongoClient[dict[str, object]](mongodb_uri) as database:
        database.drop_database("csms_terminal")


@pytest.mark.gen_test
async def test_bad_settings_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SETTINGS, "CSMS_PORT", "99999")
    async with serve(tmp_path) as process:
        _, errors = await process.process.communicate()
        assert process.process.returncode == 2
        assert "port" in errors.decode()


@pytest.fixture
def standalone(tmp_path: Path) -> Iterator[str]:
    """The URI of a mongod that is no member of a replica set."""
    port = free_port()
    command = mongod_command(find_mongod(None), port, tmp_path, 0.25)
    place = command.index("--replSet")
    assert command[place + 1] == REPLICA_SET
    del command[place : place + 2]
    with (tmp_path / "mongod.log").open("wb") as log:
        mongod = subprocess.Popen(command, stdout=log, env=mongod_environment())
    # The driver tries for five seconds; a slow machine takes longer to start a mongod.
    with MongoClient[dict[str, object]](HOST, port, serverSelectionTimeoutMS=60_000) as client:
        client.admin.command("ping")
    yield f"mongodb://{HOST}:{port}"
    mongod.terminate()
    mongod.wait()


@pytest.mark.gen_test(timeout=90)
async def test_a_standalone_mongod_is_refused_as_check_says(
    standalone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "MongoDB is no replica set; start mongod with --replSet and initiate it"
    monkeypatch.setitem(SETTINGS, "CSMS_MONGODB_URI", standalone)
    for workers in ("1", "2"):
        monkeypatch.setitem(SETTINGS, "CSMS_WORKERS", workers)
        monkeypatch.setitem(SETTINGS, "CSMS_PORT", str(free_port()))
        async with serve(tmp_path / "data") as process:
            printed, errors = await asyncio.wait_for(process.process.communicate(), 30)
            assert process.process.returncode == 2
            assert errors.decode().splitlines()[-1] == f"csms: {said}"
            assert printed == b""


@pytest.mark.parametrize(
    ("content", "named"),
    [(None, "No such file"), (b"port = 9000\nhost =\n", "line 2"), (b"\xff\xfe", "no TOML")],
)
def test_a_config_file_that_cannot_be_read_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, named: str
) -> None:
    path = tmp_path / "csms.toml"
    if content is not None:
        path.write_bytes(content)
    for command in ("serve", "check"):
        assert main([command, "--config", str(path)]) == 2
        [line] = capsys.readouterr().err.splitlines()
        assert str(path) in line and named in line
