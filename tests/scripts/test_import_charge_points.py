"""The script for import, as a person starts it."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.system import ADMIN_TOKEN, System

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "import_charge_points.py"
EXAMPLE = ROOT / "config" / "fleet-example.csv"


def run(*command: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        encoding="utf-8",
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **env},
        timeout=60,
        check=False,
    )


@pytest.mark.gen_test
async def test_imports_the_example(system: System, tmp_path: Path) -> None:
    fleet = tmp_path / "fleet.csv"
    shutil.copy(EXAMPLE, fleet)
    command = (sys.executable, SCRIPT, fleet, "--url", system.http)
    done = await asyncio.to_thread(run, *command, CSMS_TOKEN=ADMIN_TOKEN)
    assert (done.returncode, done.stderr) == (0, "")
    assert "5 created" in done.stdout
    record = await system.record("CP_BKK_001")
    assert record["name"] == "สถานีทดสอบบางนา"
    again = await asyncio.to_thread(run, *command, CSMS_TOKEN=ADMIN_TOKEN)
    assert "5 unchanged" in again.stdout


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone, of which nothing is installed."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(SCRIPT, tmp_path / "scripts")
    return tmp_path / "scripts" / SCRIPT.name


def test_says_what_to_do_where_nothing_is_installed(clone: Path) -> None:
    done = run(sys.executable, "-S", "-I", clone, "fleet.csv")
    assert done.returncode == 2
    assert "scripts/run" in done.stderr


def test_takes_the_python_of_the_environment_beside_it(clone: Path) -> None:
    python = clone.parent.parent / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "venv: $*"\nexit 1\n')
    python.chmod(0o755)
    done = run(sys.executable, "-S", "-I", clone, "fleet.csv", "--dry-run")
    assert done.returncode == 1
    assert done.stdout == f"venv: {clone} fleet.csv --dry-run\n"
