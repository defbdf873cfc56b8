-- What the rules of the case itself read.

-- name: case_row
-- A case.
SELECT * FROM "case" WHERE subject = $1;

-- name: waits
-- Whether a case waits for a partner or a PCA.
SELECT EXISTS (SELECT 1 FROM waiting WHERE subject = $1 AND "case" = $2);

-- name: last_refusal
-- Why a partner was refused last, and the hash of what it was told.
SELECT reason_code, message_sha256 FROM clearance WHERE subject = $1 AND state = 'refused' ORDER BY granted_at DESC LIMIT 1;

-- name: held_since
-- When the hold that stands began: an extension is a hold within the hold.
SELECT min(at) FROM event WHERE subject = $1 AND type = 'case.held'
  AND sequence > coalesce((SELECT max(sequence) FROM event WHERE subject = $1 AND type = 'case.resumed'), 0);

-- name: tasks_held
-- The case's own open tasks that have a due moment; obligations run on.
SELECT id, due_at FROM task
WHERE subject = $1 AND state = 'open' AND due_at IS NOT NULL AND stage <> 'obligations' AND kind <> 'review_hold' ORDER BY id;

-- name: codes_of
-- Why these blocks were put up.
SELECT DISTINCT reason_code FROM block WHERE id = ANY($1::text[]) ORDER BY reason_code;

-- name: advised
-- Whether the risk officer has said something on the case since the first of these blocks stands.
SELECT EXISTS (
    SELECT 1 FROM event
    WHERE subject = $1 AND type IN ('message.counted', 'decision.counted') AND data -> 'actor' ->> 'role' = 'risk_officer'
      AND at >= (SELECT min(since) FROM block WHERE id = ANY($2::text[]))
);

-- name: first_period
-- The first reporting and cash period of a signed document.
SELECT start_on, end_on FROM period WHERE subject = $1 AND period = 1;
