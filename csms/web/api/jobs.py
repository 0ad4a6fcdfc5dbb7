"""`/admin/jobs`: firmware updates, and uploads of diagnostics and logs."""

from __future__ import annotations

from typing import Any

from csms.domain.api_token import Role
from csms.domain.job import JobKind, JobView, view
from csms.repositories.pages import Page, find_page
from csms.web.api.base import ApiHandler, PageQuery, endpoint
from csms.web.api.readings import Id


class JobQuery(PageQuery):
    """Which jobs."""

    chargePointId: Id | None = None
    kind: JobKind | None = None
    status: Id | None = None
    ended: bool | None = None


class JobsHandler(ApiHandler):
    """All jobs."""

    @endpoint(
        role=Role.VIEWER,
        summary="Firmware updates and uploads, newest first",
        query=JobQuery,
        returns=Page[JobView],
    )
    async def get(self, query: JobQuery) -> Page[JobView]:
        found: dict[str, Any] = query.model_dump(exclude={"limit", "cursor"}, exclude_none=True)
        documents, cursor = await find_page(
            self.services.deps.jobs.collection,
            found,
            sort_field="createdAt",
            order="desc",
            limit=query.limit,
            cursor=query.cursor,
        )
        return Page(items=[view(document) for document in documents], nextCursor=cursor)


class JobHandler(ApiHandler):
    """One job."""

    @endpoint(role=Role.VIEWER, summary="One job, with its history", returns=JobView, errors=(404,))
    async def get(self, job_id: str) -> JobView:
        return view(await self.services.deps.jobs.get(job_id))
