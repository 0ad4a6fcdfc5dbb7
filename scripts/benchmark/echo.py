"""A baseline: what stock Tornado on uvloop with orjson can do at most. Prints its port."""

from __future__ import annotations

import asyncio
import resource

import orjson
import uvloop
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Echo(WebSocketHandler):
    """Answers every Call, whatever it is."""

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Take what is offered."""
        return subprotocols[0] if subprotocols else None

    def on_message(self, message: str | bytes) -> None:
        """Read JSON, write JSON."""
        self.write_message(orjson.dumps([3, orjson.loads(message)[1], {"status": "Accepted"}]))


async def serve() -> None:
    """Serve until killed."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))
    server = HTTPServer(Application([(r"/.*", Echo)]))
    sockets = bind_sockets(0, "127.0.0.1", backlog=1024)
    server.add_sockets(sockets)
    print(sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
