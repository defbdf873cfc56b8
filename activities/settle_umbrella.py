"""The PCA: signed beside its carrying document, suspended, lifted, ended. Its state is a row that many cases read.

Who carries a draft, and what happens to it when the carrier ends, is settled with the case's own status. Whatever changes the PCA tells
every open case under it to look again.
"""

from datetime import date

from activities import guards
from activities.settle_obligations import clock_of
from activities.settling import Draft, Settling, settles
from db.sql import queries
from policy import signature, transitions
from schemas.engine import CaseView, StageInput, Start
from schemas.names import block_id, kind_of, office_partner_programme, stage_workflow, umbrella_workflow

SQL = queries("approval")

SUSPENSION = "suspension"
IN_FORCE = frozenset({"signed", "suspended"})
"""Statuses of a PCA that will end by itself."""


@settles("umbrella.signed", locks=("umbrella", "partner"))
async def signed(s: Settling, event: Draft) -> None:
    """Both signatures, the declaration, a confirmed account and named officers; from the later signature to the programme's end."""
    case = await s.case()
    umbrella = await s.db.fetchrow(SQL["umbrella_of"], event.subject)
    if umbrella is None:
        s.refuse("umbrella_unknown", f"The record has no {event.subject}.", source="stages 1")
        return
    signatures = {row["side"]: row for row in await s.db.fetch(SQL["signatures_of"], [event.subject]) if row["object"] == "pca"}
    declaration = await s.db.fetchrow(SQL["element_of"], case["partner_subject"], "declaration")
    vendor = await s.db.fetchrow(SQL["vendor_of"], case["partner_subject"])
    officers = [officer.actor for officer in (await s.intake()).partner.officers]
    today = await s.today()
    move = transitions.move(
        transitions.UMBRELLA,
        umbrella["status"],
        "sign",
        {
            "both_signatures": set(signatures) == {"office", "partner"},
            "declaration_signed": declaration is not None and (declaration["valid_until"] is None or declaration["valid_until"] >= today),
            "vendor_confirmed": vendor is not None and vendor["confirmed_at"] is not None,
            "officers_named": bool(officers),
            "no_future_date": all(row["signed_on"] <= today for row in signatures.values()),
        },
    )
    s.add(*move.findings)
    programme = (await s.pinned_office()).programme(case["programme"])
    if programme is None:
        s.refuse("unknown_programme", f"The office file has no programme {case['programme']}.", path="$.programme", source="office file")
    if not move.allowed or programme is None or vendor is None:
        return
    dates = signature.umbrella([row["signed_on"] for row in signatures.values()], programme.start, programme.end)
    s.add(*dates.findings)
    event.data |= {
        "start": dates.start.isoformat(),
        "end": dates.end.isoformat(),
        "signed_on": dates.signed_on.isoformat(),
        "officers": officers,
        "account_hash": vendor["account_hash"],
    }
    await begin(s, event.subject)
    await tell(s, event.subject)


@settles("case.track_set")
async def brought(s: Settling, event: Draft) -> None:
    """A PCA in force that the facts of its first case brought: its own workflow keeps its end from now on."""
    case = await s.case(event.subject)
    umbrella = await s.db.fetchrow(SQL["umbrella_of"], case["umbrella"])
    if umbrella is None or umbrella["status"] not in IN_FORCE:
        return
    if await s.db.fetchval(SQL["first_under"], case["umbrella"]) == event.subject:
        await begin(s, case["umbrella"])


@settles("umbrella.suspended", locks=("umbrella",))
async def suspended(s: Settling, event: Draft) -> None:
    """A block that reaches every document under the PCA; each suspension is one of its own."""
    await _move(s, event, "suspend", {"reason": s.said is not None and bool(s.said.reason_code or s.said.comment)})
    until = event.data.get("until")
    ends = None
    if until:
        ends = (await s.calendar()).end_of_business(date.fromisoformat(str(until))).isoformat()
    block = block_id(event.subject, SUSPENSION, s.said.key if s.said else f"{s.at:%Y%m%dT%H%M%S}")
    scope, code = event.data.get("scope") or "all", (s.said.reason_code if s.said else None) or "other"
    event.data |= {"reason_code": code, "blocks": [{"id": block, "scope": scope, "cause": SUSPENSION, "reason_code": code, "until": ends}]}
    await tell(s, event.subject)


@settles("umbrella.lifted", locks=("umbrella",))
async def lifted(s: Settling, event: Draft) -> None:
    """Lifts the block that is named, or every suspension of the PCA; it stays suspended while one stands."""
    standing = [row["id"] for row in await guards.blocked(s.db, [event.subject], "cash") if row["cause"] == SUSPENSION]
    named = event.data.get("block")
    lifts = [block for block in standing if not named or block == named]
    if not lifts:
        s.refuse("block_named", "No suspension of that id stands.", path="$.data.block", source="transition table")
    if set(lifts) != set(standing):
        s.refuse("other_suspension", "Another suspension of the PCA stands.", source="design 5", next_step="Lift them together.")
    await _move(s, event, "lift", {"reason": s.said is not None and bool(s.said.comment)})
    event.data["lifts"] = lifts
    await tell(s, event.subject)


@settles("umbrella.ended", "umbrella.terminated", locks=("umbrella",))
async def over(s: Settling, event: Draft) -> None:
    """No further cash under a PCA that is over: every case under it looks again."""
    umbrella = await s.db.fetchrow(SQL["umbrella_of"], event.subject)
    today = await s.today()
    trigger = "programme_over" if event.type == "umbrella.ended" else "terminate"
    await _move(
        s,
        event,
        trigger,
        {
            "programme_over": umbrella is not None and umbrella["end_on"] is not None and umbrella["end_on"] < today,
            "termination_document": bool(event.data.get("document_sha256") or s.data.get("document")),
        },
    )
    await tell(s, event.subject)


async def begin(s: Settling, subject: str) -> None:
    """The PCA's own workflow keeps its dates from now on."""
    _, partner, programme = office_partner_programme(subject)
    view = CaseView(track=s.batch.track, clock=await clock_of(s))
    s.start(
        Start(
            workflow="Umbrella",
            id=umbrella_workflow(partner, programme),
            input=StageInput(subject=subject, stage="umbrella", view=view),
            summary=f"PCA of {partner} for {programme}",
        )
    )


async def tell(s: Settling, subject: str) -> None:
    """Every open case under the PCA looks again; where both sides have signed, it is the stage of signature that waits for the PCA."""
    for case in await s.db.fetch(SQL["cases_under"], subject):
        s.hint(case["workflow"])
        if case["status"] == "in_signature":
            s.hint(stage_workflow(case["workflow"], "approval"))


async def _move(s: Settling, event: Draft, trigger: str, facts: dict[str, bool]) -> None:
    umbrella = await s.db.fetchrow(SQL["umbrella_of"], event.subject)
    if umbrella is None or kind_of(event.subject) != "umbrella":
        s.refuse("umbrella_unknown", f"The record has no {event.subject}.", source="stages 1")
        return
    move = transitions.move(transitions.UMBRELLA, umbrella["status"], trigger, facts)
    s.add(*move.findings)
    event.data |= {"from": umbrella["status"], "to": move.to}
