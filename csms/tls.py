"""The TLS that is spoken with charge points and people (Security Whitepaper, 2.4 and 2.5)."""

from __future__ import annotations

import ssl
from pathlib import Path

from csms.certificates.authority import CERTIFICATE_FILE
from csms.config import Settings

CIPHERS = ":".join(
    (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
    )
)
"""The whitepaper's cipher suites for TLS 1.2, with forward secrecy first; TLS 1.3 has its own."""


def authority_folder(settings: Settings) -> Path:
    """Where the local certificate authority is kept."""
    return settings.data_dir / "ca"


def client_roots(settings: Settings) -> list[Path]:
    """The files of roots that charge points' certificates are verified with.

    The local authority's is always one of them: SignCertificate is answered with its certificates.
    """
    own = authority_folder(settings) / CERTIFICATE_FILE
    return [
        *([settings.tls_client_ca] if settings.tls_client_ca is not None else []),
        *([own] if own.exists() else []),
    ]


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """TLS for charge points, and for people beside them; None when no certificate is configured.

    A client certificate is asked for where there are roots to verify it with; a client without
    one is let in all the same, as people and charge points of lower profiles have none.

    Raises:
        OSError: a file cannot be read, or is no certificate or key.
    """
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    context = _context("tls_", settings.tls_cert, settings.tls_key)
    for roots in client_roots(settings):
        try:
            context.load_verify_locations(roots)
        except OSError as error:
            name = "tls_client_ca" if roots == settings.tls_client_ca else "the authority's"
            raise OSError(
                f"{name} {roots}: {error.strerror or error}; give PEM certificates"
            ) from error
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def admin_tls_context(settings: Settings) -> ssl.SSLContext | None:
    """TLS for `admin_port`; None when it is to be plain.

    No client certificate is asked for: a browser would have people choose one of theirs.

    Raises:
        OSError: a file cannot be read, or is no certificate or key.
    """
    if not settings.admin_tls:
        return None
    if settings.admin_tls_cert is not None and settings.admin_tls_key is not None:
        return _context("admin_tls_", settings.admin_tls_cert, settings.admin_tls_key)
    if settings.tls_cert is not None and settings.tls_key is not None:
        return _context("tls_", settings.tls_cert, settings.tls_key)
    return None


def _context(prefix: str, certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 or newer with a server's certificate; `prefix` is that of the two settings."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_ciphers(CIPHERS)
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:
        files = f"{prefix}cert {certificate} and {prefix}key {key}"
        raise OSError(
            f"{files}: {error.strerror or error}; give a PEM chain and its key"
        ) from error
    return context
