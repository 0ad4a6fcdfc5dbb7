"""`certificates`: what was sent to charge points, and what they list as installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo import DESCENDING

from csms import db
from csms.domain.installed_certificate import CertificateStatus, match, reported
from csms.errors import NotFound


class Certificates:
    """Reads and writes certificates. No private key ever comes here."""

    def __init__(self, database: db.Database) -> None:
        self.collection: db.Collection = database["certificates"]

    async def put(self, record: db.Document) -> None:
        """Store a certificate; the same one, sent again, is the same record."""
        created = {"createdAt": record["createdAt"]}
        fields = {k: v for k, v in record.items() if k not in ("_id", "createdAt")}
        async with db.errors():
            await self.collection.update_one(
                {"_id": record["_id"]}, {"$set": fields, "$setOnInsert": created}, upsert=True
            )

    async def get(self, certificate_id: str) -> db.Document:
        """The certificate with this id.

        Raises:
            NotFound: there is none.
        """
        async with db.errors():
            record = await self.collection.find_one({"_id": certificate_id})
        if record is None:
            raise NotFound("certificate", certificate_id)
        return record

    async def listed(
        self, charge_point_id: str, use: str, told: Sequence[Mapping[str, Any]], now: datetime
    ) -> None:
        """Keep what a charge point lists; what it lists no more is deleted."""
        records = await self._of(charge_point_id, use)
        seen = set()
        for entry in told:
            known = match(records, entry)
            record = dict(known) if known else reported(charge_point_id, use, entry, now)
            if known and record["status"] != CertificateStatus.REPORTED:
                record["status"] = CertificateStatus.INSTALLED
            await self.put(record | {"certificateHashData": dict(entry), "updatedAt": now})
            seen.add(record["_id"])
        there = (CertificateStatus.INSTALLED, CertificateStatus.REPORTED)
        for record in records:
            if record["_id"] not in seen and record["status"] in there:
                await self._set_status(record["_id"], CertificateStatus.DELETED, now)

    async def deleted(self, charge_point_id: str, told: Mapping[str, Any], now: datetime) -> None:
        """Note that a charge point has deleted the certificate that is named so."""
        record = match(await self._of(charge_point_id, None), told)
        if record is not None:
            await self._set_status(record["_id"], CertificateStatus.DELETED, now)

    async def _of(self, charge_point_id: str, use: str | None) -> list[db.Document]:
        found = {"chargePointId": charge_point_id} | ({"use": use} if use else {})
        async with db.errors():
            cursor = self.collection.find(found, sort=[("createdAt", DESCENDING)])
            return await cursor.to_list(1000)

    async def _set_status(self, record_id: str, status: str, now: datetime) -> None:
        async with db.errors():
            await self.collection.update_one(
                {"_id": record_id}, {"$set": {"status": status, "updatedAt": now}}
            )
