"""When charge points are to send their heartbeats."""

from __future__ import annotations

import zlib


def spread_interval(interval: int, jitter: float, charge_point_id: str) -> int:
    """The interval told to one charge point, seconds.

    It is shorter than `interval` by up to `jitter` percent, always the same for the same charge
    point: a fleet that booted in the same second does not beat in step for ever.
    """
    share = zlib.crc32(charge_point_id.encode()) / 2**32
    return max(1, round(interval * (1 - jitter / 100 * share)))
