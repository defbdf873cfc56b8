"""C1, C2, C6 and C7 end exactly as the casebook expects, and nothing is wrong with how they got there."""

import base64
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from cli.demo import EXAMPLES
from db import audit
from tests.scenarios.conftest import Played
from worker.registry import WORKFLOWS, sandbox

CASES = ("C1", "C2", "C6", "C7")


@pytest.mark.parametrize("case", CASES)
async def test_the_case_ends_exactly_as_the_casebook_expects(played: Played, case: str) -> None:
    assert case in played.outcome.cases
    assert [f"{d.what}: expected {d.expected}, found {d.found}" for d in played.outcome.differences if d.case == case] == []


async def test_the_chains_verify(played: Played) -> None:
    assert await audit.verify(played.pool) == []


async def test_invariant_11_replaying_the_events_rebuilds_the_state_tables_exactly(played: Played) -> None:
    assert await audit.rebuild_check(played.pool) == []


async def test_the_banks_own_ledger_agrees_with_ours(played: Played) -> None:
    ours = await played.pool.fetch(
        """SELECT o."order", o.amount, o.currency FROM journal j JOIN payment_order o
           ON o.subject = j.subject AND o.instalment = j.instalment AND o.state = 'confirmed' WHERE j.kind = 'payment' ORDER BY 1"""
    )
    theirs = sorted((m.order, m.amount, m.currency) for m in played.bank)
    assert [(row["order"], row["amount"], row["currency"]) for row in ours] == theirs
    assert sum((m.amount for m in played.bank if m.currency == "KES"), Decimal(0)) == Decimal("10518100.00")


async def test_no_workflow_failed_and_no_workflow_task_failed(played: Played) -> None:
    failed = [w.id async for w in played.client.list_workflows() if w.status == WorkflowExecutionStatus.FAILED]
    assert failed == []
    stumbled = [
        h.workflow_id
        for h in played.histories
        for event in h.events
        if event.event_type in (EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED)
    ]
    assert stumbled == []


async def test_every_history_replays(played: Played) -> None:
    replayer = Replayer(workflows=WORKFLOWS, data_converter=pydantic_data_converter, workflow_runner=sandbox())
    for history in played.histories:
        result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
        assert result.replay_failure is None, history.workflow_id


def _strings(value: Any) -> Iterator[str]:
    """Names, titles, texts, addresses: every string of an example that says who or what in words."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("legal_name", "name", "title", "email", "text", "comment", "message", "aliases", "account_holder", "mitigation"):
                yield from (
                    s for s in ([inner] if isinstance(inner, str) else inner if isinstance(inner, list) else []) if isinstance(s, str)
                )
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def _payloads(value: Any) -> Iterator[str]:
    """Every payload of an exported history, as the text that it holds (exports carry them in base64)."""
    if isinstance(value, dict):
        if isinstance(data := value.get("data"), str) and "metadata" in value:
            yield base64.b64decode(data).decode(errors="replace")
        for inner in value.values():
            yield from _payloads(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _payloads(inner)


async def test_no_history_holds_a_name_a_title_or_a_text_of_the_examples(played: Played) -> None:
    files = [*sorted((EXAMPLES / "intake").glob("*.json")), *sorted((EXAMPLES / "documents").glob("*.json"))]
    wanted = {s for file in files for s in _strings(json.loads(file.read_text())) if len(s) >= 6}
    wanted -= {s for s in wanted if s.isalpha() and s.islower()}  # an officer's title (director) is a word of ours too
    assert len(wanted) > 60
    held = "\n".join(text for history in played.histories for text in _payloads(json.loads(history.to_json())))
    assert "KEN/2026/0007:review:1:give_opinion" in held  # what may stand there does: the search is not blind
    assert [s for s in sorted(wanted) if s in held or json.dumps(s)[1:-1] in held] == []
