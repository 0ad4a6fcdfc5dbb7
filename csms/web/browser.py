"""What pages and REST share towards a browser: who is signed in, and the cookies that say so."""

from __future__ import annotations

from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.web import RequestHandler

from csms.repositories.api_tokens import ApiToken
from csms.web.services import Services

SESSION_COOKIE = "csms_session"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def cookie_options(request: HTTPServerRequest, path_prefix: str) -> dict[str, Any]:
    """The attributes of every cookie: kept from scripts, from other sites, and off plain HTTP."""
    return {
        "path": path_prefix + "/",
        "httponly": True,
        "samesite": "Lax",
        "secure": request.protocol == "https",
    }


async def signed_in(handler: RequestHandler, services: Services) -> ApiToken | None:
    """Who is signed in with the browser's cookie; None if nobody is.

    Raises:
        HTTPError: 403, something is to be changed and the request is not from one of our pages.
    """
    secret = handler.get_cookie(SESSION_COOKIE)
    if not secret:
        return None
    found = await services.sessions.find(secret)
    if found is not None and handler.request.method not in SAFE_METHODS:
        handler.check_xsrf_cookie()
    return found
