"""Vetting: every element of the ledger, hits and their second person, conclusion, vendor and account. One for a partner, whoever asks."""

from typing import Any

import pytest

from schemas.engine import CaseView, Clock
from tests.workflows.conftest import PARTNER, Bench, Running

ELEMENTS: dict[str, tuple[str, dict[str, Any] | None]] = {
    "sign_partner_declaration": ("sign", None),
    "provide_registration": ("provide", None),
    "verify_partner_profile": ("verified", None),
    "assess_core_values": ("positive", None),
    "assess_psea": ("rate", None),
    "assess_hact": ("rate", None),
}
NAMES = {
    "sign_partner_declaration": "declaration",
    "provide_registration": "registration",
    "verify_partner_profile": "profile",
    "assess_core_values": "core_values",
    "assess_psea": "psea",
    "assess_hact": "hact",
}


def needed(*kinds: str) -> list[dict[str, Any]]:
    return [{"element": NAMES[kind], "kind": kind} for kind in kinds]


async def vetting(bench: Bench, *kinds: str, **facts: Any) -> Running:
    bench.effects.facts["vetting"] = {
        "levels": ["full"], "needed": needed(*kinds), "cases": ["case:TST/2026/1"], "unconcluded": True, "vendor": "none",
    } | facts  # fmt: skip
    running = await bench.start("Vetting", "vetting", PARTNER, view=CaseView(clock=Clock(name="test")))
    await running.settled()
    return running


async def conclude(bench: Bench, stage: Running, verdict: str = "clear", whom: str = "0", **more: Any) -> None:
    """The conclusion counts, and the record has it from then on."""
    bench.effects.facts["vetting"] |= {"needed": [], "unconcluded": False}
    await stage.agreed("conclude_vetting", verdict, whom, **more)


async def test_every_element_is_asked_for_then_vetting_is_concluded_and_the_account_confirmed(bench: Bench) -> None:
    stage = await vetting(bench, *ELEMENTS)
    assert await stage.open() == sorted(ELEMENTS)
    for kind, (verdict, data) in ELEMENTS.items():
        assert "conclude_vetting 0" not in await stage.open()
        await stage.agreed(kind, verdict, data=data)
    assert await stage.open() == ["conclude_vetting 0"]
    await conclude(bench, stage)
    await stage.agreed("set_up_vendor", "set_up")
    await stage.agreed("confirm_bank_account", "confirm")
    assert (await stage.outcome()).result == "concluded"
    assert [d["element"] for d in bench.effects.recorded("vetting.element_recorded")] == list(NAMES.values())
    assert bench.effects.recorded("clearance.granted") == [{"level": "full", "verdict": "clear"}]
    assert bench.effects.events()[0] == "vetting.started"
    assert bench.effects.events().count("vetting.started") == 1
    await bench.keep(stage, "vetting")


async def test_invariant_1_the_partner_is_screened_before_anything_is_asked(bench: Bench) -> None:
    await vetting(bench, "assess_psea")
    assert bench.effects.screened == ["vetting"]


async def test_nothing_missing_opens_the_conclusion_at_once(bench: Bench) -> None:
    stage = await vetting(bench)
    assert await stage.open() == ["conclude_vetting 0"]


async def test_nobody_who_asks_means_no_vetting(bench: Bench) -> None:
    stage = await vetting(bench, "assess_psea", cases=[])
    assert (await stage.outcome()).result == "concluded"
    assert bench.effects.screened == []


@pytest.mark.parametrize("verdict", ["clear", "clear_with_conditions"])
async def test_a_clearance_without_a_vendor_to_set_up_ends_the_vetting(bench: Bench, verdict: str) -> None:
    bench.effects.left_out = {"vendor"}
    stage = await vetting(bench)
    await conclude(bench, stage, verdict)
    assert (await stage.outcome()).result == "concluded"
    assert bench.effects.recorded("clearance.granted") == [{"level": "full", "verdict": verdict}]


async def test_an_element_that_is_not_positive_is_recorded_all_the_same(bench: Bench) -> None:
    stage = await vetting(bench, "verify_partner_profile")
    await stage.agreed("verify_partner_profile", "not_verified", comment="no accounts", message_to_partner="Sorry", reason_code="capacity")
    assert bench.effects.recorded("vetting.element_recorded") == [
        {"element": "profile", "verdict": "not_verified", "task": "verify_partner_profile"}
    ]
    bench.effects.refuse = bench.effects.saying("element_negative", on="clearance.granted")
    assert [f.rule for f in (await stage.decide("conclude_vetting", "clear", "0")).findings] == ["element_negative"]
    assert await stage.open() == ["conclude_vetting 0"]


async def test_a_deferral_is_no_verdict_of_the_standard_track(bench: Bench) -> None:
    stage = await vetting(bench, "verify_partner_profile")
    assert [f.rule for f in (await stage.decide("verify_partner_profile", "defer", comment="later")).findings] == ["wrong_verdict"]


async def test_invariant_1_a_hit_is_disposed_by_one_person_before_the_conclusion_opens(bench: Bench) -> None:
    bench.effects.hits = ["h1"]
    stage = await vetting(bench)
    assert await stage.open() == ["dispose_screening_hit h1"]
    await stage.agreed("dispose_screening_hit", "escalate", "h1", comment="look")
    assert await stage.open() == ["dispose_screening_hit h1"]
    await stage.agreed("dispose_screening_hit", "false_positive", "h1", comment="another birth date")
    assert bench.effects.recorded("screening.hit_disposed") == [{"hit": "h1", "verdict": "false_positive"}]
    assert await stage.open() == ["conclude_vetting 0"]


async def test_a_strong_hit_needs_a_second_person_who_agrees(bench: Bench) -> None:
    bench.effects.hits, bench.effects.second = ["h1"], ["h1"]
    stage = await vetting(bench)
    await stage.agreed("dispose_screening_hit", "false_positive", "h1", comment="another birth date")
    assert bench.effects.recorded("screening.hit_disposed") == []
    assert await stage.open() == ["second_check_hit h1"]
    await stage.agreed("second_check_hit", "agree", "h1", actor="xx.002")
    assert bench.effects.recorded("screening.hit_disposed") == [{"hit": "h1", "verdict": "false_positive"}]
    assert await stage.open() == ["conclude_vetting 0"]


async def test_a_second_person_who_disagrees_puts_the_hit_back(bench: Bench) -> None:
    bench.effects.hits, bench.effects.second = ["h1"], ["h1"]
    stage = await vetting(bench)
    await stage.agreed("dispose_screening_hit", "false_positive", "h1", comment="another birth date")
    await stage.agreed("second_check_hit", "disagree", "h1", actor="xx.002", comment="the same one")
    assert await stage.open() == ["dispose_screening_hit h1:again"]
    bench.effects.facts["vetting"] |= {"needed": [], "unconcluded": False}
    await stage.agreed("dispose_screening_hit", "true_match", "h1:again", comment="it is")
    assert (await stage.outcome()).result == "concluded"
    assert bench.effects.events()[-2:] == ["screening.hit_disposed", "clearance.refused"]


async def test_a_hit_that_waits_for_its_second_person_opens_as_that(bench: Bench) -> None:
    bench.effects.hits = ["h1"]
    stage = await vetting(bench, second_check=["h1"])
    assert await stage.open() == ["second_check_hit h1"]


async def test_invariant_1_a_true_match_closes_everything_that_was_asked(bench: Bench) -> None:
    bench.effects.hits = ["h1"]
    stage = await vetting(bench, "assess_psea", "assess_hact")
    bench.effects.facts["vetting"] |= {"needed": [], "unconcluded": False}
    await stage.agreed("dispose_screening_hit", "true_match", "h1", comment="it is")
    assert (await stage.outcome()).result == "concluded"
    assert bench.effects.open() == []
    assert bench.effects.recorded("clearance.refused") == [{"reason_code": "sanctions", "levels": "all"}]


async def test_information_asked_of_the_partner_leads_to_another_conclusion(bench: Bench) -> None:
    stage = await vetting(bench)
    await stage.agreed("conclude_vetting", "request_information", "0", message_to_partner="Please", reason_code="capacity")
    assert await stage.open() == ["provide_vetting_information 0"]
    await stage.agreed("provide_vetting_information", "provide", "0")
    assert await stage.open() == ["conclude_vetting 0-after-answer-1"]
    await stage.agreed("conclude_vetting", "request_information", "0-after-answer-1", message_to_partner="More", reason_code="capacity")
    await stage.agreed("provide_vetting_information", "cannot_provide", "0-after-answer-1", comment="no more")
    await conclude(bench, stage, "reject", "0-after-answer-2", comment="No", message_to_partner="Sorry", reason_code="capacity")
    assert (await stage.outcome()).result == "concluded"
    assert [d["verdict"] for d in bench.effects.recorded("vetting.information_provided")] == ["provide", "cannot_provide"]
    assert bench.effects.recorded("clearance.refused") == [{"levels": "all"}]


async def test_a_conflict_or_a_flag_that_is_open_stands_before_the_conclusion(bench: Bench) -> None:
    others = [{"element": "flag:f1", "kind": "weigh_partner_flag", "whom": "f1"}]
    others.append({"element": "conflict:c1", "kind": "resolve_conflict_of_interest", "whom": "c1"})
    stage = await vetting(bench, needed=others)
    assert await stage.open() == ["resolve_conflict_of_interest c1", "weigh_partner_flag f1"]
    await stage.agreed("weigh_partner_flag", "escalate", "f1", comment="look")
    await stage.agreed("weigh_partner_flag", "accept_risk", "f1", comment="small")
    await stage.agreed("resolve_conflict_of_interest", "mitigated", "c1", comment="recused")
    assert await stage.open() == ["conclude_vetting 0"]
    assert [d["verdict"] for d in bench.effects.recorded("partner.flag_weighed")] == ["escalate", "accept_risk"]


@pytest.mark.parametrize("verdict", ["mismatch", "need_information"])
async def test_a_vendor_that_cannot_be_set_up_is_asked_for_again(bench: Bench, verdict: str) -> None:
    stage = await vetting(bench)
    await conclude(bench, stage)
    await stage.agreed("set_up_vendor", verdict, comment="name", message_to_partner="Please", reason_code="other")
    assert await stage.open() == ["set_up_vendor first+"]
    await stage.agreed("set_up_vendor", "set_up", "first+")
    assert await stage.open() == ["confirm_bank_account first+"]


async def test_an_account_that_is_not_confirmed_is_set_up_again(bench: Bench) -> None:
    stage = await vetting(bench)
    await conclude(bench, stage)
    await stage.agreed("set_up_vendor", "set_up")
    await stage.agreed("confirm_bank_account", "refuse", comment="unknown at the bank")
    await stage.agreed("set_up_vendor", "set_up", "first+")
    await stage.agreed("confirm_bank_account", "confirm", "first+")
    assert (await stage.outcome()).result == "concluded"
    assert [d["result"] for d in bench.effects.recorded("vendor.account_changed")] == ["set_up", "refused", "set_up"]


async def test_a_case_that_asks_meanwhile_adds_what_it_needs(bench: Bench) -> None:
    stage = await vetting(bench, "assess_psea")
    bench.effects.facts["vetting"]["needed"] = needed("assess_psea", "assess_hact")
    await stage.handle.signal("look_again")
    await stage.settled()
    assert await stage.open() == ["assess_hact", "assess_psea"]
    assert bench.effects.events().count("vetting.started") == 1


async def test_every_case_that_waits_is_told_of_the_clearance(bench: Bench) -> None:
    waiting = await bench.start("ProgrammeDocument", "document")
    bench.effects.hints = {"clearance.granted": [waiting.handle.id, "pca.XX.ended-long-ago"]}
    bench.effects.left_out = {"vendor"}
    stage = await vetting(bench)
    await conclude(bench, stage)
    assert (await stage.outcome()).result == "concluded"
    names = await waiting.signals()
    assert "look_again" in names


async def test_a_message_to_a_case_means_nothing_to_a_partner(bench: Bench) -> None:
    stage = await vetting(bench, "assess_psea")
    assert [f.rule for f in (await stage.say("hold", data={"until": "2026-03-20"})).findings] == ["unknown_message"]
    assert await stage.open() == ["assess_psea"]


async def test_a_case_that_asks_at_the_moment_of_the_conclusion_gets_a_conclusion_of_its_own(bench: Bench) -> None:
    bench.effects.left_out = {"vendor"}
    stage = await vetting(bench)
    await stage.agreed("conclude_vetting", "reject", "0", comment="No", message_to_partner="Sorry", reason_code="capacity")
    await stage.settled()
    assert await stage.open() == ["conclude_vetting 0-again-1"]
    await conclude(bench, stage, "clear", "0-again-1")
    assert (await stage.outcome()).result == "concluded"
    assert bench.effects.counted() == ["conclude_vetting 0 reject", "conclude_vetting 0-again-1 clear"]


async def test_an_answer_that_the_record_refuses_is_no_answer_of_the_partner(bench: Bench) -> None:
    stage = await vetting(bench)
    await stage.agreed("conclude_vetting", "request_information", "0", message_to_partner="Please", reason_code="capacity")
    bench.effects.refuse = bench.effects.saying("invalid_data", on="vetting.information_provided")
    assert not (await stage.decide("provide_vetting_information", "provide", "0")).counted
    bench.effects.refuse = bench.effects.nothing
    await stage.agreed("provide_vetting_information", "provide", "0")
    assert await stage.open() == ["conclude_vetting 0-after-answer-1"]


async def test_a_flag_raised_while_the_vendor_is_set_up_leads_to_a_conclusion_of_its_own(bench: Bench) -> None:
    stage = await vetting(bench)
    await conclude(bench, stage)
    bench.effects.facts["vetting"]["needed"] = [{"element": "flag:f1", "kind": "weigh_partner_flag", "whom": "f1"}]
    await stage.handle.signal("look_again")
    await stage.settled()
    await stage.agreed("weigh_partner_flag", "block", "f1", comment="fraud")
    await stage.settled()
    assert await stage.open() == ["conclude_vetting 0-again-1", "set_up_vendor"]
    assert bench.effects.open() == ["set_up_vendor", "conclude_vetting 0-again-1"]
