"""One-time URLs: each is for its own job, and only a whole upload or the job's end uses it up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from csms.errors import DatabaseUnavailable
from csms.repositories.files import Files
from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import System, eventually
from tests.web.test_files import asked, device, diagnostics, job, update, upload

pytestmark = pytest.mark.gen_test

LOG = {"logType": "SecurityLog"}


async def log_request(
    system: System, charge_point: ScriptedChargePoint, status: str = "Accepted"
) -> tuple[int, str]:
    """Ask for a log; returns the request id and the URL."""
    payload = await asked(system, charge_point, "get-log", LOG, "GetLog", {"status": status})
    return payload["requestId"], payload["log"]["remoteLocation"]


async def files_of_jobs(system: System) -> list[str | None]:
    """The files that the jobs led to, newest job first."""
    _, page = await system.rest("GET", "/admin/jobs?chargePointId=CP1")
    return [item["fileId"] for item in page["items"]]


async def test_who_hangs_up_after_the_last_byte_has_uploaded_it(system: System) -> None:
    charge_point = await system.online()
    url = await diagnostics(system, charge_point)
    content = b"x" * 3_000_000
    host, port = system.http.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"PUT {url.removeprefix(system.http)}d.zip HTTP/1.1\r\nHost: x\r\n"
    writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
    await writer.drain()
    writer.close()
    file_id = (await eventually(lambda: job(system), lambda found: found["fileId"]))["fileId"]
    assert (await system.fetch("GET", f"/admin/files/{file_id}")).body == content


async def test_an_upload_that_the_database_has_not_taken_may_be_tried_again(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    charge_point = await system.online()
    url = await diagnostics(system, charge_point)

    async def away(*arguments: Any) -> None:
        raise DatabaseUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(Files, "store", away)
        assert (await device("PUT", url, b"content")).code == 503
    assert (await device("PUT", url, b"content")).code == 201
    assert (await job(system))["fileId"] is not None


async def test_of_two_uploads_at_a_time_one_is_kept(system: System) -> None:
    charge_point = await system.online()
    url = await diagnostics(system, charge_point)
    answers = await asyncio.gather(*(device("PUT", url, b"x" * 500_000) for _ in range(2)))
    assert sorted(answer.code for answer in answers) in ([201, 404], [201, 409])
    _, page = await system.rest("GET", "/admin/files")
    assert [file["id"] for file in page["items"]] == await files_of_jobs(system)


async def test_an_upload_belongs_to_the_job_of_its_url(system: System) -> None:
    charge_point = await system.online()
    first = await diagnostics(system, charge_point)
    await diagnostics(system, charge_point)
    assert (await device("PUT", first, b"content")).code == 201
    newest, oldest = await files_of_jobs(system)
    assert newest is None and oldest is not None


async def test_an_upload_before_the_answer_belongs_to_the_job_too(system: System) -> None:
    charge_point = await system.online()
    path = "/admin/charge-points/CP1/get-diagnostics"
    request = asyncio.ensure_future(system.rest("POST", path, {}))
    unique_id, payload = await charge_point.expect("GetDiagnostics")
    assert (await device("PUT", payload["location"], b"content")).code == 201
    charge_point.reply(unique_id, {"fileName": "d.zip"})
    assert (await request)[0] == 200
    assert (await job(system))["fileId"] is not None


async def test_the_end_of_a_job_leaves_the_urls_of_others_good(system: System) -> None:
    charge_point = await system.online()
    (first, ended), (_, other) = [await log_request(system, charge_point) for _ in range(2)]
    told = {"status": "PermissionDenied", "requestId": first}
    await charge_point.call("LogStatusNotification", told)
    assert (await device("PUT", ended, b"log")).code == 404
    assert (await device("PUT", other, b"log")).code == 201


async def test_the_url_of_a_rejected_job_is_good_for_nothing(system: System) -> None:
    charge_point = await system.online()
    _, url = await log_request(system, charge_point, "Rejected")
    assert (await device("PUT", url, b"log")).code == 404


async def test_a_download_that_failed_may_be_tried_again(system: System) -> None:
    charge_point = await system.online()
    url = await update(system, charge_point, (await upload(system))["id"])
    for status in ("Downloading", "DownloadFailed", "Downloading"):
        await charge_point.call("FirmwareStatusNotification", {"status": status})
    assert (await device("GET", url)).code == 200
    for status in ("Downloaded", "Installed"):
        await charge_point.call("FirmwareStatusNotification", {"status": status})
    assert (await job(system))["status"] == "Installed"


async def test_what_is_told_after_the_end_moves_nothing(system: System) -> None:
    charge_point = await system.online()
    await diagnostics(system, charge_point)
    for status in ("Uploaded", "Uploading"):
        await charge_point.call("DiagnosticsStatusNotification", {"status": status})
    assert ((await job(system))["status"], (await job(system))["ended"]) == ("Uploaded", True)
    await diagnostics(system, charge_point)
    assert (await job(system))["status"] == "Requested"


async def test_the_end_of_the_job_before_is_not_taken_for_that_of_a_new_one(
    system: System,
) -> None:
    charge_point = await system.online()
    await diagnostics(system, charge_point)
    await charge_point.call("DiagnosticsStatusNotification", {"status": "Uploaded"})
    await diagnostics(system, charge_point)
    found = await job(system)
    assert (found["status"], found["ended"]) == ("Requested", False)


async def test_urls_begin_as_the_setting_says(system: System) -> None:
    system.central_system.settings.public_url = "https://cs.example.org/ocpp/"
    charge_point = await system.online()
    url = await diagnostics(system, charge_point)
    assert url.startswith("https://cs.example.org/ocpp/files/")


async def test_no_token_is_logged(system: System, capfd: pytest.CaptureFixture[str]) -> None:
    charge_point = await system.online()
    url = await diagnostics(system, charge_point)
    for method, body in (("PUT", b"content"), ("PUT", b"again"), ("GET", None)):
        await device(method, url, body)
    written = "".join(capfd.readouterr())
    assert "/files/********" in written
    assert url.split("/")[4] not in written
