-- What is read of postponed checks.

-- name: owed
-- The open obligations of a partner of these kinds.
SELECT * FROM obligation WHERE subject = $1 AND kind = ANY($2::text[]) AND state NOT IN ('met', 'written_off') ORDER BY created_at, id;

-- name: elements
-- The elements of a partner that are only assumed or deferred.
SELECT element FROM element WHERE subject = $1 AND source IN ('assumed', 'deferred') ORDER BY element;

-- name: levels
-- The levels of the activations under which cases of a partner are on the fast path, before their last signature.
SELECT DISTINCT a.level FROM "case" c JOIN activation a ON a.reference = c.activation
WHERE c.partner_subject = $1 AND c.track = 'emergency'
  AND c.status IN ('received', 'vetting', 'drafting', 'in_review', 'in_approval', 'in_signature');

-- name: relying
-- The cases of a partner on the fast path, before their last signature: they rely on what is postponed now.
SELECT subject AS "case" FROM "case"
WHERE partner_subject = $1 AND track = 'emergency'
  AND status IN ('received', 'vetting', 'drafting', 'in_review', 'in_approval', 'in_signature') ORDER BY received_at, reference;

-- name: last_deferred
-- When an element of a partner was postponed last.
SELECT max(at) FROM event WHERE subject = $1 AND type = 'vetting.element_deferred' AND data -> 'data' ->> 'element' = $2;

-- name: ever
-- Whether an obligation of that id was ever created.
SELECT EXISTS (SELECT 1 FROM obligation WHERE subject = $1 AND id = $2);

-- name: fixed
-- Whether a due date was set for that reason before.
SELECT EXISTS (
    SELECT 1 FROM event WHERE subject = $1 AND type = 'obligation.due_set'
    AND data -> 'data' ->> 'obligation' = $2 AND data -> 'data' ->> 'because' = $3
);

-- name: open_tasks
-- The open tasks of a partner, with the moments kept with them.
SELECT id, kind, whom, due_at, moments FROM task WHERE subject = $1 AND state = 'open' ORDER BY id;
