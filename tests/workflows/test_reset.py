"""A reset repairs code, never a decision: the record wins over a run that has forgotten what it was told."""

import uuid

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType, ResetReapplyExcludeType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest

from tests.workflows.conftest import Bench, Running

HASH = "a" * 64
FORGET = [ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL, ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_UPDATE]


async def reset_to_the_beginning(bench: Bench, running: Running, forget: bool) -> None:
    """To the first workflow task; what was said later is said again by the server, or forgotten."""
    completed = [
        e.event_id async for e in running.handle.fetch_history_events() if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    ]
    await bench.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=bench.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=running.handle.id),
            reason="a test",
            workflow_task_finish_event_id=completed[0],
            request_id=str(uuid.uuid4()),
            reset_reapply_exclude_types=FORGET if forget else [],
        )
    )
    running.handle = bench.client.get_workflow_handle(running.handle.id)


@pytest.mark.parametrize("forget", [False, True], ids=["said again", "forgotten"])
async def test_invariant_10_a_reset_document_decides_nothing_twice_and_goes_on_where_it_was(bench: Bench, forget: bool) -> None:
    stage = await bench.start("ProgrammeDocument", "document")
    await stage.agreed("office_turn", "send_to_partner", "turn-1", data={"version": 1, "sha256": HASH})
    await stage.agreed("partner_turn", "return_to_office", "turn-2", data={"version": 2, "sha256": HASH})
    events = bench.effects.events()
    await reset_to_the_beginning(bench, stage, forget)
    await stage.settled()
    assert bench.effects.events() == events
    assert await stage.open() == ["office_turn turn-3"]
    await stage.agreed("office_turn", "accept", "turn-3", data={"sha256": HASH})
    await stage.agreed("submit_for_review", "submit", "turn-3")
    assert (await stage.outcome()).result == "submitted"


@pytest.mark.parametrize("forget", [False, True], ids=["said again", "forgotten"])
async def test_invariant_3_a_reset_cash_transfer_sends_no_order_that_was_not_recorded(bench: Bench, forget: bool) -> None:
    bench.effects.view = bench.effects.view.model_copy(update={"status": "signed"})
    bench.effects.facts["cash"] = {"reserved": True, "periods": [{"period": 1, "request_from": "2026-01-01T00:00:00+00:00"}]}
    stage = await bench.start("CashTransfer", "cash")
    for kind, verdict in (
        ("request_cash", "submit"),
        ("certify_request", "certify"),
        ("check_request", "pass"),
        ("release_cash", "release"),
    ):
        await stage.settled()
        await stage.agreed(kind, verdict, "1")
    await stage.settled()
    await reset_to_the_beginning(bench, stage, forget)
    await stage.settled()
    assert bench.effects.events().count("payment.ordered") == 1
    assert set(bench.effects.sent) == {f"{bench.reference}:1:1"}  # the same number twice is one order to the bank
