"""A baseline: the usual stack, `ocpp` on `websockets`, one motor insert a message. Prints its port.

Its argument is the MongoDB URI.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed


class CentralSystem(ChargePoint):  # type: ignore[misc]
    """One charge point, as the package's own example has it."""

    meter_values: Any = None

    @on("BootNotification")  # type: ignore[untyped-decorator]
    async def on_boot(self, **payload: Any) -> call_result.BootNotification:
        """Accept whoever comes."""
        now = datetime.now(UTC).isoformat()
        return call_result.BootNotification(current_time=now, interval=300, status="Accepted")

    @on("MeterValues")  # type: ignore[untyped-decorator]
    async def on_meter_values(self, **payload: Any) -> call_result.MeterValues:
        """Store the message, then answer."""
        await self.meter_values.insert_one(
            {"chargePointId": self.id, "receivedAt": datetime.now(UTC), **payload}
        )
        return call_result.MeterValues()


async def main(uri: str) -> None:
    """Serve until killed."""
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(uri, w="majority", journal=True)
    CentralSystem.meter_values = client["csms_bench_stock"]["meter_values"]

    async def handle(connection: ServerConnection) -> None:
        identity = connection.request.path.rpartition("/")[2] if connection.request else ""
        with suppress(ConnectionClosed):
            await CentralSystem(identity, connection).start()

    async with serve(handle, "127.0.0.1", 0, subprotocols=["ocpp1.6"]) as server:  # type: ignore[list-item]
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
