"""Budget arithmetic, on the eight cases and at its edges."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import budget
from policy.cash import need
from policy.rates import cents, to_usd
from schemas.intake import Document
from schemas.office import ManagementLimit
from tests.policy.facts import CASES, STANDARD, Case, D, intake, paths, raw_document, rules

EACH = [pytest.param(case, id=name) for name, case in CASES.items()]


def document(**changes):
    return Document.model_validate(raw_document(**changes))


def sums(direct: str, support: str) -> budget.Totals:
    return budget.Totals(D(direct), D(0), D(support), D(0), D(1), D(0))


@pytest.mark.parametrize("case", EACH)
def test_the_cases_come_to_the_figures_of_the_casebook(case: Case):
    found = budget.totals(intake(case).document)
    assert found.office_cash == D(case.office_cash)
    assert found.office_total == D(case.office_total)
    assert found.partner_total == D(case.partner_total)
    assert to_usd(found.office_total, case.rate) == D(case.office_total_usd)
    assert to_usd(found.office_cash, case.rate) == D(case.office_cash_usd)
    assert budget.one_decimal(found.management_share) == D(case.management_share)
    assert budget.one_decimal(found.partner_share) == D(case.partner_share)


@pytest.mark.parametrize("case", EACH)
def test_the_need_of_the_first_period_is_that_of_the_casebook(case: Case):
    assert need(intake(case).document, 1, 2) == D(case.first_quarter)


@pytest.mark.parametrize("case", EACH)
def test_the_cases_have_no_fault_in_their_sums(case: Case):
    asked = intake(case).document
    assert budget.check_sums(asked, STANDARD) == []
    assert budget.check_support_cost(budget.totals(asked), STANDARD) == []


def test_the_first_round_of_the_seventh_case_is_warned_for_its_management_share():
    totals = budget.Totals(D(1_701_000), D(899_000), D(182_000), D(118_000), D(250_000), D(0))
    (finding,) = budget.check_management(totals, ManagementLimit(), STANDARD)
    assert finding.severity == "warning"
    assert "31.0 %" in finding.message


def test_a_hard_limit_of_the_office_refuses():
    totals = budget.Totals(D(70), D(30), D(0), D(0), D(0), D(0))
    assert budget.check_management(totals, ManagementLimit(percent=D(30)), STANDARD) == []
    (finding,) = budget.check_management(totals, ManagementLimit(percent=D(29), hard=True), STANDARD)
    assert finding.severity == "refusal"


@pytest.mark.parametrize(("support", "passes"), [("70.00", True), ("70.04", True), ("70.05", False), ("70.10", False), ("0", True)])
def test_seven_percent_passes_and_seven_point_oh_one_does_not(support: str, passes: bool):
    assert (budget.check_support_cost(sums("1000", support), STANDARD) == []) is passes


def test_figures_rounded_to_seven_digits_still_pass():
    """A row of the humanitarian funds is 3.5 US$ over 7 % by rounding alone."""
    assert budget.check_support_cost(sums("1000000", "70003.5"), STANDARD) == []


def test_support_cost_of_nothing_is_too_much():
    assert rules(budget.check_support_cost(sums("0", "1"), STANDARD)) == ["support_cost_above_limit"]


def test_a_refused_support_cost_names_the_most_that_is_possible():
    (finding,) = budget.check_support_cost(sums("49600000", "3500000"), STANDARD)
    assert "3,472,000.00" in finding.next_step
    assert finding.source.startswith("PCA 6.2")


@pytest.mark.parametrize(("stated", "passes"), [("107000.00", True), ("107000.01", True), ("107000.02", False)])
def test_stated_sums_may_differ_by_a_cent(stated: str, passes: bool):
    assert (budget.check_sums(document(office_cash=stated), STANDARD) == []) is passes


def test_every_sum_that_does_not_add_up_is_named_with_its_path():
    raw = raw_document(office_cash="1", office_total="2", partner_total="3")
    raw["outputs"][0]["activities"][0]["by_period"] = ["1", "2"]
    raw["outputs"][1]["activities"][0]["first_quarter"] = "20001"
    raw["management"][1]["first_quarter"] = "6001"
    raw["support_cost"]["first_quarter"] = "7001"
    found = budget.check_sums(Document.model_validate(raw), STANDARD)
    assert paths(found, "amounts_do_not_add_up") == [
        "$.document.office_cash",
        "$.document.office_total",
        "$.document.partner_total",
        "$.document.outputs[0].activities[0].by_period",
        "$.document.outputs[1].activities[0].first_quarter",
        "$.document.management[1].first_quarter",
        "$.document.support_cost.first_quarter",
    ]


def test_a_percentage_that_is_not_the_amounts_is_refused():
    found = budget.check_sums(document(support_cost={"percent": "5.0", "amount": "7000"}), STANDARD)
    assert paths(found, "amounts_do_not_add_up") == ["$.document.support_cost.amount"]
    assert budget.check_sums(document(support_cost={"percent": "0", "amount": "7000"}), STANDARD) == []


def test_activities_that_are_not_active_do_not_count():
    raw = raw_document()
    raw["outputs"][0]["activities"][0]["active"] = False
    assert budget.totals(Document.model_validate(raw)).activities == 20_000


def test_an_empty_budget_has_no_shares():
    nothing = budget.Totals(D(0), D(0), D(0), D(0), D(0), D(0))
    assert (nothing.management_share, nothing.partner_share, nothing.support_cost_percent) == (0, 0, 0)


def test_some_contribution_of_the_partner_is_required_of_a_programme_document_only():
    raw = raw_document()
    for output in raw["outputs"]:
        for activity in output["activities"]:
            activity["partner_cash"] = 0
    bare = Document.model_validate(raw)
    totals = budget.totals(bare)
    (refused,) = budget.check_contribution(bare, totals, simplified=False, pack=STANDARD)
    (warned,) = budget.check_contribution(bare, totals, simplified=True, pack=STANDARD)
    assert (refused.severity, warned.severity) == ("refusal", "warning")
    in_words = bare.model_copy(update={"partner_contribution": "staff time"})
    (told,) = budget.check_contribution(in_words, totals, simplified=False, pack=STANDARD)
    assert (told.rule, told.severity) == ("no_valued_contribution", "warning")
    assert budget.check_contribution(document(), budget.totals(document()), simplified=False, pack=STANDARD) == []


def test_row_c12_management_and_totals_of_etools():
    """Acceptance row C12: the totals that eTools computes."""
    totals = budget.Totals(D(0), D(900), D(60), D(30), D(1200), D(40))
    assert (totals.office_cash, totals.partner_cash, totals.office_total, totals.total) == (960, 1200, 990, 2230)
    assert totals.management_share == D(900) / D(990) * 100


@given(
    st.decimals(min_value=1, max_value=10**9, places=2),
    st.decimals(min_value=0, max_value=10**8, places=2),
    st.decimals(0, 10**6, places=2),
)
def test_more_support_cost_is_never_less_refused(direct: Decimal, support: Decimal, more: Decimal):
    before = budget.check_support_cost(sums(str(direct), str(support)), STANDARD)
    after = budget.check_support_cost(sums(str(direct), str(support + more)), STANDARD)
    assert not before or after


@given(st.decimals(min_value=0, max_value=10**9, places=2))
def test_the_limit_itself_always_passes(direct: Decimal):
    limit = budget.support_cost_limit(direct, STANDARD)
    assert limit == cents(direct * 7 / 100)
    if direct >= 1000:
        assert budget.check_support_cost(sums(str(direct), str(limit)), STANDARD) == []


@given(st.permutations(list(CASES["C1"].activities)))
def test_the_order_of_lines_does_not_matter(lines):
    case = CASES["C1"]
    shuffled = Case(**{**case.__dict__, "activities": tuple(lines)})
    assert budget.totals(intake(shuffled).document) == budget.totals(intake(case).document)


@given(st.decimals(min_value=0, max_value=1000, places=4))
def test_shown_percentages_round_halves_up(value: Decimal):
    assert abs(budget.one_decimal(value) - value) <= D("0.05")
