-- The umbrella (PCA). The event's subject is umbrella:<office>:<partner>:<programme>.

-- name: umbrella.opened
-- Keys: office, partner, programme, reference, carrier (case subject; null: it stood before), officers, account_hash, clock.
INSERT INTO umbrella (subject, office, partner, programme, reference, status, carrier, officers, account_hash, clock)
SELECT e.subject, e.d->>'office', e.d->>'partner', e.d->>'programme', e.d->>'reference', 'draft', e.d->>'carrier',
    ARRAY(SELECT jsonb_array_elements_text(coalesce(e.d->'officers', '[]'))), e.d->>'account_hash', coalesce(e.d->>'clock', '')
FROM e
ON CONFLICT (subject) DO UPDATE SET reference = excluded.reference, status = 'draft', carrier = excluded.carrier, start_on = NULL, end_on = NULL,
    officers = excluded.officers, account_hash = excluded.account_hash, signed_on = NULL, clock = excluded.clock;

-- name: umbrella.carrier_changed
-- Keys: from, to (case subjects). What was signed of the PCA was signed with the case that left.
, s AS (DELETE FROM signature s USING e WHERE s.subject = e.subject)
UPDATE umbrella u SET carrier = e.d->>'to' FROM e WHERE u.subject = e.subject;

-- name: umbrella.signed
-- Keys: start, end, signed_on, officers, account_hash; source: intake if it was signed before the engine.
UPDATE umbrella u SET status = 'signed', start_on = (e.d->>'start')::date, end_on = (e.d->>'end')::date, signed_on = (e.d->>'signed_on')::date,
    officers = ARRAY(SELECT jsonb_array_elements_text(e.d->'officers')), account_hash = coalesce(e.d->>'account_hash', u.account_hash)
FROM e WHERE u.subject = e.subject;

-- name: umbrella.cancelled
-- Keys: none.
, s AS (DELETE FROM signature s USING e WHERE s.subject = e.subject)
UPDATE umbrella u SET status = 'cancelled', carrier = NULL FROM e WHERE u.subject = e.subject;

-- name: umbrella.suspended
-- Keys: scope, reason_code; blocks: [{id, scope, cause, reason_code, until}] put in force on the umbrella.
, b AS (
    INSERT INTO block (id, subject, scope, cause, reason_code, since, until)
    SELECT x.id, e.subject, x.scope, x.cause, x.reason_code, e.at, x.until
    FROM e, jsonb_to_recordset(coalesce(e.d->'blocks', '[]')) AS x(id text, scope text, cause text, reason_code text, until timestamptz)
    ON CONFLICT (id) DO UPDATE SET since = excluded.since, until = excluded.until, lifted_at = NULL, lifted_by = NULL
)
UPDATE umbrella u SET status = 'suspended' FROM e WHERE u.subject = e.subject;

-- name: umbrella.lifted
-- Keys: lifts: [block ids].
, b AS (UPDATE block b SET lifted_at = e.at, lifted_by = e.actor FROM e WHERE b.subject = e.subject AND coalesce(e.d->'lifts', '[]') ? b.id)
UPDATE umbrella u SET status = 'signed' FROM e WHERE u.subject = e.subject;

-- name: umbrella.terminated
-- Keys: reason_code, document_sha256.
UPDATE umbrella u SET status = 'terminated' FROM e WHERE u.subject = e.subject;

-- name: umbrella.ended
-- Keys: none.
UPDATE umbrella u SET status = 'ended' FROM e WHERE u.subject = e.subject;
