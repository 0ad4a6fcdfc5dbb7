"""Authorize (OCPP 1.6, 4.1)."""

from __future__ import annotations

from csms.actions.authorization import authorize_id_tag
from csms.actions.context import Context, Inbound
from csms.ocppj.frames import Payload


async def handle(context: Context, payload: Payload) -> Payload:
    """Say what an id tag may do."""
    info = await authorize_id_tag(context, payload["idTag"])
    return {"idTagInfo": info.payload()}


INBOUND = Inbound("Authorize", handle)
