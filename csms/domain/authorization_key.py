"""The charge point's HTTP Basic password, its AuthorizationKey (Security Whitepaper, 2.3).

The same key may be told as raw bytes or as the hex text of these bytes; both occur, so both are
accepted, whichever of them ops entered.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import uuid

import argon2

MIN_BYTES, MAX_BYTES = 16, 40
_REFERENCE = "key:"
_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2})+")

# Keys are long and random, so a light setting is enough to make a stolen hash useless.
_HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def canonical_key(key: str | bytes) -> bytes:
    """The bytes that a key stands for.

    Raises:
        ValueError: the key has not 16 to 40 bytes.
    """
    raw = key.encode() if isinstance(key, str) else key
    if _HEX.fullmatch(raw) and MIN_BYTES <= len(raw) // 2 <= MAX_BYTES:
        return bytes.fromhex(raw.decode())
    if not MIN_BYTES <= len(raw) <= MAX_BYTES:
        raise ValueError("use 16 to 40 bytes, or 32 to 80 hex digits")
    return raw


def hash_key(key: str | bytes) -> str:
    """The salted hash (argon2id) to store. Takes some 20 ms: keep it off the event loop."""
    return _HASHER.hash(canonical_key(key))


def new_reference() -> str:
    """A new name for a stored hash. It is no hash, so no password fits it."""
    return _REFERENCE + uuid.uuid4().hex


def is_reference(stored: str) -> bool:
    """Whether this names a hash, and is not one itself."""
    return stored.startswith(_REFERENCE)


class KeyVerifier:
    """Compares presented passwords with stored hashes, in constant time.

    A password that was good once is remembered by a keyed digest, in memory alone, so that a
    fleet that reconnects does not pay for argon2 each time. It is remembered under what stands in
    the record, a reference to the hash: that must never come to mean another hash.
    """

    def __init__(self) -> None:
        self._secret = os.urandom(32)
        self._good: dict[str, bytes] = {}

    def known_good(self, stored: str, presented: bytes) -> bool:
        """Whether this password was verified before for this reference or hash. Fast."""
        digest = self._good.get(stored)
        return digest is not None and hmac.compare_digest(digest, self._digest(presented))

    def verify(self, stored_hash: str, presented: bytes, stored: str | None = None) -> bool:
        """Whether the password fits. Takes some 20 ms: keep it off the event loop.

        `stored` is what stands in the record, if that is not the hash itself.
        """
        for candidate in _readings(presented):
            try:
                _HASHER.verify(stored_hash, candidate)
            except argon2.exceptions.VerificationError:
                continue
            except argon2.exceptions.InvalidHashError:
                return False
            self._good[stored or stored_hash] = self._digest(presented)
            return True
        return False

    def _digest(self, presented: bytes) -> bytes:
        return hashlib.blake2b(presented, key=self._secret).digest()


def _readings(presented: bytes) -> list[bytes]:
    """What the presented bytes may stand for: themselves, or, twice at most, hex of something."""
    readings = [presented]
    while len(readings) < 3 and _HEX.fullmatch(readings[-1]):
        readings.append(bytes.fromhex(readings[-1].decode()))
    return [reading for reading in readings if MIN_BYTES <= len(reading) <= MAX_BYTES]
