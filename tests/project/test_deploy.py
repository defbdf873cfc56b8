"""The jobs of docker-compose.yml, run against stand-ins of Temporal's tools that note what they are asked."""

import os
import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"


class Tool:
    """A command in a folder of its own: notes each call, and answers from a shell fragment."""

    def __init__(self, folder: Path, name: str, answer: str) -> None:
        self.folder = folder
        self.log = folder / f"{name}.log"
        command = folder / name
        command.write_text(f'#!/bin/sh\necho "$*" >>"{self.log}"\n{answer}\n')
        command.chmod(0o755)

    def calls(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


def run(script: str, tool: Tool, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{tool.folder}:{os.environ['PATH']}"
    return subprocess.run(
        ["sh", str(DEPLOY / "temporal" / script)], env={"PATH": path, **environment}, capture_output=True, text=True, check=False
    )


def run_schema(tool: Tool) -> subprocess.CompletedProcess[str]:
    return run("schema.sh", tool, SQL_HOST="postgres", SQL_PORT="5432", SQL_USER="temporal", SQL_PASSWORD="secret")


def run_setup(tool: Tool) -> subprocess.CompletedProcess[str]:
    return run("setup.sh", tool, TEMPORAL_NAMESPACE="pca", TEMPORAL_RETENTION="90d")


def test_schema_job_only_updates_a_schema_that_exists(tmp_path: Path) -> None:
    tool = Tool(tmp_path, "temporal-sql-tool", "exit 0")
    assert run_schema(tool).returncode == 0
    assert [call for call in tool.calls() if "setup-schema" in call] == []
    assert len(tool.calls()) == 2


@pytest.mark.parametrize("quote", ['"', '\\\\"'], ids=["plain", "in a JSON log"])
def test_schema_job_sets_up_an_empty_database(tmp_path: Path, quote: str) -> None:
    complaint = f"relation {quote}schema_version{quote} does not exist"
    tool = Tool(
        tmp_path,
        "temporal-sql-tool",
        f"""case "$*" in
        *setup-schema*) touch "{tmp_path}/made" ;;
        *update-schema*) [ -e "{tmp_path}/made" ] || {{ echo '{complaint}' >&2; exit 1; }} ;;
        esac""",
    )
    answer = run_schema(tool)
    assert answer.returncode == 0, answer.stderr
    assert "temporal: set up" in answer.stdout


def test_schema_job_never_sets_up_where_an_update_failed_for_another_reason(tmp_path: Path) -> None:
    tool = Tool(tmp_path, "temporal-sql-tool", "echo 'password authentication failed' >&2; exit 1")
    answer = run_schema(tool)
    assert answer.returncode == 1
    assert "password authentication failed" in answer.stderr
    assert [call for call in tool.calls() if "setup-schema" in call] == []


def test_setup_job_makes_the_namespace_once(tmp_path: Path) -> None:
    tool = Tool(
        tmp_path,
        "temporal",
        f"""case "$*" in
        *'namespace describe'*) [ -e "{tmp_path}/made" ] ;;
        *'namespace create'*) touch "{tmp_path}/made" ;;
        esac""",
    )
    assert run_setup(tool).returncode == 0
    assert run_setup(tool).returncode == 0
    assert len([call for call in tool.calls() if "namespace create" in call]) == 1


def test_setup_job_registers_twelve_search_attributes(tmp_path: Path) -> None:
    tool = Tool(tmp_path, "temporal", "exit 0")
    assert run_setup(tool).returncode == 0
    assert len([call for call in tool.calls() if "search-attribute create" in call]) == 12
