"""Contingency documents: signed ahead with no money and no dates, activated within their protocol without committee and new signature.

The protocol says on which trigger, up to which office total and for how long; above it an amendment is needed, never an exception. What
the activation relies on is asked again when it is prepared and when it is approved: a full clearance, a fresh and clear screening, a PCA
that is signed. A document that is never activated ends with its country programme.
"""

from datetime import date
from typing import Any

from activities import activation, guards
from activities.guards import Fact, clearance_stands, guard
from activities.settling import Draft, Settling, judges, settles
from db import content
from db.sql import queries
from policy import budget, ladder
from policy.calendar import add_months, periods
from schemas.findings import Finding
from schemas.intake import Document, Protocol
from schemas.names import case_subject

SQL = queries("contingency")

ROUTE = "contingency_activation"
SOURCE = "eTools contingency document (ET)"


async def protocol_of(s: Settling, subject: str) -> Protocol | None:
    """The protocol of the document that is activated: of one that the record signed, else as the intake states it. None: there is none."""
    intake = await s.intake(subject)
    if intake.activates and case_subject(intake.activates) != subject:
        row = await s.db.fetchrow(SQL["signed_contingency"], intake.activates)
        if row is not None:
            body = await content.get(s.db, row["document_sha256"])
            found = Document.model_validate_json(body).protocol if body is not None else None
            return found.model_copy(update={"signed_on": row["signed_on"]}) if found is not None else None
    return intake.document.protocol


# Preparing ------------------------------------------------------------------------------------------------------------------------


@judges("prepare_activation", locks=("umbrella", "partner"))
async def prepared_well(s: Settling) -> None:
    """Dates within the protocol's duration, and the clearance still full. Ceiling and route are the transition table's to ask."""
    if s.decision is None or s.decision.verdict != "submit":
        return
    case, day = await s.case(), await s.today()
    start, end = date.fromisoformat(s.data["start"]), date.fromisoformat(s.data["end"])
    protocol = await protocol_of(s, case["subject"])
    if end < start or end < day:
        s.refuse(
            "dates", f"{start} to {end} is no period that lies ahead.", path="$.data.end", source=SOURCE, next_step="Correct the dates."
        )
    elif protocol is not None and protocol.months and end >= add_months(start, protocol.months):
        s.refuse(
            "longer_than_protocol",
            f"The protocol allows {protocol.months} months.",
            path="$.data.end",
            source=SOURCE,
            next_step="Name an earlier end, or amend the document.",
        )
    if not await clearance_stands(s.db, case["partner_subject"], "full", day):
        s.refuse(
            "clearance_full",
            "An activation needs a full clearance of the partner.",
            source="stages 5",
            next_step="Vetting must be concluded for level full.",
        )
    s.add(*guards.screening_findings(await guards.screening_of(s.db, case["partner_subject"], s.at, await s.pack())))


@settles("contingency.prepared")
async def prepared(s: Settling, event: Draft) -> None:
    """The letter by its hash, and the dates it names; how the trigger was met stays with the decision."""
    event.data |= {"letter_sha256": event.data.pop("letter", None) or s.data["letter"]} | {
        name: s.data[name] for name in ("start", "end", "budget_version")
    }


@guard("contingency_route")
async def _route(s: Settling, event: Draft) -> Fact:
    return bool((await s.case(event.subject))["instrument"] == ROUTE)


@guard("within_protocol")
async def _within_protocol(s: Settling, event: Draft) -> Fact:
    protocol = await protocol_of(s, event.subject)
    if protocol is not None and protocol.trigger.strip() and protocol.signed_on is not None:
        return True
    return [_amend("within_protocol", "The document that is activated has no signed protocol with a trigger.")]


@guard("within_ceiling")
async def _within_ceiling(s: Settling, event: Draft) -> Fact:
    protocol, total = await protocol_of(s, event.subject), budget.totals(await s.document(event.subject)).office_total
    if protocol is not None and protocol.ceiling is not None and total <= protocol.ceiling:
        return True
    ceiling = f"{protocol.ceiling:,.2f}" if protocol is not None and protocol.ceiling is not None else "none"
    return [_amend("above_ceiling", f"The office total {total:,.2f} is above the protocol's ceiling ({ceiling}).")]


def _amend(rule: str, message: str) -> Finding:
    return Finding(
        rule=rule,
        message=message,
        path="$.document.protocol",
        source=SOURCE,
        next_step="Take the amendment route: the document is amended, reviewed and signed again; or lower the budget.",
    )


# Approving ------------------------------------------------------------------------------------------------------------------------


@judges("approve_activation", locks=("umbrella", "partner"))
async def may_activate(s: Settling) -> None:
    """The head of office, or the coordinator under step-aside; the letter that was prepared; the screening again."""
    if s.decision is None or s.decision.verdict != "activate":
        return
    case, pack, day = await s.case(), await s.pack(), await s.today()
    s.add(
        *ladder.check(
            s.decision.role,
            "activation",
            office_total_usd=case["office_total_usd"],
            pack=pack,
            office=(await s.pinned_office()).ladder,
            step_aside=await activation.steps_aside(s.db, case["subject"], day),
        )
    )
    found = await s.db.fetchval(SQL["prepared"], case["subject"])
    if found is None or s.data.get("letter_sha256") != found["letter_sha256"]:
        s.refuse(
            "other_letter",
            "This is not the letter that was prepared.",
            path="$.data.letter_sha256",
            source=SOURCE,
            next_step="Activate the letter prepared, or return it.",
        )
    if not await clearance_stands(s.db, case["partner_subject"], "full", day):
        s.refuse("clearance_full", "An activation needs a full clearance of the partner.", source="stages 5")
    for block in await guards.blocked(s.db, [case["subject"], case["umbrella"], case["partner_subject"]], "signature"):
        s.refuse("signature_blocked", f"A stop of scope {block['scope']} stands: {block['cause']}.", path=block["id"], source="design 5")


@settles("contingency.activated", locks=("umbrella", "partner"))
async def activated(s: Settling, event: Draft) -> None:
    """No earlier start than the day of the activation; periods and the amount that may be drawn follow, as from a signature."""
    case, pack, document, day = (
        await s.case(event.subject),
        await s.pack(subject=event.subject),
        await s.document(event.subject),
        await s.today(),
    )
    found: dict[str, Any] | None = await s.db.fetchval(SQL["prepared"], event.subject)
    protocol = await protocol_of(s, event.subject)
    if found is None or protocol is None:
        s.refuse("dates", "No activation was prepared.", source=SOURCE, next_step="The focal point prepares it.")
        return
    start, end = max(date.fromisoformat(found["start"]), day), date.fromisoformat(found["end"])
    if end < start:
        s.refuse("dates", f"The activation would have ended on {end}.", source=SOURCE, next_step="Return it and name other dates.")
        return
    sums = budget.totals(document)
    event.data |= {
        "letter_sha256": found["letter_sha256"],
        "start": start.isoformat(),
        "end": end.isoformat(),
        "budget": str(sums.office_total),
        "ceiling": str(protocol.ceiling),
        "signed_on": day.isoformat(),  # of the letter; the document itself was signed before
        "periods": [
            {"period": period.number, "start": period.start.isoformat(), "end": period.end.isoformat()}
            for period in periods(start, end, pack["document.quarter_months"])
        ],
        "authorised": str(sums.office_cash),
        "currency": case["currency"],
    }


@guard("letter", "dates")
async def _prepared(s: Settling, event: Draft) -> Fact:
    return await s.db.fetchval(SQL["prepared"], event.subject) is not None


@guard("budget_above_zero")
async def _budget(s: Settling, event: Draft) -> Fact:
    return bool(budget.totals(await s.document(event.subject)).office_total > 0)


# Never activated ------------------------------------------------------------------------------------------------------------------


@guard("contingency")
async def _contingency(s: Settling, event: Draft) -> Fact:
    return bool((await s.case(event.subject))["document_type"] == "contingency")


@guard("programme_over")
async def _programme_over(s: Settling, event: Draft) -> Fact:
    case = await s.case(event.subject)
    programme = (await s.pinned_office(event.subject)).programme(case["programme"])
    return programme is not None and await s.today() > programme.end


@guard("never_activated")
async def _never_activated(s: Settling, event: Draft) -> Fact:
    return not await s.db.fetchval(SQL["activated_by"], (await s.case(event.subject))["reference"])
