"""A database that version 0.1.0 wrote, taken over by this version (tests/data/version-0.1.0)."""

from __future__ import annotations

import asyncio
import sys
import unicodedata
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from pytest import CaptureFixture, MonkeyPatch
from tornado.httpclient import HTTPClientError
from tornado.ioloop import IOLoop

from csms import cli, db
from csms.app import CentralSystem
from csms.config import Settings
from csms.embedded_mongod import free_port
from csms.repositories.migrations import MIGRATIONS, VERSION
from csms.repositories.migrations.m001_drop_superseded_indexes import SUPERSEDED
from tests.support import PATIENCE
from tests.support.older_data import VERSION_0_1_0, everything, load
from tests.support.pages import PASSWORD, Visitor
from tests.support.system import System

pytestmark = pytest.mark.gen_test

DATABASE = "csms_upgrade"
SPARE = {"nodes", "node_calls", "api_tokens"}
"""What every start writes."""

Start = Callable[..., Awaitable[System]]


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


@pytest.fixture
def database(io_loop: IOLoop, mongodb_uri: str, settings: Settings) -> Iterator[db.Database]:
    """The database of version 0.1.0, with an index that an analyst has added."""
    client = db.connect(settings, mongodb_uri)
    database = client[DATABASE]

    async def prepare() -> None:
        # The data gets older, and MongoDB would begin to forget some of it.
        await client.admin.command("setParameter", 1, ttlMonitorEnabled=False)
        await load(database, VERSION_0_1_0)
        await database.meter_values.create_index("receivedAt", name="of_an_analyst")

    async def clear() -> None:
        await client.drop_database(DATABASE)
        await client.admin.command("setParameter", 1, ttlMonitorEnabled=True)

    io_loop.run_sync(prepare)
    yield database
    io_loop.run_sync(clear)
    client.close()


@pytest.fixture
def start(
    io_loop: IOLoop, mongodb_uri: str, settings: Settings, database: db.Database
) -> Iterator[Start]:
    """Starts nodes on that database; those that run already are stopped first."""
    systems: list[System] = []

    async def stop() -> None:
        while systems:
            system = systems.pop()
            await system.disconnect_all()
            await system.central_system.stop()

    async def start(node_id: str = "new", *, beside: bool = False) -> System:
        if not beside:
            await stop()
        own = {"mongodb_database": DATABASE, "host": "127.0.0.1", "port": 0, "node_id": node_id}
        central_system = CentralSystem(settings.model_copy(update=own), mongodb_uri)
        await central_system.start()
        systems.append(System(central_system))
        return systems[-1]

    yield start
    io_loop.run_sync(stop)


async def items(system: System, path: str) -> list[dict[str, Any]]:
    status, body = await system.rest("GET", path)
    assert status == 200, body
    return list(body["items"])


async def test_records_are_served_as_before(start: Start, database: db.Database) -> None:
    before = {one["_id"]: one async for one in database.charge_points.find()}
    system = await start()
    shown = {one["id"]: one for one in await items(system, "/admin/charge-points")}
    assert set(shown) == set(before)
    for charge_point_id, record in before.items():
        for name in ("name", "location", "serialNumber", "brand", "powerRating", "vendor"):
            value = record[name]
            expected = nfc(value) if isinstance(value, str) else value
            assert shown[charge_point_id][name] == expected, name
        identity = shown[charge_point_id]["chargePointIdentity"]
        assert identity == record["chargePointIdentity"]
    one = shown["CP_BKK_001"]
    assert [c["connectorId"] for c in one["connectors"]] == [1, 2] and one["status"] == "Available"

    transactions = await items(system, "/admin/transactions?order=asc")
    assert {t["status"] for t in transactions} == {
        "Completed", "Abandoned", "Closed", "Orphaned", "Active"
    }  # fmt: skip
    completed = next(t for t in transactions if t["status"] == "Completed")
    assert completed["energyWh"] == 4500 and completed["idTag"] == "TAG1"
    path = f"/admin/meter-values?transactionId={completed['transactionId']}"
    [reading] = await items(system, path)
    assert [sample["value"] for sample in reading["sampledValue"]] == [3000, 7200]
    tags = {tag["idTag"]: tag for tag in await items(system, "/admin/id-tags")}
    assert tags["TAG1"]["parentIdTag"] == "FLEET" and tags["BLOCKED"]["status"] == "Blocked"
    others = (
        "charge-points/CP_BKK_001/commands", "heartbeats", "boot-notifications", "reservations",
        "rejected-connections", "security-events", "audit", "users", "tokens",
    )  # fmt: skip
    for path in others:
        assert await items(system, f"/admin/{path}"), path


async def test_superseded_indexes_are_dropped_and_no_others(
    start: Start, database: db.Database
) -> None:
    before = {name: await database[name].index_information() for name in SUPERSEDED}
    assert sum(len(keys) for keys in SUPERSEDED.values()) == 14
    await start()
    for name, all_keys in SUPERSEDED.items():
        dropped = [list(keys.items()) for keys in all_keys]
        left = await database[name].index_information()
        assert [index["key"] for index in left.values() if index["key"] in dropped] == []
        gone = {key for key, index in before[name].items() if index["key"] in dropped}
        assert len(gone) == len(dropped)
        assert before[name].keys() - gone <= left.keys()
    assert "of_an_analyst" in await database.meter_values.index_information()


async def test_keys_are_asked_for_as_before_and_are_in_no_record(
    start: Start, database: db.Database
) -> None:
    system = await start()
    records = await database.charge_points.find().to_list(None)
    assert len(records) == 8 and "argon2" not in repr(records)
    for password in (None, "fedcba9876543210"):
        with pytest.raises(HTTPClientError, match="401"):
            await system.connect("KEY-1", password=password)
    await (await system.connect("KEY-1", password="0123456789abcdef")).boot()
    _, one = await system.rest("GET", "/admin/charge-points/CP_KEY")
    assert one["hasAuthorizationKey"] is True


async def test_a_second_start_changes_nothing(start: Start, database: db.Database) -> None:
    await start()
    first = await everything(database)
    versions, _ = first["schema"]
    assert {one["_id"]: one["version"] for one in versions} == {
        "schema": VERSION, **{migration.name: migration.version for migration in MIGRATIONS}
    }  # fmt: skip
    for one in versions:
        assert one["_id"] == "schema" or (one["seconds"] >= 0 and one["finishedAt"])
    await start("again")
    second = await everything(database)
    assert {k: v for k, v in first.items() if k not in SPARE} == {
        k: v for k, v in second.items() if k not in SPARE
    }


async def test_two_nodes_that_start_at_once_migrate_once(
    start: Start, database: db.Database
) -> None:
    systems = await asyncio.gather(start("one", beside=True), start("two", beside=True))
    for system in systems:
        assert len(await items(system, "/admin/charge-points")) == 8
    state = await database.schema.find_one({"_id": "schema"})
    assert state == {"_id": "schema", "version": VERSION}
    ran_on = await database.schema.distinct("nodeId")
    assert len(ran_on) == 1 and await database.schema.count_documents({}) == len(MIGRATIONS) + 1


async def test_a_transaction_of_before_is_completed(start: Start, database: db.Database) -> None:
    active = await database.transactions.find_one({"status": "Active"})
    assert active is not None
    charge_point = await (await start()).connect("ChargeStationOne-001")
    await charge_point.boot(chargePointSerialNumber="sn-autel-23-001234")
    stop = {"transactionId": active["_id"], "meterStop": 9000, "timestamp": "2099-01-01T00:00:00Z"}
    await charge_point.call("StopTransaction", stop)
    completed = await database.transactions.find_one({"_id": active["_id"]})
    assert completed is not None and completed["status"] == "Completed"
    assert completed["energyWh"] == 8000


async def test_text_is_found_in_any_normal_form(start: Start) -> None:
    system = await start()
    for form in (nfc, nfd):
        await look_for_texts(system, form)


async def look_for_texts(system: System, form: Callable[[str], str]) -> None:
    async def found(text: str) -> list[str]:
        listed = await items(system, f"/admin/charge-points?q={quote(form(text))}")
        return [nfc(one["id"]) for one in listed]

    assert await found("köln") == ["CP_DE_1"]
    assert await found("อยู่ที่นี่") == ["CP_DE_1"]
    assert await found("Général") == []  # the brand is not searched
    assert await found("CAFÉ_") == await found("fé-1") == await found("É_1") == ["CAFÉ_1"]
    status, one = await system.rest("GET", f"/admin/charge-points/{quote(form('CAFÉ_1'))}")
    assert status == 200 and one["chargePointIdentity"] == nfd("Café-1")
    path = f"/admin/charge-points/{quote(form('CAFÉ_1'))}"
    assert (await system.rest("PATCH", path, {"name": form("Müller")}))[1]["name"] == nfc("Müller")
    charge_point = await system.connect(form("Café-1"))
    await charge_point.boot()
    await charge_point.close()
    boot, *_ = await items(
        system, f"/admin/boot-notifications?chargePointId={quote(form('CAFÉ_1'))}"
    )
    assert boot["payload"]["chargePointVendor"] == "Acme"


async def test_people_are_known_in_any_normal_form(start: Start) -> None:
    system = await start()
    for form in (nfc, nfd):
        response = await Visitor(system).post("/sign-in", name=form("Jürgen"), secret=PASSWORD)
        assert response.code == 303
    users = [user["name"] for user in await items(system, "/admin/users")]
    assert users == ["jürgen", "somchai"]


async def test_records_that_collide_go_on(start: Start, database: db.Database) -> None:
    system = await start()
    for identity, charge_point_id in (("Dup-A", "CP_DUP"), ("dup-a", "cp_dup")):
        await (await system.connect(identity)).boot()
        path = f"/admin/charge-points/{charge_point_id}"
        whole = {"name": "still here", "chargePointIdentity": identity}
        status, record = await system.rest("PATCH", path, whole)
        assert status == 200 and record["connected"], record
    status, problem = await system.rest(
        "POST", "/admin/charge-points", {"id": "Cp_Dup", "chargePointIdentity": "new"}
    )
    assert status == 409 and problem["errors"][0]["field"] == "id"
    assert "CP_DUP" in problem["errors"][0]["message"]


async def test_check_tells_the_version_and_who_collides(
    start: Start,
    database: db.Database,
    mongodb_uri: str,
    monkeypatch: MonkeyPatch,
    capsys: CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CSMS_MONGODB_URI", mongodb_uri)

    async def check() -> tuple[int, str]:
        capsys.readouterr()
        status = await asyncio.to_thread(cli.main, ["check", "--mongodb-database", DATABASE])
        return status, capsys.readouterr().out

    status, told = await check()
    assert status == 0 and "version 0; csms serve will migrate it to 2: drop superseded" in told
    assert "CP_DUP and cp_dup (id)" in told
    await start()
    status, told = await check()
    assert status == 0 and f"ok: version {VERSION}" in told
    assert "CP_DUP and cp_dup (chargePointIdentity)" in told
    await database.schema.update_one({"_id": "schema"}, {"$set": {"version": VERSION + 2}})
    status, told = await check()
    assert status == 1 and "install the newer csms" in told
    for workers in (1, 2):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "csms", "serve", "--mongodb-database", DATABASE,
            "--port", str(free_port()), "--workers", str(workers), stdout=PIPE, stderr=PIPE,
        )  # fmt: skip
        _, said = await asyncio.wait_for(process.communicate(), PATIENCE)
        assert process.returncode == 2
        [line] = said.decode().splitlines()
        assert line.startswith(f"csms: the database has schema version {VERSION + 2}; this csms")


async def test_what_an_old_node_writes_meanwhile_is_caught_up_with(
    start: Start, database: db.Database
) -> None:
    await start()
    charge_points = database.charge_points
    # Version 0.1.0 knows nothing of folded keys, and exchanges two identities without them.
    await charge_points.update_one({"_id": "CP_DE_1"}, {"$set": {"chargePointIdentity": "X"}})
    await charge_points.update_one({"_id": "CP_KEY"}, {"$set": {"chargePointIdentity": "DE-1"}})
    await charge_points.update_one({"_id": "CP_DE_1"}, {"$set": {"chargePointIdentity": "KEY-1"}})
    await charge_points.insert_one({"_id": "CP_OLD", "chargePointIdentity": "Öl-1"})
    system = await start("again")
    found = {one["_id"]: one.get("identityFolded") async for one in charge_points.find()}
    assert found["CP_DE_1"] == "key-1" and found["CP_KEY"] == "de-1" and found["CP_OLD"] == "öl-1"
    status, problem = await system.rest(
        "POST", "/admin/charge-points", {"id": "n", "chargePointIdentity": nfd("öL-1")}
    )
    assert status == 409 and "CP_OLD" in problem["errors"][0]["message"]


async def test_a_socket_url_is_not_changed(start: Start) -> None:
    """A charge point that sends its identity decomposed, with a password, is let in as before."""
    system = await start()
    path = f"/admin/charge-points/{quote('CAFÉ_1')}"
    status, _ = await system.rest("PATCH", path, {"authorizationKey": "k" * 16})
    assert status == 200
    for form in (nfc, nfd):
        charge_point = await system.connect(form("Café-1"), password="k" * 16)
        assert (await charge_point.boot())["status"] == "Accepted"
        await charge_point.close()
