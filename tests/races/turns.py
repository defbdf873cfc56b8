"""Whose statement comes next: several writes at once, each on a connection of its own, in an order that a seed chooses.

Each statement waits for its turn, and so does each commit. Who waits for a lock of another hands the turn on; Postgres itself says so
(`pg_blocking_pids`), no clock does. So one seed is one interleaving, as far as the locks let it be chosen, and another is another one.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Self, cast

import asyncpg

from tests.activities.desk import Desk

PATIENCE = 0.002
"""Seconds after which Postgres is asked whether a statement waits for somebody."""

LONGEST = 20.0
"""Seconds after which nobody moving is a fault of the race itself."""

Act = Callable[[Desk], Awaitable[Any]]


def sequence(*acts: Act) -> Act:
    """One after the other, on one connection."""

    async def act(desk: Desk) -> list[Any]:
        return [await each(desk) for each in acts]

    return act


def later(statements: int, act: Act) -> Act:
    """The same, begun only after so many turns: what is short still comes at every moment of what is long."""

    async def begun(desk: Desk) -> Any:
        for _ in range(statements):
            await desk.pool.fetchval("SELECT 1")
        return await act(desk)

    return begun


class Turns:
    """One race: who is where, and who goes next."""

    def __init__(self, seed: int, watcher: asyncpg.Connection, pids: Mapping[str, int]) -> None:
        self.chance, self.watcher, self.pids = random.Random(seed), watcher, pids
        # mostly the same one goes on, or mostly another one comes: both kinds of order find faults of their own
        self.stays = self.chance.choice((0.0, 0.3, 0.6, 0.9))
        self.where = dict.fromkeys(pids, "thinking")
        self.gates: dict[str, asyncio.Future[None]] = {}
        self.moved = asyncio.Event()
        self.order: list[str] = []
        """Who was chosen where there was a choice."""
        self.waits = 0
        """How often somebody waited for a lock."""
        self.ended = False
        """Whether a transaction has ended since everybody's place was looked at."""

    def stand(self, name: str, where: str) -> None:
        self.where[name] = where
        self.moved.set()

    async def step(self, name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """One statement, when its turn has come."""
        gate = self.gates[name] = asyncio.get_running_loop().create_future()
        self.stand(name, "ready")
        await gate
        try:
            return await call()
        finally:
            self.stand(name, "thinking")

    async def direct(self) -> None:
        """Give turns until everybody is done."""
        last = ""
        while True:
            await self._settle()
            ready = sorted(name for name, where in self.where.items() if where == "ready")
            if not ready:
                if all(where == "over" for where in self.where.values()):
                    return
                await self._wait(LONGEST)  # everybody waits for a lock: Postgres finds the circle, or one of them is let go
                continue
            last = last if last in ready and self.chance.random() < self.stays else self.chance.choice(ready)
            if len(ready) > 1:
                self.order.append(last)
            self.where[last] = "inside"
            self.gates.pop(last).set_result(None)

    async def _settle(self) -> None:
        """Until everybody is at a gate, over, or waits for a lock."""
        asked: set[str] = set()
        # locks go with the transaction: while none has ended, who waited still waits
        while busy := [name for name, where in self.where.items() if where in ("thinking", "inside") or (where == "locked" and self.ended)]:
            if await self._wait(PATIENCE):
                asked.clear()
                continue
            for name in busy:
                if self.where[name] in ("inside", "locked"):
                    waits = await self.watcher.fetchval("SELECT cardinality(pg_blocking_pids($1)) > 0", self.pids[name])
                    if waits and self.where[name] in ("inside", "locked"):
                        self.waits += self.where[name] == "inside"
                        self.where[name] = "locked"
                        asked.add(name)
            if all(self.where[name] in ("ready", "over") or name in asked for name in busy):
                break
        self.ended = False

    async def _wait(self, seconds: float) -> bool:
        """Whether somebody moved."""
        try:
            async with asyncio.timeout(seconds):
                await self.moved.wait()
        except TimeoutError:
            if seconds == LONGEST:
                raise AssertionError(f"nobody moves: {self.where}") from None
            return False
        self.moved.clear()
        return True


class _Connection:
    """A connection whose statements and commits wait for their turn."""

    def __init__(self, name: str, turns: Turns, conn: asyncpg.Connection) -> None:
        self.name, self.turns, self.conn = name, turns, conn

    def __getattr__(self, name: str) -> Any:
        return getattr(self.conn, name)

    async def execute(self, *said: Any, **more: Any) -> Any:
        return await self.turns.step(self.name, lambda: self.conn.execute(*said, **more))

    async def fetch(self, *said: Any, **more: Any) -> Any:
        return await self.turns.step(self.name, lambda: self.conn.fetch(*said, **more))

    async def fetchrow(self, *said: Any, **more: Any) -> Any:
        return await self.turns.step(self.name, lambda: self.conn.fetchrow(*said, **more))

    async def fetchval(self, *said: Any, **more: Any) -> Any:
        return await self.turns.step(self.name, lambda: self.conn.fetchval(*said, **more))

    @asynccontextmanager
    async def transaction(self, **kind: Any) -> AsyncIterator[None]:
        inner = self.conn.is_in_transaction()
        transaction = self.conn.transaction(**kind)
        await transaction.start()
        try:
            yield
        except BaseException:
            await self._end(transaction.rollback, inner)
            raise
        await self._end(transaction.commit, inner)

    async def _end(self, call: Callable[[], Awaitable[Any]], inner: bool) -> None:
        """The end of the transaction lets go of its locks: a step. That of a savepoint is none."""
        if inner:
            await call()
            return
        await self.turns.step(self.name, call)
        self.turns.ended = True

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Self]:
        """A pool of this one connection."""
        yield self


class Table:
    """Connections for those who race, kept from race to race."""

    def __init__(self, watcher: asyncpg.Connection, seats: list[tuple[asyncpg.Connection, int]]) -> None:
        self.watcher, self.seats = watcher, seats
        self.orders: set[tuple[Any, ...]] = set()
        self.waits = 0

    @classmethod
    @asynccontextmanager
    async def laid(cls, pool: asyncpg.Pool) -> AsyncIterator[Self]:
        async with AsyncExitStack() as stack:
            conns = [cast("asyncpg.Connection", await stack.enter_async_context(pool.acquire())) for _ in range(5)]
            yield cls(conns[0], [(conn, conn.get_server_pid()) for conn in conns[1:]])

    async def race(self, seed: int, acts: Mapping[str, Act], tracks: Mapping[str, str] | None = None) -> dict[str, Any]:
        """What each of those who race answered, by name. An exception of any is raised: nobody may fail for the others' sake."""
        seats = dict(zip(acts, self.seats, strict=False))
        turns = Turns(seed, self.watcher, {name: pid for name, (_, pid) in seats.items()})

        async def played(nth: int, name: str) -> Any:
            desk = Desk(cast("asyncpg.Pool", _Connection(name, turns, seats[name][0])))
            desk.keys, desk.tracks = 1000 * (nth + 1), dict(tracks or {})
            try:
                return await acts[name](desk)
            finally:
                turns.stand(name, "over")

        done = asyncio.gather(*(played(nth, name) for nth, name in enumerate(acts)), return_exceptions=True)
        director = asyncio.create_task(turns.direct())
        answers = dict(zip(acts, await done, strict=True))
        await director
        self.orders.add((tuple(acts), *turns.order))
        self.waits += turns.waits
        for name, answer in answers.items():
            if isinstance(answer, BaseException):
                raise AssertionError(f"seed {seed}: {name} failed: {answer!r}; order {''.join(turns.order)}") from answer
        return answers
