"""`pca submit` and `pca schema`: every fault with its JSON path; once is once."""

import json
from pathlib import Path

from tests.cli.conftest import REPOSITORY, Engine, Pca

C1 = str(REPOSITORY / "examples" / "intake" / "C1.json")


def test_a_message_that_fits_passes_the_check_without_a_server(pca: Pca) -> None:
    ran = pca("submit", "--check", C1)
    assert (ran.code, ran.out.strip()) == (0, f"{C1}: fits")
    assert "only the form was checked" in ran.err


def test_every_fault_is_told_with_its_json_path_and_exit_code_2(pca: Pca) -> None:
    facts = json.loads((REPOSITORY / "examples" / "intake" / "C1.json").read_text())
    facts["surprise"] = 1
    facts["document"]["outputs"][0]["activities"][1]["office_cash"] = "much"
    del facts["partner"]["legal_name"]
    ran = pca("submit", "--check", "--json", "-", stdin=json.dumps([facts]).encode())
    assert ran.code == 2
    assert {finding["path"] for finding in ran.json[0]["findings"]} == {
        "standard input [0] $.surprise",
        "standard input [0] $.document.outputs[0].activities[1].office_cash",
        "standard input [0] $.partner.legal_name",
    }


def test_faults_are_told_without_a_server_too_and_nothing_was_taken(pca: Pca) -> None:
    ran = pca("submit", "-", stdin=b"{")
    assert ran.code == 2
    assert "standard input line 1 column 2" in ran.err
    assert "nothing was taken" in ran.err


def test_a_message_that_fits_needs_a_server_to_be_taken(pca: Pca) -> None:
    assert pca("submit", C1).code == 5


def test_a_file_that_is_not_there_is_exit_code_2(pca: Pca) -> None:
    assert pca("submit", "nowhere.json").code == 2


def test_the_schema_of_a_public_message_is_json_schema(pca: Pca) -> None:
    ran = pca("schema", "intake")
    assert ran.code == 0
    assert ran.json["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "document" in ran.json["properties"]


def test_an_unknown_schema_is_not_found(pca: Pca) -> None:
    ran = pca("schema", "nothing")
    assert ran.code == 4
    assert "intake" in ran.err


async def test_a_message_is_taken_once_and_told_as_such(engine: Engine) -> None:
    file = engine.intake()
    first, second = await engine.pca("submit", file, "--json"), await engine.pca("submit", file, "--json")
    assert (first.code, first.json[0]["state"]) == (0, "taken")
    assert (second.code, second.json[0]["state"]) == (0, "repeated")
    assert first.json[0]["reference"] == second.json[0]["reference"]


async def test_what_a_rule_refuses_is_exit_code_3(engine: Engine) -> None:
    ran = await engine.pca("submit", engine.intake(programme="BD-1999"), "--json")
    assert (ran.code, ran.json[0]["state"]) == (3, "refused")
    assert ran.json[0]["findings"][0]["path"].endswith("$.programme")


async def test_the_check_takes_nothing_and_tells_what_the_door_would_say(engine: Engine) -> None:
    ran = await engine.pca("submit", "--check", engine.intake(programme="BD-1999"), "--json")
    assert (ran.code, ran.json[0]["state"]) == (3, "refused")
    assert await engine.pool.fetchval("SELECT count(*) FROM submission") == 0
    assert await engine.pool.fetchval("SELECT count(*) FROM rejected_intake") == 0


async def test_what_is_invalid_is_kept_as_it_came_and_the_rest_is_taken(engine: Engine) -> None:
    lines = b'{"source": "portal"}\n' + json.dumps(json.loads(Path(engine.intake()).read_text())).encode() + b"\nnot json\n"
    ran = await engine.pca("submit", "-", "--json", stdin=lines)
    assert ran.code == 2
    assert [row["state"] for row in ran.json] == ["invalid", "taken", "invalid"]
    kept = [row["body"] for row in await engine.pool.fetch("SELECT body FROM rejected_intake ORDER BY id")]
    assert kept == ['{"source":"portal"}', "not json"]
