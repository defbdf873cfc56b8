-- How events of the case change its row. Every statement reads `e`, the event: subject, sequence, at, actor, role, round, d (its data).
-- What a stage may see of the case is versioned: each change of it raises view_version.

-- name: case.received
-- The whole row as taken. Keys: reference, workflow, office, programme, partner, partner_subject, umbrella, source, source_reference,
-- facts_sha256, title_sha256, instrument, document_type, humanitarian, submitter, section, focal_point, budget_owner, currency, rate,
-- office_total, office_cash, office_total_usd, office_cash_usd, submitted_on, start_requested, end_requested, carries_umbrella, packs, clock,
-- assumed_facts, activation.
INSERT INTO "case" SELECT (jsonb_populate_record(NULL::"case",
    '{"track": "", "stage": "", "round": 1, "view_version": 1, "held": false, "under_notice": false, "carries_umbrella": false,
      "document_version": 0, "clock": "", "ended_reason": "", "status": "received"}'::jsonb
    || e.d || jsonb_build_object('subject', e.subject, 'received_at', e.at))).*
FROM e;

-- name: case.track_set
-- Keys: track, reason, activation, confirmed.
UPDATE "case" c SET track = e.d->>'track', activation = coalesce(e.d->>'activation', c.activation), view_version = c.view_version + 1 FROM e WHERE c.subject = e.subject;

-- name: case.track_changed
-- Keys: from, to, reason, activation, stages_affected. Back on the standard track the case remembers on which activation it was fast.
UPDATE "case" c SET track = e.d->>'to', activation = coalesce(e.d->>'activation', c.activation), view_version = c.view_version + 1 FROM e WHERE c.subject = e.subject;

-- name: case.status_changed
-- Keys: from, to, trigger; round (of the stage that begins, if not 1).
UPDATE "case" c SET
    status = e.d->>'to',
    stage = CASE e.d->>'to'
        WHEN 'received' THEN '' WHEN 'vetting' THEN 'vetting' WHEN 'drafting' THEN 'document' WHEN 'in_review' THEN 'review'
        WHEN 'in_approval' THEN 'approval' WHEN 'in_signature' THEN 'approval' WHEN 'signed' THEN 'cash' WHEN 'active' THEN 'cash'
        WHEN 'ended' THEN 'cash' ELSE c.stage END,
    round = coalesce((e.d->>'round')::integer, e.round, c.round),
    view_version = c.view_version + 1
FROM e WHERE c.subject = e.subject;

-- name: case.activated
-- Keys: start, first_period, cap.
UPDATE "case" c SET activated_at = e.at, view_version = c.view_version + 1 FROM e WHERE c.subject = e.subject;

-- name: case.rejected
-- Keys: stage, reason_code, message_sha256.
UPDATE "case" c SET ended_reason = coalesce(e.d->>'reason_code', ''), view_version = c.view_version + 1 FROM e WHERE c.subject = e.subject;

-- name: case.withdrawn
-- Keys: by (office or partner), reason_code, reason_sha256.
UPDATE "case" c SET ended_reason = coalesce(e.d->>'reason_code', ''), held = false, hold_until = NULL, view_version = c.view_version + 1
FROM e WHERE c.subject = e.subject;

-- name: case.cancelled
-- Keys: justification_sha256.
UPDATE "case" c SET ended_reason = 'cancelled', held = false, hold_until = NULL, view_version = c.view_version + 1
FROM e WHERE c.subject = e.subject;

-- name: case.terminated
-- Keys: ground, document_sha256.
UPDATE "case" c SET ended_reason = coalesce(e.d->>'ground', ''), view_version = c.view_version + 1 FROM e WHERE c.subject = e.subject;

-- name: case.expired
-- Keys: none.
UPDATE "case" c SET ended_reason = 'expired', view_version = c.view_version + 1 FROM e WHERE c.subject = e.subject;

-- name: case.ended
-- Keys: end.
UPDATE "case" c SET view_version = c.view_version + 1 FROM e WHERE c.subject = e.subject;

-- name: case.closed
-- Keys: none.
UPDATE "case" c SET view_version = c.view_version + 1 FROM e WHERE c.subject = e.subject;

-- name: case.held
-- Keys: reason_sha256, until (moment).
UPDATE "case" c SET held = true, hold_until = (e.d->>'until')::timestamptz, view_version = c.view_version + 1
FROM e WHERE c.subject = e.subject;

-- name: case.resumed
-- Keys: by (person or time).
UPDATE "case" c SET held = false, hold_until = NULL, view_version = c.view_version + 1 FROM e WHERE c.subject = e.subject;

-- name: case.focal_point_changed
-- Keys: from, to, interim.
UPDATE "case" c SET focal_point = e.d->>'to' FROM e WHERE c.subject = e.subject;

-- name: case.suspended
-- Of a case, or of a partner (an open screening hit): then every case of it sees the change.
-- Keys: scope, reason_code, automatic, until; blocks: [{id, scope, cause, reason_code, until}] put in force on the event's subject.
, b AS (
    INSERT INTO block (id, subject, scope, cause, reason_code, since, until)
    SELECT x.id, e.subject, x.scope, x.cause, x.reason_code, e.at, x.until
    FROM e, jsonb_to_recordset(e.d->'blocks') AS x(id text, scope text, cause text, reason_code text, until timestamptz)
    ON CONFLICT (id) DO UPDATE SET scope = excluded.scope, cause = excluded.cause, reason_code = excluded.reason_code,
        since = excluded.since, until = excluded.until, lifted_at = NULL, lifted_by = NULL
)
UPDATE "case" c SET view_version = c.view_version + 1 FROM e WHERE e.subject IN (c.subject, c.partner_subject);

-- name: case.suspension_lifted
-- Of a case, or of a partner (an open screening hit): then every case of it sees the change.
-- Keys: lifts: [block ids], restored_to.
, b AS (UPDATE block b SET lifted_at = e.at, lifted_by = e.actor FROM e WHERE b.subject = e.subject AND e.d->'lifts' ? b.id)
UPDATE "case" c SET view_version = c.view_version + 1 FROM e WHERE e.subject IN (c.subject, c.partner_subject);

-- name: notice.sent
-- Keys: kind (suspension, breach, termination), object, ground, days, effective_on, document_sha256; blocks as in case.suspended.
, b AS (
    INSERT INTO block (id, subject, scope, cause, reason_code, since, until)
    SELECT x.id, e.subject, x.scope, x.cause, x.reason_code, e.at, x.until
    FROM e, jsonb_to_recordset(coalesce(e.d->'blocks', '[]')) AS x(id text, scope text, cause text, reason_code text, until timestamptz)
    ON CONFLICT (id) DO UPDATE SET since = excluded.since, until = excluded.until, lifted_at = NULL, lifted_by = NULL
)
UPDATE "case" c SET under_notice = c.under_notice OR e.d->>'kind' = 'termination', view_version = c.view_version + 1
FROM e WHERE c.subject = e.subject;

-- name: waiting.entered
-- A case waits for what the event's subject (partner or umbrella) holds; its open tasks serve that case too. Keys: case, level.
, t AS (
    UPDATE task t SET cases = t.cases || (e.d->>'case') FROM e
    WHERE t.subject = e.subject AND t.state = 'open' AND NOT e.d->>'case' = ANY (t.cases)
)
INSERT INTO waiting (subject, "case", level, since) SELECT e.subject, e.d->>'case', e.d->>'level', e.at FROM e
ON CONFLICT (subject, "case") DO UPDATE SET level = excluded.level;

-- name: waiting.left
-- The case has what it asked for, or asks no longer. Keys: case.
DELETE FROM waiting w USING e WHERE w.subject = e.subject AND w."case" = e.d->>'case';
