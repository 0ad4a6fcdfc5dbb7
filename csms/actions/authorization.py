"""Whether an id tag may charge, for Authorize, StartTransaction and StopTransaction."""

from __future__ import annotations

from csms.actions.context import Context
from csms.domain.id_tag import IdTagInfo, authorize, clean_id_tag


async def authorize_id_tag(
    context: Context, id_tag: str, *, starting: bool = False, on_connector: int | None = None
) -> IdTagInfo:
    """Decide on an id tag; only for a transaction that starts do running ones count.

    Not counted is what runs on the calling charge point's connector `on_connector`, where the
    transaction starts.
    """
    if not clean_id_tag(id_tag):
        return IdTagInfo("Invalid")
    deps = context.deps
    record = await deps.id_tags.find(id_tag)
    limited = record is not None and record.get("maxActiveTransactions") is not None
    active: int | None = None
    if starting and limited:
        active = await deps.transactions.count_active(id_tag, context.charge_point_id, on_connector)
    return authorize(
        record,
        presented_is_parent=await deps.id_tags.is_parent(id_tag),
        unknown_status=deps.settings.unknown_id_tags,
        now=context.received_at,
        active_transactions=active,
    )
