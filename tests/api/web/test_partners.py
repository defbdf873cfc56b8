"""A partner as a page: clearance, elements, exposure, what is owed; sealed matters for whom they are, and for nobody else."""

import pytest

from api.web import lists
from tests.activities import fast_path as fp
from tests.activities.desk import Desk, facts
from tests.activities.test_browse import three
from tests.api.test_partner_view import planted
from tests.api.web.looking import HEAD_OF_MOZAMBIQUE, KENYA, LANGUAGES, MOZAMBIQUE, PARTNER, SCRIPT, Become, page, text

PATH = "/partners/MZ/P-MZ-0031"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_office_sees_clearance_elements_exposure_and_cases(as_: Become, desk: Desk, language: str) -> None:
    await fp.paid(desk)
    await desk.pool.execute("UPDATE instalment SET paid_at = now() - interval '4 months'")
    body = await page(as_(*MOZAMBIQUE), PATH, language=language)
    said = text(body)
    assert ("3 à 6 mois" if language == "fr" else "3 to 6 months") in said
    amount = "9 416 000,00" if language == "fr" else "9,416,000.00"
    assert amount in said.replace("\u202f", " ").replace("\xa0", " ")
    assert ("Habilitation d’urgence: accordée" if language == "fr" else "Emergency clearance: granted") in said
    assert ("Reportée" if language == "fr" else "Postponed") in said
    assert 'href="/cases/MOZ/2026/0031"' in body
    assert 'href="/register?office=MZ&amp;partner=P-MZ-0031"' in body
    assert 'href="/partners" aria-current="page"' in body


async def test_somebody_elses_partner_is_not_there(as_: Become, desk: Desk) -> None:
    await fp.cleared(desk)
    await page(as_(*KENYA), PATH, status=404)
    await page(as_(*MOZAMBIQUE), "/partners/MZ/P-MZ-00", status=404)
    await page(as_(*MOZAMBIQUE), "/partners/KE/P-MZ-0031", status=404)
    await page(as_("x", "MZ:partner_viewer", partners=("partner:MZ:P-MZ-9999",)), PATH, status=404)
    await page(as_("x", "KE:partner_viewer", partners=("partner:KE:P-MZ-0031",)), PATH, status=404)
    await page(as_(*MOZAMBIQUE), f"/partners/MZ/{SCRIPT}", status=404)


async def test_flags_and_hits_are_shown_to_who_weighs_them_only(as_: Become, desk: Desk) -> None:
    _, partner = await fp.cleared(desk)
    await desk.pool.execute(
        "INSERT INTO element VALUES ($1, 'flag:1', 'open', 'own', NULL, now(), NULL, '{\"category\": \"CANARY-CATEGORY\"}')", partner
    )
    await desk.pool.execute("INSERT INTO hit VALUES ('h', $1, 'CANARY-ENTRY', 'name', 0.97, now(), 'open', NULL)", partner)
    await desk.pool.execute("UPDATE clearance SET limiting_element = 'screening' WHERE subject = $1", partner)
    risk = await page(as_("mz.012", "MZ:risk_officer"), PATH)
    assert "CANARY-CATEGORY" in risk
    assert "CANARY-ENTRY" in risk
    for who in (MOZAMBIQUE, ("mz.001", "MZ:focal_point"), ("mz.010", "MZ:finance_officer"), ("a.1", "MZ:auditor")):
        body = await page(as_(*who), PATH)
        assert "CANARY" not in body, who
        assert "creening" not in text(body), who
        assert "Flags" not in text(body), who
    assert "Flags" in await page(as_(*HEAD_OF_MOZAMBIQUE), PATH)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_partner_sees_its_own_part_and_nothing_hidden(as_: Become, desk: Desk, language: str) -> None:
    partner = await planted(desk)
    api = as_("mz.p02", "MZ:partner_authorised_officer", partners=(partner,))
    answer = await api.get("/partners")
    assert (answer.status_code, answer.headers["location"]) == (303, PATH)
    body = await page(api, PATH, language=language)
    assert "CANARY" not in body
    said = text(body)
    assert ("Reportée" if language == "fr" else "Postponed") in said
    assert ("Vos accords" if language == "fr" else "Your agreements") in said
    assert "MOZ/2026/0031" in said
    assert "risk acceptance" not in said.lower()
    assert 'href="/partners" aria-current="page"' in body


async def test_a_confidential_stop_has_no_cause_on_the_page(as_: Become, desk: Desk) -> None:
    _, partner = await fp.cleared(desk)
    await desk.pool.execute(
        "INSERT INTO block (id, subject, scope, cause, reason_code, since, office, partner_subject) "
        "VALUES ('CANARY-ID', $1, 'cash', 'suspension', 'fraud', now(), 'MZ', $1)",
        partner,
    )
    body = await page(as_(*MOZAMBIQUE), PATH)
    assert "CANARY" not in body
    assert "fraud" not in text(body).lower()
    assert "confidential" in text(body).lower()
    theirs = await page(as_("mz.p02", "MZ:partner_viewer", partners=(PARTNER,)), PATH)
    assert "fraud" not in theirs.lower()
    assert "CANARY" not in theirs


async def test_partners_are_listed_and_found_by_number_and_clearance(as_: Become, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await three(desk)
    body = await page(as_(*KENYA), "/partners")
    assert 'href="/partners/KE/' in body
    assert 'href="/partners/BD/' not in body
    assert "Nothing fits" in await page(as_(*KENYA), "/partners?clearance=granted")
    assert "Nothing fits" in await page(as_(*KENYA), "/partners?partner=NOBODY")
    monkeypatch.setattr(lists, "PAGE", 1)
    assert 'rel="next"' in await page(as_("ops.1", "*:ops"), "/partners")
    assert "encore aucun" not in await page(as_("ops.1", "*:ops"), "/partners", language="fr")


async def test_a_name_with_a_script_in_it_is_text(as_: Become, desk: Desk) -> None:
    intake = facts("C1")
    intake["partner"]["legal_name"] = f"Kivu {SCRIPT}"
    await desk.taken(intake)
    body = await page(as_(*KENYA), f"/partners/KE/{intake['partner']['id']}")
    assert SCRIPT not in body
    assert "Kivu &lt;script&gt;" in body
