"""`pca emergency declare | renew | revoke | step-aside | list`: the activations that the fast path rests on."""

import asyncio
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.output import INVALID, REFUSED, as_json, say, stop, table
from cli.servers import both, database, find

if TYPE_CHECKING:
    import asyncpg

WHO = click.option("--by", "actor", required=True, help="Actor who decides.")
ROLE = click.option("--role", required=True, help="Role in which.")


@click.group()
def emergency() -> None:
    """Emergency activations: what lets cases take the fast path."""


def _day(value: str, name: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise stop(INVALID, "no_date", f"{value} is no date.", path=f"--{name}", next_step="write YYYY-MM-DD") from None


async def _now(pool: "asyncpg.Pool", reference: str) -> datetime:
    """The business time that an activation lives by: that of its practice clock, if it has one. One that nobody knows is told later."""
    from activities import activation
    from schemas.names import activation_subject

    row = await pool.fetchrow(activation.SQL["activation"], activation_subject(reference))
    if row is None or not row["clock"]:
        return datetime.now(UTC)
    from embedded import practice

    return await practice.now(pool, row["clock"])


@emergency.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--clock", default="", help="Practice clock that it lives by.")
def declare(file: Path, clock: str) -> None:
    """Declare the activation in FILE (TOML)."""
    from activities import activation

    try:
        declared = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise stop(INVALID, "not_toml", str(error), path=str(file), next_step="see `examples/activations`") from None

    activation.Declaration.model_validate(declared)  # what cannot be read needs no server to be told so
    servers = find()
    if clock and not servers.practice:
        raise stop(REFUSED, "no_practice", "This stack has no practice clocks.", next_step="start one with `pca up --practice`")

    async def done() -> bool:
        async with both(servers) as (pool, client):
            at = datetime.now(UTC)
            if clock:
                from embedded import practice

                at = await practice.now(pool, clock)
            return await activation.declare(pool, declared, at=at, clock=clock, client=client)

    new = asyncio.run(done())
    say(f"{declared['reference']} {'declared' if new else 'was declared already'}")


@emergency.command()
@click.argument("reference")
@click.option("--to", "until", required=True, metavar="DATE", help="New last day, at most three months further.")
@WHO
@ROLE
def renew(reference: str, until: str, actor: str, role: str) -> None:
    """Renew an activation before it lapses."""
    from activities import activation

    last = _day(until, "to")

    async def done() -> None:
        async with both(find()) as (pool, client):
            at = await _now(pool, reference)
            await activation.renew(pool, reference, to=last, actor=actor, role=role, at=at, client=client)

    asyncio.run(done())
    say(f"{reference} renewed to {until}")


@emergency.command()
@click.argument("reference")
@click.option("--reason", required=True, help="Why, in words.")
@WHO
@ROLE
def revoke(reference: str, reason: str, actor: str, role: str) -> None:
    """End an activation at once; cases that nobody has approved return to the standard track."""
    from activities import activation

    async def done() -> list[str]:
        async with both(find()) as (pool, client):
            at = await _now(pool, reference)
            return await activation.revoke(pool, reference, reason=reason, actor=actor, role=role, at=at, client=client)

    returned = asyncio.run(done())
    say(f"{reference} revoked; returned to the standard track: {', '.join(returned) or 'none'}")


@emergency.command("step-aside")
@click.argument("reference")
@click.option("--from", "first", required=True, metavar="DATE", help="First day.")
@click.option("--to", "last", required=True, metavar="DATE", help="Last day.")
@WHO
@ROLE
def step_aside(reference: str, first: str, last: str, actor: str, role: str) -> None:
    """Give the Global Emergency Coordinator the representative's authority for some days."""
    from activities import activation

    days = _day(first, "from"), _day(last, "to")

    async def done() -> None:
        async with both(find()) as (pool, client):
            at = await _now(pool, reference)
            await activation.step_aside(pool, reference, first=days[0], last=days[1], actor=actor, role=role, at=at, client=client)

    asyncio.run(done())
    say(f"{reference}: step-aside from {first} to {last}")


@emergency.command("list")
@click.option("--json", "json_", is_flag=True, help="As JSON.")
def list_activations(json_: bool) -> None:
    """The activations in the record, the latest first."""
    from activities import activation

    async def rows() -> list[dict[str, object]]:
        async with database(find()) as pool:
            return [dict(row) for row in await pool.fetch(activation.SQL["activations"])]

    found = asyncio.run(rows())
    if json_:
        as_json(found)
        return
    if not found:
        say("no activation")
        return
    columns = (
        "reference",
        "level",
        "offices",
        "areas",
        "sectors",
        "valid_from",
        "valid_to",
        "step_aside_from",
        "step_aside_to",
        "state",
        "declared_by",
    )
    table(columns, [[row[column] for column in columns] for row in found])


COMMANDS = (emergency,)
