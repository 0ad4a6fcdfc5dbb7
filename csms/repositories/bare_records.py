"""Bare records: charge points that are let in by their identity alone (`is_bare`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from csms import db

BARE: Mapping[str, Any] = {
    "isWhitelisted": {"$ne": False},
    "authorizationKeyHash": None,
    "nextAuthorizationKeyHash": None,
    "securityProfile": {"$in": [None, 0]},
}
"""Matches charge points that may connect and need neither a key nor a security profile."""

_PROTECTED: Mapping[str, Any] = {
    "$or": [
        {"isWhitelisted": False},
        {"authorizationKeyHash": {"$ne": None}},
        {"nextAuthorizationKeyHash": {"$ne": None}},
        {"securityProfile": {"$gt": 0}},
    ]
}


def matching(is_bare: bool) -> Mapping[str, Any]:
    """The filter for bare records, or for all others."""
    return BARE if is_bare else _PROTECTED


def let_in(*, required_by_default: bool) -> Mapping[str, Any]:
    """The filter for bare records that are not turned away for want of credentials."""
    own = False if required_by_default else {"$ne": True}
    return {**BARE, "requireCredentials": own}


async def count_bare(collection: db.Collection, bare: Mapping[str, Any] = BARE) -> int:
    """How many records are bare.

    Raises:
        DatabaseUnavailable: MongoDB did not answer.
    """
    async with db.errors():
        return await collection.count_documents(bare)


async def list_bare(
    collection: db.Collection, limit: int, bare: Mapping[str, Any] = BARE
) -> list[str]:
    """The ids of the first so many bare records, in the order of ids.

    Raises:
        DatabaseUnavailable: MongoDB did not answer.
    """
    async with db.errors():
        found = await collection.find(bare, {"_id": 1}).sort("_id", 1).limit(limit).to_list(limit)
    return [str(record["_id"]) for record in found]
