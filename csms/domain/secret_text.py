"""Takes the secrets out of a text that cannot be read as JSON, before it is kept or shown."""

from __future__ import annotations

import re

from csms.domain.configuration import MASK, is_secret
from csms.domain.job import mask_location

# A quoted text, which need not end, or a bare word; then whether it is a name, before a colon.
# Each matches wherever it begins, and the quantifiers are possessive: the time is linear.
_WORD = re.compile(
    r"""(?P<word>"(?:[^"\\]|\\.)*+(?:"|\Z)|'[^']*+(?:'|\Z)|[^\s"',;:={}\[\]]++)"""
    r"""(?P<is_name>(?=\s*+[:=]))?""",
    re.DOTALL,
)
_KEY = re.compile(r"""(?<![\w.-])["']?key["']?\s*+[:=]\s*+\Z""", re.IGNORECASE)
_HARMLESS = frozenset({"true", "false", "null"})
_ESCAPED = re.compile(r"\\u00([0-9a-f]{2})", re.IGNORECASE)
_BLANK = re.compile(r"\s+")


def mask_text(text: str, length: int) -> str:
    """The first `length` characters of a text, without what may be a secret.

    If the text names a secret anywhere, only names and the names of configuration keys are left
    of it: what is broken may have its secrets in any place.
    """
    if not _names_secret(text):
        return mask_location(text[:length])[:length]
    return _WORD.sub(_masked, text[:length])[:length]


def _names_secret(text: str) -> bool:
    plain = _ESCAPED.sub(lambda code: chr(int(code[1], 16)), text)
    return is_secret(_BLANK.sub("", plain))


def _masked(found: re.Match[str]) -> str:
    word = found["word"]
    # The name of a configuration key, `"key":"HeartbeatInterval"`, is no secret.
    is_key = _KEY.search(found.string, max(0, found.start() - 20), found.start())
    if found["is_name"] is not None or is_key or word.lower() in _HARMLESS:
        return word
    return f'"{MASK}"'
