"""`/admin/charge-points/import`, `/admin/id-tags/import`: a whole fleet, or its users, as CSV."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import IO, Annotated, Any, TypeVar

import orjson
import structlog
from pydantic import BaseModel, ConfigDict, Field
from tornado.iostream import StreamClosedError

from csms.domain.api_token import Role
from csms.domain.csv_encoding import Encoding, parse_encoding
from csms.domain.csv_table import CsvFile
from csms.domain.csv_text import Delimiter, parse_delimiter
from csms.domain.fleet_csv import inspect_fleet
from csms.domain.fleet_plan import Result, RowResult, Summary
from csms.domain.id_tag_csv import inspect_id_tags
from csms.errors import CsmsError, DatabaseUnavailable, MalformedInput
from csms.repositories.fleet_import import FleetImport
from csms.repositories.id_tag_import import IdTagImport
from csms.web.api.base import ApiHandler, endpoint
from csms.web.problems import problem_of

F = TypeVar("F", bound=CsvFile)
Inspector = Callable[[IO[bytes], Encoding | None, Delimiter | None, Callable[[], object]], F]

log = structlog.get_logger(__name__)

MAX_BYTES = 256 * 1024 * 1024
NDJSON = "application/x-ndjson"

BROKE_OFF = "{0}. {1} of {2} rows were done; import the file again, what is in stays as it is."

_SPOOL_BYTES = 1 << 20
_WRITE_BYTES = 1 << 16
_NOT_CSV = ("application/json", "multipart/form-data", "application/x-www-form-urlencoded")


class ImportQuery(BaseModel):
    """How to import."""

    model_config = ConfigDict(extra="forbid")

    dryRun: bool = Field(False, description="tell what would be done, and write nothing")
    update: bool = Field(False, description="change records that exist; else they are rejected")
    encoding: Annotated[str, Field(max_length=40)] | None = Field(
        None, description="where it cannot be told: utf-8, utf-16, windows-874, windows-1252"
    )
    delimiter: Annotated[str, Field(max_length=40)] | None = Field(
        None, description="where it cannot be told by the header: comma, semicolon or tab"
    )


class FleetImportQuery(ImportQuery):
    """How to import a fleet."""

    keepCertificates: bool = Field(
        False,
        description="keep certificates that were issued before, though the row changes the key,"
        " the identity or the serial number, or raises the profile",
    )


class RowMessage(BaseModel):
    """What is said of a field of a row."""

    field: str
    message: str


class ImportedRow(BaseModel):
    """What became of a row. `row` is 1 for the header, `line` the line of the file."""

    row: int
    line: int
    id: str | None
    result: Result
    changes: dict[str, dict[str, Any]] = Field(description="by field: `from` and `to`")
    errors: list[RowMessage] = Field(description="what is wrong, where the row is rejected")
    notes: list[RowMessage] = Field([], description="what was mended, or may be wrong; look at it")


class ImportResult(BaseModel):
    """What became of the file.

    As NDJSON: `{"file": ...}` with what is known before the rows, a line for each row, and
    `{"summary": ...}` last.
    """

    dryRun: bool
    unknownColumns: list[str] = Field(description="columns that are ignored")
    encoding: str
    delimiter: str
    created: int
    changed: int
    unchanged: int
    rejected: int
    rows: list[ImportedRow]


class CsvImportHandler(ApiHandler):
    """Takes a CSV file, keeps it on the disk, and works through its rows."""

    max_body_bytes = MAX_BYTES
    _received: IO[bytes] | None = None

    async def prepare(self) -> None:
        """Check all that can be checked before the body comes."""
        await super().prepare()
        content_type = self.request.headers.get("Content-Type", "text/csv")
        if content_type.partition(";")[0].strip().casefold() in _NOT_CSV:
            raise MalformedInput(
                "Send the file itself, as text/csv. With curl: -H 'Content-Type: text/csv'"
                " --data-binary @FILE.csv"
            )
        query: ImportQuery = self.query
        self._encoding = parse_encoding(query.encoding) if query.encoding else None
        self._delimiter = parse_delimiter(query.delimiter) if query.delimiter else None
        self._received = tempfile.TemporaryFile()

    def data_received(self, chunk: bytes) -> None:
        """Keep what has come."""
        if self._received is not None:
            self._received.write(chunk)

    def on_connection_close(self) -> None:
        """Drop a file that did not come whole."""
        super().on_connection_close()
        self._drop()

    def on_finish(self) -> None:
        """Drop a file that was refused."""
        super().on_finish()
        self._drop()

    def _drop(self) -> None:
        if self._received is not None:
            self._received.close()

    def take_file(self) -> IO[bytes]:
        """The file, which from here on is the caller's to close, whatever the connection does."""
        assert self._received is not None
        file, self._received = self._received, None
        return file

    async def inspect(self, inspector: Inspector[F], file: IO[bytes]) -> F:
        """Find out what the file is, in a thread."""
        return await asyncio.to_thread(
            inspector, file, self._encoding, self._delimiter, _let_others_work
        )

    async def answer(
        self, batches: AsyncGenerator[list[RowResult], None], summary: Summary
    ) -> None:
        """Answer with the results, as one document or line by line, as the client asks."""
        streamed = NDJSON in self.request.headers.get("Accept", "")
        answer = self._stream_lines if streamed else self._answer_whole
        async with aclosing(_counted(batches, summary)) as counted:
            await answer(counted, summary)

    async def _stream_lines(
        self, batches: AsyncIterator[list[RowResult]], summary: Summary
    ) -> None:
        """Answer with how the file is read, a line for each row as it is done, and the summary.

        A client that goes away ends the import, and can take it up again later.
        """
        self.set_header("Content-Type", NDJSON)
        try:
            self.write(orjson.dumps({"file": summary.file_json()}) + b"\n")
            async for results in batches:
                self.write(b"".join(orjson.dumps(row.as_json()) + b"\n" for row in results))
                await self.flush()
        except StreamClosedError:
            log.info("import_left", done=sum(summary.counts.values()))
            return
        except CsmsError as error:
            if not self._headers_written:
                raise
            last: dict[str, Any] = {"error": problem_of(error).body()}
        else:
            last = {"summary": summary.as_json()}
        self.finish(orjson.dumps(last) + b"\n")

    async def _answer_whole(
        self, batches: AsyncIterator[list[RowResult]], summary: Summary
    ) -> None:
        """Answer with one document when all rows are done; until then they wait on the disk."""
        with tempfile.SpooledTemporaryFile(_SPOOL_BYTES) as rows:
            async for results in batches:
                for row in results:
                    rows.write((b"," if rows.tell() else b"") + orjson.dumps(row.as_json()))
            rows.seek(0)
            self.set_header("Content-Type", "application/json; charset=UTF-8")
            self.write(orjson.dumps(summary.as_json())[:-1] + b',"rows":[')
            while chunk := rows.read(_WRITE_BYTES):
                self.write(chunk)
                await self.flush()
        self.finish(b"]}")


class ImportHandler(CsvImportHandler):
    """A fleet."""

    @endpoint(
        role=Role.OPERATOR,
        summary="Whitelist a whole fleet from a CSV file",
        query=FleetImportQuery,
        returns=ImportResult,
        errors=(400, 413),
        media=("application/json", NDJSON),
        request_media="text/csv",
    )
    async def post(self, query: FleetImportQuery) -> None:
        """Import the rows; a bad one is rejected and stops no other.

        Raises:
            MalformedInput, InvalidInput: the file cannot be read, and nothing was done.
            DatabaseUnavailable: MongoDB went away; the message says how far it came.
        """
        whitelisting = self.services.whitelisting
        with self.take_file() as file:
            found = await self.inspect(inspect_fleet, file)
            fleet_import = FleetImport(
                self.services.database,
                self.services.deps.clock,
                whitelisting.records_changed,
                None if query.keepCertificates else whitelisting.credentials_changed,
            )
            batches = fleet_import.run(file, found, dry_run=query.dryRun, update=query.update)
            await self.answer(batches, Summary(query.dryRun, found))


class IdTagImportHandler(CsvImportHandler):
    """Id tags."""

    @endpoint(
        role=Role.OPERATOR,
        summary="Add many id tags from a CSV file",
        query=ImportQuery,
        returns=ImportResult,
        errors=(400, 413),
        media=("application/json", NDJSON),
        request_media="text/csv",
    )
    async def post(self, query: ImportQuery) -> None:
        """Import the rows; a bad one is rejected and stops no other.

        Raises:
            MalformedInput, InvalidInput: the file cannot be read, and nothing was done.
            DatabaseUnavailable: MongoDB went away; the message says how far it came.
        """
        with self.take_file() as file:
            found = await self.inspect(inspect_id_tags, file)
            id_tag_import = IdTagImport(self.services.database, self.services.deps.clock)
            batches = id_tag_import.run(file, found, dry_run=query.dryRun, update=query.update)
            await self.answer(batches, Summary(query.dryRun, found))


def _let_others_work() -> None:
    """Give the interpreter's lock up; charge points would be kept waiting without it."""
    time.sleep(0.0005)


async def _counted(
    batches: AsyncGenerator[list[RowResult], None], summary: Summary
) -> AsyncGenerator[list[RowResult], None]:
    """The batches as they come, counted.

    Raises:
        DatabaseUnavailable: as the import does; the message says how far it came.
    """
    async with aclosing(batches):
        try:
            async for results in batches:
                summary.add(results)
                yield results
        except DatabaseUnavailable as error:
            done = sum(summary.counts.values())
            raise DatabaseUnavailable(
                BROKE_OFF.format(error, done, summary.file.row_count)
            ) from error
