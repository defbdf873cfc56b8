-- name: obligation_of
-- One obligation.
SELECT * FROM obligation WHERE id = $1;

-- name: obligations_open
-- Obligations of a case or partner that are not met and not written off.
SELECT * FROM obligation WHERE subject = $1 AND state NOT IN ('met', 'written_off') ORDER BY created_at, id;

-- name: obligations_of_kind
-- Open obligations of one kind.
SELECT * FROM obligation WHERE subject = $1 AND kind = $2 AND state NOT IN ('met', 'written_off') ORDER BY created_at, id;

-- name: blocks_caused_by
-- The stops that one cause has put up and that still stand.
SELECT id, subject, scope FROM block WHERE cause = $1 AND lifted_at IS NULL ORDER BY id;

-- name: condition_of
-- One condition.
SELECT * FROM condition WHERE id = $1;

-- name: partner_cases
-- The cases of a partner that are neither ended nor over.
SELECT subject, workflow, status, end_on, end_requested, track FROM "case"
WHERE partner_subject = $1 AND status NOT IN ('rejected', 'withdrawn', 'cancelled', 'terminated', 'expired', 'closed')
ORDER BY received_at, reference;

-- name: extensions_of
-- How often an obligation was extended.
SELECT count(*) FROM event WHERE subject = $1 AND type = 'obligation.extended' AND data -> 'data' ->> 'obligation' = $2;

-- name: clock_offset
-- How far a practice clock is away from the real one.
SELECT "offset" FROM clock WHERE name = $1;

-- name: open_tasks
-- The open tasks of a case, and those of its partner that serve it.
SELECT id, subject, kind, stage, whom, due_at, opened_at FROM task
WHERE state = 'open' AND (subject = $1 OR (subject = $2 AND $1 = ANY (cases))) ORDER BY id;
