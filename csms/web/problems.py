"""Errors as they are answered: RFC 9457, `application/problem+json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from math import ceil
from typing import Any

from pydantic import ValidationError
from tornado.web import HTTPError

from csms.domain.command import Outcome, failure_of
from csms.errors import (
    Busy,
    CallErrorReceived,
    ChargePointOffline,
    CommandError,
    CommandTimeout,
    CsmsError,
    DatabaseUnavailable,
    Duplicate,
    FieldError,
    Forbidden,
    InvalidInput,
    LastAdmin,
    MalformedInput,
    NotBooted,
    NotFound,
    NotVerified,
    TooManyAttempts,
    Unauthorized,
)

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_SECONDS = 5
"""While the database is away."""

_STATUSES: tuple[tuple[type[CsmsError], HTTPStatus, str], ...] = (
    (NotFound, HTTPStatus.NOT_FOUND, "Not found"),
    (Duplicate, HTTPStatus.CONFLICT, "Already taken"),
    (LastAdmin, HTTPStatus.CONFLICT, "The last admin"),
    (InvalidInput, HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid input"),
    (MalformedInput, HTTPStatus.BAD_REQUEST, "Malformed input"),
    (Unauthorized, HTTPStatus.UNAUTHORIZED, "Not authenticated"),
    (Forbidden, HTTPStatus.FORBIDDEN, "Role too low"),
    (NotVerified, HTTPStatus.CONFLICT, "Verify the charge point first"),
    (NotBooted, HTTPStatus.CONFLICT, "The charge point has not booted"),
    (ChargePointOffline, HTTPStatus.CONFLICT, "Charger not connected"),
    (CallErrorReceived, HTTPStatus.BAD_GATEWAY, "The charge point answered with an error"),
    (CommandTimeout, HTTPStatus.GATEWAY_TIMEOUT, "The charge point did not answer"),
    (TooManyAttempts, HTTPStatus.TOO_MANY_REQUESTS, "Too many tries"),
    (Busy, HTTPStatus.SERVICE_UNAVAILABLE, "Too busy"),
    (DatabaseUnavailable, HTTPStatus.SERVICE_UNAVAILABLE, "The database is away"),
)


@dataclass(frozen=True)
class Problem:
    """An error as it is answered."""

    status: int
    title: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    command_id: str | None = None
    outcome: Outcome | None = None
    """Of a command that ended with this error; `command_id` is its record's."""
    retry_after: int | None = None
    """Seconds, for the header of that name."""

    def body(self) -> dict[str, Any]:
        """The members of RFC 9457, with `errors` of fields, and the outcome of a command."""
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            body["errors"] = [{"field": e.field, "message": e.message} for e in self.errors]
        if self.command_id is not None:
            body |= {"commandId": self.command_id, "outcome": self.outcome}
        return body


def problem_of(error: BaseException | None, status: int = 500) -> Problem:
    """The problem that an exception means to a client."""
    for kind, http_status, title in _STATUSES:
        if isinstance(error, kind):
            fields, command = _fields_of(error), _command_of(error)
            return Problem(http_status, title, str(error), fields, *command, _wait_of(error))
    if isinstance(error, HTTPError):
        status = error.status_code
    phrase = HTTPStatus(status).phrase
    detail = _DETAILS.get(status, f"{phrase}.")
    return Problem(status, phrase, detail)


_DETAILS: Mapping[int, str] = {
    400: "The request cannot be read.",
    404: "There is nothing at this path.",
    405: "The resource does not know this method; the Allow header lists those it does.",
    413: "The body is too large.",
    415: "Send the body as application/json.",
    500: "The server failed; its log says why.",
}


def _command_of(error: BaseException) -> tuple[str | None, Outcome | None]:
    if isinstance(error, CommandError) and error.command_id is not None:
        return error.command_id, failure_of(error)[1]
    return None, None


def _wait_of(error: BaseException) -> int | None:
    if isinstance(error, TooManyAttempts | Busy):
        return ceil(error.retry_after)
    return RETRY_AFTER_SECONDS if isinstance(error, DatabaseUnavailable) else None


def _fields_of(error: BaseException) -> tuple[FieldError, ...]:
    if isinstance(error, InvalidInput):
        return error.errors
    if isinstance(error, Duplicate):
        return (FieldError(error.field, error.message),)
    return ()


def invalid(error: ValidationError) -> InvalidInput:
    """What a body or a query breaks, field by field."""
    # Only what a client sent: a stored document that does not fit its model is no fault of theirs.
    return InvalidInput(*(_field_error(e) for e in error.errors(include_url=False)))


def _field_error(error: Mapping[str, Any]) -> FieldError:
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = "is not known here; leave it out"
    if error["type"] in ("model_type", "model_attributes_type") and not error["loc"]:
        return FieldError("body", "should be a JSON object")
    location = [str(part) for part in error["loc"] if not str(part).startswith("function-")]
    # A rule over several fields starts with the one to give.
    field = ".".join(location) if location else _first_name(message)
    return FieldError(field, message)


def _first_name(message: str) -> str:
    return message.removeprefix("give ").partition(",")[0].split(" ")[0]
