"""The admin REST as scripts use it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import IO, Any
from urllib.parse import urlencode, urlsplit

import orjson
from tornado.httpclient import AsyncHTTPClient, HTTPError, HTTPRequest, HTTPResponse
from tornado.httputil import HTTPHeaders
from tornado.iostream import StreamClosedError

NDJSON = "application/x-ndjson"
CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 120.0
"""How long a server may say nothing at all."""

_SILENT = f"the server was silent for {SILENCE_SECONDS:.0f} seconds"
_CHUNK = 1 << 16
_NO_LIMIT = 1 << 40


class RestError(Exception):
    """The server is away, or did not do what it was asked; the message is for a person."""


class RestClient:
    """Requests with a token.

    Args:
        url: `http://HOST:PORT` or `https://...`.
        ca_file: PEM certificates to trust in place of the system's.
        insecure: take any certificate.
    """

    def __init__(
        self, url: str, token: str, *, ca_file: str | None = None, insecure: bool = False
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise RestError(f"{url} is no URL of a server; write http://HOST:PORT")
        self._url = url.rstrip("/")
        self._token = token
        self._ca_file = ca_file
        self._insecure = insecure

    async def get(self, path: str, query: Mapping[str, str]) -> Any:
        """GET a JSON document.

        Raises:
            RestError: there is no answer, or one that is an error.
        """
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                response = await self._fetch(path, query, method="GET")
        except TimeoutError:
            raise RestError(_SILENT) from None
        if response.code != 200:
            raise _refusal(response.code, response.body)
        return orjson.loads(response.body)

    async def post_file(
        self,
        path: str,
        query: Mapping[str, str],
        file: IO[bytes],
        media_type: str,
        on_line: Callable[[Mapping[str, Any]], None],
    ) -> None:
        """POST a file, read from the disk as it is sent; `on_line` gets each line of the answer.

        Raises:
            RestError: there is no answer, one that is an error, or one that breaks off.
        """
        try:
            async with asyncio.timeout(SILENCE_SECONDS) as silence:
                lines = _Lines(on_line, silence)
                response = await self._fetch(
                    path,
                    query,
                    method="POST",
                    headers={"Content-Type": media_type, "Accept": NDJSON},
                    body_producer=_producer(file, silence),
                    # So that a refusal comes before the file is sent.
                    expect_100_continue=True,
                    header_callback=lines.receive_header,
                    streaming_callback=lines.receive,
                )
        except TimeoutError:
            raise RestError(_SILENT) from None
        if response.code != 200:
            raise _refusal(response.code, lines.rest)

    async def _fetch(
        self,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> HTTPResponse:
        request = HTTPRequest(
            f"{self._url}{path}?{urlencode(query)}",
            headers=HTTPHeaders({"Authorization": f"Bearer {self._token}", **(headers or {})}),
            connect_timeout=CONNECT_SECONDS,
            request_timeout=0,
            follow_redirects=False,
            ca_certs=self._ca_file,
            validate_cert=not self._insecure,
            **options,
        )
        http = AsyncHTTPClient(force_instance=True, max_body_size=_NO_LIMIT)
        try:
            return await http.fetch(request, raise_error=False)
        except ssl.SSLError as error:
            raise RestError(f"TLS with {self._url} failed: {error}") from None
        except StreamClosedError:
            raise RestError(f"{self._url} broke the connection off") from None
        except (OSError, HTTPError) as error:
            raise RestError(f"no answer from {self._url}: {error}") from None
        finally:
            http.close()


class _Lines:
    """The answer as it comes in: lines of JSON, or the one document of a refusal."""

    def __init__(
        self, on_line: Callable[[Mapping[str, Any]], None], silence: asyncio.Timeout
    ) -> None:
        self._on_line = on_line
        self._silence = silence
        self._good = False
        self.rest = b""

    def receive_header(self, line: str) -> None:
        if line.startswith("HTTP/"):
            self._good = line.split()[1] == "200"

    def receive(self, chunk: bytes) -> None:
        _still_there(self._silence)
        *lines, self.rest = (self.rest + chunk).split(b"\n") if self._good else (self.rest + chunk,)
        for line in lines:
            self._on_line(orjson.loads(line))


def _producer(
    file: IO[bytes], silence: asyncio.Timeout
) -> Callable[[Callable[[bytes], Awaitable[None]]], Awaitable[None]]:
    async def produce(write: Callable[[bytes], Awaitable[None]]) -> None:
        file.seek(0)
        while chunk := file.read(_CHUNK):
            await write(chunk)
            _still_there(silence)

    return produce


def _still_there(silence: asyncio.Timeout) -> None:
    silence.reschedule(asyncio.get_running_loop().time() + SILENCE_SECONDS)


def _refusal(status: int, body: bytes) -> RestError:
    """The server's own words, where it is our server that answers."""
    try:
        problem = orjson.loads(body)
        said = problem.get("detail") or problem.get("title")
        errors = problem.get("errors") or []
    except (orjson.JSONDecodeError, AttributeError):
        return RestError(f"the server answered {status}; is the URL that of a central system?")
    fields = "; ".join(f"{error['field']}: {error['message']}" for error in errors)
    if status == 404:
        return RestError(
            "the admin REST is not there: with admin_port set, name that in --url (404)"
        )
    hint = {401: "the token was refused: ", 403: "the token may not do this: "}.get(status, "")
    return RestError(f"{hint}{fields or said} ({status})")
