"""`csms user`: users made, changed and removed from the command line."""

from __future__ import annotations

import io
from typing import Any

import pytest
from pymongo import MongoClient

from csms.cli import main
from tests.support.pages import PASSWORD

DATABASE = "csms_user_command"


@pytest.fixture
def users(mongodb_uri: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The collection that the command works on."""
    monkeypatch.setenv("CSMS_MONGODB_URI", mongodb_uri)
    monkeypatch.setenv("CSMS_MONGODB_DATABASE", DATABASE)
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        # The collections stay: to make them anew takes far longer.
        for name in ("users", "audit"):
            client[DATABASE][name].delete_many({})
        yield client[DATABASE]["users"]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, password: str = "") -> int:
    """The command with a password on standard input."""
    monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
    return main(["user", *arguments])


def test_users_come_and_go(
    users: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "create", "Malee", "--role", "operator", password=PASSWORD) == 0
    first = users.find_one({"_id": "malee"})
    assert first["role"] == "operator" and PASSWORD not in str(first)
    assert run(monkeypatch, "password", "malee", password=PASSWORD + "!") == 0
    assert users.find_one({"_id": "malee"})["passwordHash"] != first["passwordHash"]
    assert run(monkeypatch, "list") == 0
    assert "operator  Malee" in capsys.readouterr().out
    assert run(monkeypatch, "delete", "malee") == 0
    assert users.find_one({}) is None


def test_mistakes_are_told(
    users: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "create", "Malee", password="short") == 2
    assert "password: String should have at least 10" in capsys.readouterr().err
    assert run(monkeypatch, "delete", "nobody") == 2
    assert "nobody" in capsys.readouterr().err
    assert run(monkeypatch, "create", "Malee", password=PASSWORD) == 0
    assert run(monkeypatch, "create", "malee", password=PASSWORD) == 2
    assert users.count_documents({}) == 1


def test_the_last_admin_stays_and_changes_are_in_the_audit(
    users: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "create", "Malee", "--role", "admin", password=PASSWORD) == 0
    assert run(monkeypatch, "delete", "malee") == 2
    assert "Make another admin first" in capsys.readouterr().err
    assert run(monkeypatch, "create", "Somchai", "--role", "admin", password=PASSWORD) == 0
    assert run(monkeypatch, "delete", "malee") == 0
    audit = list(users.database["audit"].find().sort("at", 1))
    assert [(entry["path"], entry["subject"]) for entry in audit] == [
        ("csms user create", "Malee"),
        ("csms user create", "Somchai"),
        ("csms user delete", "malee"),
    ]
    assert PASSWORD not in str(audit)
