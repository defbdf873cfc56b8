"""The chains: append only, hashed, and every break found."""

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import asyncpg
import pytest

from db import audit, events
from db.events import Chains, HeadMoved, UnknownEvent, body
from db.sql import folder
from embedded.stack import Stack
from schemas.events import EVENTS

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
CAUSE = {"kind": "timer", "id": "t"}


def told(**data: Any) -> dict[str, Any]:
    return body("document.sent", AT, data, cause=CAUSE)


async def write(pool: asyncpg.Pool, subject: str, *bodies: dict[str, Any]) -> None:
    async with pool.acquire() as conn, conn.transaction():
        chains = Chains(cast("asyncpg.Connection", conn))
        await chains.lock([subject])
        for one in bodies:
            await chains.append(subject, one)


async def tamper(pool: asyncpg.Pool, statement: str) -> None:
    async with pool.acquire() as conn:
        await conn.execute("ALTER TABLE event DISABLE TRIGGER USER")
        await conn.execute(statement)


@pytest.mark.parametrize("statement", ["UPDATE event SET type = 'x'", "DELETE FROM event", "TRUNCATE event"])
async def test_the_log_is_append_only(pool: asyncpg.Pool, statement: str) -> None:
    await write(pool, "case:A", told(version=1))
    with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
        await pool.execute(statement)


async def test_a_chain_verifies(pool: asyncpg.Pool) -> None:
    await write(pool, "case:A", told(version=1), told(version=2))
    await write(pool, "case:B", told(version=1))
    assert await audit.verify(pool) == []


async def test_a_changed_event_is_found(pool: asyncpg.Pool) -> None:
    await write(pool, "case:A", told(version=1), told(version=2))
    await tamper(pool, "UPDATE event SET body = replace(body, '\"version\":1', '\"version\":7')")
    assert [(b.subject, b.sequence, b.what) for b in await audit.verify(pool)] == [("case:A", 1, "was changed after it was written")]


async def test_a_cut_tail_is_found(pool: asyncpg.Pool) -> None:
    await write(pool, "case:A", told(version=1), told(version=2))
    await tamper(pool, "DELETE FROM event WHERE sequence = 2")
    assert [b.what for b in await audit.verify(pool)] == ["the chain ends at 1, its head says 2"]


async def test_a_missing_event_in_the_middle_is_found(pool: asyncpg.Pool) -> None:
    await write(pool, "case:A", told(version=1), told(version=2), told(version=3))
    await tamper(pool, "DELETE FROM event WHERE sequence = 2")
    assert "event 2 is missing" in [b.what for b in await audit.verify(pool)]


async def test_a_chain_that_was_taken_away_whole_is_found(pool: asyncpg.Pool) -> None:
    await write(pool, "case:A", told(version=1))
    await tamper(pool, "DELETE FROM event")
    assert [b.what for b in await audit.verify(pool)] == ["the head says 1, and there is no event"]


async def test_an_unknown_event_type_is_an_error_never_dropped(pool: asyncpg.Pool) -> None:
    with pytest.raises(UnknownEvent, match=r"case\.exploded"):
        await write(pool, "case:A", body("case.exploded", AT, {}, cause=CAUSE))
    assert await pool.fetchval("SELECT count(*) FROM event") == 0


async def test_a_second_lock_in_one_transaction_is_refused(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as conn, conn.transaction():
        chains = Chains(cast("asyncpg.Connection", conn))
        await chains.lock(["case:A", "case:B"])
        await chains.lock(["case:B"])
        with pytest.raises(HeadMoved, match="lock all at once"):
            await chains.lock(["case:C"])


async def test_two_subjects_in_opposite_order_do_not_deadlock(pool: asyncpg.Pool) -> None:
    async def both(subjects: list[str]) -> None:
        for n in range(5):
            async with pool.acquire() as conn, conn.transaction():
                chains = Chains(cast("asyncpg.Connection", conn))
                await chains.lock(subjects)
                for subject in subjects:
                    await chains.append(subject, told(version=n))

    await asyncio.gather(both(["case:A", "case:B"]), both(["case:B", "case:A"]))

    assert await pool.fetchval("SELECT count(*) FROM event") == 20
    assert await audit.verify(pool) == []


async def test_the_same_data_is_the_same_text_whatever_the_order_of_its_keys(pool: asyncpg.Pool) -> None:
    await write(pool, "case:A", body("document.sent", AT, {"b": "é", "a": [1, {"d": None, "c": True}]}, cause=CAUSE))
    text = await pool.fetchval("SELECT body FROM event")
    assert '"data":{"a":[1,{"c":true,"d":null}],"b":"é"}' in text


async def test_every_statement_of_the_projections_prepares(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as conn:
        for name in folder("apply"):
            await conn.prepare(cast("str", events.statement(name)))


def test_every_event_of_the_catalogue_is_projected_or_listed_as_told_only() -> None:
    assert EVENTS.keys() - folder("apply").keys() - events.LOG == set()
    assert folder("apply").keys() & events.LOG == set()


async def test_a_row_changed_behind_the_log_is_found_by_the_rebuild(pool: asyncpg.Pool) -> None:
    await write(pool, "partner:KE:P", body("waiting.entered", AT, {"case": "case:A", "level": "full"}, cause=CAUSE))
    assert await audit.rebuild_check(pool) == []

    await pool.execute("UPDATE waiting SET level = 'emergency'")
    (found,) = await audit.rebuild_check(pool)

    assert (found.table, found.key) == ("waiting", "partner:KE:P case:A")
    assert found.record is not None
    assert found.rebuilt is not None
    assert (found.record["level"], found.rebuilt["level"]) == ("emergency", "full")


async def test_a_row_without_events_and_events_without_row_are_found(pool: asyncpg.Pool) -> None:
    await write(pool, "partner:KE:P", body("waiting.entered", AT, {"case": "case:A", "level": "full"}, cause=CAUSE))
    await pool.execute("UPDATE waiting SET subject = 'partner:KE:Q'")
    assert [(d.record is None, d.rebuilt is None) for d in await audit.rebuild_check(pool)] == [(True, False), (False, True)]


async def test_every_projection_is_compared(pool: asyncpg.Pool) -> None:
    kept = {
        "stream", "event", "receipt", "content", "submission", "rejected_intake", "versioned", "sanctions_list", "sanctions_entry",
        "clock", "clock_member", "delivery",
    }  # fmt: skip
    tables = {
        row["tablename"]
        for row in await pool.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename !~ '^_?yoyo'")
    }
    assert tables - kept == set(audit.PROJECTIONS)


async def test_events_whose_head_was_taken_away_are_found(pool: asyncpg.Pool, stack: Stack, record_database: str) -> None:
    await write(pool, "case:A", told(version=1))
    conn = await asyncpg.connect(f"{stack.admin_url.rpartition('/')[0]}/{record_database}")
    try:
        await conn.execute("SET session_replication_role = replica")
        await conn.execute("DELETE FROM stream")
    finally:
        await conn.close()
    assert [(b.subject, b.sequence, b.what) for b in await audit.verify(pool)] == [("case:A", 0, "events without a head")]


async def test_a_head_that_moved_under_the_lock_is_an_error_and_nothing_is_written(pool: asyncpg.Pool) -> None:
    await write(pool, "case:A", told(version=1))
    async with pool.acquire() as conn:
        transaction = conn.transaction()
        await transaction.start()
        chains = Chains(cast("asyncpg.Connection", conn))
        await chains.lock(["case:A"])
        await conn.execute("UPDATE stream SET sequence = 2")
        with pytest.raises(HeadMoved, match="grown beyond 1"):
            await chains.append("case:A", told(version=2))
        assert await conn.fetchval("SELECT count(*) FROM event") == 1
        await transaction.rollback()
