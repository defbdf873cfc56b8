"""What an activation's workflow goes by: whether it is in force, until when, and which cases must be told that it has ended."""

from typing import Any

import asyncpg

from activities import activation
from activities.begin import begins
from schemas.engine import BeginStage

MOST = 50
"""Cases told again at a time: with the longest references the slice stays below 4 KB. The event of the end hints at every one of them."""


@begins("activation")
async def of_activation(conn: asyncpg.Connection, begin: BeginStage) -> dict[str, Any]:
    """`{state, ends_at, cases: [workflow ids]}`; unknown to the record: `{state: unknown}`."""
    row = await conn.fetchrow(activation.SQL["activation"], begin.subject)
    if row is None:
        return {"state": "unknown"}
    calendar = await activation.calendar_of(conn, row["offices"], begin.at.date())
    cases = await conn.fetch(activation.SQL["untold"], row["reference"], MOST) if row["state"] != "declared" else []
    return {
        "state": row["state"],
        "ends_at": activation.ends_at(row, calendar).isoformat(),
        "cases": [case["workflow"] for case in cases],
    }
