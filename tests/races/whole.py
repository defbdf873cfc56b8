"""What holds of the whole record after any race."""

import asyncpg

from db import audit

VIOLATIONS = {
    "two PCAs of one partner and programme": (
        "SELECT subject FROM event WHERE type = 'umbrella.opened' GROUP BY subject HAVING count(*) > 1"
    ),
    "a document signed without its PCA": (
        'SELECT c.subject FROM "case" c JOIN umbrella u ON u.subject = c.umbrella WHERE c.signed_on IS NOT NULL AND u.signed_on IS NULL'
    ),
    "a draft PCA that nobody carries, or a case that is over": (
        "SELECT u.subject FROM umbrella u LEFT JOIN \"case\" c ON c.subject = u.carrier WHERE u.status = 'draft' "
        "AND (c.subject IS NULL OR c.status IN ('rejected', 'withdrawn', 'cancelled', 'terminated', 'expired', 'closed'))"
    ),
    "a task that was decided twice": (
        "SELECT task FROM decision WHERE counted AND verdict NOT IN ('top_up', 'claim') GROUP BY task HAVING count(*) > 1"
    ),
    "an obligation that was created twice": (
        "SELECT data -> 'data' ->> 'obligation' FROM event WHERE type = 'obligation.created' GROUP BY 1 HAVING count(*) > 1"
    ),
    "an obligation without owner, due day or consequence": (
        "SELECT id FROM obligation WHERE owner_role = '' OR cardinality(consequences) = 0 "
        "OR (due_at IS NULL AND state = 'open' AND kind NOT IN ('reservation_top_up', 'partner_acceptance_record'))"
    ),
    "an instalment that was released twice": (
        "SELECT subject FROM event WHERE type = 'cash.released' GROUP BY subject, data #> '{data,instalment}' HAVING count(*) > 1"
    ),
    "an instalment that was paid twice": (
        "SELECT subject FROM journal WHERE kind = 'payment' GROUP BY subject, instalment HAVING count(*) > 1"
    ),
    "a case over its amount": "SELECT subject FROM authorised WHERE drawn > amount",
    "cash above the cap while a check is postponed": (
        'SELECT i.subject FROM instalment i JOIN "case" c USING (subject) WHERE i.instalment = 1 AND i.released > 0.4 * c.office_cash '
        "AND c.track = 'emergency' "
        "AND EXISTS (SELECT FROM element e WHERE e.subject = c.partner_subject AND e.source IN ('assumed', 'deferred'))"
    ),
    "cash that left under a stop": (
        'SELECT r.subject FROM event r JOIN "case" c USING (subject) '
        "JOIN event b ON b.subject IN (c.subject, c.partner_subject, c.umbrella) "
        "CROSS JOIN LATERAL jsonb_array_elements(b.data -> 'data' -> 'blocks') stop "
        "WHERE r.type = 'cash.released' AND jsonb_typeof(b.data -> 'data' -> 'blocks') = 'array' AND b.position < r.position "
        "AND stop ->> 'scope' IN ('all', 'cash', 'instalment') AND NOT EXISTS (SELECT FROM event l WHERE l.subject = b.subject "
        "AND l.position BETWEEN b.position AND r.position AND l.data -> 'data' -> 'lifts' ? (stop ->> 'id'))"
    ),
    "a case on the fast path of a revoked activation that nobody has approved": (
        "SELECT c.subject FROM \"case\" c JOIN activation a ON a.reference = c.activation WHERE a.state = 'revoked' "
        "AND c.track = 'emergency' AND c.status IN ('received', 'vetting', 'drafting', 'in_review')"
    ),
    "a journal that does not come to nothing": "SELECT journal FROM entry GROUP BY journal HAVING sum(amount) <> 0",
}
"""Rules that span rows, each as what would break it."""


async def holds(pool: asyncpg.Pool) -> None:
    """Every rule of the whole state; then the chains, and what they rebuild."""
    async with pool.acquire() as conn:
        for rule, sql in VIOLATIONS.items():
            found = await conn.fetch(sql)
            assert not found, f"{rule}: {found[:3]}"
    assert await audit.verify(pool) == []
    assert await audit.rebuild_check(pool) == []
