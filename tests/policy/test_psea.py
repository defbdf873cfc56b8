"""The PSEA scorer."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import psea
from tests.policy.facts import STANDARD, paths, rules

SCORES = st.fixed_dictionaries({name: st.integers(1, 3) for name in psea.STANDARDS})
ORDER = ("high", "moderate", "low")


@pytest.mark.parametrize(
    ("total", "band"),
    [
        (6, "high"),
        (8, "high"),
        (9, "moderate"),
        (12, "moderate"),
        (13, "moderate"),
        (14, "moderate"),
        (15, "low"),
        (16, "low"),
        (18, "low"),
    ],
)
def test_bands_at_their_exact_edges(total: int, band: str):
    assert psea.band(total, STANDARD) == band


@given(SCORES, st.sampled_from(psea.STANDARDS))
def test_a_better_answer_never_gives_a_worse_rating(scores: dict[str, int], name: str):
    better = scores | {name: min(3, scores[name] + 1)}
    assert ORDER.index(psea.rate(scores, STANDARD)[1]) <= ORDER.index(psea.rate(better, STANDARD)[1])


@given(SCORES, st.permutations(psea.STANDARDS))
def test_the_order_of_answers_does_not_matter(scores: dict[str, int], order: list[str]):
    shuffled = dict(zip(order, scores.values(), strict=True))
    assert psea.rate(shuffled, STANDARD) == psea.rate(scores, STANDARD)


def test_all_six_standards_must_be_answered_with_one_to_three():
    found = psea.check({"s1": 0, "s2": 4, "s3": 1, "s4": 2, "s5": 3, "s7": 1})
    assert paths(found, "psea_answer") == ["$.data.s1", "$.data.s2", "$.data.s6", "$.data.s7"]
    assert psea.check(dict.fromkeys(psea.STANDARDS, 2)) == []


def test_a_rating_holds_four_years():
    assert psea.valid_until(date(2022, 8, 31), STANDARD) == date(2026, 8, 31)


def test_an_international_organisation_is_assessed_in_the_country_only_for_a_reason():
    assert psea.country_assessment_needed(international=False, reasons=frozenset(), pack=STANDARD)
    assert not psea.country_assessment_needed(international=True, reasons=frozenset(), pack=STANDARD)
    assert not psea.country_assessment_needed(international=True, reasons=frozenset({"because"}), pack=STANDARD)
    assert psea.country_assessment_needed(international=True, reasons=frozenset({"sea_allegation"}), pack=STANDARD)
    assert rules(psea.check({})) == ["psea_answer"] * 6
