"""Playing the example cases: live progress at a terminal, one plain line an act without; at the end what the record holds, compared with
what was expected. The acting is `embedded/player.py`; nothing here knows a rule.
"""

import asyncio
import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cli.output import MISSING, at_a_terminal, say, stop, table

if TYPE_CHECKING:
    import asyncpg

    from embedded.player import Play
    from embedded.stack import Stack

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@dataclass(frozen=True)
class Difference:
    """One expectation that does not hold."""

    case: str
    what: str
    expected: Any
    found: Any


@dataclass
class Outcome:
    """How the demo ended."""

    cases: dict[str, dict[str, Any]]
    differences: list[Difference]
    totals: dict[str, Any]
    ui_url: str
    seed: int = 0

    @property
    def as_expected(self) -> bool:
        return not self.differences


async def play_examples(stack: "Stack", chosen: tuple[str, ...], *, quiet: bool) -> Outcome:
    """Load the examples' data, play every case chosen (all, if none is named), compare. The cases run side by side."""
    from activities import read
    from db.pool import connect_pool
    from embedded.player import Player, PlayFailed
    from embedded.player import read as read_play
    from worker.connect import connect_temporal

    plays = [read_play(path) for path in sorted((EXAMPLES / "plays").glob("*.toml"))]
    known = [play.case for play in plays]
    if unknown := [case for case in chosen if case not in known]:
        raise stop(MISSING, "unknown_example", f"No example case {', '.join(unknown)}.", next_step=f"one of {', '.join(known)}")
    plays = [play for play in plays if not chosen or play.case in chosen]
    client = await connect_temporal(address=stack.temporal_address)
    pool = await connect_pool(stack.database_url, size=8)
    try:
        await load_examples(pool)
        failed: list[Difference] = []
        with _Lines(plays, quiet) as lines:

            async def one(play: "Play") -> None:
                try:
                    await Player(pool, client, stack.bank_url, told=lines.told).play(play)
                except PlayFailed as error:
                    failed.append(Difference(play.case, "play", "every step as written", str(error)))

            await asyncio.gather(*(one(play) for play in plays))
        found = {play.case: await read.show(pool, play.reference) for play in plays if await _there(pool, play.reference)}
        expected = json.loads((EXAMPLES / "expected.json").read_text(encoding="utf-8"))
        differences = failed + [
            difference for play in plays for difference in compare(play.case, expected.get(play.case, {}), found.get(play.case, {}))
        ]
        outcome = Outcome(found, differences, await read.totals(pool), stack.ui_url)
    finally:
        await pool.close()
    if not quiet:
        _print(outcome)
    return outcome


async def load_examples(pool: "asyncpg.Pool") -> None:
    """Office files, rates and sanctions lists of the examples."""
    from activities import sanctions, versions

    for path in [*sorted((EXAMPLES / "offices").glob("*.toml")), EXAMPLES / "rates.toml"]:
        await versions.load_file(pool, path)
    async with pool.acquire() as conn:
        for path in sorted((EXAMPLES / "sanctions").glob("*.xml")):
            await sanctions.load(cast("asyncpg.Connection", conn), path.read_bytes())


async def _there(pool: "asyncpg.Pool", reference: str) -> bool:
    return bool(await pool.fetchval('SELECT 1 FROM "case" WHERE reference = $1', reference))


def compare(case: str, expected: Any, found: Any, what: str = "$") -> list[Difference]:
    """Every place where `found` is not as expected. An expected object asks only for its own fields; lists must agree whole."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return [
            difference
            for name, value in expected.items()
            for difference in compare(case, value, found.get(name, "nothing of that name"), f"{what}.{name}")
        ]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return [
            difference
            for number, (one, other) in enumerate(zip(expected, found, strict=True))
            for difference in compare(case, one, other, f"{what}[{number}]")
        ]
    return [] if expected == found else [Difference(case, what, expected, found)]


class _Lines:
    """One line for each act: below a progress bar at a terminal, plain without one."""

    def __init__(self, plays: list["Play"], quiet: bool) -> None:
        self._quiet = quiet
        self._steps = sum(len(play.steps) + 1 for play in plays)
        self._shown: Any = None
        self._context: AbstractContextManager[Any] = nullcontext()
        self._bar: Any = None

    def __enter__(self) -> "_Lines":
        if not self._quiet and at_a_terminal():
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            self._shown = Progress(TextColumn("playing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), transient=True)
            self._context = self._shown
            self._bar = self._shown.add_task("playing", total=self._steps)
        self._context.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._context.__exit__(*error)

    def told(self, play: "Play", line: str) -> None:
        if self._quiet:
            return
        if self._shown is None:
            say(f"{play.case}  {line}")
        else:
            self._shown.console.print(f"{play.case}  {line}", markup=False, highlight=False)
            self._shown.advance(self._bar)


def _print(outcome: Outcome) -> None:
    say("")
    rows = []
    for case, found in outcome.cases.items():
        clocks = {name: clock["days"] for name, clock in found["clocks"].items() if clock["days"] is not None}
        money = found["money"]
        rows.append(
            (
                case,
                found["reference"],
                found["status"],
                f"{money['currency']} {money['paid']}",
                clocks,
                found["hand_overs"]["to_first_payment"],
                [f"{o['kind']} {o['state']}" for o in found["obligations"]],
            )
        )
    columns = ("case", "reference", "status", "paid", "clocks (working days)", "hand-overs", "obligations")
    table(columns, rows, title="what the record holds")
    say("")
    for case, found in outcome.cases.items():
        for report in found["money"]["reports"]:
            table(("report", "value"), list(report.items()), title=f"{case}: report of instalment {report.get('instalment')}")
    table(("in PostgreSQL", "count"), list(outcome.totals.items()))
    say("")
    if outcome.as_expected:
        say(f"as expected in every figure of examples/expected.json (seed {outcome.seed})")
    else:
        table(
            ("case", "what", "expected", "found"),
            [(d.case, d.what, d.expected, d.found) for d in outcome.differences],
            title="not as expected",
        )
    say(f"Temporal UI: {outcome.ui_url}")
