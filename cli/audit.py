"""`pca audit verify | rebuild --check`: is the record whole, and does the state follow from it. Reads only."""

import asyncio
from typing import Any

import click

from cli.output import BROKEN, DONE, as_json, cell, plain, say, table
from cli.servers import database, find


@click.group()
def audit() -> None:
    """Proofs over the record: the event chains, and the state rebuilt from them."""


def _rows(found: list[Any]) -> list[dict[str, Any]]:
    rows = [plain(item) if not isinstance(item, dict | str) else item for item in found]
    return [row if isinstance(row, dict) else {"problem": row} for row in rows]


def _report(found: list[Any], counted: dict[str, int], *, whole: str, json_: bool) -> int:
    rows = _rows(found)
    if json_:
        as_json({**counted, "problems": rows})
    elif not rows:
        say(f"{whole} ({', '.join(f'{value:,} {name}' for name, value in counted.items())})")
    else:
        columns = list(dict.fromkeys(column for row in rows for column in row))
        table(columns, [[cell(row.get(column)) for column in columns] for row in rows], title=f"{len(rows)} problems")
    return BROKEN if rows else DONE


async def _verify() -> tuple[list[Any], dict[str, int]]:
    from db import audit as proofs

    async with database(find()) as pool:
        found = list(await proofs.verify(pool))
        events, subjects = await pool.fetchval("SELECT count(*) FROM event"), await pool.fetchval("SELECT count(*) FROM stream")
    return found, {"events": events, "subjects": subjects}


@audit.command()
@click.option("--json", "json_", is_flag=True, help="As JSON.")
def verify(json_: bool) -> int:
    """Recompute the hash of every event and compare chains with their heads; exit code 1 if one is broken."""
    return _report(*asyncio.run(_verify()), whole="every chain is whole", json_=json_)


async def _rebuild() -> tuple[list[Any], dict[str, int]]:
    from db import audit as proofs

    async with database(find()) as pool:
        found = list(await proofs.rebuild_check(pool))
        events = await pool.fetchval("SELECT count(*) FROM event")
    return found, {"events": events}


@audit.command()
@click.option("--check", is_flag=True, required=True, help="Rebuild beside the tables, compare, and throw the rebuilt ones away.")
@click.option("--json", "json_", is_flag=True, help="As JSON.")
def rebuild(check: bool, json_: bool) -> int:  # noqa: ARG001 (there is no other way to rebuild yet)
    """Rebuild the state from the events and compare it with the tables; exit code 1 if anything differs."""
    return _report(*asyncio.run(_rebuild()), whole="the state follows from the events", json_=json_)


COMMANDS = (audit,)
