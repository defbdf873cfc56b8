"""Who approves."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import ladder
from schemas.office import LadderStep
from tests.policy.facts import EMERGENCY, STANDARD, D, rules


def check(role: str, total: str, pack=STANDARD, thing="document", **more) -> list[str]:
    return rules(ladder.check(role, thing, office_total_usd=D(total), pack=pack, **more))


@pytest.mark.parametrize(
    ("total", "role"),
    [
        ("467300.85", "authorised_officer"),
        ("500000.00", "authorised_officer"),
        ("500000.01", "head_of_office"),
        ("779569.89", "head_of_office"),
        ("2000000.00", "head_of_office"),
        ("2000000.01", "regional_director"),
    ],
)
def test_the_ladder_by_amount_at_its_exact_edges(total: str, role: str):
    assert ladder.approver("document", office_total_usd=D(total), pack=STANDARD) == role


def test_the_seventh_case_is_above_the_authorised_officers_authority():
    (finding,) = ladder.check("authorised_officer", "document", office_total_usd=D("779569.89"), pack=STANDARD)
    assert finding.rule == "above_authority"
    assert "head_of_office" in finding.message
    assert check("head_of_office", "779569.89") == []


def test_a_higher_authority_acts_for_a_lower_one():
    assert check("regional_director", "1000") == []
    assert check("head_of_office", "1000") == []
    assert ladder.acts_for("regional_director", ["authorised_officer"])
    assert ladder.acts_for("budget_owner", ["budget_owner"])
    assert not ladder.acts_for("authorised_officer", ["head_of_office"])
    assert not ladder.acts_for("regional_director", ["finance_officer"])
    assert not ladder.acts_for("finance_officer", ["authorised_officer"])


def test_a_role_off_the_ladder_has_no_authority():
    assert check("finance_officer", "1000") == ["above_authority"]
    assert check("global_emergency_coordinator", "1000", EMERGENCY) == ["above_authority"]


def test_the_head_of_office_approves_everything_on_the_emergency_track():
    assert check("head_of_office", "2289736.21", EMERGENCY) == []
    assert check("authorised_officer", "1000", EMERGENCY) == ["above_authority"]


def test_under_step_aside_only_the_coordinator_approves():
    assert check("head_of_office", "2289736.21", EMERGENCY, step_aside=True) == ["step_aside_in_force"]
    assert check("global_emergency_coordinator", "2289736.21", EMERGENCY, step_aside=True) == []
    assert check("head_of_office", "1", EMERGENCY, thing="pca", step_aside=True) == ["step_aside_in_force"]


def test_step_aside_does_not_touch_the_standard_track():
    assert check("head_of_office", "779569.89", step_aside=True) == []


@pytest.mark.parametrize("thing", ["pca", "activation"])
def test_pca_and_activation_are_the_head_of_offices(thing):
    assert check("authorised_officer", "1", thing=thing) == ["above_authority"]
    assert check("head_of_office", "99000000", thing=thing) == []


def test_against_a_negative_recommendation_the_next_higher_authority_approves_with_a_reason():
    assert check("authorised_officer", "1000", negative=True) == ["against_recommendation", "above_authority"]
    assert check("head_of_office", "1000", negative=True) == ["against_recommendation"]
    assert check("head_of_office", "1000", negative=True, reason=True) == []
    assert check("regional_director", "3000000", negative=True, reason=True) == ["no_higher_authority"]
    assert check("head_of_office", "1000", thing="pca", negative=True) == []


def test_an_office_may_have_a_ladder_of_its_own():
    own = (LadderStep(role="head_of_office", up_to_usd=D(100)), LadderStep(role="regional_director", up_to_usd=D(200)))
    assert ladder.approver("document", office_total_usd=D(100), pack=STANDARD, office=own) == "head_of_office"
    assert ladder.approver("document", office_total_usd=D(300), pack=STANDARD, office=own) == "regional_director"
    assert ladder.steps(EMERGENCY, own) != own


def test_the_regional_director_is_told_above_two_million():
    assert ladder.informs_regional_director(D("2289736.21"), EMERGENCY)
    assert not ladder.informs_regional_director(D("2000000"), EMERGENCY)
    assert not ladder.informs_regional_director(D("2289736.21"), STANDARD)


def test_the_top_of_the_ladder_has_nothing_above_it():
    assert ladder.higher("authorised_officer") == "head_of_office"
    assert ladder.higher("regional_director") is None
    assert ladder.higher("finance_officer") is None


@given(st.decimals(0, 10**7, places=2), st.decimals(0, 10**7, places=2), st.booleans())
def test_more_money_never_needs_less_authority(one: Decimal, more: Decimal, negative: bool):
    def rank(total: Decimal) -> int:
        role = ladder.approver("document", office_total_usd=total, pack=STANDARD, negative=negative)
        return len(ladder.ORDER) if role is None else ladder.rank(role)

    assert rank(one) <= rank(one + more)


@given(st.decimals(0, 10**7, places=2), st.sampled_from(ladder.ORDER))
def test_who_may_approve_an_amount_may_approve_less(total: Decimal, role: str):
    if not check(role, str(total)):
        assert not check(role, str(total / 2))
