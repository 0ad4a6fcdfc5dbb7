"""Text as it is kept and compared: in Unicode's NFC, and without case where case says nothing.

The same word can be written in several ways: `é` as one character or as `e` with an accent, a Thai
tone mark before or after the vowel below. People cannot see the difference, so it makes none here.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from pydantic import BeforeValidator

MAX_COMPOSED = 2_000
"""Characters. A longer text is compared as it is written: to order a long run of accents takes
time by the square of its length, and a stranger may send a megabyte of them. No id, name or note
is longer."""

_CONTROL_CHARACTERS = dict.fromkeys((*range(32), *range(127, 160)))


def bare(text: str) -> str:
    """A text that a device sent, without control characters and outer blanks.

    Some fill texts of a fixed length up with NUL bytes, or leave what frames them.
    """
    return text.translate(_CONTROL_CHARACTERS).strip()


def nfc(text: str) -> str:
    """A text in its composed form, as it is stored and shown."""
    if text.isascii() or len(text) > MAX_COMPOSED:
        return text
    return unicodedata.normalize("NFC", text)


def fold_text(text: str) -> str:
    """A text as it is compared without case: two are the same if their folded forms are equal.

    This is the canonical caseless match of the Unicode standard (3.13, D145), composed again.
    """
    if text.isascii():
        return text.lower()
    if len(text) > MAX_COMPOSED:
        return text.casefold()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


def _nfc_of_text(value: Any) -> Any:
    return nfc(value) if isinstance(value, str) else value


COMPOSED = BeforeValidator(_nfc_of_text)
"""Last in an annotated type: the value is brought to NFC before its rules are checked."""
