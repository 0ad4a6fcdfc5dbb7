"""Signing in and out, and the choice of language."""

from __future__ import annotations

from http import HTTPStatus
from math import ceil

from csms.web.browser import SESSION_COOKIE
from csms.web.pages.base import LANGUAGE_COOKIE, LANGUAGES, PageHandler


def show_sign_in(
    handler: PageHandler, next_page: str, name: str = "", problem: str | None = None
) -> None:
    """Show the form, with what was wrong the last time."""
    has_provider = handler.services.provider is not None
    handler.show(
        "sign_in.html", name=name, problem=problem, next=next_page, has_provider=has_provider
    )


class SignInHandler(PageHandler):
    """By user and password, or with a token of the REST."""

    role = None

    async def get(self) -> None:
        """Show the form."""
        if self.viewer is not None:
            self.redirect(self._target())
            return
        self._form()

    async def post(self) -> None:
        """Begin a session, or say what is wrong."""
        name, secret = self.get_body_argument("name", ""), self.get_body_argument("secret", "")
        address = self.request.remote_ip or ""
        attempts = self.services.sign_in_attempts
        if wait := attempts.must_wait(address, name):
            self.set_status(HTTPStatus.TOO_MANY_REQUESTS)
            self.set_header("Retry-After", str(ceil(wait)))
            self._form(name, "Too many tries. Wait a minute, then try again.")
            return
        session = await self._begin(name.strip(), secret.strip())
        if session is None:
            attempts.failed(address, name)
            self.set_status(HTTPStatus.FORBIDDEN)
            self._form(name, "That is not right. Check the name and the password or token.")
            return
        self.set_cookie(SESSION_COOKIE, session)
        self.redirect(self._target(), status=HTTPStatus.SEE_OTHER)

    async def _begin(self, name: str, secret: str) -> str | None:
        if name:
            user = await self.services.users.authenticate(name, secret)
            return None if user is None else await self.services.sessions.begin("user", user["_id"])
        token = await self.services.api_tokens.authenticate(secret)
        return None if token is None else await self.services.sessions.begin("token", token.id)

    def _form(self, name: str = "", problem: str | None = None) -> None:
        show_sign_in(self, self._next(), name, problem)

    def _next(self) -> str:
        return own_page(self.get_argument("next", "/"))

    def _target(self) -> str:
        return self.prefix + self._next()


class SignOutHandler(PageHandler):
    """The end of a session."""

    role = None

    async def post(self) -> None:
        """End it."""
        secret = self.get_cookie(SESSION_COOKIE)
        if secret:
            await self.services.sessions.end(secret)
        self.clear_cookie(SESSION_COOKIE, path=self.prefix + "/")
        self.redirect(self.url("/sign-in"), status=HTTPStatus.SEE_OTHER)


class LanguageHandler(PageHandler):
    """The choice of language."""

    role = None

    async def post(self) -> None:
        """Keep it in a cookie, and show the page again."""
        chosen = self.get_body_argument("language", "en")
        if chosen in LANGUAGES:
            self.set_cookie(LANGUAGE_COOKIE, chosen, expires_days=365)
        target = own_page(self.get_body_argument("next", "/"))
        self.redirect(self.prefix + target, status=HTTPStatus.SEE_OTHER)


def own_page(target: str) -> str:
    """A page of ours, whatever was asked for: no other site ("//host", "/\\host")."""
    ours = target[:1] == "/" and target[1:2] not in ("/", "\\") and target.isprintable()
    return target if ours else "/"
