"""A figure that no code reads is a promise that nobody keeps: every rule of a pack is read, or listed as prose with its reason."""

import re
from functools import cache
from pathlib import Path

import pytest

from policy.pack import PROSE, catalogue

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("activities", "api", "cli", "embedded", "policy", "schemas", "worker", "workflows")
RULES = sorted({name for pack in catalogue() for name in pack.rules})


@cache
def code() -> str:
    """Every program text of ours but the list of what is not read."""
    text = "\n".join(path.read_text(encoding="utf-8") for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))
    for name, reason in PROSE.items():
        text = text.replace(f'"{name}": "{reason}"', "")
    return text


@cache
def patterns() -> tuple[re.Pattern[str], ...]:
    """The names that are put together where a pack is asked, such as `pack[f"{element}.assumed"]`."""
    made = set(re.findall(r'(?:\bpack\[|\bof=|\bpack\.\w+\()f"([^"]+)"', code()))
    return tuple(re.compile(re.sub(r"\{[^}]+\}", "[a-z_]+", name.replace(".", r"\."))) for name in sorted(made))


def is_read(rule: str) -> bool:
    return f'"{rule}"' in code() or any(pattern.fullmatch(rule) for pattern in patterns())


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_read_by_code_or_listed_as_prose_and_never_both(rule: str) -> None:
    assert is_read(rule) != (rule in PROSE)


def test_what_is_listed_as_prose_stands_in_a_pack() -> None:
    assert set(PROSE) <= set(RULES)


def test_a_rule_that_nothing_reads_is_found() -> None:
    assert not is_read("budget.nobody_reads_this")
    assert is_read("hact.assumed"), "by a name that is put together"
    assert [pattern.pattern for pattern in patterns() if pattern.fullmatch("x.y")] == []
