"""An application over the record of a test, without a network between: `api` calls it as whoever `as_` names."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg
import httpx
import pytest
import pytest_asyncio
from fastapi import Request
from temporalio.client import Client

from activities.settling import load_rules
from api.app import Ground, create_app
from api.caller import Caller, Grant
from api.problems import Problem
from tests.activities.desk import Desk
from tests.signing import SIGNER
from worker.settings import Settings


class Called(httpx.AsyncClient):
    """A client of the application; `caller` is who it takes us for (None: nobody says)."""

    caller: Caller | None = None


@pytest_asyncio.fixture(loop_scope="session")
async def api(pool: asyncpg.Pool, client: Client) -> AsyncIterator[Called]:
    """The whole application in this process, over the test's own record."""

    @asynccontextmanager
    async def ground() -> AsyncIterator[Ground]:
        yield Ground(pool, client, Settings(), SIGNER)

    async def identify(request: Request) -> Caller:
        if called.caller is None:
            raise Problem(401, "unauthenticated", "Sign in.", headers={"WWW-Authenticate": "Bearer"})
        return called.caller

    app = create_app(ground(), identify)
    async with app.router.lifespan_context(app):
        called = Called(transport=httpx.ASGITransport(app=app, raise_app_exceptions=False), base_url="http://api.test")
        async with called:
            yield called


@pytest.fixture
def as_(api: Called) -> Callable[..., Called]:
    """`as_("ke.010", "KE:head_of_office", ...)` or `as_("p.1", partners=["partner:KE:..."])`: who calls from now on."""

    def become(actor: str, *grants: str, partners: tuple[str, ...] = (), **more: object) -> Called:
        given = frozenset(Grant(*grant.split(":", 1)) for grant in grants)
        api.caller = Caller(actor, name=actor, grants=given, partners=frozenset(partners), **more)  # type: ignore[arg-type]
        return api

    return become


@pytest_asyncio.fixture(loop_scope="session")
async def desk(pool: asyncpg.Pool) -> Desk:
    """Says to the record what people say, without a workflow; the application reads what it leaves."""
    load_rules()
    return await Desk(pool).opened()
