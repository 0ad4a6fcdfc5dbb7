"""Keeps this node's lease, and takes the charge points of dead nodes off line."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

import structlog

from csms.connections.bus import Bus
from csms.connections.holding import Holding
from csms.connections.node_clock import NodeClock
from csms.connections.repeated_task import RepeatedTask
from csms.errors import DatabaseUnavailable
from csms.repositories.commands import Commands
from csms.repositories.held_records import HeldRecords
from csms.repositories.nodes import RENEW_EVERY, Nodes

log = structlog.get_logger(__name__)


class Lease:
    """This node's lease in `nodes`."""

    def __init__(
        self,
        nodes: Nodes,
        held: HeldRecords,
        commands: Commands,
        bus: Bus,
        holding: Holding,
        node_clock: NodeClock,
        node_id: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._nodes = nodes
        self._commands = commands
        self._bus = bus
        self._holding = holding
        self._held = held
        self._node_clock = node_clock
        self._node_id = node_id
        self._clock = clock
        self._task = RepeatedTask(self._keep, RENEW_EVERY, "lease_not_renewed")

    async def start(self) -> None:
        """Take the lease. What an earlier life of this node held is off line from now on,
        and its commands have ended.

        Raises:
            DatabaseUnavailable: MongoDB did not answer.
        """
        await self._nodes.remove(self._node_id)
        await self._compare_clocks()
        await self._nodes.renew(self._bus.identification, self._node_clock.offset)
        await self._take_off_line(self._node_id)
        await self._commands.end_own(self._node_id, self._clock())
        await self._look_around()
        self._task.start()

    async def stop(self) -> None:
        """Give the lease up."""
        await self._task.stop()
        with suppress(DatabaseUnavailable):
            await self._nodes.remove(self._node_id)

    async def _keep(self) -> None:
        await self._renew()
        await self._look_around()
        await self._bury_the_dead()

    async def _bury_the_dead(self) -> None:
        for node_id in await self._nodes.dead():
            # A renewal that was long on its way: this node knows better.
            if node_id == self._node_id:
                continue
            # In this order: whatever happens in between, somebody looks at them again. A node that
            # has come back meanwhile takes back what it holds.
            await self._take_off_line(node_id)
            await self._nodes.remove_if_dead(node_id)

    async def _compare_clocks(self) -> None:
        await self._node_clock.compare()
        self._held.clock_ahead = self._node_clock.correction

    async def _renew(self) -> None:
        await self._compare_clocks()
        if not await self._nodes.renew(self._bus.identification, self._node_clock.offset):
            # The database was away for long. Others may have shown our charge points off line.
            log.warning("lease_had_run_out", node=self._node_id)
            await self._holding.recheck_all()

    async def _look_around(self) -> None:
        """Follow other nodes, once there are some; to follow nobody would cost the database."""
        if not await self._nodes.is_alone(self._node_id):
            self._bus.follow()

    async def _take_off_line(self, node_id: str) -> None:
        count = await self._held.release_node(node_id, self._clock())
        if count:
            log.warning("charge_points_of_dead_node_off_line", node=node_id, count=count)
