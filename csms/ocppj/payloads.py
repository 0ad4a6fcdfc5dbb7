"""Payload checks: what comes in, what goes out, and the CALLERROR code of a failure."""

from __future__ import annotations

from jsonschema_rs import ValidationError, ValidationErrorKind

from csms.errors import FieldError, OcppError
from csms.ocppj import lenient
from csms.ocppj.editions import OCPP201_BOOT, is_ocpp201_boot
from csms.ocppj.frames import Payload
from csms.ocppj.quirks import notice
from csms.ocppj.schemas import strict

_Kind = ValidationErrorKind
_CODES: tuple[tuple[tuple[type, ...], str], ...] = (
    ((_Kind.Required,), "OccurenceConstraintViolation"),
    ((_Kind.Type, _Kind.MaxLength), "TypeConstraintViolation"),
    (
        (_Kind.Enum, _Kind.Minimum, _Kind.Maximum, _Kind.MultipleOf),
        "PropertyConstraintViolation",
    ),
)


def check_inbound(action: str, payload: Payload) -> tuple[Payload, list[str]]:
    """Check a request from a charge point.

    Returns the payload to work with and the names of the quirks it had (usually none; then the
    payload is the one given). A payload that fails the schema is read leniently.

    Raises:
        OcppError: the payload breaks the schema, and is not read leniently or has nothing of its
            message left (OCPP-J, 4.2.3).
    """
    try:
        if strict(action).is_valid(payload):
            return payload, notice(action, payload)
    except ValueError:
        # It is nested deeper than the validator follows, in a property that OCPP does not have.
        pass
    reading = lenient.read(action, payload)
    if reading is None:
        raise _refusal(action, payload)
    repaired, quirks = reading
    return repaired, list(dict.fromkeys(quirks + notice(action, repaired)))


def _refusal(action: str, payload: Payload) -> OcppError:
    if action == "BootNotification" and is_ocpp201_boot(payload):
        return OcppError("FormationViolation", OCPP201_BOOT)
    try:
        error = next(iter(strict(action).iter_errors(payload)))
    except ValueError:
        return OcppError("FormationViolation", "the payload is nested too deep")
    return OcppError(_code(error), _describe(error))


def outbound_errors(action: str, payload: Payload) -> list[FieldError]:
    """What is wrong with a request that is about to be sent; empty if nothing is."""
    return _field_errors(action, payload)


def answer_errors(action: str, payload: Payload) -> list[FieldError]:
    """What is wrong with a charge point's answer to `action`; empty if nothing is."""
    return _field_errors(f"{action}Response", payload)


def _field_errors(message: str, payload: Payload) -> list[FieldError]:
    try:
        errors = strict(message).iter_errors(payload)
        return [FieldError(_path(error), error.message) for error in errors]
    except ValueError:
        return [FieldError("payload", "is nested too deep; send what the standard has")]


def _code(error: ValidationError) -> str:
    for kinds, code in _CODES:
        if isinstance(error.kind, kinds):
            return code
    return "FormationViolation"


def _path(error: ValidationError) -> str:
    path = ".".join(str(part) for part in error.instance_path)
    if isinstance(error.kind, _Kind.Required):
        return f"{path}.{error.kind.property}".lstrip(".")
    if isinstance(error.kind, _Kind.AdditionalProperties):
        return f"{path}.{error.kind.unexpected[0]}".lstrip(".")
    return path or "payload"


def _describe(error: ValidationError) -> str:
    return f"{_path(error)}: {error.message}"
