-- Delivery of events to subscribers. A pair (subscriber, subject) is locked by whoever sends it.

-- name: enter
-- Pairs for subjects that are new to a subscriber.
INSERT INTO delivery (subscriber, subject)
SELECT $1, s.subject FROM stream s WHERE NOT EXISTS (SELECT FROM delivery d WHERE d.subscriber = $1 AND d.subject = s.subject)
ON CONFLICT DO NOTHING;

-- name: next_pair
-- One pair that has something to send and that nobody is sending.
SELECT d.subject, d.next_sequence, d.attempts FROM delivery d JOIN stream s USING (subject)
WHERE d.subscriber = $1 AND NOT d.dead AND d.next_at <= clock_timestamp() AND d.next_sequence <= s.sequence
ORDER BY d.next_at, d.subject LIMIT 1 FOR UPDATE OF d SKIP LOCKED;

-- name: portion
-- The next events of a subject, in order.
SELECT subject, sequence, type, at, data FROM event WHERE subject = $1 AND sequence >= $2 ORDER BY sequence LIMIT $3;

-- name: done
-- All of a portion was taken.
UPDATE delivery SET next_sequence = $3, attempts = 0, last_error = NULL, next_at = clock_timestamp() WHERE subscriber = $1 AND subject = $2;

-- name: failed
-- Stopped at an event; tried again after the back-off, or dead.
UPDATE delivery SET next_sequence = $3, attempts = $4, next_at = clock_timestamp() + $5::interval, last_error = $6, dead = $7
WHERE subscriber = $1 AND subject = $2;

-- name: dead
-- What gave up.
SELECT subscriber, subject, next_sequence, attempts, last_error FROM delivery WHERE dead ORDER BY subscriber, subject;

-- name: revive
-- Try again from where it stopped.
UPDATE delivery SET dead = false, attempts = 0, next_at = clock_timestamp() WHERE subscriber = $1 AND subject = $2 AND dead;
