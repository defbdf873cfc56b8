"""What is said to the case itself, and every move of its status, settled against the rows."""

from datetime import date
from typing import Any

import pytest

from policy import transitions
from schemas.engine import Event, Opening, Recorded
from tests.activities.desk import Desk, at, facts, rules, sha
from tests.activities.test_screen import listed
from tests.activities.test_settle_document import drafting

KE = "partner:KE:P-KE-0001"
UMBRELLA = "umbrella:KE:P-KE-0001:KE-2023"
HOLD = [Event(type="case.held", take=["reason", "until"])]


async def made(desk: Desk, case: str, **columns: Any) -> None:
    """The row as later stages would leave it; only what a test is about."""
    for name, value in columns.items():
        await desk.pool.execute(f'UPDATE "case" SET "{name}" = $2 WHERE subject = $1', case, value)


async def signed(desk: Desk, status: str = "signed") -> str:
    case = await desk.taken(facts("C1"))
    await made(desk, case, status=status, start_on=date(2026, 6, 1), end_on=date(2027, 11, 30), signed_on=date(2026, 4, 9))
    await desk.pool.execute("UPDATE umbrella SET status = 'signed', carrier = NULL WHERE subject = $1", UMBRELLA)
    return case


async def reserved(desk: Desk, case: str) -> None:
    await desk.pool.execute(
        "INSERT INTO reservation (subject, number, vendor_number, currency, amount, lines, at) "
        "VALUES ($1, 'FR-1', '2500317', 'KES', 21000000, '[]', $2)",
        case,
        at("2026-04-15"),
    )


# The table -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "trigger", "to"), [("received", "approve", "in_signature"), ("closed", "track_set", "vetting")])
async def test_invariant_7_a_move_that_is_not_listed_is_refused(desk: Desk, status: str, trigger: str, to: str) -> None:
    case = await desk.taken(facts("C1"))
    await made(desk, case, status=status)
    done = await desk.system(
        case, "case", "move", at("2026-02-17"), [Event(type="case.status_changed", data={"to": to, "trigger": trigger})]
    )
    assert rules(done.findings) == {"not_allowed"}
    assert (await desk.case(case))["status"] == status


async def test_every_guard_of_the_table_is_answered_by_somebody() -> None:
    from activities.guards import FACTS

    later = {"closure_checklist"}
    overlays = {"listed_fields", "until", "not_on_hold", "on_hold", "scope", "block_named"}
    asked = {name for row in transitions.CASE for name in row.guards}
    assert asked - FACTS.keys() == later | overlays


async def test_a_case_is_not_drafted_before_its_partner_is_cleared(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    move = Event(type="case.status_changed", data={"to": "drafting", "trigger": "conclude_vetting"})
    done = await desk.system(case, "case", "vetted", at("2026-02-17"), [move])
    assert rules(done.findings) == {"clearance_full"}


async def test_a_case_follows_the_refusal_of_its_partner_with_its_reason(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    await desk.ask(case, at("2026-02-16", "08:01"))
    refusal = Event(type="clearance.refused", data={"levels": "all", "reason_code": "registration"})
    await desk.system(KE, "vetting", "refuse", at("2026-02-20"), [refusal])
    events = [
        Event(type="case.status_changed", data={"to": "rejected", "trigger": "conclude_vetting_reject"}),
        Event(type="case.rejected", data={"stage": "vetting", "reason_code": "registration"}),
    ]
    done = await desk.system(case, "case", "refused", at("2026-02-20", "10:01"), events)
    assert not done.refused, done.findings
    assert done.view is not None
    assert done.view.ended == "rejected"
    umbrella = await desk.row("umbrella", UMBRELLA)
    assert umbrella is not None
    assert umbrella["status"] == "cancelled", "nobody carries the PCA any more"
    assert await desk.row("waiting", KE, case=case) is None


async def test_the_next_case_carries_the_pca_of_one_that_was_withdrawn(desk: Desk) -> None:
    first = await desk.taken(facts("C1"))
    other = facts("C1") | {"source_reference": "another", "reference": "KEN/2026/0099"}
    second = await desk.taken(other, at("2026-02-18"))
    events = [
        Event(type="case.status_changed", data={"to": "withdrawn", "trigger": "withdraw"}),
        Event(type="case.withdrawn", take=["reason"]),
    ]
    done = await desk.tell(
        first, "withdraw", "ke.p01", "partner_authorised_officer", at("2026-02-19"), events, data={"reason": "We lost our other donor."}
    )
    assert not done.refused, done.findings
    umbrella = await desk.row("umbrella", UMBRELLA)
    assert umbrella is not None
    assert (umbrella["status"], umbrella["carrier"]) == ("draft", second)
    assert done.look_again == ["pca.KE.KEN-2026-0099"]
    (told,) = await desk.told(first, "case.withdrawn")
    assert (told["by"], "reason" in told) == ("partner", False)


async def test_the_office_withdraws_with_a_note_of_its_head(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    events = [
        Event(type="case.status_changed", data={"to": "withdrawn", "trigger": "withdraw"}),
        Event(type="case.withdrawn", take=["reason"]),
    ]
    done = await desk.tell(case, "withdraw", "ke.001", "focal_point", at("2026-02-19"), events, data={"reason": "No funds."})
    assert rules(done.findings) == {"note_required"}


async def test_a_draft_is_cancelled_with_a_justification(desk: Desk) -> None:
    case = await drafting(desk)
    events = [
        Event(type="case.status_changed", data={"to": "cancelled", "trigger": "cancel"}),
        Event(type="case.cancelled", take=["justification"]),
    ]
    done = await desk.tell(
        case, "cancel", "ke.004", "committee_secretary", at("2026-03-02"), events, data={"justification": "Submitted twice"}
    )
    assert not done.refused, done.findings
    assert (await desk.case(case))["status"] == "cancelled"


# Hold ------------------------------------------------------------------------------------------------------------------------------


async def hold(desk: Desk, case: str, until: str, day: str = "2026-03-02") -> Recorded:
    return await desk.tell(case, "hold", "ke.001", "focal_point", at(day), HOLD, data={"reason": "flood", "until": until})


async def test_a_hold_ends_at_the_end_of_business_and_is_reviewed_two_days_before(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    done = await hold(desk, case, "2026-03-20")
    assert done.facts == {"until": "2026-03-20", "hold_until": "2026-03-20T14:00:00+00:00", "review_hold": "2026-03-18T06:00:00+00:00"}
    assert done.view is not None
    assert done.view.held
    assert "reason" not in (await desk.told(case, "case.held"))[0]


@pytest.mark.parametrize(("until", "rule"), [("2026-03-02", "hold_in_the_past"), ("2026-04-14", "hold_too_long")])
async def test_a_hold_has_an_end_within_thirty_working_days(desk: Desk, until: str, rule: str) -> None:
    case = await desk.taken(facts("C1"))
    assert rules((await hold(desk, case, until)).findings) == {rule}
    assert not (await hold(desk, case, "2026-04-13")).refused


async def test_a_case_on_hold_is_not_held_again(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    await hold(desk, case, "2026-03-20")
    assert (await hold(desk, case, "2026-03-27")).refused


async def test_a_resumed_case_keeps_the_working_time_that_was_left(desk: Desk) -> None:
    case = await drafting(desk)
    (task,) = await desk.open(case, "document", at("2026-03-02"), Opening(kind="office_turn", whom="turn-1"))
    assert task.due == at("2026-03-05", "14:00")
    await hold(desk, case, "2026-03-20", day="2026-03-03")
    done = await desk.system(case, "case", "hold_end", at("2026-03-20", "14:00"), [Event(type="case.resumed", data={"why": "hold_ended"})])
    assert not done.refused, done.findings
    row = await desk.pool.fetchrow("SELECT due_at FROM task WHERE id = $1", task.id)
    assert row["due_at"] == at("2026-03-24", "14:00"), "two working days were left"


async def test_nothing_is_resumed_that_is_not_on_hold(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    done = await desk.tell(case, "resume", "ke.001", "focal_point", at("2026-03-02"), [Event(type="case.resumed")])
    assert rules(done.findings) == {"on_hold"}


async def test_a_signed_case_is_not_held(desk: Desk) -> None:
    case = await signed(desk)
    assert "not_allowed" in rules((await hold(desk, case, "2026-03-20")).findings)


# Suspension ------------------------------------------------------------------------------------------------------------------------


async def suspend(
    desk: Desk, case: str, key: str, scope: str = "cash", reason: str = "report_missing", role: str = "partnership_manager"
) -> Recorded:
    actor = {"partnership_manager": "ke.002", "risk_officer": "ke.012"}[role]
    event = Event(type="case.suspended", data={"block": f"suspension:{key}"}, take=["scope", "until"])
    return await desk.tell(
        case,
        "suspend",
        actor,
        role,
        at("2026-06-10"),
        [event],
        key=key,
        data={"scope": scope},
        comment="c",
        message_to_partner="m",
        reason_code=reason,
    )


async def lift(desk: Desk, case: str, key: str, **data: Any) -> Recorded:
    (task,) = await desk.open(case, "case", at("2026-06-12"), Opening(kind="decide_suspension", whom=f"lift-{key}"))
    event = Event(type="case.suspension_lifted", take=["block"])
    return await desk.decide(task, "ke.008", "head_of_office", "lift", at("2026-06-12"), [event], subject=case, comment="done", data=data)


async def test_invariant_8_lifting_one_stop_leaves_the_others_and_the_case_where_it_was(desk: Desk) -> None:
    case = await signed(desk, "active")
    first = await suspend(desk, case, "a")
    second = await suspend(desk, case, "b", scope="all", reason="other")
    assert not first.refused, first.findings
    assert second.view is not None
    assert sorted((block.scope, block.id) for block in second.view.blocks) == [
        ("all", f"{case}:suspension:b"),
        ("cash", f"{case}:suspension:a"),
    ]
    done = await lift(desk, case, "a", block=f"{case}:suspension:a")
    assert not done.refused, done.findings
    assert done.view is not None
    assert [block.id for block in done.view.blocks] == [f"{case}:suspension:b"]
    assert done.view.status == "active"


async def test_lifting_what_does_not_stand_is_refused(desk: Desk) -> None:
    case = await signed(desk, "active")
    assert "block_named" in rules((await lift(desk, case, "a")).findings)


async def test_a_confidential_suspension_is_lifted_only_with_the_risk_officers_advice(desk: Desk) -> None:
    case = await signed(desk, "active")
    await suspend(desk, case, "a", reason="safeguarding")
    assert "advice_required" in rules((await lift(desk, case, "a")).findings)


async def test_a_lift_is_asked_for_only_where_a_suspension_stands(desk: Desk) -> None:
    case = await signed(desk, "active")
    done = await desk.tell(case, "request_lift", "ke.001", "focal_point", at("2026-06-11"), data={"done": "The report is in"})
    assert rules(done.findings) == {"block_named"}


async def test_a_hit_after_the_signature_stops_the_case_and_its_disposal_lets_it_go_on(desk: Desk) -> None:
    case = await signed(desk, "active")
    intake_partner = "partner:KE:P-KE-0001"
    await desk.screen(intake_partner, at("2026-06-01"))
    await desk.pool.execute(
        'UPDATE submission SET facts = jsonb_set(facts, \'{partner,board}\', \'[{"name": "Karim Hadad-Salih", "role": "member"}]\'), '
        "facts_sha256 = 'changed' WHERE reference = 'KEN/2026/0007'"
    )
    await listed(desk, "2026-06-10")
    found = await desk.screen(case, at("2026-06-11"), trigger="before_release")
    assert found.view is not None
    assert [(block.scope, block.cause) for block in found.view.blocks] == [("all", "screening")]
    assert [start.workflow for start in found.starts] == ["Vetting"]
    begun = await desk.begin(KE, "vetting", at("2026-06-11", "10:01"))
    assert begun["cases"] == [case], "somebody must be there to open the disposition for"
    (hit,) = found.open_hits
    for verdict in ("second_check", "false_positive"):
        done = await desk.system(
            KE, "vetting", verdict, at("2026-06-12"), [Event(type="screening.hit_disposed", data={"hit": hit, "verdict": verdict})]
        )
        assert not done.refused, done.findings
    assert done.look_again == ["pca.KE.KEN-2026-0007"]
    after = await desk.screen(case, at("2026-06-12", "11:00"), trigger="before_release")
    assert after.view is not None
    assert (after.clear, after.view.blocks) == (True, [])
    assert after.view.version > found.view.version, "a stage takes only a higher version"


# Notice ----------------------------------------------------------------------------------------------------------------------------


async def notice(desk: Desk, case: str, ground: str, days: int, effective_on: str) -> Recorded:
    (task,) = await desk.open(case, "case", at("2026-07-01"), Opening(kind="decide_termination", whom="n"))
    event = Event(type="notice.sent", data={"notice": "n"}, take=["ground", "notice_days", "effective_on", "document", "object"])
    data = {"ground": ground, "notice_days": days, "effective_on": effective_on, "document": sha("notice"), "object": "document"}
    return await desk.decide(
        task,
        "ke.008",
        "head_of_office",
        "issue",
        at("2026-07-01"),
        [event],
        subject=case,
        data=data,
        comment="c",
        message_to_partner="m",
        reason_code="other",
    )


async def test_a_notice_stops_cash_and_amendments(desk: Desk) -> None:
    case = await signed(desk, "active")
    done = await notice(desk, case, "inability", 30, "2026-07-31")
    assert not done.refused, done.findings
    assert done.view is not None
    assert done.view.under_notice
    assert sorted(block.scope for block in done.view.blocks) == ["amendment", "cash"]
    assert done.facts["notice_over"] == "2026-07-31T14:00:00+00:00"


async def test_a_notice_is_as_long_as_its_ground_asks_for(desk: Desk) -> None:
    case = await signed(desk, "active")
    done = await notice(desk, case, "inability", 5, "2026-07-02")
    assert rules(done.findings) == {"notice_too_short", "effective_too_early"}
    assert not (await notice(desk, case, "ethics", 0, "2026-07-01")).refused


async def test_a_case_is_terminated_when_its_notice_is_over(desk: Desk) -> None:
    case = await signed(desk, "active")
    await notice(desk, case, "inability", 30, "2026-07-31")
    move = Event(type="case.status_changed", data={"to": "terminated", "trigger": "notice_over"})
    early = await desk.system(case, "case", "over", at("2026-07-30"), [move, Event(type="case.terminated")])
    assert rules(early.findings) == {"notice_over", "termination_document"}
    done = await desk.system(case, "case", "over", at("2026-07-31", "14:00"), [move, Event(type="case.terminated")])
    assert not done.refused, done.findings


# Activation and end ------------------------------------------------------------------------------------------------------------------


async def activate(desk: Desk, case: str, day: str, time: str = "10:00") -> Recorded:
    events = [
        Event(type="case.status_changed", data={"to": "active", "trigger": "conditions_met"}, optional="activate"),
        Event(type="case.activated", optional="activate"),
    ]
    return await desk.system(case, "case", "activate", at(day, time), events)


async def test_a_case_is_not_active_before_its_start_and_without_funds(desk: Desk) -> None:
    case = await signed(desk)
    done = await activate(desk, case, "2026-05-20")
    assert (done.refused, done.left_out) == (False, ["activate"])
    assert done.facts["next"] == "2026-05-31T21:00:00+00:00", "the first of June begins in Nairobi"
    assert {finding.rule for finding in done.findings} == {"start_reached", "reservation"}


async def test_a_case_is_active_as_soon_as_the_last_condition_is_met(desk: Desk) -> None:
    case = await signed(desk)
    await reserved(desk, case)
    assert (await activate(desk, case, "2026-05-31", "20:59")).left_out == ["activate"]
    done = await activate(desk, case, "2026-05-31", "21:00")
    assert (done.left_out, done.findings) == ([], [])
    assert done.view is not None
    assert done.view.status == "active"


async def test_a_condition_before_the_start_keeps_the_case_from_becoming_active(desk: Desk) -> None:
    case = await signed(desk)
    await reserved(desk, case)
    data = {
        "condition": "KEN/2026/0007:1:approval:1",
        "text_sha256": sha("t"),
        "owner_role": "focal_point",
        "gate": "before_start",
        "set_by": "x",
    }
    await desk.system(case, "approval", "condition", at("2026-04-01"), [Event(type="condition.set", data=data)])
    done = await activate(desk, case, "2026-06-02")
    assert [(finding.rule, finding.path) for finding in done.findings] == [("conditions_before_start", "KEN/2026/0007:1:approval:1")]


async def test_a_case_ends_after_its_last_day(desk: Desk) -> None:
    case = await signed(desk, "active")
    begun = await desk.begin(case, "case", at("2026-06-02"))
    assert begun["ends_at"] == "2027-11-30T21:00:00+00:00"
    events = [Event(type="case.status_changed", data={"to": "ended", "trigger": "end_date_passed"}), Event(type="case.ended")]
    assert rules((await desk.system(case, "case", "end", at("2027-11-30"), events)).findings) == {"end_passed"}
    assert not (await desk.system(case, "case", "end", at("2027-11-30", "21:00"), events)).refused


# Voices, people, facts -----------------------------------------------------------------------------------------------------------------


async def test_what_the_partner_says_stays_in_the_content_store(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    event = Event(type="concern.raised", data={"concern": "m1"})
    done = await desk.tell(case, "raise_concern", "ke.p03", "partner_focal_point", at("2026-02-20"), [event], data={"text": "We wait."})
    assert not done.refused, done.findings
    (told,) = await desk.told(case, "concern.raised")
    assert set(told) == {"concern", "text_sha256"}


async def test_an_allegation_is_sealed(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    event = Event(type="allegation.received", data={"allegation": "m1"})
    done = await desk.tell(
        case, "report_allegation", "ke.016", "committee_member", at("2026-02-20"), [event], data={"text": "Something wrong"}
    )
    assert not done.refused, done.findings
    (told,) = await desk.told(case, "allegation.received")
    assert await desk.pool.fetchval("SELECT sealed FROM content WHERE sha256 = $1", told["sealed_sha256"])


async def test_a_flag_is_the_partners_and_starts_its_vetting(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    event = Event(type="partner.flagged", data={"flag": "f1"}, take=["type", "category"])
    done = await desk.tell(
        case,
        "flag_partner",
        "ke.012",
        "risk_officer",
        at("2026-02-20"),
        [event],
        key="f1",
        comment="cash",
        data={"type": "yellow", "category": "financial"},
    )
    assert not done.refused, done.findings
    assert [start.id for start in done.starts] == ["pca.partner.P-KE-0001.KE.vetting"]
    begun = await desk.begin(KE, "vetting", at("2026-02-20", "10:01"))
    assert ("weigh_partner_flag", "f1") in {(need["kind"], need["whom"]) for need in begun["needed"]}


async def test_a_declared_conflict_bars_the_approval_until_it_is_resolved(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    await made(desk, case, status="in_approval")
    await desk.screen(KE, at("2026-03-02"))
    event = Event(type="conflict.declared", data={"conflict": "c1"})
    opens = [Opening(kind="resolve_conflict_of_interest", whom="c1")]
    done = await desk.tell(
        case, "declare_conflict", "ke.001", "focal_point", at("2026-03-02"), [event], opens=opens, key="c1", data={"reason": "my cousin"}
    )
    assert not done.refused, done.findings
    move = Event(type="case.status_changed", data={"to": "in_signature", "trigger": "approve"})
    assert "conflict_of_interest" in rules((await desk.system(case, "approval", "approve", at("2026-03-03"), [move])).findings)
    resolved = Event(type="conflict.resolved", data={"conflict": "c1", "verdict": "mitigated"})
    (task,) = done.tasks
    again = await desk.decide(
        task,
        "ke.008",
        "head_of_office",
        "mitigated",
        at("2026-03-04"),
        [resolved],
        subject=case,
        comment="c",
        data={"measures": "stays away"},
    )
    assert not again.refused, again.findings
    assert "conflict_of_interest" not in rules((await desk.system(case, "approval", "approve", at("2026-03-05"), [move])).findings)


async def test_only_a_focal_point_of_the_office_becomes_the_focal_point(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    event = Event(type="case.focal_point_changed", take=["person"])
    done = await desk.tell(
        case, "reassign_focal_point", "ke.002", "partnership_manager", at("2026-02-20"), [event], data={"person": "ke.009"}
    )
    assert rules(done.findings) == {"not_a_focal_point"}
    done = await desk.tell(
        case, "reassign_focal_point", "ke.002", "partnership_manager", at("2026-02-20"), [event], data={"person": "ke.001"}
    )
    assert not done.refused, done.findings


async def test_a_corrected_fact_is_kept_by_its_hashes_and_reopens_what_rests_on_it(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    await desk.ask(case, at("2026-02-16", "08:01"))
    (task,) = await desk.open(case, "case", at("2026-02-20"), Opening(kind="confirm_correction", whom="m1"))
    event = Event(type="case.fact_corrected", data={"correction": "m1", "verdict": "apply"}, take=["fact", "reopens"])
    data = {"fact": "$.partner.registration.expires_on", "old": "2027-12-31", "new": "2025-12-31", "reopens": ["registration"]}
    done = await desk.decide(task, "ke.002", "partnership_manager", "apply", at("2026-02-20"), [event], subject=case, data=data)
    assert not done.refused, done.findings
    (told,) = await desk.told(case, "case.fact_corrected")
    assert "2025-12-31" not in str(told)
    row = await desk.row("element", KE, element="registration")
    assert row is not None
    assert row["result"] == "expired"
    await desk.ask(case, at("2026-02-20", "10:01"))
    begun = await desk.begin(KE, "vetting", at("2026-02-20", "10:02"))
    assert "provide_registration" in {need["kind"] for need in begun["needed"]}, "the same old facts do not make it good again"


async def test_an_approver_rejects_with_a_reason_and_a_message(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    await made(desk, case, status="in_approval")
    (task,) = await desk.open(case, "approval", at("2026-03-30"), Opening(kind="approve_document"))
    events = [
        Event(type="case.rejected", data={"stage": "approval"}),
        Event(type="case.status_changed", data={"to": "rejected", "trigger": "reject"}),
    ]
    said = {"comment": "c", "message_to_partner": "Not within our plan.", "reason_code": "programme_fit"}
    done = await desk.decide(task, "ke.006", "authorised_officer", "reject", at("2026-04-01"), events, subject=case, **said)
    assert not done.refused, done.findings
    (told,) = await desk.told(case, "case.rejected")
    assert (told["reason_code"], told["message_sha256"], told["by"]) == ("programme_fit", sha("Not within our plan."), "ke.006")


async def test_a_track_without_a_pinned_pack_is_refused(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    done = await desk.system(case, "case", "track", at("2026-02-17"), [Event(type="case.track_set", data={"track": "scenic"})])
    assert rules(done.findings) == {"no_pack"}


async def test_a_hold_is_extended_within_the_same_limit(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    await hold(desk, case, "2026-03-20")
    (task,) = await desk.open(case, "case", at("2026-03-18"), Opening(kind="review_hold", whom="2026-03-18"))
    event = [Event(type="case.held", data={"extended": True}, take=["until"])]
    far = await desk.decide(
        task,
        "ke.002",
        "partnership_manager",
        "extend_hold",
        at("2026-03-18"),
        event,
        subject=case,
        comment="c",
        data={"until": "2026-06-30"},
    )
    assert rules(far.findings) == {"hold_too_long"}
    done = await desk.decide(
        task,
        "ke.002",
        "partnership_manager",
        "extend_hold",
        at("2026-03-18"),
        event,
        subject=case,
        comment="c",
        data={"until": "2026-04-10"},
    )
    assert not done.refused, done.findings
    again = await desk.open(case, "case", at("2026-04-08"), Opening(kind="review_hold", whom="2026-04-08"))
    resumed = await desk.decide(
        again[0], "ke.002", "partnership_manager", "resume", at("2026-04-08"), [Event(type="case.resumed")], subject=case
    )
    assert not resumed.refused, resumed.findings
    assert (await desk.told(case, "case.resumed"))[0]["held_since"] == "2026-03-02T10:00:00+00:00"


async def test_a_suspension_is_kept_without_a_word_on_lifting(desk: Desk) -> None:
    case = await signed(desk, "active")
    await suspend(desk, case, "a")
    (task,) = await desk.open(case, "case", at("2026-06-12"), Opening(kind="decide_suspension", whom="lift-a"))
    done = await desk.decide(
        task, "ke.008", "head_of_office", "keep", at("2026-06-12"), [], subject=case, data={"scope": "cash"},
        comment="c", message_to_partner="m", reason_code="report_missing",
    )  # fmt: skip
    assert not done.refused, done.findings


async def test_a_termination_is_proposed_once(desk: Desk) -> None:
    case = await signed(desk, "active")
    await notice(desk, case, "inability", 30, "2026-07-31")
    done = await desk.tell(
        case, "propose_termination", "ke.002", "partnership_manager", at("2026-07-02"), comment="c", data={"ground": "breach"}
    )
    assert rules(done.findings) == {"under_notice"}


async def test_a_correction_that_is_refused_leaves_the_fact(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    wrong = {"path": "registration", "value": "x", "reason": "typing error"}
    done = await desk.tell(case, "correct_fact", "ke.001", "focal_point", at("2026-02-18"), data=wrong)
    assert rules(done.findings) == {"no_such_fact"}
    (task,) = await desk.open(case, "case", at("2026-02-20"), Opening(kind="confirm_correction", whom="m1"))
    event = Event(type="case.fact_corrected", data={"correction": "m1", "verdict": "refuse"}, take=["fact", "reopens"])
    done = await desk.decide(
        task, "ke.002", "partnership_manager", "refuse", at("2026-02-20"), [event], subject=case, comment="it is right"
    )
    assert not done.refused, done.findings
    assert set((await desk.told(case, "case.fact_corrected"))[0]) == {"correction", "verdict", "reason_sha256"}


async def test_a_true_match_bars_every_way_to_money(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    await made(desk, case, status="in_approval")
    await desk.screen(KE, at("2026-03-02"))
    await desk.pool.execute(
        "INSERT INTO hit (id, subject, list_entry, name_role, score, found_at, state) "
        "VALUES ('h', $1, 'l:1', 'leader', 0.95, $2, 'true_match')",
        KE,
        at("2026-03-02"),
    )
    move = Event(type="case.status_changed", data={"to": "in_signature", "trigger": "approve"})
    assert "screening_true_match" in rules((await desk.system(case, "approval", "approve", at("2026-03-03"), [move])).findings)
    gone = Event(type="case.status_changed", data={"to": "rejected", "trigger": "sanctions_match"})
    assert not (await desk.system(case, "case", "match", at("2026-03-03"), [gone])).refused


async def test_everything_that_bars_a_last_signature_is_told_at_once(desk: Desk) -> None:
    case = await drafting(desk)
    await made(desk, case, status="in_signature")
    await desk.pool.execute("DELETE FROM vendor")
    await desk.pool.execute(
        "INSERT INTO block (id, subject, scope, cause, since) VALUES ('b', $1, 'signature', 'obligation', $2)", KE, at("2026-03-02")
    )
    move = Event(type="case.status_changed", data={"to": "signed", "trigger": "last_signature"})
    done = await desk.system(case, "approval", "sign", at("2026-06-01"), [move])
    assert rules(done.findings) >= {"umbrella_signed", "vendor_confirmed", "partner_blocked", "screening_not_fresh"}


@pytest.mark.parametrize("until", ["9999-12-31", "0001-01-01"])
async def test_invariant_9_a_date_out_of_reach_is_refused_never_an_exception(desk: Desk, until: str) -> None:
    case = await signed(desk, "active")
    event = Event(type="case.suspended", data={"block": "suspension:a"}, take=["scope", "until"])
    said = {"comment": "c", "message_to_partner": "m", "reason_code": "other", "data": {"scope": "cash", "until": until}}
    done = await desk.tell(case, "suspend", "ke.002", "partnership_manager", at("2026-06-10"), [event], **said)
    assert rules(done.findings) == {"date_out_of_reach"}
    assert "date_out_of_reach" in rules((await notice(desk, case, "ethics", 0, until)).findings)


async def test_invariant_9_a_hold_until_the_year_9999_is_refused_at_once(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    assert rules((await hold(desk, case, "9999-12-31")).findings) == {"hold_too_long"}


async def test_a_supplies_only_document_starts_without_a_reservation(desk: Desk) -> None:
    case = await signed(desk)
    await made(desk, case, office_cash=0)
    done = await activate(desk, case, "2026-06-02")
    assert (done.refused, done.left_out) == (False, [])


async def test_a_case_that_is_rejected_by_itself_without_a_refusal_says_other(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    done = await desk.system(case, "case", "rejected", at("2026-02-20"), [Event(type="case.rejected")])
    assert not done.refused, done.findings
    assert await desk.told(case, "case.rejected") == [{"stage": "case", "reason_code": "other"}]


async def test_a_case_that_was_not_held_moves_no_due_moment_when_it_is_resumed(desk: Desk) -> None:
    case = await drafting(desk)
    (task,) = await desk.open(case, "document", at("2026-03-02"), Opening(kind="office_turn", whom="turn-1"))
    done = await desk.system(case, "case", "hold_end", at("2026-03-03"), [Event(type="case.resumed", data={"why": "hold_ended"})])
    assert not done.refused, done.findings
    assert await desk.told(case, "task.shifted") == []
    assert await desk.told(case, "case.resumed") == [{"why": "hold_ended"}]
    assert await desk.pool.fetchval("SELECT due_at FROM task WHERE id = $1", task.id) == task.due


async def test_a_hold_over_a_weekend_moves_no_due_moment(desk: Desk) -> None:
    case = await drafting(desk)
    (task,) = await desk.open(case, "document", at("2026-03-02"), Opening(kind="office_turn", whom="turn-1"))
    assert not (await hold(desk, case, "2026-03-20", day="2026-03-07")).refused
    done = await desk.tell(case, "resume", "ke.001", "focal_point", at("2026-03-08"), [Event(type="case.resumed")])
    assert not done.refused, done.findings
    assert await desk.told(case, "task.shifted") == []
    assert await desk.pool.fetchval("SELECT due_at FROM task WHERE id = $1", task.id) == task.due


async def test_a_lift_is_asked_for_where_a_suspension_stands(desk: Desk) -> None:
    case = await signed(desk, "active")
    await suspend(desk, case, "a")
    for block, refused in ((f"{case}:suspension:a", False), ("", False), (f"{case}:suspension:z", True)):
        done = await desk.tell(
            case, "request_lift", "ke.001", "focal_point", at("2026-06-11"), data={"done": "The report is in", "block": block}
        )
        assert done.refused is refused, (block, done.findings)


async def test_nothing_is_lifted_by_itself_where_nothing_stands(desk: Desk) -> None:
    case = await signed(desk, "active")
    done = await desk.system(case, "case", "lift", at("2026-06-12"), [Event(type="case.suspension_lifted")])
    assert rules(done.findings) == {"block_named"}
    assert await desk.told(case, "case.suspension_lifted") == []


async def test_a_termination_may_be_proposed_before_any_notice(desk: Desk) -> None:
    case = await signed(desk, "active")
    opens = [Opening(kind="decide_termination", whom="m1")]
    done = await desk.tell(
        case, "propose_termination", "ke.002", "partnership_manager", at("2026-07-02"), opens=opens, comment="c", data={"ground": "breach"}
    )
    assert not done.refused, done.findings
    assert [task.kind for task in done.tasks] == ["decide_termination"]


async def test_a_notice_that_is_only_acknowledged_has_no_words_to_keep(desk: Desk) -> None:
    case = await signed(desk, "active")
    await notice(desk, case, "inability", 30, "2026-07-31")
    (task,) = await desk.open(case, "case", at("2026-07-01"), Opening(kind="answer_notice", whom="n"))
    event = Event(type="notice.answered", data={"verdict": "acknowledge"})
    done = await desk.decide(task, "ke.p01", "partner_authorised_officer", "acknowledge", at("2026-07-03"), [event], subject=case)
    assert not done.refused, done.findings
    assert await desk.told(case, "notice.answered") == [{"verdict": "acknowledge", "text_sha256": None}]


async def test_no_case_is_cancelled_by_itself(desk: Desk) -> None:
    case = await drafting(desk)
    events = [Event(type="case.status_changed", data={"to": "cancelled", "trigger": "cancel"}), Event(type="case.cancelled")]
    done = await desk.system(case, "case", "cancel", at("2026-03-02"), events)
    assert rules(done.findings) == {"justification"}
    assert (await desk.case(case))["status"] == "drafting"


async def test_a_flag_that_is_raised_on_the_partner_itself_starts_its_vetting(desk: Desk) -> None:
    await desk.taken(facts("C1"))
    data = {"flag": "f9", "type": "yellow", "category": "compliance", "comment_sha256": None}
    done = await desk.system(KE, "vetting", "flag", at("2026-02-20"), [Event(type="partner.flagged", data=data)])
    assert not done.refused, done.findings
    assert [start.id for start in done.starts] == ["pca.partner.P-KE-0001.KE.vetting"]
    assert await desk.told(KE, "partner.flagged") == [data]


async def test_a_corrected_fact_on_which_nothing_rests_reopens_nothing(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    (task,) = await desk.open(case, "case", at("2026-02-20"), Opening(kind="confirm_correction", whom="m1"))
    event = Event(type="case.fact_corrected", data={"correction": "m1", "verdict": "apply"}, take=["fact", "reopens"])
    data = {"fact": "$.plan", "old": "HRP", "new": "HRP 2026", "reopens": []}
    done = await desk.decide(task, "ke.002", "partnership_manager", "apply", at("2026-02-20"), [event], subject=case, data=data)
    assert not done.refused, done.findings
    assert done.starts == []
    assert await desk.told(KE, "vetting.element_expired") == []


async def test_a_rule_of_cases_asked_about_a_partner_is_an_error_never_a_guess(desk: Desk) -> None:
    await desk.taken(facts("C1"))
    with pytest.raises(LookupError, match="is no case"):
        await desk.system(KE, "vetting", "ended", at("2026-02-20"), [Event(type="case.ended")])
