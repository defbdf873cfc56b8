"""The figures: `python -m bench` (`make bench`), with `--json` for machines.

How soon the demo shows its first open task and ends; lifecycles and latencies of the engine at 4 and 40 actors beside a bare reference on
the same machine in the same run; what a decision costs in history; what a waiting case costs the worker in memory. They are measurements,
not tests: a target missed is printed, and the exit code is 0 as long as everything could be measured.
"""

import argparse
import asyncio
import contextlib
import json
import os
import re
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

import asyncpg
import psutil
from temporalio.client import Client

from bench import lifecycle, reference
from db import migrate
from db.pool import connect_pool
from embedded.stack import Stack
from worker.connect import connect_temporal

ACTORS = (4, 40)
WARM = 4
"""Lifecycles played before anything is measured: they pay for imports, plans and caches. Their histories are the ones counted."""


@dataclass(frozen=True)
class Figure:
    """One line of the table. `target` in words, `met` None where there is none."""

    name: str
    value: float
    unit: str
    target: str = ""
    met: bool | None = None


@dataclass
class Figures:
    """What was measured, in order."""

    lines: list[Figure] = field(default_factory=list)

    def add(self, name: str, value: float, unit: str, *, at_least: float | None = None, at_most: float | None = None) -> None:
        target = f">= {at_least:g}" if at_least is not None else f"<= {at_most:g}" if at_most is not None else ""
        met = value >= at_least if at_least is not None else value <= at_most if at_most is not None else None
        self.lines.append(Figure(name, round(value, 3), unit, target, met))


@dataclass(frozen=True)
class Pace:
    """One system under so many actors: whole lifecycles a second, latencies of its decisions in seconds, processor seconds a lifecycle."""

    rate: float
    p50: float
    p99: float
    cpu: float


def progress(line: str) -> None:
    print(f"... {line}", file=sys.stderr, flush=True)


def processor_time(stack: Stack) -> float:
    """Seconds that worker, Temporal and PostgreSQL have used: says what something costs also where others use the machine."""
    seconds = 0.0
    for name in ("worker", "temporal", "postgres"):
        server = psutil.Process(stack.server(name).identity.pid)
        for process in (server, *server.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                seconds += times.user + times.system
    return seconds


async def pace(
    actors: int, lifecycles: int, one: Callable[[str], Awaitable[object]], name: str, latencies: list[float], stack: Stack
) -> Pace:
    """`actors` side by side play `lifecycles` whole ones, each taking the next when it is done; `one` notes into `latencies`."""
    names = iter([f"{name}-{n}" for n in range(lifecycles)])
    latencies.clear()
    began, used = time.monotonic(), processor_time(stack)

    async def actor() -> None:
        for each in names:
            await one(each)

    async with asyncio.TaskGroup() as group:  # one that fails ends the others
        for _ in range(actors):
            group.create_task(actor())
    took = time.monotonic() - began
    cuts = statistics.quantiles(latencies, n=100, method="inclusive")
    return Pace(lifecycles / took, cuts[49], cuts[98], (processor_time(stack) - used) / lifecycles)


@contextlib.asynccontextmanager
async def fresh(*, engine: bool, environment: dict[str, str] | None = None) -> AsyncIterator[tuple[Stack, asyncpg.Pool, Client]]:
    """A stack with a worker of the engine or of the reference."""
    async with Stack() as stack:
        await asyncio.to_thread(migrate.apply, stack.database_url)
        pool = await connect_pool(stack.database_url, size=20)
        try:
            if engine:
                await lifecycle.load(pool, datetime.now(UTC).date())
                await stack.start_worker(environment={"PCA_LOG_LEVEL": "warning", **(environment or {})})
            else:
                await stack.start_program("worker", [sys.executable, "-m", "bench.reference"])
            yield stack, pool, await connect_temporal(address=stack.temporal_address)
        finally:
            await pool.close()


@contextlib.asynccontextmanager
async def watching(pool: asyncpg.Pool, client: Client) -> AsyncIterator[lifecycle.Lifecycles]:
    watch = lifecycle.Watch(pool)
    looking = asyncio.create_task(watch.run())
    try:
        yield lifecycle.Lifecycles(pool, client, watch)
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def paces(lifecycles: int, figures: Figures) -> None:
    """Engine and reference, each on a stack of its own, turn by turn: whatever else the machine does disturbs both."""
    async with (
        fresh(engine=True) as (ours, pool, client),
        watching(pool, client) as lives,
        fresh(engine=False) as (theirs, _, other),
    ):
        warm = [await lives.play(f"warm-{n}") for n in range(WARM)]
        decisions = len(lives.latencies) // WARM
        latencies: list[float] = []

        async def bare(name: str) -> None:
            await reference.play(other, name, decisions, latencies)

        for n in range(WARM):
            await bare(f"warm-{n}")
        figures.add("decisions per lifecycle", decisions, "")
        for actors in ACTORS:
            played = max(lifecycles, actors)
            progress(f"{actors} actors, the engine")
            us = await pace(actors, played, lives.play, f"engine-{actors}", lives.latencies, ours)
            progress(f"{actors} actors, the reference")
            them = await pace(actors, played, bare, f"reference-{actors}", latencies, theirs)
            compare(f"{actors} actors", us, them, decisions, figures)
        await histories(pool, client, warm, decisions, figures)


def compare(at: str, us: Pace, them: Pace, decisions: int, figures: Figures) -> None:
    figures.add(f"{at}: engine", us.rate, "lifecycles/s")
    figures.add(f"{at}: reference", them.rate, "lifecycles/s")
    figures.add(f"{at}: rate, engine to reference", us.rate / them.rate, "", at_least=0.6)
    for name, mine, its in (("p50", us.p50, them.p50), ("p99", us.p99, them.p99)):
        figures.add(f"{at}: engine, decision to visible, {name}", mine * 1000, "ms")
        figures.add(f"{at}: reference, decision to visible, {name}", its * 1000, "ms")
        figures.add(f"{at}: latency {name}, engine to reference", mine / its, "", at_most=1.5)
    figures.add(f"{at}: engine, processor time of all servers per decision", us.cpu / decisions * 1000, "ms")
    figures.add(f"{at}: reference, processor time of all servers per decision", them.cpu / decisions * 1000, "ms")


async def histories(pool: asyncpg.Pool, client: Client, references: list[str], decisions: int, figures: Figures) -> None:
    """Events and bytes of everything that a case ran."""
    events = size = 0
    for name in references:
        case = await pool.fetchval('SELECT workflow FROM "case" WHERE reference = $1', name)
        async for run in client.list_workflows(f'WorkflowId = "{case}" OR WorkflowId STARTS_WITH "{case}."'):
            async for event in client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history_events():
                events += 1
                size += event.ByteSize()
    figures.add("history events per decision", events / len(references) / decisions, "", at_most=15)
    figures.add("history bytes per decision", size / len(references) / decisions, "B")
    figures.add("history events per lifecycle", events / len(references), "")
    figures.add("history bytes per lifecycle", size / len(references), "B")


async def memory(waiting: int, figures: Figures) -> None:
    """What the worker's memory grows by with open cases, each waiting for a person in its document stage, all of them in its cache."""
    cached = {"PCA_CACHED_WORKFLOWS": str(waiting * 3 + 1000)}
    async with fresh(engine=True, environment=cached) as (stack, pool, client), watching(pool, client) as lives:
        worker = psutil.Process(stack.server("worker").identity.pid)
        opened = 0

        async def open_cases(number: int) -> None:
            nonlocal opened
            limit = asyncio.Semaphore(8)

            async def one(n: int) -> None:
                async with limit:
                    taken = await lives.submit(f"waiting-{n}")
                    await lives.watch.task(f"case:{taken}", "office_turn")

            await asyncio.gather(*(one(n) for n in range(opened, opened + number)))
            opened += number

        await open_cases(20)  # what the worker needs anyway
        before = worker.memory_info().rss
        progress(f"opening {waiting} cases")
        await open_cases(waiting)
        after = worker.memory_info().rss
    figures.add("worker memory with 20 open cases", before / 1e6, "MB")
    figures.add(f"worker memory per 1,000 open cases (measured with {waiting})", (after - before) / waiting * 1000 / 1e6, "MB")


async def demo(figures: Figures) -> None:
    """`pca demo` as a user starts it. The first decision shows that a task was open; it is at most a moment later."""
    progress("pca demo")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "DATABASE_URL", "PCA_"))}
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", "demo",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, stdin=asyncio.subprocess.DEVNULL, env=environment,
    )  # fmt: skip
    assert process.stdout is not None
    first: float | None = None
    last = ""
    async for raw in process.stdout:
        last = raw.decode(errors="replace").strip() or last
        if first is None and re.match(r"C\d+\s+\d\d \w{3} \d{4}\s+(?!submitted)", last):
            first = time.monotonic() - began
    code = await process.wait()
    total = time.monotonic() - began
    if code or first is None:
        raise lifecycle.Unexpected(f"pca demo ended with {code}: {last}")
    figures.add("demo: first open task decided", first, "s", at_most=10)
    figures.add("demo: as a whole", total, "s", at_most=120)


async def measure(lifecycles: int, waiting: int, parts: list[str]) -> Figures:
    figures = Figures()
    if "demo" in parts:
        await demo(figures)
    if "pace" in parts:
        await paces(lifecycles, figures)
    if "memory" in parts:
        await memory(waiting, figures)
    return figures


def table(figures: Figures) -> str:
    width = max(len(line.name) for line in figures.lines)
    said = {True: "met", False: "MISSED", None: ""}
    rows = [f"{line.name:{width}}  {line.value:>12,.2f} {line.unit:13} {line.target:8} {said[line.met]}".rstrip() for line in figures.lines]
    return "\n".join([f"{'figure':{width}}  {'value':>12} {'unit':13} {'target':8}", *rows])


PARTS = ("demo", "pace", "memory")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the engine on embedded servers of its own.")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--lifecycles", type=int, default=40, help="how many for each pace, at least one an actor (default 40)")
    parser.add_argument("--waiting", type=int, default=300, help="open cases for the worker's memory (default 300, scaled to 1,000)")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part only; may be given again")
    arguments = parser.parse_args()
    began = time.monotonic()
    figures = asyncio.run(measure(arguments.lifecycles, arguments.waiting, arguments.only or list(PARTS)))
    if arguments.json:
        machine = {"cores": os.cpu_count(), "python": sys.version.split()[0], "seconds": round(time.monotonic() - began, 1)}
        print(json.dumps({"machine": machine, "figures": [asdict(line) for line in figures.lines]}, indent=2))
    else:
        print(table(figures))
    time.sleep(0.05)  # the SDK's threads may still be finishing (engineering.md 6.6)


if __name__ == "__main__":
    main()
