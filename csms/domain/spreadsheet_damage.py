"""What spreadsheets make of texts: numbers that are rounded, dates, and errors of formulas.

Excel changes `123456789012` to `1.23457E+11` and `23-5` to `23-May`, and saves what it shows. What
was there before cannot be read from it.
"""

from __future__ import annotations

import re
import unicodedata

ROUNDED = (
    "{0} is a rounded number that a spreadsheet made of it, and digits are lost: make the column a"
    " text column and enter the value again"
)
DATE = (
    "{0} is a date that a spreadsheet made of it: make the column a text column and enter the value"
    " again; if it really reads like this, the cell must begin with an apostrophe in the file"
)
FORMULA_ERROR = (
    "{0} is a spreadsheet's error, not a value: mend the formula there, or clear the cell"
)
FORMULA = (
    "{0} is a formula, not its value: in the spreadsheet, paste the column as values, and save it"
    " again; if it really reads like this, the cell must begin with an apostrophe in the file"
)
CONTROL = "has the control character {0}: remove it, or enter the value again"
INVISIBLE = "has the invisible character {0}: enter it again by hand if a charge point is not found"

_SCIENTIFIC = re.compile(r"\d(?:[.,]\d+)?E[+-]\d+", re.IGNORECASE)
# In English, German and French; N/A and NV say that nothing was found, ### that it does not fit.
_FORMULA_ERROR = re.compile(
    r"#(?:(?:REF|VALUE|NUM|NULL|DIV/0|SPILL|CALC|FIELD|BLOCKED|CONNECT|UNKNOWN|BUSY|EXTERNAL|PYTHON"
    r"|BEZUG|WERT|ZAHL|VALEUR|NOMBRE|NUL)!|(?:NAME|NOM)\?|N/A|NV|GETTING_DATA|#{2,})|Err:\d{3}"
)

# As spreadsheets write them: a serial such as MAR-01 is in capitals.
_MONTH = (
    "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|January|February|March|April|June|July"
    "|August|September|October|November|December"
    r"|ม\.ค\.|ก\.พ\.|มี\.ค\.|เม\.ย\.|พ\.ค\.|มิ\.ย\.|ก\.ค\.|ส\.ค\.|ก\.ย\.|ต\.ค\.|พ\.ย\.|ธ\.ค\."
    "|มกราคม|กุมภาพันธ์|มีนาคม|เมษายน|พฤษภาคม|มิถุนายน|กรกฎาคม|สิงหาคม|กันยายน|ตุลาคม|พฤศจิกายน"
    "|ธันวาคม)"
)
_DAY, _NUMBER = "(?:0?[1-9]|[12][0-9]|3[01])", "(?:0?[1-9]|1[0-2])"
_YEAR = "(?:19[0-9]{2}|20[0-9]{2}|25[5-9][0-9])"
"""The last ones are of the Buddhist era."""
_ANY_YEAR = f"(?:{_YEAR}|[0-9]{{2}})"
_TIME = r"(?:[ T][0-2]?[0-9]:[0-5][0-9](?::[0-5][0-9](?:\.0+)?)?(?: [AP]M)?)?"
_DATES = (
    f"{_DAY}[- ]{_MONTH}(?:[- ]{_ANY_YEAR})?",
    f"{_MONTH}[- ]{_ANY_YEAR}",
    f"(?:{_DAY}/{_NUMBER}|{_NUMBER}/{_DAY})/{_ANY_YEAR}",
    *(f"{_DAY}{sep}{_NUMBER}{sep}{_YEAR}|{_NUMBER}{sep}{_DAY}{sep}{_YEAR}" for sep in ("-", r"\.")),
    *(f"{_YEAR}{sep}{_NUMBER}{sep}{_DAY}" for sep in ("-", r"\.", "/")),
)
_DATE = re.compile(f"(?:{'|'.join(_DATES)}){_TIME}")


def is_date(text: str) -> bool:
    """Whether this is a date as spreadsheets and their libraries write it."""
    return _DATE.fullmatch(text) is not None


def is_rounded(text: str) -> bool:
    """Whether this is a number as spreadsheets write long ones."""
    return _SCIENTIFIC.fullmatch(text) is not None


def formula_error(text: str) -> str | None:
    """What is wrong with the value of any column, such as `#REF!`; None if nothing is."""
    return FORMULA_ERROR.format(text) if _FORMULA_ERROR.fullmatch(text) else None


def damage(text: str) -> str | None:
    """What a spreadsheet did to a text that finds a record; None where it left it alone."""
    if is_rounded(text):
        return ROUNDED.format(text)
    if is_date(text):
        return DATE.format(text)
    if text.startswith("="):
        return FORMULA.format(text)
    return formula_error(text)


def control_character(text: str) -> str | None:
    """What is wrong with a text that has control characters in it; None if it has none."""
    found = _first(text, ("Cc",))
    return None if found is None else CONTROL.format(found)


def invisible_character(text: str) -> str | None:
    """A note on a text with a character that no one sees, such as a zero-width space."""
    found = _first(text, ("Cf", "Zl", "Zp"))
    return None if found is None else INVISIBLE.format(found)


def _first(text: str, categories: tuple[str, ...]) -> str | None:
    if text.isprintable():
        return None
    codes = (f"U+{ord(char):04X}" for char in text if unicodedata.category(char) in categories)
    return next(codes, None)
