"""The partner's pages: casebook 6, row by row, in both languages; what is hidden from the partner is on none of them."""

import re

import pytest

from api.web.texts import Texts
from policy.partner_view import TABLE
from tests.activities.desk import Desk
from tests.api.conftest import Called
from tests.api.test_partner_view import planted, put, theirs
from tests.api.web import html
from tests.api.web.looking import LANGUAGES, PARTNER, Become

CASE = "/cases/MOZ/2026/0031"


async def look(api: Called, path: str, language: str = "en") -> html.Element:
    answer = await api.get(path, headers={"accept": "text/html", "cookie": f"pca_language={language}"})
    assert answer.status_code == 200, (path, answer.text[-2000:])
    assert "CANARY" not in answer.text, re.findall(r".{60}CANARY.{40}", answer.text)
    found = html.read(answer.text)
    assert html.faults(found) == [], path
    return found


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("row", TABLE)
async def test_each_row_of_the_table_is_a_page_without_a_canary(desk: Desk, as_: Become, row: str, language: str) -> None:
    partner = await planted(desk)
    await put(desk.pool, row)
    found = await look(theirs(as_, partner), CASE, language)
    badge = found.one("p", class_="tags").all("span")[0].text
    t = Texts(language)
    assert badge == t(f"public.{row}") or row == "returned", (badge, row)
    said = found.one("main").text
    assert t("partner.days") in said
    assert t("case.held_by") in said or row in ("closed", "rejected", "withdrawn", "cancelled", "expired", "terminated")
    assert len(found.all("ol", class_="stages")[0].all("li")) == 5
    may = {each.attrs["href"].rpartition("/")[2] for each in found.one("main").all("a") if "/say/" in each.attrs["href"]}
    wanted = {"raise_concern"} & set(TABLE[row].may)
    assert wanted <= may, "the partner can always raise a concern"
    shown = {each.attrs["id"].removeprefix("h-part-") for each in found.all("h2") if each.attrs.get("id", "").startswith("h-part-")}
    assert shown <= {part for each in TABLE.values() for part in each.sees}
    unread = re.findall(r"\b[a-z]+_[a-z_]+\b", said)
    assert [word for word in unread if word not in said_by_people(said)] == [], "codes are said in words"


def said_by_people(said: str) -> set[str]:
    """Words that look like codes because people wrote them: none in the example."""
    return set(re.findall(r"[\w.]+@[\w.]+", said))


@pytest.mark.parametrize("language", LANGUAGES)
async def test_obligations_are_said_in_plain_words_and_whose_turn_it_is(desk: Desk, as_: Become, language: str) -> None:
    partner = await planted(desk)
    found = await look(theirs(as_, partner), CASE, language)
    owed = found.one("section", aria_labelledby="h-obligations").text
    if language == "en":
        assert "We could not yet check your arrangements against sexual exploitation and abuse. Until " in owed
        assert "It is our assurance officer's turn." in owed
    else:
        assert "Nous n’avons pas encore pu vérifier vos dispositifs" in owed
        assert "C’est à nous (responsable de l’assurance) d’agir." in owed
    assert "flag" not in owed.lower()


async def test_the_partners_own_tasks_can_be_opened_and_show_no_canary(desk: Desk, as_: Become) -> None:
    partner = await planted(desk)
    api = theirs(as_, partner)
    rows = await desk.pool.fetch("SELECT id, kind FROM task WHERE roles && ARRAY['partner_focal_point', 'partner_authorised_officer']")
    assert rows
    for row in rows:
        await desk.pool.execute("UPDATE task SET state = 'open', closed_at = NULL, verdict = NULL WHERE id = $1", row["id"])
        await look(api, f"/tasks/{row['id']}")
    await look(api, "/tasks")


async def test_the_account_is_shown_by_its_last_four_characters_only(desk: Desk, as_: Become) -> None:
    partner = await planted(desk)
    await desk.pool.execute("UPDATE task SET state = 'open', closed_at = NULL WHERE kind = 'request_cash'")
    identifier = await desk.pool.fetchval("SELECT id FROM task WHERE kind = 'request_cash' ORDER BY id LIMIT 1")
    if identifier is None:
        pytest.skip("the example has no request open")
    found = await look(theirs(as_, partner), f"/tasks/{identifier}?verdict=submit")
    assert found.one("input", name="data.face.account_ref").attrs["value"] == "ending-5520"


async def test_the_offices_tasks_are_not_there_for_the_partner(desk: Desk, as_: Become) -> None:
    partner = await planted(desk)
    rows = await desk.pool.fetch("SELECT id FROM task WHERE NOT roles && ARRAY['partner_focal_point', 'partner_authorised_officer']")
    assert rows
    for row in rows:
        answer = await theirs(as_, partner).get(f"/tasks/{row['id']}", headers={"accept": "text/html"})
        assert answer.status_code == 404


async def test_a_reader_of_the_partner_sees_the_same_and_does_nothing(desk: Desk, as_: Become) -> None:
    partner = await planted(desk)
    found = await look(theirs(as_, partner, "partner_viewer"), CASE)
    assert [each for each in found.one("main").all("a") if "/say/" in each.attrs["href"]] == []
    rows = await desk.pool.fetch("SELECT id FROM task WHERE roles && ARRAY['partner_focal_point', 'partner_authorised_officer'] LIMIT 3")
    for row in rows:
        page = await look(theirs(as_, partner, "partner_viewer"), f"/tasks/{row['id']}")
        assert page.one(id="decide").all("form") == []


async def test_another_partner_meets_nothing(desk: Desk, as_: Become) -> None:
    await planted(desk)
    stranger = as_("mz.p99", "MZ:partner_focal_point", partners=("partner:MZ:P-OTHER",))
    assert PARTNER not in ("partner:MZ:P-OTHER",)
    assert (await stranger.get(CASE, headers={"accept": "text/html"})).status_code == 404
