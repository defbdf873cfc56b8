"""Cash, settled against the rows: what is reserved, requested, checked, released, paid and reported, and what the ledger says of it.

No cash leaves unless every check of stages.md 8 holds at that moment, under the locks of case, PCA and partner; all unmet ones are told
at once. A second order for an instalment (`send_again`) passes the same checks. What the bank paid is read from what the bank said, never
from what we hoped; a payment of another amount, or a second one, moves nothing in the ledger until a person has decided.

Amounts in events are text in the document's currency. The journals follow from the events: release (outstanding +, payable -), payment
(payable +, bank -), liquidation (expenditure +C, outstanding -C); a cancellation takes a release back.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from activities import guards
from activities.payments import said_by_bank
from activities.screen import vetting_start
from activities.settle_obligations import create, met
from activities.settle_vetting import account_hash
from activities.settling import Draft, Row, Settling, judges, settles
from activities.view import view_of
from db.sql import queries
from policy import budget, cash, release
from policy.release import ReleaseFacts
from schemas.engine import Block, Opening
from schemas.intake import Document
from schemas.names import order_number, reference_of
from schemas.payloads import Reserve, SubmitReport, SubmitRequest

SQL = queries("cash")

ZERO = Decimal(0)
STANDS = ("released", "paid", "reported")
"""States of an instalment whose money was let go."""
STOP_CASH = frozenset({"block_instalment", "suspend_cash"})
"""Consequences of an overdue obligation that hold a payment back; another leaves only direct payment."""
DIRECT: Literal["direct_payment_only"] = "direct_payment_only"
REPORTED = ("submitted", "accepted")
"""States of a report that is in (PCA 8.5(c) asks for the report, not for its acceptance)."""


def lines_of(rows: Iterable[Mapping[str, Any]] | None, field: str = "amount") -> dict[str, Decimal]:
    """Lines of a FACE by budget line; a line named twice is summed."""
    found: dict[str, Decimal] = {}
    for row in rows or ():
        found[row["activity"]] = found.get(row["activity"], ZERO) + Decimal(row[field])
    return found


def plain(lines: Mapping[str, Decimal], field: str = "amount") -> list[dict[str, str]]:
    """The same as an event holds it."""
    return [{"activity": line, field: str(amount)} for line, amount in lines.items()]


def total(lines: Mapping[str, Decimal]) -> Decimal:
    return sum(lines.values(), ZERO)


def instalment_of_task(s: Settling) -> int:
    """The instalment that the decided task is about: its `whom` is `n`, or `n-return-k`."""
    return int(str(s.task_row["whom"]).split("-")[0]) if s.task_row is not None else 0


# Reservation ----------------------------------------------------------------------------------------------------------------------


@judges("reserve_funds")
async def reservation(s: Settling) -> None:
    """Vendor, currency, sum of the lines, an unused number, grants that have not expired."""
    payload, decision, case = s.payload, s.decision, await s.case()
    if not isinstance(payload, Reserve) or decision is None:
        return
    if payload.currency != case["currency"]:
        s.refuse(
            "other_currency",
            f"The document is in {case['currency']}.",
            path="$.data.currency",
            source="stages 3",
            next_step="Reserve in it.",
        )
    if payload.amount <= 0 or payload.amount != sum((line.amount for line in payload.lines), ZERO):
        s.refuse(
            "amounts_do_not_add_up",
            "The amount is the sum of its lines, and above zero.",
            path="$.data.amount",
            next_step="Correct the lines.",
        )
    vendor = await s.db.fetchrow(SQL["vendor_of"], case["partner_subject"])
    if vendor is None:
        s.refuse(
            "vendor_unknown",
            "The partner is no vendor yet.",
            path="$.data.vendor_number",
            source="PCA 8.11",
            next_step="It is set up first.",
        )
    elif vendor["vendor_number"] != payload.vendor_number:
        s.refuse("other_vendor", "This is not the partner's vendor number.", path="$.data.vendor_number", source="PCA 8.11")
    serves = await s.db.fetchval(SQL["reservation_serves"], payload.number)
    if serves is not None and (serves != case["subject"] or decision.verdict != "top_up"):
        s.refuse(
            "reservation_used",
            f"The number serves {'this' if serves == case['subject'] else 'another'} document already.",
            path="$.data.number",
            source="stages 7",
            next_step="Give another number, or top up." if serves == case["subject"] else "Give another number.",
        )
    ends, today = case["end_on"] or case["end_requested"], await s.today()
    for at, line in enumerate(payload.lines):
        if line.expires_on is not None and line.expires_on < today:
            s.refuse("grant_expired", f"Grant {line.grant} expired on {line.expires_on}.", path=f"$.data.lines[{at}]", source="stages 7")
        elif line.expires_on is not None and line.expires_on < ends:
            s.warn(
                "grant_expires_before_end",
                f"Grant {line.grant} expires on {line.expires_on}, before the document ends.",
                path=f"$.data.lines[{at}]",
            )


@settles("funds.reserved")
async def reserved(s: Settling, event: Draft) -> None:
    """Covers the office cash, or a top-up is owed before the release that it does not cover. The case may be able to start."""
    case = await s.case()
    event.data["top_up"] = s.decision is not None and s.decision.verdict == "top_up"
    rows = await s.db.fetch(SQL["reservations_of"], case["subject"])
    office_cash = budget.totals(await s.document()).office_cash
    if sum((row["amount"] for row in rows), Decimal(event.data["amount"])) >= office_cash:
        await met(s, "reservation_top_up", case["subject"], by="funds.reserved")
    else:
        await create(s, "reservation_top_up", case["subject"], reason="reservation_below_office_cash")
        start, calendar = case["start_on"] or case["start_requested"], await s.calendar()
        second = calendar.add_months(start, (await s.pack())["document.quarter_months"])
        s.open(Opening(kind="reserve_funds", whom=f"top-up-{len(rows) + 1}", due=calendar.end_of_business(second)))
    await s.hint_case(case["subject"])


# Request and checks ---------------------------------------------------------------------------------------------------------------


async def lines_drawn(s: Settling, subject: str, *, but: int) -> dict[str, Decimal]:
    """What the other instalments that stand have taken of each budget line."""
    drawn: dict[str, Decimal] = {}
    for row in await s.db.fetch(SQL["instalments_of"], subject):
        if row["instalment"] != but and row["state"] in STANDS:
            for line, amount in let_through(row).items():
                drawn[line] = drawn.get(line, ZERO) + amount
    return drawn


def let_through(instalment: Row) -> dict[str, Decimal]:
    """The lower of what programme certified and finance checked, line by line; nothing while one is missing."""
    if instalment["certified_lines"] is None or instalment["checked_lines"] is None:
        return {}
    return cash.lower_of(lines_of(instalment["certified_lines"]), lines_of(instalment["checked_lines"]))


async def first_ceiling(s: Settling, case: Row, document: Document, elements: list[Row]) -> cash.Ceiling | None:
    """The most that the first request may ask, and whether that is a cap; None while nothing is signed."""
    count = len(await s.db.fetch(SQL["periods_of"], case["subject"]))
    if not count:
        return None
    need, office_cash, pack = cash.need(document, 1, count), budget.totals(document).office_cash, await s.pack(subject=case["subject"])
    return cash.first_ceiling(need, office_cash, deferred=postponed(elements), rate=case["rate"], pack=pack)


def postponed(elements: list[Row]) -> bool:
    """Whether a check of the partner is only assumed or deferred."""
    return any(row["source"] in ("assumed", "deferred") for row in elements)


async def ceiling(s: Settling, case: Row, document: Document, instalment: int, elements: list[Row]) -> Decimal | None:
    """The most that a first request may ask; None for later ones, and while nothing is signed."""
    found = await first_ceiling(s, case, document, elements) if instalment == 1 else None
    return found.amount if found else None


@settles("case.activated")
async def activated(s: Settling, event: Draft) -> None:
    """The cap on the first request as it stands at the start, while a check of the partner is postponed; it falls away with the last."""
    case = await s.case(event.subject)
    elements = await s.db.fetch(SQL["elements_of"], case["partner_subject"])
    found = await first_ceiling(s, case, await s.document(event.subject), elements) if postponed(elements) else None
    event.data["cap"] = str(found.amount) if found and found.capped else None


@judges("request_cash")
async def request(s: Settling) -> None:
    """The FACE against the signed document, the PCA's account and officers, and what is left of each line; all faults at once."""
    payload, case = s.payload, await s.case()
    if not isinstance(payload, SubmitRequest):
        return
    face, instalment, document, today = payload.face, instalment_of_task(s), await s.document(), await s.today()
    if case["status"] not in ("signed", "active", "ended"):
        s.refuse("not_signed", f"The document is {case['status']}.", source="PCA 8.5(b)", next_step="Cash is requested once it is signed.")
    if face.period != instalment:
        s.refuse("other_period", f"This request is for period {instalment}.", path="$.data.face.period", source="PCA 8.5(a)")
    if face.currency != case["currency"]:
        s.refuse("other_currency", f"The document is in {case['currency']}.", path="$.data.face.currency", source="PCA 10.3")
    await _signed_by_officer(s, case, payload.signed_by, payload.signed_on, today)
    vendor = await s.db.fetchrow(SQL["vendor_of"], case["partner_subject"])
    if face.modality == "direct_payment":
        if face.vendor is None:
            s.refuse("no_vendor", "A direct payment names the vendor to be paid.", path="$.data.face.vendor", source="PCA 8.2(c)")
    elif vendor is None or face.account_ref != vendor["account_ref"]:
        s.refuse(
            "other_account",
            "This is not the account named in the PCA.",
            path="$.data.face.account_ref",
            source="PCA 8.11",
            next_step="Use that account.",
        )
    if face.modality not in document.modalities:
        s.refuse("modality_not_agreed", f"The document does not foresee {face.modality}.", path="$.data.face.modality", source="PCA 8.2")
    elements = await s.db.fetch(SQL["elements_of"], case["partner_subject"])
    clearance = await s.db.fetchrow(SQL["clearance_of"], case["partner_subject"])
    # said here, and not first at the release, when three people have worked on it
    path = "$.data.face.modality"
    s.add(*cash.check_modality(face.modality, risk_of(elements), await s.pack(), mitigated=mitigated(clearance), path=path))
    estimate: dict[str, Decimal] = {}
    for item in face.estimate:
        estimate[item.activity] = estimate.get(item.activity, ZERO) + item.number * item.price
    s.add(
        *cash.check_request(
            lines_of([line.model_dump() for line in face.lines]),
            document=document,
            period=face.period,
            authorised=await lines_drawn(s, case["subject"], but=instalment),
            ceiling=await ceiling(s, case, document, instalment, elements),
            estimate=estimate if face.estimate else None,
        )
    )


async def _signed_by_officer(s: Settling, case: Row, signer: str, signed_on: date, today: date) -> None:
    umbrella = await s.db.fetchrow(SQL["umbrella_of"], case["umbrella"])
    if umbrella is None or signer not in umbrella["officers"]:
        s.refuse(
            "officer_not_listed",
            f"{signer} is not an officer listed in the PCA.",
            path="$.data.signed_by",
            source="PCA 1.1",
            next_step="A listed officer signs.",
        )
    if signed_on > today:
        s.refuse("signed_in_future", f"{signed_on} is in the future.", path="$.data.signed_on", next_step="Enter the day of signature.")


@settles("cash.requested")
async def requested(s: Settling, event: Draft) -> None:
    """The form is kept with the decision; the event holds what is counted by."""
    payload = s.payload
    assert isinstance(payload, SubmitRequest)
    lines = lines_of([line.model_dump() for line in payload.face.lines])
    event.data.pop("face", None)
    event.data |= {
        "period": payload.face.period,
        "modality": payload.face.modality,
        "currency": payload.face.currency,
        "amount": str(total(lines)),
        "lines": plain(lines),
        # who is paid directly is who the request names as vendor, whatever else stands in the form
        "account_ref": payload.face.vendor if payload.face.modality == "direct_payment" else payload.face.account_ref,
        "face_sha256": payload.sha256,
        "signed_by": payload.signed_by,
    }


@settles("cash.not_needed")
async def not_needed(_s: Settling, event: Draft) -> None:
    """The partner needs nothing for this period; the next one is asked for in its time."""
    event.data["period"] = event.data["instalment"]


@settles("cash.certified", "cash.checked")
async def certified(s: Settling, event: Draft) -> None:
    """As requested, or reduced line by line; never raised."""
    instalment = await s.db.fetchrow(SQL["instalment_of"], event.subject, event.data["instalment"])
    if instalment is None or instalment["state"] not in ("requested", "certified", "checked"):
        s.refuse("not_requested", f"Instalment {event.data['instalment']} is not requested.", source="stages 8")
        return
    asked = lines_of(instalment["lines"])
    reduced = lines_of(s.data["lines"]) if s.data.get("lines") else asked
    s.add(*cash.check_reduction(reduced, asked))
    event.data |= {
        "amount": str(total(reduced)),
        "lines": plain(reduced),
        "reductions": plain(
            {line: amount - reduced.get(line, ZERO) for line, amount in asked.items() if reduced.get(line, ZERO) != amount}
        ),
    }


@settles("cash.returned")
async def returned(s: Settling, event: Draft) -> None:
    """Back to the partner; or refused for good, which ends the instalment."""
    event.data["by"] = s.said.role if s.said else ""
    if event.data.pop("refused", False):
        event.type = "cash.refused"
        event.data["reason_code"] = s.said.reason_code if s.said else None


# Release and payment orders -------------------------------------------------------------------------------------------------------


async def release_facts(s: Settling, instalment: Row, amount: Decimal, *, again: str = "") -> ReleaseFacts:
    """The rows of one release under the locks of case, PCA and partner. `again`: the order that a second one takes the place of."""
    case, pack, document = await s.case(), await s.pack(), await s.document()
    subject, partner = case["subject"], case["partner_subject"]
    day = await s.today()
    umbrella = await s.db.fetchrow(SQL["umbrella_of"], case["umbrella"])
    vendor = await s.db.fetchrow(SQL["vendor_of"], partner)
    elements = await s.db.fetch(SQL["elements_of"], partner)
    clearance = await s.db.fetchrow(SQL["clearance_of"], partner)
    authorised = await s.db.fetchrow(SQL["authorised_of"], subject)
    screening = await guards.screening_of(s.db, partner, s.at, pack)
    reports = [row for row in await s.db.fetch(SQL["reports_of"], subject) if row["instalment"] != instalment["instalment"]]
    reports_in = {row["instalment"] for row in reports if row["state"] in REPORTED}
    earlier_paid = [
        row["instalment"]
        for row in await s.db.fetch(SQL["instalments_of"], subject)
        if row["instalment"] < instalment["instalment"] and row["state"] in STANDS
    ]
    waivers = [row["waived_until"] for row in reports if row["waived_until"] and row["instalment"] not in reports_in]
    stands = instalment["state"] in STANDS
    drawn = authorised["drawn"] if authorised else ZERO
    number = instalment["instalment"]
    not_ours = {row["id"] for row in await s.db.fetch(SQL["not_relied_on"], partner, subject)}  # what other cases relied on alone
    problems = [row["whom"] for row in await s.db.fetch(SQL["open_problems"], subject) if row["whom"].split(" ")[0] != again]
    reservations = await s.db.fetch(SQL["reservations_of"], subject)
    approved = let_through(instalment)
    owed = [row for row in await s.db.fetch(SQL["owed_now"], [subject, partner], s.at) if row["id"] not in not_ours]
    return ReleaseFacts(
        day=day,
        instalment=number,
        amount=amount,
        currency=case["currency"],
        approved_amount=total(approved),
        umbrella_status=umbrella["status"] if umbrella else "missing",
        document_status=case["status"],
        under_notice=case["under_notice"],
        blocks=[
            block
            for block in (await view_of(s.db, subject)).blocks
            if (block.until is None or block.until > s.at) and block.cause not in not_ours
        ]
        + [Block(id=row["id"], scope=DIRECT, cause=row["id"], since=row["due_at"]) for row in owed if DIRECT in row["consequences"]],
        office_cash=min(budget.totals(document).office_cash, authorised["amount"]) if authorised else ZERO,
        authorised_before=drawn - (instalment["released"] or ZERO) if again else drawn,
        reserved=_reserved(reservations, day),
        reservation_currency=reservations[0]["currency"] if reservations else "",
        instalment_released=await s.db.fetchval(SQL["paid_in_ledger"], subject, number) if again else stands,
        payment_problem_open=bool(problems),
        face_signed_by_listed_officer=umbrella is not None and instalment["signed_by"] in umbrella["officers"],
        face_certified=instalment["certified_lines"] is not None,
        face_checked=instalment["checked_lines"] is not None,
        face_currency=instalment["currency"],
        face_lines_findings=cash.check_request(
            {line: value for line, value in approved.items() if value},
            document=document,
            period=instalment["period"],
            authorised=await lines_drawn(s, subject, but=number),
        ),
        modality=instalment["modality"],
        risk=risk_of(elements),
        mitigation_approved=mitigated(clearance),
        face_account=_account_paid(instalment, vendor),
        umbrella_account=_account_agreed(instalment, umbrella, vendor),
        account_confirmed=vendor is not None and vendor["confirmed_at"] is not None,
        previous_reported=all(paid in reports_in for paid in earlier_paid),
        waiver_until=max(waivers, default=None),
        unreported_period_ends=[row["end_on"] for row in reports if row["state"] not in REPORTED],
        overdue_obligations=[row["kind"] for row in owed if STOP_CASH.intersection(row["consequences"])],
        conditions_before_cash=[row["id"] for row in await s.db.fetch(SQL["open_conditions"], subject, "before_cash")],
        screening_fresh=screening.fresh,
        open_hits=len(screening.open_hits) + len(screening.true_matches),
        ceiling=await ceiling(s, case, document, number, elements),
    )


def _reserved(reservations: list[Row], day: date) -> Decimal:
    """What is reserved from grants that may still be spent on that day."""
    return sum(
        (
            Decimal(line["amount"])
            for row in reservations
            for line in row["lines"]
            if not line.get("expires_on") or date.fromisoformat(line["expires_on"]) >= day
        ),
        ZERO,
    )


def risk_of(elements: list[Row]) -> str:
    """The HACT rating that counts. Below the threshold none is needed, which counts as low; one that is assumed counts as high."""
    found = next((row for row in elements if row["element"] == "hact"), None)
    if found is None or found["result"] == "not_required":
        return "low"
    rating = (found["details"] or {}).get("rating") or found["result"]
    return "low" if rating == "not_required" else str(rating)


def mitigated(clearance: Row | None) -> bool:
    """Mitigation of a high risk is approved by the conditions of the partner's clearance."""
    return clearance is not None and bool(clearance["conditions"])


def _account_paid(instalment: Row, vendor: Row | None) -> str:
    """The account that would be paid: the partner's as confirmed, if the FACE names that one; a direct payment has the vendor's own."""
    if instalment["modality"] == "direct_payment":
        return account_hash(instalment["account_ref"])
    if vendor is None or instalment["account_ref"] != vendor["account_ref"]:
        return ""
    return str(vendor["account_hash"])


def _account_agreed(instalment: Row, umbrella: Row | None, vendor: Row | None) -> str:
    """The account of the PCA. One signed before the engine may name none: then the confirmed one is it."""
    if instalment["modality"] == "direct_payment":
        return account_hash(instalment["account_ref"])
    if umbrella is not None and umbrella["account_hash"]:
        return str(umbrella["account_hash"])
    return str(vendor["account_hash"]) if vendor is not None else "none"


@judges("release_cash", locks=("umbrella", "partner"))
async def releasing(s: Settling) -> None:
    """Everything of stages.md 8 "checked at release", on the rows, under their locks."""
    if s.decision is None or s.decision.verdict != "release":
        return
    instalment = await s.db.fetchrow(SQL["instalment_of"], s.batch.subject, instalment_of_task(s))
    if instalment is None:
        s.refuse("not_requested", f"Instalment {instalment_of_task(s)} is not requested.", source="stages 8")
        return
    facts = await release_facts(s, instalment, Decimal(s.data["amount"]))
    s.add(*release.check(facts, await s.pack()))
    if date.fromisoformat(s.data["value_date"]) < facts.day:
        s.refuse(
            "value_date_past",
            f"The value date is before today, {facts.day}.",
            path="$.data.value_date",
            next_step="Give today or a later day.",
        )


@settles("cash.released", locks=("umbrella", "partner"))
async def released(s: Settling, event: Draft) -> None:
    """One amount, once. The journal and what the case has drawn follow from this event."""
    event.data |= {
        "amount": str(Decimal(event.data["amount"])),
        "currency": (await s.case())["currency"],
        "checks_passed": sorted(CHECKS_PASSED),
    }


CHECKS_PASSED = frozenset(
    {
        "account",
        "blocks",
        "cap",
        "conditions",
        "document",
        "face",
        "obligations",
        "pca",
        "releaser",
        "reports",
        "reservation",
        "screening",
        "six_months",
    }
)
"""What stood in order, by name: everything, or it would not have been released."""


@settles("payment.ordered", locks=("umbrella", "partner"))
async def ordered(s: Settling, event: Draft) -> None:
    """The order's number says which it is: the n-th of its instalment. `again` names the order whose place it takes."""
    case, again = await s.case(), event.data.pop("again", None)
    previous = await s.db.fetchrow(SQL["order_of"], again) if again else None
    number = previous["instalment"] if previous else int(event.data["instalment"])
    instalment = await s.db.fetchrow(SQL["instalment_of"], case["subject"], number)
    vendor = await s.db.fetchrow(SQL["vendor_of"], case["partner_subject"])
    if instalment is None or vendor is None or (again and previous is None):
        s.refuse("not_released", f"Instalment {number} is not released.", source="stages 8")
        return
    calendar, today = await s.calendar(), await s.today()
    value_date = max(today, instalment["value_date"] or today)
    nth = len(await s.db.fetch(SQL["orders_of"], case["subject"], number)) + 1
    order = order_number(reference_of(case["subject"]), number, nth)
    # a direct payment goes to the vendor that the request names, everything else to the account of the partner as it is confirmed now
    account = instalment["account_ref"] if instalment["modality"] == "direct_payment" else vendor["account_ref"]
    event.data |= {
        "order": order,
        "instalment": number,
        "amount": str(instalment["released"] or ZERO),
        "currency": case["currency"],
        "account_ref": account,
        "vendor_number": vendor["vendor_number"],
        "value_date": value_date.isoformat(),
        "state": "ordered",
    }
    if again:
        event.data["takes_place_of"] = again
    s.facts["order"] = order
    silent = int((await s.pack())["cash.bank_silent_days"])
    s.facts["late_at"] = calendar.end_of_business(calendar.add_working_days(value_date, silent)).isoformat()


async def _order(s: Settling, number: str) -> Row | None:
    """The order, or a refusal: the record knows every order that was ever sent."""
    row = await s.db.fetchrow(SQL["order_of"], number)
    if row is None or row["subject"] != s.batch.subject:
        s.refuse("order_unknown", f"The record has no payment order {number}.", source="ledger")
        return None
    return row


async def _said(s: Settling, event: Draft) -> tuple[Decimal, str] | None:
    """Amount and currency as the bank said them under that reference."""
    said = await said_by_bank(s.db, event.data["order"], event.data.get("bank_reference") or "")
    return (Decimal(said["amount"]), said["currency"]) if said else None


@settles("payment.confirmed")
async def confirmed(s: Settling, event: Draft) -> None:
    """The bank paid what was ordered: once an instalment, in the ledger and by the database's own constraint.

    `booked`: a person decided to count a payment of another amount; else the amount must be the order's.
    """
    order = await _order(s, event.data["order"])
    if order is None:
        return
    booked, at = event.data.pop("booked", None), event.data.pop("at", None)
    if booked is None:
        said = await _said(s, event)
        if said is None:
            s.refuse(
                "not_said", "The record holds no such word of the bank.", path="bank_reference", source="ledger", next_step="Ask the bank."
            )
        elif said != (order["amount"], order["currency"]):
            s.refuse(
                "other_amount", f"The bank paid {said[0]:,.2f} {said[1]}.", source="stages 8", next_step="Treat it as a payment anomaly."
            )
        if order["state"] == "cancelled":
            s.refuse("order_cancelled", "The order was cancelled.", source="stages 8", next_step="Treat it as a payment anomaly.")
    await _book(s, event, order, Decimal(booked) if booked is not None else order["amount"], at)


async def _book(s: Settling, event: Draft, order: Row, amount: Decimal, at: str | None) -> None:
    """The payment as an event holds it; the report falls due with the period, and is owed from now on."""
    number = order["instalment"]
    instalment = await s.db.fetchrow(SQL["instalment_of"], order["subject"], number)
    assert instalment is not None  # an order stands on its instalment
    if await s.db.fetchval(SQL["paid_in_ledger"], order["subject"], number):
        s.refuse("paid_twice", f"Instalment {number} is paid already.", source="invariant 3", next_step="Treat it as a payment anomaly.")
    calendar = await s.calendar()
    periods = {row["period"]: row for row in await s.db.fetch(SQL["periods_of"], order["subject"])}
    ends = periods[instalment["period"]]["end_on"]
    due = calendar.next_working_day(ends)
    event.data |= {
        "instalment": number,
        "period": instalment["period"],
        "amount": str(amount),
        "currency": order["currency"],
        "paid_at": at,
        "report_due": due.isoformat(),
    }
    s.facts["report"] = {
        "instalment": number,
        # the report is asked for on the morning of the day it is due; a payment after that day asks at once
        "from": calendar.moment(due, calendar.open).isoformat(),
        "due": calendar.end_of_business(due).isoformat(),
    }
    await create(
        s,
        "quarterly_face",
        order["subject"],
        what=str(number),
        anchors={"period_end": ends},
        reason="paid_period",
        data={"instalment": number, "period": instalment["period"]},
    )


@settles("payment.refused")
async def refused(s: Settling, event: Draft) -> None:
    """The bank will not pay this order; a person decides what then."""
    order = await _order(s, event.data["order"])
    if order is not None:
        event.data["instalment"] = order["instalment"]
        if order["state"] == "confirmed":
            s.refuse("paid", f"Order {order['order']} is paid.", source="ledger", next_step="Treat it as a payment anomaly.")


@settles("payment.anomaly")
async def anomaly(s: Settling, event: Draft) -> None:
    """What the bank did beside the order: told, with the difference, and never booked by itself."""
    order = await _order(s, event.data["order"])
    if order is None:
        return
    event.data["instalment"] = order["instalment"]
    said = await _said(s, event)
    if said is not None:
        event.data |= {"amount": str(said[0]), "currency": said[1]}
        surplus = said[0] if event.data["kind"] in ("twice", "not_ordered") else said[0] - order["amount"]
        event.data["difference"] = str(surplus) if said[1] == order["currency"] else None
    if event.data["kind"] == "late":
        s.append("payment.accepted", {"order": order["order"]})


@judges("resolve_payment_problem", locks=("umbrella", "partner"))
async def resolving(s: Settling) -> None:
    """A second order passes every check of a release; nothing is cancelled or booked whose outcome is not known."""
    decision, task = s.decision, s.task_row
    order = await _order(s, str(task["whom"]).split(" ")[0]) if task is not None else None
    if decision is None or order is None:
        return
    instalment = await s.db.fetchrow(SQL["instalment_of"], order["subject"], order["instalment"])
    paid = await s.db.fetchval(SQL["paid_in_ledger"], order["subject"], order["instalment"])
    heard = await _bank_paid(s, order)
    match decision.verdict:
        case "send_again":
            if heard:
                s.refuse("paid", "The bank has paid this order.", source="invariant 3", next_step="Recover, or accept the difference.")
            assert instalment is not None  # an order stands on its instalment
            facts = await release_facts(s, instalment, instalment["released"] or ZERO, again=order["order"])
            s.add(*release.check(facts, await s.pack()))
        case "cancel_payment":
            if paid or heard:
                s.refuse("paid", "What is paid is not cancelled.", source="ledger", next_step="Recover it.")
            elif order["state"] != "refused":
                s.refuse(
                    "outcome_unknown",
                    "The bank has not refused this order: it may still be paid.",
                    source="stages 8",
                    next_step="Wait for the bank, or ask it to refuse.",
                )
        case "recover" | "accept_difference":
            if not heard:
                s.refuse("not_paid", "The bank has paid nothing under this order.", source="ledger", next_step="Send again, or cancel.")
            elif decision.verdict == "recover" and Decimal(s.data["amount"]) > sum(heard, ZERO):
                s.refuse("above_paid", f"The bank paid {sum(heard, ZERO):,.2f} in all.", path="$.data.amount", source="ledger")


async def _bank_paid(s: Settling, order: Row) -> list[Decimal]:
    """Every movement of money that the bank has told under an order, oldest first."""
    rows = await s.db.fetch(
        "SELECT response FROM receipt WHERE starts_with(key, $1) AND response ->> 'kind' = 'confirmed' ORDER BY response ->> 'at', key",
        f"bank:{order['order']}:",
    )
    return [Decimal(row["response"]["amount"]) for row in rows if row["response"]["currency"] == order["currency"]]


@settles("payment.problem_resolved", locks=("umbrella", "partner"))
async def resolved(s: Settling, event: Draft) -> None:
    """What the verdict means for the books; the second order of `send_again` is an event of its own."""
    order = await _order(s, event.data["order"])
    if order is None:
        return
    event.data["instalment"] = order["instalment"]
    paid = await s.db.fetchval(SQL["paid_in_ledger"], order["subject"], order["instalment"])
    match event.data["verdict"]:
        case "cancel_payment":
            s.append(
                "payment.cancelled",
                {"order": order["order"], "instalment": order["instalment"], "amount": str(order["amount"]), "currency": order["currency"]},
            )
        case "recover" | "accept_difference" if not paid:
            await _book_other_amount(s, order)
        case "correct_account":
            case = await s.case()
            # it is set up and confirmed anew, by two people; until then nothing is paid to this partner
            s.append("vendor.account_changed", {"result": "refused", "order": order["order"]}, case["partner_subject"])
            s.start(await vetting_start(s.db, case["partner_subject"], track=s.batch.track, clock=s.batch.clock))


async def _book_other_amount(s: Settling, order: Row) -> None:
    """What the bank paid counts, at most what was released: less takes the rest of the release back, more is not the partner's to draw."""
    amounts = await _bank_paid(s, order)
    if not amounts:
        return
    amount = min(amounts[0], order["amount"])
    if amount < order["amount"]:
        rest = {
            "order": order["order"],
            "instalment": order["instalment"],
            "amount": str(order["amount"] - amount),
            "currency": order["currency"],
        }
        s.append("payment.cancelled", rest)
    s.append(
        "payment.confirmed",
        {"order": order["order"], "bank_reference": None, "difference": str(amounts[0] - order["amount"]), "booked": str(amount)},
    )


# Reports --------------------------------------------------------------------------------------------------------------------------


@settles("report.due")
async def report_due(s: Settling, event: Draft) -> None:
    """The report of a paid period is asked for."""
    report = await s.db.fetchrow(SQL["report_of"], event.subject, event.data["instalment"])
    if report is None:
        s.refuse("not_paid", f"Instalment {event.data['instalment']} is not paid.", source="stages 8")
        return
    event.data |= {"period": report["period"], "due": report["due"].isoformat()}


@judges("submit_report")
async def reporting(s: Settling) -> None:
    """Column B, line by line, of what was paid; signed by a listed officer; a narrative where one is asked for."""
    payload, case, pack = s.payload, await s.case(), await s.pack()
    assert isinstance(payload, SubmitReport)  # the task's only verdict
    instalment = await s.db.fetchrow(SQL["instalment_of"], case["subject"], instalment_of_task(s))
    if instalment is None or instalment["state"] not in ("paid", "reported"):
        s.refuse("not_paid", f"Instalment {instalment_of_task(s)} is not paid.", source="stages 8")
        return
    spent = lines_of([line.model_dump() for line in payload.lines])
    s.add(*cash.check_report(spent, let_through(instalment)))
    await _signed_by_officer(s, case, payload.signed_by, payload.signed_on, await s.today())
    if pack["cash.narrative_required"] and not case["humanitarian"] and not payload.narrative.strip():
        s.warn("no_narrative", "The report has no narrative.", path="$.data.narrative", source=pack.source("cash.narrative_required"))
    held = instalment["paid"] - total(spent) - payload.refunds
    if payload.balance is not None and payload.balance != held:
        s.warn("balance_differs", f"Paid less spent and refunded is {held:,.2f}.", path="$.data.balance", source="FACE")


@settles("report.submitted")
async def report_submitted(s: Settling, event: Draft) -> None:
    """The duty to report is met when the report is in (PCA 10.2(a)); what of it is accepted, two people say."""
    payload = s.payload
    assert isinstance(payload, SubmitReport)
    report = await s.db.fetchrow(SQL["report_of"], event.subject, event.data["instalment"])
    spent = lines_of([line.model_dump() for line in payload.lines])
    event.data |= {
        "period": report["period"] if report else event.data["instalment"],
        "amount": str(total(spent)),
        "lines": plain(spent, "spent"),
        "refunds": str(payload.refunds),
        "balance": str(payload.balance) if payload.balance is not None else None,
        "indicators": [item.indicator for item in payload.indicators],
        "signed_on": payload.signed_on.isoformat(),
    }
    await met(s, "quarterly_face", event.subject, what=str(event.data["instalment"]), by="report.submitted")


RESULTS = {"accept": "accepted", "accept_in_part": "accepted_in_part", "returned": "returned"}


@judges("review_report_programme", "review_report_finance")
async def reviewing(s: Settling) -> None:
    """In part: every line named was reported, and accepted + rejected is what was reported; a rejection says why."""
    if s.decision is None or s.decision.verdict != "accept_in_part":
        return
    report = await s.db.fetchrow(SQL["report_of"], s.batch.subject, instalment_of_task(s))
    spent = lines_of(report["lines"], "spent") if report else {}
    for at, line in enumerate(s.data["lines"]):
        accepted, rejected = Decimal(line["accepted"]), Decimal(line["rejected"])
        path = f"$.data.lines[{at}]"
        if line["activity"] not in spent:
            s.refuse("unknown_line", f"Line {line['activity']} was not reported.", path=path, source="FACE")
        elif accepted + rejected != spent[line["activity"]]:
            s.refuse(
                "amounts_do_not_add_up",
                f"Line {line['activity']} reports {spent[line['activity']]:,.2f}; accepted and rejected are {accepted + rejected:,.2f}.",
                path=path,
                source="FACE",
                next_step="Accepted plus rejected is what was reported.",
            )
        if rejected and not line.get("reason"):
            s.refuse("reason_required", "A rejection says why.", path=f"{path}.reason", source="casebook 1, task 42")


@settles("report.reviewed")
async def reviewed(s: Settling, event: Draft) -> None:
    """The second review settles it: of each line the lower accepted amount counts (C), the rest stays outstanding (D = A - C)."""
    report = await s.db.fetchrow(SQL["report_of"], event.subject, event.data["instalment"])
    if report is None or report["state"] != "submitted":
        s.refuse("not_reported", f"Instalment {event.data['instalment']} is not reported.", source="stages 8")
        return
    event.data["result"] = RESULTS[event.data["result"]]
    event.data.pop("lines", None)
    if event.data["result"] == "returned":
        return
    spent = lines_of(report["lines"], "spent")
    named = {line["activity"]: Decimal(line["accepted"]) for line in s.data.get("lines") or []}
    accepted = {line: named.get(line, amount) for line, amount in spent.items()}
    # why a line was rejected is text: it stays with the decision, whose data is kept by its hash
    event.data["lines"] = [
        {"activity": line, "accepted": str(amount), "rejected": str(spent[line] - amount)} for line, amount in accepted.items()
    ]
    other = report["reviews"].get("finance" if event.data["side"] == "programme" else "programme")
    if other is None:
        return
    instalment = await s.db.fetchrow(SQL["instalment_of"], event.subject, event.data["instalment"])
    assert instalment is not None  # its report stands on it
    settled = cash.liquidate(let_through(instalment), spent, accepted, lines_of(other, "accepted"))
    event.data |= {
        "final": True,
        "currency": instalment["currency"],
        "accepted": str(settled.c),
        "rejected": str(settled.rejected),
        "balance": str(instalment["paid"] - settled.c),
    }
