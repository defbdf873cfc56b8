"""Settling what the fast path leaves for later: what is owed from submission, signature, payment and release on, and the report waiver.

Nothing is dropped on the fast path: what it does not ask at once becomes an obligation here, with its date, its owner and its consequence.
Postponed checks of the partner are in `deferrals`, the ratification of a review in `settle_ratification`. This module never lets cash go.
"""

from datetime import date, timedelta

import activities.settle_approval  # noqa: F401  (its hooks come first: the dates of a signature)
from activities import deferrals
from activities import settle_cash as transfers
from activities.settle_obligations import create, met
from activities.settling import Draft, Settling, judges, settles
from db.sql import queries
from policy import document as documents
from policy.calendar import add_months
from schemas.names import obligation_id, owner_of
from schemas.payloads import SubmitRequest

SQL = queries("owed")
OBLIGATIONS = queries("obligations")

AGREEMENT = "data_processing_agreement"
OTHER_SIDE = {"sign_as_partner": "office", "sign_for_office": "partner"}


# Submission and signature ---------------------------------------------------------------------------------------------------------


@settles("review.submitted")
async def selection_owed(s: Settling, event: Draft) -> None:
    """On the fast path a direct selection may be justified later, but before the last signature; the data agreement is owed on both."""
    case, selection = await s.case(event.subject), (await s.intake(event.subject)).selection
    justified = bool(selection.reason_code and selection.text.strip()) or bool(s.data.get("selection_evidence"))
    if case["track"] == "emergency" and selection.kind == "direct" and not justified:
        await create(s, "selection_justification", event.subject, reason="direct_selection_without_text")
    if (await s.document(event.subject)).flags.personal_data and not await s.db.fetchval(SQL["annex_not_needed"], event.subject, AGREEMENT):
        await create(s, AGREEMENT, event.subject, reason="personal_data")  # on either track, and never deferred


@judges(*OTHER_SIDE)
async def justified_by_now(s: Settling) -> None:
    """A direct selection that is not justified bars the last signature; what else is owed by then is met by signing."""
    if s.decision is None or s.task_row is None or s.decision.verdict != "sign":
        return
    case = await s.case()
    if not await s.db.fetchval(SQL["signed_by_other"], case["subject"], OTHER_SIDE[s.task_row["kind"]]):
        return  # not the last one
    for row in await s.db.fetch(OBLIGATIONS["obligations_of_kind"], case["subject"], "selection_justification"):
        s.refuse(
            "selection_not_justified",
            "The direct selection is not justified yet.",
            path=row["id"],
            source="policy D.4",
            next_step=f"The {row['owner_role']} gives the text; the {row['verifier_role']} accepts it.",
        )


@settles("document.signed")
async def owed_from_signature(s: Settling, event: Draft) -> None:
    """The review by one person is ratified by a committee, and the document completed: both count from the later signature."""
    if "later_signature" not in event.data:
        return  # something is still missing: the document is not signed
    case, pack, document = await s.case(event.subject), await s.pack(subject=event.subject), await s.document(event.subject)
    anchors = {"last_signature": date.fromisoformat(event.data["later_signature"])}
    if await s.db.fetchval(SQL["agreement_signed"], event.subject, AGREEMENT):
        await met(s, AGREEMENT, event.subject, by="signed_object")
    if await s.db.fetchval(SQL["last_review_kind"], event.subject) == "single":
        await create(s, "committee_ratification", event.subject, anchors=anchors, reason="review_by_one_person")
    which = documents.kind(
        humanitarian=case["humanitarian"], office_total_usd=case["office_total_usd"], start=document.start, end=document.end, pack=pack
    )
    if missing := sorted({finding.rule for finding in documents.left_out(document, which, pack)}):
        await create(s, "document_completion", event.subject, anchors=anchors, reason="sections_left_out", data={"missing": missing})


# Cash -----------------------------------------------------------------------------------------------------------------------------


@settles("payment.confirmed")
async def first_visit(s: Settling, event: Draft) -> None:
    """The first payment on a risk that is only assumed is looked at on the spot."""
    case = await s.case(event.subject)
    if not await deferrals.elements(s.db, case["partner_subject"]):
        return
    if await s.db.fetchval(SQL["released_before"], event.subject, event.data.get("instalment", 1)):
        return
    await create(s, "first_assurance_visit", event.subject, anchors={"first_payment": await s.today()}, reason="assumed_risk")


@settles("cash.released", locks=("partner",))
async def second_release(s: Settling, event: Draft) -> None:
    """What is due at the second instalment at the latest, is due now."""
    if await s.db.fetchval(SQL["released_before"], event.subject, event.data["instalment"]):
        await deferrals.at_second_release(s, await s.case(event.subject), await s.today())


@judges("request_cash", locks=("partner",))
async def direct_payment_only(s: Settling) -> None:
    """While an assessment is overdue the partner's vendors are paid, not the partner."""
    payload, case = s.payload, await s.case()
    if not isinstance(payload, SubmitRequest) or payload.face.modality == "direct_payment":
        return
    for row in await s.db.fetch(SQL["direct_payment_only"], case["subject"], case["umbrella"], case["partner_subject"], s.at):
        s.refuse(
            "direct_payment_only",
            f"Only direct payment is possible: {row['cause']}.",
            path="$.data.face.modality",
            source="PCA 8.9(b)",
            next_step="Request direct payment, or wait until the assessment is done.",
        )


# Waiver of the report -------------------------------------------------------------------------------------------------------------


@judges("decide_report_waiver")
async def within_limits(s: Settling) -> None:
    """One at a time, at most the pack's days, and never beyond the six-month rule."""
    if s.decision is None or s.decision.verdict != "grant":
        return
    case, pack, today, until = await s.case(), await s.pack(), await s.today(), date.fromisoformat(s.data["until"])
    owed = await s.db.fetch(SQL["unreported"], case["subject"], transfers.instalment_of_task(s))

    def not_so(rule: str, message: str, next_step: str, of: str = "cash.waiver_days") -> None:
        s.add(pack.finding(rule, message, of=of, path="$.data.until", next_step=next_step))

    if not owed:
        s.refuse("nothing_to_waive", "Every instalment before is reported.", path="$.task", source="PCA 8.5(c)")
    if await s.db.fetch(OBLIGATIONS["obligations_of_kind"], case["subject"], "waived_report"):
        not_so("waiver_open", "A waiver is open already.", "The partner reports first.")
    if until < today:
        not_so("date_passed", f"{until} has passed.", "Name a later day.")
    if until > (longest := today + timedelta(days=pack["cash.waiver_days"])):
        not_so("waiver_too_long", f"A waiver ends at the latest on {longest}.", "Name an earlier day.")
    stops = [add_months(row["end_on"], pack["cash.six_months"]) for row in owed]
    if stops and until > min(stops):
        not_so("six_months", f"From {min(stops)} on no cash leaves without the report.", "Name an earlier day.", "cash.six_months")


@settles("report.waived")
async def waived(s: Settling, event: Draft) -> None:
    """The earliest report that is missing may come until that day; it stays owed."""
    owed = await s.db.fetch(SQL["unreported"], event.subject, event.data["instalment"])
    if not owed:
        s.refuse("nothing_to_waive", "Every instalment before is reported.", source="PCA 8.5(c)")
        return
    number, until = owed[0]["instalment"], str(event.data["until"])
    identity = await create(
        s, "waived_report", event.subject, what=str(number), anchors={"given": date.fromisoformat(until)}, reason="report_waived",
        authority=s.said.role if s.said else "",
    )  # fmt: skip
    event.data |= {"instalment": number, "until": until, "obligation": identity}
    calendar = await s.calendar()
    for row in await s.db.fetch(OBLIGATIONS["obligations_of_kind"], event.subject, "quarterly_face"):
        # the report stays owed, but until that day its own stop would undo the waiver; the six months are counted from the period
        mine = row["id"] == obligation_id(owner_of(event.subject), "quarterly_face", str(number))
        if mine and row["due_at"] is not None and calendar.local_date(row["due_at"]) < date.fromisoformat(until):
            s.append("obligation.extended", {"obligation": row["id"], "until": until}, event.subject)


@settles("report.reviewed")
async def reported_after_waiver(s: Settling, event: Draft) -> None:
    """A report that both sides have accepted ends its waiver."""
    if event.data.get("final"):
        await met(s, "waived_report", event.subject, what=str(event.data["instalment"]), by="report_accepted")
