"""Files: firmware that charge points fetch, diagnostics and logs that they upload."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse

from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test

IMAGE = bytes(range(256)) * 2000
CP = "/admin/charge-points/CP1"


async def device(method: str, url: str, body: bytes | None = None, **headers: str) -> HTTPResponse:
    """A request of a charge point: without a token of REST."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = HTTPRequest(
        url, method=method, body=body, headers=named, allow_nonstandard_methods=True
    )
    return await AsyncHTTPClient().fetch(request, raise_error=False)


async def upload(system: System, content: bytes = IMAGE, name: str = "v2.bin") -> dict[str, Any]:
    response = await system.fetch("POST", f"/admin/files?name={name}", content)
    assert response.code == 201, response.body
    _, page = await system.rest("GET", "/admin/files")
    return dict(page["items"][0])


async def asked(
    system: System,
    charge_point: ScriptedChargePoint,
    path: str,
    body: Any,
    action: str,
    answer: dict[str, Any],
) -> dict[str, Any]:
    """Have a command sent by one of the short paths; returns what the charge point got."""
    request = asyncio.ensure_future(system.rest("POST", f"{CP}/{path}", body))
    unique_id, payload = await charge_point.expect(action)
    charge_point.reply(unique_id, answer)
    status, outcome = await request
    assert (status, outcome["response"]) == (200, answer)
    return payload


async def update(system: System, charge_point: ScriptedChargePoint, file_id: str) -> str:
    body = {"fileId": file_id, "retries": 3, "retrieveDate": "2026-11-23T10:00:00+01:00"}
    payload = await asked(system, charge_point, "update-firmware", body, "UpdateFirmware", {})
    assert payload["retrieveDate"] == "2026-11-23T09:00:00.000Z"
    assert (payload["retries"], "retryInterval" in payload) == (3, False)
    return str(payload["location"])


async def diagnostics(system: System, charge_point: ScriptedChargePoint) -> str:
    payload = await asked(
        system, charge_point, "get-diagnostics", {}, "GetDiagnostics", {"fileName": "d.zip"}
    )
    return str(payload["location"])


async def job(system: System) -> dict[str, Any]:
    _, page = await system.rest("GET", "/admin/jobs?chargePointId=CP1&limit=1")
    return dict(page["items"][0])


async def test_a_firmware_update_from_the_file_to_its_end(system: System) -> None:
    charge_point = await system.online()
    file = await upload(system)
    assert file["sha256"] == hashlib.sha256(IMAGE).hexdigest()
    assert (file["name"], file["size"], file["kind"]) == ("v2.bin", len(IMAGE), "firmware")
    url = await update(system, charge_point, file["id"])
    assert url.startswith(system.http) and url.endswith("/v2.bin")
    head = await device("HEAD", url)
    assert (head.code, head.headers["Content-Length"]) == (200, str(len(IMAGE)))
    broken = await device("GET", url, Range="bytes=0-99999")
    rest = await device("GET", url, Range="bytes=100000-")
    assert (broken.code, rest.code) == (206, 206)
    assert rest.headers["Content-Range"] == f"bytes 100000-{len(IMAGE) - 1}/{len(IMAGE)}"
    assert broken.body + rest.body == IMAGE
    assert (await device("GET", url)).body == IMAGE
    for status in ("Downloading", "Downloaded", "Installing", "Installing", "Idle", "Installed"):
        await charge_point.call("FirmwareStatusNotification", {"status": status})
    done = await job(system)
    assert [step["status"] for step in done["history"]] == [
        "Requested", "Downloading", "Downloaded", "Installing", "Installed",
    ]  # fmt: skip
    assert (done["kind"], done["status"], done["ended"]) == ("firmware", "Installed", True)
    assert (await device("GET", url)).code == 404


async def test_the_token_is_seen_by_the_charge_point_alone(system: System) -> None:
    charge_point = await system.online()
    file = await upload(system)
    url = await update(system, charge_point, file["id"])
    token = url.split("/")[4]
    await system.central_system.telemetry.close()
    for collection in ("commands", "messages", "jobs", "file_links"):
        kept = repr(await system.database[collection].find().to_list(None))
        assert token not in kept
    assert "********" in (await job(system))["location"]


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_diagnostics_are_uploaded_once(system: System, method: str) -> None:
    charge_point = await system.online()
    url = await diagnostics(system, charge_point)
    assert (await device("GET", url)).code == 404
    assert (await device(method, url + "log%2Fd.zip", IMAGE)).code == 201
    assert (await device(method, url + "d.zip", b"again")).code == 404
    done = await job(system)
    assert (done["kind"], done["fileName"]) == ("diagnostics", "d.zip")
    fetched = await system.fetch("GET", f"/admin/files/{done['fileId']}")
    assert fetched.body == IMAGE
    assert fetched.headers["Content-Disposition"] == "attachment; filename*=UTF-8''d.zip"
    _, page = await system.rest("GET", "/admin/files?chargePointId=CP1&kind=diagnostics")
    assert [f["id"] for f in page["items"]] == [done["fileId"]]


async def test_a_form_will_do(system: System) -> None:
    charge_point = await system.online()
    url = await diagnostics(system, charge_point)
    form = (
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nnot this\r\n'
        b'--x\r\nContent-Disposition: form-data; name="f"; filename="../../etc/d.log"\r\n\r\n'
        + IMAGE
        + b"\r\n--x--\r\n"
    )
    response = await device("POST", url, form, Content_Type="multipart/form-data; boundary=x")
    assert response.code == 201
    _, page = await system.rest("GET", "/admin/files")
    assert [(f["name"], f["size"]) for f in page["items"]] == [("d.log", len(IMAGE))]


async def test_a_form_without_a_file_leaves_the_url_good(system: System) -> None:
    charge_point = await system.online()
    url = await diagnostics(system, charge_point)
    response = await device("POST", url, b"--x--", Content_Type="multipart/form-data; boundary=x")
    assert response.code == 400
    assert (await device("PUT", url, b"content")).code == 201


async def test_a_log_of_a_span(system: System) -> None:
    charge_point = await system.online()
    body = {"logType": "SecurityLog", "oldestTimestamp": "2026-11-01T00:00:00Z"}
    answer = {"status": "Accepted", "filename": "s.log"}
    payload = await asked(system, charge_point, "get-log", body, "GetLog", answer)
    assert payload["logType"] == "SecurityLog"
    assert payload["log"]["oldestTimestamp"] == "2026-11-01T00:00:00.000Z"
    told = {"status": "Uploading", "requestId": payload["requestId"]}
    await charge_point.call("LogStatusNotification", told)
    assert (await device("PUT", payload["log"]["remoteLocation"] + "s.log", b"log")).code == 201
    await charge_point.call("LogStatusNotification", told | {"status": "Uploaded"})
    done = await job(system)
    assert (done["requestId"], done["status"]) == (payload["requestId"], "Uploaded")
    assert [step["status"] for step in done["history"]] == ["Accepted", "Uploading", "Uploaded"]
    assert done["fileId"] is not None


async def test_what_is_too_large_is_refused(system: System) -> None:
    system.central_system.settings.max_upload_mb = 1
    system.central_system.settings.max_file_mb = 1
    charge_point = await system.online()
    url = await diagnostics(system, charge_point)
    large = b"x" * (1024 * 1024 + 1)
    assert (await device("PUT", url, large)).code == 413
    assert (await system.fetch("POST", "/admin/files?name=x", large)).code == 413
    assert (await system.rest("GET", "/admin/files"))[1]["items"] == []
    assert (await device("PUT", url, large[:-1])).code == 201


async def test_a_url_runs_out(system: System) -> None:
    system.central_system.settings.file_link_hours = 0.0000001
    charge_point = await system.online()
    url = await diagnostics(system, charge_point)

    async def refused() -> int:
        return (await device("PUT", url, b"x")).code

    await eventually(refused, lambda code: code == 404)


@pytest.mark.parametrize(
    "path", ["/files/", "/files/x", "/files/" + "a" * 32, "/files/..%2F..%2Fetc%2Fpasswd"]
)
async def test_other_paths_lead_nowhere(system: System, path: str) -> None:
    for method in ("GET", "PUT"):
        body = b"x" if method == "PUT" else None
        assert (await device(method, system.http + path, body)).code == 404


async def test_an_upload_that_breaks_off_leaves_nothing(system: System) -> None:
    charge_point = await system.online()
    url = await diagnostics(system, charge_point)
    host, port = system.http.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    path = url.removeprefix(system.http)
    writer.write(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf".encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await device("PUT", url, b"whole")).code == 201
    _, page = await system.rest("GET", "/admin/files")
    assert [f["size"] for f in page["items"]] == [5]


async def test_what_is_not_there(system: System) -> None:
    await system.whitelist()
    file = await upload(system)
    body = {"fileId": file["id"]}
    assert (await system.rest("POST", f"{CP}/update-firmware", body))[0] == 409
    for file_id in ("0" * 24, "nonsense"):
        assert (await system.rest("GET", f"/admin/files/{file_id}"))[0] == 404
        status, _ = await system.rest("POST", f"{CP}/update-firmware", {"fileId": file_id})
        assert status == 404
    assert (await system.fetch("DELETE", f"/admin/files/{file['id']}")).code == 204
    assert (await system.fetch("DELETE", f"/admin/files/{file['id']}")).code == 404
    assert (await system.rest("GET", "/admin/jobs/none"))[0] == 404
    assert await system.database["files.chunks"].count_documents({}) == 0
