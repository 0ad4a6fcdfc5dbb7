"""The server's half of WebSocket framing (RFC 6455, 5): bytes in, events out, and no I/O.

Two rules: whatever the peer sends, nothing is raised; and never more is kept than one message of
the permitted size and one frame that is not complete yet. Extensions are not spoken.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

PROTOCOL_ERROR = 1002
BAD_DATA = 1007
TOO_BIG = 1009

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_FIN = 0x80
_RESERVED = 0x70
_CONTROL = 0x08
_MASKED = 0x80
_MAX_CONTROL = 125

# What a peer may say in a close frame (7.4); 1004 to 1006 and 1015 never go over the wire.
_CLOSE_CODES = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)})

_SHORT = Struct("!H")
_LONG = Struct("!Q")
_HEADER_SHORT = Struct("!BBH")
_HEADER_LONG = Struct("!BBQ")


@dataclass(slots=True)
class Ping:
    """A ping, to be answered with its data (5.5.2)."""

    data: bytes


@dataclass(slots=True)
class Pong:
    """The answer to a ping, or an unsolicited pong (5.5.3)."""

    data: bytes


@dataclass(slots=True)
class Close:
    """The peer's close frame; `code` is None when it gave none. Nothing follows it (5.5.1)."""

    code: int | None
    reason: str


@dataclass(slots=True)
class Failure:
    """The peer broke the protocol: close with this code. Nothing follows it (7.1.7)."""

    code: int
    reason: str


Event = str | bytes | Ping | Pong | Close | Failure
"""A text message is its `str`, a binary one its `bytes`."""


class _Broken(Exception):
    def __init__(self, code: int, reason: str) -> None:
        self.failure = Failure(code, reason)


class FrameParser:
    """Reads the frames of one client."""

    __slots__ = ("_max_size", "_rest", "_needed", "_message", "_message_opcode", "_over")

    def __init__(self, max_size: int) -> None:
        """`max_size` bounds a message, the sum of its fragments, in bytes."""
        self._max_size = max_size
        self._rest: bytes | bytearray = b""
        self._needed = 2
        self._message: bytearray | None = None
        self._message_opcode = TEXT
        self._over = False

    @property
    def buffered(self) -> int:
        """Bytes that are kept until their frame or message is complete."""
        return len(self._rest) + len(self._message or b"")

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes from the peer; returns what is complete now. Never raises."""
        events: list[Event] = []
        if self._over:
            return events
        if self._rest:
            if isinstance(self._rest, bytes):
                self._rest = bytearray(self._rest)
            self._rest += data
            if len(self._rest) < self._needed:
                return events
            data = bytes(self._rest)
        try:
            position = self._read_frames(data, events)
        except _Broken as broken:
            events.append(broken.failure)
            self._over = True
        if self._over:
            self._rest, self._message = b"", None
        else:
            self._rest = data[position:]
        return events

    def _read_frames(self, data: bytes, events: list[Event]) -> int:
        """Read all complete frames; returns where the first incomplete one starts."""
        position, end = 0, len(data)
        while not self._over:
            start = position + 2
            if start > end:
                self._needed = 2
                return position
            first, second = data[position], data[position + 1]
            length = self._check(first, second)
            if length > _MAX_CONTROL:
                size = 2 if length == 126 else 8
                if start + size > end:
                    self._needed = 2 + size
                    return position
                read = _SHORT if size == 2 else _LONG
                length = read.unpack_from(data, start)[0]
                start += size
            if length + len(self._message or b"") > self._max_size:
                raise _Broken(TOO_BIG, f"a message may have {self._max_size} bytes")
            stop = start + 4 + length
            if stop > end:
                self._needed = stop - position
                return position
            payload = _unmask(data[start : start + 4], data[start + 4 : stop])
            self._take(first, payload, events)
            position = stop
        return position

    def _check(self, first: int, second: int) -> int:
        """Check the first two bytes of a frame (5.2); returns its 7-bit length."""
        opcode = first & 0x0F
        length = second & 0x7F
        if first & _RESERVED:
            raise _Broken(PROTOCOL_ERROR, "reserved bits are set, no extension was agreed on")
        if not second & _MASKED:
            raise _Broken(PROTOCOL_ERROR, "the frame is not masked")
        if opcode & _CONTROL:
            if opcode > PONG:
                raise _Broken(PROTOCOL_ERROR, "reserved opcode")
            if length > _MAX_CONTROL or not first & _FIN:
                raise _Broken(PROTOCOL_ERROR, "a control frame is too long or fragmented")
        elif opcode > BINARY:
            raise _Broken(PROTOCOL_ERROR, "reserved opcode")
        elif (opcode == CONTINUATION) != (self._message is not None):
            raise _Broken(PROTOCOL_ERROR, "a fragment is out of order")
        return length

    def _take(self, first: int, payload: bytes, events: list[Event]) -> None:
        opcode = first & 0x0F
        if opcode & _CONTROL:
            events.append(self._control(opcode, payload))
        elif not first & _FIN:
            if self._message is None:
                self._message, self._message_opcode = bytearray(), opcode
            self._message += payload
        elif self._message is None:
            events.append(_text(payload) if opcode == TEXT else payload)
        else:
            whole = bytes(self._message + payload)
            self._message = None
            events.append(_text(whole) if self._message_opcode == TEXT else whole)

    def _control(self, opcode: int, payload: bytes) -> Event:
        if opcode == PING:
            return Ping(payload)
        if opcode == PONG:
            return Pong(payload)
        close = _close(payload)
        self._over = True
        return close


def _close(payload: bytes) -> Close:
    if not payload:
        return Close(None, "")
    if len(payload) == 1:
        raise _Broken(PROTOCOL_ERROR, "the close code is cut off")
    code = _SHORT.unpack_from(payload)[0]
    if code not in _CLOSE_CODES:
        raise _Broken(PROTOCOL_ERROR, "the close code is not one to be sent")
    return Close(code, _text(payload[2:]))


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise _Broken(BAD_DATA, "the text is not UTF-8") from None


def _unmask(key: bytes, payload: bytes) -> bytes:
    # As one big number: the fastest way there is without a compiled extension.
    length = len(payload)
    mask = (key * ((length + 3) // 4))[:length]
    both = int.from_bytes(payload, "little") ^ int.from_bytes(mask, "little")
    return both.to_bytes(length, "little")


def encode_frame(opcode: int, payload: bytes) -> bytes:
    """A whole, unmasked frame, as servers send it."""
    length = len(payload)
    if length <= _MAX_CONTROL:
        return bytes((_FIN | opcode, length)) + payload
    if length <= 0xFFFF:
        return _HEADER_SHORT.pack(_FIN | opcode, 126, length) + payload
    return _HEADER_LONG.pack(_FIN | opcode, 127, length) + payload


def encode_close(code: int | None, reason: str) -> bytes:
    """A close frame; the reason is cut at the 123 bytes it may have."""
    if code is None:
        return encode_frame(CLOSE, b"")
    text = reason.encode()[: _MAX_CONTROL - 2].decode(errors="ignore").encode()
    return encode_frame(CLOSE, _SHORT.pack(code) + text)
