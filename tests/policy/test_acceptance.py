"""Rows of the peers' acceptance list (eTools, UNPP) that the rules alone decide, by their number."""

from datetime import date

import pytest

from policy import assurance, budget, document, eligibility, hact, instrument, release, review, segregation, signature, transitions, vetting
from policy.transitions import CASE, GUARDS, UMBRELLA, move
from tests.policy.facts import EMERGENCY, STANDARD, D, intake, office, rate_table, rules
from tests.policy.test_release import GOOD

EVERYTHING = dict.fromkeys(GUARDS, True)
DOOR = eligibility.Door(office=office(), rates=rate_table())


def unmet(table, status: str, trigger: str, *missing: str) -> list[str]:
    return rules(move(table, status, trigger, EVERYTHING | dict.fromkeys(missing, False)).findings)


@pytest.mark.parametrize(
    ("row", "cash", "risk", "visits"),
    [
        ("A1", "0", "low", 0),
        ("A3", "99000", "low", 1),
        ("A6", "490000", "significant", 3),
        ("A7", "490000", "medium", 2),
        ("A9", "510000", "high", 4),
        ("A9", "510000", "significant", 4),
        ("A9", "510000", "medium", 3),
        ("A9", "510000", "low", 2),
    ],
)
def test_rows_a1_to_a9_programmatic_visits(row: str, cash: str, risk: str, visits: int):
    assert assurance.visits(D(cash), risk, STANDARD) == visits


def test_row_a4_low_risk_assumed_needs_no_spot_check():
    assert assurance.spot_checks(D(99_000), low_risk_assumed=True, scheduled_audit=False, pack=STANDARD) == 0


def test_row_a7_the_combined_rating_counts_not_that_of_hact_alone():
    assert hact.worst_of("low", "moderate") == "medium"


def test_row_a9_no_contact_with_beneficiaries_counts_as_low():
    assert hact.worst_of("low", "no_contact_with_beneficiaries") == "low"


def test_row_a12_an_assessment_of_four_years_ago_is_expired():
    assert vetting.check_reuse("hact", assessed_on=date(2000, 5, 14), day=date(2013, 1, 1), pack=STANDARD)
    assert vetting.check_reuse("hact", assessed_on=date(2013, 1, 1), day=date(2013, 1, 1), pack=STANDARD) == []


def test_row_b1_a_second_pca_of_partner_and_programme_is_refused():
    assert rules(instrument.resolve("pca_with_document", "signed", "KEN/PCA/1").findings) == ["pca_exists"]


def test_row_b3_a_pca_with_both_signatures_is_signed():
    assert move(UMBRELLA, "draft", "sign", EVERYTHING).to == "signed"


def test_row_b4_a_pca_whose_end_is_not_past_is_not_ended():
    assert unmet(UMBRELLA, "signed", "programme_over", "programme_over") == ["programme_over"]


def test_row_b6_a_pca_is_terminated_with_its_document_only():
    assert unmet(UMBRELLA, "signed", "terminate", "termination_document") == ["termination_document"]
    assert move(UMBRELLA, "signed", "terminate", EVERYTHING).to == "terminated"


def signed(**changes) -> list[str]:
    given = {
        "signed_on": date(2026, 4, 9),
        "today": date(2026, 4, 9),
        "not_before": date(2026, 4, 1),
        "method": "scan",
        "signer": "head",
        "listed": {"head"},
        "sha256": "a",
        "accepted_sha256": "a",
        "pack": STANDARD,
    }
    return rules(signature.check(**(given | changes)))


def test_rows_b9_and_g6_a_signature_of_tomorrow_is_refused():
    assert signed(signed_on=date(2026, 4, 10)) == ["signed_in_future"]


def test_row_b10_an_intake_without_a_known_programme_is_refused():
    assert rules(eligibility.at_the_door(intake(programme="KE-1999"), DOOR, STANDARD)) == ["unknown_programme"]


def test_row_b13_only_a_listed_officer_signs():
    assert signed(signer="somebody") == ["officer_not_listed"]


def test_row_c3_an_unknown_currency_is_refused():
    assert "unknown_currency" in rules(eligibility.at_the_door(intake(document={"currency": "ABC"}), DOOR, STANDARD))


def test_row_c6_a_start_after_the_end_is_refused():
    assert "end_before_start" in rules(eligibility.at_the_door(intake(document={"end": "2026-01-01"}), DOOR, STANDARD))


@pytest.mark.parametrize("kind", ["international_ngo", "national_ngo"])
def test_row_c14_any_civil_society_organisation_asks_for_its_support_cost_itself(kind: str):
    """eTools fills in 7 % for international organisations only; the present procedure lets every one ask up to 7 %."""
    asked = intake(partner={"type": kind}, document={"support_cost": {"percent": "5", "amount": "5000"}})
    assert eligibility.at_the_door(asked, DOOR, STANDARD) == []
    assert budget.totals(intake(partner={"type": kind}, document={"support_cost": {}}).document).support_cost == 0


def test_rows_d3_and_d6_reports_lie_within_the_document():
    late = {"periods": [{"start": "2026-05-01", "end": "2026-12-31", "due": "2026-12-31"}]}
    found = document.content(intake(document={"reporting": late}).document, "simplified", STANDARD)
    assert rules(found) == ["reporting_before_start", "reporting_after_end"]


def test_row_d9_a_contingency_document_needs_no_dates_to_be_signed():
    protocol = {"trigger": "storm signal 4", "ceiling": 1000, "months": 6}
    asked = intake(instrument="contingency_document", document={"start": None, "end": None, "protocol": protocol})
    signed_pca = eligibility.Door(office=office(), rates=rate_table(), umbrella="signed")
    assert eligibility.at_the_door(asked, signed_pca, STANDARD) == []


def test_row_f1_the_review_kind_is_computed_and_never_missing():
    assert {review.kind(D(total), pack).kind for total in (1, 10**7) for pack in (STANDARD, EMERGENCY)} == {
        "two_person",
        "committee",
        "single",
    }


def test_row_f3_nothing_is_submitted_before_both_accepted():
    assert unmet(CASE, "drafting", "submit_for_review", "same_hash_accepted") == ["same_hash_accepted"]


def test_rows_f4_and_f12_a_move_is_not_made_twice():
    assert rules(move(CASE, "in_review", "submit_for_review", EVERYTHING).findings) == ["not_allowed"]
    assert rules(move(CASE, "in_signature", "approve", EVERYTHING).findings) == ["not_allowed"]


def test_row_f6_a_returned_document_may_be_submitted_again():
    assert move(CASE, "in_review", "return", EVERYTHING).to == "drafting"
    assert move(CASE, "drafting", "submit_for_review", EVERYTHING).to == "in_review"


def test_row_f10_a_return_needs_a_comment():
    assert unmet(CASE, "in_review", "return", "comment") == ["comment"]


def test_row_g1_nothing_is_signed_under_a_pca_that_is_not():
    assert unmet(CASE, "in_signature", "last_signature", "umbrella_signed") == ["umbrella_signed"]


def test_row_g7_the_start_is_never_before_the_later_signature():
    found = signature.document(
        requested_start=date(2026, 1, 1),
        requested_end=date(2026, 12, 31),
        signatures=[date(2026, 4, 7), date(2026, 4, 9)],
        pca_start=date(2026, 1, 1),
        pca_end=date(2027, 12, 31),
    )
    assert found.start == date(2026, 4, 9)


def test_rows_g9_and_g10_a_document_is_active_only_under_a_signed_pca_from_its_start_with_a_budget():
    assert unmet(CASE, "signed", "conditions_met", "umbrella_signed", "start_reached") == ["start_reached", "umbrella_signed"]
    assert unmet(CASE, "signed", "approve_activation", "budget_above_zero") == ["budget_above_zero"]


def test_rows_g12_and_g13_a_reservation_activates_a_ready_document_and_leaves_a_draft():
    assert move(CASE, "signed", "conditions_met", EVERYTHING).to == "active"
    assert rules(move(CASE, "drafting", "conditions_met", EVERYTHING).findings) == ["not_allowed"]


def test_row_g16_a_document_is_not_ended_before_its_end_has_passed():
    assert unmet(CASE, "active", "end_date_passed", "end_passed") == ["end_passed"]


@pytest.mark.parametrize("status", ["received", "drafting", "in_review", "closed", "withdrawn"])
def test_row_j2b_only_signed_active_or_ended_documents_are_suspended(status: str):
    assert rules(move(CASE, status, "suspend", EVERYTHING).findings) == ["not_allowed"]


@pytest.mark.parametrize("status", ["drafting", "in_signature", "ended", "closed"])
def test_rows_j2b_and_j9_only_signed_or_active_documents_are_terminated(status: str):
    """eTools terminates a draft without a document: a quirk we refuse."""
    assert rules(move(CASE, status, "notice_over", EVERYTHING).findings) == ["not_allowed"]


def test_row_j6_a_cancelled_document_is_not_cancelled_again_and_needs_a_justification():
    assert unmet(CASE, "drafting", "cancel", "justification") == ["justification"]
    assert rules(move(CASE, "cancelled", "cancel", EVERYTHING).findings) == ["not_allowed"]


def test_row_j8_nothing_is_possible_in_a_cancelled_document():
    assert transitions.possible(CASE, "cancelled") == []


def test_row_l4_a_contingency_document_expires_with_its_programme_unless_activated():
    assert move(CASE, "signed", "programme_over", EVERYTHING).to == "expired"
    assert unmet(CASE, "signed", "programme_over", "programme_over", "never_activated") == ["programme_over", "never_activated"]


def test_rows_m2_and_m3_a_partner_with_a_failed_question_or_an_open_match_is_not_cleared():
    right = dict.fromkeys(("q1", "q2", "q3", "q4", "q5"), True)
    assert vetting.check_profile(right | {"q5": False})
    found = vetting.check_conclusion(("screening",), (), "full", date(2026, 3, 2), STANDARD, open_hits=1)
    assert rules(found) == ["screening_hit"]


def test_row_m5_a_red_flag_bars_and_one_that_was_weighed_does_not():
    blocked = vetting.Element(element="red_flag", result="blocked")
    weighed = vetting.Element(element="red_flag", result="accepted", valid_until=date(2026, 12, 31))
    for line, expected in ((blocked, ["element_negative"]), (weighed, [])):
        assert rules(vetting.check_conclusion(("red_flag",), (line,), "full", date(2026, 3, 2), STANDARD)) == expected


def test_an_approved_officer_of_the_rows_never_pays_what_he_approved():
    """The peers leave this to the ERP; the authorised officer of our first case meets it."""
    approved = segregation.Act(actor="o", role="authorised_officer", kind="approve_document", verdict="approve")
    barred = segregation.objections([approved], "o", "release_cash", "release")
    facts = release.ReleaseFacts.model_validate(GOOD | {"releaser_findings": barred})
    assert rules(release.check(facts, STANDARD)) == ["approver_releases"]
