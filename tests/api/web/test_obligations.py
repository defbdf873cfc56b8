"""What is owed, as a page: whose turn, by when, what follows; to the partner in words written for it."""

import pytest

from tests.activities import fast_path as fp
from tests.activities.desk import Desk
from tests.api.test_partner_view import planted
from tests.api.web.looking import KENYA, LANGUAGES, MOZAMBIQUE, Become, page, text


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_obligation_says_what_follows_and_from_when(as_: Become, desk: Desk, language: str) -> None:
    await fp.paid(desk)
    await desk.pool.execute("UPDATE obligation SET overdue = false, due_at = now() + interval '9 days'")
    body = await page(as_(*MOZAMBIQUE), "/obligations", language=language)
    assert 'href="/cases/MOZ/2026/0031"' in body
    assert 'href="/partners/MZ/P-MZ-0031"' in body
    assert ("si ce n’est pas fait" if language == "fr" else "if it is not done") in text(body)
    await desk.pool.execute("UPDATE obligation SET overdue = true, due_at = now() - interval '9 days'")
    late = await page(as_(*MOZAMBIQUE), "/obligations?overdue=yes", language=language)
    assert ("jusqu’à ce que ce soit fait" if language == "fr" else "until it is done") in text(late)
    await desk.pool.execute("UPDATE obligation SET overdue = false, due_at = NULL")
    unset = await page(as_(*MOZAMBIQUE), "/obligations", language=language)
    assert ("fixée par une étape ultérieure" if language == "fr" else "set by a later step") in text(unset)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", True),
        ("kind=psea_assessment", True),
        ("kind=refund", False),
        ("owner_role=auditor", False),
        ("state=met", False),
        ("state=open", True),
        ("overdue=yes", False),
        ("due_to=2020-01-01", False),
        ("due_to=nonsense&state=nonsense&kind=nonsense&owner_role=nonsense", True),
    ],
)
async def test_every_filter_holds(as_: Become, desk: Desk, query: str, found: bool) -> None:
    await fp.paid(desk)
    body = await page(as_(*MOZAMBIQUE), f"/obligations?{query}")
    assert ("MOZ/2026/0031" in body or "/partners/MZ/P-MZ-0031" in body) is found
    assert ("Nothing fits" in body) is not found


async def test_an_obligation_of_an_accepted_risk_is_for_who_weighs_flags(as_: Become, desk: Desk) -> None:
    await planted(desk)
    body = await page(as_(*MOZAMBIQUE), "/obligations")
    assert "CANARY" not in body
    assert "risk_acceptance_expiry" not in body
    assert "risk_acceptance_expiry" in await page(as_("mz.012", "MZ:risk_officer"), "/obligations")


async def test_somebody_elses_are_not_there(as_: Become, desk: Desk) -> None:
    await fp.paid(desk)
    body = await page(as_(*KENYA), "/obligations")
    assert "Nothing is owed." in body
    assert "P-MZ-0031" not in body
    assert "P-MZ-0031" not in await page(as_(*KENYA), "/obligations?office=MZ")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_partner_reads_its_own_in_its_own_words(as_: Become, desk: Desk, language: str) -> None:
    partner = await planted(desk)
    await desk.pool.execute("UPDATE obligation SET due_at = '2026-06-09T14:00Z' WHERE kind = 'psea_assessment'")
    api = as_("mz.p02", "MZ:partner_authorised_officer", partners=(partner,))
    body = await page(api, "/obligations?kind=psea_assessment", language=language)
    assert "CANARY" not in body
    said = text(body)
    assert ("9 juin 2026" if language == "fr" else "9 Jun 2026") in said
    assert "psea_assessment" not in said
    assert "/partners/" not in body.partition("<main")[2]
    assert "risk_acceptance" not in await page(api, "/obligations", language=language)
    other = await page(as_("x", "KE:partner_viewer", partners=("partner:KE:P-KE-0112",)), "/obligations", language=language)
    assert "MOZ/2026/0031" not in other
