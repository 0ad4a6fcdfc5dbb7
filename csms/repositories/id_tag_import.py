"""Bulk import into `id_tags`: rows in batches, each row with a result of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime
from itertools import islice
from typing import IO

from pymongo import InsertOne, UpdateOne
from pymongo.errors import BulkWriteError

from csms import db
from csms.domain.csv_table import CsvFile
from csms.domain.fleet_plan import RowResult
from csms.domain.id_tag import fold
from csms.domain.id_tag_csv import Decision, IdTagPlanner, IdTagRow, read_id_tags
from csms.errors import FieldError
from csms.repositories.fleet_import import write_errors
from csms.repositories.id_tags import new_record

BATCH = 500

ADDED_MEANWHILE = "was added by somebody else meanwhile; import the row again"


class IdTagImport:
    """Imports one file."""

    def __init__(self, database: db.Database, clock: Callable[[], datetime]) -> None:
        self._collection: db.Collection = database["id_tags"]
        self._clock = clock

    async def run(
        self, file: IO[bytes], found: CsvFile, *, dry_run: bool, update: bool
    ) -> AsyncGenerator[list[RowResult], None]:
        """Import the rows of an inspected file, and hand on their results batch by batch.

        Raises:
            DatabaseUnavailable: MongoDB went away; what was handed on before is stored.
        """
        planner = IdTagPlanner(update)
        rows = read_id_tags(file, found)
        while batch := await asyncio.to_thread(lambda: list(islice(rows, BATCH))):
            decisions = await self._decide(planner, batch)
            if dry_run:
                yield [decision.result for decision in decisions]
            else:
                yield await self._write(decisions)

    async def _decide(self, planner: IdTagPlanner, batch: Sequence[IdTagRow]) -> list[Decision]:
        keys = [row.key for row in batch if row.key is not None]
        async with db.errors():
            records = await self._collection.find({"_id": {"$in": keys}}).to_list(None)
        existing = {record["_id"]: record for record in records}
        return [planner.decide(row, existing.get(row.key or "")) for row in batch]

    async def _write(self, decisions: Sequence[Decision]) -> list[RowResult]:
        """Store a batch; rows that another writer was quicker with come back rejected."""
        now = self._clock()
        writes = [(d.result, _operation(d, now)) for d in decisions]
        operations = [(result.row, operation) for result, operation in writes if operation]
        failed: set[int] = set()
        if operations:
            try:
                async with db.errors():
                    await self._collection.bulk_write([o for _, o in operations], ordered=False)
            except BulkWriteError as error:
                failed = {operations[one["index"]][0] for one in write_errors(error)}
        lost = FieldError("idTag", ADDED_MEANWHILE)
        return [result.reject(lost) if result.row in failed else result for result, _ in writes]


def _operation(decision: Decision, now: datetime) -> InsertOne[db.Document] | UpdateOne | None:
    if decision.new is not None:
        return InsertOne(new_record(decision.new, now))
    if decision.fields:
        key = fold(str(decision.result.id))
        return UpdateOne({"_id": key}, {"$set": {**decision.fields, "updatedAt": now}})
    return None
