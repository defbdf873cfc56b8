"""`pca list | show | tasks | decide | tell`: the register, one case, the inbox, and saying something to a case.

What is said goes through the same doors as every client (`worker/doors.py`); what is shown comes from the record. Nothing here judges.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.output import DONE, INVALID, MISSING, REFUSED, UNREACHABLE, Stopped, as_json, cell, problems, say, stop, table
from cli.reading import argument, parse
from cli.servers import both, database, find
from schemas.findings import Finding

if TYPE_CHECKING:
    import asyncpg

    from schemas.engine import Batch
    from schemas.messages import Answer, Decision
    from worker.doors import Words

_JSON = click.option("--json", "json_", is_flag=True, help="As JSON: documented fields, stable.")


# Reading --------------------------------------------------------------------------------------------------------------------------


@click.command("list")
@click.option("--office", metavar="ISO2", help="Only this office.")
@click.option("--status", help="Only cases in this status.")
@click.option("--track", type=click.Choice(["standard", "emergency"]), help="Only this track.")
@click.option("--partner", help="Only this partner.")
@click.option("--stage", help="Only cases in this stage.")
@_JSON
def list_cases(office: str | None, status: str | None, track: str | None, partner: str | None, stage: str | None, json_: bool) -> None:
    """The register: every case with track, stage, status and who holds it."""

    async def rows() -> list[dict[str, Any]]:
        from activities import read

        async with database(find()) as pool:
            return await read.register(pool, office=office, status=status, track=track, partner=partner)

    found = [row for row in asyncio.run(rows()) if stage in (None, row["stage"])]
    if json_:
        as_json(found)
        return
    wanted = ("reference", "office", "partner", "track", "stage", "status", "holder", "next_due", "open_tasks", "currency", "office_total")
    _listed(found, wanted, nothing="no case")


@click.command()
@click.argument("reference")
@click.option("--events", is_flag=True, help="The whole story, event by event.")
@_JSON
def show(reference: str, events: bool, json_: bool) -> None:
    """One case: track, stage, status, holder, tasks, decisions, obligations, blocks, money, clocks, hand-overs, policy versions."""

    async def read_case() -> tuple[dict[str, Any], list[dict[str, Any]]]:
        from activities import read

        async with database(find()) as pool:
            story = await read.events(pool, reference) if events else []
            return (await read.show(pool, reference) if not events or json_ else {}), story

    case, story = asyncio.run(read_case())
    if json_:
        as_json({**case, "events": story} if events else case)
    elif events:
        _story(story)
    else:
        _case(case)


@click.command()
@click.option("--role", help="Only what this role may decide.")
@click.option("--office", metavar="ISO2", help="Only this office.")
@click.option("--overdue", is_flag=True, help="Only what is past its due moment.")
@click.option("--case", "case", metavar="REF", help="Only what this case waits for.")
@_JSON
def tasks(role: str | None, office: str | None, overdue: bool, case: str | None, json_: bool) -> None:
    """The inbox: open tasks, who may decide them, by when."""

    async def rows() -> list[dict[str, Any]]:
        from activities import read

        async with database(find()) as pool:
            return await read.tasks(pool, role=role, office=office, overdue=overdue, case=case)

    found = asyncio.run(rows())
    if json_:
        as_json(found)
        return
    _listed(found, ("id", "roles", "candidates", "holder", "due_at", "overdue"), nothing="no open task")


def _no_case(reference: str) -> Stopped:
    return stop(MISSING, "unknown_case", f"No case {reference}.", next_step="see `pca list`")


def _listed(rows: list[dict[str, Any]], wanted: tuple[str, ...], *, nothing: str, title: str = "") -> None:
    if not rows:
        say(nothing)
        return
    columns = [name for name in wanted if any(name in row for row in rows)] or list(rows[0])
    table(columns, [[row.get(name) for name in columns] for row in rows], title=title)


def _case(case: dict[str, Any]) -> None:
    """Scalars first, then each list as a table of its own."""
    simple = [(name, value) for name, value in case.items() if not isinstance(value, list | dict)]
    table(("what", "value"), simple)
    for name, value in case.items():
        if isinstance(value, dict) and value:
            say("")
            table(("what", "value"), list(value.items()), title=name)
        elif isinstance(value, list) and value:
            say("")
            rows = [row if isinstance(row, dict) else {name: row} for row in value]
            columns = list(dict.fromkeys(column for row in rows for column in row))
            table(columns, [[row.get(column) for column in columns] for row in rows], title=name)


def _story(events: list[dict[str, Any]]) -> None:
    def who(event: dict[str, Any]) -> str:
        actor = event.get("actor") or {}
        return f"{actor.get('id', '')} ({actor.get('role', '')})" if actor else ""

    rows = [
        (_minute(event["at"]), event["subject"], event["sequence"], event["type"], who(event), _short(event["data"])) for event in events
    ]
    table(("at (UTC)", "subject", "sequence", "type", "actor", "data"), rows)


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")


def _short(data: dict[str, Any]) -> str:
    """What a reader wants of an event; hashes, nested objects and what is empty are in `--json`."""
    wanted = {key: value for key, value in data.items() if value not in (None, "", [], {}) and not key.endswith(("sha256", "hash"))}
    return ", ".join(f"{key} {cell(value)}" for key, value in wanted.items() if not isinstance(value, dict))


# Saying ---------------------------------------------------------------------------------------------------------------------------


def _saying(command: Any) -> Any:
    """The options that decisions and messages share."""
    for option in (
        click.option("--as", "actor", required=True, metavar="ACTOR", help="Who says it: the actor id of the office file."),
        click.option("--role", required=True, help="Role in which the person acts."),
        click.option("--comment", default="", help="Comment, for the office."),
        click.option("--message", default="", help="Text that the partner reads."),
        click.option("--reason-code", default=None, help="Coded reason, where one is asked for."),
        click.option("--data", "data", default=None, metavar="JSON|@FILE", help="The data of the verdict or message."),
        click.option("--key", default="", help="Idempotency key; by default made from the content: the same command twice counts once."),
        click.option("--timeout", default=10.0, show_default=True, type=click.FloatRange(min=0.1), help="Seconds to wait for the answer."),
        click.option("--json", "json_", is_flag=True, help="The answer as JSON."),
    ):
        command = option(command)
    return command


def _answered(answer: "Answer", what: str, json_: bool, *, key: str) -> int:
    if json_:
        as_json({**answer.model_dump(mode="json"), "key": key})
    elif answer.counted:
        say(f"counted: {what}" + (" (it had been said before; this is the first answer)" if answer.repeated else ""))
    else:
        say(f"not counted: {what}" + (" (it had been said before; this is the first answer)" if answer.repeated else ""))
    if not json_:
        problems(answer.findings)
    return DONE if answer.counted else REFUSED


def _silent(error: Exception, key: str) -> Stopped:
    return stop(
        UNREACHABLE,
        "no_answer",
        f"{error}. It may still count.",
        next_step=f"see that a worker runs (`pca doctor`), then repeat the command with --key {key}: it counts once",
    )


@click.command()
@click.argument("task")
@click.option("--verdict", required=True, help="One of the task's verdicts.")
@click.option("--on-behalf-of", default=None, metavar="ACTOR", help="The principal, when a delegate acts.")
@click.option(
    "--document",
    default=None,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A new version of the programme document (JSON): kept first, and named by its hash in the data.",
)
@_saying
def decide(
    task: str,
    verdict: str,
    on_behalf_of: str | None,
    document: Path | None,
    actor: str,
    role: str,
    comment: str,
    message: str,
    reason_code: str | None,
    data: str | None,
    key: str,
    timeout: float,
    json_: bool,
) -> int:
    """Decide TASK (see `pca tasks`). Prints whether it counted, and why not."""
    from schemas.messages import Decision
    from worker import doors

    content = argument(data, "--data")

    async def said() -> "tuple[Answer, str]":
        async with both(find()) as (pool, client):
            given = content
            if document is not None:
                reference = await doors.put(pool, _document(document), by=actor)
                given = {"sha256": reference.sha256, **(content or {})}
            words = doors.Words(comment=comment, message_to_partner=message, data=given)
            mine = key or doors.content_key(actor, role, verdict, words, reason_code, on_behalf_of)
            row = await pool.fetchrow("SELECT subject FROM task WHERE id = $1", task)
            subject = row["subject"] if row else await _subject_of(pool, task)
            decision = Decision(
                task=task, actor=actor, role=role, verdict=verdict, key=mine, reason_code=reason_code, on_behalf_of=on_behalf_of,
                **await _kept(pool, words, task, actor),
            )  # fmt: skip
            if row is None:
                unknown = Finding(rule="task_unknown", message=f"There is no task {task}.", path="$.task", next_step="See `pca tasks`.")
                return await _attempted(pool, subject, decision, [unknown]), mine
            try:
                answer = await doors.decide(
                    pool, client, task=task, actor=actor, role=role, verdict=verdict, words=words, reason_code=reason_code,
                    on_behalf_of=on_behalf_of, key=mine, patience=timedelta(seconds=timeout),
                )  # fmt: skip
            except doors.NoAnswer as error:
                raise _silent(error, mine) from error
            if answer.repeated or any(finding.rule == "task_closed" for finding in answer.findings):
                # the workflow may be over: the record itself keeps the attempt, and knows a key that said something else
                closed = [await _how_it_closed(pool, task, finding) for finding in answer.findings]
                kept = await _attempted(pool, subject, decision, closed or [Finding(rule="task_closed", message="It was decided before.")])
                answer = answer.model_copy(update={"findings": closed}) if kept.repeated else kept
            return answer, mine

    answer, mine = asyncio.run(said())
    return _answered(answer, f"{task} {verdict}", json_, key=mine)


def _document(path: Path) -> Any:
    try:
        return parse(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise stop(INVALID, "not_json", str(error), path=str(path), next_step="see `pca schema intake`, field document") from None


async def _kept(pool: "asyncpg.Pool", words: "Words", task: str, actor: str) -> dict[str, Any]:
    """The references of what is said, put into the record as `doors.decide` puts it."""
    from schemas.names import task_name
    from schemas.tasks import CATALOGUE

    name = task_name(task)
    sealed = name is not None and name.kind in CATALOGUE and CATALOGUE[name.kind].sealed
    return await words.put(pool, sealed=sealed, actor=actor)


async def _subject_of(pool: "asyncpg.Pool", task: str) -> str:
    """Whose task it would be. Raises `Stopped` (4) if the record knows no such case."""
    from schemas.names import case_subject, task_name

    name = task_name(task)
    if name is None or not await pool.fetchval('SELECT 1 FROM "case" WHERE reference = $1', name.of):
        raise stop(MISSING, "task_unknown", f"There is no task {task}.", next_step="see `pca tasks`")
    return case_subject(name.of)


async def _attempted(pool: "asyncpg.Pool", subject: str, decision: "Decision", findings: list[Finding]) -> "Answer":
    """Record an attempt that no workflow is there to record; the record's answer (an earlier one, if it was said before)."""
    from activities.record import Recorder
    from schemas.messages import Answer

    recorded = await Recorder(pool).record(await _batch(pool, subject, decision, findings))
    return Answer(counted=not recorded.refused, repeated=recorded.repeated, findings=recorded.findings)


async def _batch(pool: "asyncpg.Pool", subject: str, decision: "Decision", findings: list[Finding]) -> "Batch":
    from schemas.engine import Batch
    from schemas.names import task_name

    row = await pool.fetchrow(
        'SELECT c.clock, k."offset" FROM "case" c LEFT JOIN clock k ON k.name = c.clock '
        "WHERE c.subject = $1 OR c.partner_subject = $1 OR c.umbrella = $1 ORDER BY c.received_at DESC LIMIT 1",
        subject,
    )
    name = task_name(decision.task)
    offset = (row and row["offset"]) or timedelta(0)
    return Batch(
        key=decision.receipt, subject=subject, stage=name.stage if name else "", round=name.round if name else 1,
        at=datetime.now(UTC) + offset, clock=row["clock"] if row else "", decision=decision, refused=findings,
    )  # fmt: skip


async def _how_it_closed(pool: "asyncpg.Pool", task: str, finding: Finding) -> Finding:
    """A `task_closed` that says who decided what, and when."""
    if finding.rule != "task_closed":
        return finding
    row = await pool.fetchrow("SELECT state, verdict, decided_by, closed_at, closed_why FROM task WHERE id = $1", task)
    if row is None or row["state"] == "open":
        return finding
    when = f"{row['closed_at']:%Y-%m-%d %H:%M} UTC" if row["closed_at"] else "before"
    if row["state"] == "decided":
        message = f"{row['decided_by']} decided {row['verdict']} on {when}."
    else:
        message = f"It was closed on {when}: {row['closed_why'] or 'its stage moved on'}."
    return finding.model_copy(update={"message": message})


@click.command()
@click.argument("reference")
@click.argument("kind", metavar="MESSAGE", required=False)
@click.option("--task", default=None, help="The task it is about, where it is about one.")
@_saying
def tell(
    reference: str,
    kind: str | None,
    task: str | None,
    actor: str,
    role: str,
    comment: str,
    message: str,
    reason_code: str | None,
    data: str | None,
    key: str,
    timeout: float,
    json_: bool,
) -> int:
    """Say MESSAGE (hold, resume, withdraw, suspend, ask, note ...) to case REFERENCE, with its --data; to a PCA suspend or lift.

    Which messages there are, who may say them and with what data: docs/reference/messages.md.
    """
    from schemas.messages import Answer
    from schemas.tasks import MESSAGES
    from worker import doors

    if kind is None or kind not in MESSAGES:
        known = ", ".join(sorted(MESSAGES))
        raise stop(INVALID, "unknown_message", f"No message {kind}." if kind else "Which message?", next_step=f"one of {known}")
    content = argument(data, "--data")
    words = doors.Words(comment=comment, message_to_partner=message, data=content)
    mine = key or doors.content_key(kind, actor, role, words, reason_code, task)

    async def said() -> Answer:
        async with both(find()) as (pool, client):
            found = await doors.addressee(pool, reference)
            if found is None:
                raise stop(MISSING, "unknown_case", f"No case and no PCA {reference}.", next_step="see `pca list`")
            workflow, owner = found
            if task is not None:
                workflow = await pool.fetchval("SELECT workflow FROM task WHERE id = $1", task)
                if workflow is None:
                    raise stop(MISSING, "task_unknown", f"There is no task {task}.", next_step="see `pca tasks`")
            try:
                return await doors.tell(
                    pool, client, workflow=workflow, owner=owner, kind=kind, actor=actor, role=role, words=words,
                    reason_code=reason_code, task=task, key=mine, patience=timedelta(seconds=timeout),
                )  # fmt: skip
            except doors.NoAnswer as error:
                raise _silent(error, mine) from error

    return _answered(asyncio.run(said()), f"{reference} {kind}", json_, key=mine)


COMMANDS = (list_cases, show, tasks, decide, tell)
