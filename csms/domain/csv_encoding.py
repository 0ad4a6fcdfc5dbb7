"""Which encoding a text file is in: told by its bytes, or not told at all, never guessed."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from enum import StrEnum
from itertools import chain
from typing import IO

from csms.domain.code_pages import look_at
from csms.errors import FieldError, InvalidInput, MalformedInput

_CHUNK = 1 << 20


class Encoding(StrEnum):
    """The encodings that are read."""

    UTF_8 = "utf-8"
    UTF_16 = "utf-16"
    UTF_16_LE = "utf-16-le"
    UTF_16_BE = "utf-16-be"
    WINDOWS_874 = "windows-874"
    WINDOWS_1252 = "windows-1252"

    @property
    def codec(self) -> str:
        """Python's name for it."""
        names = {"utf-8": "utf-8-sig", "windows-874": "cp874", "windows-1252": "cp1252"}
        return names.get(self.value, self.value)


_OTHER_NAMES = {
    "utf8sig": Encoding.UTF_8,
    "cp874": Encoding.WINDOWS_874,
    "tis620": Encoding.WINDOWS_874,
    "iso885911": Encoding.WINDOWS_874,
    "cp1252": Encoding.WINDOWS_1252,
    "latin1": Encoding.WINDOWS_1252,
    "iso88591": Encoding.WINDOWS_1252,
}
_THAI_IN_UTF_8 = (b"\xe0\xb8", b"\xe0\xb9")

_SAVE_AS = 'Save it as UTF-8 (in Excel: "CSV UTF-8")'
_OR_SAY = f"{_SAVE_AS}, or name its encoding with encoding=... (--encoding ...)."

UNKNOWN_ENCODING = f"use one of {', '.join(Encoding)}"
WORKBOOK = "This is a workbook or zip file, not a CSV. Save it as CSV UTF-8."
UTF_32 = f"The file is UTF-32, which is not read. {_SAVE_AS}."
NOT_TOLD = f"The encoding cannot be told: it may be {{0}} or {{1}}, or another one. {_OR_SAY}"
NOT_IN_ENCODING = f"Line {{0}} is not {{1}} text. Mend it there. {_OR_SAY}"
NO_MARK = "There is no byte order mark. Name the encoding utf-16-le or utf-16-be."
NUL = f"Line {{0}} has a NUL character. Is this a text file? {_OR_SAY}"


def parse_encoding(name: str) -> Encoding:
    """The encoding that a person means by this name.

    Raises:
        InvalidInput: none that is read here.
    """
    known = {_fold(encoding): encoding for encoding in Encoding} | _OTHER_NAMES
    encoding = known.get(_fold(name))
    if encoding is None:
        raise InvalidInput(FieldError("encoding", UNKNOWN_ENCODING))
    return encoding


def _fold(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def detect_encoding(file: IO[bytes]) -> Encoding:
    """Tell the encoding of a whole file.

    Raises:
        MalformedInput: it cannot be told, or the text is broken; the message says where, and what
            to do.
    """
    file.seek(0)
    head = file.read(4096)
    if head.startswith(b"PK\x03\x04"):
        raise MalformedInput(WORKBOOK)
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise MalformedInput(UTF_32)
    encoding = _by_first_bytes(head)
    if encoding is None:
        encoding = _by_all_bytes(file)
    check_text(file, encoding)
    return encoding


def check_text(file: IO[bytes], encoding: Encoding) -> None:
    """Read a whole file in this encoding.

    Raises:
        MalformedInput: it is not in this encoding, or has NUL characters; the message names the
            line.
    """
    fault = _fault(file, encoding)
    if fault is not None:
        raise MalformedInput(fault)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while chunk := file.read(_CHUNK):
        yield chunk


def _by_first_bytes(head: bytes) -> Encoding | None:
    """UTF-8 or UTF-16 by the byte order mark, or UTF-16 by the high halves of its characters."""
    if head.startswith(codecs.BOM_UTF8):
        return Encoding.UTF_8
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Encoding.UTF_16
    for encoding, high, low in (
        (Encoding.UTF_16_LE, head[1::2], head[::2]),
        (Encoding.UTF_16_BE, head[::2], head[1::2]),
    ):
        # The high half is 0 for Latin text and 0x0E for Thai; the low half is never 0.
        fitting = sum(byte in (0, 0x0E) for byte in high)
        if 0 in high and 0 not in low and fitting > 0.9 * len(high):
            return encoding
    return None


def _by_all_bytes(file: IO[bytes]) -> Encoding:
    fault = _fault(file, Encoding.UTF_8)
    if fault is None and any(thai in chunk for chunk in _chunks(file) for thai in _THAI_IN_UTF_8):
        return Encoding.UTF_8
    look = look_at(_chunks(file))
    if fault is None:
        if look.thai:
            # A few Thai letters can be valid UTF-8 by accident.
            raise _not_told(Encoding.UTF_8, Encoding.WINDOWS_874)
        return Encoding.UTF_8
    if look.count == 0 or look.utf_8_share > 0.95:
        raise MalformedInput(fault)
    if look.thai:
        return Encoding.WINDOWS_874
    if look.western:
        return Encoding.WINDOWS_1252
    if look.utf_8_share > 0.5:
        raise MalformedInput(fault)
    raise _not_told(Encoding.WINDOWS_874, Encoding.WINDOWS_1252)


def _not_told(one: Encoding, other: Encoding) -> MalformedInput:
    return MalformedInput(NOT_TOLD.format(one, other))


def _fault(file: IO[bytes], encoding: Encoding) -> str | None:
    """What keeps the file from being text in this encoding, with the line; None if nothing does."""
    decoder = codecs.getincrementaldecoder(encoding.codec)()
    newlines = io.IncrementalNewlineDecoder(None, translate=True)
    line = 1
    for chunk in chain(_chunks(file), [b""]):
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(encoding.codec, "ignore")
            line += newlines.decode(before).count("\n")
            return NOT_IN_ENCODING.format(line, encoding)
        except UnicodeError:
            return NO_MARK
        if "\0" in text:
            line += newlines.decode(text[: text.index("\0")]).count("\n")
            return NUL.format(line)
        line += newlines.decode(text).count("\n")
    return None
