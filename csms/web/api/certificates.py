"""`/admin/certificates`: those of charge points, and the roots that they trust."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from csms.connections.commands import CommandOutcome
from csms.domain.api_token import Role
from csms.domain.installed_certificate import (
    CertificateState,
    CertificateUse,
    CertificateView,
    view,
)
from csms.errors import FieldError, InvalidInput
from csms.repositories.certificates import in_state
from csms.repositories.pages import Page, find_page
from csms.web.api.base import ApiHandler, PageQuery, endpoint
from csms.web.api.readings import Id


class CertificateQuery(PageQuery):
    """Which certificates."""

    chargePointId: Id | None = None
    use: CertificateUse | None = None
    status: Id | None = None
    state: CertificateState | None = Field(
        None, description="of charge points' own: whether they may connect with it"
    )

    def filter(self, now: datetime) -> dict[str, Any]:
        """The query as a MongoDB filter."""
        chosen = self.model_dump(include={"chargePointId", "use", "status"}, exclude_none=True)
        return {"$and": [chosen, in_state(self.state, now)]} if self.state else chosen


class CertificatesHandler(ApiHandler):
    """All certificates."""

    @endpoint(
        role=Role.VIEWER,
        summary="Certificates of charge points, and the roots that they trust, newest first",
        query=CertificateQuery,
        returns=Page[CertificateView],
    )
    async def get(self, query: CertificateQuery) -> Page[CertificateView]:
        now = self.services.deps.clock()
        documents, cursor = await find_page(
            self.services.deps.certificates.collection,
            query.filter(now),
            sort_field="createdAt",
            order="desc",
            limit=query.limit,
            cursor=query.cursor,
        )
        return Page(items=[view(document, now) for document in documents], nextCursor=cursor)


class CertificateHandler(ApiHandler):
    """One root certificate at a charge point."""

    @endpoint(
        role=Role.OPERATOR,
        summary="Have the charge point delete a root certificate, by the hashes it lists it with",
        returns=CommandOutcome,
        errors=(404, 409, 502, 504),
    )
    async def delete(self, certificate_id: str) -> CommandOutcome:
        record = await self.services.deps.certificates.get(certificate_id)
        hashes = record.get("certificateHashData") or next(iter(record["hashes"]), None)
        if hashes is None:
            raise InvalidInput(
                FieldError("id", "is not a root certificate; only those can be deleted")
            )
        return await self.services.commands.execute(
            record["chargePointId"],
            "DeleteCertificate",
            {"certificateHashData": hashes},
            self.token.name,
        )


class RevokeCertificateHandler(ApiHandler):
    """A charge point's own certificate that is taken back."""

    @endpoint(
        role=Role.OPERATOR,
        summary="Revoke a charge point's own certificate; closes the socket that stands on it",
        returns=CertificateView,
        errors=(404,),
    )
    async def post(self, certificate_id: str) -> CertificateView:
        record = await self.services.revocation.revoke(certificate_id)
        return view(record, self.services.deps.clock())
