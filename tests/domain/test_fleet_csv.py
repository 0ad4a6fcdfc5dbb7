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


TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]) | st.sampled_from("=+-@'＝\",;"),
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
