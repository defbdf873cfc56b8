-- Letters: who is to be told, what was sent. Plain rows, no part of the record.

-- name: write
-- A letter to one person about one matter, once. $7: its practice clock.
INSERT INTO mailed (person, what, day, office, partner, cases, clock) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING;

-- name: lease
-- One letter that is due and that nobody is sending. $1 the lease, $2 how long, $3 now (null: the database's).
UPDATE mailed SET lease = $1, leased_until = coalesce($3::timestamptz, clock_timestamp()) + $2::interval
WHERE (person, what, day) = (
    SELECT person, what, day FROM mailed
    WHERE state = 'waiting' AND next_at <= coalesce($3::timestamptz, clock_timestamp())
        AND (leased_until IS NULL OR leased_until <= coalesce($3::timestamptz, clock_timestamp()))
    ORDER BY next_at, person, what, day LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING *;

-- name: ended
-- Sent, or nothing to say any more.
UPDATE mailed SET state = $2, ended_at = clock_timestamp(), lease = NULL, leased_until = NULL, last_error = NULL WHERE lease = $1;

-- name: failed
-- Tried again after $3, or ($4) given up.
UPDATE mailed SET attempts = $2, next_at = coalesce($6::timestamptz, clock_timestamp()) + $3::interval, last_error = $5,
    state = CASE WHEN $4 THEN 'dead' ELSE 'waiting' END, lease = NULL, leased_until = NULL
WHERE lease = $1;

-- name: dead
SELECT person, what, day, attempts, last_error FROM mailed WHERE state = 'dead' ORDER BY day, person, what;

-- name: revive
UPDATE mailed SET state = 'waiting', attempts = 0, next_at = '-infinity' WHERE state = 'dead' AND person = $1;

-- name: cases
-- The cases that a subject concerns: itself, or those of the partner or PCA that have not ended.
SELECT subject, reference, office, focal_point, budget_owner, clock FROM "case"
WHERE subject = $1 OR ((partner_subject = $1 OR umbrella = $1)
    AND status NOT IN ('rejected', 'withdrawn', 'cancelled', 'terminated', 'expired', 'closed'))
ORDER BY reference;

-- name: of_cases
SELECT subject, reference, office, clock FROM "case" WHERE subject = ANY ($1::text[]) ORDER BY reference;

-- name: event
SELECT subject, sequence, type, at, data, recorded_at FROM event WHERE subject = $1 AND sequence = $2;

-- name: task
SELECT * FROM task WHERE id = $1;

-- name: open_tasks
-- Open tasks of an office that fall to these roles or name this person, the late ones first. $1 office (null: any), $2 roles, $3 people,
-- $4 now, $5 whether those of practice clocks too.
SELECT t.*, c.reference, coalesce(t.due_at < $4::timestamptz + coalesce(k."offset", interval '0'), false) AS overdue
FROM task t LEFT JOIN "case" c ON c.subject = coalesce(t.cases[1], t.subject) LEFT JOIN clock k ON k.name = c.clock
WHERE t.state = 'open' AND ($1::text IS NULL OR t.office = $1) AND (t.roles && $2::text[] OR t.candidates && $3::text[])
    AND ($5::boolean OR coalesce(c.clock, '') = '')
ORDER BY overdue DESC, t.due_at NULLS LAST, t.id;

-- name: newest
SELECT coalesce(max(position), 0) FROM event;
