"""`node_calls`: questions of one node to another about a socket. They vanish after a minute."""

from __future__ import annotations

from csms import db


class NodeCalls:
    """Reads and writes questions."""

    def __init__(self, database: db.Database) -> None:
        self.collection: db.Collection = database["node_calls"]

    async def ask(self, call_id: str, to: str, charge_point_id: str, session_id: str) -> None:
        """Ask a node whether a session that it holds is alive."""
        async with db.errors():
            # By the database's time: it is the database that forgets them.
            await self.collection.update_one(
                {"_id": call_id},
                {
                    "$setOnInsert": {
                        "to": to,
                        "chargePointId": charge_point_id,
                        "sessionId": session_id,
                        "isHeard": False,
                        "isAlive": None,
                    },
                    "$currentDate": {"at": True},
                },
                upsert=True,
            )

    async def hear(self, call_id: str) -> None:
        """Say that a question has arrived; whoever says nothing is taken for dead."""
        async with db.errors():
            await self.collection.update_one({"_id": call_id}, {"$set": {"isHeard": True}})

    async def answer(self, call_id: str, is_alive: bool) -> None:
        """Answer a question."""
        async with db.errors():
            await self.collection.update_one({"_id": call_id}, {"$set": {"isAlive": is_alive}})
