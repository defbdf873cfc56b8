"""Planned cash of a partner: the HACT year that counts, and by which periods."""

from datetime import date
from decimal import Decimal
from typing import Any

from activities import ledger
from policy import cash
from policy.pack import load
from schemas.intake import Document
from tests.activities.desk import Desk, facts
from tests.activities.test_ask import KE

PACK = load("standard-2026-01")


def lasting(start: str, end: str, number: int = 1) -> dict[str, Any]:
    """C1 from a day to a day, as a case of its own."""
    intake = facts("C1") | {"reference": f"KEN/2026/9{number:03}", "source_reference": f"planned-{number}"}
    intake["document"] |= {"start": start, "end": end, "title": f"Document {number}"}
    return intake


async def planned(desk: Desk, day: str) -> Decimal:
    async with desk.pool.acquire() as conn:
        return await ledger.planned_cash(conn, KE, PACK, date.fromisoformat(day))


def of(intake: dict[str, Any], first: int, last: int) -> Decimal:
    """Office cash of some of its periods."""
    document = Document.model_validate(intake["document"])
    assert document.start is not None
    assert document.end is not None
    periods = cash.plan(document, len(cash.periods(document.start, document.end)))
    return sum((amount for lines in periods[first - 1 : last] for amount in lines.values()), Decimal(0))


async def test_only_the_periods_that_begin_in_the_year_count(desk: Desk) -> None:
    intake = lasting("2026-04-01", "2027-03-31")
    case = await desk.case(await desk.taken(intake))
    whole = of(intake, 1, 4) / case["rate"]
    this, next_ = of(intake, 1, 2) / case["rate"], of(intake, 3, 4) / case["rate"]
    assert round(whole, 2) == case["office_cash_usd"]
    assert 0 < this < whole
    assert await planned(desk, "2026-03-01") == max(this, next_)


async def test_two_documents_of_one_year_count_together_and_one_of_another_year_apart(desk: Desk) -> None:
    first, later = lasting("2026-04-01", "2026-09-30"), lasting("2026-10-01", "2027-03-31", 2)
    case = await desk.case(await desk.taken(first))
    alone = of(first, 1, 2) / case["rate"]
    assert await planned(desk, "2026-03-01") == alone
    await desk.taken(later)
    assert await planned(desk, "2026-03-01") == alone, "the same amount, a year later"
    await desk.taken(lasting("2026-05-01", "2026-09-30", 3))
    assert await planned(desk, "2026-03-01") == 2 * alone


async def test_a_year_that_is_over_counts_no_more_and_neither_does_a_case_that_is(desk: Desk) -> None:
    intake = lasting("2026-04-01", "2027-03-31")
    subject = await desk.taken(intake)
    case = await desk.case(subject)
    assert await planned(desk, "2026-10-01") == of(intake, 3, 4) / case["rate"]
    await desk.pool.execute("UPDATE \"case\" SET status = 'withdrawn' WHERE subject = $1", subject)
    assert await planned(desk, "2026-03-01") == 0


async def test_a_document_without_dates_counts_whole(desk: Desk) -> None:
    subject = await desk.taken(facts("C1"))
    case = await desk.case(subject)
    taken = await desk.pool.fetchval("SELECT facts FROM submission WHERE reference = $1", case["reference"])
    taken["document"] |= {"start": None, "end": None}
    await desk.pool.execute("UPDATE submission SET facts = $2, facts_sha256 = 'undated' WHERE reference = $1", case["reference"], taken)
    assert await planned(desk, "2026-03-01") == case["office_cash_usd"]
