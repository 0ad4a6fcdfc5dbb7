"""Is the charge point on this socket the one in the database? Field by field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from csms.domain.charge_point import fold_serial, reported_serial
from csms.domain.connector import parse_connector_type, read_connector_count

Result = Literal["match", "mismatch", "unverifiable"]

NUMBER_OF_CONNECTORS = "NumberOfConnectors"

# Not in the standard, but told by many; whoever does not know them lists them as unknown.
_CONFIGURATION_KEYS: Mapping[str, tuple[str, ...]] = {
    "serialNumber": ("ChargePointSerialNumber", "ChargeBoxSerialNumber", "SerialNumber"),
    "vendor": ("ChargePointVendor",),
    "model": ("ChargePointModel",),
    "firmwareVersion": ("FirmwareVersion",),
}
_BOOT_FIELDS = {
    "vendor": "chargePointVendor",
    "model": "chargePointModel",
    "firmwareVersion": "firmwareVersion",
}
_DECIDING = ("chargePointIdentity", "serialNumber")


class VerifyRequest(BaseModel):
    """How to ask."""

    model_config = ConfigDict(extra="forbid")

    freshBoot: bool = False


class VerifiedField(BaseModel):
    """One field of the record beside what the charge point says. `source` names where from."""

    field: str
    expected: str | int | None
    reported: str | int | None
    result: Result
    source: str


class Verification(BaseModel):
    """The answer. `mismatch` if any field is; `match` if identity and serial on record are
    confirmed; `unverifiable` if the charge point did not say enough."""

    verdict: Result
    fields: list[VerifiedField]


def keys_to_ask(record: Mapping[str, Any]) -> list[str]:
    """The configuration keys that say who a charge point is and what it has."""
    connectors = [connector["connectorId"] for connector in record.get("connectors") or ()]
    return [
        *(key for keys in _CONFIGURATION_KEYS.values() for key in keys),
        *(f"Connector{connector_id}-Type" for connector_id in connectors),
    ]


def configured_serial(configuration: Mapping[str, str]) -> str | None:
    """The serial among values that a charge point told, which are by folded key."""
    keys = (key.casefold() for key in _CONFIGURATION_KEYS["serialNumber"])
    return next((configuration[key] for key in keys if key in configuration), None)


def compare(
    record: Mapping[str, Any],
    identity: str,
    boot: Mapping[str, Any] | None,
    boot_source: str,
    configuration: Mapping[str, str],
) -> Verification:
    """Compare a record with what the charge point on the socket said.

    `boot` is its BootNotification, if one was seen on this connection; `configuration` the values
    it told, by folded key.
    """
    fields = [
        _field("chargePointIdentity", record, identity, "connection URL"),
        *_identification(record, boot or {}, boot_source, configuration),
        _connector_count(record, configuration),
        *_connector_types(record, configuration),
    ]
    return Verification(verdict=_verdict(fields), fields=fields)


def _identification(
    record: Mapping[str, Any],
    boot: Mapping[str, Any],
    boot_source: str,
    configuration: Mapping[str, str],
) -> Iterable[VerifiedField]:
    for name, keys in _CONFIGURATION_KEYS.items():
        from_boot = (
            reported_serial(dict(boot))
            if name == "serialNumber"
            else str(boot.get(_BOOT_FIELDS[name]) or "").strip() or None
        )
        if from_boot is not None:
            yield _field(name, record, from_boot, boot_source)
            continue
        told = next((key for key in keys if key.casefold() in configuration), None)
        if told is not None:
            source = f"GetConfiguration {told}"
            yield _field(name, record, configuration[told.casefold()], source)
        else:
            yield _field(name, record, None, "not told")


def _connector_count(record: Mapping[str, Any], configuration: Mapping[str, str]) -> VerifiedField:
    count = read_connector_count(configuration.get(NUMBER_OF_CONNECTORS.casefold()))
    source = f"GetConfiguration {NUMBER_OF_CONNECTORS}" if count else "not told"
    return _field("connectorCount", record, count, source)


def _connector_types(
    record: Mapping[str, Any], configuration: Mapping[str, str]
) -> Iterable[VerifiedField]:
    for connector in record.get("connectors") or ():
        key = f"Connector{connector['connectorId']}-Type"
        raw = configuration.get(key.casefold())
        reported = None if raw is None else str(parse_connector_type(raw))
        expected = connector.get("type")
        # UNKNOWN on either side says nothing that could be confirmed or contradicted.
        known = {expected, reported}.isdisjoint({None, "UNKNOWN"})
        yield VerifiedField(
            field=f"connectors.{connector['connectorId']}.type",
            expected=expected,
            reported=reported,
            result=("match" if expected == reported else "mismatch") if known else "unverifiable",
            source=f"GetConfiguration {key}" if raw is not None else "not told",
        )


def _field(
    name: str, record: Mapping[str, Any], reported: str | int | None, source: str
) -> VerifiedField:
    expected = record.get(name)
    result: Result
    if expected in (None, "") or reported in (None, ""):
        result = "unverifiable"
    elif name == "serialNumber":
        same = fold_serial(str(expected)) == fold_serial(str(reported))
        result = "match" if same else "mismatch"
    else:
        result = "match" if expected == reported else "mismatch"
    return VerifiedField(
        field=name, expected=expected, reported=reported, result=result, source=source
    )


def _verdict(fields: list[VerifiedField]) -> Result:
    if any(field.result == "mismatch" for field in fields):
        return "mismatch"
    deciding = [f for f in fields if f.field in _DECIDING and f.expected is not None]
    return "match" if all(f.result == "match" for f in deciding) else "unverifiable"
