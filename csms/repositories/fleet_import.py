"""Bulk import into `charge_points`: rows in batches, each row with a result of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import IO, Any, TypeVar

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from csms import db
from csms.domain.authorization_key import KeyVerifier, hash_key
from csms.domain.charge_point import KEY_FIELDS, new_record
from csms.domain.fleet_columns import EXPORTED, SECRET
from csms.domain.fleet_csv import FleetFile, FleetRow, read_fleet
from csms.domain.fleet_plan import Existing, Planner, Result, RowResult
from csms.domain.folded_keys import NAMED_BY, NAMES, NAMES_KEY, keys_after, names_of
from csms.domain.installed_certificate import END_BEFORE, EndReason, reason_to_end
from csms.errors import DatabaseUnavailable, Duplicate, FieldError
from csms.repositories import search
from csms.repositories.credentials import StoredKeys
from csms.repositories.folded_keys import name_the_other
from csms.repositories.unique_writes import DUPLICATE_KEY

BATCH = 500
SLOW_BATCH = 50
"""Rows at a time when keys have to be hashed, 20 ms each."""

DELETED = "was deleted while the file was imported; import the row again"
RENAMED = "was changed while the file was imported; import the row again"
REFUSED = "MongoDB refused it with error {0}"

_PROJECTION = dict.fromkeys((*EXPORTED[1:], NAMES_KEY, *KEY_FIELDS), True)

T = TypeVar("T")


class FleetImport:
    """Imports one file.

    `on_changed` is told the ids of records that were changed, so that sockets which they no longer
    allow are closed; `on_ended` those whose certificates end with the change, and why. Without it,
    certificates are kept.
    """

    def __init__(
        self,
        database: db.Database,
        clock: Callable[[], datetime],
        on_changed: Callable[[Iterable[str]], Awaitable[None]],
        on_ended: Callable[[Mapping[str, EndReason]], Awaitable[None]] | None,
    ) -> None:
        self._collection: db.Collection = database["charge_points"]
        self._stored_keys = StoredKeys(database)
        self._clock = clock
        self._on_changed = on_changed
        self._on_ended = on_ended
        self._verifier = KeyVerifier()

    async def run(
        self, file: IO[bytes], found: FleetFile, *, dry_run: bool, update: bool
    ) -> AsyncGenerator[list[RowResult], None]:
        """Import the rows of an inspected file, and hand on their results batch by batch.

        Raises:
            DatabaseUnavailable: MongoDB went away; what was handed on before is stored.
        """
        planner = Planner(found.repeats, update)
        rows = read_fleet(file, found)
        size = SLOW_BATCH if found.has_secrets else BATCH
        # Threads of its own: checking the keys of charge points that connect must not wait here.
        pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="fleet-import")
        try:
            while batch := await _in(pool, lambda: list(islice(rows, size))):
                existing = await self._find(batch)
                fitting = await self._fitting_secrets(pool, batch, existing)
                results = await _in(pool, _decide, planner, batch, existing, fitting)
                if not dry_run:
                    results = await self._write(pool, batch, results, existing)
                yield results
        finally:
            # Waits for one read or one hash at most; the file is the caller's again after this.
            pool.shutdown(cancel_futures=True)
            rows.close()

    async def _find(self, batch: Sequence[FleetRow]) -> Existing:
        """The records that any row names. A `$type` lets MongoDB use the partial indexes."""
        named: dict[str, list[str]] = {"id": [], "chargePointIdentity": [], "serialNumber": []}
        for row in batch:
            for key, value in row.keys:
                named[key].append(value)
        names = sorted({name for row in batch for name in names_of(row.fields).values()})
        serials = sorted({*named["serialNumber"], *names})
        by_serial = {"serialNumber": {"$in": serials, "$type": "string"}}
        by_others = {
            "$or": [
                {"idFolded": {"$in": named["id"], "$type": "string"}},
                {"identityFolded": {"$in": named["chargePointIdentity"], "$type": "string"}},
                {NAMES_KEY: {"$in": names, "$type": "string"}},
            ]
        }
        async with db.errors():
            records = await self._collection.find(by_others, _PROJECTION).to_list(None)
            found = self._collection.find(by_serial, _PROJECTION, collation=db.CASE_INSENSITIVE)
            records += await found.to_list(None)
            records += await self._find_without_key(batch, records)
        # A record that is found in several ways is one all the same.
        return Existing({record["_id"]: record for record in records}.values())

    async def _find_without_key(
        self, batch: Sequence[FleetRow], found: Sequence[db.Document]
    ) -> list[db.Document]:
        """Records that are written as in a row and have no folded key (csms.domain.folded_keys)."""
        wanted: list[db.Document] = []
        for key, field in (("id", "_id"), ("chargePointIdentity", "chargePointIdentity")):
            seen = {record.get(field) for record in found}
            values = {row.value(key) for row in batch} - seen - {None}
            if values:
                wanted.append({field: {"$in": list(values), "$type": "string"}})
        if not wanted:
            return []
        return await self._collection.find({"$or": wanted}, _PROJECTION).to_list(None)

    async def _fitting_secrets(
        self, pool: ThreadPoolExecutor, batch: Sequence[FleetRow], existing: Existing
    ) -> set[int]:
        """The numbers of the rows whose authorization key is already their record's."""
        keyed = [row for row in batch if row.fields.get(SECRET) and not row.errors]
        stored = {
            row.row: str(key)
            for row in keyed
            if (key := (existing.match(row) or {}).get("authorizationKeyHash"))
        }
        hashes = await self._stored_keys.hashes_of(set(stored.values()))
        checks: dict[int, Awaitable[bool]] = {
            row.row: _in(pool, self._verifier.verify, hashes[key], row.fields[SECRET].encode())
            for row in keyed
            if (key := stored.get(row.row)) in hashes and key is not None
        }
        fits = await asyncio.gather(*checks.values())
        return {row for row, fit in zip(checks, fits, strict=True) if fit}

    async def _write(
        self,
        pool: ThreadPoolExecutor,
        batch: Sequence[FleetRow],
        results: Sequence[RowResult],
        existing: Existing,
    ) -> list[RowResult]:
        """Store a batch; rows that another writer was quicker with come back rejected."""
        now = self._clock()
        keys = await self._stored_keys.add_all(await self._hashes(pool, batch, results), now)
        created, changed = [], []
        ended: dict[str, EndReason] = {}
        for row, result in zip(batch, results, strict=True):
            if result.new is not None:
                created.append((result, new_record(result.new, keys.get(result.new.id), now)))
            elif result.changes:
                record, key = existing.match(row) or {}, keys.get(str(result.id))
                because = _ends_certificates(row, result, record, key) if self._on_ended else None
                more = {END_BEFORE: now} if because else {}
                changed.append((result, _update(row, result, record, key, now, more)))
                if because:
                    ended[record["_id"]] = because
        written = await self._insert(created) | await self._change(changed)
        await self._forget_unused_keys(batch, written, existing, keys)
        if changed:
            ids = [r.id for r in written.values() if r.result is Result.CHANGED and r.id]
            await self._on_changed(ids)
            if self._on_ended is not None:
                await self._on_ended({one: ended[one] for one in ids if one in ended})
        return [written.get(result.row, result) for result in results]

    async def _forget_unused_keys(
        self,
        batch: Sequence[FleetRow],
        written: Mapping[int, RowResult],
        existing: Existing,
        keys: Mapping[str, str],
    ) -> None:
        """Delete the keys that were replaced, and new ones whose record was not written."""
        unused: list[Mapping[str, Any]] = []
        for row in batch:
            result = written.get(row.row)
            if result is None or not row.fields.get(SECRET):
                continue
            if result.result is Result.REJECTED:
                unused.append({"authorizationKeyHash": keys.get(str(result.id))})
            elif SECRET in result.changes:
                unused.append(existing.match(row) or {})
        await self._stored_keys.forget(unused)

    async def _hashes(
        self, pool: ThreadPoolExecutor, batch: Sequence[FleetRow], results: Sequence[RowResult]
    ) -> dict[str, str]:
        """The hashes of new keys, by charge point."""
        jobs = {
            str(result.new.id if result.new else result.id): _in(pool, hash_key, row.fields[SECRET])
            for row, result in zip(batch, results, strict=True)
            if row.fields.get(SECRET) and (result.new is not None or SECRET in result.changes)
        }
        return dict(zip(jobs, await asyncio.gather(*jobs.values()), strict=True))

    async def _insert(
        self, created: Sequence[tuple[RowResult, db.Document]]
    ) -> dict[int, RowResult]:
        results = [replace(result, id=record["_id"]) for result, record in created]
        records = [record for _, record in created]
        errors: list[Mapping[str, Any]] = []
        if created:
            try:
                async with db.errors():
                    await self._collection.insert_many(records, ordered=False)
            except BulkWriteError as error:
                errors = write_errors(error)
        return await self._with_errors(results, [(None, record) for record in records], errors)

    async def _change(self, changed: Sequence[tuple[RowResult, UpdateOne]]) -> dict[int, RowResult]:
        results = [result for result, _ in changed]
        errors: list[Mapping[str, Any]] = []
        if changed:
            try:
                async with db.errors():
                    await self._collection.bulk_write([u for _, u in changed], ordered=False)
            except BulkWriteError as error:
                errors = write_errors(error)
            await search.refresh(self._collection, {"_id": {"$in": [r.id for r in results]}})
        after = [(r.id, {name: c.after for name, c in r.changes.items()}) for r in results]
        return await self._as_stored(await self._with_errors(results, after, errors), after)

    async def _with_errors(
        self,
        results: Sequence[RowResult],
        writes: Sequence[tuple[str | None, Mapping[str, Any]]],
        errors: Iterable[Mapping[str, Any]],
    ) -> dict[int, RowResult]:
        """The results by row, those rejected whose documents had an error.

        `writes` are the ids of the records to be changed, None for new ones, and their fields.
        """
        written = list(results)
        for error in errors:
            index = error["index"]
            if error.get("code") == DUPLICATE_KEY:
                name = next(iter(error.get("keyPattern") or {}), "_id")
                own_id, fields = writes[index]
                taken = await name_the_other(
                    self._collection, Duplicate(NAMES.get(name, name)), fields, own_id
                )
                fault = FieldError(taken.field, taken.message)
            else:
                fault = FieldError("row", REFUSED.format(error.get("code")))
            written[index] = written[index].reject(fault)
        return {result.row: result for result in written}

    async def _as_stored(
        self, results: dict[int, RowResult], after: Sequence[tuple[str | None, Mapping[str, Any]]]
    ) -> dict[int, RowResult]:
        """The results, those rejected whose records were deleted or renamed meanwhile."""
        if not results:
            return results
        ids = [result.id for result in results.values()]
        wanted = dict.fromkeys(NAMED_BY, 1)
        async with db.errors():
            found = self._collection.find({"_id": {"$in": ids}}, wanted)
            there = {record["_id"]: record async for record in found}
        expected = dict(after)
        return {row: _judged(result, there, expected) for row, result in results.items()}


def _judged(
    result: RowResult,
    there: Mapping[str, db.Document],
    expected: Mapping[str | None, Mapping[str, Any]],
) -> RowResult:
    if result.result is Result.REJECTED:
        return result
    record = there.get(str(result.id))
    if record is None:
        return result.reject(FieldError("id", DELETED))
    names = {f: v for f, v in expected.get(result.id, {}).items() if f in NAMED_BY}
    other = [name for name, value in names.items() if record.get(name) != value]
    return result.reject(FieldError(other[0], RENAMED)) if other else result


def _decide(
    planner: Planner, batch: Sequence[FleetRow], existing: Existing, fitting: set[int]
) -> list[RowResult]:
    return [planner.decide(row, existing, row.row in fitting) for row in batch]


async def _in(pool: ThreadPoolExecutor, work: Callable[..., T], *args: Any) -> T:
    return await asyncio.get_running_loop().run_in_executor(pool, work, *args)


def _update(
    row: FleetRow,
    result: RowResult,
    record: Mapping[str, Any],
    key: str | None,
    now: datetime,
    more: Mapping[str, Any],
) -> UpdateOne:
    fields = {name: row.fields[name] for name in result.changes if name != SECRET}
    where: db.Document = {"_id": result.id}
    keys = keys_after(record, fields)
    if NAMES_KEY in keys:
        # They are those of serial and identity together: neither may have changed meanwhile.
        where |= {name: record.get(name) for name in (*NAMED_BY, NAMES_KEY)}
    if fields.get("chargePointIdentity") is not None:
        fields["identitySource"] = None
    if SECRET in result.changes:
        fields |= {"authorizationKeyHash": key, "nextAuthorizationKeyHash": None}
    stored = {**fields, **keys, **more, "updatedAt": now}
    return UpdateOne(where, {"$set": stored, **search.forget_if_changed(fields)})


def _ends_certificates(
    row: FleetRow, result: RowResult, record: Mapping[str, Any], key: str | None
) -> EndReason | None:
    after = {**record, **{name: row.fields[name] for name in result.changes if name != SECRET}}
    if SECRET in result.changes:
        after["authorizationKeyHash"] = key
    return reason_to_end(record, after)


def write_errors(error: BulkWriteError) -> list[Mapping[str, Any]]:
    """What went wrong with single documents.

    Raises:
        DatabaseUnavailable: what was written is not acknowledged by a majority.
    """
    details = error.details or {}
    if details.get("writeConcernErrors"):
        raise DatabaseUnavailable("MongoDB did not acknowledge the write in time") from error
    return list(details.get("writeErrors", []))
