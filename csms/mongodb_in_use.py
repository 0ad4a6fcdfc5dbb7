"""Which MongoDB this csms works on, and what the person who starts it should know of it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date

from csms.errors import CsmsError
from csms.mongodb_support import EMBEDDED_IS_FOR, EMBEDDED_REMEDY, REMEDY, end_of_life, has_ended


class SupervisorGone(CsmsError):
    """The supervisor of a worker ended before it said which database to use."""

    def __init__(self) -> None:
        super().__init__("the supervisor ended before this worker had started")


@dataclass(frozen=True)
class MongodbInUse:
    """A MongoDB that is there. Workers get it from their supervisor, over their standard input."""

    uri: str = field(repr=False)
    version: str = ""
    """Empty where it could not be asked."""
    analyst_uri: str = field(default="", repr=False)
    """Of the embedded one; empty where it is not to be shown."""
    analyst_uri_file: str = ""
    """Of the embedded one."""

    @property
    def is_embedded(self) -> bool:
        """Whether it is csms's own."""
        return bool(self.analyst_uri_file)

    def as_line(self) -> bytes:
        """For a worker. It is neither in its environment nor on its command line."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_supervisor(cls) -> MongodbInUse:
        """Read what the supervisor wrote; what else it may write later is left unread.

        Raises:
            SupervisorGone: it ended first.
        """
        stdin, line = sys.stdin.fileno(), b""
        while not line.endswith(b"\n"):
            read = os.read(stdin, 1)
            if not read:
                raise SupervisorGone
            line += read
        return cls(**json.loads(line))

    def banner(self, database: str, today: date) -> list[str]:
        """The lines that say where the database is, and what is wrong with its version."""
        lines = []
        if self.is_embedded:
            lines.append(f"MongoDB {self.version} of csms, database {database}")
            lines.append(
                f"for analysts: {self.analyst_uri}   (kept in {self.analyst_uri_file})"
                if self.analyst_uri
                else f"for analysts: the URI in {self.analyst_uri_file}"
            )
        lines += advice(self.version, today, is_embedded=self.is_embedded)
        return lines


def advice(version: str, today: date, *, is_embedded: bool) -> Sequence[str]:
    """What to do about a version that has ended, and about the embedded MongoDB."""
    ended = f"{version} has had no security fixes since {end_of_life(version)}"
    if is_embedded and has_ended(version, today):
        return [f"{ended}; {EMBEDDED_IS_FOR}:", EMBEDDED_REMEDY]
    if is_embedded:
        return [f"{EMBEDDED_IS_FOR}:", REMEDY]
    return [f"MongoDB {ended}:", REMEDY] if has_ended(version, today) else []
