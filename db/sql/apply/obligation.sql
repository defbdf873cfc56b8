-- Obligations of a case or of a partner, and the blocks that are their consequence. An event stands on the subject whose obligation it is.

-- name: obligation.created
-- Once per id. Keys: obligation (id), kind, owner_role, verifier_role, reason, authority, due_at (moment; null: not yet), consequences, cases, data.
INSERT INTO obligation (id, subject, kind, owner_role, verifier_role, reason, authority, due_at, consequences, cases, state, created_at, data)
SELECT e.d->>'obligation', e.subject, e.d->>'kind', e.d->>'owner_role', coalesce(e.d->>'verifier_role', ''), coalesce(e.d->>'reason', ''),
    coalesce(e.d->>'authority', ''), (e.d->>'due_at')::timestamptz, ARRAY(SELECT jsonb_array_elements_text(coalesce(e.d->'consequences', '[]'))),
    ARRAY(SELECT jsonb_array_elements_text(coalesce(e.d->'cases', '[]'))), 'open', e.at, coalesce(e.d->'data', '{}')
FROM e
ON CONFLICT (id) DO NOTHING;

-- name: obligation.due_set
-- Keys: obligation, due_at.
UPDATE obligation o SET due_at = (e.d->>'due_at')::timestamptz FROM e WHERE o.subject = e.subject AND o.id = e.d->>'obligation';

-- name: obligation.joined
-- Another case relies on it; the due date stays. Keys: obligation, case.
UPDATE obligation o SET cases = o.cases || (e.d->>'case')
FROM e WHERE o.subject = e.subject AND o.id = e.d->>'obligation' AND NOT e.d->>'case' = ANY (o.cases);

-- name: obligation.evidence_submitted
-- Keys: obligation, documents: [sha256].
UPDATE obligation o SET state = 'evidence_in' FROM e WHERE o.subject = e.subject AND o.id = e.d->>'obligation';

-- name: obligation.evidence_refused
-- Keys: obligation.
UPDATE obligation o SET state = 'open' FROM e WHERE o.subject = e.subject AND o.id = e.d->>'obligation';

-- name: obligation.met
-- Keys: obligation, by, evidence.
UPDATE obligation o SET state = 'met', overdue = false, closed_at = e.at FROM e WHERE o.subject = e.subject AND o.id = e.d->>'obligation';

-- name: obligation.extended
-- Keys: obligation, due_at.
UPDATE obligation o SET state = 'open', overdue = false, due_at = (e.d->>'due_at')::timestamptz
FROM e WHERE o.subject = e.subject AND o.id = e.d->>'obligation';

-- name: obligation.written_off
-- Keys: obligation.
UPDATE obligation o SET state = 'written_off', overdue = false, closed_at = e.at FROM e WHERE o.subject = e.subject AND o.id = e.d->>'obligation';

-- name: obligation.overdue
-- Keys: obligation, days.
UPDATE obligation o SET overdue = true FROM e WHERE o.subject = e.subject AND o.id = e.d->>'obligation';

-- name: obligation.consequence_applied
-- Keys: obligation, consequence, cases; blocks: [{id, scope, cause, reason_code, until}] put in force on the event's subject.
, b AS (
    INSERT INTO block (id, subject, scope, cause, reason_code, since, until)
    SELECT x.id, e.subject, x.scope, x.cause, x.reason_code, e.at, x.until
    FROM e, jsonb_to_recordset(coalesce(e.d->'blocks', '[]')) AS x(id text, scope text, cause text, reason_code text, until timestamptz)
    ON CONFLICT (id) DO UPDATE SET since = excluded.since, until = excluded.until, lifted_at = NULL, lifted_by = NULL
)
UPDATE "case" c SET view_version = c.view_version + 1 FROM e WHERE c.subject = e.subject;

-- name: obligation.consequence_lifted
-- Keys: obligation, consequence, cases; lifts: [block ids].
, b AS (UPDATE block b SET lifted_at = e.at, lifted_by = e.actor FROM e WHERE b.subject = e.subject AND coalesce(e.d->'lifts', '[]') ? b.id)
UPDATE "case" c SET view_version = c.view_version + 1 FROM e WHERE c.subject = e.subject;
