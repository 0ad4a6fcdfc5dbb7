"""`/admin/files`, and the commands that have charge points fetch and upload them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from tornado.web import HTTPError

from csms.connections.commands import CommandOutcome
from csms.domain.api_token import Role
from csms.domain.charge_point import Text
from csms.domain.job import JobKind
from csms.domain.times import rfc3339, to_utc
from csms.errors import NotFound
from csms.ocppj.frames import Payload
from csms.repositories.files import Origin
from csms.repositories.pages import Page, find_page
from csms.web.api.base import MAX_BODY_BYTES, MAX_IGNORED_BYTES, ApiHandler, PageQuery, endpoint
from csms.web.api.readings import Id
from csms.web.downloads import send_file
from csms.web.files import MB
from csms.web.public_address import address_of_files
from csms.web.spool import Spool, TooLarge

Time = Annotated[AwareDatetime, AfterValidator(to_utc)]
Count = Annotated[int, Field(ge=0)]
_ERRORS = (404, 409, 502, 504)


class FileView(BaseModel):
    """A file."""

    id: str
    name: str
    size: int = Field(description="bytes")
    sha256: str
    kind: str
    chargePointId: str | None = Field(None, description="who uploaded it, if a charge point did")
    uploadedBy: str | None = None
    uploadedAt: datetime


class FileQuery(PageQuery):
    """Which files."""

    kind: JobKind | None = None
    chargePointId: Id | None = None


class NewFileQuery(BaseModel):
    """What the file is called."""

    model_config = ConfigDict(extra="forbid")

    name: Text


class FirmwareUpdate(BaseModel):
    """Which file to install, and when to fetch it."""

    model_config = ConfigDict(extra="forbid")

    fileId: str
    retrieveDate: Time | None = Field(None, description="now, if it is left out")
    retries: Count | None = None
    retryInterval: Count | None = Field(None, description="seconds")


class DiagnosticsRequest(BaseModel):
    """Of what span of time."""

    model_config = ConfigDict(extra="forbid")

    startTime: Time | None = None
    stopTime: Time | None = None
    retries: Count | None = None
    retryInterval: Count | None = Field(None, description="seconds")


class LogRequest(BaseModel):
    """Which log, and of what span of time."""

    model_config = ConfigDict(extra="forbid")

    logType: Literal["DiagnosticsLog", "SecurityLog"]
    oldestTimestamp: Time | None = None
    latestTimestamp: Time | None = None
    retries: Count | None = None
    retryInterval: Count | None = Field(None, description="seconds")


def _view(record: Mapping[str, Any]) -> FileView:
    return FileView(
        id=str(record["_id"]),
        name=record["filename"],
        size=record["length"],
        uploadedAt=record["uploadDate"],
        **record["metadata"],
    )


class FilesHandler(ApiHandler):
    """All files. What is uploaded is kept on the disk until it is whole."""

    _spool: Spool | None = None

    async def prepare(self) -> None:
        """Make ready for a large body, from who may send one."""
        if self.request.method == "POST":
            self.max_body_bytes = self.services.deps.settings.max_file_mb * MB
        await super().prepare()
        if self.request.method == "POST":
            connection: Any = self.request.connection
            connection.set_max_body_size(self.max_body_bytes + MAX_IGNORED_BYTES)
            self._spool = Spool(self.max_body_bytes)

    def data_received(self, chunk: bytes) -> None:
        """Keep what has come."""
        if self._spool is None or self._body_is_too_large:
            return
        try:
            self._spool.write(chunk)
        except TooLarge:
            self._body_is_too_large = True

    @endpoint(
        role=Role.VIEWER, summary="Files, newest first", query=FileQuery, returns=Page[FileView]
    )
    async def get(self, query: FileQuery) -> Page[FileView]:
        found: dict[str, Any] = {}
        if query.kind is not None:
            found["metadata.kind"] = query.kind
        if query.chargePointId is not None:
            found["metadata.chargePointId"] = query.chargePointId
        documents, cursor = await find_page(
            self.services.deps.files.collection,
            found,
            sort_field="_id",
            order="desc",
            limit=query.limit,
            cursor=query.cursor,
        )
        return Page(items=[_view(document) for document in documents], nextCursor=cursor)

    @endpoint(
        role=Role.OPERATOR,
        summary="Upload a firmware file, as it is",
        query=NewFileQuery,
        returns=FileView,
        status=201,
        request_media="application/octet-stream",
    )
    async def post(self, query: NewFileQuery) -> FileView:
        assert self._spool is not None
        if self._body_is_too_large:
            raise HTTPError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        origin = Origin(JobKind.FIRMWARE, by=self.token.name)
        # All of it is here: whoever hangs up now has uploaded it nevertheless.
        content, self._spool = self._spool, None
        try:
            record = await self.services.deps.files.store(
                query.name, content.content, content.sha256, origin
            )
        finally:
            content.close()
        self.set_header("Location", f"/admin/files/{record['_id']}")
        return _view(record)

    def on_finish(self) -> None:
        """Give the disk back."""
        super().on_finish()
        if self._spool is not None:
            self._spool.close()

    def on_connection_close(self) -> None:
        """Drop what did not come whole."""
        super().on_connection_close()
        if self._spool is not None:
            self._spool.close()


class FileHandler(ApiHandler):
    """One file."""

    @endpoint(
        role=Role.OPERATOR,
        summary="The content of a file",
        errors=(404,),
        media=("application/octet-stream",),
    )
    async def get(self, file_id: str) -> None:
        files = self.services.deps.files
        await send_file(self, files, await files.get(file_id))

    @endpoint(role=Role.OPERATOR, summary="Delete a file", status=204, errors=(404,))
    async def delete(self, file_id: str) -> None:
        await self.services.deps.files.delete(file_id)


class _LinkHandler(ApiHandler):
    """What the commands with a one-time URL share."""

    max_body_bytes = MAX_BODY_BYTES

    async def url(self, charge_point_id: str, kind: JobKind, file_id: str | None, name: str) -> str:
        """A one-time URL for a job of this charge point."""
        deps = self.services.deps
        token = await deps.files.make_link(
            charge_point_id,
            kind,
            file_id,
            deps.clock(),
            timedelta(hours=deps.settings.file_link_hours),
        )
        base = address_of_files(self.services, self.request)
        return f"{base}/files/{token}/{quote(name, safe='')}"

    async def execute(
        self, charge_point_id: str, action: str, payload: Mapping[str, Any]
    ) -> CommandOutcome:
        return await self.services.commands.execute(
            charge_point_id, action, _without_nulls(payload), self.token.name
        )


class UpdateFirmwareHandler(_LinkHandler):
    """UpdateFirmware with a file that is here."""

    @endpoint(
        role=Role.OPERATOR,
        summary="Have the charge point fetch and install a file",
        body=FirmwareUpdate,
        returns=CommandOutcome,
        errors=_ERRORS,
    )
    async def post(self, charge_point_id: str, body: FirmwareUpdate) -> CommandOutcome:
        deps = self.services.deps
        await deps.charge_points.get(charge_point_id)
        file = await deps.files.get(body.fileId)
        if file["metadata"]["kind"] != JobKind.FIRMWARE:
            raise NotFound("firmware file", body.fileId)
        await self.services.commands.require_connected(charge_point_id)
        location = await self.url(charge_point_id, JobKind.FIRMWARE, body.fileId, file["filename"])
        payload = {
            "location": location,
            "retrieveDate": rfc3339(body.retrieveDate or deps.clock()),
            "retries": body.retries,
            "retryInterval": body.retryInterval,
        }
        return await self.execute(charge_point_id, "UpdateFirmware", payload)


class GetDiagnosticsHandler(_LinkHandler):
    """GetDiagnostics with a place here to upload to."""

    @endpoint(
        role=Role.OPERATOR,
        summary="Have the charge point upload its diagnostics here",
        body=DiagnosticsRequest,
        body_optional=True,
        returns=CommandOutcome,
        errors=_ERRORS,
    )
    async def post(self, charge_point_id: str, body: DiagnosticsRequest) -> CommandOutcome:
        await self.services.commands.require_connected(charge_point_id)
        payload = {
            "location": await self.url(charge_point_id, JobKind.DIAGNOSTICS, None, ""),
            **_times(body.model_dump()),
        }
        return await self.execute(charge_point_id, "GetDiagnostics", payload)


class GetLogHandler(_LinkHandler):
    """GetLog with a place here to upload to."""

    @endpoint(
        role=Role.OPERATOR,
        summary="Have the charge point upload a log here",
        body=LogRequest,
        returns=CommandOutcome,
        errors=_ERRORS,
    )
    async def post(self, charge_point_id: str, body: LogRequest) -> CommandOutcome:
        await self.services.commands.require_connected(charge_point_id)
        span = {"oldestTimestamp": body.oldestTimestamp, "latestTimestamp": body.latestTimestamp}
        location = await self.url(charge_point_id, JobKind.LOG, None, "")
        payload = {
            "logType": body.logType,
            "log": _without_nulls({"remoteLocation": location, **_times(span)}),
            "retries": body.retries,
            "retryInterval": body.retryInterval,
        }
        return await self.execute(charge_point_id, "GetLog", payload)


def _times(fields: Mapping[str, Any]) -> Payload:
    return {
        name: rfc3339(value) if isinstance(value, datetime) else value
        for name, value in fields.items()
    }


def _without_nulls(fields: Mapping[str, Any]) -> Payload:
    return {name: value for name, value in fields.items() if value is not None}
