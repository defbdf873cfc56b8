"""A case as its partner sees it: each part of the table in `policy/partner_view.py`, read from the record.

Nothing is passed through: every part names the fields that it takes. A part that the table does not name for the status is not built.
"""

import inspect
import json
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import asyncpg

from activities import browse, read
from api import views
from api.caller import Caller
from db import content
from policy import budget, partner_view
from policy import document as checks
from policy.partner_view import TABLE, confidential
from schemas.events import EVENTS
from schemas.intake import Document, Intake
from schemas.messages import CONFIDENTIAL
from schemas.tasks import MESSAGES, PARTNER_ROLES

SQL = views.SQL
Plain = dict[str, Any]

TOLD = (
    "case.status_changed", "document.sent", "document.unlocked", "review.submitted", "review.question_asked", "review.question_answered",
    "condition.set", "case.activated", "notice.sent", "case.held", "case.withdrawn", "case.suspended", "report.reviewed", "case.terminated",
    "obligation.created",
)  # fmt: skip
"""Events that the parts are read from."""
LIFTED_BY = "the head of office decides; you may ask to lift it"
HOLDERS = ("office", "partner", "external")
"""Whose days add up to the total; those on hold are shown apart."""
RETURNS = ("return", "request_change")
REFUND_DAYS, REPORT_DAYS = 90, 30
"""Calendar days after the end (PCA 11.1, 10.2(b))."""


@dataclass
class Side:
    """What the parts are built from; none of it is shown as it stands."""

    pool: asyncpg.Pool
    seen: views.Sight
    found: Plain
    taken: Intake
    document: Document
    rules: browse.Rules
    events: list[asyncpg.Record]
    texts: list[Plain]
    now: datetime
    rows: tuple[str, ...] = ()
    roles: frozenset[str] = field(default_factory=frozenset)

    def told(self, name: str) -> list[asyncpg.Record]:
        return [event for event in self.events if event["type"] == name]

    def last(self, name: str) -> Plain | None:
        """The data of the last event of a type."""
        events = self.told(name)
        return cast("Plain", events[-1]["data"]) if events else None

    def moved_to(self, status: str) -> datetime | None:
        """When the case last came into a status."""
        return next((e["at"] for e in reversed(self.told("case.status_changed")) if e["data"].get("to") == status), None)

    def day(self, moment: str | datetime | None) -> str | None:
        """The office's day of a moment."""
        if moment is None:
            return None
        return self.rules.calendar.local_date(datetime.fromisoformat(moment) if isinstance(moment, str) else moment).isoformat()

    def end_of(self, stage: str, began: datetime | None) -> str | None:
        """The day by which a stage of the track should have ended."""
        if began is None:
            return None
        calendar = self.rules.calendar
        return calendar.add_working_days(calendar.local_date(began), int(self.rules.pack["stage.days"][stage])).isoformat()

    @property
    def contact(self) -> str:
        person = self.rules.office.person(self.found["focal_point"])
        return person.name if person else "your focal point"


async def _side(pool: asyncpg.Pool, seen: views.Sight, found: Plain, now: datetime) -> Side:
    return Side(
        pool=pool,
        seen=seen,
        found=found,
        taken=await content.intake(pool, seen.reference),
        document=await content.document(pool, seen.reference, found["document_sha256"]),
        rules=await browse.rules_of(pool, found),
        events=await pool.fetch(SQL["told"], seen.subject, list(TOLD)),
        texts=await views.messages(pool, seen),
        now=now,
    )


async def case(pool: asyncpg.Pool, caller: Caller, seen: views.Sight, found: Plain, *, at: datetime | None = None) -> Plain:
    """The view: what is shown always, and under `shown` what the rows of the table add. Keys of ALWAYS, `view`, `shown`."""
    side = await _side(pool, seen, found, at or datetime.now(UTC))
    side.roles = caller.roles_in(seen.office) & PARTNER_ROLES
    scopes = {block["scope"] for block in found["blocks"] if block["scope"] in ("cash", "all") and block["cause"] != "notice"}
    side.rows = partner_view.rows_of(
        found["status"],
        turn=(found["holder"] or {}).get("who", "office"),
        returned=_returned(side) is not None,
        held=found["overlays"]["on_hold"] is not None,
        scopes=scopes,
        under_notice=found["overlays"]["under_notice"],
    )
    shown: Plain = {}
    for part in partner_view.parts_of(side.rows):
        value = PARTS[part](side)
        shown[part] = await value if inspect.isawaitable(value) else value
    days = found["holder_days"]
    own = [row for row in found["tasks"] if views.theirs(row)]
    return {
        "view": "partner",
        "reference": found["reference"],
        "title": side.document.title,
        "track": {"code": found["track"], "meaning": partner_view.TRACKS.get(found["track"], "")},
        "status": {"code": found["status"], "label": TABLE[side.rows[0]].label, "labels": [TABLE[row].label for row in side.rows]},
        "holder": found["holder"],
        "stages": _stages(found),
        "days": {name: days[name] for name in (*HOLDERS, "hold")} | {"total": sum(days[name] for name in HOLDERS)},
        "contact": _contact(side),
        "messages": _messages(side),
        "documents": _documents(side, await own_versions(pool, seen, found["document"]["versions"])),
        "acts": _acts(side),
        "obligations": [_obligation(row) for row in found["obligations"] if row["kind"] in partner_view.OBLIGATIONS],
        "tasks": [{name: row[name] for name in views.PARTNERS_TASK} for row in own if row["state"] == "open"],
        "may": _may(side, own),
        "shown": shown,
    }


# At every status ------------------------------------------------------------------------------------------------------------------


def _stages(found: Plain) -> list[Plain]:
    """The five-stage line."""
    reached = {"received": -1, "vetting": 0, "drafting": 1, "in_review": 2, "in_approval": 3, "in_signature": 3, "signed": 4, "active": 4}
    cleared = any(row["state"] == "granted" for row in found["vetting"]["clearances"])
    stages = partner_view.STAGES
    now = reached.get(found["status"], stages.index(found["stage"]) if found["stage"] in stages else -1)
    over = found["status"] in ("ended", "closed")

    def state(n: int) -> str:
        if n == 0 and now > 0 and not cleared:
            return "now"  # it runs beside the document
        return "done" if over or n < now else "now" if n == now else "ahead"

    return [{"stage": stage, "state": state(n)} for n, stage in enumerate(stages)]


def _contact(side: Side) -> Plain | None:
    person = side.rules.office.person(side.found["focal_point"])
    return {"name": person.name, "email": person.email, "as": "focal_point"} if person else None


def _messages(side: Side) -> list[Plain]:
    """What was written to it. Of a matter of the confidential class that stops payments only the one sentence."""
    found: list[Plain] = []
    for said in side.texts:
        if views.is_sealed(said["kind"]):
            continue
        hidden = said["reason_code"] in CONFIDENTIAL
        examined = hidden and (said["kind"] in ("suspend", "decide_suspension", "decide_termination"))
        text = partner_view.EXAMINED.format(contact=side.contact) if examined else said["text"]
        found.append({"at": said["at"], "text": text, "reason_code": None if hidden else said["reason_code"]})
    return found


def _documents(side: Side, rows: list[Plain]) -> Plain:
    return {
        "versions": [{name: row[name] for name in ("version", "sha256", "side", "at")} for row in rows],
        "annexes": [{"annex": row["annex"], "sha256": row["sha256"], "at": row["at"]} for row in side.found["document"]["annexes"]],
    }


async def own_versions(pool: asyncpg.Pool, seen: views.Sight, rows: list[Plain]) -> list[Plain]:
    """Versions that are the partner's own, were sent to it, or are what both sides accepted."""
    sent = {e["data"].get("version") for e in await pool.fetch(SQL["told"], seen.subject, ["document.sent"])}
    accepted = {e["data"].get("sha256") for e in await pool.fetch(SQL["told"], seen.subject, ["document.accepted"])}
    return [row for row in rows if row["side"] == "partner" or row["version"] in sent or row["sha256"] in accepted]


def _acts(side: Side) -> list[Plain]:
    names = {person.actor: person.name for person in (*side.taken.partner.officers, *side.taken.partner.focal_points)}
    return [
        {"at": row["at"], "kind": row["kind"], "verdict": row["verdict"], "counted": row["counted"], "by": names.get(row["actor"], "")}
        for row in side.found["decisions"]
        if row["role"] in PARTNER_ROLES and not views.is_sealed(row["kind"])
    ]


def _obligation(row: Plain) -> Plain:
    closed = row["state"] in ("met", "written_off")
    return {
        "id": row["id"],
        "kind": row["kind"],
        "words": partner_view.in_words(row["kind"], row["owner_role"], _spoken(row["due"]), row["consequences"], met=closed),
        "holder": "partner" if row["owner_role"] in PARTNER_ROLES else "office",
        "owner_role": row["owner_role"],
        "due": row["due"],
        "state": row["state"],
        "overdue": row["overdue"],
        "consequences": [code for code in row["consequences"] if code in partner_view.CONSEQUENCES],
    }


def _spoken(day: str | None) -> str | None:
    return None if day is None else f"{date.fromisoformat(day):%-d %B %Y}"


def _may(side: Side, own: list[Plain]) -> list[Plain]:
    """What may be done now: open tasks and messages of the rows that hold, in the roles that the person has."""
    served = frozenset(wanted for role in side.roles for wanted in views.serving(role))
    allowed = partner_view.may_of(side.rows)
    found = [
        {"act": row["kind"], "is": "task", "task": row["id"]}
        for row in own
        if row["state"] == "open" and row["kind"] in allowed and served & set(row["roles"])
    ]
    found += [
        {"act": name, "is": "message", "task": None}
        for name, message in MESSAGES.items()
        if name in allowed and served & set(message.who) and (not message.statuses or side.found["status"] in message.statuses)
    ]
    return found


# What a status adds ---------------------------------------------------------------------------------------------------------------


def _taken(side: Side) -> Plain:
    taken = side.taken
    sums = budget.totals(taken.document)
    return {
        "source_reference": taken.source_reference,
        "submitted_on": taken.submitted_on.isoformat(),
        "title": taken.document.title,
        "document_type": side.found["document_type"],
        "start": _iso(taken.document.start),
        "end": _iso(taken.document.end),
        "currency": taken.document.currency,
        "office_total": str(sums.office_total),
        "partner_total": str(sums.partner_total),
    }


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def elements(ledger: Iterable[Plain], open_kinds: Collection[str], owed: Iterable[Plain]) -> list[Plain]:
    """The checks: done, waiting for you, waiting for us, taken over from an agency, postponed until a day.

    `ledger`: rows of the partner's elements; `open_kinds`: of its open tasks; `owed`: {kind, due} of its obligations.
    """
    rows = {row["element"]: row for row in ledger}
    due = {row["kind"].removesuffix("_assessment"): row["due"] for row in owed}
    due |= {"profile": due.get("partner_verification"), "registration": due.get("registration_certificate")}
    found: list[Plain] = []
    for name in partner_view.ELEMENTS:
        row = rows.get(name)
        said: Plain = {"element": name, "agency": None, "until": None}
        if row is None:
            said["state"] = "waiting_for_you" if partner_view.PARTNERS_ELEMENTS.get(name) in open_kinds else "waiting_for_us"
        elif row["source"] in ("deferred", "assumed"):
            said |= {"state": "postponed", "until": due.get(name)}
        elif row["source"] == "reused":
            said |= {"state": "taken_over", "agency": row["agency"]}
        else:
            said["state"] = "done"
        found.append(said)
    return found


def _elements(side: Side) -> list[Plain]:
    open_kinds = {row["kind"] for row in side.found["tasks"] if row["state"] == "open"}
    return elements(side.found["vetting"]["elements"], open_kinds, side.found["obligations"])


async def _versions(side: Side) -> list[Plain]:
    rows = await own_versions(side.pool, side.seen, side.found["document"]["versions"])
    names = ("version", "sha256", "side", "at", "office_total", "office_cash", "management_share", "changed")
    return [{name: row[name] for name in names} for row in rows]


def _content_checks(side: Side) -> list[Plain]:
    kind = side.found["document_type"]
    if kind == "contingency":
        return []
    settled = frozenset(row["annex"] for row in side.found["document"]["annexes"])
    found = [*checks.content(side.document, kind, side.rules.pack), *checks.missing_annexes(side.document, settled)]
    return [{"rule": f.rule, "message": f.message, "path": f.path, "next_step": f.next_step} for f in found]


def _budget(side: Side) -> Plain:
    sums = budget.totals(side.document)
    names = ("activities", "management", "support_cost", "supplies", "office_cash", "office_total", "partner_total", "total")
    return {name: str(getattr(sums, name)) for name in names} | {
        "currency": side.document.currency,
        "management_share": str(budget.one_decimal(sums.management_share)),
        "support_cost_percent": str(sums.support_cost_percent),
    }


def _acceptances(side: Side) -> list[Plain]:
    return [{name: row[name] for name in ("side", "sha256", "on_behalf", "at")} for row in side.found["document"]["acceptances"]]


def _last_sent(side: Side) -> Plain | None:
    sent = side.told("document.sent")
    if not sent:
        return None
    data = sent[-1]["data"]
    return {"version": data.get("version"), "sha256": data.get("sha256"), "at": read.plain(sent[-1]["at"])}


def _due_back(side: Side) -> str | None:
    """The day by which the office should send it back."""
    turns = [row["due_at"] for row in side.found["tasks"] if row["kind"] == "office_turn" and row["state"] == "open"]
    return side.day(turns[-1]) if turns else None


def _on_behalf(side: Side) -> Plain | None:
    """On the emergency track the office may accept in the partner's place, once a turn was missed."""
    if side.found["track"] != "emergency":
        return None
    turns = [row["due_at"] for row in side.found["tasks"] if row["kind"] == "partner_turn"]
    return {"office_may_accept": True, "from": side.day(turns[-1]) if turns else None}


def _returned(side: Side) -> Plain | None:
    """The last return after a submission, while the document is drafted again: the message, what must change, the round."""
    if side.found["status"] != "drafting":
        return None
    moves = side.told("case.status_changed")
    back = next((e for e in reversed(moves) if e["data"].get("to") == "drafting"), None)
    if back is None or back["data"].get("from") not in ("in_review", "in_approval", "in_signature"):
        return None
    return {"at": read.plain(back["at"]), "from": back["data"]["from"]}


async def _return(side: Side) -> Plain | None:
    back = _returned(side)
    if back is None:
        return None
    verdicts = [row for row in side.found["decisions"] if row["counted"] and row["verdict"] in RETURNS and row["at"] <= back["at"]]
    messages = [said for said in side.texts if said["verdict"] in RETURNS and said["at"] <= back["at"]]
    items: list[str] = []
    if verdicts and verdicts[-1]["data_sha256"]:
        body = await content.get(side.pool, verdicts[-1]["data_sha256"])
        items = [str(item) for item in (_json(body).get("items") or ())] if body is not None else []
    return {
        "at": back["at"],
        "message": messages[-1]["text"] if messages and not confidential(messages[-1]["reason_code"]) else None,
        "items": items,
        "round": side.found["round"],
        "acceptances_cleared": not side.found["document"]["acceptances"],
    }


def _json(body: bytes) -> Plain:
    found = json.loads(body)
    return found if isinstance(found, dict) else {}


def _submitted(side: Side) -> str | None:
    return side.day(side.moved_to("in_review"))


def _review_kind(side: Side) -> str | None:
    kinds = {"committee": "a committee", "two_person": "two people", "single": "one person"}
    reviews = side.found["reviews"]
    return kinds.get(reviews[-1]["kind"]) if reviews else None


def _expected_end(side: Side) -> str | None:
    stage = {"in_review": "review", "in_approval": "approval"}.get(side.found["status"])
    return side.end_of(stage, side.moved_to(side.found["status"])) if stage else None


async def _questions(side: Side) -> list[Plain]:
    """Questions put to the partner, with their words."""
    own = {row["id"]: row for row in side.found["tasks"] if row["kind"] == "answer_question" and views.theirs(row)}
    found: list[Plain] = []
    for event in side.told("review.question_asked"):
        to = event["data"].get("to")
        if to not in PARTNER_ROLES:
            continue
        body = await content.get(side.pool, event["data"]["text_sha256"]) if event["data"].get("text_sha256") else None
        task = next((row for row in own.values() if row["opened_at"] == read.plain(event["at"])), None)
        found.append(
            {
                "asked_at": read.plain(event["at"]),
                "text": body.decode(errors="replace") if body is not None else None,
                "task": task["id"] if task else None,
                "answered": task is not None and task["state"] != "open",
            }
        )
    return found


def _sent_for_approval(side: Side) -> str | None:
    return side.day(side.moved_to("in_approval"))


async def _conditions(side: Side) -> list[Plain]:
    """Conditions that the partner must meet."""
    found: list[Plain] = []
    for row in side.found["conditions"]:
        if row["owner_role"] in PARTNER_ROLES:
            body = await content.get(side.pool, row["text_sha256"])
            text = body.decode(errors="replace") if body is not None else None
            found.append({"id": row["id"], "text": text, "gate": row["gate"], "due": row["due"], "state": row["state"]})
    return found


def _to_sign(side: Side) -> list[Plain]:
    signed = {(row["object"], row["side"]) for row in side.found["signatures"]}
    signing = [row["data"] or {} for row in side.found["tasks"] if row["kind"] in ("sign_as_partner", "sign_for_office")]
    objects = dict.fromkeys(["document", *(name for data in signing for name in data.get("objects", ()))])
    return [
        {
            "object": name,
            "sha256": side.found["document_sha256"] if name == "document" else None,
            "partner_signed": (name, "partner") in signed,
            "office_signed": (name, "office") in signed,
        }
        for name in objects
    ]


def _signatories(side: Side) -> Plain:
    officers = side.found["umbrella"]["officers"] if side.found["umbrella"] else []
    names = {officer.actor: officer.name for officer in side.taken.partner.officers}
    heads = [p.name for p in side.rules.office.people if any(grant.role == "head_of_office" for grant in p.roles)]
    return {"partner": [names[actor] for actor in officers if actor in names] or list(names.values()), "office": heads[:1]}


def _starts_on_signature(side: Side) -> Plain:
    dated = [row for row in side.found["obligations"] if row["kind"] in partner_view.OBLIGATIONS and row["due"] is None]
    return {"start": side.found["start_requested"], "end": side.found["end_requested"], "obligations": [row["kind"] for row in dated]}


def _pca(side: Side) -> Plain | None:
    umbrella = side.found["umbrella"]
    if umbrella is None:
        return None
    waiting = {"draft": "both signatures", "suspended": "the end of its suspension"}.get(umbrella["status"])
    return {"reference": umbrella["reference"], "status": umbrella["status"], "waiting_for": waiting}


async def _account(side: Side) -> Plain:
    row = await side.pool.fetchrow(SQL["account"], side.seen.partner_subject)
    return {
        "state": "confirmed" if row is not None and row["confirmed"] else "waiting",
        "ending": row["ending"] if row is not None else None,
    }


def _start(side: Side) -> Plain:
    return {"start": side.found["start_on"], "end": side.found["end_on"], "signed_on": side.found["signed_on"]}


def _missing(side: Side) -> list[str]:
    found = side.found
    today = side.rules.calendar.local_date(side.now).isoformat()
    missing = ["start_date"] if found["start_on"] is None or found["start_on"] > today else []
    missing += ["funds_reservation"] if found["money"]["reserved"] == "0.00" and found["office_cash"] not in ("0.00", "0") else []
    return missing + (["condition"] if any(row["state"] == "open" and row["gate"] == "before_start" for row in found["conditions"]) else [])


async def _periods(side: Side) -> list[Plain]:
    return [cast("Plain", read.plain(dict(row))) for row in await side.pool.fetch(SQL["periods"], side.seen.subject)]


def _instalments(side: Side) -> list[Plain]:
    names = (
        "instalment", "period", "modality", "currency", "requested", "certified", "released", "paid", "state", "requested_at",
        "released_at", "paid_at", "value_date",
    )  # fmt: skip
    return [{name: row[name] for name in names} for row in side.found["money"]["instalments"]]


def _cap(side: Side) -> Plain | None:
    """The cap on the first request, and why there is one."""
    activated = side.last("case.activated")
    if activated is None or activated.get("cap") is None:
        return None
    return {"amount": activated["cap"], "currency": side.found["currency"], "why": "a check of your organisation is postponed"}


def _reports(side: Side) -> list[Plain]:
    """Reports with what was accepted and rejected, line by line with its reason."""
    reasons: dict[int, list[Plain]] = {}
    for event in side.told("report.reviewed"):
        for line in event["data"].get("lines") or ():
            if isinstance(line, dict) and line.get("reason"):
                told = {"activity": line.get("activity"), "rejected": line.get("rejected"), "reason": line["reason"]}
                reasons.setdefault(event["data"]["instalment"], []).append(told)
    names = ("instalment", "period", "due", "state", "submitted_at", "submitted", "accepted", "rejected", "balance", "waived_until")
    return [{name: row[name] for name in names} | {"reasons": reasons.get(row["instalment"], [])} for row in side.found["money"]["reports"]]


def _visits(side: Side) -> list[Plain]:
    """Visits that the signed document announces."""
    return [{"period": visit.period, "number": visit.number} for visit in side.document.visits]


def _hact_rating(side: Side) -> str | None:
    """The rating; one that is assumed or postponed counts as high (PCA 8.9(b))."""
    row = next((row for row in side.found["vetting"]["elements"] if row["element"] == "hact"), None)
    if row is None:
        return None
    return "high" if row["source"] in ("deferred", "assumed") else str(row["result"])


def _hold(side: Side) -> Plain:
    held = side.told("case.held")
    said = [text for text in side.texts if text["kind"] in ("hold", "review_hold")]
    return {
        "until": side.day(side.found["overlays"]["on_hold"]["until"]),
        "since": read.plain(held[-1]["at"]) if held else None,
        "message": said[-1]["text"] if said else None,
    }


def _runs_on(_side: Side) -> list[str]:
    return ["obligations", "reports"]


def _suspension(side: Side) -> list[Plain]:
    """Each stop in force: its scope, since when, until when, what was written of it, what lifts it."""
    found: list[Plain] = []
    for block in side.found["blocks"]:
        if block["scope"] not in ("cash", "all") or block["cause"] == "notice":
            continue
        hidden = confidential(block["reason_code"]) or not block["cause"].startswith("suspension")
        kinds = [row for row in side.found["obligations"] if row["kind"] in partner_view.OBLIGATIONS]
        owed = next((row for row in kinds if row["kind"] in block["cause"]), None)
        texts = [said for said in side.texts if said["kind"] in ("suspend", "decide_suspension") and not confidential(said["reason_code"])]
        message = partner_view.EXAMINED.format(contact=side.contact)
        if owed is not None:
            message = _obligation(owed)["words"]
        elif not hidden:
            message = texts[-1]["text"] if texts else "Payments are stopped."
        found.append(
            {
                "scope": block["scope"],
                "since": block["since"],
                "until": side.day(block["until"]),
                "message": message,
                "lifted_by": "the obligation is met" if owed is not None else None if hidden else LIFTED_BY,
            }
        )
    return found


def _no_new_commitments(_side: Side) -> str:
    return "Please enter into no new commitments and keep expenses to a minimum (GTC 13.3)."


def _notice(side: Side) -> Plain | None:
    sent = side.last("notice.sent")
    if sent is None:
        return None
    return {
        "kind": sent.get("kind"),
        "ground": None if confidential(sent.get("ground")) else sent.get("ground"),
        "days": sent.get("days"),
        "effective_on": sent.get("effective_on"),
        "duties": ["stop commitments", "return cash, supplies and equipment"],
    }


def _closure(side: Side) -> list[Plain]:
    end = date.fromisoformat(side.found["end_on"]) if side.found["end_on"] else None
    return [
        {"what": what, "due": _iso(end + timedelta(days=days)) if end else None}
        for what, days in (("final report", REPORT_DAYS), ("refund", REFUND_DAYS))
    ]


def _final_figures(side: Side) -> Plain:
    reports = side.found["money"]["reports"]
    return {
        "currency": side.found["currency"],
        "authorised": side.found["money"]["authorised"],
        "paid": side.found["money"]["paid"],
        "accepted": [row["accepted"] for row in reports],
    }


def _retention(side: Side) -> str | None:
    end = side.found["end_on"]
    years = int(side.rules.pack["records.retention_years"])
    return None if end is None else f"{int(end[:4]) + years}{end[4:]}"


def _outcome(side: Side) -> Plain:
    """How it ended: by which side, and what was written of it."""
    withdrawn = side.last("case.withdrawn")
    reason = side.found["ended_reason"] or None
    shown = [said for said in _messages(side) if said["text"]]
    return {
        "by": withdrawn.get("by") if withdrawn else "office",
        "reason": None if confidential(reason) else reason,
        "message": shown[-1]["text"] if shown and side.found["status"] != "withdrawn" else None,
    }


def _apply_again(_side: Side) -> str:
    return "You may apply again with a new submission once what the message names is settled."


def _to_return(side: Side) -> Plain:
    balances = side.found["money"]["ledger"]["balances"]
    return {"currency": side.found["currency"], "outstanding": balances.get("outstanding", "0.00")}


Part = Callable[[Side], Any | Awaitable[Any]]
PARTS: dict[str, Part] = {
    "taken": _taken,
    "assumed_facts": lambda side: list(side.taken.assumed_facts),
    "elements": _elements,
    "versions": _versions,
    "content_checks": _content_checks,
    "budget": _budget,
    "acceptances": _acceptances,
    "last_sent": _last_sent,
    "due_back": _due_back,
    "on_behalf": _on_behalf,
    "returned": _return,
    "submitted": _submitted,
    "review_kind": _review_kind,
    "expected_end": _expected_end,
    "questions": _questions,
    "sent_for_approval": _sent_for_approval,
    "conditions": _conditions,
    "to_sign": _to_sign,
    "signatories": _signatories,
    "starts_on_signature": _starts_on_signature,
    "pca": _pca,
    "account": _account,
    "start": _start,
    "missing": _missing,
    "periods": _periods,
    "instalments": _instalments,
    "cap": _cap,
    "reports": _reports,
    "visits": _visits,
    "hact_rating": _hact_rating,
    "hold": _hold,
    "runs_on": _runs_on,
    "suspension": _suspension,
    "no_new_commitments": _no_new_commitments,
    "notice": _notice,
    "closure": _closure,
    "final_figures": _final_figures,
    "retention": _retention,
    "outcome": _outcome,
    "apply_again": _apply_again,
    "to_return": _to_return,
}
"""How each part of the table is built."""


# Events ---------------------------------------------------------------------------------------------------------------------------

SHOWN = frozenset(name for name, event in EVENTS.items() if event.partner != "no") & {
    *partner_view.IN_FULL, *partner_view.IF_THEIRS, *partner_view.COARSE,
}  # fmt: skip
"""Types that may be shown at all: what `schemas.events` does not keep from the partner, and `policy.partner_view` names."""


async def events(pool: asyncpg.Pool, seen: views.Sight, *, kind: str | None, after: str | None, limit: int) -> browse.Page:
    """The case's own chain, event by event: never `cause`, never who of the office acted."""
    page = await browse.events(pool, browse.EVERYTHING, seen.subject, kind=kind, types=SHOWN, after=after, limit=limit)
    rows = await pool.fetch("SELECT id, roles, kind FROM task WHERE cases @> ARRAY[$1::text]", seen.subject)
    own = {row["id"] for row in rows if views.theirs(row)}
    conditions = await pool.fetch("SELECT id FROM condition WHERE subject = $1 AND owner_role LIKE 'partner%'", seen.subject)
    own |= {row["id"] for row in conditions}
    return browse.Page([told for row in page.items if (told := event(row, own)) is not None], page.next)


def event(row: Plain, own: set[str]) -> Plain | None:
    """One event as the partner reads it, or None. `own`: ids of its own tasks and conditions."""
    name, body = row["type"], row["data"]
    data, actor = body.get("data") or {}, body.get("actor") or {}
    theirs = actor.get("role") in PARTNER_ROLES
    told: Plain = {"sequence": row["sequence"], "type": name, "at": row["at"], "by": "partner" if theirs else "office"}
    if name in partner_view.COARSE:
        label = TABLE[data["to"]].label if name == "case.status_changed" and data.get("to") in TABLE else partner_view.COARSE[name]
        return {**told, "label": label, "data": {}}
    if name in partner_view.IF_THEIRS:
        about = {data.get("task"), data.get("condition")} & own
        said = name.startswith(("decision.", "message."))
        if (said and not theirs) or (not said and not about):
            return None
        if said and views.is_sealed(str(data.get("kind") or "")):
            return None
    if name.startswith("obligation.") and not partner_view.visible_obligation(str(data.get("obligation") or "")):
        return None
    keys = partner_view.IN_FULL.get(name) or partner_view.IF_THEIRS.get(name) or ()
    return {**told, "label": None, "data": {key: _said(data[key]) for key in keys if data.get(key) is not None}}


def _said(value: Any) -> Any:
    return None if isinstance(value, str) and confidential(value) else value
