"""The closed tables of case and umbrella."""

import pytest

from policy.transitions import (
    AFTER_LAST_SIGNATURE,
    BEFORE_LAST_SIGNATURE,
    CASE,
    CASE_STATUSES,
    ENDS,
    GUARDS,
    STAYS,
    UMBRELLA,
    UMBRELLA_STATUSES,
    move,
    possible,
)
from schemas.findings import Finding
from tests.policy.facts import rules

EVERYTHING = dict.fromkeys(GUARDS, True)
TRIGGERS = sorted({row.trigger for row in CASE})

ALLOWED = {
    ("received", "vetting"), ("received", "drafting"), ("vetting", "drafting"), ("vetting", "rejected"), ("drafting", "rejected"),
    ("received", "rejected"), ("in_review", "rejected"), ("in_approval", "rejected"), ("in_signature", "rejected"),
    ("drafting", "in_review"), ("drafting", "in_approval"), ("in_review", "in_approval"), ("in_review", "drafting"),
    ("in_approval", "drafting"), ("in_signature", "drafting"), ("in_approval", "in_signature"), ("in_signature", "signed"),
    ("in_approval", "signed"),  # the activation of a contingency document: signed before
    ("signed", "active"), ("signed", "expired"), ("active", "ended"), ("ended", "closed"), ("signed", "terminated"),
    ("active", "terminated"), ("drafting", "cancelled"), ("in_review", "cancelled"), ("in_approval", "cancelled"),
    ("in_signature", "cancelled"), *((status, "withdrawn") for status in BEFORE_LAST_SIGNATURE),
}  # fmt: skip


@pytest.mark.parametrize("source", CASE_STATUSES)
@pytest.mark.parametrize("target", CASE_STATUSES)
def test_every_pair_of_statuses_is_allowed_or_refused_as_the_table_says(source: str, target: str):
    reached = {move(CASE, source, trigger, EVERYTHING, to=target).to for trigger in TRIGGERS}
    stays = target == source and any(row.to == STAYS for row in possible(CASE, source))
    assert (target in reached) == ((source, target) in ALLOWED or stays)


@pytest.mark.parametrize("source", CASE_STATUSES)
@pytest.mark.parametrize("trigger", TRIGGERS)
def test_invariant_7_an_unlisted_move_is_refused_whatever_the_facts(source: str, trigger: str):
    if any(source in row.sources and row.trigger == trigger for row in CASE):
        return
    answer = move(CASE, source, trigger, EVERYTHING)
    assert not answer.allowed
    assert rules(answer.findings) == ["not_allowed"]


@pytest.mark.parametrize("row", CASE + UMBRELLA, ids=lambda row: f"{row.trigger}-{row.to}")
def test_invariant_7_all_unmet_guards_are_told_at_once(row):
    table = CASE if row in CASE else UMBRELLA
    for source in row.sources:
        answer = move(table, source, row.trigger, {}, to=source if row.to == STAYS else row.to)
        assert answer.to is None
        assert rules(answer.findings) == list(row.guards)
        assert all(finding.message and finding.source for finding in answer.findings)


@pytest.mark.parametrize("status", ENDS)
def test_nothing_leads_out_of_an_end(status: str):
    assert possible(CASE, status) == []
    assert move(CASE, status, "withdraw", EVERYTHING).findings[0].next_step == "This status is an end."


def test_overlays_leave_the_status():
    assert move(CASE, "drafting", "hold", EVERYTHING).to == "drafting"
    assert move(CASE, "active", "suspend", EVERYTHING).to == "active"


def test_hold_is_before_and_suspension_after_the_last_signature():
    for status in AFTER_LAST_SIGNATURE:
        assert rules(move(CASE, status, "hold", EVERYTHING).findings) == ["not_allowed"]
    for status in BEFORE_LAST_SIGNATURE:
        assert rules(move(CASE, status, "suspend", EVERYTHING).findings) == ["not_allowed"]


def test_the_track_decides_where_a_received_case_goes():
    assert move(CASE, "received", "track_set", {"standard_track": True}).to == "vetting"
    assert move(CASE, "received", "track_set", {"emergency_track": True}).to == "drafting"
    assert rules(move(CASE, "received", "track_set", {"emergency_track": True}, to="vetting").findings) == ["standard_track"]


def test_a_guard_may_bring_its_own_findings_and_warnings_do_not_bar():
    own = Finding(rule="no_target", message="Indicator 1.1.a has no target.")
    told = Finding(rule="share", severity="warning")
    facts = EVERYTHING | {"content": [own, told]}
    assert move(CASE, "drafting", "submit_for_review", facts).findings == (own,)
    assert move(CASE, "drafting", "submit_for_review", EVERYTHING | {"content": [told]}).to == "in_review"


def test_what_time_or_another_person_will_meet_is_a_wait():
    answer = move(CASE, "signed", "conditions_met", {"umbrella_signed": True, "not_contingency": True, "conditions_before_start": True})
    assert {finding.rule: finding.severity for finding in answer.findings} == {"start_reached": "wait", "reservation": "wait"}


@pytest.mark.parametrize("source", UMBRELLA_STATUSES)
@pytest.mark.parametrize("target", UMBRELLA_STATUSES)
def test_every_pair_of_umbrella_statuses_is_allowed_or_refused_as_the_table_says(source: str, target: str):
    allowed = {
        ("draft", "signed"), ("draft", "cancelled"), ("signed", "suspended"), ("suspended", "signed"), ("signed", "terminated"),
        ("suspended", "terminated"), ("signed", "ended"), ("suspended", "ended"),
    }  # fmt: skip
    reached = {move(UMBRELLA, source, row.trigger, EVERYTHING, to=target).to for row in UMBRELLA}
    assert (target in reached) == ((source, target) in allowed)


def test_a_refused_target_names_it():
    assert "to closed" in move(CASE, "draft", "submit_for_review", {}, to="closed").findings[0].message
