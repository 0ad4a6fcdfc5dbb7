"""The local authorization list of a charge point (OCPP 1.6, 3.5 and 5.15), from the id tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from csms.domain.id_tag import MAX_ID_TAG, authorize, fold

UpdateType = Literal["Full", "Differential"]
Entry = dict[str, Any]
NOT_SUPPORTED = -1
"""The version that a charge point without a local list tells (5.10)."""
MAX_VERSION = 2**31 - 2
"""There must be one after it."""


def usable_version(reported: object) -> int | None:
    """A list version as a charge point reports it (5.10); None if it cannot be one."""
    if isinstance(reported, int) and NOT_SUPPORTED <= reported <= MAX_VERSION:
        return reported
    return None


class LocalListRequest(BaseModel):
    """How to bring the list up to date."""

    model_config = ConfigDict(extra="forbid")

    updateType: UpdateType | None = Field(
        None, description="left out: the changes where its list is known, else all"
    )


class LocalListUpdate(BaseModel):
    """What became of an update."""

    status: Literal["UpToDate", "Accepted", "Failed", "NotSupported", "VersionMismatch"]
    updateType: UpdateType | None = None
    listVersion: int
    sent: int = Field(0, description="entries sent, removals included")


class EntryView(BaseModel):
    """One id tag of the list."""

    idTag: str
    idTagInfo: dict[str, Any]


class LocalListView(BaseModel):
    """The list that a charge point has accepted."""

    listVersion: int = Field(description="0 before the first update")
    reportedVersion: int | None = Field(None, description="as the charge point told it last")
    entries: list[EntryView]
    updatedAt: datetime | None = None


def entries_of(
    id_tags: Iterable[Mapping[str, Any]], parents: frozenset[str], now: datetime
) -> list[Entry]:
    """The list as it should be: all id tags, each with what Authorize would answer.

    `parents` are the groups, folded; a group is no id tag that anyone presents. Left out are id
    tags longer than a SendLocalList may carry: charge points have to ask for these.
    """
    return [
        {
            "idTag": record["idTag"],
            "idTagInfo": authorize(
                record, presented_is_parent=False, unknown_status="Invalid", now=now
            ).payload(),
        }
        for record in id_tags
        if record["_id"] not in parents and len(record["idTag"]) <= MAX_ID_TAG
    ]


def changes(before: Iterable[Entry], after: Iterable[Entry]) -> list[Entry]:
    """What a differential update has to say: what is new or other, then what goes."""
    old = {fold(entry["idTag"]): entry for entry in before}
    new = {fold(entry["idTag"]): entry for entry in after}
    changed = [entry for key, entry in new.items() if old.get(key) != entry]
    return changed + [{"idTag": entry["idTag"]} for key, entry in old.items() if key not in new]


def updated(before: Iterable[Entry], update: Mapping[str, Any]) -> list[Entry]:
    """The list after a SendLocalList.req that was accepted: no idTagInfo takes an entry out."""
    entries = {} if update["updateType"] == "Full" else {fold(e["idTag"]): e for e in before}
    for entry in update.get("localAuthorizationList") or ():
        if "idTagInfo" in entry:
            entries[fold(entry["idTag"])] = entry
        else:
            entries.pop(fold(entry["idTag"]), None)
    return list(entries.values())


def portions(
    entries: Sequence[Entry], update_type: UpdateType, version: int, size: int | None
) -> list[dict[str, Any]]:
    """SendLocalList payloads of at most `size` entries: the first of its type, then differences."""
    step = size or max(len(entries), 1)
    return [
        {
            "listVersion": version + number,
            "updateType": update_type if number == 0 else "Differential",
            "localAuthorizationList": list(entries[first : first + step]),
        }
        for number, first in enumerate(range(0, max(len(entries), 1), step))
    ]
