"""`pca submit`, `pca schema`: messages from files into the record. What may come in is decided by `activities/intake.py`."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from cli.clock import moment
from cli.output import DONE, INVALID, MISSING, REFUSED, Stopped, as_json, problems, say, stop
from cli.reading import Item, files, placed
from cli.servers import Servers, database, find, find_or_none, temporal
from schemas.findings import Finding, refusals

if TYPE_CHECKING:
    import asyncpg
    from temporalio.client import Client


@dataclass
class Outcome:
    """What became of one message: taken, repeated (it is the same as before), refused by a rule, invalid, or (with --check) fits."""

    label: str
    state: str
    reference: str = ""
    workflow: str = ""
    findings: list[Finding] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {
            "from": self.label,
            "state": self.state,
            "reference": self.reference,
            "workflow": self.workflow,
            "findings": [finding.model_dump(mode="json") for finding in self.findings],
        }


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """2 if any message is invalid, else 3 if any was refused."""
    states = {outcome.state for outcome in outcomes}
    return INVALID if "invalid" in states else REFUSED if "refused" in states else DONE


def report(outcomes: Sequence[Outcome], json_: bool) -> int:
    """Print one line a message and its problems; the exit code."""
    if json_:
        as_json([outcome.as_dict() for outcome in outcomes])
        return exit_code(outcomes)
    lines = {
        "taken": "{label}: taken as {reference}",
        "repeated": "{label}: is {reference} already; nothing changed",
        "refused": "{label}: refused",
        "invalid": "{label}: invalid",
        "fits": "{label}: fits",
    }
    for outcome in outcomes:
        say(lines[outcome.state].format(label=outcome.label, reference=outcome.reference))
        problems(outcome.findings)
    return exit_code(outcomes)


def form_faults(item: Item) -> list[Finding]:
    """What is wrong with the form of a message, each with its place."""
    from activities.intake import read

    if item.faults:
        return item.faults
    found = read(item.raw)
    return placed(item, found) if isinstance(found, list) else []


async def connected(servers: Servers) -> "Client | None":
    """A client, or None with a notice: the record comes first, and the worker starts what was taken."""
    from worker.connect import ServerUnreachable

    try:
        return await temporal(servers)
    except ServerUnreachable as error:
        problems(
            [
                Finding(
                    rule="started_later", message=str(error).partition(";")[0], severity="warning", next_step="the worker starts the cases"
                )
            ]
        )
        return None


async def join_clock(pool: "asyncpg.Pool", servers: Servers, name: str, first_day: str) -> None:
    """Make the practice clock if there is none of that name; it begins at noon UTC of the first submission day."""
    from embedded import practice

    if not servers.practice:
        raise stop(REFUSED, "no_practice", "This stack has no practice clocks.", next_step="start one with `pca up --practice`")
    await practice.create(pool, name, moment(first_day))


async def _submit(items: list[Item], clock: str) -> list[Outcome]:
    from worker import doors

    servers = find()
    client = await connected(servers)
    outcomes = []
    async with database(servers) as pool:
        days = [str(item.raw["submitted_on"]) for item in items if isinstance(item.raw, dict) and not form_faults(item)]
        if clock and days:
            await join_clock(pool, servers, clock, min(days))
        for item in items:
            faults = form_faults(item)
            # also what does not fit goes in: the record keeps it as it came, with the reasons
            taken = await doors.submit(pool, None if faults else client, item.raw, clock=clock if days else "")
            if taken.reference:
                state = "repeated" if taken.repeated else "taken"
                outcomes.append(Outcome(item.label, state, taken.reference, taken.workflow, placed(item, list(taken.findings))))
            else:
                outcomes.append(
                    Outcome(item.label, "invalid" if faults else "refused", findings=faults or placed(item, list(taken.findings)))
                )
    return outcomes


async def _check(items: list[Item], servers: Servers | None) -> list[Outcome]:
    """The form of each message; with a server also what the door would say. Nothing is taken or kept."""
    outcomes = [Outcome(item.label, "invalid" if (faults := form_faults(item)) else "fits", findings=faults) for item in items]
    if servers is None:
        return outcomes
    from activities import intake as door

    async with database(servers) as pool:
        for item, outcome in zip(items, outcomes, strict=True):
            if outcome.state == "fits":
                outcome.findings = placed(item, await door.check(pool, item.raw))
                outcome.state = "refused" if refusals(outcome.findings) else "fits"
    return outcomes


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="FILE...", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--check", is_flag=True, help="Only report the findings; take nothing. The form is checked without a server.")
@click.option("--clock", default="", metavar="NAME", help="Practice clock the cases join; made on the first submission day if new.")
@click.option("--json", "json_", is_flag=True, help="As JSON, one entry a message.")
def submit(sources: tuple[str, ...], check: bool, clock: str, json_: bool) -> int:
    """Submit intake messages from FILEs: one JSON object, a list, or JSON lines; `-` is standard input.

    Every fault is told with its JSON path. The same message again changes nothing. What is refused is kept, with the reasons.
    """
    items = list(files(sources))
    if check:
        servers = find_or_none()
        code = report(asyncio.run(_check(items, servers)), json_)
        if servers is None and not json_:
            click.echo("only the form was checked: no server is known", err=True)
        return code
    if find_or_none() is None and any(form_faults(item) for item in items):
        # without a server the faults are still worth telling; nothing was taken
        faulty = [Outcome(item.label, "invalid", findings=found) for item in items if (found := form_faults(item))]
        report(faulty, json_)
        problems([Finding(rule="nothing_taken", message="No server is known, so nothing was taken.", severity="warning")])
        return INVALID
    return report(asyncio.run(_submit(items, clock)), json_)


@click.command()
@click.argument("name", required=False)
def schema(name: str | None) -> None:
    """JSON Schema of the public message NAME; without it, their names."""
    from schemas.public import PUBLIC, json_schema

    if name is None:
        for known in PUBLIC:
            say(known)
        return
    if name not in PUBLIC:
        raise Stopped(MISSING, [Finding(rule="unknown_message", message=f"No message {name}.", next_step=f"one of {', '.join(PUBLIC)}")])
    as_json(json_schema(name))


COMMANDS = (submit, schema)
