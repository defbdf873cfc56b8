"""Whether the API lives, whether what is behind it answers, and the figures of its requests. Open to all, and about no case."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.app import GroundDep
from worker.health import Health

router = APIRouter(tags=["health"])
_ANSWERS: dict[int | str, dict[str, str]] = {503: {"description": "Which part is not well."}}


def _health(ground: GroundDep) -> Health:
    async def postgres() -> None:
        await ground.pool.fetchval("SELECT 1")

    async def temporal() -> None:
        await ground.client.service_client.check_health()

    return Health({"postgres": postgres, "temporal": temporal}, name="api")


HealthDep = Annotated[Health, Depends(_health)]


@router.get("/livez", responses={**_ANSWERS}, summary="Whether the API answers")
async def livez(health: HealthDep) -> JSONResponse:
    """The event loop turns. A quiet API is healthy."""
    return await _report(health, "/livez")


@router.get("/readyz", responses={**_ANSWERS}, summary="Whether PostgreSQL and Temporal answer")
async def readyz(health: HealthDep) -> JSONResponse:
    """Each server behind us: `ok`, or the kind of error."""
    return await _report(health, "/readyz")


async def _report(health: Health, path: str) -> JSONResponse:
    status, body = await health.report(path)
    return JSONResponse(body, status)


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """The figures, as Prometheus reads them."""
    return Response(generate_latest(request.app.state.figures.registry), media_type=CONTENT_TYPE_LATEST)
