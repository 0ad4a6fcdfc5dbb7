"""Who signs in, and how often somebody may be wrong before they have to wait.

Tries are counted before they are made, so that many at once gain nothing, by these keys:

own       the account, and the network or known device that it is tried from
network   the address, or the /64 of an IPv6 one; of accounts that have not signed in from there
account   the account, from wherever; likewise

Where somebody guesses at an account from elsewhere, its owner gets in from a browser or a network
that has signed in to it before: such are counted by themselves. A good try is taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from csms import db
from csms.domain.api_token import new_token
from csms.domain.limiter import Limit, joined, network_of
from csms.domain.user import fold
from csms.errors import TooManyAttempts
from csms.repositories.api_tokens import ApiToken, ApiTokens, read_holder
from csms.repositories.audit import Event
from csms.repositories.limits import Keyed, SharedLimiter
from csms.repositories.sessions import Sessions
from csms.repositories.users import Users
from csms.web.sign_in_record import Caller, SignInRecord

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
NETWORK_FACTOR = 3
"""A network may fail so many times as often in a minute as one account from there."""
ACCOUNT_FACTOR = 10
"""And an account so many times as often in an hour, from everywhere together."""
KNOWN_DAYS = 90
"""How long a browser or network is known after a sign-in."""

KNOWN = Limit("known", 0, KNOWN_DAYS * DAY)

SIGN_IN, SIGN_OUT = "/sign-in", "/sign-out"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The secrets for the browser's cookies: of the session, and of the device."""

    session: str
    device: str | None


class Guard:
    """Checks passwords and tokens of people, within limits."""

    def __init__(
        self,
        most: int,
        limiter: SharedLimiter,
        users: Users,
        api_tokens: ApiTokens,
        sessions: Sessions,
        record: SignInRecord,
    ) -> None:
        """`most` is how often one account may fail from one network within a minute."""
        self._limiter = limiter
        self._users = users
        self._tokens = api_tokens
        self._sessions = sessions
        self._record = record
        self._own = Limit("signIn", most, MINUTE)
        self._network = Limit("signInNetwork", most * NETWORK_FACTOR, MINUTE)
        self._account = Limit("signInAccount", most * ACCOUNT_FACTOR, HOUR)

    async def sign_in(self, name: str, secret: str, caller: Caller) -> SignedIn | None:
        """Begin a session by name and password, or with a token; None if that is not right.

        Raises:
            TooManyAttempts, Busy: it was not looked at.
            DatabaseUnavailable: MongoDB did not answer.
        """
        if not name:
            return await self._sign_in_with_token(secret, caller)
        user = await self.check_password(name, secret, caller)
        if user is None:
            return None
        await self._users.note_sign_in(user)
        session = await self._sessions.begin("user", user["_id"])
        device = caller.device or new_token()
        await self._limiter.count(KNOWN, joined(user["_id"], device))
        await self._limiter.count(KNOWN, joined(user["_id"], network_of(caller.address)))
        holder = read_holder(user, is_user=True)
        await self._record.store(holder, Event.SIGNED_IN, SIGN_IN, caller)
        return SignedIn(session, device)

    async def sign_out(self, holder: ApiToken | None, secret: str, caller: Caller) -> None:
        """End a session."""
        await self._sessions.end(secret)
        if holder is not None:
            await self._record.store(holder, Event.SIGNED_OUT, SIGN_OUT, caller)

    async def check_password(
        self, name: str, password: str, caller: Caller, path: str = SIGN_IN
    ) -> db.Document | None:
        """The user with this name and password; None if there is none.

        Raises:
            TooManyAttempts, Busy: it was not looked at.
            DatabaseUnavailable: MongoDB did not answer.
        """
        # Before anything is counted, or those that find no place would be taken for guesses.
        with self._users.passwords.place():
            account = fold(name)
            charged = await self._charge(account, caller)
            user = await self._users.find(account)
            is_right = await self._users.has_password(user, password)
        if user is None or not is_right:
            self._record.failed(user, path, caller)
            return None
        await self._limiter.forget(*charged[0])
        await self._give_back(charged[1:])
        return user

    async def _sign_in_with_token(self, token: str, caller: Caller) -> SignedIn | None:
        keys = [(self._network, network_of(caller.address))]
        charged = await self._charge_keys([] if self._tokens.was_good(token) else keys, caller)
        found = await self._tokens.authenticate(token)
        if found is None:
            self._record.failed(None, SIGN_IN, caller)
            return None
        await self._give_back(charged)
        session = await self._sessions.begin("token", found.id)
        await self._record.store(found, Event.SIGNED_IN, SIGN_IN, caller)
        return SignedIn(session, None)

    # Limits

    async def _charge(self, account: str, caller: Caller) -> list[Keyed]:
        """Count a try at an account; returns what was counted, its own key first."""
        network = network_of(caller.address)
        from_network, from_device = joined(account, network), joined(account, caller.device or "")
        known_network, known_device = await self._limiter.tallies(
            (KNOWN, from_network), (KNOWN, from_device)
        )
        if known_device.count:
            keys = [(self._own, from_device)]
        elif known_network.count:
            keys = [(self._own, from_network)]
        else:
            keys = [
                (self._own, from_network),
                (self._network, network),
                (self._account, account),
            ]
        return await self._charge_keys(keys, caller, account)

    async def _charge_keys(
        self, keys: Sequence[Keyed], caller: Caller, account: str | None = None
    ) -> list[Keyed]:
        charged: list[Keyed] = []
        for limit, key in keys:
            if wait := self._limiter.wait_here(limit, key):
                await self._give_back(charged)
                raise TooManyAttempts(wait)
            tally = await self._limiter.count(limit, key)
            if limit.most and tally.count > limit.most:
                await self._give_back(charged)
                user = None if account is None else await self._users.find(account)
                self._record.locked_out(user, SIGN_IN, caller, limit.name)
                raise TooManyAttempts(max(1.0, tally.left))
            charged.append((limit, key))
        return charged

    async def _give_back(self, charged: Sequence[Keyed]) -> None:
        for limit, key in charged:
            await self._limiter.give_back(limit, key)
