"""GetConfiguration (OCPP 1.6, 5.8)."""

from __future__ import annotations

from csms.actions.context import Outbound
from csms.domain.configuration import configuration_values, without_secrets
from csms.domain.verification import configured_serial
from csms.ocppj.frames import Payload


def told_serial(answer: Payload) -> str | None:
    """The charge point's serial, if the answer has it."""
    return configured_serial(configuration_values(answer))


# Some charge points do tell their secrets.
OUTBOUND = Outbound("GetConfiguration", mask_response=without_secrets, told_serial=told_serial)
