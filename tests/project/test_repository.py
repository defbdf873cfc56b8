"""What the repository may hold, and what its front page promises."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = {"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "package-lock.json", "yarn.lock", "pnpm-lock.yaml"}
# Folders of build machines and of people, named as the start of an absolute path.
MACHINE_PATH = re.compile(r"(^|[^A-Za-z0-9_.\-])/(work|farm|root|home)/[A-Za-z.]", re.MULTILINE)
REQUIREMENTS = ["worker", "embedded", "dev"]


def listed() -> list[Path]:
    """What is tracked, and what would be if it were added."""
    answer = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if answer.returncode:
        pytest.skip("not a git checkout")
    return [path for name in answer.stdout.splitlines() if (path := ROOT / name).is_file()]


def texts() -> Iterator[tuple[str, str]]:
    for path in listed():
        try:
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def pins(name: str) -> dict[str, str]:
    """Name to version of every package that a requirements file pins."""
    return dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)==([^ ;\\]+)", (ROOT / "requirements" / f"{name}.txt").read_text(), re.MULTILINE))


def targets() -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_no_file_names_a_path_of_a_machine() -> None:
    assert [f"{name}: {found[0].strip()}" for name, text in texts() if (found := MACHINE_PATH.search(text))] == []


def test_no_lock_file_is_kept() -> None:
    assert [path.name for path in listed() if path.name in LOCKS] == []


def test_no_public_data_file_is_copied_in() -> None:
    public = ("ProjectSummaryV2_", "MstAllocationSource", "MstPooledFund", "MstOrgType")
    assert [path.name for path in listed() if path.name.startswith(public)] == []


def test_no_module_is_named_for_having_no_name() -> None:
    nameless = {"utils.py", "helpers.py", "common.py", "misc.py"}
    assert [path.relative_to(ROOT).as_posix() for path in listed() if path.name in nameless] == []


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_requirement_is_pinned_by_hash(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert entries
    assert [entry.split()[0] for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_requirements_name_no_address(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    options = ("-i", "-f", "--index", "--extra-index", "--find")
    assert [line for line in text.splitlines() if "://" in line or line.startswith(options)] == []


def test_smaller_requirements_are_parts_of_the_larger() -> None:
    worker, embedded, dev = map(pins, REQUIREMENTS)
    assert worker.items() <= embedded.items() <= dev.items()


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = {"worker": project["dependencies"], "embedded": extras["embedded"], "dev": extras["dev"]}
    names = {name: [re.split(r"[\[<>=!~; ]", wish, maxsplit=1)[0].lower() for wish in wishes] for name, wishes in wanted.items()}
    assert [(name, wish) for name, wishes in names.items() for wish in wishes if wish not in pins(name)] == []


def test_readme_opens_with_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text()
    first = re.search(r"```(?:sh|console)?\n(.*?)```", readme, re.DOTALL)
    assert first is not None
    assert [line.split("#")[0].strip() for line in first[1].splitlines()] == ["make demo", "make test"]
    assert first.start() < 400


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", ".ci/run"])
def test_every_make_target_that_a_page_names_exists(page: str) -> None:
    # As a command: in code on a page, at the start of a line of a block, as a step of a script.
    named = set(re.findall(r"(?:`|^|step [a-z0-9-]+ )make ([a-z][a-z0-9-]*)", (ROOT / page).read_text(), re.MULTILINE))
    assert named
    assert named - targets() == set()


def test_every_make_target_says_what_it_does() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = {name for line in re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE) for name in line.split()}
    described = set(re.findall(r"^([a-z0-9-]+):.*## ", makefile, re.MULTILINE))
    assert phony - described == set()


def test_ci_calls_the_test_command_of_the_readme() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_every_relative_link_of_a_page_leads_to_a_file() -> None:
    link = re.compile(r"\]\((?![a-z]+:)([^)#\s]+)(?:#[^)]*)?\)")
    pages = [path for path in listed() if path.suffix == ".md"]
    links = [(page, target) for page in pages for target in link.findall(page.read_text())]
    assert [f"{page.relative_to(ROOT)}: {target}" for page, target in links if not (page.parent / target).exists()] == []


def test_every_decision_record_has_its_three_parts() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert pages
    parts = ["## Context", "## Choice", "## Consequence"]
    assert [page.name for page in pages if [line for line in page.read_text().splitlines() if line.startswith("## ")] != parts] == []


def test_decision_records_are_numbered_without_a_gap() -> None:
    numbers = [int(page.name[:4]) for page in sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))
