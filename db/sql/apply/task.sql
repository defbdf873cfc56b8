-- Tasks and the decisions on them. Every statement reads `e`, the event: subject, sequence, at, actor, role, on_behalf_of, d (its data).

-- name: task.opened
-- Keys: task, workflow, kind, stage, round, whom, roles, candidates, holder, office, data, cases, opened_by, opened_from, due_at,
-- moments: [{at, does, level}] besides reminders and escalation.
, a AS (
    INSERT INTO awaited (task, "case", office, partner_subject, stage, holder, due_at, opened_at)
    SELECT e.d->>'task', c.subject, c.office, c.partner_subject, e.d->>'stage', e.d->>'holder',
        coalesce((e.d->>'due_at')::timestamptz, 'infinity'), e.at
    FROM e CROSS JOIN jsonb_array_elements_text(e.d->'cases') AS x(subject) JOIN "case" c ON c.subject = x.subject
)
, i AS (
    INSERT INTO inbox (task, reader, due_at)
    SELECT e.d->>'task', r.reader, coalesce((e.d->>'due_at')::timestamptz, 'infinity')
    FROM e CROSS JOIN LATERAL (
        SELECT jsonb_array_elements_text(e.d->'candidates') AS reader UNION
        SELECT CASE WHEN x.role LIKE 'partner\_%' THEN partner_of(e.subject) ELSE e.d->>'office' END || ' ' || x.role
        FROM jsonb_array_elements_text(e.d->'roles') AS x(role) WHERE e.d->'candidates' = '[]'
    ) r WHERE r.reader IS NOT NULL
)
INSERT INTO task (id, subject, workflow, kind, stage, round, whom, roles, candidates, holder, office, data, cases, opened_at, opened_by,
    opened_from, due_at, moments, state, partner_subject)
SELECT e.d->>'task', e.subject, e.d->>'workflow', e.d->>'kind', e.d->>'stage', (e.d->>'round')::integer, e.d->>'whom',
    ARRAY(SELECT jsonb_array_elements_text(e.d->'roles')), ARRAY(SELECT jsonb_array_elements_text(e.d->'candidates')),
    e.d->>'holder', e.d->>'office', e.d->'data', ARRAY(SELECT jsonb_array_elements_text(e.d->'cases')),
    e.at, e.d->>'opened_by', e.d->>'opened_from', (e.d->>'due_at')::timestamptz,
    coalesce(e.d->'moments', '[]'), 'open', partner_of(e.subject)
FROM e;

-- name: task.closed
-- By a decision: task, verdict, decided_by. Because its stage moved on: task, why.
, a AS (DELETE FROM awaited a USING e WHERE a.task = e.d->>'task')
, i AS (DELETE FROM inbox i USING e WHERE i.task = e.d->>'task')
UPDATE task t SET
    state = CASE WHEN e.d ? 'verdict' THEN 'decided' ELSE 'closed' END,
    closed_at = e.at, verdict = e.d->>'verdict', decided_by = e.d->>'decided_by', closed_why = e.d->>'why'
FROM e WHERE t.id = e.d->>'task';

-- name: task.reminded
-- Keys: task, level (which reminder).
UPDATE task t SET reminded = (e.d->>'level')::integer FROM e WHERE t.id = e.d->>'task';

-- name: task.escalated
-- Keys: task, level (which name of the list), to (role).
UPDATE task t SET level = (e.d->>'level')::integer FROM e WHERE t.id = e.d->>'task';

-- name: task.reassigned
-- Keys: task, how (claim, unclaim, reassign), person (reassign: the only candidate from now on).
, x AS (DELETE FROM inbox i USING e WHERE i.task = e.d->>'task' AND e.d->>'how' = 'reassign' AND i.reader <> e.d->>'person')
, i AS (
    INSERT INTO inbox (task, reader, due_at) SELECT t.id, e.d->>'person', coalesce(t.due_at, 'infinity')
    FROM e JOIN task t ON t.id = e.d->>'task' WHERE e.d->>'how' = 'reassign' ON CONFLICT (task, reader) DO NOTHING
)
UPDATE task t SET
    claimed_by = CASE e.d->>'how' WHEN 'claim' THEN e.actor WHEN 'unclaim' THEN '' ELSE t.claimed_by END,
    candidates = CASE WHEN e.d->>'how' = 'reassign' THEN ARRAY[e.d->>'person'] ELSE t.candidates END
FROM e WHERE t.id = e.d->>'task';

-- name: task.shifted
-- After a hold the working time left is left again; a check that is postponed is due with its obligation. Keys: task, due_at, moments.
, a AS (UPDATE awaited a SET due_at = coalesce((e.d->>'due_at')::timestamptz, 'infinity') FROM e WHERE a.task = e.d->>'task')
, i AS (UPDATE inbox i SET due_at = coalesce((e.d->>'due_at')::timestamptz, 'infinity') FROM e WHERE i.task = e.d->>'task')
UPDATE task t SET due_at = (e.d->>'due_at')::timestamptz, moments = coalesce(e.d->'moments', t.moments) FROM e WHERE t.id = e.d->>'task';

-- name: decision.counted
-- Keys: receipt, task, kind, stage, round, whom, verdict, key, signed, reason_code, comment_sha256, message_sha256, data_sha256.
INSERT INTO decision (subject, sequence, receipt, task, kind, stage, round, whom, actor, role, on_behalf_of, verdict, counted, rules, reason_code,
    comment_sha256, message_sha256, data_sha256, signed, at, office, partner_subject)
SELECT e.subject, e.sequence, e.d->>'receipt', e.d->>'task', e.d->>'kind', e.d->>'stage', (e.d->>'round')::integer, e.d->>'whom',
    e.actor, e.role, e.on_behalf_of, e.d->>'verdict', true, '{}', e.d->>'reason_code',
    e.d->>'comment_sha256', e.d->>'message_sha256', e.d->>'data_sha256', (e.d->>'signed')::boolean, e.at,
    office_of(e.subject), partner_of(e.subject)
FROM e;

-- name: decision.refused
-- Keys: as decision.counted, and rules.
INSERT INTO decision (subject, sequence, receipt, task, kind, stage, round, whom, actor, role, on_behalf_of, verdict, counted, rules, reason_code,
    comment_sha256, message_sha256, data_sha256, signed, at, office, partner_subject)
SELECT e.subject, e.sequence, e.d->>'receipt', e.d->>'task', e.d->>'kind', e.d->>'stage', (e.d->>'round')::integer, e.d->>'whom',
    e.actor, e.role, e.on_behalf_of, e.d->>'verdict', false, ARRAY(SELECT jsonb_array_elements_text(e.d->'rules')), e.d->>'reason_code',
    e.d->>'comment_sha256', e.d->>'message_sha256', e.d->>'data_sha256', (e.d->>'signed')::boolean, e.at,
    office_of(e.subject), partner_of(e.subject)
FROM e;
