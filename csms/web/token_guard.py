"""Who shows a token to the REST, and how often one network may show wrong ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from csms.domain.api_token import hash_token
from csms.domain.limiter import Limit, Limiter, joined, network_of
from csms.errors import TooManyAttempts
from csms.repositories.api_tokens import ApiToken, ApiTokens
from csms.repositories.limits import SharedLimiter
from csms.web.guard import DAY, KNOWN, MINUTE, NETWORK_FACTOR
from csms.web.sign_in_record import Caller, SignInRecord

SEEN = Limit("seen", 0, DAY)
"""A token and a network, of which is noted once a day that they belong together."""
REST = "/admin"


class TokenGuard:
    """Checks tokens of the REST within a limit. A flood of them costs few writes."""

    def __init__(
        self, most: int, limiter: SharedLimiter, api_tokens: ApiTokens, record: SignInRecord
    ) -> None:
        """`most` is how often one account may fail from one network within a minute."""
        self._limit = Limit("token", most * NETWORK_FACTOR, MINUTE)
        self._limiter = limiter
        self._tokens = api_tokens
        self._record = record
        self._pairs = Limiter()
        self._looked_up = _LookedUp()

    async def check(self, token: str, address: str) -> ApiToken | None:
        """Who has the token of a REST request; None if nobody has.

        Tokens that were good here or from this network before are heard, whatever else comes from
        there.

        Raises:
            TooManyAttempts: it was not looked at.
            DatabaseUnavailable: MongoDB did not answer.
        """
        network = network_of(address)
        pair = joined(hash_token(token), network)
        if not self._tokens.was_good(token):
            await self._refuse_guess(network, pair)
        with self._looked_up.together(network, pair):
            found = await self._tokens.authenticate(token)
        if found is None:
            self._limiter.note(self._limit, network)
            if self._limiter.wait_here(self._limit, network):
                self._record.locked_out(None, REST, Caller(address), self._limit.name)
        elif self._pairs.count(SEEN, pair).count == 1:
            self._limiter.note(KNOWN, pair)
        return found

    async def _refuse_guess(self, network: str, pair: str) -> None:
        """Refuse a token that was not seen before, where too many were wrong or are looked up."""
        others = self._looked_up.others(network, pair)
        wait = self._limiter.wait_here(self._limit, network, besides=others)
        if wait:
            [known] = await self._limiter.tallies((KNOWN, pair))
            if not known.count:
                raise TooManyAttempts(wait)


class _LookedUp:
    """Tokens that are being looked up, by network: as long as that lasts, each may be a guess."""

    def __init__(self) -> None:
        self._pairs: dict[str, Counter[str]] = {}

    def others(self, network: str, pair: str) -> int:
        """How many other tokens of a network are being looked up."""
        pairs = self._pairs.get(network, Counter())
        return len(pairs) - (pair in pairs)

    @contextmanager
    def together(self, network: str, pair: str) -> Iterator[None]:
        """Look one up."""
        pairs = self._pairs.setdefault(network, Counter())
        pairs[pair] += 1
        try:
            yield
        finally:
            pairs[pair] -= 1
            if not pairs[pair]:
                del pairs[pair]
            if not pairs:
                self._pairs.pop(network, None)
