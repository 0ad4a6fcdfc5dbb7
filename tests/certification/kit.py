"""The steps that certification cases are made of: a charge point and an operator at its back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from csms.domain.times import rfc3339
from csms.ocppj.payloads import answer_errors, outbound_errors
from tests.support.charge_point import BOOT, ScriptedChargePoint
from tests.support.system import System, eventually

Payload = dict[str, Any]

VALID, OTHER_VALID, PARENT = "VALID-TAG", "VALID-TAG-2", "PARENT-TAG"
ACCEPTED = {"status": "Accepted"}


def moment(**ago: float) -> str:
    """A time, now or so long ago."""
    return rfc3339(datetime.now(UTC) - timedelta(**ago))


SERIAL = {"chargePointSerialNumber": "SN-0001"}
"""As on record: without it, no certificate is sent to it."""


class Kit:
    """One charge point that acts out a case, and the operator of the central system.

    Every answer of the central system, and every Call of it, must fit its schema, and nothing may
    come that a case does not ask for.
    """

    def __init__(self, system: System, charge_point: ScriptedChargePoint) -> None:
        self.system = system
        self.charge_point = charge_point

    # The charge point

    async def call(self, action: str, payload: Payload) -> Payload:
        """Send a Call that must be answered, and by the schema."""
        answer = await self.charge_point.call(action, payload)
        assert answer_errors(action, answer) == []
        return answer

    async def boot(self, **fields: str) -> None:
        """Boot, and tell that everything is available."""
        answer = await self.call("BootNotification", BOOT | SERIAL | fields)
        assert answer["status"] == "Accepted" and answer["interval"] > 0
        await self.status(0, "Available")
        await self.status(1, "Available")
        await self.status(2, "Available")

    async def status(self, connector_id: int, status: str, error_code: str = "NoError") -> None:
        """Tell a connector's status, and see it on record."""
        payload = {"connectorId": connector_id, "status": status, "errorCode": error_code}
        assert await self.call("StatusNotification", payload | {"timestamp": moment()}) == {}
        record = await self.system.record()
        shown = [c for c in record["connectors"] if c["connectorId"] == connector_id] or [record]
        assert (shown[0]["status"], shown[0]["errorCode"]) == (status, error_code)

    async def statuses(self, connector_id: int, *statuses: str) -> None:
        """Tell one status after the other."""
        for status in statuses:
            await self.status(connector_id, status)

    async def authorize(self, id_tag: str = VALID, expected: str = "Accepted") -> None:
        """Ask for an id tag."""
        answer = await self.call("Authorize", {"idTag": id_tag})
        assert answer["idTagInfo"]["status"] == expected

    async def start(
        self,
        id_tag: str = VALID,
        expected: str = "Accepted",
        *,
        timestamp: str | None = None,
        **fields: Any,
    ) -> int:
        """Start a transaction on connector 1; returns its id."""
        payload = {
            "connectorId": 1,
            "idTag": id_tag,
            "meterStart": 1000,
            "timestamp": timestamp or moment(),
            **fields,
        }
        answer = await self.call("StartTransaction", payload)
        assert answer["idTagInfo"]["status"] == expected
        assert answer["transactionId"] > 0
        return int(answer["transactionId"])

    async def stop(self, transaction_id: int, reason: str, **fields: Any) -> None:
        """Stop a transaction, and see it completed on record."""
        payload = {
            "transactionId": transaction_id,
            "meterStop": 2500,
            "timestamp": moment(),
            "reason": reason,
            "idTag": VALID,
            **fields,
        }
        answer = await self.call("StopTransaction", payload)
        if payload["idTag"] == VALID:
            assert answer["idTagInfo"]["status"] == "Accepted"
        transaction = await self.transaction(transaction_id)
        assert (transaction["status"], transaction["stopReason"]) == ("Completed", reason)
        assert transaction["energyWh"] == 1500

    async def charging(self) -> int:
        """Be in the middle of a transaction; returns its id."""
        await self.authorize()
        await self.status(1, "Preparing")
        transaction_id = await self.start()
        await self.status(1, "Charging")
        return transaction_id

    async def reconnect(self, **options: Any) -> None:
        """Lose the connection, and come back."""
        before = (await self.system.record())["ocppSessionId"]
        await self.charge_point.close()
        self.charge_point = await self.system.connect(**options)
        # The upgrade is answered before the record is claimed; commands go by the record.
        await eventually(
            self.system.record, lambda record: record["ocppSessionId"] not in (None, before)
        )

    # The operator

    async def command(self, action: str, payload: Payload, answer: Payload) -> Payload:
        """Have a command sent, which the charge point answers so; returns what it got.

        What the operator is told must be that answer.
        """
        body = {"action": action, "payload": payload}
        path = "/admin/charge-points/CP1/commands"
        asked = asyncio.ensure_future(self.system.rest("POST", path, body))
        unique_id, received = await self.charge_point.expect(action)
        assert outbound_errors(action, received) == []
        self.charge_point.reply(unique_id, answer)
        status, outcome = await asked
        assert (status, outcome["status"], outcome["response"]) == (200, "Answered", answer)
        return received

    async def transaction(self, transaction_id: int) -> Payload:
        """A transaction as the operator sees it."""
        status, transaction = await self.system.rest("GET", f"/admin/transactions/{transaction_id}")
        assert status == 200
        return dict(transaction)
