"""The configuration keys of a simulated charge point (OCPP 1.6, 9). Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from csms.domain.configuration import AUTHORIZATION_KEY
from csms.ocppj.frames import Payload
from csms.simulator.hardware import Hardware
from csms.simulator.metering import MEASURANDS

MAX_KEYS = 20
MAX_SECONDS = 7 * 86_400


def _is_boolean(value: str) -> bool:
    return value.lower() in ("true", "false")


def _is_seconds(value: str) -> bool:
    return value.isascii() and value.isdigit() and int(value) <= MAX_SECONDS


def _is_count(value: str) -> bool:
    return _is_seconds(value) and 1 <= int(value) <= 100


def _is_measurands(value: str) -> bool:
    return all(name in MEASURANDS for name in split(value))


def _is_authorization_key(value: str) -> bool:
    # A key of 16 to 40 bytes, or the same as hex digits (Security Whitepaper, 2.3).
    return 16 <= len(value.encode()) <= 80


def split(value: str) -> list[str]:
    """The items of a comma-separated list."""
    return [item for item in (part.strip() for part in value.split(",")) if item]


@dataclass(frozen=True, slots=True)
class Key:
    """One key. It can be changed if it has a check; a hidden one is never shown."""

    name: str
    value: str
    accepts: Callable[[str], bool] | None = None
    hidden: bool = False


_CORE = (
    Key("AuthorizeRemoteTxRequests", "true", _is_boolean),
    Key("ClockAlignedDataInterval", "0"),
    Key("ConnectionTimeOut", "60"),
    Key("GetConfigurationMaxKeys", str(MAX_KEYS)),
    Key("HeartbeatInterval", "300", _is_seconds),
    Key("LocalAuthorizeOffline", "true", _is_boolean),
    Key("LocalPreAuthorize", "false"),
    Key("MeterValuesAlignedData", ""),
    Key("MeterValuesSampledData", ",".join(MEASURANDS), _is_measurands),
    Key("MeterValueSampleInterval", "60", _is_seconds),
    Key("ResetRetries", "0"),
    Key("StopTransactionOnEVSideDisconnect", "true"),
    Key("StopTransactionOnInvalidId", "true", _is_boolean),
    Key("StopTxnAlignedData", ""),
    Key("StopTxnSampledData", ",".join(MEASURANDS), _is_measurands),
    Key("SupportedFeatureProfiles", "Core,RemoteTrigger"),
    Key("TransactionMessageAttempts", "5", _is_count),
    Key("TransactionMessageRetryInterval", "10", _is_seconds),
    Key("UnlockConnectorOnEVSideDisconnect", "true"),
    Key("WebSocketPingInterval", "0"),
    Key(AUTHORIZATION_KEY, "", _is_authorization_key, hidden=True),
)
_CORE_BY_NAME = {key.name.casefold(): key for key in _CORE}


class Configuration:
    """The keys of one charge point. Names are compared without case, as OCPP has them."""

    def __init__(self, hardware: Hardware) -> None:
        # Core keys are shared by the fleet; a charge point keeps only what it has for itself.
        self._own = {key.name.casefold(): key for key in _keys_of(hardware)}
        self._changed: dict[str, str] = {}

    def text(self, name: str) -> str:
        """The value of a key that exists."""
        folded = name.casefold()
        return self._changed.get(folded, self._key(folded).value)

    def number(self, name: str) -> int:
        """The value of an integer key."""
        return int(self.text(name))

    def flag(self, name: str) -> bool:
        """The value of a boolean key."""
        return self.text(name).lower() == "true"

    def put(self, name: str, value: str) -> None:
        """Set a key from inside the charge point, whatever it accepts from outside."""
        self._changed[name.casefold()] = value

    def change(self, name: str, value: str) -> str:
        """Set a key as ChangeConfiguration does; returns the status to answer."""
        folded = name.casefold()
        key = self._own.get(folded) or _CORE_BY_NAME.get(folded)
        if key is None:
            return "NotSupported"
        if key.accepts is None or not key.accepts(value):
            return "Rejected"
        self._changed[folded] = value
        return "Accepted"

    def answer(self, names: Iterable[str]) -> Payload:
        """A GetConfiguration.conf with these keys, or all when none are named."""
        asked = list(names) or [key.name for key in (*_CORE, *self._own.values())]
        known = {**_CORE_BY_NAME, **self._own}
        found = [known[name.casefold()] for name in asked if name.casefold() in known]
        unknown = [name for name in asked if name.casefold() not in known]
        answer: Payload = {"configurationKey": [self._entry(key) for key in found]}
        return answer | {"unknownKey": unknown} if unknown else answer

    def _entry(self, key: Key) -> Payload:
        entry: Payload = {"key": key.name, "readonly": key.accepts is None}
        return entry if key.hidden else entry | {"value": self.text(key.name)}

    def _key(self, folded: str) -> Key:
        return self._own.get(folded) or _CORE_BY_NAME[folded]


def _keys_of(hardware: Hardware) -> Iterable[Key]:
    yield Key("ChargePointVendor", hardware.model.vendor)
    yield Key("ChargePointModel", hardware.model.name)
    yield Key("ChargePointSerialNumber", hardware.serial)
    yield Key("FirmwareVersion", hardware.model.firmware)
    yield Key("NumberOfConnectors", str(len(hardware.connector_types)))
    for number, connector_type in enumerate(hardware.connector_types, start=1):
        yield Key(f"Connector{number}-Type", connector_type)
