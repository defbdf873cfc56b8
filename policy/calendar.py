"""Working days of an office, and the moments that follow from them: due, reminders, escalation, months, periods.

Days are dates in the office's time zone; moments are aware UTC datetimes. The day of opening is never counted; a task falls due
at close of business. Nothing here knows the time of day it is run at. Public holidays come from a library, so calendars are
read in activities only: a newer library never changes a replay.
"""

import calendar as gregorian
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays as public_holidays

from policy.pack import Pack
from schemas.office import Office

CLOSE = time(17)
OPEN = time(9)


@lru_cache(maxsize=512)
def _public(code: str, year: int) -> frozenset[date]:
    country, _, subdivision = code.partition("-")
    return frozenset(public_holidays.country_holidays(country, subdiv=subdivision or None, years=year))


@dataclass(frozen=True)
class Calendar:
    """The working week and days off of one office."""

    time_zone: str = "UTC"
    weekend: frozenset[int] = frozenset({5, 6})
    holidays: frozenset[date] = frozenset()
    working_exceptions: frozenset[date] = frozenset()
    code: str | None = None
    close: time = CLOSE
    open: time = OPEN

    @classmethod
    def of(cls, office: Office, pack: Pack | None = None) -> "Calendar":
        """The calendar of an office file, with the pack's hours."""
        return cls(
            time_zone=office.time_zone,
            weekend=frozenset(office.weekend),
            holidays=frozenset(office.holidays),
            working_exceptions=frozenset(office.working_exceptions),
            code=office.calendar,
            close=time.fromisoformat(pack["clock.close_of_business"]) if pack else CLOSE,
            open=time.fromisoformat(pack["clock.start_of_business"]) if pack else OPEN,
        )

    # -- days ------------------------------------------------------------------------------------

    def is_working_day(self, day: date) -> bool:
        if day in self.working_exceptions:
            return True
        if day.weekday() in self.weekend or day in self.holidays:
            return False
        return self.code is None or day not in _public(self.code, day.year)

    def next_working_day(self, day: date) -> date:
        """`day`, or the first working day after it."""
        while not self.is_working_day(day):
            day += timedelta(days=1)
        return day

    def add_working_days(self, day: date, count: int) -> date:
        """The `count`-th working day after `day`; negative counts back; 0 is the next working day from `day` on."""
        if count == 0:
            return self.next_working_day(day)
        step = timedelta(days=1 if count > 0 else -1)
        left = abs(count)
        while left:
            day += step
            left -= self.is_working_day(day)
        return day

    def working_days(self, after: date, through: date) -> int:
        """Working days after `after` through `through`; negative if `through` lies before."""
        if through < after:
            return -self.working_days(through, after)
        return sum(self.is_working_day(after + timedelta(days=n)) for n in range(1, (through - after).days + 1))

    def add_months(self, day: date, months: int) -> date:
        """The same day of the month, or its last day; moved to the next working day."""
        return self.next_working_day(add_months(day, months))

    # -- moments ---------------------------------------------------------------------------------

    def local_date(self, moment: datetime) -> date:
        """The office's date at a moment."""
        return moment.astimezone(ZoneInfo(self.time_zone)).date()

    def moment(self, day: date, at: time = time(0)) -> datetime:
        """Local time of a day, in UTC."""
        return datetime.combine(day, at, ZoneInfo(self.time_zone)).astimezone(UTC)

    def end_of_business(self, day: date) -> datetime:
        return self.moment(day, self.close)

    def due(self, opened_at: datetime, days: int) -> datetime:
        """Close of business of the `days`-th working day after the day of opening."""
        return self.end_of_business(self.add_working_days(self.local_date(opened_at), days))

    def reminders(self, opened_at: datetime, due_at: datetime, percents: Sequence[int] = (50, 80, 100)) -> list[datetime]:
        """Start of business of the working days on which these shares of the time allowed are reached, the due day last.

        Shares that fall on one day remind once; none lies before the opening or after the due moment.
        """
        first, last = self.local_date(opened_at), self.local_date(due_at)
        allowed = self.working_days(first, last)
        days = {self.add_working_days(first, math.ceil(allowed * percent / 100)) for percent in percents if percent < 100}
        days |= {last} if 100 in percents else set()
        return sorted(moment for day in days if opened_at < (moment := self.moment(day, self.open)) < due_at)

    def escalations(self, due_at: datetime, after: int, again: int, names: int) -> list[datetime]:
        """When an overdue task goes to each of `names` people: `after` working days after the due day, then every `again`.

        0 working days after is the due moment itself.
        """
        moments: list[datetime] = []
        day = self.local_date(due_at)
        for level in range(names):
            wait = after if level == 0 else again
            day = self.add_working_days(day, wait) if wait else day
            moments.append(due_at if level == 0 and wait == 0 else self.end_of_business(day))
        return moments

    def shifted(self, due_at: datetime, held_at: datetime, resumed_at: datetime) -> datetime:
        """The due moment after a hold: the working days that were left when it began are left when it ends.

        What was overdue when the hold began stays overdue.
        """
        if due_at <= held_at:
            return due_at
        left = self.working_days(self.local_date(held_at), self.local_date(due_at))
        return max(due_at, self.end_of_business(self.add_working_days(self.local_date(resumed_at), left)))

    def holder_days(self, spans: Iterable[tuple[str, datetime, datetime]]) -> dict[str, int]:
        """Working days by holder of spans (holder, from, to) that follow each other; their sum is that of the whole."""
        days: dict[str, int] = {}
        for holder, since, until in spans:
            days[holder] = days.get(holder, 0) + self.working_days(self.local_date(since), self.local_date(until))
        return days


def add_months(day: date, months: int) -> date:
    """The same day of the month `months` later, or the last day of that month."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, gregorian.monthrange(year, month + 1)[1]))


def add_years(day: date, years: int) -> date:
    return add_months(day, 12 * years)


@dataclass(frozen=True)
class Period:
    """One period of a document: both days inclusive."""

    number: int
    start: date
    end: date


def periods(start: date, end: date, months: int = 3) -> tuple[Period, ...]:
    """Periods of `months` counted from the start; the last is cut at the end. None if the end lies before the start."""
    found: list[Period] = []
    begin = start
    while begin <= end:
        following = add_months(start, months * (len(found) + 1))
        found.append(Period(len(found) + 1, begin, min(end, following - timedelta(days=1))))
        begin = following
    return tuple(found)


def exceeds_months(start: date, end: date, months: int) -> bool:
    """Whether start to end, both inclusive, is longer than `months`."""
    return end >= add_months(start, months)
