"""`/admin/charge-points/{id}/local-list`: the id tags that it knows without asking."""

from __future__ import annotations

from csms.connections.local_list_sync import sync_local_list
from csms.domain.api_token import Role
from csms.domain.local_list import LocalListRequest, LocalListUpdate, LocalListView
from csms.ocppj.frames import Payload
from csms.web.api.base import ApiHandler, endpoint


class LocalListHandler(ApiHandler):
    """One charge point's list."""

    @endpoint(
        role=Role.VIEWER,
        summary="The local authorization list that the charge point has accepted",
        returns=LocalListView,
        errors=(404,),
    )
    async def get(self, charge_point_id: str) -> LocalListView:
        await self.services.deps.charge_points.get(charge_point_id)
        known = await self.services.deps.local_lists.find(charge_point_id) or {}
        return LocalListView.model_validate({"listVersion": 0, "entries": [], **known})

    @endpoint(
        role=Role.OPERATOR,
        summary="Bring the local authorization list up to date with the id tags",
        body=LocalListRequest,
        body_optional=True,
        returns=LocalListUpdate,
        errors=(404, 409, 502, 504),
    )
    async def post(self, charge_point_id: str, body: LocalListRequest) -> LocalListUpdate:
        async def call(action: str, payload: Payload) -> Payload:
            return await self.services.commands.ask(
                charge_point_id, action, payload, self.token.name
            )

        return await sync_local_list(call, self.services.deps, charge_point_id, body.updateType)
