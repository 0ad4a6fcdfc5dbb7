"""`/live`: server-sent events that tell an open page when to look again."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from http import HTTPStatus

from tornado.iostream import StreamClosedError
from tornado.web import HTTPError

from csms.errors import DatabaseUnavailable
from csms.web.browser import signed_in
from csms.web.live import FEW, MANY, Viewer
from csms.web.pages.base import PageHandler

TELL_EVERY = 0.5
"""Seconds between two events at least."""

SIGN_OF_LIFE_EVERY = 10.0
STALE_AFTER = 3.0
MAX_SECONDS = 3600.0


class LiveHandler(PageHandler):
    """A stream of `changed` events, each with the collections that have changed.

    `stale` says that changes are not seen at the moment, `live` that they are again.
    """

    is_seen_by_person = False
    _telling: asyncio.Future[None] | None = None

    def ask_to_sign_in(self) -> None:
        """Refuse: a script cannot follow to the sign-in page."""
        raise HTTPError(HTTPStatus.UNAUTHORIZED)

    async def get(self) -> None:
        """Tell, until the page is closed."""
        wanted = frozenset(self.get_query_argument("collections", "").split(","))
        collections = wanted & frozenset(FEW + MANY)
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("X-Accel-Buffering", "no")
        charge_point_id = self.get_query_argument("chargePointId", None)
        with self.services.live.viewer(collections, charge_point_id) as viewer:
            self._telling = asyncio.ensure_future(self._tell(viewer))
            with suppress(StreamClosedError, TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(self._telling, MAX_SECONDS)

    async def _tell(self, viewer: Viewer) -> None:
        was_live: bool | None = None
        while not viewer.ended and await self._still_signed_in():
            is_live = await self._is_live()
            if is_live != was_live:
                await self._send("live" if is_live else "stale", "")
                was_live = is_live
            if changed := viewer.take():
                await self._send("changed", ",".join(sorted(changed)))
                await asyncio.sleep(TELL_EVERY)
                continue
            try:
                await asyncio.wait_for(viewer.woken.wait(), SIGN_OF_LIFE_EVERY if is_live else 1.0)
            except TimeoutError:
                if is_live:
                    await self._send("alive", "")

    async def _still_signed_in(self) -> bool:
        try:
            return await signed_in(self, self.services) is not None
        except DatabaseUnavailable:
            # The page is told that it is stale; who looks at it has not changed.
            return True

    async def _is_live(self) -> bool:
        following = self.services.live.following
        # It stops for a moment when another charge point comes to be watched.
        with suppress(TimeoutError):
            await asyncio.wait_for(following.wait(), STALE_AFTER)
        return following.is_set()

    async def _send(self, event: str, data: str) -> None:
        self.write(f"event: {event}\ndata: {data}\n\n")
        await self.flush()

    def on_connection_close(self) -> None:
        """Tell nobody any more."""
        if self._telling is not None:
            self._telling.cancel()
