"""Every saved history replays on the workflows as they are now: what is open somewhere goes on after an upgrade.

Recorded by `pytest tests/workflows --record` from the plain dev server, one a stage and one whole case; recorded anew only when a release
may break with what runs.
"""

import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from worker.guard import Guard
from worker.registry import WORKFLOWS, sandbox

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))


def test_every_stage_and_the_case_have_a_saved_history() -> None:
    assert {h.stem for h in HISTORIES} >= {
        "agreement", "vetting", "document", "review", "approval", "cash", "obligations", "umbrella",
    }  # fmt: skip


@pytest.mark.parametrize("saved", HISTORIES, ids=lambda path: path.stem)
async def test_a_saved_history_replays(saved: Path) -> None:
    replayer = Replayer(workflows=WORKFLOWS, workflow_runner=sandbox(), interceptors=[Guard()], data_converter=pydantic_data_converter)
    history = json.loads(saved.read_text())
    started = history["events"][0]["workflowExecutionStartedEventAttributes"]
    await replayer.replay_workflow(WorkflowHistory.from_json(started["workflowId"], history))  # a case names its stages after itself


@pytest.mark.parametrize("saved", HISTORIES, ids=lambda path: path.stem)
def test_a_saved_history_names_no_machine_and_is_small(saved: Path) -> None:
    text = saved.read_text()
    assert "/work" not in text
    assert "@" not in text
    assert len(text) < 1_000_000
