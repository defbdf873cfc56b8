-- What is read of the delegations entered at run time.

-- name: delegation
-- One of them; where it was offered and not accepted in time by $2 it has lapsed.
SELECT *, CASE WHEN state = 'offered' AND accept_by <= $2 THEN 'lapsed' ELSE state END AS stands FROM delegation WHERE id = $1;

-- name: delegations
-- All of an office, or of every office, the latest first.
SELECT *, CASE WHEN state = 'offered' AND accept_by <= $2 THEN 'lapsed' ELSE state END AS stands FROM delegation
WHERE $1::text IS NULL OR office = $1 ORDER BY since DESC, id;

-- name: standing
-- Those of an office that stand beside a new one: accepted, or still to be answered at $2.
SELECT * FROM delegation WHERE office = $1 AND (state = 'accepted' OR state = 'offered' AND accept_by > $2) ORDER BY id;

-- name: accepted
-- Those of an office that have been accepted and are in force on day $2.
SELECT * FROM delegation WHERE office = $1 AND state = 'accepted' AND $2 BETWEEN since AND until ORDER BY id;

-- name: offered_to
-- Those that a person has still to answer at $3.
SELECT * FROM delegation WHERE office = $1 AND delegate = $2 AND state = 'offered' AND accept_by > $3 ORDER BY accept_by, id;
