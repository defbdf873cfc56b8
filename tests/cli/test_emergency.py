"""`pca emergency` and `pca sanctions rescreen` as people run them: what is declared, what is refused and why, and never a stack trace."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Engine, Pca, Ran

TODAY = datetime.now(UTC).date()
RENEW = ("--by", "mz.023", "--role", "regional_director")


def _file(folder: Path, reference: str, *leave_out: str, **changes: Any) -> str:
    """An activation for Mozambique that began yesterday and ends in sixty days."""
    facts: dict[str, Any] = {
        "reference": reference,
        "level": "L2",
        "offices": ["MZ"],
        "areas": ["MZ-S"],
        "sectors": ["health"],
        "document": "Memorandum 1",
        "valid_from": TODAY - timedelta(days=1),
        "valid_to": TODAY + timedelta(days=60),
        "declared_by": "mz.023",
        "role": "regional_director",
        **changes,
    }

    def written(value: Any) -> str:
        if isinstance(value, list):
            return "[" + ", ".join(written(item) for item in value) + "]"
        return value.isoformat() if isinstance(value, date) else f'"{value}"'

    path = folder / f"{reference}.toml"
    path.write_text("".join(f"{name} = {written(value)}\n" for name, value in facts.items() if name not in leave_out))
    return str(path)


def _refused(ran: Ran, code: int, *rules: str) -> None:
    assert ran.code == code, ran
    assert "Traceback" not in ran.err
    for rule in rules:
        assert rule in ran.err


async def _declared(engine: Engine, reference: str, **changes: Any) -> str:
    ran = await engine.pca("emergency", "declare", _file(engine.folder, reference, **changes))
    assert (ran.code, ran.out.strip()) == (0, f"{reference} declared"), ran
    return reference


async def _row(engine: Engine, reference: str) -> dict[str, Any]:
    listed = await engine.pca("emergency", "list", "--json")
    assert listed.code == 0, listed
    return next(row for row in listed.json if row["reference"] == reference)


def test_a_file_that_is_not_there_is_a_usage_error(pca: Pca) -> None:
    _refused(pca("emergency", "declare", "nothing.toml"), 2, "does not exist")


def test_a_file_that_is_not_toml_is_named_before_any_server_is_asked(pca: Pca, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("level = = L2")
    _refused(pca("emergency", "declare", "bad.toml"), 2, "not_toml", "bad.toml")
    (tmp_path / "bad.toml").write_bytes(b"level = '\xff'")
    _refused(pca("emergency", "declare", "bad.toml"), 2, "not_toml")


def test_every_fault_of_an_activation_is_named_with_its_place(pca: Pca, tmp_path: Path) -> None:
    ran = pca("emergency", "declare", _file(tmp_path, "BAD-1", "document", level="L9", surprise="x"))
    _refused(ran, 2, "$.level", "$.document", "$.surprise")


@pytest.mark.parametrize(
    "command",
    [
        ("renew", "X", "--to", "tomorrow", *RENEW),
        ("step-aside", "X", "--from", "2026-13-01", "--to", "2026-12-01", *RENEW),
        ("step-aside", "X", "--from", "2026-12-01", "--to", "soon", *RENEW),
    ],
)
def test_what_is_no_date_is_invalid_before_any_server_is_asked(pca: Pca, command: tuple[str, ...]) -> None:
    _refused(pca("emergency", *command), 2, "no_date", "YYYY-MM-DD")


@pytest.mark.parametrize(
    "command",
    [
        ("emergency", "renew", "X", "--to", "2027-01-01"),
        ("emergency", "revoke", "X", *RENEW),
        ("emergency", "step-aside", "X", *RENEW),
        ("emergency", "fly"),
    ],
)
def test_what_is_left_out_is_a_usage_error(pca: Pca, command: tuple[str, ...]) -> None:
    _refused(pca(*command), 2)


@pytest.mark.parametrize(
    "command",
    [
        ("emergency", "renew", "X", "--to", "2027-01-01", *RENEW),
        ("emergency", "revoke", "X", "--reason", "over", *RENEW),
        ("emergency", "step-aside", "X", "--from", "2026-12-01", "--to", "2026-12-02", *RENEW),
        ("emergency", "list"),
        ("sanctions", "rescreen"),
    ],
)
def test_a_server_that_is_not_there_is_exit_code_5(pca: Pca, command: tuple[str, ...]) -> None:
    nowhere = {"DATABASE_URL": "postgresql://127.0.0.1:1/none", "TEMPORAL_ADDRESS": "127.0.0.1:1", "PCA_BANK_URL": "http://127.0.0.1:1"}
    _refused(pca(*command, **nowhere), 5)


async def test_an_activation_is_declared_once_however_often_it_is_said_and_listed(engine: Engine) -> None:
    reference = await _declared(engine, "MOZ-L2-CLI-01")
    again = await engine.process("emergency", "declare", _file(engine.folder, reference))
    assert (again.code, again.out.strip()) == (0, f"{reference} was declared already")
    row = await _row(engine, reference)
    assert (row["level"], row["state"], row["offices"]) == ("L2", "declared", ["MZ"])
    shown = await engine.process("emergency", "list")
    assert (shown.code, shown.out.splitlines()[0].split("\t")[0]) == (0, "reference")
    assert reference in shown.out
    assert await engine.pool.fetchval("SELECT count(*) FROM activation WHERE reference = $1", reference) == 1


async def test_another_content_under_the_same_reference_is_refused(engine: Engine) -> None:
    reference = await _declared(engine, "MOZ-L2-CLI-02")
    _refused(await engine.pca("emergency", "declare", _file(engine.folder, reference, document="Another")), 3, "activation_exists")


async def test_everything_that_stands_against_a_declaration_is_said_at_once(engine: Engine) -> None:
    file = _file(engine.folder, "MOZ-L3-CLI-03", level="L3", declared_by="mz.001", role="focal_point", valid_to=TODAY + timedelta(days=200))
    _refused(await engine.pca("emergency", "declare", file), 3, "above_authority", "activation_too_long")
    assert await engine.pool.fetchval("SELECT count(*) FROM activation WHERE reference = 'MOZ-L3-CLI-03'") == 0


async def test_a_role_that_the_person_does_not_hold_and_a_period_that_has_passed_are_refused(engine: Engine) -> None:
    wrong = _file(engine.folder, "MOZ-L2-CLI-04", declared_by="mz.001")
    _refused(await engine.pca("emergency", "declare", wrong), 3, "wrong_role")
    past = _file(engine.folder, "MOZ-L2-CLI-05", valid_from=TODAY - timedelta(days=40), valid_to=TODAY - timedelta(days=10))
    _refused(await engine.pca("emergency", "declare", past), 3, "activation_lapsed")
    nowhere = _file(engine.folder, "MOZ-L2-CLI-06", offices=["ZZ"])
    _refused(await engine.pca("emergency", "declare", nowhere), 3, "unknown_office", "ZZ")


async def test_a_clock_that_nobody_knows_is_exit_code_4(engine: Engine) -> None:
    _refused(await engine.pca("emergency", "declare", _file(engine.folder, "MOZ-L2-CLI-07"), "--clock", "nowhen"), 4)


async def test_it_is_renewed_forward_by_who_may_and_no_further_than_the_longest(engine: Engine) -> None:
    reference = await _declared(engine, "MOZ-L2-CLI-08")
    later, too_late = TODAY + timedelta(days=90), TODAY + timedelta(days=400)
    ran = await engine.pca("emergency", "renew", reference, "--to", str(later), *RENEW)
    assert (ran.code, ran.out.strip()) == (0, f"{reference} renewed to {later}"), ran
    assert (await _row(engine, reference))["valid_to"] == str(later)
    _refused(await engine.pca("emergency", "renew", reference, "--to", str(later), *RENEW), 3, "renewal_backwards")
    _refused(await engine.pca("emergency", "renew", reference, "--to", str(too_late), *RENEW), 3, "activation_too_long")
    by_another = ("--by", "mz.001", "--role", "focal_point")
    _refused(await engine.pca("emergency", "renew", reference, "--to", str(too_late), *by_another), 3, "above_authority")
    assert (await _row(engine, reference))["valid_to"] == str(later)


async def test_an_activation_on_a_practice_clock_is_renewed_by_that_clock_and_not_once_it_has_lapsed(engine: Engine) -> None:
    from embedded import practice

    await practice.create(engine.pool, "cli-emergency", datetime.now(UTC))
    file = _file(engine.folder, "MOZ-L2-CLI-09")
    assert (await engine.pca("emergency", "declare", file, "--clock", "cli-emergency")).code == 0
    end = TODAY + timedelta(days=63)
    assert (await engine.pca("clock", "advance", "cli-emergency", "--to", str(end))).code == 0
    assert (await _row(engine, "MOZ-L2-CLI-09"))["state"] == "expired"
    ran = await engine.pca("emergency", "renew", "MOZ-L2-CLI-09", "--to", str(end + timedelta(days=10)), *RENEW)
    _refused(ran, 3, "activation_lapsed")


async def test_a_step_aside_is_the_coordinators_and_lies_within_the_activation(engine: Engine) -> None:
    reference = await _declared(engine, "MOZ-L2-CLI-10")
    days = ("--from", str(TODAY), "--to", str(TODAY + timedelta(days=5)))
    _refused(await engine.pca("emergency", "step-aside", reference, *days, *RENEW), 3, "above_authority")
    outside = ("--from", str(TODAY), "--to", str(TODAY + timedelta(days=300)))
    _refused(await engine.pca("emergency", "step-aside", reference, *outside, *RENEW), 3, "above_authority", "step_aside_outside")
    assert (await _row(engine, reference))["step_aside_from"] is None


async def test_it_is_revoked_once_with_a_reason(engine: Engine) -> None:
    reference = await _declared(engine, "MOZ-L2-CLI-11")
    _refused(await engine.pca("emergency", "revoke", reference, "--reason", " ", *RENEW), 3, "reason")
    ran = await engine.pca("emergency", "revoke", reference, "--reason", "The waters fell.", *RENEW)
    assert (ran.code, ran.out.strip()) == (0, f"{reference} revoked; returned to the standard track: none"), ran
    assert (await _row(engine, reference))["state"] == "revoked"
    _refused(await engine.pca("emergency", "revoke", reference, "--reason", "again", *RENEW), 3, "activation_ended")
    _refused(await engine.pca("emergency", "renew", reference, "--to", str(TODAY + timedelta(days=70)), *RENEW), 3, "activation_lapsed")


@pytest.mark.parametrize(
    "command",
    [
        ("renew", "NO-SUCH", "--to", "2027-01-01", *RENEW),
        ("revoke", "NO-SUCH", "--reason", "over", *RENEW),
        ("step-aside", "NO-SUCH", "--from", "2026-12-01", "--to", "2026-12-02", *RENEW),
    ],
)
async def test_an_activation_that_nobody_knows_is_exit_code_4(engine: Engine, command: tuple[str, ...]) -> None:
    _refused(await engine.pca("emergency", *command), 4, "no_activation", "pca emergency list")


async def test_without_any_activation_the_list_says_so(engine: Engine) -> None:
    ran = await engine.pca("emergency", "list")
    assert (ran.code, ran.out.strip()) == (0, "no activation")
    assert (await engine.pca("emergency", "list", "--json")).json == []


async def test_everyone_with_an_open_case_is_screened_again(engine: Engine) -> None:
    await engine.case()
    ran = await engine.pca("sanctions", "rescreen", "--json")
    assert ran.code == 0, ran
    assert (ran.json["partners"], ran.json["with_hits"]) == (1, [])
    said = await engine.pca("sanctions", "rescreen")
    assert (said.code, said.out.strip()) == (0, "1 partners screened; open hits: none")


def test_a_practice_clock_is_refused_where_there_are_none(pca: Pca, tmp_path: Path) -> None:
    servers = {"DATABASE_URL": "postgresql://127.0.0.1:1/none", "TEMPORAL_ADDRESS": "127.0.0.1:1", "TEMPORAL_CONFIG_FILE": os.devnull}
    _refused(pca("emergency", "declare", _file(tmp_path, "MOZ-L2-CLI-12"), "--clock", "x", **servers), 3, "no_practice")
