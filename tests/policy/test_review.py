"""Committee review: kind, composition, counting, conclusion, clerical corrections."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import review
from policy.review import CAUTION, Count, Member, Opinion
from schemas.intake import Document
from tests.policy.facts import EMERGENCY, STANDARD, D, paths, raw_document, rules

ANSWERED = dict.fromkeys(review.QUESTIONS, "agree")


@pytest.mark.parametrize(
    ("total", "kind"), [("75367.65", "two_person"), ("99999.99", "two_person"), ("100000.00", "committee"), ("467300.85", "committee")]
)
def test_the_review_kind_follows_the_amount_on_the_standard_track(total: str, kind: str):
    found = review.kind(D(total), STANDARD)
    assert found.kind == kind
    assert found.why


def test_the_emergency_track_has_one_reviewer_at_any_amount_if_the_activation_unlocks_it():
    assert review.kind(D("2289736.21"), EMERGENCY).kind == "single"
    assert review.kind(D("2289736.21"), EMERGENCY, single_unlocked=False).kind == "committee"
    assert review.kind(D("75000"), EMERGENCY, single_unlocked=False).kind == "two_person"


def test_an_activation_within_the_ceiling_and_a_small_amendment_have_no_committee():
    assert review.kind(D("322681.66"), EMERGENCY, within_ceiling=True).kind == "none"
    assert review.kind(D("322681.66"), STANDARD, small_amendment=True).kind == "none"


FOUR = (
    Member(person="a", function="finance", section="operations"),
    Member(person="b", function="programme", section="health"),
    Member(person="c", function="supply", section="supply"),
    Member(person="d", function="legal", section="legal"),
)


def composition(kind: str, members, **more) -> list:
    return review.composition(kind, members, submitting_section="nutrition", pack=STANDARD, **more)


def test_a_committee_of_four_with_finance_and_programme_may_sit():
    assert composition("committee", FOUR) == []


def test_everything_wrong_with_a_committee_is_told_at_once():
    members = [
        Member(person="a", function="supply", section="nutrition"),
        Member(person="s", function="legal", section="legal"),
        Member(person="a", function="supply", section="nutrition"),
    ]
    found = composition("committee", members, barred={"s"})
    assert sorted(set(rules(found))) == ["function_missing", "named_twice", "submitter_reviews", "submitting_section", "too_few_members"]
    assert rules(found).count("function_missing") == 2
    assert paths(found, "named_twice") == ["$.data.members[2]"]


def test_another_office_may_lend_a_member_of_the_same_section():
    lent = (FOUR[0], FOUR[1], Member(person="x", function="monitoring", section="nutrition", lent=True))
    assert composition("committee", lent) == []


def test_two_people_are_one_of_finance_and_one_of_programme():
    assert composition("two_person", FOUR[:2]) == []
    assert rules(composition("two_person", FOUR[1:3])) == ["function_missing"]


def test_a_single_reviewer_comes_from_the_roster():
    single = [Member(person="a", section="health")]
    assert composition("single", single, roster={"a"}) == []
    assert rules(composition("single", single, roster={"z"})) == ["not_on_roster"]
    assert rules(composition("single", FOUR)) == ["too_many_members"]
    assert composition("single", single) == []


def test_an_opinion_answers_all_eight_questions():
    assert review.check_opinion("recommend", ANSWERED, no_conflict=True, comment=False) == []
    found = review.check_opinion("recommend", {"q1": "maybe"}, no_conflict=False, comment=False)
    assert rules(found) == ["question_not_answered"] * 8 + ["conflict_not_excluded"]


def test_a_disagreement_needs_a_comment():
    answers = ANSWERED | {"q7": "strongly_disagree"}
    assert rules(review.check_opinion("recommend", answers, no_conflict=True, comment=False)) == ["disagreement_without_comment"]
    assert review.check_opinion("recommend", answers, no_conflict=True, comment=True) == []


def test_a_recusal_needs_no_answers():
    assert review.check_opinion("recuse", {}, no_conflict=False, comment=True) == []


def opinions(*verdicts: str) -> list[Opinion]:
    return [Opinion(member=f"m{index}", verdict=verdict) for index, verdict in enumerate(verdicts)]


@pytest.mark.parametrize(
    ("verdicts", "result"),
    [
        (["recommend"] * 3, "recommend"),
        (["recommend", "recommend_with_conditions", "return"], "recommend_with_conditions"),
        (["recommend", "return", "return"], "return"),
        (["recommend", "not_recommend", "not_recommend"], "not_recommend"),
        (["return", "not_recommend", "recommend"], "return"),
        (["recommend", "recommend", "recommend", "recuse"], "recommend"),
    ],
)
def test_more_than_half_of_those_who_spoke_decide(verdicts: list[str], result: str):
    assert review.count(opinions(*verdicts), 3).result == result


def test_an_opinion_not_given_is_never_a_yes():
    found = review.count(opinions("recommend", "recommend"), 3)
    assert found.result is None
    assert [(finding.rule, finding.severity) for finding in found.findings] == [("quorum", "wait")]
    assert review.count([], 0).result is None


def test_a_recusal_leaves_the_quorum_even_after_an_opinion():
    spoken = [*opinions("recommend", "recommend", "recommend"), Opinion(member="m0", verdict="recuse")]
    assert review.count(spoken, 3).result is None


def test_a_tie_is_the_chairs():
    tied = opinions("recommend", "recommend", "return", "not_recommend")
    assert rules(review.count(tied, 3).findings) == ["tie"]
    assert review.count(tied, 3, chair="recommend").result == "recommend"
    assert review.count(tied, 3, chair="return").result == "return"


def test_the_last_opinion_of_a_member_counts_once():
    spoken = [Opinion(member="a", verdict="return"), Opinion(member="a", verdict="recommend")]
    assert review.count(spoken, 1) == Count("recommend", 1, 0, 0)


@given(st.lists(st.sampled_from(CAUTION), min_size=3, max_size=9), st.integers(0, 8), st.sampled_from([None, "recommend", "return"]))
def test_one_opinion_turned_to_a_yes_never_makes_the_result_less_favourable(verdicts, index, chair):
    def favourable(result: str | None) -> int:
        return -1 if result is None else int(result in review.POSITIVE)

    better = list(verdicts)
    better[index % len(verdicts)] = "recommend"
    before, after = review.count(opinions(*verdicts), 3, chair=chair), review.count(opinions(*better), 3, chair=chair)
    assert favourable(before.result) <= favourable(after.result) or after.result is None


@given(st.permutations(opinions("recommend", "return", "not_recommend", "recommend", "recommend_with_conditions")))
def test_the_order_of_opinions_does_not_matter(spoken):
    assert review.count(spoken, 3) == review.count(sorted(spoken, key=lambda opinion: opinion.member), 3)


@pytest.mark.parametrize("counted", CAUTION)
@pytest.mark.parametrize("concluded", CAUTION)
def test_the_overall_approver_may_depart_only_towards_more_caution(counted: str, concluded: str):
    count = Count(counted, 0, 0, 0)
    with_reason = rules(review.check_conclusion(count, concluded, reason=True))
    without = rules(review.check_conclusion(count, concluded, reason=False))
    if concluded == counted:
        assert with_reason == without == []
    elif CAUTION.index(concluded) > CAUTION.index(counted):
        assert (with_reason, without) == ([], ["departure_without_reason"])
    else:
        assert with_reason == without == ["less_cautious"]


def test_nothing_is_concluded_without_a_quorum():
    (finding,) = review.check_conclusion(review.count([], 3), "recommend", reason=True)
    assert (finding.rule, finding.severity) == ("quorum", "refusal")


def test_the_quorum_is_lost_when_a_function_or_a_number_is():
    assert not review.quorum_lost("committee", FOUR, {"c"}, STANDARD)
    assert review.quorum_lost("committee", FOUR, {"a"}, STANDARD)
    assert review.quorum_lost("committee", FOUR, {"c", "d"}, STANDARD)


def clerical(change) -> list[str]:
    raw = raw_document()
    old = Document.model_validate(raw)
    change(raw)
    return [finding.path for finding in review.check_clerical(old, Document.model_validate(raw), STANDARD)]


def test_title_names_and_references_are_clerical():
    def change(raw):
        raw["title"] = "Water for three districts"
        raw["outputs"][0]["title"] = "Renamed"
        raw["outputs"][0]["programme_output"] = "CP-2"
        raw["outputs"][0]["indicators"][0]["title"] = "children reached"
        raw["outputs"][0]["activities"][0]["title"] = "Renamed"
        raw["management"][0]["title"] = "Renamed"

    assert clerical(change) == []


def test_dates_within_the_same_quarters_are_clerical():
    assert clerical(lambda raw: raw.update(start="2026-06-15", end="2026-12-31")) == []
    assert clerical(lambda raw: raw.update(start="2026-07-01")) == ["$.document.start"]
    assert clerical(lambda raw: raw.update(end=None)) == ["$.document.end"]


def test_substance_is_not_clerical():
    def change(raw):
        raw["outputs"][0]["activities"][0]["office_cash"] = 1
        raw["management"][0]["office_cash"] = 1
        raw["risks"] = []

    assert clerical(change) == ["$.document.outputs", "$.document.management", "$.document.risks"]


def test_a_renamed_annex_document_is_clerical_and_another_file_is_not():
    raw = raw_document(annexes=[{"annex": "children", "document": "a.pdf", "sha256": "0" * 64}])
    old = Document.model_validate(raw)
    raw["annexes"][0]["document"] = "b.pdf"
    assert review.check_clerical(old, Document.model_validate(raw), STANDARD) == []
    raw["annexes"][0]["sha256"] = "1" * 64
    assert paths(review.check_clerical(old, Document.model_validate(raw), STANDARD), "not_clerical") == ["$.document.annexes"]


@given(st.decimals(0, 10**7, places=2), st.decimals(0, 10**7, places=2))
def test_more_money_never_means_a_lighter_review(one: Decimal, more: Decimal):
    order = ("two_person", "committee")
    assert order.index(review.kind(one, STANDARD).kind) <= order.index(review.kind(one + more, STANDARD).kind)
