"""Practice clocks: business time that a person moves, so that a case of months can be played in seconds.

A clock is a name and an offset from real time, joined at start by everything of one play. Advancing it stops at each due moment on the
way, in order of date, and moves every open workflow of the clock by an update that answers when nothing is left to do there. Only a
practice stack has them; the events carry the clock's name, and a real bank refuses them.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
from temporalio.client import Client

from schemas.engine import Ticked
from worker import doors

AT_ONCE = 8
"""How many workflows are moved at the same time."""


class NoSuchClock(LookupError):
    """No practice clock has that name; `pca clock show` lists them."""


class ClockGoesForward(ValueError):
    """A clock cannot be turned back: what is recorded has happened."""


@dataclass(frozen=True)
class Advanced:
    """What an advance did. `stops`: the due moments at which it stopped on the way."""

    now: datetime
    stops: list[datetime]


async def create(pool: asyncpg.Pool, name: str, begins: datetime) -> None:
    """A clock that shows `begins` (aware) now, and runs on; nothing happens if it exists."""
    await pool.execute('INSERT INTO clock (name, "offset") VALUES ($1, $2) ON CONFLICT DO NOTHING', name, begins - datetime.now(UTC))


async def now(pool: asyncpg.Pool, name: str) -> datetime:
    """What the clock shows. Errors: `NoSuchClock`."""
    offset = await pool.fetchval('SELECT "offset" FROM clock WHERE name = $1', name)
    if offset is None:
        raise NoSuchClock(f"no practice clock {name}")
    shown: datetime = datetime.now(UTC) + offset
    return shown


async def advance(pool: asyncpg.Pool, client: Client, name: str, to: datetime) -> Advanced:
    """Move the clock to `to` (aware), stopping wherever something is due. Errors: `NoSuchClock`, `ClockGoesForward`."""
    shown = await now(pool, name)
    if to < shown - timedelta(minutes=1):
        raise ClockGoesForward(f"the clock {name} shows {shown:%Y-%m-%d %H:%M} UTC already")
    stops: list[datetime] = []
    coming = await settle(pool, client, name)
    while coming is not None and coming < to:
        stops.append(coming)
        await _turn(pool, name, coming)
        coming = await settle(pool, client, name)
    await _turn(pool, name, to)
    await settle(pool, client, name)
    return Advanced(now=await now(pool, name), stops=stops)


async def _turn(pool: asyncpg.Pool, name: str, to: datetime) -> None:
    """Forward only: a moment that passed while we were busy stays passed."""
    await pool.execute(
        'UPDATE clock SET "offset" = greatest("offset", $2) WHERE name = $1', name, to - datetime.now(UTC) + timedelta(milliseconds=1)
    )


async def settle(pool: asyncpg.Pool, client: Client, name: str) -> datetime | None:
    """Move every open workflow of the clock until nobody has anything left to do; the next due moment, if any.

    One workflow's doing may give another something to do, so quiet means: a whole round in which nobody wrote anything.
    """
    gone: set[str] = set()
    while True:
        offset = await pool.fetchval('SELECT "offset" FROM clock WHERE name = $1', name)
        members = [r["workflow"] for r in await pool.fetch("SELECT workflow FROM clock_member WHERE clock = $1 ORDER BY workflow", name)]
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(workflow: str, offset: timedelta = offset, limit: asyncio.Semaphore = limit) -> Ticked | None:
            async with limit:
                return await doors.tick(client, workflow, offset)

        answers = await asyncio.gather(*(one(w) for w in members))
        closed = {w for w, a in zip(members, answers, strict=True) if a is None}
        told = {child for a in answers if a is not None for child in a.running}
        quiet = all(a is None or a.worked == 0 for a in answers) and closed == gone and not closed & told
        gone = closed
        if quiet:
            moments = [a.next for a in answers if a is not None and a.next is not None]
            return min(moments, default=None)
