"""`/admin/boot-notifications`: every boot as it was received, with the verdict."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from csms.domain.api_token import Role
from csms.domain.charge_point import reported_serial
from csms.repositories.pages import Page
from csms.web.api.base import ApiHandler, endpoint
from csms.web.api.readings import MEDIA, Readings, ReadingsQuery, answer

_COLUMNS = (
    "chargePointId", "chargePointIdentity", "receivedAt", "verdict", "reason", "remoteAddress",
    "serialNumber", "chargePointVendor", "chargePointModel", "firmwareVersion",
)  # fmt: skip


class BootNotificationView(BaseModel):
    """One BootNotification. `chargePointId` is null for one that nobody knew."""

    chargePointId: str | None
    chargePointIdentity: str
    receivedAt: datetime
    payload: dict[str, Any]
    verdict: str
    reason: str | None = None
    remoteAddress: str | None = None


class BootNotificationsHandler(ApiHandler):
    """The boots of all charge points."""

    @endpoint(
        role=Role.VIEWER,
        summary="BootNotifications",
        query=ReadingsQuery,
        returns=Page[BootNotificationView],
        media=MEDIA,
    )
    async def get(self, query: ReadingsQuery) -> Page[BootNotificationView] | None:
        readings = Readings(
            self.services.database["boot_notifications"],
            "receivedAt",
            BootNotificationView.model_validate,
            _COLUMNS,
            lambda boot: [
                {**boot["payload"], **boot, "serialNumber": reported_serial(boot["payload"])}
            ],
        )
        return await answer(self, readings, query.filter("receivedAt"), query)
