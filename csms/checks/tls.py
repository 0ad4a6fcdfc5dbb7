"""The TLS files, and the local authority with its backup."""

from __future__ import annotations

from collections.abc import Iterator

from csms.certificates.authority import LocalAuthority
from csms.certificates.backup import fingerprint_of, last_backup
from csms.checks.finding import Finding, Level
from csms.checks.remedy import command
from csms.config import Settings
from csms.tls import admin_tls_context, authority_folder, tls_context


def tls_files(settings: Settings) -> Iterator[Finding]:
    """Whether they can be used.

    Raises:
        OSError: they cannot; the error names the file.
    """
    admin = admin_tls_context(settings)
    if tls_context(settings) is not None:
        yield Finding("TLS", "ok")
    elif admin is not None:
        yield Finding("TLS", "ok for admin_port; charge points have none: set tls_cert and tls_key")
    else:
        yield Finding("TLS", "off: set tls_cert and tls_key for https and wss")


def authority(settings: Settings) -> Iterator[Finding]:
    """Whether the local authority can be used, and its key would survive this disk.

    Raises:
        AuthorityError: the files of the authority cannot be used.
    """
    folder = authority_folder(settings)
    found = LocalAuthority.load(folder)
    if found is None:
        yield Finding("authority", "none: csms ca init makes one")
        return
    backup = last_backup(folder)
    remedy = f"{command(settings, 'ca backup FILE')}, with the file on another disk or machine"
    if backup is None:
        yield Finding(
            "authority",
            "its key has no backup: if it is lost, every charge point needs a new root certificate",
            Level.RISK,
            remedy,
        )
    elif backup.key_sha256 != fingerprint_of(found):
        yield Finding(
            "authority",
            f"the backup {backup.file} of {backup.made_at:%Y-%m-%d} is of another key than this",
            Level.RISK,
            remedy,
        )
    else:
        yield Finding("authority", f"ok; backed up on {backup.made_at:%Y-%m-%d} as {backup.file}")
