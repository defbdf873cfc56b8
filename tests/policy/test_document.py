"""The programme document: kind, content, annexes."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import document as rules_of
from schemas.intake import Document
from tests.policy.facts import EMERGENCY, STANDARD, D, paths, raw_document, rules

START, END = date(2026, 6, 1), date(2026, 11, 30)


def document(**changes) -> Document:
    return Document.model_validate(raw_document(**changes))


def kind(total: str, *, humanitarian: bool = False, start: date | None = START, end: date | None = END) -> str:
    return rules_of.kind(humanitarian=humanitarian, office_total_usd=D(total), start=start, end=end, pack=STANDARD)


@pytest.mark.parametrize(
    ("total", "expected"), [("99999.99", "simplified"), ("100000.00", "programme_document"), ("75367.65", "simplified")]
)
def test_the_kind_changes_exactly_at_the_threshold(total: str, expected: str):
    assert kind(total) == expected


@pytest.mark.parametrize("total", ["1", "100000", "2289736.21"])
def test_a_humanitarian_document_up_to_twelve_months_is_simplified_at_any_amount(total: str):
    assert kind(total, humanitarian=True) == "simplified_humanitarian"
    assert kind(total, humanitarian=True, start=None, end=None) == "simplified_humanitarian"
    assert kind(total, humanitarian=True, end=date(2027, 5, 31)) == "simplified_humanitarian"
    assert kind(total, humanitarian=True, end=date(2027, 6, 1)) == "programme_document"


def test_a_complete_document_has_no_finding():
    assert rules_of.content(document(), "programme_document", STANDARD) == []
    assert rules_of.content(document(), "simplified_humanitarian", EMERGENCY) == []


def empty() -> Document:
    raw = raw_document(risks=[], visits=[], ratings={})
    raw["outputs"][0] |= {"programme_output": ""}
    raw["outputs"][0]["activities"][0]["periods"] = []
    raw["outputs"][0]["indicators"][0] |= {"baseline": None, "target": None}
    raw["outputs"][1]["indicators"] = []
    return Document.model_validate(raw)


def test_everything_that_is_missing_is_told_at_once_with_its_path():
    found = rules_of.content(empty(), "programme_document", STANDARD)
    assert {finding.rule: finding.path for finding in found if finding.rule != "no_rating"} == {
        "activity_not_timed": "$.document.outputs[0].activities[0].periods",
        "output_not_linked": "$.document.outputs[0].programme_output",
        "no_indicator": "$.document.outputs[1].indicators",
        "no_target": "$.document.outputs[0].indicators[0].target",
        "no_baseline": "$.document.outputs[0].indicators[0].baseline",
        "no_risks": "$.document.risks",
        "no_visits": "$.document.visits",
    }
    assert len(paths(found, "no_rating")) == 3


def test_what_the_emergency_track_leaves_out_is_owed_not_dropped():
    now = set(rules(rules_of.content(empty(), "simplified_humanitarian", EMERGENCY)))
    owed = set(rules(rules_of.left_out(empty(), "simplified_humanitarian", EMERGENCY)))
    assert now == {"activity_not_timed", "no_indicator"}
    assert now | owed == set(rules(rules_of.content(empty(), "simplified_humanitarian", STANDARD)))
    assert rules_of.left_out(empty(), "simplified_humanitarian", STANDARD) == []


def test_a_plain_simplified_document_needs_no_ratings():
    assert "no_rating" not in rules(rules_of.content(empty(), "simplified", STANDARD))


def test_a_document_without_results_says_so():
    found = rules_of.content(document(outputs=[]), "simplified", STANDARD)
    assert "no_results" in rules(found)


def test_a_baseline_may_be_unknown_if_it_is_said():
    raw = raw_document()
    raw["outputs"][0]["indicators"][0] |= {"baseline": None, "baseline_unknown": True}
    assert rules_of.content(Document.model_validate(raw), "simplified", STANDARD) == []


def test_an_activity_beyond_the_last_period_is_refused():
    raw = raw_document()
    raw["outputs"][0]["activities"][0]["periods"] = [1, 3]
    (finding,) = rules_of.content(Document.model_validate(raw), "simplified", STANDARD)
    assert finding.rule == "activity_outside_document"
    raw |= {"start": None, "end": None}
    assert rules_of.content(Document.model_validate(raw), "simplified", STANDARD) == []


def test_a_budget_of_nothing_is_refused():
    raw = raw_document(outputs=[], management=[], support_cost={}, supplies={})
    assert "budget_zero" in rules(rules_of.content(Document.model_validate(raw), "simplified", STANDARD))


def test_a_risk_without_mitigation_is_refused():
    assert rules(rules_of.content(document(risks=[{"type": "financial", "mitigation": " "}]), "simplified", STANDARD)) == ["no_mitigation"]


def reporting(*spans: tuple[str, str]) -> list[str]:
    stated = [{"start": start, "end": end, "due": end} for start, end in spans]
    return rules(rules_of.content(document(reporting={"periods": stated}), "simplified", STANDARD))


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([("2026-06-01", "2026-08-31"), ("2026-09-01", "2026-11-30")], []),
        ([("2026-06-02", "2026-11-30")], ["reporting_gap"]),
        ([("2026-05-31", "2026-11-30")], ["reporting_before_start"]),
        ([("2026-06-01", "2026-08-31"), ("2026-08-31", "2026-11-30")], ["reporting_overlap"]),
        ([("2026-06-01", "2026-08-31"), ("2026-09-02", "2026-11-30")], ["reporting_gap"]),
        ([("2026-06-01", "2026-08-31")], ["reporting_gap"]),
        ([("2026-06-01", "2026-12-01")], ["reporting_after_end"]),
        ([("2026-06-01", "2026-05-01")], ["reporting_dates", "reporting_gap"]),
    ],
)
def test_reports_cover_the_document_without_gap_or_overlap(spans, expected):
    """Acceptance rows D3 and D6: the first report not before, the last not after the document."""
    assert reporting(*spans) == expected


def test_reports_of_a_document_without_dates_are_not_checked():
    raw = raw_document(start=None, end=None, reporting={"periods": [{"start": "2026-01-01", "end": "2026-01-02", "due": "2026-01-02"}]})
    assert rules_of.content(Document.model_validate(raw), "simplified", STANDARD) == []


def test_each_flag_requires_its_annex():
    flagged = document(flags={"personal_data": True, "construction": True, "children": True})
    assert rules_of.annexes(flagged) == ("data_processing_agreement", "children", "construction_conditions")
    assert len(rules_of.missing_annexes(flagged)) == 3
    assert len(rules_of.missing_annexes(flagged, frozenset({"children"}))) == 2
    attached = document(
        flags={"personal_data": True}, annexes=[{"annex": "data_processing_agreement", "document": "dpa.pdf", "sha256": "0" * 64}]
    )
    assert rules_of.missing_annexes(attached) == []


def test_changed_sections_are_named():
    assert rules_of.changed_sections(document(), document(title="Other", sector="health")) == ("title", "sector")


def test_the_same_quarter_is_that_of_the_calendar_year():
    assert rules_of.same_quarter(date(2026, 1, 1), date(2026, 3, 31))
    assert not rules_of.same_quarter(date(2026, 3, 31), date(2026, 4, 1))
    assert not rules_of.same_quarter(date(2026, 1, 1), date(2027, 1, 1))


@given(st.decimals(0, 10**7, places=2), st.decimals(0, 10**7, places=2))
def test_more_money_never_makes_a_document_simpler(one: Decimal, more: Decimal):
    order = ("simplified", "programme_document")
    assert order.index(kind(str(one))) <= order.index(kind(str(one + more)))
