"""The ratification after the fact, on real Postgres: three people of a full committee look at what one person has recommended."""

from collections.abc import Sequence
from typing import Any

import pytest

from schemas.engine import Event, Opening, Recorded, Task
from tests.activities import fast_path as fp
from tests.activities.desk import YES, Desk, at, rules
from tests.kept import kept

RATIFICATION = "MOZ/2026/0031:committee_ratification"
PROGRAMME, FINANCE, MONITORING = ("mz.016", "programme", "health"), ("mz.028", "finance", "finance"), ("mz.019", "monitoring", "planning")
THREE = (PROGRAMME, FINANCE, MONITORING)
SUPPLY = ("mz.018", "supply", "supply")
CONDITION = {"text": "Monthly figures are agreed.", "owner_role": "focal_point", "gate": "before_cash"}
Person = tuple[str, str, str]


@kept
async def to_ratify(desk: Desk) -> tuple[str, Task]:
    """C3, signed; the secretary is asked to name people."""
    case = await fp.signed(desk)
    (task,) = await desk.open(case, "obligations", at("2026-03-30", "06:00"), Opening(kind="prepare_review"))
    return case, task


async def convene(desk: Desk, case: str, task: Task, members: Sequence[Person] = THREE, approver: str = "mz.005", **more: Any) -> Recorded:
    people = [{"person": person, "function": function, "section": section} for person, function, section in members]
    event = Event(type="review.ratification_convened", take=["members", "overall_approver", "meeting_on"])
    data = {"members": people, "overall_approver": approver, "meeting_on": "2026-04-08"}
    opens = [Opening(kind="give_opinion", each="members", data={"purpose": "ratification"})]
    return await desk.decide(
        task, "mz.004", "committee_secretary", "convene", at("2026-03-30"), [event], subject=case, opens=opens, data=data, **more
    )


@kept
async def convened(desk: Desk) -> tuple[str, dict[str, Task]]:
    case, task = await to_ratify(desk)
    done = fp.taken(await convene(desk, case, task))
    return case, {opened.whom: opened for opened in done.tasks}


async def opine(desk: Desk, case: str, task: Task, verdict: str = "recommend", *, who: str = "", opens: Sequence[Opening] = ()) -> Recorded:
    event = Event(
        type="review.opinion_given",
        data={"round": 1, "member": task.whom, "verdict": verdict, "purpose": "ratification"},
        take=["answers", "conditions"],
    )
    said: dict[str, Any] = dict(fp.REFUSAL) if verdict in ("return", "not_recommend") else {}
    if verdict == "recuse":
        said = {"comment": "A brother works there."}
    else:
        said["data"] = {"answers": YES, "no_conflict": True}
    events = [event] if verdict != "recuse" else []
    return await desk.decide(
        task, who or task.whom, "committee_member", verdict, at("2026-04-08"), events, subject=case, opens=opens, **said
    )  # fmt: skip


async def ratify(desk: Desk, case: str, verdict: str = "ratify", actor: str = "mz.005", **data: Any) -> Recorded:
    (task,) = await desk.open(
        case, "obligations", at("2026-04-15"), Opening(kind="ratify_emergency_review", candidates=["mz.005"], whom=f"n{desk.keys}")
    )  # fmt: skip
    negative = verdict == "not_ratify"
    event = Event(type="review.not_ratified") if negative else Event(type="review.ratified", data={"verdict": verdict}, take=["conditions"])
    said: dict[str, Any] = {"comment": "The centres were not asked."} if negative else {}
    if data:
        said["data"] = data
    return await desk.decide(task, actor, "overall_approver", verdict, at("2026-04-16"), [event], subject=case, **said)


@kept
async def spoken(desk: Desk, *verdicts: str) -> str:
    case, tasks = await convened(desk)
    for (person, _, _), verdict in zip(THREE, verdicts, strict=False):
        fp.taken(await opine(desk, case, tasks[person], verdict))
    return case


async def state(desk: Desk, case: str) -> str:
    return (await fp.owed(desk, case))["committee_ratification"][1]


# Convening ------------------------------------------------------------------------------------------------------------------------


async def test_the_stage_begins_with_a_ratification_to_convene_by_the_day_of_the_obligation(desk: Desk) -> None:
    case = await fp.signed(desk)
    begun = await desk.begin(case, "obligations", at("2026-03-20"))
    assert (begun["ratification"], begun["ratify_by"][:10]) == (True, "2026-04-30")


async def test_three_people_are_asked_until_the_day_of_the_obligation(desk: Desk) -> None:
    case, tasks = await convened(desk)
    assert sorted(tasks) == ["mz.016", "mz.019", "mz.028"]
    assert {task.due.date().isoformat() for task in tasks.values() if task.due} == {"2026-04-30"}
    (told,) = await desk.told(case, "review.ratification_convened")
    assert (told["quorum"], told["overall_approver"]) == (3, "mz.005")


@pytest.mark.parametrize(
    ("members", "approver", "expected"),
    [
        ((PROGRAMME, FINANCE), "mz.005", {"too_few_members"}),
        ((PROGRAMME, MONITORING, SUPPLY), "mz.005", {"function_missing"}),
        ((PROGRAMME, FINANCE, ("mz.016", "programme", "health")), "mz.005", {"too_few_members", "named_twice"}),
        ((PROGRAMME, FINANCE, ("xx.001", "supply", "supply")), "mz.005", {"unknown_actor"}),
        ((PROGRAMME, ("mz.017", "finance", "finance"), MONITORING), "mz.005", {"submitter_reviews"}),  # who recommended it alone
        (THREE, "mz.016", {"counted_twice"}),
        (THREE, "mz.008", {"reviewer_approves", "reviewer_signs"}),  # who approved and signed the case
        (
            (PROGRAMME, FINANCE, ("mz.003", "supply", "water_sanitation")),
            "mz.005",
            {"wrong_function", "submitting_section", "submitter_reviews"},
        ),
    ],
    ids=["too_few", "no_finance", "twice", "unknown", "the_reviewer", "approver_is_member", "approver_of_the_case", "submitter"],
)
async def test_a_ratification_lacks_nothing_or_is_refused_with_every_reason(
    desk: Desk, members: tuple[Person, ...], approver: str, expected: set[str]
) -> None:
    case, task = await to_ratify(desk)
    done = await convene(desk, case, task, members, approver)
    assert rules(done.findings) >= expected, done.findings
    assert all(found.path for found in done.findings)
    assert await desk.told(case, "review.ratification_convened") == []
    assert len(await desk.told(case, "decision.refused")) == 1
    row = await desk.row("task", case, kind="prepare_review", stage="obligations")
    assert row is not None
    assert row["state"] == "open"


async def test_a_member_who_approved_the_case_may_not_ratify_it(desk: Desk) -> None:
    case, task = await to_ratify(desk)
    await fp.office(
        desk, "mz.008", [{"role": "head_of_office"}, {"role": "committee_member", "functions": ["supply"], "section": "supply"}]
    )
    done = await convene(desk, case, task, (PROGRAMME, FINANCE, ("mz.008", "supply", "supply")))
    await fp.nothing_changed(desk, case, done, "reviewer_approves", "reviewer_signs")
    assert {found.path for found in done.findings} == {"$.data.members[2].person"}


async def test_a_ratification_is_neither_returned_nor_corrected(desk: Desk) -> None:
    case, task = await to_ratify(desk)
    returned = await desk.decide(
        task, "mz.004", "committee_secretary", "return", at("2026-03-30"), subject=case, data={"items": ["x"]}, **fp.REFUSAL
    )
    await fp.nothing_changed(desk, case, returned, "wrong_verdict")
    assert returned.findings[0].next_step == "Convene, or write the obligation off."


async def test_where_nothing_waits_nobody_is_convened(desk: Desk) -> None:
    case, task = await to_ratify(desk)
    await desk.pool.execute("UPDATE obligation SET state = 'written_off' WHERE id = $1", RATIFICATION)
    await fp.nothing_changed(desk, case, await convene(desk, case, task), "nothing_to_ratify")


# Opinions -------------------------------------------------------------------------------------------------------------------------


async def test_an_opinion_of_the_ratification_is_kept_apart_from_the_review(desk: Desk) -> None:
    case = await spoken(desk, "recommend")
    rows = await desk.pool.fetch("SELECT member, purpose FROM opinion WHERE subject = $1 ORDER BY at", case)
    assert [(row["member"], row["purpose"]) for row in rows] == [("mz.017", "review"), ("mz.016", "ratification")]
    assert (await desk.case(case))["status"] == "signed", "nothing of the document is touched"


async def test_an_opinion_is_the_named_members_own(desk: Desk) -> None:
    case, tasks = await convened(desk)
    done = await opine(desk, case, tasks["mz.016"], who="mz.018")
    await fp.nothing_changed(desk, case, done, "not_candidate")
    (stray,) = await desk.open(case, "obligations", at("2026-04-07"), Opening(kind="give_opinion", whom="mz.018", candidates=["mz.018"]))
    assert rules((await opine(desk, case, stray)).findings) == {"not_a_member"}
    assert await desk.pool.fetchval("SELECT count(*) FROM opinion WHERE subject = $1 AND purpose = 'ratification'", case) == 0


async def test_who_recuses_is_followed_by_another_and_those_who_spoke_still_count(desk: Desk) -> None:
    case, tasks = await convened(desk)
    fp.taken(await opine(desk, case, tasks["mz.016"]))
    fp.taken(await opine(desk, case, tasks["mz.028"]))
    done = fp.taken(await opine(desk, case, tasks["mz.019"], "recuse", opens=[Opening(kind="prepare_review", whom="again-1")]))
    (again,) = done.tasks
    fp.taken(await convene(desk, case, again, [SUPPLY]))  # two stay: programme and finance are among them
    row = await desk.row("task", case, kind="give_opinion", whom="mz.018")
    assert row is not None
    fp.taken(await opine(desk, case, Task(id=row["id"], kind="give_opinion", whom="mz.018")))
    fp.taken(await ratify(desk, case))
    assert await state(desk, case) == "met"


async def test_whoever_is_named_after_a_recusal_must_still_make_a_full_committee(desk: Desk) -> None:
    case, tasks = await convened(desk)
    fp.taken(await opine(desk, case, tasks["mz.016"]))
    done = fp.taken(await opine(desk, case, tasks["mz.028"], "recuse", opens=[Opening(kind="prepare_review", whom="again-1")]))
    refused = await convene(desk, case, done.tasks[0], [SUPPLY])
    await fp.nothing_changed(desk, case, refused, "function_missing")


# Ratified -------------------------------------------------------------------------------------------------------------------------


async def test_three_who_recommend_ratify_and_the_obligation_is_met(desk: Desk) -> None:
    case = await spoken(desk, "recommend", "recommend", "recommend")
    done = fp.taken(await ratify(desk, case))
    assert await state(desk, case) == "met"
    (told,) = await desk.told(case, "review.ratified")
    assert (told["verdict"], told["counts"], told["conditions"]) == ("ratify", {"recommend": 3, "return": 0, "not_recommend": 0}, 0)
    assert not done.findings
    assert not (await desk.begin(case, "obligations", at("2026-04-17")))["ratification"]


async def test_two_of_three_are_more_than_half(desk: Desk) -> None:
    case = await spoken(desk, "recommend", "recommend", "not_recommend")
    fp.taken(await ratify(desk, case))
    assert await state(desk, case) == "met"


async def test_its_conditions_become_conditions_of_the_case(desk: Desk) -> None:
    case = await spoken(desk, "recommend", "recommend", "recommend")
    fp.taken(await ratify(desk, case, "ratify_with_conditions", conditions=[CONDITION]))
    row = await desk.row("condition", case)
    assert row is not None
    assert (row["id"], row["gate"], row["state"], row["set_by"]) == ("MOZ/2026/0031:1:ratification:1", "before_cash", "open", "mz.005")
    assert "Monthly" not in str(await desk.told(case, "review.ratified"))


async def test_an_opinion_not_given_is_never_a_yes(desk: Desk) -> None:
    case = await spoken(desk, "recommend", "recommend")
    await fp.nothing_changed(desk, case, await ratify(desk, case), "quorum")
    assert await state(desk, case) == "open"


async def test_what_the_committee_does_not_recommend_is_not_ratified(desk: Desk) -> None:
    case = await spoken(desk, "recommend", "not_recommend", "not_recommend")
    done = await ratify(desk, case)
    await fp.nothing_changed(desk, case, done, "less_cautious")
    assert "not_ratify" in done.findings[0].next_step
    assert await state(desk, case) == "open"


async def test_only_the_overall_approver_who_was_named_ratifies(desk: Desk) -> None:
    case = await spoken(desk, "recommend", "recommend", "recommend")
    await fp.office(desk, "mz.002", [{"role": "partnership_manager"}, {"role": "overall_approver"}])
    await fp.nothing_changed(desk, case, await ratify(desk, case, actor="mz.002"), "not_candidate")


# Overdue, not ratified ------------------------------------------------------------------------------------------------------------


async def test_a_ratification_that_does_not_come_stops_cash_by_itself_and_lifts_it_by_itself(desk: Desk) -> None:
    case = await spoken(desk, "recommend", "recommend", "recommend")
    fp.taken(await fp.falls_due(desk, case, RATIFICATION, "2026-04-30"))
    assert await fp.stops(desk, case) == {"cash"}
    fp.taken(await ratify(desk, case))
    assert await fp.stops(desk, case) == set()


async def test_not_ratified_stops_cash_and_asks_the_head_of_office(desk: Desk) -> None:
    case = await spoken(desk, "recommend", "not_recommend", "not_recommend")
    done = fp.taken(await ratify(desk, case, "not_ratify"))
    assert done.look_again == ["pca.MZ.MOZ-2026-0031"]
    assert await fp.stops(desk, case) == {"cash"}
    assert (await desk.begin(case, "case", at("2026-04-16", "11:00")))["not_ratified"] is True
    assert await state(desk, case) == "met", "the committee has spoken: nothing more is owed to it"
    (told,) = await desk.told(case, "review.not_ratified")
    assert told["counts"] == {"recommend": 1, "return": 0, "not_recommend": 2}
    row = await desk.case(case)
    assert (row["status"], row["signed_on"] is not None) == ("signed", True), "a signature is never undone"


async def test_refusing_is_open_whatever_was_counted_but_needs_a_reason(desk: Desk) -> None:
    case = await spoken(desk, "recommend", "recommend", "recommend")
    (task,) = await desk.open(case, "obligations", at("2026-04-15"), Opening(kind="ratify_emergency_review", candidates=["mz.005"]))
    event = [Event(type="review.not_ratified")]
    silent = await desk.decide(task, "mz.005", "overall_approver", "not_ratify", at("2026-04-16"), event, subject=case)
    await fp.nothing_changed(desk, case, silent, "comment_required")
    fp.taken(await desk.decide(task, "mz.005", "overall_approver", "not_ratify", at("2026-04-16"), event, subject=case, comment="Doubts."))


async def test_what_was_released_before_stays_and_the_next_release_is_stopped(desk: Desk) -> None:
    case = await fp.paid(desk)
    (task,) = await desk.open(case, "obligations", at("2026-03-30", "06:00"), Opening(kind="prepare_review"))
    done = fp.taken(await convene(desk, case, task))
    for opened in done.tasks:
        fp.taken(await opine(desk, case, opened, "not_recommend"))
    fp.taken(await ratify(desk, case, "not_ratify"))
    row = await desk.row("instalment", case, instalment=1)
    assert row is not None
    assert (row["state"], str(row["paid"])) == ("paid", fp.CEILING)
    await fp.written_off(desk, fp.PARTNER, "hact_assessment")  # overdue by then: it would leave direct payment only
    fp.taken(await fp.request(desk, case, {"1.1.1": "100000.00"}, "2", "2026-06-22"))
    for kind in ("certify_request", "check_request"):
        fp.taken(await fp.check(desk, case, kind, "2", "2026-06-23"))
    assert "blocked" in rules((await fp.release(desk, case, "100000.00", "2", "2026-06-24")).findings)
