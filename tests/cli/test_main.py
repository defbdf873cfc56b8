"""The command itself: help at once, sentences instead of stack traces, the exit codes."""

import re
import time

import pytest

from cli.main import pca as group
from tests.cli.conftest import Pca

COMMANDS = {
    "audit", "clock", "decide", "demo", "doctor", "down",
    "emergency", "import", "list", "load", "migrate", "office", "play", "policy", "rates",
    "sanctions", "schema", "show", "submit", "tasks", "tell", "up", "worker",
}  # fmt: skip


def test_help_lists_every_command_and_the_exit_codes(pca: Pca) -> None:
    ran = pca("--help")
    assert ran.code == 0
    assert set(re.findall(r"^  ([a-z]+)  ", ran.out, re.MULTILINE)) == COMMANDS
    assert "5 a server cannot be" in ran.out


def test_help_takes_less_than_a_second_of_work(pca: Pca) -> None:
    def seconds() -> float:
        before = time.monotonic()
        pca("--help")
        return time.monotonic() - before

    assert min(seconds() for _ in range(3)) < 1.0


@pytest.mark.parametrize(
    "arguments",
    [
        ("list",), ("tasks",), ("show", "KEN/2026/0007"), ("migrate",), ("worker",), ("audit", "verify"), ("clock", "show"),
        ("sanctions", "list"), ("decide", "T", "--as", "a", "--role", "r", "--verdict", "v"),
        ("tell", "R", "hold", "--as", "a", "--role", "b"),
    ],
)  # fmt: skip
def test_without_a_server_a_command_says_what_to_start(pca: Pca, arguments: tuple[str, ...]) -> None:
    ran = pca(*arguments)
    assert ran.code == 5
    assert "`pca up`" in ran.err
    assert "DATABASE_URL" in ran.err
    assert "Traceback" not in ran.err


def test_a_server_that_does_not_answer_is_named_without_its_password(pca: Pca) -> None:
    ran = pca("list", DATABASE_URL="postgresql://pca:hunter2@127.0.0.1:1/pca")
    assert ran.code == 5
    assert "127.0.0.1:1/pca" in ran.err
    assert "hunter2" not in ran.err + ran.out


def test_a_wrong_option_is_exit_code_2(pca: Pca) -> None:
    assert pca("list", "--nonsense").code == 2


def test_every_command_has_a_help_text() -> None:
    assert all(command.help for command in group.commands.values())


def test_an_unexpected_fault_is_a_sentence_and_with_PCA_DEBUG_a_stack_trace(  # noqa: N802
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from cli import main, output

    def broken() -> None:
        raise ZeroDivisionError("never")

    monkeypatch.setattr(group.commands["schema"], "callback", broken)
    monkeypatch.setattr(group.commands["schema"], "params", [])
    monkeypatch.delenv("PCA_DEBUG", raising=False)
    assert main.run(["schema"]) == output.BROKEN
    told = capsys.readouterr().err
    assert "ZeroDivisionError: never" in told
    assert "Traceback" not in told
    monkeypatch.setenv("PCA_DEBUG", "1")
    assert main.run(["schema"]) == output.BROKEN
    assert "Traceback" in capsys.readouterr().err
