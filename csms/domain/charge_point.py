"""Charge points as ops enter them and as the REST interface shows them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from csms.domain.connector import MAX_CONNECTORS, ConnectorType, TypeSource, as_known_now
from csms.domain.folded_keys import all_keys
from csms.domain.name_characters import objection
from csms.domain.protocol_trouble import ProtocolTrouble, trouble_of
from csms.domain.search import GRAMS, grams
from csms.domain.text import COMPOSED, bare, fold_text
from csms.errors import FieldError

MAX_IDENTITY = 255
SHOWN_SERIAL = "shownSerialNumber"
"""The record's field for the last serial that was reported in a boot; one without keeps it."""
BOUND = "bound"
"""The `identitySource` of a record whose identity its charge point has chosen."""
NAMED = ("serialNumber", "chargePointIdentity")
"""What charge points are known by in the field; records have an `id` as well."""

KEY_FIELDS = ("authorizationKeyHash", "nextAuthorizationKeyHash")
"""What a record has of its authorization key, and of one that the charge point was told and has not
used yet: a reference to the hash, or the hash itself if an earlier version wrote it."""


def _no_control_characters(text: str) -> str:
    if any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise ValueError("remove the control characters (tab, newline, NUL, ...)")
    return text


def _no_slash(text: str) -> str:
    if "/" in text:
        raise ValueError("must not contain a slash, because it is part of a URL")
    return text


def _not_reserved(text: str) -> str:
    if text == "import":
        raise ValueError("is taken by /admin/charge-points/import; choose another")
    if text in (".", ".."):
        raise ValueError("means a folder in a URL; choose another")
    return text


Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=255),
    AfterValidator(_no_control_characters),
    COMPOSED,
]
Identity = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_IDENTITY),
    AfterValidator(_no_control_characters),
    AfterValidator(_no_slash),
    COMPOSED,
]
RecordId = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=64),
    AfterValidator(_no_control_characters),
    AfterValidator(_no_slash),
    AfterValidator(_not_reserved),
    COMPOSED,
]


def _check_authorization_key(key: str) -> str:
    from csms.domain.authorization_key import canonical_key

    canonical_key(key)
    return key


AuthorizationKey = Annotated[
    str,
    AfterValidator(_check_authorization_key),
    Field(
        description="HTTP Basic password: 16 to 40 bytes, or these as hex digits. Never returned.",
        json_schema_extra={"writeOnly": True},
    ),
]


class ChargePointFields(BaseModel):
    """What ops may enter, the same in REST bodies and CSV columns."""

    model_config = ConfigDict(extra="forbid")

    name: Text | None = Field(None, description="what people call it")
    stationName: Text | None = Field(None, description="the site it belongs to")
    location: Text | None = Field(None, description="where it stands")
    brand: Text | None = Field(None, description="make and model, as bought")
    powerRating: Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)] | None = Field(
        None, description="rated power, kW"
    )
    protocol: Literal["OCPP16"] = "OCPP16"
    serialNumber: Text | None = Field(
        None, description="serial number on the type plate; compared when the charge point boots"
    )
    chargePointIdentity: Identity | None = Field(
        None, description="last part of the URL that the charge point connects to"
    )
    isWhitelisted: bool = Field(True, description="whether it may connect")
    connectorCount: Annotated[int, Field(ge=1, le=MAX_CONNECTORS)] | None = Field(
        None, description="corrected by what the charge point itself reports"
    )
    authorizationKey: AuthorizationKey | None = None
    securityProfile: Annotated[int, Field(ge=0, le=3)] | None = Field(
        None,
        description="least security profile (0 to 3) it must connect with; null asks for none",
    )
    connectorSync: bool | None = Field(
        None, description="ask for its connectors after a boot; null is as the setting says"
    )
    requireCredentials: bool | None = Field(
        None,
        description="turn it away unless it shows a key or a certificate; null is as the setting"
        " says",
    )
    mayBootWithoutSerial: bool | None = Field(
        None,
        description="let it boot without the serial that it has reported before; ends when it"
        " reports that again",
    )


class NewChargePoint(ChargePointFields):
    """A charge point to whitelist. At least one of serial and identity is required."""

    id: RecordId = Field(
        default_factory=lambda: uuid.uuid4().hex, description="made up when it is left out"
    )

    @model_validator(mode="after")
    def _has_serial_or_identity(self) -> NewChargePoint:
        if self.serialNumber is None and self.chargePointIdentity is None:
            raise ValueError("give serialNumber, chargePointIdentity, or both")
        return self


class ChargePointPatch(ChargePointFields):
    """Fields to change; what is left out stays, null clears."""

    keepCertificates: bool = Field(
        False,
        description="a new authorization key, a higher security profile, another identity or"
        " serial number ends the certificates that were issued before; true keeps them",
    )

    @model_validator(mode="after")
    def _no_null_flags(self) -> ChargePointPatch:
        for name in ("protocol", "isWhitelisted"):
            if name in self.model_fields_set and getattr(self, name) is None:
                raise ValueError(f"{name} cannot be null")
        return self


class ConnectorPatch(BaseModel):
    """What an admin may say about a connector where its vendor does not."""

    model_config = ConfigDict(extra="forbid")

    type: ConnectorType


class ConnectorView(BaseModel):
    """One connector of a charge point."""

    connectorId: int
    type: ConnectorType = ConnectorType.UNKNOWN
    typeSource: TypeSource | None = None
    typeRaw: str | None = None
    status: str | None = Field(None, description="null while the charge point is off line")
    lastStatus: str | None = Field(None, description="as the charge point last reported it")
    unknownSince: datetime | None = Field(
        None, description="when the charge point went off line, if it is"
    )
    errorCode: str | None = None
    info: str | None = None
    vendorErrorCode: str | None = None
    statusTimestamp: datetime | None = None
    updatedAt: datetime | None = None


class ChargePointView(BaseModel):
    """A charge point's record as REST shows it: everything but the key."""

    id: str
    name: str | None = None
    stationName: str | None = None
    location: str | None = None
    brand: str | None = None
    powerRating: float | None = None
    protocol: str = "OCPP16"
    serialNumber: str | None = None
    chargePointIdentity: str | None = None
    isWhitelisted: bool = True
    identitySource: str | None = Field(
        None,
        description="`bound`: the charge point chose its identity when it booted with the serial"
        " number on record; a PATCH of chargePointIdentity confirms it",
    )
    hasAuthorizationKey: bool = Field(False, description="whether HTTP Basic is asked for")
    securityProfile: int | None = None
    isBare: bool = Field(
        False, description="whether its identity is all it needs: no key, no security profile"
    )
    requireCredentials: bool | None = None
    hasShownSerial: bool = Field(
        False, description="whether it has ever reported, in a boot, the serial on record"
    )
    mayBootWithoutSerial: bool | None = None
    connectorCount: int | None = None
    connectorSync: bool | None = None
    connectors: list[ConnectorView] = []
    status: str | None = Field(
        None, description="of the charge point as a whole (connector 0), as it last reported it"
    )
    errorCode: str | None = None
    statusTimestamp: datetime | None = None
    vendor: str | None = None
    model: str | None = None
    firmwareVersion: str | None = None
    iccid: str | None = None
    imsi: str | None = None
    meterType: str | None = None
    meterSerialNumber: str | None = None
    reportedSerialNumber: str | None = None
    firmwareStatus: str | None = None
    firmwareStatusAt: datetime | None = None
    diagnosticsStatus: str | None = None
    diagnosticsStatusAt: datetime | None = None
    logStatus: str | None = None
    logStatusAt: datetime | None = None
    criticalSecurityEvent: str | None = Field(None, description="type of the latest critical one")
    criticalSecurityEventAt: datetime | None = None
    registrationStatus: str | None = None
    heartbeatIntervalSec: int | None = None
    connected: bool = False
    lastSeen: datetime | None = None
    lastBootAt: datetime | None = None
    ocppProtocolRaw: str | None = None
    ocppSessionId: str | None = None
    nodeId: str | None = None
    remoteAddress: str | None = None
    connectedAt: datetime | None = None
    disconnectedAt: datetime | None = None
    closedByCsmsAt: datetime | None = Field(
        None, description="when csms last closed its socket of its own accord"
    )
    closedByCsmsReason: str | None = Field(None, description="why it did")
    answersPings: bool | None = Field(
        None, description="whether it answers WebSocket pings, as far as was seen"
    )
    configurationReadAt: datetime | None = Field(
        None, description="when it last answered what its connectors are asked for with"
    )
    connectorsSyncedAt: datetime | None = None
    connectorSyncError: str | None = Field(None, description="why it could not be asked")
    certificateRefusedAt: datetime | None = Field(
        None, description="when it last asked for a certificate (SignCertificate) in vain"
    )
    certificateRefusedReason: str | None = None
    certificatesEndedAt: datetime | None = Field(
        None, description="when certificates of it were last revoked, or ended by a change"
    )
    flags: list[str] = Field([], description="what looked wrong with what it reported")
    quirks: dict[str, int] = Field({}, description="tolerated deviations, and how often")
    protocolTrouble: ProtocolTrouble = Field(
        ProtocolTrouble(), description="where it departs from OCPP: what to tell its vendor"
    )
    createdAt: datetime | None = None
    updatedAt: datetime | None = None


_MADE_FOR_VIEWS = {"id", "connected", "hasAuthorizationKey", "isBare", "hasShownSerial"}


def new_record(new: NewChargePoint, key: str | None, now: datetime) -> dict[str, Any]:
    """The document of a new charge point: every field is there, null where nothing is known.

    `key` is the reference to the hash of its authorization key.
    """
    fields = set(ChargePointView.model_fields) - _MADE_FOR_VIEWS
    record: dict[str, Any] = dict.fromkeys(sorted(fields))
    record |= new.model_dump(exclude={"id", "authorizationKey"})
    record |= {"connectors": [], "flags": [], "createdAt": now, "updatedAt": now}
    # Counters below a null could not be incremented.
    record |= {"quirks": {}, "protocolTrouble": {}}
    record = {"_id": new.id, **record, "authorizationKeyHash": key}
    return {**record, **all_keys(record), GRAMS: grams(record)}


def view(record: dict[str, Any]) -> ChargePointView:
    """A record as REST shows it, whatever optional fields it lacks."""
    known = {
        name: record[name]
        for name in ChargePointView.model_fields
        if record.get(name) is not None and name != "id"
    }
    return ChargePointView.model_validate(
        known
        | {
            "id": record["_id"],
            "connectors": as_known_now(record),
            "protocolTrouble": trouble_of(record),
            "connected": record.get("ocppSessionId") is not None,
            "hasAuthorizationKey": has_key(record),
            "isBare": is_bare(record),
            "hasShownSerial": has_shown_serial(record),
        }
    )


def name_objections(fields: Mapping[str, Any]) -> list[FieldError]:
    """What is wrong with new names of a charge point: invisible or confusable characters."""
    found = ((field, objection(fields.get(field) or "")) for field in (*NAMED, "id"))
    return [FieldError(field, message) for field, message in found if message is not None]


def has_key(record: Mapping[str, Any]) -> bool:
    """Whether the charge point is asked for a password, its authorization key."""
    return any(record.get(field) for field in KEY_FIELDS)


def is_bare(record: Mapping[str, Any]) -> bool:
    """Whether knowing the identity is enough to be let in: no key and no security profile."""
    return not has_key(record) and not record.get("securityProfile")


def has_booted(record: Mapping[str, Any]) -> bool:
    """Whether a BootNotification of the charge point has ever been accepted."""
    return record.get("registrationStatus") == "Accepted"


def fold_serial(serial: str | None) -> str:
    """A serial as it is compared: trimmed, without case; empty when there is none."""
    return fold_text((serial or "").strip())


def certified_names(record: Mapping[str, Any]) -> frozenset[str]:
    """The names that a certificate of somebody else's authority may prove: those on record.

    What was only reported is not among them: a charge point without a serial on record could
    report another's.
    """
    names = (record.get("serialNumber"), record.get("chargePointIdentity"))
    return frozenset(str(name) for name in names if name)


def entered_names(record: Mapping[str, Any]) -> frozenset[str]:
    """The names that ops have entered: what csms certifies, and not an identity that came by."""
    if record.get("identitySource") == BOUND:
        record = {"serialNumber": record.get("serialNumber")}
    return certified_names(record)


def reported_serial(boot: dict[str, Any]) -> str | None:
    """The serial in a BootNotification: of the three fields the first that says something."""
    for name in ("chargePointSerialNumber", "chargeBoxSerialNumber", "serialNumber"):
        serial = bare(str(boot.get(name) or ""))
        if serial:
            return serial
    return None


def serials_agree(on_record: str | None, reported: str | None) -> bool:
    """Whether a reported serial fits the record; with one of them missing there is no doubt."""
    if not fold_serial(on_record) or not fold_serial(reported):
        return True
    return fold_serial(on_record) == fold_serial(reported)


def is_expected_serial(record: Mapping[str, Any], serial: str | None) -> bool:
    """Whether a serial is the one that ops entered; not if they entered none."""
    expected = fold_serial(record.get("serialNumber"))
    return bool(expected) and expected == fold_serial(serial)


def has_shown_serial(record: Mapping[str, Any]) -> bool:
    """Whether the charge point has ever reported, in a boot, the serial that is on record now."""
    # Records of version 0.2.0 have only what the latest boot said.
    told = (record.get(SHOWN_SERIAL), record.get("reportedSerialNumber"))
    return any(is_expected_serial(record, serial) for serial in told)
