"""What a stage needs to begin: a slice of record, pack and calendar, at most 4 KB, ids only; and the open tasks of a stage.

One function a stage, registered with `@begins`. A workflow never opens a pack or a calendar: due moments and kinds come from here and
stand in its history, so that no later edition can change a replay. Reads only, but for the entry of a workflow into its practice clock.
"""

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any, cast

import asyncpg

from activities import activation, deferrals, ledger, reviewers, versions
from activities.guards import SQL as GUARDS
from activities.ledger import SQL
from activities.record import task_of
from activities.settle_document import SQL as DOCUMENT
from activities.settle_document import deviations_to_clear
from activities.settle_vetting import candidates, next_whom, vendor_needed
from activities.view import CaseUnknown, view_of
from db import content
from db.sql import queries
from policy import document as documents
from policy import review as reviews
from policy import vetting as rules
from policy.calendar import Calendar
from policy.pack import Pack
from schemas.engine import BeginStage, CaseView, StageFacts, Task
from schemas.intake import Document
from schemas.names import kind_of, office_and_partner, office_partner_programme, reference_of

CASE = queries("case")
OWED = queries("owed")

LARGEST_SLICE = 4096
"""Bytes of JSON; what is larger would weigh on every replay."""

Begins = Callable[[asyncpg.Connection, BeginStage], Awaitable[dict[str, Any]]]
_begins: dict[str, Begins] = {}


class SliceTooLarge(Exception):
    """A stage asks for more than 4 KB of facts: leave texts and lists in the record."""


def begins(stage: str) -> Callable[[Begins], Begins]:
    """Register what the stage of that name begins with."""

    def register(slice_of: Begins) -> Begins:
        _begins[stage] = slice_of
        return slice_of

    return register


async def begin_stage(pool: asyncpg.Pool, begin: BeginStage) -> StageFacts:
    """The facts of the stage and the view of its case. Raises `CaseUnknown`, `KeyError` for a stage that nobody registered."""
    async with pool.acquire() as acquired, acquired.transaction():
        conn = cast("asyncpg.Connection", acquired)
        if begin.clock and begin.workflow:
            await conn.execute(
                "INSERT INTO clock_member (clock, workflow) SELECT name, $2 FROM clock WHERE name = $1 ON CONFLICT DO NOTHING",
                begin.clock,
                begin.workflow,
            )
        facts = await _begins[begin.stage](conn, begin)
        view = await view_of(conn, begin.subject) if kind_of(begin.subject) == "case" else CaseView()
    answer = StageFacts(view=view, facts=facts)
    if (size := len(answer.model_dump_json().encode())) > LARGEST_SLICE:
        raise SliceTooLarge(f"{begin.stage} of {begin.subject}: {size} bytes")
    return answer


async def tasks_of(pool: asyncpg.Pool, begin: BeginStage) -> list[Task]:
    """The open tasks of the stage and round as the record has them, with the moments still to come."""
    async with pool.acquire() as acquired:
        conn = cast("asyncpg.Connection", acquired)
        rows = await conn.fetch(GUARDS["open_tasks_of_stage"], begin.subject, begin.stage, begin.round)
        if not rows:
            return []
        pack, calendar = await pack_and_calendar(conn, begin)
        if any(row["kind"] not in pack.tasks for row in rows):  # what only the standard track has figures for
            standard = await _standard_pack(conn, begin)
            return [task_of(row, pack if row["kind"] in pack.tasks else standard, calendar) for row in rows]
        return [task_of(row, pack, calendar) for row in rows]


async def _standard_pack(conn: asyncpg.Connection, begin: BeginStage) -> Pack:
    if kind_of(begin.subject) != "case":
        return await versions.pack_in_force(conn, "standard", begin.at.date())
    return await versions.pack_by_hash(conn, (await case_row(conn, begin.subject))["packs"]["standard"]["sha256"])


async def case_row(conn: asyncpg.Connection, subject: str) -> asyncpg.Record:
    """The row of a case. Raises `CaseUnknown`."""
    row = await conn.fetchrow(CASE["case_row"], subject)
    if row is None:
        raise CaseUnknown(subject)
    return row


async def pack_and_calendar(conn: asyncpg.Connection, begin: BeginStage) -> tuple[Pack, Calendar]:
    """The rules and working days of the subject: of a case as pinned, else those in force."""
    if kind_of(begin.subject) == "case":
        case = await case_row(conn, begin.subject)
        pack = await versions.pack_by_hash(conn, case["packs"][case["track"] or "standard"]["sha256"])
        office = await versions.office_by_hash(conn, case["packs"]["office"]["sha256"])
    else:
        code = office_partner_programme(begin.subject)[0] if kind_of(begin.subject) == "umbrella" else office_and_partner(begin.subject)[0]
        pack = await versions.pack_in_force(conn, "standard", begin.at.date())
        office = await versions.office_in_force(conn, code, begin.at.date())
    return pack, Calendar.of(office, pack)


async def document_of(conn: asyncpg.Connection, case: asyncpg.Record) -> Document:
    """The version that stands; before the first, the document as submitted."""
    return await content.document(conn, case["reference"], case["document_sha256"])


# The case itself ------------------------------------------------------------------------------------------------------------------


@begins("case")
async def case(conn: asyncpg.Connection, begin: BeginStage) -> dict[str, Any]:
    """Whose case it is, which track it asked for, and once signed when it ends."""
    row = await case_row(conn, begin.subject)
    intake = await content.intake(conn, reference_of(begin.subject))
    facts: dict[str, Any] = {
        "partner_subject": row["partner_subject"],
        "office": row["office"],
        "track": row["track"] or intake.track,
        "umbrella": row["umbrella"],
    }
    if await conn.fetchval(OWED["not_ratified"], begin.subject):
        facts["not_ratified"] = True
    if row["end_on"] is not None:
        _, calendar = await pack_and_calendar(conn, begin)
        facts["ends_at"] = calendar.moment(row["end_on"] + timedelta(days=1)).isoformat()  # the last day is included
    if row["instrument"] == "contingency_activation":
        facts["route"] = "activation"
    if row["document_type"] == "contingency" and row["status"] == "signed":
        programme = (await versions.office_by_hash(conn, row["packs"]["office"]["sha256"])).programme(row["programme"])
        _, calendar = await pack_and_calendar(conn, begin)
        if programme is not None:
            facts["expires_at"] = calendar.moment(
                programme.end + timedelta(days=1)
            ).isoformat()  # never activated: it ends with the programme
    rests_on = await activation.of_case(conn, begin.subject) if row["track"] == "emergency" else None
    if rests_on is not None and rests_on["state"] != "declared" and not await conn.fetchval(activation.SQL["told_ended"], begin.subject):
        facts["activation_ended"] = rests_on["reference"]
    if await conn.fetchval(OWED["convert_or_end"], begin.subject):
        facts["convert_or_end"] = "document_completion"
    return facts


# Vetting --------------------------------------------------------------------------------------------------------------------------


@begins("vetting")
async def vetting(conn: asyncpg.Connection, begin: BeginStage) -> dict[str, Any]:
    """Which levels are asked for and not concluded, what they still need, which hits wait for a second person.

    An element that came out negative is not asked for again by itself: the conclusion decides on the file, or new information
    opens it again.
    """
    subject = begin.subject
    clearances = {row["level"]: row for row in await conn.fetch(SQL["clearances"], subject)}
    pack, calendar = await pack_and_calendar(conn, begin)
    day = calendar.local_date(begin.at)
    asking = [
        row
        for row in await conn.fetch(SQL["waiting"], subject)
        if not _served(row["level"], clearances, day) and not ledger.refusal_stands(clearances.get(row["level"]), row["since"])
    ]
    levels = sorted({row["level"] for row in asking}, key=("emergency", "full").index)
    book = await ledger.read(conn, subject, pack)
    needed: list[dict[str, Any]] = []
    for need in dict.fromkeys(need for level in levels for need in book.needs(cast("rules.Level", level), day, pack)):
        row = book.rows.get(need.element)
        decided_now = row is not None and row["source"] != "intake" and row["recorded_at"] >= min(item["since"] for item in asking)
        if need.element not in rules.OF_THE_MOMENT and not (need.state == "negative" and decided_now):
            whom = await next_whom(conn, subject, need.task)
            needed.append({"element": need.element, "kind": need.task, "whom": whom, "candidates": candidates(need.task, book)})
    needed += [{"element": "red_flag", "kind": "weigh_partner_flag", "whom": flag, "candidates": []} for flag in book.flags]
    cleared = any(row["state"] == "granted" for row in clearances.values())
    if (cleared or "emergency" in levels) and await vendor_needed(conn, subject):
        whom = await next_whom(conn, subject, "set_up_vendor")
        needed.append({"element": "vendor", "kind": "set_up_vendor", "whom": whom, "candidates": []})
    hits = await conn.fetch(SQL["hits_by_state"], subject)
    depending = [row["subject"] for row in await conn.fetch(SQL["depending"], subject)] if hits or needed or book.flags else []
    vendor = await conn.fetchrow(GUARDS["vendor_row"], subject)
    fast = await versions.pack_in_force(conn, "emergency", begin.at.date())
    return {
        "levels": levels,
        "cleared": [level for level in ledger.SATISFIES if level not in levels],  # nobody asks for these now
        "deferrable": await deferrals.deferrable_tasks(conn, subject, fast) if "emergency" in levels else [],
        "needed": list({(item["kind"], item["whom"]): item for item in needed}.values()),
        "vendor": "none" if vendor is None else "confirmed" if vendor["confirmed_at"] is not None else "set_up",
        "unconcluded": bool(levels),
        "second_check": [row["id"] for row in hits if row["state"] == "second_check"],
        "cases": list(dict.fromkeys([*(row["case"] for row in asking), *depending]))[:20],
    }


def _served(level: str, clearances: dict[str, asyncpg.Record], day: date) -> bool:
    return any(
        row is not None and row["state"] == "granted" and (row["valid_until"] is None or day <= row["valid_until"])
        for row in (clearances.get(name) for name in ledger.SATISFIES[level])
    )


# Document and review ----------------------------------------------------------------------------------------------------------------


@begins("document")
async def document(conn: asyncpg.Connection, begin: BeginStage) -> dict[str, Any]:
    """Annexes still to be attached and clauses still to be cleared, by their ids."""
    row = await case_row(conn, begin.subject)
    current = await document_of(conn, row)
    attached = {item["annex"] for item in await conn.fetch(DOCUMENT["annexes"], begin.subject)} | {annex.annex for annex in current.annexes}
    settled = {item["clause"]: item["verdict"] for item in await conn.fetch(DOCUMENT["deviations"], begin.subject)}
    return {
        "annexes": [annex for annex in documents.annexes(current) if annex not in attached],
        "deviations": deviations_to_clear(current, settled),
        "version": row["document_version"],
        "first": row["document_version"] == 0,
    }


@begins("review")
async def review(conn: asyncpg.Connection, begin: BeginStage) -> dict[str, Any]:
    """The kind of review and how many opinions make its quorum; of a review by one person, whom the roster names for it."""
    case = await case_row(conn, begin.subject)
    pack, calendar = await pack_and_calendar(conn, begin)
    kind = (await reviewers.kind(conn, case, begin.round, pack)).kind
    facts: dict[str, Any] = {"kind": kind, "quorum": reviews.quorum(kind, pack), "functions": list(pack["review.functions"][kind])}
    if kind == "single":
        member = await reviewers.seated(conn, begin.subject, begin.round) or await reviewers.from_roster(
            conn, case, begin.round, calendar.local_date(begin.at)
        )
        if member is not None:
            facts |= {"reviewer": member.person, "member": member.model_dump(include={"person", "function", "section"})}
    return facts
