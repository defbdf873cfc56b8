"""How a case stands, in one versioned view: what its stages are told.

Reads rows only and must never write. Blocks of the case, of its umbrella and of its partner are all told; which of the partner's stop the
cash of this case is settled at the release. So the version rises with whatever happens to any of the three: a stage takes only a higher
one. It is read before the blocks, never after, lest a view be newer in name than in content.
"""

import asyncpg

from schemas.engine import Block, CaseView, Clock

ENDS = frozenset({"rejected", "withdrawn", "cancelled", "terminated", "expired", "closed"})
"""Statuses that nothing follows; `ended` is none of them, since a case that ended still reports and closes."""

_CASE = """
SELECT c.view_version
    + coalesce((SELECT sum(sequence) FROM stream WHERE subject IN (c.umbrella, c.partner_subject)), 0)::integer AS version,
    coalesce(nullif(c.track, ''), s.facts->>'track', 'standard') AS track, -- not set yet: the one it asked for
    c.status, c.held, c.hold_until, c.under_notice, c.clock, c.umbrella, c.partner_subject, k."offset"
FROM "case" c LEFT JOIN clock k ON k.name = c.clock LEFT JOIN submission s ON s.reference = c.reference
WHERE c.subject = $1
"""
_BLOCKS = "SELECT id, scope, cause, since, until FROM block WHERE subject = ANY($1::text[]) AND lifted_at IS NULL ORDER BY since, id"


class CaseUnknown(LookupError):
    """The record knows no such case."""


async def view_of(conn: asyncpg.Connection, subject: str) -> CaseView:
    """The view of the case `subject` (case:<reference>) as the rows stand in this transaction. Raises `CaseUnknown`."""
    row = await conn.fetchrow(_CASE, subject)
    if row is None:
        raise CaseUnknown(subject)
    blocks = await conn.fetch(_BLOCKS, [subject, row["umbrella"], row["partner_subject"]])
    return CaseView(
        version=row["version"],
        track=row["track"],
        status=row["status"],
        held=row["held"],
        hold_until=row["hold_until"],
        blocks=[Block(**block) for block in blocks],
        ended=row["status"] if row["status"] in ENDS else "",
        under_notice=row["under_notice"],
        clock=Clock(name=row["clock"], offset=row["offset"]) if row["clock"] and row["offset"] is not None else Clock(name=row["clock"]),
    )
