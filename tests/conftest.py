"""The servers of the test session: one embedded stack in a temporary folder, without a worker, and a client on it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from temporalio.client import Client

from embedded.stack import Stack
from worker.connect import connect_temporal


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack() -> AsyncIterator[Stack]:
    """PostgreSQL (no fsync), Temporal (in memory) and the bank. No worker: a test starts its own, on a task queue of its own."""
    async with Stack(practice=True, signals=False) as stack:
        yield stack


@pytest.fixture(scope="session")
def database_url(stack: Stack) -> str:
    """The engine's database, empty: whoever needs tables migrates it, or makes a database of its own beside it."""
    return stack.database_url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def client(stack: Stack) -> Client:
    """A client with the pydantic data converter, as the worker's."""
    return await connect_temporal(address=stack.temporal_address)
