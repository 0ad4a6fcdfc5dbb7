"""`/files/{token}`: where charge points fetch firmware, and upload diagnostics and logs.

The token is good for one job. A download may be taken up again where it broke off, until the job
is over; an upload is taken once it is whole.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from tornado.web import HTTPError, stream_request_body

from csms.repositories.files import Origin
from csms.web.api.base import MAX_IGNORED_BYTES
from csms.web.downloads import send_file
from csms.web.health import OpenHandler
from csms.web.spool import FirstFile, Spool, TooLarge

FILES_PATH = r"/files/([A-Za-z0-9_-]{8,100})(?:/([^/]*))?/?"
MB = 1024 * 1024
UNNAMED = "upload"


@stream_request_body
class FileLinkHandler(OpenHandler):
    """One one-time URL."""

    SUPPORTED_METHODS = ("GET", "HEAD", "PUT", "POST")
    _spool: Spool | None = None
    _is_too_large = False

    async def prepare(self) -> None:
        """See what the token is good for, before any body is looked at."""
        connection: Any = self.request.connection
        connection.set_max_body_size(MAX_IGNORED_BYTES)
        token = self.path_args[0]
        deps = self.services.deps
        link = await deps.files.link(token, deps.clock())
        downloads = self.request.method in ("GET", "HEAD")
        if link is None or (link["fileId"] is not None) is not downloads:
            raise HTTPError(HTTPStatus.NOT_FOUND)
        self._link = link
        if not downloads:
            self._limit = deps.settings.max_upload_mb * MB
            length = self.request.headers.get("Content-Length", "")
            if length.isdecimal() and int(length) > self._limit:
                raise HTTPError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            self._spool = Spool(self._limit)

    def data_received(self, chunk: bytes) -> None:
        """Keep what has come."""
        if self._spool is not None and not self._is_too_large:
            try:
                self._spool.write(chunk)
            except TooLarge:
                self._is_too_large = True

    async def get(self, token: str, name: str | None) -> None:
        """Send the file."""
        files = self.services.deps.files
        await send_file(self, files, await files.get(self._link["fileId"]))

    head = get

    async def post(self, token: str, name: str | None) -> None:
        """Take the file."""
        assert self._spool is not None
        if self._is_too_large:
            raise HTTPError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        content, told = self._spool, unquote(name or "")
        content_type = self.request.headers.get("Content-Type", "")
        if content_type.casefold().startswith("multipart/form-data"):
            form = FirstFile(self._limit)
            try:
                form.read(self._spool.content, content_type)
                await self._store(token, form.spool, told or form.name or "")
            finally:
                form.spool.close()
        else:
            await self._store(token, content, told)
        self.set_status(HTTPStatus.CREATED)
        self.finish()

    put = post

    async def _store(self, token: str, content: Spool, name: str) -> None:
        deps, link = self.services.deps, self._link
        if not await deps.files.use_link(token, deps.clock()):
            raise HTTPError(HTTPStatus.CONFLICT)
        origin = Origin(link["kind"], link["chargePointId"])
        record = await deps.files.store(_safe(name), content.content, origin)
        await deps.jobs.attach(link["chargePointId"], link["kind"], str(record["_id"]))

    def on_finish(self) -> None:
        """Give the disk back."""
        super().on_finish()
        self._drop()

    def on_connection_close(self) -> None:
        """Drop what did not come whole."""
        super().on_connection_close()
        self._drop()

    def _drop(self) -> None:
        if self._spool is not None:
            self._spool.close()


def _safe(name: str) -> str:
    """A file name with no folder and no control character in it."""
    last = name.replace("\\", "/").rpartition("/")[2]
    clean = "".join(char for char in last if char.isprintable()).strip(". ")
    return clean[:255] or UNNAMED
