"""Stored bytes: no hour sees more than the bound, and what was counted goes along."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.stored_bytes import (
    BOOT_NOTIFICATIONS,
    HEARTBEATS,
    HOUR,
    MARKS,
    METER_VALUES,
    SLOT,
    STORES,
    UNBOUNDED,
    StoredBytes,
    StoreLimits,
)

MOST = 1_000.0
NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Scene:
    """Buckets of heartbeats and meter values with a bound, and what they have said."""

    def __init__(self) -> None:
        self.now = 500.0
        limits = [MOST, MOST, *[UNBOUNDED] * (len(STORES) - 2)]
        self.over: list[int] = []
        self.marks = 0
        self.stored = StoredBytes(
            "CP1",
            StoreLimits(limits),
            self._marked,
            lambda _, store: self.over.append(store),
            lambda: self.now,
        )

    def _marked(self, _: StoredBytes) -> None:
        self.marks += 1


def test_it_may_come_at_once_and_beyond_the_bound_it_takes_its_time() -> None:
    scene = Scene()
    scene.stored.add(HEARTBEATS, 950)
    assert not scene.stored.is_over and scene.stored.wait_for("Heartbeat") == 0
    scene.stored.add(HEARTBEATS, 10)
    assert scene.over == [HEARTBEATS] and scene.stored.is_over
    # 10 bytes at 50 an hour.
    assert scene.stored.wait_for("heartbeat") == pytest.approx(HOUR / 5)
    scene.now += HOUR / 5
    assert scene.stored.wait_for("Heartbeat") == 0
    scene.stored.add(HEARTBEATS, 10)
    assert scene.stored.wait_for("Heartbeat") == pytest.approx(HOUR / 5)
    # After an hour it counts no more.
    scene.now += HOUR + SLOT
    assert scene.stored.wait_for("Heartbeat") == 0 and not scene.stored.is_over
    assert scene.stored.is_empty


def test_only_calls_that_go_to_the_full_store_wait() -> None:
    scene = Scene()
    scene.stored.add(METER_VALUES, 1_000)
    assert scene.stored.wait_for("MeterValues") > 0
    assert scene.stored.wait_for("StopTransaction") > 0
    for action in ("Heartbeat", "BootNotification", "Authorize", "StatusNotification", "None"):
        assert scene.stored.wait_for(action) == 0


def test_without_a_bound_nothing_is_ever_full() -> None:
    scene = Scene()
    scene.stored.add(BOOT_NOTIFICATIONS, 2**40)
    scene.now += 1
    scene.stored.settle()
    assert not scene.stored.is_over and not scene.over


@given(st.lists(st.tuples(st.floats(0, 900), st.integers(1, 100)), max_size=200))
def test_no_hour_sees_more_than_the_bound(steps: list[tuple[float, int]]) -> None:
    scene = Scene()
    added: list[tuple[float, int]] = []
    for pause, size in steps:
        # As a charge point that never waits longer than it must.
        scene.now += min(pause, max(scene.stored.wait_for("Heartbeat"), pause / 100))
        if scene.stored.wait_for("Heartbeat") == 0:
            scene.stored.add(HEARTBEATS, size)
            # Bounds.look does this now and then.
            scene.stored.settle()
            added.append((scene.now, size))
    for at, _ in added:
        hour = sum(other for when, other in added if at <= when < at + HOUR)
        # The one that crosses the bound is stored whole.
        assert hour <= MOST + 100


def test_a_good_part_is_noted_in_the_record_and_not_every_document() -> None:
    scene = Scene()
    for _ in range(940):
        scene.stored.add(HEARTBEATS, 1)
    assert 10 <= scene.marks <= MARKS
    quiet = Scene()
    quiet.stored.add(HEARTBEATS, 20)
    assert quiet.marks == 0


def test_another_node_goes_on_where_this_one_was() -> None:
    scene = Scene()
    scene.stored.add(HEARTBEATS, 500)
    scene.now += 4 * SLOT
    scene.stored.settle()
    scene.stored.add(HEARTBEATS, 400)
    document = scene.stored.document(NOW)
    assert set(document) == {"at", *STORES}

    other = Scene()
    other.stored.take_over(document, NOW + timedelta(minutes=6))
    other.stored.add(HEARTBEATS, 40)
    assert not other.stored.is_over
    other.stored.add(HEARTBEATS, 20)
    assert other.stored.is_over
    # What came first leaves first, there as here.
    other.now += 8 * SLOT
    other.stored.settle()
    assert not other.stored.is_over
    # Coming back with what is older than what it has itself changes nothing.
    other.stored.add(HEARTBEATS, 600)
    before = other.stored.document(NOW)
    other.stored.take_over(document, NOW + timedelta(hours=10))
    assert other.stored.is_over and other.stored.document(NOW) == before


def test_a_record_that_makes_no_sense_is_left_alone() -> None:
    scene = Scene()
    scene.stored.take_over({}, NOW)
    scene.stored.take_over({"at": NOW, "heartbeats": "many", "other": 5}, NOW)
    assert scene.stored.is_empty
