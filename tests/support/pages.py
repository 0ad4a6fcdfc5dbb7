"""A visitor of the admin pages, with cookies and without a browser."""

from __future__ import annotations

import re
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse

from tests.support.system import ADMIN_TOKEN, System

PASSWORD = "a long enough password"


class Visitor:
    """Keeps cookies, follows no redirects, and knows the page's own secret for forms."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.cookies: dict[str, str] = {}
        self.set_cookies: dict[str, str] = {}
        """Every Set-Cookie header as it came, by the cookie's name."""

    async def fetch(self, method: str, path: str, body: Any = None, **headers: str) -> HTTPResponse:
        """One request; a dict is sent as a form."""
        if isinstance(body, dict):
            body = urlencode(body)
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        request = HTTPRequest(
            self.system.http + path,
            method=method,
            body=body,
            headers={name.replace("_", "-"): value for name, value in headers.items()}
            | ({"Cookie": cookies} if cookies else {}),
            follow_redirects=False,
            allow_nonstandard_methods=True,
        )
        response = await AsyncHTTPClient().fetch(request, raise_error=False)
        for header in response.headers.get_list("Set-Cookie"):
            for name, morsel in SimpleCookie(header).items():
                self.cookies[name] = morsel.value
                self.set_cookies[name] = header
        return response

    async def page(self, path: str) -> tuple[int, str]:
        """A page: its status and text."""
        response = await self.fetch("GET", path)
        return response.code, response.body.decode()

    async def xsrf(self) -> str:
        """The secret that forms are sent with."""
        _, text = await self.page("/sign-in" if "csms_session" not in self.cookies else "/")
        found = re.search(r'name="_xsrf" value="([^"]+)"', text)
        assert found is not None
        return found[1]

    async def post(self, path: str, **fields: str) -> HTTPResponse:
        """Send a form as a page of ours would."""
        return await self.fetch("POST", path, {**fields, "_xsrf": await self.xsrf()})


async def sign_in(system: System, role: str = "admin") -> Visitor:
    """A visitor who is signed in with this role."""
    visitor = Visitor(system)
    secret = ADMIN_TOKEN
    if role != "admin":
        status, made = await system.rest("POST", "/admin/tokens", {"name": role, "role": role})
        assert status == 201
        secret = made["token"]
    response = await visitor.post("/sign-in", name="", secret=secret)
    assert response.code == 303, response.body
    return visitor
