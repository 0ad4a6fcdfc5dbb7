"""Files in GridFS (`files.files`, `files.chunks`), and the one-time URLs to them (`file_links`)."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, Any

from bson import ObjectId
from bson.errors import InvalidId
from gridfs.errors import NoFile
from motor.motor_asyncio import AsyncIOMotorGridFSBucket
from pymongo import ReturnDocument

from csms import db
from csms.domain.api_token import hash_token
from csms.domain.job import JobKind
from csms.errors import NotFound

BUCKET = "files"
CHUNK_BYTES = 1 << 18


@dataclass(frozen=True)
class Origin:
    """Where a file comes from."""

    kind: str
    charge_point_id: str | None = None
    by: str | None = None


class Files:
    """Reads and writes files."""

    def __init__(self, database: db.Database) -> None:
        self.collection: db.Collection = database[f"{BUCKET}.files"]
        self._links: db.Collection = database["file_links"]
        self._bucket = AsyncIOMotorGridFSBucket(
            database, bucket_name=BUCKET, chunk_size_bytes=CHUNK_BYTES
        )

    async def store(
        self, name: str, content: IO[bytes], sha256: str, origin: Origin
    ) -> db.Document:
        """Store a whole file, read from its start; returns its record."""
        content.seek(0)
        metadata = {
            "kind": origin.kind,
            "chargePointId": origin.charge_point_id,
            "uploadedBy": origin.by,
            "sha256": sha256,
        }
        async with db.errors():
            file_id = await self._bucket.upload_from_stream(name, content, metadata=metadata)
        return await self.get(str(file_id))

    async def get(self, file_id: str) -> db.Document:
        """The record of a file.

        Raises:
            NotFound: there is none.
        """
        async with db.errors():
            record = await self.collection.find_one({"_id": _object_id(file_id)})
        if record is None:
            raise NotFound("file", file_id)
        return record

    async def delete(self, file_id: str) -> None:
        """Remove a file.

        Raises:
            NotFound: there is none.
        """
        async with db.errors():
            try:
                await self._bucket.delete(_object_id(file_id))
            except NoFile:
                raise NotFound("file", file_id) from None

    async def read(self, file_id: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` up to `end`, a chunk in memory at a time.

        Raises:
            NotFound: there is no such file.
        """
        async with db.errors():
            try:
                content = await self._bucket.open_download_stream(_object_id(file_id))
            except NoFile:
                raise NotFound("file", file_id) from None
            content.seek(start)
            left = end - start
            while left > 0:
                chunk: bytes = await content.read(min(CHUNK_BYTES, left))
                if not chunk:
                    break
                left -= len(chunk)
                yield chunk

    # One-time URLs

    async def make_link(
        self,
        charge_point_id: str,
        kind: JobKind,
        file_id: str | None,
        now: datetime,
        lifetime: timedelta,
    ) -> str:
        """A token to fetch a file with, or, without one, to upload one; only its hash is kept."""
        token = secrets.token_urlsafe(24)
        async with db.errors():
            await self._links.insert_one(
                {
                    "_id": hash_token(token),
                    "chargePointId": charge_point_id,
                    "kind": kind,
                    "fileId": file_id,
                    "jobId": None,
                    "uploadedFileId": None,
                    "createdAt": now,
                    "expiresAt": now + lifetime,
                    "usedAt": None,
                }
            )
        return token

    async def link(self, token: str, now: datetime) -> db.Document | None:
        """What a token is good for, if it still is."""
        async with db.errors():
            return await self._links.find_one(
                {"_id": hash_token(token), "expiresAt": {"$gt": now}, "usedAt": None}
            )

    async def tie_link(self, token: str, job_id: str) -> str | None:
        """Tie a token to its job; returns the id of what was uploaded already, if anything was."""
        async with db.errors():
            link = await self._links.find_one_and_update(
                {"_id": hash_token(token)}, {"$set": {"jobId": job_id}}
            )
        uploaded: str | None = link["uploadedFileId"] if link is not None else None
        return uploaded

    async def complete_upload(self, token: str, file_id: str, now: datetime) -> db.Document | None:
        """Use a token up for a file that is stored; None if another one was quicker.

        A charge point may tell that it is done before its file is stored: that the token's job is
        over by then does not matter.
        """
        async with db.errors():
            return await self._links.find_one_and_update(
                {"_id": hash_token(token), "uploadedFileId": None},
                {"$set": {"uploadedFileId": file_id, "usedAt": now}},
                return_document=ReturnDocument.AFTER,
            )

    async def end_link(self, job_id: str, now: datetime) -> None:
        """Use up the token of a job that is over."""
        async with db.errors():
            await self._links.update_many(
                {"jobId": job_id, "usedAt": None}, {"$set": {"usedAt": now}}
            )


def _object_id(file_id: str) -> Any:
    try:
        return ObjectId(file_id)
    except InvalidId:
        raise NotFound("file", file_id) from None
