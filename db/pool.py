"""The connection pool: JSON as Python values, bounded statements, UTC. One place, so that every part reads rows the same way."""

import json
from typing import Any

import asyncpg

from db.content import canonical


async def prepare(conn: asyncpg.Connection) -> None:
    """JSON columns are Python values both ways. Amounts inside JSON are text, so no digit is lost."""
    for kind in ("json", "jsonb"):
        await conn.set_type_codec(kind, schema="pg_catalog", encoder=canonical, decoder=json.loads)


async def connect_pool(database_url: str, *, size: int = 10, statement_seconds: float = 8.0, **more: Any) -> asyncpg.Pool:
    """A pool of at most `size` connections. A statement may take `statement_seconds`, a lock a little less: a write is answered or retried.

    Raises OSError or asyncpg's connection errors if the server cannot be reached.
    """
    milliseconds = int(statement_seconds * 1000)
    settings = {
        "application_name": "pca",
        "timezone": "UTC",
        "statement_timeout": str(milliseconds),
        "lock_timeout": str(int(milliseconds * 0.75)),
        "idle_in_transaction_session_timeout": str(milliseconds * 4),
        "jit": "off",  # short statements only: compiling them costs more than running them
    }
    return await asyncpg.create_pool(
        database_url, min_size=min(2, size), max_size=size, init=prepare, server_settings=settings, statement_cache_size=400, **more
    )
