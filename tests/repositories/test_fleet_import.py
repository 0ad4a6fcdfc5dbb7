"""Import of rows into a real `charge_points` collection."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pymongo
import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from csms import db
from csms.domain.authorization_key import KeyVerifier
from csms.domain.charge_point import NewChargePoint, new_record
from csms.domain.fleet_csv import inspect_fleet
from csms.domain.fleet_plan import Result, RowResult
from csms.domain.installed_certificate import EndReason
from csms.errors import DatabaseUnavailable
from csms.repositories import fleet_import
from csms.repositories.fleet_import import RENAMED, FleetImport

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = datetime(2026, 1, 3, 3, 4, 5, tzinfo=UTC)
KEY = "0123456789abcdef-secret"
TAKEN = "is already taken by the record"
NO_DIFFERENCE = "case and Unicode normal form make no difference"
FLEET = (
    "id,name,location,serial,identity,kw,connectors\r\n"
    'CP_1,สถานีทดสอบบางนา,"บางนา, กรุงเทพมหานคร",SN-1,Ident-1,22,2\r\n'
    "CP_2,สถานีสอง,,SN-2,,,\r\n"
    "CP_3,,,,Ident-3,,\r\n"
)


def record(**fields: Any) -> db.Document:
    return new_record(NewChargePoint.model_validate(fields), None, NOW)


class Importer:
    """Imports texts into a database, and notes whose sockets were asked about."""

    def __init__(self, database: db.Database) -> None:
        self.collection = database["charge_points"]
        self.now = NOW
        self.changed: list[str] = []
        self.before_writing: Callable[[], object] = lambda: None
        self.ended: dict[str, EndReason] = {}
        self.fleet_import = FleetImport(database, self._clock, self._on_changed, self._on_ended)

    def _clock(self) -> datetime:
        # A batch takes its time between reading and writing: where another writer may come in.
        self.before_writing()
        return self.now

    async def _on_changed(self, ids: Iterable[str]) -> None:
        self.changed += ids

    async def _on_ended(self, ended: Mapping[str, EndReason]) -> None:
        self.ended |= ended

    async def run(
        self, text: str, *, dry_run: bool = False, update: bool = False
    ) -> list[RowResult]:
        file = io.BytesIO(text.encode())
        found = inspect_fleet(file)
        batches = self.fleet_import.run(file, found, dry_run=dry_run, update=update)
        return [result async for batch in batches for result in batch]

    async def results(self, text: str, **options: bool) -> list[str]:
        return [result.result for result in await self.run(text, **options)]

    async def store(self, **fields: Any) -> None:
        await self.collection.insert_one(record(**fields))

    async def only_hash(self, reference: str) -> str:
        """The hash of a key, which must be the only one that is stored."""
        [stored] = [one async for one in self.collection.database["credentials"].find()]
        assert stored["_id"] == reference
        return str(stored["hash"])

    async def records(self) -> dict[str, db.Document]:
        return {record["_id"]: record async for record in self.collection.find()}


@pytest.fixture
def importer(database: db.Database) -> Importer:
    return Importer(database)


@pytest.mark.gen_test
async def test_creates_whole_records(importer: Importer) -> None:
    assert await importer.results(FLEET) == ["created"] * 3
    records = await importer.records()
    new = NewChargePoint.model_validate(
        {
            "id": "CP_1",
            "name": "สถานีทดสอบบางนา",
            "location": "บางนา, กรุงเทพมหานคร",
            "serialNumber": "SN-1",
            "chargePointIdentity": "Ident-1",
            "powerRating": 22.0,
            "connectorCount": 2,
        }
    )
    assert records["CP_1"] == new_record(new, None, NOW)
    assert records["CP_3"]["serialNumber"] is None
    assert importer.changed == []


@pytest.mark.gen_test
@pytest.mark.parametrize("update", [False, True])
async def test_running_it_again_changes_nothing(importer: Importer, update: bool) -> None:
    await importer.run(FLEET)
    before = await importer.records()
    importer.now = LATER
    assert await importer.results(FLEET, update=update) == ["unchanged"] * 3
    assert await importer.records() == before
    assert importer.changed == []


@pytest.mark.gen_test
async def test_a_dry_run_tells_the_same_and_writes_nothing(importer: Importer) -> None:
    await importer.store(id="CP_1", serialNumber="SN-1", name="old")
    text = FLEET + "CP_9,,,SN-2,,,\r\n,x,,,,,\r\n"
    before = await importer.records()
    told = await importer.run(text, dry_run=True, update=True)
    assert [r.result for r in told] == ["changed", "created", "created", "rejected", "rejected"]
    assert await importer.records() == before
    done = await importer.run(text, update=True)
    assert [r.as_json() for r in done] == [r.as_json() for r in told]


@pytest.mark.gen_test
async def test_update_changes_given_fields_and_asks_about_sockets(importer: Importer) -> None:
    await importer.run(FLEET)
    importer.now = LATER
    text = "serial,name,location,whitelisted\nsn-1,ใหม่,,no\nSN-2,สถานีสอง,,\n"
    changed, unchanged = await importer.run(text, update=True)
    assert (changed.id, sorted(changed.changes)) == ("CP_1", ["isWhitelisted", "name"])
    assert unchanged.result == "unchanged"
    records = await importer.records()
    assert records["CP_1"]["name"] == "ใหม่"
    assert records["CP_1"]["isWhitelisted"] is False
    assert records["CP_1"]["location"] == "บางนา, กรุงเทพมหานคร"
    assert records["CP_1"]["serialNumber"] == "SN-1"
    assert records["CP_1"]["updatedAt"] == LATER
    assert records["CP_1"]["createdAt"] == NOW
    assert records["CP_2"]["updatedAt"] == NOW
    assert importer.changed == ["CP_1"]


@pytest.mark.gen_test
async def test_without_update_nothing_is_overwritten(importer: Importer) -> None:
    await importer.run(FLEET)
    [result] = await importer.run("id,name\nCP_1,ใหม่\n")
    assert result.result == "rejected"
    assert result.errors[0].field == "id"
    assert (await importer.records())["CP_1"]["name"] == "สถานีทดสอบบางนา"


@pytest.mark.gen_test
async def test_update_completes_serial_and_identity(importer: Importer) -> None:
    await importer.run(FLEET)
    text = "id,serial,identity\n,SN-2,Ident-2\n,SN-3,Ident-3\n"
    assert await importer.results(text, update=True) == ["changed", "changed"]
    records = await importer.records()
    assert records["CP_2"]["chargePointIdentity"] == "Ident-2"
    assert records["CP_3"]["serialNumber"] == "SN-3"
    assert await importer.results(text, update=True) == ["unchanged", "unchanged"]


@pytest.mark.gen_test
async def test_bad_rows_stop_no_other_across_batches(
    importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_import, "BATCH", 3)
    rows = [f"SN-{n},{'lots' if n % 4 == 0 else 22}" for n in range(10)] + ["sn-1,22"]
    results = await importer.run("serial,kw\n" + "\n".join(rows))
    assert [r.row for r in results if r.result == "rejected"] == [2, 6, 10, 12]
    assert "row 3" in results[-1].errors[0].message
    assert len(await importer.records()) == 7


@pytest.fixture
def other_writer(mongodb_uri: str, database: db.Database) -> Iterator[Any]:
    """The same collection, by a client that can write in between."""
    with pymongo.MongoClient[db.Document](mongodb_uri) as client:
        yield client[database.name]["charge_points"]


@pytest.mark.gen_test
async def test_a_row_that_loses_a_race_is_rejected_and_names_the_field(
    importer: Importer, other_writer: Any
) -> None:
    importer.before_writing = lambda: other_writer.insert_many(
        [
            record(id="x", serialNumber="sn-a"),
            record(id="y", chargePointIdentity="Ident-B"),
            record(id="C", serialNumber="SN-other"),
        ]
    )
    text = "id,serial,identity\nA,SN-A,\nB,SN-B,Ident-B\nC,SN-C,\nD,SN-D,\n"
    *rejected, created = await importer.run(text)
    assert [[(e.field, e.message) for e in r.errors] for r in rejected] == [
        [("serialNumber", f"{TAKEN} x, as sn-a; {NO_DIFFERENCE}")],
        [("chargePointIdentity", f"{TAKEN} y")],
        [("id", f"{TAKEN} C")],
    ]
    assert (created.id, created.result) == ("D", "created")


@pytest.mark.gen_test
async def test_an_update_that_loses_a_race(importer: Importer, other_writer: Any) -> None:
    await importer.run(FLEET)

    def others_write() -> None:
        other_writer.insert_one(record(id="x", chargePointIdentity="Ident-2"))
        other_writer.delete_one({"_id": "CP_3"})

    importer.before_writing = others_write
    text = "id,name,identity\nCP_1,ก,\nCP_2,ข,Ident-2\nCP_3,ค,\n"
    first, taken, deleted = await importer.run(text, update=True)
    assert first.result == "changed"
    assert [(e.field, e.message) for e in taken.errors] == [("chargePointIdentity", f"{TAKEN} x")]
    assert "deleted" in deleted.errors[0].message
    assert (await importer.records())["CP_2"]["name"] == "สถานีสอง"
    assert importer.changed == ["CP_1"]


@pytest.mark.gen_test
async def test_serials_that_the_database_takes_for_equal_are_rejected(importer: Importer) -> None:
    first, second = await importer.run("id,serial\nA,SN-1\nB,ＳＮ-1\n")
    assert first.result == "created"
    assert [error.field for error in second.errors] == ["serialNumber"]


@pytest.mark.gen_test
@pytest.mark.parametrize("update", [False, True])
async def test_keys_in_other_case_or_form_are_the_same_key(
    importer: Importer, update: bool
) -> None:
    await importer.store(id="CP_É", chargePointIdentity="Ident-É", serialNumber="SN-1")
    text = (
        "id,serial,identity\n"
        "cp_e\u0301,,\n"  # another record, or this one? An id cannot be changed
        "new,,ident-é\n"
        "CP_E\u0301,,Ident-E\u0301\n"  # the same text
        "x,SN-X,Y\nX,SN-Z,\n"  # two rows of one file
    )
    results = await importer.run(text, update=update)
    assert [r.result for r in results] == [
        "rejected", "rejected", "unchanged", "created", "rejected"
    ]  # fmt: skip
    in_case, other_id, _, _, repeated = results
    assert [e.field for e in in_case.errors] == ["id"] and "CP_É" in in_case.errors[0].message
    assert [e.field for e in other_id.errors] == ["id"] and "CP_É" in other_id.errors[0].message
    assert "row 5" in repeated.errors[0].message
    assert set(await importer.records()) == {"CP_É", "x"}


@pytest.mark.gen_test
async def test_an_update_changes_how_an_identity_is_written(importer: Importer) -> None:
    await importer.store(id="A", chargePointIdentity="ident")
    assert await importer.results("identity\nIDENT\n", update=True) == ["changed"]
    record = (await importer.records())["A"]
    assert (record["chargePointIdentity"], record["identityFolded"]) == ("IDENT", "ident")


@pytest.mark.gen_test
async def test_of_two_records_that_collide_the_one_written_so_is_meant(
    importer: Importer,
) -> None:
    await importer.store(id="CP_1", chargePointIdentity="A", name="old")
    older = {**record(id="cp_1", chargePointIdentity="B"), "name": "old"}
    del older["idFolded"]
    await importer.collection.insert_one(older)
    text = "id,name\ncp_1,new\n"
    assert await importer.results(text, update=True) == ["changed"]
    records = await importer.records()
    assert (records["CP_1"]["name"], records["cp_1"]["name"]) == ("old", "new")


@pytest.mark.gen_test
async def test_authorization_keys_are_stored_hashed_and_compared(importer: Importer) -> None:
    text = f"id,serial,authorizationKey\nA,SN-1,{KEY}\nB,SN-2,\n"
    assert await importer.results(text) == ["created", "created"]
    records = await importer.records()
    stored = records["A"]["authorizationKeyHash"]
    assert KeyVerifier().verify(await importer.only_hash(stored), KEY.encode())
    assert records["B"]["authorizationKeyHash"] is None
    assert KEY not in str(records)

    assert await importer.results(text, update=True) == ["unchanged", "unchanged"]
    assert (await importer.records())["A"]["authorizationKeyHash"] == stored

    other = text.replace(KEY, KEY[::-1])
    assert await importer.results(other) == ["rejected", "unchanged"]
    [changed, _] = await importer.run(other, update=True)
    assert changed.as_json()["changes"] == {
        "authorizationKey": {"from": "(hidden)", "to": "(hidden)"}
    }
    keyed = (await importer.records())["A"]
    replacement = await importer.only_hash(keyed["authorizationKeyHash"])
    assert KeyVerifier().verify(replacement, KEY[::-1].encode())
    assert keyed["nextAuthorizationKeyHash"] is None


@pytest.mark.gen_test
async def test_rows_that_change_who_is_known_end_certificates(importer: Importer) -> None:
    header = "id,identity,serial,security profile,name\n"
    await importer.run(header + "A,I1,S1,2,a\nB,I2,S2,2,b\nC,I3,S3,2,c\nD,I4,S4,2,d\n")
    rows = header + "A,I1,S9,2,a\nB,I2,s2,3,b\nC,i3,S3,1,new\nD,I4,S4,2,d\n"
    changed, unchanged = [Result.CHANGED] * 3, [Result.UNCHANGED]
    assert await importer.results(rows, update=True) == changed + unchanged
    assert importer.ended == {"A": EndReason.NAME, "B": EndReason.PROFILE}


@pytest.mark.gen_test
async def test_a_record_that_is_renamed_meanwhile_keeps_its_names(importer: Importer) -> None:
    await importer.run("id,identity,serial\nA,I1,S1\n")

    def rename() -> None:
        # The names that the row was to get would be those of the serial before.
        importer.before_writing = lambda: None
        client = importer.collection.database.client.delegate
        client[importer.collection.database.name].charge_points.update_one(
            {"_id": "A"}, {"$set": {"serialNumber": "S7", "namesFolded": ["i1", "s7"]}}
        )

    importer.before_writing = rename
    [result] = await importer.run("id,identity\nA,I2\n", update=True)
    assert [error.message for error in result.errors] == [RENAMED]
    assert (await importer.records())["A"]["namesFolded"] == ["i1", "s7"]
    [result] = await importer.run("id,identity\nA,I2\n", update=True)
    assert result.result is Result.CHANGED
    assert (await importer.records())["A"]["namesFolded"] == ["i2", "s7"]


@pytest.mark.gen_test
async def test_many_rows_use_the_indexes(importer: Importer, database: db.Database) -> None:
    header = "id,serial,identity\n"
    await importer.run(header + "".join(f"C{n},S{n},I{n}\n" for n in range(1200)))
    await database.command("profile", 2)
    await importer.run(header + "".join(f"C{n},s{n},I{n}\n" for n in range(1200)))
    await database.command("profile", 0)
    query = {"ns": f"{database.name}.charge_points", "op": "query"}
    plans = [entry async for entry in database["system.profile"].find(query)]
    assert plans
    assert all("COLLSCAN" not in entry["planSummary"] for entry in plans)


@pytest.mark.gen_test
async def test_a_database_that_is_away_ends_the_import() -> None:
    client = AsyncIOMotorClient[db.Document]("127.0.0.1:1", serverSelectionTimeoutMS=50)
    try:
        with pytest.raises(DatabaseUnavailable):
            await Importer(client["away"]).run(FLEET)
    finally:
        client.close()


@pytest.mark.gen_test
async def test_the_file_stays_the_callers_when_an_import_is_abandoned(
    importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_import, "BATCH", 1)
    file = io.BytesIO(FLEET.encode())
    batches = importer.fleet_import.run(file, inspect_fleet(file), dry_run=False, update=False)
    await anext(batches)
    await batches.aclose()
    assert not file.closed
    assert list(await importer.records()) == ["CP_1"]
