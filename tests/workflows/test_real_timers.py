"""Reminders and escalation by the timers of the server itself: one stage each, on a server whose time is skipped.

Time is skipped for one workflow without children, so every stage is started alone; all else is tested on the practice clock.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.common import SearchAttributeKey
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from embedded.servers import temporal_program
from schemas.engine import CaseView
from schemas.search_attributes import SEARCH_ATTRIBUTES
from tests.workflows.conftest import PARTNER, UMBRELLA, Bench, running
from tests.workflows.fakes import FakeEffects

STAGES: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "vetting": ("Vetting", PARTNER, "drafting", {"cases": ["c"], "unconcluded": True, "levels": ["full"]}),
    "document": ("ProgrammeDocument", "", "drafting", {}),
    "review": ("CommitteeReview", "", "in_review", {"kind": "full", "quorum": 3}),
    "approval": ("Approval", "", "in_approval", {"carried": False}),
    "cash": ("CashTransfer", "", "in_signature", {"reserved": False}),
    "obligations": ("Obligations", PARTNER, "active", {"conditions": [{"id": "c1", "owner_role": "focal_point"}]}),
}
"""Type, subject (empty: the case), status of the case, facts."""


@pytest.fixture(scope="module")
async def skipping() -> AsyncIterator[WorkflowEnvironment]:
    async with await WorkflowEnvironment.start_time_skipping_v2(
        data_converter=pydantic_data_converter,
        search_attributes=[getattr(SearchAttributeKey, f"for_{kind.lower()}")(name) for name, kind in SEARCH_ATTRIBUTES.items()],
        dev_server_existing_path=str(temporal_program()),
        dev_server_extra_args=[
            "--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true",
            "--dynamic-config-value", 'history.timerProcessorMaxTimeShift="10ms"',
        ],
    ) as env:  # fmt: skip
        yield env


@pytest.mark.parametrize("stage", STAGES)
async def test_a_reminder_and_an_escalation_fall_by_real_timers(skipping: WorkflowEnvironment, stage: str) -> None:
    workflow, subject, status, facts = STAGES[stage]
    effects = FakeEffects(view=CaseView(version=1, status=status))
    effects.facts[stage] = facts
    async with running(skipping.client, effects) as queue:
        bench = Bench(skipping.client, queue, effects)
        bench.lives = None
        with skipping.with_time_skipping_disabled():  # else it would race to its deadlines before anybody could look
            started = await bench.start(workflow, stage, subject or None)
        await started.settled()
        await skipping.fast_forward(started.handle, timedelta(days=3.5))
        assert effects.events().count("task.reminded") == 1
        await skipping.fast_forward(started.handle, timedelta(days=3))
        assert effects.events().count("task.escalated") == 1
        assert len(await started.open()) == 1  # silence decides nothing
        await started.handle.terminate()


async def test_a_pca_ends_by_a_real_timer(skipping: WorkflowEnvironment) -> None:
    effects = FakeEffects(ending={"umbrella.ended": ("umbrella", "ended")})
    effects.facts["umbrella"] = {"status": "signed", "ends_at": (datetime.now(UTC) + timedelta(days=30)).isoformat()}
    async with running(skipping.client, effects) as queue:
        bench = Bench(skipping.client, queue, effects)
        bench.lives = None
        with skipping.with_time_skipping_disabled():
            started = await bench.start("Umbrella", "umbrella", UMBRELLA)
        await started.settled()
        await skipping.fast_forward(started.handle, timedelta(days=31))
        assert (await started.outcome()).result == "ended"
