"""The closed sets that labels of metrics come from: all else is `other`.

Each value of a label is a series of its own, kept for as long as the process runs. What comes from
outside must not make any.
"""

from __future__ import annotations

from collections.abc import Set

from csms.ocppj.schemas import REQUEST_ACTIONS, UNKNOWN_ACTION

OTHER = "other"

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

ACTIONS = REQUEST_ACTIONS | {UNKNOWN_ACTION}

OUTCOMES = frozenset(
    {
        "CallResult",
        "CallError",
        "Timeout",
        "Offline",
        "NotImplemented",
        "NotSupported",
        "InternalError",
        "ProtocolError",
        "SecurityError",
        "FormationViolation",
        "PropertyConstraintViolation",
        "OccurenceConstraintViolation",
        "OccurrenceConstraintViolation",
        "TypeConstraintViolation",
        "GenericError",
    }
)
"""Of a Call: an answer, the code of a CALLERROR (OCPP-J 1.6, 4.2.3), or why there was none."""

_ALERTS = (
    "UNEXPECTED_MESSAGE BAD_RECORD_MAC RECORD_OVERFLOW HANDSHAKE_FAILURE BAD_CERTIFICATE"
    " UNSUPPORTED_CERTIFICATE CERTIFICATE_REVOKED CERTIFICATE_EXPIRED CERTIFICATE_UNKNOWN"
    " ILLEGAL_PARAMETER UNKNOWN_CA ACCESS_DENIED DECODE_ERROR DECRYPT_ERROR PROTOCOL_VERSION"
    " INSUFFICIENT_SECURITY INTERNAL_ERROR USER_CANCELLED NO_RENEGOTIATION UNRECOGNIZED_NAME"
)
_ALERT_PREFIXES = ("TLSV1_ALERT_", "SSLV3_ALERT_", "TLSV13_ALERT_", "TLSV1_")
TLS_REASONS = frozenset(
    {prefix + alert for prefix in _ALERT_PREFIXES for alert in _ALERTS.split()}
) | {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    "BAD_EXTENSION",
    "BAD_SIGNATURE",
    "CERTIFICATE_VERIFY_FAILED",
    "CONNECTION_RESET",
    "DECRYPTION_FAILED_OR_BAD_RECORD_MAC",
    "HTTP_REQUEST",
    "HTTPS_PROXY_REQUEST",
    "LENGTH_MISMATCH",
    "NO_SHARED_CIPHER",
    "NO_SUITABLE_SIGNATURE_ALGORITHM",
    "NO_SUITABLE_KEY_SHARE",
    "NO_SUITABLE_GROUPS",
    "NO_SHARED_GROUP",
    "NO_SHARED_SIGNATURE_ALGORITHMS",
    "PACKET_LENGTH_TOO_LONG",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE",
    "UNEXPECTED_EOF_WHILE_READING",
    "UNEXPECTED_MESSAGE",
    "UNKNOWN",
    "UNKNOWN_PROTOCOL",
    "UNSUPPORTED_PROTOCOL",
    "VERSION_TOO_LOW",
    "WRONG_SSL_VERSION",
    "WRONG_VERSION_NUMBER",
}
"""OpenSSL's reasons; those that are rarer are in `rejected_connections` alone."""


def closed(value: str, known: Set[str]) -> str:
    """A value of a closed set, or `other`."""
    return value if value in known else OTHER
