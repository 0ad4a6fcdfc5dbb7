"""A WebSocket client that may do anything wrong: bytes in, bytes out."""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
import struct
from typing import Self
from urllib.parse import urlsplit

from tests.support import PATIENCE

KEY = b"\x0a\xb0\x0c\xd0"


def client_frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, masked: bool = True
) -> bytes:
    """A frame, masked as clients must."""
    first = (0x80 if fin else 0) | opcode
    bit = 0x80 if masked else 0
    if len(payload) < 126:
        header = struct.pack("!BB", first, bit | len(payload))
    elif len(payload) < 65536:
        header = struct.pack("!BBH", first, bit | 126, len(payload))
    else:
        header = struct.pack("!BBQ", first, bit | 127, len(payload))
    if not masked:
        return header + payload
    return header + KEY + bytes(byte ^ KEY[i % 4] for i, byte in enumerate(payload))


class RawSocket:
    """One connection to the OCPP endpoint."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def dial(
        cls, url: str, tls: ssl.SSLContext | None = None, source: str | None = None
    ) -> Self:
        """Open the connection, from the address `source` if it is given; nothing is sent."""
        parts = urlsplit(url)
        local = None if source is None else (source, 0)
        return cls(
            *await asyncio.open_connection(parts.hostname, parts.port, ssl=tls, local_addr=local)
        )

    @classmethod
    async def connect(cls, url: str, identity: str, source: str | None = None) -> Self:
        """Open the connection and upgrade it."""
        self = await cls.dial(url, source=source)
        self.writer.write(upgrade_request(urlsplit(url).path, identity))
        answer = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE)
        assert answer.startswith(b"HTTP/1.1 101"), answer
        return self

    def send(self, *frames: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(b"".join(frames))

    async def receive(self) -> tuple[int, bytes]:
        """The opcode and payload of the next frame."""
        async with asyncio.timeout(10):
            first, length = await self.reader.readexactly(2)
            if length == 126:
                [length] = struct.unpack("!H", await self.reader.readexactly(2))
            elif length == 127:
                [length] = struct.unpack("!Q", await self.reader.readexactly(8))
            return first & 0x0F, await self.reader.readexactly(length)

    async def close_code(self) -> int:
        """Read up to the close frame; returns its code."""
        while True:
            opcode, payload = await self.receive()
            if opcode == 8:
                return int.from_bytes(payload[:2])

    async def end(self) -> bytes:
        """Everything up to the end of the connection."""
        try:
            return await asyncio.wait_for(self.reader.read(), PATIENCE)
        except ConnectionResetError:
            return b""

    def close(self) -> None:
        """Close without a word."""
        self.writer.close()


def upgrade_request(path: str, identity: str, key: bytes | None = None) -> bytes:
    """The opening handshake."""
    key = base64.b64encode(os.urandom(16)) if key is None else key
    return (
        f"GET {path}/{identity} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: ocpp1.6\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
        f"Sec-WebSocket-Key: {key.decode()}\r\n\r\n"
    ).encode()
