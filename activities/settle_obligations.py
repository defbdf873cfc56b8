"""What is owed until a day, and what follows by itself: obligations, their consequences as blocks, and conditions.

An obligation is created once per id, whoever asks first. A consequence is a block whose cause is the obligation's id; meeting,
extending or writing off lifts the blocks of that cause and no other. Nothing here decides that a day has passed: the workflow's timer
says so, and the rows are asked whether it is still true.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any

from activities.settling import Draft, Row, Settling, judges, settles
from activities.view import view_of
from db.sql import queries
from policy import obligations
from policy.pack import Pack
from schemas.engine import CaseView, Cause, Clock, StageInput, Start
from schemas.names import (
    block_id,
    kind_of,
    obligation_id,
    office_and_partner,
    owner_of,
    partner_obligations_workflow,
    stage_workflow,
)

SQL = queries("obligations")

NO_ANCHORS: Mapping[str, date] = MappingProxyType({})
"""Nothing that a due date could count from has happened."""

RENEWS = frozenset({"sign", "provide", "verified", "positive", "rate", "reuse"})
"""Verdicts that leave an element with a new validity."""

BY_ACT_ONLY = frozenset(
    {
        "partner_verification",
        "registration_certificate",
        "core_values_assessment",
        "psea_assessment",
        "hact_assessment",
        "committee_ratification",
        "activation_end_decision",
        "partner_acceptance_record",
    }
)
"""Kinds that are met by a task of their own, never by evidence on the obligation."""

DECISION = "activation_end_decision"
"""The duty to decide what becomes of a case."""

SECOND_LEVEL = 1
"""Level of the second moment of a kind that has one (six months without a report, the final rating)."""
GRACE_LEVEL = 10
"""Level of the moment at which evidence that came in time, but is not checked, no longer holds the consequence up."""


# For the other settling modules ---------------------------------------------------------------------------------------------------


async def create(
    s: Settling,
    kind: str,
    subject: str,
    *,
    what: str = "",
    anchors: Mapping[str, date] = NO_ANCHORS,
    owner_role: str = "",
    reason: str = "",
    authority: str = "",
    cases: tuple[str, ...] = (),
    data: dict[str, Any] | None = None,
) -> str | None:
    """Create the obligation of that kind (and `what`) unless it was created before: its id, or None if it stands already.

    `anchors`: what its due date counts from, as far as it has happened (`policy.obligations.Anchors`); nothing: no due date yet.
    """
    identity = obligation_id(owner_of(subject), kind, what)
    created = {draft.data.get("obligation") for draft in s.appended if draft.type == "obligation.created"}
    if identity in created or await s.db.fetchrow(SQL["obligation_of"], identity) is not None:
        return None
    calendar, pack = await s.calendar(), await s.pack()
    due_on, then_on = obligations.due(kind, anchors, calendar, pack), obligations.second_due(kind, anchors, calendar, pack)
    more = dict(data or {})
    if then_on is not None:
        more["then_at"] = calendar.end_of_business(then_on).isoformat()
    s.append(
        "obligation.created",
        {
            "obligation": identity,
            "kind": kind,
            "what": what,
            "due_at": calendar.end_of_business(due_on).isoformat() if due_on else None,
            "owner_role": owner_role,
            "reason": reason,
            "authority": authority,
            "cases": list(cases) or ([subject] if kind_of(subject) == "case" else []),
            "data": more,
        },
        subject,
    )
    return identity


async def met(s: Settling, kind: str, subject: str, *, what: str = "", by: str) -> None:
    """Every open obligation of that kind (and `what`) is met by an act of its own, named in `by`; none: nothing happens."""
    for row in await s.db.fetch(SQL["obligations_of_kind"], subject, kind):
        if not what or row["id"] == obligation_id(owner_of(subject), kind, what):
            s.append("obligation.met", {"obligation": row["id"], "by": by}, subject)


async def begin(s: Settling, subject: str) -> None:
    """The obligations of this case or partner have something to do: start or nudge their workflow."""
    if kind_of(subject) == "case":
        case = await s.case(subject)
        workflow, view = stage_workflow(case["workflow"], "obligations"), await view_of(s.db, subject)
        nudged = case["workflow"]
    else:
        workflow, view = partner_obligations_workflow(*office_and_partner(subject)), CaseView(track=s.batch.track, clock=await clock_of(s))
        nudged = ""
    cause = Cause(task=s.decision.task, actor=s.decision.actor) if s.decision else s.batch.cause
    start = Start(
        workflow="Obligations",
        id=workflow,
        input=StageInput(subject=subject, stage="obligations", view=view, case=nudged, cause=cause),
        summary=f"Obligations of {owner_of(subject)}",
    )
    if all(other.id != start.id for other in s.starts):
        s.start(start)


async def clock_of(s: Settling) -> Clock:
    """The clock of this write, with its offset as it stands."""
    if not s.batch.clock:
        return Clock()
    offset = await s.db.fetchval(SQL["clock_offset"], s.batch.clock)
    return Clock(name=s.batch.clock, offset=offset or timedelta(0))


def following(kind: str, level: int, pack: Pack) -> tuple[str, ...]:
    """The consequences of a step: the second moment of a kind that has one, or (every other level) the due moment."""
    second = level == SECOND_LEVEL and kind in obligations.SECOND
    return obligations.consequences(kind, pack, obligations.SECOND[kind][0] if second else "overdue")


# Obligations ----------------------------------------------------------------------------------------------------------------------


@settles("obligation.created", locks=("partner",))
async def created(s: Settling, event: Draft) -> None:
    """Owner, verifier and consequences come from the catalogue; the workflow that watches over it is started."""
    rule = (await s.pack()).obligation(event.data["kind"])
    event.data["owner_role"] = event.data.get("owner_role") or rule.owners[0]
    event.data["verifier_role"] = rule.verifier
    event.data["consequences"] = list(rule.consequences)
    await begin(s, event.subject)


@judges("meet_obligation", "check_obligation_evidence", "decide_obligation")
async def still_open(s: Settling) -> None:
    """The obligation of the task is there and not settled by something else."""
    row = await _row(s)
    if row is None:
        s.refuse("obligation_unknown", f"The record has no obligation {_of_task(s)}.", path="$.task")
    elif row["state"] in ("met", "written_off"):
        s.refuse(
            "obligation_closed",
            f"{row['id']} is {row['state'].replace('_', ' ')} already.",
            path="$.task",
            next_step="Nothing is left to do.",
        )


@judges("decide_obligation")
async def within_limits(s: Settling) -> None:
    """An extension ends at most 30 days after the due day; a second one, and a write-off, are the regional director's."""
    row, decision = await _row(s), s.decision
    if row is None or decision is None or decision.verdict == "refuse":
        return
    extended = await s.db.fetchval(SQL["extensions_of"], row["subject"], row["id"])
    if decision.verdict == "write_off" and decision.role != "regional_director":
        s.refuse(
            "above_authority",
            "A write-off is decided by the regional director.",
            path="$.role",
            source="casebook 1, task 46",
            next_step="The regional director decides.",
        )
    if decision.verdict == "extend":
        until, today = date.fromisoformat(s.data["until"]), await s.today()
        due = (await s.calendar()).local_date(row["due_at"]) if row["due_at"] else today
        s.add(*obligations.check_extension(until, due, extended, decision.role, await s.pack()))
        if until < today:
            s.refuse(
                "date_passed", f"{until} has passed.", path="$.data.until", source="casebook 1, task 46", next_step="Name a later day."
            )


@judges("meet_obligation")
async def met_by_an_act(s: Settling) -> None:
    """What is owed as an act of its own (an assessment, a ratification) is met by that act and by no paper."""
    row = await _row(s)
    if row is None or s.decision is None or s.decision.verdict != "submit_evidence" or row["kind"] not in BY_ACT_ONLY:
        return
    acts = ", ".join((await s.pack()).obligation(row["kind"]).met_by)
    s.refuse(
        "met_by_an_act",
        f"{row['kind']} is not met by a document.",
        path="$.verdict",
        source="casebook 3",
        next_step=f"It is met by {acts}.",
    )


@settles("obligation.evidence_submitted")
async def evidence_submitted(s: Settling, event: Draft) -> None:
    """Documents by their hashes."""
    event.data["documents"] = [document["sha256"] for document in s.data.get("documents", [])]


@settles("obligation.met", "obligation.written_off", locks=("partner",))
async def lifted(s: Settling, event: Draft) -> None:
    """Its consequences end, and only its own."""
    event.data.setdefault("by", s.actor)
    await _lift(s, event.data["obligation"])
    row = await s.db.fetchrow(SQL["obligation_of"], event.data["obligation"])
    if row is not None and row["kind"] == "document_completion":  # nothing is left to decide about it
        await met(s, DECISION, row["subject"], what=row["kind"], by=event.type)
    if s.batch.stage != "obligations":
        await begin(s, event.subject)  # who watches over it closes its task


@settles("vetting.element_recorded")
async def assessed(s: Settling, event: Draft) -> None:
    """An assessment that was owed has come: what the pack says it meets is met, and the renewal of that element."""
    decision, task = s.decision, s.task_row
    if decision is None or task is None:
        return
    pack, renewal = await s.pack(), obligation_id(owner_of(event.subject), "assessment_renewal", event.data["element"])
    for row in await s.db.fetch(SQL["obligations_open"], event.subject):
        renewed = row["id"].startswith(f"{renewal}:") and decision.verdict in RENEWS
        if renewed or obligations.met_by(row["kind"], task["kind"], decision.verdict, pack):
            s.append("obligation.met", {"obligation": row["id"], "by": f"{task['kind']}:{decision.verdict}"}, event.subject)


@settles("obligation.extended", locks=("partner",))
async def extended(s: Settling, event: Draft) -> None:
    """An accepted extension lifts the consequences until its date."""
    until = date.fromisoformat(s.data.get("until") or event.data["until"])
    event.data |= {"until": until.isoformat(), "due_at": (await s.calendar()).end_of_business(until).isoformat(), "by": s.actor}
    await _lift(s, event.data["obligation"])
    if s.batch.stage != "obligations":
        await begin(s, event.subject)  # who watches over it learns of the new day


@settles("obligation.overdue", locks=("partner",))
async def overdue(s: Settling, event: Draft) -> None:
    """The due moment passed while it was open: what follows at this step fires by itself, as blocks on the subject that owes.

    `level` says which step, see `following`. Evidence that came in time keeps the consequence waiting while it is checked.
    """
    identity, level = event.data["obligation"], int(event.data.get("level") or 0)
    row = await s.db.fetchrow(SQL["obligation_of"], identity)
    if row is None or row["state"] in ("met", "written_off"):
        s.refuse("obligation_closed", f"{identity} is not open.", source="casebook 3")
        return
    if level == 0 and row["due_at"] is not None and s.at < row["due_at"]:
        s.refuse("not_due", f"{identity} is due at {row['due_at'].isoformat()}.", source="casebook 3", next_step="It comes by itself.")
        return
    calendar = await s.calendar()
    converts = level == SECOND_LEVEL and row["kind"] == "document_completion" and row["due_at"] is not None
    if converts and s.at < (at := calendar.end_of_business(obligations.decided_on(calendar.local_date(row["due_at"]), await s.pack()))):
        s.refuse("not_due", f"It is decided from {at.isoformat()} on.", source="casebook 3", next_step="It comes by itself.")
        return
    event.data |= {
        "kind": row["kind"],
        "days": calendar.working_days(calendar.local_date(row["due_at"]), await s.today()) if row["due_at"] else 0,
    }
    if row["state"] == "evidence_in" and level < GRACE_LEVEL:
        s.warn("evidence_in", "Evidence came in time and is being checked: the consequence waits.", source="casebook 1, task 45")
        return
    for consequence in following(row["kind"], level, await s.pack()):
        scope = obligations.BLOCKS.get(consequence)
        block = (
            {"id": block_id(row["subject"], identity, scope), "scope": scope, "cause": identity, "reason_code": None, "until": None}
            if scope
            else None
        )
        s.append(
            "obligation.consequence_applied",
            {"obligation": identity, "consequence": consequence, "cases": list(row["cases"]), "blocks": [block] if block else []},
            row["subject"],
        )
        if consequence == obligations.CONVERT_OR_END:
            anchors = {"activation_end": await s.today()}
            await create(s, DECISION, row["subject"], what=row["kind"], anchors=anchors, reason="not_completed", cases=tuple(row["cases"]))
    await _hint(s, row)


async def _lift(s: Settling, identity: str) -> None:
    row = await s.db.fetchrow(SQL["obligation_of"], identity)
    blocks = await s.db.fetch(SQL["blocks_caused_by"], identity)
    if row is None or not blocks:
        return
    s.append(
        "obligation.consequence_lifted",
        {"obligation": identity, "cases": list(row["cases"]), "lifts": [block["id"] for block in blocks]},
        row["subject"],
    )
    await _hint(s, row)


async def _hint(s: Settling, row: Row) -> None:
    """The cases that this obligation stops, or stops no longer, look again."""
    if kind_of(row["subject"]) == "case":
        await s.hint_case(row["subject"])
        return
    for case in await s.db.fetch(SQL["partner_cases"], row["subject"]):
        s.hint(case["workflow"])


def _of_task(s: Settling) -> str:
    """The obligation or condition that the decided task is about; what follows a blank tells tasks about it apart."""
    return str(s.task_row["whom"]).split(" ")[0] if s.task_row is not None else ""


async def _row(s: Settling) -> Row | None:
    return await s.db.fetchrow(SQL["obligation_of"], _of_task(s))


# Conditions -----------------------------------------------------------------------------------------------------------------------


@settles("condition.set")
async def condition_set(s: Settling, event: Draft) -> None:
    """Somebody must see to it: the case's obligations. A condition with a date of its own is an obligation too."""
    if event.data["gate"] == "by_date":
        stage = "approval" if s.batch.stage == "approval" else "review"
        due = event.data.get("due")
        await create(
            s,
            f"{stage}_condition",
            event.subject,
            what=event.data["condition"],
            anchors={"given": date.fromisoformat(str(due))} if due else NO_ANCHORS,
            owner_role=event.data["owner_role"],
            reason="condition",
            authority=event.data.get("set_by", ""),
        )
    await begin(s, event.subject)


@judges("meet_condition")
async def condition_judged(s: Settling) -> None:
    """Its owner says that it is met, or who set it; only who set it waives it."""
    row, decision = await s.db.fetchrow(SQL["condition_of"], _of_task(s)), s.decision
    assert decision is not None  # a task is judged with its decision
    if row is None:
        s.refuse("condition_unknown", f"The record has no condition {_of_task(s)}.", path="$.task")
        return
    if row["state"] != "open":
        s.refuse("condition_closed", f"{row['id']} is {row['state']} already.", path="$.task")
    setter = row["set_by"] in {decision.actor, decision.on_behalf_of}
    if decision.verdict == "waive" and not setter:
        s.refuse(
            "setter_only", "Only who set a condition waives it.", path="$.actor", source="casebook 1, task 27", next_step="Ask who set it."
        )
    if decision.verdict == "met" and not setter and decision.role != row["owner_role"]:
        s.refuse(
            "wrong_role", f"The condition is the {row['owner_role']}'s, or of who set it.", path="$.role", source="casebook 1, task 27"
        )


@settles("condition.met", "condition.waived")
async def condition_closed(s: Settling, event: Draft) -> None:
    """The gate opens a little: the case looks again."""
    event.data["evidence"] = [document["sha256"] for document in s.data.get("evidence", [])]
    for kind in ("review_condition", "approval_condition"):
        await met(s, kind, event.subject, what=event.data["condition"], by=event.type)
    await s.hint_case(event.subject)
