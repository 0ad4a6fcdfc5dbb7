"""Shows characters that a screen would obey or leave out: texts may be a stranger's."""

from __future__ import annotations

import re

# Controls but tab and line ends, what changes the direction of what follows, what ends a line in
# Unicode alone, what has no width, tags, and halves of surrogate pairs.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029"
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u2065\u206a-\u206f\u3164"
    "\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff\ud800-\udfff]"
    # Joiners belong to some scripts, and join nothing behind a Latin letter or a digit.
    "|(?<![^\x00-\x7f])[\u200c\u200d]"
)


def code_point(char: str) -> str:
    """A character by its number: `U+202E`."""
    return f"U+{ord(char):04X}"


def visible(text: str) -> str:
    """A text with `[U+202E]` in place of a character that could not be seen."""
    if text.isascii() and text.isprintable():
        return text
    return _HIDDEN.sub(lambda found: f"[{code_point(found[0])}]", text)
