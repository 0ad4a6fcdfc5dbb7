"""WebSocket frames of a client, as a server has to read them (RFC 6455). Bytes in, events out.

Extensions are not spoken, so every reserved bit is a violation. After a violation or a close
nothing more is read. Memory stays within the limit given, whatever comes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

PROTOCOL_ERROR, BAD_TEXT, TOO_LARGE = 1002, 1007, 1009
NO_STATUS = 1005
NOT_UTF8 = "text must be UTF-8"
MAX_CONTROL = 125

_FIN, _RESERVED, _OPCODE, _MASKED, _LENGTH = 0x80, 0x70, 0x0F, 0x80, 0x7F
_CODES = frozenset((*range(1000, 1004), *range(1007, 1015)))


@dataclass(frozen=True, slots=True)
class Ping:
    """To be answered with a pong of the same data."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a ping, or one that nobody asked for."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """The peer closes. `code` is None if it gave none."""

    code: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Violation:
    """The peer broke the rules: close with this code."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class BadText:
    """A text message that is no UTF-8: close with `BAD_TEXT`, unless it can be read otherwise."""

    data: bytes


Event = str | bytes | BadText | Ping | Pong | Close | Violation
"""A str is a text message, bytes are a binary one."""

_LAST = (Close, Violation)


def unmask(mask: bytes, payload: bytes) -> bytes:
    """The payload of a masked frame (RFC 6455, 5.3)."""
    length = len(payload)
    key = int.from_bytes((mask * (length // 4 + 1))[:length], "little")
    return (int.from_bytes(payload, "little") ^ key).to_bytes(length, "little")


class FrameReader:
    """Reads the frames of one connection."""

    __slots__ = (
        "_limit", "_unmask", "_pending", "_message", "_opcode", "_ended", "_expected", "_ignoring",
        "_skip", "unfinished",
    )  # fmt: skip

    def __init__(self, limit: int, unmask: Callable[[bytes, bytes], bytes] = unmask) -> None:
        """`limit` is the largest message, bytes, in one frame or in many.

        `unmask` is given where there is a faster one.
        """
        self._limit = limit
        self._unmask = unmask
        self._pending: bytearray | None = None
        self._message: bytearray | None = None
        self._opcode = CONTINUATION
        self._ended = False
        self.unfinished = 0
        """Bytes kept of a message that is not whole yet."""
        self._expected = 0
        self._ignoring = False
        self._skip = 0

    @property
    def expected(self) -> int:
        """How many that message will have at most, if there is one."""
        return self._limit if self._message is not None else self._expected

    def ignore_messages(self) -> None:
        """Keep nothing of messages from now on; other frames are still read."""
        self._ignoring = True
        if self._message:
            self._message = bytearray()
        self.feed(b"")

    def feed(self, data: bytes) -> list[Event]:
        """Take what the socket had; returns what it completes. Never raises."""
        if self._ended:
            return []
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        buffer: bytes | bytearray = data
        if self._pending is not None:
            self._pending += data
            buffer = self._pending
        events: list[Event] = []
        position = 0
        end = len(buffer)
        while position < end and (frame := self._frame_at(buffer, position)) is not None:
            event, position = frame
            if event is None:
                continue
            events.append(event)
            if isinstance(event, _LAST):
                self._ended = True
                self._pending = self._message = None
                self.unfinished = 0
                return events
        self._keep(buffer, position)
        return events

    def _keep(self, buffer: bytes | bytearray, position: int) -> None:
        """Keep what follows the last whole frame, without copying a large one for every byte."""
        if position == len(buffer):
            self._pending = None
            self.unfinished = 0 if self._message is None else len(self._message)
            return
        if self._pending is None:
            self._pending = bytearray(buffer[position:])
        elif position:
            del self._pending[:position]
        self.unfinished = len(self._pending) + len(self._message or b"")

    def _frame_at(self, buffer: bytes | bytearray, start: int) -> tuple[Event | None, int] | None:
        """The event of a frame, None if it is a part of one, and where the next frame starts.

        None altogether if the frame is not whole yet.
        """
        if len(buffer) - start < 2:
            return None
        first, second = buffer[start], buffer[start + 1]
        violation = self._objection(first, second)
        if violation is not None:
            return violation, start
        length = second & _LENGTH
        place = start + 2
        if length > MAX_CONTROL:
            width = 2 if length == 126 else 8
            if len(buffer) < place + width:
                return None
            length = int.from_bytes(buffer[place : place + width], "big")
            place += width
        gathered = len(self._message or b"")
        if length > MAX_CONTROL and gathered + length > self._limit:
            return self._too_large(), start
        end = place + 4 + length
        if len(buffer) < end:
            self._expected = gathered + length
            return self._skip_frame(first, end, len(buffer)) if self._ignoring else None
        mask, payload = bytes(buffer[place : place + 4]), bytes(buffer[place + 4 : end])
        payload = self._unmask(mask, payload)
        return self._event(first & _FIN, first & _OPCODE, payload), end

    def _skip_frame(self, first: int, end: int, have: int) -> tuple[None, int] | None:
        """Drop what has come of a message that is ignored, and the rest when it comes."""
        if first & 0x8:
            return None
        self._skip = end - have
        self._message = None if first & _FIN else bytearray()
        return None, have

    def _objection(self, first: int, second: int) -> Violation | None:
        opcode = first & _OPCODE
        if first & _RESERVED:
            return Violation(PROTOCOL_ERROR, "a reserved bit is set")
        if not second & _MASKED:
            return Violation(PROTOCOL_ERROR, "frames of clients must be masked")
        if opcode & 0x8:
            if opcode > PONG:
                return Violation(PROTOCOL_ERROR, "unknown opcode")
            if not first & _FIN or second & _LENGTH > MAX_CONTROL:
                return Violation(PROTOCOL_ERROR, "control frames are short and whole")
        elif opcode > BINARY:
            return Violation(PROTOCOL_ERROR, "unknown opcode")
        elif (opcode == CONTINUATION) is (self._message is None):
            return Violation(PROTOCOL_ERROR, "fragments are out of order")
        return None

    def _event(self, fin: int, opcode: int, payload: bytes) -> Event | None:
        if opcode == TEXT and fin:
            return _text(payload)
        if opcode & 0x8:
            return _control(opcode, payload)
        if fin and opcode == BINARY:
            return payload
        if self._message is None:
            self._message, self._opcode = bytearray(), opcode
        if not self._ignoring:
            self._message += payload
        if len(self._message) > self._limit:
            return self._too_large()
        if not fin:
            return None
        message, self._message = bytes(self._message), None
        return _text(message) if self._opcode == TEXT else message

    def _too_large(self) -> Violation:
        return Violation(TOO_LARGE, f"messages may have {self._limit} bytes")


def _text(payload: bytes) -> str | BadText:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return BadText(payload)


def _control(opcode: int, payload: bytes) -> Event:
    if opcode == PING:
        return Ping(payload)
    if opcode == PONG:
        return Pong(payload)
    if not payload:
        return Close(None, "")
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or (code not in _CODES and not 3000 <= code <= 4999):
        return Violation(PROTOCOL_ERROR, "the close code is none")
    reason = _text(payload[2:])
    if isinstance(reason, BadText):
        return Violation(BAD_TEXT, NOT_UTF8)
    return Close(code, reason)


def server_frame(opcode: int, payload: bytes) -> bytes:
    """A whole frame of a server: never masked."""
    length = len(payload)
    if length <= MAX_CONTROL:
        return bytes((_FIN | opcode, length)) + payload
    if length <= 0xFFFF:
        return bytes((_FIN | opcode, 126)) + length.to_bytes(2, "big") + payload
    return bytes((_FIN | opcode, 127)) + length.to_bytes(8, "big") + payload
