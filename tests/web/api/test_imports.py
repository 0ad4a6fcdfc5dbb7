"""The import endpoint over HTTP."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo.errors import AutoReconnect
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.iostream import IOStream
from tornado.tcpclient import TCPClient

from csms.domain.api_token import Role
from csms.repositories import fleet_import
from csms.web.api.imports import ImportHandler
from tests.support.system import ADMIN_TOKEN, System, eventually

PATH = "/admin/charge-points/import"
KEY = "0123456789abcdef-secret"
FLEET = (
    "id,ชื่อ,S/N,identity,kW,colour\r\n"
    "CP_1,สถานีทดสอบบางนา,SN-1,Ident-1,22,red\r\n"
    "CP_2,สถานีสอง,SN-2,,lots,blue\r\n"
    'CP_3,"สอง, บางนา",SN-3,Ident-3,7.4,\r\n'
)


async def post(
    system: System, body: str | bytes, query: str = "", **headers: str
) -> tuple[int, dict[str, Any]]:
    sent = {"Content-Type": "text/csv"} | {k.replace("_", "-"): v for k, v in headers.items()}
    response = await system.fetch("POST", PATH + query, body, headers=sent)
    return response.code, json.loads(response.body)


async def stored(system: System) -> dict[str, Any]:
    return {r["_id"]: r async for r in system.database.charge_points.find()}


@pytest.mark.gen_test
async def test_answers_row_by_row(system: System) -> None:
    status, answer = await post(system, FLEET)
    assert status == 200
    rows = answer.pop("rows")
    assert answer == {
        "dryRun": False,
        "created": 2,
        "changed": 0,
        "unchanged": 0,
        "rejected": 1,
        "unknownColumns": ["colour"],
        "encoding": "utf-8",
        "delimiter": "comma",
    }
    assert [(r["row"], r["id"], r["result"]) for r in rows] == [
        (2, "CP_1", "created"),
        (3, "CP_2", "rejected"),
        (4, "CP_3", "created"),
    ]
    assert list(answer)[1] == "unknownColumns"
    [error] = rows[1]["errors"]
    assert error["field"] == "powerRating" and "22" in error["message"]
    status, record = await system.rest("GET", "/admin/charge-points/CP_1")
    assert (status, record["name"], record["powerRating"]) == (200, "สถานีทดสอบบางนา", 22.0)


@pytest.mark.gen_test
async def test_a_charge_point_of_the_file_is_let_in(system: System) -> None:
    await post(system, FLEET)
    charge_point = await system.connect("Ident-1")
    assert (await charge_point.boot())["status"] == "Accepted"
    await charge_point.close()


@pytest.mark.gen_test
async def test_a_dry_run_and_an_update(system: System) -> None:
    await post(system, FLEET)
    before = await stored(system)
    change = "serial,name\nSN-1,ใหม่\nSN-9,เก้า\n"
    status, told = await post(system, change, "?dryRun=true&update=true")
    assert (status, told["dryRun"], told["changed"], told["created"]) == (200, True, 1, 1)
    assert told["rows"][0]["changes"] == {"name": {"from": "สถานีทดสอบบางนา", "to": "ใหม่"}}
    assert await stored(system) == before

    assert (await post(system, change))[1]["rejected"] == 1
    assert (await post(system, change, "?update=true"))[1]["changed"] == 1
    assert (await stored(system))["CP_1"]["name"] == "ใหม่"
    again = (await post(system, change, "?update=true"))[1]
    assert (again["unchanged"], again["changed"], again["created"]) == (2, 0, 0)


@pytest.mark.gen_test
async def test_un_whitelisting_by_import_closes_the_socket(system: System) -> None:
    charge_point = await system.online("CP1")
    status, answer = await post(system, "identity,allowed\nCP1,no\n", "?update=true")
    assert (status, answer["changed"]) == (200, 1)
    assert await charge_point.closed() == (1008, "Not whitelisted")


@pytest.mark.gen_test
async def test_ndjson_gives_lines_and_a_summary(system: System) -> None:
    headers = {"Content-Type": "text/csv", "Accept": "application/x-ndjson"}
    response = await system.fetch("POST", PATH, FLEET, headers=headers)
    assert response.code == 200
    assert response.headers["Content-Type"] == "application/x-ndjson"
    first, *rows, last = [json.loads(line) for line in response.body.splitlines()]
    assert first["file"] == {
        "dryRun": False,
        "unknownColumns": ["colour"],
        "encoding": "utf-8",
        "delimiter": "comma",
    }
    assert [row["result"] for row in rows] == ["created", "rejected", "created"]
    assert last["summary"]["created"] == 2
    assert "rows" not in last["summary"]


@pytest.mark.gen_test
async def test_rows_are_told_as_they_are_done(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_import, "BATCH", 1)
    insert_many = AsyncIOMotorCollection.insert_many
    first_told = asyncio.Event()
    told: list[bytes] = []

    async def wait_after_the_first(self: Any, documents: list[Any], **options: Any) -> Any:
        if documents[0]["_id"] != "CP_1":
            await first_told.wait()
        return await insert_many(self, documents, **options)

    def receive(chunk: bytes) -> None:
        told.append(chunk)
        first_told.set()

    monkeypatch.setattr(AsyncIOMotorCollection, "insert_many", wait_after_the_first)
    await AsyncHTTPClient().fetch(
        HTTPRequest(
            system.http + PATH,
            method="POST",
            body=FLEET,
            headers={
                "Authorization": f"Bearer {ADMIN_TOKEN}",
                "Content-Type": "text/csv",
                "Accept": "application/x-ndjson",
            },
            streaming_callback=receive,
        )
    )
    file, row = (json.loads(line) for line in told[0].splitlines())
    assert file["file"]["unknownColumns"] == ["colour"] and row["id"] == "CP_1"
    assert b"summary" not in told[0] and b"summary" in told[-1]


@pytest.mark.gen_test
@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "cp874"])
async def test_encodings(system: System, codec: str) -> None:
    status, answer = await post(system, FLEET.encode(codec))
    assert (status, answer["created"]) == (200, 2)
    assert (await stored(system))["CP_3"]["name"] == "สอง, บางนา"


@pytest.mark.gen_test
async def test_what_a_spreadsheet_did_is_told_row_by_row(system: System) -> None:
    body = 'sep=;\nรหัส;S/N;kW\nCP_1;\'00123;22,5\nCP_2;23-May;7\nCP_3;="007";#REF!\n'
    status, answer = await post(system, body)
    assert (status, answer["created"], answer["rejected"]) == (200, 1, 2)
    first, second, third = answer["rows"]
    assert [note["field"] for note in first["notes"]] == ["serialNumber"]
    assert [error["field"] for error in second["errors"]] == ["serialNumber"]
    assert "date" in second["errors"][0]["message"]
    assert [error["field"] for error in third["errors"]] == ["powerRating"]
    assert [note["field"] for note in third["notes"]] == ["serialNumber"]
    record = (await stored(system))["CP_1"]
    assert (record["serialNumber"], record["powerRating"]) == ("00123", 22.5)


@pytest.mark.gen_test
async def test_what_cannot_be_told_can_be_named(system: System) -> None:
    body = "serial;name\nSN-1;ก\n".encode("cp874")
    status, problem = await post(system, body)
    assert status == 400
    assert "windows-874" in problem["detail"] and "encoding=" in problem["detail"]
    status, answer = await post(system, body, "?encoding=TIS-620&delimiter=semicolon")
    assert (status, answer["encoding"], answer["delimiter"]) == (200, "windows-874", "semicolon")
    [record] = (await stored(system)).values()
    assert record["name"] == "ก"


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("body", "query", "status", "says"),
    [
        (b"", "", 400, "empty"),
        (b"CP_1,SN-1\nCP_2,SN-2\n", "", 422, "first row must name the columns"),
        (b"serial,S/N\n1,2\n", "", 422, '"S/N"'),
        (b"serial,name\nSN-1,x\nSN-2,\xff\xfe\xfd\n", "", 400, "encoding"),
        (b'serial,name\nSN-1,x\nSN-2,"y\nSN-3,z\n', "", 400, "line 3"),
        (b"serial\nSN-1\nSN\0\n", "", 400, "Line 3"),
        (b"serial\nSN-1\n", "?encoding=ebcdic", 422, "windows-1252"),
        (b"serial\nSN-1\n", "?delimiter=pipe", 422, "semicolon"),
        (b"serial\nSN-1\n", "?dryRun=perhaps", 422, "dryRun"),
        (b"serial\nSN-1\n", "?dry=true", 422, "dry"),
    ],
)
async def test_a_file_that_is_refused_changes_nothing(
    system: System, body: bytes, query: str, status: int, says: str
) -> None:
    code, problem = await post(system, body, query)
    assert code == status
    assert says in problem["detail"]
    assert problem["status"] == status
    assert await stored(system) == {}


@pytest.mark.gen_test
@pytest.mark.parametrize(
    "content_type",
    ["application/json", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"],
)
async def test_other_media_types_are_refused_with_the_remedy(
    system: System, content_type: str
) -> None:
    code, problem = await post(system, FLEET, Content_Type=content_type)
    assert code == 400 and "text/csv" in problem["detail"]


@pytest.mark.gen_test
async def test_needs_an_operator(system: System) -> None:
    headers = {"Content-Type": "text/csv"}
    response = await system.fetch("POST", PATH, FLEET, token=None, headers=headers)
    assert response.code == 401
    tokens = system.central_system.services.api_tokens
    _, viewer = await tokens.create("viewer", Role.VIEWER, created_by="test")
    response = await system.fetch("POST", PATH, FLEET, token=viewer, headers=headers)
    assert response.code == 403
    assert await stored(system) == {}


@pytest.mark.gen_test
async def test_a_large_refused_body_still_gets_its_refusal(system: System) -> None:
    big = FLEET + "x" * 4_000_000
    response = await system.fetch(
        "POST", PATH, big, token="wrong", headers={"Content-Type": "text/csv"}
    )
    assert response.code == 401


@pytest.mark.gen_test
async def test_a_body_larger_than_other_resources_take_is_imported(system: System) -> None:
    rows = [f"SN-{n},{'ก' * 200}" for n in range(3000)]
    status, answer = await post(system, "serial,name\n" + "\n".join(rows))
    assert (status, answer["created"], len(answer["rows"])) == (200, 3000, 3000)


@pytest.mark.gen_test
async def test_a_body_beyond_the_limit_is_refused(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImportHandler, "max_body_bytes", 100)
    stream = await TCPClient().connect("127.0.0.1", system.central_system.port)
    await stream.write(_head(101))
    answer = await stream.read_until(b"\r\n")
    stream.close()
    assert b" 413 " in answer


@pytest.mark.gen_test
async def test_an_upload_that_breaks_off_changes_nothing(system: System) -> None:
    stream: IOStream = await TCPClient().connect("127.0.0.1", system.central_system.port)
    await stream.write(_head(len(FLEET.encode())) + FLEET.encode()[:-40])
    stream.close()
    status, answer = await post(system, "serial\nSN-9\n")
    assert (status, answer["created"]) == (200, 1)
    assert len(await stored(system)) == 1


def _head(length: int) -> bytes:
    return (
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN_TOKEN}\r\n"
        f"Content-Type: text/csv\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


@pytest.mark.gen_test
async def test_authorization_keys_are_never_told(system: System) -> None:
    body = f"serial,authorizationKey\nSN-1,{KEY}\nSN-2,short-key\nSN-1,{KEY}\n"
    status, answer = await post(system, body)
    assert [row["result"] for row in answer["rows"]] == ["created", "rejected", "rejected"]
    changed = (await post(system, f"serial,password\nSN-1,{KEY[::-1]}\n", "?update=true"))[1]
    assert changed["changed"] == 1
    for told in (answer, changed):
        for secret in (KEY, KEY[::-1], "short-key"):
            assert secret not in json.dumps(told)


@pytest.mark.gen_test
async def test_a_database_that_goes_away_in_between_is_told(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_import, "BATCH", 1)
    insert_many = AsyncIOMotorCollection.insert_many
    calls = itertools.count(1)

    async def fail_every_second(*args: Any, **options: Any) -> Any:
        if next(calls) % 2 == 0:
            raise AutoReconnect("gone")
        return await insert_many(*args, **options)

    monkeypatch.setattr(AsyncIOMotorCollection, "insert_many", fail_every_second)
    headers = {"Content-Type": "text/csv", "Accept": "application/x-ndjson"}
    response = await system.fetch("POST", PATH, FLEET, headers=headers)
    *_, last = [json.loads(line) for line in response.body.splitlines()]
    status, problem = await post(system, "serial\nSN-7\nSN-8\n")
    monkeypatch.undo()
    assert response.code == 200
    assert last["error"]["status"] == 503
    assert "2 of 3 rows were done" in last["error"]["detail"]
    assert status == 503 and "import the file again" in problem["detail"]
    assert (await post(system, FLEET))[1]["unchanged"] == 1


@pytest.mark.gen_test
async def test_a_client_that_goes_away_ends_its_import(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_import, "BATCH", 1)
    rows = "".join(f"SN-{n},x\n" for n in range(300))
    body = f"serial,name\n{rows}".encode()
    head = _head(len(body)).replace(b"\r\n\r\n", b"\r\nAccept: application/x-ndjson\r\n\r\n")
    stream: IOStream = await TCPClient().connect("127.0.0.1", system.central_system.port)
    await stream.write(head + body)
    await stream.read_until(b'"row":2,')
    stream.close()

    async def ended() -> float | None:
        return system.central_system.metrics.registry.get_sample_value(
            "csms_http_request_seconds_count",
            {"method": "POST", "route": "ImportHandler", "status": "200"},
        )

    await eventually(ended, lambda count: count == 1)
    assert 1 <= len(await stored(system)) < 300
