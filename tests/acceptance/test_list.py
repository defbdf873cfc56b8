"""The page docs/acceptance.md: every row of the peers' list is answered, and every test that it names exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "acceptance.md").read_text(encoding="utf-8")
ROWS = re.findall(
    r"\S+",
    """
A1 A3 A4 A6 A7 A9 A10 A12 A13 A15 A16 A18
B1 B3 B4 B6 B7 B9 B10 B12 B13 B15 B16 B18 B19 B21 B22
C2 C3 C5 C6 C8 C9 C11 C12 C14 C15 C17 C18 C20 C21 C23 C24
D2 D3 D5 D6 D8 D9
E2 E3 E5 E6 E8
F1 F3 F4 F6 F7 F9 F10 F12 F13 F15 F16 F18
G1 G3 G4 G6 G7 G9 G10 G12 G13 G15 G16
H1 H2 H4 H5 H7 H8
I1 I2 I4 I5 I7
J1 J2b J3 J5 J6 J8 J9
K2 K3 K5 K6 K8 K9
L1 L2 L4 L5 L7 L8
M2 M3 M5 M6 M8 M9 M11 M12 M14 M15 M17 M18
""",
)
"""Every row of the list, A to M; its numbers have gaps."""

TABLE = re.findall(r"^\| ([A-M]\d+b?) \| (.+?) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


@cache
def names_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_row_of_the_list_is_answered_once_and_in_order() -> None:
    assert [row for row, *_ in TABLE] == ROWS


@pytest.mark.parametrize(("row", "shown"), [(row, shown) for row, _, _, shown in TABLE])
def test_a_row_has_a_test_that_exists_or_says_why_not(row: str, shown: str) -> None:
    named = NAMED.findall(shown)
    assert named or shown.startswith(("quirk refused: ", "later work: ")), row
    for path, name in named:
        assert name in names_in(path), (row, path, name)


def test_every_test_named_by_a_row_here_stands_in_the_page() -> None:
    named = {name for _, _, _, shown in TABLE for _, name in NAMED.findall(shown)}
    assert {name for name in names_in("tests/acceptance/test_peers.py") if name.startswith("test_")} - named == set()


def test_the_page_counts_its_rows() -> None:
    kinds = {"quirks": 0, "later": 0, "tests": 0}
    for *_, shown in TABLE:
        kinds["quirks" if shown.startswith("quirk refused") else "later" if shown.startswith("later work") else "tests"] += 1
    assert f"{kinds['tests']} rows are tests, {kinds['quirks']} are quirks refused, {kinds['later']} are later work." in PAGE
