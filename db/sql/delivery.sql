-- Delivery of events to subscribers. A pair (subscriber, subject) is leased by whoever sends it, and told by its sequence.

-- name: begin
-- A subscriber that has never been told anything begins after position $2 of the record.
INSERT INTO delivery_cursor (subscriber, position) VALUES ($1, $2) ON CONFLICT DO NOTHING;

-- name: cursor
-- How far its pairs were entered. Who finds the row locked leaves it to the other.
SELECT position FROM delivery_cursor WHERE subscriber = $1 FOR UPDATE SKIP LOCKED;

-- name: enter
-- Pairs of the subjects of the events after position $2, at most $3 of them: new ones begin at their first event there, those that had been
-- told everything are pending again. Returns the last position read, the last one that is settled (older than $4, so that nothing before
-- it can still be committed), and how many were read.
WITH fresh AS (SELECT subject, sequence, position, recorded_at FROM event WHERE position > $2 ORDER BY position LIMIT $3),
subjects AS (SELECT subject, min(sequence) AS first, max(sequence) AS last FROM fresh GROUP BY subject),
again AS (
    UPDATE delivery d SET pending = true FROM subjects s
    WHERE d.subscriber = $1 AND d.subject = s.subject AND NOT d.pending AND d.next_sequence <= s.last),
entered AS (
    INSERT INTO delivery (subscriber, subject, next_sequence, next_at)
    SELECT $1, s.subject, s.first, '-infinity' FROM subjects s
    WHERE NOT EXISTS (SELECT FROM delivery d WHERE d.subscriber = $1 AND d.subject = s.subject)
    ON CONFLICT DO NOTHING)
SELECT max(position) AS read, max(position) FILTER (WHERE recorded_at < clock_timestamp() - $4::interval) AS settled, count(*) AS events FROM fresh;

-- name: move
UPDATE delivery_cursor SET position = $2 WHERE subscriber = $1 AND position < $2;

-- name: lease
-- One pair that has something to send and that nobody is sending. $2 the lease, $3 how long, $4 now (null: the database's).
UPDATE delivery SET lease = $2, leased_until = coalesce($4::timestamptz, clock_timestamp()) + $3::interval
WHERE subscriber = $1 AND subject = (
    SELECT d.subject FROM delivery d
    WHERE d.subscriber = $1 AND d.pending AND NOT d.dead AND d.next_at <= coalesce($4::timestamptz, clock_timestamp())
        AND (d.leased_until IS NULL OR d.leased_until <= coalesce($4::timestamptz, clock_timestamp()))
    ORDER BY d.next_at, d.subject LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING subject, next_sequence, attempts;

-- name: portion
-- The next events of a subject, in order.
SELECT subject, sequence, type, at, data, recorded_at FROM event WHERE subject = $1 AND sequence >= $2 ORDER BY sequence LIMIT $3;

-- name: renew
-- Still at it: told as far as $4. No row: somebody else has the lease.
UPDATE delivery SET next_sequence = $4, attempts = 0, last_error = NULL, leased_until = coalesce($6::timestamptz, clock_timestamp()) + $5::interval
WHERE subscriber = $1 AND subject = $2 AND lease = $3 RETURNING 1;

-- name: done
-- All of a portion was taken. Pending as long as there are events after it.
UPDATE delivery SET next_sequence = $4, attempts = 0, last_error = NULL, lease = NULL, leased_until = NULL,
    next_at = coalesce($5::timestamptz, clock_timestamp()), pending = EXISTS (SELECT FROM stream s WHERE s.subject = $2 AND s.sequence >= $4)
WHERE subscriber = $1 AND subject = $2 AND lease = $3;

-- name: failed
-- Stopped at an event; tried again after the back-off, or dead.
UPDATE delivery SET next_sequence = $4, attempts = $5, next_at = coalesce($9::timestamptz, clock_timestamp()) + $6::interval, last_error = $7,
    dead = $8, lease = NULL, leased_until = NULL
WHERE subscriber = $1 AND subject = $2 AND lease = $3;

-- name: dead
-- What gave up.
SELECT subscriber, subject, next_sequence, attempts, last_error FROM delivery WHERE dead ORDER BY subscriber, subject;

-- name: revive
-- Try again from where it stopped.
UPDATE delivery SET dead = false, attempts = 0, next_at = '-infinity' WHERE subscriber = $1 AND subject = $2 AND dead;
