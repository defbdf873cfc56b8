"""The worker: settings, connections, workflows and activities on one task queue, until it is told to stop.

Start-up checks what a running case depends on (schema, search attributes) and refuses what it does not know. Shut-down lets activities
finish. A worker keeps nothing: any number may run.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import timedelta
from typing import Any

import asyncpg
import structlog
from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, Worker

from activities import delivery, intake
from activities.engine import Activities
from activities.gateway import HttpGateway
from activities.shared import TASK_QUEUE
from db import migrate, pool
from worker import search_attributes, telemetry
from worker.connect import connect_pool, connect_temporal
from worker.guard import Guard
from worker.health import Health
from worker.registry import WORKFLOWS, sandbox
from worker.settings import Settings

SWEEP_EVERY = 15.0
log = structlog.get_logger(__name__)


def build_worker(
    client: Client,
    database: asyncpg.Pool,
    *,
    bank_url: str = "",
    task_queue: str = TASK_QUEUE,
    grace: float = 10.0,
    activities: int = 20,
    cached: int = 1000,
    activity_class: Callable[..., Activities] = Activities,
) -> Worker:
    """A worker on `client` and `database`; the caller runs it (`async with`)."""
    effects = activity_class(database, HttpGateway(bank_url) if bank_url else None, client)
    return Worker(
        client,
        task_queue=task_queue,
        workflows=WORKFLOWS,
        activities=effects.all(),
        workflow_runner=sandbox(),
        interceptors=[Guard()],
        graceful_shutdown_timeout=timedelta(seconds=grace),
        max_concurrent_activities=activities,
        max_cached_workflows=cached,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
    )


async def run_worker(settings: Settings) -> None:
    """Runs until SIGTERM or SIGINT. Errors: `ConnectError`, `UnknownSchema`, `WrongType`."""
    telemetry.configure_logging(settings.log_level)
    metrics = f"{settings.listen_host}:{settings.metrics_port}" if settings.metrics_port else None
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    url = settings.database_url.get_secret_value()
    await asyncio.to_thread(migrate.require_known_schema, url)
    client = await connect_temporal(seconds=settings.connect_seconds, runtime=telemetry.runtime(metrics_address=metrics))
    if lacking := await search_attributes.missing(client):
        log.info("search_attributes.registered", names=await search_attributes.register(client), lacking=lacking)
    database = await connect_pool(url, size=settings.pool_size + 5, seconds=settings.connect_seconds, name="pca-worker", init=pool.prepare)
    worker = build_worker(
        client,
        database,
        bank_url=settings.bank_url,
        grace=settings.grace_seconds,
        activities=settings.pool_size,
        cached=settings.cached_workflows,
    )
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        await stack.enter_async_context(worker)
        if settings.health_port:
            health = Health({"postgres": lambda: _answers(database), "temporal": lambda: _healthy(client)}, alive=lambda: worker.is_running)
            await stack.enter_async_context(await health.serve(settings.health_port, settings.listen_host))
        await stack.enter_async_context(_in_background(lambda: _sweep(database, client), lambda: delivery.deliver_for_ever(database)))
        log.info("worker.started", task_queue=TASK_QUEUE, pid=os.getpid())
        await stop.wait()
        log.info("worker.stopping")


async def _answers(database: asyncpg.Pool) -> None:
    await database.fetchval("SELECT 1")


async def _healthy(client: Client) -> None:
    await client.service_client.check_health()


async def _sweep(database: asyncpg.Pool, client: Client) -> None:
    """Start what was received and not started: intake records first, and may die before it starts the case."""
    while True:
        try:
            await intake.sweep(database, client)
        except Exception as error:
            log.warning("sweep.failed", error=type(error).__name__)
        await asyncio.sleep(SWEEP_EVERY)


@contextlib.asynccontextmanager
async def _in_background(*loops: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(loop()) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
