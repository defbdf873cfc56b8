"""Which servers a command talks to: those of the environment (`DATABASE_URL`, `TEMPORAL_...`), else the embedded stack that runs in
`PCA_STACK` or `./.pca`. Nothing here starts a server.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.output import UNREACHABLE, Stopped, stop

if TYPE_CHECKING:
    import asyncpg
    from temporalio.client import Client

    from embedded.stack import StackFile

PATIENCE = 3.0
"""Seconds a command waits for a server: a person is looking at it."""
START_ONE = "start an embedded one with `pca up`, or set DATABASE_URL and TEMPORAL_ADDRESS to your own servers"


@dataclass(frozen=True)
class Servers:
    """Where everything is. `temporal_address` is None if Temporal's own settings say it."""

    database_url: str
    temporal_address: str | None
    bank_url: str
    practice: bool
    ui_url: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead a program to these servers."""
        found = {"DATABASE_URL": self.database_url, "PCA_BANK_URL": self.bank_url, "PCA_PRACTICE": "1" if self.practice else "0"}
        if self.temporal_address:
            # a profile of the user's could add a key or TLS to the embedded server
            found |= {"TEMPORAL_ADDRESS": self.temporal_address, "TEMPORAL_NAMESPACE": "default", "TEMPORAL_CONFIG_FILE": os.devnull}
        return found


def stack_folder() -> Path:
    """The folder of the embedded stack: `PCA_STACK`, else `./.pca`."""
    return Path(os.environ.get("PCA_STACK") or ".pca")


def running_stack() -> "StackFile | None":
    """The embedded stack of this folder, if it runs and the extra `embedded` is installed."""
    if not (stack_folder() / "stack.json").exists():
        return None
    try:
        from embedded.stack import running
    except ImportError:
        return None
    return running(stack_folder())


def find() -> Servers:
    """The servers to use. Raises `Stopped` (5) with what to start if none is known."""
    if os.environ.get("DATABASE_URL"):
        from worker.settings import Settings

        settings = Settings()
        return Servers(settings.database_url.get_secret_value(), None, settings.bank_url, settings.practice)
    stack = running_stack()
    if stack is not None and stack.database_url and stack.temporal_address:
        return Servers(stack.database_url, stack.temporal_address, stack.bank_url, stack.practice, stack.ui_url)
    raise stop(UNREACHABLE, "no_server", "No server is known.", next_step=START_ONE)


def find_or_none() -> Servers | None:
    """The servers to use, or None: for commands that do without."""
    try:
        return find()
    except Stopped:
        return None


@asynccontextmanager
async def database(servers: Servers, *, size: int = 4) -> "AsyncIterator[asyncpg.Pool]":
    """A pool on the record. Errors: `ServerUnreachable`, `ConnectionRefused`; `Stopped` (5) if the schema was never made."""
    from db.pool import prepare
    from worker.connect import connect_pool

    pool = await connect_pool(servers.database_url, size=size, seconds=PATIENCE, name="pca-cli", init=prepare)
    try:
        if await pool.fetchval("SELECT to_regclass('stream')") is None:
            raise stop(UNREACHABLE, "schema_missing", "The database has no tables of ours.", next_step="run `pca migrate`")
        yield pool
    finally:
        await pool.close()


async def temporal(servers: Servers) -> "Client":
    """A client. Errors: `ServerUnreachable`, `ConnectionRefused`."""
    from worker.connect import connect_temporal

    return await connect_temporal(address=servers.temporal_address, seconds=PATIENCE)


@asynccontextmanager
async def both(servers: Servers) -> "AsyncIterator[tuple[asyncpg.Pool, Client]]":
    """The record and the workflows."""
    client = await temporal(servers)
    async with database(servers) as pool:
        yield pool, client
