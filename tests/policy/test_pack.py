"""The packs: what they hold, that they are frozen, and how they are read."""

from datetime import date
from decimal import Decimal

import pytest

from policy.pack import STATUSES, Pack, UnknownRule, catalogue, diff, in_force, load, parse, readable, show
from tests.policy.facts import EMERGENCY, STANDARD

PACKS = [pytest.param(pack, id=pack.id) for pack in catalogue()]


@pytest.mark.parametrize("pack", PACKS)
def test_every_rule_task_and_obligation_has_unit_source_and_status(pack: Pack):
    for row in show(pack):
        assert row.unit
        assert row.source
        assert row.status in STATUSES


def test_the_two_packs_hold_every_kind_of_task_of_the_casebook():
    numbers = {task.number for pack in (STANDARD, EMERGENCY) for task in pack.tasks.values()}
    assert numbers == set(range(1, 57))


def test_task_days_differ_by_track():
    assert (STANDARD.task("give_opinion").days, EMERGENCY.task("give_opinion").days) == (5, 2)
    assert (STANDARD.task("partner_turn").days, STANDARD.task("partner_turn").holder) == (4, "partner")
    assert STANDARD.task("meet_obligation").days is None


def test_a_kind_the_track_does_not_know_has_no_row():
    with pytest.raises(UnknownRule, match="confirm_emergency_track"):
        STANDARD.task("confirm_emergency_track")


def test_stage_days_add_up_to_the_budgets_of_both_tracks():
    def to_signature(pack: Pack) -> int:
        days = pack["stage.days"]
        beside = 0 if pack["parallel"] else days["vetting"]
        return int(beside + days["document"] + days["review"] + days["approval"] + days["signature"])

    assert to_signature(STANDARD) == 42
    assert to_signature(EMERGENCY) == 10


def test_values_are_decimals_and_cannot_be_changed():
    assert STANDARD["budget.support_cost_percent"] == Decimal("7.0")
    assert isinstance(STANDARD.number("document.threshold_usd"), Decimal)
    with pytest.raises(TypeError):
        STANDARD["review.quorum"]["committee"] = 1
    with pytest.raises(TypeError):
        STANDARD.rules["x"] = None  # type: ignore[index]


def test_the_hash_is_that_of_every_character():
    assert parse(STANDARD.text).sha256 == STANDARD.sha256
    assert parse(STANDARD.text + "\n").sha256 != STANDARD.sha256


def test_an_unknown_name_is_an_error_that_says_which():
    with pytest.raises(UnknownRule, match="no rule nothing"):
        STANDARD["nothing"]
    with pytest.raises(UnknownRule, match="no obligation nothing"):
        STANDARD.obligation("nothing")
    with pytest.raises(UnknownRule, match="no pack nothing"):
        load("nothing")


def test_a_status_of_another_name_is_refused():
    with pytest.raises(ValueError, match="guessed"):
        parse(STANDARD.text.replace('status = "confirmed"', 'status = "guessed"', 1))


def test_an_assumed_figure_is_never_cited_as_policy():
    assert STANDARD.source("approval.ladder") == "office setting (approval.ladder)"
    assert STANDARD.source("budget.support_cost_percent") == "PCA 6.2 (budget.support_cost_percent)"


def test_the_latest_pack_in_force_on_the_day_is_taken():
    later = parse(STANDARD.text.replace("2026-01-01", "2026-07-01").replace('id = "standard-2026-01"', 'id = "standard-2026-07"'))
    packs = (STANDARD, later, EMERGENCY)
    assert in_force(packs, "standard", date(2026, 6, 30)) is STANDARD
    assert in_force(packs, "standard", date(2026, 7, 1)) is later
    with pytest.raises(UnknownRule, match="no standard pack"):
        in_force(packs, "standard", date(2025, 12, 31))


def test_the_two_tracks_side_by_side_show_what_differs_only():
    found = {(line.section, line.id): (line.left, line.right) for line in diff(STANDARD, EMERGENCY)}
    assert found["rules", "target.signature_days"] == ("45", "15")
    assert found["rules", "activation.longest_months"] == ("", "3")
    assert ("rules", "budget.support_cost_percent") not in found
    assert diff(STANDARD, STANDARD) == []


def test_values_read_as_people_write_them():
    assert readable(STANDARD["document.threshold_usd"]) == "100,000"
    assert readable(STANDARD["parallel"]) == "no"
    assert readable(STANDARD["review.quorum"]).startswith("committee: 3, two_person: 2")
    assert readable(STANDARD["approval.ladder"]).startswith("(role: authorised_officer, up_to_usd: 500,000)")


def test_what_is_never_deferred_is_in_no_list_of_deferrable_elements():
    assert STANDARD["vetting.deferrable"] == ()
    assert not {"screening", "declaration", "conflict_of_interest", "red_flag"} & set(EMERGENCY["vetting.deferrable"])
