"""What every resource of the admin REST shares.

`@endpoint` declares an operation once: who may call it, what it takes and what it returns. The
declaration authenticates, validates, answers, and is what `/openapi.json` is made from.

`ApiHandler.prepare` checks the token, the role and the query before a body is read, so that
handlers which stream can rely on it too. Every exception ends in `write_error`, which answers with
RFC 9457 `application/problem+json`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tornado.web import HTTPError, RequestHandler, stream_request_body

from csms.domain.api_token import Role, scope_needed
from csms.domain.job import mask_location
from csms.errors import (
    CsmsError,
    FieldError,
    Forbidden,
    InvalidInput,
    MalformedInput,
    Unauthorized,
)
from csms.repositories.api_tokens import ApiToken
from csms.repositories.audit import Entry
from csms.web.api.stations import ELSEWHERE, GIVE_ID, keep_to_stations
from csms.web.browser import SAFE_METHODS, signed_in
from csms.web.problems import PROBLEM_JSON, invalid, problem_of
from csms.web.security_headers import set_security_headers
from csms.web.services import Services
from csms.web.stored_ids import use_stored_id

log = structlog.get_logger(__name__)

MAX_BODY_BYTES = 1_048_576
MAX_PATH, MAX_NAMES, MAX_NAME = 300, 50, 100
"""What is kept of a change for the audit."""

MAX_IGNORED_BYTES = 256 * 1024 * 1024

_NOT_JSON = ("text/csv", "multipart/form-data", "application/xml", "text/xml")


class PageQuery(BaseModel):
    """What every list takes."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=1000, description="items on a page")] = 100
    cursor: Annotated[str, Field(max_length=1000)] | None = Field(
        None, description="`nextCursor` of the page before"
    )


@dataclass(frozen=True)
class Endpoint:
    """The declaration of one operation."""

    role: Role
    summary: str
    body: type[BaseModel] | None
    body_optional: bool
    query: type[BaseModel] | None
    returns: Any
    status: int
    errors: tuple[int, ...]
    media: tuple[str, ...]
    request_media: str
    by_station: bool


Method = Callable[..., Awaitable[Any]]


def endpoint(
    *,
    role: Role,
    summary: str,
    body: type[BaseModel] | None = None,
    body_optional: bool = False,
    query: type[BaseModel] | None = None,
    returns: Any = None,
    status: int = 200,
    errors: tuple[int, ...] = (),
    media: tuple[str, ...] = ("application/json",),
    request_media: str = "application/json",
    by_station: bool = False,
) -> Callable[[Method], Callable[..., Awaitable[None]]]:
    """Declare an operation of an `ApiHandler`.

    The method gets the ids of the path, `query` and `body` as models where they are declared, and
    returns a model; None sends nothing more than what the method itself has written. `by_station`
    says that it keeps to the stations of a token that is limited to some.
    """
    declared = Endpoint(
        role, summary, body, body_optional, query, returns, status, errors, media, request_media,
        by_station,
    )  # fmt: skip

    def decorate(method: Method) -> Callable[..., Awaitable[None]]:
        @functools.wraps(method)
        async def call(self: ApiHandler, *path: str) -> None:
            arguments: dict[str, Any] = {}
            if query is not None:
                arguments["query"] = self.query
            if body is not None:
                arguments["body"] = self.read_body(body, optional=body_optional)
            answer = await method(self, *path, **arguments)
            is_open = not self._headers_written and not self._finished
            if self.request.method not in SAFE_METHODS:
                answered = status_of(answer, status) if is_open else int(self.get_status())
                await self.note_change(path, answered)
            if is_open:
                self.send(answer, status)

        call.endpoint = declared  # type: ignore[attr-defined]
        return call

    return decorate


def endpoint_of(handler_class: type[RequestHandler], method: str) -> Endpoint | None:
    """The declaration of a handler's method, if it has one."""
    found = getattr(getattr(handler_class, method.lower(), None), "endpoint", None)
    return found if isinstance(found, Endpoint) else None


def _chooses_one(declared: Endpoint) -> bool:
    """Whether a list can be asked for one charge point alone."""
    return declared.query is not None and "chargePointId" in declared.query.model_fields


class ProblemHandler(RequestHandler):
    """Answers every error as a problem. Unknown paths end here too."""

    def initialize(self, services: Services) -> None:
        """Take the parts of the application."""
        self.services = services

    def set_default_headers(self) -> None:
        """What suits answers that are data."""
        set_security_headers(self)
        self.set_header("Cache-Control", "no-store")

    async def prepare(self) -> None:
        """Nothing is here."""
        raise HTTPError(HTTPStatus.NOT_FOUND)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer with the problem that an exception means."""
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else None
        problem = problem_of(error, status_code)
        self.set_status(problem.status)
        self.set_header("Content-Type", PROBLEM_JSON)
        if problem.status == HTTPStatus.UNAUTHORIZED:
            self.set_header("WWW-Authenticate", 'Bearer realm="csms"')
        if problem.retry_after is not None:
            self.set_header("Retry-After", str(problem.retry_after))
        if problem.status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.set_header("Allow", ", ".join(self.allowed_methods()))
        self.finish(json.dumps(problem.body(), ensure_ascii=False))

    def log_exception(self, *exc_info: Any) -> None:
        """Log what nobody expected; the rest is the client's news."""
        error = exc_info[1]
        if not isinstance(error, CsmsError | HTTPError):
            log.error("request_failed", path=mask_location(self.request.path), exc_info=exc_info)

    def allowed_methods(self) -> list[str]:
        """The methods that this handler implements."""
        return [m for m in self.SUPPORTED_METHODS if endpoint_of(type(self), m) is not None]

    def on_finish(self) -> None:
        """Count the request."""
        self.services.deps.metrics.request_answered(
            self.request.method or "",
            type(self).__name__,
            int(self.get_status()),
            self.request.request_time(),
        )


@stream_request_body
class ApiHandler(ProblemHandler):
    """Base of the resources. `token` says who asks, `query` what the query string holds."""

    max_body_bytes = MAX_BODY_BYTES
    token: ApiToken
    query: Any = None
    changed: str | None = None
    """What was changed, for the audit, where the path does not say it; never a secret."""

    def initialize(self, services: Services) -> None:
        """Take the parts of the application."""
        super().initialize(services)
        self._body = bytearray()
        self._body_is_too_large = False

    @property
    def is_streaming(self) -> bool:
        """Whether some of the answer is on its way already."""
        return self._headers_written

    def cut(self) -> None:
        """Break the connection off, so that a partial answer is seen to be one."""
        self.detach().close()

    async def prepare(self) -> None:
        """Check token, role and query, before any body is looked at."""
        # First of all: who is refused before the body is sent must be able to read why.
        connection: Any = self.request.connection
        connection.set_max_body_size(MAX_IGNORED_BYTES)
        declared = endpoint_of(type(self), self.request.method or "")
        if declared is None:
            raise HTTPError(HTTPStatus.METHOD_NOT_ALLOWED)
        self.token = await self._authenticate()
        if not self.token.may(declared.role):
            needed, scope = declared.role, scope_needed(declared.role)
            has = ", ".join(sorted(self.token.scopes))
            raise Forbidden(
                f"This needs the role {needed}, or the scope {scope}; the token has the role"
                f" {self.token.role} and the scopes {has}."
            )
        keeps = self.token.stations is None or declared.by_station
        if not keeps and not (self._is_of_one or _chooses_one(declared)):
            raise Forbidden(ELSEWHERE)
        if declared.query is not None:
            try:
                self.query = declared.query.model_validate(self._query_arguments(declared.query))
            except ValidationError as error:
                raise invalid(error) from None
        elif self.request.query_arguments:
            name = next(iter(self.request.query_arguments))
            raise InvalidInput(FieldError(name, "is not known here; leave it out"))
        await self._use_stored_ids()
        if not keeps:
            await self._keep_to_stations()
        length = self.request.headers.get("Content-Length", "")
        if length.isdecimal() and int(length) > self.max_body_bytes:
            raise HTTPError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

    async def _use_stored_ids(self) -> None:
        await use_stored_id(self, self.services)
        sent = getattr(self.query, "chargePointId", None)
        if isinstance(sent, str):
            stored = await self.services.deps.charge_points.id_of(sent)
            self.query = self.query.model_copy(update={"chargePointId": stored})

    @property
    def _is_of_one(self) -> bool:
        """Whether the path names one charge point."""
        return bool(self.path_args) and self.request.path.startswith("/admin/charge-points/")

    async def _keep_to_stations(self) -> None:
        charge_point_id = self.path_args[0] if self._is_of_one else self.query.chargePointId
        if charge_point_id is None:
            raise Forbidden(GIVE_ID)
        await keep_to_stations(self.token, self.services.deps.charge_points, charge_point_id)

    async def note_change(self, ids: tuple[str, ...], status: int) -> None:
        """Note who has just changed what; the change itself stands, whatever comes of this."""
        request = self.request
        about = ids[0] if ids and request.path.startswith("/admin/charge-points/") else None
        entry = Entry(
            by=self.token.name,
            by_id=self.token.id,
            role=self.token.role,
            method=request.method or "",
            path=mask_location(request.path)[:MAX_PATH],
            fields=self._names_sent(),
            status=status,
            remote_address=request.remote_ip,
            charge_point_id=about,
            subject=self.changed,
        )
        try:
            await self.services.audit.record(entry, self.services.deps.clock())
        except Exception as error:
            # An error of any kind would answer that the change was not made.
            log.error("change_not_noted", by=entry.by, path=entry.path, error=str(error))

    def _names_sent(self) -> list[str]:
        names = list(self.request.query_arguments)
        with suppress(ValueError):
            body = json.loads(bytes(self._body) or b"null")
            if isinstance(body, dict):
                # The action is what a command is, and no secret.
                action = body.get("action")
                names += [f"action={action}" if name == "action" else name for name in body]
                if body.get("unverified") is True:
                    names.append("unverified=true")
        return [name[:MAX_NAME] for name in names[:MAX_NAMES]]

    def data_received(self, chunk: bytes) -> None:
        """Gather the body."""
        if len(self._body) + len(chunk) > self.max_body_bytes:
            self._body_is_too_large = True
        else:
            self._body += chunk

    async def _authenticate(self) -> ApiToken:
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        if scheme.casefold() == "bearer" and token.strip():
            address = self.request.remote_ip or ""
            found = await self.services.token_guard.check(token.strip(), address)
            if found is not None:
                return found
        elif (person := await signed_in(self, self.services)) is not None:
            return person
        raise Unauthorized("Send a valid token as `Authorization: Bearer TOKEN`.")

    def _query_arguments(self, model: type[BaseModel]) -> dict[str, str]:
        arguments: dict[str, str] = {}
        for name, values in self.request.query_arguments.items():
            if len(values) > 1:
                raise InvalidInput(FieldError(name, "is given more than once"))
            arguments[name] = self.decode_argument(values[0], name)
        return arguments

    def decode_argument(self, value: bytes, name: str | None = None) -> str:
        """A value of the path or the query as text, with nothing in it that no id has."""
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            raise MalformedInput(f"{name or 'The path'} is not UTF-8.") from None
        if "\0" in text:
            raise MalformedInput(f"{name or 'The path'} has a NUL character in it.")
        return text

    def read_body(self, model: type[BaseModel], *, optional: bool) -> BaseModel:
        """The JSON body as a model; strict, so that "22" is no number.

        Raises:
            MalformedInput, HTTPError, InvalidInput: it is not JSON, not said to be, not valid.
        """
        if self._body_is_too_large:
            raise HTTPError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if optional and not self._body.strip():
            return model()
        # Bearer tokens are no cookies: a type that a client did not mean to set does no harm.
        content_type = self.request.headers.get("Content-Type", "").partition(";")[0].strip()
        if content_type.casefold() in _NOT_JSON:
            raise HTTPError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        try:
            return model.model_validate_json(bytes(self._body), strict=True)
        except ValidationError as error:
            if error.errors(include_url=False)[0]["type"] == "json_invalid":
                reason = error.errors(include_url=False)[0]["ctx"]["error"]
                raise MalformedInput(f"The body is not JSON: {reason}.") from None
            raise invalid(error) from None

    def send(self, answer: Any, status: int) -> None:
        """Write a model as JSON; None is an empty answer."""
        self.set_status(status_of(answer, status))
        if answer is None:
            self.finish()
            return
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        self.finish(answer.model_dump_json())


def status_of(answer: Any, declared: int) -> int:
    """The status that an answer goes with; one without content is 204."""
    return HTTPStatus.NO_CONTENT if answer is None and declared == HTTPStatus.OK else declared
