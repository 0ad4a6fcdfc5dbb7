"""`jobs`: what charge points were told to fetch, install and upload, and how far they are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pymongo import DESCENDING

from csms import db
from csms.domain.job import ENDED, FINAL, IDLE, JobKind
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

    async def concerned(
        self, charge_point_id: str, kind: JobKind, status: str, request_id: int | None = None
    ) -> db.Document | None:
        """The job of a charge point that a status is about.

        That is the job with the request id, else the newest that is not over, else the newest if
        it has failed and may have been tried again.
        """
        if status == IDLE:
            return None
        found: dict[str, Any] = {"chargePointId": charge_point_id, "kind": kind}
        if request_id is not None:
            found["requestId"] = request_id
        newest = [("createdAt", DESCENDING)]
        async with db.errors():
            job = await self.collection.find_one(found | {"ended": False}, sort=newest)
            if job is None:
                job = await self.collection.find_one(found, sort=newest)
        return None if job is None or job["status"] in FINAL else job

    async def note(self, job: Mapping[str, Any], status: str, now: datetime) -> bool:
        """Note the status of a job; one that is told again adds nothing.

        False if the job has changed since it was read.
        """
        if job["status"] == status:
            return True
        unchanged = {name: job[name] for name in ("_id", "status", "updatedAt")}
        changes = {
            "$set": {"status": status, "ended": status in ENDED, "updatedAt": now},
            "$push": {"history": {"$each": [{"status": status, "at": now}], "$slice": -100}},
        }
        async with db.errors():
            result = await self.collection.update_one(unchanged, changes)
        return result.matched_count == 1

    async def attach(self, job_id: str, file_id: str) -> None:
        """Note the file that a job led to."""
        async with db.errors():
            await self.collection.update_one({"_id": job_id}, {"$set": {"fileId": file_id}})
