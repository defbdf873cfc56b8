"""`pca clock show | advance`: practice clocks. Only a stack started with `--practice` has them."""

import asyncio
from datetime import UTC, date, datetime, time

import click

from cli.output import REFUSED, as_json, say, stop, table
from cli.servers import both, database, find


def moment(text: str) -> datetime:
    """An ISO 8601 date or time. A time without a zone is UTC; a date alone is noon UTC, which is that day in every office."""
    try:
        if len(text) == len("2026-04-15"):
            return datetime.combine(date.fromisoformat(text), time(12), UTC)
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no date such as 2026-04-15 or 2026-04-15T10:00+03:00") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@click.group()
def clock() -> None:
    """Practice clocks: business time that a person moves."""


async def _show() -> list[dict[str, object]]:
    async with database(find()) as pool:
        rows = await pool.fetch(
            'SELECT c.name, c."offset", count(m.workflow) AS workflows FROM clock c LEFT JOIN clock_member m ON m.clock = c.name '
            "GROUP BY c.name ORDER BY c.name"
        )
    now = datetime.now(UTC)
    return [{"name": row["name"], "now": now + row["offset"], "workflows": row["workflows"]} for row in rows]


@clock.command()
@click.option("--json", "json_", is_flag=True, help="As JSON.")
def show(json_: bool) -> None:
    """The practice clocks, what they show (UTC), and how many workflows go by each."""
    found = asyncio.run(_show())
    if json_:
        as_json(found)
    elif found:
        table(("name", "now", "workflows"), [(row["name"], row["now"], row["workflows"]) for row in found])
    else:
        say("there are no practice clocks: time is real")


async def _advance(name: str, to: datetime) -> tuple[datetime, list[datetime]]:
    from embedded import practice

    servers = find()
    if not servers.practice:
        raise stop(REFUSED, "no_practice", "This stack has no practice clocks.", next_step="start one with `pca up --practice`")
    async with both(servers) as (pool, client):
        moved = await practice.advance(pool, client, name, to)
    return moved.now, moved.stops


@clock.command()
@click.argument("name")
@click.option("--to", required=True, metavar="DATE", help="2026-04-15 (noon UTC), or a time such as 2026-04-15T10:00+03:00.")
@click.option("--json", "json_", is_flag=True, help="As JSON.")
def advance(name: str, to: str, json_: bool) -> None:
    """Move clock NAME forward, stopping wherever something is due on the way."""
    now, stops = asyncio.run(_advance(name, moment(to)))
    if json_:
        as_json({"name": name, "now": now, "stops": stops})
        return
    for stopped in stops:
        say(f"something was due {stopped:%Y-%m-%d %H:%M} UTC")
    say(f"{name} shows {now:%Y-%m-%d %H:%M} UTC")


COMMANDS = (clock,)
