"""Whoever reaches Temporal, and nothing else, decides nothing in another's name.

A real worker on a real record, and a case before its approver.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest_asyncio
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from bench import lifecycle
from bench.lifecycle import Act
from db import audit
from embedded.stack import Stack
from schemas.messages import Answer, Decision
from tests.signing import SIGNER
from worker import doors
from worker.guard import Guard
from worker.main import build_worker
from worker.registry import WORKFLOWS, sandbox
from worker.signing import Signer, new_key

MINE = Signer.of(new_key())
"""A key that whoever forges has made, and the record does not know."""


_numbers = itertools.count(1)


@dataclass
class Before:
    """A case that waits for its approver."""

    client: Client
    pool: asyncpg.Pool
    workflow: str
    task: str
    approval: Act
    lives: lifecycle.Lifecycles

    def decision(self, key: str) -> Decision:
        """What the approver would say, said by somebody else."""
        act = self.approval
        return Decision(task=self.task, actor=act.actor, role=act.role, verdict=act.verdict, key=key, data=act.data)

    async def inject(self, decision: Decision) -> Answer:
        """Straight into Temporal, as the Temporal UI or any client of it does."""
        handle = self.client.get_workflow_handle(self.workflow)
        answer: Answer = await handle.execute_update("submit_decision", decision, result_type=Answer)
        return answer

    async def attempts(self) -> list[tuple[str, bool, bool, list[str]]]:
        """Key, whether it counted, whether it was signed, and the rules it was refused by."""
        rows = await self.pool.fetch("SELECT receipt, counted, signed, rules FROM decision WHERE task = $1 ORDER BY sequence", self.task)
        return [(row["receipt"].removeprefix(f"{self.task}:"), row["counted"], row["signed"], list(row["rules"] or [])) for row in rows]


@pytest_asyncio.fixture(loop_scope="session")
async def before(stack: Stack, client: Client, pool: asyncpg.Pool) -> AsyncIterator[Before]:
    await lifecycle.load(pool, datetime.now(UTC).date())
    watch = lifecycle.Watch(pool)
    lives = lifecycle.Lifecycles(pool, client, watch, SIGNER)
    async with build_worker(client, pool, bank_url=stack.bank_url, grace=1):
        looking = asyncio.create_task(watch.run())
        try:
            name = f"forged-{next(_numbers)}"
            intake = lifecycle.intake(name, datetime.now(UTC).date()) | {"reference": f"BGD/2031/{name.upper()}"}
            reference = (await doors.submit(pool, client, intake)).reference  # of its own: Temporal outlives the record of a test
            for act in await lives.acts(name, reference):
                task = await watch.task(f"case:{reference}", act.kind, act.whom)
                if act.kind == "approve_document":
                    workflow = await pool.fetchval("SELECT workflow FROM task WHERE id = $1", task)
                    yield Before(client, pool, workflow, task, act, lives)
                    break
                await lives.decide(task, act)
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)


def rules(answer: Answer) -> list[str]:
    return [finding.rule for finding in answer.findings]


async def test_a_decision_injected_into_temporal_in_anothers_name_is_refused_and_recorded(before: Before) -> None:
    unsigned = await before.inject(before.decision("unsigned"))
    assert (unsigned.counted, set(rules(unsigned))) == (False, {"unsigned"})

    stranger = await before.inject(MINE.sign(before.decision("stranger"), to=before.task.split(":")[0]))
    assert (stranger.counted, rules(stranger)) == (False, ["signature_invalid"])

    proof = Decision.model_validate(await before.pool.fetchval(_OF_ANOTHER)).proof
    assert proof is not None, "the history of a case shows proofs: one that was overheard is of no use"
    overheard = await before.inject(before.decision("overheard").model_copy(update={"proof": proof}))
    assert (overheard.counted, rules(overheard)) == (False, ["signature_invalid"])

    assert await before.attempts() == [
        ("unsigned", False, False, ["unsigned"]),
        ("stranger", False, False, ["signature_invalid"]),
        ("overheard", False, False, ["signature_invalid"]),
    ]
    assert await before.pool.fetchval("SELECT state FROM task WHERE id = $1", before.task) == "open"

    await before.lives.decide(before.task, before.approval)
    assert [attempt[1:] for attempt in await before.attempts()][-1] == (True, True, [])
    assert await audit.verify(before.pool) == []


_OF_ANOTHER = "SELECT request FROM receipt WHERE request ->> 'verdict' = 'recommend' AND request -> 'proof' <> 'null' LIMIT 1"


async def test_the_same_by_signal_changes_nothing_and_is_recorded(before: Before) -> None:
    handle = before.client.get_workflow_handle(before.workflow)
    await handle.signal("decide", before.decision("signal"))
    await handle.signal("decide", MINE.sign(before.decision("signed signal"), to=before.task.split(":")[0]))
    await before.lives.decide(before.task, before.approval)  # one inbox: what was sent before has been settled before
    attempts = await before.attempts()
    assert [(key, counted, found) for key, counted, _, found in attempts[:2]] == [
        ("signal", False, ["unsigned"]),
        ("signed signal", False, ["signature_invalid"]),
    ]
    assert [counted for _, counted, _, _ in attempts] == [False, False, True]


async def test_a_history_with_forgeries_replays_without_any_key(before: Before) -> None:
    await before.inject(before.decision("unsigned"))
    await before.lives.decide(before.task, before.approval)
    handle = before.client.get_workflow_handle(before.workflow)
    options: dict[str, Any] = {"workflow_runner": sandbox(), "interceptors": [Guard()], "data_converter": pydantic_data_converter}
    await Replayer(workflows=WORKFLOWS, **options).replay_workflow(await handle.fetch_history())
