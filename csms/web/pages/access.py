"""Who may use csms: tokens and users; and one's own account."""

from __future__ import annotations

from http import HTTPStatus

from tornado.web import HTTPError

from csms.domain.api_token import Role
from csms.domain.user import MIN_PASSWORD, fold
from csms.errors import NotFound
from csms.web.pages.base import PageHandler


class AccessPage(PageHandler):
    """Tokens and users."""

    role = Role.ADMIN

    async def get(self) -> None:
        """Show them."""
        self.show(
            "access.html",
            tokens=await self.services.api_tokens.list(),
            users=await self.services.users.list(),
        )


class NewTokenPage(PageHandler):
    """The form for a token, which is shown once."""

    role = Role.ADMIN

    async def get(self) -> None:
        """Show it."""
        self.show("token_form.html", roles=list(Role))


class NewUserPage(PageHandler):
    """The form for a user."""

    role = Role.ADMIN

    async def get(self) -> None:
        """Show it."""
        self.show("user_form.html", user=None, roles=list(Role), min_password=MIN_PASSWORD)


class UserPage(PageHandler):
    """The form to change a user."""

    role = Role.ADMIN

    async def get(self, name: str) -> None:
        """Show it."""
        found = [user for user in await self.services.users.list() if user["_id"] == fold(name)]
        if not found:
            raise NotFound("user", name)
        self.show("user_form.html", user=found[0], roles=list(Role), min_password=MIN_PASSWORD)


class AccountPage(PageHandler):
    """One's own password."""

    async def get(self) -> None:
        """Show the form, to who has a password."""
        if self.viewer is None or not self.viewer.is_user:
            raise HTTPError(HTTPStatus.NOT_FOUND)
        self.show("account.html", min_password=MIN_PASSWORD)
