"""The servers of the test session: one embedded stack in a temporary folder, without a worker, and a client on it.

Besides, `pool`: a record of its own for each test, migrated, with the shipped packs, the example office files and the example rates.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from temporalio.client import Client

from activities import versions
from db import migrate
from db.pool import connect_pool
from embedded.stack import Stack
from tests.kept import Keeper
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
async def record_database(stack: Stack) -> str:
    """The name of a migrated database with the versioned data of the examples. One for the session: making one costs a second."""
    name = "pca_record"
    await _administer(stack, f"CREATE DATABASE {name} OWNER pca")
    url = beside(stack.database_url, name)
    await asyncio.to_thread(migrate.apply, url)
    pool = await connect_pool(url, size=1)
    try:
        await versions.load_shipped_packs(pool)
        for file in [*sorted((EXAMPLES / "offices").glob("*.toml")), EXAMPLES / "rates.toml"]:
            await versions.load_file(pool, file)
        await pool.execute(
            "CREATE SCHEMA before; CREATE TABLE before.versioned AS SELECT kind, name, version FROM versioned; "
            "CREATE TABLE before.migration AS SELECT migration_id FROM _yoyo_migration"
        )
    finally:
        await pool.close()
    return name


@pytest_asyncio.fixture(loop_scope="session")
async def record_url(stack: Stack, record_database: str) -> str:
    """A record for one test: as it was after the versioned data were loaded, and nothing else in it."""
    Keeper.url = beside(stack.admin_url, record_database)
    conn = await asyncpg.connect(Keeper.url)
    try:
        # a test may have broken the guards to see whether the audit notices
        for table in await conn.fetch("SELECT DISTINCT tgrelid::regclass::text AS name FROM pg_trigger WHERE tgenabled = 'D'"):
            await conn.execute(f"ALTER TABLE {table['name']} ENABLE TRIGGER ALL")
        # a superuser may do to the append-only tables what nobody else may
        await conn.execute("SET session_replication_role = replica")
        tables = await conn.fetch(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
            "AND relname !~ '^_?yoyo' AND relname <> 'versioned'"
        )
        await conn.execute(";".join(f'DELETE FROM "{table["relname"]}"' for table in tables))
        await conn.execute("DELETE FROM versioned WHERE (kind, name, version) NOT IN (SELECT kind, name, version FROM before.versioned)")
        await conn.execute("DELETE FROM _yoyo_migration WHERE migration_id NOT IN (SELECT migration_id FROM before.migration)")
    finally:
        await conn.close()
    return beside(stack.database_url, record_database)


@pytest_asyncio.fixture(loop_scope="session")
async def pool(record_url: str) -> AsyncIterator[asyncpg.Pool]:
    """Connections to it."""
    pool = await connect_pool(record_url, size=6)
    yield pool
    await pool.close()
