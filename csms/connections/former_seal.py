"""The seal of version 0.2.0 between nodes, for as long as such a node may run beside this one."""

from __future__ import annotations

import os

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from csms.connections.seal import Unreadable
from csms.ocppj.frames import Payload

_NONCE = 12


class FormerSeal:
    """This node's key pair for commands of nodes of version 0.2.0."""

    def __init__(self) -> None:
        self._private = X25519PrivateKey.generate()
        self.public_key = self._private.public_key().public_bytes_raw()

    def open(self, sealed: bytes) -> Payload:
        """What was sealed for this node.

        Raises:
            Unreadable: it was sealed for another one.
        """
        try:
            return self._open(sealed)
        except (InvalidTag, ValueError, TypeError) as error:
            raise Unreadable(str(error)) from error

    def _open(self, sealed: bytes) -> Payload:
        sender, nonce, text = sealed[:32], sealed[32 : 32 + _NONCE], sealed[32 + _NONCE :]
        shared = self._private.exchange(X25519PublicKey.from_public_bytes(sender))
        payload: Payload = orjson.loads(_cipher(shared).decrypt(nonce, text, sender))
        return payload


def former_seal(payload: Payload, public_key: bytes) -> bytes:
    """A payload that only the node of version 0.2.0 with this key can read."""
    private = X25519PrivateKey.generate()
    sender = private.public_key().public_bytes_raw()
    shared = private.exchange(X25519PublicKey.from_public_bytes(public_key))
    nonce = os.urandom(_NONCE)
    return sender + nonce + _cipher(shared).encrypt(nonce, orjson.dumps(payload), sender)


def _cipher(shared: bytes) -> ChaCha20Poly1305:
    key = HKDF(hashes.SHA256(), 32, None, b"csms command").derive(shared)
    return ChaCha20Poly1305(key)
