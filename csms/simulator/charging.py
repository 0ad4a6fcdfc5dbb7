"""One charging session: plug in, authorize, charge, stop, unplug (OCPP 1.6, 3.3, 4.8, 4.10)."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from csms.domain.times import rfc3339
from csms.ocppj.frames import Payload
from csms.simulator.clock import sleep, wait
from csms.simulator.configuration import split
from csms.simulator.connector import Connector
from csms.simulator.metering import meter_value
from csms.simulator.outbox import Message
from csms.simulator.vehicle import Supply, draw_charge, draw_stay

if TYPE_CHECKING:
    from csms.simulator.charge_point import ChargePoint

RESETS = frozenset({"HardReset", "SoftReset"})
PLUG_IN_SECONDS = (1.0, 3.0)
UNPLUG_SECONDS = (2.0, 8.0)
LINGER_SECONDS = (120.0, 600.0)
"""How long a vehicle whose battery is full stays plugged in, of its own time."""

MAX_KEPT_MESSAGES = 500
"""Readings are left out beyond this many messages that wait for a connection (4.7)."""


class ChargingSession:
    """A vehicle at a connector, and the transaction that it leads to.

    `remote` tells a session that the central system asked for from one that a driver began.
    """

    def __init__(
        self, charge_point: ChargePoint, connector: Connector, id_tag: str, remote: bool
    ) -> None:
        model = charge_point.hardware.model
        self._charge_point = charge_point
        self._clock = charge_point.clock
        self._rng = charge_point.rng
        self._configuration = charge_point.configuration
        self._connector = connector
        self._id_tag = id_tag
        self._remote = remote
        self._charge = draw_charge(self._rng, Supply(model.power_w, model.phases))
        self._stopped: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._is_charging = False
        self._moment = 0.0
        self._leave_at = math.inf
        self.transaction_id: int | None = None
        self.task: asyncio.Task[None] | None = None

    @property
    def is_charging(self) -> bool:
        """Whether it has a transaction that is not stopped."""
        return self._is_charging

    def is_transaction(self, transaction_id: int) -> bool:
        """Whether this is its transaction, and still goes on."""
        return self._is_charging and self.transaction_id == transaction_id

    def stop(self, reason: str) -> None:
        """Stop it for one of OCPP's reasons (7.36); the first one counts."""
        if not self._stopped.done():
            self._stopped.set_result(reason)

    async def run(self) -> None:
        """Take it from the plug to the unplug."""
        try:
            self._show("Preparing")
            if await self._is_stopped_within(self._rng.uniform(*PLUG_IN_SECONDS)):
                return
            if self._must_authorize() and not await self._charge_point.authorize(self._id_tag):
                return
            reason = await self._transaction()
            if reason not in RESETS:
                self._show("Finishing")
                await sleep(self._clock, self._rng.uniform(*UNPLUG_SECONDS))
        finally:
            self._connector.session = None
            self._show(self._connector.idle_status)

    def meter_value(self, context: str, measurands: str) -> Payload | None:
        """What the meter says now; `measurands` is the configuration key that lists them."""
        self._catch_up()
        return meter_value(
            rfc3339(self._clock.now()),
            context,
            split(self._configuration.text(measurands)),
            self._connector.meter_wh,
            self._charge if self._is_charging else None,
            self._rng,
        )

    def send_meter_value(self, context: str) -> None:
        """Send what the meter says now, as soon as the transaction has an id."""
        reading = self.meter_value(context, "MeterValuesSampledData")
        if reading is None or len(self._charge_point.outbox) >= MAX_KEPT_MESSAGES:
            return
        message = {"connectorId": self._connector.number, "meterValue": [reading]}
        self._put("MeterValues", message)

    def _must_authorize(self) -> bool:
        return not self._remote or self._configuration.flag("AuthorizeRemoteTxRequests")

    async def _transaction(self) -> str:
        self._moment = self._clock.time()
        self._is_charging = True
        self._charge_point.tally.charging += 1
        try:
            self._start()
            reason = await self._until_over()
        finally:
            self._charge_point.tally.charging -= 1
        self._stop(reason)
        return reason

    def _start(self) -> None:
        payload = {
            "connectorId": self._connector.number,
            "idTag": self._id_tag,
            "meterStart": self._connector.meter_wh,
            "timestamp": rfc3339(self._clock.now()),
        }
        self._charge_point.outbox.put(
            Message(
                "StartTransaction",
                lambda: payload,
                kept=True,
                answered=self._started,
                # Without an id nothing else of this transaction can be told.
                dropped=lambda: self.stop("Other"),
            )
        )
        self._show("Charging")
        self.send_meter_value("Transaction.Begin")

    def _started(self, answer: Payload) -> None:
        self.transaction_id = answer["transactionId"]
        accepted = answer["idTagInfo"]["status"] == "Accepted"
        if not accepted and self._configuration.flag("StopTransactionOnInvalidId"):
            self.stop("DeAuthorized")

    async def _until_over(self) -> str:
        stay = draw_stay(self._rng, self._charge.supply) / self._charge_point.behaviour.speed
        self._leave_at = self._clock.time() + stay
        sample_at = self._next_sample(self._clock.time())
        while True:
            pause = min(self._leave_at, sample_at) - self._clock.time()
            if await self._is_stopped_within(max(0.0, pause)):
                return self._stopped.result()
            if self._clock.time() >= self._leave_at:
                return self._rng.choice(("Local", "EVDisconnected"))
            if self._clock.time() >= sample_at:
                self.send_meter_value("Sample.Periodic")
                sample_at = self._next_sample(sample_at)

    def _next_sample(self, after: float) -> float:
        interval = self._configuration.number("MeterValueSampleInterval")
        return max(after + interval, self._clock.time()) if interval else math.inf

    def _stop(self, reason: str) -> None:
        reading = self.meter_value("Transaction.End", "StopTxnSampledData")
        self._is_charging = False
        payload: Payload = {
            "meterStop": self._connector.meter_wh,
            "timestamp": rfc3339(self._clock.now()),
            "reason": reason,
        }
        if reason == "Local":
            payload["idTag"] = self._id_tag
        if reading is not None:
            payload["transactionData"] = [reading]
        self._put("StopTransaction", payload)

    def _catch_up(self) -> None:
        """Let the vehicle take what it took since the last look."""
        if not self._is_charging:
            return
        now = self._clock.time()
        speed = self._charge_point.behaviour.speed
        self._connector.register_wh += self._charge.advance((now - self._moment) * speed)
        self._moment = now
        if self._charge.is_full and self._connector.status == "Charging":
            self._show("SuspendedEV")
            linger = self._rng.uniform(*LINGER_SECONDS) / speed
            self._leave_at = min(self._leave_at, now + linger)

    def _put(self, action: str, payload: Payload) -> None:
        def with_id() -> Payload | None:
            if self.transaction_id is None:
                return None
            return payload | {"transactionId": self.transaction_id}

        self._charge_point.outbox.put(Message(action, with_id, kept=True))

    def _show(self, status: str) -> None:
        self._charge_point.show(self._connector, status)

    async def _is_stopped_within(self, seconds: float) -> bool:
        return await wait(self._clock, self._stopped, seconds)
