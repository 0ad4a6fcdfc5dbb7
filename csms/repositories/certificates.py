"""`certificates`: what was sent to charge points, and what they list as installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING, ReturnDocument

from csms import db
from csms.domain.installed_certificate import (
    CertificateState,
    CertificateStatus,
    CertificateUse,
    EndReason,
    match,
    reported,
)
from csms.errors import FieldError, InvalidInput, NotFound
from csms.repositories.lookups import Gathered

_OF_CHARGE_POINTS: Mapping[str, Any] = {"use": CertificateUse.CHARGE_POINT.value}
_NOT_ENDED: Mapping[str, Any] = {"endedAt": None}
_KNOWN = dict.fromkeys(
    (
        "chargePointId", "fingerprint", "issuedHere",
        "createdAt", "firstUsedAt", "endedAt", "endedBecause",
    ),
    1,
)  # fmt: skip


class Certificates:
    """Reads and writes certificates. No private key ever comes here.

    `issuer` is the name of the authority whose certificates csms gives out. Whether one of them is
    good is written here and nowhere else, so that all nodes know it at once.
    """

    def __init__(self, database: db.Database, issuer: str | None = None) -> None:
        self.collection: db.Collection = database["certificates"]
        self._counters: db.Collection = database["counters"]
        # A node of version 0.2.0 notes the issuer alone; a node may have no authority of its own.
        by_issuer = [] if issuer is None else [{"issuer": issuer}]
        self._issued = {**_OF_CHARGE_POINTS, "$or": [{"issuedHere": True}, *by_issuer]}
        self._listable = {**_OF_CHARGE_POINTS, "issuer": issuer}
        self._by_fingerprint = Gathered(self._read_by_fingerprint)

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

    async def issue(self, record: db.Document) -> None:
        """Store a certificate that csms has just made, before it is sent."""
        await self.put({**record, "issuedHere": True})

    async def with_fingerprint(self, fingerprint: str) -> tuple[db.Document, ...]:
        """The records of one certificate, the oldest first: it was issued for that one.

        Those who ask at the same time are answered by one query.
        """
        return await self._by_fingerprint.find(fingerprint) or ()

    async def _read_by_fingerprint(
        self, fingerprints: set[str]
    ) -> Mapping[str, tuple[db.Document, ...]]:
        found: dict[str, tuple[db.Document, ...]] = {}
        query = {
            "fingerprint": {"$in": list(fingerprints), "$type": "string"},
            **_OF_CHARGE_POINTS,
        }
        async with db.errors():
            async for record in self.collection.find(
                query, _KNOWN, sort=[("createdAt", ASCENDING)]
            ):
                found[record["fingerprint"]] = (*found.get(record["fingerprint"], ()), record)
        return found

    async def note_first_use(self, certificate: Mapping[str, Any], now: datetime) -> None:
        """Note that a charge point has connected with a certificate; older ones are superseded."""
        async with db.errors():
            await self.collection.update_one(
                {"_id": certificate["_id"], "firstUsedAt": None}, {"$set": {"firstUsedAt": now}}
            )
        await self._end(
            {
                "chargePointId": certificate["chargePointId"],
                "createdAt": {"$lt": certificate["createdAt"]},
                "_id": {"$ne": certificate["_id"]},
            },
            EndReason.SUPERSEDED,
            now,
        )

    async def end(
        self,
        charge_point_id: str,
        because: EndReason,
        now: datetime,
        *,
        before: datetime | None = None,
    ) -> int:
        """End the certificates that were issued to a charge point, `before` a time if it is given.

        Returns how many there were.
        """
        older = {} if before is None else {"createdAt": {"$lt": before}}
        return await self._end({"chargePointId": charge_point_id, **older}, because, now)

    async def _end(self, which: Mapping[str, Any], because: EndReason, now: datetime) -> int:
        async with db.errors():
            result = await self.collection.update_many(
                {**which, **self._issued, **_NOT_ENDED},
                {"$set": {"endedAt": now, "endedBecause": because, "updatedAt": now}},
            )
        return result.modified_count

    async def revoke(self, certificate_id: str, now: datetime) -> db.Document:
        """End one certificate of a charge point by hand; returns its record.

        Raises:
            NotFound: there is none.
            InvalidInput: it is a root, or nothing that could be recognised.
        """
        record = await self.get(certificate_id)
        if record["use"] != CertificateUse.CHARGE_POINT or record.get("fingerprint") is None:
            raise InvalidInput(
                FieldError("id", "is no charge point's own certificate; only those are revoked")
            )
        # One that was superseded may be revoked too: that says more.
        async with db.errors():
            await self.collection.update_one(
                {"_id": certificate_id, "endedBecause": {"$ne": EndReason.REVOKED}},
                {"$set": {"endedAt": now, "endedBecause": EndReason.REVOKED, "updatedAt": now}},
            )
        return await self.get(certificate_id)

    async def revoked(self, now: datetime) -> list[db.Document]:
        """What csms has issued and ended, and has not expired yet, the first ended first."""
        found = {**self._listable, "endedAt": {"$type": "date"}, "notAfter": {"$gt": now}}
        wanted = {"serialNumber": 1, "endedAt": 1, "endedBecause": 1}
        async with db.errors():
            cursor = self.collection.find(found, wanted, sort=[("endedAt", ASCENDING)])
            return await cursor.to_list(None)

    async def ended_so_far(self) -> tuple[int, datetime | None]:
        """How many were ever ended, and when the last was: cheap to ask, and new with each."""
        ended = {"endedAt": {"$type": "date"}}
        async with db.errors():
            count = await self.collection.count_documents(ended)
            last = await self.collection.find_one(
                ended, {"endedAt": 1}, sort=[("endedAt", DESCENDING)]
            )
        return count, last["endedAt"] if last else None

    async def next_list_number(self) -> int:
        """A number for a revocation list, higher than all before, whatever node asks."""
        async with db.errors():
            counter = await self._counters.find_one_and_update(
                {"_id": "revocationListNumber"},
                {"$inc": {"value": 1}},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        return int(counter["value"])

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


def in_state(state: CertificateState, now: datetime) -> db.Document:
    """A filter for the charge points' certificates in a state."""
    ended = {"endedAt": {"$type": "date"}}
    by_state: Mapping[CertificateState, db.Document] = {
        CertificateState.GOOD: {**_NOT_ENDED, "notAfter": {"$gt": now}},
        CertificateState.EXPIRED: {**_NOT_ENDED, "notAfter": {"$lte": now}},
        CertificateState.REVOKED: {**ended, "endedBecause": EndReason.REVOKED},
        CertificateState.SUPERSEDED: {**ended, "endedBecause": EndReason.SUPERSEDED},
        CertificateState.ENDED: {
            **ended,
            "endedBecause": {"$nin": [EndReason.REVOKED, EndReason.SUPERSEDED]},
        },
    }
    return {**_OF_CHARGE_POINTS, "fingerprint": {"$type": "string"}, **by_state[state]}
