"""Who comes back from the provider of single sign-on, and how often one network may in vain.

An answer costs requests to the provider, and anybody can forge one. It is counted before it is
looked into, and taken back if it signs somebody in; a browser that has signed in so before is
counted by itself.
"""

from __future__ import annotations

from csms.domain.api_token import Role, new_token
from csms.domain.limiter import Limit, joined, network_of
from csms.errors import TooManyAttempts
from csms.repositories.api_tokens import read_holder
from csms.repositories.audit import Event
from csms.repositories.limits import Keyed, SharedLimiter
from csms.repositories.provided_users import Person, Provided, ProvidedUsers
from csms.repositories.sessions import Sessions
from csms.web.guard import KNOWN, MINUTE, NETWORK_FACTOR, SignedIn
from csms.web.sign_in_record import Caller, SignInRecord

PATH = "/sign-in/single-sign-on"
_ANYBODY = "\tsingle sign-on"
"""In place of an account, which is not known before the provider has said it; no user's name."""


class SignOnGuard:
    """Signs people in whom the provider vouches for, within limits."""

    def __init__(
        self,
        most: int,
        limiter: SharedLimiter,
        users: ProvidedUsers,
        sessions: Sessions,
        record: SignInRecord,
    ) -> None:
        """`most` is how often one account may fail from one network within a minute."""
        self._limiter = limiter
        self._users = users
        self._sessions = sessions
        self._record = record
        self._limit = Limit("singleSignOn", most * NETWORK_FACTOR, MINUTE)

    async def charge(self, caller: Caller) -> Keyed:
        """Count an answer; returns what was counted.

        Raises:
            TooManyAttempts: it is not to be looked into.
            DatabaseUnavailable: MongoDB did not answer.
        """
        device = joined(_ANYBODY, caller.device or "")
        [known] = await self._limiter.tallies((KNOWN, device))
        keyed = self._limit, device if known.count else network_of(caller.address)
        wait = self._limiter.wait_here(*keyed)
        if not wait:
            tally = await self._limiter.count(*keyed)
            if not self._limit.most or tally.count <= self._limit.most:
                return keyed
            self._record.locked_out(None, PATH, caller, self._limit.name)
            wait = max(1.0, tally.left)
        raise TooManyAttempts(wait)

    async def sign_in(
        self, person: Person, name: str, role: Role, caller: Caller, charged: Keyed
    ) -> SignedIn:
        """Begin a session.

        Raises:
            Duplicate: too many others have that name.
            DatabaseUnavailable: MongoDB did not answer.
        """
        provided = await self._users.sign_in(person, name, role)
        await self._limiter.give_back(*charged)
        await self._note_change(provided, caller)
        session = await self._sessions.begin("user", provided.record["_id"])
        device = caller.device or new_token()
        await self._limiter.count(KNOWN, joined(_ANYBODY, device))
        holder = read_holder(provided.record, is_user=True)
        await self._record.store(holder, Event.SIGNED_IN, PATH, caller)
        return SignedIn(session, device)

    async def no_role(self, person: Person, caller: Caller) -> None:
        """End what somebody had who has no role any more.

        Raises:
            DatabaseUnavailable: it may not have ended.
        """
        provided = await self._users.take_role(person)
        if provided is not None:
            await self._sessions.end_all("user", provided.record["_id"])
            await self._note_change(provided, caller)
        self._record.failed(None if provided is None else provided.record, PATH, caller)

    def refused(self, caller: Caller) -> None:
        """Note that somebody came back with nothing that lets them in."""
        self._record.failed(None, PATH, caller)

    async def _note_change(self, provided: Provided, caller: Caller) -> None:
        if provided.changed is not None:
            holder = read_holder(provided.record, is_user=True)
            await self._record.changed(holder, PATH, caller, provided.changed)
