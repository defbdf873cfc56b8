"""`pca webhooks list | dead | send-again` and `pca mail dead | send-again`: who listens, and what was not taken. Shows no secret."""

import asyncio

import click

from cli.output import DONE, MISSING, as_json, cell, say, stop, table
from cli.servers import database, find


@click.group()
def webhooks() -> None:
    """Subscriptions to events: how each stands, and its dead letters."""


@webhooks.command("list")
@click.option("--json", "json_", is_flag=True, help="As JSON.")
def list_(json_: bool) -> int:
    """Every subscription: where to, what of, and how it stands."""

    async def read() -> list[dict[str, object]]:
        from worker import subscriptions

        async with database(find()) as pool:
            return [found.model_dump(mode="json") for found in await subscriptions.listed(pool)]

    rows = asyncio.run(read())
    if json_:
        as_json(rows)
        return DONE
    columns = ("id", "state", "offices", "types", "waiting", "dead", "failures", "last_error", "url")
    table(columns, [[cell(row["offices"] or "all" if name == "offices" else row[name]) for name in columns] for row in rows])
    return DONE


@webhooks.command()
@click.argument("webhook")
@click.option("--json", "json_", is_flag=True, help="As JSON.")
def dead(webhook: str, json_: bool) -> int:
    """What a subscription did not take: whose events, from which one on, and why."""

    async def read() -> list[dict[str, object]]:
        from worker import subscriptions

        async with database(find()) as pool:
            return [found.model_dump(mode="json") for found in await subscriptions.dead_letters(pool, webhook)]

    rows = asyncio.run(read())
    if json_:
        as_json(rows)
    else:
        columns = ("subject", "sequence", "type", "attempts", "last_error")
        table(columns, [[cell(row[name]) for name in columns] for row in rows])
    return DONE


@webhooks.command("send-again")
@click.argument("webhook")
@click.argument("subject", required=False)
@click.option("--all", "all_", is_flag=True, help="All of its dead letters.")
def send_again(webhook: str, subject: str | None, all_: bool) -> int:
    """Send the events of SUBJECT (such as case:KEN/2026/0007) again, from the one that was not taken."""
    if (subject is None) is not all_:
        raise click.UsageError("name one SUBJECT, or say --all")

    async def write() -> list[str]:
        from worker import subscriptions

        async with database(find()) as pool:
            return await subscriptions.send_again(pool, webhook, subject)

    again = asyncio.run(write())
    if not again and subject is not None:
        raise stop(MISSING, "no_dead_letter", f"{subject} is no dead letter of {webhook}.", next_step=f"`pca webhooks dead {webhook}`")
    for name in again:
        say(f"{name} is sent again")
    return DONE


@click.group()
def mail() -> None:
    """Letters that were given up."""


@mail.command("dead")
@click.option("--json", "json_", is_flag=True, help="As JSON.")
def dead_mail(json_: bool) -> int:
    """To whom, about what, and why it could not be sent."""

    async def read() -> list[dict[str, object]]:
        from activities import mail as letters

        async with database(find()) as pool:
            return await letters.dead(pool)

    rows = asyncio.run(read())
    if json_:
        as_json(rows)
    else:
        columns = ("person", "what", "day", "attempts", "last_error")
        table(columns, [[cell(row[name]) for name in columns] for row in rows])
    return DONE


@mail.command("send-again")
@click.argument("person")
def mail_again(person: str) -> int:
    """Send the letters to PERSON (an actor) again."""

    async def write() -> bool:
        from activities import mail as letters

        async with database(find()) as pool:
            return await letters.revive(pool, person)

    if not asyncio.run(write()):
        raise stop(MISSING, "no_dead_letter", f"No letter to {person} was given up.", next_step="`pca mail dead`")
    say(f"the letters to {person} are sent again")
    return DONE


COMMANDS = (webhooks, mail)
