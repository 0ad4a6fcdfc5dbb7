"""Asks the OpenID Connect provider: with bounds on time and size, and no more often than need be.

What it answers is the provider's word, not ours: anything that is no JSON object is no answer.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Generic, TypeVar

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from csms.errors import CsmsError

T = TypeVar("T")

TIMEOUT = 10.0
MAX_ANSWER_BYTES = 1024 * 1024
ASKED_AGAIN_AFTER = 3.0
"""Seconds before a provider that did not describe itself is asked to again."""


class SignOnFailed(CsmsError):
    """The provider's answer signs nobody in. The text is for the log, and holds no secret."""


class ProviderUnavailable(SignOnFailed):
    """The provider did not answer, or not as OpenID Connect has it."""


class CodeRefused(SignOnFailed):
    """The provider has given no such code, or it was used."""


class Kept(Generic[T]):
    """Something of the provider's that is kept; all who need it at once wait for one answer."""

    def __init__(self, read: Callable[[], Awaitable[T]]) -> None:
        self._read = read
        self._found: tuple[float, T] | None = None
        self._failed: tuple[float, str] | None = None
        self._reading: asyncio.Task[T] | None = None

    async def get(self, oldest: float) -> T:
        """It, as it was no longer than so many seconds ago.

        Raises:
            ProviderUnavailable: the provider does not answer, or did not just now.
        """
        now = time.monotonic()
        if self._found is not None and now <= self._found[0] + oldest:
            return self._found[1]
        if self._failed is not None and now <= self._failed[0] + ASKED_AGAIN_AFTER:
            raise ProviderUnavailable(self._failed[1])
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_now())
        return await asyncio.shield(self._reading)

    async def _read_now(self) -> T:
        try:
            found = await self._read()
        except ProviderUnavailable as error:
            self._failed = time.monotonic(), str(error)
            raise
        else:
            self._found, self._failed = (time.monotonic(), found), None
            return found
        finally:
            self._reading = None


class ProviderHttp:
    """Requests to the provider."""

    def __init__(self) -> None:
        self._http: AsyncHTTPClient | None = None

    async def fetch(self, request: HTTPRequest) -> Mapping[str, Any]:
        """The JSON object that it answers with.

        Raises:
            CodeRefused: it does not know the code that it should exchange.
            ProviderUnavailable: it does not answer, or with something else.
        """
        if self._http is None:
            self._http = SimpleAsyncHTTPClient(
                force_instance=True, max_clients=10, max_body_size=MAX_ANSWER_BYTES
            )
        request.follow_redirects = False
        request.request_timeout = request.connect_timeout = TIMEOUT
        where = request.url.partition("?")[0]
        try:
            response = await self._http.fetch(request)
        except HTTPClientError as error:
            reason = _reason(error)
            if error.code == HTTPStatus.BAD_REQUEST and reason == "invalid_grant":
                raise CodeRefused("the provider does not know the code") from None
            shown = "" if reason is None else f" {reason[:100]!r}"
            raise ProviderUnavailable(f"{where} answered {error.code}{shown}") from None
        except (OSError, ValueError) as error:
            # A ValueError: no such address can be.
            raise ProviderUnavailable(f"{where} cannot be reached: {error}") from None
        found = _read_json(response.body)
        if not isinstance(found, dict):
            raise ProviderUnavailable(f"{where} did not answer with a JSON object")
        return found


def _reason(error: HTTPClientError) -> str | None:
    """The error code of a token endpoint (RFC 6749, 5.2): invalid_grant, invalid_client."""
    found = _read_json(error.response.body) if error.response else None
    code = found.get("error") if isinstance(found, dict) else None
    return code if isinstance(code, str) else None


def _read_json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
