"""The columns of a fleet's CSV, and the many names that people give them."""

from __future__ import annotations

from collections.abc import Sequence

from csms.domain import csv_table
from csms.domain.csv_table import Header, fields_by_name

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
NAMED_KEYS = KEYS[::-1]
"""The same, the one that most people have first."""

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


FIELDS = fields_by_name(_SYNONYMS)
"""The fields by the folded names of their columns."""


def read_header(cells: Sequence[str]) -> Header:
    """Tell the columns by their names, whatever they are; `check_header` is the judge."""
    return csv_table.read_header(cells, FIELDS)


def check_header(header: Header) -> None:
    """See that rows under this header can be told apart.

    Raises:
        InvalidInput: two columns are for the same field, or none of them identifies a record.
    """
    csv_table.check_header(header, NAMED_KEYS)
