"""Audit: the chains verified, and the projections rebuilt from the log and compared.

Reads the record and changes nothing in it; the rebuild works in a schema of its own, which it drops. A break is reported, never mended.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, cast

import asyncpg

from db.events import apply, chained

PROJECTIONS: dict[str, str] = {
    "case": "subject",
    "task": "id",
    "decision": "subject, sequence",
    "block": "id",
    "waiting": 'subject, "case"',
    "element": "subject, element",
    "clearance": "subject, level",
    "screening": "subject",
    "hit": "id",
    "vendor": "subject",
    "umbrella": "subject",
    "activation": "subject",
    "document_version": "subject, version",
    "acceptance": "subject, side",
    "annex": "subject, annex",
    "deviation": "subject, clause",
    "member": "subject, round, person",
    "review": "subject, round",
    "opinion": "subject, round, purpose, member",
    "condition": "id",
    "signature": "subject, object, side",
    "approval": "subject, object",
    "reservation": "subject, number",
    "period": "subject, period",
    "instalment": "subject, instalment",
    "payment_order": '"order"',
    "report": "subject, instalment",
    "obligation": "id",
    "journal": "id",
    "entry": "journal, account",
    "authorised": "subject",
}
"""Every table that is projected from events, and its key."""

_SCRATCH = "pca_rebuild"


class Break(NamedTuple):
    """One place where a chain does not hold. `sequence` 0: the chain as a whole."""

    subject: str
    sequence: int
    what: str


class Difference(NamedTuple):
    """One row that the record has otherwise than its events say. A side that is None has no such row."""

    table: str
    key: str
    record: dict[str, Any] | None
    rebuilt: dict[str, Any] | None


async def verify(pool: asyncpg.Pool) -> list[Break]:
    """Every chain from its first event to its head: sequence without gap, previous hash, hash over the text as stored, head.

    A tail that was cut off shows, because the head stands in a row of its own; so does a head without events, and events without head.
    """
    breaks: list[Break] = []
    async with pool.acquire() as borrowed, borrowed.transaction(isolation="repeatable_read", readonly=True):
        conn = cast("asyncpg.Connection", borrowed)
        await conn.execute("SET LOCAL statement_timeout = 0")
        heads = {row["subject"]: (row["sequence"], row["hash"]) for row in await conn.fetch("SELECT subject, sequence, hash FROM stream")}
        subject, sequence, previous = "", 0, ""

        def close() -> None:
            if not subject:
                return
            head = heads.pop(subject, None)
            if head is None:
                breaks.append(Break(subject, 0, "events without a head"))
            elif head != (sequence, previous):
                breaks.append(Break(subject, sequence, f"the chain ends at {sequence}, its head says {head[0]}"))

        async for row in conn.cursor("SELECT subject, sequence, body, previous, hash FROM event ORDER BY subject, sequence", prefetch=500):
            if row["subject"] != subject:
                close()
                subject, sequence, previous = row["subject"], 0, ""
            sequence += 1
            if row["sequence"] != sequence:
                breaks.append(Break(subject, row["sequence"], f"event {sequence} is missing"))
                sequence = row["sequence"]
            if row["previous"] != previous:
                breaks.append(Break(subject, sequence, "does not follow the event before it"))
            if row["hash"] != chained(row["previous"], subject, sequence, row["body"]):
                breaks.append(Break(subject, sequence, "was changed after it was written"))
            previous = row["hash"]
        close()
        breaks += [
            Break(name, head, f"the head says {head}, and there is no event") for name, (head, _) in sorted(heads.items()) if head > 0
        ]
    return breaks


@asynccontextmanager
async def _scratch(conn: asyncpg.Connection) -> AsyncIterator[None]:
    """Empty tables of the same shape in a schema of their own; nothing of it is ever committed."""
    transaction = conn.transaction(isolation="repeatable_read")
    await transaction.start()
    try:
        await conn.execute(f"SET LOCAL statement_timeout = 0; CREATE SCHEMA {_SCRATCH}")
        for table in PROJECTIONS:
            await conn.execute(f'CREATE TABLE {_SCRATCH}."{table}" (LIKE public."{table}" INCLUDING ALL)')
        await conn.execute(f"SET LOCAL search_path = {_SCRATCH}, public")
        yield
    finally:
        await transaction.rollback()
        await conn.reload_schema_state()


async def rebuild_check(pool: asyncpg.Pool) -> list[Difference]:
    """Replay every event by position through the same SQL into empty tables, and compare every projection both ways."""
    differences: list[Difference] = []
    async with pool.acquire() as borrowed:
        conn = cast("asyncpg.Connection", borrowed)
        async with _scratch(conn):
            # rows are read in portions: a cursor would hold the plans of the tables it replaces
            last = 0
            while events := await conn.fetch(
                "SELECT position, type, subject, sequence, body FROM event WHERE position > $1 ORDER BY position LIMIT 500", last
            ):
                for event in events:
                    await apply(conn, event["type"], event["subject"], event["sequence"], event["body"])
                last = events[-1]["position"]
            for table, key in PROJECTIONS.items():
                differences += await _compared(conn, table, key)
    return differences


async def _compared(conn: asyncpg.Connection, table: str, key: str) -> list[Difference]:
    columns = ", ".join(f"r.{name.strip()}" for name in key.split(","))
    # to_jsonb compares whole rows, whatever their columns; numeric(18,2) and timestamptz come out in one form
    sql = (
        f"WITH r AS (SELECT concat_ws(' ', {columns}) AS key, to_jsonb(r) AS row FROM public.\"{table}\" r), "  # noqa: S608
        f"b AS (SELECT concat_ws(' ', {columns}) AS key, to_jsonb(r) AS row FROM {_SCRATCH}.\"{table}\" r) "
        "SELECT coalesce(r.key, b.key) AS key, r.row AS record, b.row AS rebuilt FROM r FULL JOIN b USING (key) "
        "WHERE r.row IS DISTINCT FROM b.row ORDER BY 1 LIMIT 50"
    )
    return [Difference(table, row["key"], row["record"], row["rebuilt"]) for row in await conn.fetch(sql)]
