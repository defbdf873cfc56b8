"""A worker on a task queue of its own with the effects in memory, and people who speak to what runs there."""

import asyncio
import itertools
import json
import os
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from schemas.engine import CaseView, Clock, StageInput, StageOutcome, Tick, Ticked
from schemas.messages import Answer, Decision, Message
from schemas.names import owner_of, task_id
from tests.workflows.fakes import FakeEffects
from worker.guard import Guard
from worker.registry import RESTRICTIONS, WORKFLOWS

CACHED = int(os.environ.get("PCA_TEST_CACHE", "1000"))
"""0 replays every workflow on each task: the second pass of CI, a free check that they are deterministic."""
HISTORIES = Path(__file__).parents[1] / "replay" / "histories"
PARTNER = "partner:XX:P-1"
UMBRELLA = "umbrella:XX:P-1:XX-2026"


class Running:
    """One workflow, spoken to as people do. Each thing said has a key of its own unless one is given."""

    def __init__(self, handle: WorkflowHandle[Any, Any], start: StageInput, keys: "itertools.count[int]") -> None:
        self.handle, self.start, self.keys = handle, start, keys
        self.offset = start.view.clock.offset

    def task(self, kind: str, whom: str = "") -> str:
        return task_id(owner_of(self.start.subject), self.start.stage, self.start.round, kind, whom)

    def decision(self, task: str, verdict: str, **more: Any) -> Decision:
        said = {"actor": "xx.001", "role": "focal_point", "key": f"k{next(self.keys)}"} | more
        return Decision(task=task, verdict=verdict, **said)

    async def put(self, decision: Decision) -> Answer:
        return await self.handle.execute_update("submit_decision", decision, result_type=Answer)

    async def decide(self, kind: str, verdict: str, whom: str = "", **more: Any) -> Answer:
        return await self.put(self.decision(self.task(kind, whom), verdict, **more))

    async def agreed(self, kind: str, verdict: str, whom: str = "", **more: Any) -> Answer:
        """A decision that must count."""
        answer = await self.decide(kind, verdict, whom, **more)
        assert answer.counted, (kind, whom, verdict, answer)
        return answer

    async def say(self, kind: str, **more: Any) -> Answer:
        said = {"actor": "xx.001", "role": "focal_point", "key": f"k{next(self.keys)}"} | more
        return await self.handle.execute_update("submit_message", Message(kind=kind, **said), result_type=Answer)

    async def later(self, days: float) -> Ticked:
        """The practice clock moves on and stops at each due moment on the way; everything due has happened when this returns."""
        until = self.offset + timedelta(days=days)
        ticked = await self.jump(0)
        while ticked.next is not None and (offset := ticked.next - datetime.now(UTC) + timedelta(milliseconds=1)) < until:
            self.offset = max(self.offset, offset)
            ticked = await self.jump(0)
        self.offset = until
        return await self.jump(0)

    async def jump(self, days: float) -> Ticked:
        """The practice clock moves at once. What has ended has nothing left to do."""
        self.offset += timedelta(days=days)
        return await self.tick() or Ticked()

    async def tick(self) -> Ticked | None:
        """What is due at the time of the clock happens; None if it runs no more."""
        try:
            return await self.handle.execute_update("advance_clock", Tick(offset=self.offset), result_type=Ticked)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        except WorkflowUpdateFailedError:  # it closed while we asked
            pass
        return None

    async def settled(self) -> Ticked:
        """Nothing that was sent is left to be done."""
        return await self.jump(0)

    async def outcome(self) -> StageOutcome:
        return StageOutcome.model_validate(await self.handle.result())

    async def signals(self) -> list[str]:
        """The names of the signals that came; one that comes during a workflow task is in the history only after it."""
        await self.settled()
        found = [e.workflow_execution_signaled_event_attributes.signal_name async for e in self.handle.fetch_history_events()]
        return [name for name in found if name]

    async def state(self) -> dict[str, Any]:
        shown: dict[str, Any] = await self.handle.query("state")
        return shown

    async def open(self) -> list[str]:
        """Its open tasks, kind and whom, as the workflow itself has them."""
        return sorted(" ".join(filter(None, (t["kind"], t["whom"]))) for t in (await self.state())["tasks"])


class Play:
    """A case with its stages, on one practice clock."""

    def __init__(self, bench: "Bench", case: Running) -> None:
        self.bench, self.case, self.offset = bench, case, timedelta(0)

    def stage(self, stage: str, round_: int = 1) -> Running:
        start = StageInput(subject=self.case.start.subject, stage=stage, round=round_)
        running = Running(self.bench.client.get_workflow_handle(f"{self.case.handle.id}.{stage}"), start, self.bench.keys)
        running.offset = self.offset
        return running

    async def settled(self) -> datetime | None:
        """Nobody has anything left to do at this time; the next moment at which somebody has."""
        gone: set[str] = set()
        while True:
            runs = [self.case, *map(self.stage, ("document", "review", "approval", "cash"))]
            self.case.offset = self.offset
            ticked = dict(zip((r.handle.id for r in runs), await asyncio.gather(*(r.tick() for r in runs)), strict=True))
            answers = [t for t in ticked.values() if t]
            closed = {id_ for id_, t in ticked.items() if t is None}
            # a child that has closed and that its case believes to be running is news on its way
            quiet = closed == gone and not any(t.worked or t.told or closed.intersection(t.running) for t in answers)
            gone = closed
            if quiet:
                return min((t.next for t in answers if t.next), default=None)

    async def later(self, days: float) -> None:
        """The clock of the case and its stages moves on, and stops at each due moment on the way."""
        until = self.offset + timedelta(days=days)
        following = await self.settled()
        while following and (offset := following - datetime.now(UTC) + timedelta(milliseconds=1)) < until:
            self.offset = max(self.offset, offset)
            following = await self.settled()
        self.offset = until
        await self.settled()


class Bench:
    """Starts workflows on the effects of the test, and may keep their histories for the replay tests."""

    def __init__(self, client: Client, queue: str, effects: FakeEffects, record: bool = False) -> None:
        self.client, self.queue, self.effects, self.record = client, queue, effects, record
        self.reference = f"TST/2026/{uuid.uuid4().hex[:8].upper()}"
        self.id = f"test.{uuid.uuid4().hex[:10]}"
        self.keys = itertools.count(1)
        self.lives: timedelta | None = timedelta(minutes=2)

    @property
    def subject(self) -> str:
        return f"case:{self.reference}"

    async def start(self, workflow: str, stage: str, subject: str | None = None, **extra: Any) -> Running:
        view = extra.pop("view", self.effects.view)
        start = StageInput(subject=subject or self.subject, stage=stage, view=view, **extra)
        handle = await self.client.start_workflow(
            workflow, start, id=f"{self.id}.{stage}", task_queue=self.queue, execution_timeout=self.lives
        )
        return Running(handle, start, self.keys)

    async def case(self) -> Play:
        workflow = "EmergencyAgreement" if self.effects.view.track == "emergency" else "Agreement"
        return Play(self, await self.start(workflow, "case", view=self.effects.view.model_copy(update={"status": "received"})))

    async def keep(self, running: Running, name: str) -> None:
        """With `pytest --record`: this history is one that every later release must replay."""
        if not self.record:
            return
        history = json.dumps((await running.handle.fetch_history()).to_json_dict(), separators=(",", ":"), sort_keys=True)
        history = re.sub(r'"\d+@[^"]*"', '"recorded"', history)  # whose machine it was is nobody's business
        HISTORIES.mkdir(parents=True, exist_ok=True)
        (HISTORIES / f"{name}.json").write_text(history + "\n")


@pytest.fixture
def effects() -> FakeEffects:
    return FakeEffects(view=CaseView(version=1, status="drafting", clock=Clock(name="test")))


@pytest.fixture
async def bench(client: Client, effects: FakeEffects, request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    async with running(client, effects) as queue:
        yield Bench(client, queue, effects, record=bool(request.config.getoption("--record")))


class Once(SandboxedWorkflowRunner):
    """What one worker has found fit for the sandbox, the next need not try: a worker for each test would try fifteen workflows each."""

    fit: ClassVar[set[type]] = set()

    def prepare_workflow(self, defn: Any) -> None:
        if defn.cls not in self.fit:
            super().prepare_workflow(defn)
            self.fit.add(defn.cls)


@asynccontextmanager
async def running(client: Client, effects: FakeEffects, runner: WorkflowRunner | None = None) -> AsyncIterator[str]:
    """A worker for one test."""
    queue = f"test-{uuid.uuid4().hex[:8]}"
    async with Worker(
        client,
        task_queue=queue,
        workflows=WORKFLOWS,
        activities=effects.all(),
        workflow_runner=runner or Once(restrictions=RESTRICTIONS),
        interceptors=[Guard()],
        max_cached_workflows=CACHED,
    ):
        yield queue
