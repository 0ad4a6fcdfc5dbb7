"""Messages that are a little off OCPP-J, on a real socket: read where they can be, else kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from csms.config import Settings
from csms.connections.message_log import MAX_TEXT
from csms.connections.unreadable import KEPT_PER_MINUTE
from csms.ocppj.session import MAX_UNREADABLE
from tests.e2e.test_messages import documents, now, start
from tests.support.raw_socket import RawSocket, client_frame
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test

TEXT, BINARY = 1, 2
BOOT = '[2,"boot","BootNotification",{"chargePointVendor":"Acme","chargePointModel":"One"}]'
MASK = "********"


class Peer:
    """A charge point that sends its messages as they are written."""

    def __init__(self, socket: RawSocket) -> None:
        self.socket = socket

    def send(self, message: str | bytes, opcode: int = TEXT) -> None:
        """Send a message; bytes need not be UTF-8."""
        data = message.encode() if isinstance(message, str) else message
        self.socket.send(client_frame(opcode, data))

    async def receive(self) -> list[Any]:
        """The next frame, which must be a text."""
        opcode, payload = await self.socket.receive()
        assert opcode == TEXT, (opcode, payload)
        frame: list[Any] = json.loads(payload)
        return frame

    async def ask(self, message: str | bytes, opcode: int = TEXT) -> list[Any]:
        """Send a message, and return the frame that comes next."""
        self.send(message, opcode)
        return await self.receive()


@asynccontextmanager
async def connected(system: System) -> AsyncIterator[Peer]:
    """A charge point on an open socket, not booted."""
    await system.whitelist()
    socket = await RawSocket.connect(system.ocpp, "CP1")
    try:
        yield Peer(socket)
    finally:
        socket.close()


@asynccontextmanager
async def booted(system: System) -> AsyncIterator[Peer]:
    """A charge point that has booted."""
    async with connected(system) as peer:
        assert (await peer.ask(BOOT))[2]["status"] == "Accepted"
        yield peer


async def counted(system: System, **expected: int) -> None:
    """See that these quirks are counted in the record, and no others."""
    await eventually(system.record, lambda record: record["quirks"] == expected)


async def troubled(system: System, **counters: Any) -> None:
    """See that the record's trouble has these counters, beside the time of the last."""
    await eventually(
        system.record,
        lambda record: (
            {**record["protocolTrouble"], "lastAt": None} == {**counters, "lastAt": None}
        ),
    )


async def kept(system: System, count: int) -> list[dict[str, Any]]:
    """The messages that were kept although they cannot be read, when there are so many."""

    async def read() -> list[dict[str, Any]]:
        found = await documents(system, "messages")
        return [message for message in found if message["milliseconds"] is None]

    return await eventually(read, lambda found: len(found) == count)


async def test_control_characters_in_a_string(system: System) -> None:
    async with booted(system) as peer:
        frame = await peer.ask(json.dumps([2, "st", "StartTransaction", start()]))
        transaction_id = frame[2]["transactionId"]
        payload = (
            f'{{"meterStop":4100,"idTag":"TAG1\x10\x0e","transactionId":{transaction_id},'
            f'"timestamp":"{now()}","reason":"EVDisconnected"}}'
        )
        assert (await peer.ask(f'[2,"sp","StopTransaction",{payload}]'))[:2] == [3, "sp"]
        _, transaction = await system.rest("GET", f"/admin/transactions/{transaction_id}")
        assert (transaction["status"], transaction["energyWh"]) == ("Completed", 4000)
        await counted(system, nearlyJson=1)


@pytest.mark.parametrize(
    "text",
    [
        '[2,"mv","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"AT","sampledValue":'
        '[,{"value":"1750"}]}]}]',
        '[2,"mv","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"AT","sampledValue":'
        '[{"value":"1750",},,],},],},]',
        '\ufeff[2,"mv","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"AT",'
        '"sampledValue":[{"value":"1750"}]}]}]',
        '[2,"mv","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"AT","sampledValue":'
        '[{"value":"1750"}]}]}]}\x00\x00',
    ],
    ids=["leading comma", "commas", "byte order mark", "garbage at the end"],
)
async def test_readings_that_are_nearly_json_are_stored_once(system: System, text: str) -> None:
    async with booted(system) as peer:
        text = text.replace("AT", now())
        for _ in range(2):
            assert await peer.ask(text) == [3, "mv", {}]
        [document] = await documents(system, "meter_values")
        assert [sample["value"] for sample in document["sampledValue"]] == [1750]
        await counted(system, nearlyJson=2)


STATUS = '{"connectorId":1,"status":"Available","errorCode":"NoError","info":"Türe"}'


@pytest.mark.parametrize(
    ("opcode", "encoding", "expected"),
    [
        (TEXT, "latin-1", {"latin1Text": 1}),
        (BINARY, "utf-8", {"binaryFrame": 1}),
        (BINARY, "latin-1", {"binaryFrame": 1, "latin1Text": 1}),
    ],
)
async def test_other_encodings_and_binary_frames(
    system: System, opcode: int, encoding: str, expected: dict[str, int]
) -> None:
    async with booted(system) as peer:
        text = f'[2,"s","StatusNotification",{STATUS}]'
        assert await peer.ask(text.encode(encoding), opcode) == [3, "s", {}]
        assert (await system.record())["connectors"][0]["info"] == "Türe"
        await counted(system, **expected)


@pytest.mark.parametrize(
    "data",
    [b'[9,"1","\xe9"]', b'"\xe9"', b"\xff", b'[2,"1","Heartbeat",{"\xe9', b'{"a":"\xe9"}'],
)
async def test_text_that_is_neither_utf8_nor_ocpp_closes_with_1007(
    system: System, data: bytes
) -> None:
    async with booted(system) as peer:
        peer.send(data)
        peer.send('[2,"after","Heartbeat",{}]')
        assert await peer.socket.close_code() == 1007
        assert await peer.socket.end() == b""


async def test_a_numeric_unique_id_is_answered_with_the_number(system: System) -> None:
    async with booted(system) as peer:
        assert (await peer.ask('[2,17,"Heartbeat",{}]'))[:2] == [3, 17]
        assert (await peer.ask('[2,-9223372036854775808,"Dance",{}]'))[:3] == [
            4, -9223372036854775808, "NotImplemented",
        ]  # fmt: skip
        assert (await peer.ask('[2,17,"Heartbeat"'))[:3] == [4, 17, "FormationViolation"]
        await counted(system, numericUniqueId=1)


async def test_keep_alive_texts_are_a_sign_of_life(system: System) -> None:
    async with booted(system) as peer:
        for _ in range(MAX_UNREADABLE):
            for text in ("", "\n", "ping", "pong", "5"):
                peer.send(text)
            peer.send(b"", BINARY)
        # None of them is answered.
        assert (await peer.ask('[2,"h","Heartbeat",{}]'))[:2] == [3, "h"]
        await counted(system, keepAliveText=1)
        assert "unreadableFrames" not in (await system.record())["protocolTrouble"]
        assert await kept(system, 0) == []


async def test_a_keep_alive_before_the_boot_does_no_harm(system: System) -> None:
    async with connected(system) as peer:
        peer.send("ping")
        assert (await peer.ask(BOOT))[2]["status"] == "Accepted"
        peer.send("ping")
        await counted(system, keepAliveText=1)


class TestAnswers:
    """What charge points answer to our Calls."""

    async def test_a_result_that_breaks_off_ends_the_command(self, system: System) -> None:
        async with booted(system) as peer:
            asked = asyncio.ensure_future(
                system.rest(
                    "POST",
                    "/admin/charge-points/CP1/commands",
                    {"action": "GetConfiguration", "payload": {}},
                )
            )
            _, unique_id, _, _ = await peer.receive()
            secret = "0123456789abcdef"
            peer.send(
                f'[3,"{unique_id}",{{"configurationKey":[{{"key":"AuthorizationKey",'
                f'"readonly":false,"value":"{secret}"}},{{"key":"HeartbeatInterval","read'
            )
            status, problem = await asked
            assert status == 502
            assert "the answer is not JSON: it breaks off" in problem["detail"]
            [command] = await documents(system, "commands")
            assert command["status"] == "CallError"
            [message] = await kept(system, 1)
            assert (message["uniqueId"], message["action"]) == (unique_id, "GetConfiguration")
            assert message["error"] == "not JSON: it breaks off"
            assert '"key":"HeartbeatInterval","' in message["request"]
            for name in await system.database.list_collection_names():
                assert secret not in str(await documents(system, name))
            await troubled(system, unreadableFrames=1)
            # The next Call of ours is not held up.
            assert (await peer.ask('[2,"h","Heartbeat",{}]'))[:2] == [3, "h"]

    async def test_a_result_that_is_nearly_json_is_taken(self, system: System) -> None:
        async with booted(system) as peer:
            asked = asyncio.ensure_future(
                system.rest(
                    "POST",
                    "/admin/charge-points/CP1/commands",
                    {"action": "ClearCache", "payload": {}},
                )
            )
            _, unique_id, _, _ = await peer.receive()
            peer.send(f'[3,"{unique_id}",{{"status":"Accepted",}}]\x00')
            status, outcome = await asked
            assert (status, outcome["response"]) == (200, {"status": "Accepted"})
            await counted(system, nearlyJson=1)

    class TestConnectorSync:
        """The answer to the question for the connectors."""

        @pytest.fixture
        def settings(self, settings: Settings) -> Settings:
            return settings.model_copy(update={"connector_sync": True})

        async def test_the_record_says_that_it_was_no_json(self, system: System) -> None:
            async with booted(system) as peer:
                _, unique_id, action, _ = await peer.receive()
                assert action == "GetConfiguration"
                peer.send(f'[3,"{unique_id}",{{"configurationKey":[')
                record = await eventually(
                    system.record, lambda record: record.get("connectorSyncError") is not None
                )
                assert "not JSON" in record["connectorSyncError"]


class TestUnreadable:
    """What cannot be read is kept for operators, and counted."""

    async def test_it_is_kept_with_the_reason(self, system: System) -> None:
        async with booted(system) as peer:
            peer.send("what is this?")
            assert (await peer.ask('[2,"x","Authorize",{"idTag":"T"'))[:3] == [
                4, "x", "FormationViolation",
            ]  # fmt: skip
            assert (await peer.ask('[2,"y","Heartbeat"]'))[:2] == [4, "y"]
            first, second, third = await kept(system, 3)
            assert (first["chargePointId"], first["direction"]) == ("CP1", "in")
            assert (first["request"], first["action"]) == ("what is this?", "")
            assert first["error"] == "not a JSON array"
            assert (second["uniqueId"], second["action"]) == ("x", "Authorize")
            assert (second["request"], second["error"]) == (
                '[2,"x","Authorize",{"idTag":"T"', "not JSON: it breaks off",
            )  # fmt: skip
            assert (third["action"], third["error"]) == (
                "Heartbeat",
                "a Call has 4 elements, this has 3",
            )
            refused = {
                "Authorize": {"FormationViolation": 1},
                "Heartbeat": {"FormationViolation": 1},
            }
            await troubled(system, unreadableFrames=1, refusedCalls=refused)

    async def test_secrets_are_masked_and_long_texts_cut(self, system: System) -> None:
        async with booted(system) as peer:
            peer.send('{"password": "hush-hush", "more": [')
            peer.send("x" * 100_000)
            peer.send(b'{"a":"\xe9"}')
            first, second, third = await kept(system, 3)
            assert first["request"] == f'{{"password": "{MASK}", "more": ['
            assert second["request"] == "x" * MAX_TEXT
            assert third["request"] == '{"a":"é"}'

    async def test_a_flood_does_not_fill_the_log(self, system: System) -> None:
        async with booted(system) as peer:
            for number in range(100):
                assert (await peer.ask(f'[2,"{number}","Heartbeat"]'))[0] == 4
            await troubled(system, refusedCalls={"Heartbeat": {"FormationViolation": 100}})
            assert len(await kept(system, KEPT_PER_MINUTE)) == KEPT_PER_MINUTE
