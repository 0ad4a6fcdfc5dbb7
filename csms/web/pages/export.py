"""Lists as CSV files, for spreadsheets and for the import to take back."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from csms import db
from csms.web.api.readings import FLUSH_BYTES
from csms.web.pages.base import PageHandler


async def send_csv(
    handler: PageHandler,
    name: str,
    columns: Sequence[str],
    records: AsyncGenerator[db.Document, None],
    row: Callable[[db.Document], list[str]],
) -> None:
    """Stream a file of this name, with a byte order mark, as spreadsheets want it."""
    handler.set_header("Content-Type", "text/csv; charset=utf-8")
    handler.set_header("Content-Disposition", f'attachment; filename="{name}"')
    text = io.StringIO()
    text.write("\ufeff")
    writer = csv.writer(text)
    writer.writerow(columns)
    async with aclosing(records):
        async for record in records:
            writer.writerow(row(record))
            if text.tell() >= FLUSH_BYTES:
                handler.write(text.getvalue())
                await handler.flush()
                text.seek(0)
                text.truncate()
    handler.finish(text.getvalue())
