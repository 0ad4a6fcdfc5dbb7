"""AuthorizationKeys: raw or hex, stored hashed."""

from __future__ import annotations

import pytest

from csms.domain.authorization_key import KeyVerifier, canonical_key, hash_key

RAW = bytes(range(200, 220))
TEXT = "correct horse battery"


@pytest.mark.parametrize("entered", [RAW.hex(), RAW.hex().upper(), RAW])
@pytest.mark.parametrize("presented", [RAW, RAW.hex().encode(), RAW.hex().upper().encode()])
def test_bytes_and_their_hex_are_the_same_key(entered: str | bytes, presented: bytes) -> None:
    assert KeyVerifier().verify(hash_key(entered), presented)


def test_a_text_may_come_as_hex() -> None:
    stored = hash_key(TEXT)
    assert KeyVerifier().verify(stored, TEXT.encode())
    assert KeyVerifier().verify(stored, TEXT.encode().hex().encode())


@pytest.mark.parametrize("presented", [b"", b"x", TEXT.upper().encode(), b"0" * 200, b"\xff" * 20])
def test_anything_else_is_refused(presented: bytes) -> None:
    assert not KeyVerifier().verify(hash_key(TEXT), presented)


def test_a_damaged_hash_lets_nobody_in() -> None:
    assert not KeyVerifier().verify("not a hash", TEXT.encode())


def test_a_good_password_is_remembered_for_its_hash_alone() -> None:
    verifier = KeyVerifier()
    stored = hash_key(TEXT)
    assert not verifier.known_good(stored, TEXT.encode())
    verifier.verify(stored, TEXT.encode())
    assert verifier.known_good(stored, TEXT.encode())
    assert not verifier.known_good(stored, b"something else ......")
    assert not verifier.known_good(hash_key(TEXT), TEXT.encode())


def test_the_hash_is_salted_and_does_not_show_the_key() -> None:
    assert hash_key(TEXT) != hash_key(TEXT)
    assert TEXT not in hash_key(TEXT)


@pytest.mark.parametrize("key", ["short", "x" * 41, "ab" * 7, ""])
def test_the_length_is_16_to_40_bytes(key: str) -> None:
    with pytest.raises(ValueError, match="16 to 40 bytes"):
        canonical_key(key)
