"""Attempts on the record that are taken back afterwards, so that many can be made from one and the same state."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import asyncpg

from activities.record import Recorder, write
from schemas.engine import Batch, Recorded
from tests.activities.desk import Desk


class _Inside(Recorder):
    """Records on a connection whose transaction somebody else ends."""

    def __init__(self, pool: asyncpg.Pool, conn: asyncpg.Connection) -> None:
        super().__init__(pool)
        self.conn = conn

    async def record(self, batch: Batch) -> Recorded:
        async with self.conn.transaction():
            return await write(self.conn, batch)


@asynccontextmanager
async def undone(desk: Desk) -> AsyncIterator[tuple[Desk, asyncpg.Connection]]:
    """The same desk and its connection; whatever either writes is taken back at the end. Reads of rows go over the connection."""
    async with desk.pool.acquire() as borrowed:
        conn = cast("asyncpg.Connection", borrowed)
        attempt = conn.transaction()
        await attempt.start()
        inside = Desk(desk.pool)
        inside.recorder, inside.keys = _Inside(desk.pool, conn), desk.keys + 10_000
        try:
            yield inside, conn
        finally:
            await attempt.rollback()


async def told_of(conn: asyncpg.Connection, subject: str) -> list[str]:
    """The types of every event of a chain, in order."""
    return [row["type"] for row in await conn.fetch("SELECT type FROM event WHERE subject = $1 ORDER BY sequence", subject)]
