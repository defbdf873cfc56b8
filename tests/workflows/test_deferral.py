"""Vetting on the fast path: what may be postponed holds nothing up and stays to be done; what may never be postponed stands before the
conclusion, on either track."""

from typing import Any

import pytest

from schemas.engine import CaseView, Clock
from tests.workflows.conftest import PARTNER, Bench, Running
from tests.workflows.emergency import REASONS
from tests.workflows.test_vetting import needed

DEFERRABLE = ["provide_registration", "verify_partner_profile", "assess_core_values", "assess_psea", "assess_hact"]
DEFERRED: dict[str, Any] = {"comment": "time", "data": {"deferrals": [{"element": "psea", "reason": "time"}]}}
CONCLUSION = "0-emergency"


async def vetting(bench: Bench, *kinds: str, **facts: Any) -> Running:
    bench.effects.facts["vetting"] = {
        "levels": ["emergency"], "cleared": ["full"], "needed": needed(*kinds), "cases": ["case:TST/2026/1"], "unconcluded": True,
        "vendor": "none", "deferrable": DEFERRABLE,
    } | facts  # fmt: skip
    bench.effects.left_out = {"vendor"}
    running = await bench.start("EmergencyVetting", "vetting", PARTNER, view=CaseView(clock=Clock(name="test")))
    await running.settled()
    return running


def concluded(bench: Bench, *levels: str) -> None:
    """The record has the conclusion; what was postponed is owed, and no longer needed."""
    bench.effects.facts["vetting"] |= {"needed": [], "unconcluded": bool(levels), "levels": list(levels)}


async def test_what_may_be_postponed_holds_nothing_up(bench: Bench) -> None:
    stage = await vetting(bench, "sign_partner_declaration", "assess_psea", "assess_hact")
    assert await stage.open() == ["assess_hact", "assess_psea", "sign_partner_declaration"]
    await stage.agreed("sign_partner_declaration", "sign")
    assert f"conclude_vetting {CONCLUSION}" in await stage.open()


async def test_cleared_with_deferrals_the_postponed_tasks_stay_and_are_done_later(bench: Bench) -> None:
    stage = await vetting(bench, "sign_partner_declaration", "assess_psea")
    await stage.agreed("sign_partner_declaration", "sign")
    concluded(bench)
    await stage.agreed("conclude_vetting", "clear_with_deferrals", CONCLUSION, **DEFERRED)
    assert bench.effects.recorded("clearance.granted") == [{"level": "emergency", "verdict": "clear_with_deferrals"}]
    assert await stage.open() == ["assess_psea"]
    await stage.agreed("assess_psea", "rate")
    assert (await stage.outcome()).result == "concluded"
    assert bench.effects.open() == []
    await bench.keep(stage, "emergency_vetting")


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        ("provide_registration", "explain"),
        ("verify_partner_profile", "defer"),
        ("assess_core_values", "defer"),
        ("assess_psea", "assume_low_capacity"),
        ("assess_hact", "assume_high"),
    ],
)
async def test_each_check_may_be_postponed_alone_and_stays_to_be_done(bench: Bench, kind: str, verdict: str) -> None:
    stage = await vetting(bench, "sign_partner_declaration", kind)
    await stage.agreed(kind, verdict, comment="time")
    assert await stage.open() == sorted([f"{kind} deferred", "sign_partner_declaration"])
    await stage.agreed("sign_partner_declaration", "sign")
    assert f"conclude_vetting {CONCLUSION}" in await stage.open()


async def test_invariant_5_a_postponement_that_the_record_refuses_leaves_the_check_as_it_was(bench: Bench) -> None:
    stage = await vetting(bench, "sign_partner_declaration", "assess_psea")
    bench.effects.refuse = bench.effects.saying("deferred_before", on="vetting.element_recorded")
    answer = await stage.decide("assess_psea", "assume_low_capacity", comment="time")
    assert [f.rule for f in answer.findings] == ["deferred_before"]
    assert await stage.open() == ["assess_psea", "sign_partner_declaration"]


async def test_invariant_1_a_hit_stands_before_the_conclusion_on_the_fast_path_too(bench: Bench) -> None:
    bench.effects.hits = ["h1"]
    stage = await vetting(bench, "assess_psea")
    assert await stage.open() == ["assess_psea", "dispose_screening_hit h1"]
    assert [f.rule for f in (await stage.decide("dispose_screening_hit", "defer", "h1", comment="x")).findings] == ["wrong_verdict"]
    await stage.agreed("dispose_screening_hit", "false_positive", "h1", comment="another birth date")
    assert f"conclude_vetting {CONCLUSION}" in await stage.open()


async def test_the_declaration_is_never_postponed(bench: Bench) -> None:
    stage = await vetting(bench, "sign_partner_declaration")
    assert [f.rule for f in (await stage.decide("sign_partner_declaration", "defer", comment="x")).findings] == ["wrong_verdict"]
    assert await stage.open() == ["sign_partner_declaration"]


async def test_what_the_level_does_not_unlock_stands_before_the_conclusion(bench: Bench) -> None:
    stage = await vetting(bench, "assess_psea", "verify_partner_profile", deferrable=["verify_partner_profile"])
    assert await stage.open() == ["assess_psea", "verify_partner_profile"]
    await stage.agreed("assess_psea", "rate")
    assert await stage.open() == [f"conclude_vetting {CONCLUSION}", "verify_partner_profile"]


async def test_vendor_and_account_are_asked_for_at_once_and_hold_nothing_up(bench: Bench) -> None:
    stage = await vetting(bench, needed=[{"element": "vendor", "kind": "set_up_vendor", "whom": ""}, *needed("sign_partner_declaration")])
    assert await stage.open() == ["set_up_vendor", "sign_partner_declaration"]
    await stage.agreed("sign_partner_declaration", "sign")
    concluded(bench)
    await stage.agreed("conclude_vetting", "clear", CONCLUSION)
    await stage.agreed("set_up_vendor", "set_up")
    await stage.agreed("confirm_bank_account", "confirm")
    assert (await stage.outcome()).result == "concluded"


async def test_a_partner_refused_closes_what_was_postponed_with_the_rest(bench: Bench) -> None:
    stage = await vetting(bench, "sign_partner_declaration", "assess_psea")
    await stage.agreed("sign_partner_declaration", "sign")
    concluded(bench)
    await stage.agreed("conclude_vetting", "reject", CONCLUSION, **REASONS)
    assert (await stage.outcome()).result == "concluded"
    assert bench.effects.open() == []


async def test_a_standard_case_that_asks_meanwhile_goes_on_to_the_full_level_after_the_emergency_one(bench: Bench) -> None:
    stage = await vetting(bench, "assess_psea", levels=["emergency", "full"], cleared=[])
    assert await stage.open() == ["assess_psea", f"conclude_vetting {CONCLUSION}"]
    bench.effects.facts["vetting"] |= {"levels": ["full"], "cleared": ["emergency"]}
    await stage.agreed("conclude_vetting", "clear_with_deferrals", CONCLUSION, **DEFERRED)
    await stage.handle.signal("look_again")
    await stage.settled()
    assert await stage.open() == ["assess_psea"]  # the standard track never uses what is only assumed
    assert [f.rule for f in (await stage.decide("assess_psea", "assume_low_capacity", comment="x")).findings] == ["wrong_verdict"]
    await stage.agreed("assess_psea", "rate")
    assert await stage.open() == ["conclude_vetting 0-again-1"]
    concluded(bench)
    await stage.agreed("conclude_vetting", "clear", "0-again-1")
    assert [d["level"] for d in bench.effects.recorded("clearance.granted")] == ["emergency", "full"]


async def test_an_emergency_case_that_joins_a_full_vetting_makes_its_checks_deferrable(bench: Bench) -> None:
    stage = await vetting(bench, "assess_psea", levels=["full"], cleared=["emergency"], deferrable=[])
    assert [f.rule for f in (await stage.decide("assess_psea", "assume_low_capacity", comment="x")).findings] == ["wrong_verdict"]
    bench.effects.facts["vetting"] |= {"levels": ["emergency", "full"], "cleared": [], "deferrable": DEFERRABLE}
    await stage.handle.signal("look_again")
    await stage.settled()
    await stage.agreed("assess_psea", "assume_low_capacity", comment="time")
    assert f"conclude_vetting {CONCLUSION}" in await stage.open()


async def test_a_second_emergency_case_is_told_of_the_same_clearance(bench: Bench) -> None:
    second = await bench.start("ProgrammeDocument", "document")
    bench.effects.hints = {"clearance.granted": [second.handle.id]}
    stage = await vetting(bench, cases=["case:TST/2026/1", "case:TST/2026/2"])
    concluded(bench)
    await stage.agreed("conclude_vetting", "clear", CONCLUSION)
    assert (await stage.outcome()).result == "concluded"
    names = await second.signals()
    assert "look_again" in names
    assert bench.effects.events().count("clearance.granted") == 1
