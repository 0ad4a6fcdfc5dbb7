"""What a migration is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from csms import db


@dataclass(frozen=True)
class Migration:
    """One step from a schema version to the next.

    `name` is recorded and never changes, `version` is what is reached with it, `purpose` says in
    the log and in `csms check` what it does. `run` returns how much it changed.
    """

    name: str
    version: int
    purpose: str
    run: Callable[[db.Database], Awaitable[int]]
