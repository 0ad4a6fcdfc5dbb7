"""Ties the certificates that version 0.2.0 issued to the charge points that they were issued to.

From now on a certificate of our authority is only good for the record it is stored for. Version
0.2.0 stored one when the charge point had answered; what was sent and not answered is found in the
commands alone, and may be in use all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import UpdateOne

from csms import db
from csms.domain.installed_certificate import CertificateStatus, CertificateUse, document
from csms.repositories.migrations.migration import Migration

BATCH = 100
_ISSUED: Mapping[str, Any] = {
    "action": "CertificateSigned",
    "requestedBy": "csms",
    "payload.certificateChain": {"$type": "string"},
}


async def run(database: db.Database) -> int:
    """Mark what csms has sent of its own accord, and add what is missing."""
    changed = 0
    updates: list[UpdateOne] = []
    wanted = {"chargePointId": 1, "payload": 1, "requestedAt": 1}
    async for command in database["commands"].find(_ISSUED, wanted, batch_size=BATCH):
        pem, at = command["payload"]["certificateChain"], command["requestedAt"]
        use, status = CertificateUse.CHARGE_POINT, CertificateStatus.SENT
        record = document(command["chargePointId"], use, pem, status, at)
        if record.get("fingerprint") is None:
            continue
        added = {name: value for name, value in record.items() if name != "_id"}
        updates.append(
            UpdateOne(
                {"_id": record["_id"]},
                {"$set": {"issuedHere": True}, "$setOnInsert": added},
                upsert=True,
            )
        )
        if len(updates) == BATCH:
            changed += await _update(database["certificates"], updates)
            updates = []
    return changed + await _update(database["certificates"], updates)


async def _update(collection: db.Collection, updates: Sequence[UpdateOne]) -> int:
    if not updates:
        return 0
    result = await collection.bulk_write(updates, ordered=False)
    return int(result.modified_count) + int(result.upserted_count)


MIGRATION = Migration(
    "003_tie_issued_certificates", 2, "tie issued certificates to charge points", run
)
