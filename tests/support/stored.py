"""Buckets of stored bytes for what is tested without any."""

from __future__ import annotations

from csms.domain.stored_bytes import STORES, UNBOUNDED, StoredBytes, StoreLimits


def unbounded() -> StoredBytes:
    """Buckets that never run over."""
    limits = StoreLimits([UNBOUNDED] * len(STORES))
    return StoredBytes("CP1", limits, _nothing, _nothing)


def _nothing(*_: object) -> None:
    raise AssertionError("there is no bound")
