"""States of a case to attack, and attempts that are taken back afterwards, so that many can be made from one and the same state."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import asyncpg

from activities.record import Recorder, write
from schemas.engine import Batch, Opening, Recorded
from tests.activities.desk import Desk, at
from tests.activities.test_settle_approval import approve, sign
from tests.activities.test_settle_document import drafting, submitted
from tests.activities.test_settle_review import MEMBERS, consolidate, convene, opinion
from tests.kept import kept


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


class _One:
    """A pool of one connection, so that what is asked, screened and read is inside its transaction too."""

    def __init__(self, conn: asyncpg.Connection) -> None:
        self.conn = conn

    def __getattr__(self, name: str) -> Any:
        return getattr(self.conn, name)

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[asyncpg.Connection]:
        yield self.conn


@asynccontextmanager
async def imagined(desk: Desk) -> AsyncIterator[Desk]:
    """A desk at which anything may happen, one thing after the other, and nothing of it in the end has."""
    async with desk.pool.acquire() as borrowed:
        conn = cast("asyncpg.Connection", borrowed)
        attempt = conn.transaction()
        await attempt.start()
        inside = Desk(cast("asyncpg.Pool", _One(conn)))
        inside.keys, inside.tracks = desk.keys + 10_000, dict(desk.tracks)
        try:
            yield inside
        finally:
            await attempt.rollback()


async def told_of(conn: asyncpg.Connection, subject: str) -> list[str]:
    """The types of every event of a chain, in order."""
    return [row["type"] for row in await conn.fetch("SELECT type FROM event WHERE subject = $1 ORDER BY sequence", subject)]


@kept
async def in_review(desk: Desk, intake: dict[str, Any]) -> str:
    """The case of an intake like that of C1, submitted to its committee."""
    case = await drafting(desk, intake)
    done = await submitted(desk, case)
    assert not done.refused, done.findings
    return case


@kept
async def approved(desk: Desk, intake: dict[str, Any]) -> str:
    """The same, recommended by its committee and approved on the first of April."""
    case = await in_review(desk, intake)
    (task,) = await desk.open(case, "review", at("2026-03-03", "11:00"), Opening(kind="prepare_review"))
    for opened in (await convene(desk, case, task, MEMBERS)).tasks:
        assert not (await opinion(desk, case, opened)).refused
    assert not (await consolidate(desk, case, "recommend")).refused
    assert not (await approve(desk, case, "document", "ke.006", "authorised_officer")).refused
    assert not (await approve(desk, case, "pca", "ke.008", "head_of_office", last=True)).refused
    return case


@kept
async def signed(desk: Desk, intake: dict[str, Any]) -> str:
    """The same, signed by both sides."""
    case = await approved(desk, intake)
    assert not (await sign(desk, case, "partner", "2026-04-07")).refused
    done = await sign(desk, case, "office", "2026-04-09", last=True)
    assert (done.refused, done.left_out) == (False, []), done.findings
    return case
