"""The ledger of vetting: needs, validity, reuse, deferral, clearance."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import vetting
from policy.vetting import Element
from tests.policy.facts import EMERGENCY, STANDARD, D, intake, paths, rules

DAY = date(2026, 3, 2)
QUESTIONS = ("q1", "q2", "q3", "q4", "q5")
ALL = ("screening", "declaration", "conflict_of_interest", "red_flag", "registration", "profile", "psea", "hact")


def line(element: str, **changes) -> Element:
    return Element(**({"element": element, "result": "verified", "valid_until": date(2027, 1, 1)} | changes))


FULL = tuple(line(element) for element in ("declaration", "registration", "profile", "psea", "hact"))


def partner(**changes):
    return intake(partner=changes).partner


def test_a_national_partner_above_the_threshold_needs_everything_but_core_values():
    assert vetting.required(partner(), D("477230"), STANDARD) == ALL


def test_hact_is_not_needed_up_to_the_threshold():
    assert "hact" not in vetting.required(partner(), D("100000"), STANDARD)


def test_an_international_partner_needs_core_values_and_psea_only_for_a_reason():
    branch = partner(type="international_ngo")
    assert "core_values" in vetting.required(branch, D(0), STANDARD)
    assert "psea" not in vetting.required(branch, D(0), STANDARD)
    assert "psea" in vetting.required(branch, D(0), STANDARD, psea_reasons=frozenset({"decentralized"}))


def test_a_full_ledger_needs_nothing():
    assert vetting.needs(ALL, FULL, "full", DAY, STANDARD) == ()


def test_what_is_missing_expired_or_negative_is_needed():
    ledger = (
        line("profile", result="not_verified", valid_until=None),
        line("psea", valid_until=DAY - timedelta(days=1)),
        line("hact", valid_until=DAY),
    )
    found = vetting.needs(("declaration", "profile", "psea", "hact"), ledger, "full", DAY, STANDARD)
    assert [(need.element, need.state, need.task) for need in found] == [
        ("declaration", "missing", "sign_partner_declaration"),
        ("profile", "negative", "verify_partner_profile"),
        ("psea", "expired", "assess_psea"),
    ]


def test_the_standard_level_takes_nothing_assumed_or_deferred():
    ledger = (line("psea", source="assumed", rating="high"), line("profile", source="deferred"))
    found = vetting.needs(("psea", "profile"), ledger, "full", DAY, STANDARD)
    assert [(need.element, need.state) for need in found] == [("psea", "assumed"), ("profile", "deferred")]
    assert vetting.needs(("psea", "profile"), ledger, "emergency", DAY, EMERGENCY) == ()


def test_a_high_hact_rating_assumed_by_the_head_of_office_is_taken_on_the_standard_track():
    ledger = (line("hact", source="assumed", rating="high"),)
    assert vetting.needs(("hact",), ledger, "full", DAY, STANDARD, high_assumed_by_head=True) == ()
    assert [need.state for need in vetting.needs(("hact",), ledger, "full", DAY, STANDARD)] == ["assumed"]


def test_only_listed_elements_are_deferrable_and_only_on_the_emergency_track():
    def deferrable(pack) -> set[str]:
        return {need.element for need in vetting.needs(pack["vetting.elements"], (), "full", DAY, pack) if need.deferrable}

    assert deferrable(STANDARD) == set()
    assert deferrable(EMERGENCY) == {"registration", "profile", "core_values", "psea", "hact"}


def test_the_second_case_is_limited_by_its_registration():
    found = vetting.clearance(ALL, (*FULL, line("registration", valid_until=date(2026, 11, 30))), "full")
    assert (found.valid_until, found.limiting_element, found.deferred) == (date(2026, 11, 30), "registration", ())


def test_screening_and_deferred_elements_do_not_limit_a_clearance():
    ledger = (line("screening", valid_until=DAY), line("psea", source="assumed", valid_until=DAY), line("declaration", valid_until=None))
    found = vetting.clearance(ALL, ledger, "emergency")
    assert (found.valid_until, found.limiting_element, found.deferred) == (None, "", ("psea",))


def conclude(ledger=FULL, **more) -> list[str]:
    pack = more.pop("pack", STANDARD)
    return rules(vetting.check_conclusion(ALL, ledger, more.pop("level", "full"), DAY, pack, **more))


def test_a_full_ledger_can_be_cleared():
    assert conclude() == []


def test_everything_that_bars_a_clearance_is_told_at_once():
    assert conclude((), open_hits=2, screening_fresh=False) == ["screening_not_fresh", "screening_hit", *["element_missing"] * 5]


def test_the_emergency_track_may_conclude_with_deferrals():
    missing = [element for element in FULL if element.element not in ("psea", "hact")]
    assert conclude(missing, pack=EMERGENCY, level="emergency", deferring=("psea", "hact")) == []
    assert conclude(missing, pack=EMERGENCY, level="emergency", deferring=("psea",)) == ["element_missing"]


def test_invariant_1_screening_and_declaration_are_never_deferred():
    assert conclude((*FULL[1:],), pack=EMERGENCY, level="emergency", deferring=("declaration", "screening")) == [
        "never_deferred",
        "never_deferred",
        "element_missing",
    ]
    assert conclude(deferring=("psea",)) == ["never_deferred"]


def test_a_negative_element_cannot_be_deferred():
    bad = [line("psea", result="negative") if element.element == "psea" else element for element in FULL]
    assert conclude(bad, pack=EMERGENCY, level="emergency", deferring=("psea",)) == ["element_negative"]


def test_one_deferral_per_element_in_24_months_and_none_while_one_is_overdue():
    assert rules(vetting.check_deferral("screening", DAY, EMERGENCY)) == ["never_deferred"]
    assert vetting.check_deferral("psea", DAY, EMERGENCY) == []
    assert rules(vetting.check_deferral("psea", DAY, EMERGENCY, last_deferred_on=date(2024, 3, 3), overdue=True)) == [
        "deferred_before",
        "overdue_obligation",
    ]
    assert vetting.check_deferral("psea", DAY, EMERGENCY, last_deferred_on=date(2024, 3, 2)) == []


def record(kind: str, verdict: str, pack=STANDARD, **data):
    return vetting.record(kind, verdict, data, DAY, pack)


@pytest.mark.parametrize(
    ("kind", "verdict", "data", "result", "source", "rating", "until"),
    [
        ("provide_registration", "provide", {"expires_on": date(2027, 12, 31)}, "provided", "own", "", date(2027, 12, 31)),
        ("provide_registration", "provide", {"issued_on": date(2011, 1, 1), "expires_on": None}, "provided", "own", "", None),
        ("verify_partner_profile", "verified", dict.fromkeys(QUESTIONS, True), "verified", "own", "", date(2031, 3, 2)),
        ("verify_partner_profile", "not_verified", {"failed": ["q1"]}, "not_verified", "own", "", None),
        (
            "verify_partner_profile", "reuse", {"agency": "WFP", "verified_on": date(2025, 3, 10), "signed_partnership": True},
            "verified", "reused", "", date(2030, 3, 10),
        ),
        ("assess_core_values", "positive", {"assessed_on": date(2024, 1, 15)}, "positive", "own", "", date(2029, 1, 15)),
        ("assess_core_values", "negative", {}, "negative", "own", "", None),
        (
            "assess_psea", "rate", {**dict.fromkeys(("s1", "s2", "s3", "s4", "s5", "s6"), 2), "assessed_on": date(2026, 2, 1)},
            "rated", "own", "moderate", date(2030, 2, 1),
        ),
        (
            "assess_psea", "reuse", {"agency": "WFP", "rating": "low", "assessed_on": date(2024, 5, 1)},
            "rated", "reused", "low", date(2028, 5, 1),
        ),
        ("assess_psea", "no_contact_with_beneficiaries", {}, "rated", "own", "low", date(2030, 3, 2)),
        (
            "assess_hact", "rate", {"method": "micro_v2", "answers": [{"answer": 2, "key": True}, {"answer": None}], "assessed_on": DAY},
            "rated", "own", "significant", date(2030, 3, 2),
        ),
        ("assess_hact", "not_required", {"planned_cash_year_usd": "100000"}, "not_required", "own", "not_required", date(2026, 9, 30)),
        ("weigh_partner_flag", "accept_risk", {"expires_on": date(2026, 9, 1)}, "accepted", "own", "", date(2026, 9, 1)),
        ("weigh_partner_flag", "block", {}, "blocked", "own", "", None),
        ("sign_partner_declaration", "sign", {"signed_on": DAY, "answers": (True,) * 8}, "signed", "own", "", None),
        ("sign_partner_declaration", "decline", {}, "declined", "own", "", None),
        ("resolve_conflict_of_interest", "mitigated", {}, "mitigated", "own", "", None),
    ],
)  # fmt: skip
def test_each_verdict_becomes_a_line_of_the_ledger(kind, verdict, data, result, source, rating, until):
    found = record(kind, verdict, **data)
    assert found.findings == ()
    assert found.element is not None
    assert (found.element.result, found.element.source, found.element.rating, found.element.valid_until) == (result, source, rating, until)


@pytest.mark.parametrize(
    ("kind", "verdict", "source", "rating"),
    [
        ("assess_psea", "assume_low_capacity", "assumed", "high"),
        ("assess_hact", "assume_high", "assumed", "high"),
        ("verify_partner_profile", "defer", "deferred", ""),
        ("provide_registration", "explain", "deferred", ""),
    ],
)
def test_what_is_assumed_or_deferred_holds_three_months(kind, verdict, source, rating):
    found = record(kind, verdict, EMERGENCY)
    assert found.element is not None
    assert (found.element.source, found.element.rating, found.element.valid_until) == (source, rating, date(2026, 6, 2))


@pytest.mark.parametrize(
    ("kind", "verdict", "data", "rule"),
    [
        ("provide_registration", "provide", {"expires_on": date(2026, 3, 1)}, "registration_expired"),
        ("assess_psea", "reuse", {"rating": "low", "assessed_on": date(2022, 3, 1)}, "expired"),
        ("assess_hact", "rate", {"method": "micro_v2", "answers": [{"answer": 1}], "assessed_on": date(2022, 3, 1)}, "expired"),
        ("assess_hact", "rate", {"method": "micro_v1", "answers": [{"answer": None}], "assessed_on": DAY}, "no_applicable_question"),
        ("assess_hact", "not_required", {"planned_cash_year_usd": "100000.01"}, "hact_needed"),
        ("assess_psea", "rate", {"s1": 1, "assessed_on": DAY}, "psea_answer"),
        ("assess_core_values", "reuse", {"agency": "X", "assessed_on": DAY}, "not_reusable"),
        ("assess_core_values", "positive", {"assessed_on": date(2026, 3, 3)}, "date_in_future"),
        ("verify_partner_profile", "reuse", {"verified_on": DAY, "signed_partnership": False}, "no_signed_partnership"),
        ("verify_partner_profile", "verified", {"q1": True, "q2": True, "q3": True, "q4": True}, "profile_question"),
        ("sign_partner_declaration", "sign", {"signed_on": DAY, "answers": (True, False)}, "declaration_incomplete"),
    ],
)
def test_a_verdict_that_does_not_hold_leaves_the_ledger_alone(kind, verdict, data, rule):
    found = record(kind, verdict, **data)
    assert found.element is None
    assert set(rules(found.findings)) == {rule}


def test_row_m2_any_question_that_fails_leaves_a_partner_unverified():
    found = vetting.check_profile({"q1": True, "q2": True, "q3": True, "q4": False, "q5": True})
    assert paths(found, "profile_question") == ["$.data.q4"]


def test_a_branch_is_verified_only_after_its_headquarters():
    right = dict.fromkeys(("q1", "q2", "q3", "q4", "q5"), True)
    assert rules(vetting.check_profile(right | {"branch_of": "HQ"})) == ["headquarters_not_verified"]
    assert vetting.check_profile(right | {"branch_of": "HQ", "headquarters_verified": True}) == []


def test_a_declaration_holds_until_the_pca_ends():
    found = vetting.record(
        "sign_partner_declaration", "sign", {"signed_on": DAY, "answers": (True,) * 8}, DAY, STANDARD, pca_end=date(2027, 12, 31)
    )
    assert found.element is not None
    assert found.element.valid_until == date(2027, 12, 31)


def test_the_facts_of_the_first_case_fill_the_ledger():
    first = partner(
        declaration={"signed_by": "p.1", "signed_on": "2026-02-10"},
        registration={"number": "NGO-B/1", "expires_on": "2027-12-31"},
        profile={"verified_on": "2025-03-10", "agency": "WFP", "signed_partnership": True},
        core_values={"assessed_on": "2024-01-15"},
        psea={"score": 13, "assessed_on": "2025-02-01"},
        hact={"rating": "medium", "method": "micro_v2", "assessed_on": "2024-10-15"},
    )
    ledger = vetting.from_intake(first, STANDARD)
    found = {element.element: (element.source, element.rating, element.valid_until) for element in ledger}
    assert found == {
        "declaration": ("intake", "", None),
        "registration": ("intake", "", date(2027, 12, 31)),
        "profile": ("reused", "", date(2030, 3, 10)),
        "core_values": ("intake", "", date(2029, 1, 15)),
        "psea": ("intake", "moderate", date(2029, 2, 1)),
        "hact": ("intake", "medium", date(2028, 10, 15)),
    }
    assert vetting.needs(ALL, ledger, "full", DAY, STANDARD) == ()


def test_facts_that_prove_nothing_fill_nothing():
    weak = partner(
        declaration={"signed_by": "p.1", "signed_on": "2026-02-10", "answers": [False] * 8},
        profile={"verified_on": "2025-03-10", "agency": "WFP"},
        psea={"assessed_on": "2025-02-01"},
        hact={"rating": "not_required", "assessed_on": "2025-02-01"},
    )
    assert vetting.from_intake(weak, STANDARD) == ()
    assert vetting.from_intake(partner(), STANDARD) == ()
    (own,) = vetting.from_intake(partner(profile={"verified_on": "2025-03-10"}), STANDARD)
    assert own.source == "intake"
    (rated,) = vetting.from_intake(partner(psea={"rating": "high", "assessed_on": "2025-02-01"}), STANDARD)
    assert rated.rating == "high"


@pytest.mark.parametrize(
    ("ledger", "required", "of", "risk"),
    [
        ((line("hact", rating="medium"), line("psea", rating="moderate")), ALL, ("hact", "psea"), "medium"),
        ((line("hact", rating="low"), line("psea", rating="low")), ALL, ("hact", "psea"), "low"),
        ((line("hact", rating="low"),), ALL, ("hact", "psea"), "high"),
        ((line("hact", rating="low"),), ALL, ("hact",), "low"),
        ((line("psea", rating="low"),), ("psea",), ("hact", "psea"), "low"),
        ((line("hact", rating="low", valid_until=DAY - timedelta(days=1)),), ALL, ("hact",), "high"),
        ((line("hact", rating="not_required"),), (), ("hact",), "low"),
        ((), (), ("hact",), "low"),
    ],
)
def test_the_risk_of_a_partner_is_the_worst_of_its_ratings(ledger, required, of, risk):
    assert vetting.risk(ledger, required, DAY, of=of) == risk


LINES = st.lists(
    st.builds(
        Element,
        element=st.sampled_from(ALL),
        result=st.sampled_from(["verified", "negative"]),
        source=st.sampled_from(["own", "reused", "assumed", "deferred"]),
        valid_until=st.one_of(st.none(), st.dates(date(2026, 1, 1), date(2026, 6, 1))),
    ),
    unique_by=lambda element: element.element,
    max_size=8,
)


@given(LINES)
def test_the_order_of_the_ledger_does_not_matter(ledger):
    assert vetting.needs(ALL, ledger, "full", DAY, STANDARD) == vetting.needs(ALL, list(reversed(ledger)), "full", DAY, STANDARD)


@given(LINES, st.sampled_from(["declaration", "registration", "profile", "psea", "hact"]))
def test_a_better_line_never_adds_a_need(ledger, element):
    better = [item for item in ledger if item.element != element] + [line(element)]
    before = {need.element for need in vetting.needs(ALL, ledger, "full", DAY, STANDARD)}
    assert {need.element for need in vetting.needs(ALL, better, "full", DAY, STANDARD)} <= before


@given(LINES)
def test_the_emergency_level_never_needs_more_than_the_full_one(ledger):
    full = {need.element for need in vetting.needs(ALL, ledger, "full", DAY, EMERGENCY)}
    assert {need.element for need in vetting.needs(ALL, ledger, "emergency", DAY, EMERGENCY)} <= full


def test_every_element_has_its_task_and_every_deferrable_one_its_obligation():
    assert set(vetting.TASKS) == set(STANDARD["vetting.elements"])
    assert set(vetting.OBLIGATIONS) == set(EMERGENCY["vetting.deferrable"])
    assert all(kind in EMERGENCY.obligations for kind in vetting.OBLIGATIONS.values())
