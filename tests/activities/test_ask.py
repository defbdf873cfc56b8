"""A case asks for what many cases share."""

import pytest

from activities.view import CaseUnknown
from schemas.engine import Event
from tests.activities.desk import Desk, at, facts

KE = "partner:KE:P-KE-0001"
BD = "partner:BD:P-BD-0019"


async def test_a_case_waits_until_its_partner_is_cleared_and_the_vetting_is_started(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    asked = await desk.ask(case, at("2026-02-16", "08:01"))
    assert asked.state == "waiting"
    assert [(start.workflow, start.id) for start in asked.starts] == [("Vetting", "pca.partner.P-KE-0001.KE.vetting")]
    assert await desk.row("waiting", KE, case=case) is not None


async def test_asking_twice_enters_the_case_once(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    await desk.ask(case, at("2026-02-16", "08:01"))
    again = await desk.ask(case, at("2026-02-17"))
    assert again.state == "waiting"
    assert len(await desk.told(KE, "waiting.entered")) == 1


async def test_what_the_intake_says_of_the_partner_is_put_into_the_ledger_once(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    await desk.ask(case, at("2026-02-16", "08:01"))
    await desk.ask(case, at("2026-02-17"))
    recorded = await desk.told(KE, "vetting.element_recorded")
    assert sorted(line["element"] for line in recorded) == ["hact", "psea", "registration"]
    psea = await desk.row("element", KE, element="psea")
    assert psea is not None
    assert (psea["source"], psea["details"]["rating"]) == ("intake", "moderate")


async def test_a_vendor_that_two_people_confirmed_before_is_taken_over(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    await desk.ask(case, at("2026-02-16", "08:01"))
    vendor = await desk.row("vendor", KE)
    assert vendor is not None
    assert vendor["confirmed_at"] is not None


async def test_a_standing_clearance_is_reused_at_once_and_told_once(desk: Desk) -> None:
    case = await desk.taken(facts("C2"))
    partner = (await desk.case(case))["partner_subject"]
    asked = await desk.ask(case, at("2026-03-01", "08:01"))
    assert (asked.state, asked.starts) == ("granted", [])
    assert (await desk.ask(case, at("2026-03-01", "08:02"))).state == "granted"
    assert [told["limiting_element"] for told in await desk.told(case, "clearance.reused")] == ["registration"]
    clearance = await desk.row("clearance", partner, level="full")
    assert clearance is not None
    assert str(clearance["valid_until"]) == "2026-11-30"


async def test_a_clearance_that_has_run_out_is_not_reused(desk: Desk) -> None:
    intake = facts("C2")
    intake["partner"]["standing_clearance"] = {"level": "full", "granted_on": "2020-01-01", "valid_until": "2026-02-28"}
    asked = await desk.ask(await desk.taken(intake), at("2026-03-01", "08:01"))
    assert asked.state == "waiting"


async def test_a_second_case_joins_the_vetting_that_runs(desk: Desk) -> None:
    first = await desk.taken(facts("C1"))
    await desk.ask(first, at("2026-02-16", "08:01"))
    other = facts("C1") | {"source_reference": "another", "reference": "KEN/2026/0099"}
    second = await desk.taken(other, at("2026-02-18"))
    asked = await desk.ask(second, at("2026-02-18", "10:01"))
    assert asked.state == "waiting"
    assert [told["case"] for told in await desk.told(KE, "vetting.joined")] == [second]


async def test_a_case_is_refused_when_its_partner_was_refused_after_it_was_taken(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    await desk.ask(case, at("2026-02-16", "08:01"))
    refusal = Event(type="clearance.refused", data={"levels": "all", "reason_code": "registration"})
    assert not (await desk.system(KE, "vetting", "refuse", at("2026-02-20"), [refusal])).refused
    asked = await desk.ask(case, at("2026-02-20", "10:01"))
    assert (asked.state, asked.reason_code) == ("refused", "registration")
    assert await desk.row("waiting", KE, case=case) is None


async def test_a_case_taken_after_a_refusal_is_vetted_anew(desk: Desk) -> None:
    first = await desk.taken(facts("C1"))
    await desk.ask(first, at("2026-02-16", "08:01"))
    refusal = Event(type="clearance.refused", data={"levels": "all", "reason_code": "registration"})
    await desk.system(KE, "vetting", "refuse", at("2026-02-20"), [refusal])
    other = facts("C1") | {"source_reference": "another", "reference": "KEN/2026/0099", "submitted_on": "2026-02-25"}
    second = await desk.taken(other)
    assert (await desk.ask(second, at("2026-02-25", "08:01"))).state == "waiting"


async def test_a_case_waits_for_its_pca_while_that_is_in_draft(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    assert (await desk.ask(case, at("2026-02-16", "09:00"), need="umbrella")).state == "waiting"


async def test_a_pca_in_force_is_granted(desk: Desk) -> None:
    case = await desk.taken(facts("C2"))
    assert (await desk.ask(case, at("2026-03-01", "09:00"), need="umbrella")).state == "granted"


async def test_a_case_that_nobody_knows_is_not_answered(desk: Desk) -> None:
    with pytest.raises(CaseUnknown):
        await desk.ask("case:KEN/1999/0001", at("2026-02-16"))


async def test_a_pca_that_is_over_is_refused_for_good(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    await desk.ask(case, at("2026-02-16", "09:00"), need="umbrella")
    await desk.pool.execute("UPDATE umbrella SET status = 'terminated'")
    asked = await desk.ask(case, at("2026-02-17"), need="umbrella")
    assert (asked.state, [finding.rule for finding in asked.findings]) == ("refused", ["no_pca"])
    assert await desk.pool.fetchval("SELECT count(*) FROM waiting") == 0


async def test_a_clearance_that_is_granted_while_a_case_waits_is_found_by_asking_again(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    await desk.ask(case, at("2026-02-16", "08:01"))
    data = {"level": "full", "valid_until": None, "conditions": [], "source": "intake"}
    await desk.system(KE, "vetting", "grant", at("2026-02-18"), [Event(type="clearance.granted", data=data)])
    for _ in (1, 2):
        assert (await desk.ask(case, at("2026-02-18", "11:00"))).state == "granted"
    assert len(await desk.told(KE, "waiting.left")) == 1
    assert await desk.told(case, "clearance.reused") == []


async def test_a_case_that_was_told_of_the_refusal_is_told_the_same_again(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    await desk.ask(case, at("2026-02-16", "08:01"))
    refusal = Event(type="clearance.refused", data={"levels": "all", "reason_code": "registration"})
    await desk.system(KE, "vetting", "refuse", at("2026-02-20"), [refusal])
    for minute in ("10:01", "10:02"):
        assert (await desk.ask(case, at("2026-02-20", minute))).state == "refused"
    assert len(await desk.told(KE, "waiting.left")) == 1


async def test_a_case_waits_for_its_pca_once_however_often_it_asks(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    for minute in ("09:00", "09:01"):
        assert (await desk.ask(case, at("2026-02-16", minute), need="umbrella")).state == "waiting"
    assert len(await desk.told("umbrella:KE:P-KE-0001:KE-2023", "waiting.entered")) == 1
