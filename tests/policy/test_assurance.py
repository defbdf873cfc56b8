"""Minimum assurance: the numbers of eTools (acceptance rows A1 to A9), without its gap."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import assurance
from policy.assurance import Minimum
from tests.policy.facts import STANDARD, D

RISKS = ("low", "medium", "significant", "high")
CASH = st.decimals(0, 2_000_000, places=2)


@pytest.mark.parametrize(
    ("cash", "high", "medium", "low"),
    [
        ("0", 0, 0, 0),
        ("2500", 0, 0, 0),
        ("2500.01", 1, 1, 1),
        ("99000", 1, 1, 1),
        ("100000", 1, 1, 1),
        ("100000.01", 3, 2, 1),
        ("490000", 3, 2, 1),
        ("500000", 3, 2, 1),
        ("500000.01", 4, 3, 2),
        ("510000", 4, 3, 2),
    ],
)
def test_visits_by_cash_and_risk(cash: str, high: int, medium: int, low: int):
    visits = {risk: assurance.visits(D(cash), risk, STANDARD) for risk in ("high", "significant", "medium", "moderate", "low")}
    assert visits == {"high": high, "significant": high, "medium": medium, "moderate": medium, "low": low}


@pytest.mark.parametrize("risk", ["not_required", "not_assessed", ""])
def test_a_partner_not_assessed_is_visited_like_a_high_risk(risk: str):
    """eTools has zero here above 100,000: a gap we do not copy."""
    assert assurance.visits(D("150000"), risk, STANDARD) == 3


@pytest.mark.parametrize(("liquidated", "checks"), [("50000", 0), ("50000.01", 1), ("99000", 1)])
def test_a_spot_check_above_fifty_thousand(liquidated: str, checks: int):
    assert assurance.spot_checks(D(liquidated), low_risk_assumed=False, scheduled_audit=False, pack=STANDARD) == checks


def test_no_spot_check_where_low_risk_is_assumed_or_an_audit_is_scheduled():
    assert assurance.spot_checks(D("99000"), low_risk_assumed=True, scheduled_audit=False, pack=STANDARD) == 0
    assert assurance.spot_checks(D("99000"), low_risk_assumed=False, scheduled_audit=True, pack=STANDARD) == 0


def minimum(**changes) -> Minimum:
    return assurance.minimum(**({"net_cash_usd": D("490000"), "liquidated_usd": D("99000"), "risk": "medium", "pack": STANDARD} | changes))


def test_all_three_minimums_of_a_partner():
    assert minimum() == Minimum(2, 1, 0)
    assert minimum(scheduled_audit=True, special_audit=True) == Minimum(2, 0, 2)
    assert minimum(partner_type="un_agency") == Minimum(0, 0, 0)


@pytest.mark.parametrize(
    ("done", "expected"),
    [(Minimum(2, 1, 0), "complete"), (Minimum(0, 0, 0), "void"), (Minimum(1, 0, 0), "partial"), (Minimum(0, 0, 1), "partial")],
)
def test_coverage(done: Minimum, expected: str):
    assert assurance.coverage(minimum(), done) == expected


def test_nothing_owed_and_nothing_done_is_complete():
    assert assurance.coverage(Minimum(0, 0, 0), Minimum(0, 0, 0)) == "complete"


@given(CASH, CASH, st.sampled_from(RISKS))
def test_more_cash_never_asks_for_fewer_visits(one: Decimal, more: Decimal, risk: str):
    assert assurance.visits(one, risk, STANDARD) <= assurance.visits(one + more, risk, STANDARD)


@given(CASH, st.sampled_from(RISKS), st.sampled_from(RISKS))
def test_more_risk_never_asks_for_fewer_visits(cash: Decimal, one: str, other: str):
    low, high = sorted((one, other), key=RISKS.index)
    assert assurance.visits(cash, low, STANDARD) <= assurance.visits(cash, high, STANDARD)
