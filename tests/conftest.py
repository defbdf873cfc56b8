"""The servers of the test session: one embedded stack in a temporary folder, without a worker, and a client on it.

Besides, `pool`: a record of its own for each test, migrated, with the shipped packs, the example office files and the example rates.
"""

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from temporalio.client import Client

from activities import versions
from db import migrate
from db.pool import connect_pool
from embedded.stack import Stack
from worker.connect import connect_temporal


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", action="store_true", help="write the histories that tests/replay replays (from tests/workflows)")


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


EXAMPLES = Path(__file__).parent.parent / "examples"
_databases = count(1)


def beside(url: str, database: str) -> str:
    """The URL of another database of the same server."""
    return f"{url.rpartition('/')[0]}/{database}"


async def _administer(stack: Stack, statement: str) -> None:
    conn = await asyncpg.connect(stack.admin_url)
    try:
        await conn.execute(statement)
    finally:
        await conn.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def record_template(stack: Stack) -> str:
    """A migrated database with the versioned data of the examples, to be copied."""
    name = "pca_template"
    await _administer(stack, f"CREATE DATABASE {name} OWNER pca")
    url = beside(stack.database_url, name)
    await asyncio.to_thread(migrate.apply, url)
    pool = await connect_pool(url, size=1)
    try:
        await versions.load_shipped_packs(pool)
        for file in [*sorted((EXAMPLES / "offices").glob("*.toml")), EXAMPLES / "rates.toml"]:
            await versions.load_file(pool, file)
    finally:
        await pool.close()
    return name


@pytest_asyncio.fixture(loop_scope="session")
async def record_url(stack: Stack, record_template: str) -> AsyncIterator[str]:
    """A record for one test."""
    name = f"pca_{next(_databases)}"
    await _administer(stack, f"CREATE DATABASE {name} OWNER pca TEMPLATE {record_template}")
    yield beside(stack.database_url, name)
    await _administer(stack, f"DROP DATABASE {name} WITH (FORCE)")


@pytest_asyncio.fixture(loop_scope="session")
async def pool(record_url: str) -> AsyncIterator[asyncpg.Pool]:
    """Connections to it."""
    pool = await connect_pool(record_url, size=6)
    yield pool
    await pool.close()
