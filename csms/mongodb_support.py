"""Until when MongoDB, Inc. mends each version of MongoDB, and what to do when that is over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

END_OF_LIFE: Mapping[tuple[int, int], date] = {
    (4, 2): date(2023, 4, 30),
    (4, 4): date(2024, 2, 29),
    (5, 0): date(2024, 10, 31),
    (6, 0): date(2025, 7, 31),
    (7, 0): date(2027, 8, 31),
    (8, 0): date(2029, 10, 31),
}
"""The last day of each major version, from https://www.mongodb.com/legal/support-policy/lifecycles"""

RECOMMENDED = "8.0"

REMEDY = f"run a MongoDB {RECOMMENDED} replica set of your own and name it in CSMS_MONGODB_URI"
EMBEDDED_REMEDY = (
    f"{REMEDY}; or, for evaluation, put a mongod {RECOMMENDED} on PATH"
    " and start with a new data_dir"
)
EMBEDDED_IS_FOR = "the embedded MongoDB is for evaluation and small sites"

_VERSION = re.compile(r"(\d+)\.(\d+)")


def end_of_life(version: str) -> date | None:
    """The last day on which this version is mended; None where that is not known.

    Versions older than every one in the table count as the oldest of them.
    """
    found = _VERSION.match(version.removeprefix("v"))
    if found is None:
        return None
    release = (int(found[1]), int(found[2]))
    return END_OF_LIFE.get(max(release, min(END_OF_LIFE)))


def has_ended(version: str, today: date) -> bool:
    """Whether security fixes for this version have ended."""
    last_day = end_of_life(version)
    return last_day is not None and last_day < today
