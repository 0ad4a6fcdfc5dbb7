"""Sign-ins and failed ones in the audit, and an alarm where somebody guesses."""

from __future__ import annotations

from dataclasses import dataclass

from csms import db
from csms.actions.context import Deps
from csms.domain.alarm import Alarm, AlarmKind
from csms.domain.api_token import Role
from csms.domain.limiter import network_of
from csms.repositories.api_tokens import ApiToken
from csms.repositories.audit import UNKNOWN, Audit, Entry, Event


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a try comes from. `device` is the secret in the browser's cookie, if it has one."""

    address: str
    device: str | None = None


class SignInRecord:
    """Writes the audit. Nothing of what was typed is in it, but names of users on record."""

    def __init__(self, deps: Deps, audit: Audit) -> None:
        self._deps = deps
        self._audit = audit

    async def store(self, holder: ApiToken, event: Event, path: str, caller: Caller) -> None:
        """Note that somebody has signed in or out.

        Raises:
            DatabaseUnavailable: it may not be stored.
        """
        entry = Entry(
            holder.name, holder.id, holder.role, "POST", path, [], 303, caller.address, event=event
        )
        await self._audit.record(entry, self._deps.clock())

    async def changed(self, holder: ApiToken, path: str, caller: Caller, what: str) -> None:
        """Note that a sign-in has made or changed the user.

        Raises:
            DatabaseUnavailable: it may not be stored.
        """
        entry = Entry(
            holder.name, holder.id, holder.role, "POST", path, ["role"], 303, caller.address,
            subject=what,
        )  # fmt: skip
        await self._audit.record(entry, self._deps.clock())

    def failed(self, user: db.Document | None, path: str, caller: Caller) -> None:
        """Note a wrong password or token; `user` is whose it should have been, if there is one."""
        self._gather(user, Event.SIGN_IN_FAILED, path, 403, caller)

    def locked_out(self, user: db.Document | None, path: str, caller: Caller, what: str) -> None:
        """Note that somebody has to wait; `what` is the limit."""
        self._gather(user, Event.LOCKED_OUT, path, 429, caller)
        name = UNKNOWN if user is None else str(user["name"])
        facts = (("address", caller.address), ("account", name), ("what", what))
        network = network_of(caller.address)
        self._deps.alarms.note(Alarm(AlarmKind.SIGN_IN_GUESSING, network, None, facts))

    def _gather(
        self, user: db.Document | None, event: Event, path: str, status: int, caller: Caller
    ) -> None:
        name, user_id, role = UNKNOWN, UNKNOWN, Role.VIEWER.value
        if user is not None:
            name, user_id, role = user["name"], user["_id"], user["role"]
        entry = Entry(name, user_id, role, "POST", path, [], status, caller.address, event=event)
        self._audit.gather(entry, self._deps.clock())
