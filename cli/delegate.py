"""`pca delegate enter | accept | decline | end | list`: who acts for whom while somebody is out of office."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from cli.output import REFUSED, as_json, say, stop, table
from cli.servers import Servers, database, find

if TYPE_CHECKING:
    import asyncpg

    from activities.delegations import Answered

WHO = click.option("--as", "actor", required=True, metavar="ACTOR", help="Who says it.")
ROLE = click.option("--role", required=True, help="Role in which.")
CLOCK = click.option("--clock", default="", help="Practice clock whose time it is said at.")
DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.group()
def delegate() -> None:
    """Delegations: who acts for whom, in which roles, from when to when."""


async def _now(pool: "asyncpg.Pool", servers: Servers, clock: str) -> datetime:
    if not clock:
        return datetime.now(UTC)
    if not servers.practice:
        raise stop(REFUSED, "no_practice", "This stack has no practice clocks.", next_step="start one with `pca up --practice`")
    from embedded import practice

    return await practice.now(pool, clock)


@delegate.command()
@click.option("--office", required=True, help="ISO code of the office.")
@click.option("--principal", required=True, metavar="ACTOR", help="Who is absent.")
@click.option("--to", "whom", required=True, metavar="ACTOR", help="Who is to act: of the same authority or a higher one.")
@click.option("--roles", required=True, metavar="ROLE,...", help="Roles covered.")
@click.option("--from", "first", required=True, type=DAY, help="First day.")
@click.option("--until", "last", required=True, type=DAY, help="Last day.")
@click.option("--sign", is_flag=True, help="Given in writing: also to sign for the office.")
@WHO
@ROLE
@CLOCK
def enter(
    office: str, principal: str, whom: str, roles: str, first: datetime, last: datetime, sign: bool, actor: str, role: str, clock: str
) -> None:
    """Enter a delegation: said by the principal, or by the head of office. The delegate accepts it."""
    from activities import delegations

    entered = {
        "office": office,
        "principal": principal,
        "delegate": whom,
        "roles": [name.strip() for name in roles.split(",") if name.strip()],
        "from": first.date(),
        "to": last.date(),
        "sign": sign,
    }
    what = delegations.Delegation.model_validate(entered)  # what cannot be read needs no server to be told so
    servers = find()

    async def done() -> delegations.Entered:
        async with database(servers) as pool:
            return await delegations.enter(pool, what, actor=actor, role=role, at=await _now(pool, servers, clock))

    found = asyncio.run(done())
    say(f"{found.id} {'entered' if found.new else 'was entered already'}; {whom} accepts it by {found.accept_by:%Y-%m-%d %H:%M} UTC")


def _answered(name: str, verdict: "Answered", actor: str, role: str, clock: str, reason: str = "") -> bool:
    from activities import delegations

    servers = find()

    async def done() -> bool:
        async with database(servers) as pool:
            at = await _now(pool, servers, clock)
            return await delegations.answer(pool, name, verdict, actor=actor, role=role, at=at, reason=reason)

    return asyncio.run(done())


@delegate.command()
@click.argument("delegation")
@WHO
@ROLE
@CLOCK
def accept(delegation: str, actor: str, role: str, clock: str) -> None:
    """Accept a delegation, as its delegate."""
    new = _answered(delegation, "accept", actor, role, clock)
    say(f"{delegation} {'accepted' if new else 'was accepted already'}")


@delegate.command()
@click.argument("delegation")
@click.option("--reason", required=True, help="Why, in words.")
@WHO
@ROLE
@CLOCK
def decline(delegation: str, reason: str, actor: str, role: str, clock: str) -> None:
    """Decline a delegation, as its delegate; the principal keeps the tasks."""
    new = _answered(delegation, "decline", actor, role, clock, reason)
    say(f"{delegation} {'declined' if new else 'was declined already'}")


@delegate.command()
@click.argument("delegation")
@click.option("--reason", default="", help="Why, in words.")
@WHO
@ROLE
@CLOCK
def end(delegation: str, reason: str, actor: str, role: str, clock: str) -> None:
    """End a delegation at once: by either of the two, or the head of office."""
    new = _answered(delegation, "end", actor, role, clock, reason)
    say(f"{delegation} {'ended' if new else 'was ended already'}")


@delegate.command("list")
@click.option("--office", default=None, help="ISO code of the office; without it every office.")
@click.option("--json", "json_", is_flag=True, help="As JSON.")
@CLOCK
def list_delegations(office: str | None, json_: bool, clock: str) -> None:
    """The delegations: those of the office files, and those entered since, the latest first."""
    from activities import delegations

    servers = find()

    async def rows() -> list[dict[str, object]]:
        async with database(servers) as pool:
            return await delegations.listed(pool, office, await _now(pool, servers, clock))

    found = asyncio.run(rows())
    if json_:
        as_json(found)
        return
    if not found:
        say("no delegation")
        return
    table(tuple(found[0]), [tuple(row.values()) for row in found])


COMMANDS = (delegate,)
