"""The moments of a task at which time does something: reminders, then escalation. One place, for opening a task and for finding it again.

Pure: calendar, pack and the two moments come in. Silence never decides, so no moment here may ever stand for a verdict.
"""

from collections.abc import Sequence
from datetime import datetime

from policy.calendar import Calendar
from policy.pack import Pack
from schemas.engine import Moment


def moments_of(
    kind: str,
    opened_at: datetime,
    due_at: datetime | None,
    pack: Pack,
    calendar: Calendar,
    *,
    reminded: int = 0,
    level: int = 0,
    besides: Sequence[Moment] = (),
) -> list[Moment]:
    """Moments still to come of a task of `kind`, in order: after the `reminded`-th reminder and the `level`-th name of escalation.

    `besides` are the moments that the task was opened with (an obligation's notices and its due); without a due moment these are all.
    """
    found = list(besides)
    if due_at is not None:
        reminders = calendar.reminders(opened_at, due_at, pack["clock.reminders_percent"])
        found += [Moment(at=at, does="remind", level=nth) for nth, at in enumerate(reminders, 1) if nth > reminded]
        names = len(pack.task(kind).escalates_to) if kind in pack.tasks else 0
        after, again = int(pack["clock.escalate_after_days"]), int(pack["clock.escalate_next_days"])
        escalations = calendar.escalations(due_at, after, again, names)
        found += [Moment(at=at, does="escalate", level=nth) for nth, at in enumerate(escalations, 1) if nth > level]
    return sorted(found, key=lambda moment: (moment.at, moment.does, moment.level))
