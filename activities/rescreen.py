"""A new sanctions list: every partner with a case that is not over is screened against it, everywhere, and whoever is concerned is told.

What a new hit stops is stopped by the record in the same write (`activities/screen.py`); here the vetting that disposes of it is
started, and the partner's cases look again. Nothing here disposes of a hit. Repeated, it finds fresh screenings and writes nothing.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

import asyncpg
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.screen import screen
from activities.shared import start_shared
from db.sql import queries
from schemas.engine import Screen

SQL = queries("screening")
TRIGGER = "new_list"


@dataclass(frozen=True)
class Rescreened:
    """How many partners were looked at, and those that have an open hit now."""

    partners: int
    with_hits: tuple[str, ...]


async def rescreen(pool: asyncpg.Pool, client: Client, *, clock: str | None = None) -> Rescreened:
    """Screen every partner with a case that is not over. `clock`: only those of that practice clock; None: all, each at its own time.

    Errors: those of the client (`RPCError`) and of the database; whoever retries does no harm.
    """
    hit: list[str] = []
    rows = await pool.fetch(SQL["partners_with_cases"], clock)
    for row in rows:
        at = datetime.now(UTC) + cast("timedelta", row["offset"] or timedelta(0))
        found = await screen(pool, Screen(subject=row["partner_subject"], trigger=TRIGGER, at=at, clock=row["clock"]))
        if not found.open_hits:
            continue
        hit.append(row["partner_subject"])
        for start in found.starts:
            await start_shared(pool, client, start)
        for case in await pool.fetch(SQL["live_cases"], row["partner_subject"]):
            await _look_again(client, case["workflow"])
    return Rescreened(len(rows), tuple(hit))


async def _look_again(client: Client, workflow: str) -> None:
    try:
        await client.get_workflow_handle(workflow).signal("look_again")
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise  # one that has ended has nothing to look at
