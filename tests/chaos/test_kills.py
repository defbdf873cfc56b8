"""The worker is killed ten times while everybody works, and nobody notices anything but a pause.

One play on a stack of its own; the tests look at what it left. Kills fall at random points of the recorded story and a random moment after
them; the seed is printed, and `PCA_CHAOS_SEED` plays it again (as far as two machines are ever alike).
"""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from bench import lifecycle
from bench.play import stumbled
from db import audit, migrate
from db.pool import connect_pool
from embedded import practice
from embedded.auto import Auto
from embedded.bank import Movement, movements
from embedded.servers import poll
from embedded.stack import Stack
from worker import doors
from worker.connect import connect_temporal
from worker.guard import Guard
from worker.registry import WORKFLOWS, sandbox

pytestmark = [pytest.mark.slow, pytest.mark.timeout(540)]

CASES, KILLS = 4, 10
HORIZON = timedelta(days=400)


@dataclass(frozen=True)
class Survived:
    """What is there after the kills."""

    pool: asyncpg.Pool
    client: Client
    references: list[str]
    autos: list[Auto]
    kills: int
    histories: list[WorkflowHistory]
    bank: list[Movement]


async def kill_now_and_then(stack: Stack, pool: asyncpg.Pool, chance: random.Random) -> int:
    """Ten times: some events later, and a moment after that, the worker is gone; then a new one starts. How often it was killed."""
    seen = 0
    for _ in range(KILLS):
        more = seen + chance.randint(5, 25)

        async def recorded(more: int = more) -> bool:
            return bool(await pool.fetchval("SELECT count(*) >= $1 FROM event", more))

        assert await poll(recorded, seconds=120), "nothing more was recorded"
        await asyncio.sleep(chance.uniform(0, 0.3))
        worker = stack.server("worker")
        os.kill(worker.identity.pid, signal.SIGKILL)
        assert await poll(worker.is_gone, seconds=10)
        seen = await pool.fetchval("SELECT count(*) FROM event")
        await stack.start_worker(environment={"PCA_LOG_LEVEL": "warning"})
    return KILLS


def intake(n: int, today: Any) -> dict[str, Any]:
    """Every other case has neither a clearance nor a PCA: its partner is vetted, and it carries the PCA."""
    raw = lifecycle.intake(f"CHAOS-{n}", today)
    if n % 2:
        del raw["partner"]["standing_clearance"], raw["partner"]["pca"]
    return raw


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def survived() -> AsyncIterator[Survived]:
    seed = int(os.environ.get("PCA_CHAOS_SEED", random.randrange(10**6)))
    print(f"PCA_CHAOS_SEED={seed}")
    today = datetime.now(UTC).date()
    async with Stack(practice=True, signals=False) as stack:
        await asyncio.to_thread(migrate.apply, stack.database_url)
        pool = await connect_pool(stack.database_url, size=12)
        try:
            await lifecycle.load(pool, today)
            client = await connect_temporal(address=stack.temporal_address)
            await stack.start_worker(environment={"PCA_LOG_LEVEL": "warning"})
            references: list[str] = []
            autos: list[Auto] = []

            async def one(n: int) -> None:
                clock = f"chaos-{n}"
                await practice.create(pool, clock, datetime.now(UTC))
                taken = await doors.submit(pool, client, intake(n, today), clock=clock)
                assert taken.reference, taken.findings
                references.append(taken.reference)
                auto = Auto(pool, client, told=lambda line: None)
                autos.append(auto)
                await auto.play_clock(clock, until=today + HORIZON)

            killer = asyncio.create_task(kill_now_and_then(stack, pool, random.Random(seed)))
            await asyncio.gather(*(one(n) for n in range(CASES)))
            kills = await killer
            histories = [history async for history in client.list_workflows().map_histories()]
            yield Survived(pool, client, references, autos, kills, histories, await movements(stack.bank_url))
        finally:
            await pool.close()


async def test_the_worker_was_killed_ten_times_and_every_case_is_reported(survived: Survived) -> None:
    assert survived.kills == KILLS
    assert [line for auto in survived.autos for line in auto.stuck] == []
    reported = await survived.pool.fetch("""SELECT c.reference FROM "case" c JOIN report r USING (subject) WHERE r.state = 'accepted'""")
    assert sorted(row["reference"] for row in reported) == sorted(survived.references)


async def test_every_decision_counted_once_and_none_was_lost(survived: Survived) -> None:
    counted = await survived.pool.fetch(
        "SELECT data->'data'->>'task' AS task, data->'data'->>'key' AS key, count(*) AS n FROM event "
        "WHERE type = 'decision.counted' GROUP BY 1, 2"
    )
    assert [dict(row) for row in counted if row["n"] != 1] == []
    assert len(counted) == sum(auto.decisions for auto in survived.autos)


async def test_the_bank_paid_each_instalment_once_and_agrees_with_us(survived: Survived) -> None:
    ours = await survived.pool.fetch(
        """SELECT o."order", o.amount, o.currency FROM journal j JOIN payment_order o
           ON o.subject = j.subject AND o.instalment = j.instalment AND o.state = 'confirmed' WHERE j.kind = 'payment' ORDER BY 1"""
    )
    assert [(row["order"], row["amount"], row["currency"]) for row in ours] == sorted(
        (m.order, m.amount, m.currency) for m in survived.bank
    )
    assert len(ours) == len(survived.references)


async def test_the_chains_verify_and_the_tables_rebuild(survived: Survived) -> None:
    assert await audit.verify(survived.pool) == []
    assert await audit.rebuild_check(survived.pool) == []


async def test_no_workflow_failed_and_no_workflow_task_did(survived: Survived) -> None:
    ended = (WorkflowExecutionStatus.FAILED, WorkflowExecutionStatus.TIMED_OUT, WorkflowExecutionStatus.TERMINATED)
    assert [w.id async for w in survived.client.list_workflows() if w.status in ended] == []
    assert [(history.workflow_id, message) for history in survived.histories for message in stumbled(history)] == []


async def test_every_history_replays(survived: Survived) -> None:
    replayer = Replayer(workflows=WORKFLOWS, workflow_runner=sandbox(), interceptors=[Guard()], data_converter=pydantic_data_converter)
    results = await replayer.replay_workflows(survived.client.list_workflows().map_histories(), raise_on_replay_failure=False)
    assert results.replay_failures == {}
