"""Reading at scale: every list and the case page over generated records of 10,000 to 1,000,000 agreements.

The record is made by SQL on embedded servers of its own: offices of very different size, six in ten cases over, 1.5 open tasks a case.
Each list is read in several filters and orders, its first page and one further on, by people of large and of small offices. Said for
each size: p50 and p99 of each list; whether any large table was ever read from end to end (PostgreSQL's own counters); how p99 grows.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from activities import browse, overview, read, versions
from activities.browse import Page, Reach, Scope
from db import migrate
from db.pool import connect_pool
from embedded.stack import Stack

OFFICES = 60
PARTNERS_OF = 50
"""One partner for so many cases of an office."""
MARCH = datetime(2025, 3, 1, tzinfo=UTC)
ROUNDS = 40
"""How often each list is read, each time by somebody else."""
WATCHED = (
    "case", "task", "event", "decision", "awaited", "inbox", "obligation", "block", "instalment", "journal", "entry", "submission",
    "stream", "stay",
)  # fmt: skip
"""Tables that grow with the record: none of them is ever read from end to end."""

INDEXES = """
SELECT i.indexdef, i.indexname FROM pg_indexes i WHERE i.schemaname = 'public' AND i.tablename = ANY ($1::text[])
    AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conname = i.indexname)
"""
SCANS = "SELECT relname, seq_scan FROM pg_stat_user_tables WHERE relname = ANY ($1::text[])"


async def generate(superuser_url: str, size: int) -> None:
    """Fill the migrated, empty record at this address with `size` agreements. Its indexes are made afterwards, which is quicker."""
    conn = await asyncpg.connect(superuser_url)
    try:
        await conn.execute(
            "SET session_replication_role = replica; SET maintenance_work_mem = '512MB'; SET work_mem = '256MB'; SET jit = off"
        )
        indexes = await conn.fetch(INDEXES, list(WATCHED))
        for index in indexes:
            await conn.execute(f'DROP INDEX "{index["indexname"]}"')
        statements = (Path(__file__).parent / "reading.sql").read_text(encoding="utf-8")
        for name, value in (("size", size), ("offices", OFFICES), ("partners", PARTNERS_OF)):
            statements = statements.replace(f"@{name}", str(value))
        await conn.execute(statements, timeout=3600)
        for index in indexes:
            await conn.execute(index["indexdef"], timeout=3600)
        await conn.execute("VACUUM (ANALYZE)", timeout=3600)
    finally:
        await conn.close()


Pool = asyncpg.Pool


@dataclass(frozen=True)
class Somebody:
    """Who reads: an office, large or small, and one partner and one case of it."""

    office: str
    partner: str
    reference: str

    @property
    def scope(self) -> Scope:
        return Scope(offices=frozenset({self.office}))


async def _people(pool: Pool) -> list[Somebody]:
    rows = await pool.fetch(
        "SELECT DISTINCT ON (office) office, partner, reference FROM \"case\" WHERE status = 'active' ORDER BY office, reference DESC"
    )
    return [Somebody(row["office"], row["partner"], row["reference"]) for row in rows]


async def _two(page: Callable[[str | None], Awaitable[Page]]) -> None:
    """The first page, and the next."""
    first = await page(None)
    if first.next is not None:
        await page(first.next)


def _reads(pool: Pool) -> dict[str, Callable[[Somebody], Awaitable[object]]]:
    now = datetime.now(UTC)

    def cases(**filters: object) -> Callable[[Somebody], Awaitable[object]]:
        return lambda who: _two(lambda after: browse.cases(pool, who.scope, after=after, **filters))  # type: ignore[arg-type]

    def inbox(who: Somebody, *roles: str) -> Reach:
        return Reach(persons=frozenset({f"{who.office}.7"}), roles=frozenset((who.office, role) for role in roles))

    return {
        "register": cases(),
        "register, newest first": cases(sort="-received_at"),
        "register, by next due moment": cases(sort="next_due"),
        "register, one status": cases(status=["in_review"]),
        "register, two statuses, newest first": cases(status=["signed", "active"], sort="-received_at"),
        "register, track and stage": cases(track="emergency", stage="approval"),
        "register, held by the partner": cases(holder="partner"),
        "register, held by an external": cases(holder="external", sort="-received_at"),
        "register, one month": cases(
            received_from=datetime(2025, 3, 1, tzinfo=UTC), received_to=datetime(2025, 4, 1, tzinfo=UTC), sort="received_at"
        ),
        "register, one partner, by next due moment": lambda who: _two(
            lambda after: browse.cases(pool, who.scope, partner=who.partner, sort="next_due", after=after)
        ),
        "register, one focal point": lambda who: _two(
            lambda after: browse.cases(pool, who.scope, focal_point=f"{who.office}.7", after=after)
        ),
        "register, a reference": lambda who: _two(lambda after: browse.cases(pool, who.scope, reference=who.reference[:-2], after=after)),
        "register, all offices": lambda _: _two(lambda after: browse.cases(pool, browse.EVERYTHING, after=after)),
        "register, all offices, by next due moment": lambda _: _two(
            lambda after: browse.cases(pool, browse.EVERYTHING, sort="next_due", after=after)
        ),
        "register, the partner's": lambda who: _two(
            lambda after: browse.cases(pool, Scope(partners=frozenset({f"partner:{who.office}:{who.partner}"})), after=after)
        ),
        "inbox, one role": lambda who: _two(lambda after: browse.inbox(pool, inbox(who, "finance_officer"), after=after)),
        "inbox, three roles": lambda who: _two(
            lambda after: browse.inbox(pool, inbox(who, "focal_point", "finance_officer", "authorised_officer"), after=after)
        ),
        "inbox, overdue": lambda who: _two(lambda after: browse.inbox(pool, inbox(who, "focal_point"), overdue=True, at=now, after=after)),
        "tasks": lambda who: _two(lambda after: browse.tasks(pool, who.scope, after=after)),
        "tasks, one kind": lambda who: _two(lambda after: browse.tasks(pool, who.scope, kind="approve_document", after=after)),
        "tasks, done": lambda who: _two(lambda after: browse.tasks(pool, who.scope, state="done", after=after)),
        "tasks of a case": lambda who: browse.tasks(pool, who.scope, case=who.reference),
        "decisions": lambda who: _two(lambda after: browse.decisions(pool, who.scope, after=after)),
        "decisions, refused": lambda who: _two(lambda after: browse.decisions(pool, who.scope, counted=False, after=after)),
        "decisions of an actor": lambda who: _two(lambda after: browse.decisions(pool, who.scope, actor=f"{who.office}.7", after=after)),
        "obligations": lambda who: _two(lambda after: browse.obligations(pool, who.scope, after=after)),
        "obligations, overdue": lambda who: _two(lambda after: browse.obligations(pool, who.scope, overdue=True, after=after)),
        "obligations of a role": lambda who: _two(lambda after: browse.obligations(pool, who.scope, owner_role="focal_point", after=after)),
        "obligations of a case": lambda who: browse.obligations(pool, who.scope, case=who.reference),
        "blocks": lambda who: _two(lambda after: browse.blocks(pool, who.scope, after=after)),
        "partners": lambda who: _two(lambda after: browse.partners(pool, who.scope, limit=25, after=after)),
        "instalments": lambda who: _two(lambda after: browse.instalments(pool, who.scope, after=after)),
        "instalments, paid": lambda who: _two(lambda after: browse.instalments(pool, who.scope, state="paid", after=after)),
        "ledger": lambda who: _two(lambda after: browse.ledger(pool, who.scope, after=after)),
        "events of a case": lambda who: browse.events(pool, who.scope, f"case:{who.reference}"),
        "refused intake": lambda _: _two(lambda after: browse.rejected(pool, browse.EVERYTHING, source="portal", after=after)),
        "the case as a page": lambda who: read.show(pool, who.reference),
    }


@dataclass(frozen=True)
class Read:
    """One list at one size, in milliseconds."""

    name: str
    p50: float
    p99: float


async def _scans(pool: Pool, tables: Collection[str]) -> dict[str, int]:
    await pool.execute("SELECT pg_stat_force_next_flush()")
    await pool.execute("SELECT pg_stat_clear_snapshot()")
    return {row["relname"]: row["seq_scan"] for row in await pool.fetch(SCANS, list(tables))}


async def measure(pool: Pool) -> tuple[list[Read], dict[str, list[str]]]:
    """Every list over the record of `pool`, which must have one connection only; and which lists read a large table from end to end."""
    people = await _people(pool)
    found: list[Read] = []
    scanned: dict[str, list[str]] = {}
    for name, one in _reads(pool).items():
        before = await _scans(pool, WATCHED)
        for who in people[:8]:
            await one(who)  # plans and pages are there
        took: list[float] = []
        for n in range(ROUNDS):
            began = time.perf_counter()
            await one(people[n % len(people)])
            took.append((time.perf_counter() - began) * 1000)
        after = await _scans(pool, WATCHED)
        if tables := [table for table, scans in after.items() if scans > before.get(table, 0)]:
            scanned[name] = tables
        cuts = statistics.quantiles(took, n=100, method="inclusive")
        found.append(Read(name, cuts[49], cuts[98]))
    for name, office in (("overview of the largest office", people[0].office), ("overview of the smallest office", people[-1].office)):
        took = []
        for _ in range(5):
            began = time.perf_counter()
            await overview.office(pool, office, since=(datetime.now(UTC) - timedelta(days=365)).date())
            took.append((time.perf_counter() - began) * 1000)
        found.append(Read(name, statistics.median(took), max(took)))
    return found, scanned


@dataclass(frozen=True)
class Size:
    """What was measured at one size."""

    agreements: int
    reads: list[Read]
    scanned: dict[str, list[str]]
    megabytes: float
    seconds: float
    """How long it took to make."""


async def at_size(stack: Stack, agreements: int) -> Size:
    """A database of its own on the stack, filled, measured, dropped."""
    name = f"reading_{agreements}"
    server = stack.admin_url.rpartition("/")[0]
    admin = await asyncpg.connect(stack.admin_url)
    try:
        await admin.execute(f"CREATE DATABASE {name} OWNER pca")
        url = f"{stack.database_url.rpartition('/')[0]}/{name}"
        await asyncio.to_thread(migrate.apply, url)
        pool = await connect_pool(url, size=1)
        try:
            await versions.load_shipped_packs(pool)
            began = time.perf_counter()
            await generate(f"{server}/{name}", agreements)
            made = time.perf_counter() - began
            reads, scanned = await measure(pool)
        finally:
            await pool.close()
        size = await admin.fetchval("SELECT pg_database_size($1)", name)
        await admin.execute(f"DROP DATABASE {name}")
    finally:
        await admin.close()
    return Size(agreements, reads, scanned, size / 1e6, made)
