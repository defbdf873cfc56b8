"""What the obligations of a case or partner go by: what is open, whose it is, by when, and the moments at which something follows.

Reads only. At most as many as fit into the slice, the earliest first: the rest is read when one of these is done.
"""

from datetime import datetime
from typing import Any

import asyncpg

from activities import versions
from activities.begin import begins
from activities.settle_obligations import GRACE_LEVEL
from db.sql import queries
from policy.calendar import Calendar
from policy.pack import ObligationRule, Pack
from schemas.engine import BeginStage, Moment
from schemas.names import kind_of

SQL = queries("begin_money")

MOST = 12
GRACE_DAYS = 5
"""Working days that a consequence waits for the check of evidence that came in time (casebook 1, task 45)."""


@begins("obligations")
async def obligations(conn: asyncpg.Connection, begin: BeginStage) -> dict[str, Any]:
    """`{open: [{id, owner_role, verifier_role, candidates, due, moments, evidence_in}], conditions: [{id, owner_role, candidates, due}]}`."""
    pack, calendar = await _rules(conn, begin)
    rows = await conn.fetch(SQL["obligations"], begin.subject, MOST)
    conditions = await conn.fetch(SQL["conditions"], begin.subject, MOST)
    return {
        "open": [
            {
                "id": row["id"],
                "owner_role": row["owner_role"],
                "verifier_role": row["verifier_role"],
                "candidates": [],
                "due": row["due_at"].isoformat() if row["due_at"] else None,
                "moments": [
                    moment.model_dump(mode="json")
                    for moment in moments(row, pack.obligation(row["kind"]), calendar)
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
                "candidates": [],
                "due": calendar.end_of_business(row["due"]).isoformat() if row["due"] else None,
            }
            for row in conditions
        ],
    }


def moments(row: asyncpg.Record, rule: ObligationRule, calendar: Calendar) -> list[Moment]:
    """Notices before the due day, the due moment, the second date where the rule has one, and the end of the grace for a late check.

    What has fired already (`overdue`) does not fire again.
    """
    due: datetime | None = row["due_at"]
    if due is None:
        return []
    day = calendar.local_date(due)
    found = [
        Moment(at=calendar.moment(day.fromordinal(day.toordinal() - notice), calendar.open), does=f"notice_{notice}")
        for notice in rule.due.get("notices_days", ())
    ]
    if not row["overdue"]:
        found.append(Moment(at=due, does="overdue"))
    if row["data"].get("then_at"):
        found.append(Moment(at=datetime.fromisoformat(row["data"]["then_at"]), does="overdue", level=1))
    if row["state"] == "evidence_in":
        grace = calendar.end_of_business(calendar.add_working_days(day, GRACE_DAYS))
        found.append(Moment(at=grace, does="overdue", level=GRACE_LEVEL))
    return found


async def _rules(conn: asyncpg.Connection, begin: BeginStage) -> tuple[Pack, Calendar]:
    """Of a case as pinned; of a partner the newest in force."""
    if kind_of(begin.subject) == "case":
        case = await conn.fetchrow(SQL["case_money"], begin.subject)
        if case is None:
            raise LookupError(f"the record has no {begin.subject}")
        pack = await versions.pack_by_hash(conn, case["packs"][case["track"] or "standard"]["sha256"])
        return pack, Calendar.of(await versions.office_by_hash(conn, case["packs"]["office"]["sha256"]), pack)
    pack = await versions.pack_in_force(conn, "standard", begin.at.date())
    return pack, Calendar.of(await versions.office_in_force(conn, begin.subject.split(":", 2)[1], begin.at.date()), pack)
