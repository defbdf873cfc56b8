"""Postponed checks on real Postgres: what may be postponed, what is owed for it, who takes it over, and when it falls due."""

import asyncio
from datetime import date
from typing import Any

import pytest

from schemas.engine import Event, Opening
from schemas.names import obligation_id
from tests.activities import fast_path as fp
from tests.activities.desk import Desk, at, facts, rules, sha
from tests.activities.fast_path import asking, cleared, concluded, declared, fast


async def owed(desk: Desk, partner: str) -> dict[str, tuple[date, str, list[str]]]:
    rows = await desk.pool.fetch("SELECT * FROM obligation WHERE subject = $1 ORDER BY id", partner)
    return {row["kind"]: (row["due_at"].date(), row["state"], list(row["cases"])) for row in rows}


async def test_the_slice_says_what_the_level_may_leave_open(desk: Desk) -> None:
    _, partner = await asking(desk)
    begun = await desk.begin(partner, "vetting", at("2026-03-11", "08:03"))
    assert begun["levels"] == ["emergency"]
    assert begun["cleared"] == ["full"]
    assert set(begun["deferrable"]) == {
        "provide_registration", "verify_partner_profile", "assess_core_values", "assess_psea", "assess_hact",
    }  # fmt: skip
    assert {need["kind"] for need in begun["needed"]} == {
        "sign_partner_declaration", "verify_partner_profile", "assess_psea", "assess_hact", "set_up_vendor",
    }  # fmt: skip


async def test_what_is_postponed_is_owed_by_the_partner_three_months_later(desk: Desk) -> None:
    case, partner = await cleared(desk)
    due = date(2026, 6, 12)
    assert await owed(desk, partner) == {
        "hact_assessment": (due, "open", [case]), "partner_verification": (due, "open", [case]), "psea_assessment": (due, "open", [case]),
    }  # fmt: skip
    (told,) = await desk.told(partner, "clearance.granted")
    assert told["deferrals"] == ["hact", "profile", "psea"]
    row = await desk.row("task", partner, kind="assess_psea", state="open")
    assert row is not None
    assert row["due_at"].date() == due


async def test_the_case_that_waited_is_granted_and_the_standard_level_is_not(desk: Desk) -> None:
    case, partner = await cleared(desk)
    assert (await desk.ask(case, at("2026-03-12", "11:00"), "emergency")).state == "granted"
    assert (await desk.begin(partner, "vetting", at("2026-03-12", "11:01")))["levels"] == []


async def test_what_may_never_be_postponed_is_refused(desk: Desk) -> None:
    _, partner = await asking(desk)
    done = await concluded(desk, partner, "declaration", "profile", "psea", "hact")
    assert done.refused
    assert {"never_deferred", "element_missing"} <= rules(done.findings)


async def test_level_one_does_not_unlock_psea_and_hact(desk: Desk) -> None:
    _, partner = await asking(desk, level="L1", declared_by="mz.008", role="head_of_office")
    await declared(desk, partner)
    assert rules((await concluded(desk, partner, "profile", "psea", "hact")).findings) == {"level_does_not_unlock"}


async def test_a_second_case_takes_over_what_is_owed_with_its_dates(desk: Desk) -> None:
    first, partner = await cleared(desk)
    second = await fast(desk, "C4")
    asked = await desk.ask(second, at("2026-03-13", "12:00"), "emergency")
    assert asked.state == "granted"
    assert {row[2] == [first, second] and row[0] == date(2026, 6, 12) for row in (await owed(desk, partner)).values()} == {True}
    (reused,) = await desk.told(second, "clearance.reused")
    assert reused["still_needed"] == ["hact", "profile", "psea"]
    assert await desk.told(partner, "vetting.joined") == [{"case": second, "level": "emergency"}]
    await desk.ask(second, at("2026-03-13", "13:00"), "emergency")
    assert len(await desk.told(partner, "obligation.joined")) == 3


async def test_nothing_is_postponed_twice_within_two_years(desk: Desk) -> None:
    _, partner = await cleared(desk)
    await rated(desk, partner)
    row = await desk.row("obligation", partner, kind="psea_assessment")
    assert row is not None
    assert row["state"] == "met"
    await desk.pool.execute("UPDATE element SET valid_until = '2026-07-01' WHERE element = 'psea'")
    (task,) = await desk.open(partner, "vetting", at("2026-08-03"), Opening(kind="assess_psea", whom="later"))
    event = Event(type="vetting.element_recorded", data={"element": "psea", "task": "assess_psea"})
    done = await desk.decide(
        task, "mz.014", "assurance_officer", "assume_low_capacity", at("2026-08-03"), [event], subject=partner, comment="Still cut off."
    )
    assert rules(done.findings) == {"deferred_before"}


async def rated(desk: Desk, partner: str) -> None:
    task = await desk.task(partner, "assess_psea")
    evidence = [{"document": "psea.pdf", "sha256": sha("psea"), "kind": "assessment"}]
    data = {f"s{n}": 2 for n in range(1, 7)} | {"assessed_on": "2026-05-29", "evidence": evidence}
    event = Event(type="vetting.element_recorded", data={"element": "psea", "task": "assess_psea"})
    done = await desk.decide(task, "mz.014", "assurance_officer", "rate", at("2026-06-02"), [event], subject=partner, data=data)
    assert not done.refused, done.findings
    assert [start.id for start in done.starts] == [f"pca.partner.{partner.split(':')[2]}.MZ.obligations"]


async def test_an_assessment_that_comes_meets_what_is_owed_and_a_moderate_rating_asks_for_a_plan(desk: Desk) -> None:
    _, partner = await cleared(desk)
    await rated(desk, partner)
    plan = await desk.row("obligation", partner, kind="psea_strengthening_plan")
    assert plan is not None
    assert (plan["owner_role"], plan["due_at"].date()) == ("partner_focal_point", date(2026, 7, 2))


async def test_assuming_a_rating_on_its_own_task_postpones_that_element_alone(desk: Desk) -> None:
    case, partner = await asking(desk)
    (task,) = await desk.open(partner, "vetting", at("2026-03-11", "09:00"), Opening(kind="assess_hact"))
    event = Event(type="vetting.element_recorded", data={"element": "hact", "task": "assess_hact"})
    later = [Opening(kind="assess_hact", whom="deferred")]
    done = await desk.decide(
        task, "mz.014", "assurance_officer", "assume_high", at("2026-03-11"), [event], subject=partner, opens=later,
        comment="The firm comes in June.", data={"assessment_planned_on": "2026-06-01"},
    )  # fmt: skip
    assert not done.refused, done.findings
    assert await owed(desk, partner) == {"hact_assessment": (date(2026, 6, 11), "open", [case])}
    assert done.tasks[0].due is not None
    assert done.tasks[0].due.date() == date(2026, 6, 11)
    line = await desk.row("element", partner, element="hact")
    assert line is not None
    assert (line["source"], line["details"]["rating"]) == ("assumed", "high")


async def test_a_paper_does_not_meet_what_is_owed_as_an_assessment(desk: Desk) -> None:
    _, partner = await cleared(desk)
    identity = obligation_id(partner.split(":")[2], "psea_assessment")
    (task,) = await desk.open(
        partner, "obligations", at("2026-03-12", "12:00"), Opening(kind="meet_obligation", whom=identity, roles=["assurance_officer"])
    )
    data = {"documents": [{"document": "x.pdf", "sha256": sha("x"), "kind": "letter"}]}
    done = await desk.recorder.record(await said(desk, partner, task, "mz.014", "assurance_officer", "submit_evidence", data))
    assert rules(done.findings) == {"met_by_an_act"}


async def said(desk: Desk, subject: str, task: Any, actor: str, role: str, verdict: str, data: dict[str, Any]) -> Any:
    from db import content
    from schemas.engine import Batch
    from schemas.messages import Decision

    decision = Decision(task=task.id, actor=actor, role=role, verdict=verdict, key="k", data=await content.put(desk.pool, data))
    return Batch(
        key=decision.receipt, subject=subject, stage="obligations", at=at("2026-03-13"), decision=decision, task=task, workflow="w",
        events=[Event(type="obligation.evidence_submitted", data={"obligation": task.whom})], track="emergency",
    )  # fmt: skip


async def test_a_risk_accepted_to_a_day_is_owed_a_second_look_by_then(desk: Desk) -> None:
    _, partner = await asking(desk)
    await desk.system(partner, "vetting", "flag", at("2026-03-11", "09:00"), [Event(type="partner.flagged", data={"flag": "f1"})])
    for day, until in (("2026-03-11", "2026-06-30"), ("2026-06-15", "2026-12-31")):
        (task,) = await desk.open(partner, "vetting", at(day, "09:30"), Opening(kind="weigh_partner_flag", whom=f"f1 {day}"))
        event = Event(type="partner.flag_weighed", data={"flag": "f1", "verdict": "accept_risk"})
        data = {"mitigation": "Monthly counts", "owner": "risk_officer", "expires_on": until}
        done = await desk.decide(
            task, "mz.012", "risk_officer", "accept_risk", at(day), [event], subject=partner, data=data, comment="Seen."
        )
        assert not done.refused, done.findings
    rows = await desk.pool.fetch(
        "SELECT state, due_at FROM obligation WHERE subject = $1 AND kind = 'risk_acceptance_expiry' ORDER BY due_at", partner
    )
    assert [(row["state"], row["due_at"].date()) for row in rows] == [("met", date(2026, 6, 30)), ("open", date(2026, 12, 31))]


# What is never postponed, and never twice ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("element", ["declaration", "conflict_of_interest", "red_flag"])
async def test_an_element_that_is_never_postponed_is_refused_by_name(desk: Desk, element: str) -> None:
    """Bad input: a deferral of what may never be deferred."""
    _, partner = await asking(desk)
    await declared(desk, partner)
    done = await concluded(desk, partner, "profile", "psea", "hact", element)
    assert done.refused
    assert "never_deferred" in rules(done.findings), done.findings
    assert all(found.next_step for found in done.findings)
    assert await fp.owed(desk, partner) == {}
    assert await desk.told(partner, "clearance.granted") == []
    assert len(await desk.told(partner, "decision.refused")) == 1


async def test_the_screening_is_not_even_in_the_form_of_a_deferral(desk: Desk) -> None:
    """Bad input: a deferral of what may never be deferred."""
    _, partner = await asking(desk)
    await declared(desk, partner)
    done = await concluded(desk, partner, "profile", "psea", "hact", "screening")
    assert [(found.rule, found.path) for found in done.findings] == [("invalid_data", "$.data.deferrals[3].element")]
    assert await desk.told(partner, "clearance.granted") == []


async def test_what_is_in_validity_is_not_postponed(desk: Desk) -> None:
    _, partner = await asking(desk)
    await declared(desk, partner)
    assert rules((await concluded(desk, partner, "profile", "psea", "hact", "registration")).findings) == {"nothing_to_defer"}


async def test_a_second_deferral_of_one_element_is_refused_and_changes_nothing(desk: Desk) -> None:
    """Bad input: a second deferral, through a second conclusion, after the first was met."""
    _, partner = await cleared(desk)
    await rated(desk, partner)
    await desk.pool.execute("UPDATE element SET result = 'expired', valid_until = '2026-07-01' WHERE element = 'psea'")
    await desk.screen(partner, at("2026-08-03", "07:30"))
    done = await concluded(desk, partner, "psea", day="2026-08-03", whom="1")
    assert "deferred_before" in rules(done.findings)
    assert (await fp.owed(desk, partner))["psea_assessment"][1] == "met"
    assert len(await desk.told(partner, "vetting.element_deferred")) == 3
    assert len(await desk.told(partner, "decision.refused")) == 1


async def test_after_twenty_four_months_it_may_be_postponed_again_as_a_new_obligation(desk: Desk) -> None:
    _, partner = await cleared(desk)
    await rated(desk, partner)
    (task,) = await desk.open(partner, "vetting", at("2028-03-13"), Opening(kind="assess_psea", whom="later"))
    event = Event(type="vetting.element_recorded", data={"element": "psea", "task": "assess_psea"})
    done = await desk.decide(
        task, "mz.014", "assurance_officer", "assume_low_capacity", at("2028-03-13"), [event], subject=partner, comment="Cut off again."
    )
    assert not done.refused, done.findings
    rows = await desk.pool.fetch("SELECT id, state FROM obligation WHERE kind = 'psea_assessment' ORDER BY id")
    assert [row["state"] for row in rows] == ["met", "open"]
    assert rows[1]["id"].endswith(":2028-03-13")


async def test_while_one_is_overdue_nothing_more_is_postponed(desk: Desk) -> None:
    """Serial deferral, within the same vetting."""
    _, partner = await cleared(desk)
    row = await desk.row("obligation", partner, kind="hact_assessment")
    assert row is not None
    await fp.falls_due(desk, partner, row["id"], "2026-06-12")
    (task,) = await desk.open(partner, "vetting", at("2026-06-15"), Opening(kind="provide_registration", whom="later"))
    event = Event(type="vetting.element_recorded", data={"element": "registration", "task": "provide_registration"})
    done = await desk.decide(
        task, "mz.p03", "partner_focal_point", "explain", at("2026-06-15"), [event], subject=partner, comment="The ministry is closed."
    )
    assert done.refused
    assert len(rules(done.findings)) == 1
    assert await desk.row("obligation", partner, kind="registration_certificate") is None


async def test_while_one_is_overdue_no_new_emergency_case_is_taken(desk: Desk) -> None:
    """Serial deferral, through a second case."""
    from activities import intake
    from activities.intake import Refused

    _, partner = await cleared(desk)
    row = await desk.row("obligation", partner, kind="partner_verification")
    assert row is not None
    fp.taken(await fp.falls_due(desk, partner, row["id"], "2026-06-12"))
    assert await fp.stops(desk, partner) == {"instalment", "new_emergency"}
    late = facts("C4") | {"submitted_on": "2026-06-03"}
    found = await intake.take(desk.pool, late, at=at("2026-06-15"))
    assert isinstance(found, Refused)
    assert "overdue_obligation" in rules(found.findings)
    assert await desk.pool.fetchval('SELECT count(*) FROM "case"') == 1
    fp.taken(await fp.verified(desk, "2026-06-16"))
    assert await fp.stops(desk, partner) == set()
    again = await intake.take(desk.pool, late, at=at("2026-06-17"))
    assert not isinstance(again, Refused) or "overdue_obligation" not in rules(again.findings)


# Due dates ------------------------------------------------------------------------------------------------------------------------


async def test_the_first_signature_moves_the_days_once_with_their_tasks_and_moments(desk: Desk) -> None:
    case = await fp.in_signature(desk)
    before = {kind: due for kind, (due, _) in (await fp.owed(desk, fp.PARTNER)).items()}
    assert set(before.values()) == {date(2026, 6, 12)}
    fp.taken(await fp.sign(desk, case, "partner", "2026-03-18"))
    done = fp.taken(await fp.sign(desk, case, "office", "2026-03-19", last=True))
    assert {due for due, _ in (await fp.owed(desk, fp.PARTNER)).values()} == {date(2026, 6, 19)}
    assert [one["because"] for one in await desk.told(fp.PARTNER, "obligation.due_set")] == ["first_signature"] * 3
    rows = await desk.pool.fetch(
        "SELECT due_at, kind FROM task WHERE subject = $1 AND state = 'open' AND kind <> 'set_up_vendor'", fp.PARTNER
    )
    assert {row["due_at"].date() for row in rows} == {date(2026, 6, 19)}
    assert "pca.partner.P-MZ-0031.MZ.obligations" in {start.id for start in done.starts}
    assert "pca.partner.P-MZ-0031.MZ.vetting" in done.look_again, "who keeps the moments in memory looks again"


async def test_what_happens_at_the_old_day_happens_at_the_new_one(desk: Desk) -> None:
    """The moments kept with the task that meets an obligation move with its day."""
    from schemas.engine import Moment

    case = await fp.in_signature(desk)
    row = await desk.row("obligation", fp.PARTNER, kind="psea_assessment")
    assert row is not None
    moment = Moment(at=row["due_at"], does="overdue")
    opening = Opening(kind="meet_obligation", whom=row["id"], roles=["assurance_officer"], due=row["due_at"], moments=[moment])
    await desk.open(fp.PARTNER, "obligations", at("2026-03-13"), opening)
    fp.taken(await fp.sign(desk, case, "partner", "2026-03-18"))
    fp.taken(await fp.sign(desk, case, "office", "2026-03-19", last=True))
    task = await desk.row("task", fp.PARTNER, kind="meet_obligation")
    assert task is not None
    assert (task["due_at"], task["moments"][0]["at"]) == (at("2026-06-19", "15:00"), at("2026-06-19", "15:00").isoformat())


async def test_a_later_signature_of_another_case_never_moves_them_again(desk: Desk) -> None:
    """Serial deferral, by signing later and later."""
    from activities import deferrals
    from activities.settling import Settling
    from schemas.engine import Batch

    await fp.signed(desk)
    second = await fast(desk, "C4")
    await desk.ask(second, at("2026-03-20"), "emergency")
    async with desk.pool.acquire() as conn:
        batch = Batch(key="k", subject=second, stage="approval", at=at("2026-05-20"), track="emergency")
        s = Settling(conn, batch)  # type: ignore[arg-type]
        await deferrals.at_signature(s, await s.case(), date(2026, 5, 20))
    assert s.appended == []
    assert {due for due, _ in (await fp.owed(desk, fp.PARTNER)).values()} == {date(2026, 6, 19)}


async def test_a_case_that_did_not_rely_on_it_moves_nothing(desk: Desk) -> None:
    from activities import deferrals
    from activities.settling import Settling
    from schemas.engine import Batch

    case, partner = await cleared(desk)
    await desk.pool.execute("UPDATE obligation SET cases = '{case:MOZ/2026/0099}' WHERE subject = $1", partner)
    async with desk.pool.acquire() as conn:
        s = Settling(conn, Batch(key="k", subject=case, stage="approval", at=at("2026-03-19"), track="emergency"))  # type: ignore[arg-type]
        await deferrals.at_signature(s, await s.case(), date(2026, 3, 19))
        await deferrals.at_second_release(s, await s.case(), date(2026, 3, 20))
    assert s.appended == []


async def test_one_that_is_met_is_not_moved_by_a_signature(desk: Desk) -> None:
    case = await fp.in_signature(desk)
    fp.taken(await fp.verified(desk, "2026-03-17"))
    fp.taken(await fp.sign(desk, case, "partner", "2026-03-18"))
    fp.taken(await fp.sign(desk, case, "office", "2026-03-19", last=True))
    assert await fp.owed(desk, fp.PARTNER) == {
        "hact_assessment": (date(2026, 6, 19), "open"), "partner_verification": (date(2026, 6, 12), "met"),
        "psea_assessment": (date(2026, 6, 19), "open"),
    }  # fmt: skip


# Two at once ----------------------------------------------------------------------------------------------------------------------


async def test_two_conclusions_at_once_are_one_and_the_other_is_told_so(desk: Desk) -> None:
    """Bad input: two cases concluding at once; one vetting, one conclusion, and nothing is owed twice."""
    first, partner = await asking(desk)
    second = await fast(desk, "C4")
    assert (await desk.ask(second, at("2026-03-13", "08:00"), "emergency")).state == "waiting"
    await declared(desk, partner)
    one, other = await asyncio.gather(
        concluded(desk, partner, "profile", "psea", "hact", day="2026-03-13"),
        concluded(desk, partner, "profile", "psea", "hact", day="2026-03-13"),
    )
    assert sorted((one.refused, other.refused)) == [False, True]
    lost = one if one.refused else other
    assert rules(lost.findings) == {"task_closed"}
    assert lost.findings[0].next_step == "See `pca tasks`."
    rows = await desk.pool.fetch("SELECT kind, cases FROM obligation WHERE subject = $1 ORDER BY kind", partner)
    assert [(row["kind"], sorted(row["cases"])) for row in rows] == [
        (kind, sorted([first, second])) for kind in ("hact_assessment", "partner_verification", "psea_assessment")
    ]
    assert len(await desk.told(partner, "clearance.granted")) == 1
    assert len(await desk.told(partner, "decision.refused")) == 1
    for case in (first, second):
        assert (await desk.ask(case, at("2026-03-13", "12:00"), "emergency")).state == "granted"
    assert set(await fp.owed(desk, partner)) == {"hact_assessment", "partner_verification", "psea_assessment"}


async def test_a_second_conclusion_takes_over_what_is_owed_already(desk: Desk) -> None:
    """Bad input: two cases concluding at once, each under a task of its own."""
    first, partner = await cleared(desk)
    second = await fast(desk, "C4")
    done = await concluded(desk, partner, "profile", "psea", "hact", day="2026-03-16", whom="again-1")
    assert not done.refused, done.findings
    assert {kind: (due, cases) for kind, (due, _, cases) in (await owed(desk, partner)).items()} == {
        kind: (date(2026, 6, 12), [first, second]) for kind in ("hact_assessment", "partner_verification", "psea_assessment")
    }
    assert len(await desk.told(partner, "obligation.created")) == 3
    assert len(await desk.told(partner, "vetting.element_deferred")) == 3
