"""`pca worker`, `pca migrate`, `pca doctor`: the parts for real servers, and what is wrong with them."""

import asyncio
import os

import click

from cli.output import DONE, INVALID, UNREACHABLE, as_json, say, table
from cli.servers import PATIENCE, find


@click.command()
def worker() -> int:
    """Run a worker until SIGTERM or Ctrl-C. Any number may run. Settings are environment variables (see `pca doctor`)."""
    from worker.main import run_worker
    from worker.settings import Settings

    os.environ.update(find().environment)
    asyncio.run(run_worker(Settings()))
    return DONE


@click.command()
@click.option("--check", is_flag=True, help="Only say what is pending; exit code 2 if anything is.")
@click.option("--json", "json_", is_flag=True, help="The answer as JSON.")
def migrate(check: bool, json_: bool) -> int:
    """Bring the database to the schema of this release, and load the rule packs that come with it."""
    from cli.stack import prepare
    from db import migrate as schema

    url = find().database_url
    asyncio.run(_reachable(url))
    if check:
        todo = schema.pending(url)
        if json_:
            as_json({"pending": todo})
        else:
            say(f"pending: {', '.join(todo)}" if todo else "nothing is pending")
        return INVALID if todo else DONE
    applied = asyncio.run(prepare(url))
    if json_:
        as_json({"applied": applied, "version": schema.expected_version()})
    else:
        say(f"applied {', '.join(applied)}" if applied else f"the schema is at {schema.expected_version()} already")
    return DONE


async def _reachable(url: str) -> None:
    """The migration tool waits long and speaks in its driver's words; ask in ours first."""
    from worker.connect import connect_pool

    await (await connect_pool(url, size=1, seconds=PATIENCE, name="pca-migrate")).close()


@click.command()
@click.option("--json", "json_", is_flag=True, help="The checks as JSON.")
def doctor(json_: bool) -> int:
    """Check settings, servers, versions, schema, search attributes, office files and clocks, and say how to mend each."""
    from cli.doctor import examine

    checks = asyncio.run(examine())
    if json_:
        as_json({"checks": [check.as_dict() for check in checks]})
    else:
        table(("check", "state", "found", "to mend it"), [(c.name, c.state, c.found, c.mend) for c in checks])
    if any(c.state == "fails" and c.server for c in checks):
        return UNREACHABLE
    return INVALID if any(c.state == "fails" for c in checks) else DONE


COMMANDS = (worker, migrate, doctor)
