"""What is said of the MongoDB in use, at the start and by `csms check`."""

from __future__ import annotations

import os
import sys
from datetime import date
from pathlib import Path

import pytest

from csms import analyst_role
from csms.cli import main
from csms.embedded_mongod import EmbeddedMongod
from csms.mongodb_in_use import MongodbInUse, SupervisorGone, advice

BEFORE, AFTER = date(2025, 7, 31), date(2025, 8, 1)


def test_a_version_that_has_ended_is_named_with_what_to_do() -> None:
    [what, remedy] = advice("6.0.5", AFTER, is_embedded=False)
    assert "6.0.5 has had no security fixes since 2025-07-31" in what
    assert "8.0 replica set" in remedy and "CSMS_MONGODB_URI" in remedy
    assert advice("6.0.5", BEFORE, is_embedded=False) == []
    assert advice("", AFTER, is_embedded=False) == []


@pytest.mark.parametrize("today", [BEFORE, AFTER])
def test_the_embedded_one_is_for_small_sites_whatever_its_version(today: date) -> None:
    [what, remedy] = advice("6.0.5", today, is_embedded=True)
    assert "for evaluation and small sites" in what
    assert ("no security fixes" in what) is (today == AFTER)
    assert "replica set of your own" in remedy


def test_a_worker_gets_it_over_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    mongodb = MongodbInUse("mongodb://csms:secret@h/", "6.0.5", "mongodb://analyst:x@h/", "f")
    assert "secret" not in repr(mongodb) and "analyst:x" not in repr(mongodb)
    ours, theirs = os.pipe()
    os.write(theirs, mongodb.as_line() + b"later")
    with os.fdopen(ours, "rb") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert MongodbInUse.from_supervisor() == mongodb
        assert os.read(ours, 100) == b"later"
        os.close(theirs)
        with pytest.raises(SupervisorGone):
            MongodbInUse.from_supervisor()


def test_check_says_it_of_one_that_runs_and_of_one_that_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CSMS_MONGODB_URI", raising=False)
    arguments = ["check", "--data-dir", str(tmp_path)]
    with EmbeddedMongod(tmp_path, cache_gb=0.25):
        assert main(arguments) == 0
    running = capsys.readouterr().out
    assert main(arguments) == 0
    stopped = capsys.readouterr().out
    for said in (running, stopped):
        assert "6.0.5 has had no security fixes since 2025-07-31" in said
        assert "the embedded MongoDB is for evaluation and small sites" in said
        assert "8.0 replica set" in said and "mongodb://" not in said


def test_the_role_for_a_database_of_ones_own_is_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CSMS_MONGODB_DATABASE", "fleet")
    assert main(["analyst-role"]) == 0
    said = capsys.readouterr().out
    assert 'db.getSiblingDB("fleet")' in said and '"db": "fleet"' in said
    for name in analyst_role.COLLECTIONS:
        assert f'"collection": "{name}"' in said
    assert "credentials" not in said and "users" not in said.replace("make users", "")
