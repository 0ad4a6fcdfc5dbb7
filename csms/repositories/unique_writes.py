"""Bulk writes of fields that are unique, where some may be another record's."""

from __future__ import annotations

from collections.abc import Sequence

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from csms import db

DUPLICATE_KEY = 11000
"""MongoDB's code for a write that a unique index has stopped."""


async def write_where_free(collection: db.Collection, updates: Sequence[UpdateOne]) -> list[int]:
    """Write a batch, none of which stops another; returns which ones a unique index has stopped.

    Raises:
        BulkWriteError: something else went wrong.
    """
    if not updates:
        return []
    try:
        await collection.bulk_write(updates, ordered=False)
    except BulkWriteError as error:
        errors = (error.details or {}).get("writeErrors", [])
        if not errors or any(one.get("code") != DUPLICATE_KEY for one in errors):
            raise
        return [one["index"] for one in errors]
    return []
