"""`pca keys`: the keys whose signatures the record takes. Private keys are files of their own and never enter it."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.clock import moment
from cli.output import INVALID, REFUSED, as_json, say, stop, table
from cli.servers import database, find

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import asyncpg

_JSON = click.option("--json", "json_", is_flag=True, help="As JSON: documented fields, stable.")


@click.group()
def keys() -> None:
    """Signing keys: who may vouch that a person said something. A key is never deleted, only ended."""


def _changed(change: "Callable[[asyncpg.Pool], Awaitable[Any]]") -> Any:
    """What `change` answers. Raises `Stopped` (3) where a rule, or the database, does not allow it."""

    async def done() -> Any:
        from asyncpg import InsufficientPrivilegeError

        from activities.proof import EndedBefore

        async with database(find()) as pool:
            try:
                return await change(pool)
            except EndedBefore as error:
                raise stop(REFUSED, "key_ended", f"{error}.", next_step="see `pca keys list`") from None
            except InsufficientPrivilegeError:
                step = "run it with the DATABASE_URL of the schema's owner, as `pca migrate`"
                raise stop(REFUSED, "not_the_owner", "This database user may not change which keys there are.", next_step=step) from None

    return asyncio.run(done())


@keys.command("list")
@_JSON
def list_keys(json_: bool) -> None:
    """Every key, the newest first: from when to when it signs, and from when what it signed is void."""
    from activities import proof

    async def rows() -> list[dict[str, Any]]:
        async with database(find()) as pool:
            return await proof.keys(pool)

    found = asyncio.run(rows())
    if json_:
        as_json(found)
    elif not found:
        say("no signing key: nothing that must be signed counts; see `pca keys new` and `pca keys add`")
    else:
        columns = ("key_id", "state", "valid_from", "valid_to", "void_from", "note")
        table(columns, [[row[name] for name in columns] for row in found])


@keys.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_JSON
def new(file: Path, json_: bool) -> None:
    """Make a key: the private one in FILE, for whoever signs (PCA_SIGNING_KEY), the public one in FILE.pub, for `pca keys add`."""
    from worker.signing import Signer, new_key

    pem = new_key()
    signer = Signer.of(pem)
    public = Path(f"{file}.pub")
    for path, content, mode in ((file, pem, 0o600), (public, signer.public_pem, 0o644)):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        except FileExistsError:
            raise stop(
                REFUSED, "file_exists", f"{path} is there already.", next_step="a key is never overwritten: name another file"
            ) from None
        except OSError as error:
            raise stop(INVALID, "not_written", f"{path}: {error.strerror}.", next_step="name a file that can be written") from None
        with os.fdopen(descriptor, "wb") as target:
            target.write(content)
    if json_:
        as_json({"key_id": signer.key_id, "private": file, "public": public})
    else:
        say(f"key {signer.key_id}: private in {file}, public in {public}")
        say(f"next: `pca keys add {public}`, then PCA_SIGNING_KEY={file} where people's decisions are signed")


@keys.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--from", "since", default=None, metavar="MOMENT", help="From when its signatures count (now).")
@click.option("--note", default="", help="Whose key it is.")
@_JSON
def add(file: Path, since: str | None, note: str, json_: bool) -> None:
    """Take signatures of the public key in FILE (PEM) from now on. A key that is known stays as it is, retired or revoked."""
    from activities import proof
    from worker.signing import KeyUnreadable, public_key

    try:
        raw = public_key(file.read_bytes())
    except KeyUnreadable as error:
        raise stop(
            INVALID, "key_unreadable", f"{error}.", path=str(file), next_step="give the .pub file that `pca keys new` made"
        ) from None
    begins = moment(since) if since else None
    added = bool(_changed(lambda pool: proof.register(pool, raw, since=begins, note=note)))
    identity = proof.key_id_of(raw)
    if json_:
        as_json({"key_id": identity, "added": added})
    else:
        say(f"key {identity} added" if added else f"key {identity} was known already: nothing was changed")


@keys.command()
@click.argument("key")
@click.option("--at", "at", default=None, metavar="MOMENT", help="Until when it signs (now); may lie ahead.")
@_JSON
def retire(key: str, at: str | None, json_: bool) -> None:
    """Stop taking what KEY signs after a moment. What it signed before stays good. For the change to another key."""
    from activities import proof

    until = moment(at) if at else datetime.now(UTC)
    _changed(lambda pool: proof.retire(pool, key, until))
    if json_:
        as_json({"key_id": key, "valid_to": until})
    else:
        say(f"key {key} signs until {until:%Y-%m-%d %H:%M} UTC")


@keys.command()
@click.argument("key")
@click.option("--from", "since", required=True, metavar="MOMENT", help="From when everything it signed is void; may lie in the past.")
@_JSON
def revoke(key: str, since: str, json_: bool) -> None:
    """Void whatever KEY signed from a moment on: it fell into other hands.

    What counted since then under its signature is listed: the record takes nothing back by itself, people do.
    """
    from activities import proof

    begins = moment(since)
    counted: list[dict[str, Any]] = _changed(lambda pool: proof.revoke(pool, key, begins))
    if json_:
        as_json({"key_id": key, "void_from": begins, "counted_since": counted})
        return
    say(f"key {key}: what it signed from {begins:%Y-%m-%d %H:%M} UTC on is void")
    if not counted:
        say("nothing counted under its signature since then")
        return
    columns = ("subject", "sequence", "at", "actor", "role", "said", "verdict")
    table(columns, [[row[name] for name in columns] for row in counted], title="counted since then: look at each")


COMMANDS = (keys,)
