"""What the high bytes of a text look like: Thai in Windows-874, Western in Windows-1252, UTF-8.

Thai in Windows-874 stands in runs of high bytes that follow the Thai order of letters and marks.
Western text in Windows-1252 has single high letters beside ASCII ones. Much else is neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_HIGH = bytes(range(0x80, 0x100))
# High bytes but for euro, ellipsis, quotes, dashes and no-break space: both code pages have these.
_RUN = re.compile(rb"[\x81-\x84\x86-\x90\x98-\x9f\xa1-\xff]+")
_NOT_874 = re.compile(rb"[\x81-\x84\x86-\x90\x98-\x9f\xdb-\xde\xfc-\xff]")
_NOT_1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
# Vowels written before, the consonant, marks above and below and vowels after; or a sign or digit.
_THAI = re.compile(
    rb"(?:[\xe0-\xe4]{0,2}[\xa1-\xce][\xd0-\xda\xe5\xe7-\xee]*|[\xcf\xdf\xe6\xf0-\xf9])+"
)
_CONSONANTS = bytes(range(0xA1, 0xCF))
_UTF_8_SEQUENCE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)


@dataclass(slots=True)
class HighBytes:
    """Counts of what was seen, and what they come to."""

    count: int = 0
    in_utf_8: int = 0
    runs: int = 0
    in_runs: int = 0
    consonants: int = 0
    in_thai_order: int = 0
    not_874: bool = False
    western_words: int = 0
    not_1252: bool = False

    @property
    def utf_8_share(self) -> float:
        """How many of the bytes, 0 to 1, stand in whole UTF-8 sequences."""
        return self.in_utf_8 / max(self.count, 1)

    @property
    def thai(self) -> bool:
        """Whether this reads as Thai in Windows-874."""
        in_order = self.in_thai_order >= 0.95 * self.in_runs
        # Thai has a vowel or a mark to every three letters or so; Chinese bytes seldom have.
        vowels = self.in_runs - self.consonants >= 0.2 * self.in_runs
        words = self.in_runs >= 2.5 * max(self.runs, 1)
        return not self.not_874 and in_order and vowels and words

    @property
    def western(self) -> bool:
        """Whether this reads as Western text in Windows-1252."""
        single = self.in_runs <= 1.5 * self.runs
        return not self.not_1252 and single and self.western_words > 0


def look_at(chunks: Iterable[bytes]) -> HighBytes:
    """Look at all bytes of a text."""
    look = HighBytes()
    for chunk in chunks:
        look.count += _count(chunk, _HIGH)
        look.in_utf_8 += len(chunk) - len(_UTF_8_SEQUENCE.sub(b"", chunk))
        look.consonants += _count(chunk, _CONSONANTS)
        look.not_874 = look.not_874 or _NOT_874.search(chunk) is not None
        look.not_1252 = look.not_1252 or _NOT_1252.search(chunk) is not None
        for run in _RUN.finditer(chunk):
            _look_at_run(look, run, chunk)
    return look


def _look_at_run(look: HighBytes, run: re.Match[bytes], chunk: bytes) -> None:
    look.runs += 1
    look.in_runs += len(run[0])
    if _THAI.fullmatch(run[0]):
        look.in_thai_order += len(run[0])
    if look.not_1252:
        return
    start, end = run.span()
    before, after = chunk[max(start - 1, 0) : start], chunk[end : end + 1]
    western = _western(before, run[0].decode("cp1252", "replace"), after)
    look.western_words += western is True
    look.not_1252 = western is False


def _western(before: bytes, run: str, after: bytes) -> bool | None:
    """Whether high characters read as Western: letters in a word do, odd ones do not, others may.

    A sign between two letters, or a capital after a small letter, comes of another code page.
    """
    if not run.isalpha():
        return False if before.isalpha() and after.isalpha() and run not in "·\xad" else None
    if before.islower() and run[0].isupper():
        return False
    return True if before.isalpha() or after.isalpha() else None


def _count(chunk: bytes, some: bytes) -> int:
    return len(chunk) - len(chunk.translate(None, some))
