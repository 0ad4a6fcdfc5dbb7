"""`/admin/id-tags`: who may charge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import Field

from csms import db
from csms.domain.api_token import Role
from csms.domain.id_tag import IdTagPatch, IdTagView, NewIdTag, Status, fold, view
from csms.errors import FieldError, InvalidInput
from csms.repositories.pages import Page, find_page
from csms.web.api.base import ApiHandler, PageQuery, endpoint

_AFTER_EVERY_TEXT = "\U0010ffff"


class IdTagQuery(PageQuery):
    """Which id tags."""

    q: Annotated[str, Field(min_length=1, max_length=500)] | None = Field(
        None, description="what the id tag begins with, without case"
    )
    status: Status | None = None

    def filter(self) -> dict[str, Any]:
        """The query as a MongoDB filter."""
        found: dict[str, Any] = {}
        if self.q is not None:
            found["_id"] = {"$gte": fold(self.q), "$lt": fold(self.q) + _AFTER_EVERY_TEXT}
        if self.status is not None:
            found["status"] = self.status
        return found


class _IdTagsHandler(ApiHandler):
    """What the resources of id tags share."""

    async def views(self, documents: Sequence[db.Document]) -> list[IdTagView]:
        """Id tags as REST shows them."""
        children = await self.services.deps.id_tags.count_children(documents)
        return [view(document, children[document["_id"]]) for document in documents]

    async def view(self, document: db.Document) -> IdTagView:
        """One id tag as REST shows it."""
        return (await self.views([document]))[0]


class IdTagsHandler(_IdTagsHandler):
    """All id tags."""

    @endpoint(role=Role.VIEWER, summary="List id tags", query=IdTagQuery, returns=Page[IdTagView])
    async def get(self, query: IdTagQuery) -> Page[IdTagView]:
        documents, cursor = await find_page(
            self.services.deps.id_tags.collection,
            query.filter(),
            sort_field="_id",
            order="asc",
            limit=query.limit,
            cursor=query.cursor,
        )
        return Page(items=await self.views(documents), nextCursor=cursor)

    @endpoint(
        role=Role.OPERATOR,
        summary="Add an id tag",
        body=NewIdTag,
        returns=IdTagView,
        status=201,
        errors=(409,),
    )
    async def post(self, body: NewIdTag) -> IdTagView:
        document = await self.services.deps.id_tags.create(body, self.services.deps.clock())
        self.set_header("Location", f"/admin/id-tags/{quote(document['idTag'], safe='')}")
        return await self.view(document)


class IdTagHandler(_IdTagsHandler):
    """One id tag, in whatever case it is written."""

    @endpoint(role=Role.VIEWER, summary="One id tag", returns=IdTagView, errors=(404,))
    async def get(self, id_tag: str) -> IdTagView:
        return await self.view(await self.services.deps.id_tags.get(id_tag))

    @endpoint(
        role=Role.OPERATOR,
        summary="Change an id tag",
        body=IdTagPatch,
        returns=IdTagView,
        errors=(404,),
    )
    async def patch(self, id_tag: str, body: IdTagPatch) -> IdTagView:
        if body.parentIdTag is not None and fold(body.parentIdTag) == fold(id_tag):
            raise InvalidInput(FieldError("parentIdTag", "must be another id tag"))
        changed = await self.services.deps.id_tags.change(
            id_tag, body.document(), self.services.deps.clock()
        )
        return await self.view(changed)

    @endpoint(role=Role.OPERATOR, summary="Delete an id tag", status=204, errors=(404,))
    async def delete(self, id_tag: str) -> None:
        await self.services.deps.id_tags.delete(id_tag)
