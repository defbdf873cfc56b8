"""A new office file: the cases whose focal point holds the role no more are told to look, and each asks who follows.

Nothing here changes a case: it reads its office file itself (`activities/begin.py`), also without being told, when it next looks.
"""

from datetime import datetime

import asyncpg
from temporalio.client import Client

from activities import versions
from activities.shared import look_again
from activities.view import ENDS
from db.sql import queries
from policy.calendar import Calendar
from schemas.office import Office

SQL = queries("case")


def holds(office: Office, actor: str, calendar: Calendar, at: datetime) -> bool:
    """Whether a person is a focal point of the office on the day of `at`."""
    person, day = office.person(actor), calendar.local_date(at)
    return person is not None and any(role.role == "focal_point" and role.in_force(day) for role in person.roles)


async def left(pool: asyncpg.Pool, code: str, at: datetime) -> list[str]:
    """The workflows of the cases of an office that are not over and whose focal point holds the role no more."""
    office = await versions.office_in_force(pool, code, at.date())
    calendar = Calendar.of(office, await versions.pack_in_force(pool, "standard", at.date()))
    rows = await pool.fetch(SQL["focal_points"], code, sorted(ENDS))
    return [row["workflow"] for row in rows if not holds(office, row["focal_point"], calendar, at)]


async def tell(client: Client, workflows: list[str]) -> None:
    """Errors: those of the client (`RPCError`); whoever says it again does no harm."""
    for workflow in workflows:
        await look_again(client, workflow)
