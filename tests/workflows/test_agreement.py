"""The case: through its five stages to a reported instalment, and everything that is said to it as a whole on the way."""

import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateHandle, WorkflowUpdateStage
from temporalio.service import RPCError

from schemas.engine import Asked, BankWord, Cause, StageInput, Start
from schemas.messages import Answer, Message
from tests.workflows.conftest import PARTNER, Bench, Play

HASH = "a" * 64
ACCEPT = {"sha256": HASH}
REASONS: dict[str, Any] = {"comment": "No", "message_to_partner": "Sorry", "reason_code": "budget"}
MEMBER = "xx.011"


def day(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


async def in_drafting(bench: Bench) -> Play:
    e = bench.effects
    e.facts["review"] = {"kind": "full", "quorum": 1}
    e.facts["approval"] = {"carried": False}
    e.facts["cash"] = {"reserved": False, "periods": [{"period": 1, "request_from": datetime.now(UTC).isoformat()}]}
    e.words = {1: [BankWord(kind="confirmed", reference="B1")]}
    e.left_out = {"activate"}
    play = await bench.case()
    await play.settled()
    return play


async def in_review(bench: Bench) -> Play:
    play = await in_drafting(bench)
    await document(play)
    return play


async def in_approval(bench: Bench) -> Play:
    play = await in_review(bench)
    await review(play)
    return play


async def in_signature(bench: Bench) -> Play:
    play = await in_approval(bench)
    await play.stage("approval").agreed("approve_document", "approve")
    await play.settled()
    return play


async def signed(bench: Bench) -> Play:
    play = await in_signature(bench)
    await sign(play)
    return play


async def active(bench: Bench) -> Play:
    play = await signed(bench)
    bench.effects.left_out = set()
    await play.later(1.1)
    assert bench.effects.view.status == "active"
    return play


async def document(play: Play, round_: int = 1) -> None:
    stage = play.stage("document", round_)
    await stage.agreed("office_turn", "accept", "turn-1", data=ACCEPT)
    await stage.agreed("submit_for_review", "submit", "turn-1")
    await play.settled()


async def review(play: Play, round_: int = 1, verdict: str = "recommend") -> None:
    stage = play.stage("review", round_)
    await stage.agreed("prepare_review", "convene", data={"members": [MEMBER], "overall_approver": "xx.020"})
    await stage.agreed("give_opinion", "recommend", MEMBER, actor=MEMBER, data={})
    await stage.agreed("consolidate_recommendation", verdict, actor="xx.020")
    await play.settled()


async def sign(play: Play, round_: int = 1) -> None:
    stage = play.stage("approval", round_)
    await stage.agreed("sign_as_partner", "sign", data={"objects": [{"object": "document"}]})
    await stage.agreed("sign_for_office", "sign", data={"objects": [{"object": "document"}]})
    await play.settled()


STATUSES: dict[str, Callable[[Bench], Awaitable[Play]]] = {
    "drafting": in_drafting, "in_review": in_review, "in_approval": in_approval, "in_signature": in_signature,
}  # fmt: skip
LIVE: dict[str, Callable[[Bench], Awaitable[Play]]] = {"signed": signed, "active": active}


# -- the whole way --------------------------------------------------------------------------------------------------------------------


async def test_a_case_goes_through_its_five_stages_to_a_reported_instalment_and_its_end(bench: Bench) -> None:
    bench.effects.facts["case"] = {"ends_at": (datetime.now(UTC) + timedelta(days=100)).isoformat()}
    play = await in_signature(bench)
    assert bench.effects.open("cash") == ["reserve_funds"]
    cash = play.stage("cash")
    await cash.agreed("reserve_funds", "reserve", data={"number": "F1"})
    await sign(play)
    bench.effects.left_out = set()
    await cash.agreed("request_cash", "submit", "1")
    await cash.agreed("certify_request", "certify", "1")
    await cash.agreed("check_request", "pass", "1")
    await cash.agreed("release_cash", "release", "1")
    await play.later(3)
    assert bench.effects.view.status == "active"
    await cash.agreed("submit_report", "submit", "1")
    await cash.agreed("review_report_programme", "accept", "1")
    await cash.agreed("review_report_finance", "accept", "1")
    await play.later(100)
    assert (await cash.outcome()).result == "liquidated"
    assert [d["to"] for d in bench.effects.recorded("case.status_changed")] == [
        "vetting", "drafting", "in_review", "in_approval", "in_signature", "signed", "active", "ended",
    ]  # fmt: skip
    assert bench.effects.events()[:1] == ["case.track_set"]
    for name in ("payment.confirmed", "report.reviewed", "case.activated", "case.ended"):
        assert name in bench.effects.events()
    assert bench.effects.open() == []
    await bench.keep(play.case, "agreement")


async def test_the_hand_over_knows_whose_decision_led_to_it(bench: Bench) -> None:
    await in_review(bench)
    first = next(b for b in bench.effects.batches if b.stage == "review")
    assert first.cause == Cause(task=f"{bench.reference}:document:1:submit_for_review:turn-1", actor="xx.001")


async def test_a_returned_review_is_a_new_round_of_both_stages(bench: Bench) -> None:
    play = await in_review(bench)
    await review(play, verdict="return")
    assert bench.effects.open() == ["office_turn turn-1"]
    await document(play, 2)
    await review(play, 2)
    assert bench.effects.open() == ["approve_document"]
    assert list(bench.effects.rows)[-1].endswith(":approval:2:approve_document")


async def test_a_change_asked_at_signature_stands_the_cash_down_and_it_starts_again_with_the_next(bench: Bench) -> None:
    play = await in_signature(bench)
    await play.stage("approval").agreed("sign_as_partner", "request_change", comment="a date")
    await play.settled()
    assert bench.effects.open() == ["office_turn turn-1"]
    await document(play, 2)
    await review(play, 2)
    await play.stage("approval", 2).agreed("approve_document", "approve")
    await play.settled()
    assert bench.effects.open() == ["sign_as_partner", "sign_for_office", "reserve_funds"]


async def test_something_said_while_the_cash_stands_down_changes_nothing_about_it(bench: Bench) -> None:
    play = await in_signature(bench)
    await play.stage("approval").agreed("sign_for_office", "return", **REASONS)
    assert (await play.case.say("raise_concern", data={"text": "slow"})).counted
    await play.settled()
    await document(play, 2)
    await review(play, 2)
    await play.stage("approval", 2).agreed("approve_document", "approve")
    await play.settled()
    assert "reserve_funds" in bench.effects.open("cash")


@pytest.mark.parametrize(
    ("kind", "verdict", "end"), [("approve_document", "reject", "rejected"), ("sign_as_partner", "refuse", "withdrawn")]
)
async def test_an_approval_may_end_the_case(bench: Bench, kind: str, verdict: str, end: str) -> None:
    play = await (in_approval if kind == "approve_document" else in_signature)(bench)
    await play.stage("approval").agreed(kind, verdict, **REASONS)
    assert (await play.case.outcome()).result == end
    assert bench.effects.open() == []


# -- vetting, which the case asks for ---------------------------------------------------------------------------------------------------


async def test_a_case_that_waits_for_its_partner_starts_the_vetting_and_asks_again_when_told(bench: Bench) -> None:
    vetting = Start(workflow="Vetting", id="pca.partner.P-1.XX.vetting", input=StageInput(subject=PARTNER, stage="vetting"))
    bench.effects.asked = [Asked(state="waiting", starts=[vetting]), Asked(state="waiting"), Asked(state="granted")]
    play = await bench.case()
    await play.case.settled()
    assert [s.id for s in bench.effects.started] == [vetting.id]
    assert bench.effects.view.status == "vetting"
    await play.case.handle.signal("look_again")
    await play.case.settled()
    assert bench.effects.view.status == "vetting"
    await play.case.handle.signal("look_again")
    await play.settled()
    assert bench.effects.open() == ["office_turn turn-1"]


async def test_a_hint_that_was_lost_costs_a_day(bench: Bench) -> None:
    bench.effects.asked = [Asked(state="waiting"), Asked(state="granted")]
    play = await bench.case()
    await play.later(1.1)
    assert bench.effects.view.status == "drafting"


async def test_a_partner_that_is_not_cleared_ends_the_case(bench: Bench) -> None:
    bench.effects.asked = [Asked(state="refused", reason_code="sanctions")]
    play = await bench.case()
    assert (await play.case.outcome()).result == "rejected"
    assert bench.effects.recorded("case.rejected") == [{"stage": "vetting", "reason_code": "sanctions"}]


async def test_a_refusal_that_the_record_does_not_take_today_is_recorded_tomorrow(bench: Bench) -> None:
    bench.effects.asked = [Asked(state="refused", reason_code="sanctions")]
    bench.effects.refuse = bench.effects.saying("not_yet", on="case.rejected")
    play = await bench.case()
    await play.case.settled()
    assert "case.rejected" not in bench.effects.events()
    bench.effects.refuse = bench.effects.nothing
    await play.later(1.1)
    assert (await play.case.outcome()).result == "rejected"


async def test_a_clearance_that_concerns_the_case_itself_is_no_reason_to_signal_itself(bench: Bench) -> None:
    play = await bench.case()
    await play.case.settled()
    bench.effects.hints = {"concern.raised": [play.case.handle.id]}
    assert (await play.case.say("raise_concern", data={"text": "slow"})).counted
    await play.settled()
    names = await play.case.signals()
    assert "look_again" not in names


async def test_a_case_that_is_withdrawn_while_it_waits_for_its_partner_ends(bench: Bench) -> None:
    bench.effects.asked = [Asked(state="waiting")]
    play = await bench.case()
    assert (await play.case.say("withdraw", data={"reason": "no funds"})).counted
    assert (await play.case.outcome()).result == "withdrawn"


async def test_a_granted_clearance_that_the_record_does_not_take_yet_is_asked_for_again(bench: Bench) -> None:
    bench.effects.refuse = bench.effects.saying("clearance_lapsed", on="case.status_changed")
    play = await bench.case()
    await play.case.settled()
    assert bench.effects.view.status == "drafting"  # as the test began: nothing was recorded
    bench.effects.refuse = bench.effects.nothing
    await play.later(1.1)
    assert bench.effects.open() == ["office_turn turn-1"]


# -- ends: every stage closes before the case does ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(("message", "end"), [("withdraw", "withdrawn"), ("cancel", "cancelled")])
async def test_a_case_that_ends_closes_its_stage_wherever_it_is(bench: Bench, status: str, message: str, end: str) -> None:
    play = await STATUSES[status](bench)
    assert bench.effects.view.status == status
    assert (await play.case.say(message, data={"reason": "no funds"})).counted
    assert (await play.case.outcome()).result == end
    assert bench.effects.open() == []
    assert bench.effects.events()[-2:] == ["case.status_changed", f"case.{end}"]


async def test_a_decision_under_way_when_the_case_ends_is_answered(bench: Bench) -> None:
    play = await in_drafting(bench)
    bench.effects.refuse = bench.effects.saying("case_closed", on="document.sent")  # as the record says from that moment on
    assert (await play.case.say("withdraw", data={"reason": "no funds"})).counted
    with contextlib.suppress(RPCError, WorkflowUpdateFailedError):  # it may have left already
        assert not (await play.stage("document").decide("office_turn", "send_to_partner", "turn-1")).counted
    assert (await play.case.outcome()).result == "withdrawn"
    assert "document.sent" not in bench.effects.events()


async def test_whoever_speaks_while_the_case_ends_is_told_how_it_ended(bench: Bench) -> None:
    play = await in_drafting(bench)
    late: list[WorkflowUpdateHandle[Answer]] = []

    async def meanwhile() -> None:
        concern = Message(kind="raise_concern", actor="xx.001", role="focal_point", key="late", data={"text": "slow"})
        accepted = WorkflowUpdateStage.ACCEPTED
        late.append(await play.case.handle.start_update("submit_message", concern, wait_for_stage=accepted, result_type=Answer))

    bench.effects.meanwhile[Message(kind="withdraw", actor="xx.001", role="focal_point", key="w").receipt(bench.reference)] = meanwhile
    assert (await play.case.say("withdraw", key="w", data={"reason": "no funds"})).counted
    assert (await play.case.outcome()).result == "withdrawn"
    assert [f.rule for f in (await late[0].result()).findings] == ["case_closed"]
    assert "concern.raised" not in bench.effects.events()


async def test_a_case_withdrawn_while_its_cash_stands_down_drafts_no_further_round(bench: Bench) -> None:
    play = await in_signature(bench)

    async def withdraw() -> None:
        assert (await play.case.say("withdraw", data={"reason": "no funds"})).counted

    bench.effects.meanwhile[f"{bench.reference}:cash:1:close:stood_down"] = withdraw
    await play.stage("approval").agreed("sign_for_office", "return", **REASONS)
    assert (await play.case.outcome()).result == "withdrawn"
    assert not [task for task in bench.effects.rows if ":document:2:" in task]
    assert bench.effects.open() == []


# -- hold -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", STATUSES)
async def test_invariant_8_a_hold_stops_the_stage_wherever_it_is_and_it_goes_on_exactly_there(bench: Bench, status: str) -> None:
    play = await STATUSES[status](bench)
    before = bench.effects.open()
    assert (await play.case.say("hold", data={"reason": "flood", "until": day(40)})).counted
    await play.settled()
    for stage, kind, whom, verdict in (
        ("document", "office_turn", "turn-1", "accept"),
        ("review", "prepare_review", "", "convene"),
        ("approval", "approve_document", "", "approve"),
        ("approval", "sign_for_office", "", "sign"),
        ("cash", "reserve_funds", "", "reserve"),
    ):
        if " ".join(filter(None, (kind, whom))) in before:
            answer = await play.stage(stage).decide(kind, verdict, whom, data={})
            assert [f.rule for f in answer.findings] == ["on_hold"], kind
    for message in ("cancel", "suspend", "declare_conflict"):
        assert [f.rule for f in (await play.case.say(message, data={})).findings] == ["on_hold"]
    events = len(bench.effects.events())
    await play.later(20)
    assert bench.effects.events()[events:] == []
    assert (await play.case.say("resume")).counted
    await play.settled()
    assert bench.effects.open() == before
    assert bench.effects.view.status == status
    await play.later(2)
    assert "task.reminded" not in bench.effects.events()
    await play.later(2)
    assert "task.reminded" in bench.effects.events()


async def test_invariant_8_a_case_on_hold_does_not_go_on_when_its_partner_is_cleared(bench: Bench) -> None:
    bench.effects.asked = [Asked(state="waiting"), Asked(state="granted")]
    play = await bench.case()
    await play.case.say("hold", data={"reason": "flood", "until": day(40)})
    await play.case.handle.signal("look_again")
    await play.later(3)
    assert bench.effects.view.status == "vetting"
    assert (await play.case.say("resume")).counted
    await play.settled()
    assert bench.effects.view.status == "drafting"


async def test_a_hold_is_reviewed_before_it_ends_and_ends_by_itself(bench: Bench) -> None:
    play = await in_drafting(bench)
    await play.case.say("hold", data={"reason": "flood", "until": day(10)})
    await play.later(9)
    assert bench.effects.open("case") != []
    assert (await play.case.open())[0].startswith("review_hold")
    await play.later(3)
    assert bench.effects.recorded("case.resumed") == [{"why": "hold_ended"}]
    assert not bench.effects.view.held
    assert bench.effects.open() == ["office_turn turn-1"]


async def test_a_hold_may_be_extended_at_its_review(bench: Bench) -> None:
    play = await in_drafting(bench)
    await play.case.say("hold", data={"reason": "flood", "until": day(10)})
    await play.later(9)
    whom = (await play.case.open())[0].split(" ")[1]
    await play.case.agreed("review_hold", "extend_hold", whom, comment="rain", data={"until": day(20)})
    await play.later(5)
    assert bench.effects.view.held
    await play.later(8)
    assert not bench.effects.view.held


async def test_a_review_may_end_the_hold(bench: Bench) -> None:
    play = await in_drafting(bench)
    await play.case.say("hold", data={"reason": "flood", "until": day(10)})
    await play.later(9)
    whom = (await play.case.open())[0].split(" ")[1]
    await play.case.agreed("review_hold", "resume", whom)
    await play.settled()
    assert not bench.effects.view.held
    await play.later(30)
    assert bench.effects.events().count("case.resumed") == 1


async def test_a_case_on_hold_may_be_withdrawn_and_the_partner_heard(bench: Bench) -> None:
    play = await in_drafting(bench)
    await play.case.say("hold", data={"reason": "flood", "until": day(10)})
    assert (await play.case.say("raise_concern", data={"text": "slow"})).counted
    assert (await play.case.say("withdraw", data={"reason": "no funds"})).counted
    assert (await play.case.outcome()).result == "withdrawn"


REFUSED_AT_A_CASE = {
    "hold": "case.held", "extend_hold": "case.held", "resume": "case.resumed", "issue": "notice.sent",
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED_AT_A_CASE)
async def test_what_the_record_refuses_of_a_case_moves_none_of_its_moments(bench: Bench, what: str) -> None:
    play = await in_drafting(bench)
    case = play.case
    if what in ("extend_hold", "resume"):
        await case.say("hold", data={"reason": "flood", "until": day(10)})
        await play.later(9)
    if what == "issue":
        await case.say("propose_termination", key="p", data={"ground": "breach"}, comment="x")
    before = (await case.open(), (await case.state())["state"])
    bench.effects.refuse = bench.effects.saying("wrong_role", on=REFUSED_AT_A_CASE[what])
    match what:
        case "hold":
            answer = await play.case.say("hold", data={"reason": "flood", "until": day(10)})
        case "resume":
            answer = await play.case.say("resume")
        case "extend_hold":
            answer = await play.case.decide("review_hold", "extend_hold", before[0][0].split(" ")[1], data={"until": day(20)})
        case _:
            answer = await play.case.decide("decide_termination", "issue", "p", data={"ground": "breach"}, **REASONS)
    assert [f.rule for f in answer.findings] == ["wrong_role"]
    assert (await play.case.open(), (await play.case.state())["state"]) == before


# -- after the last signature -------------------------------------------------------------------------------------------------------------


async def test_a_signed_case_becomes_active_by_itself_when_the_last_condition_is_met(bench: Bench) -> None:
    play = await signed(bench)
    assert bench.effects.view.status == "signed"
    bench.effects.left_out = set()
    await play.case.handle.signal("look_again")
    await play.settled()
    assert bench.effects.view.status == "active"


async def test_a_signed_case_is_looked_at_again_at_the_moment_that_the_record_names(bench: Bench) -> None:
    bench.effects.tells = {"activate": {"next": (datetime.now(UTC) + timedelta(days=7)).isoformat()}}
    play = await signed(bench)
    bench.effects.left_out = set()
    await play.later(6.5)
    assert bench.effects.view.status == "signed"
    await play.later(1)
    assert bench.effects.view.status == "active"


async def test_an_active_case_ends_with_its_end_date_and_goes_on_reporting(bench: Bench) -> None:
    play = await active(bench)
    bench.effects.facts["case"] = {"ends_at": (datetime.now(UTC) + timedelta(days=30)).isoformat()}
    await play.case.handle.signal("look_again")
    await play.later(31)
    assert bench.effects.view.status == "ended"
    assert "request_cash 1" in bench.effects.open("cash")


async def test_an_end_that_the_record_does_not_take_today_is_recorded_tomorrow(bench: Bench) -> None:
    play = await active(bench)
    bench.effects.facts["case"] = {"ends_at": datetime.now(UTC).isoformat()}
    bench.effects.refuse = bench.effects.saying("not_yet", on="case.ended")
    await play.case.handle.signal("look_again")
    await play.settled()
    assert bench.effects.view.status == "active"
    bench.effects.refuse = bench.effects.nothing
    await play.later(1.1)
    assert bench.effects.view.status == "ended"


@pytest.mark.parametrize("status", LIVE)
async def test_a_suspension_is_a_block_of_its_own_and_is_lifted_by_decision(bench: Bench, status: str) -> None:
    play = await LIVE[status](bench)
    assert (await play.case.say("suspend", key="s1", data={"scope": "cash", "until": day(30)}, **REASONS)).counted
    assert bench.effects.recorded("case.suspended") == [{"block": "suspension:s1"}]
    assert (await play.case.say("request_lift", key="l1", data={"evidence": HASH})).counted
    await play.case.agreed("decide_suspension", "keep", "lift-l1", **REASONS)
    await play.case.say("request_lift", key="l2", data={"evidence": HASH})
    await play.case.agreed("decide_suspension", "lift", "lift-l2", comment="mended", data={"block": "b"})
    assert bench.effects.events()[-5:] == [
        "case.suspended", "case.lift_requested", "case.suspension_kept", "case.lift_requested", "case.suspension_lifted",
    ]  # fmt: skip
    assert bench.effects.view.status == status


async def test_a_suspension_may_lead_to_a_termination_whose_notice_runs_out_by_itself(bench: Bench) -> None:
    bench.effects.tells = {"notice.sent": {"notice_over": (datetime.now(UTC) + timedelta(days=30)).isoformat()}}
    play = await active(bench)
    await play.case.say("suspend", key="s1", data={"scope": "cash"}, **REASONS)
    await play.case.say("request_lift", key="l1", data={"evidence": HASH})
    await play.case.agreed("decide_suspension", "start_termination", "lift-l1", comment="enough", data={"ground": "breach"})
    await play.case.agreed("decide_termination", "issue", "lift-l1", key="n1", data={"ground": "breach"}, **REASONS)
    assert bench.effects.view.under_notice
    await play.case.agreed("answer_notice", "contest", "n1", comment="no")
    await play.later(25)
    assert bench.effects.view.ended == ""
    await play.later(6)
    assert (await play.case.outcome()).result == "terminated"
    assert bench.effects.open() == []
    assert bench.effects.recorded("notice.answered") == [{"verdict": "contest"}]


async def test_a_proposed_termination_may_be_refused(bench: Bench) -> None:
    play = await signed(bench)
    assert (await play.case.say("propose_termination", key="p", data={"ground": "breach"}, comment="x")).counted
    await play.case.agreed("decide_termination", "refuse", "p", comment="no")
    assert await play.case.open() == []
    assert bench.effects.view.status == "signed"


# -- what else is said to a case -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "event", "opens", "verdict", "then"),
    [
        ("raise_concern", "concern.raised", "answer_partner_concern", "answer", "concern.answered"),
        ("declare_conflict", "conflict.declared", "resolve_conflict_of_interest", "mitigated", "conflict.resolved"),
        ("correct_fact", "case.correction_asked", "confirm_correction", "apply", "case.fact_corrected"),
        ("report_allegation", "allegation.received", "", "", ""),
        ("flag_partner", "partner.flagged", "", "", ""),
        ("reassign_focal_point", "case.focal_point_changed", "", "", ""),
    ],
)
async def test_what_is_said_is_recorded_and_what_it_opens_is_answered(
    bench: Bench, message: str, event: str, opens: str, verdict: str, then: str
) -> None:
    play = await in_review(bench)
    assert (await play.case.say(message, key="m", data={}, comment="x")).counted
    assert bench.effects.events()[-1] == event
    if opens:
        assert await play.case.open() == [f"{opens} m"]
        await play.case.agreed(opens, verdict, "m", comment="x", data={})
        assert bench.effects.events()[-1] == then
    assert await play.case.open() == []
    assert bench.effects.view.status == "in_review"


@pytest.mark.parametrize("message", ["lift", "ask", "approve", ""])
async def test_a_case_refuses_what_it_does_not_take(bench: Bench, message: str) -> None:
    play = await in_drafting(bench)
    if not message:
        with pytest.raises(ValueError, match="at least 1 character"):
            await play.case.say(message)
        return
    assert [f.rule for f in (await play.case.say(message)).findings] == ["unknown_message"]


async def test_a_message_said_twice_counts_once(bench: Bench) -> None:
    play = await in_drafting(bench)
    first = await play.case.say("raise_concern", key="m", data={"text": "slow"})
    second = await play.case.say("raise_concern", key="m", data={"text": "slow"})
    other = await play.case.say("raise_concern", key="m", data={"text": "very slow"})
    assert (first.counted, second.counted, second.repeated) == (True, True, True)
    assert [f.rule for f in other.findings] == ["key_reused"]
    assert bench.effects.events().count("concern.raised") == 1


async def test_invariant_9_malformed_signals_to_a_case_are_recorded_and_stop_nothing(bench: Bench) -> None:
    play = await in_drafting(bench)
    for name, values in (("message", []), ("message", ["hold"]), ("decide", [1, 2]), ("hold", [{"until": "x"}])):
        await play.case.handle.signal(name, args=values)
    await play.case.settled()
    assert len(bench.effects.unreadable()) == 4
    assert (await play.case.say("raise_concern", data={"text": "slow"})).counted


async def test_a_cash_transfer_that_ops_terminate_starts_anew_and_finds_what_was_decided(bench: Bench) -> None:
    play = await active(bench)
    cash = play.stage("cash")
    await cash.agreed("reserve_funds", "reserve", data={"number": "F1"})
    bench.effects.facts["cash"]["reserved"] = True
    await cash.agreed("request_cash", "submit", "1")
    await bench.client.get_workflow_handle(f"{play.case.handle.id}.cash").terminate("by ops")
    await play.later(0.01)  # the case waits a moment before it starts the stage again
    again = play.stage("cash")
    assert await again.open() == ["certify_request 1"]
    await again.agreed("certify_request", "certify", "1", actor="xx.003")
    assert await again.open() == ["check_request 1"]
    assert bench.effects.counted().count("request_cash 1 submit") == 1


async def test_a_stage_that_ops_terminate_starts_anew_and_finds_what_was_decided(bench: Bench) -> None:
    play = await in_review(bench)
    stage = play.stage("review")
    await stage.agreed("prepare_review", "convene", data={"members": [MEMBER], "overall_approver": "xx.020"})
    await play.settled()
    await bench.client.get_workflow_handle(f"{play.case.handle.id}.review").terminate("by ops")
    await play.later(0.01)  # the case waits a moment before it starts the stage again
    again = play.stage("review")
    await again.agreed("give_opinion", "recommend", MEMBER, actor=MEMBER, data={})
    await again.agreed("consolidate_recommendation", "recommend", actor="xx.020")
    await play.settled()
    assert bench.effects.view.status == "in_approval"
    assert bench.effects.counted().count("prepare_review convene") == 1
