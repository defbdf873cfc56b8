"""Races: transactions of the record on connections of their own, and somebody who says whose statement comes next."""

import os
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from activities.settling import load_rules
from tests.activities.desk import Desk
from tests.races.turns import Table

RUNS = int(os.environ.get("PCA_RACES", "50"))
"""Interleavings of each race: few enough for `make test`; `make races` asks for a thousand."""


@pytest.fixture(scope="session", autouse=True)
def _rules() -> None:
    """The rules of every stage, as the worker has them."""
    load_rules()


@pytest.fixture(scope="session")
def runs() -> int:
    return RUNS


@pytest_asyncio.fixture(loop_scope="session")
async def desk(pool: asyncpg.Pool) -> Desk:
    """The example offices, rates and sanctions list are loaded; nothing is taken yet."""
    return await Desk(pool).opened()


@pytest_asyncio.fixture(loop_scope="session")
async def table(pool: asyncpg.Pool) -> AsyncIterator[Table]:
    """Four connections for those who race, and one for who watches them."""
    async with Table.laid(pool) as table:
        yield table
