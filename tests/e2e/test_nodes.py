"""Two nodes on one database: whatever holds on one holds on both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from tornado.ioloop import IOLoop

from csms.app import CentralSystem, now
from csms.config import Settings
from csms.connections import bus
from tests.conftest import DATABASE
from tests.support.charge_point import ScriptedChargePoint
from tests.support.raw_socket import RawSocket, client_frame
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test

ACCEPTED = {"status": "Accepted"}
PING, PONG = 9, 10
KEY = "a key of 16 bytes or more"
PATH = "/admin/charge-points/CP1"


@pytest.fixture
def other(
    io_loop: IOLoop, system: System, mongodb_uri: str, settings: Settings
) -> Iterator[System]:
    """A second node beside `system`."""
    yield from beside(io_loop, system, mongodb_uri, settings)


def beside(
    io_loop: IOLoop,
    system: System,
    mongodb_uri: str,
    settings: Settings,
    clock: Callable[[], datetime] = now,
) -> Iterator[System]:
    own = settings.model_copy(
        update={"mongodb_database": DATABASE, "host": "127.0.0.1", "port": 0, "node_id": "other"}
    )
    node = CentralSystem(own, mongodb_uri, clock)

    async def start() -> None:
        await node.start()
        # The first one learns of it with its next lease; that wait is not what is tested here.
        system.central_system.bus.follow()

    io_loop.run_sync(start)
    other = System(node)
    yield other
    io_loop.run_sync(other.disconnect_all)
    io_loop.run_sync(node.stop)


async def there(other: System, **options: Any) -> ScriptedChargePoint:
    """A charge point that is connected to the other node, and has booted."""
    await other.whitelist(**options)
    charge_point = await other.connect(password=options.get("authorizationKey"))
    assert (await charge_point.boot())["status"] == "Accepted"
    return charge_point


async def commands(system: System) -> list[dict[str, Any]]:
    return await system.database.commands.find().to_list(None)


async def test_a_command_reaches_the_socket_on_the_other_node(
    system: System, other: System
) -> None:
    charge_point = await there(other)
    asked = asyncio.ensure_future(
        system.rest("POST", f"{PATH}/remote-start", {"connectorId": 1, "idTag": "T"})
    )
    unique_id, payload = await charge_point.expect("RemoteStartTransaction")
    assert payload == {"connectorId": 1, "idTag": "T"}
    charge_point.reply(unique_id, ACCEPTED)
    status, outcome = await asked
    assert (status, outcome["response"]) == (200, ACCEPTED)
    [command] = await commands(system)
    assert (command["nodeId"], command["originNodeId"]) == ("other", "test")
    assert (command["status"], command["sealedPayload"]) == ("Answered", None)


async def test_a_call_error_and_a_silence_come_back_as_such(system: System, other: System) -> None:
    other.central_system.settings.call_timeout = 0.3
    charge_point = await there(other)
    asked = asyncio.ensure_future(system.rest("POST", f"{PATH}/commands", {"action": "ClearCache"}))
    unique_id, _ = await charge_point.expect("ClearCache")
    charge_point.send([4, unique_id, "NotSupported", "no cache", {}])
    status, problem = await asked
    assert (status, "no cache" in problem["detail"]) == (502, True)
    status, _ = await system.rest("POST", f"{PATH}/commands", {"action": "ClearCache"})
    assert status == 504
    assert [c["status"] for c in await commands(system)] == ["CallError", "Timeout"]


async def test_a_charge_point_that_moves_in_the_middle_gives_a_definite_answer(
    system: System, other: System
) -> None:
    charge_point = await there(other, authorizationKey=KEY)
    asked = asyncio.ensure_future(system.rest("POST", f"{PATH}/commands", {"action": "ClearCache"}))
    await charge_point.expect("ClearCache")
    moved = await system.connect(password=KEY)
    status, problem = await asked
    assert (status, problem["outcome"]) == (504, "sentNoAnswer")
    assert await charge_point.closed() == (1001, "Replaced by a new connection")
    moved.answers["ClearCache"] = lambda _: ACCEPTED
    assert (await system.rest("POST", f"{PATH}/commands", {"action": "ClearCache"}))[0] == 200
    assert (await system.record())["nodeId"] == "test"


async def test_a_secret_travels_sealed(system: System, other: System) -> None:
    charge_point = await there(other)
    asked = asyncio.ensure_future(
        system.rest(
            "POST",
            f"{PATH}/commands",
            {"action": "ChangeConfiguration", "payload": {"key": "WifiPassword", "value": KEY}},
        )
    )
    unique_id, payload = await charge_point.expect("ChangeConfiguration")
    assert payload["value"] == KEY
    assert KEY not in repr(await commands(system))
    charge_point.reply(unique_id, ACCEPTED)
    assert (await asked)[0] == 200
    assert KEY not in repr(await commands(system))


async def test_verify_and_refresh_work_from_the_other_node(system: System, other: System) -> None:
    charge_point = await there(other, serialNumber="SN-1")
    charge_point.configure({"NumberOfConnectors": "2", "ChargePointSerialNumber": "SN-1"})
    status, answer = await system.rest("POST", f"{PATH}/refresh-connectors")
    assert (status, len(answer["connectors"])) == (200, 2)
    charge_point.answers["TriggerMessage"] = lambda _: ACCEPTED
    asked = asyncio.ensure_future(system.rest("POST", f"{PATH}/verify", {"freshBoot": True}))

    async def triggered() -> bool:
        return await system.database.commands.count_documents({"action": "TriggerMessage"}) == 1

    await eventually(triggered, bool)
    await charge_point.boot(chargePointSerialNumber="sn-1")
    status, verification = await asked
    assert (status, verification["verdict"]) == (200, "match")


async def test_un_whitelisting_closes_the_socket_on_the_other_node(
    system: System, other: System
) -> None:
    charge_point = await there(other)
    assert (await system.rest("PATCH", PATH, {"isWhitelisted": False}))[0] == 200
    assert await charge_point.closed() == (1008, "Not whitelisted")


async def test_deleting_closes_the_socket_on_the_other_node(system: System, other: System) -> None:
    charge_point = await there(other)
    assert (await system.fetch("DELETE", PATH)).code == 204
    assert await charge_point.closed() == (1008, "Not whitelisted")


async def test_an_impostor_cannot_split_itself_between_nodes(system: System, other: System) -> None:
    charge_point = await there(other)
    impostor = await system.connect()
    assert await impostor.closed() == (1008, "Already connected")
    assert (await charge_point.call("Heartbeat", {}))["currentTime"]
    assert (await system.record())["nodeId"] == "other"


async def test_a_socket_that_is_slow_to_answer_keeps_its_place(
    system: System, other: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus, "LOOKS_UNHEARD", 4)
    await other.whitelist()
    slow = await RawSocket.connect(other.ocpp, "CP1")
    impostor = await system.connect()
    assert (await slow.receive())[0] == PING
    # The other node has said that it has heard, and not yet what came of it.
    await asyncio.sleep(6 * bus.LOOK_EVERY)
    slow.send(client_frame(PONG))
    assert await impostor.closed() == (1008, "Already connected")
    slow.close()


async def test_of_two_newcomers_at_once_one_stays(system: System, other: System) -> None:
    await system.whitelist()
    newcomers = await asyncio.gather(system.connect(), other.connect())

    closed = [asyncio.ensure_future(newcomer.closed()) for newcomer in newcomers]
    await asyncio.wait(closed, return_when=asyncio.FIRST_COMPLETED)
    record = await system.record()
    assert record["nodeId"] in ("test", "other")
    stayed = newcomers[0] if record["nodeId"] == "test" else newcomers[1]
    assert (await stayed.boot())["status"] == "Accepted"
    assert sum(each.done() for each in closed) == 1


async def test_a_node_that_died_holds_nobody(system: System, other: System) -> None:
    charge_point = await there(other)
    await system.database.nodes.update_one(
        {"_id": "other"}, {"$set": {"leaseUntil": datetime.now(UTC)}}
    )
    assert (await system.rest("POST", f"{PATH}/commands", {"action": "ClearCache"}))[0] == 409
    newcomer = await system.connect()
    assert (await newcomer.call("Heartbeat", {}))["currentTime"]
    assert await charge_point.closed() == (1001, "Replaced by a new connection")


async def test_a_node_whose_lease_ran_out_takes_its_sockets_back(
    system: System, other: System
) -> None:
    charge_point = await there(other)
    session = (await system.record())["ocppSessionId"]
    await system.central_system.held.release_node("other", datetime.now(UTC))

    async def record() -> dict[str, Any]:
        return await system.record()

    taken_back = await eventually(record, lambda shown: shown["ocppSessionId"] == session)
    assert taken_back["nodeId"] == "other"
    assert (await charge_point.call("Heartbeat", {}))["currentTime"]
