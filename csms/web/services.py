"""What the handlers work with, built once by `csms/app.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from csms.actions.context import Deps
from csms.connections.commands import CommandRouter
from csms.connections.whitelisting import Whitelisting
from csms.db import Database
from csms.repositories.api_tokens import ApiTokens


@dataclass(frozen=True)
class Services:
    """The parts of the application that the web layer calls."""

    deps: Deps
    database: Database
    accepting: Callable[[], bool]
    api_tokens: ApiTokens
    whitelisting: Whitelisting
    commands: CommandRouter
