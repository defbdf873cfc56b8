"""Whom the emergency roster names for a review, on real Postgres: one person, outside the section, in office, without another duty."""

from datetime import date
from typing import Any

import pytest

from activities import reviewers, versions
from activities.reviewers import from_roster
from schemas.engine import Event, Opening
from tests.activities import fast_path as fp
from tests.activities.desk import YES, Desk, at, rules
from tests.activities.fast_path import in_force

DAY = date(2026, 3, 13)
MEMBER = {"role": "committee_member", "functions": ["finance"], "section": "finance"}


async def named(desk: Desk, case: str, day: date = DAY, round_: int = 1) -> str | None:
    async with desk.pool.acquire() as conn:
        found = await from_roster(conn, await desk.case(case), round_, day)  # type: ignore[arg-type]
    return found.person if found else None


async def test_the_first_of_the_roster_is_asked_at_once_without_a_secretary(desk: Desk) -> None:
    case = await fp.submitted(desk)
    begun = await desk.begin(case, "review", at("2026-03-13", "13:30"))
    assert (begun["kind"], begun["quorum"], begun["reviewer"]) == ("single", 1, "mz.017")
    assert begun["member"] == {"person": "mz.017", "function": "finance", "section": "finance"}
    task = await fp.asked(desk, case)
    assert (task.kind, task.candidates) == ("give_opinion", ["mz.017"])
    (told,) = await desk.told(case, "review.convened")
    assert (told["kind"], told["quorum"]) == ("single", 1)
    again = await desk.begin(case, "review", at("2026-03-13", "14:00"))
    assert again["reviewer"] == "mz.017", "who sits is asked again, not the next one"


async def test_the_opinion_of_the_one_reviewer_is_the_recommendation(desk: Desk) -> None:
    case = await fp.in_approval(desk)
    assert (await desk.case(case))["status"] == "in_approval"
    review = await desk.row("review", case, round=1)
    assert review is not None
    assert (review["kind"], review["result"], review["counts"]) == (
        "single", "recommended", {"recommend": 1, "return": 0, "not_recommend": 0},
    )  # fmt: skip


async def test_an_opinion_is_the_reviewers_own_and_answers_all_eight_questions(desk: Desk) -> None:
    case = await fp.submitted(desk)
    task = await fp.asked(desk, case)
    event = Event(type="review.opinion_given", data={"round": 1, "member": "mz.017", "verdict": "recommend"}, take=["answers"])
    data = {"answers": YES, "no_conflict": True}
    other = await desk.decide(task, "mz.016", "committee_member", "recommend", at("2026-03-16"), [event], subject=case, data=data)
    await fp.nothing_changed(desk, case, other, "not_candidate")
    short = await fp.opine(desk, case, task, answers={"q1": "agree"})
    await fp.nothing_changed(desk, case, short, "invalid_data", attempts=2)
    assert await desk.row("opinion", case) is None
    assert (await desk.case(case))["status"] == "in_review"


async def test_who_is_of_the_submitting_section_is_passed_over(desk: Desk) -> None:
    case = await fp.submitted(desk)
    await fp.office(desk, "mz.017", [MEMBER | {"section": "water_sanitation"}])
    assert await named(desk, case) == "mz.016"


@pytest.mark.parametrize(
    "grant",
    [
        MEMBER | {"to": date(2026, 3, 12)},  # expired the day before
        MEMBER | {"from": date(2026, 3, 14)},  # not yet
        MEMBER | {"functions": []},  # a member without a function
        {"role": "focal_point", "section": "finance"},  # no member any more
    ],
    ids=["expired", "not_yet", "without_function", "no_member"],
)
async def test_who_is_no_member_on_the_day_is_passed_over(desk: Desk, grant: dict[str, Any]) -> None:
    case = await fp.submitted(desk)
    await fp.office(desk, "mz.017", [grant])
    assert await named(desk, case) == "mz.016"


async def test_the_last_day_of_a_function_still_counts(desk: Desk) -> None:
    case = await fp.submitted(desk)
    await fp.office(desk, "mz.017", [MEMBER | {"to": DAY}])
    assert await named(desk, case) == "mz.017"


async def test_who_has_another_duty_in_the_case_is_passed_over(desk: Desk) -> None:
    case = await fp.submitted(desk)
    await desk.pool.execute("UPDATE \"case\" SET submitter = 'mz.017' WHERE subject = $1", case)
    assert await named(desk, case) == "mz.016"


async def test_whom_no_office_knows_is_passed_over(desk: Desk) -> None:
    case = await fp.submitted(desk)
    await desk.pool.execute("UPDATE activation SET roster = '{xx.001,mz.016}'")
    assert await named(desk, case) == "mz.016"


async def test_a_person_whom_another_office_lends_may_be_of_the_same_section(desk: Desk) -> None:
    case = await fp.submitted(desk)
    await desk.pool.execute("UPDATE activation SET roster = '{ke.017}'")
    await desk.pool.execute("UPDATE \"case\" SET section = 'finance' WHERE subject = $1", case)
    assert await named(desk, case) == "ke.017"


async def test_where_the_activation_names_nobody_the_offices_roster_counts(desk: Desk) -> None:
    case = await fp.submitted(desk)
    await desk.pool.execute("UPDATE activation SET roster = '{}'")
    assert await named(desk, case) == "mz.017"


async def test_where_the_roster_gives_nobody_the_secretary_names_one_person_of_any_section_but_this(desk: Desk) -> None:
    case = await fp.submitted(desk)
    await desk.pool.execute("UPDATE activation SET roster = '{xx.001}'")
    begun = await desk.begin(case, "review", at("2026-03-13", "13:30"))
    assert (begun["kind"], "reviewer" in begun, "member" in begun) == ("single", False, False)
    (task,) = await desk.open(case, "review", at("2026-03-13", "13:30"), Opening(kind="prepare_review"))

    async def convene(*members: tuple[str, str, str]) -> Any:
        event = Event(type="review.convened", data={"round": 1}, take=["members", "overall_approver", "meeting_on"])
        people = [{"person": person, "function": function, "section": section} for person, function, section in members]
        data = {"members": people, "overall_approver": members[0][0], "meeting_on": "2026-03-16"}
        opens = [Opening(kind="give_opinion", each="members")]
        return await desk.decide(
            task, "mz.004", "committee_secretary", "convene", at("2026-03-16", "07:00"), [event], subject=case, opens=opens, data=data
        )

    two = await convene(("mz.016", "programme", "health"), ("mz.018", "supply", "supply"))
    await fp.nothing_changed(desk, case, two, "too_many_members", "counted_twice")
    done = fp.taken(await convene(("mz.018", "supply", "supply")))
    assert [(opened.kind, opened.whom) for opened in done.tasks] == [("give_opinion", "mz.018")]


async def test_who_recuses_is_followed_by_the_next_of_the_roster(desk: Desk) -> None:
    case = await fp.submitted(desk)
    task = await fp.asked(desk, case)
    event = Event(type="review.member_recused", data={"round": 1, "member": "mz.017"})
    reform = [Opening(kind="reform_committee", whom="mz.017")]
    done = await desk.decide(
        task,
        "mz.017",
        "committee_member",
        "recuse",
        at("2026-03-16"),
        [event],
        subject=case,
        opens=reform,
        comment="My sister works there.",
    )
    (again,) = fp.taken(done).tasks
    assert await named(desk, case) == "mz.016"

    async def replaced(person: str, function: str, section: str) -> Any:
        happened = Event(type="review.reformed", data={"round": 1}, take=["members"])
        data = {"members": [{"person": person, "function": function, "section": section}]}
        return await desk.decide(
            again, "mz.004", "committee_secretary", "replace", at("2026-03-16", "11:00"), [happened],
            subject=case, opens=[Opening(kind="give_opinion", each="members")], data=data,
        )  # fmt: skip

    outside = await replaced("mz.018", "supply", "supply")
    assert rules(outside.findings) == {"not_on_roster"}, "while the roster has somebody, nobody else reviews"
    (task,) = fp.taken(await replaced("mz.016", "programme", "health")).tasks
    fp.taken(await fp.opine(desk, case, task))
    assert (await desk.case(case))["status"] == "in_approval"


async def test_nobody_of_the_round_before_is_asked_twice_in_one_round(desk: Desk) -> None:
    case = await fp.submitted(desk)
    await fp.asked(desk, case)
    assert await named(desk, case) == "mz.016"
    assert await named(desk, case, round_=2) == "mz.017", "another round asks from the top"


# A level that does not unlock it --------------------------------------------------------------------------------------------------


L1 = {"level": "L1", "declared_by": "mz.008", "role": "head_of_office"}


async def test_level_one_has_a_full_committee_whose_tasks_are_all_due(desk: Desk) -> None:
    """The emergency pack has no figure for the consolidation: the standard one's counts, so that a silent approver is reminded."""
    case = await fp.drafting(desk, **L1)
    partners, offices = await fp.sent(desk, case)
    assert partners.due is not None
    (task,) = fp.taken(await fp.on_behalf(desk, case, offices)).tasks
    fp.taken(await fp.submit(desk, case, task))
    begun = await desk.begin(case, "review", at("2026-03-13", "13:30"))
    assert (begun["kind"], begun["quorum"], "reviewer" in begun) == ("committee", 3, False)
    (task,) = await desk.open(case, "review", at("2026-03-16"), Opening(kind="consolidate_recommendation", candidates=["mz.005"]))
    assert task.due == at("2026-03-18", "15:00")
    assert {moment.does for moment in task.moments} == {"remind", "escalate"}
    from activities.begin import tasks_of
    from schemas.engine import BeginStage

    found = await tasks_of(desk.pool, BeginStage(subject=case, stage="review", round=1, at=at("2026-03-16", "11:00")))
    assert [(one.kind, one.due, one.moments) for one in found] == [(task.kind, task.due, task.moments)]


async def test_a_review_that_one_person_began_is_ended_by_one_whatever_becomes_of_the_track(desk: Desk) -> None:
    case = await fp.submitted(desk)
    await fp.asked(desk, case)
    changed = [Event(type="case.track_changed", data={"from": "emergency", "to": "standard"}, take=["reason"])]
    fp.taken(
        await desk.tell(
            case, "return_to_standard", "mz.002", "partnership_manager", at("2026-03-16"), changed, data={"reason": "Roads open."}
        )
    )
    async with desk.pool.acquire() as conn:
        row = await desk.case(case)
        pack = await versions.pack_by_hash(conn, row["packs"]["standard"]["sha256"])  # type: ignore[arg-type]
        found = await reviewers.kind(conn, row, 1, pack)  # type: ignore[arg-type]
        other = await reviewers.kind(conn, row, 2, pack)  # type: ignore[arg-type]
    assert (found.kind, other.kind) == ("single", "committee")


async def test_an_activation_that_is_not_in_the_record_unlocks_nobody(desk: Desk) -> None:
    await in_force(desk)
    case = await fp.fast(desk)
    async with desk.pool.acquire() as conn:
        await desk.pool.execute('UPDATE "case" SET activation = NULL WHERE subject = $1', case)
        row = await desk.case(case)
        pack = await versions.pack_by_hash(conn, row["packs"]["emergency"]["sha256"])  # type: ignore[arg-type]
        assert (await reviewers.kind(conn, row, 1, pack)).kind == "committee"  # type: ignore[arg-type]
        assert await reviewers.roster(conn, row, DAY) == ("mz.017", "mz.016")  # type: ignore[arg-type]
