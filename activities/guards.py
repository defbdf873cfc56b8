"""Facts of the rows that guard a move of a case: what the transition table asks, answered under the write's locks.

Each guard of `policy.transitions` that rests on rows has one function here; who may say what (authority, segregation, required texts) is
judged where the decision is judged, before its events are settled. Reads only; nothing here may change a row, and nothing here decides:
the table does.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime
from typing import NamedTuple

import asyncpg

from activities.ledger import SATISFIES
from activities.settling import Draft, Settling
from db.sql import queries
from policy import screening, transitions
from policy.pack import Pack
from schemas.findings import Finding
from schemas.messages import Decision

SQL = queries("guards")

Fact = bool | list[Finding]
"""Whether a guard holds, or what stands against it (nothing: it holds)."""

Guard = Callable[[Settling, Draft], Awaitable[Fact]]


# Facts that other rules ask too --------------------------------------------------------------------------------------------------


class Standing(NamedTuple):
    """How the screening of a partner stands."""

    fresh: bool
    """Not older than the pack's days, and against the newest edition of every list in force."""
    open_hits: tuple[str, ...]
    true_matches: tuple[str, ...]

    @property
    def clear(self) -> bool:
        return self.fresh and not self.open_hits and not self.true_matches


async def screening_of(conn: asyncpg.Connection, partner_subject: str, at: datetime, pack: Pack) -> Standing:
    """The screening of `partner:<office>:<id>` at the moment `at`. Never waived, never deferred (IDP)."""
    last = await conn.fetchrow(SQL["last_screening"], partner_subject)
    hits = await conn.fetch(SQL["hits_of"], partner_subject)
    fresh = last is not None and screening.fresh(last["done_at"].date(), at.date(), None, pack)
    if last is not None and fresh:
        screened = {(item["name"], item["version"]) for item in last["lists"]}
        in_force = {(row["name"], row["version"]) for row in await conn.fetch(SQL["lists_in_force"], at.date())}
        fresh = bool(in_force) and in_force <= screened  # a screening against no list is none
    return Standing(
        fresh=fresh,
        open_hits=tuple(row["id"] for row in hits if row["state"] != "true_match"),
        true_matches=tuple(row["id"] for row in hits if row["state"] == "true_match"),
    )


def screening_findings(standing: Standing) -> list[Finding]:
    """What bars: a screening too old or against an older list, a hit nobody has disposed of, a true match."""
    found: list[Finding] = []
    if not standing.fresh:
        found.append(
            Finding(
                rule="screening_not_fresh",
                message="The sanctions screening is older than allowed, or a newer list exists.",
                severity="wait",
                source="IDP",
                next_step="It is run again by itself.",
            )
        )
    found += [
        Finding(
            rule="screening_hit_open",
            message="A screening hit has no final disposition.",
            severity="wait",
            path=hit,
            source="IDP",
            next_step="The risk officer disposes of the hit; from the pack's score on, a second person agrees.",
        )
        for hit in standing.open_hits
    ]
    found += [
        Finding(rule="screening_true_match", message="The partner is on a sanctions list.", path=hit, source="IDP")
        for hit in standing.true_matches
    ]
    return found


async def clearance_stands(conn: asyncpg.Connection, partner_subject: str, level: str, day: date) -> bool:
    """Whether the partner has a clearance of that level in force on `day`."""
    row = await conn.fetchrow(SQL["clearance_in_force"], partner_subject, level)
    return row is not None and row["state"] == "granted" and (row["valid_until"] is None or day <= row["valid_until"])


async def blocked(conn: asyncpg.Connection, subjects: list[str], *scopes: str) -> list[asyncpg.Record]:
    """The blocks in force on these subjects whose scope is `all` or one of `scopes`."""
    return [row for row in await conn.fetch(SQL["blocks_in_force"], subjects) if row["scope"] in ("all", *scopes)]


# Guards of the transition table ---------------------------------------------------------------------------------------------------

FACTS: dict[str, Guard] = {}


def guard(*names: str) -> Callable[[Guard], Guard]:
    """Register the fact that answers these guards of the table."""

    def register(fact: Guard) -> Guard:
        for name in names:
            FACTS[name] = fact
        return fact

    return register


async def facts_for(s: Settling, event: Draft, guards: tuple[str, ...]) -> Mapping[str, Fact]:
    """The fact of every guard named; a guard that nobody answers is unmet."""
    return {name: await FACTS[name](s, event) for name in guards if name in FACTS}


async def move_case(s: Settling, event: Draft) -> None:
    """Settle `case.status_changed` {to, trigger}: fill in `from`, or say everything that stands against it.

    Findings of severity `wait` leave out the event's optional group, or refuse where there is none (`Settling.add`).
    """
    case = await s.case(event.subject)
    status, trigger, to = case["status"], event.data["trigger"], event.data.get("to")
    rows = [row for row in transitions.possible(transitions.CASE, status) if row.trigger == trigger]
    facts = await facts_for(s, event, tuple({name: None for row in rows for name in row.guards}))
    move = transitions.move(transitions.CASE, status, trigger, facts, to)
    event.data |= {"from": status, "to": move.to or to}
    s.add(*move.findings)


@guard("standard_track")
async def _standard(s: Settling, event: Draft) -> Fact:
    return bool((await s.case(event.subject))["track"] == "standard")


@guard("emergency_track")
async def _emergency(s: Settling, event: Draft) -> Fact:
    return bool((await s.case(event.subject))["track"] == "emergency")


# Where the track was changed in vetting, the level is that of the new track.
@guard("clearance_full", "clearance_of_level")
async def _clearance_of_level(s: Settling, event: Draft) -> Fact:
    case, day = await s.case(event.subject), await s.today()
    level = (await s.pack(subject=event.subject))["vetting.level"]
    return any([await clearance_stands(s.db, case["partner_subject"], name, day) for name in SATISFIES[level]])


@guard("vetted_to_submit")
async def _vetted_to_submit(s: Settling, event: Draft) -> Fact:
    """Where vetting runs beside the document, only the screening must be clear by now; the clearance is asked before approval."""
    pack = await s.pack(subject=event.subject)
    return await (_screening if pack["parallel"] else _clearance_of_level)(s, event)


# What was said: the record has checked it against the catalogue (comment, message, reason code) before the events are settled.
@guard("comment", "justification", "message_to_partner")
async def _said(s: Settling, _event: Draft) -> Fact:
    return s.said is not None


@guard("reason")
async def _reason(s: Settling, event: Draft) -> Fact:
    """A coded reason of who decides; a case follows the reason its partner was refused for."""
    if s.said is not None:
        return True
    case = await s.case(event.subject)
    pack = await s.pack(subject=event.subject)
    row = await s.db.fetchrow(SQL["clearance_in_force"], case["partner_subject"], pack["vetting.level"])
    return row is not None and row["state"] == "refused"


@guard("true_match")
async def _true_match(s: Settling, event: Draft) -> Fact:
    case = await s.case(event.subject)
    return bool((await screening_of(s.db, case["partner_subject"], s.at, await s.pack(subject=event.subject))).true_matches)


@guard("quorum")
async def _quorum(s: Settling, event: Draft) -> Fact:
    pack, round_ = await s.pack(subject=event.subject), await _review_round(s, event.subject)
    review = await s.db.fetchrow(SQL["review_row"], event.subject, round_)
    if review is None:
        return False
    return bool(await s.db.fetchval(SQL["opinions_given"], event.subject, round_) >= pack["review.quorum"][review["kind"]])


async def _review_round(s: Settling, subject: str) -> int:
    """The last round that was submitted: the move to approval may come after the review, from the case itself."""
    return int(await s.db.fetchval(SQL["last_review_round"], subject) or s.batch.round)


async def _conditions(s: Settling, event: Draft, gate: str, *, of_earlier_rounds: bool = False) -> Fact:
    rows = await s.db.fetch(SQL["open_conditions"], event.subject, gate)
    if of_earlier_rounds:
        # what this very recommendation asks for cannot have been met yet: it holds up the approval, not the recommendation
        round_ = await _review_round(s, event.subject)
        rows = [row for row in rows if f":{round_}:" not in row["id"].removeprefix(event.subject.partition(":")[2])]
    return [
        Finding(
            rule=f"conditions_{gate}",
            message=f"A condition with gate {gate} is open; its owner is the {row['owner_role']}.",
            severity="wait",
            path=row["id"],
            source="stages 6",
            next_step="Its owner meets it, or who set it waives it.",
        )
        for row in rows
    ]


@guard("conditions_before_approval")
async def _before_approval(s: Settling, event: Draft) -> Fact:
    return await _conditions(s, event, "before_approval", of_earlier_rounds=event.data["trigger"] == "recommendation")


@guard("conditions_before_signature")
async def _before_signature(s: Settling, event: Draft) -> Fact:
    return await _conditions(s, event, "before_signature")


@guard("conditions_before_start")
async def _before_start(s: Settling, event: Draft) -> Fact:
    return await _conditions(s, event, "before_start")


# Authority and segregation are judged with the approval itself, listed officers and dates with each signature.
@guard("authority")
async def _judged(s: Settling, _event: Draft) -> Fact:
    return isinstance(s.said, Decision)


# Who signed, and on which day, was judged with each signature, before it was recorded; the last move may come later, by itself.
@guard("officers_listed", "no_future_date")
async def _signed(s: Settling, event: Draft) -> Fact:
    return bool(await s.db.fetchval(SQL["both_signed"], event.subject))


@guard("segregation")
async def _no_conflict(s: Settling, event: Draft) -> Fact:
    """Duties are judged with the decision; what bars everybody is a conflict of interest that nobody has resolved."""
    case = await s.case(event.subject)
    rows = await s.db.fetch(SQL["conflicts"], case["partner_subject"], f"conflict:{case['reference']}:")
    return [
        Finding(
            rule="conflict_of_interest",
            message="A conflict of interest is blocking."
            if row["result"] == "blocking"
            else "A declared conflict of interest is not resolved.",
            severity="refusal" if row["result"] == "blocking" else "wait",
            path=row["element"],
            source="casebook 1, task 11",
            next_step="The head of office resolves it; a conflict of his own, the regional director.",
        )
        for row in rows
        if row["result"] in ("open", "blocking")
    ]


@guard("screening_fresh")
async def _screening(s: Settling, event: Draft) -> Fact:
    case = await s.case(event.subject)
    return screening_findings(await screening_of(s.db, case["partner_subject"], s.at, await s.pack(subject=event.subject)))


@guard("umbrella_signed")
async def _umbrella_signed(s: Settling, event: Draft) -> Fact:
    case = await s.case(event.subject)
    row = await s.db.fetchrow(SQL["umbrella_row"], case["umbrella"])
    return row is not None and row["status"] == "signed"


@guard("umbrella_not_suspended")
async def _umbrella_not_suspended(s: Settling, event: Draft) -> Fact:
    case = await s.case(event.subject)
    row = await s.db.fetchrow(SQL["umbrella_row"], case["umbrella"])
    return row is None or row["status"] != "suspended"


@guard("vendor_confirmed")
async def _vendor_confirmed(s: Settling, event: Draft) -> Fact:
    case = await s.case(event.subject)
    row = await s.db.fetchrow(SQL["vendor_row"], case["partner_subject"])
    return row is not None and row["confirmed_at"] is not None


@guard("partner_not_blocked")
async def _partner_not_blocked(s: Settling, event: Draft) -> Fact:
    case = await s.case(event.subject)
    return [
        Finding(
            rule="partner_blocked",
            message=f"A block of scope {row['scope']} stands: {row['cause']}.",
            severity="wait",
            path=row["id"],
            source="eTools validation (ET)",
            next_step="What caused it must be settled.",
        )
        for row in await blocked(s.db, [event.subject, case["umbrella"], case["partner_subject"]], "signature")
    ]


@guard("start_reached")
async def _start_reached(s: Settling, event: Draft) -> Fact:
    """The start day has begun where the office is."""
    case = await s.case(event.subject)
    if case["start_on"] is None:
        return False
    begins = (await s.calendar()).moment(case["start_on"])
    if s.at >= begins:
        return True
    s.facts["next"] = begins.isoformat()
    return [
        Finding(
            rule="start_reached",
            message=f"The start date {case['start_on']} is not reached.",
            severity="wait",
            source="transition table",
            next_step="Nothing to do: it comes by itself.",
        )
    ]


@guard("reservation")
async def _reservation(s: Settling, event: Draft) -> Fact:
    case = await s.case(event.subject)
    pack = await s.pack(subject=event.subject)
    if not pack["reservation.required"] or case["office_cash"] == 0:  # a supplies-only document needs none
        return True
    return bool(await s.db.fetchval(SQL["reserved"], event.subject) > 0)


@guard("not_contingency")
async def _not_contingency(s: Settling, event: Draft) -> Fact:
    return bool((await s.case(event.subject))["document_type"] != "contingency")


@guard("notice_over", "termination_document")
async def _notice(s: Settling, event: Draft) -> Fact:
    """The last notice has run out, and it named the document that terminates."""
    notice = await s.db.fetchrow(SQL["last_notice"], event.subject)
    if notice is None or not notice["document_sha256"]:
        return False
    return bool(date.fromisoformat(notice["effective_on"]) <= await s.today())


@guard("end_passed")
async def _end_passed(s: Settling, event: Draft) -> Fact:
    case = await s.case(event.subject)
    return case["end_on"] is not None and await s.today() > case["end_on"]
