"""Files as answers: streamed, in part where a Range is asked for (RFC 9110, 14)."""

from __future__ import annotations

import re
from contextlib import aclosing
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler

from csms.repositories.files import Files

_RANGE = re.compile(r"bytes=(\d{1,15})?-(\d{1,15})?")


def requested_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The first byte and the one after the last that are asked for; None for the whole file.

    Raises:
        ValueError: nothing of the file is in that range.
    """
    match = _RANGE.fullmatch((header or "").strip())
    if match is None or (match[1] is None and match[2] is None):
        return None
    if match[1] is None:
        start, end = max(0, size - int(match[2])), size
    else:
        start = int(match[1])
        end = size if match[2] is None else min(size, int(match[2]) + 1)
    if start >= end:
        raise ValueError("not satisfiable")
    return start, end


async def send_file(handler: RequestHandler, files: Files, record: dict[str, Any]) -> bool:
    """Answer with a file, or the part that is asked for; says whether its end was sent."""
    size = int(record["length"])
    handler.set_header("Content-Type", "application/octet-stream")
    handler.set_header("Accept-Ranges", "bytes")
    handler.set_header(
        "Content-Disposition", f"attachment; filename*=UTF-8''{quote(record['filename'], safe='')}"
    )
    try:
        part = requested_range(handler.request.headers.get("Range"), size)
    except ValueError:
        handler.set_status(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
        handler.set_header("Content-Range", f"bytes */{size}")
        handler.finish()
        return False
    start, end = part or (0, size)
    if part is not None:
        handler.set_status(HTTPStatus.PARTIAL_CONTENT)
        handler.set_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
    handler.set_header("Content-Length", str(end - start))
    if handler.request.method == "HEAD":
        handler.finish()
        return False
    try:
        async with aclosing(files.read(str(record["_id"]), start, end)) as chunks:
            async for chunk in chunks:
                handler.write(chunk)
                await handler.flush()
    except StreamClosedError:
        return False
    handler.finish()
    return end == size
