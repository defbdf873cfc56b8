"""The API as a process: connections, the application, uvicorn, until it is told to stop.

One process, one event loop; any number of processes may run, for none keeps anything. Start-up refuses a schema that it does not know and
settings that cannot be; shut-down answers what has been asked.
"""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
import uvicorn

from api.app import Ground, create_app
from db import migrate, pool
from worker import telemetry
from worker.connect import connect_pool, connect_temporal
from worker.settings import Settings
from worker.signing import Signer

log = structlog.get_logger(__name__)


class PortTaken(OSError):
    """Another program listens there."""


@asynccontextmanager
async def open_ground(settings: Settings) -> AsyncIterator[Ground]:
    """The record and the workflows. Errors: `ConnectError`, `UnknownSchema`."""
    url = settings.database_url.get_secret_value()
    await asyncio.to_thread(migrate.require_known_schema, url)
    metrics = f"{settings.listen_host}:{settings.metrics_port}" if settings.metrics_port else None
    client = await connect_temporal(seconds=settings.connect_seconds, runtime=telemetry.runtime(metrics_address=metrics))
    database = await connect_pool(url, size=settings.pool_size, seconds=settings.connect_seconds, name="pca-api", init=pool.prepare)
    try:
        yield Ground(database, client, settings, Signer.load(settings.signing_key) if settings.signing_key else None)
    finally:
        await database.close()


async def run_api(settings: Settings) -> None:
    """Runs until SIGTERM or SIGINT. Errors: `ConnectError`, `UnknownSchema`, `MappingUnreadable`, `PortTaken`, ValueError."""
    telemetry.configure_logging(settings.log_level)
    async with open_ground(settings) as ground:
        app = create_app(contextlib.nullcontext(ground), settings=settings)
        # entered here and not by uvicorn, which would make one "startup failed" of every error
        async with app.router.lifespan_context(app):
            with _listening(settings.listen_host, settings.api_port) as listener:
                await _serve(app, listener, settings)


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=2048)
    except OSError as error:
        raise PortTaken(error.errno, f"{host}:{port} cannot be listened on ({error.strerror})") from error


async def _serve(app: object, listener: socket.socket, settings: Settings) -> None:
    server = uvicorn.Server(
        uvicorn.Config(
            app,  # type: ignore[arg-type]
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            proxy_headers=False,  # nothing here depends on where a request comes from
            timeout_graceful_shutdown=max(1, int(settings.grace_seconds)),
        )
    )
    # uvicorn would send itself the signal again when all is done, and so end as killed instead of done
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.handle_exit, number, None)
    log.info("api.started", pid=os.getpid(), port=listener.getsockname()[1])
    try:
        await server.serve(sockets=[listener])
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
    log.info("api.stopped")
