-- Delegations. The event's subject is office:<ISO2>.

-- name: delegation.recorded
-- Keys: delegation, from, to, roles, period, sign, accept_by. Entered again after it was ended, declined or lapsed, it is offered anew.
INSERT INTO delegation (id, subject, office, principal, delegate, roles, since, until, sign, entered_by, entered_at, accept_by, state, changed_at)
SELECT e.d->>'delegation', e.subject, substr(e.subject, 8), e.d->>'from', e.d->>'to', ARRAY(SELECT jsonb_array_elements_text(e.d->'roles')),
    (e.d #>> '{period,from}')::date, (e.d #>> '{period,to}')::date, (e.d->>'sign')::boolean, e.actor, e.at,
    (e.d->>'accept_by')::timestamptz, 'offered', e.at
FROM e
ON CONFLICT (id) DO UPDATE SET roles = excluded.roles, until = excluded.until, sign = excluded.sign, entered_by = excluded.entered_by,
    entered_at = excluded.entered_at, accept_by = excluded.accept_by, state = 'offered', changed_at = excluded.changed_at, reason_sha256 = NULL;

-- name: delegation.accepted
-- Keys: delegation.
UPDATE delegation d SET state = 'accepted', changed_at = e.at FROM e WHERE d.id = e.d->>'delegation';

-- name: delegation.ended
-- Keys: delegation, why, reason_sha256.
UPDATE delegation d SET state = e.d->>'why', changed_at = e.at, reason_sha256 = e.d->>'reason_sha256' FROM e WHERE d.id = e.d->>'delegation';
