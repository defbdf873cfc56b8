"""Committee review: convening, opinions, recusal, silence, consolidation; nobody's silence is a yes."""

from typing import Any

import pytest

from schemas.engine import CaseView
from tests.workflows.conftest import Bench, Running

MEMBERS = ["xx.011", "xx.012", "xx.013"]
CONVENED = {"members": MEMBERS, "overall_approver": "xx.020", "meeting_on": "2026-03-10"}
GIVEN = {"answers": {}, "no_conflict": True}


async def review(bench: Bench, quorum: int = 3) -> Running:
    bench.effects.view = bench.effects.view.model_copy(update={"status": "in_review"})
    bench.effects.facts["review"] = {"kind": "full", "quorum": quorum}
    return await bench.start("CommitteeReview", "review")


async def convened(bench: Bench, quorum: int = 3) -> Running:
    stage = await review(bench, quorum)
    await stage.agreed("prepare_review", "convene", data=CONVENED)
    return stage


async def spoken(bench: Bench, quorum: int = 3) -> Running:
    stage = await convened(bench, quorum)
    for member in MEMBERS[:quorum]:
        await stage.agreed("give_opinion", "recommend", member, actor=member, data=GIVEN)
    return stage


async def test_the_members_speak_and_the_overall_approver_consolidates(bench: Bench) -> None:
    stage = await convened(bench)
    assert await stage.open() == [f"give_opinion {m}" for m in MEMBERS]
    for member in MEMBERS:
        assert "consolidate_recommendation" not in await stage.open()
        await stage.agreed("give_opinion", "recommend", member, actor=member, data=GIVEN)
    assert await stage.open() == ["consolidate_recommendation"]
    assert (await stage.state())["tasks"][0]["candidates"] == ["xx.020"]
    await stage.agreed("consolidate_recommendation", "recommend", actor="xx.020")
    assert (await stage.outcome()).result == "recommended"
    assert bench.effects.recorded("case.status_changed") == [{"to": "in_approval", "trigger": "recommendation"}]
    assert [d["member"] for d in bench.effects.recorded("review.opinion_given")] == MEMBERS
    await bench.keep(stage, "review")


@pytest.mark.parametrize(
    ("verdict", "result", "status"),
    [
        ("recommend", "recommended", "in_approval"),
        ("recommend_with_conditions", "recommended_with_conditions", "in_approval"),
        ("not_recommend", "not_recommended", "in_approval"),
        ("return", "returned", "drafting"),
    ],
)
async def test_every_consolidation_has_its_result_and_status(bench: Bench, verdict: str, result: str, status: str) -> None:
    stage = await spoken(bench)
    await stage.agreed("consolidate_recommendation", verdict, actor="xx.020")
    assert (await stage.outcome()).result == result
    assert bench.effects.view.status == status
    assert ("document.unlocked" in bench.effects.events()) == (verdict == "return")


@pytest.mark.parametrize("verdict", ["recommend", "recommend_with_conditions", "return", "not_recommend"])
async def test_every_opinion_is_kept_and_none_decides_alone(bench: Bench, verdict: str) -> None:
    stage = await convened(bench)
    await stage.agreed("give_opinion", verdict, "xx.011", actor="xx.011", data=GIVEN)
    assert await stage.open() == ["give_opinion xx.012", "give_opinion xx.013"]
    assert [(d["member"], d["verdict"]) for d in bench.effects.recorded("review.opinion_given")] == [("xx.011", verdict)]


async def test_the_secretary_may_return_before_convening(bench: Bench) -> None:
    stage = await review(bench)
    await stage.agreed("prepare_review", "return", comment="budget", message_to_partner="Please", reason_code="budget")
    assert (await stage.outcome()).result == "returned"
    assert bench.effects.view.status == "drafting"


async def test_clerical_corrections_leave_the_preparation_open(bench: Bench) -> None:
    stage = await review(bench)
    await stage.agreed("prepare_review", "correct_clerical", comment="typo")
    assert await stage.open() == ["prepare_review"]


async def test_a_quorum_is_enough_and_later_opinions_are_kept(bench: Bench) -> None:
    stage = await spoken(bench, quorum=2)
    assert await stage.open() == ["consolidate_recommendation", "give_opinion xx.013"]
    await stage.agreed("give_opinion", "not_recommend", "xx.013", actor="xx.013", data=GIVEN)
    assert await stage.open() == ["consolidate_recommendation"]
    await stage.agreed("consolidate_recommendation", "recommend", actor="xx.020")
    assert (await stage.outcome()).result == "recommended"


async def test_the_conclusion_closes_what_was_still_asked(bench: Bench) -> None:
    stage = await spoken(bench, quorum=2)
    await stage.agreed("consolidate_recommendation", "recommend", actor="xx.020")
    await stage.outcome()
    assert bench.effects.open() == []


async def test_a_conflict_leaves_the_quorum_and_the_committee_is_formed_anew(bench: Bench) -> None:
    stage = await convened(bench)
    await stage.agreed("give_opinion", "recuse", "xx.011", actor="xx.011", comment="my cousin")
    assert await stage.open() == ["give_opinion xx.012", "give_opinion xx.013", "reform_committee xx.011"]
    await stage.agreed("reform_committee", "replace", "xx.011", data={"members": ["xx.014"]})
    assert await stage.open() == ["give_opinion xx.012", "give_opinion xx.013", "give_opinion xx.014"]
    assert [d["member"] for d in bench.effects.recorded("review.member_recused")] == ["xx.011"]


async def test_a_member_may_recuse_by_message(bench: Bench) -> None:
    stage = await convened(bench)
    answer = await stage.say("recuse", actor="xx.011", task=stage.task("give_opinion", "xx.011"), data={"because": "my cousin"})
    assert answer.counted
    assert "give_opinion xx.011" not in await stage.open()
    assert bench.effects.open() == await stage.open()


async def test_nobody_recuses_another_and_nobody_recuses_from_anything_else(bench: Bench) -> None:
    stage = await convened(bench)
    answer = await stage.say("recuse", actor="xx.012", task=stage.task("give_opinion", "xx.011"))
    assert [f.rule for f in answer.findings] == ["not_a_member"]
    assert f"give_opinion {MEMBERS[0]}" in await stage.open()


async def test_two_recusals_are_one_reform(bench: Bench) -> None:
    stage = await convened(bench)
    for member in MEMBERS[:2]:
        await stage.agreed("give_opinion", "recuse", member, actor=member, comment="conflict")
    assert await stage.open() == ["give_opinion xx.013", "reform_committee xx.011"]


async def test_a_silent_member_may_be_replaced_and_silence_decides_nothing(bench: Bench) -> None:
    stage = await convened(bench)
    for member in MEMBERS[:2]:
        await stage.agreed("give_opinion", "recommend", member, actor=member, data=GIVEN)
    await stage.later(5)
    assert await stage.open() == ["give_opinion xx.013"]
    await stage.later(3)
    assert await stage.open() == ["give_opinion xx.013", "reform_committee silent-xx.013"]
    await stage.later(100)
    assert "review.concluded" not in bench.effects.events()
    await stage.agreed("reform_committee", "replace", "silent-xx.013", data={"members": ["xx.014"]})
    await stage.agreed("give_opinion", "recommend", "xx.014", actor="xx.014", data=GIVEN)
    assert "consolidate_recommendation" in await stage.open()


async def test_invariant_6_an_opinion_that_the_record_bars_does_not_count_towards_the_quorum(bench: Bench) -> None:
    stage = await convened(bench, quorum=2)
    bench.effects.refuse = bench.effects.saying("segregation", on="review.opinion_given")
    assert not (await stage.decide("give_opinion", "recommend", "xx.011", actor="xx.011", data=GIVEN)).counted
    bench.effects.refuse = bench.effects.nothing
    await stage.agreed("give_opinion", "recommend", "xx.012", actor="xx.012", data=GIVEN)
    assert "consolidate_recommendation" not in await stage.open()


async def test_a_question_keeps_the_review_open_until_it_is_answered(bench: Bench) -> None:
    stage = await convened(bench)
    answer = await stage.say(
        "ask", actor="xx.011", key="q", task=stage.task("give_opinion", "xx.011"), data={"to": "xx.001", "question": "?"}
    )
    assert answer.counted
    await stage.agreed("answer_question", "answer", "xx.011-q")
    assert bench.effects.recorded("review.question_answered") == [{"question": "xx.011-q"}]


@pytest.mark.parametrize("change", [{"status": "withdrawn", "ended": "withdrawn"}, {"status": "cancelled", "ended": "cancelled"}])
async def test_a_case_that_ended_closes_the_review(bench: Bench, change: dict[str, Any]) -> None:
    stage = await convened(bench)
    await stage.handle.signal("case_changed", bench.effects.change(**change))
    assert (await stage.outcome()).result == "ended"
    assert bench.effects.open() == []


async def test_a_hold_stops_the_opinions(bench: Bench) -> None:
    stage = await convened(bench)
    await stage.handle.signal("case_changed", bench.effects.change(held=True))
    answer = await stage.decide("give_opinion", "recommend", "xx.011", actor="xx.011", data=GIVEN)
    assert [f.rule for f in answer.findings] == ["on_hold"]
    await stage.later(100)
    assert "reform_committee silent-xx.011" not in await stage.open()
    assert isinstance(bench.effects.view, CaseView)


async def test_a_committee_that_the_record_refuses_is_not_convened(bench: Bench) -> None:
    stage = await review(bench)
    bench.effects.refuse = bench.effects.saying("composition", on="review.convened")
    assert [f.rule for f in (await stage.decide("prepare_review", "convene", data=CONVENED)).findings] == ["composition"]
    assert await stage.open() == ["prepare_review"]
    bench.effects.refuse = bench.effects.nothing
    await stage.agreed("prepare_review", "convene", data=CONVENED)
    assert await stage.open() == [f"give_opinion {m}" for m in MEMBERS]


async def test_several_silent_members_are_one_reform(bench: Bench) -> None:
    stage = await convened(bench)
    await stage.later(8)
    assert [task for task in await stage.open() if task.startswith("reform")] == ["reform_committee silent-xx.011"]
