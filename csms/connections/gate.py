"""How many newcomers are let in a second; the rest are told when to come again.

Half of them are kept for identities on record, so that no flood of others keeps these out. Of the
other half, one network gets a half at most.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

import structlog

from csms.connections.visitor import Visitor, read_identity
from csms.domain.limiter import Limit, Limiter, network_of
from csms.domain.text import fold_text
from csms.errors import DatabaseUnavailable

log = structlog.get_logger(__name__)

LONGEST_WAIT = 60
STRANGERS_SHARE = 1 / 2
NETWORK_SHARE = 1 / 4
MAX_NETWORKS = 10_000
"""Networks whose newcomers are counted at a time."""
CLAIM = Limit("claim", 4, 2.0)
"""How often an identity may come as one on record from one network: a flood may have learned it.

What comes from elsewhere takes nothing from the charge point itself."""
READ_AGAIN_AFTER = 2.0
READ_SHARE = 20
"""Reading the identities takes a twentieth of the time at most."""


class KnownIdentities:
    """The whitelisted identities, read when a newcomer would be sent away, and not too often.

    So neither they nor a flood of others cost a query each.
    """

    def __init__(
        self, read: Callable[[], Awaitable[set[str]]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`read` gets the folded identities."""
        self._read = read
        self._clock = clock
        self._identities: set[str] = set()
        self._next_read = 0.0
        self._reading: asyncio.Future[bool] | None = None

    def __contains__(self, identity: str) -> bool:
        return fold_text(identity) in self._identities

    async def refresh(self) -> bool:
        """Read them again if that was not done just now; says whether they were read."""
        if self._reading is not None:
            return await asyncio.shield(self._reading)
        if self._clock() < self._next_read:
            return False
        self._reading = asyncio.ensure_future(self._refresh())
        return await asyncio.shield(self._reading)

    async def _refresh(self) -> bool:
        began = self._clock()
        try:
            self._identities = await self._read()
            return True
        except DatabaseUnavailable as error:
            log.warning("identities_not_read", error=str(error))
            return False
        finally:
            now = self._clock()
            self._next_read = now + max(READ_AGAIN_AFTER, READ_SHARE * (now - began))
            self._reading = None


class Gate:
    """Lets so many in a second, a second's worth of them at once."""

    def __init__(
        self,
        rate: int,
        known: KnownIdentities,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`rate` is newcomers per second; 0 lets everybody in."""
        self._rate = rate
        self._known = known
        self._clock = clock
        self._everybody = _Share(rate, clock())
        self._strangers = _Share(max(1.0, rate * STRANGERS_SHARE), clock())
        self._networks: OrderedDict[str, _Share] = OrderedDict()
        self._claims = Limiter(clock)

    async def admit(self, visitor: Visitor) -> int:
        """Seconds until this newcomer should try again; 0 if it is let in."""
        if not self._rate:
            return 0
        network, identity = network_of(visitor.remote_address), _identity_of(visitor)
        wait = self.wait(network, identity)
        if wait and await self._known.refresh() and identity is not None:
            return self.wait(network, identity)
        return wait

    def wait(self, network: str, identity: str | None) -> int:
        """The same, as far as it is known what is on record.

        Those that are sent away get different times, so that they do not all come back at once.
        """
        now = self._clock()
        shares = [self._everybody]
        if identity is None or not self._is_claimed(network, identity):
            shares = [self._share_of(network, now), self._strangers, self._everybody]
        for share in shares:
            if not share.has_room(now):
                return share.send_away()
        for share in shares:
            share.let_in += 1
        return 0

    def _is_claimed(self, network: str, identity: str) -> bool:
        if identity not in self._known:
            return False
        claim = f"{network}\n{identity}"
        if self._claims.wait(CLAIM, claim):
            return False
        self._claims.count(CLAIM, claim)
        return True

    def _share_of(self, network: str, now: float) -> _Share:
        share = self._networks.get(network)
        if share is None:
            share = self._networks[network] = _Share(max(1.0, self._rate * NETWORK_SHARE), now)
            if len(self._networks) > MAX_NETWORKS:
                self._networks.popitem(last=False)
        self._networks.move_to_end(network)
        return share


class _Share:
    """So many a second, a second's worth of them at once."""

    __slots__ = ("let_in", "_at", "_rate", "_sent_away")

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._at = now
        self.let_in = 0.0
        self._sent_away = 0.0

    def has_room(self, now: float) -> bool:
        """Whether one more may come in."""
        passed = (now - self._at) * self._rate
        self._at = now
        self.let_in = max(0.0, self.let_in - passed)
        self._sent_away = max(0.0, self._sent_away - passed)
        return self.let_in + 1 <= self._rate

    def send_away(self) -> int:
        """Seconds after which one that finds no room should try again."""
        self._sent_away += 1
        return min(1 + int(self._sent_away / self._rate), LONGEST_WAIT)


def _identity_of(visitor: Visitor) -> str | None:
    if not visitor.names_endpoint:
        return None
    try:
        return read_identity(visitor.path)
    except ValueError:
        return None
