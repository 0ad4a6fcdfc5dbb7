"""The list of charge points, and the ways to add to it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from csms.domain.api_token import Role
from csms.domain.charge_point import is_bare
from csms.domain.connector import as_known_now
from csms.domain.fleet_columns import EXPORTED
from csms.domain.fleet_csv import export_row
from csms.repositories.pages import Order, find_listing, stream
from csms.web.api.charge_points import ChargePointQuery
from csms.web.pages.base import PageHandler
from csms.web.pages.export import send_csv
from csms.web.pages.import_texts import IMPORT_ANSWERS

SORTS = {
    "id": "_id",
    "name": "name",
    "stationName": "stationName",
    "status": "status",
    "lastSeen": "lastSeen",
}
STATUSES = (
    "Available", "Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing", "Reserved",
    "Unavailable", "Faulted",
)  # fmt: skip


class ListQuery(ChargePointQuery):
    """Which charge points, in which order."""

    sort: Literal["id", "name", "stationName", "status", "lastSeen"] = "id"
    order: Order = "asc"
    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1


class ChargePointsPage(PageHandler):
    """All of them, a page at a time."""

    async def get(self) -> None:
        """Show the list."""
        query = self.read_query(ListQuery)
        listing = await find_listing(
            self.services.deps.charge_points.collection,
            query.filter(),
            sort_field=SORTS[query.sort],
            order=query.order,
            page=query.page,
        )
        self.show(
            "charge_points.html",
            query=query,
            listing=listing,
            statuses=STATUSES,
            sorts=SORTS,
            as_known_now=as_known_now,
            is_bare=is_bare,
        )


class AddChargePointPage(PageHandler):
    """The form to whitelist one."""

    role = Role.OPERATOR

    async def get(self) -> None:
        """Show it, with what a link may have filled in already."""
        given = {
            name: self.get_query_argument(name, "")
            for name in ("chargePointIdentity", "serialNumber")
        }
        self.show("charge_point_form.html", record=given, new=True, is_certified=False)


class ImportPage(PageHandler):
    """A whole fleet from a CSV file."""

    role = Role.OPERATOR
    script_answers = IMPORT_ANSWERS

    async def get(self) -> None:
        """Show the form; a script does the rest with the REST's import."""
        self.show("import.html")


class ExportHandler(PageHandler):
    """The fleet as CSV, which the import takes back."""

    async def get(self) -> None:
        """Stream it, by id."""
        found = self.read_query(ListQuery).filter()
        records = stream(
            self.services.deps.charge_points.collection, found, sort_field="_id", order="asc"
        )
        await send_csv(
            self,
            "charge-points.csv",
            EXPORTED,
            records,
            lambda record: export_row({**record, "id": record["_id"]}),
        )
