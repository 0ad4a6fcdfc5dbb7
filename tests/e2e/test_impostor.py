"""Attacks on unprotected records: somebody knows an identity and plays its charge point."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError
from tornado.ioloop import IOLoop

from csms.app import CentralSystem
from csms.config import Settings
from csms.connections.overlaps import Overlaps
from tests.conftest import DATABASE
from tests.support import PATIENCE
from tests.support.charge_point import BOOT, ScriptedChargePoint
from tests.support.pages import sign_in
from tests.support.raw_socket import RawSocket, client_frame
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test

HERE, THERE = "127.0.0.2", "127.0.0.3"
SERIAL = {"chargePointSerialNumber": "sn-1"}
PATH = "/admin/charge-points/CP1"
KEY = "a key of 16 bytes or more"
TWICE, NOT_SHOWN = "identityClaimedTwice", "serialNotShown"
ACCEPTED = {"status": "Accepted"}


async def alarms(system: System, **query: str) -> list[dict[str, Any]]:
    """The open alarms that REST shows, when what was raised is stored."""
    await system.central_system.telemetry.close()
    found = "&".join(f"{name}={value}" for name, value in {"open": "true", **query}.items())
    status, page = await system.rest("GET", f"/admin/alarms?{found}")
    assert status == 200, page
    return list(page["items"])


async def kinds(system: System) -> list[str]:
    return [alarm["kind"] for alarm in await alarms(system)]


async def leave(system: System, charge_point: ScriptedChargePoint) -> None:
    """Have a charge point close its socket, and wait until the record shows it."""
    await charge_point.close()
    await eventually(system.record, lambda record: record["ocppSessionId"] is None)


class Silent:
    """A device that answers no pings, as many charge points do not."""

    def __init__(self, socket: RawSocket) -> None:
        self.socket = socket

    async def boot(self, **fields: str) -> str:
        """Boot; returns the status of the answer."""
        call = json.dumps([2, "1", "BootNotification", BOOT | fields])
        self.socket.send(client_frame(1, call.encode()))
        while True:
            opcode, payload = await self.socket.receive()
            if opcode == 1:
                return str(json.loads(payload)[2]["status"])


def latest_replacement(record: dict[str, Any]) -> str | None:
    """The address whose session was the last to replace another."""
    sessions = record.get("replacedSessions")
    return sessions[-1]["to"] if sessions else None


Silently = Callable[[str], Awaitable[Silent]]


@pytest.fixture
def silently(system: System) -> Iterator[Silently]:
    """Connects a silent device from an address, and waits until the record is its session's."""
    devices: list[Silent] = []

    async def connect(source: str) -> Silent:
        before = (await system.record())["ocppSessionId"]
        device = Silent(await RawSocket.connect(system.ocpp, "CP1", source))
        devices.append(device)
        changed = await eventually(
            system.record, lambda record: record["ocppSessionId"] not in (None, before)
        )
        assert changed["remoteAddress"] == source
        if before is not None:
            # Stored behind the claim.
            await eventually(system.record, lambda record: latest_replacement(record) == source)
        return device

    yield connect
    for device in devices:
        device.socket.close()


class TestMissingSerial:
    """The charge point has reported the serial that ops entered; the impostor does not know it."""

    @pytest.fixture
    def genuine(self, io_loop: IOLoop, system: System) -> None:
        async def play() -> None:
            await system.whitelist(serialNumber="SN-1")
            charge_point = await system.connect()
            assert (await charge_point.boot(**SERIAL))["status"] == "Accepted"
            await leave(system, charge_point)

        io_loop.run_sync(play)

    async def test_it_is_rejected_and_leaves_no_trace(self, system: System, genuine: None) -> None:
        before = await system.record()
        for missing in ({}, {"chargePointSerialNumber": " "}, {"chargeBoxSerialNumber": ""}):
            impostor = await system.connect(network_interface=THERE)
            assert (await impostor.boot(**missing))["status"] == "Rejected"
            assert await impostor.closed() == (1008, "Serial missing")
        assert await system.record() == before
        [found] = await system.database.rejected_connections.find().to_list(None)
        assert (found["reason"], found["remoteAddress"]) == ("Serial missing", THERE)
        assert found["count"] == 3

    async def test_it_is_told_why_though_the_nodes_look_at_the_record_meanwhile(
        self, system: System, genuine: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        impostor = await system.connect(network_interface=THERE)
        deps = system.central_system.services.deps
        record = deps.rejected_connections.record

        async def look_first(*args: Any) -> None:
            await system.central_system.services.whitelisting.records_changed(["CP1"])
            await record(*args)

        monkeypatch.setattr(deps.rejected_connections, "record", look_first)
        assert (await impostor.boot())["status"] == "Rejected"
        assert await impostor.closed() == (1008, "Serial missing")
        assert (await system.record())["ocppSessionId"] is None

    async def test_the_charge_point_itself_need_not_boot_again(
        self, system: System, genuine: None
    ) -> None:
        impostor = await system.connect()
        await impostor.boot()
        await impostor.closed()
        charge_point = await system.connect()
        assert await charge_point.call("Heartbeat", {})

    async def test_an_operators_permission_lasts_until_it_is_told_again(
        self, system: System, genuine: None
    ) -> None:
        status, record = await system.rest("PATCH", PATH, {"mayBootWithoutSerial": True})
        assert (status, record["mayBootWithoutSerial"], record["hasShownSerial"]) == (
            200, True, True,
        )  # fmt: skip
        charge_point = await system.connect()
        for _ in range(2):
            assert (await charge_point.boot())["status"] == "Accepted"
        assert (await system.record())["reportedSerialNumber"] is None
        assert await kinds(system) == []
        assert (await charge_point.boot(**SERIAL))["status"] == "Accepted"
        assert (await system.record())["mayBootWithoutSerial"] is None
        await leave(system, charge_point)
        impostor = await system.connect()
        assert (await impostor.boot())["status"] == "Rejected"

    async def test_the_permission_is_audited_and_one_click_away(
        self, system: System, genuine: None
    ) -> None:
        impostor = await system.connect()
        await impostor.boot()
        await impostor.closed()
        visitor = await sign_in(system, "operator")
        for page in ("/charge-points/CP1", "/turned-away"):
            status, text = await visitor.page(page)
            assert status == 200
            assert 'name="mayBootWithoutSerial" data-type="boolean" value="true"' in text
        await system.rest("PATCH", PATH, {"mayBootWithoutSerial": True})
        [entry] = await system.database.audit.find({"method": "PATCH"}).to_list(None)
        assert entry["fields"] == ["mayBootWithoutSerial"]

    async def test_a_credential_is_enough(self, system: System, genuine: None) -> None:
        await system.rest("PATCH", PATH, {"authorizationKey": KEY})
        charge_point = await system.connect(password=KEY)
        assert (await charge_point.boot())["status"] == "Accepted"
        assert await kinds(system) == []

    async def test_another_serial_on_record_has_to_be_shown_anew(
        self, system: System, genuine: None
    ) -> None:
        await system.rest("PATCH", PATH, {"serialNumber": "SN-2"})
        charge_point = await system.connect()
        assert (await charge_point.boot())["status"] == "Accepted"
        assert (await system.record())["flags"] == [NOT_SHOWN]

    async def test_records_of_an_older_version_count_by_what_they_reported_last(
        self, system: System, genuine: None
    ) -> None:
        collection = system.database.charge_points
        await collection.update_one({"_id": "CP1"}, {"$unset": {"shownSerialNumber": ""}})
        impostor = await system.connect()
        assert (await impostor.boot())["status"] == "Rejected"
        await impostor.closed()
        await system.rest("PATCH", PATH, {"mayBootWithoutSerial": True})
        permitted = await system.connect()
        assert (await permitted.boot())["status"] == "Accepted"
        await leave(system, permitted)
        await system.rest("PATCH", PATH, {"mayBootWithoutSerial": False})
        impostor = await system.connect()
        assert (await impostor.boot())["status"] == "Rejected"


async def test_without_a_serial_on_record_it_is_accepted_flagged_and_alarmed(
    system: System,
) -> None:
    charge_point = await system.online()
    await charge_point.boot()
    assert (await system.record())["flags"] == [NOT_SHOWN]
    [alarm] = await alarms(system)
    assert (alarm["kind"], alarm["chargePointId"], alarm["severity"]) == (
        NOT_SHOWN, "CP1", "warning",
    )  # fmt: skip
    assert alarm["facts"] == {"address": "127.0.0.1"}
    await charge_point.boot(**SERIAL)
    assert await kinds(system) == []
    assert (await system.record())["flags"] == []


async def test_a_credential_ends_that_alarm_without_a_boot(system: System) -> None:
    await leave(system, await system.online())
    await system.rest("PATCH", PATH, {"authorizationKey": KEY})
    charge_point = await system.connect(password=KEY)
    await charge_point.call("Heartbeat", {})
    assert await kinds(system) == []
    assert (await system.record())["flags"] == []


class TestRequiredCredentials:
    """`require_credentials` is set."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"require_credentials": True})

    async def test_a_bare_record_opens_to_nobody(self, system: System) -> None:
        await system.whitelist(securityProfile=0)
        for options in ({}, {"password": KEY}):
            with pytest.raises(HTTPClientError) as refused:
                await system.connect(**options)
            assert refused.value.code == 401
        [found] = await system.database.rejected_connections.find().to_list(None)
        assert (found["reason"], found["count"]) == ("Credentials required", 2)
        await system.rest("PATCH", PATH, {"authorizationKey": KEY})
        charge_point = await system.connect(password=KEY)
        assert (await charge_point.boot())["status"] == "Accepted"

    async def test_a_record_may_be_excepted(self, system: System) -> None:
        await system.whitelist(requireCredentials=False)
        charge_point = await system.connect()
        assert (await charge_point.boot())["status"] == "Accepted"

    async def test_a_serial_binds_no_bare_record(self, system: System) -> None:
        await system.whitelist(None, id="CP1", serialNumber="SN-1")
        impostor = await system.connect("new")
        assert (await impostor.boot(**SERIAL))["status"] == "Rejected"
        assert (await system.record())["chargePointIdentity"] is None


async def test_one_record_may_require_credentials_and_closes_a_socket_without(
    system: System,
) -> None:
    charge_point = await system.online()
    status, record = await system.rest("PATCH", PATH, {"requireCredentials": True})
    assert (status, record["requireCredentials"], record["isBare"]) == (200, True, True)
    assert await charge_point.closed() == (1008, "Credentials required")
    with pytest.raises(HTTPClientError, match="401"):
        await system.connect()


async def test_it_is_imported_and_exported(system: System) -> None:
    rows = "id,chargePointIdentity,requireCredentials\nA,A,true\nB,B,false\nC,C,\n"
    response = await system.fetch(
        "POST", "/admin/charge-points/import", rows, headers={"Content-Type": "text/csv"}
    )
    assert response.code == 200, response.body
    found = {one: (await system.record(one))["requireCredentials"] for one in "ABC"}
    assert found == {"A": True, "B": False, "C": None}
    visitor = await sign_in(system, "viewer")
    _, text = await visitor.page("/charge-points.csv")
    header, *lines = text.splitlines()
    column = header.split(",").index("requireCredentials")
    assert [line.split(",")[column] for line in lines] == ["true", "false", ""]


async def test_bare_records_are_shown(system: System) -> None:
    await system.whitelist("BARE")
    await system.whitelist("KEY", authorizationKey=KEY)
    await system.whitelist("PROFILE", securityProfile=2)
    for bare, expected in (("true", ["BARE"]), ("false", ["KEY", "PROFILE"])):
        _, page = await system.rest("GET", f"/admin/charge-points?bare={bare}")
        assert [item["id"] for item in page["items"]] == expected
        assert {item["isBare"] for item in page["items"]} == {bare == "true"}
    visitor = await sign_in(system, "viewer")
    for path, is_shown in (
        ("/", True), ("/charge-points?bare=true", True), ("/charge-points/BARE", True),
        ("/charge-points?q=KEY", False), ("/charge-points/PROFILE", False),
    ):  # fmt: skip
        _, text = await visitor.page(path)
        assert ("unprotected" in text) is is_shown, path


@pytest.fixture
def overlaps_end(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set when it was decided what a connection beside another was."""
    decided, watch = asyncio.Event(), Overlaps._watch

    async def watched(self: Overlaps, *args: Any) -> None:
        await watch(self, *args)
        decided.set()

    monkeypatch.setattr(Overlaps, "_watch", watched)
    return decided


class TestSerialGuessing:
    """Serials are tried at a record, one after the other."""

    async def test_no_more_than_a_few_are_heard(self, system: System) -> None:
        await system.whitelist(serialNumber="SN-42")
        most = system.central_system.settings.max_failed_attempts
        for number in range(most):
            impostor = await system.connect(network_interface=THERE)
            answer = await impostor.boot(chargePointSerialNumber=f"SN-{number}")
            assert answer["status"] == "Rejected"
            assert await impostor.closed() == (1008, "Serial mismatch")
        impostor = await system.connect(network_interface=THERE)
        assert (await impostor.boot(chargePointSerialNumber="SN-42"))["status"] == "Rejected"
        assert await impostor.closed() == (1008, "Too many failed attempts")
        [alarm] = await alarms(system, kind="signInGuessing")
        assert alarm["facts"] == {"address": THERE, "identity": "CP1"}
        charge_point = await system.connect(network_interface=HERE)
        assert (await charge_point.boot(chargePointSerialNumber="SN-42"))["status"] == "Accepted"

    async def test_who_guesses_beside_the_charge_point_does_not_lock_it_out(
        self, system: System
    ) -> None:
        charge_point = await system.verified()
        await leave(system, charge_point)
        for number in range(system.central_system.settings.max_failed_attempts + 1):
            impostor = await system.connect()
            await impostor.boot(chargePointSerialNumber=f"no-{number}")
            assert await impostor.closed() == (1008, "Serial mismatch")
        charge_point = await system.connect()
        answer = await charge_point.boot(chargePointSerialNumber="SN-CP1")
        assert answer["status"] == "Accepted"
        assert "signInGuessing" in await kinds(system)

    async def test_a_device_that_says_the_same_again_does_not_guess(self, system: System) -> None:
        await system.whitelist(serialNumber="a mistake")
        for _ in range(system.central_system.settings.max_failed_attempts + 1):
            charge_point = await system.connect()
            await charge_point.boot(**SERIAL)
            assert await charge_point.closed() == (1008, "Serial mismatch")
        await system.rest("PATCH", PATH, {"serialNumber": "SN-1"})
        charge_point = await system.connect()
        assert (await charge_point.boot(**SERIAL))["status"] == "Accepted"
        assert await kinds(system) == []


class TestTwoDevices:
    """Two devices claim one identity."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"replace_ping_timeout": 0.05})

    async def test_a_newcomer_while_the_holder_is_alive(self, system: System) -> None:
        system.central_system.settings.replace_ping_timeout = 5
        await system.whitelist()
        holder = await system.connect(network_interface=HERE)
        await holder.boot(**SERIAL)
        for _ in range(3):
            impostor = await system.connect(network_interface=THERE)
            assert await impostor.closed() == (1008, "Already connected")
        [alarm] = await alarms(system, kind=TWICE)
        assert (alarm["chargePointId"], alarm["severity"]) == ("CP1", "critical")
        assert alarm["facts"] == {
            "evidence": "bothAlive", "address": HERE, "otherAddress": THERE,
        }  # fmt: skip
        metrics = (await system.fetch("GET", "/metrics", token=None)).body.decode()
        assert f'csms_open_alarms{{kind="{TWICE}"}} 1.0' in metrics
        assert f'csms_alarms_total{{kind="{TWICE}"}} 3.0' in metrics
        visitor = await sign_in(system, "operator")
        for path in ("/", "/charge-points/CP1", "/alarms"):
            _, text = await visitor.page(path)
            assert HERE in text and THERE in text, path
            assert f"/admin/alarms/{alarm['id']}/close" in text

    async def test_a_newcomer_from_the_address_of_the_holder(self, system: System) -> None:
        system.central_system.settings.replace_ping_timeout = 5
        await system.whitelist()
        holder = await system.connect()
        await holder.boot(**SERIAL)
        for _ in range(2):
            impostor = await system.connect()
            assert await impostor.closed() == (1008, "Already connected")
        [alarm] = await eventually(lambda: alarms(system), bool)
        assert alarm["facts"] == {
            "evidence": "bothAlive", "address": "127.0.0.1", "otherAddress": "127.0.0.1",
        }  # fmt: skip

    async def test_a_device_whose_connections_overlap_is_one(
        self, system: System, overlaps_end: asyncio.Event
    ) -> None:
        system.central_system.settings.replace_ping_timeout = 5
        await system.whitelist()
        first = await system.connect()
        await first.boot(**SERIAL)
        second = await system.connect()
        assert await second.closed() == (1008, "Already connected")
        await leave(system, first)
        third = await system.connect()
        await third.boot(**SERIAL)
        await asyncio.wait_for(overlaps_end.wait(), PATIENCE)
        assert await kinds(system) == []

    async def test_so_is_one_that_connects_twice_at_once(
        self, system: System, overlaps_end: asyncio.Event
    ) -> None:
        system.central_system.settings.replace_ping_timeout = 5
        await system.whitelist()
        both = await asyncio.gather(system.connect(), system.connect())
        ends = [asyncio.ensure_future(one.closed()) for one in both]
        done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        assert [end.result()[1] for end in done] == ["Already connected"]
        kept = both[1 - ends.index(*done)]
        await kept.boot(**SERIAL)
        await asyncio.wait_for(overlaps_end.wait(), PATIENCE)
        assert await kinds(system) == []
        assert await kept.call("Heartbeat", {})
        await kept.close()

    async def test_a_wrong_password_is_no_claim(self, system: System) -> None:
        await system.whitelist(authorizationKey=KEY)
        holder = await system.connect(password=KEY, network_interface=HERE)
        await holder.boot(**SERIAL)
        for options in ({}, {"password": KEY + "?"}):
            with pytest.raises(HTTPClientError, match="401"):
                await system.connect(network_interface=THERE, **options)
        assert await kinds(system) == []

    async def test_a_charge_point_that_moves_is_one_device(
        self, system: System, silently: Silently
    ) -> None:
        await system.whitelist()
        for source in (HERE, THERE, "127.0.0.4", HERE):
            # Its old socket is dead: nothing answers there.
            moved = await silently(source)
            assert await moved.boot(**SERIAL) == "Accepted"
        again = await system.connect(network_interface=THERE)
        assert (await again.boot(**SERIAL))["status"] == "Accepted"
        await leave(system, again)
        again = await system.connect(network_interface=HERE)
        assert await again.call("Heartbeat", {})
        assert await kinds(system) == []

    async def test_two_that_keep_replacing_each_other(
        self, system: System, silently: Silently
    ) -> None:
        await system.whitelist()
        for source in (HERE, THERE, HERE):
            await silently(source)
        assert await kinds(system) == []
        await silently(THERE)
        [alarm] = await alarms(system)
        assert alarm["kind"] == TWICE
        assert alarm["facts"] == {
            "evidence": "backAndForth", "address": HERE, "otherAddress": THERE,
        }  # fmt: skip

    async def test_so_do_two_with_one_password(self, system: System) -> None:
        await system.whitelist(authorizationKey=KEY)
        for source in (HERE, THERE, HERE, THERE):
            one = await system.connect(password=KEY, network_interface=source)
            # What was noted of the session before is written before the boot is.
            await one.boot(**SERIAL)
        assert await kinds(system) == [TWICE]

    async def test_one_whose_uplinks_fail_now_and_then_is_one_device(
        self, system: System, silently: Silently
    ) -> None:
        await system.whitelist()
        await silently(HERE)
        for source in (THERE, HERE, THERE, HERE):
            # What is remembered of replacements, a minute and more later.
            earlier = datetime.now(UTC) - timedelta(minutes=10)
            sessions = (await system.record()).get("replacedSessions") or []
            for number, session in enumerate(sessions):
                session["at"] = earlier + timedelta(seconds=90 * number)
            change = {"$set": {"replacedSessions": sessions}}
            await system.database.charge_points.update_one({"_id": "CP1"}, change)
            await silently(source)
            await system.central_system.telemetry.close()
        assert await kinds(system) == []

    @pytest.mark.parametrize(
        ("other", "evidence"),
        [
            ({"chargePointSerialNumber": "SN-2"}, "otherSerial"),
            ({**SERIAL, "chargePointVendor": "Evil", "chargePointModel": "Two"}, "otherModel"),
        ],
    )
    async def test_one_after_the_other_by_what_they_boot_with(
        self, system: System, other: dict[str, str], evidence: str
    ) -> None:
        await system.whitelist()
        first = await system.connect(network_interface=HERE)
        await first.boot(**SERIAL)
        await leave(system, first)
        second = await system.connect(network_interface=THERE)
        assert (await second.boot(**other))["status"] == "Accepted"
        [alarm] = await alarms(system)
        facts = alarm["facts"]
        assert (alarm["kind"], facts["evidence"]) == (TWICE, evidence)
        assert (facts["address"], facts["otherAddress"]) == (HERE, THERE)
        assert facts["otherSerialNumber"] == other["chargePointSerialNumber"]

    async def test_new_firmware_is_no_other_device(self, system: System) -> None:
        await system.whitelist()
        charge_point = await system.connect()
        for changed in ({}, {"firmwareVersion": "9"}, {"chargePointModel": "One rev. B"}):
            await charge_point.boot(**SERIAL, **changed)
        assert await kinds(system) == []

    async def test_a_serial_in_between_that_is_not_told_hides_nothing(self, system: System) -> None:
        await system.whitelist()
        charge_point = await system.connect()
        for told in (SERIAL, {}, {"chargePointSerialNumber": "SN-2"}):
            await charge_point.boot(**told)
        assert TWICE in await kinds(system)

    @pytest.mark.parametrize("told", [{}, {"chargePointSerialNumber": "SN-2"}])
    async def test_a_wrong_serial_in_the_place_of_one_that_is_silent(
        self, system: System, silently: Silently, told: dict[str, str]
    ) -> None:
        await system.whitelist(serialNumber="SN-1")
        holder = await silently(HERE)
        assert await holder.boot(**SERIAL) == "Accepted"
        impostor = await system.connect(network_interface=THERE)
        assert (await impostor.boot(**told))["status"] == "Rejected"
        [alarm] = await alarms(system)
        facts = alarm["facts"]
        assert (alarm["kind"], facts["evidence"]) == (TWICE, "wrongSerial")
        assert (facts["address"], facts["otherAddress"]) == (HERE, THERE)

    async def test_one_that_comes_back_without_its_serial_may_have_new_firmware(
        self, system: System, silently: Silently
    ) -> None:
        await system.whitelist(serialNumber="SN-1")
        dead = await silently(HERE)
        assert await dead.boot(**SERIAL) == "Accepted"
        back = await system.connect(network_interface=HERE)
        assert (await back.boot())["status"] == "Rejected"
        assert await kinds(system) == []

    async def test_nor_one_whose_serial_ops_have_just_changed(
        self, system: System, silently: Silently
    ) -> None:
        await system.whitelist(serialNumber="SN-1")
        dead = await silently(HERE)
        assert await dead.boot(**SERIAL) == "Accepted"
        await system.rest("PATCH", PATH, {"serialNumber": "a mistake"})
        back = await system.connect(network_interface=THERE)
        assert (await back.boot(**SERIAL))["status"] == "Rejected"
        assert await kinds(system) == []


@pytest.fixture
def other(
    io_loop: IOLoop, system: System, mongodb_uri: str, settings: Settings
) -> Iterator[System]:
    """A second node beside `system`."""
    own = settings.model_copy(
        update={"mongodb_database": DATABASE, "host": "127.0.0.1", "port": 0, "node_id": "other"}
    )
    node = CentralSystem(own, mongodb_uri)

    async def start() -> None:
        await node.start()
        system.central_system.bus.follow()

    io_loop.run_sync(start)
    other = System(node)
    yield other
    io_loop.run_sync(other.disconnect_all)
    io_loop.run_sync(node.stop)


async def test_two_devices_on_two_nodes(system: System, other: System) -> None:
    await system.whitelist()
    holder = await other.connect(network_interface=HERE)
    await holder.boot(**SERIAL)
    impostor = await system.connect(network_interface=THERE)
    assert await impostor.closed() == (1008, "Already connected")
    [alarm] = await alarms(system)
    assert (alarm["facts"]["address"], alarm["facts"]["otherAddress"]) == (HERE, THERE)


async def test_two_with_one_password_on_two_nodes(system: System, other: System) -> None:
    await system.whitelist(authorizationKey=KEY)
    for node, source in ((system, HERE), (other, THERE)) * 2:
        one = await node.connect(password=KEY, network_interface=source)
        await one.boot(**SERIAL)
        await node.central_system.telemetry.close()
    [alarm] = await alarms(system)
    assert (alarm["kind"], alarm["facts"]["evidence"]) == (TWICE, "backAndForth")


class TestSecrets:
    """Whether a key or a certificate is handed to whoever has the socket."""

    GIVEN = (
        ("ChangeConfiguration", {"key": "authorizationkey", "value": KEY}),
        ("CertificateSigned", {"certificateChain": "a chain"}),
    )

    async def give(
        self, system: System, action: str, payload: dict[str, str], **more: Any
    ) -> tuple[int, Any]:
        body = {"action": action, "payload": payload, **more}
        return await system.rest("POST", f"{PATH}/commands", body)

    @pytest.mark.parametrize(("action", "payload"), GIVEN)
    @pytest.mark.parametrize("serial", ["SN-1", None])
    async def test_not_before_it_has_shown_who_it_is(
        self, system: System, action: str, payload: dict[str, str], serial: str | None
    ) -> None:
        await system.whitelist(serialNumber=serial)
        impostor = await system.connect()
        await impostor.boot()
        status, problem = await self.give(system, action, payload)
        assert (status, problem["title"]) == (409, "Verify the charge point first")
        assert ("Enter the serial number" in problem["detail"]) is (serial is None)
        assert problem["outcome"] == "notSent"
        await impostor.call("Heartbeat", {})
        assert impostor.waiting_calls == 0

    @pytest.mark.parametrize(
        "key",
        [
            " AuthorizationKey",
            "Authorization_Key\t",
            "Authorization\u200bKey",
            "Author\u0131zationKey",
            "ＡuthorizationKey",
        ],
    )
    async def test_nor_a_key_by_another_spelling(self, system: System, key: str) -> None:
        await system.whitelist(serialNumber="SN-1")
        impostor = await system.connect()
        await impostor.boot()
        payload = {"key": key, "value": KEY}
        status, _ = await self.give(system, "ChangeConfiguration", payload)
        assert status == 409
        await impostor.call("Heartbeat", {})
        assert impostor.waiting_calls == 0
        [command] = await system.database.commands.find().to_list(None)
        assert KEY not in repr(command)

    async def test_a_session_before_does_not_count(self, system: System) -> None:
        charge_point = await system.verified()
        await leave(system, charge_point)
        impostor = await system.connect()
        await impostor.call("Heartbeat", {})
        action, payload = self.GIVEN[0]
        assert (await self.give(system, action, payload))[0] == 409

    @pytest.mark.parametrize(("action", "payload"), GIVEN)
    async def test_after_its_serial(
        self, system: System, action: str, payload: dict[str, str]
    ) -> None:
        charge_point = await system.verified()
        charge_point.answers[action] = lambda _: ACCEPTED
        assert (await self.give(system, action, payload))[0] == 200

    async def test_after_a_credential(self, system: System) -> None:
        await system.whitelist(authorizationKey=KEY)
        charge_point = await system.connect(password=KEY)
        await charge_point.boot()
        action, payload = self.GIVEN[0]
        charge_point.answers[action] = lambda _: ACCEPTED
        assert (await self.give(system, action, payload))[0] == 200

    async def test_a_key_that_was_replaced_since_does_not_count(self, system: System) -> None:
        await system.whitelist(authorizationKey=KEY)
        charge_point = await system.connect(password=KEY)
        await charge_point.boot()
        action, payload = self.GIVEN[0]
        charge_point.answers[action] = lambda _: ACCEPTED
        assert (await self.give(system, action, payload))[0] == 200
        # It has not connected with that yet: the old one still counts.
        assert (await self.give(system, action, payload))[0] == 200
        await system.rest("PATCH", PATH, {"authorizationKey": KEY + "!"})
        assert (await self.give(system, action, payload))[0] == 409

    @pytest.mark.parametrize("told", ["sn-1", "SN-2"])
    async def test_after_verify(self, system: System, told: str) -> None:
        await leave(system, await system.verified())
        await system.rest("PATCH", PATH, {"serialNumber": "SN-1"})
        charge_point = await system.connect()
        await charge_point.call("Heartbeat", {})
        charge_point.configure({"ChargePointSerialNumber": told})
        status, _ = await system.rest("POST", f"{PATH}/verify")
        assert status == 200
        action, payload = self.GIVEN[0]
        charge_point.answers[action] = lambda _: ACCEPTED
        assert (await self.give(system, action, payload))[0] == (200 if told == "sn-1" else 409)

    async def test_a_serial_that_ops_have_changed_since_is_not_the_one(
        self, system: System
    ) -> None:
        await system.verified()
        await system.rest("PATCH", PATH, {"serialNumber": "SN-2"})
        action, payload = self.GIVEN[0]
        assert (await self.give(system, action, payload))[0] == 409

    async def test_an_admin_may_all_the_same_and_is_audited(self, system: System) -> None:
        charge_point = await system.online()
        action, payload = self.GIVEN[0]
        charge_point.answers[action] = lambda _: ACCEPTED
        _, made = await system.rest("POST", "/admin/tokens", {"name": "op", "role": "operator"})
        body = {"action": action, "payload": payload, "unverified": True}
        status, _ = await system.rest("POST", f"{PATH}/commands", body, token=made["token"])
        assert status == 403
        assert (await self.give(system, action, payload, unverified=True))[0] == 200
        [command] = await system.database.commands.find().to_list(None)
        assert command["unverified"] is True
        assert KEY not in repr(command)
        _, page = await system.rest("GET", "/admin/audit?chargePointId=CP1")
        assert "unverified=true" in page["items"][0]["fields"]

    async def test_the_page_offers_that_to_admins_alone(self, system: System) -> None:
        await system.online()
        for role, is_offered in (("admin", True), ("operator", False)):
            visitor = await sign_in(system, role)
            _, text = await visitor.page("/charge-points/CP1/command/CertificateSigned")
            assert ('name="unverified"' in text) is is_offered

    async def test_other_settings_are_sent_to_whoever_is_there(self, system: System) -> None:
        charge_point = await system.online()
        charge_point.answers["ChangeConfiguration"] = lambda _: ACCEPTED
        payload = {"key": "HeartbeatInterval", "value": "60"}
        assert (await self.give(system, "ChangeConfiguration", payload))[0] == 200

    async def test_it_holds_from_another_node(self, system: System, other: System) -> None:
        await system.whitelist(serialNumber="SN-1")
        charge_point = await other.connect()
        await charge_point.boot()
        action, payload = self.GIVEN[0]
        charge_point.answers[action] = lambda _: ACCEPTED
        status, problem = await self.give(system, action, payload)
        assert (status, problem["title"]) == (409, "Verify the charge point first")
        assert (await self.give(system, action, payload, unverified=True))[0] == 200
        await charge_point.boot(**SERIAL)
        assert (await self.give(system, action, payload))[0] == 200
