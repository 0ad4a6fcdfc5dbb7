"""What every admin page shares: who is signed in, language, time zone, links, templates, errors.

Pages show; they change nothing. What a page changes, its scripts send to the admin REST with the
session's cookie, so that there is one place where a change is checked and made.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog
import tornado.locale
from pydantic import BaseModel, ValidationError
from tornado.escape import xhtml_escape
from tornado.web import HTTPError, RequestHandler

from csms import __version__
from csms.domain.api_token import Role
from csms.domain.times import rfc3339
from csms.domain.visible import visible
from csms.errors import CsmsError, Forbidden
from csms.repositories.api_tokens import ApiToken
from csms.web.browser import SAFE_METHODS, cookie_options, signed_in
from csms.web.forwarding import path_prefix
from csms.web.pages.texts import ANSWERS, SCRIPT_TEXTS
from csms.web.problems import PROBLEM_JSON, problem_of
from csms.web.security_headers import set_security_headers
from csms.web.services import Services
from csms.web.stored_ids import use_stored_id

Q = TypeVar("Q", bound=BaseModel)

log = structlog.get_logger(__name__)

WEB = Path(__file__).parent.parent
LANGUAGE_COOKIE, THEME_COOKIE, ZONE_COOKIE = "csms_language", "csms_theme", "csms_zone"
LANGUAGES = {"en": "English", "th": "ไทย"}
THEMES = ("auto", "light", "dark")
LIVE_HEADER = "X-Live"
"""Sent with what `live.js` asks for by itself."""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; manifest-src 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

FORBIDDEN = "Your role may not see this page."
LIMITED = "This token is limited to stations, and the pages show all of them. Use it with the REST."

NAVIGATION: tuple[tuple[str, str, Role], ...] = (
    ("/", "Overview", Role.VIEWER),
    ("/charge-points", "Charge points", Role.VIEWER),
    ("/transactions", "Transactions", Role.VIEWER),
    ("/id-tags", "Id tags", Role.VIEWER),
    ("/alarms", "Alarms", Role.VIEWER),
    ("/turned-away", "Turned away", Role.VIEWER),
    ("/meter-values", "Meter values", Role.VIEWER),
    ("/commands", "Commands", Role.VIEWER),
    ("/certificates", "Certificates", Role.VIEWER),
    ("/access", "Access", Role.ADMIN),
    ("/nodes", "Nodes", Role.VIEWER),
)
"""Path, title, and the role that sees it."""

tornado.locale.load_translations(str(WEB / "locale"))


def visible_escape(text: str | bytes) -> str:
    """Text as HTML: what `{{ }}` in a template does to what is shown.

    Values of form fields are what is sent again, and must not change: `{% raw exact(...) %}`.
    """
    return xhtml_escape(visible(text.decode() if isinstance(text, bytes) else text))


class PageHandler(RequestHandler):
    """Base of the pages. `viewer` is who is signed in."""

    role: Role | None = Role.VIEWER
    """Who may see the page; None lets everybody in."""

    is_seen_by_person = True
    """Whether a GET shows that a person is there; not if a script of the page makes it."""

    script_answers: tuple[str, ...] = ()
    """What the REST may answer to the scripts of this page alone, beside what all pages know."""

    viewer: ApiToken | None = None

    def initialize(self, services: Services) -> None:
        """Take the parts of the application."""
        self.services = services

    def set_default_headers(self) -> None:
        """Nothing is run, framed or kept that is not meant to be."""
        set_security_headers(self, CONTENT_SECURITY_POLICY)
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("Cache-Control", "no-store")

    async def prepare(self) -> None:
        """Let in whoever may see the page; others are sent to sign in."""
        by_person = self.is_seen_by_person and LIVE_HEADER not in self.request.headers
        self.viewer = await signed_in(self, self.services, by_person=by_person)
        if self.viewer is None and self.request.method not in SAFE_METHODS:
            self.check_xsrf_cookie()
        if self.role is None:
            return
        if self.viewer is None:
            self.ask_to_sign_in()
            return
        if self.viewer.stations is not None:
            raise Forbidden(LIMITED)
        if not self.viewer.may(self.role):
            raise Forbidden(FORBIDDEN)
        await use_stored_id(self, self.services)

    def ask_to_sign_in(self) -> None:
        """Lead to the sign-in page, and back from there."""
        query = "?" + self.request.query if self.request.query else ""
        self.redirect(self.url("/sign-in", next=self.request.path + query))

    def read_query(self, model: type[Q], many: Sequence[str] = ()) -> Q:
        """The query string as a model; what is empty counts as not given, what is unknown too.

        `many` names what may be given more than once: lists of the model.

        Raises:
            HTTPError: 400, a value cannot be read.
        """
        known = {field.alias or name for name, field in model.model_fields.items()}
        given = {name: self.get_query_arguments(name) for name in self.request.query_arguments}
        values: dict[str, object] = {
            n: v[-1] for n, v in given.items() if n in known and v[-1] != ""
        }
        values |= {n: [v for v in given[n] if v != ""] for n in many if n in given}
        try:
            return model.model_validate(values, context={"zone": self.zone})
        except ValidationError:
            raise HTTPError(HTTPStatus.BAD_REQUEST) from None

    # Cookies

    def set_cookie(self, name: str, value: str | bytes, *args: Any, **kwargs: Any) -> None:
        """Set a cookie with the attributes that all of ours have."""
        options = cookie_options(self.request, self.prefix)
        super().set_cookie(name, value, *args, **{**options, **kwargs})

    @property
    def prefix(self) -> str:
        """The path under which a proxy shows us."""
        return path_prefix(self.request)

    # The viewer's language, time zone and colours

    def get_user_locale(self) -> tornado.locale.Locale | None:
        """The language that was chosen; else the browser's."""
        chosen = self.get_cookie(LANGUAGE_COOKIE)
        return tornado.locale.get(chosen) if chosen in LANGUAGES else None

    @property
    def language(self) -> str:
        """`en` or `th`."""
        return self.locale.code[:2]

    @property
    def zone(self) -> tzinfo:
        """The viewer's time zone, which a script of ours has put into a cookie."""
        return _zone(unquote(self.get_cookie(ZONE_COOKIE) or ""))

    @property
    def theme(self) -> str:
        """`auto`, `light` or `dark`."""
        chosen = self.get_cookie(THEME_COOKIE)
        return chosen if chosen in THEMES else "auto"

    # Links

    def url(self, path: str, /, *ids: object, **query: object) -> str:
        """A link: `{}` in the path is filled with the ids, None in the query is left out.

        A list in the query is given as often as it has items.
        """
        filled = path.format(*(quote(str(part), safe="") for part in ids))
        given = {name.rstrip("_"): value for name, value in query.items() if value is not None}
        return self.prefix + filled + ("?" + urlencode(given, doseq=True) if given else "")

    def here(self, **changes: object) -> str:
        """A link to this page with some of its query changed; None takes a part away."""
        query: dict[str, object] = {
            name: self.get_query_arguments(name) for name in self.request.query_arguments
        }
        return self.url(self.request.path.replace("{", "").replace("}", ""), **{**query, **changes})

    # Templates

    def may(self, role: str) -> bool:
        """Whether the viewer has this role."""
        return self.viewer is not None and self.viewer.may(Role(role))

    def get_template_path(self) -> str:
        """Where the templates are."""
        return str(WEB / "templates")

    def get_template_namespace(self) -> dict[str, Any]:
        """What every template may use."""
        path = self.request.path
        return {
            **super().get_template_namespace(),
            "visible_escape": visible_escape,
            "exact": lambda text: xhtml_escape(str(text)),
            "viewer": self.viewer,
            "may": self.may,
            "url": self.url,
            "here": self.here,
            "static": lambda name: self.url("/static/admin/" + name),
            "language": self.language,
            "languages": LANGUAGES,
            "theme": self.theme,
            "themes": THEMES,
            "zone": str(self.zone),
            "path": path,
            "version": __version__,
            "navigation": [(p, title) for p, title, role in NAVIGATION if self.may(role)],
            "script_texts": self._script_texts(),
            "when": self.when,
            "local": self.local,
            "number": self.number,
            "badge": self.badge,
        }

    def _script_texts(self) -> dict[str, str]:
        # Scripts show what they find no translation of as it is: English needs none.
        if self.language == "en":
            return {}
        return {
            text: self.locale.translate(text)
            for text in SCRIPT_TEXTS + ANSWERS + self.script_answers
        }

    def show(self, template: str, **values: Any) -> None:
        """Answer with a page."""
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.finish(self.render_string(template, **values))

    def when(self, time: datetime | None) -> str:
        """A time in the viewer's zone, as HTML."""
        if time is None:
            return '<span class="nothing">–</span>'
        # A line may end between the date and the time of day, and not within either.
        shown = time.astimezone(self.zone).strftime("<span>%Y-%m-%d</span> <span>%H:%M:%S</span>")
        return f'<time datetime="{rfc3339(time)}">{shown}</time>'

    def local(self, time: datetime | None) -> str:
        """A time in the viewer's zone, as an input of type datetime-local has it."""
        return "" if time is None else time.astimezone(self.zone).strftime("%Y-%m-%dT%H:%M:%S")

    def number(self, value: float | None, digits: int = 0) -> str:
        """A number as people read it."""
        return "–" if value is None else f"{value:,.{digits}f}"

    def badge(self, status: str | None) -> str:
        """A status in its colour, as HTML."""
        if not status:
            return '<span class="nothing">–</span>'
        kind = _KINDS.get(status, "plain")
        text = visible_escape(self.locale.translate(status))
        return f'<span class="badge {kind}">{text}</span>'

    # Errors

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer with a page that says what is wrong."""
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else None
        problem = problem_of(error, status_code)
        self.set_status(problem.status)
        if problem.retry_after is not None:
            self.set_header("Retry-After", str(problem.retry_after))
        self.show("error.html", problem=problem)

    def log_exception(self, *exc_info: Any) -> None:
        """Log what nobody expected."""
        if not isinstance(exc_info[1], CsmsError | HTTPError):
            log.error("page_failed", path=self.request.path, exc_info=exc_info)

    def on_finish(self) -> None:
        """Count the request."""
        self.services.deps.metrics.request_answered(
            self.request.method or "",
            type(self).__name__,
            int(self.get_status()),
            self.request.request_time(),
        )


class NoPageHandler(PageHandler):
    """What is nowhere."""

    async def prepare(self) -> None:
        """Say so, to whoever asks."""
        raise HTTPError(HTTPStatus.NOT_FOUND)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer browsers with a page, and everything else with a problem."""
        if "text/html" in self.request.headers.get("Accept", ""):
            super().write_error(status_code, **kwargs)
            return
        self.set_status(status_code)
        self.set_header("Content-Type", PROBLEM_JSON)
        self.finish(json.dumps(problem_of(None, status_code).body()))


@cache
def _zone(name: str) -> tzinfo:
    if re.fullmatch(r"[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,2}", name):
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, OSError, ValueError):
            return UTC
    return UTC


_GOOD = (
    "Available Accepted Answered match Completed Used Done Issued Installed Unlocked"
    " PRIMARY SECONDARY"
)
_BUSY = "Charging Active Preparing SuspendedEV SuspendedEVSE Finishing Reserved Pending Sent"
_BAD = "Faulted Rejected CallError Timeout Blocked Invalid mismatch Failed"
_DULL = "Unavailable Offline Expired Cancelled Unknown unverifiable"
_KINDS: Mapping[str, str] = {
    status: kind
    for kind, statuses in (("good", _GOOD), ("busy", _BUSY), ("bad", _BAD), ("dull", _DULL))
    for status in statuses.split()
}
