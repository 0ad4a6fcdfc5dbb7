"""The processes of a run: servers that print where they listen, and load generators."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from csms.mongod_secrets import URI_FILE, read_secret

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
TOKEN = "bench-admin-token-of-many-characters"
Result = dict[str, Any]


@dataclass
class Server:
    """A server under load."""

    process: subprocess.Popen[str]
    port: int
    mongodb: str = ""

    @property
    def url(self) -> str:
        """Where its charge points connect."""
        return f"ws://127.0.0.1:{self.port}/ocpp/1.6"

    def resident_kb(self) -> int:
        """Its resident memory, kB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+)", status)
        assert found is not None
        return int(found[1])


@contextmanager
def _running(command: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    environment = options.pop("env", dict(os.environ))
    environment["PYTHONPATH"] = os.pathsep.join((str(ROOT), str(HERE.parent)))
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        **options,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def baseline(name: str, *args: str) -> Iterator[Server]:
    """A baseline server: echo or stock."""
    with _running(["-m", f"benchmark.{name}", *args]) as process:
        assert process.stdout is not None
        yield Server(process, int(process.stdout.readline()))


@contextmanager
def csms(data_dir: Path, log: Path, **settings: str) -> Iterator[Server]:
    """A whole csms with its own mongod and default settings."""
    environment = {name: v for name, v in os.environ.items() if not name.startswith("CSMS_")}
    environment |= {
        "CSMS_DATA_DIR": str(data_dir),
        "CSMS_HOST": "127.0.0.1",
        "CSMS_PORT": "0",
        "CSMS_ADMIN_TOKEN": TOKEN,
        **{f"CSMS_{name.upper()}": value for name, value in settings.items()},
    }
    with log.open("a") as errors:
        with _running(["-m", "csms", "serve"], env=environment, stderr=errors) as process:
            yield _csms_server(process, data_dir)


def _csms_server(process: subprocess.Popen[str], data_dir: Path) -> Server:
    assert process.stdout is not None
    port = 0
    for line in process.stdout:
        if found := re.search(r"ws://[^:]+:(\d+)/", line):
            port = int(found[1])
        if "admin token" in line:
            return Server(process, port, read_secret(data_dir / URI_FILE))
    raise SystemExit("csms did not start; see its log")


def load(what: str, url: str, **options: Any) -> Result:
    """Run a load generator to its end; returns what it found."""
    with generator(what, url, **options) as process:
        assert process.stdout is not None
        result: Result = json.loads(process.stdout.readline())
        return result


@contextmanager
def generator(what: str, url: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A load generator that runs on."""
    args = []
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        args += [option.replace("--", "--no-")] if value is False else [option, str(value)]
    with _running(["-m", "benchmark.load", what, url, *args]) as process:
        yield process
