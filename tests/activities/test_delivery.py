"""Delivery: at least once, in order per subject, with back-off, and dead where it is hopeless."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import asyncpg
import pytest

from activities import delivery
from activities.delivery import Told
from db.events import Chains, body

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


async def write(pool: asyncpg.Pool, subject: str, *versions: int) -> None:
    async with pool.acquire() as conn, conn.transaction():
        chains = Chains(cast("asyncpg.Connection", conn))
        await chains.lock([subject])
        for version in versions:
            await chains.append(subject, body("document.sent", AT, {"version": version}, cause={"kind": "timer", "id": "t"}))


class Listener:
    """A subscriber that fails on the events it is told to."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, int]] = []
        self.fails: set[int] = set()

    async def __call__(self, event: Told) -> None:
        if event.sequence in self.fails:
            raise ConnectionError
        self.heard.append((event.subject, event.sequence))


@pytest.fixture
async def listener(pool: asyncpg.Pool) -> AsyncIterator[Listener]:
    await write(pool, "case:A", 1, 2, 3)
    await delivery.enter(pool, "test")
    return Listener()


async def test_events_are_told_in_order_and_once(pool: asyncpg.Pool, listener: Listener) -> None:
    assert await delivery.deliver(pool, "test", listener) == 3
    assert await delivery.deliver(pool, "test", listener) == 0
    assert listener.heard == [("case:A", 1), ("case:A", 2), ("case:A", 3)]


async def test_later_events_follow_from_where_it_stopped(pool: asyncpg.Pool, listener: Listener) -> None:
    await delivery.deliver(pool, "test", listener)
    await write(pool, "case:A", 4)
    assert await delivery.deliver(pool, "test", listener) == 1
    assert listener.heard[-1] == ("case:A", 4)


async def test_a_failure_stops_its_subject_and_is_tried_again_later(pool: asyncpg.Pool, listener: Listener) -> None:
    listener.fails = {2}
    assert await delivery.deliver(pool, "test", listener) == 1
    assert await delivery.deliver(pool, "test", listener) == 0  # the back-off has not passed

    listener.fails = set()
    await pool.execute("UPDATE delivery SET next_at = clock_timestamp()")
    assert await delivery.deliver(pool, "test", listener) == 2
    assert [sequence for _, sequence in listener.heard] == [1, 2, 3]


async def test_what_fails_for_long_is_dead_until_somebody_revives_it(pool: asyncpg.Pool, listener: Listener) -> None:
    listener.fails = {1}
    for _ in range(delivery.ATTEMPTS):
        await pool.execute("UPDATE delivery SET next_at = clock_timestamp()")
        await delivery.deliver(pool, "test", listener)
    (gone,) = await delivery.dead(pool)
    assert (gone["subject"], gone["next_sequence"], gone["last_error"]) == ("case:A", 1, "ConnectionError")

    listener.fails = set()
    assert await delivery.revive(pool, "test", "case:A")
    assert not await delivery.revive(pool, "test", "case:B")
    assert await delivery.deliver(pool, "test", listener) == 3


async def test_two_senders_never_tell_one_subject_at_the_same_time(pool: asyncpg.Pool, listener: Listener) -> None:
    async def meanwhile(event: Told) -> None:
        assert await delivery.deliver(pool, "test", listener) == 0

    assert await delivery.deliver(pool, "test", meanwhile) == 3
    assert listener.heard == []


async def test_the_first_subscriber_is_the_log(pool: asyncpg.Pool, listener: Listener) -> None:
    await delivery.enter(pool, "log")
    assert await delivery.deliver(pool, "log", delivery.to_log) == 3


def test_the_back_off_doubles_and_ends_at_four_hours() -> None:
    assert [delivery.back_off(n).total_seconds() for n in (1, 2, 3)] == [2, 4, 8]
    assert delivery.back_off(40) == timedelta(hours=4)


class Over(Exception):
    """The test has seen enough of the loop."""


def resting(monkeypatch: pytest.MonkeyPatch, *while_idle: Callable[[], Awaitable[None]]) -> None:
    """What happens at each rest of the loop; after that it is over."""
    left = list(while_idle)

    async def rest(seconds: float) -> None:
        assert seconds == delivery.IDLE
        if not left:
            raise Over
        await left.pop(0)()

    monkeypatch.setattr(delivery, "asyncio", SimpleNamespace(sleep=rest))


async def test_the_loop_tells_every_subscriber_and_rests_only_when_nothing_is_left(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Listener(), Listener()
    await write(pool, "case:A", 1)

    async def later() -> None:
        assert first.heard == second.heard == [("case:A", 1)]
        await write(pool, "case:A", 2)
        await write(pool, "case:B", 1)

    resting(monkeypatch, later)
    with pytest.raises(Over):
        await delivery.deliver_for_ever(pool, {"first": first, "second": second})
    assert sorted(first.heard) == sorted(second.heard) == [("case:A", 1), ("case:A", 2), ("case:B", 1)]


async def test_the_loop_waits_out_an_outage_of_the_record(pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    listener, enter = Listener(), delivery.enter
    await write(pool, "case:A", 1)

    async def down(pool: asyncpg.Pool, name: str) -> None:
        raise ConnectionRefusedError

    async def up_again() -> None:
        assert listener.heard == []
        monkeypatch.setattr(delivery, "enter", enter)

    monkeypatch.setattr(delivery, "enter", down)
    resting(monkeypatch, up_again)
    with pytest.raises(Over):
        await delivery.deliver_for_ever(pool, {"test": listener})
    assert listener.heard == [("case:A", 1)]
