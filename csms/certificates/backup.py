"""A backup of the authority's certificate and key: one encrypted file (PKCS #12, RFC 7292).

Beside the key stands a note of which key was backed up, and when, for `csms check`. Without a
backup a lost key cannot be replaced: every charge point would need a new root certificate.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    pkcs12,
)

from csms.certificates.authority import (
    CERTIFICATE_FILE,
    KEY_FILE,
    AuthorityError,
    Key,
    LocalAuthority,
    write_secret,
)

NOTE_FILE = "ca-backup.json"
MIN_PASSPHRASE = 12
"""Characters. Who finds the file can try passphrases for as long as they like."""

_NAME = b"csms authority"


@dataclass(frozen=True, slots=True)
class Backup:
    """The last backup that was made."""

    key_sha256: str
    made_at: datetime
    file: str


def back_up(folder: Path, file: Path, passphrase: str) -> Backup:
    """Write the authority of a folder into an encrypted file, and note it beside the key.

    Raises:
        AuthorityError: there is no authority, the file would lie beside it, or the passphrase is
            too short.
        OSError: the file is there already, or cannot be written.
    """
    authority = LocalAuthority.load(folder)
    if authority is None:
        raise AuthorityError(f"there is no authority in {folder}: `csms ca init` makes one")
    _check_passphrase(passphrase)
    if file.resolve().is_relative_to(folder.parent.resolve()):
        raise AuthorityError(
            f"{file} would be lost together with {folder}: write the backup to another disk or"
            " machine"
        )
    key = load_pem_private_key((folder / KEY_FILE).read_bytes(), None)
    content = pkcs12.serialize_key_and_certificates(
        _NAME,
        key,  # type: ignore[arg-type]
        authority.certificate,
        None,
        BestAvailableEncryption(passphrase.encode()),
    )
    write_secret(file, content)
    # What was written is what counts: a disk may have been full.
    _open(file, passphrase)
    backup = Backup(fingerprint_of(authority), datetime.now(UTC), file.name)
    note = {"keySha256": backup.key_sha256, "madeAt": backup.made_at.isoformat(), "file": file.name}
    (folder / NOTE_FILE).write_text(json.dumps(note) + "\n", encoding="utf-8")
    return backup


def restore(folder: Path, file: Path, passphrase: str) -> None:
    """Bring an authority back from a backup.

    Raises:
        AuthorityError: there is an authority already, or the file cannot be opened with this
            passphrase.
        OSError: a file cannot be read or written.
    """
    if (folder / CERTIFICATE_FILE).exists() or (folder / KEY_FILE).exists():
        raise AuthorityError(f"there is an authority in {folder} already; it is left as it is")
    key, certificate = _open(file, passphrase)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_secret(
        folder / KEY_FILE, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    (folder / CERTIFICATE_FILE).write_bytes(certificate.public_bytes(Encoding.PEM))


def last_backup(folder: Path) -> Backup | None:
    """What the note beside the key says; None if there is none that can be read."""
    try:
        note = json.loads((folder / NOTE_FILE).read_bytes())
        made_at = datetime.fromisoformat(note["madeAt"])
        return Backup(str(note["keySha256"]), made_at, str(note["file"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def fingerprint_of(authority: LocalAuthority) -> str:
    """SHA-256 of the authority's public key, in hex."""
    public = authority.certificate.public_key()
    encoded = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(encoded).hexdigest()


def _check_passphrase(passphrase: str) -> None:
    if len(passphrase) < MIN_PASSPHRASE:
        raise AuthorityError(
            f"the passphrase is too short: take {MIN_PASSPHRASE} characters or more, and keep it"
            " where the backup is not"
        )


def _open(file: Path, passphrase: str) -> tuple[Key, x509.Certificate]:
    try:
        key, certificate, _ = pkcs12.load_key_and_certificates(
            file.read_bytes(), passphrase.encode()
        )
    except ValueError:
        raise AuthorityError(
            f"{file} is no backup of an authority, or has another passphrase"
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) or certificate is None:
        raise AuthorityError(f"{file} lacks the authority's key or certificate")
    return key, certificate
