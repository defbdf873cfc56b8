"""What the obligations of a case or partner go by: what is open, whose it is, by when, and the moments at which something follows.

Reads only. At most as many as fit into the slice, the earliest first: the rest is read when one of these is done.
"""

from datetime import datetime, timedelta
from typing import Any

import asyncpg

from activities.begin import begins, pack_and_calendar
from activities.settle_obligations import GRACE_LEVEL, SECOND_LEVEL
from db.sql import queries
from policy.calendar import Calendar
from policy.obligations import decided_on
from policy.pack import Pack
from schemas.engine import BeginStage, Moment

SQL = queries("begin_money")
OWED = queries("owed")

MOST = 12


@begins("obligations")
async def obligations(conn: asyncpg.Connection, begin: BeginStage) -> dict[str, Any]:
    """`{open: [{id, owner_role, verifier_role, due, moments, evidence_in}], conditions: [{id, owner_role, roles, due}],
    ratification, ratify_by}`: whether an emergency review waits to be ratified, and by when."""
    pack, calendar = await pack_and_calendar(conn, begin)
    rows = await conn.fetch(SQL["obligations"], begin.subject, MOST)
    conditions = await conn.fetch(SQL["conditions"], begin.subject, MOST)
    ratification = await conn.fetchrow(OWED["ratification"], begin.subject)
    return {
        "ratification": ratification is not None,
        "ratify_by": ratification["due_at"].isoformat() if ratification is not None and ratification["due_at"] else None,
        "open": [
            {
                "id": row["id"],
                "owner_role": row["owner_role"],
                "verifier_role": row["verifier_role"],
                "due": row["due_at"].isoformat() if row["due_at"] else None,
                "moments": [
                    moment.model_dump(mode="json")
                    for moment in moments(row, pack, calendar)
                    if moment.at > begin.at or moment.does == "overdue"
                ],
                "evidence_in": row["state"] == "evidence_in",
            }
            for row in rows
        ],
        "conditions": [
            {
                "id": row["id"],
                "owner_role": row["owner_role"],
                "roles": list(dict.fromkeys((row["owner_role"], row["setter_role"]))),
                "due": calendar.end_of_business(row["due"]).isoformat() if row["due"] else None,
            }
            for row in conditions
        ],
    }


def moments(row: asyncpg.Record, pack: Pack, calendar: Calendar) -> list[Moment]:
    """Notices before the due day, the due moment, the second date where the rule has one, and the end of the grace for a late check.

    What has fired already (`overdue`) does not fire again.
    """
    due: datetime | None = row["due_at"]
    if due is None:
        return []
    day = calendar.local_date(due)
    found = [
        Moment(at=calendar.moment(day - timedelta(days=notice), calendar.open), does=f"notice_{notice}")
        for notice in pack.obligation(row["kind"]).due.get("notices_days", ())
    ]
    if not row["overdue"]:
        found.append(Moment(at=due, does="overdue"))
    if row["data"].get("then_at"):
        found.append(Moment(at=datetime.fromisoformat(row["data"]["then_at"]), does="overdue", level=SECOND_LEVEL))
    if row["kind"] == "document_completion":  # it follows the due day, wherever that is moved
        found.append(Moment(at=calendar.end_of_business(decided_on(day, pack)), does="overdue", level=SECOND_LEVEL))
    if row["state"] == "evidence_in":
        grace = calendar.end_of_business(calendar.add_working_days(day, pack["obligation.check_grace_days"]))
        found.append(Moment(at=grace, does="overdue", level=GRACE_LEVEL))
    return found
