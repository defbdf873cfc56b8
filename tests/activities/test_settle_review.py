"""The committee review settled against the rows: who sits, what is said, what comes of it."""

from typing import Any

import pytest

from db import content
from schemas.engine import Event, Opening, Recorded, Task
from tests.activities.desk import YES, Desk, at, rules, sha
from tests.activities.test_settle_document import drafting, standing, submitted
from tests.kept import kept

MEMBERS = [
    {"person": "ke.016", "function": "programme", "section": "health"},
    {"person": "ke.017", "function": "finance", "section": "finance"},
    {"person": "ke.018", "function": "supply", "section": "supply"},
    {"person": "ke.019", "function": "monitoring", "section": "planning"},
]
CONDITION = {"text": "Supervision plan", "owner_role": "focal_point", "gate": "before_cash"}


@kept
async def in_review(desk: Desk) -> tuple[str, Task]:
    case = await drafting(desk)
    done = await submitted(desk, case)
    assert not done.refused, done.findings
    (task,) = await desk.open(case, "review", at("2026-03-03", "11:00"), Opening(kind="prepare_review"))
    return case, task


async def convene(desk: Desk, case: str, task: Task, members: list[dict[str, str]] | None = None, approver: str = "ke.005") -> Recorded:
    event = Event(type="review.convened", data={"round": 1}, take=["members", "overall_approver", "meeting_on"])
    data = {"members": members or MEMBERS, "overall_approver": approver, "meeting_on": "2026-03-10"}
    opens = [Opening(kind="give_opinion", each="members")]
    return await desk.decide(
        task, "ke.004", "committee_secretary", "convene", at("2026-03-04"), [event], subject=case, opens=opens, data=data
    )


@kept
async def convened(desk: Desk) -> tuple[str, dict[str, Task]]:
    case, task = await in_review(desk)
    done = await convene(desk, case, task)
    assert not done.refused, done.findings
    return case, {opened.whom: opened for opened in done.tasks}


async def opinion(desk: Desk, case: str, task: Task, verdict: str = "recommend", **said: Any) -> Recorded:
    event = Event(
        type="review.opinion_given",
        data={"round": 1, "member": task.whom, "verdict": verdict, "purpose": "review"},
        take=["answers", "conditions"],
    )
    data = {"answers": said.pop("answers", YES), "no_conflict": True} | said.pop("more", {})
    if verdict in ("return", "not_recommend"):
        said |= {"comment": "see items", "message_to_partner": "Please look again.", "reason_code": "results_framework"}
    who = said.pop("who", task.whom)
    return await desk.decide(task, who, "committee_member", verdict, at("2026-03-06"), [event], subject=case, data=data, **said)


async def consolidate(desk: Desk, case: str, verdict: str, actor: str = "ke.005", **data: Any) -> Recorded:
    results = {
        "recommend": "recommended",
        "recommend_with_conditions": "recommended_with_conditions",
        "return": "returned",
        "not_recommend": "not_recommended",
    }
    (task,) = await desk.open(case, "review", at("2026-03-09"), Opening(kind="consolidate_recommendation", candidates=["ke.005"]))
    result = results[verdict]
    to, trigger = ("drafting", "return") if result == "returned" else ("in_approval", "recommendation")
    events = [
        Event(type="review.concluded", data={"round": 1, "result": result, "verdict": verdict}, take=["conditions", "departs_because"]),
        Event(type="case.status_changed", data={"to": to, "trigger": trigger}),
    ]
    if result == "returned":
        events.append(Event(type="document.unlocked", data={"why": "returned"}))
    said = {"comment": "c", "message_to_partner": "m", "reason_code": "budget"} if verdict in ("return", "not_recommend") else {}
    return await desk.decide(task, actor, "overall_approver", verdict, at("2026-03-10"), events, subject=case, data=data, **said)


async def test_each_member_of_a_committee_is_asked(desk: Desk) -> None:
    case, tasks = await convened(desk)
    assert sorted(tasks) == ["ke.016", "ke.017", "ke.018", "ke.019"]
    assert (await desk.told(case, "review.convened"))[0]["quorum"] == 3


async def test_a_committee_lacks_nothing_or_is_refused_with_every_reason(desk: Desk) -> None:
    case, task = await in_review(desk)
    wrong = [
        {"person": "ke.016", "function": "programme", "section": "nutrition"},
        {"person": "ke.018", "function": "legal", "section": "supply"},
    ]
    done = await convene(desk, case, task, wrong)
    assert rules(done.findings) >= {"too_few_members", "function_missing", "wrong_section", "submitting_section", "wrong_function"}
    assert await desk.row("member", case) is None


async def test_who_submitted_does_not_sit_and_does_not_consolidate(desk: Desk) -> None:
    case, task = await in_review(desk)
    done = await convene(
        desk, case, task, [*MEMBERS[:3], {"person": "ke.003", "function": "monitoring", "section": "nutrition"}], approver="ke.022"
    )
    assert "submitter_reviews" in rules(done.findings)
    assert {finding.path for finding in done.findings if finding.rule == "submitter_reviews"} >= {
        "$.data.members[3].person",
        "$.data.overall_approver",
    }


async def test_who_consolidates_is_not_counted_among_the_members(desk: Desk) -> None:
    case, task = await in_review(desk)
    done = await convene(desk, case, task, approver="ke.016")
    assert rules(done.findings) == {"counted_twice"}


async def test_an_opinion_is_its_members_own(desk: Desk) -> None:
    case, tasks = await convened(desk)
    done = await opinion(desk, case, tasks["ke.016"], who="ke.017")
    assert done.refused
    assert await desk.row("opinion", case) is None


async def test_a_disagreement_needs_a_comment(desk: Desk) -> None:
    case, tasks = await convened(desk)
    done = await opinion(desk, case, tasks["ke.016"], answers=YES | {"q7": "disagree"})
    assert rules(done.findings) == {"disagreement_without_comment"}
    assert not (await opinion(desk, case, tasks["ke.016"], answers=YES | {"q7": "disagree"}, comment="management is high")).refused


async def test_invariant_7_no_recommendation_without_a_quorum(desk: Desk) -> None:
    case, tasks = await convened(desk)
    for member in ("ke.016", "ke.017"):
        await opinion(desk, case, tasks[member])
    done = await consolidate(desk, case, "recommend")
    assert "quorum" in rules(done.findings)
    assert (await desk.case(case))["status"] == "in_review"


async def test_more_than_half_recommend(desk: Desk) -> None:
    case, tasks = await convened(desk)
    for member in ("ke.016", "ke.017", "ke.018"):
        assert not (await opinion(desk, case, tasks[member])).refused
    await opinion(desk, case, tasks["ke.019"], "not_recommend")
    done = await consolidate(desk, case, "recommend")
    assert not done.refused, done.findings
    row = await desk.row("review", case, round=1)
    assert row is not None
    assert (row["result"], row["counts"]) == ("recommended", {"recommend": 3, "return": 0, "not_recommend": 1})
    assert (await desk.case(case))["status"] == "in_approval"


async def test_the_overall_approver_departs_only_towards_more_caution_and_with_a_reason(desk: Desk) -> None:
    case, tasks = await convened(desk)
    for member in ("ke.016", "ke.017", "ke.018"):
        await opinion(desk, case, tasks[member], "not_recommend")
    assert rules((await consolidate(desk, case, "recommend")).findings) == {"less_cautious"}


async def test_a_departure_needs_a_reason(desk: Desk) -> None:
    case, tasks = await convened(desk)
    for member in ("ke.016", "ke.017", "ke.018"):
        await opinion(desk, case, tasks[member])
    assert rules((await consolidate(desk, case, "return")).findings) == {"departure_without_reason"}
    done = await consolidate(desk, case, "return", departs_because="The districts overlap with another document.")
    assert not done.refused, done.findings


async def test_the_conditions_of_the_opinions_become_conditions_of_the_case(desk: Desk) -> None:
    case, tasks = await convened(desk)
    await opinion(desk, case, tasks["ke.016"], "recommend_with_conditions", more={"conditions": [CONDITION]})
    for member in ("ke.017", "ke.018"):
        await opinion(desk, case, tasks[member])
    told = (await desk.told(case, "review.opinion_given"))[0]
    assert told["conditions"] == [{"text_sha256": sha("Supervision plan"), "owner_role": "focal_point", "gate": "before_cash", "due": None}]
    done = await consolidate(desk, case, "recommend_with_conditions")
    assert not done.refused, done.findings
    row = await desk.row("condition", case)
    assert row is not None
    assert (row["id"], row["gate"], row["state"]) == ("KEN/2026/0007:1:review:1", "before_cash", "open")
    assert [start.workflow for start in done.starts] == ["Obligations"]


async def test_a_return_clears_the_acceptances_and_goes_back_to_drafting(desk: Desk) -> None:
    case, tasks = await convened(desk)
    for member in ("ke.016", "ke.017", "ke.018"):
        await opinion(desk, case, tasks[member], "return")
    done = await consolidate(desk, case, "return")
    assert not done.refused, done.findings
    assert (await desk.case(case))["status"] == "drafting"
    assert await desk.row("acceptance", case) is None
    opinions = await desk.pool.fetchval("SELECT count(*) FROM opinion WHERE subject = $1", case)
    assert opinions == 3, "opinions are kept for ever"


async def test_a_member_who_recused_gives_no_opinion_and_is_replaced(desk: Desk) -> None:
    case, tasks = await convened(desk)
    event = Event(type="review.member_recused", data={"round": 1, "member": "ke.018"})
    done = await desk.decide(
        tasks["ke.018"],
        "ke.018",
        "committee_member",
        "recuse",
        at("2026-03-05"),
        [event],
        subject=case,
        opens=[Opening(kind="reform_committee", whom="ke.018")],
        comment="a brother works there",
    )
    assert not done.refused, done.findings
    assert (await desk.told(case, "review.member_recused"))[0]["quorum_left"] == 3
    (task,) = done.tasks
    reform = Event(type="review.reformed", data={"round": 1}, take=["members"])
    again = await desk.decide(
        task,
        "ke.004",
        "committee_secretary",
        "replace",
        at("2026-03-06"),
        [reform],
        subject=case,
        opens=[Opening(kind="give_opinion", each="members")],
        data={"members": [MEMBERS[2]]},
    )
    assert "named_twice" in rules(again.findings)


async def test_a_clerical_correction_leaves_the_acceptances(desk: Desk) -> None:
    case, task = await in_review(desk)
    before = await standing(desk, case)
    event = Event(type="review.corrected", take=["fields"])
    done = await desk.decide(
        task,
        "ke.004",
        "committee_secretary",
        "correct_clerical",
        at("2026-03-04"),
        [event],
        subject=case,
        keep_open=True,
        comment="a typing error",
        data={"fields": {"title": "Treatment of acute malnutrition", "outputs[0].indicators[0].title": "children admitted"}},
    )
    assert not done.refused, done.findings
    after = await standing(desk, case)
    assert after != before
    accepted = await desk.pool.fetch("SELECT DISTINCT sha256 FROM acceptance WHERE subject = $1", case)
    assert [row["sha256"] for row in accepted] == [after]
    assert (await desk.told(case, "review.corrected"))[0]["fields"] == ["outputs[0].indicators[0].title", "title"]


async def test_a_correction_of_substance_is_refused(desk: Desk) -> None:
    case, task = await in_review(desk)
    event = Event(type="review.corrected", take=["fields"])
    for fields, rule in (
        ({"start": "2026-09-01"}, "not_clerical"),
        ({"outputs[0].activities[0].office_cash": "1.00"}, "not_clerical"),
        ({"outputs[9].title": "x"}, "no_such_field"),
        ({"start": "soon"}, "invalid_value"),
    ):
        done = await desk.decide(
            task,
            "ke.004",
            "committee_secretary",
            "correct_clerical",
            at("2026-03-04"),
            [event],
            subject=case,
            keep_open=True,
            comment="c",
            data={"fields": fields},
        )
        assert rule in rules(done.findings), fields


async def test_a_review_is_returned_before_anybody_was_asked(desk: Desk) -> None:
    case, task = await in_review(desk)
    events = [
        Event(type="review.concluded", data={"round": 1, "result": "returned", "verdict": "return"}),
        Event(type="case.status_changed", data={"to": "drafting", "trigger": "return"}),
        Event(type="document.unlocked", data={"why": "returned"}),
    ]
    said = {"comment": "c", "message_to_partner": "m", "reason_code": "text", "data": {"items": ["The budget has no narrative"]}}
    done = await desk.decide(task, "ke.004", "committee_secretary", "return", at("2026-03-04"), events, subject=case, **said)
    assert not done.refused, done.findings
    row = await desk.row("review", case, round=1)
    assert row is not None
    assert (row["result"], row["counts"]) == ("returned", None)


async def test_a_tie_is_the_chairs(desk: Desk) -> None:
    case, tasks = await convened(desk)
    for member, verdict in (("ke.016", "recommend"), ("ke.017", "recommend"), ("ke.018", "return"), ("ke.019", "return")):
        await opinion(desk, case, tasks[member], verdict)
    done = await consolidate(desk, case, "recommend")  # the chair of this office consolidates
    assert not done.refused, done.findings


async def test_a_recommendation_with_conditions_needs_one(desk: Desk) -> None:
    case, tasks = await convened(desk)
    for member in ("ke.016", "ke.017", "ke.018"):
        await opinion(desk, case, tasks[member])
    done = await consolidate(desk, case, "recommend_with_conditions", departs_because="To be safe.")
    assert rules(done.findings) == {"no_conditions"}
    again = await consolidate(desk, case, "recommend_with_conditions", departs_because="To be safe.", conditions=[CONDITION])
    assert not again.refused, again.findings


async def test_another_office_may_lend_a_member(desk: Desk) -> None:
    case, task = await in_review(desk)
    lent = {"person": "bd.017", "function": "finance", "section": "finance"}
    done = await convene(desk, case, task, [MEMBERS[0], lent, MEMBERS[2]])
    assert not done.refused, done.findings
    tasks = {opened.whom: opened for opened in done.tasks}
    assert not (await opinion(desk, case, tasks["bd.017"])).refused


async def test_nobody_sits_whom_no_office_knows(desk: Desk) -> None:
    case, task = await in_review(desk)
    unknown = {"person": "xx.001", "function": "finance", "section": "finance"}
    done = await convene(desk, case, task, [MEMBERS[0], unknown, MEMBERS[2]], approver="xx.002")
    assert {finding.path for finding in done.findings if finding.rule == "unknown_actor"} == {
        "$.data.members[1].person",
        "$.data.overall_approver",
    }


async def test_a_silent_member_is_replaced_and_no_longer_heard(desk: Desk) -> None:
    case, tasks = await convened(desk)
    (task,) = await desk.open(case, "review", at("2026-03-13"), Opening(kind="reform_committee", whom="silent-ke.018"))
    reform = Event(type="review.reformed", data={"round": 1}, take=["members"])
    new = {"person": "bd.016", "function": "programme", "section": "health"}
    done = await desk.decide(
        task,
        "ke.004",
        "committee_secretary",
        "replace",
        at("2026-03-13"),
        [reform],
        subject=case,
        opens=[Opening(kind="give_opinion", each="members")],
        data={"members": [new]},
    )
    assert not done.refused, done.findings
    assert done.facts["members"] == ["bd.016"]
    silent = await desk.row("member", case, person="ke.018")
    assert silent is not None
    assert silent["state"] == "replaced"
    assert rules((await opinion(desk, case, tasks["ke.018"])).findings) == {"not_a_member"}


async def test_a_question_and_its_answer_keep_their_words_in_the_content_store(desk: Desk) -> None:
    case, task = await in_review(desk)
    asked = Event(type="review.question_asked", data={"task": task.id}, take=["to"])
    opens = [Opening(kind="answer_question", whom="ke.004-q")]
    words = {"to": "focal_point", "question": "Which sites?"}
    done = await desk.tell(
        case,
        "ask",
        "ke.004",
        "committee_secretary",
        at("2026-03-04"),
        [asked],
        stage="review",
        opens=opens,
        key="q",
        task=task.id,
        data=words,
    )
    assert not done.refused, done.findings
    answer = Event(type="review.question_answered", data={"question": "ke.004-q"})
    done = await desk.decide(
        done.tasks[0], "ke.001", "focal_point", "answer", at("2026-03-05"), [answer], subject=case, data={"text": "All 42."}
    )
    assert not done.refused, done.findings
    assert [told["text_sha256"] for told in await desk.told(case, "review.question_asked")] == [sha("Which sites?")]
    assert [told["text_sha256"] for told in await desk.told(case, "review.question_answered")] == [sha("All 42.")]


async def test_a_correction_that_changes_nothing_is_refused(desk: Desk) -> None:
    case, task = await in_review(desk)
    title = (await desk.case(case))["title_sha256"]
    event = Event(type="review.corrected", take=["fields"])
    said = {"comment": "c", "data": {"fields": {"title": "Treatment and prevention of acute malnutrition in Turkana and Marsabit"}}}
    done = await desk.decide(
        task, "ke.004", "committee_secretary", "correct_clerical", at("2026-03-04"), [event], subject=case, keep_open=True, **said
    )
    assert rules(done.findings) == {"nothing_changes"}
    assert (await desk.case(case))["title_sha256"] == title


async def test_a_round_that_was_not_submitted_is_an_error_never_a_committee(desk: Desk) -> None:
    case = await drafting(desk)
    (task,) = await desk.open(case, "review", at("2026-03-03", "11:00"), Opening(kind="prepare_review"))
    with pytest.raises(LookupError, match="not submitted for round 1"):
        await convene(desk, case, task)


async def test_a_question_without_words_of_its_own_keeps_none(desk: Desk) -> None:
    case, task = await in_review(desk)
    asked = Event(type="review.question_asked", data={"task": task.id, "to": "focal_point"})
    done = await desk.system(case, "review", "ask", at("2026-03-04"), [asked])
    assert not done.refused, done.findings
    assert await desk.told(case, "review.question_asked") == [{"task": task.id, "to": "focal_point"}]


async def test_a_proposed_condition_is_not_lost_where_somebody_else_sealed_the_same_words(desk: Desk) -> None:
    case, tasks = await convened(desk)
    await content.put(desk.pool, CONDITION["text"], sealed=True)
    await opinion(desk, case, tasks["ke.016"], "recommend_with_conditions", more={"conditions": [CONDITION]})
    for member in ("ke.017", "ke.018"):
        await opinion(desk, case, tasks[member])
    done = await consolidate(desk, case, "recommend_with_conditions")
    assert not done.refused, done.findings
    row = await desk.row("condition", case)
    assert row is not None
    assert row["text_sha256"] == sha(CONDITION["text"])
