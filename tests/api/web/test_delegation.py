"""Out of office as a page: entered, accepted, declined, ended, each by whose it is; what is wrong stands at its field."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.activities.desk import Desk
from tests.api.web.looking import HEAD, KENYA, LANGUAGES, MOZAMBIQUE, PARTNER, SCRIPT, Become, page, send, text

FIRST = datetime.now(UTC).date() + timedelta(days=3)
DELEGATE = ("ke.026", "KE:partnership_manager")
ID = f"KE:ke.002:ke.026:{FIRST}"


def away(**changes: Any) -> dict[str, Any]:
    return {
        "office": "KE", "principal": "ke.002", "delegate": "ke.026", "roles": ["partnership_manager"], "from": FIRST.isoformat(),
        "to": (FIRST + timedelta(days=10)).isoformat(),
    } | changes  # fmt: skip


async def state(desk: Desk) -> str:
    return str(await desk.pool.fetchval("SELECT state FROM delegation"))


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_delegation_is_offered_accepted_and_ended(as_: Become, desk: Desk, language: str) -> None:
    form = await page(as_(*KENYA), "/delegation", language=language)
    assert 'href="/delegation" aria-current="page"' in form
    assert 'value="ke.002"' not in form.partition('id="f-delegate"')[2].partition("</select>")[0], "not to oneself"
    assert await send(as_(*KENYA), "/delegation", away(sign="yes"), status=303, language=language) == "/delegation?office=KE&done=offered"
    assert await state(desk) == "offered"
    assert await desk.pool.fetchval("SELECT sign FROM delegation")
    offered = await page(as_(*DELEGATE), "/delegation", language=language)
    assert f'action="/delegation/{ID}"' in offered
    assert ("Accepter" if language == "fr" else "Accept") in offered
    assert 'value="accept"' not in await page(as_(*KENYA), "/delegation", language=language)
    await send(as_(*DELEGATE), f"/delegation/{ID}", {"verdict": "accept"}, status=303, language=language)
    assert await state(desk) == "accepted"
    done = await page(as_(*DELEGATE), "/delegation?done=accepted", language=language)
    assert ("dès le premier jour" if language == "fr" else "from the first day on") in text(done)
    await send(as_(*KENYA), f"/delegation/{ID}", {"verdict": "end"}, status=303, language=language)
    assert await state(desk) == "ended"


async def test_whoever_declines_says_why(as_: Become, desk: Desk) -> None:
    await send(as_(*KENYA), "/delegation", away(), status=303)
    body = await send(as_(*DELEGATE), f"/delegation/{ID}", {"verdict": "decline"}, status=422)
    assert "Declining needs a reason." in body
    assert await state(desk) == "offered"
    await send(as_(*DELEGATE), f"/delegation/{ID}", {"verdict": "decline", "reason": f"I am away too {SCRIPT}"}, status=303)
    assert await state(desk) == "declined"


async def test_nobody_else_answers_it(as_: Become, desk: Desk) -> None:
    await send(as_(*KENYA), "/delegation", away(), status=303)
    for verdict in ("accept", "decline", "end"):
        body = await send(as_("ke.001", "KE:focal_point"), f"/delegation/{ID}", {"verdict": verdict, "reason": "r"}, status=422)
        assert "not by ke.001" in text(body)
    await send(as_(*MOZAMBIQUE), f"/delegation/{ID}", {"verdict": "end"}, status=404)
    await send(as_(*KENYA), "/delegation/KE:x:y:2026-01-01", {"verdict": "end"}, status=404)
    await send(as_(*KENYA), f"/delegation/{ID}", {"verdict": "nonsense"}, status=404)
    assert await state(desk) == "offered"
    await send(as_(*HEAD), f"/delegation/{ID}", {"verdict": "end"}, status=303)
    assert await state(desk) == "ended"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"delegate": "ke.001"}, "f-delegate-error"),
        ({"delegate": ""}, "f-delegate-error"),
        ({"roles": []}, "f-roles-error"),
        ({"to": (FIRST - timedelta(days=1)).isoformat()}, "f-to-error"),
        ({"from": "tomorrow"}, "f-from-error"),
        ({"from": ""}, "f-from-error"),
    ],
)
async def test_what_is_wrong_stands_at_its_field_and_what_was_chosen_stays(
    as_: Become, desk: Desk, changes: dict[str, Any], field: str
) -> None:
    body = await send(as_(*KENYA), "/delegation", away(**changes), status=422)
    assert f'id="{field}"' in body
    if "to" not in changes:
        assert (FIRST + timedelta(days=10)).isoformat() in body
    assert await desk.pool.fetchval("SELECT count(*) FROM delegation") == 0


async def test_the_head_of_office_enters_it_for_who_is_absent_already(as_: Become, desk: Desk) -> None:
    body = await page(as_(*HEAD), "/delegation?principal=ke.002")
    assert 'name="roles" value="partnership_manager"' in body
    await send(as_(*HEAD), "/delegation", away(), status=303)
    assert await desk.pool.fetchval("SELECT entered_by FROM delegation") == "ke.008"
    other = await page(as_("ke.001", "KE:focal_point"), "/delegation?principal=ke.002")
    assert 'name="roles" value="focal_point"' in other, "nobody else enters that of others"
    await send(as_("ke.001", "KE:focal_point"), "/delegation", away(delegate="ke.013"), status=422)


async def test_it_is_the_offices_peoples_own(as_: Become, desk: Desk) -> None:
    partner = as_("mz.p02", "MZ:partner_viewer", partners=(PARTNER,))
    await page(partner, "/delegation", status=404)
    await send(partner, "/delegation", away(office="MZ"), status=404)
    await page(as_(*MOZAMBIQUE), "/delegation?office=KE", status=404)
    await send(as_(*MOZAMBIQUE), "/delegation", away(), status=404)
    await page(as_("m", "KE:ops", kind="machine"), "/delegation", status=404)
