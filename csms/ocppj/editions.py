"""Tells a message of another edition of OCPP from a broken one of 1.6."""

from __future__ import annotations

from csms.ocppj.frames import Payload

OCPP201_BOOT = (
    "this BootNotification is one of OCPP 2.0.1 (chargingStation), on a connection for ocpp1.6:"
    " set the charge point to OCPP 1.6J"
)
"""What the answer to such a boot says. A CALLERROR's description has 255 characters at most."""


def is_ocpp201_boot(payload: Payload) -> bool:
    """Whether the payload of a BootNotification is what OCPP 2.0.1 and 2.1 define.

    They name the device in an object, `chargingStation`, which 1.6 does not have, and not in
    `chargePointVendor` and `chargePointModel`, which 1.6 requires.
    """
    has_device = isinstance(payload.get("chargingStation"), dict)
    return has_device and not {"chargePointVendor", "chargePointModel"} & payload.keys()
