"""The office overview: how long stages take against their targets, where cases wait now, cash by age, what is owed.

Counted when it is asked for, from what is open (`awaited`, unreported instalments, obligations owed) and from what ended within the time
asked for (`stay`, kept by every change of status); always of one office, along an index. Days are the office's working days. Reads only.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import asyncpg

from activities import versions
from activities.read import plain
from activities.versions import UnknownVersion as UnknownVersion
from db.sql import queries
from policy.calendar import Calendar

SQL = queries("browse")
Plain = dict[str, Any]

STAGE_OF = {
    "vetting": "vetting", "drafting": "document", "in_review": "review", "in_approval": "approval", "in_signature": "signature",
}  # fmt: skip
"""Status to the name under which the pack's `stage.days` gives its working days."""
TRACKS = ("standard", "emergency")
MONTHS = ("under 3", "3 to 6", "6 to 9", "over 9")
"""Classes of age of unreported cash, in months (policy C)."""


@dataclass
class WorkingDays:
    """Working days between two days, counted once for all pairs: many cases, few days."""

    calendar: Calendar
    first: date
    last: date
    counted: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.counted = [0]
        for n in range(1, (self.last - self.first).days + 1):
            self.counted.append(self.counted[-1] + self.calendar.is_working_day(self.first + timedelta(days=n)))

    def between(self, began: date, ended: date) -> int:
        """As `Calendar.working_days`: the day of beginning not counted, the last day counted."""
        return self.counted[(ended - self.first).days] - self.counted[(began - self.first).days]


def quantiles(counts: Mapping[int, int], shares: Sequence[float] = (0.5, 0.9)) -> list[int]:
    """The lowest value that so much of the whole does not exceed, for each share. `counts`: value to how often; not empty."""
    total = sum(counts.values())
    found: list[int] = []
    for share in shares:
        seen = 0
        for value in sorted(counts):
            seen += counts[value]
            if seen >= share * total:
                found.append(value)
                break
    return found


def _times(rows: Iterable[asyncpg.Record], days: WorkingDays, target: int | None) -> Plain | None:
    """Cases, median and 90th percentile of their working days, how many were within the target; None where there is none."""
    counts: dict[int, int] = {}
    for row in rows:
        value = days.between(row["began"], row["ended"])
        counts[value] = counts.get(value, 0) + row["cases"]
    if not counts:
        return None
    median, p90 = quantiles(counts)
    within = None if target is None else sum(number for value, number in counts.items() if value <= target)
    return {"cases": sum(counts.values()), "median": median, "p90": p90, "target": target, "within_target": within}


async def office(pool: asyncpg.Pool, iso2: str, *, since: date | None = None, at: datetime | None = None) -> Plain:
    """The overview of an office. `since`: the first day of what has ended, by default 90 days ago.

    Raises `activities.versions.UnknownVersion` for an office without a file. Keys: office, since, at;
    stages ([{stage, track, cases, median, p90, target, within_target}] in working days; stage "signed" is receipt to later signature,
    "payment" request to first payment); standing ([{status, track, cases}]); waits ([{stage, holder, cases, tasks, overdue, since}]);
    ageing ([{currency, months, instalments, amount}]); obligations ([{kind, in_time, overdue, evidence_in, next_due}]).
    """
    now = at or datetime.now(UTC)
    async with pool.acquire() as borrowed, borrowed.transaction(isolation="repeatable_read", readonly=True):
        conn = cast("asyncpg.Connection", borrowed)
        packs = {track: await versions.pack_in_force(conn, track, now.date()) for track in TRACKS}
        calendar = Calendar.of(await versions.office_in_force(conn, iso2, now.date()), packs["standard"])
        first = since or calendar.local_date(now) - timedelta(days=90)
        zone = calendar.time_zone
        stays = await conn.fetch(SQL["stays"], iso2, calendar.moment(first), zone)
        signed = await conn.fetch(SQL["signed"], iso2, first, zone)
        paid = await conn.fetch(SQL["first_payments"], iso2, calendar.moment(first), zone)
        rows = [*stays, *signed, *paid]
        days = WorkingDays(calendar, min((row["began"] for row in rows), default=first), max((row["ended"] for row in rows), default=first))
        stages: list[Plain] = []
        for track, pack in packs.items():
            budget = pack["stage.days"]
            for status, stage in STAGE_OF.items():
                own = [row for row in stays if (row["status"], row["track"] or "standard") == (status, track)]
                stages.append({"stage": stage, "track": track} | (_times(own, days, int(budget[stage])) or {}))
            for humanitarian in (False, True):
                own = [row for row in signed if (row["track"] or "standard", row["humanitarian"]) == (track, humanitarian)]
                target = int(pack["target.humanitarian_days" if humanitarian else "target.signature_days"])
                stages.append({"stage": "signed", "track": track, "humanitarian": humanitarian} | (_times(own, days, target) or {}))
        stages.append({"stage": "payment", "track": ""} | (_times(paid, days, int(packs["standard"]["target.payment_days"])) or {}))
        return {
            "office": iso2,
            "since": plain(first),
            "at": plain(now),
            "stages": [stage for stage in stages if "cases" in stage],
            "standing": [plain(dict(row)) for row in await conn.fetch(SQL["standing_cases"], iso2)],
            "waits": [plain(dict(row)) for row in await conn.fetch(SQL["waits"], iso2, now)],
            "ageing": sorted(
                (plain(dict(row)) for row in await conn.fetch(SQL["ageing"], iso2, now)),
                key=lambda row: (row["currency"], MONTHS.index(row["months"])),
            ),
            "obligations": [plain(dict(row)) for row in await conn.fetch(SQL["fates"], iso2)],
        }
