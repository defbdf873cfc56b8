"""Saying something to a running case, as every client does it: put, then decide.

The texts go into Postgres first, by their hash; the decision carries references. The answer comes from the workflow; whoever meets a
closed one reads it from the record. Nothing here judges: it only carries.
"""

import asyncio
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import asyncpg
from temporalio.client import Client, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode

from activities import activation, intake, sanctions
from activities.rescreen import rescreen
from db import content
from schemas.engine import Tick, Ticked
from schemas.findings import Finding
from schemas.messages import Answer, ContentRef, Decision, Message
from schemas.names import office_partner_programme, owner_of, task_name, umbrella_workflow
from schemas.tasks import CATALOGUE, MESSAGES

PATIENCE = timedelta(seconds=10)


class NoAnswer(Exception):
    """The workflow did not answer in time: it may still take what was said. Saying the same again, with the same key, is safe."""


class NotFound(LookupError):
    """The record knows no such task or case."""


@dataclass(frozen=True)
class Words:
    """What comes with a verdict or message, in full: still to be put into the record."""

    comment: str = ""
    message_to_partner: str = ""
    data: dict[str, Any] | None = None

    async def put(self, pool: asyncpg.Pool, *, sealed: bool, actor: str) -> dict[str, ContentRef]:
        """Field to reference, for what there is."""
        bodies: dict[str, Any] = {}
        if self.comment:
            bodies["comment"] = self.comment
        if self.message_to_partner:
            bodies["message_to_partner"] = self.message_to_partner
        if self.data is not None:
            bodies["data"] = self.data
        return {field: await content.put(pool, body, sealed=sealed, by=actor) for field, body in bodies.items()}


async def put(pool: asyncpg.Pool, body: Any, *, by: str) -> ContentRef:
    """Content (a document version, a file) into the record before anything refers to it."""
    return await content.put(pool, body, by=by)


@dataclass(frozen=True)
class Submitted:
    """What became of an intake message: `reference` if it was taken (or had been); findings either way."""

    reference: str = ""
    workflow: str = ""
    repeated: bool = False
    findings: tuple[Finding, ...] = ()


async def submit(pool: asyncpg.Pool, client: Client | None, raw: Any, *, clock: str = "") -> Submitted:
    """The record first, then the workflow. `raw`: the message as it came; without a client the worker's sweep starts the case."""
    outcome = await intake.take(pool, raw, clock=clock)
    if isinstance(outcome, intake.Refused):
        return Submitted(findings=tuple(outcome.findings))
    if client is not None:
        await intake.start_case(pool, client, outcome)
    return Submitted(
        reference=outcome.reference, workflow=outcome.workflow, repeated=outcome.state == "repeated", findings=tuple(outcome.findings)
    )


async def declare_emergency(
    pool: asyncpg.Pool, client: Client, declared: dict[str, Any], *, at: datetime, clock: str = ""
) -> list[Finding]:
    """Declare an activation; the findings if it was refused, and then nothing was changed."""
    try:
        await activation.declare(pool, declared, at=at, clock=clock, client=client)
    except activation.ActivationRefused as refused:
        return refused.findings
    return []


async def load_sanctions(pool: asyncpg.Pool, client: Client, edition: bytes, *, clock: str | None = None) -> sanctions.Loaded:
    """Keep an edition of a list and screen everyone with a case against it; raises as `sanctions.load` does."""
    async with pool.acquire() as conn:
        loaded = await sanctions.load(cast("asyncpg.Connection", conn), edition)
    await rescreen(pool, client, clock=clock)
    return loaded


def content_key(*parts: object) -> str:
    """A key made of what is said: the same command twice counts once."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


async def decide(
    pool: asyncpg.Pool,
    client: Client,
    *,
    task: str,
    actor: str,
    role: str,
    verdict: str,
    words: Words = Words(),
    reason_code: str | None = None,
    on_behalf_of: str | None = None,
    key: str = "",
    patience: timedelta = PATIENCE,
) -> Answer:
    """A verdict on a task. Errors: `NotFound`, `NoAnswer`, pydantic's `ValidationError`, those of the servers."""
    row = await pool.fetchrow("SELECT workflow, kind, state FROM task WHERE id = $1", task)
    if row is None:
        raise NotFound(f"no task {task}")
    name = task_name(task)
    sealed = name is not None and name.kind in CATALOGUE and CATALOGUE[name.kind].sealed
    refs = await words.put(pool, sealed=sealed, actor=actor)
    decision = Decision(
        task=task,
        actor=actor,
        role=role,
        verdict=verdict,
        key=key or content_key(actor, role, verdict, words, reason_code),
        reason_code=reason_code,
        on_behalf_of=on_behalf_of,
        **refs,
    )
    return await _say(pool, client, row["workflow"], "submit_decision", decision, decision.receipt, patience)


async def addressee(pool: asyncpg.Pool, reference: str) -> tuple[str, str] | None:
    """The workflow that a message to the case, or the PCA, of that reference goes to, and what its receipts begin with; None: no such."""
    if workflow := await pool.fetchval('SELECT workflow FROM "case" WHERE reference = $1', reference):
        return workflow, reference
    if subject := await pool.fetchval("SELECT subject FROM umbrella WHERE reference = $1", reference):
        _, partner, programme = office_partner_programme(subject)
        return umbrella_workflow(partner, programme), owner_of(subject)
    return None


async def tell(
    pool: asyncpg.Pool,
    client: Client,
    *,
    workflow: str,
    owner: str,
    kind: str,
    actor: str,
    role: str,
    words: Words = Words(),
    reason_code: str | None = None,
    task: str | None = None,
    key: str = "",
    patience: timedelta = PATIENCE,
) -> Answer:
    """A message to the workflow `workflow`; `owner` is the reference that its receipts begin with. Errors as `decide`."""
    sealed = kind in MESSAGES and MESSAGES[kind].sealed
    refs = await words.put(pool, sealed=sealed, actor=actor)
    message = Message(
        kind=kind,
        actor=actor,
        role=role,
        key=key or content_key(kind, actor, role, words, reason_code, task),
        reason_code=reason_code,
        task=task,
        **refs,
    )
    return await _say(pool, client, workflow, "submit_message", message, message.receipt(owner), patience)


async def _say(
    pool: asyncpg.Pool, client: Client, workflow: str, door: str, said: Decision | Message, receipt: str, patience: timedelta
) -> Answer:
    handle = client.get_workflow_handle(workflow)
    try:
        answer: Answer = await handle.execute_update(door, said, result_type=Answer, rpc_timeout=patience)
        return answer
    except WorkflowUpdateRPCTimeoutOrCancelledError as error:
        raise NoAnswer(f"{workflow} did not answer within {patience.total_seconds():.0f} s") from error
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
    except Exception as error:  # the run closed between accepting and answering: the record knows what became of it
        if "AcceptedUpdateCompletedWorkflow" not in repr(error) and "closing" not in str(error.__cause__ or error):
            raise
    return await _from_the_record(pool, receipt)


async def _from_the_record(pool: asyncpg.Pool, receipt: str) -> Answer:
    """The workflow has closed: what the record answered, or that it is over."""
    row = await pool.fetchrow("SELECT response FROM receipt WHERE key = $1", receipt)
    if row is not None:
        response = row["response"]
        response = json.loads(response) if isinstance(response, str) else response
        return Answer(counted=not response.get("refused", False), repeated=True, findings=response.get("findings", []))
    return Answer(
        counted=False,
        findings=[Finding(rule="task_closed", message="That stage has ended.", next_step="See `pca show` for how it ended.")],
    )


async def tick(client: Client, workflow: str, clock: str, offset: timedelta, *, tries: int = 5) -> Ticked | None:
    """Move one workflow's practice clock; None if it runs no more."""
    try:
        ticked: Ticked = await client.get_workflow_handle(workflow).execute_update(
            "advance_clock", Tick(offset=offset, clock=clock), result_type=Ticked
        )
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return None
        if "workflow task failure" in str(error) and tries:  # it came at the moment of closing: the task is done again by the server
            await asyncio.sleep(0.2)
            return await tick(client, workflow, clock, offset, tries=tries - 1)
        raise
    except Exception as error:
        if "AcceptedUpdateCompletedWorkflow" in repr(error) or "closing" in str(error.__cause__ or error):
            return None
        raise
    return ticked
