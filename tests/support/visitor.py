"""Somebody who is signed in to the admin pages."""

from __future__ import annotations

import json
from typing import Any

from csms.web.browser import SESSION_COOKIE
from tests.support.system import System


class Visitor:
    """Fetches pages with the cookie of a session."""

    def __init__(self, system: System, cookies: dict[str, str]) -> None:
        self._system = system
        self.cookies = cookies

    @classmethod
    async def signed_in(cls, system: System, role: str = "admin", **cookies: str) -> Visitor:
        """Somebody new with this role; `cookies` such as `csms_language="th"`."""
        status, token = await system.rest("POST", "/admin/tokens", {"name": role, "role": role})
        assert status == 201, token
        sessions = system.central_system.services.sessions
        return cls(system, {SESSION_COOKIE: await sessions.begin("token", token["id"]), **cookies})

    async def page(self, path: str) -> tuple[int, str]:
        """The status and the text of a page."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        response = await self._system.fetch("GET", path, token=None, headers={"Cookie": cookie})
        return response.code, response.body.decode()

    async def json(self, path: str) -> tuple[int, Any]:
        """The status and the JSON of what a script asks for."""
        status, text = await self.page(path)
        return status, json.loads(text)
