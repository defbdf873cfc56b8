-- Money. Amounts come as text in the document's currency. Debit is positive, credit negative; every journal sums to nothing.
-- Journal ids end in the sequence of their event, so that they come from the event alone.

-- name: funds.reserved
-- Keys: number, vendor_number, currency, amount, lines: [{grant, amount, expires_on}], top_up. A top-up of the same number adds to it.
INSERT INTO reservation (subject, number, vendor_number, currency, amount, lines, at)
SELECT e.subject, e.d->>'number', e.d->>'vendor_number', e.d->>'currency', (e.d->>'amount')::numeric, coalesce(e.d->'lines', '[]'), e.at FROM e
ON CONFLICT (subject, number) DO UPDATE SET amount = reservation.amount + excluded.amount, lines = reservation.lines || excluded.lines;

-- name: cash.requested
-- Keys: instalment, period, modality, currency, amount, lines: [{activity, amount}], account_ref, face_sha256, signed_by.
INSERT INTO instalment (subject, instalment, period, modality, currency, requested, lines, state, account_ref, face_sha256, signed_by, requested_at)
SELECT e.subject, (e.d->>'instalment')::integer, (e.d->>'period')::integer, e.d->>'modality', e.d->>'currency', (e.d->>'amount')::numeric,
    e.d->'lines', 'requested', e.d->>'account_ref', e.d->>'face_sha256', e.d->>'signed_by', e.at
FROM e
ON CONFLICT (subject, instalment) DO UPDATE SET period = excluded.period, modality = excluded.modality, requested = excluded.requested,
    lines = excluded.lines, certified = NULL, certified_lines = NULL, checked = NULL, checked_lines = NULL, state = 'requested',
    account_ref = excluded.account_ref, face_sha256 = excluded.face_sha256, signed_by = excluded.signed_by, requested_at = excluded.requested_at;

-- name: cash.certified
-- Keys: instalment, amount, lines, reductions.
UPDATE instalment i SET certified = (e.d->>'amount')::numeric, certified_lines = e.d->'lines',
    state = CASE WHEN i.state = 'requested' THEN 'certified' ELSE i.state END
FROM e WHERE i.subject = e.subject AND i.instalment = (e.d->>'instalment')::integer;

-- name: cash.checked
-- Keys: instalment, amount, lines, reductions.
UPDATE instalment i SET checked = (e.d->>'amount')::numeric, checked_lines = e.d->'lines', state = 'checked'
FROM e WHERE i.subject = e.subject AND i.instalment = (e.d->>'instalment')::integer;

-- name: cash.returned
-- Keys: instalment, by (role).
UPDATE instalment i SET state = 'returned' FROM e WHERE i.subject = e.subject AND i.instalment = (e.d->>'instalment')::integer;

-- name: cash.refused
-- Keys: instalment, reason_code.
UPDATE instalment i SET state = 'refused' FROM e WHERE i.subject = e.subject AND i.instalment = (e.d->>'instalment')::integer;

-- name: cash.released
-- Keys: instalment, amount, currency, value_date, checks_passed. Outstanding rises, the bank is owed; the database refuses more than authorised.
, i AS (
    UPDATE instalment i SET released = (e.d->>'amount')::numeric, value_date = (e.d->>'value_date')::date, released_at = e.at, state = 'released'
    FROM e WHERE i.subject = e.subject AND i.instalment = (e.d->>'instalment')::integer
)
, a AS (UPDATE authorised a SET drawn = a.drawn + (e.d->>'amount')::numeric FROM e WHERE a.subject = e.subject)
, j AS (
    INSERT INTO journal (id, subject, instalment, kind, at, currency)
    SELECT concat_ws(':', substr(e.subject, 6), e.d->>'instalment', 'release', e.sequence), e.subject, (e.d->>'instalment')::integer, 'release',
        e.at, e.d->>'currency'
    FROM e RETURNING id
)
INSERT INTO entry (journal, account, amount)
SELECT j.id, x.account, x.sign * (e.d->>'amount')::numeric FROM e, j, (VALUES ('outstanding', 1), ('payable', -1)) AS x(account, sign);

-- name: payment.ordered
-- Keys: order, instalment, amount, currency, account_ref, vendor_number, value_date, state (ordered; later accepted or unknown), bank_reference.
INSERT INTO payment_order ("order", subject, instalment, amount, currency, account_ref, vendor_number, value_date, state, bank_reference, ordered_at)
SELECT e.d->>'order', e.subject, (e.d->>'instalment')::integer, (e.d->>'amount')::numeric, e.d->>'currency', e.d->>'account_ref',
    e.d->>'vendor_number', (e.d->>'value_date')::date, coalesce(e.d->>'state', 'ordered'), e.d->>'bank_reference', e.at
FROM e
ON CONFLICT ("order") DO UPDATE SET state = excluded.state, bank_reference = coalesce(excluded.bank_reference, payment_order.bank_reference);

-- name: payment.confirmed
-- Keys: order, instalment, period, amount, currency, bank_reference, paid_at (moment; none: the event's), report_due (date).
, o AS (
    UPDATE payment_order o SET state = 'confirmed', bank_reference = e.d->>'bank_reference', confirmed_at = e.at
    FROM e WHERE o.subject = e.subject AND o."order" = e.d->>'order'
)
, i AS (
    UPDATE instalment i SET paid = (e.d->>'amount')::numeric, paid_at = coalesce((e.d->>'paid_at')::timestamptz, e.at), state = 'paid'
    FROM e WHERE i.subject = e.subject AND i.instalment = (e.d->>'instalment')::integer
)
, r AS (
    INSERT INTO report (subject, instalment, period, due, reviews, state)
    SELECT e.subject, (e.d->>'instalment')::integer, (e.d->>'period')::integer, (e.d->>'report_due')::date, '{}', 'due'
    FROM e WHERE e.d ? 'report_due' ON CONFLICT (subject, instalment) DO NOTHING
)
, j AS (
    INSERT INTO journal (id, subject, instalment, kind, at, currency)
    SELECT concat_ws(':', substr(e.subject, 6), e.d->>'instalment', 'payment', e.sequence), e.subject, (e.d->>'instalment')::integer, 'payment',
        e.at, e.d->>'currency'
    FROM e RETURNING id
)
INSERT INTO entry (journal, account, amount)
SELECT j.id, x.account, x.sign * (e.d->>'amount')::numeric FROM e, j, (VALUES ('payable', 1), ('bank', -1)) AS x(account, sign);

-- name: payment.accepted
-- The bank has the order. Keys: order, bank_reference.
UPDATE payment_order o SET state = CASE WHEN o.state IN ('ordered', 'unknown') THEN 'accepted' ELSE o.state END,
    bank_reference = coalesce(e.d->>'bank_reference', o.bank_reference)
FROM e WHERE o.subject = e.subject AND o."order" = e.d->>'order';

-- name: payment.refused
-- Keys: order, instalment, why.
UPDATE payment_order o SET state = 'refused' FROM e WHERE o.subject = e.subject AND o."order" = e.d->>'order';

-- name: payment.anomaly
-- Keys: order, instalment, kind (twice, other_amount, unknown, late, not_ordered), bank_reference, amount, currency, difference. No entry in the
-- ledger; only what nobody can say of an order is kept with it.
UPDATE payment_order o SET state = 'unknown'
FROM e WHERE o.subject = e.subject AND o."order" = e.d->>'order' AND e.d->>'kind' = 'unknown' AND o.state IN ('ordered', 'accepted');

-- name: payment.cancelled
-- A release that will not be paid is taken back. Keys: order, instalment, amount, currency.
, o AS (UPDATE payment_order o SET state = 'cancelled' FROM e WHERE o.subject = e.subject AND o."order" = e.d->>'order')
, i AS (
    UPDATE instalment i SET released = NULL, state = 'refused' FROM e WHERE i.subject = e.subject AND i.instalment = (e.d->>'instalment')::integer
)
, a AS (UPDATE authorised a SET drawn = a.drawn - (e.d->>'amount')::numeric FROM e WHERE a.subject = e.subject)
, j AS (
    INSERT INTO journal (id, subject, instalment, kind, at, currency)
    SELECT concat_ws(':', substr(e.subject, 6), e.d->>'instalment', 'cancellation', e.sequence), e.subject, (e.d->>'instalment')::integer,
        'cancellation', e.at, e.d->>'currency'
    FROM e RETURNING id
)
INSERT INTO entry (journal, account, amount)
SELECT j.id, x.account, x.sign * (e.d->>'amount')::numeric FROM e, j, (VALUES ('payable', 1), ('outstanding', -1)) AS x(account, sign);

-- name: report.due
-- Keys: instalment, period, due (date).
INSERT INTO report (subject, instalment, period, due, reviews, state)
SELECT e.subject, (e.d->>'instalment')::integer, (e.d->>'period')::integer, (e.d->>'due')::date, '{}', 'due' FROM e
ON CONFLICT (subject, instalment) DO NOTHING;

-- name: report.submitted
-- Keys: instalment, period, amount (column B), lines: [{activity, spent}], refunds, balance, sha256, signed_by.
UPDATE report r SET submitted_at = e.at, submitted = (e.d->>'amount')::numeric, lines = e.d->'lines', sha256 = e.d->>'sha256', reviews = '{}',
    accepted = NULL, rejected = NULL, balance = NULL, state = 'submitted'
FROM e WHERE r.subject = e.subject AND r.instalment = (e.d->>'instalment')::integer;

-- name: report.reviewed
-- One side: instalment, side (programme, finance), result (accepted, accepted_in_part, returned), lines: [{activity, accepted, rejected, reason}].
-- The second also: final: true, currency, accepted (C), rejected (B - C), balance (D = A - C); what was accepted is spent, no longer outstanding.
, r AS (
    UPDATE report r SET
        reviews = CASE WHEN e.d->>'result' = 'returned' THEN '{}' ELSE r.reviews || jsonb_build_object(e.d->>'side', e.d->'lines') END,
        accepted = (e.d->>'accepted')::numeric, rejected = (e.d->>'rejected')::numeric, balance = (e.d->>'balance')::numeric,
        state = CASE WHEN e.d->>'result' = 'returned' THEN 'returned' WHEN e.d ? 'final' THEN 'accepted' ELSE r.state END
    FROM e WHERE r.subject = e.subject AND r.instalment = (e.d->>'instalment')::integer
)
, i AS (
    UPDATE instalment i SET state = 'reported', reported_at = e.at
    FROM e WHERE i.subject = e.subject AND i.instalment = (e.d->>'instalment')::integer AND e.d ? 'final'
)
, j AS (
    INSERT INTO journal (id, subject, instalment, kind, at, currency)
    SELECT concat_ws(':', substr(e.subject, 6), e.d->>'instalment', 'liquidation', e.sequence), e.subject, (e.d->>'instalment')::integer,
        'liquidation', e.at, e.d->>'currency'
    FROM e WHERE e.d ? 'final' AND (e.d->>'accepted')::numeric <> 0 RETURNING id
)
INSERT INTO entry (journal, account, amount)
SELECT j.id, x.account, x.sign * (e.d->>'accepted')::numeric FROM e, j, (VALUES ('expenditure', 1), ('outstanding', -1)) AS x(account, sign);

-- name: report.waived
-- Keys: instalment, until (date), obligation.
UPDATE report r SET waived_until = (e.d->>'until')::date FROM e WHERE r.subject = e.subject AND r.instalment = (e.d->>'instalment')::integer;

-- name: cash.stopped
-- Keys: cause, scope; blocks: [{id, scope, cause, reason_code, until}] put in force on the event's subject.
, b AS (
    INSERT INTO block (id, subject, scope, cause, reason_code, since, until)
    SELECT x.id, e.subject, x.scope, x.cause, x.reason_code, e.at, x.until
    FROM e, jsonb_to_recordset(coalesce(e.d->'blocks', '[]')) AS x(id text, scope text, cause text, reason_code text, until timestamptz)
    ON CONFLICT (id) DO UPDATE SET since = excluded.since, until = excluded.until, lifted_at = NULL, lifted_by = NULL
)
UPDATE "case" c SET view_version = c.view_version + 1 FROM e WHERE c.subject = e.subject;

-- name: cash.resumed
-- Keys: cause; lifts: [block ids].
, b AS (UPDATE block b SET lifted_at = e.at, lifted_by = e.actor FROM e WHERE b.subject = e.subject AND coalesce(e.d->'lifts', '[]') ? b.id)
UPDATE "case" c SET view_version = c.view_version + 1 FROM e WHERE c.subject = e.subject;
