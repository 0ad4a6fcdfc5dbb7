"""Id tags as CSV: columns, cells, and what becomes of rows."""

from __future__ import annotations

import io
from typing import Any

import pytest

from csms.domain.fleet_plan import Result
from csms.domain.id_tag_csv import (
    COLUMNS,
    Decision,
    IdTagPlanner,
    IdTagRow,
    export_row,
    inspect_id_tags,
    read_id_tags,
)
from csms.errors import InvalidInput


def read(text: str) -> list[IdTagRow]:
    file = io.BytesIO(text.encode())
    return list(read_id_tags(file, inspect_id_tags(file)))


def fields_of(text: str) -> dict[str, Any]:
    [row] = read(text)
    assert row.new is not None, row.errors
    return {"idTag": row.new.idTag, **row.new.document()}


@pytest.mark.parametrize(
    "header",
    [
        "idTag,status,expiryDate,parentIdTag,maxActiveTransactions,note",
        "RFID,State,Valid until,Group,max transactions,Comment",
        "หมายเลขบัตร,สถานะ,วันหมดอายุ,กลุ่ม,จำนวนครั้งพร้อมกัน,หมายเหตุ",
    ],
)
def test_columns_in_many_names(header: str) -> None:
    fields = fields_of(f"{header}\nT1,blocked,2027-12-31T17:00:00+07:00,G,2,คุณสมชาย\n")
    assert fields.pop("expiryDate").isoformat() == "2027-12-31T10:00:00+00:00"
    assert fields == {
        "idTag": "T1",
        "status": "Blocked",
        "parentIdTag": "G",
        "parentIdTagFolded": "g",
        "maxActiveTransactions": 2,
        "note": "คุณสมชาย",
    }


def test_empty_cells_are_not_given() -> None:
    assert fields_of("idTag;status;note\nT1;;\n") == {"idTag": "T1"}


def test_a_date_alone_begins_in_utc() -> None:
    expiry = fields_of("idTag,expiryDate\nT1,2027-12-31\n")["expiryDate"]
    assert expiry.isoformat() == "2027-12-31T00:00:00+00:00"


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (",Accepted,,,,", "idTag"),
        ("far too long " * 40 + ",,,,,", "idTag"),
        ("1.2E+11,,,,,", "idTag"),
        ("23-May,,,,,", "idTag"),
        ("#REF!,,,,,", "idTag"),
        ("T\x071,,,,,", "idTag"),
        ("T,,,1.2E+11,,", "parentIdTag"),
        ("T,,#N/A,,,", "expiryDate"),
        ("T,,31-Dec-27,,,", "expiryDate"),
        ("T,,,,,a\x07b", "note"),
        ("T,perhaps,,,,", "status"),
        ("T,,31/12/2027,,,", "expiryDate"),
        ("T,,,t,,", "parentIdTag"),
        ("T,,,,two,", "maxActiveTransactions"),
        ("T,,,,-1,", "maxActiveTransactions"),
        ("T,,,,,,more", "row"),
    ],
)
def test_bad_rows_name_the_field(row: str, field: str) -> None:
    [found] = read(f"{','.join(COLUMNS)}\n{row}\n")
    assert [error.field for error in found.errors] == [field]
    assert found.new is None


def test_marks_of_text_are_taken_off_with_a_note() -> None:
    rows = read('sep=;\nรหัส;status\n\'00123;\n="00124";\n00125;\n')
    assert [row.id_tag for row in rows] == ["00123", "00124", "00125"]
    assert [[note.field for note in row.notes] for row in rows] == [["idTag"], ["idTag"], []]
    [decision, *_] = decide("idTag\n'00123\n", update=False)
    [note] = decision.result.as_json()["notes"]
    assert note["field"] == "idTag" and "apostrophe" in note["message"]


def test_a_file_without_id_tags_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no column idTag"):
        read("serial,station\n1,2\n")


def decide(text: str, records: dict[str, Any] | None = None, *, update: bool) -> list[Decision]:
    planner = IdTagPlanner(update)
    return [planner.decide(row, (records or {}).get(row.key or "")) for row in read(text)]


def test_what_becomes_of_rows() -> None:
    records = {
        "old": {"idTag": "Old", "status": "Accepted", "note": "n"},
        "same": {"idTag": "same", "status": "Accepted", "expiryDate": None},
    }
    text = "idTag,status\nnew,\nOLD,blocked\nsame,accepted\nNEW,\nbad,x\n"
    results = [decision.result for decision in decide(text, records, update=True)]
    assert [result.result for result in results] == [
        Result.CREATED,
        Result.CHANGED,
        Result.UNCHANGED,
        Result.REJECTED,
        Result.REJECTED,
    ]
    assert results[1].as_json()["changes"] == {"status": {"from": "Accepted", "to": "Blocked"}}
    assert "row 2" in results[3].errors[0].message
    [refused] = decide("idTag,status\nOLD,blocked\n", records, update=False)
    assert refused.result.result is Result.REJECTED
    assert "update=true" in refused.result.errors[0].message


def test_an_export_is_imported_without_a_change() -> None:
    record = {"idTag": "23-May", "status": "Accepted", "parentIdTag": "G", "note": "a, b"}
    cells = ['"' + cell.replace('"', '""') + '"' for cell in export_row(record)]
    text = ",".join(COLUMNS) + "\n" + ",".join(cells) + "\n"
    [decision] = decide(text, {"23-may": record}, update=False)
    assert decision.result.result is Result.UNCHANGED
