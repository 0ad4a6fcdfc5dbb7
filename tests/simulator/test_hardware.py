"""What a number makes of a charge point."""

from __future__ import annotations

from csms.domain.connector import ConnectorType, parse_connector_type
from csms.ocppj.payloads import outbound_errors
from csms.simulator.hardware import MODELS, hardware_of


def test_a_number_always_gives_the_same_charge_point() -> None:
    hardware = hardware_of("SIM-", 7, 2)
    assert hardware == hardware_of("SIM-", 7, 2)
    assert hardware.identity == "SIM-00007"
    assert hardware.model == MODELS[0]


def test_no_two_serials_are_alike() -> None:
    serials = {hardware_of(p, n, 1).serial for p in ("SIM-", "DEMO-") for n in range(1, 1001)}
    assert len(serials) == 2000


def test_every_model_fits_a_boot_notification() -> None:
    for number in range(1, len(MODELS) + 1):
        hardware = hardware_of("SIM-", 49_999 - number, 1)
        payload = {
            "chargePointVendor": hardware.model.vendor,
            "chargePointModel": hardware.model.name,
            "chargePointSerialNumber": hardware.serial,
            "firmwareVersion": hardware.model.firmware,
        }
        assert outbound_errors("BootNotification", payload) == []


def test_connector_types_follow_the_current() -> None:
    types = {
        model.is_dc: [parse_connector_type(raw) for raw in model.connector_types(3)]
        for model in MODELS
    }
    assert types == {
        False: [ConnectorType.TYPE_2] * 3,
        True: [ConnectorType.CCS_COMBO_2, ConnectorType.CHADEMO, ConnectorType.CCS_COMBO_2],
    }
