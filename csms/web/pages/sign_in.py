"""Signing in and out, and the choice of language."""

from __future__ import annotations

from http import HTTPStatus

from csms.errors import Busy, TooManyAttempts
from csms.web.browser import DEVICE_COOKIE, SESSION_COOKIE, caller_of
from csms.web.guard import KNOWN_DAYS, SignedIn
from csms.web.pages.base import LANGUAGE_COOKIE, LANGUAGES, PageHandler
from csms.web.problems import Problem, problem_of

MAX_PAGE = 2000
"""Bytes of the page to show after signing in: a cookie of single sign-on has to hold it."""


def show_sign_in(
    handler: PageHandler, next_page: str, name: str = "", problem: str | None = None
) -> None:
    """Show the form, with what was wrong the last time."""
    has_provider = handler.services.provider is not None
    handler.show(
        "sign_in.html", name=name, problem=problem, next=next_page, has_provider=has_provider
    )


def refuse_for_now(handler: PageHandler, problem: Problem, next_page: str, name: str = "") -> None:
    """Show the form, and say when it may be tried again."""
    handler.set_status(problem.status)
    if problem.retry_after is not None:
        handler.set_header("Retry-After", str(problem.retry_after))
    show_sign_in(handler, next_page, name, problem.detail)


def keep_signed_in(handler: PageHandler, signed_in: SignedIn) -> None:
    """Set the cookies of a session that was just begun."""
    handler.set_cookie(SESSION_COOKIE, signed_in.session)
    if signed_in.device is not None:
        handler.set_cookie(DEVICE_COOKIE, signed_in.device, expires_days=KNOWN_DAYS)


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
        try:
            signed_in = await self.services.guard.sign_in(
                name.strip(), secret.strip(), caller_of(self)
            )
        except (TooManyAttempts, Busy) as error:
            refuse_for_now(self, problem_of(error), self._next(), name)
            return
        if signed_in is None:
            self.set_status(HTTPStatus.FORBIDDEN)
            self._form(name, "That is not right. Check the name and the password or token.")
            return
        keep_signed_in(self, signed_in)
        self.redirect(self._target(), status=HTTPStatus.SEE_OTHER)

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
            await self.services.guard.sign_out(self.viewer, secret, caller_of(self))
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
    return target if ours and len(target.encode()) <= MAX_PAGE else "/"
