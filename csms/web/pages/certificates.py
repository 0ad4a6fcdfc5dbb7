"""Certificates of charge points: which there are, until when they are good, and how they end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from csms.domain.installed_certificate import (
    CertificateState,
    CertificateUse,
    CertificateView,
    EndReason,
    view,
)
from csms.repositories.certificates import in_state
from csms.repositories.pages import find_listing
from csms.web.pages.base import PageHandler
from csms.web.pages.commands import PageNumber

STATES: Mapping[CertificateState, str] = {
    CertificateState.GOOD: "valid",
    CertificateState.EXPIRED: "expired",
    CertificateState.SUPERSEDED: "replaced by a newer one",
    CertificateState.REVOKED: "revoked",
    CertificateState.ENDED: "ended by a change",
}
REASONS: Mapping[EndReason, str] = {
    EndReason.KEY: "A new authorization key was set.",
    EndReason.PROFILE: "The security profile was raised.",
    EndReason.NAME: "The identity or the serial number was changed.",
    EndReason.DELETED: "The charge point was deleted.",
}


class CertificatesQuery(BaseModel):
    """Which certificates."""

    chargePointId: Annotated[str, Field(max_length=255)] | None = None
    state: CertificateState | None = None
    page: PageNumber = 1

    def matching(self, now: datetime) -> dict[str, Any]:
        """The query as a MongoDB filter."""
        found: dict[str, Any] = {"use": CertificateUse.CHARGE_POINT}
        if self.state is not None:
            found = in_state(self.state, now)
        return found | ({"chargePointId": self.chargePointId} if self.chargePointId else {})


class CertificatesPage(PageHandler):
    """All of them, the newest first."""

    async def get(self) -> None:
        """Show them."""
        query = self.read_query(CertificatesQuery)
        now = self.services.deps.clock()
        listing = await find_listing(
            self.services.deps.certificates.collection,
            query.matching(now),
            sort_field="createdAt",
            order="desc",
            page=query.page,
        )
        self.show(
            "certificates.html",
            query=query,
            listing=listing,
            certificates=views(listing.items, now),
            states=STATES,
            reasons=REASONS,
            has_list=self.services.revocation_list.pem is not None,
        )


def views(records: list[dict[str, Any]], now: datetime) -> list[CertificateView]:
    """Certificates as the pages show them."""
    return [view(record, now) for record in records]
