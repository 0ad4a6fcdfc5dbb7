"""How many bytes one charge point may have stored in an hour, counted for each store.

A store is a capped collection, `commands`, or all other collections without a cap together. What a
charge point has added in the last hour is counted in parts of five minutes. It may come as it
likes, all at once if it was gathered off line, until nearly all of the bound is used; the little
that is left is given out evenly over an hour. So no hour sees more than the bound, and the message
that crossed it.

To count is an addition and a comparison. The time is looked at when a mark is passed, and by who
calls `settle` now and then: until then what is older than an hour counts too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from csms.domain.hold import Claim

HEARTBEATS, METER_VALUES, BOOT_NOTIFICATIONS, MESSAGES, RECORDS, COMMANDS = range(6)
STORES = ("heartbeats", "meter_values", "boot_notifications", "messages", "records", "commands")
"""The collections by their names; `records` are those without a cap but `commands`, to which a
charge point adds its answers to Calls of ours."""

HOUR = 3600.0
UNBOUNDED = 2.0**60
"""Bytes an hour, where no bound is set."""
SLOTS = 12
SLOT = HOUR / SLOTS
FREELY = 0.95
"""Of the bound: what may come as it likes. The rest takes an hour."""
MARKS = 16
"""What was counted is noted in the charge point's record each time such a part is used up."""

NOTED_AT_CLOSE = 1 / 64
"""And when its socket closes, if more than this part is used: the next may be on another node."""

TRANSACTION_BYTES = 2_000
"""About what a transaction takes when it is made, and what each stop may add to it."""

COMMAND_BYTES = 800
"""About what a command takes without its answer."""

_BY_ACTION: Mapping[str, tuple[int, ...]] = {
    "heartbeat": (HEARTBEATS,),
    "metervalues": (METER_VALUES,),
    "bootnotification": (BOOT_NOTIFICATIONS,),
    "starttransaction": (RECORDS,),
    "stoptransaction": (RECORDS, METER_VALUES),
    "securityeventnotification": (RECORDS,),
    "signcertificate": (RECORDS,),
}
"""Where the Calls of an Action are stored; those of others add nothing."""


@dataclass(frozen=True)
class StoreLimits:
    """The bounds of each charge point, bytes an hour by store."""

    an_hour: Sequence[float]

    @cached_property
    def freely(self) -> tuple[float, ...]:
        """What may come as it likes, bytes."""
        return tuple(most * FREELY for most in self.an_hour)

    @cached_property
    def a_second(self) -> tuple[float, ...]:
        """What is given out beyond that, bytes a second."""
        return tuple(most * (1 - FREELY) / HOUR for most in self.an_hour)


class StoredBytes:
    """What one charge point has stored, or all visitors without a record together."""

    __slots__ = (
        "charge_point_id", "claim", "is_over", "is_flagged", "over_at", "said_at",
        "left_out_said_at", "_limits", "_used", "_slots", "_slot_began", "_marks", "_free_at",
        "_on_mark", "_on_over", "_clock",
    )  # fmt: skip

    def __init__(
        self,
        charge_point_id: str | None,
        limits: StoreLimits,
        on_mark: Callable[[StoredBytes], None],
        on_over: Callable[[StoredBytes, int], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_mark` is called when a part is used up, `on_over` when all that may come freely is.

        `clock` counts seconds.
        """
        self.charge_point_id = charge_point_id
        self.claim: Claim | None = None
        """Of its last session here, by which its record is written."""
        self.is_over = False
        """Whether that is so of any store, as far as is known."""
        self.is_flagged = False
        """Whether its record says so."""
        self.over_at = float("-inf")
        """When something had to wait or was left out for it last, by `clock`."""
        self.said_at = float("-inf")
        """When that was last made known."""
        self.left_out_said_at: datetime | None = None
        """When the message log last said that messages are left out."""
        self._limits = limits
        self._used = [0.0] * len(STORES)
        self._slots: list[tuple[float, ...]] = [()] * len(STORES)
        """What was counted in each part of the last hour before this one, the oldest first."""
        self._marks = [most / MARKS for most in limits.freely]
        self._free_at = [0.0] * len(STORES)
        """When a store that is full takes something again."""
        self._on_mark = on_mark
        self._on_over = on_over
        self._clock = clock
        self._slot_began = clock()

    def add(self, store: int, size: int) -> None:
        """Count bytes that are being stored."""
        used = self._used[store] + size
        self._used[store] = used
        if used > self._marks[store]:
            self._passed_mark(store, size)

    def _passed_mark(self, store: int, size: int) -> None:
        mark = self._marks[store]
        self.settle()
        excess = self._used[store] - self._limits.freely[store]
        if excess > 0:
            now = self._clock()
            takes = min(size, excess) / self._limits.a_second[store]
            self._free_at[store] = max(now, self._free_at[store]) + takes
            self._note_over(store)
        elif self._used[store] > mark:
            self._on_mark(self)

    def _note_over(self, store: int) -> None:
        self.over_at = self._clock()
        self._on_over(self, store)

    def settle(self) -> None:
        """Let go of what is older than an hour."""
        passed = int((self._clock() - self._slot_began) // SLOT)
        self._slot_began += passed * SLOT
        self.is_over = False
        for store, used in enumerate(self._used):
            if used:
                if passed:
                    slots = self._slots[store]
                    slots = (*slots, used - sum(slots), *((0.0,) * min(passed - 1, SLOTS)))
                    self._put(store, slots[-SLOTS:])
                self._set_mark(store)

    def _put(self, store: int, slots: tuple[float, ...]) -> None:
        """Go on with these past parts, and nothing in the present one."""
        self._used[store] = sum(slots)
        self._slots[store] = slots if self._used[store] else ()

    def _set_mark(self, store: int) -> None:
        used, most = self._used[store], self._limits.freely[store]
        # Beyond the bound each addition is looked at.
        self._marks[store] = min((used // (most / MARKS) + 1) * (most / MARKS), most)
        if used > most:
            self.is_over = True

    def is_full(self, store: int) -> bool:
        """Whether a store takes nothing of this charge point now, which is noted."""
        if not self.is_over:
            return False
        self.settle()
        if self._used[store] <= self._limits.freely[store] or self._free_in(store) <= 0:
            return False
        self._note_over(store)
        return True

    def _free_in(self, store: int) -> float:
        return self._free_at[store] - self._clock()

    def wait_for(self, action: str) -> float:
        """Seconds until a Call of this Action may be served; 0 if that is now.

        Visitors without a record never wait: one would do so for what another has sent.
        """
        longest = 0.0
        if self.charge_point_id is None:
            return longest
        for store in _BY_ACTION.get(action.casefold(), ()):
            if self.is_full(store):
                longest = max(longest, self._free_in(store))
        return longest

    @property
    def is_worth_noting(self) -> bool:
        """Whether so much is counted that another node should know when the socket closes."""
        most = self._limits.freely
        return any(used > most[n] * NOTED_AT_CLOSE for n, used in enumerate(self._used))

    @property
    def is_empty(self) -> bool:
        """Whether nothing of it has to be remembered."""
        return not self.is_flagged and not any(self._used)

    def document(self, now: datetime) -> dict[str, Any]:
        """What the charge point's record keeps of it."""
        self.settle()
        counts = {}
        for name, used, slots in zip(STORES, self._used, self._slots, strict=True):
            counts[name] = [int(count) for count in (*slots, used - sum(slots))] if used else []
        return {"at": now, **counts}

    def take_over(self, document: Mapping[str, Any], now: datetime) -> None:
        """Go on with what another process or an earlier one has kept in the record."""
        at = document.get("at")
        if not isinstance(at, datetime):
            return
        self.settle()
        passed = int(max(timedelta(0), now - at).total_seconds() // SLOT)
        for store, name in enumerate(STORES):
            theirs = document.get(name)
            if isinstance(theirs, list) and all(isinstance(n, int | float) for n in theirs):
                self._merge(store, (*theirs, *((0.0,) * min(passed, SLOTS + 1)))[-SLOTS - 1 :])

    def _merge(self, store: int, theirs: tuple[float, ...]) -> None:
        """Count what they have counted, part by part, where that is more."""
        slots, before = self._slots[store], self._used[store]
        ours = (*slots, before - sum(slots))
        parts = max(len(ours), len(theirs))
        ours, theirs = ((0.0,) * (parts - len(one)) + one for one in (ours, theirs))
        merged = tuple(map(max, ours, theirs))
        self._put(store, merged[:-1])
        self._used[store] += merged[-1]
        self._set_mark(store)
        excess = self._used[store] - self._limits.freely[store]
        if excess > 0 and self._used[store] > before:
            self._free_at[store] = self._clock() + excess / self._limits.a_second[store]
