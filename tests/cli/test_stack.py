"""`pca up` and `pca down`: servers that others find by the folder, that say where they run, and that leave nothing behind."""

import asyncio
import signal
import sys
from pathlib import Path

import psutil
import pytest

from tests.cli.conftest import Pca, environment


def test_down_without_a_stack_says_that_nothing_runs(pca: Pca) -> None:
    ran = pca("down")
    assert (ran.code, ran.out.strip()) == (0, "nothing runs in .pca")


async def test_commands_find_the_stack_of_their_folder_and_down_leaves_no_process(tmp_path: Path, pca: Pca) -> None:
    up = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", "up", "--practice", cwd=tmp_path, env=environment(), stdout=asyncio.subprocess.PIPE
    )
    assert up.stdout is not None
    try:
        while b"Ctrl-C" not in (line := await up.stdout.readline()):
            assert line, "it stopped before it was ready"
        children = psutil.Process(up.pid).children(recursive=True)
        again = pca("up")
        assert (again.code, again.out.splitlines()[0]) == (0, "# runs already")
        assert (pca("list").out, pca("clock", "show").code) == ("no case\n", 0)
        assert pca("down").code == 0
        assert await up.wait() == 0
        assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
        assert pca("list").code == 5
    finally:
        if up.returncode is None:
            up.send_signal(signal.SIGTERM)
            await up.wait()


@pytest.mark.slow
async def test_ctrl_c_stops_a_demo_in_order(tmp_path: Path) -> None:
    demo = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", "demo", "--case", "C6", cwd=tmp_path, env=environment(), stdout=asyncio.subprocess.PIPE
    )
    assert demo.stdout is not None
    while not (line := await demo.stdout.readline()).startswith(b"C6"):
        assert line, "it ended before its first act"
    children = psutil.Process(demo.pid).children(recursive=True)
    demo.send_signal(signal.SIGINT)
    rest = await demo.stdout.read()
    assert await demo.wait() == 128 + signal.SIGINT
    assert b"stopped in order" in rest
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
