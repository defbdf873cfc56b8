"""The health endpoint: `/livez` (the event loop answers and the worker runs) and `/readyz` (its servers answer too).

Liveness must never mean "has worked lately": a quiet worker is healthy.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Self

Check = Callable[[], Awaitable[None]]
"""Raises if what it checks is not well."""


class Health:
    """Serves both answers until closed. `checks`: name to check, each ended after `patience` seconds; `alive`: whether it works."""

    def __init__(self, checks: Mapping[str, Check], *, alive: Callable[[], bool] = lambda: True, patience: float = 2.0) -> None:
        self._checks = dict(checks)
        self._alive = alive
        self._patience = patience
        self._server: asyncio.Server | None = None
        self.port = 0

    async def serve(self, port: int = 0, host: str = "127.0.0.1") -> Self:
        """Listens; port 0 takes a free one, found in `port`. Errors: `OSError` if the port is taken."""
        self._server = await asyncio.start_server(self._answer, host, port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def report(self, path: str) -> tuple[int, dict[str, str]]:
        """HTTP status and body: name of each check to `ok` or the class of its error (its text may hold an address)."""
        if path == "/livez":
            alive = self._alive()
            return (200 if alive else 503), {"worker": "ok" if alive else "stopped"}
        if path != "/readyz":
            return 404, {"error": "only /livez and /readyz"}
        found = {"worker": "ok" if self._alive() else "stopped"}
        found |= dict(zip(self._checks, await asyncio.gather(*map(self._run, self._checks.values())), strict=True))
        return (200 if set(found.values()) == {"ok"} else 503), found

    async def _run(self, check: Check) -> str:
        try:
            async with asyncio.timeout(self._patience):
                await check()
        except Exception as error:
            return type(error).__name__
        return "ok"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(5):
                request = await reader.readline()
                while (await reader.readline()).strip():
                    pass
            parts = request.decode("latin-1").split()
            status, body = await self.report(parts[1].partition("?")[0] if len(parts) > 1 else "")
            content = json.dumps(body).encode()
            head = f"HTTP/1.1 {status} {'OK' if status == 200 else 'Unwell'}\r\ncontent-type: application/json\r\n"
            writer.write(f"{head}content-length: {len(content)}\r\nconnection: close\r\n\r\n".encode() + content)
            await writer.drain()
        except (OSError, TimeoutError, ValueError):
            pass  # whoever asked is gone, or did not speak HTTP
        finally:
            writer.close()
