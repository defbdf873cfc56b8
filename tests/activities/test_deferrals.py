"""Postponed checks on real Postgres: what may be postponed, what is owed for it, who takes it over, and when it falls due."""

from datetime import date
from typing import Any

from schemas.engine import Event, Opening, Recorded
from schemas.names import obligation_id
from tests.activities.desk import Desk, at, facts, rules, sha
from tests.activities.test_activation import fast, in_force


def partner_of(name: str = "C3") -> str:
    found = facts(name)
    return f"partner:{found['office']}:{found['partner']['id']}"


async def asking(desk: Desk, **activation: Any) -> tuple[str, str]:
    """C3 asks for its partner's emergency clearance and is screened: (case, partner)."""
    await in_force(desk, **activation)
    case, partner = await fast(desk), partner_of()
    desk.tracks[partner] = "emergency"
    assert (await desk.ask(case, at("2026-03-11", "08:01"), "emergency")).state == "waiting"
    await desk.screen(partner, at("2026-03-11", "08:02"))
    return case, partner


async def declared(desk: Desk, partner: str, day: str = "2026-03-11") -> None:
    data = {
        "document": "d.pdf", "sha256": sha("d"), "signed_by": "mz.p01", "signed_on": day, "answers": [True] * 8, "conflicts": [],
    }  # fmt: skip
    (task,) = await desk.open(partner, "vetting", at(day, "09:00"), Opening(kind="sign_partner_declaration"))
    event = Event(type="vetting.element_recorded", data={"element": "declaration", "task": task.kind})
    done = await desk.decide(task, "mz.p01", "partner_authorised_officer", "sign", at(day), [event], subject=partner, data=data)
    assert not done.refused, done.findings


async def concluded(desk: Desk, partner: str, *elements: str, day: str = "2026-03-12", whom: str = "0") -> Recorded:
    """The partnership manager clears with these elements postponed."""
    (task,) = await desk.open(partner, "vetting", at(day, "08:00"), Opening(kind="conclude_vetting", whom=whom))
    data = {"deferrals": [{"element": name, "reason": "Behind the flood."} for name in elements]}
    event = Event(type="clearance.granted", data={"level": "emergency"}, take=["conditions", "deferrals"])
    opens = [Opening(kind="set_up_vendor", optional="vendor")]
    return await desk.decide(
        task, "mz.002", "partnership_manager", "clear_with_deferrals", at(day), [event],
        subject=partner, opens=opens, data=data, comment="Nobody reaches the office.",
    )  # fmt: skip


async def cleared(desk: Desk) -> tuple[str, str]:
    case, partner = await asking(desk)
    await declared(desk, partner)
    for kind in ("verify_partner_profile", "assess_psea", "assess_hact"):
        await desk.open(partner, "vetting", at("2026-03-11", "09:00"), Opening(kind=kind))
    done = await concluded(desk, partner, "profile", "psea", "hact")
    assert not done.refused, done.findings
    return case, partner


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
