"""What the cash transfer goes by: whether funds are reserved, and when each period may be asked for. Reads only; no amounts."""

from typing import Any

import asyncpg

from activities.begin import begins, pack_and_calendar
from db.sql import queries
from schemas.engine import BeginStage

SQL = queries("begin_money")


@begins("cash")
async def cash(conn: asyncpg.Connection, begin: BeginStage) -> dict[str, Any]:
    """`{reserved, periods: [{period, request_from}]}`; a document without cash needs no reservation and has no period to ask for.

    `request_from`: the pack's working days before a period begins, at start of business. The first request comes with the signature.
    """
    case = await conn.fetchrow(SQL["case_money"], begin.subject)
    if case is None:
        raise LookupError(f"the record has no {begin.subject}")
    pack, calendar = await pack_and_calendar(conn, begin)
    lead = int(pack["cash.request_lead_days"])
    periods = await conn.fetch(SQL["periods"], begin.subject) if case["office_cash"] else []
    return {
        "reserved": case["reserved"] or not case["office_cash"],
        "periods": [
            {
                "period": row["period"],
                "request_from": calendar.moment(calendar.add_working_days(row["start_on"], -lead), calendar.open).isoformat(),
            }
            for row in periods
        ],
    }
