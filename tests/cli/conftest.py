"""The commands as people run them: a process of its own, in a folder of its own, without the servers of whoever runs the tests."""

import asyncio
import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from temporalio.client import Client

from cli import main
from embedded.stack import Stack
from worker.main import build_worker

REPOSITORY = Path(__file__).parent.parent.parent
_numbers = count(1)


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def environment(**more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("TEMPORAL_", "PCA_", "DATABASE_URL"))}
    return kept | {"PYTHONPATH": str(REPOSITORY), "TEMPORAL_CONFIG_FILE": os.devnull} | more


Pca = Callable[..., Ran]


@pytest.fixture
def pca(tmp_path: Path) -> Pca:
    """`pca("list", "--json")` without any server."""

    def run(*arguments: str, stdin: bytes = b"", **more: str) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "cli", *arguments], input=stdin, capture_output=True, cwd=tmp_path, env=environment(**more), timeout=60
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


Asked = Callable[..., Awaitable[Ran]]


@dataclass(frozen=True)
class Engine:
    """A record of its own with a worker in this process, and the commands on them: `pca` in a thread, `process` as people run it."""

    pool: asyncpg.Pool
    pca: Asked
    process: Asked
    folder: Path

    def intake(self, **changes: Any) -> str:
        """A file with the intake of C2 as a case and partner of its own."""
        number = next(_numbers)
        facts = json.loads((REPOSITORY / "examples" / "intake" / "C2.json").read_text())
        facts |= {"reference": f"BGD/2026/{9000 + number}", "source_reference": f"CLI-{number}", **changes}
        facts["partner"]["id"] = f"P-CLI-{number}"
        path = self.folder / f"intake-{number}.json"
        path.write_text(json.dumps(facts))
        return str(path)

    async def case(self) -> str:
        """A case on a practice clock, in drafting, with the office's first turn open; its reference."""
        file = self.intake()
        clock = f"clock-{Path(file).stem}"
        taken = await self.pca("submit", file, "--clock", clock, "--json")
        assert taken.code == 0, taken
        assert (await self.pca("clock", "advance", clock, "--to", "2026-03-02")).code == 0
        return str(taken.json[0]["reference"])


def _here(arguments: tuple[str, ...], stdin: bytes) -> Ran:
    """The command in a thread of this process: it has imported everything already, which a process of its own does each time."""
    out, err = io.StringIO(), io.StringIO()
    kept, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(stdin))
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main.run(list(arguments))
    finally:
        sys.stdin = kept
    return Ran(code, out.getvalue(), err.getvalue())


@pytest_asyncio.fixture
async def engine(
    stack: Stack, client: Client, pool: asyncpg.Pool, record_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Engine]:
    servers = {"DATABASE_URL": record_url, "TEMPORAL_ADDRESS": stack.temporal_address, "PCA_PRACTICE": "1", "PCA_BANK_URL": stack.bank_url}
    for name in list(os.environ):
        if name.startswith(("TEMPORAL_", "PCA_")):
            monkeypatch.delenv(name)
    for name, value in {**servers, "TEMPORAL_CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(name, value)

    async def here(*arguments: str, stdin: bytes = b"") -> Ran:
        return await asyncio.to_thread(_here, arguments, stdin)

    async def process(*arguments: str, stdin: bytes = b"") -> Ran:
        started = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cli", *arguments, env=environment(**servers), cwd=tmp_path,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await started.communicate(stdin)
        return Ran(started.returncode or 0, out.decode(), err.decode())

    async with build_worker(client, pool, bank_url=stack.bank_url, grace=1):
        yield Engine(pool, here, process, tmp_path)
