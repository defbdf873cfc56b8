"""HACT: scorers, need, worst-of."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import hact
from policy.hact import RISKS, Answer
from tests.policy.facts import STANDARD, D, rules

ANSWERS = st.lists(st.builds(Answer, st.one_of(st.none(), st.integers(1, 4)), st.booleans()), min_size=1, max_size=40).filter(
    lambda answers: any(answer.value is not None for answer in answers)
)


def answers(*values: int, key: int = 0) -> list[Answer]:
    return [Answer(value, index < key) for index, value in enumerate(values)]


@pytest.mark.parametrize(
    ("given", "rating"),
    [
        (answers(1, 1, 1, 1), "low"),
        (answers(4, 4, 4, 4), "high"),
        # without key questions the bands of v1 end at 1.75, 2.50, 3.25; an edge belongs to the band above
        (answers(2, 2, 2, 1), "medium"),
        (answers(2, 2, 1, 1), "low"),
        (answers(3, 3, 2, 2), "significant"),
        (answers(3, 2, 2, 2), "medium"),
        (answers(4, 3, 3, 3), "high"),
        (answers(3, 3, 3, 3), "significant"),
    ],
)
def test_v1_bands_are_four_equal_widths(given: list[Answer], rating: str):
    assert hact.micro_v1(given, STANDARD).rating == rating


def test_v1_a_key_question_weighs_double_but_a_low_answer_never():
    assert hact.micro_v1(answers(1, 1, key=1), STANDARD).score == 1
    assert hact.micro_v1(answers(3, 1, key=1), STANDARD).score == D("3.5")
    assert hact.micro_v1(answers(4, 4, key=2), STANDARD) == hact.Score(Decimal(8), 2, "high")


@pytest.mark.parametrize(
    ("points", "rating"),
    # twenty questions: 20 to 80 points, range 60; edges at 29, 38 and 50
    [(20, "low"), (28, "low"), (29, "medium"), (37, "medium"), (38, "significant"), (49, "significant"), (50, "high"), (80, "high")],
)
def test_v2_bands_end_at_15_30_and_50_percent_of_the_range(points: int, rating: str):
    values = [1] * 20
    for index in range(20):
        more = min(3, points - sum(values))
        values[index] += more
    assert sum(values) == points
    assert hact.micro_v2(answers(*values), STANDARD).rating == rating


def test_questions_that_do_not_apply_do_not_count():
    asked = [*answers(2, 3), Answer(None), Answer(None, key=True)]
    assert hact.micro_v2(asked, STANDARD) == hact.micro_v2(answers(2, 3), STANDARD)
    assert hact.micro_v1(asked, STANDARD) == hact.micro_v1(answers(2, 3), STANDARD)


def test_at_least_one_question_must_apply():
    assert rules(hact.check([Answer(None)])) == ["no_applicable_question"]
    assert hact.check(answers(1)) == []
    for method in ("micro_v1", "micro_v2", "simplified_checklist"):
        with pytest.raises(ValueError, match="no applicable"):
            hact.rate(method, [Answer(None)], STANDARD)


def test_the_simplified_checklist_is_scored_as_the_pack_says():
    assert hact.rate("simplified_checklist", answers(1, 2), STANDARD) == hact.micro_v2(answers(1, 2), STANDARD)


@pytest.mark.parametrize("method", ["micro_v1", "micro_v2"])
@given(data=st.data())
def test_a_riskier_answer_never_gives_a_better_rating(method: str, data: st.DataObject):
    given_answers = data.draw(ANSWERS)
    index = data.draw(st.sampled_from([n for n, answer in enumerate(given_answers) if answer.value is not None]))
    value = given_answers[index].value or 1
    worse = [*given_answers[:index], Answer(min(4, value + 1), given_answers[index].key), *given_answers[index + 1 :]]
    before, after = hact.rate(method, given_answers, STANDARD), hact.rate(method, worse, STANDARD)
    assert RISKS.index(before.rating) <= RISKS.index(after.rating)
    assert before.score <= after.score


@pytest.mark.parametrize("method", ["micro_v1", "micro_v2"])
@given(data=st.data())
def test_the_order_of_questions_does_not_matter(method: str, data: st.DataObject):
    given_answers = data.draw(ANSWERS)
    shuffled = data.draw(st.permutations(given_answers))
    assert hact.rate(method, given_answers, STANDARD) == hact.rate(method, shuffled, STANDARD)


@pytest.mark.parametrize(("cash", "needed"), [("100000", False), ("100000.01", True), ("477230", True), ("64338.24", False)])
def test_an_assessment_is_needed_above_the_threshold(cash: str, needed: bool):
    assert hact.needed(D(cash), STANDARD) is needed


def test_row_a10_not_required_above_fifty_thousand_approaches_the_threshold():
    assert hact.approaching(D("50001"), "not_required", STANDARD)
    assert not hact.approaching(D("50000"), "not_required", STANDARD)
    assert not hact.approaching(D("50001"), "low", STANDARD)


def test_the_hact_year_runs_from_october_to_september():
    assert hact.year(date(2026, 9, 30), STANDARD) == (date(2025, 10, 1), date(2026, 9, 30))
    assert hact.year(date(2026, 10, 1), STANDARD) == (date(2026, 10, 1), date(2027, 9, 30))


def test_row_a12_an_assessment_holds_four_years():
    assert hact.valid_until(date(2022, 8, 31), STANDARD) == date(2026, 8, 31)


@pytest.mark.parametrize(
    ("one", "other", "worst"),
    [
        ("low", "low", "low"),
        ("low", "moderate", "medium"),
        ("medium", "low", "medium"),
        ("significant", "moderate", "significant"),
        ("medium", "high", "high"),
        ("not_required", "low", "high"),
        (None, "low", "high"),
        ("low", None, "high"),
        ("low", "no_contact_with_beneficiaries", "low"),
    ],
)
def test_the_worst_of_hact_and_psea_counts_and_the_unknown_is_high(one, other, worst):
    assert hact.worst_of(one, other) == worst


@given(st.lists(st.sampled_from([*RISKS, "not_required"]), max_size=5), st.sampled_from(RISKS))
def test_one_more_rating_never_lowers_the_worst(ratings: list[str], more: str):
    if ratings:
        assert RISKS.index(hact.worst(ratings)) <= RISKS.index(hact.worst([*ratings, more]))
    else:
        assert hact.worst(ratings) == "high"
