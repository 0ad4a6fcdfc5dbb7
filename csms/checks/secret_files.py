"""Files with secrets that other users of the machine can read."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from csms.checks.finding import Finding, Level
from csms.config import Settings
from csms.mongod_secrets import ANALYST_URI_FILE, URI_FILE, key_path
from csms.secret_files import PREFIX, secret_names
from csms.tls import authority_folder


def readable_by_others(settings: Settings) -> Iterator[Finding]:
    """Each file with a secret that is open to every user of the machine."""
    for path in _files(settings):
        try:
            mode = path.stat().st_mode
        except OSError:
            continue
        if mode & stat.S_IROTH and _is_reachable(path):
            yield Finding(
                "files",
                f"{path} can be read by every user of this machine",
                Level.RISK,
                f"chmod o-rwx {path}",
            )


def _files(settings: Settings) -> Iterator[Path]:
    data = settings.data_dir
    yield from (data / "admin-token", data / URI_FILE, data / ANALYST_URI_FILE, key_path(data))
    yield from sorted(authority_folder(settings).glob("*-key.pem"))
    for path in (settings.tls_key, settings.admin_tls_key):
        if path is not None:
            yield path
    if settings.secrets_dir is not None:
        yield from sorted(settings.secrets_dir.glob(f"{PREFIX}*"))
    if settings.config is not None and _holds_secrets(settings.config):
        yield settings.config


def _holds_secrets(config: Path) -> bool:
    lines = config.read_text(encoding="utf-8", errors="replace").splitlines()
    names = {line.partition("=")[0].strip() for line in lines}
    return not names.isdisjoint(secret_names(Settings))


def _is_reachable(path: Path) -> bool:
    """Whether other users get through the folders above it."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.resolve().parents)
