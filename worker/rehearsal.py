"""What the record would say to a decision or a message, before anybody commits: its own judgement, in a transaction that is undone.

The rules of the decision itself run here as they run when it counts: person, role, dates, delegation, duties that exclude each other, what
must be said beside it, its data, the rules of its kind. What follows from it (the events that its workflow writes, and their rules) is not
tried; so a yes here is no promise, and a no says what would be said. Nothing of it stays, neither texts nor the attempt.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import asyncpg

from activities import record
from activities.settling import load_rules
from schemas.engine import Batch, Task, Track
from schemas.findings import Finding
from schemas.messages import Decision, Message
from schemas.names import kind_of, owner_of
from schemas.tasks import CATALOGUE, MESSAGES
from worker.doors import NotFound, Words
from worker.signing import Signer

load_rules()

SEEN_TO = frozenset({"screening_not_fresh"})
"""Refusals that the stage prevents by itself: it has the partner screened again before it records an approval or the last signature."""


@dataclass(frozen=True)
class Rehearsed:
    """`would_count`: nothing that can be judged now stands against it. `findings`: every reason, or warnings beside a yes."""

    would_count: bool
    findings: tuple[Finding, ...] = ()


async def decision(
    pool: asyncpg.Pool,
    *,
    task: str,
    actor: str,
    role: str,
    verdict: str,
    words: Words = Words(),
    reason_code: str | None = None,
    on_behalf_of: str | None = None,
    signer: Signer | None = None,
) -> Rehearsed:
    """A verdict on a task, signed as it would be; the proof is never given out.

    Raises `NotFound`, and pydantic's `ValidationError` where it is no decision at all.
    """
    row = await pool.fetchrow("SELECT * FROM task WHERE id = $1", task)
    if row is None:
        raise NotFound(f"no task {task}")
    async with pool.acquire() as borrowed:
        conn = cast("asyncpg.Connection", borrowed)
        undone = conn.transaction()
        await undone.start()
        try:
            refs = await words.put(cast("asyncpg.Pool", conn), sealed=CATALOGUE[row["kind"]].sealed, actor=actor)
            said = Decision(
                task=task, actor=actor, role=role, verdict=verdict, key=f"rehearsal-{secrets.token_hex(8)}", reason_code=reason_code,
                on_behalf_of=on_behalf_of, **cast("dict[str, Any]", refs),
            )  # fmt: skip
            said = signer.sign(said, to=owner_of(row["subject"])) if signer else said
            about = Task(id=row["id"], kind=row["kind"], whom=row["whom"], roles=row["roles"], candidates=row["candidates"])
            batch = await _batch(conn, row["subject"], row["stage"], row["round"])
            return _heard(await record.write(conn, batch.model_copy(update={"key": said.receipt, "decision": said, "task": about})))
        finally:
            await undone.rollback()


async def message(
    pool: asyncpg.Pool,
    *,
    subject: str,
    kind: str,
    actor: str,
    role: str,
    words: Words = Words(),
    reason_code: str | None = None,
    task: str | None = None,
    signer: Signer | None = None,
) -> Rehearsed:
    """A message to the case (or PCA) `subject`, or about one of its tasks. Errors as `decision`."""
    row = await pool.fetchrow("SELECT subject, stage, round FROM task WHERE id = $1", task) if task else None
    if task and row is None:
        raise NotFound(f"no task {task}")
    async with pool.acquire() as borrowed:
        conn = cast("asyncpg.Connection", borrowed)
        undone = conn.transaction()
        await undone.start()
        try:
            sealed = kind in MESSAGES and MESSAGES[kind].sealed
            refs = await words.put(cast("asyncpg.Pool", conn), sealed=sealed, actor=actor)
            said = Message(
                kind=kind, actor=actor, role=role, key=f"rehearsal-{secrets.token_hex(8)}", reason_code=reason_code, task=task,
                **cast("dict[str, Any]", refs),
            )  # fmt: skip
            about = (row["subject"], row["stage"], row["round"]) if row else (subject, "case", 1)
            batch = await _batch(conn, *about)
            said = signer.sign(said, to=owner_of(about[0])) if signer else said
            key = said.receipt(owner_of(about[0]))
            return _heard(await record.write(conn, batch.model_copy(update={"key": key, "message": said})))
        finally:
            await undone.rollback()


def _heard(done: Any) -> Rehearsed:
    """What the stage sees to before it records stands against nothing: it is told as a warning."""
    findings = [each.model_copy(update={"severity": "warning"}) if each.rule in SEEN_TO else each for each in done.findings]
    return Rehearsed(not done.refused or all(each.severity == "warning" for each in findings), tuple(findings))


async def _batch(conn: asyncpg.Connection, subject: str, stage: str, round_: int) -> Batch:
    """A write of the stage at the business time, and on the track, of the case that it is about."""
    row = await conn.fetchrow(
        """SELECT c.track, c.clock, k."offset" FROM "case" c LEFT JOIN clock k ON k.name = c.clock
           WHERE c.subject = $1 OR c.partner_subject = $1 OR c.umbrella = $1 ORDER BY c.received_at DESC LIMIT 1""",
        subject,
    )
    offset = row["offset"] if row is not None and row["offset"] is not None else timedelta(0)
    own = row is not None and kind_of(subject) == "case" and row["track"]
    return Batch(
        key="rehearsal", subject=subject, stage=stage, round=round_, at=datetime.now(UTC) + offset, clock=row["clock"] if row else "",
        track=cast("Track", row["track"] if own and row is not None else await _track(conn, subject)),
    )  # fmt: skip


async def _track(conn: asyncpg.Connection, subject: str) -> str:
    """Of what cases share: the emergency track where a case on it waits for the subject, else the standard one."""
    waits = await conn.fetchval(
        """SELECT true FROM waiting w JOIN "case" c ON c.subject = w."case" WHERE w.subject = $1 AND c.track = 'emergency' LIMIT 1""",
        subject,
    )
    return "emergency" if waits else "standard"
