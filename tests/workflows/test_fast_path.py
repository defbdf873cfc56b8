"""The fast path of a case: vetting runs beside the document, one person reviews, funds are reserved while others decide; no check is
dropped on the way, and nothing goes on to approval without the partner's clearance."""

import pytest

from schemas.engine import Asked, Cause
from tests.workflows.conftest import Bench
from tests.workflows.emergency import (
    ACCEPT,
    HASH,
    REASONS,
    REVIEWER,
    STATUSES,
    in_approval,
    in_drafting,
    in_review,
    in_signature,
    iso,
    recommend,
    signed,
    submit,
    waiting_for_clearance,
)

WAITING, GRANTED, REFUSED = Asked(state="waiting"), Asked(state="granted"), Asked(state="refused", reason_code="sanctions")


async def test_an_emergency_case_goes_to_a_reported_instalment_and_its_end(bench: Bench) -> None:
    bench.effects.facts["case"] = {"ends_at": iso(100)}
    play = await signed(bench)
    cash = play.stage("cash")
    await cash.agreed("reserve_funds", "reserve", data={"number": "F1"})
    bench.effects.left_out = set()
    await cash.agreed("request_cash", "submit", "1")
    await cash.agreed("check_request", "pass", "1")
    await cash.agreed("certify_request", "certify", "1")
    await cash.agreed("release_cash", "release", "1")
    await play.later(3)
    assert bench.effects.view.status == "active"
    await cash.agreed("submit_report", "submit", "1")
    await cash.agreed("review_report_finance", "accept", "1")
    await cash.agreed("review_report_programme", "accept", "1")
    await play.later(100)
    assert (await cash.outcome()).result == "liquidated"
    assert [d["to"] for d in bench.effects.recorded("case.status_changed")] == [
        "drafting", "in_review", "in_approval", "in_signature", "signed", "active", "ended",
    ]  # fmt: skip
    assert bench.effects.open() == ["confirm_emergency_track"]
    await bench.keep(play.case, "emergency_agreement")


async def test_the_document_is_drafted_while_the_partner_is_vetted(bench: Bench) -> None:
    play = await in_drafting(bench, WAITING)
    assert bench.effects.view.status == "drafting"
    assert bench.effects.open() == ["confirm_emergency_track", "office_turn turn-1"]
    await submit(play)
    assert bench.effects.view.status == "in_review"
    assert bench.effects.open("review") == [f"give_opinion {REVIEWER}"]


async def test_five_hand_overs_lead_to_the_signature_and_each_knows_the_one_before(bench: Bench) -> None:
    await in_signature(bench)
    causes = {b.stage: b.cause for b in reversed(bench.effects.batches) if b.key.endswith(":start") and b.stage != "document"}
    assert causes["review"] == Cause(task=f"{bench.reference}:document:1:office_turn:turn-3", actor="xx.001")
    assert causes["approval"] == Cause(task=f"{bench.reference}:review:1:give_opinion:{REVIEWER}", actor=REVIEWER)


# -- clearance, which is waited for only where it is needed ------------------------------------------------------------------------------


async def test_a_recommended_case_waits_for_its_clearance_and_goes_on_when_told(bench: Bench) -> None:
    play = await waiting_for_clearance(bench)
    assert bench.effects.events()[-2:] == ["review.opinion_given", "review.concluded"]
    assert bench.effects.view.status == "in_review"
    assert bench.effects.open("approval") == []
    bench.effects.asked, bench.effects.refuse = [GRANTED], bench.effects.nothing
    await play.case.handle.signal("look_again")
    await play.settled()
    assert bench.effects.view.status == "in_approval"
    assert bench.effects.open("approval") == ["approve_document"]


async def test_a_hint_of_the_clearance_that_was_lost_costs_a_day(bench: Bench) -> None:
    play = await waiting_for_clearance(bench)
    bench.effects.asked, bench.effects.refuse = [GRANTED], bench.effects.nothing
    await play.later(0.9)
    assert bench.effects.view.status == "in_review"
    await play.later(0.2)
    assert bench.effects.view.status == "in_approval"


async def test_a_case_that_waits_for_its_clearance_may_be_withdrawn(bench: Bench) -> None:
    play = await waiting_for_clearance(bench)
    bench.effects.refuse = bench.effects.nothing
    assert (await play.case.say("withdraw", data={"reason": "no funds"})).counted
    await play.settled()
    assert bench.effects.view.status == "withdrawn"
    assert bench.effects.open() == []


async def test_a_partner_refused_while_the_recommendation_waits_ends_the_case(bench: Bench) -> None:
    play = await waiting_for_clearance(bench)
    bench.effects.asked, bench.effects.refuse = [REFUSED], bench.effects.nothing
    await play.case.handle.signal("look_again")
    await play.settled()
    assert bench.effects.view.status == "rejected"
    assert bench.effects.open() == []


async def test_a_second_round_waits_for_its_clearance_like_the_first(bench: Bench) -> None:
    play = await waiting_for_clearance(bench)
    bench.effects.asked, bench.effects.refuse = [GRANTED], bench.effects.nothing
    await play.case.handle.signal("look_again")
    await play.settled()
    await play.stage("approval").agreed("approve_document", "return", **REASONS)
    await play.settled()
    await submit(play, 2)
    # under the key of the first round the record would give its old answer, and the case ask for ever
    assert [b.key for b in bench.effects.batches if ":case:1:cleared" in b.key] == [f"{bench.reference}:case:1:cleared:1"]
    await waiting_for_clearance(bench, 2, play)
    assert bench.effects.view.status == "in_review"
    bench.effects.refuse = bench.effects.nothing
    await play.case.handle.signal("look_again")
    await play.settled()
    assert bench.effects.view.status == "in_approval"


@pytest.mark.parametrize("status", ["drafting", "in_review", "in_approval", "in_signature"])
async def test_invariant_1_a_partner_refused_beside_ends_the_case_wherever_it_is(bench: Bench, status: str) -> None:
    play = await STATUSES[status](bench, WAITING)
    assert bench.effects.view.status == status
    bench.effects.asked = [REFUSED]
    await play.case.handle.signal("look_again")
    await play.settled()
    assert bench.effects.recorded("case.rejected") == [{"stage": "vetting", "reason_code": "sanctions"}]
    assert bench.effects.open() == []
    assert (await play.case.outcome()).result == "rejected"


async def test_a_refusal_that_the_record_does_not_take_leaves_the_case_where_it_is(bench: Bench) -> None:
    play = await in_review(bench, WAITING)
    bench.effects.asked = [REFUSED]
    bench.effects.refuse = bench.effects.saying("not_allowed", on="case.rejected")
    await play.case.handle.signal("look_again")
    await play.settled()
    assert bench.effects.view.status == "in_review"
    assert f"give_opinion {REVIEWER}" in bench.effects.open()


# -- funds beside -----------------------------------------------------------------------------------------------------------------------


async def test_funds_are_reserved_from_the_submission_on_and_through_review_and_approval(bench: Bench) -> None:
    play = await in_review(bench)
    assert bench.effects.open("cash") == ["reserve_funds"]
    await recommend(play)
    assert bench.effects.open("cash") == ["reserve_funds"]
    await play.stage("cash").agreed("reserve_funds", "reserve", data={"number": "F1"})
    await play.stage("approval").agreed("approve_document", "approve")
    await play.settled()
    assert bench.effects.open("cash") == []
    assert bench.effects.events().count("funds.reserved") == 1


@pytest.mark.parametrize("status", ["in_review", "in_approval", "in_signature"])
async def test_a_document_that_goes_back_stands_the_cash_down_until_it_is_submitted_again(bench: Bench, status: str) -> None:
    play = await STATUSES[status](bench)
    match status:
        case "in_review":
            await recommend(play, verdict="return", **REASONS)
        case "in_approval":
            await play.stage("approval").agreed("approve_document", "return", **REASONS)
        case _:
            await play.stage("approval").agreed("sign_as_partner", "request_change", comment="a date")
    await play.settled()
    assert bench.effects.view.status == "drafting"
    assert bench.effects.open() == ["confirm_emergency_track", "office_turn turn-1"]
    await submit(play, 2)
    assert bench.effects.open("cash") == ["reserve_funds"]
    assert bench.effects.open("review") == [f"give_opinion {REVIEWER}"]


# -- the track itself ---------------------------------------------------------------------------------------------------------------------


async def test_the_use_of_the_fast_track_is_confirmed_and_blocks_nothing(bench: Bench) -> None:
    play = await in_review(bench)
    await play.case.agreed("confirm_emergency_track", "confirm")
    assert bench.effects.events()[-1] == "case.track_confirmed"
    assert await play.case.open() == []
    assert bench.effects.view.track == "emergency"


async def test_an_unconfirmed_track_is_reminded_of_and_escalated_and_the_case_goes_on(bench: Bench) -> None:
    play = await in_drafting(bench)
    await play.later(7)
    told = [e.data for b in bench.effects.batches for e in b.events if e.type in ("task.reminded", "task.escalated")]
    assert {d["task"].split(":")[3] for d in told} == {"confirm_emergency_track", "office_turn"}
    await submit(play)
    assert bench.effects.view.status == "in_review"


async def test_who_denies_the_fast_track_returns_the_case_to_the_standard_one(bench: Bench) -> None:
    play = await in_drafting(bench)
    await play.case.agreed("confirm_emergency_track", "to_standard", **REASONS)
    await play.settled()
    assert bench.effects.recorded("case.track_changed") == [{"from": "emergency", "to": "standard"}]
    assert bench.effects.view.track == "standard"
    assert bench.effects.open() == ["office_turn turn-1"]


async def test_a_denial_that_the_record_refuses_leaves_the_track_unconfirmed(bench: Bench) -> None:
    play = await in_approval(bench)
    bench.effects.refuse = bench.effects.saying("stage_started", on="case.track_changed")
    answer = await play.case.decide("confirm_emergency_track", "to_standard", **REASONS)
    assert [f.rule for f in answer.findings] == ["stage_started"]
    assert await play.case.open() == ["confirm_emergency_track"]
    assert bench.effects.view.track == "emergency"


# -- hold, ends ---------------------------------------------------------------------------------------------------------------------------

NEXT = {
    "drafting": ("document", "office_turn", "turn-1", "accept_and_submit"),
    "in_review": ("review", "give_opinion", REVIEWER, "recommend"),
    "in_approval": ("approval", "approve_document", "", "approve"),
    "in_signature": ("approval", "sign_as_partner", "", "sign"),
}


@pytest.mark.parametrize("status", STATUSES)
async def test_invariant_8_a_hold_stops_the_fast_path_wherever_it_is_and_it_goes_on_exactly_there(bench: Bench, status: str) -> None:
    play = await STATUSES[status](bench)
    before = bench.effects.open()
    assert (await play.case.say("hold", data={"reason": "flood", "until": iso(9)[:10]})).counted
    await play.settled()
    stage, kind, whom, verdict = NEXT[status]
    asked: list[tuple[str, str, str, str]] = [(stage, kind, whom, verdict)]
    asked += [("cash", "reserve_funds", "", "reserve")] if "reserve_funds" in before else []
    for stage, kind, whom, verdict in asked:
        answer = await play.stage(stage).decide(kind, verdict, whom, actor=REVIEWER, data=ACCEPT)
        assert [f.rule for f in answer.findings] == ["on_hold"]
    assert [f.rule for f in (await play.case.decide("confirm_emergency_track", "confirm")).findings] == ["on_hold"]
    assert [f.rule for f in (await play.case.say("return_to_standard", data={"reason": "x"})).findings] == ["on_hold"]
    assert (await play.case.say("resume")).counted
    await play.settled()
    assert (bench.effects.open(), bench.effects.view.status) == (before, status)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(("message", "end"), [("withdraw", "withdrawn"), ("cancel", "cancelled")])
async def test_an_emergency_case_that_ends_closes_its_stage_and_its_cash(bench: Bench, status: str, message: str, end: str) -> None:
    play = await STATUSES[status](bench, WAITING)
    assert (await play.case.say(message, data={"reason": "no funds"})).counted
    assert (await play.case.outcome()).result == end
    assert bench.effects.open() == []


async def test_a_case_that_joins_a_partner_cleared_already_asks_for_nothing_more(bench: Bench) -> None:
    play = await in_drafting(bench, GRANTED)
    await play.later(3)
    assert bench.effects.started == []
    assert bench.effects.open("document") == ["office_turn turn-1"]


async def test_a_pca_that_the_case_carries_is_approved_and_signed_in_the_same_sitting(bench: Bench) -> None:
    bench.effects.facts["approval"] = {"carried": True, "umbrella": "umbrella:XX:P-1:XX-2026"}
    play = await in_review(bench)
    bench.effects.facts["approval"] = {"carried": True, "umbrella": "umbrella:XX:P-1:XX-2026"}
    await recommend(play)
    stage = play.stage("approval")
    assert await stage.open() == ["approve_document", "approve_pca"]
    head = {"actor": "xx.001", "role": "head_of_office"}
    for kind in ("approve_pca", "approve_document"):
        await stage.agreed(kind, "approve", **head)
    both = {"objects": [{"object": "pca", "sha256": HASH}, {"object": "document", "sha256": HASH}]}
    await stage.agreed("sign_for_office", "sign", **head, data=both)
    await stage.agreed("sign_as_partner", "sign", data=both)
    await play.settled()
    signing = [b for b in bench.effects.batches if "document.signed" in [e.type for e in b.events]]
    assert [e.type for e in signing[0].events] == ["signature.recorded", "umbrella.signed", "document.signed", "case.status_changed"]
    assert bench.effects.view.status == "signed"
