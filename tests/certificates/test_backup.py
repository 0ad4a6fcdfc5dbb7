"""The backup of the authority: encrypted, complete, elsewhere."""

from __future__ import annotations

import io
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from csms.certificates.authority import CERTIFICATE_FILE, KEY_FILE, LocalAuthority
from csms.certificates.backup import NOTE_FILE, fingerprint_of, last_backup
from csms.cli import main

PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def data(tmp_path: Path) -> list[str]:
    """Options that name the data directory of an authority."""
    options = ["--data-dir", str(tmp_path / "data")]
    assert main(["ca", "init", *options]) == 0
    (tmp_path / "passphrase").write_text(PASSPHRASE + "\n")
    return options


def back_up(tmp_path: Path, data: list[str], file: str = "backup.p12") -> int:
    passphrase = ["--passphrase-file", str(tmp_path / "passphrase")]
    return main(["ca", "backup", str(tmp_path / file), *passphrase, *data])


def test_what_was_backed_up_comes_back(tmp_path: Path, data: list[str]) -> None:
    assert back_up(tmp_path, data) == 0
    folder, file = tmp_path / "data" / "ca", tmp_path / "backup.p12"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = {name: (folder / name).read_bytes() for name in (CERTIFICATE_FILE, KEY_FILE)}
    assert before[KEY_FILE] not in file.read_bytes()
    with pytest.raises(ValueError, match="password"):
        pkcs12.load_key_and_certificates(file.read_bytes(), b"another passphrase")
    for path in folder.iterdir():
        path.unlink()
    passphrase = ["--passphrase-file", str(tmp_path / "passphrase")]
    assert main(["ca", "restore", str(file), *passphrase, *data]) == 0
    assert {name: (folder / name).read_bytes() for name in before} == before
    assert stat.S_IMODE((folder / KEY_FILE).stat().st_mode) == 0o600


def test_the_note_tells_which_key(tmp_path: Path, data: list[str]) -> None:
    folder = tmp_path / "data" / "ca"
    assert last_backup(folder) is None
    back_up(tmp_path, data)
    authority, noted = LocalAuthority.load(folder), last_backup(folder)
    assert authority is not None and noted is not None
    assert (noted.key_sha256, noted.file) == (fingerprint_of(authority), "backup.p12")
    for damaged in ("", "[]", "{}", '{"keySha256": 1, "madeAt": 2, "file": 3}'):
        (folder / NOTE_FILE).write_text(damaged)
        assert last_backup(folder) is None


def test_what_is_no_backup_is_refused(
    tmp_path: Path, data: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    # Beside the key it would be lost with it.
    assert back_up(tmp_path, data, "data/backup.p12") == 2
    assert back_up(tmp_path, data, "data/ca/../ca/backup.p12") == 2
    (tmp_path / "there").write_text("something else")
    assert back_up(tmp_path, data, "there") == 2
    assert (tmp_path / "there").read_text() == "something else"
    (tmp_path / "passphrase").write_text("short")
    assert back_up(tmp_path, data) == 2
    assert not (tmp_path / "backup.p12").exists()
    assert last_backup(tmp_path / "data" / "ca") is None
    said = capsys.readouterr().err
    assert "another disk" in said and "12 characters" in said


def test_a_restore_overwrites_nothing_and_needs_the_passphrase(
    tmp_path: Path, data: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(tmp_path, data)
    file, elsewhere = str(tmp_path / "backup.p12"), ["--data-dir", str(tmp_path / "new")]
    passphrase = ["--passphrase-file", str(tmp_path / "passphrase")]
    before = (tmp_path / "data" / "ca" / KEY_FILE).read_bytes()
    assert main(["ca", "restore", file, *passphrase, *data]) == 2
    assert (tmp_path / "data" / "ca" / KEY_FILE).read_bytes() == before
    monkeypatch.setattr("sys.stdin", io.StringIO("another passphrase\n"))
    assert main(["ca", "restore", file, *elsewhere]) == 2
    assert not (tmp_path / "new" / "ca").exists()
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSPHRASE + "\n"))
    assert main(["ca", "restore", file, *elsewhere]) == 0
