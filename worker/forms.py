"""What a client reads from the record to fill in a form: suggestions only, the record judges what is sent."""

import json
from decimal import ROUND_DOWN, Decimal

import asyncpg

from policy import budget, cash, pack
from schemas.intake import Document, Intake


async def period_need(pool: asyncpg.Pool, subject: str, period: int) -> dict[str, Decimal]:
    """What the document plans for a period, line by line, in its currency; `period` counts from 1."""
    document = await _document(pool, subject)
    return cash.plan(document, max(await _periods(pool, subject), period))[period - 1]


async def first_request(pool: asyncpg.Pool, subject: str) -> dict[str, Decimal]:
    """What may be asked for first, line by line: the need of the first period, lowered evenly to the cap while a check is postponed."""
    needs = await period_need(pool, subject, 1)
    row = await pool.fetchrow(
        """SELECT c.rate, c.track, c.packs, EXISTS (SELECT 1 FROM element e WHERE e.subject = c.partner_subject
             AND e.source IN ('assumed', 'deferred')) AS deferred FROM "case" c WHERE c.subject = $1""",
        subject,
    )
    assert row is not None
    packs = json.loads(row["packs"]) if isinstance(row["packs"], str) else row["packs"]
    text = await pool.fetchval("SELECT body->>'text' FROM versioned WHERE kind = 'pack' AND sha256 = $1", packs[row["track"]]["sha256"])
    need = sum(needs.values(), Decimal(0))
    most = cash.first_ceiling(
        need,
        budget.totals(await _document(pool, subject)).office_cash,
        deferred=row["deferred"],
        rate=row["rate"],
        pack=pack.parse(text),
    ).amount
    return needs if need <= most else {line: (amount * most / need).quantize(CENT, ROUND_DOWN) for line, amount in needs.items()}


async def modality(pool: asyncpg.Pool, subject: str) -> str:
    """How a partner of this risk may be paid: reimbursed at high risk, where no mitigation was approved with its clearance."""
    high = await pool.fetchval(
        """SELECT true FROM element e JOIN "case" c ON c.partner_subject = e.subject
        WHERE c.subject = $1 AND e.element = 'hact' AND 'high' IN (e.result, e.details->>'rating')
        AND coalesce(c.track, 'standard') = 'standard'
        AND NOT EXISTS (SELECT FROM clearance k WHERE k.subject = e.subject AND jsonb_array_length(k.conditions) > 0)""",
        subject,
    )
    return "reimbursement" if high else "direct_cash_transfer"


CENT = Decimal("0.01")


async def _periods(pool: asyncpg.Pool, subject: str) -> int:
    return int(await pool.fetchval("SELECT count(*) FROM period WHERE subject = $1", subject) or 1)


async def _document(pool: asyncpg.Pool, subject: str) -> Document:
    row = await pool.fetchrow('SELECT reference, document_sha256 FROM "case" WHERE subject = $1', subject)
    assert row is not None
    body = await pool.fetchval("SELECT body FROM content WHERE sha256 = $1", row["document_sha256"])
    if body is not None:
        return Document.model_validate_json(body)
    facts = await pool.fetchval("SELECT facts FROM submission WHERE reference = $1", row["reference"])
    return Intake.model_validate(json.loads(facts) if isinstance(facts, str) else facts).document
