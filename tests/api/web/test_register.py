"""The register as a page: filters, order, paging, what one sees and what one does not."""

import pytest

from api.web import lists
from policy.partner_view import TABLE
from tests.activities import fast_path as fp
from tests.activities.desk import Desk, at, facts
from tests.activities.test_browse import three
from tests.api.test_partner_view import planted
from tests.api.web.looking import HEAD, KENYA, LANGUAGES, PARTNER, SCRIPT, Become, page, text


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_register_shows_the_cases_of_the_own_offices_only(as_: Become, desk: Desk, language: str) -> None:
    await three(desk)
    body = await page(as_(*KENYA), "/register", language=language)
    assert 'href="/cases/KEN/2026/0007"' in body
    assert "BGD/2026/0019" not in body
    assert 'href="/register" aria-current="page"' in body
    assert 'href="/partners/KE/P-KE-0112"' in body or 'href="/partners/KE/' in body
    assert ("Registre" if language == "fr" else "Register") in text(body)
    everywhere = await page(as_("ops.1", "*:ops"), "/register", language=language)
    assert "KEN/2026/0007" in everywhere
    assert "BGD/2026/0019" in everywhere


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=vetting", True),
        ("status=active", False),
        ("track=standard", True),
        ("track=emergency", False),
        ("stage=vetting", True),
        ("stage=cash", False),
        ("holder=office", True),
        ("holder=partner", False),
        ("reference=KEN/2026", True),
        ("reference=UGA", False),
        ("partner=P-XX-1", False),
        ("office=KE", True),
        ("overdue=yes", True),
        ("sort=-received_at", True),
        ("sort=next_due", True),
        ("office=BD", True),
        ("status=nonsense&track=nonsense&sort=nonsense", True),
    ],
)
async def test_every_filter_holds_and_what_nobody_knows_filters_nothing(as_: Become, desk: Desk, query: str, found: bool) -> None:
    await three(desk)
    body = await page(as_(*KENYA), f"/register?{query}")
    assert ("KEN/2026/0007" in text(body).replace("example", "")) is found
    assert ("Nothing fits what you asked for." in body) is not found
    assert "BGD/2026/0019" not in body


async def test_what_is_overdue_is_said_in_words_and_can_be_asked_for(as_: Become, desk: Desk) -> None:
    await three(desk)
    assert "is-late" in await page(as_(*KENYA), "/register")
    await desk.pool.execute("UPDATE awaited SET due_at = now() + interval '3 days'")
    assert "is-late" not in await page(as_(*KENYA), "/register")
    assert "Nothing fits" in await page(as_(*KENYA), "/register?overdue=yes")


async def test_one_goes_on_page_by_page_and_back(as_: Become, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "PAGE", 1)
    await three(desk)
    api = as_("ops.1", "*:ops")
    seen, path, back = [], "/register?sort=reference", []
    while path:
        body = await page(api, path)
        back.append(path)
        seen += [name for name in ("BGD/2026/0019", "KEN/2026/0007", "PER/2026/") if f'href="/cases/{name}' in body]
        path = _link(body, "next")
    assert seen == ["BGD/2026/0019", "KEN/2026/0007", "PER/2026/"]
    middle = await page(api, back[1])
    assert _link(middle, "prev") == back[0]
    last = await page(api, back[2])
    assert _link(last, "prev") == back[1]
    assert await page(api, "/register?after=nonsense", status=422)


def _link(body: str, rel: str) -> str:
    for tag in body.split("<a ")[1:]:
        head = tag.partition(">")[0]
        if f'rel="{rel}"' in head:
            return head.split('href="')[1].partition('"')[0].replace("&amp;", "&")
    return ""


async def test_the_same_list_is_to_be_had_as_a_file(as_: Become, desk: Desk) -> None:
    await three(desk)
    api = as_(*KENYA)
    body = await page(api, "/register?status=vetting&mine=")
    assert 'href="/v1/cases.csv?status=vetting"' in body
    assert "KEN/2026/0007" in (await api.get("/v1/cases.csv?status=vetting")).text
    mine = await page(as_("ke.001", "KE:focal_point"), "/register?mine=yes")
    assert "focal_point=ke.001" in mine
    assert "KEN/2026/0007" in mine


async def test_an_empty_register_says_so(as_: Become, desk: Desk) -> None:
    assert "There is no agreement here yet." in await page(as_(*HEAD), "/register")
    assert "encore aucun accord" in await page(as_(*HEAD), "/register", language="fr")


async def test_scripts_in_names_and_filters_are_text(as_: Become, desk: Desk) -> None:
    intake = facts("C1")
    intake["partner"]["legal_name"] = f"Kivu {SCRIPT}"
    await desk.taken(intake)
    body = await page(as_(*KENYA), f"/register?partner=&reference=%22%3E{SCRIPT}")
    assert SCRIPT not in body
    body = await page(as_(*KENYA), "/register")
    assert SCRIPT not in body
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in body


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_partner_sees_its_own_cases_with_its_own_labels_and_nothing_hidden(as_: Become, desk: Desk, language: str) -> None:
    partner = await planted(desk)
    await desk.taken(facts("C1"), at("2026-02-20"))
    body = await page(as_("mz.p02", "MZ:partner_authorised_officer", partners=(partner,)), "/register", language=language)
    assert "MOZ/2026/0031" in body
    assert "KEN/2026/0007" not in body
    assert ("En cours" if language == "fr" else "Running") in text(body)
    assert "CANARY" not in body
    assert "mz.001" not in body
    assert "/v1/cases.csv" not in body
    assert 'href="/activations"' not in body


@pytest.mark.parametrize("row", [name for name in TABLE if name not in ("drafting_office", "returned", "suspended_cash", "suspended_all")])
async def test_every_public_label_has_a_text(as_: Become, desk: Desk, row: str) -> None:
    await fp.in_force(desk)
    await fp.fast(desk)
    held, notice = row == "on_hold", row == "under_notice"
    await desk.pool.execute(
        'UPDATE "case" SET status = $1, held = $2, under_notice = $3', "active" if held or notice else row, held, notice
    )
    await desk.pool.execute("UPDATE awaited SET holder = 'partner'")
    body = await page(as_("mz.p02", "MZ:partner_viewer", partners=(PARTNER,)), "/register")
    expected = TABLE["drafting_office"].label if row == "drafting" and "Your turn" not in body else TABLE[row].label
    assert expected in text(body)


async def test_nobody_is_asked_to_sign_in(as_: Become, api: object) -> None:
    called = as_(*KENYA)
    called.caller = None
    await page(called, "/register", status=401)
