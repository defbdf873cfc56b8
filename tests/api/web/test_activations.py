"""Emergency activations as pages: seen by whose office they cover, declared, renewed and revoked by who has the authority."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tests.activities import fast_path as fp
from tests.activities.desk import Desk
from tests.api.web.looking import KENYA, LANGUAGES, MOZAMBIQUE, PARTNER, SCRIPT, Become, page, send, text

PATH = "/activations/MOZ-L2-2026-01"
REGIONAL = ("mz.009", "MZ:regional_director")
TODAY = datetime.now(UTC).date()


def declaration(**changes: Any) -> dict[str, Any]:
    return {
        "reference": "MOZ-L1-2026-07",
        "level": "L1",
        "offices": ["MZ"],
        "areas": "Sofala\r\n\r\nManica",
        "sectors": "",
        "document": "Declaration of today",
        "valid_from": TODAY.isoformat(),
        "valid_to": (TODAY + timedelta(days=30)).isoformat(),
        "roster": "",
        "role": "head_of_office",
    } | changes


async def who(pool: asyncpg.Pool, role: str, office: str = "MZ") -> tuple[str, str]:
    """Somebody of the office file who holds the role."""
    actor = await pool.fetchval(
        "SELECT p ->> 'actor' FROM versioned v, jsonb_array_elements(v.body -> 'people') p, jsonb_array_elements(p -> 'roles') r "
        "WHERE v.kind = 'office' AND v.name = $1 AND r ->> 'role' = $2 AND coalesce(r ->> 'from', '') = '' LIMIT 1",
        office, role,
    )  # fmt: skip
    return str(actor), f"{office}:{role}"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_an_activation_says_what_it_unlocks_and_what_runs_under_it(as_: Become, desk: Desk, language: str) -> None:
    await fp.drafting(desk)
    listed = await page(as_(*MOZAMBIQUE), "/activations", language=language)
    assert f'href="{PATH}"' in listed
    body = await page(as_(*MOZAMBIQUE), PATH, language=language)
    said = text(body)
    assert ("certaines vérifications peuvent être reportées" if language == "fr" else "some checks may be postponed") in said
    assert 'href="/cases/MOZ/2026/0031"' in body
    assert "<form" not in body.partition("<main")[2], "a partnership manager changes nothing"
    assert 'href="/declare"' not in listed


async def test_an_activation_of_other_offices_is_not_there(as_: Become, desk: Desk) -> None:
    await fp.in_force(desk)
    assert "MOZ-L2-2026-01" not in await page(as_(*KENYA), "/activations")
    await page(as_(*KENYA), PATH, status=404)
    await page(as_(*MOZAMBIQUE), "/activations/NONE-L1-2026-01", status=404)
    partner = as_("mz.p02", "MZ:partner_viewer", partners=(PARTNER,))
    for path in ("/activations", PATH, "/declare"):
        await page(partner, path, status=404)
    await page(as_(*MOZAMBIQUE), "/declare", status=404)


async def test_cases_of_other_offices_under_a_common_activation_stay_unseen(as_: Become, desk: Desk) -> None:
    await fp.drafting(desk)
    await desk.pool.execute("UPDATE activation SET offices = ARRAY['MZ', 'KE']")
    body = await page(as_(*KENYA), PATH)
    assert "MOZ/2026/0031" not in body


async def test_who_has_the_authority_declares(as_: Become, desk: Desk) -> None:
    head = await who(desk.pool, "head_of_office")
    api = as_(*head)
    assert 'href="/declare"' in await page(api, "/activations")
    body = await page(api, "/declare")
    assert 'name="offices" value="MZ"' in body
    assert 'value="KE"' not in body
    assert await send(api, "/declare", declaration(), status=303) == "/activations/MOZ-L1-2026-07?done=declared"
    row = await desk.pool.fetchrow("SELECT * FROM activation WHERE reference = 'MOZ-L1-2026-07'")
    assert row is not None
    assert (row["declared_by"], list(row["areas"]), list(row["offices"])) == (head[0], ["Sofala", "Manica"], ["MZ"])
    assert "The activation is in force." in await page(api, "/activations/MOZ-L1-2026-07?done=declared")
    assert "was revoked" not in await page(api, "/activations/MOZ-L1-2026-07?done=revoked")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_what_stands_against_a_declaration_stands_at_its_field(as_: Become, desk: Desk, language: str) -> None:
    api = as_(*await who(desk.pool, "head_of_office"))
    empty = await send(api, "/declare", {}, status=422, language=language)
    assert 'href="#f-reference"' in empty
    assert 'id="f-level-error"' in empty
    wrong = declaration(level="L3", valid_to=(TODAY + timedelta(days=400)).isoformat(), document=SCRIPT)
    body = await send(api, "/declare", wrong, status=422, language=language)
    assert "An activation lasts at most" in body.partition('id="f-valid_to-error"')[2][:300]
    assert "global_emergency_coordinator" in body
    assert SCRIPT not in body
    assert "MOZ-L1-2026-07" in body, "what was typed stays"
    assert await desk.pool.fetchval("SELECT count(*) FROM activation") == 0
    elsewhere = await send(api, "/declare", declaration(offices=["KE"]), status=422, language=language)
    assert 'id="f-offices-error"' in elsewhere


async def test_who_may_renews_it_and_a_wrong_day_stands_at_its_field(as_: Become, desk: Desk) -> None:
    head = await who(desk.pool, "head_of_office")
    api = as_(*head)
    await send(api, "/declare", declaration(), status=303)
    path, later = "/activations/MOZ-L1-2026-07", (TODAY + timedelta(days=60)).isoformat()
    assert await send(api, f"{path}/renew", {"to": later, "role": "head_of_office"}, status=303) == f"{path}?done=renewed"
    assert "renewed once" in await page(api, f"{path}?done=renewed")
    back = await send(api, f"{path}/renew", {"to": TODAY.isoformat(), "role": "head_of_office"}, status=422)
    assert "is not after" in back.partition('id="f-to-error"')[2][:200]
    assert 'id="f-to-error"' in await send(api, f"{path}/renew", {"to": "soon", "role": "head_of_office"}, status=422)
    await send(as_(*MOZAMBIQUE), f"{path}/renew", {"to": later, "role": "head_of_office"}, status=404)
    await send(as_(*KENYA), f"{path}/renew", {"to": later, "role": "head_of_office"}, status=404)


async def test_a_revocation_is_looked_at_before_it_is_said(as_: Become, desk: Desk) -> None:
    case = await fp.drafting(desk)
    await desk.pool.execute("UPDATE activation SET valid_to = $1", TODAY + timedelta(days=10))
    director = await who(desk.pool, "regional_director")
    api = as_(*director)
    form = {"reason": f"The flood has receded {SCRIPT}", "role": "regional_director"}
    assert 'id="f-reason-error"' in await send(api, f"{PATH}/revoke", {**form, "reason": " ", "step": "check"}, status=422)
    look = await send(api, f"{PATH}/revoke", {**form, "step": "check"})
    assert "MOZ/2026/0031" in look.partition('id="h-confirm"')[2].partition("</section>")[0]
    assert SCRIPT not in look
    assert await desk.pool.fetchval("SELECT state FROM activation") == "declared"
    again = await send(api, f"{PATH}/revoke", {**form, "step": "edit"})
    assert "The flood has receded" in again
    assert await send(api, f"{PATH}/revoke", {**form, "step": "confirm"}, status=303) == f"{PATH}?done=revoked"
    assert await desk.pool.fetchval("SELECT state FROM activation") == "revoked"
    assert await desk.pool.fetchval('SELECT track FROM "case" WHERE subject = $1', case) == "standard"
    assert "The activation was revoked." in await page(api, f"{PATH}?done=revoked")
    twice = await send(api, f"{PATH}/revoke", {**form, "step": "confirm"}, status=422)
    assert "already" in twice
    assert "<form" not in (await page(api, PATH)).partition("<main")[2]


async def test_the_wrong_authority_is_told_why(as_: Become, desk: Desk) -> None:
    await fp.in_force(desk)
    await desk.pool.execute("UPDATE activation SET valid_to = $1", TODAY + timedelta(days=10))
    api = as_(*await who(desk.pool, "head_of_office"))
    body = await send(api, f"{PATH}/revoke", {"reason": "r", "role": "head_of_office", "step": "confirm"}, status=422)
    assert "L2 is declared by the regional_director" in body
    assert await desk.pool.fetchval("SELECT state FROM activation") == "declared"
