"""`pca doctor`, `migrate`, and versioned data: what is missing, and how to mend it."""

import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from cli.doctor import shortfalls
from schemas.office import Office
from tests.cli.conftest import REPOSITORY, Engine, Pca

OFFICES = sorted((REPOSITORY / "examples" / "offices").glob("*.toml"))


def _office(path: Path) -> Office:
    return Office.model_validate(tomllib.loads(path.read_text(), parse_float=Decimal))


@pytest.mark.parametrize("path", OFFICES, ids=lambda path: path.stem)
def test_the_example_offices_can_keep_duties_apart(path: Path) -> None:
    assert list(shortfalls(_office(path), date(2026, 3, 1))) == []


def test_an_office_with_one_approver_cannot_release_what_that_one_approved() -> None:
    office = _office(OFFICES[0])
    kept = []
    for person in office.people:
        roles = tuple(grant for grant in person.roles if grant.role not in ("authorised_officer", "head_of_office", "regional_director"))
        kept.append(person.model_copy(update={"roles": roles}))
    grant = office.people[0].roles[0].model_copy(update={"role": "authorised_officer", "since": None, "until": None})
    kept.append(office.people[0].model_copy(update={"actor": "bd.only", "roles": (grant,)}))
    found = list(shortfalls(office.model_copy(update={"people": tuple(kept)}), date(2026, 3, 1)))
    assert any("apart" in line for line in found)


def test_an_empty_office_is_short_of_everybody() -> None:
    found = list(shortfalls(_office(OFFICES[0]).model_copy(update={"people": ()}), date(2026, 3, 1)))
    assert "nobody is focal_point" in found
    assert "nobody releases cash" in found


def test_without_a_server_the_doctor_says_what_to_start(pca: Pca) -> None:
    ran = pca("doctor", "--json")
    assert ran.code == 5
    (servers,) = [check for check in ran.json["checks"] if check["name"] == "servers"]
    assert "pca up" in servers["mend"]


def test_a_wrong_setting_is_named(pca: Pca) -> None:
    ran = pca("doctor", "--json", DATABASE_URL="postgresql://pca@127.0.0.1:1/pca", PCA_POOL_SIZE="none")
    assert ran.code in (2, 5)
    assert any("PCA_POOL_SIZE" in check["name"] and check["state"] == "fails" for check in ran.json["checks"])


async def test_a_healthy_engine_lacks_only_what_nobody_loaded(engine: Engine) -> None:
    checks = {check["name"]: check for check in (await engine.pca("doctor", "--json")).json["checks"]}
    assert checks["schema"]["state"] == checks["Temporal"]["state"] == checks["office BD"]["state"] == "ok"
    assert checks["sanctions lists"]["mend"] == "`pca sanctions load FILE`"


async def test_migrating_twice_changes_nothing(engine: Engine) -> None:
    ran = await engine.pca("migrate", "--json")
    assert (ran.code, ran.json["applied"]) == (0, [])
    assert (await engine.pca("migrate", "--check")).code == 0


async def test_an_edited_version_is_refused_and_an_unreadable_file_named(engine: Engine, tmp_path: Path) -> None:
    edited = tmp_path / "BD.toml"
    edited.write_text((REPOSITORY / "examples" / "offices" / "BD.toml").read_text().replace('iso3 = "BGD"', 'iso3 = "BGX"'))
    ran = await engine.pca("office", "load", str(edited))
    assert (ran.code, "version_edited" in ran.err) == (3, True)
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('iso2 = "BDX"\n')
    ran = await engine.pca("office", "load", str(wrong))
    assert ran.code == 2
    assert "wrong.toml $.iso2" in ran.err
    wrong.write_text("iso2 = \n")
    assert (await engine.pca("load", str(wrong))).code == 2


async def test_a_sanctions_list_is_loaded_once(engine: Engine) -> None:
    path = str(REPOSITORY / "examples" / "sanctions" / "example-list.xml")
    first, second = await engine.pca("sanctions", "load", path, "--json"), await engine.pca("sanctions", "load", path, "--json")
    assert (first.json["repeated"], second.json["repeated"]) == (False, True)
    assert len((await engine.pca("sanctions", "list", "--json")).json) == 1


def test_a_broken_sanctions_list_is_told_with_its_line_without_a_server(pca: Pca, tmp_path: Path) -> None:
    (tmp_path / "list.xml").write_text("<CONSOLIDATED_LIST>\n<INDIVIDUALS>")
    ran = pca("sanctions", "load", "list.xml")
    assert ran.code == 2
    assert "line 2" in ran.err


async def test_a_clock_goes_forward_only_and_an_unknown_one_is_not_found(engine: Engine) -> None:
    await engine.pca("submit", engine.intake(), "--clock", "one")
    assert (await engine.pca("clock", "advance", "one", "--to", "2026-02-01")).code == 3
    assert (await engine.pca("clock", "advance", "two", "--to", "2026-04-01")).code == 4
    assert (await engine.pca("clock", "advance", "one", "--to", "soon")).code == 2
    (shown,) = (await engine.pca("clock", "show", "--json")).json
    assert (shown["name"], shown["now"][:10]) == ("one", "2026-03-01")


async def test_without_practice_there_are_no_clocks_and_no_play(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PCA_PRACTICE", "0")
    for command in (("clock", "advance", "one", "--to", "2026-04-01"), ("play", "--auto"), ("submit", engine.intake(), "--clock", "one")):
        ran = await engine.pca(*command)
        assert (ran.code, "no_practice" in ran.err) == (3, True)
