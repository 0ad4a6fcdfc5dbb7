"""BootNotification: who it is, and what is kept of it."""

from __future__ import annotations

from typing import Any

import pytest

from csms.config import Settings
from tests.actions.support import documents
from tests.support.charge_point import BOOT
from tests.support.system import System

pytestmark = pytest.mark.gen_test


@pytest.mark.parametrize(
    "told",
    [
        {"chargePointSerialNumber": " sn-1 "},
        {"chargeBoxSerialNumber": "SN-1"},
        {"serialNumber": "SN-1"},
        {"chargePointSerialNumber": "", "chargeBoxSerialNumber": "SN-1"},
        {"chargePointSerialNumber": "SN-1", "chargeBoxSerialNumber": "another"},
        {},
    ],
)
async def test_a_serial_that_fits_or_is_not_told_is_accepted(
    system: System, told: dict[str, str]
) -> None:
    await system.whitelist(serialNumber="SN-1")
    charge_point = await system.connect()
    answer = await charge_point.boot(**told)
    assert (answer["status"], answer["interval"]) == ("Accepted", 300)
    record = await system.record()
    assert record["serialNumber"] == "SN-1"
    assert record["registrationStatus"] == "Accepted"


async def test_a_mismatch_changes_nothing_of_the_record(system: System) -> None:
    await system.whitelist(serialNumber="SN-1")
    before = await system.record()
    charge_point = await system.connect()
    answer = await charge_point.boot(chargePointSerialNumber="SN-2", firmwareVersion="evil")
    assert answer["status"] == "Rejected"
    assert await charge_point.closed() == (1008, "Serial mismatch")
    assert await system.record() == before
    [boot] = await documents(system, "boot_notifications")
    assert (boot["verdict"], boot["reason"]) == ("Rejected", "Serial mismatch")
    [rejection] = await documents(system, "rejected_connections")
    assert rejection["reason"] == "Serial mismatch"


async def test_what_it_is_made_of_is_stored_as_told(system: System) -> None:
    told = {
        "chargePointSerialNumber": "S" * 34,
        "iccid": "8901",
        "imsi": "310",
        "meterType": "M1",
        "meterSerialNumber": "7",
    }
    await system.online(**told)
    record = await system.record()
    assert record["reportedSerialNumber"] == "S" * 34
    assert (record["vendor"], record["model"]) == ("Acme", "One")
    assert (record["iccid"], record["imsi"], record["meterType"]) == ("8901", "310", "M1")
    assert record["ocppProtocolRaw"] == "ocpp1.6"
    assert record["ocppSessionId"]
    [boot] = await documents(system, "boot_notifications")
    assert boot["payload"] == BOOT | told
    assert boot["verdict"] == "Accepted"


async def test_a_field_that_is_gone_at_the_next_boot_is_gone_from_the_record(
    system: System,
) -> None:
    charge_point = await system.online(iccid="8901")
    payload: dict[str, Any] = {"chargePointVendor": "", "chargePointModel": "Two"}
    assert (await charge_point.call("BootNotification", payload))["status"] == "Accepted"
    record = await system.record()
    assert (record["iccid"], record["vendor"], record["model"]) == (None, None, "Two")
    assert len(await documents(system, "boot_notifications")) == 2


async def test_who_was_rejected_may_come_again_with_the_right_serial(system: System) -> None:
    await system.whitelist(serialNumber="SN-1")
    wrong = await system.connect()
    await wrong.boot(chargePointSerialNumber="SN-2")
    await wrong.closed()
    right = await system.connect()
    assert (await right.boot(chargePointSerialNumber="SN-1"))["status"] == "Accepted"


class TestJitter:
    """Not everybody is told the same interval."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"heartbeat_jitter": 10})

    async def test_what_was_told_is_what_is_stored(self, system: System) -> None:
        told = set()
        for identity in ("CP1", "CP2", "CP3"):
            await system.whitelist(identity)
            charge_point = await system.connect(identity)
            interval = (await charge_point.boot())["interval"]
            assert 270 <= interval <= 300
            assert (await system.record(identity))["heartbeatIntervalSec"] == interval
            told.add(interval)
        assert len(told) > 1
