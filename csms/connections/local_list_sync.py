"""Brings a charge point's local authorization list up to date with the id tags (OCPP 1.6, 3.5)."""

from __future__ import annotations

import re

from csms.actions.context import Deps
from csms.connections.connector_sync import Caller, ask_configuration
from csms.domain.local_list import (
    NOT_SUPPORTED,
    Entry,
    LocalListUpdate,
    UpdateType,
    changes,
    entries_of,
    portions,
    usable_version,
)
from csms.errors import CallErrorReceived, FieldError, InvalidInput

LIST_LENGTH = "LocalAuthListMaxLength"
MESSAGE_LENGTH = "SendLocalListMaxLength"
_LENGTH = re.compile(r"0*[1-9][0-9]{0,8}")


async def sync_local_list(
    call: Caller, deps: Deps, charge_point_id: str, update_type: UpdateType | None
) -> LocalListUpdate:
    """Send what is missing: the changes where the list is known, else all.

    A differential update that the charge point refuses is followed by a full one.

    Raises:
        InvalidInput: there are more id tags than the charge point can hold.
        CommandError: the charge point did not answer.
    """
    lengths = await _lengths(call)
    answer = await call("GetLocalListVersion", {})
    reported = usable_version(answer.get("listVersion")) or 0
    if reported == NOT_SUPPORTED:
        return LocalListUpdate(status="NotSupported", listVersion=reported)
    wanted = await _wanted(deps)
    room = lengths.get(LIST_LENGTH)
    if room is not None and len(wanted) > room:
        raise InvalidInput(
            FieldError("idTags", f"there are {len(wanted)}; the charge point holds {room}")
        )
    known = await deps.local_lists.find(charge_point_id) or {}
    version = max(reported, known.get("listVersion") or 0)
    is_known = reported > 0 and known.get("listVersion") == reported
    size = lengths.get(MESSAGE_LENGTH)
    if update_type == "Differential" or (update_type is None and is_known):
        missing = changes(known.get("entries") or (), wanted)
        if not missing:
            return LocalListUpdate(status="UpToDate", listVersion=reported)
        update = await _send(call, missing, "Differential", version + 1, size)
        if update.status not in ("VersionMismatch", "Failed"):
            return update
    return await _send(call, wanted, "Full", version + 1, size)


async def _lengths(call: Caller) -> dict[str, int]:
    try:
        values = await ask_configuration(call, [LIST_LENGTH, MESSAGE_LENGTH], 2)
    except CallErrorReceived:
        return {}
    found = ((name, values.get(name.casefold(), "")) for name in (LIST_LENGTH, MESSAGE_LENGTH))
    return {name: int(v) for name, v in found if _LENGTH.fullmatch(v)}


async def _wanted(deps: Deps) -> list[Entry]:
    records = [record async for record in deps.id_tags.all()]
    parents = frozenset(r["parentIdTagFolded"] for r in records if r.get("parentIdTagFolded"))
    return entries_of(records, parents, deps.clock())


async def _send(
    call: Caller, entries: list[Entry], update_type: UpdateType, version: int, size: int | None
) -> LocalListUpdate:
    for payload in portions(entries, update_type, version, size):
        status = (await call("SendLocalList", payload)).get("status")
        version = payload["listVersion"]
        if status != "Accepted":
            known = status if status in ("NotSupported", "VersionMismatch") else "Failed"
            return LocalListUpdate(status=known, updateType=update_type, listVersion=version)
    return LocalListUpdate(
        status="Accepted", updateType=update_type, listVersion=version, sent=len(entries)
    )
