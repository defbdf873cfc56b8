"""Real rows, played by everyone in them: `python -m bench.play --rows 300`.

Takes rows of an OCHA ProjectSummary file into a fresh practice stack, one clock for each partner, plays each case to a reported first
instalment (on the fast path: until nothing is owed any more), and then asks whether anything is wrong: failed workflows, refusals that
nobody can explain, chains, rebuilt tables, the bank's own ledger. `--mixed` takes partners with rows of both kinds first: Reserve rows run
under activations of their own, of all three levels. Exit code 1 if anything is wrong. Nothing of a row is printed but its code.
"""

import argparse
import asyncio
import os
import re
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import zip_longest
from pathlib import Path

import asyncpg
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHistory

from activities import read, sanctions, versions
from cli.demo import EXAMPLES
from db import audit, migrate
from db.pool import connect_pool
from embedded import practice
from embedded.auto import Auto
from embedded.bank import movements
from embedded.stack import Stack
from policy import cbpf
from schemas.findings import Finding
from worker import doors
from worker.connect import connect_temporal

AT_ONCE = 6
"""How many clocks are played side by side: two cores have no use for more."""
HORIZON = timedelta(days=900)
OTHER_TRACK = """
    SELECT c.reference, c.track, s.facts ->> 'track' AS asked FROM "case" c JOIN submission s USING (reference)
    WHERE c.track <> s.facts ->> 'track'
      AND NOT EXISTS (SELECT FROM event e WHERE e.subject = c.subject AND e.type = 'case.track_changed')
    ORDER BY c.reference
"""
"""Cases that ran on another track than the one asked for, and nobody changed it."""


MOST_OF_ONE = 4
"""How many rows of one partner are played in a mixed play: the others come from other partners."""


def mixed(found: Sequence[cbpf.Mapped], rows: int) -> list[cbpf.Mapped]:
    """So many rows of partners drawn by their codes: with both kinds of rows, with Reserve rows only, with Standard rows only, in turn."""
    of: dict[str, list[cbpf.Mapped]] = defaultdict(list)
    for item in found:
        of[item.row.partner].append(item)
    kinds: dict[tuple[bool, bool], list[list[cbpf.Mapped]]] = defaultdict(list)
    for code in sorted(of, key=lambda code: cbpf.draw(code, "play", 10**9)):
        tracks = {item.intake.track for item in of[code]}
        both = [next(item for item in of[code] if item.intake.track == track) for track in sorted(tracks)]
        rest = [item for item in of[code] if item not in both]
        kinds["emergency" in tracks, "standard" in tracks].append([*both, *rest][:MOST_OF_ONE])
    turns = zip_longest(kinds[True, True], kinds[True, False], kinds[False, True])
    chosen = [item for turn in turns for group in turn if group for item in group][:rows]
    return [item for item in found if item in chosen]


def own_activation(item: cbpf.Mapped) -> cbpf.Mapped:
    """The activation of the row's fund and year, as one of its partner's alone: it ends on the partner's clock."""
    if item.intake.activation is None:
        return item
    code = re.sub(r"[^A-Z0-9]+", "-", item.row.partner.upper()).strip("-")
    return replace(item, intake=item.intake.model_copy(update={"activation": f"{item.intake.activation}-P{code}"}))


async def declare(pool: asyncpg.Pool, client: Client, mapped: Sequence[cbpf.Mapped], clock: str, at: datetime) -> list[Finding]:
    """The activations that the rows of one partner rely on: most of level L2, some L1, some L3 with the head of office stepping aside."""
    found: list[Finding] = []
    by_name = {item.intake.activation: item for item in mapped if item.intake.activation}
    for name, item in by_name.items():
        drawn = cbpf.draw(item.row.partner, "level")
        level: cbpf.Level = "L1" if drawn < 15 else "L3" if drawn < 35 else "L2"
        reference, day = cbpf.activation_reference(item.row.fund, item.row.year), item.intake.submitted_on
        declared = cbpf.declaration([item.row], reference, day, level=level, step_aside=level == "L3") | {"reference": name}
        found += await doors.declare_emergency(pool, client, declared, at=at, clock=clock)
    return found


def say(line: str) -> None:
    print(line, flush=True)


async def take(pool: asyncpg.Pool, client: Client, mapped: list[cbpf.Mapped], clock: str) -> Counter[str]:
    """Submit the rows of one partner; the rules of those refused."""
    refused: Counter[str] = Counter()
    now = datetime.now(UTC)
    await practice.create(pool, clock, now)
    refused.update(f"activation:{finding.rule}" for finding in await declare(pool, client, mapped, clock, now))
    for item in mapped:
        taken = await doors.submit(pool, client, item.intake, clock=clock)
        if not taken.reference:
            refused.update(f.rule for f in taken.findings if f.severity == "refusal")
    return refused


async def play(rows: int, file: Path, only: str) -> int:
    """Returns how many things are wrong."""
    today = datetime.now(UTC).date()
    found = [m for m in cbpf.intakes(cbpf.read(file), today=today) if not m.refused]
    chosen = [own_activation(m) for m in mixed(found, rows)] if only == "mixed" else [m for m in found if m.intake.track == only][:rows]
    partners: dict[str, list[cbpf.Mapped]] = defaultdict(list)
    for item in chosen:
        partners[item.intake.partner.id].append(item)
    tracks = Counter(item.intake.track for item in chosen)
    several = sum(len(items) > 1 for items in partners.values())
    say(f"{len(chosen)} rows of {file.name} ({', '.join(f'{n} {track}' for track, n in sorted(tracks.items()))})")
    say(f"{len(partners)} partners, {several} with several rows")
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
    for line in await _of_use(pool):
        say(line)
    explained, unexplained = _refusals(autos)
    say("another person was asked: " + (", ".join(f"{rule} {n}" for rule, n in explained.items()) or "never"))
    wrong = [f"refused at the door: {rule} ({n})" for rule, n in refused.items()]
    wrong += [f"refused and not explained: {rule} ({n})" for rule, n in unexplained.items()]
    wrong += [f"stuck: {line}" for auto in autos for line in auto.stuck]
    wrong += await _workflows(client)
    wrong += [
        f"{row['reference']} asked for the {row['asked']} track and ran on the {row['track']} one" for row in await pool.fetch(OTHER_TRACK)
    ]
    wrong += [f"chain: {broken}" for broken in await audit.verify(pool)]
    wrong += [f"rebuilt tables differ: {difference}" for difference in await audit.rebuild_check(pool)]
    wrong += await _ledgers(pool, stack.bank_url)
    for line in wrong:
        say(f"WRONG  {line}")
    if not wrong:
        say("nothing is wrong: workflows, refusals, chains, rebuilt tables, the bank's ledger")
    return len(wrong)


async def _of_use(pool: asyncpg.Pool) -> list[str]:
    """What the play says of the two tracks: days, hand-overs, and what became of what is owed."""
    said: list[str] = []
    for track in ("standard", "emergency"):
        rows = await pool.fetch('SELECT reference, subject, received_at FROM "case" WHERE track = $1 ORDER BY reference', track)
        if not rows:
            continue
        days: dict[str, list[float]] = defaultdict(list)
        hand_overs: list[int] = []
        for row in rows:
            approved = await pool.fetchval("SELECT max(at) FROM event WHERE subject = $1 AND type = 'approval.given'", row["subject"])
            paid = await pool.fetchval("SELECT min(at) FROM event WHERE subject = $1 AND type = 'payment.confirmed'", row["subject"])
            for what, at in (("approval", approved), ("payment", paid)):
                if at is not None:
                    days[what].append((at - row["received_at"]).total_seconds() / 86400)
            case = await read.show(pool, row["reference"])
            if (n := case["hand_overs"]["to_first_payment"]) is not None:
                hand_overs.append(n)
        medians = ", ".join(f"{statistics.median(found):.1f} days to {what}" for what, found in days.items())
        crossed = f"{statistics.median(hand_overs):g} hand-overs to the first payment" if hand_overs else "none paid"
        said.append(f"{track}: {len(rows)} cases; median {medians}; {crossed}")
    fates = await pool.fetch(
        """SELECT o.kind, count(*) AS n, count(*) FILTER (WHERE o.state = 'met') AS met, count(*) FILTER (WHERE EXISTS (
             SELECT 1 FROM event e WHERE e.subject = o.subject AND e.type = 'obligation.overdue'
             AND e.data->'data'->>'obligation' = o.id)) AS lapsed FROM obligation o GROUP BY o.kind ORDER BY o.kind"""
    )
    said += [f"  {row['kind']}: {row['n']}, met {row['met']}, overdue at some time {row['lapsed']}" for row in fates]
    for row in await pool.fetch(
        "SELECT data->'data'->>'to' AS track, data->'data'->>'reason' AS why, count(*) AS n FROM event"
        " WHERE type = 'case.track_changed' GROUP BY track, why ORDER BY track, why"
    ):
        said.append(f"{row['n']} cases changed to the {row['track']} track ({row['why']})")
    fired = await pool.fetchval("SELECT count(*) FROM event WHERE type = 'obligation.consequence_applied'")
    lifted = await pool.fetchval("SELECT count(*) FROM event WHERE type = 'obligation.consequence_lifted'")
    return [*said, f"consequences: {fired} fired, {lifted} obligations lifted theirs"]


def _refusals(autos: list[Auto]) -> tuple[Counter[str], Counter[str]]:
    """Rules by which another person was asked, and rules that the play cannot explain."""
    every: Counter[str] = Counter()
    for auto in autos:
        every += auto.refusals
    explained = Counter({rule: n for rule, n in every.items() if Auto.is_explained(rule)})
    return explained, every - explained


async def _workflows(client: Client) -> list[str]:
    """Workflows that failed, and workflow tasks that did."""
    ended = (WorkflowExecutionStatus.FAILED, WorkflowExecutionStatus.TIMED_OUT, WorkflowExecutionStatus.TERMINATED)
    every = [workflow async for workflow in client.list_workflows()]
    wrong = [f"workflow {w.id} {w.status.name}" for w in every if w.status in ended]
    for workflow in every:
        history = await client.get_workflow_handle(workflow.id, run_id=workflow.run_id).fetch_history()
        wrong += [f"workflow task of {workflow.id}: {message[:120]}" for message in stumbled(history)]
    return wrong


def stumbled(history: WorkflowHistory) -> list[str]:
    """Why workflow tasks of this history failed. Something that came in while the workflow was closing is no failure: the server has
    the task done again, and nothing is lost."""
    return [
        event.workflow_task_failed_event_attributes.failure.message
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
        and event.workflow_task_failed_event_attributes.cause != WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND
    ]


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
    parser.add_argument("--only", choices=("standard", "emergency"), default="standard")
    parser.add_argument("--mixed", action="store_true", help="rows of both kinds, several of one partner on one clock")
    arguments = parser.parse_args()
    folder = Path(os.environ.get("PCA_SHARED_DATA", "../shared/data")) / "cbpf"
    if not (folder / arguments.file).exists():
        say(f"skipped: {folder / arguments.file} is not there (set PCA_SHARED_DATA)")
        return 0
    return 1 if asyncio.run(play(arguments.rows, folder / arguments.file, "mixed" if arguments.mixed else arguments.only)) else 0


if __name__ == "__main__":
    code = main()
    time.sleep(0.05)  # the SDK's threads may still be finishing (engineering.md 6.6)
    sys.exit(code)
