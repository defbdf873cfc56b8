"""The overview of an office: pictures with honest scales, the same figures in tables, and nobody else's office."""

import re
from decimal import Decimal

import pytest

from api.web.overview import Scale, cash_by_age, stage_times
from api.web.texts import Formats, Texts
from tests.activities import fast_path as fp
from tests.activities.desk import Desk
from tests.api.web.looking import KENYA, LANGUAGES, MOZAMBIQUE, PARTNER, Become, page, text


@pytest.mark.parametrize(
    ("values", "top", "ticks"),
    [
        ([], 1, 2), ([0], 1, 2), ([1], 1, 2), ([3, 15], 15, 4), ([7], 8, 5), ([9416000], 10000000, 6), ([0.3], 1, 2), ([101], 150, 4),
    ],
)  # fmt: skip
def test_a_scale_begins_at_zero_and_ends_at_a_round_number_that_holds_all(values: list[float], top: int, ticks: int) -> None:
    scale = Scale.of(values)
    assert (scale.top, len(scale.ticks)) == (top, ticks)
    assert scale.ticks[0] == 0
    assert scale.at(0) == "0.00%"
    assert scale.at(scale.top) == "100.00%"
    assert all(Decimal(str(value)) <= scale.top for value in values)


def test_bars_of_one_picture_stand_on_one_scale() -> None:
    row = {"track": "standard", "cases": 3, "within_target": 2}
    stages = [
        {**row, "stage": "review", "median": 4, "p90": 9, "target": 8},
        {**row, "stage": "vetting", "median": 2, "p90": 20, "target": 10},
    ]
    picture = stage_times(stages, Texts("en"), Formats("en"))
    assert picture is not None
    ((_, bars),) = picture.groups
    assert [bar.label for bar in bars] == ["Vetting", "Review"], "in the order of a case"
    assert picture.scale.top == 20
    assert [bar.missed for bar in bars] == [True, True]
    assert all("beyond the target" in bar.note for bar in bars), "said in words"
    assert picture.rows[1][2:] == ["4", "9", "8", "2 / 3"]


def test_currencies_are_not_compared_and_empty_ages_are_shown_as_zero() -> None:
    ageing = [
        {"currency": "KES", "months": "over 9", "amount": "10.00", "instalments": 1},
        {"currency": "USD", "months": "under 3", "amount": "90000.00", "instalments": 2},
    ]
    found = cash_by_age(ageing, Texts("en"), Formats("en"))
    assert [currency for currency, _ in found] == ["KES", "USD"]
    assert [picture.scale.top for _, picture in found] == [10, 100000]
    assert [row[0] for row in found[0][1].rows] == ["Under 3 months", "3 to 6 months", "6 to 9 months", "Over 9 months"]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_picture_stands_above_its_figures(as_: Become, desk: Desk, language: str) -> None:
    await fp.paid(desk)
    body = await page(as_(*MOZAMBIQUE), "/offices/MZ?since=2026-01-01", language=language)
    assert body.count('class="chart"') == body.count('class="figures"') == 3
    assert body.count("<table") >= 5
    assert not re.findall(r"<svg(?![^>]*aria-hidden)[^>]*>(?!.*</svg>)", body.partition("<main")[2].partition('class="chart"')[0])
    for width in re.findall(r'(?:width|x1|x2|x)="([\d.]+)%"', body):
        assert 0 <= float(width) <= 100
    said = text(body)
    assert ("neuf sur dix" if language == "fr" else "nine in ten") in said
    assert ("9 416 000,00" if language == "fr" else "9,416,000.00") in said.replace("\u202f", " ").replace("\xa0", " ")
    assert ("Taux" not in said) and ("jours ouvrables" if language == "fr" else "working days") in said


async def test_an_office_without_anything_says_so(as_: Become, desk: Desk) -> None:
    said = text(await page(as_(*KENYA), "/offices/KE"))
    for sentence in (
        "No stage has ended since",
        "No task is open.",
        "No cash is outstanding.",
        "No agreement is open.",
        "Nothing is owed.",
    ):
        assert sentence in said


async def test_somebody_elses_office_is_not_there(as_: Become, desk: Desk) -> None:
    await page(as_(*KENYA), "/offices/MZ", status=404)
    await page(as_(*KENYA), "/offices/ZZ", status=404)
    partner = as_("mz.p02", "MZ:partner_viewer", partners=(PARTNER,))
    await page(partner, "/offices/MZ", status=404)
    await page(partner, "/offices", status=404)


async def test_who_has_one_office_is_led_to_it_and_who_has_more_chooses(as_: Become, desk: Desk) -> None:
    answer = await as_(*KENYA).get("/offices")
    assert (answer.status_code, answer.headers["location"]) == (303, "/offices/KE")
    body = await page(as_("rd.1", "KE:regional_director", "MZ:regional_director"), "/offices")
    assert 'href="/offices/KE"' in body
    assert 'href="/offices/MZ"' in body
    assert 'href="/offices/BD"' not in body
    await page(as_(*KENYA), "/offices/KE?since=nonsense")


async def test_what_is_owed_for_an_accepted_risk_is_not_counted_for_everybody(as_: Become, desk: Desk) -> None:
    await fp.paid(desk)
    await desk.pool.execute("UPDATE obligation SET kind = 'risk_acceptance_expiry' WHERE kind = 'psea_assessment'")
    assert "risk_acceptance_expiry" not in await page(as_(*MOZAMBIQUE), "/offices/MZ")
    assert "risk_acceptance_expiry" in await page(as_("mz.012", "MZ:risk_officer"), "/offices/MZ")
