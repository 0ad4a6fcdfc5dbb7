"""The alarms, and what their facts are called on every page that shows some."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import ConfigDict, Field

from csms.domain.alarm import ALARM_TEXTS
from csms.domain.identity_proof import Evidence
from csms.web.api.alarms import AlarmFilter, AlarmView, view
from csms.web.pages.base import PageHandler

FACT_TITLES: Mapping[str, str] = {
    "evidence": "Why",
    "address": "Address",
    "remoteAddress": "Address",
    "otherAddress": "Other address",
    "serialNumber": "Serial number",
    "otherSerialNumber": "Other serial number",
    "model": "Model",
    "otherModel": "Other model",
    "identity": "Identity",
}
"""What facts are called; others are shown by their name."""

EVIDENCE: Mapping[str, str] = {
    Evidence.BOTH_ALIVE: "Another device wanted in while the one that is connected was alive.",
    Evidence.BACK_AND_FORTH: "They keep replacing each other, each from its own address.",
    Evidence.OTHER_SERIAL: "The latest boot told another serial number than the boot before.",
    Evidence.OTHER_MODEL: "The latest boot told another vendor and model than the boot before.",
    Evidence.WRONG_SERIAL: (
        "A device took the place of the one that was connected, and did not tell the serial number"
        " on record."
    ),
}
"""Why two devices seem to claim one identity."""


def facts_of(alarm: AlarmView) -> Iterator[tuple[str, str, bool]]:
    """The facts of an alarm: the title of each, its value, and whether that is a text of ours."""
    for name, value in alarm.facts.items():
        is_evidence = name == "evidence" and value in EVIDENCE
        yield FACT_TITLES.get(name, name), EVIDENCE.get(value, value), is_evidence


class AlarmsQuery(AlarmFilter):
    """Which alarms to show."""

    model_config = ConfigDict(extra="forbid")

    open: bool = True
    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1


class AlarmsPage(PageHandler):
    """All of them, a page at a time."""

    async def get(self) -> None:
        """Show those that are open, or those that are closed."""
        query = self.read_query(AlarmsQuery)
        listing = await self.services.alarm_records.listing(
            query.matching(), query.open, query.page
        )
        self.show(
            "alarms.html",
            query=query,
            listing=listing,
            alarms=[view(alarm) for alarm in listing.items],
            facts_of=facts_of,
            others={},
            kinds={kind.value: texts.title for kind, texts in ALARM_TEXTS.items()},
        )
