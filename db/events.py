"""The event chains: canonical text, hash, append under the locked head, and `apply`, which projects an event.

An event is written once and never changed. `apply` is the only thing that writes a projection, here and in a rebuild, so rebuilt rows
are equal by construction. An event type that projects nothing is listed in LOG; one that is neither there nor in `db/sql/apply/` is an
error, never silently dropped.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

import asyncpg

from db.content import canonical
from db.sql import folder

LOG = frozenset(
    {
        "activation.end_decided", "allegation.received", "approval.informed", "approval.returned", "case.activation_ended",
        "case.correction_asked", "case.fact_corrected", "case.holder_changed", "case.lift_requested", "case.suspension_kept",
        "case.termination_proposed", "case.track_confirmed", "cash.not_needed", "clearance.reused", "concern.answered",
        "concern.raised", "conflict.declared", "conflict.resolved", "contingency.prepared", "delegation.ended", "delegation.recorded",
        "delivery.failed", "delivery.recovered", "document.sent", "funds.reservation_refused", "intake.rejected", "intake.repeated",
        "message.counted", "message.refused", "message.unreadable", "notice.answered", "obligation.decision_asked",
        "obligation.refused", "obligation.reminded", "payment.problem_resolved", "payment.recovered", "report.late",
        "review.not_ratified", "review.question_answered", "review.question_asked", "review.ratification_convened", "review.ratified",
        "screening.hit_reopened", "screening.second_check_asked", "task.claimed", "task.noted", "task.unclaimed",
        "vetting.information_provided", "vetting.information_requested", "vetting.joined", "vetting.started",
    }
)  # fmt: skip
"""Events that are only told: nothing is projected from them."""

_EVENT = """WITH e AS (
    SELECT $1::text AS subject, $2::bigint AS sequence, b.body->>'type' AS type, (b.body->>'at')::timestamptz AS at,
        coalesce(b.body #>> '{actor,id}', '') AS actor, coalesce(b.body #>> '{actor,role}', '') AS role,
        b.body #>> '{actor,on_behalf_of}' AS on_behalf_of, b.body->>'stage' AS stage, (b.body->>'round')::integer AS round,
        b.body->'data' AS d
    FROM (SELECT $3::text::jsonb AS body) b
)
"""


class UnknownEvent(LookupError):
    """An event type that the record neither projects nor lists as told only."""


class HeadMoved(RuntimeError):
    """The chain grew although its head was locked: a bug, never a race."""


@dataclass
class Head:
    """The locked end of a chain."""

    sequence: int
    hash: str


@dataclass
class Chains:
    """The chains that one transaction has locked. Append to no other."""

    conn: asyncpg.Connection
    heads: dict[str, Head] = field(default_factory=dict)

    async def lock(self, subjects: Iterable[str]) -> None:
        """Lock the heads of these subjects, in name order, so that two writes never wait for each other in a circle.

        A transaction locks once; a second call may only name subjects that it holds.
        """
        wanted = sorted(set(subjects) - self.heads.keys())
        if not wanted:
            return
        if self.heads:
            raise HeadMoved(f"locking {wanted} after {sorted(self.heads)} could deadlock: lock all at once")
        await self.conn.execute(
            "INSERT INTO stream (subject) SELECT s FROM unnest($1::text[]) s WHERE NOT EXISTS (SELECT FROM stream t WHERE t.subject = s) "
            "ORDER BY s ON CONFLICT DO NOTHING",
            wanted,
        )
        rows = await self.conn.fetch(
            "SELECT subject, sequence, hash FROM stream WHERE subject = ANY ($1::text[]) ORDER BY subject FOR UPDATE", wanted
        )
        for row in rows:
            self.heads[row["subject"]] = Head(row["sequence"], row["hash"])

    async def begin(self, subject: str) -> None:
        """Begin the chain of a subject that did not exist before this transaction; nobody else can be waiting for it."""
        await self.conn.execute("INSERT INTO stream (subject) VALUES ($1)", subject)
        self.heads[subject] = Head(0, "")

    async def append(self, subject: str, body: dict[str, Any]) -> int:
        """Append an event (`type`, `at` and the rest) to a locked chain and project it. Returns its sequence."""
        head = self.heads[subject]
        text = canonical(body)
        sequence = head.sequence + 1
        digest = chained(head.hash, subject, sequence, text)
        moved = await self.conn.fetchval(
            "WITH head AS (UPDATE stream SET sequence = $2, hash = $6 WHERE subject = $1 AND sequence = $2 - 1 RETURNING subject) "
            "INSERT INTO event (subject, sequence, type, at, body, previous, hash) "
            "SELECT subject, $2, $3, $4, $5, $7, $6 FROM head RETURNING 1",
            subject, sequence, body["type"], datetime.fromisoformat(body["at"]), text, digest, head.hash,
        )  # fmt: skip
        if moved is None:
            raise HeadMoved(f"{subject} has grown beyond {head.sequence} under our lock")
        await apply(self.conn, body["type"], subject, sequence, text)
        self.heads[subject] = Head(sequence, digest)
        return sequence

    def mark(self) -> dict[str, Head]:
        """The heads as they stand, to go back to after a savepoint is rolled back."""
        return {subject: Head(head.sequence, head.hash) for subject, head in self.heads.items()}

    def reset(self, mark: dict[str, Head]) -> None:
        self.heads = {subject: Head(head.sequence, head.hash) for subject, head in mark.items()}


def body(
    type: str,  # noqa: A002 (the event's own word)
    at: datetime,
    data: dict[str, Any],
    *,
    actor: dict[str, Any] | None = None,
    stage: str = "",
    round: int = 1,  # noqa: A002
    track: str = "standard",
    pack: dict[str, str] | None = None,
    cause: dict[str, str],
    clock: str = "",
) -> dict[str, Any]:
    """An event as its chain holds it. `cause`: {kind: decision, message, timer or event; id}."""
    return {
        "type": type,
        "at": at.astimezone(UTC).isoformat(),
        "actor": actor,
        "stage": stage,
        "round": round,
        "track": track,
        "pack": pack,
        "cause": cause,
        "clock": clock,
        "data": data,
    }


def chained(previous: str, subject: str, sequence: int, body: str) -> str:
    """The hash of an event, over the previous hash and the text as stored."""
    return hashlib.sha256(f"{previous}\n{subject}\n{sequence}\n{body}".encode()).hexdigest()


@cache
def statement(name: str) -> str | None:
    """The SQL that projects events of this type; None if they are only told. Raises UnknownEvent."""
    found = folder("apply").get(name)
    if found is not None:
        return _EVENT + found
    if name in LOG:
        return None
    raise UnknownEvent(f"{name} has neither SQL in db/sql/apply/ nor a place in db.events.LOG")


async def apply(conn: asyncpg.Connection, name: str, subject: str, sequence: int, body: str) -> None:
    """Project one event: from its text alone, so that it comes out the same every time."""
    sql = statement(name)
    if sql is not None:
        await conn.execute(sql, subject, sequence, body)
