"""Working days, due moments, reminders, escalation, months and periods."""

import itertools
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.calendar import Calendar, add_months, add_years, exceeds_months, periods
from tests.policy.facts import EMERGENCY, STANDARD, office

MON_FRI = Calendar()
DHAKA = Calendar(time_zone="Asia/Dhaka", weekend=frozenset({4, 5}))
MAPUTO = Calendar(time_zone="Africa/Maputo", holidays=frozenset({date(2026, 4, 3), date(2026, 4, 7), date(2026, 5, 1)}))

DAYS = st.dates(date(2020, 1, 1), date(2035, 12, 31))


def at(day: date, hour: int = 12) -> datetime:
    return datetime.combine(day, time(hour), UTC)


@pytest.mark.parametrize(
    ("since", "until", "days"),
    [
        pytest.param(date(2026, 2, 16), date(2026, 4, 9), 38, id="C1"),
        pytest.param(date(2026, 3, 11), date(2026, 3, 19), 6, id="C3"),
        pytest.param(date(2026, 1, 12), date(2026, 4, 14), 66, id="C7"),
        pytest.param(date(2026, 9, 7), date(2026, 10, 2), 19, id="C8"),
        pytest.param(date(2026, 3, 19), date(2026, 3, 24), 3, id="C3 FACE to paid"),
    ],
)
def test_the_clocks_of_the_cases(since: date, until: date, days: int):
    assert MON_FRI.working_days(since, until) == days


def test_thirty_working_days_with_and_without_three_holidays():
    """C3: ratification 30 wd after 19 March is 30 April; 5 May with 3 April, 7 April and 1 May off."""
    assert MON_FRI.add_working_days(date(2026, 3, 19), 30) == date(2026, 4, 30)
    assert MAPUTO.add_working_days(date(2026, 3, 19), 30) == date(2026, 5, 5)


def test_the_holidays_library_and_the_office_list_add_up():
    calendar = Calendar.of(office(calendar="MZ", holidays=["2026-04-03"], working_exceptions=["2026-05-01"]))
    assert not calendar.is_working_day(date(2026, 4, 7))
    assert not calendar.is_working_day(date(2026, 4, 3))
    assert calendar.is_working_day(date(2026, 5, 1))
    assert calendar.is_working_day(date(2026, 4, 8))


def test_a_subdivision_of_the_library_is_named_with_a_dash():
    assert not Calendar(code="US-CA").is_working_day(date(2026, 3, 31))
    assert Calendar(code="US").is_working_day(date(2026, 3, 31))


def test_a_sunday_is_a_working_day_where_friday_and_saturday_are_not():
    """C2 is submitted on Sunday 1 March 2026."""
    assert DHAKA.is_working_day(date(2026, 3, 1))
    assert not DHAKA.is_working_day(date(2026, 3, 6))
    assert DHAKA.local_date(DHAKA.due(datetime(2026, 3, 1, 4, tzinfo=UTC), 5)) == date(2026, 3, 8)


def test_due_is_five_in_the_afternoon_of_the_office_and_the_day_of_opening_is_not_counted():
    assert DHAKA.due(datetime(2026, 3, 1, 4, tzinfo=UTC), 1) == datetime(2026, 3, 2, 11, tzinfo=UTC)
    kyiv = Calendar(time_zone="Europe/Kyiv")
    assert kyiv.due(datetime(2026, 10, 23, 6, tzinfo=UTC), 1) == datetime(2026, 10, 26, 15, tzinfo=UTC)  # winter time from 25 October
    assert kyiv.due(datetime(2026, 10, 22, 6, tzinfo=UTC), 1) == datetime(2026, 10, 23, 14, tzinfo=UTC)


def test_late_in_the_evening_it_is_already_tomorrow_in_the_office():
    assert DHAKA.local_date(datetime(2026, 3, 1, 19, tzinfo=UTC)) == date(2026, 3, 2)


def test_no_days_is_the_same_day_or_the_next_working_one():
    assert MON_FRI.add_working_days(date(2026, 3, 13), 0) == date(2026, 3, 13)
    assert MON_FRI.add_working_days(date(2026, 3, 14), 0) == date(2026, 3, 16)
    assert MON_FRI.add_working_days(date(2026, 3, 16), -1) == date(2026, 3, 13)


def test_counting_starts_on_a_day_off_too():
    """C8: ten working days after Sunday 20 December are 1 January, holidays not counted."""
    assert MON_FRI.add_working_days(date(2026, 12, 20), 10) == date(2027, 1, 1)


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 3, 19), 3, date(2026, 6, 19)),
        (date(2026, 8, 31), 6, date(2027, 2, 28)),
        (date(2027, 8, 31), 6, date(2028, 2, 29)),
        (date(2026, 11, 30), 3, date(2027, 2, 28)),
        (date(2026, 12, 31), 2, date(2027, 2, 28)),
        (date(2026, 1, 15), -1, date(2025, 12, 15)),
    ],
)
def test_months_end_on_the_same_day_or_the_last(day: date, months: int, expected: date):
    assert add_months(day, months) == expected


def test_a_leap_day_has_its_anniversary_on_the_28th():
    assert add_years(date(2024, 2, 29), 4) == date(2028, 2, 29)
    assert add_years(date(2024, 2, 29), 1) == date(2025, 2, 28)


def test_a_due_date_in_months_moves_to_the_next_working_day():
    """C8: three months after 2 October is Saturday 2 January, so Monday 4 January."""
    assert MON_FRI.add_months(date(2026, 10, 2), 3) == date(2027, 1, 4)


def test_reminders_come_at_half_at_four_fifths_and_on_the_day():
    opened = at(date(2026, 3, 2))
    due = MON_FRI.due(opened, 10)
    assert MON_FRI.reminders(opened, due) == [at(date(2026, 3, day), 9) for day in (9, 12, 16)]


def test_a_task_of_one_day_reminds_once():
    opened = at(date(2026, 3, 2))
    assert MON_FRI.reminders(opened, MON_FRI.due(opened, 1)) == [at(date(2026, 3, 3), 9)]


def test_reminders_without_the_day_itself():
    opened = at(date(2026, 3, 2))
    assert MON_FRI.reminders(opened, MON_FRI.due(opened, 10), (50,)) == [at(date(2026, 3, 9), 9)]


def test_escalation_on_the_standard_track_is_one_day_after_due_then_three_more():
    due = MON_FRI.end_of_business(date(2026, 3, 12))
    after, again = STANDARD["clock.escalate_after_days"], STANDARD["clock.escalate_next_days"]
    assert MON_FRI.escalations(due, after, again, 2) == [at(date(2026, 3, 13), 17), at(date(2026, 3, 18), 17)]


def test_escalation_on_the_emergency_track_is_on_the_due_day_then_one_more():
    due = MON_FRI.end_of_business(date(2026, 3, 12))
    after, again = EMERGENCY["clock.escalate_after_days"], EMERGENCY["clock.escalate_next_days"]
    assert MON_FRI.escalations(due, after, again, 2) == [due, at(date(2026, 3, 13), 17)]
    assert MON_FRI.escalations(due, 1, 0, 2) == [at(date(2026, 3, 13), 17), at(date(2026, 3, 13), 17)]


def test_a_hold_keeps_the_working_time_that_was_left():
    due = MON_FRI.end_of_business(date(2026, 3, 12))
    assert MON_FRI.shifted(due, at(date(2026, 3, 10)), at(date(2026, 3, 31))) == MON_FRI.end_of_business(date(2026, 4, 2))


def test_what_was_overdue_when_the_hold_began_stays_overdue():
    due = MON_FRI.end_of_business(date(2026, 3, 12))
    assert MON_FRI.shifted(due, at(date(2026, 3, 13)), at(date(2026, 3, 31))) == due


def test_a_hold_lifted_at_once_moves_nothing():
    due = MON_FRI.end_of_business(date(2026, 3, 12))
    assert MON_FRI.shifted(due, at(date(2026, 3, 10)), at(date(2026, 3, 10), 13)) == due


def test_time_is_charged_to_its_holder():
    """C6: office 6 wd, partner 5 wd."""
    spans = [
        ("office", at(date(2026, 3, 2)), at(date(2026, 3, 9))),
        ("partner", at(date(2026, 3, 9)), at(date(2026, 3, 16))),
        ("office", at(date(2026, 3, 16)), at(date(2026, 3, 17))),
    ]
    assert MON_FRI.holder_days(spans) == {"office": 6, "partner": 5}


def test_periods_are_counted_from_the_start_and_the_last_is_cut():
    found = periods(date(2026, 7, 21), date(2026, 11, 20))
    assert [(period.start, period.end) for period in found] == [
        (date(2026, 7, 21), date(2026, 10, 20)),
        (date(2026, 10, 21), date(2026, 11, 20)),
    ]
    assert periods(date(2026, 2, 1), date(2026, 1, 1)) == ()


def test_periods_from_a_month_end_do_not_drift():
    found = periods(date(2026, 8, 31), date(2027, 8, 30))
    assert [period.start for period in found] == [date(2026, 8, 31), date(2026, 11, 30), date(2027, 2, 28), date(2027, 5, 31)]


def test_twelve_months_to_the_day_are_not_longer_than_twelve_months():
    assert not exceeds_months(date(2026, 3, 1), date(2027, 2, 28), 12)
    assert exceeds_months(date(2026, 3, 1), date(2027, 3, 1), 12)


def test_hours_come_from_the_pack():
    calendar = Calendar.of(office(), STANDARD)
    assert (calendar.open, calendar.close) == (time(9), time(17))
    assert Calendar.of(office()).close == time(17)


@given(DAYS, st.integers(1, 60))
def test_the_nth_working_day_is_n_working_days_away(day: date, count: int):
    assert MAPUTO.working_days(day, MAPUTO.add_working_days(day, count)) == count


@given(DAYS, DAYS, DAYS)
def test_spans_that_follow_each_other_add_up(one: date, other: date, third: date):
    assert MAPUTO.working_days(one, other) + MAPUTO.working_days(other, third) == MAPUTO.working_days(one, third)


@given(DAYS, st.integers(0, 40), st.integers(0, 40))
def test_more_days_are_never_due_earlier(day: date, count: int, more: int):
    assert DHAKA.due(at(day), count) <= DHAKA.due(at(day), count + more)


@given(DAYS, st.integers(1, 40))
def test_reminders_lie_between_opening_and_due(day: date, count: int):
    opened = at(day)
    due = DHAKA.due(opened, count)
    found = DHAKA.reminders(opened, due)
    assert found == sorted(set(found))
    assert all(opened < moment < due for moment in found)
    assert DHAKA.local_date(found[-1]) == DHAKA.local_date(due)


@given(DAYS, st.integers(0, 700))
def test_periods_cover_every_day_once(start: date, length: int):
    end = start + timedelta(days=length)
    found = periods(start, end)
    assert found[0].start == start
    assert found[-1].end == end
    assert all(one.end + timedelta(days=1) == two.start for one, two in itertools.pairwise(found))
    assert [period.number for period in found] == list(range(1, len(found) + 1))


@given(DAYS, st.integers(0, 20), st.integers(0, 20), st.integers(0, 20))
def test_a_hold_never_makes_a_due_moment_earlier(day: date, allowed: int, held_after: int, length: int):
    due = MAPUTO.due(at(day), allowed)
    held = at(day + timedelta(days=held_after))
    assert MAPUTO.shifted(due, held, held + timedelta(days=length)) >= due
