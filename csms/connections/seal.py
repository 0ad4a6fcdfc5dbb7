"""Payloads with secrets in them, on their way to another node: only that node can read them.

They are sealed with HPKE (RFC 9180, base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
ChaCha20Poly1305), bound to the command that they belong to. Each node has a key pair that lives
as long as its process; the public key is in its record. Nodes of version 0.2.0 know another way,
which is in `former_seal.py`.
"""

from __future__ import annotations

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from csms.ocppj.frames import Payload

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


class Unreadable(Exception):
    """A payload that was sealed for another process or another command, or is none at all."""


class Seal:
    """This node's key pair."""

    def __init__(self) -> None:
        self._private = X25519PrivateKey.generate()
        self.public_key = self._private.public_key().public_bytes_raw()

    def open(self, sealed: bytes, command_id: str) -> Payload:
        """What was sealed for this node and this command.

        Raises:
            Unreadable: it was sealed for another one.
        """
        try:
            payload: Payload = orjson.loads(
                _SUITE.decrypt(sealed, self._private, _info(command_id))
            )
        except (InvalidTag, ValueError, TypeError) as error:
            raise Unreadable(str(error)) from error
        return payload


def seal(payload: Payload, public_key: bytes, command_id: str) -> bytes:
    """A payload that only the node with this key can read, and only as that of this command."""
    recipient = X25519PublicKey.from_public_bytes(public_key)
    return _SUITE.encrypt(orjson.dumps(payload), recipient, _info(command_id))


def _info(command_id: str) -> bytes:
    return b"csms command\0" + command_id.encode()
