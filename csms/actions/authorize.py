"""Authorize (OCPP 1.6, 4.1)."""

from __future__ import annotations

import asyncio

from csms.actions.authorization import authorize_id_tag
from csms.actions.context import Context, Inbound
from csms.domain.alarm import Alarm, AlarmKind
from csms.domain.id_tag import fold
from csms.domain.limiter import Limit
from csms.ocppj.frames import Payload

UNKNOWN_ID_TAGS = Limit("unknownIdTags", 30, 600.0)
"""Different ones that a charge point may try before it gets its answers late. People who hold
cards before a reader do not come near it."""
ONE_ID_TAG = Limit("unknownIdTag", 0, 600.0)
LATE = 5.0
"""Seconds. Less than charge points wait for an answer, and too long to try numbers."""


async def handle(context: Context, payload: Payload) -> Payload:
    """Say what an id tag may do.

    Who is on record is answered at once, always: no guessing locks a driver out. What is late is
    the answer that a tag is unknown, after many of them.
    """
    info = await authorize_id_tag(context, payload["idTag"])
    if info.status == "Invalid" and _is_guessing(context, payload["idTag"]):
        context.deps.alarms.note(
            Alarm(AlarmKind.ID_TAG_GUESSING, context.charge_point_id, context.charge_point_id)
        )
        await asyncio.sleep(LATE)
    return {"idTagInfo": info.payload()}


def _is_guessing(context: Context, id_tag: str) -> bool:
    limiter, charge_point_id = context.deps.limiter, context.charge_point_id
    if limiter.count(ONE_ID_TAG, f"{charge_point_id}\n{fold(id_tag)}").count > 1:
        # Somebody tries the same card again.
        return False
    return limiter.count(UNKNOWN_ID_TAGS, charge_point_id).count > UNKNOWN_ID_TAGS.most


INBOUND = Inbound("Authorize", handle)
