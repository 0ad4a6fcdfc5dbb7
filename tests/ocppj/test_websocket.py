"""WebSocket frames: RFC 6455 to the letter, however the bytes arrive."""

from __future__ import annotations

import itertools
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csms.ocppj.websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    BadText,
    Close,
    Event,
    FrameReader,
    Ping,
    Pong,
    Violation,
    server_frame,
)

LIMIT = 100_000


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, first: int = 0) -> bytes:
    """A masked frame, its length in as few bytes as it takes."""
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    size = len(payload)
    if size < 126:
        length = bytes((0x80 | size,))
    elif size < 65536:
        length = b"\xfe" + size.to_bytes(2, "big")
    else:
        length = b"\xff" + size.to_bytes(8, "big")
    return bytes((0x80 * fin | opcode | first,)) + length + mask + masked


def read(*frames: bytes, limit: int = LIMIT) -> list[Event]:
    return FrameReader(limit).feed(b"".join(frames))


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, LIMIT])
def test_a_text_of_any_size(size: int) -> None:
    assert read(frame(TEXT, b"x" * size)) == ["x" * size]


def test_all_kinds_in_one_read() -> None:
    assert read(
        frame(TEXT, "ชาร์จ".encode()), frame(BINARY, b"\x00"), frame(PING, b"p"), frame(PONG)
    ) == ["ชาร์จ", b"\x00", Ping(b"p"), Pong(b"")]


def test_fragments_make_one_message_and_control_frames_come_between() -> None:
    thai = "ชาร์จ".encode()
    assert read(
        frame(TEXT, thai[:4], fin=False),
        frame(PING, b"x" * 125),
        frame(CONTINUATION, b"", fin=False),
        frame(CONTINUATION, thai[4:]),
        frame(TEXT, b"next"),
    ) == [Ping(b"x" * 125), "ชาร์จ", "next"]


@pytest.mark.parametrize(
    ("payload", "event"),
    [
        (b"", Close(None, "")),
        (b"\x03\xe8", Close(1000, "")),
        (b"\x03\xe9bye", Close(1001, "bye")),
        (b"\x0b\xb8", Close(3000, "")),
    ],
)
def test_a_close_ends_it(payload: bytes, event: Event) -> None:
    reader = FrameReader(LIMIT)
    assert reader.feed(frame(CLOSE, payload) + frame(TEXT, b"after")) == [event]
    assert reader.feed(frame(TEXT, b"after")) == []


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(TEXT, first=0x40), 1002),
        (frame(TEXT, first=0x20), 1002),
        (frame(PING, first=0x10), 1002),
        (frame(0x3), 1002),
        (frame(0xB), 1002),
        (frame(CONTINUATION), 1002),
        (frame(TEXT, fin=False) + frame(TEXT), 1002),
        (frame(TEXT, fin=False) + frame(BINARY, fin=False), 1002),
        (frame(PING, fin=False), 1002),
        (frame(PING, b"x" * 126), 1002),
        (frame(CLOSE, b"\x03"), 1002),
        (frame(CLOSE, b"\x03\xed"), 1002),
        (frame(CLOSE, b"\x00\x01"), 1002),
        (frame(CLOSE, b"\x13\x88"), 1002),
        (frame(CLOSE, b"\x03\xe8\xff"), 1007),
        (b"\x81\x01x", 1002),
        (frame(TEXT, b"x" * (LIMIT + 1)), 1009),
        (frame(TEXT, b"x" * LIMIT, fin=False) + frame(CONTINUATION, b"x"), 1009),
        (b"\x81\xff" + b"\xff" * 8, 1009),
    ],
    # The masks are random: without names of their own the cases would have new ones each time.
    ids=map(str, itertools.count()),
)
def test_violations(data: bytes, code: int) -> None:
    reader = FrameReader(LIMIT)
    [violation] = reader.feed(data)
    assert isinstance(violation, Violation)
    assert violation.code == code
    assert reader.feed(frame(TEXT, b"after")) == []


@pytest.mark.parametrize("payload", [b"\xff", b"\xe0\xb8", b"\xed\xa0\x80"])
def test_text_that_is_no_utf8_is_left_to_the_owner(payload: bytes) -> None:
    frames = frame(TEXT, payload), frame(TEXT, fin=False), frame(CONTINUATION, payload)
    assert read(*frames, frame(TEXT, b"x")) == [BadText(payload), BadText(payload), "x"]


def test_a_frame_that_is_too_large_is_refused_before_it_arrives() -> None:
    assert isinstance(read(b"\x81\xff" + (LIMIT + 1).to_bytes(8, "big"))[0], Violation)


messages = st.one_of(
    st.tuples(st.just(TEXT), st.text(max_size=300).map(str.encode)),
    st.tuples(st.sampled_from([PING, PONG]), st.binary(max_size=125)),
    st.tuples(st.just(BINARY), st.binary(max_size=300)),
)


@given(st.lists(messages, max_size=6), st.lists(st.integers(0, 2000), max_size=10))
def test_where_the_bytes_are_cut_makes_no_difference(
    sent: list[tuple[int, bytes]], cuts: list[int]
) -> None:
    data = b"".join(frame(opcode, payload) for opcode, payload in sent)
    whole = FrameReader(LIMIT).feed(data)
    assert len(whole) == len(sent)
    reader = FrameReader(LIMIT)
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    pieces = [data[a:b] for a, b in zip(places, places[1:], strict=False)]
    assert [event for piece in pieces for event in reader.feed(piece)] == whole


@settings(max_examples=300)
@given(st.lists(st.binary(max_size=60), max_size=20))
def test_nothing_raises_and_nothing_follows_a_violation(pieces: list[bytes]) -> None:
    reader = FrameReader(50)
    ended = False
    for piece in pieces:
        for event in reader.feed(piece):
            assert not ended
            ended = isinstance(event, Close | Violation)


@given(st.binary(max_size=70_000))
def test_what_a_server_sends_is_a_whole_unmasked_frame(payload: bytes) -> None:
    sent = server_frame(TEXT, payload)
    assert sent.endswith(payload)
    assert sent[0] == 0x81
    assert sent[1] & 0x80 == 0
    header = len(sent) - len(payload)
    assert header == (2 if len(payload) < 126 else 4 if len(payload) < 65536 else 10)


def test_of_an_unfinished_message_it_is_known_how_large_it_will_be() -> None:
    reader = FrameReader(LIMIT)
    assert reader.feed(frame(TEXT, b"x" * 50_000)[:30_000]) == []
    assert (reader.unfinished, reader.expected) == (30_000, 50_000)
    reader = FrameReader(LIMIT)
    assert reader.feed(frame(TEXT, b"x" * 20_000, fin=False)) == []
    # How many fragments follow is not known.
    assert (reader.unfinished, reader.expected) == (20_000, LIMIT)


@given(
    st.lists(st.tuples(messages, st.booleans()), max_size=6),
    st.lists(st.integers(0, 2000), max_size=10),
    st.integers(0, 2000),
)
def test_messages_that_are_ignored_are_not_kept_and_the_close_is_still_read(
    sent: list[tuple[tuple[int, bytes], bool]], cuts: list[int], ignored_from: int
) -> None:
    data = b""
    in_message = False
    for (opcode, payload), fin in sent:
        if opcode in (PING, PONG):
            data += frame(opcode, payload)
            continue
        data += frame(CONTINUATION if in_message else opcode, payload, fin=fin)
        in_message = not fin
    data += frame(CLOSE, b"\x03\xe8")
    reader = FrameReader(LIMIT)
    places = sorted({min(cut, len(data)) for cut in (*cuts, ignored_from)} | {0, len(data)})
    events: list[Event] = []
    for a, b in itertools.pairwise(places):
        if a >= ignored_from:
            reader.ignore_messages()
            # At most the head of a frame, or a control frame.
            assert reader.unfinished < 14 + 125
        events += reader.feed(data[a:b])
        assert a < ignored_from or reader.unfinished < 14 + 125
    assert events[-1] == Close(1000, "")
