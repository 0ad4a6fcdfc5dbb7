"""The secrets of the embedded mongod: files in the data directory that only its owner can read.

    mongod.key            key file of the replica set; with it csms makes the users at each start
    mongodb-uri           URI with full rights, for csms
    mongodb-analyst-uri   URI that can only read the collections for analysts

Each may be lost: the next start writes it anew, and gives its user the new password.
"""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from csms.errors import CsmsError

URI_FILE = "mongodb-uri"
ANALYST_URI_FILE = "mongodb-analyst-uri"

_OWNER_ONLY = stat.S_IRUSR | stat.S_IWUSR
_KEY_BYTES = 96
_PASSWORD_BYTES = 32


class UriLost(CsmsError):
    """A mongod runs that asks for a password, and the file that has the password is gone."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} is missing or damaged: stop csms serve and start it again, it writes a new one"
        )


def key_path(data_dir: Path) -> Path:
    """Where the key file is."""
    return data_dir / "mongod.key"


def make_key(data_dir: Path) -> str:
    """The key in the key file, which is made if there is none that mongod would take."""
    path = key_path(data_dir)
    key = read_secret(path)
    if len(key) < _KEY_BYTES:
        key = secrets.token_hex(_KEY_BYTES)
        write_secret(path, key)
    elif stat.S_IMODE(path.stat().st_mode) != _OWNER_ONLY:
        # mongod refuses a key file that others may read.
        path.chmod(_OWNER_ONLY)
    return key


def read_key(data_dir: Path) -> str:
    """The key in the key file; empty if there is none."""
    return read_secret(key_path(data_dir))


def password_in(path: Path) -> str | None:
    """The password in a file with a URI; None if there is none."""
    with suppress(ValueError):
        return urlsplit(read_secret(path)).password or None
    return None


def new_password() -> str:
    """A password that needs no escapes in a URI."""
    return secrets.token_urlsafe(_PASSWORD_BYTES)


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner can read; a reader never sees half of it."""
    partial = path.with_name(path.name + ".new")
    partial.unlink(missing_ok=True)
    opened = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(opened, "w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def keep_secret(path: Path, text: str) -> None:
    """Write a secret unless the file has it already."""
    with suppress(FileNotFoundError):
        if read_secret(path) == text and stat.S_IMODE(path.stat().st_mode) == _OWNER_ONLY:
            return
    write_secret(path, text)


def read_secret(path: Path) -> str:
    """What is in a file; empty if there is no such file."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return ""
