"""What the fast path leaves for later, on real Postgres: created once, with day, owner and consequence; fires and lifts by itself."""

from datetime import date
from typing import Any

import pytest

from schemas.engine import Event, Opening, Recorded
from tests.activities import fast_path as fp
from tests.activities.desk import Desk, at, facts, sha
from tests.activities.fast_path import in_force
from tests.activities.test_deferrals import rated
from tests.kept import afresh, kept

COMPLETION = "MOZ/2026/0031:document_completion"
DECISION = "MOZ/2026/0031:activation_end_decision:document_completion"
VISIT = "MOZ/2026/0031:first_assurance_visit"
SELECTION = "MOZ/2026/0031:selection_justification"


async def decide(
    desk: Desk, case: str, kind: str, obligation: str, verdict: str, actor: str, role: str, event: str, when: str, **said: Any
) -> Recorded:
    opening = Opening(kind=kind, whom=f"{obligation} {verdict}-{desk.keys}", roles=[role])
    (task,) = await desk.open(case, "obligations", at(when, "07:00"), opening)
    happened = Event(type=event, data={"obligation": obligation}, take=["documents", "until"])
    return await desk.decide(task, actor, role, verdict, at(when), [happened], subject=case, **said)


async def evidence(desk: Desk, case: str, obligation: str, actor: str, role: str, when: str) -> Recorded:
    data = {"documents": [{"document": "evidence.pdf", "sha256": sha("evidence"), "kind": "report"}]}
    return await decide(
        desk, case, "meet_obligation", obligation, "submit_evidence", actor, role, "obligation.evidence_submitted", when, data=data
    )


async def accepted(desk: Desk, case: str, obligation: str, actor: str, role: str, when: str, verdict: str = "accept") -> Recorded:
    return await decide(desk, case, "check_obligation_evidence", obligation, verdict, actor, role, "obligation.met", when)


async def row(desk: Desk, case: str, kind: str) -> Any:
    found = await desk.row("obligation", case, kind=kind)
    assert found is not None, kind
    return found


# Created at the last signature ----------------------------------------------------------------------------------------------------


async def test_the_last_signature_owes_what_the_fast_path_left_out_each_with_its_day(desk: Desk) -> None:
    case = await fp.signed(desk, method="email")
    assert await fp.owed(desk, case) == {
        "partner_acceptance_record": (None, "met"),
        "signed_original": (date(2026, 4, 18), "open"),
        "committee_ratification": (date(2026, 4, 30), "open"),
        "document_completion": (date(2026, 6, 19), "open"),
    }


@pytest.mark.parametrize(
    ("kind", "owner", "verifier", "consequences"),
    [
        ("committee_ratification", "committee_secretary", "overall_approver", ["suspend_cash", "escalate"]),
        ("document_completion", "focal_point", "partnership_manager", ["block_amendment"]),
        ("signed_original", "focal_point", "partnership_manager", ["escalate", "block_amendment"]),
        ("partner_acceptance_record", "partner_authorised_officer", "", ["block_signature"]),
    ],
)
async def test_each_of_them_has_its_owner_its_verifier_and_its_consequence(
    desk: Desk, kind: str, owner: str, verifier: str, consequences: list[str]
) -> None:
    found = await row(desk, await fp.signed(desk, method="email"), kind)
    assert (found["owner_role"], found["verifier_role"], list(found["consequences"])) == (owner, verifier, consequences)


async def test_a_signature_that_still_waits_for_something_owes_nothing_yet(desk: Desk) -> None:
    case = await fp.in_signature(desk)
    fp.taken(await fp.sign(desk, case, "partner", "2026-03-18"))
    assert set(await fp.owed(desk, case)) == {"partner_acceptance_record"}
    alone = await desk.system(case, "approval", "alone", at("2026-03-18", "12:00"), [Event(type="document.signed")])
    assert alone.refused
    assert set(await fp.owed(desk, case)) == {"partner_acceptance_record"}


async def test_a_document_with_nothing_left_out_owes_no_completion(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.settle_owed.documents.left_out", lambda *_: [])
    with afresh():
        case = await fp.signed(desk)
    assert "document_completion" not in await fp.owed(desk, case)


async def test_what_was_left_out_is_named_so_that_its_owner_knows(desk: Desk) -> None:
    found = await row(desk, await fp.signed(desk), "document_completion")
    assert found["data"]["missing"]
    assert found["data"]["missing"] == sorted(found["data"]["missing"])


# A direct selection without its text ----------------------------------------------------------------------------------------------


async def unjustified(desk: Desk) -> str:
    """C3 as far as in signature, without the text of its direct selection."""
    intake = facts("C3")
    intake["selection"] = {"kind": "direct", "reason_code": "time_constraints_or_criticality", "text": ""}

    async def without(desk: Desk, name: str = "C3", **changes: Any) -> str:
        return await desk.taken(intake | changes)

    with pytest.MonkeyPatch.context() as patch, afresh():
        patch.setattr("tests.activities.fast_path.fast", without)
        return await fp.in_signature(desk)


async def test_a_direct_selection_without_its_text_is_owed_and_bars_the_last_signature(desk: Desk) -> None:
    case = await unjustified(desk)
    found = await row(desk, case, "selection_justification")
    assert (found["due_at"], found["owner_role"], found["verifier_role"]) == (None, "focal_point", "partnership_manager")
    fp.taken(await fp.sign(desk, case, "partner", "2026-03-18"))
    done = await fp.sign(desk, case, "office", "2026-03-19", last=True)
    await fp.nothing_changed(desk, case, done, "selection_not_justified")
    assert "partnership_manager" in done.findings[0].next_step
    assert (await desk.case(case))["status"] == "in_signature"
    assert await fp.owed(desk, case) == {"selection_justification": (None, "open"), "partner_acceptance_record": (None, "met")}


async def test_the_text_accepted_by_another_person_opens_the_last_signature(desk: Desk) -> None:
    case = await unjustified(desk)
    fp.taken(await fp.sign(desk, case, "partner", "2026-03-18"))
    fp.taken(await evidence(desk, case, SELECTION, "mz.001", "focal_point", "2026-03-18"))
    fp.taken(await accepted(desk, case, SELECTION, "mz.002", "partnership_manager", "2026-03-18"))
    done = fp.taken(await fp.sign(desk, case, "office", "2026-03-19", last=True))
    assert done.left_out == []
    assert (await desk.case(case))["status"] == "signed"


async def test_a_justification_given_with_the_submission_is_not_owed(desk: Desk) -> None:
    case = await fp.signed(desk)
    assert "selection_justification" not in await fp.owed(desk, case)


# The partner's own acceptance -----------------------------------------------------------------------------------------------------


async def test_what_was_accepted_on_its_behalf_is_met_when_the_partner_signs_the_same_hash(desk: Desk) -> None:
    case = await fp.in_signature(desk)
    assert (await fp.owed(desk, case))["partner_acceptance_record"] == (None, "open")
    fp.taken(await fp.sign(desk, case, "partner", "2026-03-18"))
    assert (await fp.owed(desk, case))["partner_acceptance_record"] == (None, "met")
    (told,) = await desk.told(case, "obligation.met")
    assert told["by"] == "sign_as_partner:sign"


async def test_a_signature_on_another_hash_does_not_meet_it(desk: Desk) -> None:
    case = await fp.in_signature(desk)
    done = await fp.sign(desk, case, "partner", "2026-03-18", sha256=sha("another text"))
    await fp.nothing_changed(desk, case, done, "other_hash")
    assert (await fp.owed(desk, case))["partner_acceptance_record"] == (None, "open")


async def test_a_partner_that_accepted_itself_owes_no_record_of_it(desk: Desk) -> None:
    case = await fp.signed(desk, behalf=False)
    assert "partner_acceptance_record" not in await fp.owed(desk, case)


# The first visit ------------------------------------------------------------------------------------------------------------------


async def test_the_first_payment_on_an_assumed_risk_owes_a_visit_within_a_quarter(desk: Desk) -> None:
    case = await fp.paid(desk)
    found = await row(desk, case, "first_assurance_visit")
    assert (found["due_at"].date(), found["owner_role"], found["verifier_role"]) == (
        date(2026, 6, 24), "assurance_officer", "partnership_manager",
    )  # fmt: skip
    fp.taken(await fp.falls_due(desk, case, VISIT, "2026-06-24"))
    assert await fp.stops(desk, case) == {"instalment"}
    fp.taken(await evidence(desk, case, VISIT, "mz.014", "assurance_officer", "2026-06-25"))
    assert await fp.stops(desk, case) == {"instalment"}, "evidence alone lifts nothing"
    fp.taken(await accepted(desk, case, VISIT, "mz.002", "partnership_manager", "2026-06-26"))
    assert await fp.stops(desk, case) == set()


async def test_without_an_assumed_risk_no_visit_is_owed(desk: Desk) -> None:
    case = await fp.released(desk)
    await desk.pool.execute("UPDATE element SET source = 'own' WHERE subject = $1", fp.PARTNER)
    fp.taken(await fp.bank_pays(desk, case))
    assert "first_assurance_visit" not in await fp.owed(desk, case)


async def test_evidence_is_never_verified_by_its_owner(desk: Desk) -> None:
    """Bad input: evidence verified by its owner."""
    case = await fp.signed(desk, method="email")
    original = "MOZ/2026/0031:signed_original"
    fp.taken(await evidence(desk, case, original, "mz.001", "focal_point", "2026-04-09"))
    await fp.office(desk, "mz.001", [{"role": "focal_point"}, {"role": "partnership_manager"}])  # even who holds both roles
    done = await accepted(desk, case, original, "mz.001", "partnership_manager", "2026-04-10")
    await fp.nothing_changed(desk, case, done, "owner_verifies")
    assert done.findings[0].next_step == "Another person decides."
    assert (await row(desk, case, "signed_original"))["state"] == "evidence_in"


# Extension and write-off ----------------------------------------------------------------------------------------------------------


async def test_an_extension_moves_the_completion_and_lifts_until_its_day(desk: Desk) -> None:
    case = await fp.signed(desk)
    fp.taken(await fp.falls_due(desk, case, COMPLETION, "2026-06-19"))
    assert await fp.stops(desk, case) == {"amendment"}
    head = ("mz.008", "head_of_office", "obligation.extended", "2026-06-22")
    far = await decide(
        desk, case, "decide_obligation", COMPLETION, "extend", *head, comment="c", data={"until": "2026-07-20"}
    )  # fmt: skip
    await fp.nothing_changed(desk, case, far, "extension_too_long")
    fp.taken(await decide(desk, case, "decide_obligation", COMPLETION, "extend", *head, comment="c", data={"until": "2026-07-17"}))
    assert await fp.stops(desk, case) == set()
    assert (await fp.owed(desk, case))["document_completion"] == (date(2026, 7, 17), "open")


async def test_only_the_regional_director_writes_a_ratification_off(desk: Desk) -> None:
    case = await fp.signed(desk)
    identity = "MOZ/2026/0031:committee_ratification"
    fp.taken(await fp.falls_due(desk, case, identity, "2026-04-30"))
    assert await fp.stops(desk, case) == {"cash"}
    day, event = "2026-05-04", "obligation.written_off"
    head = await decide(desk, case, "decide_obligation", identity, "write_off", "mz.008", "head_of_office", event, day, comment="c")
    await fp.nothing_changed(desk, case, head, "above_authority")
    assert await fp.stops(desk, case) == {"cash"}
    director = ("mz.023", "regional_director")
    fp.taken(await decide(desk, case, "decide_obligation", identity, "write_off", *director, event, day, comment="c"))
    assert await fp.stops(desk, case) == set()
    assert not (await desk.begin(case, "obligations", at("2026-05-05")))["ratification"]


# The document that is not completed ----------------------------------------------------------------------------------------------


async def test_thirty_days_after_its_day_it_is_decided_what_becomes_of_an_incomplete_document(desk: Desk) -> None:
    case = await fp.signed(desk)
    begun = await desk.begin(case, "obligations", at("2026-03-20"))
    (one,) = [item for item in begun["open"] if item["id"] == COMPLETION]
    assert [(moment["at"][:10], moment["level"]) for moment in one["moments"]] == [("2026-06-19", 0), ("2026-07-19", 1)]
    fp.taken(await fp.falls_due(desk, case, COMPLETION, "2026-06-19"))
    early = await fp.falls_due(desk, case, COMPLETION, "2026-07-18", level=1)
    assert {found.rule for found in early.findings} == {"not_due"}
    assert "activation_end_decision" not in await fp.owed(desk, case)
    done = fp.taken(await fp.falls_due(desk, case, COMPLETION, "2026-07-19", level=1))
    assert done.look_again == ["pca.MZ.MOZ-2026-0031"]
    found = await row(desk, case, "activation_end_decision")
    assert (found["id"], found["due_at"].date(), found["owner_role"]) == (DECISION, date(2026, 7, 31), "head_of_office")
    assert (await desk.begin(case, "case", at("2026-07-20")))["convert_or_end"] == "document_completion"
    assert await fp.stops(desk, case) == {"amendment"}
    fp.taken(await fp.falls_due(desk, case, DECISION, "2026-07-31"))
    assert await fp.stops(desk, case) == {"amendment", "instalment"}


async def test_the_completed_document_lifts_all_of_it_by_itself(desk: Desk) -> None:
    case = await fp.signed(desk)
    fp.taken(await fp.falls_due(desk, case, COMPLETION, "2026-06-19"))
    fp.taken(await fp.falls_due(desk, case, COMPLETION, "2026-07-19", level=1))
    fp.taken(await fp.falls_due(desk, case, DECISION, "2026-07-31"))
    fp.taken(await evidence(desk, case, COMPLETION, "mz.001", "focal_point", "2026-08-03"))
    fp.taken(await accepted(desk, case, COMPLETION, "mz.002", "partnership_manager", "2026-08-04"))
    assert await fp.stops(desk, case) == set()
    assert (await fp.owed(desk, case))["activation_end_decision"][1] == "met"
    assert "convert_or_end" not in await desk.begin(case, "case", at("2026-08-05"))


async def test_the_decision_itself_lifts_the_stop_on_the_instalments_alone(desk: Desk) -> None:
    case = await fp.signed(desk)
    fp.taken(await fp.falls_due(desk, case, COMPLETION, "2026-06-19"))
    fp.taken(await fp.falls_due(desk, case, COMPLETION, "2026-07-19", level=1))
    fp.taken(await fp.falls_due(desk, case, DECISION, "2026-07-31"))
    (task,) = await desk.open(
        case, "case", at("2026-08-03", "07:00"), Opening(kind="decide_at_activation_end", whom="document_completion")
    )  # fmt: skip
    event = Event(type="activation.end_decided", data={"verdict": "convert"}, take=["by"])
    said = {"data": {"by": "2026-08-31"}}
    fp.taken(await desk.decide(task, "mz.008", "head_of_office", "convert", at("2026-08-03"), [event], subject=case, **said))
    assert await fp.stops(desk, case) == {"amendment"}


async def test_an_extension_moves_what_follows_with_it(desk: Desk) -> None:
    case = await fp.signed(desk)
    until = {"until": "2026-07-17"}
    head = ("mz.008", "head_of_office", "obligation.extended", "2026-06-15")
    fp.taken(await decide(desk, case, "decide_obligation", COMPLETION, "extend", *head, comment="c", data=until))
    early = await fp.falls_due(desk, case, COMPLETION, "2026-07-19", level=1)
    assert {found.rule for found in early.findings} == {"not_due"}
    begun = await desk.begin(case, "obligations", at("2026-06-16"))
    (one,) = [item for item in begun["open"] if item["id"] == COMPLETION]
    assert [moment["at"][:10] for moment in one["moments"]] == ["2026-07-17", "2026-08-16"]


# Cash -----------------------------------------------------------------------------------------------------------------------------


@kept
async def reported_late(desk: Desk) -> str:
    """C3 paid once, not reported; the second request is in."""
    case = await fp.paid(desk)
    await rated(desk, fp.PARTNER)
    await fp.written_off(desk, fp.PARTNER, "hact_assessment")  # overdue since the 19th: it would leave direct payment only
    fp.taken(await fp.request(desk, case, {"1.1.1": "1000000.00"}, "2", "2026-06-22"))
    return case


async def waive(desk: Desk, case: str, until: str, when: str = "2026-06-23", verdict: str = "grant") -> Recorded:
    (task,) = await desk.open(case, "cash", at(when, "06:00"), Opening(kind="decide_report_waiver", whom=f"2-return-{desk.keys}"))
    event = Event(type="report.waived", data={"instalment": 2}, take=["until"])
    said = {"data": {"until": until}} if verdict == "grant" else {}
    events = [event] if verdict == "grant" else []
    return await desk.decide(task, "mz.008", "head_of_office", verdict, at(when), events, subject=case, comment="Roads are cut.", **said)


async def test_a_waiver_lets_the_next_instalment_go_and_leaves_the_report_owed(desk: Desk) -> None:
    case = await reported_late(desk)
    fp.taken(await waive(desk, case, "2026-07-23"))
    found = await row(desk, case, "waived_report")
    assert (found["due_at"].date(), found["owner_role"], found["verifier_role"], list(found["consequences"])) == (
        date(2026, 7, 23), "partner_authorised_officer", "finance_officer", ["block_instalment"],
    )  # fmt: skip
    (told,) = await desk.told(case, "report.waived")
    assert (told["instalment"], told["until"], told["obligation"]) == (1, "2026-07-23", "MOZ/2026/0031:waived_report:1")
    report = await desk.row("report", case, instalment=1)
    assert report is not None
    assert (report["state"] not in ("submitted", "accepted"), str(report["waived_until"])) == (True, "2026-07-23")


async def second(desk: Desk, case: str, when: str) -> Recorded:
    """The second instalment, certified and checked, is let go."""
    for kind in ("certify_request", "check_request"):
        fp.taken(await fp.check(desk, case, kind, "2", when))
    for kind in ("committee_ratification", "document_completion", "first_assurance_visit"):
        await fp.written_off(desk, case, kind)
    await fp.written_off(desk, fp.PARTNER, "partner_verification")
    return await fp.release(desk, case, "1000000.00", "2", when)


async def test_without_a_waiver_an_unreported_instalment_stops_the_next(desk: Desk) -> None:
    case = await reported_late(desk)
    done = await second(desk, case, "2026-06-24")
    await fp.nothing_changed(desk, case, done, "previous_not_reported", "overdue_obligation")


async def test_while_a_waiver_is_in_force_the_next_instalment_is_let_go_unreported(desk: Desk) -> None:
    case = await reported_late(desk)
    fp.taken(await fp.falls_due(desk, case, "MOZ/2026/0031:quarterly_face:1", "2026-06-18"))
    assert await fp.stops(desk, case) == {"instalment"}
    fp.taken(await waive(desk, case, "2026-07-23"))
    assert await fp.stops(desk, case) == set(), "its own stop is lifted until that day"
    assert (await fp.owed(desk, case))["quarterly_face"] == (date(2026, 7, 23), "open")
    fp.taken(await second(desk, case, "2026-06-24"))


async def test_a_waiver_that_has_run_out_stops_the_next_instalment_again(desk: Desk) -> None:
    case = await reported_late(desk)
    fp.taken(await waive(desk, case, "2026-06-25"))
    fp.taken(await fp.falls_due(desk, case, "MOZ/2026/0031:waived_report:1", "2026-06-25"))
    assert await fp.stops(desk, case) == {"instalment"}
    done = await second(desk, case, "2026-06-26")
    assert {"previous_not_reported", "blocked"} <= {found.rule for found in done.findings}
    fp.taken(await fp.report(desk, case, when="2026-06-26"))


async def test_a_waiver_has_its_limits_all_told_at_once(desk: Desk) -> None:
    case = await reported_late(desk)
    done = await waive(desk, case, "2026-07-24")
    await fp.nothing_changed(desk, case, done, "waiver_too_long")
    assert "2026-07-23" in done.findings[0].message
    await fp.nothing_changed(desk, case, await waive(desk, case, "2026-06-22"), "date_passed", attempts=2)
    assert "waived_report" not in await fp.owed(desk, case)


async def test_one_waiver_is_open_at_a_time(desk: Desk) -> None:
    case = await reported_late(desk)
    fp.taken(await waive(desk, case, "2026-07-01"))
    await fp.nothing_changed(desk, case, await waive(desk, case, "2026-07-10", "2026-06-24"), "waiver_open")
    assert (await fp.owed(desk, case))["waived_report"] == (date(2026, 7, 1), "open")


async def test_a_waiver_never_reaches_beyond_the_six_months(desk: Desk) -> None:
    case = await reported_late(desk)
    done = await waive(desk, case, "2026-12-30", "2026-12-15")
    await fp.nothing_changed(desk, case, done, "six_months")
    assert done.findings[0].source.startswith("PCA 10.2(a)")
    fp.taken(await waive(desk, case, "2026-12-18", "2026-12-15"))


async def test_nothing_is_waived_where_everything_is_reported(desk: Desk) -> None:
    case = await reported_late(desk)
    fp.taken(await fp.report(desk, case, when="2026-06-22"))
    await fp.nothing_changed(desk, case, await waive(desk, case, "2026-07-01"), "nothing_to_waive")
    by_itself = await desk.system(
        case, "cash", "waived", at("2026-06-24"), [Event(type="report.waived", data={"instalment": 2, "until": "2026-07-01"})]
    )
    assert {found.rule for found in by_itself.findings} == {"nothing_to_waive"}


async def test_a_refused_waiver_changes_nothing(desk: Desk) -> None:
    case = await reported_late(desk)
    fp.taken(await waive(desk, case, "", verdict="refuse"))
    assert "waived_report" not in await fp.owed(desk, case)


async def test_a_report_that_both_have_accepted_ends_its_waiver(desk: Desk) -> None:
    case = await reported_late(desk)
    fp.taken(await waive(desk, case, "2026-07-23"))
    fp.taken(await fp.report(desk, case, when="2026-06-24"))
    assert (await fp.owed(desk, case))["waived_report"][1] == "open", "it is owed until it is accepted"
    for kind, actor, role in (("programme", "mz.001", "focal_point"), ("finance", "mz.010", "finance_officer")):
        (task,) = await desk.open(case, "cash", at("2026-06-25", "06:00"), Opening(kind=f"review_report_{kind}", whom="1"))
        event = Event(type="report.reviewed", data={"instalment": 1, "side": kind, "result": "accept"}, take=["lines"])
        fp.taken(await desk.decide(task, actor, role, "accept", at("2026-06-25"), [event], subject=case))
    assert (await fp.owed(desk, case))["waived_report"][1] == "met"


# Personal data --------------------------------------------------------------------------------------------------------------------


async def test_personal_data_owe_an_agreement_that_both_sides_sign(desk: Desk) -> None:
    await in_force(desk)
    case = await desk.taken(facts("C4"), at("2026-03-13", "08:00"))
    assert (await desk.case(case))["status"] == "drafting"
    stored = [Event(type="document.version_stored", data={"version": 1, "side": "office"})]
    fp.taken(await desk.system(case, "document", "start", at("2026-03-13", "09:00"), stored))
    submitted = [Event(type="review.submitted", data={"round": 1})]
    fp.taken(await desk.system(case, "document", "submitted", at("2026-03-13", "10:00"), submitted))
    found = await row(desk, case, "data_processing_agreement")
    assert (found["due_at"], found["owner_role"], list(found["consequences"])) == (None, "partner_authorised_officer", ["block_signature"])


async def test_nothing_is_owed_for_personal_data_where_the_annex_was_found_not_needed(desk: Desk) -> None:
    await in_force(desk)
    case = await desk.taken(facts("C4"), at("2026-03-13", "08:00"))
    stored = [Event(type="document.version_stored", data={"version": 1, "side": "office"})]
    fp.taken(await desk.system(case, "document", "start", at("2026-03-13", "09:00"), stored))
    (task,) = await desk.open(case, "document", at("2026-03-13", "09:30"), Opening(kind="attach_annex", whom="data_processing_agreement"))
    event = Event(type="document.annex_attached", data={"annex": "data_processing_agreement", "verdict": "not_needed"}, take=["sha256"])
    owner = ("mz.030", "budget_owner")
    fp.taken(await desk.decide(task, *owner, "not_needed", at("2026-03-13", "09:40"), [event], subject=case, comment="No files."))
    fp.taken(await desk.system(case, "document", "sub", at("2026-03-13", "10:00"), [Event(type="review.submitted", data={"round": 1})]))
    assert "data_processing_agreement" not in await fp.owed(desk, case)


async def test_a_payment_after_the_first_owes_no_second_visit(desk: Desk) -> None:
    case = await reported_late(desk)
    await fp.written_off(desk, case, "quarterly_face")
    fp.taken(await waive(desk, case, "2026-07-23"))
    fp.taken(await second(desk, case, "2026-06-24"))
    fp.taken(await fp.bank_pays(desk, case, 2, "1000000.00", "2026-06-25"))
    assert await desk.pool.fetchval("SELECT count(*) FROM obligation WHERE kind = 'first_assurance_visit'") == 1
