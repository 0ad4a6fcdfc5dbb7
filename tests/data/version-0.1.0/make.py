"""Makes this folder's data: runs version 0.1.0 against a mongod, and dumps what it wrote.

    git worktree add /tmp/csms-0.1.0 be537e2
    cd /tmp/csms-0.1.0 && PYTHONPATH=$PWD python .../tests/data/version-0.1.0/make.py

What is imported from `csms` and `tests` here is of that version.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bson.json_util
from pydantic import SecretStr
from tornado.httpclient import HTTPClientError

from csms import db
from csms.app import CentralSystem
from csms.config import Settings
from csms.embedded_mongod import EmbeddedMongod
from tests.support.charge_point import BOOT, ScriptedChargePoint
from tests.support.system import ADMIN_TOKEN, System

HERE = Path(__file__).parent
EARLIER = ("c02e7a6", "2cc325f", "a16a2d4")
"""Commits whose indexes version 0.1.0 replaced by others, and left behind."""

KEY = "0123456789abcdef"
NFD_NAME = "Ladestation Ko\u0308ln"
TONE_FIRST = "\u0e2d\u0e22\u0e48\u0e39\u0e17\u0e35\u0e48\u0e19\u0e35\u0e48"
"""Thai whose tone mark is typed before the vowel below."""

CHARGE_POINTS: tuple[dict[str, Any], ...] = (
    {
        "id": "CP_BKK_001",
        "name": "สถานีทดสอบบางนา",
        "stationName": "Devonix Test Site",
        "location": "บางนา, กรุงเทพมหานคร",
        "serialNumber": "SN-AUTEL-23-001234",
        "chargePointIdentity": "ChargeStationOne-001",
        "brand": "Autel MaxiCharger AC",
        "powerRating": 22.0,
        "connectorCount": 2,
    },
    {"id": "CP_DE_1", "name": NFD_NAME, "location": TONE_FIRST, "chargePointIdentity": "DE-1"},
    {"id": "CAFE\u0301_1", "chargePointIdentity": "Cafe\u0301-1", "brand": "Ge\u0301ne\u0301ral"},
    {"id": "CP_SERIAL", "serialNumber": "SN-ONLY-7"},
    {"id": "CP_OFF", "chargePointIdentity": "OFF-1", "isWhitelisted": False},
    {"id": "CP_KEY", "chargePointIdentity": "KEY-1", "authorizationKey": KEY},
    {"id": "CP_DUP", "chargePointIdentity": "Dup-A"},
    {"id": "cp_dup", "chargePointIdentity": "dup-a"},
)
ID_TAGS: tuple[dict[str, Any], ...] = (
    {"idTag": "TAG1", "parentIdTag": "FLEET", "expiryDate": "2099-01-01T00:00:00Z"},
    {"idTag": "tag2", "parentIdTag": "FLEET", "maxActiveTransactions": 1},
    {"idTag": "BLOCKED", "status": "Blocked", "note": "lost"},
    {"idTag": "Mu\u0308ller", "note": "typed on a Mac"},
)


class Maker:
    """Plays operators and charge points against one central system."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.time = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=30)

    def now(self) -> str:
        """A time that goes on by half a minute with every question."""
        self.time += timedelta(seconds=30)
        return self.time.isoformat().replace("+00:00", "Z")

    async def post(self, path: str, body: Any, *good: int) -> Any:
        """One REST request that must be answered so."""
        status, answer = await self.system.rest("POST", path, body)
        assert status in (good or (201,)), (path, status, answer)
        return answer

    async def enter(self) -> None:
        """What people enter."""
        for charge_point in CHARGE_POINTS:
            await self.post("/admin/charge-points", charge_point)
        for id_tag in ID_TAGS:
            await self.post("/admin/id-tags", id_tag)
        for name, role in (("somchai", "admin"), ("ju\u0308rgen", "viewer")):
            user = {"name": name, "password": "a long enough password", "role": role}
            await self.post("/admin/users", user)
        await self.post("/admin/tokens", {"name": "report", "role": "viewer"})

    async def online(self, identity: str, **boot: str) -> ScriptedChargePoint:
        """A charge point that has booted, with two connectors."""
        charge_point = await self.system.connect(identity)
        assert (await charge_point.boot(**boot))["status"] == "Accepted"
        for connector in (0, 1, 2):
            status = {"connectorId": connector, "status": "Available", "errorCode": "NoError"}
            await charge_point.call("StatusNotification", {**status, "timestamp": self.now()})
        return charge_point

    async def start(self, charge_point: ScriptedChargePoint, connector: int, tag: str) -> int:
        """Begin a transaction; returns its id."""
        started = {"connectorId": connector, "idTag": tag, "meterStart": 1000}
        answer = await charge_point.call("StartTransaction", {**started, "timestamp": self.now()})
        return int(answer["transactionId"])

    async def read(
        self, charge_point: ScriptedChargePoint, connector: int, register: int, **more: int
    ) -> None:
        """Send readings of the register and of the power."""
        samples = [
            {"value": str(register), "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
            {"value": "7200", "measurand": "Power.Active.Import", "unit": "W"},
        ]
        values = [{"timestamp": self.now(), "sampledValue": samples}]
        await charge_point.call(
            "MeterValues", {"connectorId": connector, "meterValue": values, **more}
        )

    async def stop(self, charge_point: ScriptedChargePoint, transaction_id: int) -> None:
        """End a transaction."""
        stopped = {"transactionId": transaction_id, "meterStop": 5500, "idTag": "TAG1"}
        stopped |= {"timestamp": self.now(), "reason": "EVDisconnected"}
        await charge_point.call("StopTransaction", stopped)

    async def charge(self) -> None:
        """Transactions in every state: 1 is still active when csms stops."""
        one = await self.online(
            "ChargeStationOne-001", chargePointSerialNumber="SN-AUTEL-23-001234"
        )
        one.answers["RemoteStartTransaction"] = lambda _: {"status": "Accepted"}
        one.answers["ReserveNow"] = lambda _: {"status": "Accepted"}
        await one.call("Heartbeat", {})
        await one.call("Authorize", {"idTag": "TAG1"})
        completed = await self.start(one, 1, "TAG1")
        await self.read(one, 1, 3000, transactionId=completed)
        await self.stop(one, completed)
        await self.start(one, 2, "tag2")  # abandoned: another begins on its connector
        another = await self.start(one, 2, "TAG1")
        await self.post(f"/admin/transactions/{another}/close", {}, 200, 201)
        await self.stop(one, 987654)  # orphaned: nobody started it
        active = await self.start(one, 1, "TAG1")
        await self.read(one, 1, 1500, transactionId=active)
        await self.read(one, 2, 900)
        path = "/admin/charge-points/CP_BKK_001"
        await self.post(f"{path}/remote-start", {"connectorId": 2, "idTag": "TAG1"}, 200)
        reserve = {"connectorId": 2, "idTag": "TAG1", "expiryDate": "2099-01-01T00:00:00Z"}
        await self.post(f"{path}/commands", {"action": "ReserveNow", "payload": reserve}, 200)
        await self.post("/admin/charge-points/CP_DE_1/remote-stop", {"transactionId": 1}, 409)
        event = {"type": "TamperDetectionActivated", "timestamp": self.now()}
        await one.call("SecurityEventNotification", event)

    async def turn_away(self) -> None:
        """Visitors that are not let in."""
        for identity in ("Stranger-1", "OFF-1"):
            stranger = await self.system.connect(identity)
            stranger.start("BootNotification", BOOT)
            await stranger.closed()
        wrong = await self.system.connect("ChargeStationOne-001")
        await wrong.closed()
        with suppress(HTTPClientError):
            await self.system.connect("KEY-1", password="wrong wrong wrong")


async def make(uri: str) -> None:
    """Run version 0.1.0 on a database with the indexes of before, and dump it."""
    settings = Settings(
        mongodb_database="csms", host="127.0.0.1", port=0, node_id="node-1",
        heartbeats_mb=1, meter_values_mb=4, boot_notifications_mb=1, messages_mb=1,
        connector_sync=False, ping_interval=0, heartbeat_jitter=0,
        admin_token=SecretStr(ADMIN_TOKEN),
    )  # fmt: skip
    central_system = CentralSystem(settings, uri)
    await db.prepare(central_system.database, settings)
    for commit in EARLIER:
        for name, indexes in earlier_indexes(commit).items():
            if indexes:
                await central_system.database[name].create_indexes(list(indexes))
    await central_system.start()
    system = System(central_system)
    maker = Maker(system)
    await maker.enter()
    await maker.charge()
    await maker.turn_away()
    await system.disconnect_all()
    await central_system.stop()
    client = db.connect(settings, uri)
    await dump(client["csms"])
    client.close()


def earlier_indexes(commit: str) -> dict[str, Any]:
    """The indexes that an earlier commit declares."""
    source = subprocess.check_output(["git", "show", f"{commit}:csms/db.py"], text=True)
    names: dict[str, Any] = {"__name__": "earlier"}
    exec(compile(source, commit, "exec"), names)
    return dict(names["INDEXES"])


async def dump(database: db.Database) -> None:
    """Write each collection's documents, one a line, and what the collections are."""
    collections = {}
    infos = [info async for info in await database.list_collections()]
    for info in sorted(infos, key=lambda info: info["name"]):
        name = info["name"]
        indexes = [index async for index in database[name].list_indexes()]
        collections[name] = {"options": info["options"], "indexes": indexes}
        documents = await database[name].find().to_list(None)
        lines = [bson.json_util.dumps(one, ensure_ascii=True) for one in documents]
        if lines:
            (HERE / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    text = json.dumps(json.loads(bson.json_util.dumps(collections)), indent=1)
    (HERE / "collections.json").write_text(text + "\n")


if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedMongod(Path(folder), cache_gb=0.25) as mongodb_uri,
    ):
        asyncio.run(make(mongodb_uri))
