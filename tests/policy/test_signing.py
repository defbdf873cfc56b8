"""What a pack takes without a signature, and what it never does."""

import pytest

from policy.pack import Pack, parse
from policy.signing import unsigned
from schemas.tasks import CATALOGUE, MESSAGES, ROLES
from tests.policy.facts import EMERGENCY, STANDARD

PACKS = [pytest.param(pack, id=pack.id) for pack in (STANDARD, EMERGENCY)]

SIGNED_TASKS = {
    "confirm_emergency_track", "dispose_screening_hit", "second_check_hit", "sign_partner_declaration", "verify_partner_profile",
    "assess_core_values", "assess_psea", "assess_hact", "weigh_partner_flag", "resolve_conflict_of_interest", "set_up_vendor",
    "confirm_bank_account", "conclude_vetting", "consolidate_recommendation", "ratify_emergency_review", "prepare_activation",
    "approve_pca", "approve_document", "approve_activation", "sign_as_partner", "sign_for_office", "reserve_funds", "request_cash",
    "certify_request", "check_request", "release_cash", "decide_report_waiver", "resolve_payment_problem", "submit_report",
    "review_report_programme", "review_report_finance", "meet_obligation", "check_obligation_evidence", "decide_obligation",
    "decide_suspension", "decide_termination", "decide_at_activation_end", "confirm_correction", "accept_delegation",
    "assign_focal_point",
}  # fmt: skip
SIGNED_MESSAGES = {
    "withdraw", "cancel", "hold", "resume", "suspend", "lift", "request_lift", "propose_termination", "declare_emergency",
    "return_to_standard", "reassign_focal_point", "reassign", "correct_fact", "flag_partner",
}  # fmt: skip
SIGNED_ROLES = {
    "authorised_officer", "head_of_office", "regional_director", "global_emergency_coordinator", "finance_officer", "vendor_officer",
    "risk_officer", "overall_approver",
}  # fmt: skip


@pytest.mark.parametrize("pack", PACKS)
def test_what_the_pack_lists_exists(pack: Pack):
    assert set(pack["unsigned.tasks"]) <= CATALOGUE.keys()
    assert set(pack["unsigned.messages"]) <= MESSAGES.keys()
    assert set(pack["unsigned.roles"]) <= ROLES


@pytest.mark.parametrize("pack", PACKS)
def test_approval_signature_money_vetting_obligations_and_stops_are_always_signed(pack: Pack):
    for kind in SIGNED_TASKS:
        for role in CATALOGUE[kind].decides:
            assert unsigned(pack, role=role, task=kind), (kind, role)
    for name in SIGNED_MESSAGES:
        for role in MESSAGES[name].who:
            assert unsigned(pack, role=role, message=name), (name, role)


@pytest.mark.parametrize("pack", PACKS)
def test_who_decides_on_money_or_approves_always_signs(pack: Pack):
    for role in SIGNED_ROLES:
        found = unsigned(pack, role=role, message="note")
        assert [f.rule for f in found] == ["unsigned"], role


@pytest.mark.parametrize("pack", PACKS)
def test_drafting_and_opinions_may_come_unsigned(pack: Pack):
    assert unsigned(pack, role="focal_point", task="office_turn") == []
    assert unsigned(pack, role="partner_focal_point", task="partner_turn") == []
    assert unsigned(pack, role="committee_member", task="give_opinion") == []
    assert unsigned(pack, role="partner_focal_point", message="raise_concern") == []


def test_a_kind_and_a_role_that_are_not_listed_are_both_named():
    kind, role = unsigned(STANDARD, role="head_of_office", task="sign_for_office")
    assert ("sign_for_office" in kind.message, "head_of_office" in role.message) == (True, True)
    assert (kind.path, kind.source) == ("$.proof", "office setting (unsigned.tasks)")


def test_a_pack_of_before_takes_nothing_unsigned():
    """A case that pinned such a pack goes on under it."""
    old = parse("\n".join(line for line in STANDARD.text.splitlines() if not line.startswith('"unsigned.')))
    assert "unsigned.tasks" not in old.rules
    assert [f.rule for f in unsigned(old, role="focal_point", task="office_turn")] == ["unsigned", "unsigned"]
