"""Settling what is said to the case itself, and every move of its status.

The status moves by `policy.transitions` alone; overlays (hold, suspension, notice) stand beside it as columns and blocks, so that lifting
one restores nothing. Texts stay in the content store: events carry their hashes.
"""

import json
from datetime import date, datetime, timedelta
from typing import Any

from activities.guards import SQL, move_case
from activities.screen import vetting_start
from activities.settling import Draft, Settling, judges, settles
from activities.view import ENDS
from db.content import canonical, sha256
from db.sql import queries
from policy import transitions
from policy.transitions import BEFORE_LAST_SIGNATURE
from schemas.messages import CONFIDENTIAL, ContentRef
from schemas.names import block_id, kind_of, stage_workflow

CASE = queries("case")
SUSPENSION = "suspension"
NOTICE = "notice"
LONGEST_YEARS = 30
"""Years from today beyond which a date is taken for a slip."""

# The status -----------------------------------------------------------------------------------------------------------------------


@settles("case.status_changed", locks=("umbrella", "partner"))
async def status_changed(s: Settling, event: Draft) -> None:
    """By the closed table; an end before the last signature lets go of the PCA that the case carried."""
    case = await s.case(event.subject)
    await move_case(s, event)
    if event.data["to"] not in ENDS or case["status"] not in BEFORE_LAST_SIGNATURE:
        return
    if await s.db.fetchval(CASE["waits"], case["partner_subject"], event.subject):
        s.append("waiting.left", {"case": event.subject}, subject=case["partner_subject"])
    umbrella = await s.db.fetchrow(SQL["umbrella_row"], case["umbrella"])
    if umbrella is None or umbrella["status"] != "draft" or umbrella["carrier"] != event.subject:
        return
    heir = await s.db.fetchrow(SQL["next_carrier"], case["umbrella"], event.subject)
    if heir is None:
        s.append("umbrella.cancelled", {"carrier": event.subject}, subject=case["umbrella"])
    else:
        s.append("umbrella.carrier_changed", {"from": event.subject, "to": heir["subject"]}, subject=case["umbrella"])
        s.hint(heir["workflow"])
        if heir["status"] in ("in_approval", "in_signature"):
            s.hint(stage_workflow(heir["workflow"], "approval"))  # it approves and signs the PCA too


@settles("case.track_set")
async def track_set(s: Settling, event: Draft) -> None:
    """Which procedure the case takes, and under which activation; the pack of that track must be pinned."""
    intake = await s.intake(event.subject)
    event.data.setdefault("track", intake.track)
    event.data |= {"activation": intake.activation, "reason": event.data.get("reason", "asked for at intake")}
    case = await s.case(event.subject)
    if event.data["track"] not in case["packs"]:
        s.refuse("no_pack", f"The case pins no pack of the track {event.data['track']}.", source="design 3")


@settles("case.rejected")
async def rejected(s: Settling, event: Draft) -> None:
    """Who rejected, why (coded), and the hash of what the partner reads; after a refusal in vetting they are those of the vetting."""
    event.data.setdefault("stage", s.batch.stage)
    if s.said is not None:
        event.data |= {"reason_code": s.said.reason_code, "message_sha256": _hash(s.said.message_to_partner), "by": s.actor}
        return
    case = await s.case(event.subject)
    refused = await s.db.fetchrow(CASE["last_refusal"], case["partner_subject"])
    if refused is not None:
        event.data |= {"reason_code": refused["reason_code"], "message_sha256": refused["message_sha256"]}
    event.data.setdefault("reason_code", "other")


@settles("case.withdrawn", "case.cancelled")
async def left(s: Settling, event: Draft) -> None:
    """By which side, and where the reason is kept."""
    side = "partner" if s.said is not None and s.said.role.startswith("partner_") else "office"
    for name in ("reason", "justification"):
        event.data.pop(name, None)  # the text stays in the content store
    text = "reason_sha256" if event.type == "case.withdrawn" else "justification_sha256"
    event.data |= {"by": event.data.get("by", side), text: _said_sha256(s)}
    if (
        event.type == "case.withdrawn"
        and side == "office"
        and s.message is not None
        and s.message.role == "focal_point"
        and not s.data.get("note")
    ):
        s.refuse(
            "note_required",
            "The office withdraws with a note of the head of office.",
            path="$.data.note",
            source="casebook 1, messages",
            next_step="Upload the note and name it, or let the head of office decide.",
        )


# Activation and end ---------------------------------------------------------------------------------------------------------------


@settles("case.activated")
async def activated(s: Settling, event: Draft) -> None:
    """Start and first period, as signed."""
    case = await s.case(event.subject)
    first = await s.db.fetchrow(CASE["first_period"], event.subject)
    event.data |= {
        "start": _iso(case["start_on"]),
        "first_period": {"start": _iso(first["start_on"]), "end": _iso(first["end_on"])} if first else None,
    }


@settles("case.ended")
async def ended(s: Settling, event: Draft) -> None:
    case = await s.case(event.subject)
    event.data |= {"end": _iso(case["end_on"])}


# Hold -----------------------------------------------------------------------------------------------------------------------------


@judges("message:hold")
async def may_hold(s: Settling) -> None:
    """Before the last signature only, once at a time, with an end not further away than the pack allows."""
    case = await s.case()
    _overlay(
        s,
        case["status"],
        "hold",
        {"reason": bool(s.data.get("reason")), "until": bool(s.data.get("until")), "not_on_hold": not case["held"]},
    )
    await _hold_in_limits(s)


@judges("review_hold")
async def may_extend(s: Settling) -> None:
    """An extension is a hold again: the same limit, counted from the day it is given."""
    if s.decision is not None and s.decision.verdict == "extend_hold":
        await _hold_in_limits(s)


@judges("message:resume")
async def may_resume(s: Settling) -> None:
    case = await s.case()
    _overlay(s, case["status"], "resume", {"on_hold": case["held"]})


@settles("case.held")
async def held(s: Settling, event: Draft) -> None:
    """Until the end of business of the day named; its review opens some working days before."""
    until = _day(event.data.get("until") or s.data["until"])
    calendar, pack = await s.calendar(), await s.pack(subject=event.subject)
    ends = calendar.end_of_business(until)
    review = calendar.moment(calendar.add_working_days(until, -int(pack["hold.review_before_days"])), calendar.open)
    event.data |= {"until": ends.isoformat(), "reason_sha256": _said_sha256(s)}
    event.data.pop("reason", None)  # the text stays in the content store
    s.facts |= {"hold_until": ends.isoformat(), "review_hold": max(review, s.at).isoformat()}


@settles("case.resumed")
async def resumed(s: Settling, event: Draft) -> None:
    """The case's own tasks keep the working time that was left when the hold began; obligations and notices ran on."""
    since = await s.db.fetchval(CASE["held_since"], event.subject)
    if since is None:
        return
    event.data["held_since"] = since.isoformat()
    calendar = await s.calendar()
    for row in await s.db.fetch(CASE["tasks_held"], event.subject):
        due = calendar.shifted(row["due_at"], since, s.at)
        if due != row["due_at"]:
            s.append(
                "task.shifted", {"task": row["id"], "from": row["due_at"].isoformat(), "due_at": due.isoformat()}, subject=event.subject
            )


# Suspension -----------------------------------------------------------------------------------------------------------------------


@judges("message:suspend")
async def may_suspend(s: Settling) -> None:
    if kind_of(s.batch.subject) != "case":
        return  # a PCA has a table of its own
    case = await s.case()
    _overlay(
        s,
        case["status"],
        "suspend",
        {"reason": s.message is not None and s.message.reason_code is not None, "scope": bool(s.data.get("scope"))},
    )


@judges("message:request_lift")
async def may_ask_to_lift(s: Settling) -> None:
    """There must be a suspension, and the one named must stand."""
    standing = await _suspensions(s)
    wanted = s.data.get("block")
    if not standing or (wanted and wanted not in standing):
        s.refuse(
            "block_named",
            f"No suspension {wanted} stands." if wanted else "The case is not suspended.",
            path="$.data.block",
            source="transition table",
            next_step=f"Standing: {', '.join(standing)}." if standing else "",
        )


@settles("case.suspended")
async def suspended(s: Settling, event: Draft) -> None:
    """A block of its own for each suspension, so that lifting one leaves the others."""
    scope = event.data.setdefault("scope", s.data.get("scope", "all"))
    until = event.data.get("until") or s.data.get("until")
    last = await _in_reach(s, until, "$.data.until")
    ends = (await s.calendar()).end_of_business(last).isoformat() if last else None
    code = (s.said.reason_code if s.said is not None else event.data.get("reason_code")) or "other"
    what = s.said.key if s.said is not None else event.data.get("what", f"{s.batch.stage}-{s.at:%Y%m%dT%H%M%S}")
    block = block_id(event.subject, SUSPENSION, what)
    event.data |= {
        "reason_code": code,
        "automatic": s.said is None,
        "until": ends,
        "blocks": [{"id": block, "scope": scope, "cause": SUSPENSION, "reason_code": code, "until": ends}],
    }
    s.facts["block"] = block


@judges("decide_suspension")
async def advice(s: Settling) -> None:
    """Suspensions of the sanctions and safeguarding class are lifted only with the risk officer's written advice."""
    if s.decision is None or s.decision.verdict != "lift":
        return
    stops = await _named(s) or await _suspensions(s)
    codes = await s.db.fetch(CASE["codes_of"], stops)
    if not codes:
        s.refuse("block_named", "No suspension stands that could be lifted.", source="transition table")
    confidential = sorted({row["reason_code"] for row in codes} & CONFIDENTIAL)
    if confidential and not await s.db.fetchval(CASE["advised"], s.batch.subject, stops):
        s.refuse(
            "advice_required",
            f"A suspension for {', '.join(confidential)} is lifted only with the risk officer's written advice.",
            source="casebook 1, task 48",
            next_step="The risk officer writes a note on this task first.",
        )


@settles("case.suspension_lifted")
async def lifted(s: Settling, event: Draft) -> None:
    """Lifts the block named (by the event, its task or the message), or every suspension of the case where none is named."""
    if kind_of(event.subject) != "case":
        return  # of a partner: what put it up says what it lifts
    case = await s.case(event.subject)
    lifts = await _named(s, event.data.pop("block", None)) or await _suspensions(s)
    if not lifts:
        s.refuse("block_named", "No suspension stands that could be lifted.", source="transition table")
    event.data |= {"lifts": lifts, "restored_to": case["status"]}


async def _suspensions(s: Settling) -> list[str]:
    rows = await s.db.fetch(SQL["blocks_in_force"], [s.batch.subject])
    return [row["id"] for row in rows if row["id"].startswith(block_id(s.batch.subject, SUSPENSION))]


async def _named(s: Settling, block: str | None = None) -> list[str]:
    """The suspension that this verdict, task or message is about, where it names one that stands."""
    about = {block, s.data.get("block"), s.task_row["whom"] if s.task_row else None, *_task_blocks(s)} - {"", None}
    standing = await _suspensions(s)
    return [block for block in standing if block in about or block.removeprefix(block_id(s.batch.subject, SUSPENSION, "")) in about]


def _task_blocks(s: Settling) -> list[str]:
    found = s.task_row["data"].get("block") if s.task_row else None
    return [found] if isinstance(found, str) else list(found or ())


# Termination notice, concern, allegation, flag, people, facts ------------------------------------------------------------------------


@judges("message:propose_termination")
async def may_terminate(s: Settling) -> None:
    if (await s.case())["under_notice"]:
        s.refuse("under_notice", "Notice has been given already.", source="stages 9")


@settles("notice.sent")
async def notice(s: Settling, event: Draft) -> None:
    """From the notice on: no release, no new commitment. The ground decides how short the notice may be."""
    pack = await s.pack(subject=event.subject)
    for key, field in (
        ("ground", "ground"),
        ("days", "notice_days"),
        ("effective_on", "effective_on"),
        ("document_sha256", "document"),
        ("object", "object"),
    ):
        event.data[key] = s.data.get(field, event.data.get(key, event.data.pop(field, None)))
    ground, days = event.data["ground"] or "", int(event.data["days"] or 0)
    least = (
        0
        if ground in pack["termination.immediate"]
        else int(pack["termination.force_majeure_days"] if ground == "force_majeure" else pack["termination.notice_days"])
    )
    if days < least:
        s.refuse(
            "notice_too_short",
            f"The ground {ground} needs {least} calendar days of notice; {days} were given.",
            path="$.data.notice_days",
            source="GTC 13",
            next_step=f"Give {least} days.",
        )
    earliest = await s.today() + timedelta(days=days)
    if event.data.get("effective_on") and _day(event.data["effective_on"]) < earliest:
        s.refuse(
            "effective_too_early",
            f"With {days} days of notice the termination takes effect on {earliest} at the earliest.",
            path="$.data.effective_on",
            source="GTC 13",
        )
    event.data |= {
        "kind": event.data.get("kind", "termination"),
        "blocks": [
            {"id": block_id(event.subject, NOTICE, scope), "scope": scope, "cause": NOTICE, "reason_code": ground, "until": None}
            for scope in ("cash", "amendment")
        ],
    }
    effective = await _in_reach(s, event.data.get("effective_on"), "$.data.effective_on")
    if effective:
        s.facts["notice_over"] = (await s.calendar()).end_of_business(effective).isoformat()


@settles("concern.raised", "concern.answered", "notice.answered")
async def voice(s: Settling, event: Draft) -> None:
    """The text stays in the content store."""
    event.data["text_sha256"] = _said_sha256(s)


@settles("allegation.received")
async def allegation(s: Settling, event: Draft) -> None:
    """Sealed: nothing but the reference; what was said is read by risk officer and head of office only."""
    event.data["sealed_sha256"] = _said_sha256(s)


@settles("partner.flagged", locks=("partner",))
async def flagged(s: Settling, event: Draft) -> None:
    """The flag belongs to the partner; weighing it is a task of the partner's vetting."""
    subject = event.subject
    if not subject.startswith("partner:"):
        subject = event.subject = (await s.case())["partner_subject"]
    if s.message is not None:
        event.data |= {
            "flag": s.message.key,
            "type": s.data.get("type"),
            "category": s.data.get("category"),
            "comment_sha256": _hash(s.message.comment),
        }
    s.start(await vetting_start(s.db, subject, track=s.batch.track, clock=s.batch.clock))


@settles("conflict.declared", locks=("partner",))
async def conflict_declared(s: Settling, event: Draft) -> None:
    """A conflict of interest of this case: nobody approves while it is open."""
    case = await s.case(event.subject)
    event.data["text_sha256"] = _said_sha256(s)
    line = {"element": _conflict(case["reference"], event.data["conflict"]), "result": "open", "source": "own", "details": {}}
    s.append("vetting.element_recorded", line, subject=case["partner_subject"])


@settles("conflict.resolved", locks=("partner",))
async def conflict_resolved(s: Settling, event: Draft) -> None:
    case = await s.case(event.subject)
    line = {
        "element": _conflict(case["reference"], event.data["conflict"]),
        "result": event.data["verdict"],
        "source": "own",
        "details": {"measures_sha256": sha256(s.data["measures"])} if s.data.get("measures") else {},
    }
    s.append("vetting.element_recorded", line, subject=case["partner_subject"])


def _conflict(reference: str, key: str) -> str:
    return f"conflict:{reference}:{key}"


@judges("message:reassign_focal_point", "assign_focal_point")
async def may_be_focal_point(s: Settling) -> None:
    """A person of the office with that role, who is not the submitter's stand-in for anything else."""
    person = str(s.data.get("person", ""))
    found = (await s.office()).person(person)
    day = await s.today()
    if found is None or not any(role.role == "focal_point" and role.in_force(day) for role in found.roles):
        s.refuse(
            "not_a_focal_point",
            f"{person or 'Nobody'} has no role focal_point in this office today.",
            path="$.data.person",
            source="office file",
            next_step="Name one of the office's focal points.",
        )


@settles("case.focal_point_changed")
async def focal_point(s: Settling, event: Draft) -> None:
    case = await s.case(event.subject)
    event.data |= {
        "from": case["focal_point"],
        "to": event.data.get("to") or event.data.get("person") or s.data["person"],
        "interim": False,
    }
    event.data.pop("person", None)


@judges("message:correct_fact")
async def may_correct(s: Settling) -> None:
    if not str(s.data.get("path", "")).startswith("$."):
        s.refuse("no_such_fact", "The path must name a field of the intake, such as $.partner.registration.expires_on.", path="$.data.path")


@settles("case.fact_corrected", locks=("partner",))
async def corrected(s: Settling, event: Draft) -> None:
    """Which fact, and the hashes of the old and new value: facts may name people."""
    event.data.pop("fact", None)
    if event.data.get("verdict") == "refuse":
        event.data["reason_sha256"] = _said_sha256(s)
        return
    event.data["path"] = s.data.get("fact") or s.data.get("path")
    for name, value in (("old_sha256", s.data.get("old")), ("new_sha256", s.data.get("new", s.data.get("value")))):
        event.data[name] = sha256(json.dumps(value, sort_keys=True))  # any JSON at all, also what no amount may be
    event.data["reopens"] = list(s.data.get("reopens", ()))
    case = await s.case(event.subject)
    for element in event.data["reopens"]:
        s.append("vetting.element_expired", {"element": element, "cases": [case["subject"]]}, subject=case["partner_subject"])
    if event.data["reopens"]:
        s.start(await vetting_start(s.db, case["partner_subject"], track=s.batch.track, clock=s.batch.clock))


# What the rules above share ---------------------------------------------------------------------------------------------------------


def _overlay(s: Settling, status: str, trigger: str, facts: transitions.Facts) -> None:
    """A row of the table that leaves the status: every unmet guard at once."""
    s.add(*transitions.move(transitions.CASE, status, trigger, facts).findings)


async def _hold_in_limits(s: Settling) -> None:
    calendar, pack = await s.calendar(), await s.pack()
    today, last = await s.today(), _day(s.data["until"])
    if last <= today:
        s.refuse("hold_in_the_past", f"The hold would end on {last}.", path="$.data.until", next_step="Name a later day.")
    longest = int(pack["hold.longest_days"])
    # weeks first: nobody counts the working days of a hold until the year 9999
    if (last - today).days > 7 * longest or calendar.working_days(today, last) > longest:
        s.refuse(
            "hold_too_long",
            f"A hold lasts at most {longest} working days.",
            path="$.data.until",
            source=pack.source("hold.longest_days"),
            next_step=f"Name {calendar.add_working_days(today, longest)} or an earlier day.",
        )


async def _in_reach(s: Settling, value: str | None, path: str) -> date | None:
    """A day that a calendar can still be asked about; a slip of the keyboard (year 9999) is refused, never an overflow."""
    if not value:
        return None
    day = _day(value)
    if abs(day.year - (await s.today()).year) <= LONGEST_YEARS:
        return day
    s.refuse("date_out_of_reach", f"{day} is more than {LONGEST_YEARS} years away.", path=path, next_step="Correct the date.")
    return None


def _said_sha256(s: Settling) -> str | None:
    """Hash under which what was said is kept: its data where that was put before, else its comment or its own canonical text."""
    return _hash(s.said.data or s.said.message_to_partner or s.said.comment) if s.said else None


def _hash(part: ContentRef | str | dict[str, Any] | None) -> str | None:
    """The hash of a text or of data, put before or typed by hand."""
    if part is None:
        return None
    if isinstance(part, ContentRef):
        return part.sha256
    return sha256(part if isinstance(part, str) else canonical(part))


def _day(value: str | date) -> date:
    return value if isinstance(value, date) and not isinstance(value, datetime) else date.fromisoformat(str(value)[:10])


def _iso(value: date | None) -> str | None:
    return value.isoformat() if value else None
