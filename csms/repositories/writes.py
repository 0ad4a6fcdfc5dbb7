"""How a batch of telemetry reaches MongoDB, in one command, acknowledged by a majority.

Documents are encoded when they arrive: what cannot be stored fails at once and alone, and the size
of a batch is known. They go by the plain insert command, which costs the database two thirds of
what the driver's bulk write does; an insert with its `_id` may be sent twice, so it needs none of
the bookkeeping of retryable writes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import UpdateOne
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DocumentTooLarge,
    ServerSelectionTimeoutError,
    WriteConcernError,
)

from csms import db
from csms.errors import DatabaseUnavailable
from csms.repositories.unique_writes import DUPLICATE_KEY

_MAX_DOCUMENT = 16 * 1024 * 1024
_TRIES = 3

Operation = TypeVar("Operation", contravariant=True)
Failures = dict[int, Exception]
"""What failed for good, by its position in the batch."""


class Write(Protocol[Operation]):
    """Writes the batches of one collection."""

    async def __call__(self, batch: Sequence[Operation]) -> Failures:
        """Write a batch.

        Raises:
            PyMongoError: nothing is known to be written.
        """


def encode(document: db.Document) -> RawBSONDocument:
    """A document as it will be sent, with an `_id` if it had none.

    Raises:
        BSONError, OverflowError, DocumentTooLarge: BSON or MongoDB cannot hold it.
    """
    if "_id" not in document:
        document = {"_id": bson.ObjectId(), **document}
    return encoded(bson.encode(document))


def encoded(document: bytes) -> RawBSONDocument:
    """The same of a document that is in BSON already, and has its `_id`.

    Raises:
        DocumentTooLarge: MongoDB cannot hold it.
    """
    if len(document) > _MAX_DOCUMENT:
        raise DocumentTooLarge("the document is larger than MongoDB takes")
    return RawBSONDocument(document)


class Inserts:
    """Inserts documents. One whose `_id` is there already counts as written."""

    def __init__(self, database: db.TelemetryDatabase, name: str) -> None:
        self._database = database
        self._name = name

    async def __call__(self, batch: Sequence[RawBSONDocument]) -> Failures:
        """Insert a batch; see `Write`."""
        command = {
            "insert": self._name,
            "documents": batch,
            "ordered": False,
            "writeConcern": self._database.write_concern.document,
        }
        try:
            reply = await self._database.command(command)
        except ServerSelectionTimeoutError:
            raise
        except AutoReconnect:
            # The primary changed, or a connection broke: once more, as the driver does itself.
            reply = await self._database.command(command)
        if reply.get("writeConcernError"):
            raise WriteConcernError("not acknowledged", details=reply["writeConcernError"])
        return _failures(reply.get("writeErrors", ()))


class Updates:
    """Applies updates that do not depend on each other's order."""

    def __init__(self, database: db.TelemetryDatabase, name: str) -> None:
        self._collection = database[name]

    async def __call__(self, batch: Sequence[UpdateOne]) -> Failures:
        """Apply a batch; see `Write`."""
        try:
            await self._collection.bulk_write(batch, ordered=False)
        except BulkWriteError as error:
            if error.details.get("writeConcernErrors"):
                raise
            return _failures(error.details["writeErrors"])
        return {}


class NotApplied(Exception):
    """The document was not as a conditional update expects it."""


@dataclass(slots=True)
class Conditional:
    """An update of one document, if that still is as expected.

    Of the `operations`, just one applies to a document that is. `is_done` tells from a document as
    it is later whether it is as it was to become: True or False, and None if the update may be
    tried again to find out. It is given None where there is no document.
    """

    record_id: str
    operations: Sequence[UpdateOne]
    is_done: Callable[[db.Document | None], bool | None]


class ConditionalUpdates:
    """Applies conditional updates; those that do not apply fail with NotApplied."""

    def __init__(self, database: db.TelemetryDatabase, name: str) -> None:
        self._collection = database[name]

    async def __call__(self, batch: Sequence[Conditional]) -> Failures:
        """Apply a batch; see `Write`."""
        failures: Failures = {}
        undecided = dict(enumerate(batch))
        for _ in range(_TRIES):
            broken, matched = await self._apply(undecided)
            failures |= broken
            for index in broken:
                undecided.pop(index, None)
            if matched == len(undecided):
                return failures
            # The database tells how many did not apply, but not which.
            undecided = await self._judge(undecided, failures)
            if not undecided:
                return failures
        away = DatabaseUnavailable("the record kept changing")
        return failures | dict.fromkeys(undecided, away)

    async def _apply(self, batch: Mapping[int, Conditional]) -> tuple[Failures, int]:
        """Those that cannot be written at all, and how many of the others have applied."""
        operations = [one for conditional in batch.values() for one in conditional.operations]
        try:
            result = await self._collection.bulk_write(operations, ordered=False)
            return {}, result.matched_count
        except BulkWriteError as error:
            if error.details.get("writeConcernErrors"):
                raise
            owners = [index for index, one in batch.items() for _ in one.operations]
            broken: Failures = {
                owners[failed["index"]]: RuntimeError(failed["errmsg"])
                for failed in error.details["writeErrors"]
            }
            return broken, int(error.details["nMatched"])

    async def _judge(
        self, batch: Mapping[int, Conditional], failures: Failures
    ) -> dict[int, Conditional]:
        """Those that have to be tried again; for those that did not apply, failures are added."""
        ids = [conditional.record_id for conditional in batch.values()]
        found = await self._collection.find({"_id": {"$in": ids}}).to_list(None)
        records = {record["_id"]: record for record in found}
        again = {}
        for index, conditional in batch.items():
            is_done = conditional.is_done(records.get(conditional.record_id))
            if is_done is None:
                again[index] = conditional
            elif not is_done:
                failures[index] = NotApplied()
        return again


def _failures(errors: Sequence[Mapping[str, Any]]) -> Failures:
    return {
        error["index"]: RuntimeError(error["errmsg"])
        for error in errors
        if error["code"] != DUPLICATE_KEY
    }
