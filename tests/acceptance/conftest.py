"""An office at work in a record of its own, as for the tests of the activities."""

import asyncpg
import pytest
import pytest_asyncio

from activities.settling import load_rules
from tests.activities.desk import Desk


@pytest.fixture(scope="session", autouse=True)
def _rules() -> None:
    """The rules of every stage, as the worker has them."""
    load_rules()


@pytest_asyncio.fixture(loop_scope="session")
async def desk(pool: asyncpg.Pool) -> Desk:
    """The example offices, rates and sanctions list are loaded; nothing is taken yet."""
    return await Desk(pool).opened()
