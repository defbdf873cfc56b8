-- What approval, umbrella, cash and obligations read when they begin.

-- name: carried
-- The PCA of a case, and whether this case carries it while it is in draft.
SELECT c.umbrella, c.instrument, coalesce(u.status = 'draft' AND u.carrier = c.subject, false) AS carried
FROM "case" c LEFT JOIN umbrella u ON u.subject = c.umbrella WHERE c.subject = $1;

-- name: umbrella
-- The state of a PCA.
SELECT status, end_on FROM umbrella WHERE subject = $1;

-- name: case_money
-- Whether anything is reserved for a case, and the cash of its document.
SELECT c.office_cash, EXISTS (SELECT 1 FROM reservation r WHERE r.subject = c.subject) AS reserved
FROM "case" c WHERE c.subject = $1;

-- name: periods
-- Cash periods of the signed document.
SELECT period, start_on, end_on FROM period WHERE subject = $1 ORDER BY period;

-- name: obligations
-- Open obligations of a case or partner, the earliest first.
SELECT id, kind, owner_role, verifier_role, due_at, state, overdue, data FROM obligation
WHERE subject = $1 AND state NOT IN ('met', 'written_off') ORDER BY due_at NULLS LAST, id LIMIT $2;

-- name: conditions
-- Open conditions of a case, the earliest first, with the role in which each was set.
SELECT c.id, c.owner_role, c.due, coalesce(
    (SELECT a.role FROM approval a WHERE a.subject = c.subject AND a.actor = c.set_by AND c.id LIKE '%:approval:%' LIMIT 1),
    'overall_approver'
) AS setter_role
FROM condition c WHERE c.subject = $1 AND c.state = 'open' ORDER BY c.due NULLS LAST, c.id LIMIT $2;
