"""A database of its own for each test, copied from a migrated one, and an office at work in it."""

import itertools
from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio

from activities.settling import load_rules
from activities.versions import load_shipped_packs
from db import migrate
from db.pool import connect_pool
from tests.activities.desk import Desk

_numbers = itertools.count(1)


def _named(database_url: str, name: str) -> str:
    """The same server, another database: the name stands between the last slash and the settings."""
    address, _, settings = database_url.partition("?")
    return f"{address.rpartition('/')[0]}/{name}" + (f"?{settings}" if settings else "")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def migrated(database_url: str) -> str:
    """A migrated database with the shipped packs, to be copied."""
    conn = await asyncpg.connect(database_url)
    await conn.execute("CREATE DATABASE activities_template")
    await conn.close()
    url = _named(database_url, "activities_template")
    migrate.apply(url)
    load_rules()
    pool = await connect_pool(url, size=1)
    await load_shipped_packs(pool)
    await pool.close()
    return "activities_template"


@pytest_asyncio.fixture(loop_scope="session")
async def pool(database_url: str, migrated: str) -> AsyncIterator[asyncpg.Pool]:
    """A pool on a fresh copy."""
    name = f"activities_{next(_numbers)}"
    conn = await asyncpg.connect(database_url)
    await conn.execute(f"CREATE DATABASE {name} TEMPLATE {migrated}")
    pool = await connect_pool(_named(database_url, name), size=4)
    try:
        yield pool
    finally:
        await pool.close()
        await conn.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await conn.close()


@pytest_asyncio.fixture(loop_scope="session")
async def desk(pool: asyncpg.Pool) -> Desk:
    """The example offices, rates and sanctions list are loaded; nothing is taken yet."""
    return await Desk(pool).opened()
