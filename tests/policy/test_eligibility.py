"""The door: everything told at once, each with its path."""

from datetime import date

import pytest

from policy.eligibility import Door, Overdue, Sibling, appraise, at_the_door, covers
from schemas.findings import refusals
from tests.policy.facts import CASES, EMERGENCY, STANDARD, D, activation, intake, office, rate_table, rules


def door(**changes) -> Door:
    return Door(**({"office": office(), "rates": rate_table()} | changes))


def test_a_good_intake_is_taken_without_a_finding():
    found = appraise(intake(), door(), STANDARD)
    assert found.findings == ()
    assert found.accepted
    assert (found.kind, found.instrument.instrument) == ("simplified", "pca_with_document")


def test_the_first_case_is_appraised_as_the_casebook_says():
    found = appraise(intake(CASES["C1"], document={"end": "2027-11-30"}), door(), STANDARD)
    assert (found.office_total_usd, found.office_cash_usd, found.rate) == (D("467300.85"), D("410456.30"), D("129.30"))
    assert found.kind == "programme_document"
    assert not found.crosses_programme


def test_everything_that_is_wrong_is_told_at_once():
    bad = intake(
        office="KE",
        programme="KE-1999",
        track="emergency",
        partner={"type": "un_agency"},
        relationship_test={
            "joint_objective": False,
            "partner_contributes": False,
            "scope_by_office_alone": True,
            "excluded_service": "printing",
        },
        document={"currency": "ZZZ", "end": "2026-05-01", "office_cash": "1", "support_cost": {"percent": "8", "amount": "8000"}},
    )
    found = at_the_door(bad, door(overdue=(Overdue("psea_assessment", date(2026, 1, 1), "KEN/2025/1"),), umbrella="terminated"), EMERGENCY)
    assert set(rules(found)) == {
        "unknown_programme", "unknown_currency", "end_before_start", "amounts_do_not_add_up", "support_cost_above_limit",
        "procurement_in_disguise", "partner_type_not_cso", "no_activation", "overdue_obligation", "pca_terminated",
    }  # fmt: skip
    assert rules(found).count("procurement_in_disguise") == 4
    assert all(finding.path.startswith("$.") and finding.source and finding.next_step for finding in found)


def test_an_unknown_office_is_refused():
    found = at_the_door(intake(), door(office=None), STANDARD)
    assert rules(found) == ["unknown_office"]


def test_a_missing_rate_refuses_and_leaves_the_kind_open():
    found = appraise(intake(document={"currency": "MZN"}), door(), STANDARD)
    assert rules(refusals(list(found.findings))) == ["no_rate"]
    assert (found.kind, found.rate, found.office_total_usd) == (None, None, None)


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("un_agency", "partner_type_not_cso"),
        ("government", "partner_type_not_cso"),
        ("private_sector", "partner_type_not_cso"),
        ("unknown", "partner_type_unknown"),
    ],
)
def test_only_a_civil_society_organisation_can_hold_a_pca(kind: str, rule: str):
    assert rule in rules(at_the_door(intake(partner={"type": kind}), door(), STANDARD))


@pytest.mark.parametrize("kind", ["international_ngo", "national_ngo", "cbo", "academic", "red_cross_red_crescent"])
def test_every_kind_of_civil_society_organisation_is_taken(kind: str):
    assert at_the_door(intake(partner={"type": kind}), door(), STANDARD) == []


def test_row_c6_start_after_end_is_refused():
    assert rules(at_the_door(intake(document={"start": "2026-12-01"}), door(), STANDARD)) == ["end_before_start"]


def test_row_c3_an_unknown_currency_is_refused():
    assert "unknown_currency" in rules(at_the_door(intake(document={"currency": "ZZZ"}), door(), STANDARD))


def test_missing_dates_are_named():
    found = at_the_door(intake(document={"start": None, "end": None}), door(), STANDARD)
    assert [finding.path for finding in found if finding.rule == "date_missing"] == ["$.document.start", "$.document.end"]


def test_a_document_past_its_programme_is_warned_and_one_after_it_refused():
    crossing = appraise(intake(document={"end": "2028-01-31"}), door(), STANDARD)
    assert crossing.crosses_programme
    assert [(finding.rule, finding.severity) for finding in crossing.findings] == [("crosses_programme", "warning")]
    beyond = at_the_door(intake(document={"start": "2028-01-01", "end": "2028-06-30"}), door(), STANDARD)
    assert rules(beyond) == ["outside_programme"]


def test_people_without_their_role_are_a_warning():
    found = at_the_door(intake(focal_point="ke.focal", budget_owner="ke.head"), door(), STANDARD)
    assert [(finding.rule, finding.path, finding.severity) for finding in found] == [("wrong_role", "$.budget_owner", "warning")]


def test_no_contribution_refuses_a_programme_document_and_warns_of_a_simplified_one():
    raw = {"outputs": [{"id": "1.1", "title": "x", "activities": [{"id": "1.1.1", "title": "y", "periods": [1], "office_cash": 80_000}]}]}
    bare = intake(document=raw)
    (small,) = [finding for finding in at_the_door(bare, door(), STANDARD) if finding.rule == "no_partner_contribution"]
    (large,) = [
        finding for finding in at_the_door(bare, door(rates=rate_table(KES="0.5")), STANDARD) if finding.rule == "no_partner_contribution"
    ]
    assert (small.severity, large.severity) == ("warning", "refusal")


def test_a_budget_of_nothing_is_refused_but_for_a_contingency_document():
    nothing = {"outputs": [], "management": [], "support_cost": {}, "supplies": {}, "start": None, "end": None}
    assert "budget_zero" in rules(at_the_door(intake(document=nothing), door(), STANDARD))
    protocol = {"protocol": {"trigger": "flood alert", "ceiling": "20000000", "months": 6}}
    found = at_the_door(intake(instrument="contingency_document", document=nothing | protocol), door(umbrella="signed"), STANDARD)
    assert found == []
    assert rules(at_the_door(intake(instrument="contingency_document", document=nothing), door(umbrella="signed"), STANDARD)) == [
        "no_protocol"
    ]


def test_a_hard_management_limit_is_tested_at_the_door():
    hard = office(management_limit={"percent": 5, "hard": True})
    assert rules(at_the_door(intake(), door(office=hard), STANDARD)) == ["management_share_above_limit"]


def test_statements_that_are_missing_are_warnings():
    weak = intake(no_double_funding=False, selection={"kind": "open"}, partner={"blocked": True})
    found = at_the_door(weak, door(), STANDARD)
    assert {finding.rule for finding in found} == {"double_funding_not_excluded", "selection_incomplete", "partner_blocked"}
    assert refusals(found) == []
    assert rules(at_the_door(intake(selection={"kind": "direct"}), door(), STANDARD)) == ["selection_incomplete"]


def test_the_emergency_track_needs_an_activation_that_covers_the_document():
    urgent = intake(track="emergency", activation="KEN-L2-2026-01", humanitarian=True)
    assert at_the_door(urgent, door(activation=activation()), EMERGENCY) == []
    assert rules(at_the_door(urgent, door(), EMERGENCY)) == ["no_activation"]


def test_the_emergency_track_takes_only_short_humanitarian_documents():
    given = door(activation=activation())
    plain = at_the_door(intake(track="emergency", activation="KEN-L2-2026-01"), given, EMERGENCY)
    assert [(finding.rule, finding.path) for finding in plain] == [("not_simplified_humanitarian", "$.humanitarian")]
    long = intake(track="emergency", activation="KEN-L2-2026-01", humanitarian=True, document={"end": "2027-06-01"})
    assert [(finding.rule, finding.path) for finding in at_the_door(long, given, EMERGENCY)] == [
        ("not_simplified_humanitarian", "$.document.end")
    ]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"valid_to": date(2026, 2, 15)}, "activation_not_valid"),
        ({"valid_from": date(2026, 2, 17)}, "activation_not_valid"),
        ({"revoked_on": date(2026, 2, 16)}, "activation_revoked"),
        ({"offices": ["MZ"]}, "activation_other_office"),
        ({"sectors": ["health"]}, "activation_other_sector"),
        ({"areas": ["A"]}, "activation_other_area"),
    ],
)
def test_an_activation_covers_office_day_area_and_sector(changes, rule):
    found = covers(activation(**changes), office="KE", day=date(2026, 2, 16), sector="water", areas=("A", "B"))
    assert rules(found) == [rule]


def test_an_activation_is_valid_on_its_first_and_last_day():
    for day in (date(2026, 2, 1), date(2026, 4, 30)):
        assert covers(activation(), office="KE", day=day, sector="water", areas=("A",)) == []


def test_an_overdue_obligation_bars_new_emergency_cases_and_a_refund_bars_all():
    late = door(overdue=(Overdue("psea_assessment", date(2026, 1, 1)),))
    assert at_the_door(intake(), late, STANDARD) == []
    refund = door(overdue=(Overdue("refund", date(2026, 1, 1), bars="new_document"),))
    assert rules(at_the_door(intake(), refund, STANDARD)) == ["overdue_obligation"]


def sibling(**changes) -> Sibling:
    return Sibling(
        **(
            {
                "reference": "KEN/2026/1",
                "title": "water  FOR two districts",
                "office_total": D("107000"),
                "currency": "KES",
                "start": date(2026, 11, 30),
                "end": date(2027, 1, 31),
            }
            | changes
        )
    )


def test_possible_double_funding_is_a_warning():
    found = at_the_door(intake(), door(siblings=(sibling(),)), STANDARD)
    assert [(finding.rule, finding.severity) for finding in found] == [("possible_double_funding", "warning")]
    assert "amount and title" in found[0].message


@pytest.mark.parametrize(
    "changes",
    [
        {"start": date(2026, 12, 1)},
        {"start": date(2026, 1, 1), "end": date(2026, 5, 31)},
        {"start": None},
        {"title": "x", "office_total": D(1)},
        {"title": "x", "currency": "USD"},
    ],
)
def test_documents_that_do_not_overlap_or_differ_are_not_warned_of(changes):
    assert at_the_door(intake(), door(siblings=(sibling(**changes),)), STANDARD) == []
