"""The overview: how the fleet is, and what happened last."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from csms.repositories.pages import find_listing
from csms.web.api.alarms import view
from csms.web.pages.alarms import facts_of
from csms.web.pages.base import PageHandler
from csms.web.pages.turned_away import reason_of

LATEST = 8

Event = tuple[datetime, str, str | None, str | None]


class OverviewPage(PageHandler):
    """The first page."""

    async def get(self) -> None:
        """Show it."""
        overview = self.services.overview
        now = self.services.deps.clock()
        alarms = await self.services.alarm_records.latest_by_kind()
        midnight = now.astimezone(self.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        self.show(
            "overview.html",
            fleet=await overview.fleet(),
            bare=await overview.bare(),
            alarms=[view(alarm) for alarm, _ in alarms],
            others={alarm["kind"]: count - 1 for alarm, count in alarms},
            facts_of=facts_of,
            energy=await overview.energy(midnight),
            reason_of=reason_of,
            turned_away=await self._latest("rejected_connections", "lastSeen"),
            transactions=await self._latest("transactions", "startTimestamp"),
            events=await self._events(),
        )

    async def _latest(self, collection: str, sort_field: str, **found: Any) -> list[dict[str, Any]]:
        listing = await find_listing(
            self.services.database[collection],
            found,
            sort_field=sort_field,
            order="desc",
            page=1,
            size=LATEST,
        )
        return listing.items

    async def _events(self) -> list[Event]:
        """The latest of all kinds: when, what kind, which charge point, what."""
        events: list[Event] = [
            (boot["receivedAt"], "Boot", boot.get("chargePointId"), boot.get("verdict"))
            for boot in await self._latest("boot_notifications", "receivedAt")
        ]
        events += [
            (command["requestedAt"], command["action"], command["chargePointId"], command["status"])
            for command in await self._latest("commands", "requestedAt")
        ]
        events += [
            (event["timestamp"], event["type"], event["chargePointId"], "Security event")
            for event in await self._latest("security_events", "timestamp", critical=True)
        ]
        for transaction in await self._latest("transactions", "startTimestamp"):
            ended = transaction.get("stopTimestamp")
            when = ended or transaction.get("startTimestamp")
            if when is not None:
                what = "Transaction ended" if ended else "Transaction started"
                shown = (when, what, transaction["chargePointId"], str(transaction["_id"]))
                events.append(shown)
        return sorted(events, key=lambda event: event[0], reverse=True)[: LATEST + 4]
