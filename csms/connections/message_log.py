"""The OCPP message log: one record per Call and its answer, in the capped `messages`.

A message that cannot be read has a record of its own: its text, and as its error why not.
Payloads are kept as JSON text, secrets masked: whatever a charge point sends fits, and nothing of
it can act as a database operator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from csms.actions.context import Outbound
from csms.config import Settings
from csms.domain.masking import shown_text
from csms.domain.secret_text import mask_text
from csms.domain.secret_values import KnownSecrets
from csms.errors import OcppError
from csms.ocppj.frames import Call, CallError, CallResult, Head, Payload, UniqueId
from csms.repositories.telemetry import Telemetry

MAX_TEXT = 16_384


class Party(Protocol):
    """The charge point of an exchange."""

    identity: str

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
    ) -> None:
        self._enabled = settings.message_log
        self._skip = frozenset(settings.message_log_skip)
        self._telemetry = telemetry
        self._outbound = outbound
        self._secrets = secrets
        self._clock = clock

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
    ) -> None:
        """Log a Call to a charge point; without an answer, `outcome` says why."""
        if not self._enabled:
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
        self._store(party, "out", unique_id, action, request, response, error, seconds)

    def unreadable(self, party: Party, text: str, head: Head | None, reason: str) -> None:
        """Log a message that is no proper frame; `head` is what can be read of it."""
        if not self._enabled:
            return
        unique_id, action = ("", "") if head is None else (head.unique_id, head.action)
        self._store(party, "in", unique_id, action, mask_text(text, MAX_TEXT), None, reason, None)

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
    ) -> None:
        record = {
            "chargePointId": party.charge_point_id if party.is_known else None,
            "chargePointIdentity": party.identity,
            "at": self._clock(),
            "direction": direction,
            "uniqueId": str(unique_id),
            "action": action[:MAX_TEXT],
            "request": request,
            "response": None if response is None else shown_text(response, MAX_TEXT),
            "error": error,
            "milliseconds": None if seconds is None else round(seconds * 1000, 3),
        }
        if party.is_known and (secrets := self._secrets.of(party.charge_point_id)) is not None:
            for name in ("uniqueId", "action", "request", "response", "error"):
                record[name] = secrets.masked(record[name])
        self._telemetry.insert_behind("messages", record)
