"""Cells of a fleet's CSV as values, as people and spreadsheets write them.

Every error is a `ValueError` whose text says what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from csms.domain.csv_cells import Cell
from csms.domain.csv_fields import Reader, read_key, read_number, read_whole_number

MAX_REPORTED_SERIAL = 25
"""Characters of a serial in a BootNotification (OCPP 1.6, 6.1: CiString25Type)."""

LONG_SERIAL = (
    "has {0} characters, and OCPP 1.6 lets a charge point report {1}: if it is turned away for"
    " another serial, enter the one that it reports"
)
KILOWATTS = "write a number of kW, such as 22 or 7.4"
YES_OR_NO = "write true or false"
PROTOCOL = "write OCPP16; other protocols are not served"

_YES = {"true", "yes", "y", "1", "ใช่", "จริง"}
_NO = {"false", "no", "n", "0", "ไม่", "ไม่ใช่", "เท็จ"}
_OCPP_16 = {"ocpp16", "ocpp16j", "16", "16j"}


def note_on_serial(serial: str) -> str | None:
    """A note on a serial that is longer than what a charge point may report."""
    if len(serial) <= MAX_REPORTED_SERIAL:
        return None
    return LONG_SERIAL.format(len(serial), MAX_REPORTED_SERIAL)


def _power(cell: Cell) -> float:
    is_named = cell.text[-2:].casefold() == "kw"
    return read_number(cell.text[:-2].rstrip() if is_named else cell.text, KILOWATTS)


def _flag(cell: Cell) -> bool:
    folded = cell.text.casefold()
    if folded not in _YES | _NO:
        raise ValueError(YES_OR_NO)
    return folded in _YES


def _protocol(cell: Cell) -> str:
    if re.sub(r"[\s._-]", "", cell.text.casefold()) not in _OCPP_16:
        raise ValueError(PROTOCOL)
    return "OCPP16"


def _one_line(cell: Cell) -> str:
    # A record's texts are of one line; in a sheet, an address often has several.
    parts = (part.strip() for part in re.split(r"[\n\t]", cell.text))
    return " ".join(part for part in parts if part)


READERS: Mapping[str, Reader] = {
    "name": _one_line,
    "stationName": _one_line,
    "location": _one_line,
    "brand": _one_line,
    "powerRating": _power,
    "connectorCount": read_whole_number,
    "securityProfile": read_whole_number,
    "isWhitelisted": _flag,
    "requireCredentials": _flag,
    "protocol": _protocol,
    "id": read_key,
    "serialNumber": read_key,
    "chargePointIdentity": read_key,
}
