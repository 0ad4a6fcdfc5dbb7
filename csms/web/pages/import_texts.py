"""What an import may say of a CSV file and its rows, for the pages to show in their language."""

from __future__ import annotations

from csms.domain import (
    csv_cells,
    csv_encoding,
    csv_fields,
    csv_table,
    csv_text,
    fleet_cells,
    fleet_plan,
    id_tag_csv,
    spreadsheet_damage,
)
from csms.repositories import fleet_import, id_tag_import
from csms.web.api import imports

OF_FILES: tuple[str, ...] = (
    csv_encoding.UNKNOWN_ENCODING,
    csv_encoding.WORKBOOK,
    csv_encoding.UTF_32,
    csv_encoding.NOT_TOLD,
    csv_encoding.NOT_IN_ENCODING,
    csv_encoding.NO_MARK,
    csv_encoding.NUL,
    csv_text.TOO_LONG,
    csv_text.BROKEN_FILE,
    csv_text.UNKNOWN_HINT,
    csv_table.TWO_COLUMNS,
    csv_table.NO_KEY,
    csv_table.EMPTY,
    csv_table.BROKEN_HEADER,
    imports.BROKE_OFF,
)
"""Why a whole file is refused, or was not read to its end."""

OF_ROWS: tuple[str, ...] = (
    csv_text.NOT_CLOSED,
    csv_text.TOO_LARGE,
    csv_text.STRAY_QUOTE,
    csv_text.BROKEN_RECORD,
    csv_table.TOO_MANY_CELLS,
    csv_cells.APOSTROPHE,
    csv_cells.TEXT_FORMULA,
    csv_fields.KEPT_APOSTROPHE,
    csv_fields.WHOLE_NUMBER,
    csv_fields.THOUSANDS,
    spreadsheet_damage.ROUNDED,
    spreadsheet_damage.DATE,
    spreadsheet_damage.FORMULA_ERROR,
    spreadsheet_damage.FORMULA,
    spreadsheet_damage.CONTROL,
    spreadsheet_damage.INVISIBLE,
    fleet_cells.LONG_SERIAL,
    fleet_cells.KILOWATTS,
    fleet_cells.YES_OR_NO,
    fleet_cells.PROTOCOL,
    fleet_plan.REPEATED,
    fleet_plan.TWO_RECORDS,
    fleet_plan.NAMED_ABOVE,
    fleet_plan.OTHER_ID,
    fleet_plan.DIFFERS,
    id_tag_csv.STATUS,
    id_tag_csv.TIME,
    id_tag_csv.REPEATED,
    id_tag_csv.DIFFERS,
    fleet_import.DELETED,
    fleet_import.RENAMED,
    fleet_import.REFUSED,
    id_tag_import.ADDED_MEANWHILE,
)
"""What is wrong with a row, and what is noted of it."""

IMPORT_ANSWERS = OF_FILES + OF_ROWS
