"""Which characters a new identity, serial or id may have, so that no two look the same.

This is the "moderately restrictive" level of Unicode's Security Mechanisms (UTS 39, 5.2), with the
scripts taken from the characters' names in Python's own tables: Latin may stand beside one other
script, as in a Thai or Chinese site's names, but not beside those whose letters look Latin. What
looks like ASCII all over is refused too, be it full width, mathematical or Cyrillic.
"""

from __future__ import annotations

import re
import unicodedata

from csms.domain.visible import code_point

_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Characters that show nothing although their category says otherwise."""

_HYPHENS_AND_QUOTES = frozenset(
    "\u02d7\u2212\u2044\u2215\u2223\u2236\u2217\u05be\u05f3\u05f4\ua789"
)
_LIKE_PUNCTUATION = frozenset({"Pd", "Pi", "Pf", "Pc"})

_LATIN_LETTERS = frozenset("ßẞæÆøØœŒđĐðÐþÞłŁħĦŧŦŋŊə")
"""Of Latin those that are no ASCII letter with accents, and look like none."""

_CJK = {"HIRAGANA": "CJK", "KATAKANA": "CJK", "BOPOMOFO": "CJK", "HANGUL": "CJK"}
_SCRIPTS = frozenset(
    "ARABIC ARMENIAN BENGALI CJK CYRILLIC DEVANAGARI ETHIOPIC GEORGIAN GREEK GUJARATI GURMUKHI"
    " HEBREW KANNADA KHMER LAO LATIN MALAYALAM MYANMAR ORIYA SINHALA TAMIL TELUGU THAANA THAI"
    " TIBETAN".split()
)
"""In common use (UAX 31, table 5)."""

_NEVER_WITH_LATIN = frozenset({"ARMENIAN", "CYRILLIC", "GREEK"})
_NAMED_OTHERWISE = {"IDEOGRAPHIC": "CJK", "VULGAR": "COMMON"}

# The letters of other scripts in which a whole word may be taken for a Latin one. Small letters
# that look like small capitals are not among them: honest names could not be written.
_LIKE_LATIN = frozenset("АВЕЅІЈКМНОРСТУХҮԌԚԜӀаеѕіјорсухүһԁԛԝӏѵΑΒΕΖΗΙΚΜΝΟΡΤΥΧαινορυϲϳՍՏՕԼօսոհզցՀ")

# Thai and Lao can be written in several ways that look the same.
_SAME_IN_THAI = (
    (re.compile("\u0e40\u0e40"), "\u0e41"),
    (re.compile("\u0ec0\u0ec0"), "\u0ec1"),
    (re.compile("([\u0e48-\u0e4b])\u0e4d\u0e32"), "\\1\u0e33"),
    (re.compile("\u0e4d([\u0e48-\u0e4b]?)\u0e32"), "\\1\u0e33"),
    (re.compile("([\u0ec8-\u0ecb])\u0ecd\u0eb2"), "\\1\u0eb3"),
    (re.compile("\u0ecd([\u0ec8-\u0ecb]?)\u0eb2"), "\\1\u0eb3"),
    (re.compile("([\u0e48-\u0e4c])([\u0e31\u0e34-\u0e39\u0e47])"), "\\2\\1"),
    (re.compile("([\u0ec8-\u0ecc])([\u0eb1\u0eb4-\u0eb9\u0ebb])"), "\\2\\1"),
)
_MARKED_TWICE = re.compile(r"(\W)\1")


INVISIBLE = "has a character in it that cannot be seen ({0}); remove it"
OTHER_BLANK = "has a blank of another kind in it ({0}); use an ordinary one, or none"
MEANINGLESS = "has a character in it that means nothing to others ({0}); remove it"
LOOKS_LIKE = "has {0} in it ({1}), which looks like {2}; use that"
LOOKS_LIKE_SIGN = "has {0} in it ({1}), which looks like a sign of the keyboard; use that"
LOOKS_LIKE_LETTER = "has {0} in it ({1}), which looks like another letter; use a common one"
RARE_SCRIPT = "has {0} in it ({1}), a letter of a script that is not in use; replace it"
MIXED = "mixes letters that look the same: {0} ({1}) is {2}; use letters of one script"
NOT_LATIN = "looks like Latin letters, but {0} ({1}) is {2}; write it in Latin letters"
MIXED_DIGITS = "mixes digits of two scripts ({0} is {1}); use those of one"
OBJECTIONS = (
    INVISIBLE, OTHER_BLANK, MEANINGLESS, LOOKS_LIKE, LOOKS_LIKE_SIGN, LOOKS_LIKE_LETTER,
    RARE_SCRIPT, MIXED, NOT_LATIN, MIXED_DIGITS,
)  # fmt: skip


def objection(name: str) -> str | None:
    """Why a name may not be given to a record, and what to do; None if it may."""
    if name.isascii():
        return None
    found = (_objection_to(char) for char in name if not char.isascii())
    return (
        next((message for message in found if message is not None), None)
        or _objection_to_letters(name)
        or _objection_to_marks(name)
        or _objection_to_digits(name)
    )


def _objection_to(char: str) -> str | None:
    category, shown = unicodedata.category(char), code_point(char)
    if category in ("Cc", "Cf", "Zl", "Zp", "Cs") or _INVISIBLE.match(char):
        return INVISIBLE.format(shown)
    if category == "Zs":
        return OTHER_BLANK.format(shown)
    if category in ("Cn", "Co"):
        return MEANINGLESS.format(shown)
    plain = unicodedata.normalize("NFKC", char)
    if plain.isascii():
        return LOOKS_LIKE.format(char, shown, plain)
    if category in _LIKE_PUNCTUATION or char in _HYPHENS_AND_QUOTES:
        return LOOKS_LIKE_SIGN.format(char, shown)
    if category[0] != "L":
        return None
    script = _script(char)
    if script == "LATIN" and not _is_plain_latin(char):
        return LOOKS_LIKE_LETTER.format(char, shown)
    return None if script in _SCRIPTS else RARE_SCRIPT.format(char, shown)


def _is_plain_latin(char: str) -> bool:
    return char in _LATIN_LETTERS or unicodedata.normalize("NFD", char)[0].isascii()


def _objection_to_letters(name: str) -> str | None:
    letters = [char for char in name if unicodedata.category(char)[0] == "L"]
    first_of: dict[str, str] = {}
    for char in letters:
        first_of.setdefault(_script(char), char)
    has_latin = first_of.pop("LATIN", None) is not None
    for count, (script, char) in enumerate(first_of.items()):
        if count or (has_latin and script in _NEVER_WITH_LATIN):
            return MIXED.format(char, code_point(char), script.capitalize())
    if first_of and not has_latin and all(char in _LIKE_LATIN for char in letters):
        [(script, char)] = first_of.items()
        return NOT_LATIN.format(char, code_point(char), script.capitalize())
    return None


def _objection_to_marks(name: str) -> str | None:
    """Characters whose order, or number, cannot be seen."""
    for pattern, plain in _SAME_IN_THAI:
        if found := pattern.search(name):
            return _sequence(found[0], found.expand(plain))
    for found in _MARKED_TWICE.finditer(name):
        if unicodedata.category(found[1]) == "Mn":
            return _sequence(found[0], found[1])
    return None


def _sequence(found: str, plain: str) -> str:
    return LOOKS_LIKE.format(found, " ".join(map(code_point, found)), plain)


def _objection_to_digits(name: str) -> str | None:
    """Digits of two scripts in one name: the Thai zero looks like the letter o."""
    zeros: dict[int, str] = {}
    for char in name:
        if unicodedata.category(char) == "Nd":
            zeros.setdefault(ord(char) - unicodedata.digit(char), char)
    odd = next((char for char in zeros.values() if not char.isascii()), None)
    if odd is not None and len(zeros) > 1:
        return MIXED_DIGITS.format(odd, code_point(odd))
    return None


def _script(char: str) -> str:
    """The script of a letter, as its name begins."""
    first = re.split(r"[ -]", unicodedata.name(char, "UNKNOWN"), maxsplit=1)[0]
    first = _NAMED_OTHERWISE.get(first, first)
    return _CJK.get(first, first)
