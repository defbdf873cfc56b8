"""The stages of the fast path one by one: acceptance on behalf, review by one person, approval and signature in one sitting, checks side by
side, the waiver of a report. A Track differs in what is asked and by whom; nothing is decided by silence on either."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.engine import BankWord
from tests.workflows.conftest import Bench, Running
from tests.workflows.emergency import ACCEPT, HASH, ON_BEHALF, ONE_PERIOD, REASONS, REVIEWER, SINGLE, fast, iso

# -- document ---------------------------------------------------------------------------------------------------------------------------


async def document(bench: Bench) -> Running:
    bench.effects.view = fast("drafting")
    stage = await bench.start("EmergencyProgrammeDocument", "document")
    await stage.agreed("office_turn", "send_to_partner", "turn-1", data={"version": 1, "sha256": HASH})
    return stage


@pytest.mark.parametrize("because", ["asked_in_writing", "turn_missed"])
async def test_the_office_accepts_on_behalf_and_the_partners_turn_is_over(bench: Bench, because: str) -> None:
    stage = await document(bench)
    assert await stage.open() == ["office_turn turn-2", "partner_turn turn-2"]
    if because == "turn_missed":
        await stage.later(8)
    bench.effects.left_out = {"both"}
    await stage.agreed("office_turn", "accept_on_behalf", "turn-2", comment="x", data=ON_BEHALF["data"] | {"because": because})
    assert await stage.open() == ["office_turn turn-3"]
    assert bench.effects.recorded("document.accepted") == [{"side": "partner", "on_behalf": True}]
    assert [f.rule for f in (await stage.decide("partner_turn", "accept", "turn-2", data=ACCEPT)).findings] == ["task_closed"]


async def test_silence_of_the_partner_accepts_nothing(bench: Bench) -> None:
    stage = await document(bench)
    await stage.later(60)
    assert await stage.open() == ["office_turn turn-2", "partner_turn turn-2"]
    assert "document.accepted" not in bench.effects.events()
    assert "task.escalated" in bench.effects.events()


@pytest.mark.parametrize("verdict", ["accept", "return_to_office"])
async def test_a_partner_that_speaks_itself_ends_what_the_office_could_do_for_it(bench: Bench, verdict: str) -> None:
    stage = await document(bench)
    bench.effects.left_out = {"both"}
    await stage.agreed("partner_turn", verdict, "turn-2", data={"version": 2, "sha256": HASH})
    assert await stage.open() == ["office_turn turn-3"]
    assert [f.rule for f in (await stage.decide("office_turn", "accept_on_behalf", "turn-2", **ON_BEHALF)).findings] == ["task_closed"]


async def test_an_acceptance_on_behalf_that_the_record_refuses_leaves_the_turn_to_both(bench: Bench) -> None:
    stage = await document(bench)
    bench.effects.refuse = bench.effects.saying("turn_not_over", on="document.accepted")
    assert [f.rule for f in (await stage.decide("office_turn", "accept_on_behalf", "turn-2", **ON_BEHALF)).findings] == ["turn_not_over"]
    assert await stage.open() == ["office_turn turn-2", "partner_turn turn-2"]


async def test_acceptance_and_submission_are_one_act_with_its_answer(bench: Bench) -> None:
    stage = await document(bench)
    bench.effects.left_out = {"both"}
    await stage.agreed("partner_turn", "accept", "turn-2", data=ACCEPT)
    bench.effects.refuse = bench.effects.saying("annex_missing", on="review.submitted")
    refused = await stage.decide("office_turn", "accept_and_submit", "turn-3", key="a", data=ACCEPT)
    assert [f.rule for f in refused.findings] == ["annex_missing"]
    assert await stage.open() == ["office_turn turn-3"]
    bench.effects.refuse = bench.effects.nothing
    await stage.agreed("office_turn", "accept_and_submit", "turn-3", key="b", data=ACCEPT)
    assert (await stage.outcome()).result == "submitted"
    assert bench.effects.events()[-3:] == ["document.accepted", "review.submitted", "case.status_changed"]
    await bench.keep(stage, "emergency_document")


# -- review -----------------------------------------------------------------------------------------------------------------------------


async def review(bench: Bench, **facts: Any) -> Running:
    bench.effects.view = fast("in_review")
    bench.effects.facts["review"] = facts or dict(SINGLE)
    stage = await bench.start("EmergencyCommitteeReview", "review")
    await stage.settled()
    return stage


@pytest.mark.parametrize(
    ("verdict", "result", "status"),
    [
        ("recommend", "recommended", "in_approval"),
        ("recommend_with_conditions", "recommended_with_conditions", "in_approval"),
        ("not_recommend", "not_recommended", "in_approval"),
        ("return", "returned", "drafting"),
    ],
)
async def test_the_single_opinion_is_the_recommendation(bench: Bench, verdict: str, result: str, status: str) -> None:
    stage = await review(bench)
    assert bench.effects.recorded("review.convened")[0]["members"] == [SINGLE["member"]]
    await stage.agreed("give_opinion", verdict, REVIEWER, actor=REVIEWER, **REASONS, data={"conditions": []})
    assert (await stage.outcome()).result == result
    assert bench.effects.view.status == status
    assert [d["verdict"] for d in bench.effects.recorded("review.opinion_given")] == [verdict]
    assert ("document.unlocked" in bench.effects.events()) == (status == "drafting")
    await bench.keep(stage, f"emergency_review_{verdict}")


async def test_a_single_reviewer_who_recuses_is_replaced(bench: Bench) -> None:
    stage = await review(bench)
    await stage.agreed("give_opinion", "recuse", REVIEWER, actor=REVIEWER, comment="a brother")
    assert await stage.open() == [f"reform_committee {REVIEWER}"]
    await stage.agreed("reform_committee", "replace", REVIEWER, data={"members": ["xx.032"]})
    await stage.agreed("give_opinion", "recommend", "xx.032", actor="xx.032", data={})
    assert (await stage.outcome()).result == "recommended"
    assert bench.effects.recorded("review.member_recused") == [{"round": 1, "member": REVIEWER}]


async def test_without_a_roster_the_secretary_names_the_one(bench: Bench) -> None:
    stage = await review(bench, kind="single", quorum=1)
    assert await stage.open() == ["prepare_review"]
    await stage.agreed("prepare_review", "convene", data={"members": ["xx.033"], "overall_approver": "xx.033"})
    await stage.agreed("give_opinion", "recommend", "xx.033", actor="xx.033", data={})
    assert (await stage.outcome()).result == "recommended"


async def test_a_silent_single_reviewer_may_be_replaced_and_silence_recommends_nothing(bench: Bench) -> None:
    stage = await review(bench)
    await stage.later(20)
    assert await stage.open() == [f"give_opinion {REVIEWER}", f"reform_committee silent-{REVIEWER}"]
    assert "review.concluded" not in bench.effects.events()


async def test_invariant_6_a_conclusion_that_the_record_bars_leaves_the_opinion_to_be_given(bench: Bench) -> None:
    stage = await review(bench)
    bench.effects.refuse = bench.effects.saying("not_a_member", on="review.concluded")
    answer = await stage.decide("give_opinion", "recommend", REVIEWER, actor="xx.001", data={})
    assert [f.rule for f in answer.findings] == ["not_a_member"]
    assert await stage.open() == [f"give_opinion {REVIEWER}"]


async def test_a_level_that_unlocks_no_single_reviewer_has_its_committee(bench: Bench) -> None:
    stage = await review(bench, kind="committee", quorum=1)
    await stage.agreed("prepare_review", "convene", data={"members": ["xx.011"], "overall_approver": "xx.020"})
    await stage.agreed("give_opinion", "recommend", "xx.011", actor="xx.011", data={})
    assert await stage.open() == ["consolidate_recommendation"]
    bench.effects.left_out = {"cleared"}
    await stage.agreed("consolidate_recommendation", "recommend", actor="xx.020")
    assert (await stage.outcome()).result == "recommended"
    assert bench.effects.view.status == "in_review"  # the clearance is still to come


# -- approval ---------------------------------------------------------------------------------------------------------------------------


async def test_step_aside_refuses_the_head_of_office_and_the_coordinator_approves_and_signs_at_once(bench: Bench) -> None:
    bench.effects.view = fast("in_approval")
    bench.effects.facts["approval"] = {"carried": True, "umbrella": "umbrella:XX:P-1:XX-2026"}
    stage = await bench.start("EmergencyApproval", "approval")
    await stage.settled()
    bench.effects.refuse = lambda b: (
        bench.effects.saying("step_aside_in_force")(b) if b.decision and b.decision.role == "head_of_office" else []
    )
    for kind in ("approve_pca", "approve_document"):
        answer = await stage.decide(kind, "approve", role="head_of_office", data={"deferrals_seen": ["psea"]})
        assert [f.rule for f in answer.findings] == ["step_aside_in_force"]
        await stage.agreed(kind, "approve", role="global_emergency_coordinator", data={"deferrals_seen": ["psea"]})
    both = {"objects": [{"object": "pca"}, {"object": "document"}]}
    await stage.agreed("sign_for_office", "sign", role="global_emergency_coordinator", data=both)
    await stage.agreed("sign_as_partner", "sign", role="partner_authorised_officer", data=both)
    assert (await stage.outcome()).result == "signed"
    assert bench.effects.screened == ["before_approval"] * 4 + ["before_last_signature"]
    await bench.keep(stage, "emergency_approval")


async def signed_without_pca(bench: Bench) -> Running:
    """Both sides have signed; the PCA that another case carries is not signed yet."""
    bench.effects.view = fast("in_signature")
    bench.effects.facts["approval"] = {"carried": False, "umbrella": "umbrella:XX:P-1:XX-2026"}
    stage = await bench.start("EmergencyApproval", "approval")
    await stage.agreed("approve_document", "approve")
    bench.effects.left_out = {"signed"}
    for kind in ("sign_as_partner", "sign_for_office"):
        await stage.agreed(kind, "sign", data={"objects": [{"object": "document"}]})
    return stage


async def test_the_signature_of_a_document_waits_for_a_pca_that_another_case_carries(bench: Bench) -> None:
    stage = await signed_without_pca(bench)
    bench.effects.refuse = bench.effects.saying("pca_signed", on="document.signed")
    await stage.later(2.5)
    assert "document.signed" not in bench.effects.events()
    assert await stage.open() == []
    bench.effects.refuse = bench.effects.nothing  # the carrier's PCA is signed, and tells who waits
    await stage.handle.signal("look_again")
    assert (await stage.outcome()).result == "signed"
    assert "umbrella.signed" not in bench.effects.events()


async def test_a_case_that_waits_for_a_pca_that_is_withdrawn_may_be_given_back(bench: Bench) -> None:
    stage = await signed_without_pca(bench)
    await stage.handle.signal("case_changed", bench.effects.change(status="withdrawn", ended="withdrawn"))
    assert (await stage.outcome()).result == "ended"


# -- cash -------------------------------------------------------------------------------------------------------------------------------


async def cash(bench: Bench, periods: int = 1) -> Running:
    bench.effects.view = fast("signed")
    all_ = [dict(ONE_PERIOD[0]), {"period": 2, "request_from": iso(10)}][:periods]
    bench.effects.facts["cash"] = {"reserved": True, "periods": all_}
    bench.effects.words = {1: [BankWord(kind="confirmed", reference="B1")]}
    stage = await bench.start("EmergencyCashTransfer", "cash")
    await stage.settled()
    return stage


@pytest.mark.parametrize("order", [("certify_request", "check_request"), ("check_request", "certify_request")])
async def test_the_release_follows_whichever_check_comes_last(bench: Bench, order: tuple[str, str]) -> None:
    verdicts = {"certify_request": "certify_reduced", "check_request": "pass_reduced"}
    stage = await cash(bench)
    await stage.agreed("request_cash", "submit", "1")
    first, second = order
    await stage.agreed(first, verdicts[first], "1", **REASONS, data={"lines": []})
    assert await stage.open() == [f"{second} 1"]
    await stage.agreed(second, verdicts[second], "1", **REASONS, data={"lines": []})
    assert await stage.open() == ["release_cash 1"]


@pytest.mark.parametrize("returns", ["certify_request", "check_request"])
@pytest.mark.parametrize("first", [False, True])
async def test_either_check_sends_the_request_back_and_the_other_falls_away(bench: Bench, returns: str, first: bool) -> None:
    other, verdict = ("check_request", "pass") if returns == "certify_request" else ("certify_request", "certify")
    stage = await cash(bench)
    await stage.agreed("request_cash", "submit", "1")
    if first:
        await stage.agreed(other, verdict, "1")
    await stage.agreed(returns, "return", "1", **REASONS)
    assert await stage.open() == ["request_cash 1-return-1"]
    await stage.agreed("request_cash", "submit", "1-return-1")
    assert await stage.open() == ["certify_request 1-return-1", "check_request 1-return-1"]


async def test_invariant_2_a_release_above_the_cap_is_refused_and_sends_nothing(bench: Bench) -> None:
    stage = await cash(bench)
    await stage.agreed("request_cash", "submit", "1")
    await stage.agreed("check_request", "pass", "1")
    await stage.agreed("certify_request", "certify", "1")
    bench.effects.refuse = bench.effects.saying("above_cap", on="cash.released")
    assert [f.rule for f in (await stage.decide("release_cash", "release", "1")).findings] == ["above_cap"]
    assert bench.effects.sent == []
    bench.effects.refuse = bench.effects.nothing  # the last deferred element is met
    await stage.agreed("release_cash", "release", "1")
    await stage.settled()
    assert len(bench.effects.sent) == 1


async def paid(bench: Bench) -> Running:
    stage = await cash(bench, 2)
    await stage.agreed("request_cash", "submit", "1")
    await stage.agreed("check_request", "pass", "1")
    await stage.agreed("certify_request", "certify", "1")
    await stage.agreed("release_cash", "release", "1")
    await stage.later(10.5)
    return stage


@pytest.mark.parametrize("verdict", ["grant", "refuse"])
async def test_the_head_of_office_decides_whether_the_report_before_is_waived(bench: Bench, verdict: str) -> None:
    stage = await paid(bench)
    assert await stage.open() == ["request_cash 2", "submit_report 1"]
    await stage.agreed("request_cash", "submit", "2")
    assert "decide_report_waiver 2" in await stage.open()
    await stage.agreed("decide_report_waiver", verdict, "2", comment="x", data={"until": iso(30)[:10]} if verdict == "grant" else None)
    assert bench.effects.events().count("report.waived") == (verdict == "grant")
    assert await stage.open() == ["certify_request 2", "check_request 2", "submit_report 1"]


async def test_no_waiver_is_asked_for_once_the_report_is_accepted(bench: Bench) -> None:
    stage = await paid(bench)
    await stage.agreed("submit_report", "submit", "1")
    await stage.agreed("review_report_finance", "accept", "1")
    await stage.agreed("review_report_programme", "accept", "1")
    await stage.agreed("request_cash", "submit", "2")
    assert await stage.open() == ["certify_request 2", "check_request 2"]


async def test_a_waiver_that_nobody_decides_is_escalated_and_grants_nothing(bench: Bench) -> None:
    stage = await paid(bench)
    await stage.agreed("request_cash", "submit", "2")
    await stage.later(30)
    assert "report.waived" not in bench.effects.events()
    escalated = [e.data["task"] for b in bench.effects.batches for e in b.events if e.type == "task.escalated"]
    assert [t for t in escalated if "decide_report_waiver" in t] != []


async def test_a_block_stops_the_release_and_lets_it_go_when_it_is_lifted(bench: Bench) -> None:
    stage = await cash(bench)
    await stage.agreed("request_cash", "submit", "1")
    await stage.agreed("check_request", "pass", "1")
    await stage.agreed("certify_request", "certify", "1")
    block = {"id": "o1", "scope": "instalment", "cause": "obligation", "since": datetime.now(UTC) - timedelta(days=1)}
    bench.effects.change(blocks=[block])
    bench.effects.refuse = bench.effects.saying("blocked", on="cash.released")
    await stage.handle.signal("case_changed", bench.effects.view)
    assert [f.rule for f in (await stage.decide("release_cash", "release", "1")).findings] == ["blocked"]
    assert await stage.open() == ["release_cash 1"]
    bench.effects.refuse = bench.effects.nothing
    await stage.handle.signal("case_changed", bench.effects.change(blocks=[]))
    await stage.agreed("release_cash", "release", "1")
