"""Settling what an emergency activation means for its cases: its end, and the change of a case's track, both ways.

A case changes track by its own people's word (`declare_emergency`, `return_to_standard`) or by a revocation; stages not started then run by
the new rules, and what was promised under the old ones stays promised. No due date ever moves later by a change of track.
"""

from datetime import date
from typing import Any

from activities import activation
from activities.settle_obligations import create, met
from activities.settling import Draft, Settling, judges, settles
from db.sql import queries
from policy import document as documents
from policy import eligibility
from schemas.findings import Finding
from schemas.names import office_and_partner, vetting_workflow
from schemas.tasks import CATALOGUE

SQL = queries("activation")
OBLIGATIONS = queries("obligations")

STAGES = ("vetting", "document", "review", "approval", "cash")
STARTED = {"received": 0, "vetting": 1, "drafting": 2, "in_review": 3, "in_approval": 4}
"""How many stages of the standard order have started in a status."""

# The end of an activation ---------------------------------------------------------------------------------------------------------


@settles("activation.expired")
async def expired(s: Settling, event: Draft) -> None:
    """Only when its last day, as renewed, is over."""
    row = await s.db.fetchrow(SQL["activation_locked"], event.subject)
    if row is None or row["state"] != "declared":
        s.refuse("activation_ended", f"{event.subject} is not in force.", source=activation.SOURCE)
        return
    calendar = await activation.calendar_of(s.db, row["offices"], s.at.date())
    if s.at < activation.ends_at(row, calendar):
        s.refuse("activation_in_force", f"It runs to {row['valid_to']}.", source=activation.SOURCE, next_step="Its end comes by itself.")
    event.data["to"] = row["valid_to"].isoformat()
    for case in await s.db.fetch(SQL["cases_under"], row["reference"]):
        s.hint(case["workflow"])  # all of them at once; the slice of the activation names only as many as fit


@settles("case.activation_ended")
async def activation_ended(s: Settling, event: Draft) -> None:
    """The head of office decides what becomes of the case, within the days of the pack; until then it finishes on the fast path."""
    row = await activation.of_case(s.db, event.subject)
    if row is None or row["state"] == "declared":
        s.refuse("activation_in_force", "The activation of this case has not ended.", source=activation.SOURCE)
        return
    calendar = await s.calendar()
    ended = ended_on(row, calendar.local_date(row["ended_at"]))
    event.data |= {"activation": row["reference"], "ended": ended.isoformat(), "state": row["state"]}
    rule = (await s.pack()).obligation("activation_end_decision").due
    s.dues["decide_at_activation_end"] = calendar.end_of_business(calendar.add_working_days(ended, rule["working_days"]))
    await create(s, "activation_end_decision", event.subject, what=row["reference"], anchors={"activation_end": ended}, reason=row["state"])


def ended_on(row: Any, local: date) -> date:
    """The last day of an activation: of one that expired its end date, of one that was revoked the day of that."""
    return local if row["state"] == "revoked" else row["valid_to"]


@settles("activation.end_decided")
async def end_decided(s: Settling, event: Draft) -> None:
    """The obligation to decide is met. Converting sets an earlier day for the completed document."""
    await met(s, "activation_end_decision", event.subject, by="decide_at_activation_end")
    if event.data["verdict"] != "convert" or not event.data.get("by"):
        return
    calendar = await s.calendar()
    by = date.fromisoformat(str(event.data["by"]))
    for row in await s.db.fetch(OBLIGATIONS["obligations_of_kind"], event.subject, "document_completion"):
        if row["due_at"] is None or by < calendar.local_date(row["due_at"]):
            due = calendar.end_of_business(by).isoformat()
            s.append("obligation.due_set", {"obligation": row["id"], "due_at": due}, event.subject)


# Change of track ------------------------------------------------------------------------------------------------------------------


@judges("message:declare_emergency", locks=("partner",))
async def may_declare(s: Settling) -> None:
    """Everything that the door would ask of an emergency case, asked now; and never by who submitted it."""
    case, said = await s.case(), s.message
    if said is None:
        return
    if case["track"] == "emergency":
        s.refuse("already_emergency", "The case is on the emergency track.", path="$.kind", source="stages 9")
        return
    if said.actor == case["submitter"]:
        s.refuse(
            "submitter_declares",
            "Who submitted a case does not declare it an emergency.",
            path="$.actor",
            source="stages 9",
            next_step="Another partnership manager, or the head of office.",
        )
    reference, document, pack = str(s.data.get("activation", "")), await s.document(), await s.pack("emergency")
    facts = await activation.facts(s.db, reference, hold=True)
    if facts is None:
        s.refuse("no_activation", f"There is no activation {reference}.", path="$.data.activation", source=activation.SOURCE)
    else:
        covered = eligibility.covers(
            facts, office=case["office"], day=await s.today(), sector=document.sector, areas=document.areas, submitter=case["submitter"]
        )
        s.add(*(finding.model_copy(update={"path": "$.data.activation"}) for finding in covered))
    which = documents.kind(
        humanitarian=case["humanitarian"], office_total_usd=case["office_total_usd"], start=document.start, end=document.end, pack=pack
    )
    s.add(*eligibility.fits_fast_path(which, humanitarian=case["humanitarian"], start=document.start, end=document.end, pack=pack))
    for row in await s.db.fetch(OBLIGATIONS["obligations_open"], case["partner_subject"]):
        if row["overdue"] and "block_new_emergency" in row["consequences"]:
            s.add(
                Finding(
                    rule="overdue_obligation",
                    message=f"The partner's obligation {row['kind']} is overdue.",
                    path=row["id"],
                    source="serial deferral is closed (stages 4)",
                    next_step="Meet the obligation first.",
                )
            )


@judges("message:return_to_standard", "confirm_emergency_track")
async def may_return(s: Settling) -> None:
    """Only until the case is before its approver: from there on what has started on the fast path is finished on it."""
    if s.decision is not None and s.decision.verdict != "to_standard":
        return
    case = await s.case()
    if case["track"] != "emergency":
        s.refuse("already_standard", "The case is on the standard track.", path="$.kind", source="stages 9")
    elif case["status"] not in activation.RETURNS_FROM:
        s.refuse(
            "stage_started",
            f"The case is {case['status'].replace('_', ' ')}: what has started on the fast path is finished on it.",
            path="$.kind",
            source="stages 9",
            next_step="Let it finish, or withdraw the case.",
        )


@settles("case.status_changed", locks=("partner",))
async def begins_after_a_revocation(s: Settling, event: Draft) -> None:
    """A case that was taken under an activation, and put on its track after the revocation: it returns with those that were found on it."""
    case = await s.case(event.subject)
    if event.data.get("trigger") != "track_set" or case["track"] != "emergency" or not case["activation"]:
        return
    facts = await activation.facts(s.db, case["activation"], hold=True)
    if facts is not None and facts.revoked_on is not None:
        s.append("case.track_changed", {"from": "emergency", "to": "standard"}, event.subject)


@settles("case.track_changed", locks=("partner",))
async def track_changed(s: Settling, event: Draft) -> None:
    """Which stages run by the new rules; on the way to the fast path, open tasks are due as if they had opened now, never later."""
    case = await s.case(event.subject)
    to = event.data["to"]
    if to not in case["packs"]:
        s.refuse("no_pack", f"The case pins no pack of the track {to}.", source="design 3")
        return
    event.data.pop("reason", None)  # the words stay in the content store
    event.data |= {
        "from": case["track"],
        "reason": "declared" if to == "emergency" else "returned",
        "activation": event.data.get("activation"),
        "stages_affected": list(STAGES[STARTED.get(case["status"], len(STAGES)) :]),
        "deferrals": [],
    }
    if to != "emergency":
        await met(s, "activation_end_decision", event.subject, by="case.track_changed")  # that it returned is the decision
        return
    if event.data["activation"] and (start := await activation.start_of(s.db, event.data["activation"])) is not None:
        s.start(start)
    pack, calendar = await s.pack(to, subject=event.subject), await s.calendar()
    for row in await s.db.fetch(OBLIGATIONS["open_tasks"], event.subject, case["partner_subject"]):
        if row["due_at"] is None or row["stage"] == "obligations" or row["kind"] not in CATALOGUE:
            continue
        days = pack.task(row["kind"]).days if row["kind"] in pack.tasks else None
        due = calendar.due(s.at, days) if days is not None else row["due_at"]
        if due < row["due_at"]:
            shifted = {"task": row["id"], "from": row["due_at"].isoformat(), "due_at": due.isoformat()}
            s.append("task.shifted", shifted, subject=row["subject"])
            if row["subject"] != event.subject:
                s.hint(vetting_workflow(*office_and_partner(row["subject"])))  # it keeps the moments of its open tasks in memory
