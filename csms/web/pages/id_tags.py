"""Id tags: the list, the forms to add and change one, import and export."""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import Field

from csms import db
from csms.domain.api_token import Role
from csms.domain.id_tag import Status
from csms.domain.id_tag_csv import COLUMNS, export_row
from csms.repositories.pages import find_listing, stream
from csms.web.api.id_tags import IdTagQuery
from csms.web.pages.base import PageHandler
from csms.web.pages.export import send_csv
from csms.web.pages.import_texts import IMPORT_ANSWERS

STATUSES: tuple[str, ...] = get_args(Status)


class ListQuery(IdTagQuery):
    """Which id tags."""

    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1


class IdTagsPage(PageHandler):
    """All of them, a page at a time."""

    async def get(self) -> None:
        """Show the list."""
        query = self.read_query(ListQuery)
        listing = await find_listing(
            self.services.deps.id_tags.collection,
            query.filter(),
            sort_field="_id",
            order="asc",
            page=query.page,
        )
        children = await self.services.deps.id_tags.count_children(listing.items)
        self.show(
            "id_tags.html",
            query=query,
            listing=listing,
            statuses=STATUSES,
            children=children,
            status_now=lambda one: self._status_now(one, children[one["_id"]]),
        )

    def _status_now(self, one: db.Document, children: int) -> str:
        """What Authorize answers: an accepted tag may have expired, a group is no tag at all."""
        if children:
            return "Invalid"
        expiry = one.get("expiryDate")
        status = str(one.get("status") or "Accepted")
        has_run_out = expiry is not None and expiry <= self.services.deps.clock()
        return "Expired" if status == "Accepted" and has_run_out else status


class AddIdTagPage(PageHandler):
    """The form to add one."""

    role = Role.OPERATOR

    async def get(self) -> None:
        """Show it, with the tag that a link may have filled in already."""
        record = {"idTag": self.get_query_argument("idTag", "")}
        self.show("id_tag_form.html", record=record, new=True, statuses=STATUSES, children=0)


class EditIdTagPage(PageHandler):
    """The form to change one, or delete it."""

    role = Role.OPERATOR

    async def get(self, id_tag: str) -> None:
        """Show it."""
        id_tags = self.services.deps.id_tags
        record = await id_tags.get(id_tag)
        children = (await id_tags.count_children([record]))[record["_id"]]
        self.show(
            "id_tag_form.html", record=record, new=False, statuses=STATUSES, children=children
        )


class ImportIdTagsPage(PageHandler):
    """Many from a CSV file."""

    role = Role.OPERATOR
    script_answers = IMPORT_ANSWERS

    async def get(self) -> None:
        """Show the form; a script does the rest with the REST's import."""
        self.show("import_id_tags.html", columns=COLUMNS)


class ExportIdTagsHandler(PageHandler):
    """The id tags as CSV, which the import takes back."""

    async def get(self) -> None:
        """Stream them."""
        found = self.read_query(ListQuery).filter()
        collection = self.services.deps.id_tags.collection
        records = stream(collection, found, sort_field="_id", order="asc")
        await send_csv(self, "id-tags.csv", COLUMNS, records, export_row)
