"""How hard a token is to guess that somebody has made up."""

from __future__ import annotations

import re
from math import log2

ENOUGH_BITS = 64.0

_WORD = re.compile(r"[A-Z]?[a-z]{3,}|[A-Z]{4,}|(?<![A-Za-z0-9])[A-Za-z]+(?![A-Za-z0-9])")
_BITS_OF_A_WORDS_LETTER = 1.5
"""A letter of a word; English has between one and two."""

_NUMBER = re.compile(r"(?<![A-Za-z0-9])[0-9]+(?![A-Za-z0-9])")
_BITS_OF_A_DIGIT = log2(10)

_ALPHABETS = ((re.compile(r"[a-z]"), 26), (re.compile(r"[A-Z]"), 26), (re.compile(r"[0-9]"), 10))
_OTHERS = 16


def bits_of(token: str) -> float:
    """A low estimate of the bits that a guesser has to find.

    Letters of words count little; a character that goes on with a row (`aaa`, `123`), or that
    repeats what stood there before, counts next to nothing.
    """
    in_word, in_number = (
        {at for part in pattern.finditer(token) for at in range(*part.span())}
        for pattern in (_WORD, _NUMBER)
    )
    each = log2(_alphabet(token) or 1)
    bits = 0.0
    for at, character in enumerate(token):
        if _is_foreseen(token, at):
            continue
        if at in in_word:
            bits += min(_BITS_OF_A_WORDS_LETTER, each)
        elif at in in_number:
            bits += _BITS_OF_A_DIGIT
        elif character.isalnum():
            bits += each
        else:
            # Between words stands the same again and again.
            bits += 0.0 if character in token[:at] else each
    return bits


def _alphabet(token: str) -> int:
    size = sum(letters for pattern, letters in _ALPHABETS if pattern.search(token))
    return size + (_OTHERS if re.search(r"[^A-Za-z0-9]", token) else 0)


def _is_foreseen(token: str, at: int) -> bool:
    if at == 0:
        return False
    step = ord(token[at]) - ord(token[at - 1])
    if at >= 2 and step in (-1, 0, 1) and step == ord(token[at - 1]) - ord(token[at - 2]):
        return True
    # Three characters that stood together before are found together again.
    return at >= 3 and token[at - 2 : at + 1] in token[:at]
