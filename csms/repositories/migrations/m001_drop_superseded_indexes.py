"""Drops indexes that csms made before version 0.1.0 and has replaced by others since.

Lists are sorted by a time and then by `_id`, so the indexes of a time alone serve nothing any more,
and every write pays for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo.errors import OperationFailure

from csms import db
from csms.repositories.migrations.migration import Migration

Keys = Mapping[str, int]

SUPERSEDED: Mapping[str, tuple[Keys, ...]] = {
    "heartbeats": ({"chargePointId": 1, "receivedAt": -1}, {"receivedAt": -1}),
    "meter_values": (
        {"chargePointId": 1, "timestamp": -1},
        {"transactionId": 1, "timestamp": -1},
        {"timestamp": -1},
    ),
    "boot_notifications": ({"chargePointId": 1, "receivedAt": -1}, {"receivedAt": -1}),
    "transactions": (
        {"chargePointId": 1, "startTimestamp": -1},
        {"startTimestamp": -1},
        {"idTagFolded": 1, "startTimestamp": -1},
    ),
    "commands": ({"chargePointId": 1, "requestedAt": -1}, {"requestedAt": -1}),
    "rejected_connections": ({"lastSeen": -1},),
    "file_links": ({"chargePointId": 1, "kind": 1},),
}
"""Keys of every index that an earlier commit made and 0.1.0 does not, by collection."""

_PARTIAL: Mapping[str, Mapping[str, Any]] = {
    "transactionId_1_timestamp_-1": {"transactionId": {"$gt": 0}}
}
_COMMON = {"v", "key", "name", "ns", "partialFilterExpression"}
_NO_SUCH = (26, 27)
"""NamespaceNotFound, IndexNotFound."""


async def run(database: db.Database) -> int:
    """Drop those that are there. An index with other options or another name is not ours."""
    dropped = 0
    for name, all_keys in SUPERSEDED.items():
        collection = database[name]
        there = {index["name"]: index async for index in collection.list_indexes()}
        for keys in all_keys:
            index_name = "_".join(f"{field}_{order}" for field, order in keys.items())
            if _is_ours(there.get(index_name), keys):
                dropped += await _drop(collection, index_name)
    return dropped


def _is_ours(index: Mapping[str, Any] | None, keys: Keys) -> bool:
    return (
        index is not None
        and list(index["key"].items()) == list(keys.items())
        and index.get("partialFilterExpression") == _PARTIAL.get(index["name"])
        and set(index) <= _COMMON
    )


async def _drop(collection: db.Collection, name: str) -> int:
    try:
        await collection.drop_index(name)
    except OperationFailure as error:
        if error.code in _NO_SUCH:
            return 0
        raise
    return 1


MIGRATION = Migration("001_drop_superseded_indexes", 1, "drop superseded indexes", run)
