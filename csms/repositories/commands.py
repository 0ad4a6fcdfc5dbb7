"""`commands`: every Call that a person or script asked for, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from pymongo import DESCENDING, ReturnDocument

from csms import db
from csms.domain.command import RESET, CommandStatus, Outcome
from csms.domain.id_tag import fold

REMOTE_START = "RemoteStartTransaction"


UNANSWERED = [CommandStatus.PENDING, CommandStatus.SENT, CommandStatus.TIMEOUT]


@dataclass(frozen=True, slots=True)
class Travel:
    """What a command for a socket on another node has with it."""

    command_id: str
    origin_node_id: str
    sealed_payload: bytes
    is_former: bool = False
    """Whether it is sealed as version 0.2.0 does, for a node of that version."""


class Commands:
    """Reads and writes commands. Payloads given here must have their secrets masked."""

    def __init__(self, database: db.Database) -> None:
        self.collection: db.Collection = database["commands"]

    async def create(
        self,
        charge_point_id: str,
        action: str,
        payload: Mapping[str, Any],
        requested_by: str,
        now: datetime,
        node_id: str | None,
        travel: Travel | None = None,
        *,
        unverified: bool = False,
    ) -> str:
        """Record a command before it is sent; returns its id.

        `node_id` is the node that holds the socket. If that is not the one that asks, the payload
        travels sealed, for as long as it is on the way. `unverified` is kept: an admin has said
        that it may go to a connection that has not shown who it is.
        """
        command_id = travel.command_id if travel else uuid4().hex
        async with db.errors():
            await self.collection.insert_one(
                {
                    "_id": command_id,
                    "chargePointId": charge_point_id,
                    "action": action,
                    "payload": dict(payload),
                    "status": CommandStatus.PENDING,
                    "outcome": None,
                    "response": None,
                    "error": None,
                    "requestedBy": requested_by,
                    "requestedAt": now,
                    "completedAt": None,
                    "nodeId": node_id,
                    "transactionId": None,
                    "originNodeId": travel.origin_node_id if travel else node_id,
                    "sealedPayload": travel.sealed_payload if travel else None,
                    **({"unverified": True} if unverified else {}),
                    "isSealedByHpke": travel is not None and not travel.is_former,
                }
            )
        return command_id

    async def get(self, command_id: str) -> db.Document | None:
        """A command."""
        async with db.errors():
            return await self.collection.find_one({"_id": command_id})

    async def pending_for(self, node_id: str) -> list[db.Document]:
        """Commands of other nodes that wait for this one."""
        async with db.errors():
            return await self.collection.find(
                {
                    "nodeId": node_id,
                    "status": CommandStatus.PENDING,
                    "originNodeId": {"$ne": node_id},
                }
            ).to_list(1000)

    async def claim(self, command_id: str) -> db.Document | None:
        """Take a command of another node to send it; None if it was taken or given up."""
        async with db.errors():
            return await self.collection.find_one_and_update(
                {"_id": command_id, "status": CommandStatus.PENDING},
                {"$set": {"status": CommandStatus.SENT, "sealedPayload": None}},
                return_document=ReturnDocument.BEFORE,
            )

    async def mark_sent(self, command_id: str) -> None:
        """Note that the Call is on its way."""
        async with db.errors():
            await self.collection.update_one(
                {"_id": command_id, "status": CommandStatus.PENDING},
                {"$set": {"status": CommandStatus.SENT}},
            )

    async def give_up_pending(self, command_id: str) -> bool:
        """Keep a command from being sent by another node; False if that may have happened."""
        async with db.errors():
            result = await self.collection.update_one(
                {"_id": command_id, "status": CommandStatus.PENDING},
                {"$set": {"status": CommandStatus.TIMEOUT, "sealedPayload": None}},
            )
        return result.modified_count == 1

    async def finish(
        self,
        command_id: str,
        status: CommandStatus,
        outcome: Outcome,
        now: datetime,
        *,
        response: Mapping[str, Any] | None = None,
        error: Mapping[str, Any] | None = None,
    ) -> None:
        """Note how a command ended. A Reset that is known to be done stays so."""
        fields = {
            "status": status,
            "response": response,
            "error": error,
            "completedAt": now,
            "sealedPayload": None,
        }
        still_open = {"_id": command_id, "completedAt": None}
        async with db.errors():
            result = await self.collection.update_one(
                {**still_open, "outcome": None}, {"$set": {**fields, "outcome": outcome}}
            )
            if result.matched_count == 0:
                await self.collection.update_one(still_open, {"$set": fields})

    async def end_own(self, node_id: str, now: datetime) -> int:
        """End what an earlier process of a node was about when it died; returns how many.

        What others had it send, they end themselves.
        """
        lost = {"message": "its node ended before the answer came; it may have been carried out"}
        async with db.errors():
            result = await self.collection.update_many(
                {
                    "nodeId": node_id,
                    "originNodeId": node_id,
                    "completedAt": None,
                    "requestedAt": {"$gte": now - LEFT_OPEN_WITHIN},
                },
                {
                    "$set": {
                        "status": CommandStatus.TIMEOUT,
                        "outcome": Outcome.SENT_NO_ANSWER,
                        "error": lost,
                        "completedAt": now,
                    }
                },
            )
        return result.modified_count

    async def note_reset_done(self, charge_point_id: str, since: datetime) -> None:
        """Note that a BootNotification followed the Resets that were requested since `since`.

        One whose answer has not been read yet counts too: the charge point may be quicker.
        """
        async with db.errors():
            await self.collection.update_many(
                {
                    "chargePointId": charge_point_id,
                    "action": RESET,
                    "requestedAt": {"$gte": since},
                    "$or": [
                        {"status": CommandStatus.SENT, "outcome": None},
                        {"outcome": Outcome.SENT_NO_ANSWER},
                        {"outcome": Outcome.ANSWERED, "response.status": "Accepted"},
                    ],
                },
                {"$set": {"outcome": Outcome.DONE}},
            )

    async def last_requested_at(self, charge_point_id: str, action: str) -> datetime | None:
        """When this was last asked of a charge point."""
        async with db.errors():
            command = await self.collection.find_one(
                {"chargePointId": charge_point_id, "action": action},
                ["requestedAt"],
                sort=[("requestedAt", DESCENDING)],
            )
        return None if command is None else command["requestedAt"]

    async def claim_remote_start(
        self,
        charge_point_id: str,
        connector_id: int | None,
        id_tag: str,
        transaction_id: int,
        since: datetime,
    ) -> str | None:
        """Find the RemoteStart that led to a transaction and note it there; returns its id.

        The newest one for the id tag counts, on the connector or on any, that was accepted since
        `since`. One that was only just sent counts too: the charge point may start before its
        answer is on record. So does one whose answer came too late, or was lost with its socket.
        """
        on_connector: db.Document = {}
        if connector_id is not None:
            on_connector["payload.connectorId"] = {"$in": [connector_id, None]}
        async with db.errors():
            candidates = await self.collection.find(
                {
                    "chargePointId": charge_point_id,
                    "action": REMOTE_START,
                    "requestedAt": {"$gte": since},
                    "transactionId": None,
                    **on_connector,
                    "$or": [
                        {"status": {"$in": UNANSWERED}, "outcome": {"$ne": Outcome.NOT_SENT}},
                        {"outcome": Outcome.SENT_NO_ANSWER},
                        {"status": CommandStatus.ANSWERED, "response.status": "Accepted"},
                    ],
                },
                sort=[("requestedAt", DESCENDING)],
            ).to_list(20)
            for command in candidates:
                if fold(command["payload"]["idTag"]) != fold(id_tag):
                    continue
                claimed = await self.collection.find_one_and_update(
                    {"_id": command["_id"], "transactionId": None},
                    {"$set": {"transactionId": transaction_id}},
                    return_document=ReturnDocument.AFTER,
                )
                if claimed is not None:
                    return str(claimed["_id"])
        return None


LEFT_OPEN_WITHIN = timedelta(days=1)
"""How old a command may be that ends at the next start of its node: an index has the newest."""

REMOTE_START_WINDOW = timedelta(minutes=10)
"""How long after a RemoteStart its transaction may begin: longer than any ConnectionTimeOut."""
