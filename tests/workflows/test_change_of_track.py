"""A case changes track midway, both ways, also in the stage where it is stuck: stages not started run by the new rules, the one that runs
reacts in one place, and nothing is due later than before."""

from datetime import datetime
from typing import Any

import pytest

from schemas.engine import Asked, Batch, CaseView, Clock
from schemas.findings import Finding
from tests.workflows import test_agreement as standard
from tests.workflows.conftest import Bench, Play, Running
from tests.workflows.emergency import (
    HASH,
    ON_BEHALF,
    REASONS,
    REVIEWER,
    SINGLE,
    STATUSES,
    fast,
    in_drafting,
    in_review,
    submit,
)

DECLARED: dict[str, Any] = {"data": {"activation": "XX-L2-2026-01"}, "role": "partnership_manager", "actor": "xx.002"}
RETURNED: dict[str, Any] = {"data": {"reason": "quiet again"}, "role": "partnership_manager", "actor": "xx.002", "comment": "quiet"}


async def declare(play: Play) -> None:
    assert (await play.case.say("declare_emergency", **DECLARED)).counted
    await play.settled()


async def give_back(play: Play) -> None:
    assert (await play.case.say("return_to_standard", **RETURNED)).counted
    await play.settled()


async def dues(stage: Running) -> dict[str, datetime]:
    return {t["kind"]: datetime.fromisoformat(t["due"]) for t in (await stage.state())["tasks"]}


async def first_moments(stage: Running) -> dict[str, datetime]:
    return {t["kind"]: datetime.fromisoformat(t["moments"][0]["at"]) for t in (await stage.state())["tasks"]}


# -- to the fast path -------------------------------------------------------------------------------------------------------------------


async def test_declared_while_the_partner_is_vetted_the_case_asks_for_less(bench: Bench) -> None:
    bench.effects.asked = [Asked(state="waiting")]
    play = await standard.in_drafting(bench)
    assert bench.effects.view.status == "vetting"
    bench.effects.asked = [Asked(state="granted")]
    await declare(play)
    assert bench.effects.recorded("case.track_changed") == [{"from": "standard", "to": "emergency"}]
    assert bench.effects.needs[-1] == "emergency"
    assert bench.effects.view.status == "drafting"
    assert (await play.stage("document").handle.describe()).workflow_type == "EmergencyProgrammeDocument"


async def test_declared_while_drafting_the_stage_that_runs_goes_by_the_new_rules(bench: Bench) -> None:
    play = await standard.in_drafting(bench)
    stage = play.stage("document")
    assert [f.rule for f in (await stage.decide("office_turn", "accept_and_submit", "turn-1", data={"sha256": HASH})).findings] == [
        "wrong_verdict"
    ]
    await declare(play)
    bench.effects.facts["review"] = dict(SINGLE)
    assert (await stage.handle.describe()).workflow_type == "ProgrammeDocument"
    await stage.agreed("office_turn", "accept_and_submit", "turn-1", data={"sha256": HASH})
    await play.settled()
    assert (await play.stage("review").handle.describe()).workflow_type == "EmergencyCommitteeReview"
    assert bench.effects.open() == [f"give_opinion {REVIEWER}", "reserve_funds"]


async def test_declared_while_a_partner_is_silent_the_office_may_accept_on_its_behalf(bench: Bench) -> None:
    play = await standard.in_drafting(bench)
    stage = play.stage("document")
    await stage.agreed("office_turn", "send_to_partner", "turn-1", data={"version": 1, "sha256": HASH})
    assert await stage.open() == ["partner_turn turn-2"]
    await declare(play)
    assert await stage.open() == ["office_turn turn-2", "partner_turn turn-2"]
    await stage.agreed("office_turn", "accept_on_behalf", "turn-2", **ON_BEHALF)
    assert bench.effects.recorded("document.accepted") == [{"side": "partner", "on_behalf": True}]
    assert await stage.open() == ["submit_for_review turn-2"]


async def test_declared_in_review_one_person_of_the_roster_is_asked_instead_of_the_committee(bench: Bench) -> None:
    play = await standard.in_review(bench)
    stage = play.stage("review")
    await stage.agreed("prepare_review", "convene", data={"members": ["xx.011", "xx.012"], "overall_approver": "xx.020"})
    bench.effects.facts["review"] = dict(SINGLE)
    await declare(play)
    assert await stage.open() == [f"give_opinion {REVIEWER}"]
    assert bench.effects.events().count("review.reformed") == 1
    await stage.agreed("give_opinion", "recommend", REVIEWER, actor=REVIEWER, data={})
    await play.settled()
    assert bench.effects.view.status == "in_approval"


async def test_declared_in_review_without_a_roster_the_secretary_names_the_one(bench: Bench) -> None:
    play = await standard.in_review(bench)
    bench.effects.facts["review"] = {"kind": "single", "quorum": 1}
    await declare(play)
    assert await play.stage("review").open() == ["prepare_review to_emergency"]


async def test_declared_in_review_what_the_committee_has_begun_goes_on_where_the_kind_stays(bench: Bench) -> None:
    play = await standard.in_review(bench)
    await declare(play)
    assert await play.stage("review").open() == ["prepare_review"]
    assert bench.effects.open("cash") == ["reserve_funds"]


async def test_declared_in_approval_funds_are_reserved_from_then_on(bench: Bench) -> None:
    play = await standard.in_approval(bench)
    assert bench.effects.open("cash") == []
    await declare(play)
    assert bench.effects.open("cash") == ["reserve_funds"]
    assert bench.effects.open("approval") == ["approve_document"]
    assert (await play.stage("cash").handle.describe()).workflow_type == "EmergencyCashTransfer"


@pytest.mark.parametrize("status", ["drafting", "in_review", "in_approval"])
async def test_a_declaration_brings_what_is_open_forward_and_its_reminders_with_it(bench: Bench, status: str) -> None:
    play = await standard.STATUSES[status](bench)
    stage = play.stage({"drafting": "document", "in_review": "review", "in_approval": "approval"}[status])
    before, moments = await dues(stage), await first_moments(stage)
    await declare(play)
    after = await dues(stage)
    assert all(after[kind] < due for kind, due in before.items())
    assert all(at < moments[kind] for kind, at in (await first_moments(stage)).items())
    await play.later(1.5)
    assert "task.reminded" in bench.effects.events()


async def test_a_declaration_never_moves_what_is_due_sooner(bench: Bench) -> None:
    bench.effects.fast = bench.effects.due_in * 3
    play = await standard.in_review(bench)
    before = await dues(play.stage("review"))
    await declare(play)
    assert await dues(play.stage("review")) == before


async def test_a_declaration_that_the_record_refuses_changes_nothing(bench: Bench) -> None:
    play = await standard.in_drafting(bench)
    bench.effects.refuse = bench.effects.saying("no_activation", on="case.track_changed")
    answer = await play.case.say("declare_emergency", **DECLARED)
    assert [f.rule for f in answer.findings] == ["no_activation"]
    await play.settled()
    assert (await play.stage("document").state())["view"]["track"] == "standard"
    assert bench.effects.open() == ["office_turn turn-1"]


async def test_a_declaration_said_twice_counts_once(bench: Bench) -> None:
    play = await standard.in_drafting(bench)
    first = await play.case.say("declare_emergency", key="d", **DECLARED)
    second = await play.case.say("declare_emergency", key="d", **DECLARED)
    assert (first.counted, second.counted, second.repeated) == (True, True, True)
    assert bench.effects.events().count("case.track_changed") == 1


@pytest.mark.parametrize("status", ["drafting", "in_review"])
async def test_a_case_declared_is_rejected_with_its_partner(bench: Bench, status: str) -> None:
    play = await standard.STATUSES[status](bench)
    await play.case.settled()
    bench.effects.asked = [Asked(state="refused", reason_code="sanctions")]
    bench.effects.refuse = bench.effects.saying("not_yet", on="case.rejected")
    await declare(play)
    assert bench.effects.view.status == status
    bench.effects.refuse = bench.effects.nothing
    await play.case.handle.signal("look_again")
    await play.case.settled()
    assert "case.rejected" in bench.effects.events()


# -- back to the standard track -----------------------------------------------------------------------------------------------------------


async def test_returned_while_drafting_the_case_asks_for_the_full_clearance(bench: Bench) -> None:
    play = await in_drafting(bench)
    assert bench.effects.needs[-1] == "emergency"
    await give_back(play)
    assert bench.effects.needs[-1] == "full"
    assert bench.effects.open() == ["office_turn turn-1"]
    assert bench.effects.view.track == "standard"


async def test_a_case_declared_in_vetting_and_returned_asks_for_the_full_clearance_all_the_same(bench: Bench) -> None:
    bench.effects.asked = [Asked(state="waiting")]
    play = await standard.in_drafting(bench)
    bench.effects.asked = [Asked(state="granted")]
    await declare(play)
    await give_back(play)
    assert bench.effects.needs[-1] == "full"


async def test_returned_while_drafting_the_office_may_accept_on_behalf_no_longer(bench: Bench) -> None:
    play = await in_drafting(bench)
    stage = play.stage("document")
    await stage.agreed("office_turn", "send_to_partner", "turn-1", data={"version": 1, "sha256": HASH})
    assert await stage.open() == ["office_turn turn-2", "partner_turn turn-2"]
    await give_back(play)
    assert await stage.open() == ["partner_turn turn-2"]
    assert [f.rule for f in (await stage.decide("office_turn", "accept_on_behalf", "turn-2", **ON_BEHALF)).findings] == ["task_closed"]
    await stage.agreed("partner_turn", "return_to_office", "turn-2", data={"version": 2, "sha256": HASH})
    assert await stage.open() == ["office_turn turn-3"]


async def test_returned_and_declared_again_in_one_turn_the_partner_has_to_speak_itself(bench: Bench) -> None:
    play = await in_drafting(bench)
    stage = play.stage("document")
    await stage.agreed("office_turn", "send_to_partner", "turn-1", data={"version": 1, "sha256": HASH})
    await give_back(play)
    await declare(play)
    assert await stage.open() == ["partner_turn turn-2"]  # a task that was closed does not open again
    await stage.agreed("partner_turn", "return_to_office", "turn-2", data={"version": 2, "sha256": HASH})
    await stage.agreed("office_turn", "send_to_partner", "turn-3", data={"version": 3, "sha256": HASH})
    assert await stage.open() == ["office_turn turn-4", "partner_turn turn-4"]


async def test_returned_while_drafting_later_stages_are_standard_ones(bench: Bench) -> None:
    play = await in_drafting(bench)
    await give_back(play)
    bench.effects.facts["review"] = {"kind": "full", "quorum": 1}
    await standard.document(play)
    assert (await play.stage("review").handle.describe()).workflow_type == "CommitteeReview"
    assert bench.effects.open() == ["prepare_review"]
    await standard.review(play)
    assert (await play.stage("approval").handle.describe()).workflow_type == "Approval"
    assert bench.effects.open() == ["approve_document"]


async def test_returned_in_review_the_one_person_who_was_asked_still_concludes(bench: Bench) -> None:
    play = await in_review(bench)
    await give_back(play)
    assert await play.stage("review").open() == [f"give_opinion {REVIEWER}"]
    await play.stage("review").agreed("give_opinion", "recommend", REVIEWER, actor=REVIEWER, data={})
    await play.settled()
    assert bench.effects.view.status == "in_approval"
    assert (await play.stage("approval").handle.describe()).workflow_type == "Approval"


async def test_returned_in_review_the_reservation_that_has_begun_goes_on(bench: Bench) -> None:
    play = await in_review(bench)
    await give_back(play)
    assert bench.effects.open("cash") == ["reserve_funds"]
    await play.stage("cash").agreed("reserve_funds", "reserve", data={"number": "F1"})
    await play.stage("review").agreed("give_opinion", "recommend", REVIEWER, actor=REVIEWER, data={})
    await play.settled()
    await play.stage("approval").agreed("approve_document", "approve")
    await play.settled()
    assert bench.effects.counted().count("reserve_funds reserve") == 1
    await standard.sign(play)
    assert bench.effects.open("cash") == ["request_cash 1"]


async def test_returned_in_review_and_then_to_drafting_the_cash_stands_down(bench: Bench) -> None:
    play = await in_review(bench)
    await give_back(play)
    await play.stage("review").agreed("give_opinion", "return", REVIEWER, actor=REVIEWER, **REASONS)
    await play.settled()
    assert bench.effects.open() == ["office_turn turn-1"]


async def test_a_return_that_comes_too_late_is_refused_and_the_case_finishes_fast(bench: Bench) -> None:
    play = await STATUSES["in_approval"](bench)
    bench.effects.refuse = bench.effects.saying("stage_started", on="case.track_changed")
    assert [f.rule for f in (await play.case.say("return_to_standard", **RETURNED)).findings] == ["stage_started"]
    await play.settled()
    assert (await play.stage("approval").state())["view"]["track"] == "emergency"
    assert bench.effects.open("cash") == ["reserve_funds"]


@pytest.mark.parametrize("status", ["drafting", "in_review"])
async def test_a_return_closes_the_confirmation_of_the_fast_track(bench: Bench, status: str) -> None:
    play = await STATUSES[status](bench)
    await give_back(play)
    assert await play.case.open() == []
    assert (await play.case.say("raise_concern", data={"text": "slow"})).counted


async def test_invariant_9_a_change_of_track_that_is_malformed_changes_nothing(bench: Bench) -> None:
    play = await standard.in_drafting(bench)
    await play.case.handle.signal("message", {"kind": "declare_emergency", "actor": 7})
    await play.case.handle.signal("declare_emergency", {"activation": "XX-L2-2026-01"})
    await play.case.settled()
    assert len(bench.effects.unreadable()) == 2
    assert bench.effects.view.track == "standard"


async def test_a_review_that_changes_track_after_it_was_submitted_twice_is_asked_once(bench: Bench) -> None:
    play = await in_drafting(bench)
    await give_back(play)
    await declare(play)
    await submit(play)
    assert bench.effects.open("review") == [f"give_opinion {REVIEWER}"]


async def test_a_stage_started_alone_on_the_fast_path_follows_a_view_of_the_other_track(bench: Bench) -> None:
    bench.effects.view = fast("drafting")
    stage = await bench.start("EmergencyProgrammeDocument", "document")
    await stage.agreed("office_turn", "send_to_partner", "turn-1", data={"version": 1, "sha256": HASH})
    view = CaseView(version=7, status="drafting", track="standard", clock=Clock(name="test"))
    await stage.handle.signal("case_changed", view)
    await stage.settled()
    assert await stage.open() == ["partner_turn turn-2"]


# -- revoked before the case was on its track --------------------------------------------------------------------------------------------


async def test_an_activation_revoked_while_the_case_was_at_the_door_leaves_a_standard_case_that_drafts_beside_its_vetting(
    bench: Bench,
) -> None:
    def revoked(batch: Batch) -> list[Finding]:
        if any(event.type == "case.track_set" for event in batch.events):
            bench.effects.change(track="standard")  # the record returns it in the same write
        return []

    bench.effects.view, bench.effects.refuse, bench.effects.asked = fast(), revoked, [Asked(state="waiting")]
    bench.effects.facts["review"] = {"kind": "full", "quorum": 1}
    play = await bench.case()
    await play.settled()
    assert (bench.effects.view.status, bench.effects.view.track) == ("drafting", "standard")
    assert bench.effects.needs == ["full"]
    assert (await play.stage("document").handle.describe()).workflow_type == "ProgrammeDocument"
    assert bench.effects.open("document") == ["office_turn turn-1"]
    await play.case.handle.signal("look_again")
    await play.settled()
    assert await play.case.open() == []  # its fast track is nobody's to confirm
