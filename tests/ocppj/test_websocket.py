"""The frame parser: bytes in, events out."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.ocppj.websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Close,
    Event,
    Failure,
    FrameParser,
    Ping,
    Pong,
    encode_close,
    encode_frame,
)

MAX_SIZE = 1_000
KEY = b"\x12\x34\x56\x78"


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, masked: bool = True, bits: int = 0
) -> bytes:
    """A client's frame, written here a second time on purpose."""
    first = (0x80 if fin else 0) | bits | opcode
    mask_bit = 0x80 if masked else 0
    if len(payload) < 126:
        header = bytes([first, mask_bit | len(payload)])
    elif len(payload) < 65536:
        header = struct.pack("!BBH", first, mask_bit | 126, len(payload))
    else:
        header = struct.pack("!BBQ", first, mask_bit | 127, len(payload))
    if not masked:
        return header + payload
    return header + KEY + bytes(byte ^ KEY[i % 4] for i, byte in enumerate(payload))


def parse(data: bytes, max_size: int = MAX_SIZE) -> list[Event]:
    return FrameParser(max_size).feed(data)


def test_messages() -> None:
    long = "ยาว" * 50
    data = frame(TEXT, b"") + frame(TEXT, long.encode()) + frame(BINARY, b"\xff")
    assert parse(data) == ["", long, b"\xff"]
    huge = "x" * 70_000
    assert parse(frame(TEXT, huge.encode()), 70_000) == [huge]


def test_fragments_with_control_frames_between_them() -> None:
    snowman = "☃".encode()
    data = (
        frame(TEXT, b"a" + snowman[:1], fin=False)
        + frame(PING, b"now")
        + frame(CONTINUATION, snowman[1:], fin=False)
        + frame(PONG)
        + frame(CONTINUATION, b"z")
        + frame(TEXT, b"next")
    )
    assert parse(data) == [Ping(b"now"), Pong(b""), "a☃z", "next"]


def test_close() -> None:
    assert parse(frame(CLOSE)) == [Close(None, "")]
    assert parse(frame(CLOSE, b"\x03\xe8bye") + frame(TEXT, b"late")) == [Close(1000, "bye")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(frame(TEXT, b"a", masked=False), 1002, id="not masked"),
        pytest.param(frame(TEXT, b"a", bits=0x40), 1002, id="compressed"),
        pytest.param(frame(0x3), 1002, id="reserved data opcode"),
        pytest.param(frame(0xB), 1002, id="reserved control opcode"),
        pytest.param(frame(PING, fin=False), 1002, id="fragmented control frame"),
        pytest.param(frame(PING, bytes(126)), 1002, id="long control frame"),
        pytest.param(frame(CONTINUATION), 1002, id="nothing to continue"),
        pytest.param(frame(TEXT, fin=False) + frame(TEXT), 1002, id="not continued"),
        pytest.param(frame(CLOSE, b"\x03"), 1002, id="half a close code"),
        pytest.param(frame(CLOSE, struct.pack("!H", 1005)), 1002, id="reserved close code"),
        pytest.param(frame(CLOSE, struct.pack("!H", 999)), 1002, id="close code out of range"),
        pytest.param(frame(CLOSE, b"\x03\xe8\xff"), 1007, id="close reason not UTF-8"),
        pytest.param(frame(TEXT, b"\xff"), 1007, id="not UTF-8"),
        pytest.param(
            frame(TEXT, b"\xe2", fin=False) + frame(CONTINUATION, b"\x98"), 1007, id="cut UTF-8"
        ),
        pytest.param(frame(TEXT, bytes(MAX_SIZE + 1)), 1009, id="too large"),
        pytest.param(b"\x81\xff" + b"\xff" * 8, 1009, id="too large to be sent at all"),
        pytest.param(
            frame(TEXT, bytes(MAX_SIZE), fin=False) + frame(CONTINUATION, b"a"),
            1009,
            id="fragments too large",
        ),
    ],
)
def test_a_broken_protocol(data: bytes, code: int) -> None:
    parser = FrameParser(MAX_SIZE)
    *before, failure = parser.feed(frame(TEXT, b"fine") + data)
    assert before == ["fine"]
    assert isinstance(failure, Failure)
    assert failure.code == code
    assert parser.feed(frame(TEXT, b"late")) == []
    assert parser.buffered == 0


def test_a_large_message_is_refused_before_it_is_sent() -> None:
    assert isinstance(parse(frame(TEXT, bytes(MAX_SIZE + 1))[:4])[0], Failure)


FRAMES = st.builds(
    frame,
    st.sampled_from([TEXT, BINARY, CONTINUATION, PING, PONG, CLOSE, 0x3]),
    st.binary(max_size=200) | st.text(max_size=50).map(str.encode),
    fin=st.booleans(),
    masked=st.sampled_from([True] * 9 + [False]),
)


@given(st.lists(FRAMES | st.binary(max_size=20), max_size=8).map(b"".join), st.data())
def test_how_the_bytes_arrive_makes_no_difference(data: bytes, draw: st.DataObject) -> None:
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=10)))
    whole, parts = FrameParser(300), FrameParser(300)
    expected = whole.feed(data)
    found: list[Event] = []
    for start, stop in zip([0, *cuts], [*cuts, len(data)], strict=True):
        found += parts.feed(data[start:stop])
        assert parts.buffered <= 300 + 300 + 14
    assert found == expected
    assert parts.buffered == whole.buffered


@given(st.integers(0, 400).map(bytes) | st.integers(65530, 65540).map(bytes))
def test_frames_that_we_send(payload: bytes) -> None:
    sent = encode_frame(BINARY, payload)
    assert sent == frame(BINARY, payload, masked=False)


@given(st.text(max_size=200))
def test_close_frames_that_we_send(reason: str) -> None:
    sent = encode_close(1008, reason)
    assert sent[0] == 0x80 | CLOSE
    assert sent[1] == len(sent) - 2 <= 125
    assert sent[2:4] == struct.pack("!H", 1008)
    assert reason.startswith(sent[4:].decode())
    assert encode_close(None, "") == bytes([0x80 | CLOSE, 0])
