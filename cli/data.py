"""`pca office | rates | load`: versioned data into the record. A version once used is never edited; another content is another version."""

import asyncio
import tomllib
from pathlib import Path
from typing import Any

import click

from cli.output import INVALID, Stopped, as_json, say, table
from cli.servers import database, find
from schemas.findings import Finding


def _readable(files: tuple[Path, ...]) -> None:
    """Every file that is no TOML, told at once, before anything is loaded."""
    found = []
    for file in files:
        try:
            tomllib.loads(file.read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            found.append(
                Finding(rule="wrong_encoding", message=f"not UTF-8 at byte {error.start}", path=str(file), next_step="save it as UTF-8")
            )
        except tomllib.TOMLDecodeError as error:
            found.append(Finding(rule="not_toml", message=str(error), path=str(file), next_step="see the files in examples/"))
    if found:
        raise Stopped(INVALID, found)


async def _load(files: tuple[Path, ...]) -> list[Any]:
    from activities import versions

    found = []
    async with database(find()) as pool:
        for file in files:
            try:
                found.append(await versions.load_file(pool, file))
            except versions.VersionUnreadable as error:
                faults = [fault.model_copy(update={"path": f"{file} {fault.path}"}) for fault in error.findings]
                raise Stopped(INVALID, faults) from error
            except (KeyError, ValueError) as error:  # a pack with something missing
                fault = Finding(
                    rule="invalid_file",
                    message=str(error).strip("'\""),
                    path=str(file),
                    next_step="compare it with the packs of this release",
                )
                raise Stopped(INVALID, [fault]) from error
    return found


def _loaded(files: tuple[Path, ...], json_: bool) -> None:
    _readable(files)
    found = asyncio.run(_load(files))
    if json_:
        as_json(found)
        return
    for item in found:
        say(f"{item.kind} {item.name} {item.version} {'loaded' if item.new else 'was there already'}")


_FILES = click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
_JSON = click.option("--json", "json_", is_flag=True, help="As JSON.")


@click.command()
@_FILES
@_JSON
def load(files: tuple[Path, ...], json_: bool) -> None:
    """Load FILES into the record: office files, rate tables and rule packs (TOML), told apart by what they hold."""
    _loaded(files, json_)


@click.group()
def office() -> None:
    """Office files: people, roles, calendar, ladder, programmes of each office."""


@office.command("load")
@_FILES
@_JSON
def load_office(files: tuple[Path, ...], json_: bool) -> None:
    """Load office FILES. A changed file needs a new version and effective date."""
    _loaded(files, json_)


@office.command("list")
@_JSON
def list_offices(json_: bool) -> None:
    """The office files in the record, newest first."""
    _versions("office", json_)


@click.group()
def rates() -> None:
    """Exchange rates by month."""


@rates.command("load")
@_FILES
@_JSON
def load_rates(files: tuple[Path, ...], json_: bool) -> None:
    """Load rate tables from FILES."""
    _loaded(files, json_)


@rates.command("list")
@_JSON
def list_rates(json_: bool) -> None:
    """The rate tables in the record, newest first."""
    _versions("rates", json_)


def _versions(kind: str, json_: bool) -> None:
    async def rows() -> list[dict[str, object]]:
        async with database(find()) as pool:
            return [
                dict(row)
                for row in await pool.fetch(
                    "SELECT name, version, effective, sha256, loaded_at FROM versioned WHERE kind = $1 ORDER BY name, effective DESC", kind
                )
            ]

    found = asyncio.run(rows())
    if json_:
        as_json(found)
        return
    columns = ("name", "version", "effective", "loaded_at")
    table(columns, [[row[column] for column in columns] for row in found])


COMMANDS = (load, office, rates)
