"""GetLocalListVersion (OCPP 1.6, 5.10)."""

from __future__ import annotations

from csms.actions.context import Deps, Outbound
from csms.domain.local_list import usable_version
from csms.ocppj.frames import Payload


async def after(deps: Deps, charge_point_id: str, payload: Payload, answer: Payload) -> None:
    """Keep the version that was told."""
    version = usable_version(answer.get("listVersion"))
    if version is not None:
        await deps.local_lists.note_version(charge_point_id, version)


OUTBOUND = Outbound("GetLocalListVersion", after=after)
