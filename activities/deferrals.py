"""Checks of a partner that are postponed: who may postpone which, what is owed for it, which cases rely on it, and by when.

A postponed check is an obligation of the partner, created once; another case takes it over with its due date. The date counts from the
deferral until a case that relied on it is signed, is set once then, and never moves later again. Nothing here is ever dropped: the task
that closes the check stays open until somebody closes it. Screening, declaration, conflicts and flags are never postponed.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import asyncpg

from activities.activation import unlocked
from activities.settle_obligations import begin, create
from activities.settling import Row, Settling
from db.sql import queries
from policy import obligations, vetting
from policy.calendar import Calendar
from schemas.names import obligation_id, office_and_partner, owner_of, vetting_workflow

SQL = queries("deferrals")

KINDS = tuple(vetting.OBLIGATIONS.values())
"""Obligations that a postponed check becomes."""

UNLOCKED_BY_LEVEL = frozenset({"psea", "hact"})
"""Elements that only some levels of activation let postpone."""

FIRST_SIGNATURE = "first_signature"
SECOND_RELEASE = "second_release"


async def owed(conn: asyncpg.Connection, partner: str) -> list[Row]:
    """The open obligations for postponed checks of a partner."""
    return list(await conn.fetch(SQL["owed"], partner, list(KINDS)))


async def elements(conn: asyncpg.Connection, partner: str) -> list[str]:
    """The elements of a partner that are only assumed or deferred."""
    return [row["element"] for row in await conn.fetch(SQL["elements"], partner)]


async def deferrable_tasks(conn: asyncpg.Connection, partner: str, pack: Any) -> list[str]:
    """Kinds of task that the emergency level may leave open, under the activations of the cases that ask."""
    levels = {row["level"] for row in await conn.fetch(SQL["levels"], partner)}
    all_of_them = any("deferral" in unlocked(level, pack) for level in levels)
    return [vetting.TASKS[name] for name in pack["vetting.deferrable"] if all_of_them or name not in UNLOCKED_BY_LEVEL]


async def postpone(s: Settling, element: str, *, source: str = "deferred", rating: str = "", concluding: bool = False) -> None:
    """Postpone one element of the batch's partner, or everything that stands against it.

    `concluding`: the conclusion names it; one that is postponed already is taken over, with its date.
    """
    partner, pack, calendar, day = s.batch.subject, await s.pack(), await s.calendar(), await s.today()
    kind = vetting.OBLIGATIONS.get(element, "")
    path = "$.data.deferrals" if concluding else "$.verdict"
    waiting = tuple(row["case"] for row in await s.db.fetch(SQL["relying"], partner))
    standing = [row for row in await owed(s.db, partner) if row["kind"] == kind]
    if standing and concluding:
        await join(s, standing, waiting)
        return
    last: datetime | None = await s.db.fetchval(SQL["last_deferred"], partner, element)
    overdue = any(row["overdue"] for row in await owed(s.db, partner))
    found = vetting.check_deferral(element, day, pack, last_deferred_on=calendar.local_date(last) if last else None, overdue=overdue)
    if vetting.TASKS.get(element) not in await deferrable_tasks(s.db, partner, pack) and not found:
        found = [
            pack.finding(
                "level_does_not_unlock",
                f"The level of the activation does not let {element} be postponed.",
                of="activation.unlocks",
                next_step="Close the element.",
            )
        ]
    s.add(*(finding.model_copy(update={"path": path}) for finding in found))
    if found:
        return
    role = s.said.role if s.said is not None else ""
    before = await s.db.fetchval(SQL["ever"], partner, obligation_id(owner_of(partner), kind))
    identity = await create(
        s,
        kind,
        partner,
        what=day.isoformat() if before else "",
        anchors={"deferral": day},
        reason=f"{element}_{source}",
        authority=role,
        cases=waiting,
        data={"element": element},
    )
    due: str | None = s.appended[-1].data["due_at"] if identity else None
    s.append(
        "vetting.element_deferred",
        {
            "element": element,
            "authority": role,
            "obligation": identity,
            "due": calendar.local_date(datetime.fromisoformat(due)).isoformat() if due else None,
            "source": source,
            "rating": rating or (str(pack[f"{element}.assumed"]) if element in UNLOCKED_BY_LEVEL else None),
        },
        partner,
    )
    if due is None:
        return
    s.dues[vetting.TASKS[element]] = datetime.fromisoformat(due)
    await _shift(s, partner, [row for row in await s.db.fetch(SQL["open_tasks"], partner) if row["kind"] == vetting.TASKS[element]], due)


async def join(s: Settling, standing: Iterable[Row], cases: Iterable[str]) -> None:
    """These cases rely on what is owed already; its date stays."""
    for row in standing:
        for case in cases:
            if case not in row["cases"]:
                s.append("obligation.joined", {"obligation": row["id"], "case": case}, row["subject"])


async def at_signature(s: Settling, case: Row, signed_on: date) -> None:
    """The first signature of a case that relied on it sets the date, once."""
    for row in await owed(s.db, case["partner_subject"]):
        if case["subject"] in row["cases"] and not await s.db.fetchval(SQL["fixed"], row["subject"], row["id"], FIRST_SIGNATURE):
            calendar = await s.calendar()
            due_on = obligations.due(row["kind"], {"first_signature": signed_on}, calendar, await s.pack())
            if due_on is not None:
                await _set_due(s, row, calendar, due_on, FIRST_SIGNATURE)


async def at_second_release(s: Settling, case: Row, day: date) -> None:
    """What is due at the second instalment at the latest."""
    calendar, pack = await s.calendar(), await s.pack()
    for row in await owed(s.db, case["partner_subject"]):
        if pack.obligation(row["kind"]).due.get("or_before") != SECOND_RELEASE or case["subject"] not in row["cases"]:
            continue
        if row["due_at"] is None or day < calendar.local_date(row["due_at"]):
            await _set_due(s, row, calendar, day, SECOND_RELEASE)


async def _set_due(s: Settling, row: Row, calendar: Calendar, due_on: date, because: str) -> None:
    due = calendar.end_of_business(due_on).isoformat()
    s.append("obligation.due_set", {"obligation": row["id"], "due_at": due, "because": because}, row["subject"])
    tasks = await s.db.fetch(SQL["open_tasks"], row["subject"])
    element = next(name for name, kind in vetting.OBLIGATIONS.items() if kind == row["kind"])
    about = [
        task
        for task in tasks
        if task["kind"] == vetting.TASKS[element]
        or (task["kind"] in ("meet_obligation", "check_obligation_evidence") and task["whom"].split(" ")[0] == row["id"])
    ]
    await _shift(s, row["subject"], about, due)
    await begin(s, row["subject"])
    s.hint(vetting_workflow(*office_and_partner(row["subject"])))  # it keeps the moments of its open tasks in memory


async def _shift(s: Settling, subject: str, tasks: Iterable[Row], due: str) -> None:
    """The tasks about it are due with it; what happens at the due moment, and around it, moves along."""
    for task in tasks:
        old, new = task["due_at"], datetime.fromisoformat(due)
        if old == new:
            continue
        moments = [
            {**moment, "at": (datetime.fromisoformat(moment["at"]) + (new - old)).isoformat() if old else due} for moment in task["moments"]
        ]
        s.append("task.shifted", {"task": task["id"], "due_at": due, "moments": moments}, subject)
