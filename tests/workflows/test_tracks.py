"""Both tracks run on the same procedures: the emergency workflows are shells of their own names."""

from typing import Any

import pytest

from schemas.engine import CaseView, Clock
from tests.workflows.conftest import PARTNER, Bench

EMERGENCY: dict[str, tuple[str, str, str, dict[str, Any], str]] = {
    "vetting": (
        "EmergencyVetting",
        PARTNER,
        "drafting",
        {"cases": ["c"], "unconcluded": True, "levels": ["emergency"]},
        "conclude_vetting 1-emergency",
    ),
    "document": ("EmergencyProgrammeDocument", "", "drafting", {}, "office_turn turn-1"),
    "review": ("EmergencyCommitteeReview", "", "in_review", {"kind": "single", "quorum": 1}, "prepare_review"),
    "approval": ("EmergencyApproval", "", "in_approval", {"carried": False}, "approve_document"),
    "cash": ("EmergencyCashTransfer", "", "in_signature", {"reserved": False}, "reserve_funds"),
}


@pytest.mark.parametrize("stage", EMERGENCY)
async def test_an_emergency_stage_opens_its_first_task(bench: Bench, stage: str) -> None:
    workflow, subject, status, facts, first = EMERGENCY[stage]
    bench.effects.view = CaseView(version=1, status=status, track="emergency", clock=Clock(name="test"))
    bench.effects.facts[stage] = facts
    started = await bench.start(workflow, stage, subject or None)
    await started.settled()
    assert await started.open() == [first]


async def test_on_the_emergency_track_programme_and_finance_check_side_by_side(bench: Bench) -> None:
    bench.effects.view = CaseView(version=1, status="signed", track="emergency", clock=Clock(name="test"))
    bench.effects.facts["cash"] = {"reserved": True, "periods": [{"period": 1, "request_from": "2026-01-01T00:00:00+00:00"}]}
    cash = await bench.start("EmergencyCashTransfer", "cash")
    await cash.settled()
    await cash.agreed("request_cash", "submit", "1")
    assert await cash.open() == ["certify_request 1", "check_request 1"]
    await cash.agreed("check_request", "pass", "1")
    assert await cash.open() == ["certify_request 1"]
    await cash.agreed("certify_request", "certify", "1")
    assert await cash.open() == ["release_cash 1"]


async def test_an_emergency_case_starts_emergency_stages(bench: Bench) -> None:
    bench.effects.view = CaseView(version=1, status="received", track="emergency", clock=Clock(name="test"))
    play = await bench.case()
    await play.settled()
    described = await play.stage("document").handle.describe()
    assert described.workflow_type == "EmergencyProgrammeDocument"
