"""The example cases, played once by everyone in them on a stack of their own; the tests look at what is left."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest_asyncio
from temporalio.client import Client, WorkflowHistory

from activities import versions
from cli.demo import Outcome, play_examples
from db import migrate
from db.pool import connect_pool
from embedded.bank import Movement, movements
from embedded.stack import Stack
from worker.connect import connect_temporal
from worker.main import build_worker

CACHED = int(os.environ.get("PCA_TEST_CACHE", "1000"))


@dataclass(frozen=True)
class Played:
    """What the plays left behind."""

    outcome: Outcome
    pool: asyncpg.Pool
    client: Client
    histories: list[WorkflowHistory]
    bank: list[Movement]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def played() -> AsyncIterator[Played]:
    """C1, C2, C6 and C7, side by side, each on its own practice clock."""
    async with Stack(practice=True, signals=False) as stack:
        await asyncio.to_thread(migrate.apply, stack.database_url)
        pool = await connect_pool(stack.database_url, size=12)
        await versions.load_shipped_packs(pool)
        client = await connect_temporal(address=stack.temporal_address)
        async with build_worker(client, pool, bank_url=stack.bank_url, cached=CACHED):
            outcome = await play_examples(stack, (), quiet=True)
            histories = [history async for history in client.list_workflows().map_histories()]
            yield Played(outcome, pool, client, histories, await movements(stack.bank_url))
        await pool.close()
