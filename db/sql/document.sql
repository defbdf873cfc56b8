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
