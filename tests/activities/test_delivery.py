"""Delivery: at least once, in order per subject, with back-off, and dead where it is hopeless."""

import asyncio
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


class Killed(BaseException):
    """A worker that says nothing any more."""


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
    await delivery.enter(pool, "test")
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


async def test_who_loses_the_lease_does_not_say_how_far_it_came(pool: asyncpg.Pool, listener: Listener) -> None:
    async def slow(event: Told) -> None:
        # the lease has passed: another sender tells everything, and its word stands
        await pool.execute("UPDATE delivery SET leased_until = clock_timestamp()")
        await delivery.deliver(pool, "test", listener)
        raise ConnectionError

    assert await delivery.deliver(pool, "test", slow) == 0
    assert [sequence for _, sequence in listener.heard] == [1, 2, 3]
    row = await pool.fetchrow("SELECT next_sequence, attempts, pending FROM delivery")
    assert row is not None
    assert tuple(row) == (4, 0, False)


async def test_a_sender_that_is_told_to_stop_leaves_its_subject_to_others_at_once(pool: asyncpg.Pool, listener: Listener) -> None:
    async def stopped(event: Told) -> None:
        if event.sequence == 2:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await delivery.deliver(pool, "test", stopped)
    assert await delivery.deliver(pool, "test", listener) == 2


async def test_a_sender_that_died_holds_its_subject_up_no_longer_than_its_lease(pool: asyncpg.Pool, listener: Listener) -> None:
    now = datetime.now(UTC)

    async def dies(event: Told) -> None:
        raise Killed

    with pytest.raises(Killed):
        await delivery.deliver(pool, "test", dies, at=now)
    assert await delivery.deliver(pool, "test", listener, at=now) == 0
    assert await delivery.deliver(pool, "test", listener, at=now + delivery.LEASE) == 3


async def test_a_subscriber_that_hangs_is_given_up_on(pool: asyncpg.Pool, listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hangs(event: Told) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(delivery, "PATIENCE", 0)
    found = await delivery.portion(pool, "test", hangs)
    assert isinstance(found.failure, TimeoutError)


async def test_what_is_written_out_of_order_is_entered_all_the_same(pool: asyncpg.Pool, listener: Listener) -> None:
    """A transaction that took its positions first and commits last."""
    async with pool.acquire() as conn:
        transaction = conn.transaction()
        await transaction.start()
        chains = Chains(cast("asyncpg.Connection", conn))
        await chains.lock(["case:LATE"])
        await chains.append("case:LATE", body("document.sent", AT, {"version": 1}, cause={"kind": "timer", "id": "t"}))
        await write(pool, "case:B", 1)
        await delivery.enter(pool, "test")
        await transaction.commit()
    await delivery.enter(pool, "test")
    while await delivery.deliver(pool, "test", listener):
        pass
    assert {("case:LATE", 1), ("case:B", 1)} <= set(listener.heard)


async def test_who_begins_later_is_told_only_what_comes_after(pool: asyncpg.Pool, listener: Listener) -> None:
    await delivery.enter(pool, "late", await pool.fetchval("SELECT max(position) FROM event"))
    await write(pool, "case:A", 4)
    await delivery.enter(pool, "late")
    assert await delivery.deliver(pool, "late", listener) == 1
    assert listener.heard == [("case:A", 4)]


async def test_a_long_record_is_entered_page_by_page(pool: asyncpg.Pool, listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "PAGE", 2)
    await write(pool, "case:B", 1, 2)
    await write(pool, "case:C", 1)
    await delivery.enter(pool, "paged")
    while await delivery.deliver(pool, "paged", listener):
        pass
    assert len(listener.heard) == 6


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

    monkeypatch.setattr(
        delivery, "asyncio", SimpleNamespace(sleep=rest, timeout=asyncio.timeout, get_running_loop=asyncio.get_running_loop)
    )


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
