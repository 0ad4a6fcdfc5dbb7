"""What pages and REST share towards a browser: who is signed in, and the cookies that say so."""

from __future__ import annotations

import re
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.web import RequestHandler

from csms.repositories.api_tokens import ApiToken
from csms.web.services import Services
from csms.web.sign_in_record import Caller

SESSION_COOKIE = "csms_session"
DEVICE_COOKIE = "csms_device"
"""Known from an earlier sign-in; it is no right to anything (csms/web/guard.py)."""
_DEVICE = re.compile(r"csms_[A-Za-z0-9_-]{43}")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def cookie_options(request: HTTPServerRequest, path_prefix: str) -> dict[str, Any]:
    """The attributes of every cookie: kept from scripts, from other sites, and off plain HTTP."""
    return {
        "path": path_prefix + "/",
        "httponly": True,
        "samesite": "Lax",
        "secure": request.protocol == "https",
    }


def caller_of(handler: RequestHandler) -> Caller:
    """Where a request comes from, for the limits on failed tries."""
    device = handler.get_cookie(DEVICE_COOKIE)
    is_ours = device is not None and _DEVICE.fullmatch(device) is not None
    return Caller(handler.request.remote_ip or "", device if is_ours else None)


async def signed_in(
    handler: RequestHandler, services: Services, *, by_person: bool = False
) -> ApiToken | None:
    """Who is signed in with the browser's cookie; None if nobody is.

    A request that a person has made prolongs the session. A page that is open makes others by
    itself: it gets what is new, and never changes anything.

    Raises:
        HTTPError: 403, something is to be changed and the request is not from one of our pages.
    """
    secret = handler.get_cookie(SESSION_COOKIE)
    if not secret:
        return None
    changes = handler.request.method not in SAFE_METHODS
    found = await services.sessions.find(secret, is_used=by_person or changes)
    if found is not None and changes:
        handler.check_xsrf_cookie()
    return found
