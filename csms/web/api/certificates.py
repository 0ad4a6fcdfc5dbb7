"""`/admin/certificates`: those of charge points, and the roots that they trust."""

from __future__ import annotations

from typing import Any

from csms.connections.commands import CommandOutcome
from csms.domain.api_token import Role
from csms.domain.installed_certificate import CertificateUse, CertificateView, view
from csms.errors import FieldError, InvalidInput
from csms.repositories.pages import Page, find_page
from csms.web.api.base import ApiHandler, PageQuery, endpoint
from csms.web.api.readings import Id


class CertificateQuery(PageQuery):
    """Which certificates."""

    chargePointId: Id | None = None
    use: CertificateUse | None = None
    status: Id | None = None


class CertificatesHandler(ApiHandler):
    """All certificates."""

    @endpoint(
        role=Role.VIEWER,
        summary="Certificates of charge points, and the roots that they trust, newest first",
        query=CertificateQuery,
        returns=Page[CertificateView],
    )
    async def get(self, query: CertificateQuery) -> Page[CertificateView]:
        found: dict[str, Any] = query.model_dump(exclude={"limit", "cursor"}, exclude_none=True)
        documents, cursor = await find_page(
            self.services.deps.certificates.collection,
            found,
            sort_field="createdAt",
            order="desc",
            limit=query.limit,
            cursor=query.cursor,
        )
        return Page(items=[view(document) for document in documents], nextCursor=cursor)


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
