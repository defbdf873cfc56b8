"""Segregation of duties: every pair, both ways round, one person or two."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.segregation import DUTIES, EXCLUDES, SECOND_PERSON, Act, duties, objections
from tests.policy.facts import rules

KIND_OF = {
    "submitter": Act(actor="", kind="submit_case"),
    "reviewer": Act(actor="", kind="give_opinion", role="committee_member", verdict="recommend"),
    "approver": Act(actor="", kind="approve_document", role="head_of_office", verdict="approve"),
    "signer": Act(actor="", kind="sign_for_office", role="head_of_office", verdict="sign"),
    "releaser": Act(actor="", kind="release_cash", role="authorised_officer", verdict="release"),
    "bank": Act(actor="", kind="confirm_bank_account", role="finance_officer", verdict="confirm"),
    "hit": Act(actor="", kind="dispose_screening_hit", role="risk_officer", verdict="false_positive"),
    "focal_point": Act(actor="", kind="act_as_focal_point"),
    "recorder": Act(actor="", kind="sign_as_partner", role="focal_point", verdict="sign"),
    "vetting": Act(actor="", kind="conclude_vetting", role="partnership_manager", verdict="clear"),
}


def attempt(acts: list[Act], act: Act, actor: str, **more) -> list[str]:
    return rules(objections(acts, actor, act.kind, act.verdict, role=act.role, **more))


@pytest.mark.parametrize(("pair", "rule"), [pytest.param(pair, rule, id=rule) for pair, (rule, _) in EXCLUDES.items()])
def test_invariant_6_no_one_holds_both_duties_whatever_the_order(pair, rule):
    for first, second in (pair, tuple(reversed(pair))):
        done = KIND_OF[first].model_copy(update={"actor": "ann"})
        assert rule in attempt([done], KIND_OF[second], "ann")
        assert attempt([done], KIND_OF[second], "ben") == []


@pytest.mark.parametrize(("pair", "rule"), [pytest.param(pair, rule, id=rule) for pair, (rule, _) in EXCLUDES.items()])
def test_invariant_6_a_delegate_and_the_principal_are_one_person(pair, rule):
    first, second = pair
    by_principal = KIND_OF[first].model_copy(update={"actor": "ann"})
    assert rule in attempt([by_principal], KIND_OF[second], "ben", principal="ann")
    by_delegate = KIND_OF[first].model_copy(update={"actor": "ben", "principal": "ann"})
    assert rule in attempt([by_delegate], KIND_OF[second], "ann")
    assert rule in attempt([by_delegate], KIND_OF[second], "ben")
    told = KIND_OF[first].model_copy(update={"actor": "ben", "on_behalf_of": "ann"})
    assert rule in attempt([told], KIND_OF[second], "ann")


def test_the_approver_may_sign():
    assert attempt([KIND_OF["approver"].model_copy(update={"actor": "head"})], KIND_OF["signer"], "head") == []


def test_the_first_case_needs_a_second_authorised_officer_to_release():
    approved = Act(actor="ke.officer.1", role="authorised_officer", kind="approve_document", verdict="approve")
    assert attempt([approved], KIND_OF["releaser"], "ke.officer.1") == ["approver_releases"]
    assert attempt([approved], KIND_OF["releaser"], "ke.officer.2") == []


def test_who_recused_has_not_reviewed():
    recused = Act(actor="ann", role="committee_member", kind="give_opinion", verdict="recuse")
    assert attempt([recused], KIND_OF["approver"], "ann") == []
    submitted = Act(actor="ann", kind="submit_case")
    assert rules(objections([submitted], "ann", "give_opinion", "recuse")) == []


def test_acting_for_the_partner_makes_a_recorder():
    assert "recorder" in duties(Act(actor="a", role="focal_point", kind="sign_partner_declaration", verdict="sign"))
    assert "recorder" in duties(Act(actor="a", role="budget_owner", kind="office_turn", verdict="accept_on_behalf"))
    assert "recorder" not in duties(Act(actor="a", role="partner_authorised_officer", kind="sign_as_partner", verdict="sign"))
    assert "recorder" not in duties(Act(actor="a", role="head_of_office", kind="approve_document", verdict="approve", on_behalf_of="b"))


def test_accepting_and_submitting_in_one_act_is_submitting():
    act = Act(actor="ann", role="budget_owner", kind="office_turn", verdict="accept_and_submit")
    assert attempt([act], KIND_OF["approver"], "ann") == ["submitter_approves"]


@pytest.mark.parametrize(("pair", "rule"), [pytest.param(pair, rule, id=rule) for pair, (rule, _) in SECOND_PERSON.items()])
def test_the_second_step_is_another_persons(pair, rule):
    for first, second in (pair, tuple(reversed(pair))):
        assert rule in rules(objections([Act(actor="ann", kind=first, whom="x")], "ann", second, whom="x"))
        assert rule not in rules(objections([Act(actor="ann", kind=first, whom="x")], "ben", second, whom="x"))


def test_another_hit_or_obligation_may_be_checked_by_the_same_person():
    assert objections([Act(actor="ann", kind="dispose_screening_hit", whom="h1")], "ann", "second_check_hit", whom="h2") == []
    assert rules(objections([Act(actor="ann", kind="dispose_screening_hit", whom="h1:again")], "ann", "second_check_hit", whom="h1")) == [
        "second_person_hit"
    ]
    assert rules(objections([Act(actor="ann", kind="set_up_vendor", whom="1")], "ann", "confirm_bank_account", whom="2")) == [
        "second_person_bank"
    ]


def test_nobody_counts_twice_in_a_quorum():
    own = Act(actor="ann", kind="give_opinion", verdict="recommend", whom="ann", round=1)
    for_ben = {"whom": "ben", "round": 1}
    assert rules(objections([own], "ann", "give_opinion", "recommend", "ben", **for_ben)) == ["counted_twice"]
    assert objections([own], "cyr", "give_opinion", "recommend", "ben", **for_ben) == []
    assert objections([own], "ann", "give_opinion", "recommend", whom="ann", round=2) == []
    assert objections([own], "ann", "give_opinion", "recuse", "ben", **for_ben) == []


def test_every_objection_is_told_once_with_its_source_and_next_step():
    acts = [KIND_OF[name].model_copy(update={"actor": "ann"}) for name in ("submitter", "reviewer", "recorder", "hit")] * 2
    found = objections(acts, "ann", "approve_document", "approve")
    assert sorted(rules(found)) == ["hit_approver", "recorder_approves", "reviewer_approves", "submitter_approves"]
    assert all(finding.source and finding.next_step and finding.path == "$.actor" for finding in found)


KINDS = sorted(DUTIES)
ACTS = st.lists(st.builds(Act, actor=st.sampled_from("abc"), kind=st.sampled_from(KINDS), verdict=st.just("approve")), max_size=6)


@given(ACTS, st.sampled_from("abc"), st.sampled_from(KINDS))
def test_the_order_of_acts_does_not_matter(acts: list[Act], actor: str, kind: str):
    assert set(rules(objections(acts, actor, kind))) == set(rules(objections(list(reversed(acts)), actor, kind)))


@given(ACTS, st.sampled_from("abc"), st.sampled_from(KINDS), st.sampled_from("abc"))
def test_more_acts_or_a_principal_never_remove_an_objection(acts: list[Act], actor: str, kind: str, other: str):
    alone = set(rules(objections(acts[:3], actor, kind)))
    assert alone <= set(rules(objections(acts, actor, kind)))
    assert alone <= set(rules(objections(acts[:3], actor, kind, "", other)))


@given(st.permutations(KINDS))
def test_invariant_6_one_person_alone_can_never_take_a_case_from_submission_to_payment(order: list[str]):
    """Whatever is tried in whatever order: what counts never holds two duties that exclude each other."""
    counted: list[Act] = []
    for kind in order:
        if not objections(counted, "ann", kind):
            counted.append(Act(actor="ann", kind=kind))
    held = set().union(*(duties(act) for act in counted))
    assert not any({one, other} <= held for one, other in EXCLUDES)
    assert not any({first, second} <= {act.kind for act in counted} for first, second in SECOND_PERSON)


def test_obligations_of_one_case_are_different_things() -> None:
    gave = Act(actor="xx.1", role="focal_point", kind="meet_obligation", verdict="submit_evidence", whom="KEN/2026/0007:psea_plan")
    other = objections([gave], "xx.1", "check_obligation_evidence", "accept", whom="KEN/2026/0007:waived_report:2 after k1")
    same = objections([gave], "xx.1", "check_obligation_evidence", "accept", whom="KEN/2026/0007:psea_plan after k1")
    assert other == []
    assert [finding.rule for finding in same] == ["owner_verifies"]
