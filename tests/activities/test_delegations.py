"""Delegations entered at run time: who enters, answers and ends them, and what the record lets the delegate do."""

import asyncio
from datetime import datetime
from typing import Any

import asyncpg
import pytest

from activities import delegations, versions
from activities.delegations import ActsFor, DelegationRefused
from db import audit
from schemas.engine import Opening, Recorded
from tests.activities.desk import Desk, at, facts, rules
from worker import doors

MONDAY = at("2026-03-02")
ID = "KE:ke.002:ke.026:2026-03-03"
AWAY = {
    "office": "KE",
    "principal": "ke.002",
    "delegate": "ke.026",
    "roles": ["partnership_manager"],
    "from": "2026-03-03",
    "to": "2026-03-13",
}
PRINCIPAL = {"actor": "ke.002", "role": "partnership_manager"}
DELEGATE = {"actor": "ke.026", "role": "partnership_manager"}
HEAD = {"actor": "ke.008", "role": "head_of_office"}


async def enter(pool: asyncpg.Pool, when: datetime = MONDAY, who: dict[str, str] = PRINCIPAL, **changes: Any) -> delegations.Entered:
    return await delegations.enter(pool, AWAY | changes, at=when, **who)


async def answer(
    pool: asyncpg.Pool, verdict: delegations.Answered, when: datetime = MONDAY, who: dict[str, str] = DELEGATE, reason: str = ""
) -> bool:
    return await delegations.answer(pool, ID, verdict, at=when, reason=reason, **who)


async def refused(doing: Any) -> set[str]:
    with pytest.raises(DelegationRefused) as error:
        await doing
    assert all(finding.message and finding.path and finding.next_step for finding in error.value.findings)
    return rules(error.value.findings)


async def state(pool: asyncpg.Pool, when: datetime = MONDAY) -> str:
    row = await pool.fetchrow(delegations.SQL["delegation"], ID, when)
    return str(row["stands"]) if row else ""


async def for_whom(pool: asyncpg.Pool, when: datetime) -> list[ActsFor]:
    return await delegations.acting_for(pool, "KE", "ke.026", when.date())


async def test_a_delegation_is_offered_accepted_and_in_force_from_its_first_day(pool: asyncpg.Pool) -> None:
    found = await enter(pool)
    assert (found.id, found.new, found.accept_by) == (ID, True, at("2026-03-03", "14:00"))
    (offered,) = await delegations.offered_to(pool, "KE", "ke.026", MONDAY)
    assert (offered["id"], await for_whom(pool, at("2026-03-03"))) == (ID, [])

    assert await answer(pool, "accept")

    assert await delegations.offered_to(pool, "KE", "ke.026", MONDAY) == []
    days = [bool(await for_whom(pool, at(f"2026-03-{day}"))) for day in ("02", "03", "13", "14")]
    assert days == [False, True, True, False]
    (acts,) = await for_whom(pool, at("2026-03-03"))
    assert (acts.principal, acts.roles, acts.sign) == ("ke.002", ("partnership_manager",), False)
    events = await pool.fetch("SELECT type, body FROM event WHERE subject = 'office:KE' ORDER BY sequence")
    assert [event["type"] for event in events] == ["delegation.recorded", "delegation.accepted"]
    assert (await audit.verify(pool), await audit.rebuild_check(pool)) == ([], [])


async def test_said_twice_it_is_written_once(pool: asyncpg.Pool) -> None:
    assert [(await enter(pool)).new, (await enter(pool, at("2026-03-02", "11:00"))).new] == [True, False]
    assert [await answer(pool, "accept"), await answer(pool, "accept"), (await enter(pool)).new] == [True, False, False]
    assert [await answer(pool, "end"), await answer(pool, "end")] == [True, False]
    assert await pool.fetchval("SELECT count(*) FROM event WHERE subject = 'office:KE'") == 3


async def test_what_nobody_accepts_lapses_and_may_be_entered_anew(pool: asyncpg.Pool) -> None:
    await enter(pool)
    late = at("2026-03-03", "14:00")
    assert (await state(pool, at("2026-03-03", "13:59")), await state(pool, late)) == ("offered", "lapsed")
    assert await refused(answer(pool, "accept", late)) == {"delegation_lapsed"}
    assert await refused(answer(pool, "decline", late, reason="x")) == {"delegation_lapsed"}
    assert (await enter(pool, late)).new
    assert await answer(pool, "accept", late)
    assert await audit.rebuild_check(pool) == []


async def test_who_declines_says_why_and_the_principal_keeps_the_tasks(pool: asyncpg.Pool) -> None:
    await enter(pool)
    assert await refused(answer(pool, "decline")) == {"comment_required"}
    assert await answer(pool, "decline", reason="On mission myself.")
    assert await refused(answer(pool, "accept")) == {"delegation_answered"}
    assert (await state(pool), await for_whom(pool, at("2026-03-03"))) == ("declined", [])
    assert (await enter(pool)).new, "asked again"
    assert await audit.rebuild_check(pool) == []


@pytest.mark.parametrize("who", [PRINCIPAL, DELEGATE, HEAD])
async def test_either_side_or_the_head_of_office_ends_it_at_once(pool: asyncpg.Pool, who: dict[str, str]) -> None:
    await enter(pool)
    await answer(pool, "accept")
    assert await answer(pool, "end", at("2026-03-05"), who, "back early")
    assert await for_whom(pool, at("2026-03-05")) == []


@pytest.mark.parametrize(
    ("verdict", "who", "rule"),
    [
        ("accept", PRINCIPAL, "wrong_actor"),
        ("accept", HEAD, "wrong_actor"),
        ("accept", DELEGATE | {"role": "head_of_office"}, "wrong_role"),
        ("decline", PRINCIPAL, "wrong_actor"),
        ("end", {"actor": "ke.009", "role": "finance_officer"}, "wrong_actor"),
        ("end", {"actor": "nobody", "role": "head_of_office"}, "unknown_actor"),
    ],
)
async def test_nobody_else_answers_it(pool: asyncpg.Pool, verdict: delegations.Answered, who: dict[str, str], rule: str) -> None:
    await enter(pool)
    assert rule in await refused(answer(pool, verdict, who=who, reason="x"))
    assert await state(pool) == "offered"


async def test_what_is_over_or_unknown_is_not_answered(pool: asyncpg.Pool) -> None:
    assert await refused(answer(pool, "accept")) == {"no_delegation"}
    await enter(pool)
    await answer(pool, "accept")
    assert await refused(answer(pool, "decline", reason="x")) == {"delegation_answered"}
    assert await refused(answer(pool, "end", at("2026-03-14"))) == {"delegation_past"}


async def test_the_head_of_office_enters_it_for_who_is_absent_already_and_nobody_else(pool: asyncpg.Pool) -> None:
    assert await refused(enter(pool, who={"actor": "ke.009", "role": "finance_officer"})) == {"wrong_actor"}
    assert await refused(enter(pool, who={"actor": "ke.009", "role": "head_of_office"})) == {"wrong_role"}
    assert (await enter(pool, who=HEAD)).new


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"office": "XX"}, {"unknown_office"}),
        ({"delegate": "ke.009"}, {"delegation_authority"}),
        ({"to": "2026-03-01"}, {"delegation_dates"}),
        ({"from": "2026-02-01", "to": "2026-03-01"}, {"delegation_past"}),
        ({"delegate": "nobody", "roles": ["finance_officer"]}, {"unknown_actor", "delegation_role_not_held"}),
        ({"roles": ["king"]}, {"invalid_value"}),
        ({"roles": [], "to": "soon", "surprise": 1}, {"invalid_value", "unknown_field"}),
    ],
)
async def test_what_cannot_be_entered_is_refused_with_every_reason(pool: asyncpg.Pool, changes: dict[str, Any], expected: set[str]) -> None:
    assert await refused(enter(pool, **changes)) == expected
    assert await pool.fetchval("SELECT count(*) FROM event") == 0


async def test_the_same_days_are_covered_once_also_by_two_at_the_same_moment(pool: asyncpg.Pool) -> None:
    async def to(principal: str, delegate: str, first: str) -> set[str]:
        said = {
            "office": "KE",
            "principal": principal,
            "delegate": delegate,
            "roles": ["authorised_officer"],
            "from": first,
            "to": "2026-03-20",
        }
        try:
            await delegations.enter(pool, AWAY | said, at=MONDAY, **HEAD)
        except DelegationRefused as error:
            return rules(error.findings)
        return set()

    found = await asyncio.gather(to("ke.006", "ke.007", "2026-03-03"), to("ke.006", "ke.008", "2026-03-04"))
    assert sorted(found, key=len) == [set(), {"delegation_overlap"}]
    assert await to("ke.007", "ke.008", "2026-03-19") in ({"delegation_chain"}, set())
    assert "delegation_chain" in await to("ke.007", "ke.006", "2026-03-19")


async def test_the_doors_answer_with_findings(pool: asyncpg.Pool) -> None:
    no = await doors.delegate(pool, AWAY | {"delegate": "ke.002"}, at=MONDAY, **PRINCIPAL)
    assert isinstance(no, list)
    assert "delegation_to_self" in rules(no)
    assert isinstance(await doors.delegate(pool, AWAY, at=MONDAY, **PRINCIPAL), delegations.Entered)
    assert rules(await doors.answer_delegation(pool, ID, "accept", at=MONDAY, **PRINCIPAL)) == {"wrong_actor"}
    assert await doors.answer_delegation(pool, ID, "accept", at=MONDAY, **DELEGATE) == []


# What the record lets the delegate do -----------------------------------------------------------------------------------------------


async def decided(desk: Desk, when: datetime, **said: Any) -> Recorded:
    """A task that names ke.002, decided by ke.026 for her."""
    case = await desk.taken(facts("C1"), at("2026-02-20"))
    opening = Opening(kind="review_hold", candidates=["ke.002"])
    (task,) = await desk.open(case, "case", at("2026-02-23"), opening)
    return await desk.decide(
        task, "ke.026", "partnership_manager", "resume", when, subject=case, **{"on_behalf_of": "ke.002", **said}
    )  # fmt: skip


async def test_a_recorded_delegation_lets_the_delegate_decide_for_the_principal(desk: Desk) -> None:
    await enter(desk.pool)
    await answer(desk.pool, "accept")
    done = await decided(desk, at("2026-03-03"))
    assert not done.refused, done.findings
    assert await desk.pool.fetchval("SELECT on_behalf_of FROM decision WHERE counted") == "ke.002"


@pytest.mark.parametrize("how", ["offered", "ended", "early", "late", "none"])
async def test_without_one_in_force_the_delegate_may_not(desk: Desk, how: str) -> None:
    if how != "none":
        await enter(desk.pool)
    if how in ("ended", "early", "late"):
        await answer(desk.pool, "accept")
    if how == "ended":
        await answer(desk.pool, "end", at("2026-03-03", "08:00"))
    day = {"early": "2026-03-02", "late": "2026-03-14"}.get(how, "2026-03-03")
    assert "no_delegation" in rules((await decided(desk, at(day))).findings)


async def test_a_delegate_who_has_lost_the_role_acts_no_more(desk: Desk) -> None:
    await enter(desk.pool)
    await answer(desk.pool, "accept")
    office = (await versions.office_in_force(desk.pool, "KE", MONDAY.date())).model_dump(mode="json", by_alias=True)
    for person in office["people"]:
        if person["actor"] == "ke.026":
            person["roles"] = [{"role": "focal_point"}]
    await versions.load_office(desk.pool, office | {"version": "2", "effective_on": "2026-03-04"})
    assert await for_whom(desk.pool, at("2026-03-03"))
    assert await for_whom(desk.pool, at("2026-03-04")) == []
    assert "delegation_other_role" in rules((await decided(desk, at("2026-03-04"))).findings)


async def test_the_office_file_and_the_record_are_read_together(pool: asyncpg.Pool) -> None:
    await enter(pool)
    await answer(pool, "accept")
    office = (await versions.office_in_force(pool, "KE", MONDAY.date())).model_dump(mode="json", by_alias=True)
    entry = {"principal": "ke.003", "delegate": "ke.026", "roles": ["budget_owner"], "from": "2026-03-01", "to": "2026-03-31"}
    await versions.load_office(pool, office | {"version": "2", "effective_on": "2026-03-01", "delegations": [entry]})
    assert [acts.principal for acts in await for_whom(pool, at("2026-03-03"))] == ["ke.003", "ke.002"]
    listed = [(row["principal"], row["state"]) for row in await delegations.listed(pool, "KE", at("2026-03-03"))]
    assert listed == [("ke.002", "accepted"), ("ke.003", "office file")]


async def test_the_partners_people_and_the_submitter_act_for_nobody(desk: Desk) -> None:
    case = await desk.taken(facts("C1"), at("2026-02-20"))
    row = await desk.case(case)
    partner = facts("C1")["partner"]["officers"][0]["actor"]
    for actor, role, kind, data in (
        (partner, "partner_authorised_officer", "raise_concern", {"text": "x"}),
        (row["submitter"], "submitter", "correct_fact", {"path": "$.plan", "value": "HRP", "reason": "typing"}),
    ):
        alone = await desk.tell(case, kind, actor, role, at("2026-02-23"), data=data)
        other = await desk.tell(case, kind, actor, role, at("2026-02-23"), data=data, on_behalf_of="ke.008")
        assert "no_delegation" not in rules(alone.findings)
        assert "no_delegation" in rules(other.findings)
