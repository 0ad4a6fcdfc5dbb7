"""The session of one socket: at most one outstanding Call in our direction (OCPP-J 1.6, 4.1.1).

Messages go in, events come out; what to do with them is the owner's business. Two rules:
a type 3 or 4 frame is never answered, and an answer that nobody waits for is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

from csms.ocppj.frames import (
    CALL,
    FORMATION_VIOLATION,
    Call,
    CallError,
    CallResult,
    FrameError,
    Head,
    KeepAlive,
    Message,
    Payload,
    encode_call,
    encode_error,
    parse,
)

MAX_UNREADABLE = 10
"""Unreadable frames in a row after which the peer is no OCPP peer."""


@dataclass(slots=True)
class Outstanding:
    """Our Call that waits for its answer."""

    unique_id: str
    action: str


@dataclass(slots=True)
class Answered:
    """The answer to our outstanding Call.

    `unreadable` says why an answer could not be read; `answer` is a CallError in place of it then.
    """

    action: str
    answer: CallResult | CallError
    unreadable: str = ""


@dataclass(slots=True)
class Refused:
    """A Call that is no proper frame; `reply` is the text to send."""

    reason: str
    reply: bytes
    head: Head


@dataclass(slots=True)
class Ignored:
    """Nothing to do: an unknown message type, or an answer that came too late."""

    reason: str


@dataclass(slots=True)
class Unreadable:
    """A frame that cannot be answered; `hopeless` after too many in a row."""

    reason: str
    hopeless: bool
    head: Head | None = None


Event = Call | Answered | Refused | Ignored | KeepAlive | Unreadable


class CallOutstanding(Exception):
    """A second Call was started before the first was answered or given up."""


class Session:
    """The state of one conversation."""

    __slots__ = ("outstanding", "_unreadable")

    def __init__(self) -> None:
        self.outstanding: Outstanding | None = None
        self._unreadable = 0

    def receive(self, message: Message) -> Event:
        """Take one message from the peer. Never raises."""
        try:
            frame = parse(message)
        except FrameError as error:
            return self._bad_frame(error)
        if isinstance(frame, Call):
            self._unreadable = 0
            return frame
        if isinstance(frame, KeepAlive):
            return frame
        self._unreadable = 0
        if frame is None:
            return Ignored("unknown message type")
        if self.outstanding is None or self.outstanding.unique_id != frame.unique_id:
            return Ignored(f"answer to {frame.unique_id!r}, which is not outstanding")
        action = self.outstanding.action
        self.outstanding = None
        return Answered(action, frame)

    def start_call(self, unique_id: str, action: str, payload: Payload) -> bytes:
        """Start a Call and return its text.

        Raises:
            CallOutstanding: the one before is neither answered nor given up.
        """
        if self.outstanding is not None:
            raise CallOutstanding(self.outstanding.unique_id)
        self.outstanding = Outstanding(unique_id, action)
        return encode_call(unique_id, action, payload)

    def give_up(self) -> None:
        """Forget the outstanding Call (4.1.1: timed out); a late answer will be dropped."""
        self.outstanding = None

    def _bad_frame(self, error: FrameError) -> Event:
        head = error.head
        if head is not None and head.kind == CALL:
            self._unreadable = 0
            reply = encode_error(head.unique_id, FORMATION_VIOLATION, error.reason)
            return Refused(error.reason, reply, head)
        outstanding = self.outstanding
        if head is not None and outstanding and outstanding.unique_id == head.unique_id:
            self._unreadable = 0
            self.outstanding = None
            description = f"the answer is {error.reason}"
            answer = CallError(head.unique_id, FORMATION_VIOLATION, description)
            return Answered(outstanding.action, answer, error.reason)
        self._unreadable += 1
        return Unreadable(error.reason, self._unreadable >= MAX_UNREADABLE, head)
