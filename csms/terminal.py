"""Whether what a process prints is seen by a person, or kept in a log."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

_ON_TERMINAL = "CSMS_ON_TERMINAL"
"""In the environment of workers whose supervisor passes on to a terminal what they print."""


def on_terminal() -> bool:
    """Whether standard output ends at a terminal."""
    return sys.stdout.isatty() or _ON_TERMINAL in os.environ


def for_workers() -> Mapping[str, str]:
    """The environment variables that tell workers the same."""
    return {_ON_TERMINAL: "1"} if sys.stdout.isatty() else {}
