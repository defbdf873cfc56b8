"""A receiver of webhooks on this machine: an HTTP server that verifies every delivery with the `standardwebhooks` library."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from standardwebhooks import Webhook


class Receiver:
    """Answers with `status` (or what `answers` says of an event); what it took stands in `events`, what it was asked in `asked`."""

    def __init__(self) -> None:
        self.url = ""
        self.secret = ""
        self.status: int = 204
        self.headers = ""
        self.answers: dict[str, int] = {}
        self.hangs = False
        self.asked: list[tuple[dict[str, str], bytes]] = []
        self.events: list[dict[str, Any]] = []
        self.came = asyncio.Event()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.asked.append((headers, body))
            self.came.set()
            if self.hangs:
                await reader.read()  # until the caller has had enough
                return
            event = json.loads(body)
            status = self.answers.get(event["id"], self.status)
            if 200 <= status < 300:
                Webhook(self.secret).verify(body, headers)
                self.events.append(event)
            writer.write(f"HTTP/1.1 {status} Said\r\n{self.headers}content-length: 0\r\nconnection: close\r\n\r\n".encode())
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    @property
    def told(self) -> list[tuple[str, str]]:
        """Subject and sequence of what was taken, in order."""
        return [(event["subject"], event["sequence"]) for event in self.events]


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver._serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/pca"
    try:
        yield receiver
    finally:
        server.close()
        with contextlib.suppress(TimeoutError):
            await server.wait_closed()
