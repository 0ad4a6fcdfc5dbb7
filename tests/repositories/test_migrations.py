"""Single migrations, on what is hard to find in real data."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from csms import db
from csms.certificates.authority import LocalAuthority
from csms.domain.installed_certificate import document
from csms.repositories.migrations import m001_drop_superseded_indexes as drop_indexes
from csms.repositories.migrations import m002_compose_texts as compose
from csms.repositories.migrations import m003_tie_issued_certificates as tie
from tests.support.certificates import Certificate

pytestmark = pytest.mark.gen_test


async def ids(collection: db.Collection) -> list[Any]:
    return sorted([one["_id"] async for one in collection.find()], key=str)


async def test_an_index_that_only_has_the_name_is_not_dropped(database: db.Database) -> None:
    commands, transactions = database.commands, database.transactions
    await commands.create_index("status", name="requestedAt_-1")
    await transactions.create_index([("startTimestamp", -1)], sparse=True)
    try:
        assert await drop_indexes.run(database) == 0
        assert "requestedAt_-1" in await commands.index_information()
        assert "startTimestamp_-1" in await transactions.index_information()
    finally:
        await commands.drop_index("requestedAt_-1")
        await transactions.drop_index("startTimestamp_-1")


async def test_texts_of_charge_points_are_composed_in_batches(
    database: db.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compose, "BATCH", 2)
    records = [{"_id": f"C{n}", "name": "e\u0301", "brand": None} for n in range(5)]
    serials = [{"_id": "S1", "serialNumber": "u\u0308", "name": 7}]
    await database.charge_points.insert_many(records + serials)
    assert await compose.run(database) == 6
    found = {one["_id"]: one async for one in database.charge_points.find()}
    assert {found[f"C{n}"]["name"] for n in range(5)} == {"é"}
    assert found["S1"]["serialNumber"] == "ü" and found["S1"]["name"] == 7
    assert await compose.run(database) == 0


async def test_id_tags_are_added_composed_beside_those_of_older_nodes(
    database: db.Database,
) -> None:
    tag = {
        "_id": "mu\u0308",
        "idTag": "MU\u0308",
        "parentIdTagFolded": "pa\u0308",
        "status": "Blocked",
    }
    await database.id_tags.insert_many([tag, {"_id": "plain", "idTag": "plain"}])
    assert await compose.run(database) == 1
    assert await ids(database.id_tags) == ["mu\u0308", "mü", "plain"]
    assert await database.id_tags.find_one({"_id": "mü"}) == {
        "_id": "mü", "idTag": "MÜ", "parentIdTagFolded": "pä", "status": "Blocked"
    }  # fmt: skip
    assert await compose.run(database) == 0


async def test_users_are_moved_also_after_a_run_that_did_not_end(database: db.Database) -> None:
    old = {"_id": "ju\u0308", "name": "Ju\u0308", "passwordHash": "h"}
    # Copied, and then the node died.
    copy = {**old, "_id": "jü", "name": "Jü"}
    # Two people whose names are the same text: both stay.
    others = [
        {**old, "_id": "o\u0308", "passwordHash": "1"},
        {**old, "_id": "ö", "passwordHash": "2"},
    ]
    await database.users.insert_many([old, copy, *others])
    assert await compose.run(database) == 1
    assert await ids(database.users) == ["jü", "o\u0308", "ö"]


async def test_certificates_are_tied_to_whom_version_0_2_0_has_sent_them(
    database: db.Database, tmp_path: Path
) -> None:
    authority = LocalAuthority.create(tmp_path, "authority", 10)
    now = datetime(2026, 5, 4, tzinfo=UTC)
    names = ("answered", "unanswered", "by hand")
    pems = {name: authority.sign(Certificate(name).request, 5) for name in names}
    for number, (name, pem) in enumerate(pems.items()):
        await database.commands.insert_one(
            {
                "_id": str(number),
                "chargePointId": "CP1",
                "action": "CertificateSigned",
                "payload": {"certificateChain": pem},
                "requestedBy": "Ann" if name == "by hand" else "csms",
                "requestedAt": now,
            }
        )
    stored = document("CP1", "ChargePointCertificate", pems["answered"], "Accepted", now)
    await database.certificates.insert_one(stored)
    assert await tie.run(database) == 2
    assert await tie.run(database) == 0
    found = {one["subject"]: one async for one in database.certificates.find()}
    assert sorted(found) == ["CN=answered,O=Acme", "CN=unanswered,O=Acme"]
    assert {one["issuedHere"] for one in found.values()} == {True}
    assert found["CN=answered,O=Acme"]["status"] == "Accepted"
    assert found["CN=unanswered,O=Acme"]["status"] == "Sent"
    assert found["CN=unanswered,O=Acme"]["createdAt"] == now
