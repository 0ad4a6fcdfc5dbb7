"""Fleet files: what they are, their rows, and the way out and back in."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.charge_point import NewChargePoint
from csms.domain.csv_encoding import Encoding
from csms.domain.csv_text import Delimiter
from csms.domain.fleet_columns import EXPORTED
from csms.domain.fleet_csv import FleetFile, FleetRow, export_row, inspect_fleet, read_fleet
from csms.errors import InvalidInput, MalformedInput

THAI = 'id,name,location,serial\r\nCP_1,สถานีทดสอบบางนา,"บางนา, กรุงเทพมหานคร",SN-1\r\n'


def read(text: str | bytes) -> tuple[FleetFile, list[FleetRow]]:
    file = io.BytesIO(text if isinstance(text, bytes) else text.encode())
    found = inspect_fleet(file)
    return found, list(read_fleet(file, found))


def row_of(text: str) -> FleetRow:
    [row] = read(text)[1]
    return row


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp874"])
@pytest.mark.parametrize("delimiter", list(Delimiter))
def test_thai_text_is_intact_in_every_encoding(codec: str, delimiter: Delimiter) -> None:
    text = "\r\n".join(
        delimiter.value.join(f'"{cell}"' for cell in cells)
        for cells in (["id", "ชื่อ", "S/N"], ["CP_1", "สถานี, บางนา; ก ข", "1"])
    )
    found, [row] = read(text.encode(codec))
    assert found.delimiter is delimiter
    assert found.row_count == 1
    assert (row.row, row.line, row.id) == (2, 2, "CP_1")
    assert row.fields == {"name": "สถานี, บางนา; ก ข", "serialNumber": "1"}
    assert row.errors == ()


def test_western_text_is_intact() -> None:
    _, [row] = read("serial;name;kw\nSN;Café Müller;22,5".encode("cp1252"))
    assert row.fields == {"serialNumber": "SN", "name": "Café Müller", "powerRating": 22.5}


def test_encoding_and_delimiter_can_be_named() -> None:
    file = io.BytesIO("serial;name\nSN;ก\n".encode("cp874"))
    found = inspect_fleet(file, Encoding.WINDOWS_874, Delimiter.SEMICOLON)
    [row] = read_fleet(file, found)
    assert row.fields["name"] == "ก"


def test_one_column_needs_no_delimiter() -> None:
    assert row_of("serialNumber\nSN-1\n").fields == {"serialNumber": "SN-1"}


@pytest.mark.parametrize("text", ["", "\r\n\r\n", "\ufeff", " , ,\n"])
def test_an_empty_file_is_refused(text: str) -> None:
    with pytest.raises(MalformedInput, match="empty"):
        read(text)


def test_a_file_without_a_header_is_refused() -> None:
    with pytest.raises(InvalidInput, match="first row must name the columns"):
        read("CP_1,สถานี,SN-1\nCP_2,สถานี,SN-2\n")


def test_a_broken_header_is_refused() -> None:
    with pytest.raises(MalformedInput, match="header on line 1"):
        read('"id"x,serial\n1,2\n')


def test_a_header_alone_is_an_empty_fleet() -> None:
    found, rows = read("serial,name\r\n")
    assert (found.row_count, rows) == (0, [])


def test_empty_and_missing_cells_are_not_given() -> None:
    row = row_of("serial,name,kw,location\nSN-1,  ,\n")
    assert row.fields == {"serialNumber": "SN-1"}
    assert row.errors == ()


def test_empty_cells_beyond_the_header_are_forgiven_others_are_not() -> None:
    _, [good, bad] = read("serial,name\nSN-1,x,, \nSN-2,y,z\n")
    assert good.errors == ()
    [error] = bad.errors
    assert error.field == "row" and "3 cells, the header 2" in error.message
    assert bad.fields == {}


def test_every_fault_of_a_row_is_told_and_other_rows_are_read() -> None:
    _, [bad, good] = read(
        "id,serial,kw,connectors,whitelisted,identity\n"
        "a/b,1.2E+11,-1,99,maybe,x/y\n"
        "CP,SN,22,2,yes,I-1\n"
    )
    assert {error.field for error in bad.errors} == {
        "id",
        "serialNumber",
        "powerRating",
        "connectorCount",
        "isWhitelisted",
        "chargePointIdentity",
    }
    assert good.errors == ()


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("23-May", "is a date that a spreadsheet made"),
        ("2026-05-23 00:00:00", "is a date that a spreadsheet made"),
        ("1.2E+11", "rounded number"),
        ("#REF!", "#REF! is a spreadsheet's error"),
        ("=B7", "formula"),
        ("SN\x071", "U+0007"),
    ],
)
@pytest.mark.parametrize("field", ["id", "serialNumber", "chargePointIdentity"])
def test_what_a_spreadsheet_damaged_is_an_error_of_its_row(
    field: str, cell: str, says: str
) -> None:
    _, [bad, good] = read(f"{field},name\n{cell},x\nSN-2,y\n")
    [error] = bad.errors
    assert error.field == field and says in error.message
    assert good.errors == () and good.notes == ()


@pytest.mark.parametrize("mark", ["'{}", '="{}"'])
@pytest.mark.parametrize("serial", ["23-May", "1.2E+11", "00123", "#REF!"])
def test_what_is_marked_as_text_is_taken_with_a_note(serial: str, mark: str) -> None:
    row = row_of(f"serial;name\n{mark.format(serial)};x\n")
    assert row.errors == () and row.fields["serialNumber"] == serial
    [note] = row.notes
    assert note.field == "serialNumber" and "taken off" in note.message


def test_other_columns_take_dates_but_no_errors_of_formulas() -> None:
    row = row_of("serial,name,location,kw,brand\nSN-1,23-May,#N/A,#REF!,'x\n")
    assert {error.field for error in row.errors} == {"location", "powerRating"}
    assert row.fields["name"] == "23-May" and row.fields["brand"] == "x"
    assert [note.field for note in row.notes] == ["brand"]


def test_a_long_serial_and_an_invisible_character_are_noted() -> None:
    row = row_of(f"serial,identity\n{'S' * 34},CP\u200b1\n")
    assert row.errors == () and row.fields["serialNumber"] == "S" * 34
    assert [(note.field, note.message[:17]) for note in row.notes] == [
        ("chargePointIdentity", "has the invisible"),
        ("serialNumber", "has 34 characters"),
    ]


def test_an_authorization_key_is_taken_as_it_is() -> None:
    row = row_of("serial,password\nSN-1,'0123456789abcdef\n")
    assert row.fields["authorizationKey"] == "'0123456789abcdef"
    [note] = row.notes
    assert note.field == "authorizationKey" and "0123" not in note.message


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize(
    ("hint", "delimiter"),
    [
        *((f"sep={sign.value}", sign) for sign in Delimiter),
        ("SEP=;", Delimiter.SEMICOLON),
        ('"sep=;"', Delimiter.SEMICOLON),
        ("sep=\\t", Delimiter.TAB),
        ("sep=;;;", Delimiter.SEMICOLON),
    ],
)
def test_the_hint_of_a_spreadsheet_names_the_delimiter(
    hint: str, delimiter: Delimiter, mark: str
) -> None:
    text = delimiter.value.join
    lines = [mark + hint, text(["serial", "name"]), text(["SN-1", "x"]), text(["", "y"])]
    found, [row, last] = read("\r\n".join(lines))
    assert (found.delimiter, found.row_count) == (delimiter, 2)
    assert row.fields == {"serialNumber": "SN-1", "name": "x"}
    assert (row.row, row.line, last.row, last.line) == (2, 3, 3, 4)


def test_a_hint_needs_not_be_right() -> None:
    found, [row] = read("sep=,\nserial;name\nSN-1;x\n")
    assert found.delimiter is Delimiter.SEMICOLON and row.fields["name"] == "x"


def test_a_hint_is_no_header_where_the_delimiter_is_named() -> None:
    file = io.BytesIO(b"sep=;\nserial;name\nSN;x\n")
    [row] = read_fleet(file, inspect_fleet(file, Encoding.UTF_8, Delimiter.SEMICOLON))
    assert row.fields == {"serialNumber": "SN", "name": "x"}


def test_a_hint_of_a_delimiter_that_is_not_read_is_refused() -> None:
    with pytest.raises(MalformedInput, match=r"says that \| stands between cells"):
        read("sep=|\nserial|name\n")


def test_a_fault_below_a_hint_names_its_line() -> None:
    with pytest.raises(MalformedInput, match="record on line 3 .* up to line 4"):
        read('sep=;\nserial;name\n"SN;x\n1;2')


@pytest.mark.parametrize("text", ["serial;kw\nSN;22,5\n", 'serial,kw\nSN,"22,5"\n'])
def test_decimal_commas(text: str) -> None:
    assert row_of(text).fields["powerRating"] == 22.5


def test_a_decimal_comma_without_quotes_says_what_to_do() -> None:
    row = row_of("serial,kw\nSN,22,5\n")
    [error] = row.errors
    assert error.field == "row" and "a comma in it must stand in quotes" in error.message


def test_an_authorization_key_is_never_in_an_error() -> None:
    row = row_of("serial,authorizationKey\nSN-1,tooshortkey\n")
    [error] = row.errors
    assert error.field == "authorizationKey" and "16 to 40 bytes" in error.message
    assert "tooshortkey" not in repr(row)


def test_rows_and_lines_are_counted_as_people_see_them() -> None:
    _, rows = read('serial,name\r\n\r\nSN-1,"a\r\nb"\r\nSN-2,c\r\n')
    assert [(row.row, row.line) for row in rows] == [(3, 3), (4, 5)]


def test_keys_are_compared_as_the_database_does() -> None:
    row = row_of("serial,identity,id\n sn-ß ,Ident,Id\n")
    assert row.keys == [("id", "id"), ("chargePointIdentity", "ident"), ("serialNumber", "sn-ss")]


def test_line_breaks_in_texts_become_blanks_and_in_keys_are_refused() -> None:
    _, [good, bad] = read('serial,location\r\nSN-1,"บางนา\r\nกรุงเทพ"\r\n"SN\n2",x\r\n')
    assert good.fields["location"] == "บางนา กรุงเทพ"
    assert [error.field for error in bad.errors] == ["serialNumber"]


def test_a_long_file_pauses_for_others() -> None:
    pauses: list[None] = []
    text = "serial\n" + "".join(f"SN-{n}\n" for n in range(1000))
    inspect_fleet(io.BytesIO(text.encode()), pause=lambda: pauses.append(None))
    assert len(pauses) >= 3


def exported(*records: dict[str, Any]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(EXPORTED)
    writer.writerows(export_row(record) for record in records)
    return out.getvalue().encode("utf-8-sig")


CHANGED = ("23-May", "1.2E+11", "#REF!", "'00123", "''", '="x"', "=A1", "2026-05-23")
TEXT = st.sampled_from(CHANGED) | st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])
    | st.sampled_from("=+-@'＝\",;#\u200b"),
    max_size=12,
)
RECORD = st.fixed_dictionaries(
    {"id": TEXT, "serialNumber": TEXT},
    optional={
        "name": TEXT,
        "location": TEXT,
        "stationName": TEXT,
        "brand": TEXT,
        "chargePointIdentity": TEXT,
        "powerRating": st.floats(0.001, 10_000),
        "connectorCount": st.integers(1, 64),
        "isWhitelisted": st.booleans(),
    },
)


@given(RECORD)
def test_a_record_comes_back_from_its_export_as_it_was(record: dict[str, Any]) -> None:
    try:
        stored = NewChargePoint.model_validate(record)
    except ValueError:
        return
    wanted = stored.model_dump(exclude={"authorizationKey", "id"}, exclude_none=True)
    _, [row] = read(exported(stored.model_dump()))
    assert row.errors == ()
    assert row.id == stored.id
    assert row.fields == wanted
