"""Everything at once, in any order, again and again, while writes crash: what counts is what would have counted in peace."""

import asyncio
import random
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import WorkflowExecutionStatus, WorkflowUpdateFailedError
from temporalio.common import RawValue
from temporalio.service import RPCError

from schemas.engine import Batch, Recorded
from schemas.messages import Answer
from tests.workflows.conftest import Bench, Running
from tests.workflows.fakes import FakeEffects

MEMBERS = ["xx.011", "xx.012", "xx.013"]


class Frail(FakeEffects):
    """A record that crashes after one commit in five."""

    chance = random.Random(0)

    @activity.defn(name="record")
    async def record(self, batch: Batch) -> Recorded:
        if batch.key not in self.receipts and self.chance.random() < 0.2:
            self.crash_once.add(batch.key)
        return await super().record(batch)


@pytest.fixture
def effects(effects: FakeEffects) -> FakeEffects:
    frail = Frail(view=effects.view)
    frail.facts["review"] = {"kind": "full", "quorum": 3}
    return frail


async def noise(stage: Running, chance: random.Random) -> None:
    """Something that must change nothing."""
    handle = stage.handle
    try:
        match chance.randrange(8):
            case 0:
                await handle.signal("decide", args=[{"task": 1}] * chance.randrange(3))
            case 1:
                await handle.signal(f"unknown_{chance.randrange(3)}", args=[None])
            case 2:
                await handle.execute_update("submit_decision", args=[{}] * chance.randrange(3), result_type=RawValue)
            case 3:
                await stage.decide("give_opinion", "recommend", "xx.099", actor="xx.099")
            case 4:
                await stage.decide("prepare_review", "approve")
            case 5:
                await stage.say("hold", data={"until": "2026-03-20"})
            case 6:
                await handle.signal("look_again")
            case _:
                await handle.query("state")
    except (RPCError, WorkflowUpdateFailedError):
        pass  # refused, or there is nobody any more


async def insisting(stage: Running, kind: str, verdict: str, whom: str = "", **more: Any) -> list[Answer]:
    """The same decision three times at once, by update and by signal."""
    decision = stage.decision(stage.task(kind, whom), verdict, **more)

    async def once() -> Answer | None:
        try:
            return await stage.put(decision)
        except (RPCError, WorkflowUpdateFailedError):
            return None

    answers = await asyncio.gather(once(), once(), once())
    return [a for a in answers if a]


@pytest.mark.parametrize("seed", range(6))
async def test_invariant_9_a_review_under_fire_loses_and_doubles_nothing(bench: Bench, seed: int) -> None:
    chance = random.Random(seed)
    stage = await bench.start("CommitteeReview", "review")

    async def amid(*said: Any) -> list[list[Answer]]:
        results = await asyncio.gather(*said, *(noise(stage, chance) for _ in range(4)))
        return [r for r in results if r is not None]

    await amid(insisting(stage, "prepare_review", "convene", data={"members": MEMBERS, "overall_approver": "xx.020"}))
    order = chance.sample(MEMBERS, 3)
    await amid(*(insisting(stage, "give_opinion", "recommend", m, actor=m, data={}) for m in order))
    answers = await amid(insisting(stage, "consolidate_recommendation", "recommend", actor="xx.020"))
    assert (await stage.outcome()).result == "recommended"
    assert all(a.counted for a in answers[0])
    counted = bench.effects.counted()
    assert sorted(counted) == sorted(
        ["prepare_review convene", *(f"give_opinion {m} recommend" for m in MEMBERS), "consolidate_recommendation recommend"]
    )
    assert bench.effects.open() == []
    assert bench.effects.crash_once == set()
    assert (await stage.handle.describe()).status is WorkflowExecutionStatus.COMPLETED
