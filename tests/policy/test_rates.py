"""Exchange rates by month."""

from datetime import date
from decimal import Decimal

from policy import rates
from tests.policy.facts import D, rate_table, rules

FEBRUARY = date(2026, 2, 28)


def test_the_rate_is_that_of_the_submission_month():
    assert rates.rate(rate_table(), "KES", FEBRUARY) == D("129.30")
    assert rates.rate(rate_table(), "KES", date(2026, 3, 1)) is None


def test_the_dollar_needs_no_rate():
    assert rates.rate(rate_table(), "USD", date(1999, 1, 1)) == 1
    assert rates.check(rate_table(), "USD", date(1999, 1, 1)) == []


def test_a_missing_rate_says_which_month_to_load():
    (finding,) = rates.check(rate_table(), "KES", date(2026, 3, 1))
    assert finding.rule == "no_rate"
    assert "2026-03" in finding.next_step


def test_a_currency_that_does_not_exist_is_refused():
    assert rules(rates.check(rate_table(), "XXX", FEBRUARY)) == ["unknown_currency"]


def test_the_currencies_of_the_cases_are_known():
    assert {"KES", "BDT", "MZN", "PHP", "USD", "PEN", "UAH"} <= rates.CURRENCIES
    assert all(len(code) == 3 for code in rates.CURRENCIES)


def test_dollars_are_rounded_to_the_cent_halves_up():
    assert rates.to_usd(D("1"), D("8")) == Decimal("0.13")
    assert rates.cents(D("0.005")) == Decimal("0.01")
