"""Settling the turns of the programme document: versions, acceptances, annexes, deviations, and the submission for review.

Each version is whole, immutable and known by its hash; the content lies in the content store, the event carries hashes and sums. One side
accepts a hash, never "the document". Nothing here judges the substance: that is the review's.
"""

from typing import Any, Literal

from pydantic import ValidationError

from activities import people, reviewers
from activities.guards import Fact, guard
from activities.settle_obligations import create
from activities.settling import Draft, Row, Settling, judges, settles
from db import content
from db.sql import queries
from policy import budget
from policy import document as rules
from policy.rates import to_usd
from schemas.findings import Finding
from schemas.intake import Document, faults

SQL = queries("document")
Side = Literal["office", "partner"]
SIDES: dict[str, Side] = {"office_turn": "office", "partner_turn": "partner"}
LONGEST_YEARS = 30
"""Years from now beyond which a date of a document is taken for a slip."""
SETTLED = frozenset({"clear", "clear_with_changes", "use_template"})
"""Verdicts on a deviation after which its clause may stand."""

# Versions -------------------------------------------------------------------------------------------------------------------------


@settles("document.version_stored")
async def version_stored(s: Settling, event: Draft) -> None:
    """The content by its hash, its sums in the document's currency and in US$, and what changed against the version before.

    Version 1 is the document as it was submitted.
    """
    case = await s.case(event.subject)
    if "sha256" not in event.data:
        event.data["sha256"] = (await content.put(s.db, (await s.intake(event.subject)).document, by=case["submitter"])).sha256
    document = await _content(s, event.data["sha256"])
    if document is None:
        return
    before = await s.document(event.subject) if case["document_version"] else None
    sums = budget.totals(document)
    event.data |= {
        "changed_sections": list(rules.changed_sections(before, document)) if before else [],
        "office_total": str(sums.office_total),
        "office_cash": str(sums.office_cash),
        "management_share": f"{sums.management_share:.4f}",
        "office_total_usd": str(to_usd(sums.office_total, case["rate"])),
        "office_cash_usd": str(to_usd(sums.office_cash, case["rate"])),
        "title_sha256": content.sha256(document.title),
    }
    if document.currency != case["currency"]:
        s.refuse(
            "currency_changed",
            f"The document is in {document.currency}, the case in {case['currency']}.",
            path="$.document.currency",
            source="design 5",
            next_step="One document never mixes currencies: submit it anew.",
        )
    if case["document_version"] == 0:
        for annex in document.annexes:
            s.append("document.annex_attached", {"annex": annex.annex, "sha256": annex.sha256}, subject=event.subject)
    for clause in document.template_deviations:
        if before is None or clause not in before.template_deviations:
            s.append("clause.deviation_opened", {"clause": clause}, subject=event.subject)


async def _content(s: Settling, digest: str) -> Document | None:
    """The document of that hash, or findings that say why it is none."""
    body = await content.get(s.db, digest)
    if body is None:
        s.refuse(
            "version_unknown",
            f"The record holds no content {digest[:12]}.",
            path="$.data.sha256",
            source="design 4",
            next_step="Put the document into the record first, then send its hash.",
        )
        return None
    try:
        document = Document.model_validate_json(body)
    except ValidationError as error:
        s.add(*faults(error))
        return None
    for name in ("start", "end"):
        day = getattr(document, name)
        if day is not None and abs(day.year - s.at.year) > LONGEST_YEARS:  # a slip of the keyboard, before periods are counted from it
            s.refuse("date_out_of_reach", f"The {name} {day} is more than {LONGEST_YEARS} years away.", path=f"$.document.{name}")
            return None
    return document


async def _drafted(s: Settling, event: Draft) -> Row:
    """The case, if it is being drafted: what was submitted, approved or signed is no side's to change, whoever still holds a task."""
    case = await s.case(event.subject)
    if case["status"] != "drafting":
        s.refuse(
            "not_drafting",
            f"The document is not being drafted: the case is {case['status']}.",
            path="$.task",
            source="stages 5",
            next_step="A return to drafting opens the turns again.",
        )
    return case


async def _brought(s: Settling, event: Draft, side: Side) -> None:
    """A turn passes the version that stands, or brings the next one; the next one clears both acceptances."""
    case = await _drafted(s, event)
    digest, version = event.data.get("sha256", ""), event.data.get("version")
    current = int(case["document_version"])
    new = digest != case["document_sha256"]
    expected = current + 1 if new else current
    if version not in (None, expected):
        s.refuse(
            "wrong_version",
            f"Version {version} was named; " + (f"new content is version {expected}." if new else f"this content is version {expected}."),
            path="$.data.version",
            source="stages 5",
            next_step=f"Name version {expected}.",
        )
    event.data["version"] = expected
    if not new:
        return
    s.append("document.version_stored", {"version": expected, "sha256": digest, "side": side}, subject=event.subject)
    if await s.db.fetch(SQL["acceptances"], event.subject):
        s.append("document.unlocked", {"by": side, "why": "new_version"}, subject=event.subject)


@settles("document.sent")
async def sent(s: Settling, event: Draft) -> None:
    await _brought(s, event, "office")
    await _due_on_behalf(s)


async def _due_on_behalf(s: Settling) -> None:
    """The task to accept for a silent partner is due when the partner's turn has passed, a turn of the office later."""
    pack, calendar = await s.pack(), await s.calendar()
    days = [pack.task(kind).days for kind in ("partner_turn", "office_turn")]
    if pack.track == "emergency" and None not in days:
        s.dues["office_turn"] = calendar.due(s.at, sum(day or 0 for day in days))


@settles("document.returned")
async def returned(s: Settling, event: Draft) -> None:
    """The partner's first act begins clock b."""
    event.data["first"] = (await s.case(event.subject))["first_partner_act"] is None
    await _brought(s, event, "partner")


@settles("document.accepted")
async def accepted(s: Settling, event: Draft) -> None:
    """One side accepts the version that stands; with the other's acceptance of the same hash the submission opens."""
    case = await _drafted(s, event)
    side, digest = event.data["side"], event.data.get("sha256")
    event.data["on_behalf"] = bool(
        s.said is not None and (s.said.on_behalf_of or (side == "partner") != s.said.role.startswith("partner_"))
    )
    if side == "office":
        await _due_on_behalf(s)
    if s.decision is not None and s.decision.verdict == "accept_on_behalf":
        event.data["evidence"] = [item["sha256"] for item in s.data["evidence"]]
        await create(s, "partner_acceptance_record", event.subject, reason=s.data["because"])
    if digest != case["document_sha256"]:
        s.refuse(
            "not_the_current_version",
            "Another version than the one that stands was accepted.",
            path="$.data.sha256",
            source="stages 5",
            next_step=f"Version {case['document_version']} stands: {case['document_sha256']}.",
        )
    sums = budget.totals(await s.document(event.subject))
    limit = (await s.pinned_office(event.subject)).management_limit
    s.add(*budget.check_management(sums, limit, await s.pack(subject=event.subject)))
    others = {row["side"]: row["sha256"] for row in await s.db.fetch(SQL["acceptances"], event.subject) if row["side"] != side}
    if digest not in others.values():
        s.leave_out("both")


@judges("office_turn")
async def whose_turn(s: Settling) -> None:
    """While it is the partner's turn the office takes none; on the fast path it may accept for the partner that asked for it in writing, or
    that has let its turn pass. Never on its own word: the evidence is the partner's.
    """
    decision, task = s.decision, s.task_row
    if decision is None or task is None:
        return
    waiting = await s.db.fetchrow(SQL["partner_turn_open"], s.batch.subject, s.batch.round)
    if decision.verdict != "accept_on_behalf":
        if waiting is not None:
            s.refuse(
                "partners_turn",
                "It is the partner's turn; the office may only accept on its behalf.",
                path="$.verdict",
                source="stages 5",
                next_step="Wait for the partner, or accept on its behalf with its written request.",
            )
        return
    intake = await s.intake()
    if not people.partner_roles([intake], s.data["partner_person"]):
        s.refuse(
            "unknown_actor",
            f"The partner's file does not know {s.data['partner_person']}.",
            path="$.data.partner_person",
            source="office file",
            next_step="Name the person of the partner who asked.",
        )
    if s.data["because"] == "turn_missed" and (waiting is None or waiting["due_at"] is None or s.at <= waiting["due_at"]):
        s.refuse(
            "turn_not_missed",
            "The partner's turn has not passed.",
            path="$.data.because",
            source="stages 5",
            next_step=f"It is due on {waiting['due_at']:%Y-%m-%d}." if waiting is not None and waiting["due_at"] else "Send it first.",
        )


@settles("document.unlocked")
async def unlocked(s: Settling, event: Draft) -> None:
    """Who cleared the acceptances, and why (coded)."""
    event.data.setdefault("by", "partner" if s.said is not None and s.said.role.startswith("partner_") else "office")


# Annexes and deviations -------------------------------------------------------------------------------------------------------------


@settles("document.annex_attached")
async def annex_attached(s: Settling, event: Draft) -> None:
    """The annex that the task asks for, by its hash; without a hash it was found not to be needed."""
    if s.decision is None:
        return
    named = s.data.get("annex", event.data["annex"])
    if named != event.data["annex"]:
        s.refuse("other_annex", f"The task asks for {event.data['annex']}, not {named}.", path="$.data.annex")
    event.data["sha256"] = s.data.get("sha256") if s.decision.verdict == "attach" else None


@settles("clause.deviation_settled")
async def deviation_settled(s: Settling, event: Draft) -> None:
    """The cleared text stays in the content store."""
    if s.data.get("text"):
        event.data["text_sha256"] = (await content.put(s.db, s.data["text"], by=s.actor)).sha256


# Submission -------------------------------------------------------------------------------------------------------------------------


@settles("review.submitted")
async def submitted(s: Settling, event: Draft) -> None:
    """Amount and track say which review it is; nobody types it."""
    case, pack = await s.case(event.subject), await s.pack(subject=event.subject)
    found = await reviewers.kind(s.db, case, s.batch.round, pack)
    event.data |= {"round": s.batch.round, "review_kind": found.kind, "why_this_kind": found.why}
    s.facts["review_kind"] = found.kind
    if found.kind == "single" and s.decision is not None and not str(s.data.get("urgency", "")).strip():
        s.refuse(
            "urgency_required",
            "A review by one person needs the urgency in writing.",
            path="$.data.urgency",
            source="stages 6",
            next_step="State why there is no time for a committee.",
        )


@judges("submit_for_review", "office_turn")
async def may_submit(s: Settling) -> None:
    """What the transition table asks of the document is asked with the move; here is what rests on the case beside it."""
    if s.decision is None or s.decision.verdict not in ("submit", "accept_and_submit"):
        return
    selection = (await s.intake()).selection
    if selection.kind == "direct" and not (selection.reason_code and selection.text.strip()) and not s.data.get("selection_evidence"):
        s.warn(
            "selection_not_justified",
            "A direct selection needs its coded reason and text.",
            path="$.data.selection_evidence",
            source="policy D.4",
            next_step="Attach the justification.",
        )


@guard("same_hash_accepted")
async def _same_hash(s: Settling, event: Draft) -> Fact:
    case = await s.case(event.subject)
    accepted_by = {row["side"] for row in await s.db.fetch(SQL["acceptances"], event.subject) if row["sha256"] == case["document_sha256"]}
    return [
        Finding(
            rule="same_hash_accepted",
            message=f"The {side} has not accepted version {case['document_version']}.",
            source="stages 5",
            next_step="Both sides accept one version.",
        )
        for side in ("office", "partner")
        if side not in accepted_by
    ]


@guard("annexes")
async def _annexes(s: Settling, event: Draft) -> Fact:
    settled = frozenset(row["annex"] for row in await s.db.fetch(SQL["annexes"], event.subject))
    return rules.missing_annexes(await s.document(event.subject), settled)


@guard("content")
async def _content_complete(s: Settling, event: Draft) -> Fact:
    """Every content check of the track, and every clause that still deviates unsettled."""
    case, pack, document = await s.case(event.subject), await s.pack(subject=event.subject), await s.document(event.subject)
    which = rules.kind(
        humanitarian=case["humanitarian"], office_total_usd=case["office_total_usd"], start=document.start, end=document.end, pack=pack
    )
    settled = {row["clause"]: row["verdict"] for row in await s.db.fetch(SQL["deviations"], event.subject)}
    found: list[Finding] = rules.content(document, which, pack)
    found += [
        Finding(
            rule="deviation_refused" if settled.get(clause) == "refuse" else "deviation_open",
            message=f"The clause {clause} deviates from the certified template and is not cleared.",
            path="$.document.template_deviations",
            source="PCA template instructions (PMP)",
            next_step="The legal officer clears it, or the template's clause is used.",
        )
        for clause in document.template_deviations
        if settled.get(clause) not in SETTLED
    ]
    return found


def deviations_to_clear(document: Document, settled: dict[str, Any]) -> list[str]:
    """Clauses that nobody has looked at yet."""
    return [clause for clause in document.template_deviations if settled.get(clause) is None]
