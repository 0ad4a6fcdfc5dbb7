"""What the handlers work with, built once by `csms/app.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from csms.actions.context import Deps
from csms.connections.commands import CommandRouter
from csms.connections.revocation import Revocation
from csms.connections.revocation_list import RevocationList
from csms.connections.whitelisting import Whitelisting
from csms.db import Database
from csms.repositories.alarm_records import AlarmRecords
from csms.repositories.api_tokens import ApiTokens
from csms.repositories.audit import Audit
from csms.repositories.overview import Overview
from csms.repositories.sessions import Sessions
from csms.repositories.users import Users
from csms.web.guard import Guard
from csms.web.live import Live
from csms.web.oidc import Provider
from csms.web.open_alarms import OpenAlarms
from csms.web.sign_on_guard import SignOnGuard
from csms.web.token_guard import TokenGuard


@dataclass(frozen=True)
class Services:
    """The parts of the application that the web layer calls."""

    deps: Deps
    database: Database
    accepting: Callable[[], bool]
    is_at_limit: Callable[[], bool]
    """Whether the limit of open files is reached: nobody new can be let in."""
    api_tokens: ApiTokens
    users: Users
    sessions: Sessions
    guard: Guard
    token_guard: TokenGuard
    live: Live
    overview: Overview
    alarm_records: AlarmRecords
    open_alarms: OpenAlarms
    audit: Audit
    provider: Provider | None
    """Of single sign-on, if it is set up."""
    sign_on_guard: SignOnGuard
    whitelisting: Whitelisting
    revocation: Revocation
    revocation_list: RevocationList
    commands: CommandRouter
    ports: dict[str, int]
    """The port that each setting of a port stands for; known once the server listens."""
