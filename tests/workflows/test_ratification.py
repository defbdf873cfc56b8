"""The ratification: after the signature a full committee looks at what one person has recommended, in the obligations of the case."""

from typing import Any

import pytest

from tests.workflows.conftest import Bench, Running
from tests.workflows.emergency import fast, in_drafting, iso, signed

NAMED = ["xx.011", "xx.012", "xx.013"]
CONVENED: dict[str, Any] = {"data": {"members": NAMED, "overall_approver": "xx.020"}}
PROMISE = "TST/2026/1:committee_ratification"
OWED = {"id": PROMISE, "owner_role": "committee_secretary", "verifier_role": "overall_approver", "evidence_in": False}


async def ratification(bench: Bench, days: float = 30) -> Running:
    due = iso(days)
    promise = OWED | {"due": due, "moments": [{"at": due, "does": "overdue", "level": 1}]}
    bench.effects.view = fast("signed")
    bench.effects.facts["obligations"] = {"open": [promise], "conditions": [], "ratification": True, "ratify_by": due}
    stage = await bench.start("Obligations", "obligations", bench.subject)
    await stage.settled()
    return stage


async def opinions(stage: Running, *members: str) -> None:
    for member in members:
        await stage.agreed("give_opinion", "recommend", member, actor=member, data={})


def ratified(bench: Bench) -> None:
    bench.effects.facts["obligations"] = {"open": [], "conditions": [], "ratification": False}


async def asked_to_ratify(bench: Bench) -> Running:
    stage = await ratification(bench)
    await stage.agreed("prepare_review", "convene", **CONVENED)
    await opinions(stage, *NAMED)
    return stage


async def test_the_secretary_is_asked_to_convene_with_the_day_of_the_obligation(bench: Bench) -> None:
    stage = await ratification(bench)
    assert await stage.open() == [f"meet_obligation {PROMISE}", "prepare_review"]
    assert {t["due"] for t in (await stage.state())["tasks"]} == {bench.effects.facts["obligations"]["ratify_by"].replace("+00:00", "Z")}


@pytest.mark.parametrize("verdict", ["ratify", "ratify_with_conditions"])
async def test_three_speak_and_the_overall_approver_ratifies(bench: Bench, verdict: str) -> None:
    stage = await ratification(bench)
    await stage.agreed("prepare_review", "convene", **CONVENED)
    await opinions(stage, *NAMED[:2])
    assert "ratify_emergency_review" not in await stage.open()
    await opinions(stage, NAMED[2])
    assert "ratify_emergency_review" in await stage.open()
    assert next(row.task for row in bench.effects.rows.values() if row.task.kind == "ratify_emergency_review").candidates == ["xx.020"]
    ratified(bench)
    await stage.agreed("ratify_emergency_review", verdict, actor="xx.020", data={})
    assert (await stage.outcome()).result == "none_open"
    assert bench.effects.recorded("review.ratified") == [{"verdict": verdict}]
    assert {d["purpose"] for d in bench.effects.recorded("review.opinion_given")} == {"ratification"}
    assert bench.effects.open() == []
    await bench.keep(stage, f"ratification_{verdict}")


async def test_what_is_not_ratified_is_recorded_and_owed_no_more(bench: Bench) -> None:
    stage = await asked_to_ratify(bench)
    ratified(bench)
    await stage.agreed("ratify_emergency_review", "not_ratify", actor="xx.020", comment="no urgency")
    assert (await stage.outcome()).result == "none_open"
    assert bench.effects.events()[-1] == "review.not_ratified"


async def test_what_is_not_ratified_is_decided_by_the_head_of_office(bench: Bench) -> None:
    play = await signed(bench)
    bench.effects.facts["case"] = {"not_ratified": True}
    for _ in range(2):
        await play.case.handle.signal("look_again")
        await play.settled()
    assert "decide_suspension not-ratified" in await play.case.open()
    await play.case.agreed("decide_suspension", "lift", "not-ratified", comment="spent in good faith", data={"block": "b"})
    await play.case.handle.signal("look_again")
    await play.settled()
    assert bench.effects.events().count("case.suspension_lifted") == 1
    assert "decide_suspension not-ratified" not in await play.case.open()


async def test_once_both_are_decided_the_case_looks_no_more(bench: Bench) -> None:
    play = await in_drafting(bench)
    bench.effects.facts["case"] = {"not_ratified": True, "activation_ended": "XX-L2-2026-01"}
    await play.case.handle.signal("look_again")
    await play.settled()
    before = await play.case.open()
    assert before == ["confirm_emergency_track", "decide_at_activation_end XX-L2-2026-01", "decide_suspension not-ratified"]
    await play.case.handle.signal("look_again")
    await play.settled()
    assert await play.case.open() == before


async def test_a_member_who_recuses_is_replaced_by_the_secretary(bench: Bench) -> None:
    stage = await ratification(bench)
    await stage.agreed("prepare_review", "convene", **CONVENED)
    await stage.agreed("give_opinion", "recuse", NAMED[0], actor=NAMED[0], comment="a brother")
    await stage.agreed("give_opinion", "recuse", NAMED[1], actor=NAMED[1], comment="a sister")
    assert "prepare_review again-1" in await stage.open()
    assert len([t for t in await stage.open() if t.startswith("prepare_review")]) == 1
    again = {"members": ["xx.014", "xx.015"], "overall_approver": "xx.020"}
    await stage.agreed("prepare_review", "convene", "again-1", data=again)
    await opinions(stage, "xx.014", "xx.015", NAMED[2])
    assert "ratify_emergency_review" in await stage.open()


async def test_a_fourth_opinion_is_kept_and_asks_nobody_twice(bench: Bench) -> None:
    stage = await ratification(bench)
    await stage.agreed("prepare_review", "convene", data={"members": [*NAMED, "xx.014"], "overall_approver": "xx.020"})
    await opinions(stage, *NAMED, "xx.014")
    assert len(bench.effects.recorded("review.opinion_given")) == 4
    assert [t for t in await stage.open() if t.startswith("ratify")] == ["ratify_emergency_review"]


@pytest.mark.parametrize("step", ["convene", "opinion", "ratify"])
async def test_what_the_record_refuses_of_a_ratification_stays_to_be_done(bench: Bench, step: str) -> None:
    stage = await ratification(bench)
    if step != "convene":
        await stage.agreed("prepare_review", "convene", **CONVENED)
        await opinions(stage, *(NAMED if step == "ratify" else NAMED[:2]))
    before = await stage.open()
    bench.effects.refuse = lambda batch: bench.effects.saying("not_a_member")(batch) if batch.decision else []
    match step:
        case "convene":
            answer = await stage.decide("prepare_review", "convene", **CONVENED)
        case "opinion":
            answer = await stage.decide("give_opinion", "recommend", NAMED[2], actor=NAMED[2], data={})
        case _:
            answer = await stage.decide("ratify_emergency_review", "ratify", actor="xx.020", data={})
    assert [f.rule for f in answer.findings] == ["not_a_member"]
    assert await stage.open() == before
    bench.effects.refuse = bench.effects.nothing
    if step == "opinion":
        await opinions(stage, NAMED[2])
        assert "ratify_emergency_review" in await stage.open()


async def test_invariant_5_silence_ratifies_nothing_it_is_escalated_and_its_consequence_falls(bench: Bench) -> None:
    stage = await ratification(bench, 10)
    await stage.agreed("prepare_review", "convene", **CONVENED)
    await stage.later(15)
    assert "review.ratified" not in bench.effects.events()
    escalated = [e.data["task"] for b in bench.effects.batches for e in b.events if e.type == "task.escalated"]
    assert [t for t in escalated if "give_opinion" in t] != []
    assert bench.effects.recorded("obligation.overdue") == [{"obligation": PROMISE, "level": 1}]
    await opinions(stage, *NAMED)  # it may be ratified late all the same
    assert "ratify_emergency_review" in await stage.open()


async def test_a_ratification_that_is_settled_elsewhere_closes_its_tasks(bench: Bench) -> None:
    stage = await ratification(bench)
    await stage.agreed("prepare_review", "convene", **CONVENED)
    ratified(bench)
    await stage.handle.signal("look_again")
    assert (await stage.outcome()).result == "none_open"
    assert bench.effects.open() == []


async def test_invariant_8_a_hold_of_the_case_stops_no_ratification(bench: Bench) -> None:
    stage = await ratification(bench)
    bench.effects.change(held=True)
    await stage.handle.signal("case_changed", bench.effects.view)
    await stage.agreed("prepare_review", "convene", **CONVENED)


async def test_a_due_date_that_an_event_moves_moves_what_happens_at_it(bench: Bench) -> None:
    stage = await ratification(bench, 30)
    promise = bench.effects.facts["obligations"]["open"][0]
    promise["due"] = iso(5)
    await stage.handle.signal("look_again")
    await stage.later(6)
    assert bench.effects.recorded("obligation.overdue") == [{"obligation": PROMISE, "level": 1}]
