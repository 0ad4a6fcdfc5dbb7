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
_NAME = re.compile(r"""["']?[\w .$\\-]{1,50}["']?""")
_KEY = re.compile(
    r"""(?<![\w.-])(?P<name>(?:[\w.-]++\s++)?["']?key["']?)\s*+[:=]\s*+\Z""", re.IGNORECASE
)
_LOOK_BACK = 40
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
    word, text, start = found["word"], found.string, found.start()
    begin = max(0, start - _LOOK_BACK)
    before = text[begin:start].rstrip()
    # Behind a colon there is a value, whatever follows it.
    is_value = before.endswith((":", "=")) or (begin > 0 and not before)
    is_name = found["is_name"] is not None and not is_value and _NAME.fullmatch(word)
    # The name of a configuration key, `"key":"HeartbeatInterval"`, is no secret.
    key = _KEY.search(text, begin, start) if _NAME.fullmatch(word) else None
    is_key = key is not None and not is_secret(key["name"])
    return word if is_name or is_key or word.lower() in _HARMLESS else f'"{MASK}"'
