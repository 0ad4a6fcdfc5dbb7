"""Routes commands between nodes through MongoDB.

A command for a socket on another node is written to `commands` with that node's id; the node sees
it in its change stream, sends it, and writes the outcome, which this node sees in turn. Questions
whether a socket is alive go through `node_calls`. Changes of `charge_points` tell a node which of
its sockets may no longer be open. A node that is alone does not follow anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import aclosing, suppress
from typing import Any
from uuid import uuid4

import structlog

from csms.actions.context import Deps
from csms.connections.former_seal import FormerSeal, former_seal
from csms.connections.holding import Holding
from csms.connections.registry import Registry
from csms.connections.seal import Seal, Unreadable, seal
from csms.domain.command import NOT_VERIFIED, CommandStatus, Outcome, outcome_of
from csms.errors import (
    CallErrorReceived,
    ChargePointOffline,
    CommandTimeout,
    CsmsError,
    DatabaseUnavailable,
    NotVerified,
)
from csms.ocppj.frames import Payload
from csms.repositories.changes import Change, Changes
from csms.repositories.commands import Travel
from csms.repositories.node_calls import NodeCalls
from csms.repositories.nodes import Identification, Nodes

log = structlog.get_logger(__name__)

RETRY_AFTER = 0.5
GRACE = 5.0
"""Seconds that a node may take beyond what its charge point takes."""

LOOK_AFTER_COMMAND_EVERY = 0.5
"""Seconds between looks whether the node that has a command is alive and has the charge point."""

PING_GRACE = 0.5
LOOK_EVERY = 0.25
LOOKS_UNHEARD = 8
"""A node that has not heard a question by then is dead. Looks are counted, not seconds: where all
stands still for a while, the first look back must not decide."""

Fields = dict[str, Any]
Send = Callable[[str, str, Payload, str, bool], Awaitable[None]]
"""Sends a command that came from another node: charge point, Action, payload, command id, and
whether it may be sent to a connection that has not shown who it is."""


class Bus:
    """What this node asks of others, and they of it."""

    def __init__(
        self,
        deps: Deps,
        registry: Registry,
        holding: Holding,
        nodes: Nodes,
        changes: Changes,
        calls: NodeCalls,
    ) -> None:
        self._deps = deps
        self._registry = registry
        self._holding = holding
        self._nodes = nodes
        self._changes = changes
        self._calls = calls
        self._seal = Seal()
        self._former_seal = FormerSeal()
        self._waiting: dict[str, asyncio.Future[Fields]] = {}
        self._heard: set[str] = set()
        self._opened = asyncio.Event()
        self._follower: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.send: Send | None = None

    @property
    def identification(self) -> Identification:
        """What this node says of itself."""
        node_id = self._deps.settings.node_id
        return Identification(node_id, self._seal.public_key, self._former_seal.public_key)

    # Following

    def follow(self) -> None:
        """Follow what other nodes write, because there are some."""
        if self._follower is None:
            self._follower = asyncio.get_running_loop().create_task(self._keep_following())

    async def stop(self) -> None:
        """Stop following."""
        for task in (self._follower, *self._tasks):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _keep_following(self) -> None:
        while True:
            self._opened.clear()
            self._spawn(self._catch_up())
            try:
                async with aclosing(self._changes.follow(self._opened)) as changes:
                    async for change in changes:
                        self._take(change)
            except DatabaseUnavailable as error:
                log.warning("changes_not_followed", error=str(error))
            except Exception:
                # A stream may also fail for good, with its place in the oplog lost, for one.
                log.exception("changes_not_followed")
            await asyncio.sleep(RETRY_AFTER)

    async def _catch_up(self) -> None:
        """What happened while nobody followed is looked up."""
        try:
            await self._opened.wait()
            for command in await self._deps.commands.pending_for(self._deps.settings.node_id):
                self._spawn(self._serve(command))
            for command_id in list(self._waiting):
                self._finished(command_id, await self._deps.commands.get(command_id))
            await self._holding.recheck_all()
        except CsmsError as error:
            log.warning("not_caught_up", error=str(error))

    def _take(self, change: Change) -> None:
        if change.collection == "commands":
            if change.operation == "insert":
                self._spawn(self._serve(change.fields))
            else:
                self._finished(change.record_id, change.fields)
        elif change.collection == "node_calls":
            if change.operation == "insert":
                self._spawn(self._answer(change.fields))
            elif change.fields.get("isAlive") is not None:
                self._resolve(change.record_id, change.fields)
            elif change.record_id in self._waiting:
                self._heard.add(change.record_id)
        elif self._is_news(change):
            self._spawn(self._holding.recheck([change.record_id]))

    def _is_news(self, change: Change) -> bool:
        """Whether a change of a record is about a socket here, and not this node's own claim."""
        connection = self._registry.of(change.record_id)
        return connection is not None and (
            change.fields.get("ocppSessionId") != connection.session_id
        )

    # Asking

    async def command(
        self, record: Fields, payload: Payload, create: Callable[[str, Travel], Awaitable[None]]
    ) -> Payload:
        """Have the node that holds the socket send a command; returns the answer, secrets masked.

        `create` records the command; it is given the node, and what travels with it.

        Raises:
            ChargePointOffline, CommandTimeout, CallErrorReceived: there was no CallResult.
        """
        node = await self._living_node(record)
        if node is None:
            raise ChargePointOffline()
        await self._ready()
        travel = self._travel(payload, node)
        # Expected before it is there: the answer may be quicker than the insert's.
        waiting = self._expect(travel.command_id)
        patience = self._deps.settings.call_timeout * 2 + GRACE
        try:
            await create(node["_id"], travel)
            async with asyncio.timeout(patience):
                await self._until_answered_or_gone(waiting, node, record)
        except TimeoutError:
            pass
        finally:
            self._waiting.pop(travel.command_id, None)
        if not waiting.done():
            given_up = await self._deps.commands.give_up_pending(travel.command_id)
            if not given_up:
                # It may have ended just now.
                self._finished(travel.command_id, await self._deps.commands.get(travel.command_id))
        if not waiting.done():
            sent = "not sent" if given_up else "it may have been carried out"
            raise CommandTimeout(
                f"the node that holds the socket did not answer; {sent}", was_sent=not given_up
            )
        return _outcome(waiting.result())

    def _travel(self, payload: Payload, node: Fields) -> Travel:
        """What a command for another node has with it."""
        command_id = uuid4().hex
        key = node.get("hpkePublicKey")
        sealed = (
            former_seal(payload, node["publicKey"])
            if key is None
            else seal(payload, key, command_id)
        )
        return Travel(command_id, self._deps.settings.node_id, sealed, is_former=key is None)

    async def _until_answered_or_gone(
        self, waiting: asyncio.Future[Fields], node: Fields, record: Fields
    ) -> None:
        """Wait for another node's answer, for as long as it lives and has the charge point."""
        looks_in_vain = 0
        while not waiting.done():
            await asyncio.wait([waiting], timeout=LOOK_AFTER_COMMAND_EVERY)
            if waiting.done() or await self._has_it(node, record):
                looks_in_vain = 0
                continue
            # What it wrote last may still be on its way here, and what was given up for dead for
            # a moment may be taken back.
            looks_in_vain += 1
            if looks_in_vain == 2:
                return

    async def _has_it(self, node: Fields, record: Fields) -> bool:
        """Whether a node is alive and has the session that a record names.

        One that came back under its name has another key.
        """
        try:
            found = await self._nodes.find_living(node["_id"])
            now = await self._deps.charge_points.find(record["_id"])
        except DatabaseUnavailable:
            return True
        if found is None or found.get("publicKey") != node["publicKey"]:
            return False
        return now is not None and now.get("ocppSessionId") == record["ocppSessionId"]

    async def is_alive(self, record: Fields) -> bool:
        """Whether the socket that another node holds for a charge point answers a ping."""
        node = await self._living_node(record)
        if node is None:
            return False
        await self._ready()
        call_id = uuid4().hex
        waiting = self._expect(call_id)
        try:
            await self._calls.ask(call_id, node["_id"], record["_id"], record["ocppSessionId"])
            looks = 0
            async with asyncio.timeout(self._deps.settings.replace_ping_timeout + PING_GRACE):
                while not waiting.done():
                    await asyncio.wait([waiting], timeout=LOOK_EVERY)
                    looks += 1
                    is_heard = waiting.done() or call_id in self._heard
                    if not is_heard and looks >= LOOKS_UNHEARD:
                        return False
                    if await self._living_node(record) is None:
                        return False
        except TimeoutError:
            return False
        finally:
            self._waiting.pop(call_id, None)
            self._heard.discard(call_id)
        return bool(waiting.result().get("isAlive"))

    async def _living_node(self, record: Fields) -> Fields | None:
        node_id = record.get("nodeId")
        if record.get("ocppSessionId") is None or node_id is None:
            return None
        node = await self._nodes.find_living(node_id)
        return node if node and node.get("publicKey") else None

    async def _ready(self) -> None:
        self.follow()
        try:
            async with asyncio.timeout(GRACE):
                await self._opened.wait()
        except TimeoutError:
            raise DatabaseUnavailable("MongoDB's change streams are not to be had") from None

    def _expect(self, key: str) -> asyncio.Future[Fields]:
        return self._waiting.setdefault(key, asyncio.get_running_loop().create_future())

    def _finished(self, command_id: str, fields: Fields | None) -> None:
        if fields is not None and fields.get("completedAt") is not None:
            self._resolve(command_id, fields)

    def _resolve(self, key: str, fields: Fields) -> None:
        waiting = self._waiting.get(key)
        if waiting is not None and not waiting.done():
            waiting.set_result(fields)

    # Being asked

    async def _serve(self, command: Fields) -> None:
        claimed = await self._deps.commands.claim(command["_id"])
        if claimed is None or self.send is None:
            return
        try:
            payload = self._open(claimed)
        except Unreadable:
            await self._refuse(claimed["_id"])
            return
        await self.send(
            claimed["chargePointId"],
            claimed["action"],
            payload,
            claimed["_id"],
            claimed.get("unverified") is True,
        )

    def _open(self, command: Fields) -> Payload:
        """The payload of another node's command.

        Raises:
            Unreadable: it was not sealed for this process.
        """
        sealed = command.get("sealedPayload") or b""
        if command.get("isSealedByHpke"):
            return self._seal.open(sealed, command["_id"])
        return self._former_seal.open(sealed)

    async def _refuse(self, command_id: str) -> None:
        """Say at once that a command was not sent: its payload was sealed for an earlier process.

        That happens when a node restarts under the same name while a command is on its way to it.
        """
        log.warning("command_not_readable", id=command_id)
        await self._deps.commands.finish(
            command_id,
            CommandStatus.OFFLINE,
            Outcome.NOT_SENT,
            self._deps.clock(),
            error={"message": "not sent: the node that holds the socket has restarted; try again"},
        )

    async def _answer(self, call: Fields) -> None:
        await self._calls.hear(call["_id"])
        connection = self._registry.of(call["chargePointId"])
        alive = connection is not None and connection.session_id == call["sessionId"]
        if alive and connection is not None:
            alive = await connection.is_alive(self._deps.settings.replace_ping_timeout)
        await self._calls.answer(call["_id"], alive)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except CsmsError as error:
            log.warning("bus_work_failed", error=str(error))
        except Exception:
            log.exception("bus_work_failed")


def _outcome(fields: Fields) -> Payload:
    status, error = fields["status"], fields.get("error") or {}
    message = str(error.get("message", ""))
    if status == CommandStatus.ANSWERED:
        answer: Payload = fields.get("response") or {}
        return answer
    if status == CommandStatus.CALL_ERROR:
        raise CallErrorReceived(error.get("code", ""), error.get("description", ""), {})
    outcome = outcome_of(fields)
    if status == CommandStatus.TIMEOUT or outcome == Outcome.SENT_NO_ANSWER:
        raise CommandTimeout(message, was_sent=outcome != Outcome.NOT_SENT)
    if error.get("reason") == NOT_VERIFIED:
        raise NotVerified(message)
    raise ChargePointOffline(message)
