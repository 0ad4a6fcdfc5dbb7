"""MongoDB: the client, the collections with their sizes and indexes, and what "away" means."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo import ASCENDING, DESCENDING, AsyncMongoClient, IndexModel, MongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.collation import Collation, CollationStrength
from pymongo.errors import (
    AutoReconnect,
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
)
from pymongo.uri_parser import parse_uri

from csms.config import Settings
from csms.domain.folded_keys import NAMES
from csms.errors import DatabaseUnavailable, Duplicate, NoReplicaSet

log = structlog.get_logger(__name__)

Document = dict[str, Any]
Database = AsyncIOMotorDatabase[Document]
Collection = AsyncIOMotorCollection[Document]
TelemetryDatabase = AsyncDatabase[Document]
TelemetryCollection = AsyncCollection[Document]

CASE_INSENSITIVE = Collation(locale="en", strength=CollationStrength.SECONDARY)
"""Serial numbers are compared without case, by the unique index too."""

# A write concern error: the write was done, and a majority did not say that it has it.
_UNAVAILABLE = (ConnectionFailure, AutoReconnect, WriteConcernError, ExecutionTimeout)
_OUT_OF_DISK_SPACE = 14031
_INDEX_CONFLICTS = (85, 86)
"""IndexOptionsConflict, IndexKeySpecsConflict."""
_MB = 1024 * 1024
FORGET_REJECTED_SECONDS = 90 * 24 * 3600
FORGET_AUDIT_SECONDS = 366 * 24 * 3600
FORGET_ALARMS_SECONDS = 90 * 24 * 3600
"""After they were closed."""

_CLIENT: Mapping[str, Any] = {
    "appname": "csms",
    "wTimeoutMS": 10_000,
    "serverSelectionTimeoutMS": 5_000,
    "connectTimeoutMS": 5_000,
    "socketTimeoutMS": 20_000,
    "maxPoolSize": 32,
}


KEY_HASH: Mapping[str, Any] = {"$gte": "$argon2", "$lt": "$argon3"}
"""Matches a hash of an authorization key, and no reference to one."""


def _text(field: str) -> Document:
    return {field: {"$type": "string"}}


def _newest(field: str) -> list[tuple[str, int]]:
    # With the _id, as lists are sorted: without it every page would sort the whole collection.
    return [(field, DESCENDING), ("_id", DESCENDING)]


INDEXES: Mapping[str, Sequence[IndexModel]] = {
    "charge_points": [
        IndexModel(
            "serialNumber",
            name="serialNumber_unique",
            unique=True,
            partialFilterExpression=_text("serialNumber"),
            collation=CASE_INSENSITIVE,
        ),
        IndexModel(
            "chargePointIdentity",
            name="chargePointIdentity_unique",
            unique=True,
            partialFilterExpression=_text("chargePointIdentity"),
        ),
        IndexModel(
            "chargePointIdentity",
            name="chargePointIdentity_folded",
            partialFilterExpression=_text("chargePointIdentity"),
            collation=CASE_INSENSITIVE,
        ),
        IndexModel(
            "serialNumber",
            name="serial_only",
            partialFilterExpression={"chargePointIdentity": None},
        ),
        IndexModel(
            "idFolded",
            name="idFolded_unique",
            unique=True,
            partialFilterExpression=_text("idFolded"),
        ),
        IndexModel(
            "identityFolded",
            name="identityFolded_unique",
            unique=True,
            partialFilterExpression=_text("identityFolded"),
        ),
        # Identity and serial together (csms.domain.folded_keys).
        IndexModel(
            "namesFolded",
            name="namesFolded_unique",
            unique=True,
            partialFilterExpression=_text("namesFolded"),
        ),
        IndexModel("searchGrams", name="search"),
        IndexModel("status", name="status", partialFilterExpression=_text("status")),
        IndexModel(
            "connectors.status",
            name="connector_status",
            partialFilterExpression=_text("connectors.status"),
        ),
        IndexModel(
            "protocolTrouble.lastAt",
            name="troubled",
            partialFilterExpression={"protocolTrouble.lastAt": {"$type": "date"}},
        ),
        IndexModel([("name", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("stationName", ASCENDING), ("_id", ASCENDING)]),
        IndexModel("nodeId", name="nodeId", partialFilterExpression=_text("nodeId")),
        # What earlier versions wrote into records; empty once it was moved to `credentials`.
        *(
            IndexModel(field, name=f"{field}_here", partialFilterExpression={field: KEY_HASH})
            for field in ("authorizationKeyHash", "nextAuthorizationKeyHash")
        ),
    ],
    "heartbeats": [
        IndexModel([("chargePointId", ASCENDING), *_newest("receivedAt")]),
        IndexModel(_newest("receivedAt")),
    ],
    "meter_values": [
        IndexModel([("chargePointId", ASCENDING), *_newest("timestamp")]),
        IndexModel(
            [("transactionId", ASCENDING), *_newest("timestamp")],
            partialFilterExpression={"transactionId": {"$gt": 0}},
        ),
        IndexModel(_newest("timestamp")),
    ],
    "boot_notifications": [
        IndexModel([("chargePointId", ASCENDING), *_newest("receivedAt")]),
        IndexModel(_newest("receivedAt")),
    ],
    "transactions": [
        IndexModel("startKey", unique=True),
        IndexModel([("status", ASCENDING), *_newest("startTimestamp")]),
        IndexModel(
            [("flags", ASCENDING), *_newest("startTimestamp")],
            name="flagged",
            partialFilterExpression={"flags.0": {"$exists": True}},
        ),
        IndexModel("stopTimestamp"),
        IndexModel([("chargePointId", ASCENDING), *_newest("startTimestamp")]),
        IndexModel(_newest("startTimestamp")),
        IndexModel([("idTagFolded", ASCENDING), *_newest("startTimestamp")]),
        IndexModel(
            [("chargePointId", ASCENDING), ("connectorId", ASCENDING)],
            name="active",
            partialFilterExpression={"status": "Active"},
        ),
        # Each stop is stored in one transaction alone, however many nodes it reaches at once.
        IndexModel(
            "stopKeys",
            name="stopKeys_unique",
            unique=True,
            partialFilterExpression=_text("stopKeys"),
        ),
        IndexModel(
            "leftBehindAt",
            name="leftBehind",
            partialFilterExpression={"status": "Active", "leftBehindAt": {"$type": "date"}},
        ),
    ],
    "id_tags": [
        IndexModel("parentIdTagFolded", partialFilterExpression=_text("parentIdTagFolded"))
    ],
    "commands": [
        IndexModel([("chargePointId", ASCENDING), *_newest("requestedAt")]),
        IndexModel(_newest("requestedAt")),
        IndexModel("nodeId", name="pending", partialFilterExpression={"status": "Pending"}),
    ],
    "rejected_connections": [
        IndexModel("lastSeen", name="forgotten", expireAfterSeconds=FORGET_REJECTED_SECONDS),
        IndexModel(_newest("lastSeen")),
        IndexModel("chargePointIdentity"),
    ],
    "security_events": [
        IndexModel([("chargePointId", ASCENDING), *_newest("timestamp")]),
        IndexModel(_newest("timestamp")),
        IndexModel(
            _newest("timestamp"),
            name="critical",
            partialFilterExpression={"critical": True},
        ),
    ],
    "charging_profiles": [
        IndexModel([("chargePointId", ASCENDING), *_newest("createdAt")]),
        IndexModel(_newest("createdAt")),
    ],
    "reservations": [
        IndexModel([("chargePointId", ASCENDING), *_newest("createdAt")]),
        IndexModel(_newest("createdAt")),
        IndexModel("expiryDate", partialFilterExpression={"status": "Accepted"}),
    ],
    "messages": [IndexModel([("chargePointId", ASCENDING), ("at", DESCENDING)])],
    "local_lists": [],
    "credentials": [],
    "certificates": [
        IndexModel([("chargePointId", ASCENDING), *_newest("createdAt")]),
        IndexModel(_newest("createdAt")),
        IndexModel("fingerprint", name="fingerprint", partialFilterExpression=_text("fingerprint")),
    ],
    "jobs": [
        IndexModel([("chargePointId", ASCENDING), *_newest("createdAt")]),
        IndexModel(_newest("createdAt")),
    ],
    "file_links": [
        IndexModel("expiresAt", expireAfterSeconds=0),
        IndexModel("jobId"),
    ],
    "files.files": [IndexModel([("filename", ASCENDING), ("uploadDate", ASCENDING)])],
    "files.chunks": [IndexModel([("files_id", ASCENDING), ("n", ASCENDING)], unique=True)],
    "api_tokens": [IndexModel("tokenHash", unique=True)],
    "audit": [
        IndexModel("at", name="forgotten", expireAfterSeconds=FORGET_AUDIT_SECONDS),
        IndexModel(_newest("at")),
        IndexModel([("by", ASCENDING), *_newest("at")]),
    ],
    "alarms": [
        # One open alarm of a kind and a subject, however many nodes raise it.
        IndexModel("openKey", unique=True, partialFilterExpression=_text("openKey")),
        IndexModel([("closedAt", ASCENDING), *_newest("raisedAt")]),
        IndexModel([("chargePointId", ASCENDING), *_newest("raisedAt")]),
        IndexModel("closedAt", name="forgotten", expireAfterSeconds=FORGET_ALARMS_SECONDS),
    ],
    "limits": [IndexModel("endsAt", expireAfterSeconds=0)],
    "users": [
        IndexModel(
            [("issuer", ASCENDING), ("subject", ASCENDING)],
            name="subject_unique",
            unique=True,
            partialFilterExpression=_text("subject"),
        )
    ],
    "sessions": [
        IndexModel("expiresAt", expireAfterSeconds=0),
        IndexModel([("kind", ASCENDING), ("holderId", ASCENDING)]),
    ],
    "nodes": [],
    "node_calls": [IndexModel("at", expireAfterSeconds=60)],
    "counters": [],
    "schema": [],
}


def connect(settings: Settings, uri: str) -> AsyncIOMotorClient[Document]:
    """A client whose writes are acknowledged by a majority, journaled, or fail in seconds.

    What the URI itself says about time-outs and the pool goes before what is set here.
    """
    return AsyncIOMotorClient(uri, **_options(uri))


def connect_telemetry(uri: str) -> AsyncMongoClient[Document]:
    """The same for what arrives in quantity: this client works without motor's threads."""
    return AsyncMongoClient(uri, **_options(uri))


def _options(uri: str) -> dict[str, Any]:
    in_uri = {name.casefold() for name in parse_uri(uri, warn=False)["options"]}
    options = {name: value for name, value in _CLIENT.items() if name.casefold() not in in_uri}
    return {"tz_aware": True, "w": "majority", "journal": True, **options}


async def prepare(database: Database, settings: Settings) -> None:
    """Create what is missing: capped collections with their sizes, and the indexes.

    Running it again changes nothing; a capped size that was set anew takes effect.
    """
    capped = {
        "heartbeats": settings.heartbeats_mb,
        "meter_values": settings.meter_values_mb,
        "boot_notifications": settings.boot_notifications_mb,
        "messages": settings.messages_mb,
    }
    existing = {info["name"]: info async for info in await database.list_collections()}
    for name, indexes in INDEXES.items():
        size = capped[name] * _MB if name in capped else None
        if name not in existing:
            await _create(database, name, size)
        elif size is not None:
            await _resize(database, existing[name], size)
        if indexes:
            await _make_indexes(database[name], indexes)


async def _make_indexes(collection: Collection, indexes: Sequence[IndexModel]) -> None:
    try:
        await collection.create_indexes(list(indexes))
    except OperationFailure as error:
        if error.code not in _INDEX_CONFLICTS:
            raise
        for index in indexes:
            await _make_index(collection, index)


async def _make_index(collection: Collection, index: IndexModel) -> None:
    """Make one index. One of its name with other options is from an earlier csms, and replaced."""
    name = index.document["name"]
    try:
        await collection.create_indexes([index])
    except OperationFailure as error:
        if error.code not in _INDEX_CONFLICTS:
            raise
        if name in await collection.index_information():
            log.info("index_made_anew", collection=collection.name, index=name)
            await collection.drop_index(name)
            await collection.create_indexes([index])
        else:
            # Somebody else made the same index under another name: it serves as well.
            log.warning("index_not_made", collection=collection.name, index=name, why=str(error))


async def _create(database: Database, name: str, size: int | None) -> None:
    options: Document = {} if size is None else {"capped": True, "size": size}
    try:
        await database.create_collection(name, check_exists=False, **options)
    except OperationFailure as error:
        if error.code != 48:  # NamespaceExists: another node was quicker
            raise


async def _resize(database: Database, info: Mapping[str, Any], size: int) -> None:
    options = info.get("options", {})
    if not options.get("capped"):
        await database.command("convertToCapped", info["name"], size=size)
    elif options.get("size") != size:
        await database.command("collMod", info["name"], cappedSize=size)


@dataclass(frozen=True)
class MongodbServer:
    """What runs at a URI."""

    version: str
    kind: str

    def __str__(self) -> str:
        return f"{self.version}, {self.kind}"


def check_server(uri: str) -> MongodbServer:
    """What runs at this URI; it blocks for up to five seconds.

    Raises:
        NoReplicaSet: a standalone mongod, which csms cannot work with.
        PyMongoError: there is no answer.
    """
    with MongoClient[Document](uri, serverSelectionTimeoutMS=5_000) as client:
        version = str(client.server_info()["version"])
        hello = client.admin.command("hello")
    # A router of a sharded cluster has no name of its own; its shards are replica sets.
    if hello.get("msg") == "isdbgrid":
        return MongodbServer(version, "sharded cluster")
    if hello.get("setName") is None:
        raise NoReplicaSet("is no replica set; start mongod with --replSet and initiate it")
    return MongodbServer(version, f"replica set {hello['setName']}")


async def ping(database: Database) -> None:
    """Ask the database for a sign of life.

    Raises:
        DatabaseUnavailable: it gave none.
    """
    async with errors():
        await database.command("ping")


async def confirm(collection: Collection, record_id: Any) -> None:
    """Wait until a majority has a record as it is: what was read may still be taken back.

    Raises:
        DatabaseUnavailable: the majority did not say so in time.
    """
    async with errors():
        # Changes nothing, and waits for a majority to have all that came before.
        await collection.update_one({"_id": record_id}, {"$set": {"_id": record_id}})


def translate(error: PyMongoError) -> Exception:
    """The domain's name for a driver's error; the error itself where there is none."""
    if isinstance(error, DuplicateKeyError):
        key: Mapping[str, Any] = (error.details or {}).get("keyValue") or {}
        field = next(iter(key), "_id")
        return Duplicate(NAMES.get(field, field))
    if isinstance(error, _UNAVAILABLE) or error.timeout:
        return DatabaseUnavailable(f"MongoDB is away: {type(error).__name__}")
    if isinstance(error, OperationFailure):
        if error.has_error_label("RetryableWriteError"):
            return DatabaseUnavailable("MongoDB is changing its primary")
        if error.code == _OUT_OF_DISK_SPACE:
            return DatabaseUnavailable("MongoDB's disk is full")
    return error


@asynccontextmanager
async def errors() -> AsyncIterator[None]:
    """Turn the driver's errors into the domain's.

    Raises:
        Duplicate: a unique field is taken.
        DatabaseUnavailable: MongoDB did not answer in time.
    """
    try:
        yield
    except PyMongoError as error:
        translated = translate(error)
        if translated is error:
            raise
        raise translated from error
