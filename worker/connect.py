"""Connecting to Temporal and PostgreSQL: with patience that ends, and errors that say what to start.

This module must never log or raise an address with its password.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client, Interceptor
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig
from temporalio.runtime import Runtime
from temporalio.service import RPCError, RPCStatusCode

DEFAULT_ADDRESS = "127.0.0.1:7233"
T = TypeVar("T")


class ConnectError(Exception):
    """A server cannot be used; `next_step` says what to do about it."""

    def __init__(self, message: str, next_step: str) -> None:
        self.next_step = next_step
        super().__init__(f"{message}; {next_step}")


class ServerUnreachable(ConnectError):
    """A server does not answer (exit code 5)."""


class ConnectionRefused(ConnectError):
    """A server answers, but not to us: wrong password, unknown database or namespace, unreadable certificate."""


async def connect_temporal(
    *,
    address: str | None = None,
    seconds: float = 30.0,
    runtime: Runtime | None = None,
    interceptors: tuple[Interceptor, ...] = (),
) -> Client:
    """A client with the pydantic data converter, by the standard `TEMPORAL_...` settings, or to the embedded server at `address` without
    reading them; tries for `seconds`.

    Errors: `ServerUnreachable`, `ConnectionRefused`.
    """
    try:
        config: dict[str, Any] = {"target_host": address} if address else {**ClientConfig.load_client_connect_config()}
    except (OSError, RuntimeError, ValueError) as error:
        raise ConnectionRefused(f"the Temporal settings cannot be read ({error})", "mend the TEMPORAL_... settings") from error
    address = config.setdefault("target_host", DEFAULT_ADDRESS)
    namespace = config.get("namespace", "default")

    async def attempt() -> Client:
        client = await Client.connect(**config, data_converter=pydantic_data_converter, interceptors=interceptors, runtime=runtime)
        await client.service_client.check_health()
        return client

    try:
        client = await _patiently(attempt, seconds, _temporal_may_come)
        await _require_namespace(client)
    except (RuntimeError, RPCError) as error:
        if isinstance(error, RPCError) and error.status == RPCStatusCode.NOT_FOUND:
            raise ConnectionRefused(
                f"Temporal at {address} has no namespace {namespace!r}", "create it, or set TEMPORAL_NAMESPACE"
            ) from error
        if isinstance(error, RPCError) and not _temporal_may_come(error):
            raise ConnectionRefused(
                f"Temporal at {address} refuses us ({error.status.name.lower()})", "check TEMPORAL_API_KEY and the TLS settings"
            ) from error
        raise ServerUnreachable(
            f"Temporal at {address} does not answer", "start it ('pca up' starts an embedded one), or set TEMPORAL_ADDRESS"
        ) from error
    return client


async def _require_namespace(client: Client) -> None:
    await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))


async def connect_pool(
    database_url: str,
    *,
    size: int = 20,
    seconds: float = 30.0,
    name: str = "pca",
    init: Callable[[Any], Coroutine[Any, Any, None]] | None = None,
) -> "asyncpg.Pool[asyncpg.Record]":
    """A pool of at most `size` connections; tries for `seconds`. `init` prepares each connection (codecs).

    Statements end after 5 s, below the start-to-close of the activities that use them. Errors: `ServerUnreachable`, `ConnectionRefused`.
    """
    where = _where(database_url)

    async def attempt() -> "asyncpg.Pool[asyncpg.Record]":
        return await asyncpg.create_pool(
            database_url,
            min_size=1,
            max_size=size,
            timeout=10,
            command_timeout=5,
            statement_cache_size=400,  # the record alone has a statement for each event type
            init=init,
            server_settings={"application_name": name, "timezone": "UTC"},
        )

    try:
        return await _patiently(attempt, seconds, _postgres_may_come)
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError) as error:
        raise ConnectionRefused(f"PostgreSQL at {where} refuses the user or password", "mend DATABASE_URL") from error
    except asyncpg.InvalidCatalogNameError as error:
        raise ConnectionRefused(f"PostgreSQL at {where} has no such database", "create it, or mend DATABASE_URL") from error
    except (asyncpg.ClientConfigurationError, ValueError) as error:
        raise ConnectionRefused("DATABASE_URL cannot be read", "write it as postgresql://user:password@host:port/database") from error
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise ServerUnreachable(
            f"PostgreSQL at {where} does not answer", "start it ('pca up' starts an embedded one), or set DATABASE_URL"
        ) from error


async def _patiently(attempt: Callable[[], Awaitable[T]], seconds: float, may_come: Callable[[Exception], bool]) -> T:
    """Tries until `seconds` have passed, at once for 0; the pause grows from 0.1 s to 5 s. Raises the last error."""
    loop = asyncio.get_running_loop()
    end, pause = loop.time() + seconds, 0.1
    while True:
        try:
            return await attempt()
        except Exception as error:
            if not may_come(error) or loop.time() + pause > end:
                raise
        await asyncio.sleep(pause)
        pause = min(pause * 2, 5.0)


def _temporal_may_come(error: Exception) -> bool:
    # the SDK says "connection refused" as a RuntimeError
    if isinstance(error, RPCError):
        return error.status in (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.RESOURCE_EXHAUSTED)
    return isinstance(error, RuntimeError)


def _postgres_may_come(error: Exception) -> bool:
    return isinstance(
        error,
        OSError | TimeoutError | asyncpg.CannotConnectNowError | asyncpg.TooManyConnectionsError | asyncpg.PostgresConnectionError,
    )


def _where(database_url: str) -> str:
    """Host, port and database, without the password."""
    try:
        parts = urlsplit(database_url)
        return f"{parts.hostname or 'localhost'}:{parts.port or 5432}{parts.path}"
    except ValueError:
        return "(an unreadable DATABASE_URL)"
