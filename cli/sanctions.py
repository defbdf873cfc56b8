"""`pca sanctions load | rescreen | list`: the lists that partners are screened against."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from cli.output import as_json, say, table
from cli.servers import both, database, find

if TYPE_CHECKING:
    import asyncpg


@click.group()
def sanctions() -> None:
    """Sanctions lists, kept by edition."""


@sanctions.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", default=None, help="Name under which editions of this list are kept.")
@click.option("--json", "json_", is_flag=True, help="As JSON.")
def load(file: Path, name: str | None, json_: bool) -> None:
    """Load FILE: the UN Security Council's consolidated list in XML, or one in its format. Read whole or refused whole."""
    from activities import sanctions as lists

    async def loaded() -> lists.Loaded:
        async with database(find()) as pool, pool.acquire() as conn:
            return await lists.load(cast("asyncpg.Connection", conn), file.read_bytes(), name=name or lists.UN_CONSOLIDATED)

    lists.parse(file.read_bytes())  # a file that cannot be read needs no server to be told so
    found = asyncio.run(loaded())
    if json_:
        as_json(found)
        return
    done = "was there already" if found.repeated else "loaded"
    say(f"{found.name} {found.version} {done}: {found.entries:,} entries, in effect from {found.effective}")
    if not found.repeated:
        say("next: `pca sanctions rescreen` looks at every partner with an open case now")


@sanctions.command()
@click.option("--json", "json_", is_flag=True, help="As JSON.")
def rescreen(json_: bool) -> None:
    """Screen every partner with an open case against the newest lists; run it after `load`."""
    from activities import rescreen as again

    async def done() -> again.Rescreened:
        async with both(find()) as (pool, client):
            return await again.rescreen(pool, client)

    found = asyncio.run(done())
    if json_:
        as_json(found)
        return
    say(f"{found.partners:,} partners screened; open hits: {', '.join(found.with_hits) or 'none'}")


@sanctions.command("list")
@click.option("--json", "json_", is_flag=True, help="As JSON.")
def list_lists(json_: bool) -> None:
    """The editions in the record, newest first."""

    async def rows() -> list[dict[str, object]]:
        async with database(find()) as pool:
            return [
                dict(row)
                for row in await pool.fetch(
                    "SELECT name, version, effective, entries, loaded_at FROM sanctions_list ORDER BY name, effective DESC, version DESC"
                )
            ]

    found = asyncio.run(rows())
    if json_:
        as_json(found)
        return
    columns = ("name", "version", "effective", "entries", "loaded_at")
    table(columns, [[row[column] for column in columns] for row in found])


COMMANDS = (sanctions,)
