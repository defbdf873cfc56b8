"""Real rows, played by everyone in them: `python -m bench.play --rows 300`.

Takes the Standard rows of an OCHA ProjectSummary file into a fresh practice stack, one clock for each partner, plays each case to a
reported first instalment, and then asks whether anything is wrong: failed workflows, refusals that nobody can explain, chains, rebuilt
tables, the bank's own ledger. Prints what it found; exit code 1 if anything is wrong. Nothing of a row is printed but its code.
"""

import argparse
import asyncio
import os
import sys
import time
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import asyncpg
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import Client, WorkflowExecutionStatus

from activities import sanctions, versions
from cli.demo import EXAMPLES
from db import audit, migrate
from db.pool import connect_pool
from embedded import practice
from embedded.auto import Auto
from embedded.bank import movements
from embedded.stack import Stack
from policy import cbpf
from worker import doors
from worker.connect import connect_temporal

AT_ONCE = 6
"""How many clocks are played side by side: two cores have no use for more."""
HORIZON = timedelta(days=900)


def say(line: str) -> None:
    print(line, flush=True)


async def take(pool: asyncpg.Pool, client: Client, mapped: list[cbpf.Mapped], clock: str) -> Counter[str]:
    """Submit the rows of one partner; the rules of those refused."""
    refused: Counter[str] = Counter()
    await practice.create(pool, clock, datetime.now(UTC))
    for item in mapped:
        taken = await doors.submit(pool, client, item.intake, clock=clock)
        if not taken.reference:
            refused.update(f.rule for f in taken.findings if f.severity == "refusal")
    return refused


async def play(rows: int, file: Path, only: str) -> int:
    """Returns how many things are wrong."""
    today = datetime.now(UTC).date()
    found = cbpf.intakes(cbpf.read(file), today=today)
    chosen = [m for m in found if not m.refused and (only == "all" or m.intake.track == only)][:rows]
    partners: dict[str, list[cbpf.Mapped]] = defaultdict(list)
    for item in chosen:
        partners[item.intake.partner.id].append(item)
    say(f"{len(chosen)} rows of {file.name}, {len(partners)} partners")
    async with Stack(practice=True) as stack:
        await asyncio.to_thread(migrate.apply, stack.database_url)
        pool = await connect_pool(stack.database_url, size=AT_ONCE + 4)
        try:
            await versions.load_shipped_packs(pool)
            await versions.load_file(pool, EXAMPLES / "rates.toml")
            for office in cbpf.offices(chosen, today=today):
                await versions.load_office(pool, office)
            async with pool.acquire() as conn:
                await sanctions.load(conn, (EXAMPLES / "sanctions" / "example-list.xml").read_bytes())  # type: ignore[arg-type]
            await stack.start_worker()
            client = await connect_temporal(address=stack.temporal_address)
            return await _played(stack, pool, client, partners, today)
        finally:
            await pool.close()


async def _played(stack: Stack, pool: asyncpg.Pool, client: Client, partners: dict[str, list[cbpf.Mapped]], today: date) -> int:
    began = time.monotonic()
    limit = asyncio.Semaphore(AT_ONCE)
    autos: list[Auto] = []
    refused: Counter[str] = Counter()
    done = 0

    async def one(partner: str, mapped: list[cbpf.Mapped]) -> None:
        nonlocal done
        async with limit:
            auto = Auto(pool, client, told=lambda line: None)  # noqa: ARG005
            autos.append(auto)
            clock = f"play-{partner}"
            refused.update(await take(pool, client, mapped, clock))
            try:
                await auto.play_clock(clock, until=today + HORIZON)
            except doors.NoAnswer as error:
                auto.stuck.append(f"{clock}: {error}")
            done += len(mapped)
            say(f"{time.monotonic() - began:6.0f} s  {done} rows played")

    await asyncio.gather(*(one(partner, mapped) for partner, mapped in partners.items()))
    seconds = time.monotonic() - began
    cases = await pool.fetch('SELECT status, count(*) AS n FROM "case" GROUP BY status ORDER BY status')
    reported = await pool.fetchval("SELECT count(*) FROM report WHERE state = 'accepted'")
    decisions = sum(auto.decisions for auto in autos)
    say(f"{seconds:.0f} s; {decisions} decisions; cases " + ", ".join(f"{row['n']} {row['status']}" for row in cases))
    say(f"{reported} first instalments reported")
    explained, unexplained = _refusals(autos)
    say("another person was asked: " + (", ".join(f"{rule} {n}" for rule, n in explained.items()) or "never"))
    wrong = [f"refused at the door: {rule} ({n})" for rule, n in refused.items()]
    wrong += [f"refused and not explained: {rule} ({n})" for rule, n in unexplained.items()]
    wrong += [f"stuck: {line}" for auto in autos for line in auto.stuck]
    wrong += await _workflows(client)
    wrong += [f"chain: {broken}" for broken in await audit.verify(pool)]
    wrong += [f"rebuilt tables differ: {difference}" for difference in await audit.rebuild_check(pool)]
    wrong += await _ledgers(pool, stack.bank_url)
    for line in wrong:
        say(f"WRONG  {line}")
    if not wrong:
        say("nothing is wrong: workflows, refusals, chains, rebuilt tables, the bank's ledger")
    return len(wrong)


def _refusals(autos: list[Auto]) -> tuple[Counter[str], Counter[str]]:
    """Rules by which another person was asked, and rules that the play cannot explain."""
    every: Counter[str] = Counter()
    for auto in autos:
        every += auto.refusals
    explained = Counter({rule: n for rule, n in every.items() if Auto.is_about_the_person(rule)})
    return explained, every - explained


async def _workflows(client: Client) -> list[str]:
    """Workflows that failed, and workflow tasks that did."""
    ended = (WorkflowExecutionStatus.FAILED, WorkflowExecutionStatus.TIMED_OUT, WorkflowExecutionStatus.TERMINATED)
    every = [workflow async for workflow in client.list_workflows()]
    wrong = [f"workflow {w.id} {w.status.name}" for w in every if w.status in ended]
    for workflow in every:
        history = client.get_workflow_handle(workflow.id, run_id=workflow.run_id).fetch_history_events()
        stumbled = [
            e
            async for e in history
            if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
            # something came in while the workflow was closing: the server has the task done again, and nothing is lost
            and e.workflow_task_failed_event_attributes.cause != WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND
        ]
        wrong += [f"workflow task of {workflow.id}: {e.workflow_task_failed_event_attributes.failure.message[:120]}" for e in stumbled]
    return wrong


async def _ledgers(pool: asyncpg.Pool, bank_url: str) -> list[str]:
    rows = await pool.fetch(
        """SELECT o."order", o.amount FROM journal j JOIN payment_order o
           ON o.subject = j.subject AND o.instalment = j.instalment AND o.state = 'confirmed' WHERE j.kind = 'payment'"""
    )
    ours = {row["order"]: row["amount"] for row in rows}
    theirs = {movement.order: movement.amount for movement in await movements(bank_url)}
    return [
        f"ledgers differ for {order}: ours {ours.get(order)}, the bank's {theirs.get(order)}"
        for order in sorted(ours.keys() ^ theirs.keys())
    ] + [f"ledgers differ for {order}" for order in sorted(ours.keys() & theirs.keys()) if ours[order] != theirs[order]]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.play", description="Play real rows to a reported first instalment.")
    parser.add_argument("--rows", type=int, default=30)
    parser.add_argument("--file", default="ProjectSummaryV2_2025.csv")
    parser.add_argument("--only", choices=("standard", "all"), default="standard")
    arguments = parser.parse_args()
    folder = Path(os.environ.get("PCA_SHARED_DATA", "../shared/data")) / "cbpf"
    if not (folder / arguments.file).exists():
        say(f"skipped: {folder / arguments.file} is not there (set PCA_SHARED_DATA)")
        return 0
    return 1 if asyncio.run(play(arguments.rows, folder / arguments.file, arguments.only)) else 0


if __name__ == "__main__":
    code = main()
    time.sleep(0.05)  # the SDK's threads may still be finishing (engineering.md 6.6)
    sys.exit(code)
