"""Delegations."""

from datetime import date

import pytest

from policy import delegation
from schemas.office import DelegationEntry
from tests.policy.facts import office, rules

DAY = date(2026, 3, 10)


def entry(**changes) -> DelegationEntry:
    return DelegationEntry.model_validate(
        {"principal": "ke.head", "delegate": "ke.deputy", "roles": ["head_of_office"], "from": "2026-03-01", "to": "2026-03-31"} | changes
    )


def check(*entries: DelegationEntry, role: str = "head_of_office", day: date = DAY, signing: bool = False) -> list[str]:
    return rules(delegation.check(entries, delegate="ke.deputy", principal="ke.head", role=role, day=day, signing=signing))


def test_a_delegate_acts_in_the_named_roles_between_the_dates():
    assert check(entry()) == []
    for day in (date(2026, 3, 1), date(2026, 3, 31)):
        assert check(entry(), day=day) == []


@pytest.mark.parametrize(
    ("changes", "more", "rule"),
    [
        ({}, {"day": date(2026, 4, 1)}, "delegation_not_in_force"),
        ({}, {"day": date(2026, 2, 28)}, "delegation_not_in_force"),
        ({}, {"role": "budget_owner"}, "delegation_other_role"),
        ({"accepted": False}, {}, "delegation_not_accepted"),
        ({}, {"signing": True}, "delegation_not_written"),
    ],
)
def test_each_condition_of_a_delegation(changes, more, rule):
    assert check(entry(**changes), **more) == [rule]


def test_signing_needs_a_written_delegation():
    assert check(entry(sign=True), signing=True) == []


def test_without_a_delegation_nobody_acts_for_another():
    assert check() == ["no_delegation"]


def test_of_several_entries_the_best_speaks():
    assert check(entry(accepted=False, roles=["budget_owner"]), entry()) == []
    assert check(entry(accepted=False, roles=["budget_owner"]), entry(accepted=False)) == ["delegation_not_accepted"]


def test_delegates_are_those_in_force():
    entries = (entry(), entry(delegate="ke.focal"), entry(delegate="ke.deputy"), entry(delegate="x", accepted=False))
    assert delegation.delegates(entries, "ke.head", "head_of_office", DAY) == ("ke.deputy", "ke.focal")
    assert delegation.delegates(entries, "ke.other", "head_of_office", DAY) == ()


def new(others=(), **changes) -> list[str]:
    return rules(delegation.check_new(entry(**changes), others, office()))


def test_a_good_delegation_can_be_entered():
    assert new() == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"principal": "nobody"}, ["unknown_actor"]),
        ({"delegate": "nobody"}, ["unknown_actor"]),
        ({"delegate": "ke.head"}, ["delegation_to_self"]),
        ({"from": "2026-04-01"}, ["delegation_dates"]),
        ({"roles": ["head_of_office", "finance_officer"]}, ["delegation_role_not_held"]),
        ({"from": "2027-01-01", "to": "2027-01-31"}, ["delegation_role_not_held"]),
        ({"delegate": "p.officer"}, ["delegation_across_sides"]),
    ],
)
def test_a_delegation_that_cannot_be(changes, expected):
    assert new(**changes) == expected


def test_what_was_delegated_is_not_passed_on():
    chain = [entry(principal="ke.focal", delegate="ke.head")]
    assert new(chain) == ["delegation_chain"]
    assert new([entry(principal="ke.focal", delegate="ke.head", to="2026-02-28", **{"from": "2026-02-01"})]) == []
