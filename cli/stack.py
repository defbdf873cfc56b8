"""`pca up`, `pca down`, `pca demo`: the embedded servers on this machine. Nothing here knows a rule or a case."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.output import REFUSED, as_json, say, stop, table
from cli.servers import stack_folder

if TYPE_CHECKING:
    from embedded.stack import Stack, StackFile


async def prepare(database_url: str) -> list[str]:
    """Bring the schema up to this release and load its rule packs. The names of the migrations applied."""
    from activities.versions import load_shipped_packs
    from db import migrate
    from db.pool import connect_pool

    applied = await asyncio.to_thread(migrate.apply, database_url)
    pool = await connect_pool(database_url, size=2)
    try:
        await load_shipped_packs(pool)
    finally:
        await pool.close()
    return applied


def _where(state: "StackFile") -> list[tuple[str, object]]:
    return [
        ("Temporal UI", state.ui_url),
        ("Temporal", state.temporal_address),
        ("database", state.database_url.rpartition("@")[2] or state.database_url),
        ("bank", state.bank_url),
        ("folder", state.folder),
        ("practice clocks", "allowed" if state.practice else "not allowed"),
        ("process", state.pid),
    ]


async def _up(folder: Path, practice: bool) -> None:
    from embedded.stack import Stack, StackInterrupted

    try:
        async with Stack(folder, practice=practice) as stack:
            say(f"starting in {folder} ...")
            await prepare(stack.database_url)
            await stack.start_worker()
            table(("what", "where"), _where(stack.state), title="running")
            say("Ctrl-C or `pca down` stops it; the data stays in the folder")
            await stack.until_stopped()
            say("stopping in order: worker, bank, Temporal, PostgreSQL")
    except StackInterrupted:
        pass
    say("stopped; the data is intact")


@click.command()
@click.option("--practice", is_flag=True, help="Allow practice clocks: for trials and training, never for real agreements.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), default=None, help="Where the data is kept (.pca).")
def up(practice: bool, folder: Path | None) -> int:
    """Start the embedded stack: PostgreSQL, Temporal with its UI, the simulated bank and a worker.

    It runs until Ctrl-C or `pca down`; the data stays in its folder.
    """
    from embedded.stack import AlreadyRunning, running

    place = folder or stack_folder()
    found = running(place)
    if found is not None:
        if practice and not found.practice:
            raise stop(
                REFUSED, "runs_without_practice", f"The stack in {place} runs without practice clocks.", next_step="`pca down` first"
            )
        table(("what", "where"), _where(found), title="runs already")
        return 0
    try:
        asyncio.run(_up(place, practice))
    except AlreadyRunning as error:  # another `pca up` was a moment earlier
        say(str(error))
    return 0


@click.command()
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), default=None, help="Where the data is kept (.pca).")
def down(folder: Path | None) -> int:
    """Stop the embedded stack, or what a killed one has left. The data stays."""
    from embedded import stack

    place = folder or stack_folder()
    say(f"stopped the stack in {place}" if asyncio.run(stack.down(place)) else f"nothing runs in {place}")
    return 0


async def _demo(chosen: tuple[str, ...], keep: bool, json_: bool) -> int:
    from embedded.stack import Stack, StackInterrupted

    try:
        async with Stack(None, practice=True, keep=keep) as stack:
            await prepare(stack.database_url)
            await stack.start_worker()
            code = await _interruptible(_played(stack, chosen, json_))
            if keep:
                say(f"kept running; Temporal UI {stack.ui_url}; PCA_STACK={stack.folder} leads commands here; Ctrl-C stops it")
                await stack.until_stopped()
            return code
    except StackInterrupted as interrupted:
        say("stopped in order")
        return 128 + interrupted.signal


async def _interruptible(work: Coroutine[Any, Any, int]) -> int:
    """`work`, of which a cancellation is one: Temporal's client turns one that comes while it waits into an error of its own."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
    return task.result()


async def _played(stack: "Stack", chosen: tuple[str, ...], json_: bool) -> int:
    """Play the cases on the running stack; 0 if every expectation holds, else 1."""
    from cli.demo import play_examples

    outcome = await play_examples(stack, chosen, quiet=json_)
    if json_:
        as_json(outcome)
    return 0 if outcome.as_expected else 1


@click.command()
@click.option("--case", "chosen", multiple=True, metavar="C1", help="Only this example case (may be given again).")
@click.option("--keep", is_flag=True, help="Leave the stack running afterwards, until Ctrl-C.")
@click.option("--json", "json_", is_flag=True, help="The outcome as JSON; no live lines.")
def demo(chosen: tuple[str, ...], keep: bool, json_: bool) -> int:
    """Play the example cases on a fresh embedded stack, in every role, from intake to the first reported instalment.

    The outcome is compared with examples/expected.json; exit code 1 if anything differs.
    """
    return asyncio.run(_demo(chosen, keep, json_))


COMMANDS = (up, down, demo)
