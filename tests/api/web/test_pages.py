"""My tasks and the case, in both languages and as different people: what is on them, that they can be used without seeing, and escaping."""

import asyncpg
import pytest

from activities import browse
from schemas.tasks import CATALOGUE
from tests.activities import fast_path as fp
from tests.activities import test_settle_cash as cash
from tests.activities.desk import Desk
from tests.api.conftest import Called
from tests.api.web import html
from tests.api.web.looking import LANGUAGES, SCRIPT, Become

PEOPLE = {
    "head": ("ke.008", "KE:head_of_office"),
    "manager": ("ke.002", "KE:partnership_manager"),
    "focal point": ("ke.001", "KE:focal_point"),
    "finance": ("ke.009", "KE:finance_officer"),
    "secretary": ("ke.004", "KE:committee_secretary"),
    "auditor": ("ke.099", "KE:auditor"),
    "operations": ("ke.098", "KE:ops"),
    "risk": ("ke.011", "KE:risk_officer"),
    "everywhere": ("hq.001", "*:regional_director"),
}
CASE = "/cases/KEN/2026/0007"


async def page(api: Called, path: str, *, language: str = "en", status: int = 200) -> html.Element:
    """The page, whole and without a fault."""
    answer = await api.get(path, headers={"accept": "text/html", "cookie": f"pca_language={language}"})
    assert answer.status_code == status, (path, answer.status_code, answer.text[-3000:])
    found = html.read(answer.text)
    assert html.faults(found) == [], path
    assert found.one("html").attrs["lang"] == language
    return found


async def tasks_of(pool: asyncpg.Pool) -> list[str]:
    return [row["id"] for row in await pool.fetch("SELECT id FROM task ORDER BY id")]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("who", PEOPLE)
async def test_everybody_of_the_office_reads_the_case_and_every_task_in_sight(
    desk: Desk, as_: Become, pool: asyncpg.Pool, who: str, language: str
) -> None:
    await cash.paid(desk)
    api = as_(*PEOPLE[who])
    found = await page(api, CASE, language=language)
    assert ("Chronologie" if language == "fr" else "Timeline") in [each.text for each in found.all("h2")]
    await page(api, f"{CASE}?events=all", language=language)
    await page(api, "/tasks", language=language)
    for task in await tasks_of(pool):
        answer = await api.get(f"/tasks/{task}", headers={"accept": "text/html"})
        if answer.status_code != 404:
            await page(api, f"/tasks/{task}", language=language)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_fast_case_with_postponed_checks_shows_both_tracks_and_what_is_owed(desk: Desk, as_: Become, language: str) -> None:
    await fp.paid(desk)
    found = await page(as_("mz.008", "MZ:head_of_office"), "/cases/MOZ/2026/0031", language=language)
    tracks = [each.text for each in found.all(class_="track")]
    assert len(tracks) == 2
    assert tracks[0].startswith("Urgence" if language == "fr" else "Emergency")
    (own, other) = (each.all("li") for each in found.all("ol", class_="stages"))
    assert [each.attrs["class"] for each in own] == ["now", "done", "done", "done", "now"], "vetting runs beside the line"
    assert len(other) == 5
    assert ("En cas de retard" if language == "fr" else "If it is late") in found.text


async def test_the_case_says_who_holds_it_since_when_and_where_the_money_is(desk: Desk, as_: Become) -> None:
    await cash.paid(desk)
    found = await page(as_("ke.008", "KE:head_of_office"), CASE)
    said = found.one("main").text
    assert "Held by" in said
    assert "KES\xa010,518,100.00" in found.one("section", aria_labelledby="h-money").text or "10,518,100.00" in said
    assert "Wanjiru Kamau" in said, "names of the office file, not ids"
    assert found.all("section", aria_labelledby="h-reviews"), "opinions, to the office's people"
    assert not (await page(as_("ke.098", "KE:ops"), CASE)).all("section", aria_labelledby="h-reviews"), "never to operations"


async def test_the_inbox_has_what_is_overdue_first_and_says_who_waits(desk: Desk, as_: Become, pool: asyncpg.Pool) -> None:
    await cash.paid(desk)
    await pool.execute("UPDATE task SET state = 'open', closed_at = NULL WHERE kind IN ('office_turn', 'certify_request')")
    ids = [row["id"] for row in await pool.fetch("SELECT id FROM task WHERE state = 'open'")]
    api = as_("ke.008", "KE:head_of_office")
    found = await page(api, "/tasks")
    assert len(found.all("li", class_="card")) <= len(ids)
    empty = await page(api, "/tasks?case=NOBODY/2026/1")
    assert empty.all(class_="empty")
    assert (await page(api, "/tasks?kind=no_such_kind")).one("select", id="kind").attrs["name"] == "kind"
    assert [each.attrs["value"] for each in empty.one("select", id="kind").all("option")][1:] == list(CATALOGUE)


async def test_a_long_inbox_goes_on_and_keeps_its_filters(as_: Become, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def inbox(*_args: object, **given: object) -> browse.Page:
        asked.append(given)
        return browse.Page([], "more")

    monkeypatch.setattr(browse, "inbox", inbox)
    found = await page(as_("ke.008", "KE:head_of_office"), "/tasks?overdue=yes&claimed=yes&case=KEN/1&after=before")
    assert asked[0] | {"limit": 0} == {"kind": None, "case": "KEN/1", "overdue": True, "claimed": "ke.008", "after": "before", "limit": 0}
    (following,) = found.all("a", rel="next")
    assert following.attrs["href"] == "/tasks?case=KEN%2F1&overdue=yes&claimed=yes&after=more"


async def test_a_place_in_the_list_that_is_not_known_is_said_and_nothing_breaks(desk: Desk, as_: Become) -> None:
    found = await page(as_("ke.008", "KE:head_of_office"), "/tasks?after=nonsense", status=422)
    assert "bad_cursor" in found.text


@pytest.mark.parametrize("path", [CASE, f"{CASE}/say/hold", "/tasks/KEN/2026/0007:document:1:office_turn:turn-1"])
async def test_somebody_elses_case_is_not_there(desk: Desk, as_: Become, path: str) -> None:
    await cash.paid(desk)
    for caller in (as_("mz.008", "MZ:head_of_office"), as_("x.1", "KE:partner_focal_point", partners=("partner:KE:P-KE-9999",))):
        await page(caller, path, status=404)
        assert (await caller.get(path, headers={"accept": "application/json"})).headers["content-type"] == "application/problem+json"


async def test_versions_are_compared_and_numbers_that_are_none_are_ignored(desk: Desk, as_: Become) -> None:
    await cash.paid(desk)
    api = as_("ke.008", "KE:head_of_office")
    for query in ("from=1&to=1", "from=x&to=1", "from=1&to=99", "from=1"):
        await page(api, f"{CASE}?{query}")


async def test_scripts_in_every_text_are_shown_as_text(desk: Desk, as_: Become, pool: asyncpg.Pool) -> None:
    await cash.paid(desk)
    for statement in (
        "UPDATE submission SET facts = jsonb_set(facts, '{partner,legal_name}', to_jsonb($1::text))",
        "UPDATE document_version SET changed = ARRAY[$1]",
        "UPDATE task SET whom = $1, claimed_by = $1, closed_why = $1",
        "UPDATE vendor SET vendor_number = $1",
        "UPDATE payment_order SET bank_reference = $1",
        "UPDATE element SET result = $1, agency = $1",
        "UPDATE obligation SET owner_role = $1, kind = $1",
        "UPDATE opinion SET verdict = $1",
        "UPDATE member SET section = $1, function = $1",
        "UPDATE block SET cause = $1",
        "UPDATE \"case\" SET focal_point = $1",
    ):  # fmt: skip
        await pool.execute(statement, SCRIPT)
    await pool.execute("UPDATE content SET body = $1 WHERE media_type = 'text/plain'", SCRIPT.encode())
    api = as_("ke.008", "KE:head_of_office")
    for path in [CASE, "/tasks", "/tasks?case=%3Cscript%3Ealert(1)%3C/script%3E", *[f"/tasks/{task}" for task in await tasks_of(pool)][:6]]:
        answer = await api.get(path, headers={"accept": "text/html"})
        assert SCRIPT not in answer.text, path
        html.read(answer.text)


@pytest.mark.parametrize("status", [401, 403, 404, 405, 409, 413, 422, 500, 503, 400, 418])
@pytest.mark.parametrize("language", LANGUAGES)
async def test_an_error_is_a_page_to_a_person_and_problem_details_to_a_machine(
    api: Called, as_: Become, status: int, language: str
) -> None:
    from api.problems import Problem
    from schemas.findings import Finding

    async def fail() -> None:
        raise Problem(status, "example", findings=[Finding(rule="some_rule", message=SCRIPT, path="$.x", next_step="Do that.")])

    app = api._transport.app  # type: ignore[attr-defined]
    app.add_api_route("/fail", fail)
    app.add_api_route("/v1/fail", fail)
    as_("ke.008", "KE:head_of_office")
    answer = await api.get("/fail", headers={"accept": "text/html", "cookie": f"pca_language={language}"})
    assert answer.status_code == status
    found = html.read(answer.text)
    assert html.faults(found) == []
    assert found.one("html").attrs["lang"] == language
    assert "some_rule" in found.text
    assert SCRIPT not in answer.text
    for path, accept in (("/fail", "application/json"), ("/v1/fail", "text/html")):
        assert (await api.get(path, headers={"accept": accept})).json()["findings"][0]["rule"] == "some_rule"


async def test_whoever_has_not_signed_in_is_asked_to(api: Called) -> None:
    found = await page(api, "/tasks", status=401)
    assert [each.attrs["href"] for each in found.one("main").all("a")] == ["/login?next=/tasks"]


async def test_what_is_not_there_is_a_page_too(api: Called) -> None:
    assert (await page(api, "/nothing/here", status=404)).all("h1")


async def test_the_language_is_kept_in_the_browser_and_leads_back_to_our_own_pages_only(api: Called, as_: Become) -> None:
    as_("ke.008", "KE:head_of_office", locale="fr-FR")
    assert html.read((await api.get("/tasks", headers={"accept": "text/html"})).text).one("html").attrs["lang"] == "fr"
    answer = await api.get("/language/en", params={"back": "/tasks?kind=office_turn"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/tasks?kind=office_turn")
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=lax" in answer.headers["set-cookie"]
    for elsewhere in ("//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "evil"):
        assert (await api.get("/language/en", params={"back": elsewhere})).headers["location"] == "/"
    assert (await api.get("/language/xx")).status_code == 404


async def test_static_files_are_ours_and_kept_by_their_content(api: Called) -> None:
    found = html.read((await api.get("/nothing", headers={"accept": "text/html"})).text)
    addresses = [each.attrs["href"] for each in found.all("link")] + [each.attrs["src"] for each in found.all("script")]
    assert all(address.startswith("/static/") for address in addresses)
    for address in addresses:
        answer = await api.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert "http://" not in answer.text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in answer.text
    assert (await api.get("/static/../forms.py")).status_code == 404
    assert (await api.get("/static/texts.py")).status_code == 404


async def test_pages_tell_browsers_to_run_nothing_but_our_own(api: Called) -> None:
    headers = (await api.get("/nothing", headers={"accept": "text/html"})).headers
    assert "script-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
