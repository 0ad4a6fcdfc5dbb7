"""Boots of OCPP 2.0.1 are told from broken ones of 1.6."""

from __future__ import annotations

from typing import Any

import pytest

from csms.ocppj.editions import OCPP201_BOOT, is_ocpp201_boot

STATION = {"model": "M", "vendorName": "V"}


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"chargingStation": STATION, "reason": "PowerUp"}, True),
        ({"chargingStation": STATION}, True),
        ({"chargingStation": STATION, "reason": "PowerUp", "customData": {}}, True),
        ({"chargePointVendor": "V", "chargePointModel": "M"}, False),
        ({"chargePointVendor": "V", "chargePointModel": "M", "chargingStation": STATION}, False),
        ({"chargePointModel": "M", "chargingStation": STATION}, False),
        ({"chargingStation": "X"}, False),
        ({"chargingStation": None}, False),
        ({"reason": "PowerUp"}, False),
        ({}, False),
    ],
)
def test_which_boots_are_those_of_201(payload: dict[str, Any], expected: bool) -> None:
    assert is_ocpp201_boot(payload) is expected


def test_the_description_fits_a_callerror() -> None:
    assert len(OCPP201_BOOT) <= 255
    assert "2.0.1" in OCPP201_BOOT and "1.6J" in OCPP201_BOOT
