"""Delivery: events handed to subscribers, at least once, in order per subject, from the record's own rows.

One sender per (subscriber, subject) at a time (its row is locked while it sends), read by sequence, never by "id greater than last seen".
What fails is tried again with back-off; what fails for long is marked dead, visibly, and waits for a person. A delivery never changes
what it tells of. The first subscriber is the log; webhooks, mail and ERP take the same seam.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import asyncpg
import structlog

from db.sql import queries

SQL = queries("delivery")
PORTION = 100
"""Events of one subject handed over in one transaction."""
ATTEMPTS = 12
"""After this many failures in a row a pair is dead: about a day with the back-off below."""
IDLE = 2.0
"""Seconds between looks when there was nothing to send."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Told:
    """One event as a subscriber gets it. (subject, sequence) names it for ever: who gets it twice can tell."""

    subject: str
    sequence: int
    type: str
    at: datetime
    data: dict[str, Any]


Subscriber = Callable[[Told], Awaitable[None]]
"""Takes one event, or raises; then the event is told again later."""


async def to_log(event: Told) -> None:
    """The first subscriber: names and numbers only, never the data."""
    log.info("event", subject=event.subject, sequence=event.sequence, type=f"pca.{event.type}.v1", at=event.at.isoformat())


SUBSCRIBERS: Mapping[str, Subscriber] = {"log": to_log}


def back_off(attempts: int) -> timedelta:
    """2 s, doubled each time, at most 4 hours."""
    return min(timedelta(seconds=2.0 ** min(attempts, 20)), timedelta(hours=4))


async def deliver(pool: asyncpg.Pool, name: str, subscriber: Subscriber) -> int:
    """Hand over one portion of one subject; returns how many events were taken. 0: nothing is due, or others are at it."""
    async with pool.acquire() as borrowed, borrowed.transaction():
        conn = cast("asyncpg.Connection", borrowed)
        pair = await conn.fetchrow(SQL["next_pair"], name)
        if pair is None:
            return 0
        rows = await conn.fetch(SQL["portion"], pair["subject"], pair["next_sequence"], PORTION)
        taken = 0
        for row in rows:
            try:
                await subscriber(Told(row["subject"], row["sequence"], row["type"], row["at"], row["data"]))
            except Exception as error:
                attempts = pair["attempts"] + 1
                dead = attempts >= ATTEMPTS
                await conn.execute(
                    SQL["failed"], name, pair["subject"], row["sequence"], attempts, back_off(attempts), type(error).__name__, dead
                )
                log.warning("delivery.failed", subscriber=name, subject=pair["subject"], attempts=attempts, dead=dead)
                return taken
            taken += 1
        await conn.execute(SQL["done"], name, pair["subject"], pair["next_sequence"] + taken)
        return taken


async def enter(pool: asyncpg.Pool, name: str) -> None:
    """Enter the subjects that a subscriber has not heard of yet."""
    await pool.execute(SQL["enter"], name)


async def deliver_for_ever(pool: asyncpg.Pool, subscribers: Mapping[str, Subscriber] = SUBSCRIBERS) -> None:
    """The worker's loop, until it is cancelled. An outage of the record is waited out."""
    while True:
        sent = 0
        try:
            for name, subscriber in subscribers.items():
                await enter(pool, name)
                while taken := await deliver(pool, name, subscriber):
                    sent += taken
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
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
