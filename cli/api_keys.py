"""`pca api-keys`: keys for machines that submit, read or subscribe. A key is shown once, when it is made; the record keeps its hash."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from cli.output import DONE, INVALID, MISSING, Stopped, as_json, say, stop, table
from cli.servers import database, find

if TYPE_CHECKING:
    from api.identity.api_keys import NewKey

COLUMNS = ("id", "name", "source", "offices", "scopes", "expires_at", "revoked_at", "last_used_on")


@click.group("api-keys")
def api_keys() -> None:
    """Keys for machines: what they may do, where, and until when."""


@api_keys.command()
@click.argument("name")
@click.option("--by", required=True, help="Actor who makes it.")
@click.option("--office", "offices", multiple=True, required=True, metavar="KE", help="Office it is for (may be given again); * for all.")
@click.option(
    "--scope", "scopes", multiple=True, required=True, type=click.Choice(["intake", "read", "webhooks"]), help="What it is for (again too)."
)
@click.option("--source", default="", help="Source of intakes that it submits for (scope intake).")
@click.option("--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="For how long.")
@click.option("--json", "json_", is_flag=True, help="The key as JSON.")
def new(name: str, by: str, offices: tuple[str, ...], scopes: tuple[str, ...], source: str, days: int, json_: bool) -> int:
    """Make a key for NAME, and show it this once."""
    from api.identity import api_keys as keys

    now = datetime.now(UTC)

    async def made() -> "NewKey":
        async with database(find()) as pool:
            return await keys.create(
                pool, name=name, offices=offices, scopes=scopes, source=source, expires_at=now + timedelta(days=days), by=by, at=now
            )

    try:
        key = asyncio.run(made())
    except keys.KeyRefused as error:
        raise Stopped(INVALID, error.findings) from error
    if json_:
        as_json({"id": key.id, "key": key.key, "expires_at": now + timedelta(days=days)})
    else:
        say(key.key)
        say(f"key {key.id}: keep it now, it is not shown again; it expires on {now + timedelta(days=days):%Y-%m-%d}")
    return DONE


@api_keys.command("list")
@click.option("--json", "json_", is_flag=True, help="The keys as JSON.")
def list_(json_: bool) -> int:
    """The keys there are, newest first; never what opens."""
    from api.identity import api_keys as keys

    async def found() -> list[dict[str, Any]]:
        async with database(find()) as pool:
            return await keys.keys(pool)

    rows = asyncio.run(found())
    if json_:
        as_json({"keys": rows})
    elif rows:
        table(COLUMNS, [[row[column] for column in COLUMNS] for row in rows])
    else:
        say("no key")
    return DONE


@api_keys.command()
@click.argument("identifier", metavar="ID")
@click.option("--by", required=True, help="Actor who revokes it.")
def revoke(identifier: str, by: str) -> int:
    """From now on the key opens nothing."""
    from api.identity import api_keys as keys

    async def done() -> bool:
        async with database(find()) as pool:
            return await keys.revoke(pool, identifier, by=by, at=datetime.now(UTC))

    if not asyncio.run(done()):
        raise stop(MISSING, "not_found", f"There is no key {identifier} that still opens.", next_step="`pca api-keys list` names them")
    say(f"key {identifier} revoked")
    return DONE


COMMANDS = (api_keys,)
