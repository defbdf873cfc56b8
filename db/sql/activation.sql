-- What is read of emergency activations and of the cases under them.

-- name: activation
-- One activation.
SELECT * FROM activation WHERE subject = $1;

-- name: activation_shared
-- The same, held against a revocation until this transaction has ended.
SELECT * FROM activation WHERE subject = $1 FOR SHARE;

-- name: activation_locked
-- The same, for who ends or changes it.
SELECT * FROM activation WHERE subject = $1 FOR UPDATE;

-- name: activations
-- All of them, the latest first.
SELECT * FROM activation ORDER BY valid_from DESC, reference;

-- name: cases_under
-- The cases on the fast path of an activation that are not over, with what a revocation goes by.
SELECT subject, reference, workflow, status, track, submitter FROM "case"
WHERE activation = $1 AND track = 'emergency' AND status NOT IN ('rejected', 'withdrawn', 'cancelled', 'terminated', 'expired', 'closed')
ORDER BY received_at, reference;

-- name: untold
-- Those of them that do not know yet that it has ended.
SELECT c.workflow FROM "case" c
WHERE c.activation = $1 AND c.track = 'emergency' AND c.status NOT IN ('rejected', 'withdrawn', 'cancelled', 'terminated', 'expired', 'closed')
  AND NOT EXISTS (SELECT 1 FROM event e WHERE e.subject = c.subject AND e.type = 'case.activation_ended')
ORDER BY c.received_at, c.reference LIMIT $2;

-- name: of_case
-- The activation that a case names.
SELECT a.* FROM "case" c JOIN activation a ON a.reference = c.activation WHERE c.subject = $1;

-- name: told_ended
-- Whether the case has been told that its activation has ended.
SELECT EXISTS (SELECT 1 FROM event WHERE subject = $1 AND type = 'case.activation_ended');

-- name: unlocking
-- The activations of the emergency cases that wait for a partner's clearance, and of those that go by one already.
SELECT DISTINCT a.level FROM "case" c JOIN activation a ON a.reference = c.activation
WHERE c.partner_subject = $1 AND c.track = 'emergency' AND c.status IN ('received', 'vetting', 'drafting', 'in_review', 'in_approval', 'in_signature');
