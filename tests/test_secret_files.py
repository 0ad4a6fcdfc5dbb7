"""Secrets from files: a directory of them, and systemd's credentials."""

from __future__ import annotations

from pathlib import Path

import pytest

from csms.cli import main
from csms.config import Settings, load_settings
from csms.errors import ConfigFileError
from csms.secret_files import CREDENTIALS, secret_names

TOKEN = "a-secret-that-nobody-may-see"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "csms_admin_token").write_text(TOKEN + "\n")
    (tmp_path / "keyfile-of-something-else").write_bytes(b"\xff")
    return tmp_path


def token_of(settings: Settings) -> str | None:
    return None if settings.admin_token is None else settings.admin_token.get_secret_value()


def test_a_directory_named_on_the_command_line(folder: Path) -> None:
    assert token_of(load_settings(secrets_dir=folder)) == TOKEN


def test_a_directory_named_in_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CSMS_SECRETS_DIR", str(folder))
    assert token_of(load_settings()) == TOKEN
    monkeypatch.setenv("CSMS_ADMIN_TOKEN", "that-of-the-environment")
    assert token_of(load_settings()) == "that-of-the-environment"


def test_a_directory_named_in_the_config_file_comes_before_that_file(folder: Path) -> None:
    config = folder / "csms.toml"
    config.write_text(f'secrets_dir = "{folder}"\nadmin_token = "that-of-the-file"\nport = 1\n')
    settings = load_settings(config=config)
    assert (token_of(settings), settings.port) == (TOKEN, 1)


def test_credentials_of_systemd(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CREDENTIALS, str(folder))
    assert token_of(load_settings()) == TOKEN


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("csms_admin_tokn", b"secret", "admin_tokn is no setting that is a secret"),
        ("csms_tls_key", b"secret", "tls_key is no setting that is a secret"),
        ("csms_mongodb_uri", b"", "one line of text"),
        ("csms_mongodb_uri", b"secret\nsecret", "one line of text"),
        ("csms_mongodb_uri", b"secret\xff", "one line of text"),
    ],
)
def test_what_cannot_be_is_named_without_what_is_in_it(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes, named: str
) -> None:
    (folder / name).write_bytes(content)
    assert main(["check", "--secrets-dir", str(folder)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert str(folder / name) in line and named in line
    assert "secret\\" not in line and "nobody" not in line


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigFileError, match="nowhere"):
        load_settings(secrets_dir=tmp_path / "nowhere")


def test_no_secret_is_an_option_of_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert secret_names(Settings) >= {"admin_token", "mongodb_uri"}
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    options = capsys.readouterr().out
    for name in secret_names(Settings):
        assert "--" + name.replace("_", "-") + " " not in options
