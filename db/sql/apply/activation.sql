-- Emergency activations. The event's subject is activation:<reference>.

-- name: activation.declared
-- Keys: level, offices, areas, sectors, from, to, document, document_sha256, roster, step_aside_from, step_aside_to, by, role, clock.
INSERT INTO activation (subject, reference, level, offices, areas, sectors, document, document_sha256, valid_from, valid_to, step_aside_from,
    step_aside_to, roster, declared_by, declared_role, declared_at, state, renewals, clock)
SELECT e.subject, substr(e.subject, 12), e.d->>'level', ARRAY(SELECT jsonb_array_elements_text(e.d->'offices')),
    ARRAY(SELECT jsonb_array_elements_text(e.d->'areas')), ARRAY(SELECT jsonb_array_elements_text(e.d->'sectors')), e.d->>'document',
    e.d->>'document_sha256', (e.d->>'from')::date, (e.d->>'to')::date, (e.d->>'step_aside_from')::date, (e.d->>'step_aside_to')::date,
    ARRAY(SELECT jsonb_array_elements_text(e.d->'roster')), e.actor, e.role, e.at, 'declared', 0, coalesce(e.d->>'clock', '')
FROM e;

-- name: activation.renewed
-- Keys: to.
UPDATE activation a SET valid_to = (e.d->>'to')::date, renewals = a.renewals + 1 FROM e WHERE a.subject = e.subject;

-- name: activation.stepped_aside
-- Keys: from, to.
UPDATE activation a SET step_aside_from = (e.d->>'from')::date, step_aside_to = (e.d->>'to')::date FROM e WHERE a.subject = e.subject;

-- name: activation.expired
-- Keys: to.
UPDATE activation a SET state = 'expired', ended_at = e.at FROM e WHERE a.subject = e.subject AND a.state = 'declared';

-- name: activation.revoked
-- Keys: reason_sha256, cases.
UPDATE activation a SET state = 'revoked', ended_at = e.at FROM e WHERE a.subject = e.subject AND a.state = 'declared';
