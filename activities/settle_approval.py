"""Approval and signature, settled against the rows: who may approve, what each side has to sign, from when to when it runs.

Authority is the ladder's, the rest of the move is the transition table's. A signature is taken as it was given: nobody is asked again
who has signed, and the document is signed when the last thing missing is there. No start before the later signature, ever.
"""

from datetime import date
from decimal import Decimal
from typing import Any

from activities import activation, deferrals, guards
from activities.settle_obligations import create, met
from activities.settling import Draft, Row, Settling, judges, settles
from db import content
from db.sql import queries
from policy import budget, ladder, signature
from policy.calendar import periods
from policy.rates import to_usd
from schemas.findings import Finding
from schemas.names import condition_id, reference_of

SQL = queries("approval")

APPROVES: dict[str, ladder.Object] = {"approve_document": "document", "approve_pca": "pca"}
SIDES = {"sign_as_partner": "partner", "sign_for_office": "office"}

ANNEX_OBJECTS = {
    "data_processing": "data_processing_agreement",
    "construction_conditions": "construction_conditions",
    "vehicle_loan": "vehicle_loan",
}
"""Objects that are signed beside the document unless they are annexed to it."""


async def office_total_usd(s: Settling, subject: str | None = None) -> Decimal:
    """Office total of the current version in US$, at the rate pinned with the case."""
    case = await s.case(subject)
    return to_usd(budget.totals(await s.document(subject)).office_total, case["rate"])


# Approval -------------------------------------------------------------------------------------------------------------------------


@judges("approve_document", "approve_pca", locks=("umbrella", "partner"))
async def authority(s: Settling) -> None:
    """The ladder on the office total, and everything that bars an approval by anybody."""
    decision, task = s.decision, s.task_row
    if decision is None or task is None or decision.verdict != "approve":
        return
    case, pack = await s.case(), await s.pack()
    # a PCA may be taken over, from a case that left, when the document is approved already
    if case["status"] not in ("in_approval", *(["in_signature"] if task["kind"] == "approve_pca" else [])):
        s.refuse("not_in_approval", f"The case is {case['status'].replace('_', ' ')}.", path="$.task", source="stages 2")
    review = await s.db.fetchrow(SQL["last_review"], case["subject"])
    s.add(
        *ladder.check(
            decision.role,
            APPROVES[task["kind"]],
            office_total_usd=await office_total_usd(s),
            pack=pack,
            office=(await s.pinned_office()).ladder,
            step_aside=await activation.steps_aside(s.db, case["subject"], await s.today()),
            negative=review is not None and review["result"] == "not_recommended",
            reason=bool(decision.comment),
        )
    )
    for row in await s.db.fetch(SQL["open_conditions"], case["subject"], "before_approval"):
        s.add(_gate_shut(row))
    if task["kind"] == "approve_document" and pack.track == "emergency":
        await _deferrals_seen(s, case)
    # the last approval moves the case, and the transition table asks the rest; an earlier one must not come through unscreened either
    if all(event.type != "case.status_changed" for event in s.batch.events):
        s.add(*guards.screening_findings(await guards.screening_of(s.db, case["partner_subject"], s.at, pack)))


async def _deferrals_seen(s: Settling, case: Row) -> None:
    """Whoever approves on the fast path knows by name what has not been checked yet."""
    seen = s.data.get("deferrals_seen", ())
    unseen = [element for element in await deferrals.elements(s.db, case["partner_subject"]) if element not in seen]
    if unseen:
        s.refuse(
            "deferrals_not_seen",
            f"Not checked yet, and not named as seen: {', '.join(unseen)}.",
            path="$.data.deferrals_seen",
            source="casebook 1, task 30",
            next_step="Look at what is postponed, and name all of it.",
        )


@settles("approval.given")
async def approval_given(s: Settling, event: Draft) -> None:
    """By whom, in which role, for which amount. Conditions of the approver become conditions of the case."""
    conditions = event.data.pop("conditions", None) or []
    event.data |= {
        "authority": s.said.role if s.said else "",
        "amount_usd": str(total := await office_total_usd(s)),
    }
    if event.data["object"] == "document" and ladder.informs_regional_director(total, await s.pack(subject=event.subject)):
        s.append("approval.informed", {"role": "regional_director", "amount_usd": str(total)}, event.subject)
    await set_conditions(s, conditions, stage="approval", subject=event.subject)


async def set_conditions(s: Settling, conditions: list[dict[str, Any]], *, stage: str, subject: str) -> None:
    """One `condition.set` each; the text goes into the content table, its hash into the event."""
    reference = reference_of(subject)
    first = 1 + int(
        await s.db.fetchval(SQL["conditions_set"], subject, condition_id(reference, s.batch.round, stage, 0).rpartition(":")[0])
    )
    for nth, condition in enumerate(conditions, first):
        text = await content.put(s.db, condition["text"], by=s.actor)
        s.append(
            "condition.set",
            {
                "condition": condition_id(reference, s.batch.round, stage, nth),
                "text_sha256": text.sha256,
                "owner_role": condition["owner_role"],
                "gate": condition["gate"],
                "due": condition.get("due"),
                "set_by": s.actor,
            },
            subject,
        )


@settles("approval.returned")
async def approval_returned(s: Settling, event: Draft) -> None:
    """What is asked for stays with the decision; the record says how much."""
    event.data["round"] = s.batch.round
    event.data["items"] = len(event.data.get("items") or [])


# Signature ------------------------------------------------------------------------------------------------------------------------


async def objects_to_sign(s: Settling) -> list[str]:
    """What each side signs: the document, the PCA where the case carries it, and what its flags ask for beside the annexes."""
    case = await s.case()
    umbrella = await s.db.fetchrow(SQL["umbrella_of"], case["umbrella"])
    wanted = ["document"]
    if umbrella is not None and umbrella["status"] == "draft" and umbrella["carrier"] == case["subject"]:
        wanted.append("pca")
    flags = (await s.document()).flags
    flagged = {"data_processing": flags.personal_data, "construction_conditions": flags.construction, "vehicle_loan": flags.vehicles}
    annexed = {row["annex"] for row in await s.db.fetch(SQL["annexes_of"], case["subject"])}
    return wanted + [name for name, annex in ANNEX_OBJECTS.items() if flagged[name] and annex not in annexed]


@judges("sign_as_partner", "sign_for_office", locks=("umbrella", "partner"))
async def signing(s: Settling) -> None:
    """All objects of a side at once; the accepted hash; a listed officer; no day in the future; no gate shut and no block in force."""
    decision, task = s.decision, s.task_row
    if decision is None or task is None or decision.verdict != "sign":
        return
    case, pack, today = await s.case(), await s.pack(), await s.today()
    side = SIDES[task["kind"]]
    if decision.role == "head_of_office" and await activation.steps_aside(s.db, case["subject"], today):
        s.refuse(
            "step_aside_in_force",
            "The global emergency coordinator has the representative's authority.",
            path="$.role",
            source=pack.source("approval.step_aside_role"),
            next_step="The global emergency coordinator signs.",
        )
    objects: list[dict[str, Any]] = s.data["objects"]
    signed = {(row["object"], row["side"]): row for row in await s.db.fetch(SQL["signatures_of"], [case["subject"], case["umbrella"]])}
    wanted = [name for name in await objects_to_sign(s) if (name, side) not in signed]
    given = [item["object"] for item in objects]
    for name in wanted:
        if name not in given:
            s.refuse(
                "objects_missing",
                f"The {name.replace('_', ' ')} is signed with the others and is missing.",
                path="$.data.objects",
                source="stages 7",
                next_step=f"Sign {', '.join(wanted)} together.",
            )
    officers, calendar = await _officers(s, case), await s.calendar()
    approved = {
        row["object"]: calendar.local_date(row["at"]) for row in await s.db.fetch(SQL["approvals_of"], case["subject"], s.batch.round)
    }
    if "pca" in wanted and "pca" not in approved:  # this case has taken it over from one that left
        s.refuse(
            "pca_not_approved",
            "This case carries the PCA now, and it is not approved yet.",
            path="$.data.objects",
            source="stages 7",
            next_step="The head of office approves it first (approve_pca).",
        )
    for at, item in enumerate(objects):
        path = f"$.data.objects[{at}]"
        signer = _signer(s, item)
        if given.count(item["object"]) > 1 or item["object"] not in {*wanted, *ANNEX_OBJECTS}:
            s.refuse("object_not_to_sign", f"The {item['object']} is not signed here, or twice.", path=f"{path}.object", source="stages 7")
        other = signed.get((item["object"], "office" if side == "partner" else "partner"))
        accepted = case["document_sha256"] if item["object"] == "document" else other["sha256"] if other else item["sha256"]
        s.add(
            *signature.check(
                signed_on=date.fromisoformat(item["signed_on"]),
                today=today,
                not_before=approved.get("pca" if item["object"] == "pca" else "document", today),
                method=item["method"],
                signer=signer,
                listed=officers if side == "partner" else {decision.actor},
                sha256=item["sha256"],
                accepted_sha256=accepted,
                pack=pack,
                path=path,
            )
        )
    for row in await s.db.fetch(SQL["open_conditions"], case["subject"], "before_signature"):
        s.add(_gate_shut(row))
    for block in await guards.blocked(s.db, [case["subject"], case["umbrella"], case["partner_subject"]], "signature"):
        s.refuse("signature_blocked", f"A stop of scope {block['scope']} stands: {block['cause']}.", path=block["id"], source="design 5")


def _signer(s: Settling, item: dict[str, Any]) -> str:
    """Who signed: named where another person records it, else the one who decides."""
    return str(item.get("signed_by") or (s.decision.actor if s.decision else ""))


async def _officers(s: Settling, case: Row) -> set[str]:
    """Those named in the PCA; while it is in draft, those whom the partner's declaration names."""
    umbrella = await s.db.fetchrow(SQL["umbrella_of"], case["umbrella"])
    if umbrella is not None and umbrella["status"] != "draft" and umbrella["officers"]:
        return set(umbrella["officers"])
    return {officer.actor for officer in (await s.intake()).partner.officers}


def _gate_shut(row: Row) -> Finding:
    return Finding(
        rule=f"conditions_{row['gate']}",
        message=f"A condition with gate {row['gate']} is open; its owner is the {row['owner_role']}.",
        severity="wait",
        path=row["id"],
        source="stages 6",
        next_step="Its owner meets it, or who set it waives it.",
    )


@settles("signature.recorded", locks=("umbrella",))
async def signature_recorded(s: Settling, event: Draft) -> None:
    """The signature on the PCA is the PCA's own; who signed and who recorded it are told apart."""
    case = await s.case()
    if event.data["object"] == "pca":
        event.subject = case["umbrella"]
    event.data["signed_by"] = _signer(s, event.data)
    if event.data["object"] == "document" and event.data["side"] == "partner":
        await met(s, "partner_acceptance_record", case["subject"], by="sign_as_partner:sign")


@settles("document.signed", locks=("umbrella", "partner"))
async def document_signed(s: Settling, event: Draft) -> None:
    """Dates by the later signature, periods from the start, the amount that may be drawn, the clocks, and what is owed from now on."""
    case, pack, calendar, document = await s.case(), await s.pack(), await s.calendar(), await s.document()
    umbrella = await s.db.fetchrow(SQL["umbrella_of"], case["umbrella"])
    rows = await s.db.fetch(SQL["signatures_of"], [case["subject"], case["umbrella"]])
    sides = {row["side"]: row for row in rows if row["object"] == "document"}
    for side in ("partner", "office"):
        if side not in sides:
            s.wait("signature_missing", f"The {side} has not signed.", source="stages 7", next_step="Both sides sign.")
    if umbrella is None or umbrella["status"] != "signed":
        s.wait(
            "umbrella_signed",
            "The PCA is not signed.",
            source="eTools start_date_related_agreement_valid (ET)",
            next_step="It is signed first.",
        )
    if len(sides) < 2 or umbrella is None or umbrella["status"] != "signed":
        return
    programme = (await s.pinned_office()).programme(case["programme"])
    programme_end = umbrella["end_on"] or (programme.end if programme else None)
    dates = signature.document(
        requested_start=document.start or case["start_requested"],
        requested_end=document.end or case["end_requested"],
        signatures=[row["signed_on"] for row in sides.values()],
        pca_start=umbrella["start_on"] or umbrella["signed_on"],
        pca_end=programme_end or date.max,
        if_late=document.if_late,
    )
    s.add(*dates.findings)
    received = calendar.local_date(case["received_at"])
    event.data |= {
        "later_signature": dates.signed_on.isoformat(),
        "start_requested": (document.start or case["start_requested"]).isoformat(),
        "start": dates.start.isoformat(),
        "end": dates.end.isoformat(),
        "periods": [
            {"period": period.number, "start": period.start.isoformat(), "end": period.end.isoformat()}
            for period in periods(dates.start, dates.end, pack["document.quarter_months"])
        ],
        "authorised": str(budget.totals(document).office_cash),
        "currency": document.currency,
        "days_a": calendar.working_days(received, dates.signed_on),
        "days_b": calendar.working_days(calendar.local_date(case["first_partner_act"]), dates.signed_on)
        if case["first_partner_act"]
        else None,
        "days_c": calendar.working_days(calendar.local_date(case["review_submitted_at"]), dates.signed_on)
        if case["review_submitted_at"]
        else None,
    }
    approved = {row["object"] for row in await s.db.fetch(SQL["approvals_of"], case["subject"], s.batch.round)}
    own = [row for row in rows if row["object"] != "pca" or "pca" in approved]  # the PCA's are those of the case that carried it
    await _owed_from_signature(s, case, dates, programme_end, own)
    await deferrals.at_signature(s, case, dates.signed_on)


async def _owed_from_signature(s: Settling, case: Row, dates: signature.Dates, programme_end: date | None, signatures: list[Row]) -> None:
    """Obligations that the last signature creates, on either track."""
    subject = case["subject"]
    if programme_end is not None and dates.end > programme_end:
        await create(s, "new_pca_required", subject, anchors={"programme_end": programme_end}, reason="crosses_programme")
    if any(row["method"] == "email" for row in signatures):
        await create(s, "signed_original", subject, anchors={"last_signature": dates.signed_on}, reason="email_signature")
    for element in await s.db.fetch(SQL["elements_of"], case["partner_subject"]):
        expires = element["valid_until"]
        if expires is None or element["source"] in ("assumed", "deferred") or not dates.signed_on <= expires < dates.end:
            continue
        if element["element"] == "declaration":  # it ends with the PCA, and the next PCA brings the next one
            continue
        await create(
            s,
            "assessment_renewal",
            case["partner_subject"],
            what=f"{element['element']}:{expires.isoformat()}",
            anchors={"expiry": expires},
            owner_role="assurance_officer" if element["element"] in ("psea", "hact") else "partner_focal_point",
            reason=element["element"],
            cases=(subject,),
        )
