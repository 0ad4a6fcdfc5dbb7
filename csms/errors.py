"""The domain's exceptions.

    CsmsError
    ├── NotFound              an id that is in no record                  HTTP 404
    ├── Duplicate             a unique field that is taken                HTTP 409
    ├── InvalidInput          fields that break a rule                    HTTP 422
    ├── MalformedInput        a body that cannot be read at all           HTTP 400
    ├── LastAdmin             nobody could administer csms any more       HTTP 409
    ├── Forbidden             the token's role is too low                 HTTP 403
    ├── Unauthorized          no token, or one that is not known          HTTP 401
    ├── TooManyAttempts       failed too often, has to wait               HTTP 429
    ├── Busy                  more at once than can be served             HTTP 503
    ├── DatabaseUnavailable   MongoDB did not answer                      HTTP 503, InternalError
    ├── OcppError             a Call that cannot be served                CALLERROR with its code
    ├── SchemaTooNew (repositories/schema.py)                             exit status 2
    ├── ConfigFileError       a config file that cannot be read           exit status 2
    ├── NoReplicaSet          a MongoDB that csms cannot work with        exit status 2
    ├── AuthorityError (certificates/authority.py)                        exit status 2
    ├── MongodNotFound, MongodFailed, DataDirInUse, UriLost               exit status 2
    └── CommandError          a command that got no CallResult
        ├── ChargePointOffline    no socket to send it on                 HTTP 409
        │   ├── NotBooted         a socket, but no BootNotification yet   HTTP 409
        │   ├── NotVerified       a socket, but who it is was not shown   HTTP 409
        │   └── SessionLost       a socket that no longer has the record  HTTP 409, no answer
        ├── CommandTimeout        no answer in time, or its socket closed HTTP 504
        └── CallErrorReceived     the charge point answered CALLERROR     HTTP 502

Each edge maps them once: `web/api/base.py` to HTTP, `connections/connection.py` to CALLERROR,
`cli.py` to an exit status.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class CsmsError(Exception):
    """Base of everything that csms raises on purpose."""


@dataclass(frozen=True)
class FieldError:
    """One field at fault. `message` says what is wrong and what to do about it."""

    field: str
    message: str


class NotFound(CsmsError):
    """No record of this kind has this id."""

    def __init__(self, kind: str, record_id: object) -> None:
        super().__init__(f"There is no {kind} {record_id!s}.")
        self.kind = kind
        self.record_id = record_id


ONE_NAMESPACE = (
    "between charge points, identities and serial numbers must all differ, and by more than case"
    " and Unicode normal form"
)


class Duplicate(CsmsError):
    """Another record already has this value in a unique field.

    `other` is the id of that record where it is known, and `written` how it writes the value where
    that is not how it was given here. `other_field` is the field in which it has the value, where
    that is another one.
    """

    def __init__(
        self,
        field: str,
        other: str | None = None,
        written: str | None = None,
        other_field: str | None = None,
    ) -> None:
        self.field = field
        self.other = other
        holder = "another record" if other is None else f"the record {other}"
        self.message = f"is already taken by {holder}"
        if other_field is not None:
            self.message += f" as its {other_field} {written}; {ONE_NAMESPACE}"
        elif written is not None:
            shown = "" if written == other else f", as {written}"
            self.message += f"{shown}; case and Unicode normal form make no difference"
        super().__init__(f"{field} {self.message}.")


class InvalidInput(CsmsError):
    """One or more fields break a rule; nothing was written."""

    def __init__(self, *errors: FieldError) -> None:
        super().__init__("; ".join(f"{e.field}: {e.message}" for e in errors))
        self.errors = errors


class MalformedInput(CsmsError):
    """The input cannot be read at all: not JSON, not text in a known encoding."""


class Unauthorized(CsmsError):
    """No credentials, or credentials that nobody has."""


class LastAdmin(CsmsError):
    """It is the last admin, or the last admin token; the text says what to do first."""


class TooManyAttempts(CsmsError):
    """Somebody has failed too often; heard again after `retry_after` seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("Too many tries. Wait a minute, then try again.")
        self.retry_after = retry_after


class Busy(CsmsError):
    """More at once than can be served; to be tried again after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Forbidden(CsmsError):
    """The credentials are good, the role is too low."""


class DatabaseUnavailable(CsmsError):
    """MongoDB did not acknowledge in time. Nothing may be promised to anyone."""


class ConfigFileError(CsmsError):
    """The file of settings does not exist, or is no TOML."""


class NoReplicaSet(CsmsError):
    """MongoDB runs without what change streams and majority writes need."""


class OcppError(CsmsError):
    """A Call that cannot be served, with the CALLERROR code to answer (OCPP-J 1.6, 4.2.3)."""

    def __init__(self, code: str, description: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description
        self.details = details or {}


class CommandError(CsmsError):
    """A command that did not get a CallResult. `command_id` is its record's, if it has one."""

    command_id: str | None = None


class ChargePointOffline(CommandError):
    """Nothing was sent: there is no socket to this charge point."""

    def __init__(self, message: str = "Charger not connected") -> None:
        super().__init__(message)


NOT_BOOTED = (
    "The charge point is connected, but has not sent its BootNotification. Trigger one"
    " (TriggerMessage, BootNotification), or send a Reset."
)


class NotBooted(ChargePointOffline):
    """Nothing was sent: the charge point is connected, but has not sent a BootNotification."""

    def __init__(self) -> None:
        super().__init__(NOT_BOOTED)


VERIFY_FIRST = (
    "Verify it first: on this connection the charge point has shown neither its serial number nor"
    " a credential, so it may be another device. An admin may send it all the same (unverified)."
)
ENTER_SERIAL_FIRST = (
    "Enter the serial number of this charge point, then verify it: it has shown no credential on"
    " this connection, so it may be another device. An admin may send it all the same (unverified)."
)


class NotVerified(ChargePointOffline):
    """Nothing was sent: a credential is not handed to a connection that may be an impostor's."""


class SessionLost(ChargePointOffline):
    """Nothing was written: the session does not hold its charge point's record any more."""

    def __init__(self) -> None:
        super().__init__("The charge point has connected anew, or its record was deleted")


class CommandTimeout(CommandError):
    """The charge point did not answer in time, or its socket closed before the answer came.

    `was_sent` is False if the command was given up before it was sent.
    """

    def __init__(self, message: str, *, was_sent: bool = True) -> None:
        super().__init__(message)
        self.was_sent = was_sent


class CallErrorReceived(CommandError):
    """The charge point answered with a CALLERROR."""

    def __init__(self, code: str, description: str, details: dict[str, Any]) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description
        self.details = details
