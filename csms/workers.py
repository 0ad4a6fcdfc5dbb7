"""Several processes on one port: each is a node of its own, and is started again if it dies.

A worker whose event loop does not turn is as bad as dead: the kernel goes on giving it connections.
So each sends its supervisor a heartbeat, and one that has none is killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from csms import db
from csms.config import Settings
from csms.metrics import WORKER_NUMBER, forget_all_workers, forget_worker, worker_environment
from csms.mongodb_in_use import MongodbInUse
from csms.repositories.nodes import Nodes
from csms.terminal import for_workers
from csms.worker_heartbeat import BEATS_EVERY, FROZE, WorkerHeartbeat

log = structlog.get_logger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
MEMORY = Path("/dev/shm")
MANY_BEATS = 60
"""Of a worker that has started well."""
LIVED_WELL = 60.0
"""Seconds after which a worker that dies is started again without a longer pause."""


class Supervisor:
    """Keeps the workers alive until it is told to stop."""

    def __init__(self, settings: Settings, mongodb: MongodbInUse, arguments: Sequence[str]) -> None:
        """`arguments` are those that `csms serve` was given."""
        self._settings = settings
        self._mongodb = mongodb
        self._client = db.connect(settings, mongodb.uri)
        self._nodes = Nodes(self._client[settings.mongodb_database])
        self._arguments = list(arguments)
        self._metrics = Path()
        self._stop = asyncio.Event()
        self._running: dict[int, asyncio.subprocess.Process] = {}
        self._frozen_for: dict[int, float] = {}
        """Seconds without a heartbeat, of workers that were killed for it, by number."""

    async def run(self) -> None:
        """Run the workers; returns when all have ended after a SIGTERM or SIGINT."""
        # In memory where that can be: on a full disk, a write to a mapped file kills.
        memory = MEMORY if os.access(MEMORY, os.W_OK) else None
        with TemporaryDirectory(prefix="csms-metrics-", dir=memory) as folder:
            self._metrics = Path(folder)
            await self._run()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        # One first: it prepares the database, and makes the first token.
        ready = asyncio.Event()
        keepers = [asyncio.create_task(self._keep(1, ready))]
        waits = [asyncio.create_task(event.wait()) for event in (ready, self._stop)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        keepers += [
            asyncio.create_task(self._keep(number, None))
            for number in range(2, self._settings.workers + 1)
        ]
        await self._stop.wait()
        sys.stdout.write("csms is stopping ...\n")
        sys.stdout.flush()
        await self._end()
        await asyncio.gather(*keepers)
        self._client.close()

    async def _keep(self, number: int, ready: asyncio.Event | None) -> None:
        pause = FIRST_PAUSE
        loop = asyncio.get_running_loop()
        while not self._stop.is_set():
            started = loop.time()
            try:
                status = await self._run_once(number, ready)
            except OSError as error:
                # No memory, or no process to be had: it may be otherwise the next time.
                status = error.errno
            if self._stop.is_set():
                return
            lived_well = loop.time() - started > LIVED_WELL
            pause = FIRST_PAUSE if lived_well else min(pause * 2, LONGEST_PAUSE)
            await self._declare_dead(number)
            log.error("worker_died", worker=number, status=status, again_in_seconds=pause)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)

    async def _run_once(self, number: int, ready: asyncio.Event | None) -> int | None:
        """Run a worker; returns its exit status."""
        with WorkerHeartbeat(self._settings.frozen_after) as heartbeat:
            worker = await self._start(number, heartbeat)
            self._running[number] = worker
            watching = asyncio.create_task(self._watch_heartbeat(number, worker, heartbeat))
            try:
                assert worker.stdin is not None
                # An environment would show the password: children inherit it, tools list it.
                worker.stdin.write(self._mongodb.as_line())
                await self._relay(worker, ready)
                return await worker.wait()
            finally:
                watching.cancel()
                del self._running[number]
                forget_worker(self._metrics, number)

    async def _watch_heartbeat(
        self, number: int, worker: asyncio.subprocess.Process, heartbeat: WorkerHeartbeat
    ) -> None:
        """Kill a worker whose event loop has stopped turning."""
        while not self._stop.is_set():
            await asyncio.sleep(BEATS_EVERY)
            silent = heartbeat.look()
            if heartbeat.has_frozen:
                log.error("worker_frozen", worker=number, pid=worker.pid, seconds=silent)
                self._frozen_for[number] = silent
                worker.kill()
                return
            if heartbeat.beats == MANY_BEATS:
                # By now it has raised the alarm for the one before it.
                self._frozen_for.pop(number, None)

    async def _declare_dead(self, number: int) -> None:
        # What it held is let in elsewhere at once, and not when its lease runs out.
        try:
            await self._nodes.declare_dead(self._node_id(number))
        except Exception as error:
            # Its lease runs out all the same, and the worker has to be started again.
            log.warning("worker_not_declared_dead", worker=number, error=str(error))

    def _node_id(self, number: int) -> str:
        return f"{self._settings.node_id}#{number}"

    async def _start(self, number: int, heartbeat: WorkerHeartbeat) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "csms",
            "serve",
            *self._arguments,
            # The last one counts.
            "--workers=1",
            f"--node-id={self._node_id(number)}",
            env={**self._environment(number), **heartbeat.environment},
            pass_fds=(heartbeat.given,),
            # It gets one line. It ends with this process, however that ends.
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # Ctrl-C is for the supervisor, which tells the workers in its own time.
            start_new_session=True,
        )

    def _environment(self, number: int) -> Mapping[str, str]:
        environment = {**os.environ, **worker_environment(self._metrics, number), **for_workers()}
        environment.pop("CSMS_MONGODB_URI", None)
        if number in self._frozen_for:
            environment[FROZE] = str(self._frozen_for[number])
        environment["CSMS_REUSE_PORT"] = "true"
        if self._settings.metrics_port is not None:
            environment["CSMS_METRICS_PORT"] = str(self._settings.metrics_port + number - 1)
        return environment

    async def _relay(self, worker: asyncio.subprocess.Process, ready: asyncio.Event | None) -> None:
        """Say what the first worker says when it first starts; the others say the same."""
        assert worker.stdout is not None
        async for line in worker.stdout:
            if ready is not None and not ready.is_set():
                sys.stdout.write(line.decode())
                sys.stdout.flush()
                if b"admin token" in line:
                    ready.set()

    async def _end(self) -> None:
        for worker in self._running.values():
            with suppress(ProcessLookupError):
                worker.terminate()
        patience = self._settings.shutdown_grace + self._settings.drain_seconds + 5
        _, late = await asyncio.wait(
            [asyncio.create_task(worker.wait()) for worker in self._running.values()]
            or [asyncio.create_task(asyncio.sleep(0))],
            timeout=patience,
        )
        if late:
            log.error("workers_killed", count=len(late))
            for worker in list(self._running.values()):
                with suppress(ProcessLookupError):
                    worker.kill()


def stop_with_supervisor(stop: asyncio.Event) -> None:
    """In a worker: stop when the supervisor is gone, for nobody would ever stop it then."""
    if WORKER_NUMBER not in os.environ:
        return
    loop = asyncio.get_running_loop()
    stdin = sys.stdin.fileno()

    def ended() -> None:
        loop.remove_reader(stdin)
        log.error("supervisor_died")
        forget_all_workers()
        stop.set()

    loop.add_reader(stdin, ended)
