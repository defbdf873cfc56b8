"""The bare reference: what the same number of decisions costs on the same servers without any of the engine's features.

One parent runs five children, one after another; each child waits for its share of the decisions and writes each by one insert, then
answers. No tasks, no rules, no chain, no timers. Run as a program it is the reference's worker. Never part of the engine.
"""

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import PollerBehaviorAutoscaling, Worker

with workflow.unsafe.imports_passed_through():
    import asyncpg

CHILDREN = 5
EVERY = 0.02
"""Seconds between two tries at a child that has not started: as often as the engine's actors look for their tasks."""
TASK_QUEUE = "reference"
TABLE = """CREATE SCHEMA IF NOT EXISTS bench;
CREATE TABLE IF NOT EXISTS bench.decision (key text PRIMARY KEY, verdict text NOT NULL, recorded_at timestamptz NOT NULL DEFAULT now())"""


def shares(decisions: int) -> list[int]:
    """How many decisions each child takes: they add up, and differ by at most one."""
    return [decisions * (n + 1) // CHILDREN - decisions * n // CHILDREN for n in range(CHILDREN)]


def child_id(parent: str, n: int) -> str:
    return f"{parent}.{n}"


@workflow.defn(name="ReferenceChild")
class Child:
    """Waits for its decisions."""

    def __init__(self) -> None:
        self.heard = 0

    @workflow.run
    async def run(self, decisions: int) -> int:
        await workflow.wait_condition(lambda: self.heard == decisions)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.heard

    @workflow.update
    async def decide(self, key: str) -> bool:
        await workflow.execute_activity("insert", args=[key, "yes"], start_to_close_timeout=timedelta(seconds=10))
        self.heard += 1
        return True


@workflow.defn(name="ReferenceParent")
class Parent:
    """Runs the children, one after another."""

    @workflow.run
    async def run(self, decisions: int) -> int:
        done = 0
        for n, share in enumerate(shares(decisions)):
            done += await workflow.execute_child_workflow(Child.run, share, id=child_id(workflow.info().workflow_id, n))
        return done


class Inserts:
    """The one effect."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    @activity.defn(name="insert")
    async def insert(self, key: str, verdict: str) -> None:
        await self.pool.execute("INSERT INTO bench.decision (key, verdict) VALUES ($1, $2) ON CONFLICT DO NOTHING", key, verdict)


async def play(client: Client, name: str, decisions: int, latencies: list[float]) -> None:
    """One lifecycle of the reference. `latencies` takes the seconds from saying to answer of each decision."""
    parent = await client.start_workflow("ReferenceParent", decisions, id=name, task_queue=TASK_QUEUE)
    for n, share in enumerate(shares(decisions)):
        child = client.get_workflow_handle(child_id(name, n))
        for decision in range(share):
            while True:
                began = time.monotonic()
                try:
                    await child.execute_update("decide", f"{name}:{n}:{decision}")
                    break
                except RPCError as error:
                    if error.status != RPCStatusCode.NOT_FOUND:
                        raise
                    await asyncio.sleep(EVERY)
            latencies.append(time.monotonic() - began)
    await parent.result()


async def serve(environment: Mapping[str, str] = os.environ) -> None:
    """A worker with the settings of the engine's, until SIGTERM."""
    from db.pool import connect_pool
    from worker.connect import connect_temporal

    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    client = await connect_temporal()
    pool = await connect_pool(environment["DATABASE_URL"], size=25)
    await pool.execute(TABLE)
    worker = Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[Parent, Child],
        activities=[Inserts(pool).insert],
        max_concurrent_activities=20,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
    )
    async with worker:
        await stop.wait()
    await pool.close()


if __name__ == "__main__":
    asyncio.run(serve())
