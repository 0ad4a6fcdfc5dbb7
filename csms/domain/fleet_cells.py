"""Cells of a fleet's CSV as values: numbers, flags and texts as people and spreadsheets write them.

Every error is a `ValueError` whose text says what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from csms.domain.csv_cells import denaturalise

_YES = {"true", "yes", "y", "1", "ใช่", "จริง"}
_NO = {"false", "no", "n", "0", "ไม่", "ไม่ใช่", "เท็จ"}
_OCPP_16 = {"ocpp16", "ocpp16j", "16", "16j"}
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_SCIENTIFIC = re.compile(r"\d(?:[.,]\d+)?E[+-]\d+", re.IGNORECASE)


def clean(cell: str) -> str:
    """A cell without the blanks around it and without the `'` that guards a formula."""
    return denaturalise(cell.strip())


def read_cell(field: str, text: str, comma_is_decimal: bool) -> Any:
    """The value of a cell that is not empty.

    Raises:
        ValueError: it is none for this field.
    """
    read: Callable[[str, bool], Any] | None = _READERS.get(field)
    return text if read is None else read(text, comma_is_decimal)


def _power(text: str, comma_is_decimal: bool) -> float:
    number = re.sub(r"\s*kw$", "", text, flags=re.IGNORECASE)
    return _number(number, comma_is_decimal, "a number of kW, such as 22 or 7.4")


def whole_number(text: str, comma_is_decimal: bool) -> int:
    """A whole number.

    Raises:
        ValueError: it is none.
    """
    number = _number(text, comma_is_decimal, "a whole number, such as 2")
    if not number.is_integer():
        raise ValueError("write a whole number, such as 2")
    return int(number)


def _number(text: str, comma_is_decimal: bool, wanted: str) -> float:
    if comma_is_decimal and _DECIMAL_COMMA.fullmatch(text):
        if len(text.partition(",")[2]) == 3:
            raise ValueError(f"the comma may part thousands or decimals: write {wanted}")
        text = text.replace(",", ".")
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"write {wanted}")
    return float(text)


def _flag(text: str, _: bool) -> bool:
    folded = text.casefold()
    if folded not in _YES | _NO:
        raise ValueError("write true or false")
    return folded in _YES


def _protocol(text: str, _: bool) -> str:
    if re.sub(r"[\s._-]", "", text.casefold()) not in _OCPP_16:
        raise ValueError("write OCPP16; other protocols are not served")
    return "OCPP16"


def key_text(text: str, _: bool) -> str:
    """A text that finds a record.

    Raises:
        ValueError: a spreadsheet took it for a number, and rounded it.
    """
    if _SCIENTIFIC.fullmatch(text):
        raise ValueError(
            "a spreadsheet turned this into a rounded number, and digits are lost: make the column"
            " a text column and enter the value again"
        )
    return text


def _one_line(text: str, _: bool) -> str:
    # A record's texts are of one line; in a sheet, an address often has several.
    return re.sub(r"\s*[\n\t]\s*", " ", text)


_READERS: dict[str, Callable[[str, bool], Any]] = {
    "name": _one_line,
    "stationName": _one_line,
    "location": _one_line,
    "brand": _one_line,
    "powerRating": _power,
    "connectorCount": whole_number,
    "securityProfile": whole_number,
    "isWhitelisted": _flag,
    "protocol": _protocol,
    "id": key_text,
    "serialNumber": key_text,
    "chargePointIdentity": key_text,
}
