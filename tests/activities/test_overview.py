"""The overview of an office: figures that can be counted by hand."""

from datetime import date

import pytest

from activities import overview
from activities.overview import WorkingDays, quantiles
from activities.versions import UnknownVersion
from db import audit
from policy.calendar import Calendar
from tests.activities import fast_path as fp
from tests.activities.desk import Desk, at


def test_working_days_are_those_of_the_calendar() -> None:
    calendar = Calendar(holidays=frozenset({date(2026, 3, 11)}))
    days = WorkingDays(calendar, date(2026, 3, 1), date(2026, 3, 31))
    for began in (1, 6, 7, 10, 11):
        for ended in (11, 12, 14, 15, 31):
            pair = date(2026, 3, began), date(2026, 3, ended)
            assert days.between(*pair) == calendar.working_days(*pair), pair


def test_median_and_ninetieth_percentile() -> None:
    assert quantiles({1: 1}) == [1, 1]
    assert quantiles({1: 5, 2: 4, 30: 1}) == [1, 2]
    assert quantiles(dict.fromkeys(range(1, 11), 1)) == [5, 9]


async def test_the_overview_of_an_office(desk: Desk) -> None:
    await fp.paid(desk)
    found = await overview.office(desk.pool, "MZ", since=date(2026, 3, 1), at=at("2026-08-01"))
    stages = {(row["stage"], row["track"]): row for row in found["stages"]}
    assert stages["signed", "emergency"]["cases"] == 1
    assert stages["signed", "emergency"]["target"] == 15
    assert stages["signed", "emergency"]["within_target"] == 1
    assert stages["document", "emergency"]["cases"] == 1
    assert stages["payment", ""]["median"] == 3
    assert ("vetting", "emergency") not in stages
    assert found["standing"] == [{"status": "active", "track": "emergency", "cases": 1}]
    assert [(row["months"], row["instalments"], row["amount"]) for row in found["ageing"]] == [("3 to 6", 1, fp.CEILING)]
    assert sum(row["tasks"] for row in found["waits"]) == await desk.pool.fetchval("SELECT count(*) FROM task WHERE state = 'open'")
    owed = {row["kind"]: row for row in found["obligations"]}
    assert owed["psea_assessment"]["in_time"] == 1
    assert await audit.rebuild_check(desk.pool) == []


@pytest.mark.parametrize(("day", "months"), [("2026-03-30", "under 3"), ("2026-10-01", "6 to 9"), ("2027-01-01", "over 9")])
async def test_unreported_cash_grows_older(desk: Desk, day: str, months: str) -> None:
    await fp.paid(desk)
    found = await overview.office(desk.pool, "MZ", at=at(day))
    assert [row["months"] for row in found["ageing"]] == [months]


async def test_an_office_with_nothing_in_it(desk: Desk) -> None:
    found = await overview.office(desk.pool, "KE")
    assert [found[name] for name in ("stages", "standing", "waits", "ageing", "obligations")] == [[], [], [], [], []]
    with pytest.raises(UnknownVersion):
        await overview.office(desk.pool, "ZZ")
