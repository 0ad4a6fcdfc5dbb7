"""Whether an id tag may charge, for Authorize, StartTransaction and StopTransaction."""

from __future__ import annotations

from csms.actions.context import Context
from csms.domain.id_tag import IdTagInfo, authorize, clean_id_tag


async def authorize_id_tag(context: Context, id_tag: str) -> IdTagInfo:
    """Decide on an id tag; how many transactions it has counts only where another one starts."""
    if not clean_id_tag(id_tag):
        return IdTagInfo("Invalid")
    deps = context.deps
    return authorize(
        await deps.id_tags.find(id_tag),
        presented_is_parent=await deps.id_tags.is_parent(id_tag),
        unknown_status=deps.settings.unknown_id_tags,
        now=context.received_at,
    )
