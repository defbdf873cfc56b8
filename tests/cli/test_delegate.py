"""`pca delegate` as people run it."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.conftest import Engine, Pca

TODAY = datetime.now(UTC).date()
FIRST, LAST = (TODAY + timedelta(days=days) for days in (1, 9))
AWAY = (
    "--office", "KE", "--principal", "ke.002", "--to", "ke.026", "--roles", "partnership_manager",
    "--from", FIRST.isoformat(), "--until", LAST.isoformat(),
)  # fmt: skip
PRINCIPAL = ("--as", "ke.002", "--role", "partnership_manager")
DELEGATE = ("--as", "ke.026", "--role", "partnership_manager")
ID = f"KE:ke.002:ke.026:{FIRST}"


async def test_a_delegation_from_its_entry_to_its_end(engine: Engine) -> None:
    assert (await engine.pca("delegate", "list")).out.strip() == "no delegation"
    entered = await engine.pca("delegate", "enter", *AWAY, *PRINCIPAL)
    assert (entered.code, entered.out.startswith(f"{ID} entered; ke.026 accepts it by ")) == (0, True), entered
    assert "entered already" in (await engine.pca("delegate", "enter", *AWAY, *PRINCIPAL)).out

    for verb, done in (("accept", "accepted"), ("end", "ended")):
        said = await engine.pca("delegate", verb, ID, *DELEGATE)
        assert (said.code, said.out.strip()) == (0, f"{ID} {done}"), said
        assert (await engine.pca("delegate", verb, ID, *DELEGATE)).out.strip() == f"{ID} was {done} already"
        (row,) = (await engine.pca("delegate", "list", "--office", "KE", "--json")).json
        assert (row["id"], row["roles"], row["state"]) == (ID, ["partnership_manager"], done)
    assert ID in (await engine.pca("delegate", "list")).out


async def test_what_is_refused_says_every_reason_and_changes_nothing(engine: Engine) -> None:
    wrong = [*AWAY]
    wrong[5], wrong[7] = "ke.009", "budget_owner"
    ran = await engine.pca("delegate", "enter", *wrong, *PRINCIPAL)
    assert ran.code == 3, ran
    for rule in ("delegation_role_not_held", "delegation_authority"):
        assert rule in ran.err
    unknown = await engine.pca("delegate", "accept", ID, *DELEGATE)
    assert (unknown.code, "no_delegation" in unknown.err) == (4, True)
    await engine.pca("delegate", "enter", *AWAY, *PRINCIPAL)
    declined = await engine.pca("delegate", "decline", ID, "--reason", "On leave.", *DELEGATE)
    assert (declined.code, declined.out.strip()) == (0, f"{ID} declined")


@pytest.mark.parametrize(
    "command",
    [
        ("enter", *AWAY),
        ("enter", *AWAY[:-1], "soon", *PRINCIPAL),
        ("enter", *AWAY[:7], "king", *AWAY[8:], *PRINCIPAL),
        ("decline", ID, *DELEGATE),
        ("fly",),
    ],
)
def test_what_is_left_out_or_no_date_or_no_role_is_a_usage_error(pca: Pca, command: tuple[str, ...]) -> None:
    ran = pca("delegate", *command)
    assert (ran.code, "Traceback" in ran.err) == (2, False), ran


@pytest.mark.parametrize("command", [("list",), ("accept", ID, *DELEGATE), ("enter", *AWAY, *PRINCIPAL)])
def test_a_server_that_is_not_there_is_exit_code_5(pca: Pca, command: tuple[str, ...]) -> None:
    ran = pca("delegate", *command, DATABASE_URL="postgresql://127.0.0.1:1/none", TEMPORAL_ADDRESS="127.0.0.1:1")
    assert ran.code == 5, ran
