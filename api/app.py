"""The application: what it stands on, its routes, and how it begins and ends."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

import asyncpg
from fastapi import Depends, FastAPI, Request
from temporalio.client import Client

from api import edge, problems
from api.caller import Identify
from api.identity import identification, login
from worker.settings import Settings
from worker.signing import Signer

TITLE = "pca-engine"


@dataclass(frozen=True)
class Ground:
    """What every route stands on: the record, the workflows, the settings; and what signs what people say here, where there is a key."""

    pool: asyncpg.Pool
    client: Client
    settings: Settings
    signer: Signer | None = None


def _ground(request: Request) -> Ground:
    ground: Ground = request.app.state.ground
    return ground


GroundDep = Annotated[Ground, Depends(_ground)]
"""The parameter of a route that reads the record or speaks to workflows."""


def create_app(ground: AbstractAsyncContextManager[Ground], identify: Identify | None = None, settings: Settings | None = None) -> FastAPI:
    """The application over what `ground` opens at start and closes at the end. `identify`: who calls, if not by the settings.

    Opening it raises `MappingUnreadable`, ValueError where the settings of the identity provider cannot be.
    """
    settings = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with ground as opened, identification.opened(settings, opened.pool) as found:
            app.state.ground = opened
            app.state.identification = found
            app.state.identify = identify or found
            yield

    # no page of FastAPI's own: they load scripts from elsewhere; the document itself is at /openapi.json
    app = FastAPI(title=TITLE, version="1", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.figures = edge.Figures()
    # the last is the outermost
    app.add_middleware(edge.Body, limit=settings.max_body)
    app.add_middleware(edge.Faults)
    app.add_middleware(edge.Cookies)
    app.add_middleware(edge.Headers, https=settings.public_url.startswith("https://"), issuer=settings.oidc_issuer)
    app.add_middleware(edge.Observed, figures=app.state.figures)
    problems.install(app)
    login.install(app)

    from api import openapi
    from api.routes import activations, cases, health, intake, live, partners, tasks, webhooks  # routes name what is defined here

    for routes in (health, intake, tasks, cases, partners, activations, live, webhooks):
        app.include_router(routes.router)
    from api.web import pages

    app.include_router(pages.router)
    openapi.install(app)
    return app
