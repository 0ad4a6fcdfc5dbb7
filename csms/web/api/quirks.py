"""`/admin/quirks`: the deviations that are tolerated, and which charge points have them."""

from __future__ import annotations

from pydantic import BaseModel, Field

from csms.domain.api_token import Role
from csms.ocppj.quirks import QUIRKS
from csms.repositories.pages import Page
from csms.web.api.base import ApiHandler, endpoint


class QuirkView(BaseModel):
    """One tolerated deviation."""

    quirk: str
    tolerated: str
    handled: str
    chargePoints: int = Field(description="how many have it")


class QuirksHandler(ApiHandler):
    """All that is tolerated. `quirks` of a charge point says how often each one was seen."""

    @endpoint(
        role=Role.VIEWER,
        summary="Tolerated deviations from the standard, and how many charge points have them",
        returns=Page[QuirkView],
    )
    async def get(self) -> Page[QuirkView]:
        counts = await self.services.deps.charge_points.count_quirks()
        items = [
            QuirkView(
                quirk=quirk.name,
                tolerated=quirk.tolerated,
                handled=quirk.handled,
                chargePoints=counts.get(quirk.name, 0),
            )
            for quirk in QUIRKS
        ]
        return Page(items=items, nextCursor=None)
