"""The reference pages are what code and packs say."""

from pathlib import Path
from types import ModuleType

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "docs" / "generate.py"


def test_two_runs_give_the_same_bytes(generate: ModuleType):
    assert generate.everything() == generate.everything()


def test_a_page_that_differs_is_named(
    generate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(generate, "everything", lambda: {tmp_path / "page.md": "new\n"})
    (tmp_path / "page.md").write_text("old\n")
    assert generate.main(["--check"]) == 1
    assert "page.md is not what code and packs say" in capsys.readouterr().err


def test_a_page_once_written_passes_the_check(generate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(generate, "everything", lambda: {tmp_path / "reference" / "page.md": "new\n"})
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0


def test_a_link_that_leads_nowhere_is_named(generate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    (tmp_path / "README.md").write_text("[there](docs/nothing.md) [out](https://example.org)")
    assert generate.dead_links() == ["README.md: docs/nothing.md leads nowhere"]


def test_a_bar_in_a_cell_does_not_break_its_row(generate: ModuleType):
    assert generate.table(("a", "b"), [("x | y", "")]).splitlines()[-1] == "| x \\| y | – |"


def test_every_kind_of_task_has_its_place_in_the_page(generate: ModuleType):
    text = generate.tasks()
    for name in generate.CATALOGUE:
        assert f"\n### {name}\n" in text
