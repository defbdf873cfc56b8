-- Reading: the register, one case, the inbox, the ledger. Nothing here locks or writes.

-- name: register
-- Cases in order of reference. $1 office, $2 status, $3 track, $4 partner, $5 at most.
SELECT c.reference, c.office, c.partner, c.track, c.status, c.stage, c.round, c.held, c.under_notice, c.humanitarian, c.currency, c.office_total,
    c.office_total_usd, c.submitted_on, c.signed_on, c.workflow, c.source, c.source_reference,
    (SELECT min(t.due_at) FROM task t WHERE t.cases @> ARRAY[c.subject] AND t.state = 'open') AS next_due,
    (SELECT count(*) FROM task t WHERE t.cases @> ARRAY[c.subject] AND t.state = 'open') AS open_tasks,
    CASE WHEN c.status IN ('rejected', 'withdrawn', 'cancelled', 'terminated', 'expired', 'closed') THEN NULL ELSE coalesce(
        (SELECT t.holder FROM task t WHERE t.cases @> ARRAY[c.subject] AND t.state = 'open'
         ORDER BY array_position(ARRAY['office', 'partner', 'external'], t.holder) LIMIT 1), 'office') END AS holder
FROM "case" c
WHERE ($1::text IS NULL OR c.office = $1) AND ($2::text IS NULL OR c.status = $2) AND ($3::text IS NULL OR c.track = $3)
    AND ($4::text IS NULL OR c.partner = $4)
ORDER BY c.reference LIMIT $5;

-- name: case_by_reference
-- One case, by its reference or by its source's.
SELECT * FROM "case" WHERE reference = $1 OR source_reference = $1 ORDER BY (reference = $1) DESC LIMIT 1;

-- name: tasks_of_case
-- Every task that serves a case, its own and those of what it shares.
SELECT * FROM task WHERE cases @> ARRAY[$1::text] ORDER BY opened_at, id;

-- name: inbox
-- Open tasks. $1 role, $2 office, $3 overdue at this moment, $4 holder, $5 case subject, $6 at most.
SELECT * FROM task WHERE state = 'open' AND ($1::text IS NULL OR $1 = ANY (roles)) AND ($2::text IS NULL OR office = $2)
    AND ($3::timestamptz IS NULL OR due_at < $3) AND ($4::text IS NULL OR holder = $4) AND ($5::text IS NULL OR cases @> ARRAY[$5])
ORDER BY due_at NULLS LAST, id LIMIT $6;

-- name: one_task
SELECT * FROM task WHERE id = $1;

-- name: decisions_of
-- What was decided on tasks of these subjects, counted or not.
SELECT * FROM decision WHERE subject = ANY ($1::text[]) ORDER BY at, subject, sequence;

-- name: blocks_of
-- Stops in force on a case, its umbrella and its partner.
SELECT * FROM block WHERE subject = ANY ($1::text[]) AND lifted_at IS NULL ORDER BY since, id;

-- name: obligations_of
-- Obligations of a case, and of its partner where it relies on them.
SELECT * FROM obligation WHERE subject = $1 OR (subject = $2 AND $1 = ANY (cases)) ORDER BY created_at, id;

-- name: moves
-- When the case changed status.
SELECT at, data->'data'->>'to' AS status FROM event WHERE subject = $1 AND type = 'case.status_changed' ORDER BY sequence;

-- name: holds
-- When it was held and resumed.
SELECT at, type FROM event WHERE subject = $1 AND type IN ('case.held', 'case.resumed') ORDER BY sequence;

-- name: anomalies
SELECT at, data->'data' AS data FROM event WHERE subject = $1 AND type = 'payment.anomaly' ORDER BY sequence;

-- name: story
-- Every event of a case, and of what it shares from the moment it was received, in the order of the record.
SELECT e.position, e.subject, e.sequence, e.type, e.at, e.data, e.hash, e.recorded_at FROM event e
WHERE e.subject = $1 OR (e.subject = ANY ($2::text[]) AND e.position >= (SELECT position FROM event WHERE subject = $1 AND sequence = 1))
ORDER BY e.position;

-- name: journals
-- The ledger of a case, line by line.
SELECT j.id, j.instalment, j.kind, j.at, j.currency, n.account, n.amount FROM journal j JOIN entry n ON n.journal = j.id
WHERE j.subject = $1 ORDER BY j.at, j.id, n.amount DESC;

-- name: balances
SELECT n.account, sum(n.amount) AS amount FROM journal j JOIN entry n ON n.journal = j.id WHERE j.subject = $1 GROUP BY 1 ORDER BY 1;

-- name: totals
-- What Postgres holds, in numbers.
SELECT (SELECT count(*) FROM "case") AS cases, (SELECT count(*) FROM event) AS events, (SELECT count(*) FROM task) AS tasks,
    (SELECT count(*) FROM decision WHERE counted) AS decisions, (SELECT count(*) FROM decision WHERE NOT counted) AS refused,
    (SELECT count(*) FROM obligation) AS obligations, (SELECT count(*) FROM journal) AS journals,
    (SELECT count(*) FROM content) AS contents, (SELECT count(*) FROM rejected_intake) AS rejected_intakes;
