"""The table of rights: whole, and narrow where it has to be."""

import pytest

from policy import access
from policy.access import NAMED, OFFICE, PARTNER_ACTING, READ, TABLE, allows
from schemas.messages import CONFIDENTIAL
from schemas.tasks import CATALOGUE, MESSAGES, PARTNER_ROLES, ROLES, SUBMITTER


def test_every_task_and_every_message_has_its_row() -> None:
    assert {access.decide(kind) for kind in CATALOGUE} | {access.say(message) for message in MESSAGES} <= set(TABLE)
    sealed = [kind.name for kind in (*CATALOGUE.values(), *MESSAGES.values()) if kind.sealed]
    assert sealed
    assert {access.see_sealed(name) for name in sealed} <= set(TABLE)


def test_every_name_of_an_action_is_in_the_table() -> None:
    named = {value for name, value in vars(access).items() if name.isupper() and isinstance(value, str) and "." in value}
    assert named <= set(TABLE)


def test_no_row_names_anybody_who_does_not_exist() -> None:
    known = ROLES | set(access.FUNCTIONS)
    assert {role for row in TABLE.values() for role in row.roles} <= known


def test_every_row_arises_somewhere_and_somebody_may() -> None:
    assert all(row.roles and row.stages and set(row.stages) <= set(access.STAGES) and row.what for row in TABLE.values())


@pytest.mark.parametrize("kind", [kind for kind in CATALOGUE.values() if not kind.sealed], ids=lambda kind: kind.name)
def test_the_roles_of_the_catalogue_may_decide(kind) -> None:  # type: ignore[no-untyped-def]
    assert set(kind.decides) & ROLES <= TABLE[access.decide(kind.name)].roles


def test_reasons_of_the_confidential_class_are_for_three_roles_only() -> None:
    assert {"sanctions", "safeguarding", "fraud", "investigation"} == CONFIDENTIAL
    assert TABLE[access.SEE_CONFIDENTIAL].roles == {"risk_officer", "head_of_office", "auditor"}


@pytest.mark.parametrize("action", sorted(action for action in TABLE if action.startswith("sealed.")))
def test_what_is_sealed_is_read_by_its_own_roles_only(action: str) -> None:
    assert TABLE[action].roles == {"risk_officer", "head_of_office"}


def test_who_only_looks_on_for_the_partner_does_nothing() -> None:
    may = {action for action, row in TABLE.items() if "partner_viewer" in row.roles}
    assert may == {
        access.SEE_REGISTER, access.SEE_CASE, access.SEE_DOCUMENT, access.SEE_TASK, access.SEE_DECISION, access.SEE_OBLIGATION,
        access.SEE_EVENT, access.SEE_PARTNER,
    }  # fmt: skip


def test_the_partner_never_sees_the_inside() -> None:
    inside = (
        access.SEE_INTERNAL, access.SEE_CONFIDENTIAL, access.SEE_LEDGER, access.SEE_OVERVIEW, access.SEE_REJECTED, access.EXPORT_REGISTER,
        access.MANAGE_WEBHOOKS, access.MANAGE_API_KEYS, access.SEE_ACTIVATION,
    )  # fmt: skip
    assert not [action for action in inside if allows(PARTNER_ROLES, action)]


def test_a_machine_neither_decides_nor_says_anything() -> None:
    scopes = set(access.SCOPES.values())
    assert not [action for action in TABLE if action.startswith(("decide.", "say.", "sealed.")) and allows(scopes, action)]
    assert not allows({READ}, access.SEE_INTERNAL)


def test_the_auditor_decides_nothing() -> None:
    delegations = {access.decide("accept_delegation")}  # whom one names
    assert {action for action in TABLE if action.startswith("decide.") and allows({"auditor"}, action)} == delegations


def test_a_higher_authority_acts_for_a_lower_and_the_coordinator_after_a_step_aside() -> None:
    release = access.decide("release_cash")
    assert all(allows({role}, release) for role in ("authorised_officer", "head_of_office", "regional_director"))
    assert allows({"global_emergency_coordinator"}, release)
    assert not allows({"focal_point"}, release)


def test_the_partners_officer_acts_for_its_focal_point_and_not_the_reverse() -> None:
    assert allows({"partner_authorised_officer"}, access.decide("provide_registration"))
    assert not allows({"partner_focal_point"}, access.decide("sign_partner_declaration"))


def test_in_another_office_only_whom_a_task_names_may() -> None:
    may = {holder for holder in ROLES | set(access.FUNCTIONS) for action in TABLE if access.elsewhere(holder, action)}
    assert may == {NAMED}
    assert access.elsewhere(NAMED, access.decide("give_opinion"))
    assert not access.elsewhere(NAMED, access.decide("release_cash"))


def test_who_submitted_a_case_may_correct_a_fact_of_it() -> None:
    assert allows({SUBMITTER}, access.say("correct_fact"))
    assert not allows({SUBMITTER}, access.say("hold"))


def test_anybody_may_report_an_allegation_but_who_only_looks_on() -> None:
    assert TABLE[access.say("report_allegation")].roles == OFFICE | PARTNER_ACTING


def test_an_action_that_there_is_not_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        allows({"head_of_office"}, "case.burn")
