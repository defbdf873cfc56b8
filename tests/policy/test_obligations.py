"""Obligations: due dates of the cases, moments, consequences."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import obligations
from policy.calendar import Calendar
from policy.pack import catalogue
from tests.policy.facts import EMERGENCY, STANDARD, rules

MON_FRI = Calendar()
SIGNED = date(2026, 3, 19)


def due(kind: str, calendar: Calendar = MON_FRI, **anchors: date) -> date | None:
    return obligations.due(kind, anchors, calendar, EMERGENCY)


@pytest.mark.parametrize("kind", ["partner_verification", "psea_assessment", "hact_assessment"])
def test_the_deferred_checks_of_the_third_case_are_due_three_months_after_signature(kind: str):
    assert due(kind, deferral=date(2026, 3, 12)) == date(2026, 6, 12)
    assert due(kind, deferral=date(2026, 3, 12), first_signature=SIGNED) == date(2026, 6, 19)


def test_the_hact_assessment_of_the_eighth_case_is_due_on_a_working_day_or_at_the_second_release():
    assert due("hact_assessment", first_signature=date(2026, 10, 2)) == date(2027, 1, 4)
    assert due("hact_assessment", first_signature=date(2026, 10, 2), second_release=date(2026, 12, 1)) == date(2026, 12, 1)
    assert due("hact_assessment", first_signature=date(2026, 10, 2), second_release=date(2027, 2, 1)) == date(2027, 1, 4)


def test_ratification_of_the_third_case_is_due_on_30_april_or_5_may_with_holidays():
    off = Calendar(holidays=frozenset({date(2026, 4, 3), date(2026, 4, 7), date(2026, 5, 1)}))
    assert due("committee_ratification", last_signature=SIGNED) == date(2026, 4, 30)
    assert due("committee_ratification", off, last_signature=SIGNED) == date(2026, 5, 5)
    assert due("committee_ratification", last_signature=date(2026, 10, 2)) == date(2026, 11, 13)


def test_the_other_due_dates_of_the_cases():
    assert due("document_completion", last_signature=SIGNED) == date(2026, 6, 19)
    assert due("signed_original", last_signature=SIGNED) == date(2026, 4, 18)
    assert due("first_assurance_visit", first_payment=date(2026, 3, 24)) == date(2026, 6, 24)
    assert due("assessment_renewal", expiry=date(2026, 11, 30)) == date(2026, 11, 30)
    assert due("quarterly_face", period_end=date(2026, 8, 31)) == date(2026, 8, 31)
    assert due("activation_end_decision", activation_end=date(2026, 12, 20)) == date(2027, 1, 1)
    assert due("new_pca_required", programme_end=date(2026, 12, 31)) == date(2026, 12, 31)
    assert due("final_face_and_report", end=date(2027, 11, 30)) == date(2027, 12, 30)
    assert due("refund", end=date(2027, 11, 30)) == date(2028, 2, 28)


@pytest.mark.parametrize("kind", EMERGENCY.obligations)
def test_nothing_is_due_before_what_it_counts_from_has_happened(kind: str):
    assert due(kind) is None


def test_only_two_kinds_have_a_second_moment():
    assert obligations.second_due("quarterly_face", {"period_end": date(2026, 8, 31)}, MON_FRI, STANDARD) == date(2027, 2, 28)
    assert obligations.second_due("psea_strengthening_plan", {"rated": date(2026, 2, 1)}, MON_FRI, STANDARD) == date(2026, 8, 3)
    assert obligations.second_due("quarterly_face", {}, MON_FRI, STANDARD) is None
    assert obligations.second_due("refund", {"end": date(2026, 8, 31)}, MON_FRI, STANDARD) is None


def moments(kind: str, opened: datetime, due_on: date, second: date | None = None) -> list[tuple[str, str]]:
    return [(f"{moment.at:%Y-%m-%d %H}", moment.does) for moment in obligations.moments(kind, opened, due_on, MON_FRI, STANDARD, second)]


def test_the_renewal_of_the_second_case_has_notices_90_60_and_30_days_before():
    assert moments("assessment_renewal", datetime(2026, 3, 24, 10, tzinfo=UTC), date(2026, 11, 30)) == [
        ("2026-09-01 09", "notice_90"),
        ("2026-10-01 09", "notice_60"),
        ("2026-10-31 09", "notice_30"),
        ("2026-11-30 09", "remind"),
        ("2026-11-30 17", "overdue"),
    ]


def test_a_notice_that_would_lie_in_the_past_is_left_out():
    assert [does for _, does in moments("assessment_renewal", datetime(2026, 10, 15, tzinfo=UTC), date(2026, 11, 30))] == [
        "notice_30",
        "remind",
        "overdue",
    ]


def test_a_quarterly_report_is_reminded_overdue_and_stops_all_cash_after_six_months():
    second = date(2027, 2, 28)
    assert moments("quarterly_face", datetime(2026, 6, 3, tzinfo=UTC), date(2026, 8, 31), second) == [
        ("2026-07-18 09", "remind"),
        ("2026-08-14 09", "remind"),
        ("2026-08-31 09", "remind"),
        ("2026-08-31 17", "overdue"),
        ("2027-02-28 17", "six_months"),
    ]


def test_consequences_fire_at_their_own_moment():
    assert obligations.consequences("quarterly_face", STANDARD) == ("block_instalment",)
    assert obligations.consequences("quarterly_face", STANDARD, "six_months") == ("suspend_cash",)
    assert obligations.consequences("quarterly_face", STANDARD, "remind") == ()
    assert obligations.consequences("psea_assessment", STANDARD) == (
        "block_instalment",
        "block_amendment",
        "block_new_emergency",
        "escalate",
    )
    assert obligations.consequences("psea_assessment", STANDARD, "remind") == ()


def test_consequences_become_blocks_and_escalation_is_none():
    assert obligations.blocks(("block_instalment", "suspend_cash", "escalate", "direct_payment_only")) == (
        "instalment",
        "cash",
        "direct_payment_only",
    )


@pytest.mark.parametrize("pack", [pytest.param(pack, id=pack.id) for pack in catalogue()])
def test_invariant_5_every_obligation_has_a_due_rule_an_owner_and_a_consequence(pack):
    for rule in pack.obligations.values():
        assert rule.due.get("after") or rule.due.get("on")
        assert rule.owners
        assert rule.consequences
        assert rule.met_by
        assert rule.verifier not in rule.owners
        assert set(rule.consequences) <= {*obligations.BLOCKS, "escalate", "block_new_document"}


def test_the_catalogue_has_the_24_kinds_of_the_casebook():
    assert len(STANDARD.obligations) == 25  # review_condition and approval_condition share a row
    assert set(STANDARD.obligations) == set(EMERGENCY.obligations)


def test_evidence_in_time_lets_the_consequence_wait_for_its_check():
    friday = date(2026, 6, 19)
    assert obligations.consequence_on(friday, None, MON_FRI, STANDARD) == friday
    assert obligations.consequence_on(friday, date(2026, 6, 20), MON_FRI, STANDARD) == friday
    assert obligations.consequence_on(friday, friday, MON_FRI, STANDARD) == date(2026, 6, 26)


def test_an_extension_goes_forward_thirty_days_at_most():
    day = date(2026, 6, 19)

    def check(until: date, extensions: int = 0, role: str = "head_of_office") -> list[str]:
        return rules(obligations.check_extension(until, day, extensions, role, STANDARD))

    assert check(date(2026, 7, 19)) == []
    assert check(date(2026, 7, 20)) == ["extension_too_long"]
    assert check(day) == ["extension_backwards"]
    assert check(date(2026, 7, 1), 1) == ["second_extension"]
    assert check(date(2026, 7, 1), 1, "regional_director") == []
    assert check(day, 1) == ["extension_backwards", "second_extension"]


def test_a_decision_meets_an_obligation_by_itself():
    assert obligations.met_by("psea_assessment", "assess_psea", "rate", STANDARD)
    assert not obligations.met_by("psea_assessment", "assess_psea", "assume_low_capacity", STANDARD)


def test_the_last_signature_creates_what_the_casebook_says():
    ends = date(2027, 1, 31)
    second = obligations.at_signature(crosses_programme=True, by_email=False, clearance_ends=date(2026, 11, 30), document_ends=ends)
    assert second == ("new_pca_required", "assessment_renewal")
    assert obligations.at_signature(crosses_programme=False, by_email=True, clearance_ends=None, document_ends=ends) == ("signed_original",)
    assert obligations.at_signature(crosses_programme=False, by_email=False, clearance_ends=date(2027, 2, 1), document_ends=ends) == ()


@given(st.dates(date(2026, 1, 1), date(2030, 1, 1)), st.integers(0, 400))
def test_moments_come_in_order_after_the_opening_and_overdue_is_the_close_of_the_due_day(opened_on: date, days: int):
    opened = datetime(opened_on.year, opened_on.month, opened_on.day, 8, tzinfo=UTC)
    due_on = opened_on + timedelta(days=days)
    found = obligations.moments("psea_assessment", opened, due_on, MON_FRI, STANDARD)
    assert [moment.at for moment in found] == sorted({moment.at for moment in found})
    assert all(moment.at > opened for moment in found)
    assert found[-1].does == "overdue"
    assert found[-1].at == MON_FRI.end_of_business(due_on)


@given(st.dates(date(2026, 1, 1), date(2030, 1, 1)), st.integers(0, 60))
def test_a_later_signature_is_never_due_earlier(signed: date, later: int):
    for kind in ("psea_assessment", "committee_ratification", "signed_original"):
        one = due(kind, first_signature=signed, last_signature=signed)
        other = due(kind, first_signature=signed + timedelta(days=later), last_signature=signed + timedelta(days=later))
        assert one is not None
        assert other is not None
        assert one <= other
