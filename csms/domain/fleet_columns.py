"""The columns of a fleet's CSV, and the many names that people give them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from csms.errors import FieldError, InvalidInput

EXPORTED = (
    "id",
    "name",
    "stationName",
    "location",
    "brand",
    "powerRating",
    "protocol",
    "serialNumber",
    "chargePointIdentity",
    "isWhitelisted",
    "connectorCount",
    "securityProfile",
)
SECRET = "authorizationKey"
KEYS = ("id", "chargePointIdentity", "serialNumber")
"""What finds a record, the surest first."""

_SYNONYMS = {
    "id": "record id, database id",
    "name": "charge point name, charger name, display name, ชื่อ, ชื่อเครื่อง, ชื่อเครื่องชาร์จ",
    "stationName": "station, site, site name, สถานี, ชื่อสถานี",
    "location": "address, place, site address, ที่ตั้ง, ที่อยู่, สถานที่",
    "brand": "make, manufacturer, model, brand model, make model, vendor, ยี่ห้อ, แบรนด์, รุ่น, ยี่ห้อ รุ่น",
    "powerRating": (
        "power, kw, power kw, rated power, rated power kw, power rating kw, max power,"
        " max power kw, กำลังไฟ, กำลังไฟ kw, กำลังไฟฟ้า, กำลังไฟฟ้า kw"
    ),
    "protocol": "ocpp, ocpp version, ocpp protocol, โปรโตคอล",
    "serialNumber": (
        "serial, serial no, serial num, s/n, charge point serial number, charge point serial,"
        " charge box serial number, หมายเลขเครื่อง, หมายเลขซีเรียล, ซีเรียล, ซีเรียลนัมเบอร์"
    ),
    "chargePointIdentity": (
        "identity, charge point id, cp id, cp identity, ocpp id, ocpp identity, charge box id,"
        " charge box identity, รหัสเครื่อง, รหัสเครื่องชาร์จ"
    ),
    "isWhitelisted": "whitelisted, whitelist, is allowed, allowed, is enabled, enabled, อนุญาต",
    "connectorCount": (
        "connectors, number of connectors, no of connectors, plugs, number of plugs,"
        " จำนวนหัวชาร์จ, หัวชาร์จ"
    ),
    "securityProfile": "security profile, ocpp security profile, profile",
    SECRET: "auth key, password, basic auth password, รหัสผ่าน",
}


def _fold(name: str) -> str:
    """A name without case, spacing and punctuation; Thai vowels and marks stay."""
    return re.sub(r"[\W_]", _keep_marks, unicodedata.normalize("NFKC", name).casefold())


def _keep_marks(match: re.Match[str]) -> str:
    return match[0] if unicodedata.category(match[0]).startswith("M") else ""


_FIELDS = {
    _fold(name): field
    for field, synonyms in _SYNONYMS.items()
    for name in (field, *synonyms.split(","))
}


@dataclass(frozen=True, slots=True)
class Header:
    """What the columns of a file are: `fields` by position, None for one that is not known."""

    names: tuple[str, ...]
    fields: tuple[str | None, ...]

    @property
    def unknown(self) -> list[str]:
        """The names of the columns that are ignored."""
        pairs = zip(self.names, self.fields, strict=True)
        return [name for name, field in pairs if field is None]

    @property
    def known_count(self) -> int:
        """How many columns are known."""
        return sum(field is not None for field in self.fields)


def read_header(cells: Sequence[str]) -> Header:
    """Tell the columns by their names, whatever they are; `check_header` is the judge."""
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    labels = tuple(name or f"(column {n})" for n, name in enumerate(names, 1))
    return Header(labels, tuple(_FIELDS.get(_fold(name)) for name in names))


def check_header(header: Header) -> None:
    """See that rows under this header can be told apart.

    Raises:
        InvalidInput: two columns are for the same field, or none of them identifies a record.
    """
    first: dict[str, str] = {}
    for name, field in zip(header.names, header.fields, strict=True):
        if field in first:
            message = f'the columns "{first[field]}" and "{name}" are both for it; rename one'
            raise InvalidInput(FieldError(field, message))
        if field is not None:
            first[field] = name
    if not any(key in first for key in KEYS):
        columns = ", ".join(header.names[:20])
        raise InvalidInput(
            FieldError(
                "serialNumber",
                "there is no column serialNumber, chargePointIdentity or id. The first row must"
                f" name the columns; it says: {columns:.200}",
            )
        )
