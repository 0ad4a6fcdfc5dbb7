"""Data that an older version of csms wrote, loaded as it was: collections, indexes, documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bson.json_util
from bson.json_util import JSONOptions
from pymongo import WriteConcern

from csms import db

VERSION_0_1_0 = Path(__file__).parents[1] / "data" / "version-0.1.0"

_OPTIONS = JSONOptions(tz_aware=True, document_class=dict)


async def load(database: db.Database, folder: Path) -> None:
    """Make the database what it was when the folder was made; it must be empty."""
    # Nothing here has to outlive the test: not waiting for the disk is quicker.
    database = database.with_options(write_concern=WriteConcern(w=1, j=False))
    collections = _read((folder / "collections.json").read_text())
    for name, collection in collections.items():
        await database.create_collection(name, **collection["options"])
        indexes = [index for index in collection["indexes"] if index["name"] != "_id_"]
        if indexes:
            await database.command("createIndexes", name, indexes=indexes)
        documents = folder / f"{name}.jsonl"
        if documents.exists():
            lines = documents.read_text().splitlines()
            await database[name].insert_many([_read(line) for line in lines])


async def everything(database: db.Database) -> dict[str, Any]:
    """All documents and index names of a database, to be compared."""
    found: dict[str, Any] = {}
    for name in sorted(await database.list_collection_names()):
        documents = await database[name].find().sort("_id").to_list(None)
        found[name] = (documents, sorted(await database[name].index_information()))
    return found


def _read(text: str) -> Any:
    return bson.json_util.loads(text, json_options=_OPTIONS)
