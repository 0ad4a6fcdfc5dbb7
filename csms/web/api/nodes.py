"""`/admin/nodes`: the processes that serve, on this machine and on others."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from csms.domain.api_token import Role
from csms.repositories.nodes import Nodes
from csms.repositories.pages import Page
from csms.web.api.base import ApiHandler, endpoint


class NodeView(BaseModel):
    """One node. Its lease is renewed for as long as it lives."""

    id: str
    host: str
    pid: int
    startedAt: datetime
    leaseUntil: datetime
    clockOffsetSeconds: float | None = Field(
        None,
        description="how far its clock is ahead of the database's, seconds; negative where it is"
        " behind",
    )
    connected: int


class NodesHandler(ApiHandler):
    """All nodes."""

    @endpoint(
        role=Role.VIEWER,
        summary="The nodes that are alive, and how many charge points each holds",
        returns=Page[NodeView],
    )
    async def get(self) -> Page[NodeView]:
        deps = self.services.deps
        counts = await deps.charge_points.count_by_node()
        living = await Nodes(self.services.database).living()
        items = [
            NodeView.model_validate(
                {"id": node["_id"], "connected": counts.get(node["_id"], 0), **node}
            )
            for node in living
        ]
        return Page(items=items, nextCursor=None)
