"""What the PCA's workflow goes by: its state, and the day it is over. Reads only."""

from datetime import timedelta
from typing import Any

import asyncpg

from activities.begin import begins, pack_and_calendar
from db.sql import queries
from schemas.engine import BeginStage

SQL = queries("begin_money")


@begins("umbrella")
async def umbrella(conn: asyncpg.Connection, begin: BeginStage) -> dict[str, Any]:
    """`{status, ends_at}`: the first moment after its last day, where the office is; none while it is not signed."""
    row = await conn.fetchrow(SQL["umbrella"], begin.subject)
    if row is None:
        return {"status": "unknown"}
    ends_at = None
    if row["end_on"] is not None:
        _, calendar = await pack_and_calendar(conn, begin)
        ends_at = calendar.moment(row["end_on"] + timedelta(days=1)).isoformat()
    return {"status": row["status"], "ends_at": ends_at}
