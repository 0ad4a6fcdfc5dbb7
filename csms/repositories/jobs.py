"""`jobs`: what charge points were told to fetch, install and upload, and how far they are."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pymongo import DESCENDING

from csms import db
from csms.domain.job import ENDED, IDLE, JobKind
from csms.errors import NotFound
from csms.repositories.counters import Ids


class Jobs:
    """Reads and writes jobs."""

    def __init__(self, database: db.Database) -> None:
        self.collection: db.Collection = database["jobs"]
        self._ids = Ids(database, "requestId")

    async def next_request_id(self) -> int:
        """A request id that was never given before."""
        return await self._ids.next()

    async def create(self, record: db.Document) -> None:
        """Store a job."""
        async with db.errors():
            await self.collection.insert_one(record)

    async def get(self, job_id: str) -> db.Document:
        """The job with this id.

        Raises:
            NotFound: there is none.
        """
        async with db.errors():
            job = await self.collection.find_one({"_id": job_id})
        if job is None:
            raise NotFound("job", job_id)
        return job

    async def note(
        self,
        charge_point_id: str,
        kind: JobKind,
        status: str,
        now: datetime,
        request_id: int | None = None,
    ) -> None:
        """Note the status of a charge point's job: that with the request id, else the newest.

        A status that is told again adds nothing.
        """
        if status == IDLE:
            return
        found: dict[str, Any] = {"chargePointId": charge_point_id, "kind": kind}
        if request_id is not None:
            found["requestId"] = request_id
        changes = {
            "$set": {"status": status, "ended": status in ENDED, "updatedAt": now},
            "$push": {"history": {"$each": [{"status": status, "at": now}], "$slice": -100}},
        }
        async with db.errors():
            newest = await self.collection.find_one(found, sort=[("createdAt", DESCENDING)])
            if newest is not None:
                await self.collection.update_one(
                    {"_id": newest["_id"], "status": {"$ne": status}}, changes
                )

    async def attach(self, charge_point_id: str, kind: JobKind, file_id: str) -> None:
        """Note the file that a charge point's newest job of this kind led to."""
        async with db.errors():
            await self.collection.find_one_and_update(
                {"chargePointId": charge_point_id, "kind": kind},
                {"$set": {"fileId": file_id}},
                sort=[("createdAt", DESCENDING)],
            )
