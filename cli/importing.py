"""`pca import cbpf`: the rows of an OCHA ProjectSummary file, one case a row. What a row means stands in `policy/cbpf.py`.

Nothing of a row is printed but its code and what was found; the report goes only where it is asked for.
"""

import asyncio
import csv
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.intake import Outcome, connected, join_clock
from cli.output import DONE, INVALID, Lines, Stopped, as_json, problems, say, stop, table
from cli.servers import database, find
from schemas.findings import Finding

if TYPE_CHECKING:
    import asyncpg
    from temporalio.client import Client

    from policy.cbpf import Mapped, OverTwelve


def _mapped(file: Path, shift: str, over: str, only: str | None, limit: int | None) -> "list[Mapped]":
    """The rows asked for, as intakes, in the order of import. Raises `Stopped` (2) with every fault of the file and its line."""
    from policy import cbpf

    try:
        rows = cbpf.read(file)
    except cbpf.Unreadable as error:
        raise Stopped(INVALID, error.faults, title=f"{file} cannot be read, and nothing of it was taken:") from error
    except OSError as error:
        step = "the masters are published with the file, and lie beside it"
        raise stop(INVALID, "file_missing", f"{error.filename}: {error.strerror}.", next_step=step) from error
    today = datetime.now(UTC).date() if shift == "today" else None
    found = cbpf.intakes(rows, today=today, over_12_months="refuse" if over == "refuse" else "standard")
    return [item for item in found if only is None or item.row.reserve == (only == "reserve")][:limit]


async def _load_offices(pool: "asyncpg.Pool", mapped: "list[Mapped]", today: date | None) -> list[str]:
    """Generated office files for countries that the record has none of; an office's own file is never replaced."""
    from activities import versions
    from policy import cbpf

    there = {row["name"] for row in await pool.fetch("SELECT DISTINCT name FROM versioned WHERE kind = 'office'")}
    offices = [office for office in cbpf.offices(mapped, today=today) if office.iso2 not in there]
    return [(await versions.load_office(pool, office)).name for office in offices]


async def _taken_before(pool: "asyncpg.Pool", mapped: "list[Mapped]") -> dict[str, date]:
    """Rows that the record has, with the day on which they were submitted then."""
    from policy import cbpf

    rows = await pool.fetch(
        "SELECT source_reference, facts->>'submitted_on' AS day FROM submission WHERE source = $1 AND source_reference = ANY($2::text[])",
        cbpf.SOURCE,
        [item.row.code for item in mapped],
    )
    return {row["source_reference"]: date.fromisoformat(row["day"]) for row in rows}


async def _declare(pool: "asyncpg.Pool", client: "Client | None", mapped: "list[Mapped]", clock: str) -> list[Finding]:
    """An activation for each fund and year with Reserve rows, on the day of its first; renewed as long as rows are submitted under it.

    One that stands is left as it is. What is refused is told: its rows are refused at the door then.
    """
    from activities import activation
    from policy import calendar, cbpf

    days: dict[str, list[date]] = {}
    for item in mapped:
        if item.intake.activation and not item.refused:
            days.setdefault(item.intake.activation, []).append(item.intake.submitted_on)
    found: list[Finding] = []
    for reference, submitted in sorted(days.items()):
        standing = await pool.fetchval("SELECT valid_to FROM activation WHERE reference = $1", reference)
        declared = cbpf.declaration([item.row for item in mapped], reference, min(submitted))
        try:
            if standing is None:
                await activation.declare(pool, declared, at=_noon(min(submitted)), clock=clock, client=client)
                standing = date.fromisoformat(declared["valid_to"])
            while standing < max(submitted):
                to = calendar.add_months(standing, 3)
                await activation.renew(
                    pool, reference, to=to, actor=declared["declared_by"], role=declared["role"], at=_noon(standing), client=client
                )
                standing = to
        except activation.ActivationRefused as refused:
            found += refused.findings
    return found


def _noon(day: date) -> datetime:
    """Within the day in every time zone of an office, or nearly."""
    return datetime.combine(day, time(10), UTC)


async def _import(mapped: "list[Mapped]", *, clock: str, rate: float, today: date | None, over: "OverTwelve", quiet: bool) -> list[Outcome]:
    from policy import cbpf
    from worker import doors

    servers = find()
    client = await connected(servers)
    outcomes: list[Outcome] = []
    async with database(servers) as pool:
        if clock and mapped:
            await join_clock(pool, servers, clock, min(item.intake.submitted_on for item in mapped).isoformat())
        made = await _load_offices(pool, mapped, today)
        if made and not quiet:
            say(f"office files generated for {', '.join(made)}")
        before = await _taken_before(pool, mapped)
        mapped = [cbpf.again(item, before[item.row.code], over_12_months=over) if item.row.code in before else item for item in mapped]
        new = [item for item in mapped if item.row.code not in before]
        if refused := await _declare(pool, client, new, clock):
            problems(refused, title="Activations that were refused; their rows are refused at the door:")
        with Lines(len(mapped), "importing", quiet=quiet) as lines:
            for item in mapped:
                outcome = Outcome(item.row.code, "refused", findings=list(item.findings))
                if not item.refused:
                    # one after another: a partner's first row opens its PCA
                    taken = await doors.submit(pool, client, item.intake, clock=clock)
                    state = "repeated" if taken.repeated else "taken" if taken.reference else "refused"
                    outcome = Outcome(item.row.code, state, taken.reference, taken.workflow, [*item.findings, *taken.findings])
                outcomes.append(outcome)
                lines.told(_line(outcome))
                if rate:
                    await asyncio.sleep(1 / rate)
    return outcomes


def _rules(outcome: Outcome) -> list[str]:
    """What barred a row."""
    return sorted({finding.rule for finding in outcome.findings if finding.severity == "refusal"})


def _line(outcome: Outcome) -> str:
    match outcome.state:
        case "taken":
            return f"{outcome.label}: taken as {outcome.reference}"
        case "repeated":
            return f"{outcome.label}: is {outcome.reference} already; nothing changed"
        case _:
            return f"{outcome.label}: refused: {', '.join(_rules(outcome))}"


def _write_report(path: Path, mapped: "list[Mapped]", outcomes: Sequence[Outcome]) -> None:
    """A line a row: what became of it, why, what was found, and which facts were assumed."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("code", "line", "state", "reference", "refused_by", "found", "assumed_facts"))
        for item, outcome in zip(mapped, outcomes, strict=True):
            # the file and the door may find the same
            found = "; ".join({finding.rule: f"{finding.rule}: {finding.message}" for finding in outcome.findings}.values())
            assumed = ", ".join(item.intake.assumed_facts)
            row = (outcome.label, item.row.line, outcome.state, outcome.reference, " ".join(_rules(outcome)), found, assumed)
            writer.writerow(row)


def _counts(mapped: "list[Mapped]") -> dict[str, int]:
    from policy import cbpf
    from policy import pack as packs

    standard = max((pack for pack in packs.catalogue() if pack.track == "standard"), key=lambda pack: (pack.effective_on, pack.id))
    return cbpf.count(mapped, standard)


@click.group("import")
def import_() -> None:
    """Bring files of other systems in."""


@import_.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="Only count what would be taken and refused; needs no server.")
@click.option("--only", type=click.Choice(["standard", "reserve"]), default=None, help="Only rows of this kind of allocation.")
@click.option("--limit", type=click.IntRange(min=1), default=None, help="At most so many rows.")
@click.option(
    "--shift",
    type=click.Choice(["today", "none"]),
    default="today",
    show_default=True,
    help="Move each row's dates so that it is submitted today.",
)
@click.option(
    "--over-12-months",
    "over",
    type=click.Choice(["standard", "refuse"]),
    default="standard",
    show_default=True,
    help="What becomes of a Reserve row of more than 12 months.",
)
@click.option("--rate", type=click.FloatRange(min=0), default=0.0, help="At most so many rows a second; 0: as fast as it goes.")
@click.option("--clock", default="", metavar="NAME", help="Practice clock the cases join; made on the first submission day if new.")
@click.option("--report", type=click.Path(dir_okay=False, writable=True, path_type=Path), default=None, help="Write a CSV line a row.")
@click.option("--json", "json_", is_flag=True, help="The counts as JSON.")
def cbpf(
    file: Path,
    check: bool,
    only: str | None,
    limit: int | None,
    shift: str,
    over: str,
    rate: float,
    clock: str,
    report: Path | None,
    json_: bool,
) -> int:
    """Intake from FILE, an OCHA ProjectSummary file: one case a row, with a report of what was refused and why.

    The same rows again take nothing, and say so. Exit code 0 also if rows were refused: the report says which.
    """
    mapped = _mapped(file, shift, over, only, limit)
    if check:
        counts = _counts(mapped)
        if json_:
            as_json(counts)
        else:
            table(("what", "rows"), list(counts.items()), title=file.name)
        if report:
            _write_report(report, mapped, [_expected(item) for item in mapped])
        return DONE
    today = datetime.now(UTC).date() if shift == "today" else None
    outcomes = asyncio.run(
        _import(mapped, clock=clock, rate=rate, today=today, over="refuse" if over == "refuse" else "standard", quiet=json_)
    )
    if report:
        _write_report(report, mapped, outcomes)
    states: dict[str, Any] = dict.fromkeys(("taken", "repeated", "refused"), 0) | Counter(outcome.state for outcome in outcomes)
    refused = Counter(rule for outcome in outcomes if outcome.state == "refused" for rule in _rules(outcome))
    if json_:
        as_json({"rows": len(outcomes), **states, "refused_by": dict(refused)})
    else:
        table(("what", "rows"), [*states.items(), *((f"refused by {rule}", number) for rule, number in refused.most_common())])
    return DONE


def _expected(item: "Mapped") -> Outcome:
    findings: list[Finding] = list(item.findings)
    return Outcome(item.row.code, "refused" if item.refused else "fits", findings=findings)


COMMANDS = (import_,)
