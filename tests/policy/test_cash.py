"""The cash cycle: need, cap and floor, request lines, liquidation, the six-month rule."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import budget, cash, hact
from schemas.intake import Document
from tests.policy.facts import CASES, EMERGENCY, STANDARD, Case, D, intake, paths, raw_document, rules


def ceiling(case: Case, *, deferred: bool = True) -> cash.Ceiling:
    return cash.first_ceiling(D(case.first_quarter), D(case.office_cash), deferred=deferred, rate=case.rate, pack=EMERGENCY)


@pytest.mark.parametrize(
    ("name", "amount", "rule"),
    [
        ("C3", "9416000.00", "cash.cap_percent"),
        ("C4", "3195000.00", "cash.floor_usd"),
        ("C8", "35524000.00", "cash.cap_percent"),
    ],
)
def test_the_cap_and_the_floor_of_the_cases(name: str, amount: str, rule: str):
    found = ceiling(CASES[name])
    assert (found.amount, found.capped, found.rule) == (D(amount), True, rule)


@pytest.mark.parametrize("name", ["C1", "C2", "C5", "C7"])
def test_without_a_deferred_element_there_is_no_cap(name: str):
    found = ceiling(CASES[name], deferred=False)
    assert (found.amount, found.capped) == (D(CASES[name].first_quarter), False)


def test_a_small_document_is_not_capped_below_its_whole_office_cash():
    found = cash.first_ceiling(D(30_000), D(40_000), deferred=True, rate=D(1), pack=EMERGENCY)
    assert (found.amount, found.capped) == (D(30_000), False)
    found = cash.first_ceiling(D(40_000), D(40_000), deferred=True, rate=D(1), pack=EMERGENCY)
    assert found.amount == 40_000


AMOUNTS = st.decimals(0, 10**8, places=2)


@given(AMOUNTS, AMOUNTS, AMOUNTS, st.decimals(D("0.1"), D(100), places=2))
def test_the_ceiling_is_never_above_need_or_office_cash(need: Decimal, rest: Decimal, more: Decimal, rate: Decimal):
    office_cash = need + rest
    found = cash.first_ceiling(need, office_cash, deferred=True, rate=rate, pack=EMERGENCY)
    assert found.amount <= need <= office_cash
    larger = cash.first_ceiling(need, office_cash + more, deferred=True, rate=rate, pack=EMERGENCY)
    assert found.amount <= larger.amount


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("count", [1, 2, 3, 6, 8])
def test_the_plan_adds_up_to_office_cash_whatever_the_number_of_periods(name: str, count: int):
    document = intake(CASES[name]).document
    plan = cash.plan(document, count)
    assert len(plan) == count
    assert sum(sum(period.values()) for period in plan) == budget.totals(document).office_cash
    assert all(amount >= 0 for period in plan for amount in period.values())


def test_the_rest_of_a_line_is_spread_over_its_later_periods_and_the_last_takes_the_cents():
    raw = raw_document(management=[], support_cost={})
    raw["outputs"] = raw["outputs"][:1]
    raw["outputs"][0]["activities"] = [
        {"id": "1.1.1", "title": "a", "periods": [2, 3, 4], "office_cash": "100", "first_quarter": "0"},
        {"id": "1.1.2", "title": "b", "periods": [1, 2], "office_cash": "10.01"},
        {"id": "1.1.3", "title": "c", "periods": [1], "office_cash": "50", "first_quarter": "20"},
        {"id": "1.1.4", "title": "d", "office_cash": "8"},
        {"id": "1.1.5", "title": "e", "office_cash": "7", "active": False},
        {"id": "1.1.6", "title": "f", "office_cash": "12", "by_period": ["1", "2", "3", "4", "2"]},
        {"id": "1.1.7", "title": "g", "office_cash": "3", "by_period": ["1", "2"]},
    ]
    plan = cash.plan(Document.model_validate(raw), 4)
    by_line = {line: [period[line] for period in plan] for line in plan[0]}
    assert by_line == {
        "1.1.1": [0, D("33.33"), D("33.33"), D("33.34")],
        "1.1.2": [D("5.00"), D("5.01"), 0, 0],
        "1.1.3": [20, 0, 0, 30],
        "1.1.4": [2, 2, 2, 2],
        "1.1.6": [1, 2, 3, 6],
        "1.1.7": [1, 2, 0, 0],
    }


def test_a_document_of_one_period_needs_all_of_it_then():
    document = intake(CASES["C6"]).document
    assert cash.need(document, 1, 1) == D("133750.00")


def test_the_outreach_of_the_first_case_is_prepared_before_it_runs():
    """1.2.2 runs in P2 to P6 and has a first-quarter sum for its preparation."""
    raw = raw_document(CASES["C1"], end="2027-11-30")
    raw["outputs"][1]["activities"][1]["periods"] = [2, 3, 4, 5, 6]
    document = Document.model_validate(raw)
    assert cash.need(document, 1, 6) == D("10518100")
    assert cash.check_request({"1.2.2": D(1_490_000)}, document=document, period=1, authorised={}) == []


def test_planned_cash_of_a_hact_year_is_that_of_the_periods_that_begin_in_it():
    """C3 and C4 lie in one year: together US$ 477,230."""
    year = hact.year(date(2026, 3, 16), STANDARD)
    third = cash.planned_between(intake(CASES["C3"]).document, date(2026, 3, 16), date(2026, 9, 15), *year)
    fourth = cash.planned_between(intake(CASES["C4"]).document, date(2026, 3, 23), date(2026, 9, 22), *year)
    assert round((third + fourth) / D("63.90")) == 477_230
    late = cash.planned_between(intake(CASES["C3"]).document, date(2026, 7, 16), date(2027, 1, 15), *year)
    assert late == D(CASES["C3"].first_quarter)


def request(lines: dict[str, str], **more):
    document = Document.model_validate(raw_document())
    amounts = {line: D(amount) for line, amount in lines.items()}
    return cash.check_request(amounts, **({"document": document, "period": 1, "authorised": {}} | more))


def test_a_request_within_the_budget_passes():
    assert (
        request(
            {"1.1.1": "30000", "M1": "2500", "H": "2800"}, ceiling=D(35_300), estimate={"1.1.1": D(30_000), "M1": D(2500), "H": D(2800)}
        )
        == []
    )


def test_every_fault_of_a_request_is_told_at_once():
    raw = raw_document()
    raw["outputs"][0]["activities"][0]["active"] = False
    raw["outputs"][1]["activities"][0] |= {"periods": [2], "first_quarter": None}
    found = request(
        {"9.9.9": "1", "1.1.1": "0", "1.2.1": "20000.01", "M1": "5"},
        document=Document.model_validate(raw),
        ceiling=D(100),
        estimate={"1.1.1": D(0), "1.2.1": D("20000.01"), "M1": D(4), "M2": D(1)},
    )
    assert set(rules(found)) == {
        "unknown_line", "line_not_positive", "line_inactive", "line_not_timed", "line_above_remaining", "estimate_does_not_match",
        "estimate_without_line", "above_ceiling",
    }  # fmt: skip
    assert paths(found, "unknown_line") == ["$.data.face.lines[0]"]


def test_what_earlier_instalments_took_is_no_longer_there():
    assert request({"1.1.1": "30000"}, authorised={"1.1.1": D(30_000)}) == []
    assert rules(request({"1.1.1": "30000.01"}, authorised={"1.1.1": D(30_000)})) == ["line_above_remaining"]


def test_a_request_for_nothing_is_refused():
    assert rules(request({})) == ["no_lines"]


def test_a_document_without_support_cost_has_no_line_for_it():
    assert rules(request({"H": "1"}, document=Document.model_validate(raw_document(support_cost={})))) == ["unknown_line"]


def test_a_reduction_only_lowers():
    assert cash.check_reduction({"1.1.1": D(5)}, {"1.1.1": D(5), "M1": D(1)}) == []
    found = cash.check_reduction({"1.1.1": D(6), "M1": D(-1), "X": D(1)}, {"1.1.1": D(5), "M1": D(1)})
    assert rules(found) == ["not_a_reduction"] * 3


def test_the_lower_amount_of_all_sides_counts_per_line():
    assert cash.lower_of({"a": D(5), "b": D(5)}, {"a": D(4), "b": D(5)}, {"a": D(5)}) == {"a": D(4), "b": D(0)}


def test_the_report_of_the_first_case_is_liquidated_to_the_cent():
    """C1: B 9,912,400.00, C 9,851,400.00, rejected 61,000.00, D 666,700.00."""
    found = cash.liquidate(
        {"1.1.1": D("10518100")},
        {"1.1.1": D("9912400")},
        {"1.1.1": D("9912400")},
        {"1.1.1": D("9851400")},
        requested=D(5),
        newly_authorised=D(3),
    )
    assert (found.a, found.b, found.c, found.rejected, found.d) == (10_518_100, 9_912_400, 9_851_400, 61_000, 666_700)
    assert (found.e, found.f, found.g) == (5, 3, 666_703)


def test_a_line_a_review_does_not_name_is_accepted_as_reported():
    found = cash.liquidate({"a": D(10), "b": D(5)}, {"a": D(8)}, {}, {"a": D(7)})
    (a, b) = found.lines
    assert (a.accepted, a.rejected, a.balance) == (7, 1, 3)
    assert (b.spent, b.accepted, b.balance) == (0, 0, 5)


def test_nobody_accepts_more_than_was_spent():
    assert cash.liquidate({"a": D(10)}, {"a": D(8)}, {"a": D(9)}, {"a": D(10)}).c == 8


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 100).map(D), min_size=1),
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 100).map(D)),
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 100).map(D)),
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 100).map(D)),
)
def test_liquidation_balances_and_does_not_prefer_a_side(authorised, spent, programme, finance):
    found = cash.liquidate(authorised, spent, programme, finance)
    assert found.a == sum(authorised.values())
    assert found.d == found.a - found.c
    assert found.rejected == found.b - found.c >= 0
    assert found.c == cash.liquidate(authorised, spent, finance, programme).c


def test_a_reports_lines_are_those_authorised():
    found = cash.check_report({"a": D(1), "b": D(-1), "c": D(6), "x": D(1)}, {"a": D(1), "b": D(1), "c": D(5)})
    assert [(finding.rule, finding.severity) for finding in found] == [
        ("negative_amount", "refusal"),
        ("spent_above_authorised", "warning"),
        ("unknown_line", "refusal"),
    ]


@pytest.mark.parametrize(
    ("period_end", "last_day"),
    [
        (date(2026, 8, 31), date(2027, 2, 28)),
        (date(2027, 8, 31), date(2028, 2, 29)),
        (date(2026, 9, 30), date(2027, 3, 30)),
        (date(2026, 6, 15), date(2026, 12, 15)),
    ],
)
def test_the_six_month_rule_with_month_end_dates(period_end: date, last_day: date):
    assert cash.six_months_end(period_end, STANDARD) == last_day
    assert not cash.six_months_passed([period_end], last_day, STANDARD)
    assert cash.six_months_passed([date(2030, 1, 1), period_end], date.fromordinal(last_day.toordinal() + 1), STANDARD)


def test_a_report_is_late_after_fifteen_days():
    """C1: due 31 August, submitted on 14 September, not late."""
    assert cash.late_from(date(2026, 8, 31), STANDARD) == date(2026, 9, 16)


def test_modalities_by_risk():
    everything = ("direct_cash_transfer", "reimbursement", "direct_payment")
    for risk in ("low", "medium", "significant"):
        assert cash.modalities(risk, STANDARD) == everything
    assert cash.modalities("high", STANDARD) == ("reimbursement", "direct_payment")
    assert cash.modalities("not_assessed", STANDARD) == cash.modalities("high", STANDARD)
    assert cash.modalities("high", STANDARD, mitigated=True) == everything
    assert cash.modalities("low", STANDARD, mitigated=True) == everything
    assert cash.modalities("high", EMERGENCY) == everything
    assert cash.modalities("low", STANDARD, direct_payment_only=True) == ("direct_payment",)
