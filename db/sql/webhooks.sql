-- Subscriptions of webhooks: plain rows, no part of the record. Nothing but `due` and `one` reads a secret.

-- name: create
INSERT INTO subscription (id, url, description, owner, offices, types, sealed, since, secret) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: newest
-- The last position of the record.
SELECT coalesce(max(position), 0) FROM event;

-- name: active
-- Those that may be sent to at $1.
SELECT * FROM subscription WHERE state = 'active' AND next_at <= coalesce($1::timestamptz, clock_timestamp()) ORDER BY id;

-- name: one
SELECT * FROM subscription WHERE id = $1;

-- name: listed
-- What is shown: how each stands. $1 one of them, or all.
SELECT s.id, s.url, s.types, s.offices, s.sealed, s.owner, s.description, s.since, s.state, s.state_why, s.failures, s.failing_since,
    CASE WHEN s.next_at > clock_timestamp() THEN s.next_at END AS next_at, s.last_error,
    CASE WHEN s.previous_until > clock_timestamp() THEN s.previous_until END AS previous_secret_until, s.created_at, s.changed_at,
    (SELECT count(*) FROM delivery d WHERE d.subscriber = 'webhook:' || s.id AND d.pending AND NOT d.dead) AS waiting,
    (SELECT count(*) FROM delivery d WHERE d.subscriber = 'webhook:' || s.id AND d.dead) AS dead
FROM subscription s WHERE $1::text IS NULL OR s.id = $1 ORDER BY s.created_at, s.id;

-- name: change
-- Another URL, or being active again, ends a rest.
UPDATE subscription SET url = coalesce($2, url), types = coalesce($3, types), description = coalesce($4, description),
    state = coalesce($5, state), state_why = CASE WHEN $5 IS NULL THEN state_why ELSE $6 END,
    failures = CASE WHEN $2 IS NULL AND $5 IS NULL THEN failures ELSE 0 END,
    failing_since = CASE WHEN $2 IS NULL AND $5 IS NULL THEN failing_since END,
    next_at = CASE WHEN $2 IS NULL AND $5 IS NULL THEN next_at ELSE '-infinity' END, changed_at = clock_timestamp()
WHERE id = $1;

-- name: rotate
-- $3: until when the secret before signs too.
UPDATE subscription SET previous_secret = secret, previous_until = $3, secret = $2, changed_at = clock_timestamp() WHERE id = $1;

-- name: disable
-- The receiver is gone.
UPDATE subscription SET state = 'disabled', state_why = $2, changed_at = clock_timestamp() WHERE id = $1 AND state <> 'disabled';

-- name: remove
WITH gone AS (DELETE FROM subscription WHERE id = $1 RETURNING id),
pairs AS (DELETE FROM delivery WHERE subscriber = (SELECT 'webhook:' || id FROM gone)),
cursors AS (DELETE FROM delivery_cursor WHERE subscriber = (SELECT 'webhook:' || id FROM gone))
SELECT id FROM gone;

-- name: works
-- It takes events: whatever failed is over.
UPDATE subscription SET failures = 0, failing_since = NULL, last_error = NULL WHERE id = $1 AND failures > 0;

-- name: rests
-- A delivery failed: nothing is sent to it for $2, at $4.
UPDATE subscription SET failures = failures + 1, failing_since = coalesce(failing_since, coalesce($4::timestamptz, clock_timestamp())),
    last_error = $3, next_at = coalesce($4::timestamptz, clock_timestamp()) + $2::interval
WHERE id = $1;

-- name: offices_of
-- The offices of a case or an activation; the names of the others say theirs.
SELECT ARRAY[office] FROM "case" WHERE subject = $1 UNION ALL SELECT offices FROM activation WHERE subject = $1;

-- name: dead_letters
-- Of one subscription ($1 its subscriber's name), with the event that each stopped at.
SELECT d.subject, d.next_sequence AS sequence, 'pca.' || e.type || '.v1' AS type, d.attempts, d.last_error
FROM delivery d JOIN event e ON e.subject = d.subject AND e.sequence = d.next_sequence WHERE d.subscriber = $1 AND d.dead ORDER BY d.subject;

-- name: again
-- One dead letter, or ($2 null) all of them.
UPDATE delivery SET dead = false, attempts = 0, next_at = '-infinity' WHERE subscriber = $1 AND dead AND ($2::text IS NULL OR subject = $2)
RETURNING subject;
