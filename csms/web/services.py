"""What the handlers work with, built once by `csms/app.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from csms.actions.context import Deps
from csms.config import Settings
from csms.connections.commands import CommandRouter
from csms.connections.whitelisting import Whitelisting
from csms.db import Database
from csms.metrics import Metrics
from csms.repositories.api_tokens import ApiTokens
from csms.repositories.charge_points import ChargePoints
from csms.repositories.id_tags import IdTags
from csms.repositories.transactions import Transactions


@dataclass(frozen=True)
class Services:
    """The parts of the application that the web layer calls."""

    settings: Settings
    database: Database
    metrics: Metrics
    clock: Callable[[], datetime]
    accepting: Callable[[], bool]
    api_tokens: ApiTokens
    charge_points: ChargePoints
    id_tags: IdTags
    transactions: Transactions
    whitelisting: Whitelisting
    commands: CommandRouter
    deps: Deps
