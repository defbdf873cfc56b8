-- Approval and signature.

-- name: approval.given
-- Keys: object (document, pca, activation), round, authority (role), amount_usd, deferrals_seen.
INSERT INTO approval (subject, object, round, actor, role, amount_usd, at)
SELECT e.subject, e.d->>'object', coalesce((e.d->>'round')::integer, e.round), e.actor, coalesce(e.d->>'authority', e.role),
    (e.d->>'amount_usd')::numeric, e.at
FROM e
ON CONFLICT (subject, object) DO UPDATE SET round = excluded.round, actor = excluded.actor, role = excluded.role,
    amount_usd = excluded.amount_usd, at = excluded.at;

-- name: signature.recorded
-- Keys: object, side, signed_by, signed_on, method, sha256, reference. Who recorded it is the event's actor.
INSERT INTO signature (subject, object, side, signed_by, signed_on, method, sha256, recorded_by, at)
SELECT e.subject, e.d->>'object', e.d->>'side', e.d->>'signed_by', (e.d->>'signed_on')::date, e.d->>'method', e.d->>'sha256', e.actor, e.at FROM e
ON CONFLICT (subject, object, side) DO UPDATE SET signed_by = excluded.signed_by, signed_on = excluded.signed_on, method = excluded.method,
    sha256 = excluded.sha256, recorded_by = excluded.recorded_by, at = excluded.at;

-- name: document.signed
-- Keys: later_signature, start, end (effective), start_requested, days_a, days_b, days_c, periods: [{period, start, end}],
-- authorised (office cash as signed), currency.
, p AS (
    INSERT INTO period (subject, period, start_on, end_on)
    SELECT e.subject, x.period, x.start, x."end" FROM e, jsonb_to_recordset(e.d->'periods') AS x(period integer, start date, "end" date)
)
, a AS (INSERT INTO authorised (subject, amount, currency) SELECT e.subject, (e.d->>'authorised')::numeric, e.d->>'currency' FROM e)
UPDATE "case" c SET signed_on = (e.d->>'later_signature')::date, start_on = (e.d->>'start')::date, end_on = (e.d->>'end')::date,
    view_version = c.view_version + 1
FROM e WHERE c.subject = e.subject;

-- name: contingency.activated
-- A contingency document gets its dates, periods and money without a new signature.
-- Keys: letter_sha256, start, end, budget, ceiling, signed_on, periods: [{period, start, end}], authorised, currency.
, p AS (
    INSERT INTO period (subject, period, start_on, end_on)
    SELECT e.subject, x.period, x.start, x."end" FROM e, jsonb_to_recordset(e.d->'periods') AS x(period integer, start date, "end" date)
)
, a AS (INSERT INTO authorised (subject, amount, currency) SELECT e.subject, (e.d->>'authorised')::numeric, e.d->>'currency' FROM e)
UPDATE "case" c SET signed_on = (e.d->>'signed_on')::date, start_on = (e.d->>'start')::date, end_on = (e.d->>'end')::date,
    view_version = c.view_version + 1
FROM e WHERE c.subject = e.subject;
