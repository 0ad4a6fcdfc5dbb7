"""What the handlers work with, built once by `csms/app.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from csms.config import Settings
from csms.db import Database
from csms.metrics import Metrics
from csms.repositories.api_tokens import ApiTokens
from csms.repositories.id_tags import IdTags


@dataclass(frozen=True)
class Services:
    """The parts of the application that the web layer calls."""

    settings: Settings
    database: Database
    metrics: Metrics
    clock: Callable[[], datetime]
    api_tokens: ApiTokens
    id_tags: IdTags
