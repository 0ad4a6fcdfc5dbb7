"""Signing in through an OpenID Connect provider: there, and back."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from tornado.web import HTTPError

from csms.domain.oidc_claims import name_of, role_of
from csms.errors import TooManyAttempts
from csms.repositories.limits import Keyed
from csms.repositories.provided_users import Person
from csms.web.browser import caller_of
from csms.web.oidc import Attempt, Provider
from csms.web.oidc_http import ProviderUnavailable, SignOnFailed
from csms.web.pages.base import PageHandler
from csms.web.pages.sign_in import keep_signed_in, own_page, refuse_for_now, show_sign_in
from csms.web.problems import problem_of
from csms.web.sign_on_guard import PATH

log = structlog.get_logger(__name__)

ATTEMPT_COOKIE = "csms_single_sign_on"
ATTEMPT_SECONDS = 600

AWAY = "The single sign-on does not answer. Try again in a moment, or sign in with a password."
FAILED = "The single sign-on did not work. Try again."
NO_ROLE = "Your account has no role in csms. Ask those who manage your accounts for one."


class _SingleSignOn(PageHandler):
    role = None

    @property
    def provider(self) -> Provider:
        """The provider that is set up.

        Raises:
            HTTPError: 404, none is.
        """
        if self.services.provider is None:
            raise HTTPError(HTTPStatus.NOT_FOUND)
        return self.services.provider

    @property
    def redirect_uri(self) -> str:
        """Where the provider sends the browser back to; it has to be registered there."""
        return f"{self.request.protocol}://{self.request.host}{self.prefix}{PATH}/callback"

    def fail(self, error: SignOnFailed, next_page: str) -> None:
        """Show the form with the reason; the log has the cause."""
        log.warning("single_sign_on_failed", reason=str(error), remote=self.request.remote_ip)
        away = isinstance(error, ProviderUnavailable)
        if not away:
            self.services.sign_on_guard.refused(caller_of(self))
        self.set_status(HTTPStatus.BAD_GATEWAY if away else HTTPStatus.FORBIDDEN)
        show_sign_in(self, next_page, problem=AWAY if away else FAILED)


class SingleSignOnHandler(_SingleSignOn):
    """Sends the browser to the provider."""

    async def get(self) -> None:
        """Send the browser there; a cookie keeps what its answer has to fit."""
        provider = self.provider
        attempt = Attempt.begin(own_page(self.get_query_argument("next", "/")))
        try:
            url = await provider.authorization_url(attempt, self.redirect_uri)
        except ProviderUnavailable as error:
            self.fail(error, attempt.next)
            return
        self.set_cookie(ATTEMPT_COOKIE, attempt.pack(), max_age=ATTEMPT_SECONDS)
        self.redirect(url)


class SingleSignOnCallbackHandler(_SingleSignOn):
    """Takes the provider's answer, which the browser brings back."""

    async def get(self) -> None:
        """Begin a session, or say what is wrong."""
        provider = self.provider
        attempt = Attempt.unpack(self.get_cookie(ATTEMPT_COOKIE) or "")
        # Whatever comes of it, it is good for one answer.
        self.clear_cookie(ATTEMPT_COOKIE, path=self.prefix + "/")
        if attempt is None:
            self.fail(SignOnFailed("this browser has not begun a sign-in"), "/")
            return
        next_page = own_page(attempt.next)
        try:
            code = provider.code_of(attempt, self._answer())
            charged = await self.services.sign_on_guard.charge(caller_of(self))
            claims = await provider.claims(attempt, code, self.redirect_uri)
        except SignOnFailed as error:
            self.fail(error, next_page)
        except TooManyAttempts as error:
            refuse_for_now(self, problem_of(error), next_page)
        else:
            await self._let_in(claims, charged, next_page)

    def _answer(self) -> dict[str, str]:
        """What the provider has sent (RFC 6749, 3.1: each parameter once).

        Raises:
            SignOnFailed: something is there twice.
        """
        for name, values in self.request.query_arguments.items():
            if len(values) > 1:
                raise SignOnFailed(f"{name[:100]!r} is given more than once")
        return {name: self.get_query_argument(name) for name in self.request.query_arguments}

    async def _let_in(self, claims: Mapping[str, Any], charged: Keyed, next_page: str) -> None:
        settings, guard, caller = (
            self.services.deps.settings,
            self.services.sign_on_guard,
            caller_of(self),
        )
        person = Person(self.provider.issuer, claims["sub"])
        role = role_of(claims, settings.oidc_role_claim, settings.oidc_roles)
        if role is None:
            log.warning("single_sign_on_without_role", claim=settings.oidc_role_claim)
            await guard.no_role(person, caller)
            self.set_status(HTTPStatus.FORBIDDEN)
            show_sign_in(self, next_page, problem=NO_ROLE)
            return
        keep_signed_in(self, await guard.sign_in(person, name_of(claims), role, caller, charged))
        self.redirect(self.prefix + next_page)
