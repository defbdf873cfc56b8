"""A worker on a task queue of its own, with the effects in memory or real."""

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from schemas.engine import Clock, CaseView, StageInput, Tick, Ticked
from schemas.messages import Answer, Decision, Message
from tests.workflows.fakes import FakeEffects
from worker.guard import Guard
from worker.registry import WORKFLOWS, sandbox

CACHED = int(os.environ.get("PCA_TEST_CACHE", "1000"))
"""0 replays every workflow on each task: the second pass of CI, a free check that they are deterministic."""


class Bench:
    """Starts stages and speaks to them as people do."""

    def __init__(self, client: Client, queue: str, effects: FakeEffects) -> None:
        self.client, self.queue, self.effects = client, queue, effects
        self.offset = timedelta(0)
        self.reference = f"TST/2026/{uuid.uuid4().hex[:8].upper()}"

    @property
    def subject(self) -> str:
        return f"case:{self.reference}"

    async def start(self, workflow: str, stage: str, subject: str | None = None, **extra: Any) -> WorkflowHandle[Any, Any]:
        start = StageInput(subject=subject or self.subject, stage=stage, view=extra.pop("view", self.effects.view), **extra)
        return await self.client.start_workflow(
            workflow, start, id=f"test.{uuid.uuid4().hex[:10]}.{stage}", task_queue=self.queue, execution_timeout=timedelta(minutes=2)
        )

    def task(self, stage: str, kind: str, whom: str = "", round_: int = 1, owner: str | None = None) -> str:
        return f"{owner or self.reference}:{stage}:{round_}:{kind}" + (f":{whom}" if whom else "")

    async def decide(self, handle: WorkflowHandle[Any, Any], task: str, verdict: str, *, actor: str = "xx.001", key: str = "k", **more: Any) -> Answer:
        decision = Decision(task=task, actor=actor, role=more.pop("role", "focal_point"), verdict=verdict, key=key, **more)
        return await handle.execute_update("submit_decision", decision, result_type=Answer)

    async def say(self, handle: WorkflowHandle[Any, Any], kind: str, *, actor: str = "xx.001", key: str = "k", **more: Any) -> Answer:
        message = Message(kind=kind, actor=actor, role=more.pop("role", "focal_point"), key=key, **more)
        return await handle.execute_update("submit_message", message, result_type=Answer)

    async def later(self, handle: WorkflowHandle[Any, Any], days: float) -> Ticked:
        """The practice clock moves; everything that is due has happened when this returns."""
        self.offset += timedelta(days=days)
        return await handle.execute_update("advance_clock", Tick(offset=self.offset), result_type=Ticked)


@pytest.fixture
def effects() -> FakeEffects:
    return FakeEffects(view=CaseView(version=1, status="drafting", clock=Clock(name="test")))


@pytest.fixture
async def bench(client: Client, effects: FakeEffects) -> AsyncIterator[Bench]:
    async with running(client, effects) as queue:
        yield Bench(client, queue, effects)


@asynccontextmanager
async def running(client: Client, effects: FakeEffects) -> AsyncIterator[str]:
    """A worker for one test."""
    queue = f"test-{uuid.uuid4().hex[:8]}"
    async with Worker(
        client,
        task_queue=queue,
        workflows=WORKFLOWS,
        activities=effects.all(),
        workflow_runner=sandbox(),
        interceptors=[Guard()],
        max_cached_workflows=CACHED,
    ):
        yield queue
