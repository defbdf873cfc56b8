"""Delivery: events handed to subscribers, at least once, in order per subject, from the record's own rows.

One sender per (subscriber, subject) at a time: the pair is leased, so that no transaction is open while a receiver is waited for. Events
are read by sequence, never by "id greater than last seen". What fails is tried again with back-off; what fails for long is marked dead,
visibly, and waits for a person. A delivery never changes what it tells of. The log is a subscriber, and so are webhooks and mail.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import asyncpg
import structlog

from db.sql import queries

SQL = queries("delivery")
PORTION = 100
"""Events of one subject handed over under one lease."""
PAGE = 5000
"""Events read at a time when pairs are entered."""
SETTLED = timedelta(minutes=2)
"""No transaction of ours lasts as long: what was recorded before is committed or never will be. Younger events are looked at again."""
ATTEMPTS = 19
"""After this many failures in a row a pair is dead: a day and some hours with the back-off below."""
PATIENCE = 15.0
"""Seconds that a subscriber may take over one event."""
LEASE = timedelta(seconds=60)
"""Renewed at half of its time; who dies meanwhile holds the pair up no longer than this."""
IDLE = 2.0
"""Seconds between looks when there was nothing to send."""

OUTAGE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""The record is away for a while."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Told:
    """One event as a subscriber gets it. (subject, sequence) names it for ever: who gets it twice can tell."""

    subject: str
    sequence: int
    type: str
    at: datetime
    data: dict[str, Any]
    recorded_at: datetime | None = None


class NotTaken(Exception):
    """A subscriber did not take an event, for a reason that may be shown to anybody; `after`: not to be tried before."""

    def __init__(self, why: str, after: timedelta = timedelta(0)) -> None:
        super().__init__(why)
        self.after = after


Subscriber = Callable[[Told], Awaitable[None]]
"""Takes one event, or raises; then the event is told again later."""


async def to_log(event: Told) -> None:
    """The first subscriber: names and numbers only, never the data."""
    log.info("event", subject=event.subject, sequence=event.sequence, type=f"pca.{event.type}.v1", at=event.at.isoformat())


SUBSCRIBERS: Mapping[str, Subscriber] = {"log": to_log}


def back_off(attempts: int) -> timedelta:
    """2 s, doubled each time, at most 4 hours."""
    return min(timedelta(seconds=2.0 ** min(attempts, 20)), timedelta(hours=4))


def why(error: BaseException) -> str:
    """What may be shown of a failure: our own words, or the class of the error, whose text may hold an address or a secret."""
    return str(error) if isinstance(error, NotTaken) else type(error).__name__


@dataclass(frozen=True)
class Portion:
    """What came of one look. `taken`: events that the subscriber took; `failure`: what stopped it; `subject` '': nothing was due."""

    subject: str = ""
    taken: int = 0
    failure: BaseException | None = None


async def portion(pool: asyncpg.Pool, name: str, subscriber: Subscriber, *, at: datetime | None = None) -> Portion:
    """Hand over one portion of one subject. `at`: now, by default the database's."""
    lease = uuid.uuid4().hex
    pair = await pool.fetchrow(SQL["lease"], name, lease, LEASE, at)
    if pair is None:
        return Portion()
    subject, following, taken = pair["subject"], pair["next_sequence"], 0
    loop = asyncio.get_running_loop()
    renewal = loop.time() + LEASE.total_seconds() / 2
    for row in await pool.fetch(SQL["portion"], subject, following, PORTION):
        try:
            async with asyncio.timeout(PATIENCE):
                await subscriber(Told(row["subject"], row["sequence"], row["type"], row["at"], row["data"], row["recorded_at"]))
        except asyncio.CancelledError:
            await pool.execute(SQL["done"], name, subject, lease, following, at)  # told to stop: another worker goes on at once
            raise
        except Exception as error:
            attempts = 1 if taken else pair["attempts"] + 1
            dead = attempts >= ATTEMPTS
            wait = max(back_off(attempts), getattr(error, "after", timedelta(0)))
            await pool.execute(SQL["failed"], name, subject, lease, row["sequence"], attempts, wait, why(error), dead, at)
            log.warning("delivery.failed", subscriber=name, subject=subject, attempts=attempts, dead=dead, why=why(error))
            return Portion(subject, taken, error)
        taken += 1
        following = row["sequence"] + 1
        if loop.time() > renewal:
            if await pool.fetchval(SQL["renew"], name, subject, lease, following, LEASE, at) is None:
                return Portion(subject, taken)  # we were so slow that somebody else goes on
            renewal = loop.time() + LEASE.total_seconds() / 2
    await pool.execute(SQL["done"], name, subject, lease, following, at)
    return Portion(subject, taken)


async def deliver(pool: asyncpg.Pool, name: str, subscriber: Subscriber, *, at: datetime | None = None) -> int:
    """Hand over one portion of one subject; returns how many events were taken. 0: nothing is due, or others are at it."""
    return (await portion(pool, name, subscriber, at=at)).taken


async def enter(pool: asyncpg.Pool, name: str, since: int = 0) -> None:
    """Enter what a subscriber has not been told of yet; one that is new begins after position `since` of the record."""
    await pool.execute(SQL["begin"], name, since)
    async with pool.acquire() as borrowed, borrowed.transaction():
        conn = cast("asyncpg.Connection", borrowed)
        position = await conn.fetchval(SQL["cursor"], name)
        if position is None:
            return  # another worker is at it
        while True:
            found = await conn.fetchrow(SQL["enter"], name, position, PAGE, SETTLED)
            assert found is not None
            if found["settled"] is not None:
                await conn.execute(SQL["move"], name, found["settled"])
            if found["events"] < PAGE:
                return
            position = found["read"]


async def deliver_for_ever(pool: asyncpg.Pool, subscribers: Mapping[str, Subscriber] = SUBSCRIBERS) -> None:
    """The worker's loop, until it is cancelled. An outage of the record is waited out."""
    while True:
        sent = 0
        try:
            for name, subscriber in subscribers.items():
                await enter(pool, name)
                while taken := await deliver(pool, name, subscriber):
                    sent += taken
        except OUTAGE as error:
            log.warning("delivery.waits", error=type(error).__name__)
        if not sent:
            await asyncio.sleep(IDLE)


async def dead(pool: asyncpg.Pool) -> list[dict[str, Any]]:
    """Pairs that gave up, for `pca doctor`: subscriber, subject, next_sequence, attempts, last_error."""
    return [dict(row) for row in await pool.fetch(SQL["dead"])]


async def revive(pool: asyncpg.Pool, name: str, subject: str) -> bool:
    """Try a dead pair again from where it stopped."""
    done: str = await pool.execute(SQL["revive"], name, subject)
    return done.endswith(" 1")
