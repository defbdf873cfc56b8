"""The application: what it stands on, its routes, and how it begins and ends."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

import asyncpg
from fastapi import Depends, FastAPI, Request
from temporalio.client import Client

from api import problems
from api.caller import Identify
from worker.settings import Settings

TITLE = "pca-engine"


@dataclass(frozen=True)
class Ground:
    """What every route stands on: the record, the workflows, the settings."""

    pool: asyncpg.Pool
    client: Client
    settings: Settings


def _ground(request: Request) -> Ground:
    ground: Ground = request.app.state.ground
    return ground


GroundDep = Annotated[Ground, Depends(_ground)]
"""The parameter of a route that reads the record or speaks to workflows."""


def create_app(ground: AbstractAsyncContextManager[Ground], identify: Identify | None = None) -> FastAPI:
    """The application over what `ground` opens at start and closes at the end. `identify`: who calls, if not by the settings."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with ground as opened:
            app.state.ground = opened
            if identify is not None:
                app.state.identify = identify
            yield

    app = FastAPI(title=TITLE, version="1", lifespan=lifespan)
    problems.install(app)
    return app
