"""`pca play --auto`: acting for every role on open tasks, on a practice stack only. The acting is `embedded/auto.py`."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import click

from cli.output import DONE, REFUSED, as_json, say, stop, table
from cli.servers import both, find

DAYS_AHEAD = 400
"""Days that a clock may be moved at most, if nothing else is said: a first instalment and its report fit in."""


async def _play(clocks: tuple[str, ...], until: date | None, rate: float, quiet: bool) -> list[dict[str, Any]]:
    from embedded import practice
    from embedded.auto import Auto

    servers = find()
    if not servers.practice:
        raise stop(REFUSED, "no_practice", "Only a practice stack is played.", next_step="start one with `pca up --practice`")
    played = []
    async with both(servers) as (pool, client):
        names = list(clocks) or [row["name"] for row in await pool.fetch("SELECT name FROM clock ORDER BY name")]
        for name in names:
            begun = datetime.now(UTC)
            auto = Auto(pool, client, told=_silent if quiet else say)
            last = until or (await practice.now(pool, name)).date() + timedelta(days=DAYS_AHEAD)
            await auto.play_clock(name, until=last, pause=1 / rate if rate else 0.0)
            played.append(
                {
                    "clock": name,
                    "now": await practice.now(pool, name),
                    "decisions": auto.decisions,
                    "refusals": dict(auto.refusals),
                    "stuck": list(auto.stuck),
                    "seconds": round((datetime.now(UTC) - begun).total_seconds(), 1),
                }
            )
    return played


def _silent(line: str) -> None:
    """Nobody listens."""


@click.command()
@click.option("--auto", is_flag=True, required=True, help="Act for every role on open tasks.")
@click.option("--clock", "clocks", multiple=True, metavar="NAME", help="Only the cases of this practice clock (may be given again).")
@click.option("--until", metavar="DATE", default=None, help="Move the clocks no further than this day.")
@click.option("--rate", type=click.FloatRange(min=0), default=0.0, help="At most so many tasks a second; 0: as fast as it goes.")
@click.option("--json", "json_", is_flag=True, help="Only the outcome, as JSON.")
def play(auto: bool, clocks: tuple[str, ...], until: str | None, rate: float, json_: bool) -> int:  # noqa: ARG001 (there is no other way yet)
    """Play the cases of the practice clocks until each first instalment is reported.

    Exit code 3 if something was left that nobody could answer.
    """
    try:
        last = date.fromisoformat(until) if until else None
    except ValueError:
        raise click.BadParameter(f"{until!r} is no date such as 2026-04-15", param_hint="--until") from None
    found = asyncio.run(_play(clocks, last, rate, quiet=json_))
    if json_:
        as_json(found)
    elif found:
        columns = ("clock", "now", "decisions", "refusals", "stuck", "seconds")
        table(columns, [[row[column] for column in columns] for row in found], title="played")
    else:
        say("there are no practice clocks, so nothing was played: submit with --clock NAME")
    return REFUSED if any(row["stuck"] for row in found) else DONE


COMMANDS = (play,)
