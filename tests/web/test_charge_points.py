"""`/admin/charge-points`: whitelisting over HTTP."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from csms.domain.authorization_key import KeyVerifier
from csms.domain.hold import Hold
from csms.domain.protocol_trouble import OCPP201_SHAPED, refused_call
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test

PATH = "/admin/charge-points"
EXAMPLE: dict[str, Any] = {
    "id": "CP_BKK_001",
    "name": "สถานีทดสอบบางนา",
    "stationName": "Devonix Test Site",
    "location": "บางนา, กรุงเทพมหานคร",
    "serialNumber": "SN-AUTEL-23-001234",
    "chargePointIdentity": "ChargeStationOne-001",
    "protocol": "OCPP16",
    "brand": "Autel MaxiCharger AC",
    "powerRating": 22.0,
    "connectorCount": 2,
    "isWhitelisted": True,
}


async def test_whitelisting_one(system: System) -> None:
    response = await system.fetch("POST", PATH, EXAMPLE)
    assert response.code == 201
    assert response.headers["Location"] == f"{PATH}/CP_BKK_001"
    assert response.headers["Content-Type"].startswith("application/json")
    assert "สถานีทดสอบบางนา" in response.body.decode()
    status, record = await system.rest("GET", f"{PATH}/CP_BKK_001")
    assert status == 200
    assert {name: record[name] for name in EXAMPLE} == EXAMPLE
    assert (record["connected"], record["connectors"], record["ocppSessionId"]) == (False, [], None)
    assert record["createdAt"].endswith("Z")
    document = await system.record("CP_BKK_001")
    assert document["name"] == EXAMPLE["name"]
    assert "id" not in document


async def test_an_id_is_made_up_when_none_is_given(system: System) -> None:
    status, record = await system.rest("POST", PATH, {"serialNumber": "SN"})
    assert status == 201
    assert record["id"] and record["isWhitelisted"] is True
    assert (await system.rest("GET", f"{PATH}/{record['id']}"))[1] == record


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "serialNumber"),
        ({"serialNumber": ""}, "serialNumber"),
        ({"serialNumber": 5}, "serialNumber"),
        ({"serialNumber": {"$gt": ""}}, "serialNumber"),
        ({"chargePointIdentity": "a/b"}, "chargePointIdentity"),
        ({"serialNumber": "S", "powerRating": "22"}, "powerRating"),
        ({"serialNumber": "S", "isWhitelisted": "yes"}, "isWhitelisted"),
        ({"serialNumber": "S", "connectorCount": 0}, "connectorCount"),
        ({"serialNumber": "S", "nonsense": 1}, "nonsense"),
        ({"serialNumber": "S", "ocppSessionId": "x"}, "ocppSessionId"),
        ({"serialNumber": "S", "protocol": "OCPP201"}, "protocol"),
        ({"serialNumber": "S", "authorizationKey": "short"}, "authorizationKey"),
        ({"serialNumber": "S", "id": "import"}, "id"),
    ],
)
async def test_a_bad_body_is_a_422_that_names_the_field(
    system: System, body: dict[str, Any], field: str
) -> None:
    status, problem = await system.rest("POST", PATH, body)
    assert (status, problem["status"]) == (422, 422)
    assert [error["field"] for error in problem["errors"]] == [field]
    assert problem["errors"][0]["message"]
    assert await system.database.charge_points.count_documents({}) == 0


@pytest.mark.parametrize("body", ["", "{", "[1,2", "\xff"])
async def test_malformed_json_is_a_400(system: System, body: str) -> None:
    response = await system.fetch("POST", PATH, body.encode("latin-1"))
    assert response.code == 400
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("body", ["[]", "5", "null"])
async def test_json_that_is_no_object_is_a_422(system: System, body: str) -> None:
    assert (await system.fetch("POST", PATH, body)).code == 422


@pytest.mark.parametrize(
    ("other", "field"),
    [
        ({"id": "CP_BKK_001", "serialNumber": "X"}, "id"),
        ({"id": "cp_bkk_001", "serialNumber": "X"}, "id"),
        ({"serialNumber": "SN-AUTEL-23-001234"}, "serialNumber"),
        ({"serialNumber": "sn-autel-23-001234"}, "serialNumber"),
        ({"chargePointIdentity": "ChargeStationOne-001"}, "chargePointIdentity"),
        ({"chargePointIdentity": "CHARGESTATIONONE-001"}, "chargePointIdentity"),
    ],
)
async def test_a_duplicate_is_a_409_that_names_the_field_and_the_record(
    system: System, other: dict[str, Any], field: str
) -> None:
    await system.rest("POST", PATH, EXAMPLE)
    status, problem = await system.rest("POST", PATH, other)
    assert status == 409
    assert field in problem["detail"]
    [error] = problem["errors"]
    assert error["field"] == field and "the record CP_BKK_001" in error["message"]
    assert ("make no difference" in error["message"]) == (other[field] != EXAMPLE[field])
    await system.rest("POST", PATH, {"id": "B", "serialNumber": "B"})
    if field != "id":
        status, patched = await system.rest("PATCH", f"{PATH}/B", other)
        assert status == 409 and patched["errors"] == problem["errors"]


async def test_texts_are_stored_and_compared_in_nfc(system: System) -> None:
    decomposed = {"id": "CAFE\u0301", "name": "Ha\u0300 No\u0323\u0302i", "serialNumber": "u\u0308"}
    status, record = await system.rest("POST", PATH, decomposed)
    assert status == 201
    assert (record["id"], record["name"], record["serialNumber"]) == ("CAFÉ", "Hà Nội", "ü")
    for other in ({"id": "café", "serialNumber": "x"}, {"serialNumber": "U\u0308"}):
        status, problem = await system.rest("POST", PATH, other)
        assert status == 409 and "the record CAFÉ" in problem["errors"][0]["message"]


async def test_an_identity_may_change_its_case_and_be_taken_when_it_is_free(system: System) -> None:
    for identity in ("A", "B"):
        await system.whitelist(identity)
    assert (await system.rest("PATCH", f"{PATH}/A", {"chargePointIdentity": "a"}))[0] == 200
    assert (await system.rest("PATCH", f"{PATH}/B", {"chargePointIdentity": "A"}))[0] == 409
    cleared = {"chargePointIdentity": None, "serialNumber": "S"}
    assert (await system.rest("PATCH", f"{PATH}/A", cleared))[0] == 200
    assert (await system.rest("PATCH", f"{PATH}/B", {"chargePointIdentity": "A"}))[0] == 200
    assert (await system.record("B"))["identityFolded"] == "a"


async def test_two_that_race_for_a_serial_get_one_201_and_one_409(system: System) -> None:
    answers = await asyncio.gather(
        *(system.rest("POST", PATH, {"serialNumber": "SN"}) for _ in range(8))
    )
    assert sorted(status for status, _ in answers) == [201] + [409] * 7


async def test_changing(system: System) -> None:
    await system.rest("POST", PATH, EXAMPLE)
    path = f"{PATH}/CP_BKK_001"
    status, record = await system.rest("PATCH", path, {"name": "New", "location": None})
    assert (status, record["name"], record["location"]) == (200, "New", None)
    assert record["brand"] == EXAMPLE["brand"]
    status, problem = await system.rest(
        "PATCH", path, {"serialNumber": None, "chargePointIdentity": None}
    )
    assert (status, problem["errors"][0]["field"]) == (422, "serialNumber")
    await system.rest("POST", PATH, {"id": "B", "serialNumber": "B"})
    status, problem = await system.rest(
        "PATCH", f"{PATH}/B", {"chargePointIdentity": EXAMPLE["chargePointIdentity"]}
    )
    assert (status, problem["errors"][0]["field"]) == (409, "chargePointIdentity")
    for bad in ({"id": "C"}, {"isWhitelisted": None}, {"connectors": []}):
        assert (await system.rest("PATCH", path, bad))[0] == 422
    assert (await system.rest("PATCH", f"{PATH}/nobody", {"name": "x"}))[0] == 404


async def test_two_that_race_cannot_leave_a_record_bare(system: System) -> None:
    await system.whitelist("CP1", serialNumber="SN-1")
    answers = await asyncio.gather(
        system.rest("PATCH", f"{PATH}/CP1", {"serialNumber": None}),
        system.rest("PATCH", f"{PATH}/CP1", {"chargePointIdentity": None}),
    )
    assert sorted(status for status, _ in answers) == [200, 422]
    assert (await system.rest("PATCH", f"{PATH}/CP2", {"serialNumber": None}))[0] == 404


@pytest.mark.parametrize("record_id", [".", "..", "import", "a/b"])
async def test_an_id_that_no_url_can_hold_is_refused(system: System, record_id: str) -> None:
    status, problem = await system.rest("POST", PATH, {"id": record_id, "serialNumber": "S"})
    assert (status, problem["errors"][0]["field"]) == (422, "id")


async def test_deleting(system: System) -> None:
    await system.rest("POST", PATH, EXAMPLE)
    response = await system.fetch("DELETE", f"{PATH}/CP_BKK_001")
    assert (response.code, response.body) == (204, b"")
    for method in ("GET", "DELETE"):
        status, problem = await system.rest(method, f"{PATH}/CP_BKK_001")
        assert (status, problem["title"]) == (404, "Not found")


async def test_the_key_is_stored_hashed_and_never_shown(system: System) -> None:
    key = "correct horse battery"
    body = {**EXAMPLE, "authorizationKey": key}
    responses = [
        await system.fetch("POST", PATH, body),
        await system.fetch("GET", f"{PATH}/CP_BKK_001"),
        await system.fetch("PATCH", f"{PATH}/CP_BKK_001", {"authorizationKey": key + "2"}),
        await system.fetch("POST", PATH, body),
        await system.fetch("POST", PATH, body | {"authorizationKey": key * 3}),
        await system.fetch("GET", PATH),
    ]
    assert [response.code for response in responses] == [201, 200, 200, 409, 422, 200]
    for response in responses:
        assert key not in response.body.decode()
        assert "argon2" not in response.body.decode()
    document = await system.record("CP_BKK_001")
    assert "argon2" not in repr(document) and "authorizationKey" not in document
    # Of all these keys, the hash of the one that counts is kept.
    [stored] = await system.database.credentials.find().to_list(None)
    assert stored["_id"] == document["authorizationKeyHash"]
    assert KeyVerifier().verify(stored["hash"], f"{key}2".encode())
    _, record = await system.rest("PATCH", f"{PATH}/CP_BKK_001", {"authorizationKey": None})
    assert record["hasAuthorizationKey"] is False
    assert await system.database.credentials.count_documents({}) == 0


async def test_listing_by_pages(system: System) -> None:
    for n in range(7):
        await system.whitelist(f"CP{n}", name=f"Site {n % 2} (north)", isWhitelisted=n != 3)
    seen: list[str] = []
    path = f"{PATH}?limit=3"
    for _ in range(3):
        status, page = await system.rest("GET", path)
        assert status == 200
        seen += [record["id"] for record in page["items"]]
        path = f"{PATH}?limit=3&cursor={page['nextCursor']}"
    assert seen == [f"CP{n}" for n in range(7)]
    assert page["nextCursor"] is None


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("q=site+1+(N", ["CP1"]),
        ("q=cp1", ["CP1"]),
        ("q=.*", []),
        ("isWhitelisted=false", ["CP3"]),
        ("connected=true", ["CP0"]),
        ("connected=false&isWhitelisted=true", ["CP1"]),
        ("status=Faulted", ["CP0"]),
        ("status=Charging", ["CP0"]),
        ("status=Reserved", []),
        ("status=Faulted&connected=false", []),
        ("protocolTrouble=true", ["CP1"]),
        ("protocolTrouble=false", ["CP0", "CP3"]),
        ("protocolTrouble=maybe", None),
        ("status[$ne]=x", None),
        ("limit=0", None),
        ("limit=1001", None),
        ("cursor=nonsense", None),
        ("bogus=1", None),
        ("limit=1&limit=2", None),
    ],
)
async def test_filters(system: System, query: str, ids: list[str] | None) -> None:
    charge_point = await system.online("CP0")
    await charge_point.call(
        "StatusNotification", {"connectorId": 0, "status": "Faulted", "errorCode": "OtherError"}
    )
    await charge_point.call(
        "StatusNotification", {"connectorId": 2, "status": "Charging", "errorCode": "NoError"}
    )
    await system.whitelist("CP1", name="Site 1 (north)")
    last = {"protocolTrouble.lastAt": datetime(2026, 1, 1, tzinfo=UTC), "status": "Reserved"}
    await system.database.charge_points.update_one({"_id": "CP1"}, {"$set": last})
    await system.whitelist("CP3", isWhitelisted=False)
    status, page = await system.rest("GET", f"{PATH}?{query}")
    if ids is None:
        assert status == 422 and page["errors"]
    else:
        assert (status, [record["id"] for record in page["items"]]) == (200, ids)


async def test_connectors_are_unknown_once_it_is_off_line(system: System) -> None:
    charge_point = await system.online()
    await charge_point.call(
        "StatusNotification", {"connectorId": 1, "status": "Faulted", "errorCode": "GroundFailure"}
    )

    async def shown() -> dict[str, Any]:
        status, record = await system.rest("GET", f"{PATH}/CP1")
        assert status == 200
        return dict(record)

    async def faulted() -> int:
        return len((await system.rest("GET", f"{PATH}?status=Faulted"))[1]["items"])

    (connector,) = (await shown())["connectors"]
    assert (connector["status"], connector["lastStatus"]) == ("Faulted", "Faulted")
    assert connector["unknownSince"] is None
    assert await faulted() == 1
    await charge_point.close()
    record = await eventually(shown, lambda record: not record["connected"])
    (connector,) = record["connectors"]
    assert (connector["status"], connector["lastStatus"]) == (None, "Faulted")
    assert connector["unknownSince"] == record["disconnectedAt"] is not None
    assert await faulted() == 0
    assert (await system.record())["connectors"][0]["status"] == "Faulted"


async def test_protocol_trouble_is_shown_and_counted_anew(system: System) -> None:
    await system.online("CP1")
    deps = system.central_system.services.deps
    hold = Hold("CP1", (await system.record())["ocppSessionId"])
    deps.note_trouble(hold, refused_call("BootNotification", OCPP201_SHAPED))

    async def shown() -> dict[str, Any]:
        return dict((await system.rest("GET", f"{PATH}/CP1"))[1]["protocolTrouble"])

    assert (await shown())["lastAt"] is None
    deps.held.store_signs_of_life()
    trouble = await eventually(shown, lambda trouble: trouble["lastAt"])
    assert trouble["refusedCalls"] == [
        {"action": "BootNotification", "reason": "ocpp201Shaped", "count": 1}
    ]
    path = f"{PATH}/CP1/reset-protocol-trouble"
    _, made = await system.rest("POST", "/admin/tokens", {"name": "v", "role": "viewer"})
    assert (await system.rest("POST", path, token=made["token"]))[0] == 403
    status, record = await system.rest("POST", path)
    assert (status, record["protocolTrouble"]["refusedCalls"]) == (200, [])
    assert (await shown())["lastAt"] is None
    assert (await system.rest("POST", f"{PATH}/nobody/reset-protocol-trouble"))[0] == 404
    _, audit = await system.rest("GET", "/admin/audit?chargePointId=CP1")
    assert [entry["path"] for entry in audit["items"]] == [path]


async def test_ids_are_taken_as_they_are_written(system: System) -> None:
    odd = "ตู้ 1%20?#"
    await system.rest("POST", PATH, {"id": odd, "serialNumber": "S"})
    _, page = await system.rest("GET", PATH)
    assert page["items"][0]["id"] == odd
    response = await system.fetch("POST", PATH, {"id": odd + "2", "serialNumber": "S2"})
    status, record = await system.rest("GET", response.headers["Location"])
    assert (status, record["id"]) == (200, odd + "2")
    for bad in ("%FF", "%00"):
        assert (await system.rest("GET", f"{PATH}/{bad}"))[0] == 400
