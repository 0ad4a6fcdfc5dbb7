"""The OCPP message log: one record per Call and its answer, in the capped `messages`.

A message that cannot be read has a record of its own: its text, and as its error why not.
Payloads are kept as JSON text, secrets masked: whatever a charge point sends fits, and nothing of
it can act as a database operator.

A charge point that has filled its share of the log (csms.domain.stored_bytes) has its messages left
out until there is room again, and the log says so: its Calls, and the questions that csms asks by
itself, for it decides how often by booting again. Commands of people are logged all the same, and
the beginning of its answers to them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from csms.actions.context import Outbound
from csms.config import Settings
from csms.domain.masking import shown_text
from csms.domain.secret_text import mask_text
from csms.domain.secret_values import KnownSecrets
from csms.domain.stored_bytes import MESSAGES, StoredBytes
from csms.errors import OcppError
from csms.metrics import Metrics
from csms.ocppj.frames import Call, CallError, CallResult, Head, Payload, UniqueId
from csms.repositories.telemetry import Telemetry

MAX_TEXT = 16_384
MAX_ANSWER_WHEN_FULL = 500
"""Characters kept of the answer to a command of people where the charge point's share is used."""
LEFT_OUT = (
    "messages of this charge point are left out from here on: it has filled its share of the log"
    " (setting max_stored_share)"
)
SAID_EVERY = timedelta(minutes=1)
"""How often the log says so of one charge point."""


class Party(Protocol):
    """The charge point of an exchange."""

    identity: str
    stored: StoredBytes

    @property
    def is_known(self) -> bool: ...

    @property
    def charge_point_id(self) -> str: ...


class MessageLog:
    """Writes the log, behind; with the setting `message_log` off it writes nothing."""

    def __init__(
        self,
        settings: Settings,
        telemetry: Telemetry,
        outbound: Mapping[str, Outbound],
        secrets: KnownSecrets,
        clock: Callable[[], datetime],
        metrics: Metrics,
    ) -> None:
        self._enabled = settings.message_log
        self._skip = frozenset(settings.message_log_skip)
        self._telemetry = telemetry
        self._outbound = outbound
        self._secrets = secrets
        self._clock = clock
        self._left_out: Callable[[], None] = metrics.left_out_of_log.inc

    def inbound(
        self,
        party: Party,
        call: Call,
        answer: Payload | None,
        error: OcppError | None,
        seconds: float,
        *,
        always: bool = False,
    ) -> None:
        """Log a charge point's Call; `seconds` is how long its answer took.

        Actions that the settings leave out are logged if they were refused, or with `always`.
        """
        if not self._enabled or (error is None and call.action in self._skip and not always):
            return
        if self._is_full(party):
            return
        self._store(
            party,
            "in",
            call.unique_id,
            call.action,
            shown_text(call.pick_up(), MAX_TEXT),
            answer,
            None if error is None else f"{error.code}: {error.description}",
            seconds,
        )

    def outbound(
        self,
        party: Party,
        unique_id: str,
        action: str,
        payload: Payload,
        answer: CallResult | CallError | None,
        outcome: str,
        seconds: float,
        *,
        is_question: bool = False,
    ) -> None:
        """Log a Call to a charge point; without an answer, `outcome` says why.

        `is_question`: csms asks it by itself.
        """
        if not self._enabled:
            return
        is_full = self._is_full(party, is_left_out=is_question)
        if is_full and is_question:
            return
        known = self._outbound.get(action)
        response = error = None
        if isinstance(answer, CallResult):
            response = known.response_shown(answer.payload) if known else answer.payload
        elif isinstance(answer, CallError):
            error = f"{answer.code}: {answer.description}"
        else:
            error = outcome
        request = shown_text(known.request_shown(payload) if known else payload, MAX_TEXT)
        most = MAX_ANSWER_WHEN_FULL if is_full else MAX_TEXT
        self._store(party, "out", unique_id, action, request, response, error, seconds, most)

    def unreadable(self, party: Party, text: str, head: Head | None, reason: str) -> None:
        """Log a message that is no proper frame; `head` is what can be read of it."""
        if not self._enabled or self._is_full(party):
            return
        unique_id, action = ("", "") if head is None else (head.unique_id, head.action)
        self._store(party, "in", unique_id, action, mask_text(text, MAX_TEXT), None, reason, None)

    def _is_full(self, party: Party, *, is_left_out: bool = True) -> bool:
        """Whether the share is used. What is left out is counted, and now and then logged."""
        stored = party.stored
        if not stored.is_over or not stored.is_full(MESSAGES):
            return False
        if not is_left_out:
            return True
        self._left_out()
        now = self._clock()
        if stored.left_out_said_at is None or now - stored.left_out_said_at >= SAID_EVERY:
            stored.left_out_said_at = now
            self._store(party, "in", "", "", "", None, LEFT_OUT, None)
        return True

    def _store(
        self,
        party: Party,
        direction: str,
        unique_id: UniqueId,
        action: str,
        request: str,
        response: Payload | None,
        error: str | None,
        seconds: float | None,
        most: int = MAX_TEXT,
    ) -> None:
        record = {
            "chargePointId": party.charge_point_id if party.is_known else None,
            "chargePointIdentity": party.identity,
            "at": self._clock(),
            "direction": direction,
            "uniqueId": str(unique_id),
            "action": action[:MAX_TEXT],
            "request": request,
            "response": None if response is None else shown_text(response, most),
            "error": error,
            "milliseconds": None if seconds is None else round(seconds * 1000, 3),
        }
        if party.is_known and (secrets := self._secrets.of(party.charge_point_id)) is not None:
            for name in ("uniqueId", "action", "request", "response", "error"):
                record[name] = secrets.masked(record[name])
        size = self._telemetry.insert_behind("messages", record)
        party.stored.add(MESSAGES, size)
