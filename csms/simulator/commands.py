"""What a simulated charge point answers to the central system (OCPP 1.6, 5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csms.domain.configuration import AUTHORIZATION_KEY
from csms.domain.times import rfc3339
from csms.errors import OcppError
from csms.ocppj.frames import Call, Payload
from csms.ocppj.payloads import check_inbound
from csms.simulator.configuration import MAX_KEYS, split
from csms.simulator.connector import Connector
from csms.simulator.metering import meter_value

if TYPE_CHECKING:
    from csms.simulator.charge_point import ChargePoint


@dataclass(frozen=True, slots=True)
class Reply:
    """A CallResult's payload, and what happens once it is sent."""

    payload: Payload
    then: Callable[[], None] | None = None


def serve(charge_point: ChargePoint, call: Call) -> Reply:
    """Answer a Call.

    Raises:
        OcppError: it is answered with a CALLERROR.
    """
    handler = _HANDLERS.get(call.action)
    if handler is None:
        raise OcppError("NotImplemented", f"{call.action} is not implemented")
    payload, _ = check_inbound(call.action, call.payload)
    return handler(charge_point, payload)


def _status(status: str, then: Callable[[], None] | None = None) -> Reply:
    return Reply({"status": status}, then)


def _remote_start(charge_point: ChargePoint, payload: Payload) -> Reply:
    number = payload.get("connectorId")
    candidates = charge_point.connectors if number is None else _connectors(charge_point, number)
    connector = next((candidate for candidate in candidates if candidate.is_free), None)
    if connector is None or not charge_point.accepted:
        return _status("Rejected")
    # Taken before the answer is out, so that a second command does not get it too.
    session = charge_point.prepare_session(connector, payload["idTag"], remote=True)
    return _status("Accepted", lambda: charge_point.begin_session(session))


def _remote_stop(charge_point: ChargePoint, payload: Payload) -> Reply:
    sessions = [connector.session for connector in charge_point.connectors]
    transaction_id = payload["transactionId"]
    session = next(
        (s for s in sessions if s is not None and s.is_transaction(transaction_id)), None
    )
    if session is None:
        return _status("Rejected")
    return _status("Accepted", lambda: session.stop("Remote"))


def _get_configuration(charge_point: ChargePoint, payload: Payload) -> Reply:
    keys = payload.get("key", [])
    if len(keys) > MAX_KEYS:
        raise OcppError("OccurenceConstraintViolation", f"key: ask for {MAX_KEYS} keys at most")
    return Reply(charge_point.configuration.answer(keys))


def _change_configuration(charge_point: ChargePoint, payload: Payload) -> Reply:
    name = payload["key"].casefold()
    status = charge_point.configuration.change(payload["key"], payload["value"])
    if status == "Accepted" and name == AUTHORIZATION_KEY.casefold():
        # The new key is used at once (Security Whitepaper, A01).
        return _status(status, lambda: charge_point.uplink.reconnect("New AuthorizationKey"))
    if status == "Accepted" and name == "heartbeatinterval":
        return _status(status, charge_point.heartbeat.reschedule)
    return _status(status)


def _reset(charge_point: ChargePoint, payload: Payload) -> Reply:
    reason = f"{payload['type']}Reset"
    return _status("Accepted", lambda: charge_point.reboot(reason))


def _unlock_connector(charge_point: ChargePoint, payload: Payload) -> Reply:
    connectors = list(_connectors(charge_point, payload["connectorId"]))
    if not connectors:
        return _status("NotSupported")
    session = connectors[0].session
    return _status("Unlocked", None if session is None else lambda: session.stop("UnlockCommand"))


def _change_availability(charge_point: ChargePoint, payload: Payload) -> Reply:
    number = payload["connectorId"]
    operative = payload["type"] == "Operative"
    connectors = (
        [charge_point.whole, *charge_point.connectors]
        if number == 0
        else list(_connectors(charge_point, number))
    )
    if not connectors:
        return _status("Rejected")
    for connector in connectors:
        connector.operative = operative
    if not operative and any(connector.session is not None for connector in connectors):
        status = "Scheduled"
    else:
        status = "Accepted"
    return _status(status, lambda: charge_point.show_availability(connectors))


def _clear_cache(charge_point: ChargePoint, payload: Payload) -> Reply:
    return _status("Accepted")


def _data_transfer(charge_point: ChargePoint, payload: Payload) -> Reply:
    return _status("UnknownVendorId")


def _trigger_message(charge_point: ChargePoint, payload: Payload) -> Reply:
    number = payload.get("connectorId")
    requested = payload["requestedMessage"]
    if requested == "BootNotification":
        return _status("Accepted", charge_point.send_boot)
    connectors = _triggered(charge_point, requested, number)
    if not connectors or not charge_point.accepted:
        return _status("Rejected")
    return _status("Accepted", lambda: _TRIGGERS[requested](charge_point, connectors))


def _triggered(charge_point: ChargePoint, requested: str, number: int | None) -> list[Connector]:
    everything = [charge_point.whole, *charge_point.connectors]
    if requested == "MeterValues" and number is None:
        return charge_point.connectors
    return [connector for connector in everything if number in (None, connector.number)]


def _send_statuses(charge_point: ChargePoint, connectors: Iterable[Connector]) -> None:
    for connector in connectors:
        charge_point.send_status(connector)


def _send_meter_values(charge_point: ChargePoint, connectors: Iterable[Connector]) -> None:
    for connector in connectors:
        if connector.session is not None and connector.session.is_charging:
            connector.session.send_meter_value("Trigger")
            continue
        reading = meter_value(
            rfc3339(charge_point.clock.now()),
            "Trigger",
            split(charge_point.configuration.text("MeterValuesSampledData")),
            connector.meter_wh,
            None,
            charge_point.rng,
        )
        if reading is not None:
            payload = {"connectorId": connector.number, "meterValue": [reading]}
            charge_point.send("MeterValues", payload)


def _connectors(charge_point: ChargePoint, number: int) -> Iterable[Connector]:
    return (connector for connector in charge_point.connectors if connector.number == number)


_TRIGGERS: dict[str, Callable[[ChargePoint, list[Connector]], None]] = {
    "Heartbeat": lambda charge_point, _: charge_point.send("Heartbeat", {}),
    "StatusNotification": _send_statuses,
    "MeterValues": _send_meter_values,
    "FirmwareStatusNotification": lambda charge_point, _: charge_point.send(
        "FirmwareStatusNotification", {"status": "Idle"}
    ),
    "DiagnosticsStatusNotification": lambda charge_point, _: charge_point.send(
        "DiagnosticsStatusNotification", {"status": "Idle"}
    ),
}
_HANDLERS: dict[str, Callable[[ChargePoint, Payload], Reply]] = {
    "RemoteStartTransaction": _remote_start,
    "RemoteStopTransaction": _remote_stop,
    "GetConfiguration": _get_configuration,
    "ChangeConfiguration": _change_configuration,
    "Reset": _reset,
    "UnlockConnector": _unlock_connector,
    "ChangeAvailability": _change_availability,
    "ClearCache": _clear_cache,
    "TriggerMessage": _trigger_message,
    "DataTransfer": _data_transfer,
}
