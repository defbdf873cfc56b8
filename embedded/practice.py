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
    return await Round(pool, client, name).advance(to)


async def settle(pool: asyncpg.Pool, client: Client, name: str) -> datetime | None:
    """Let every open workflow of the clock do what is left to do at this time; the next due moment, if any."""
    return await Round(pool, client, name).settle()


async def turn(pool: asyncpg.Pool, name: str, to: datetime) -> None:
    """Forward only: a moment that passed while we were busy stays passed."""
    await pool.execute(
        'UPDATE clock SET "offset" = greatest("offset", $2) WHERE name = $1', name, to - datetime.now(UTC) + timedelta(milliseconds=1)
    )


class Round:
    """Ticks until nobody has anything left to do. One workflow's doing may give another something to do, so whoever was told something
    is asked again; where a workflow has ended, its parent is, who is about to hear of it, and everybody if it did not say whom it told.
    """

    def __init__(self, pool: asyncpg.Pool, client: Client, name: str) -> None:
        self.pool, self.client, self.name = pool, client, name
        # when each workflow has something to do next; who has not been asked since the clock moved may think that it is earlier
        self.due: dict[str, datetime] = {}
        self.gone: set[str] = set()
        self.ending: set[str] = set()

    async def advance(self, to: datetime, since: set[str] | None = None) -> Advanced:
        """The same as `advance`. `since`: the workflows that anybody spoke to since this round was last settled; None: perhaps all."""
        shown = await now(self.pool, self.name)
        if to < shown - timedelta(minutes=1):
            raise ClockGoesForward(f"the clock {self.name} shows {shown:%Y-%m-%d %H:%M} UTC already")
        stops: list[datetime] = []
        coming = await self.settle(since)
        while coming is not None and coming < to:
            stops.append(coming)
            await turn(self.pool, self.name, coming)
            coming = await self.settle({w for w, moment in self.due.items() if moment <= coming})
        await turn(self.pool, self.name, to)
        await self.settle(await self._members() - self.gone)
        return Advanced(now=await now(self.pool, self.name), stops=stops)

    async def settle(self, first: set[str] | None = None) -> datetime | None:
        """Tick `first` (all, if None) and whoever that concerns; the next due moment of all."""
        members = await self._members()
        todo = members if first is None else first & members
        while todo:
            offset = await self.pool.fetchval('SELECT "offset" FROM clock WHERE name = $1', self.name)
            limit = asyncio.Semaphore(AT_ONCE)

            async def one(workflow: str, offset: timedelta = offset, limit: asyncio.Semaphore = limit) -> tuple[str, Ticked | None]:
                async with limit:
                    return workflow, await doors.tick(self.client, workflow, self.name, offset)

            again: set[str] = set()
            parents: set[str] = set()
            everybody = False
            for workflow, answer in await asyncio.gather(*(one(w) for w in sorted(todo))):
                self.due.pop(workflow, None)
                if answer is None:
                    if workflow not in self.gone:
                        parents.add(workflow.rpartition(".")[0])
                        everybody |= workflow not in self.ending
                    self.gone.add(workflow)
                    continue
                self.gone.discard(workflow)
                self.ending.discard(workflow)
                if answer.next is not None:
                    self.due[workflow] = answer.next
                if answer.again:
                    self.ending.add(workflow)
                if answer.again or self.gone.intersection(answer.running):
                    again.add(workflow)
                again.update(answer.told)
            members = await self._members()
            # who was told may have started so lately that it is no member yet
            todo = again | (members if everybody else parents & members)
        return min(self.due.values(), default=None)

    async def _members(self) -> set[str]:
        rows = await self.pool.fetch("SELECT workflow FROM clock_member WHERE clock = $1", self.name)
        return {row["workflow"] for row in rows}
