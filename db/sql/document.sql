-- What the rules of the programme document read.

-- name: acceptances
-- Which version each side has accepted.
SELECT side, sha256, on_behalf, at, actor FROM acceptance WHERE subject = $1 ORDER BY side;

-- name: annexes
-- The annexes that are attached, or found not to be needed.
SELECT annex, sha256 FROM annex WHERE subject = $1 ORDER BY annex;

-- name: deviations
-- The clauses that deviate from the template, with what was said of them.
SELECT clause, verdict FROM deviation WHERE subject = $1 ORDER BY clause;

-- name: partner_turn_open
-- The partner's turn, while it is the partner's.
SELECT id, whom, due_at FROM task WHERE subject = $1 AND stage = 'document' AND round = $2 AND kind = 'partner_turn' AND state = 'open';
