"""What a client reads from the record to fill in a form: suggestions only, the record judges what is sent."""

import json
from decimal import Decimal

import asyncpg

from policy import cash
from schemas.intake import Document, Intake


async def period_need(pool: asyncpg.Pool, subject: str, period: int) -> dict[str, Decimal]:
    """What the document plans for a period, line by line, in its currency; `period` counts from 1."""
    row = await pool.fetchrow('SELECT reference, document_sha256 FROM "case" WHERE subject = $1', subject)
    assert row is not None
    body = await pool.fetchval("SELECT body FROM content WHERE sha256 = $1", row["document_sha256"])
    if body is not None:
        document = Document.model_validate_json(body)
    else:
        facts = await pool.fetchval("SELECT facts FROM submission WHERE reference = $1", row["reference"])
        document = Intake.model_validate(json.loads(facts) if isinstance(facts, str) else facts).document
    count = int(await pool.fetchval("SELECT count(*) FROM period WHERE subject = $1", subject) or 1)
    return cash.plan(document, max(count, period))[period - 1]
