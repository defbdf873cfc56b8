"""What a client reads from the record to fill in a form: suggestions only, the record judges what is sent."""

from decimal import ROUND_DOWN, Decimal
from typing import cast

import asyncpg

from activities import settle_cash, versions
from db import content
from policy import budget, cash
from policy.pack import Pack
from schemas.intake import Document


async def period_need(pool: asyncpg.Pool, subject: str, period: int) -> dict[str, Decimal]:
    """What the document plans for a period, line by line, in its currency; `period` counts from 1."""
    document = await _document(pool, subject)
    return cash.plan(document, max(await _periods(pool, subject), period))[period - 1]


async def first_request(pool: asyncpg.Pool, subject: str) -> dict[str, Decimal]:
    """What may be asked for first, line by line: the need of the first period, lowered evenly to the cap while a check is postponed."""
    needs = await period_need(pool, subject, 1)
    row = await pool.fetchrow(
        """SELECT c.rate, EXISTS (SELECT 1 FROM element e WHERE e.subject = c.partner_subject
             AND e.source IN ('assumed', 'deferred')) AS deferred FROM "case" c WHERE c.subject = $1""",
        subject,
    )
    assert row is not None
    need = sum(needs.values(), Decimal(0))
    most = cash.first_ceiling(
        need,
        budget.totals(await _document(pool, subject)).office_cash,
        deferred=row["deferred"],
        rate=row["rate"],
        pack=await _pack(pool, subject),
    ).amount
    return needs if need <= most else {line: (amount * most / need).quantize(CENT, ROUND_DOWN) for line, amount in needs.items()}


async def modality(pool: asyncpg.Pool, subject: str) -> str:
    """How a partner of this risk is paid: the first of the ways that are possible."""
    partner = await pool.fetchval('SELECT partner_subject FROM "case" WHERE subject = $1', subject)
    risk = settle_cash.risk_of(await pool.fetch(settle_cash.SQL["elements_of"], partner))
    mitigated = settle_cash.mitigated(await pool.fetchrow(settle_cash.SQL["clearance_of"], partner))
    return cash.modalities(risk, await _pack(pool, subject), mitigated=mitigated)[0]


CENT = Decimal("0.01")


async def _periods(pool: asyncpg.Pool, subject: str) -> int:
    return int(await pool.fetchval("SELECT count(*) FROM period WHERE subject = $1", subject) or 1)


async def _document(pool: asyncpg.Pool, subject: str) -> Document:
    row = await pool.fetchrow('SELECT reference, document_sha256 FROM "case" WHERE subject = $1', subject)
    assert row is not None
    return await content.document(pool, row["reference"], row["document_sha256"])


async def _pack(pool: asyncpg.Pool, subject: str) -> Pack:
    """The rules that the case has pinned for its track."""
    digest = await pool.fetchval(
        "SELECT packs #>> ARRAY[coalesce(nullif(track, ''), 'standard'), 'sha256'] FROM \"case\" WHERE subject = $1", subject
    )
    async with pool.acquire() as conn:
        return await versions.pack_by_hash(cast("asyncpg.Connection", conn), digest)
