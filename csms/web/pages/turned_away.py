"""Who tried to connect and was turned away, why, and what to do about it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from csms import db
from csms.connections.admission import Reason
from csms.domain.onboarding import REMEDIES
from csms.repositories.pages import find_listing
from csms.web.api.rejected_connections import RejectedConnectionQuery
from csms.web.pages.base import PageHandler

SERIAL_MISMATCH = "Serial mismatch"
REASONS = (*(str(reason) for reason in Reason), SERIAL_MISMATCH)
MAX_ID = 64

Remedy = Literal["whitelist", "allow", "correct", "listed", "none"]


class ListQuery(RejectedConnectionQuery):
    """Which visitors."""

    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1


class TurnedAwayPage(PageHandler):
    """All of them, the latest first."""

    async def get(self) -> None:
        """Show them, each with what can be done."""
        query = self.read_query(ListQuery)
        found = query.model_dump(include={"chargePointIdentity", "reason"}, exclude_none=True)
        listing = await find_listing(
            self.services.database["rejected_connections"],
            found,
            sort_field="lastSeen",
            order="desc",
            page=query.page,
        )
        identities = {one["chargePointIdentity"] for one in listing.items} - {None}
        records = await self.services.deps.charge_points.find_by_identities(list(identities))
        self.show(
            "turned_away.html",
            query=query,
            listing=listing,
            reasons=REASONS,
            remedies=REMEDIES,
            visitors=[(one, *_remedy(one, records)) for one in listing.items],
            max_id=MAX_ID,
        )


def _remedy(
    visitor: db.Document, records: dict[str, db.Document]
) -> tuple[Remedy, db.Document | None]:
    """What can be done about a visitor, and the record with its identity."""
    record = records.get(visitor["chargePointIdentity"] or "")
    reported = visitor.get("reportedSerialNumber")
    if record is None:
        known = visitor["reason"] == Reason.NOT_WHITELISTED and visitor["chargePointIdentity"]
        return ("whitelist" if known else "none"), None
    if record.get("isWhitelisted") is False:
        return "allow", record
    if visitor["reason"] == SERIAL_MISMATCH and reported:
        same = (record.get("serialNumber") or "").casefold() == reported.casefold()
        return ("listed" if same else "correct"), record
    return ("listed" if visitor["reason"] == Reason.NOT_WHITELISTED else "none"), record
