"""What becomes of a row, given the records that there are."""

from __future__ import annotations

import io
from typing import Any

import orjson
import pytest

from csms.domain.fleet_csv import inspect_fleet, read_fleet
from csms.domain.fleet_plan import Change, Existing, Planner, Result, RowResult, Summary

RECORD: dict[str, Any] = {
    "_id": "CP_1",
    "name": "สถานี",
    "serialNumber": "SN-1",
    "chargePointIdentity": "Ident-1",
    "powerRating": 22.0,
    "isWhitelisted": True,
    "authorizationKeyHash": None,
}
OTHER = {"_id": "CP_2", "serialNumber": "SN-2", "chargePointIdentity": None}
KEY = "0123456789abcdef-secret"


def plan(
    text: str, *records: dict[str, Any], update: bool = False, secret_fits: bool = False
) -> list[RowResult]:
    file = io.BytesIO(text.encode())
    found = inspect_fleet(file)
    planner = Planner(found.repeats, update)
    existing = Existing(records)
    return [planner.decide(row, existing, secret_fits) for row in read_fleet(file, found)]


def test_a_new_row_is_created_with_what_it_gives() -> None:
    [result] = plan("id,serial,name\nCP_9,SN-9,สถานี\n", RECORD)
    assert (result.row, result.id, result.result) == (2, "CP_9", Result.CREATED)
    assert result.new is not None
    assert (result.new.id, result.new.serialNumber, result.new.name) == ("CP_9", "SN-9", "สถานี")
    assert result.new.isWhitelisted is True


def test_a_new_row_needs_a_serial_or_an_identity() -> None:
    [result] = plan("id,name\nCP_9,x\n")
    assert result.result is Result.REJECTED
    assert result.errors[0].field == "serialNumber"
    assert "chargePointIdentity" in result.errors[0].message


@pytest.mark.parametrize("update", [False, True])
def test_the_same_again_is_unchanged(update: bool) -> None:
    text = "id,serial,identity,name,kw,whitelisted\nCP_1,sn-1,Ident-1,สถานี,22,yes\n"
    [result] = plan(text, RECORD, update=update)
    assert result.result is Result.UNCHANGED
    assert (result.changes, result.errors, result.new) == ({}, (), None)


def test_without_update_a_different_row_is_rejected_with_the_remedy() -> None:
    [result] = plan("serial,name,kw\nSN-1,ใหม่,22\n", RECORD)
    assert result.result is Result.REJECTED
    [error] = result.errors
    assert error.field == "serialNumber"
    for part in ("CP_1", "name", "--update"):
        assert part in error.message
    assert "powerRating" not in error.message


@pytest.mark.parametrize("key", ["id,CP_1", "identity,Ident-1", "serial,sn-1"])
def test_update_finds_the_record_by_any_key_and_changes_what_differs(key: str) -> None:
    name, _, value = key.partition(",")
    [result] = plan(f"{name},name,kw,location\n{value},ใหม่,22,\n", RECORD, update=True)
    assert result.result is Result.CHANGED
    assert result.id == "CP_1"
    assert result.changes == {"name": Change("สถานี", "ใหม่")}


def test_update_completes_a_record_that_had_only_a_serial() -> None:
    [result] = plan("serial,identity\nSN-2,Ident-2\n", OTHER, update=True)
    assert result.changes == {"chargePointIdentity": Change(None, "Ident-2")}


@pytest.mark.parametrize("update", [False, True])
def test_keys_that_name_two_records_are_rejected(update: bool) -> None:
    [result] = plan("identity,serial\nIdent-1,SN-2\n", RECORD, OTHER, update=update)
    assert result.result is Result.REJECTED
    assert [error.field for error in result.errors] == ["serialNumber"]
    assert "CP_1" in result.errors[0].message and "CP_2" in result.errors[0].message


def test_an_id_cannot_be_changed() -> None:
    [result] = plan("id,serial\nCP_9,SN-1\n", RECORD, update=True)
    assert [error.field for error in result.errors] == ["id"]
    assert "CP_1" in result.errors[0].message


@pytest.mark.parametrize(
    ("rows", "field"),
    [
        ("CP_8,SN-9,A\nCP_8,SN-8,B\n", "id"),
        ("CP_8,SN-9,A\nCP_9,sn-9,B\n", "serialNumber"),
        ("CP_8,SN-9,A\nCP_9,SN-8,A\n", "chargePointIdentity"),
    ],
)
def test_the_second_row_for_a_key_is_rejected_naming_the_first(rows: str, field: str) -> None:
    first, second = plan(f"id,serial,identity\n{rows}")
    assert first.result is Result.CREATED
    assert second.result is Result.REJECTED
    assert [error.field for error in second.errors] == [field]
    assert "row 2" in second.errors[0].message


def test_a_rejected_row_does_not_stand_in_the_way_of_a_later_one() -> None:
    first, second = plan("serial,kw\nSN-9,lots\nSN-9,22\n")
    assert (first.result, second.result) == (Result.REJECTED, Result.CREATED)


def test_two_rows_that_name_one_record_by_different_keys() -> None:
    first, second = plan("id,serial,name\nCP_1,,a\n,SN-1,b\n", RECORD, update=True)
    assert first.result is Result.CHANGED
    assert second.result is Result.REJECTED
    assert "row 2" in second.errors[0].message


def test_an_authorization_key_is_hidden_and_unchanged_when_it_fits() -> None:
    text = f"serial,authorizationKey\nSN-1,{KEY}\n"
    keyed = RECORD | {"authorizationKeyHash": "$argon2"}
    [fitting] = plan(text, keyed, update=True, secret_fits=True)
    assert fitting.result is Result.UNCHANGED
    [changed] = plan(text, keyed, update=True)
    assert changed.changes == {"authorizationKey": Change("(hidden)", "(hidden)")}
    [set_now] = plan(text, RECORD, update=True)
    assert set_now.changes == {"authorizationKey": Change(None, "(hidden)")}
    [created] = plan(f"serial,authorizationKey\nSN-9,{KEY}\n")
    for result in (fitting, changed, set_now, created):
        assert KEY not in orjson.dumps(result.as_json()).decode()


def test_what_rest_tells() -> None:
    file = io.BytesIO("serial,name,colour\nSN-1,ใหม่,red\n,x,\n".encode())
    found = inspect_fleet(file)
    planner = Planner(found.repeats, update=True)
    results = [planner.decide(row, Existing([RECORD])) for row in read_fleet(file, found)]
    summary = Summary(dry_run=True, file=found)
    summary.add(results)
    assert orjson.loads(orjson.dumps([result.as_json() for result in results])) == [
        {
            "row": 2,
            "line": 2,
            "id": "CP_1",
            "result": "changed",
            "changes": {"name": {"from": "สถานี", "to": "ใหม่"}},
            "errors": [],
            "notes": [],
        },
        {
            "row": 3,
            "line": 3,
            "id": None,
            "result": "rejected",
            "changes": {},
            "errors": [
                {
                    "field": "serialNumber",
                    "message": "give serialNumber, chargePointIdentity, or both",
                }
            ],
            "notes": [],
        },
    ]
    assert orjson.loads(orjson.dumps(summary.as_json())) == {
        "dryRun": True,
        "created": 0,
        "changed": 1,
        "unchanged": 0,
        "rejected": 1,
        "unknownColumns": ["colour"],
        "encoding": "utf-8",
        "delimiter": "comma",
    }


def test_rows_of_records_that_exist_are_not_remembered() -> None:
    file = io.BytesIO(("id,serial\n" + "".join(f"C{n},S{n}\n" for n in range(2000))).encode())
    found = inspect_fleet(file)
    planner = Planner(found.repeats, update=True)
    rows = list(read_fleet(file, found))
    existing = Existing({"_id": row.id, "serialNumber": row.fields["serialNumber"]} for row in rows)
    assert {planner.decide(row, existing).result for row in rows} == {Result.UNCHANGED}
    remembered = sum(found.repeats.first_row(key) is not None for row in rows for key in row.keys)
    assert remembered < 40
