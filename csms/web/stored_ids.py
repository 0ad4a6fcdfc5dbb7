"""Ids of charge points in requests, as they are stored.

New ids are stored in NFC. An older one may be in another normal form; clients may send either.
"""

from __future__ import annotations

from tornado.web import RequestHandler

from csms.web.services import Services

_PATHS = ("/admin/charge-points/", "/charge-points/")


async def use_stored_id(handler: RequestHandler, services: Services) -> None:
    """Replace the charge point's id in a request's path by the id on record."""
    if handler.path_args and handler.request.path.startswith(_PATHS):
        sent = str(handler.path_args[0])
        handler.path_args[0] = await services.deps.charge_points.id_of(sent)
