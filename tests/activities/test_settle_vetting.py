"""Vetting settled against the rows: hits, elements, clearance, vendor."""

from typing import Any

import pytest

from schemas.engine import Event, Opening, Task
from tests.activities import fast_path as fp
from tests.activities.desk import Desk, at, facts, rules, sha
from tests.activities.test_screen import listed

KE = "partner:KE:P-KE-0001"
LB = "partner:LB:P-LB-0005"
DECLARATION = {
    "document": "d.pdf",
    "sha256": sha("d"),
    "signed_by": "ke.p01",
    "signed_on": "2026-02-18",
    "answers": [True] * 8,
    "conflicts": [],
}
REUSE = {"agency": "another UN agency", "reference": "UNPP-1", "verified_on": "2025-03-18", "signed_partnership": True}


async def vetted(desk: Desk, intake: dict[str, Any] | None = None) -> str:
    """The case of C1 waits, its partner is screened, nothing is decided yet."""
    case = await desk.taken(intake or facts("C1"))
    await desk.ask(case, at("2026-02-16", "08:01"))
    await desk.screen(KE, at("2026-02-16", "08:02"))
    return case


async def element(desk: Desk, kind: str, actor: str, role: str, verdict: str, name: str, when: str = "2026-02-18", **said: Any) -> Any:
    (task,) = await desk.open(KE, "vetting", at("2026-02-16", "09:00"), Opening(kind=kind))
    event = Event(type="vetting.element_recorded", data={"element": name, "verdict": verdict, "task": kind})
    return await desk.decide(task, actor, role, verdict, at(when), [event], subject=KE, **said)


async def cleared(desk: Desk) -> None:
    assert not (
        await element(desk, "sign_partner_declaration", "ke.p01", "partner_authorised_officer", "sign", "declaration", data=DECLARATION)
    ).refused
    assert not (await element(desk, "verify_partner_profile", "ke.002", "partnership_manager", "reuse", "profile", data=REUSE)).refused


async def conclude(desk: Desk, verdict: str, events: list[Event], when: str = "2026-02-27", **said: Any) -> Any:
    (task,) = await desk.open(KE, "vetting", at("2026-02-24"), Opening(kind="conclude_vetting", whom="0"))
    opens = [Opening(kind="set_up_vendor", optional="vendor")]
    return await desk.decide(
        task, said.pop("actor", "ke.002"), "partnership_manager", verdict, at(when), events, subject=KE, opens=opens, **said
    )


def clear(level: str = "full") -> list[Event]:
    return [Event(type="clearance.granted", data={"level": level, "verdict": "clear"}, take=["conditions"])]


async def test_a_new_partner_is_asked_for_what_its_ledger_lacks(desk: Desk) -> None:
    await vetted(desk)
    begun = await desk.begin(KE, "vetting", at("2026-02-16", "08:03"))
    assert [(need["kind"], need["candidates"]) for need in begun["needed"]] == [
        ("sign_partner_declaration", ["ke.p01", "ke.p02"]),
        ("verify_partner_profile", []),
    ]
    assert (begun["levels"], begun["unconcluded"], begun["vendor"]) == (["full"], True, "confirmed")


async def test_a_verdict_is_scored_and_dated_by_the_rules(desk: Desk) -> None:
    await vetted(desk)
    await cleared(desk)
    profile = await desk.row("element", KE, element="profile")
    assert profile is not None
    assert (profile["source"], profile["agency"], str(profile["valid_until"])) == ("reused", "another UN agency", "2030-03-18")


async def test_a_reuse_without_a_signed_partnership_is_refused_and_changes_nothing(desk: Desk) -> None:
    await vetted(desk)
    done = await element(
        desk, "verify_partner_profile", "ke.002", "partnership_manager", "reuse", "profile", data=REUSE | {"signed_partnership": False}
    )
    assert rules(done.findings) == {"no_signed_partnership"}
    assert await desk.row("element", KE, element="profile") is None


async def test_a_psea_rating_comes_from_its_six_standards(desk: Desk) -> None:
    intake = facts("C1")
    del intake["partner"]["psea"]
    await vetted(desk, intake)
    scores = {f"s{n}": 2 for n in range(1, 7)} | {"assessed_on": "2026-02-17"}
    done = await element(desk, "assess_psea", "ke.014", "assurance_officer", "rate", "psea", data=scores)
    assert not done.refused, done.findings
    row = await desk.row("element", KE, element="psea")
    assert row is not None
    assert (row["result"], row["details"]["rating"]) == ("rated", "moderate")


async def test_clearance_is_refused_with_one_finding_for_each_element_missing(desk: Desk) -> None:
    await vetted(desk)
    done = await conclude(desk, "clear", clear())
    assert done.refused
    assert {finding.path for finding in done.findings} == {"$.elements.declaration", "$.elements.profile"}
    assert await desk.row("clearance", KE) is None


async def test_a_clearance_stands_until_its_first_element_ends_and_the_waiting_cases_are_told(desk: Desk) -> None:
    case = await vetted(desk)
    await cleared(desk)
    done = await conclude(desk, "clear", clear())
    assert not done.refused, done.findings
    row = await desk.row("clearance", KE)
    assert row is not None
    assert (row["limiting_element"], str(row["valid_until"])) == ("registration", "2027-12-31")
    assert done.look_again == ["pca.KE.KEN-2026-0007"]
    asked = await desk.ask(case, at("2026-02-27", "10:01"))
    assert (asked.state, asked.cause.actor) == ("granted", "ke.002")
    assert await desk.told(case, "clearance.reused") == [], "its own clearance is not a reused one"


async def test_a_confirmed_vendor_is_not_set_up_again(desk: Desk) -> None:
    await vetted(desk)
    await cleared(desk)
    done = await conclude(desk, "clear", clear())
    assert (done.left_out, done.tasks) == (["vendor"], [])


async def test_an_unknown_vendor_is_set_up_after_the_clearance_and_confirmed_by_another(desk: Desk) -> None:
    intake = facts("C1")
    del intake["partner"]["vendor"]
    await vetted(desk, intake)
    await cleared(desk)
    (task,) = (await conclude(desk, "clear", clear())).tasks
    assert task.kind == "set_up_vendor"
    account = {
        "vendor_number": "2500317",
        "account_ref": "ACC-KE-1",
        "account_holder": "The Partner",
        "currency": "KES",
        "bank_country": "KE",
        "checked_how": "letter",
    }
    event = Event(
        type="vendor.account_changed",
        data={"result": "set_up"},
        take=["vendor_number", "account_ref", "account_holder", "currency", "bank_country"],
    )
    opens = [Opening(kind="confirm_bank_account")]
    done = await desk.decide(task, "ke.011", "vendor_officer", "set_up", at("2026-03-02"), [event], subject=KE, opens=opens, data=account)
    assert not done.refused, done.findings
    assert "account_holder" not in (await desk.told(KE, "vendor.account_changed"))[0]
    done = await desk.decide(
        done.tasks[0],
        "ke.009",
        "finance_officer",
        "confirm",
        at("2026-03-03"),
        [Event(type="vendor.confirmed")],
        subject=KE,
        data={"called_back_on": "2026-03-03", "person": "finance manager"},
    )
    assert not done.refused, done.findings
    vendor = await desk.row("vendor", KE)
    assert vendor is not None
    assert (vendor["set_up_by"], vendor["confirmed_by"]) == ("ke.011", "ke.009")


async def test_the_focal_point_of_a_waiting_case_does_not_vet_its_partner(desk: Desk) -> None:
    intake = facts("C1") | {"focal_point": "ke.002"}
    await vetted(desk, intake)
    done = await element(desk, "verify_partner_profile", "ke.002", "partnership_manager", "reuse", "profile", data=REUSE)
    assert "focal_point_vets" in rules(done.findings)


async def test_a_refusal_carries_the_message_and_tells_the_waiting_cases(desk: Desk) -> None:
    await vetted(desk)
    done = await conclude(
        desk,
        "reject",
        [Event(type="clearance.refused", data={"levels": "all"})],
        comment="no",
        message_to_partner="You may apply again.",
        reason_code="registration",
    )
    assert not done.refused, done.findings
    row = await desk.row("clearance", KE, level="full")
    assert row is not None
    assert (row["state"], row["reason_code"], row["message_sha256"]) == ("refused", "registration", sha("You may apply again."))
    assert done.look_again == ["pca.KE.KEN-2026-0007"]
    begun = await desk.begin(KE, "vetting", at("2026-02-27", "11:00"))
    assert (begun["unconcluded"], begun["needed"]) == (False, [])


async def test_new_information_opens_again_what_did_not_come_out_right(desk: Desk) -> None:
    await vetted(desk)
    await element(
        desk,
        "verify_partner_profile",
        "ke.002",
        "partnership_manager",
        "not_verified",
        "profile",
        comment="q3",
        message_to_partner="No policy.",
        reason_code="registration",
        data={"failed": ["q3"]},
    )
    begun = await desk.begin(KE, "vetting", at("2026-02-19"))
    assert "verify_partner_profile" not in {need["kind"] for need in begun["needed"]}, "what was decided is not asked again by itself"
    (task,) = await desk.open(KE, "vetting", at("2026-02-19"), Opening(kind="provide_vetting_information", whom="0"))
    event = Event(type="vetting.information_provided", data={"verdict": "provide"}, take=["items"])
    data = {"items": ["Policy adopted"], "documents": []}
    done = await desk.decide(task, "ke.p03", "partner_focal_point", "provide", at("2026-02-23"), [event], subject=KE, data=data)
    assert not done.refused, done.findings
    assert [(opened.kind, opened.whom) for opened in done.tasks] == [("verify_partner_profile", "after-20260218T100000")]


async def hit_of(desk: Desk) -> tuple[str, Task]:
    await listed(desk)
    case = await desk.taken(facts("C6"))
    await desk.ask(case, at("2026-03-02", "08:01"))
    (hit,) = (await desk.screen(LB, at("2026-03-02", "08:02"))).open_hits
    (task,) = await desk.open(LB, "vetting", at("2026-03-02", "08:03"), Opening(kind="dispose_screening_hit", whom=hit))
    return hit, task


async def dispose(desk: Desk, hit: str, task: Task) -> Any:
    event = Event(type="screening.second_check_asked", data={"hit": hit})
    return await desk.decide(
        task,
        "lb.012",
        "risk_officer",
        "false_positive",
        at("2026-03-03"),
        [event],
        subject=LB,
        opens=[Opening(kind="second_check_hit", whom=hit)],
        comment="born 1979",
        data={"hit": hit, "differing_facts": ["year of birth"], "evidence": []},
    )


async def test_a_strong_hit_is_disposed_of_by_two_people(desk: Desk) -> None:
    hit, task = await hit_of(desk)
    (second,) = (await dispose(desk, hit, task)).tasks
    event = Event(type="screening.hit_disposed", data={"hit": hit, "verdict": "false_positive"})
    same = await desk.decide(second, "lb.012", "risk_officer", "agree", at("2026-03-04"), [event], subject=LB)
    assert "second_person_hit" in rules(same.findings)
    done = await desk.decide(second, "lb.013", "risk_officer", "agree", at("2026-03-04"), [event], subject=LB)
    assert not done.refused, done.findings
    assert (await desk.screen(LB, at("2026-03-04", "11:00"))).clear


async def test_one_person_alone_never_disposes_of_a_strong_hit(desk: Desk) -> None:
    hit, task = await hit_of(desk)
    event = Event(type="screening.hit_disposed", data={"hit": hit, "verdict": "false_positive"})
    data = {"hit": hit, "differing_facts": ["year of birth"], "evidence": []}
    done = await desk.decide(
        task, "lb.012", "risk_officer", "false_positive", at("2026-03-03"), [event], subject=LB, comment="c", data=data
    )
    assert rules(done.findings) == {"second_check_required"}


async def test_a_second_person_who_disagrees_opens_the_hit_again(desk: Desk) -> None:
    hit, task = await hit_of(desk)
    (second,) = (await dispose(desk, hit, task)).tasks
    event = Event(type="screening.hit_reopened", data={"hit": hit})
    opens = [Opening(kind="dispose_screening_hit", whom=f"{hit}:again")]
    done = await desk.decide(
        second, "lb.013", "risk_officer", "disagree", at("2026-03-04"), [event], subject=LB, opens=opens, comment="not sure"
    )
    assert not done.refused, done.findings
    row = await desk.row("hit", LB, id=hit)
    assert row is not None
    assert row["state"] == "open"


async def test_invariant_1_a_true_match_refuses_the_partner_for_every_level(desk: Desk) -> None:
    hit, task = await hit_of(desk)
    events = [
        Event(type="screening.hit_disposed", data={"hit": hit, "verdict": "true_match"}),
        Event(type="clearance.refused", data={"reason_code": "sanctions", "levels": "all"}),
    ]
    done = await desk.decide(
        task,
        "lb.012",
        "risk_officer",
        "true_match",
        at("2026-03-03"),
        events,
        subject=LB,
        comment="it is he",
        data={"hit": hit, "evidence": []},
    )
    assert not done.refused, done.findings
    asked = await desk.ask("case:LBN/2026/0005", at("2026-03-03", "11:00"))
    assert (asked.state, asked.reason_code, asked.cause.actor) == ("refused", "sanctions", "lb.012")


async def test_invariant_1_no_clearance_while_a_hit_is_open(desk: Desk) -> None:
    await hit_of(desk)
    (task,) = await desk.open(LB, "vetting", at("2026-03-05"), Opening(kind="conclude_vetting", whom="0"))
    done = await desk.decide(task, "lb.002", "partnership_manager", "clear", at("2026-03-06"), clear(), subject=LB)
    assert "screening_hit" in rules(done.findings)


async def test_a_decision_on_another_hit_than_the_tasks_is_refused(desk: Desk) -> None:
    hit, task = await hit_of(desk)
    event = Event(type="screening.second_check_asked", data={"hit": hit})
    data = {"hit": "another", "differing_facts": ["year of birth"], "evidence": []}
    done = await desk.decide(
        task, "lb.012", "risk_officer", "false_positive", at("2026-03-03"), [event], subject=LB, comment="c", data=data
    )
    assert rules(done.findings) == {"other_hit"}


async def test_a_hit_that_is_disposed_of_is_not_disposed_of_again(desk: Desk) -> None:
    hit, task = await hit_of(desk)
    await dispose(desk, hit, task)
    (again,) = await desk.open(LB, "vetting", at("2026-03-03", "11:00"), Opening(kind="dispose_screening_hit", whom=f"{hit}:again"))
    done = await dispose(desk, hit, again)
    assert rules(done.findings) == {"hit_disposed"}


async def test_a_hit_that_the_record_does_not_hold_is_refused(desk: Desk) -> None:
    await hit_of(desk)
    (task,) = await desk.open(LB, "vetting", at("2026-03-03", "11:00"), Opening(kind="dispose_screening_hit", whom="nobody"))
    assert rules((await dispose(desk, "nobody", task)).findings) == {"hit_unknown"}
    event = Event(type="screening.hit_disposed", data={"hit": "nobody", "verdict": "false_positive"})
    assert rules((await desk.system(LB, "vetting", "x", at("2026-03-03", "11:00"), [event])).findings) == {"hit_unknown"}


async def test_high_risk_is_assumed_by_the_head_of_office_only(desk: Desk) -> None:
    intake = facts("C1")
    del intake["partner"]["hact"]
    await vetted(desk, intake)
    data = {"assessment_planned_on": "2026-05-01"}
    done = await element(desk, "assess_hact", "ke.014", "assurance_officer", "assume_high", "hact", comment="c", data=data)
    assert "wrong_role" in rules(done.findings)
    done = await element(desk, "assess_hact", "ke.008", "head_of_office", "assume_high", "hact", comment="c", data=data)
    assert not done.refused, done.findings
    await cleared(desk)
    done = await conclude(desk, "clear", clear())
    assert not done.refused, "on the standard track too, by the head of office (PCA 8.9(b))"


async def test_clearance_waits_for_a_flag_to_be_weighed(desk: Desk) -> None:
    case = await vetted(desk)
    await cleared(desk)
    event = Event(type="partner.flagged", data={"flag": "f1"}, take=["type", "category"])
    data = {"type": "yellow", "category": "financial"}
    await desk.tell(case, "flag_partner", "ke.012", "risk_officer", at("2026-02-20"), [event], key="f1", comment="cash", data=data)
    assert "flag_open" in rules((await conclude(desk, "clear", clear())).findings)
    (task,) = await desk.open(KE, "vetting", at("2026-02-20"), Opening(kind="weigh_partner_flag", whom="f1"))
    weighed = Event(type="partner.flag_weighed", data={"flag": "f1", "verdict": "accept_risk"})
    risk = {"mitigation": "Monthly cash counts", "owner": "risk_officer", "expires_on": "2026-12-31"}
    done = await desk.decide(task, "ke.013", "risk_officer", "accept_risk", at("2026-02-23"), [weighed], subject=KE, comment="c", data=risk)
    assert not done.refused, done.findings
    row = await desk.row("element", KE, element="flag:f1")
    assert row is not None
    assert str(row["valid_until"]) == "2026-12-31"
    assert not (await conclude(desk, "clear", clear())).refused


async def test_a_partner_that_is_blocked_is_not_cleared(desk: Desk) -> None:
    intake = facts("C1")
    intake["partner"]["blocked"] = True
    await vetted(desk, intake)
    await cleared(desk)
    assert "element_negative" in rules((await conclude(desk, "clear", clear())).findings)


async def test_conditions_of_a_clearance_keep_their_words_in_the_content_store(desk: Desk) -> None:
    await vetted(desk)
    await cleared(desk)
    conditions = [{"text": "Fraud policy adopted", "owner_role": "partner_focal_point", "due": "2026-05-01", "gate": "before_cash"}]
    done = await conclude(desk, "clear_with_conditions", clear(), data={"conditions": conditions})
    assert not done.refused, done.findings
    (told,) = await desk.told(KE, "clearance.granted")
    assert [condition["text_sha256"] for condition in told["conditions"]] == [sha("Fraud policy adopted")]


async def test_what_is_asked_of_the_partner_is_counted_not_quoted(desk: Desk) -> None:
    case = await vetted(desk)
    event = Event(type="vetting.information_requested", take=["items", "court"])
    said = {"message_to_partner": "Please send it.", "reason_code": "registration", "data": {"items": ["The renewed certificate"]}}
    done = await conclude(desk, "request_information", [event], **said)
    assert not done.refused, done.findings
    assert (await desk.told(KE, "vetting.information_requested"))[0]["items"] == 1
    (task,) = await desk.open(KE, "vetting", at("2026-02-27", "11:00"), Opening(kind="provide_vetting_information", whom="0"))
    event = Event(type="vetting.information_provided", data={"verdict": "cannot_provide"})
    done = await desk.decide(
        task, "ke.p03", "partner_focal_point", "cannot_provide", at("2026-03-02"), [event], subject=KE, comment="pending"
    )
    assert (done.refused, done.tasks) == (False, [])
    await desk.system(KE, "vetting", "start", at("2026-03-02"), [Event(type="vetting.started", data={"levels": ["full"]})])
    assert (await desk.told(KE, "vetting.started"))[0]["cases"] == [case]


async def test_who_sets_up_an_account_does_not_confirm_it_and_nobody_confirms_none(desk: Desk) -> None:
    intake = facts("C1")
    del intake["partner"]["vendor"]
    await vetted(desk, intake)
    done = await desk.system(KE, "vetting", "confirm", at("2026-03-03"), [Event(type="vendor.confirmed")])
    assert rules(done.findings) == {"no_vendor"}
    (task,) = await desk.open(KE, "vetting", at("2026-03-02"), Opening(kind="set_up_vendor"))
    event = Event(type="vendor.account_changed", data={"result": "mismatch"})
    said = {"comment": "c", "message_to_partner": "m", "reason_code": "other"}
    done = await desk.decide(task, "ke.011", "vendor_officer", "mismatch", at("2026-03-02"), [event], subject=KE, **said)
    assert not done.refused, done.findings
    assert await desk.row("vendor", KE) is None


async def test_a_granted_partner_without_a_vendor_still_needs_one(desk: Desk) -> None:
    intake = facts("C2")
    intake["partner"].pop("vendor", None)
    case = await desk.taken(intake)
    partner = (await desk.case(case))["partner_subject"]
    asked = await desk.ask(case, at("2026-03-01", "08:01"))
    assert (asked.state, [start.workflow for start in asked.starts]) == ("granted", ["Vetting"])
    begun = await desk.begin(partner, "vetting", at("2026-03-01", "08:02"))
    assert ([need["kind"] for need in begun["needed"]], begun["unconcluded"]) == (["set_up_vendor"], False)


async def test_invariant_9_an_assessment_of_the_year_9999_is_refused_never_an_exception(desk: Desk) -> None:
    await vetted(desk)
    data = REUSE | {"verified_on": "9999-12-31"}
    done = await element(desk, "verify_partner_profile", "ke.002", "partnership_manager", "reuse", "profile", data=data)
    assert rules(done.findings) == {"date_in_future"}


async def test_who_assesses_the_capacity_rates_it_in_his_own_right(desk: Desk) -> None:
    intake = facts("C1")
    del intake["partner"]["hact"]
    await vetted(desk, intake)
    data = {"agency": "another UN agency", "rating": "medium", "assessed_on": "2025-03-01"}
    done = await element(desk, "assess_hact", "ke.014", "assurance_officer", "reuse", "hact", data=data)
    assert not done.refused, done.findings
    row = await desk.row("element", KE, element="hact")
    assert row is not None
    assert (row["source"], row["details"]["rating"]) == ("reused", "medium")


async def test_two_persons_confirm_an_account_even_of_a_partner_without_a_case(desk: Desk) -> None:
    alone = "partner:KE:P-KE-0042"
    (first,) = await desk.open(alone, "vetting", at("2026-03-02"), Opening(kind="set_up_vendor"))
    account = {
        "vendor_number": "2500999",
        "account_ref": "ACC-KE-42",
        "account_holder": "The Partner",
        "currency": "KES",
        "bank_country": "KE",
        "checked_how": "letter",
    }
    event = Event(type="vendor.account_changed", data={"result": "set_up"})
    done = await desk.decide(first, "ke.011", "vendor_officer", "set_up", at("2026-03-02"), [event], subject=alone, data=account)
    assert not done.refused, done.findings
    roles = ["finance_officer", "vendor_officer"]
    (second,) = await desk.open(alone, "vetting", at("2026-03-02"), Opening(kind="confirm_bank_account", roles=roles))
    called = {"called_back_on": "2026-03-03", "person": "finance manager"}
    confirmed = [Event(type="vendor.confirmed")]
    same = await desk.decide(second, "ke.011", "vendor_officer", "confirm", at("2026-03-03"), confirmed, subject=alone, data=called)
    assert rules(same.findings) == {"second_person_bank"}
    other = await desk.decide(second, "ke.009", "finance_officer", "confirm", at("2026-03-03"), confirmed, subject=alone, data=called)
    assert not other.refused, other.findings


# On the fast path -----------------------------------------------------------------------------------------------------------------

POSTPONES = [
    ("verify_partner_profile", "profile", "mz.002", "partnership_manager", "defer", "partner_verification"),
    ("assess_psea", "psea", "mz.014", "assurance_officer", "assume_low_capacity", "psea_assessment"),
    ("assess_hact", "hact", "mz.014", "assurance_officer", "assume_high", "hact_assessment"),
    ("provide_registration", "registration", "mz.p03", "partner_focal_point", "explain", "registration_certificate"),
    ("assess_core_values", "core_values", "mz.002", "partnership_manager", "defer", "core_values_assessment"),
]


async def postpone(desk: Desk, kind: str, name: str, actor: str, role: str, verdict: str) -> Any:
    """The verdict that postpones an element, on its own task."""
    (task,) = await desk.open(fp.PARTNER, "vetting", at("2026-03-11", "09:00"), Opening(kind=kind, whom=f"n{desk.keys}"))
    event = Event(type="vetting.element_recorded", data={"element": name, "task": kind, "verdict": verdict})
    data = {"assessment_planned_on": "2026-06-01"} if verdict == "assume_high" else {}
    said = {"data": data} if data else {}
    return await desk.decide(task, actor, role, verdict, at("2026-03-11"), [event], subject=fp.PARTNER, comment="Behind the flood.", **said)


@pytest.mark.parametrize(("kind", "name", "actor", "role", "verdict", "owed"), POSTPONES, ids=[one[1] for one in POSTPONES])
async def test_each_element_that_may_be_postponed_is_owed_by_the_partner(
    desk: Desk, kind: str, name: str, actor: str, role: str, verdict: str, owed: str
) -> None:
    case, partner = await fp.asking(desk)
    fp.taken(await postpone(desk, kind, name, actor, role, verdict))
    (told,) = await desk.told(partner, "vetting.element_deferred")
    assert (told["element"], told["obligation"], told["due"]) == (name, f"P-MZ-0031:{owed}", "2026-06-11")
    row = await desk.row("obligation", partner, kind=owed)
    assert row is not None
    assert (row["due_at"].date().isoformat(), list(row["cases"])) == ("2026-06-11", [case])


@pytest.mark.parametrize(
    ("kind", "name", "actor", "role", "verdict", "owed"), POSTPONES[:2] + POSTPONES[3:], ids=["profile", "psea", "reg", "core"]
)
async def test_on_the_standard_track_nothing_is_postponed(
    desk: Desk, kind: str, name: str, actor: str, role: str, verdict: str, owed: str
) -> None:
    _, partner = await fp.asking(desk)
    desk.tracks[partner] = "standard"
    done = await postpone(desk, kind, name, actor, role, verdict)
    await fp.nothing_changed(desk, partner, done, "wrong_verdict")
    assert await desk.row("obligation", partner, kind=owed) is None


@pytest.mark.parametrize(("kind", "name", "actor", "role", "verdict", "owed"), POSTPONES[1:3], ids=["psea", "hact"])
async def test_level_one_postpones_neither_psea_nor_hact(
    desk: Desk, kind: str, name: str, actor: str, role: str, verdict: str, owed: str
) -> None:
    _, partner = await fp.asking(desk, level="L1", declared_by="mz.008", role="head_of_office")
    done = await postpone(desk, kind, name, actor, role, verdict)
    await fp.nothing_changed(desk, partner, done, "level_does_not_unlock")
    assert done.findings[0].next_step == "Close the element."
    assert await desk.row("obligation", partner, kind=owed) is None
    begun = await desk.begin(partner, "vetting", at("2026-03-11", "12:00"))
    assert set(begun["deferrable"]) == {"provide_registration", "verify_partner_profile", "assess_core_values"}


async def test_a_full_clearance_never_stands_on_what_is_postponed(desk: Desk) -> None:
    _, partner = await fp.cleared(desk)
    desk.tracks[partner] = "standard"
    (task,) = await desk.open(partner, "vetting", at("2026-03-13"), Opening(kind="conclude_vetting", whom="full"))
    done = await desk.decide(task, "mz.002", "partnership_manager", "clear", at("2026-03-13"), clear(), subject=partner)
    assert done.refused
    assert len(done.findings) == 3, done.findings
    assert all(found.next_step for found in done.findings)
    rows = await desk.pool.fetch("SELECT level, state FROM clearance WHERE subject = $1", partner)
    assert {(row["level"], row["state"]) for row in rows} == {("emergency", "granted")}


async def test_a_standard_case_of_the_same_partner_still_waits_for_its_full_clearance(desk: Desk) -> None:
    await fp.cleared(desk)
    second = await desk.taken(facts("C4") | {"track": "standard", "activation": None})
    asked = await desk.ask(second, at("2026-03-13", "12:00"))
    assert asked.state == "waiting"
    begun = await desk.begin(fp.PARTNER, "vetting", at("2026-03-13", "12:01"))
    assert (begun["levels"], begun["cleared"]) == (["full"], ["emergency"])
    assert {need["kind"] for need in begun["needed"]} == {"verify_partner_profile", "assess_psea", "assess_hact"}
