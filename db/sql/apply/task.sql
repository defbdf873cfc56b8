-- Tasks and the decisions on them. Every statement reads `e`, the event: subject, sequence, at, actor, role, on_behalf_of, d (its data).

-- name: task.opened
-- Keys: task, workflow, kind, stage, round, whom, roles, candidates, holder, office, data, cases, opened_by, opened_from, due_at,
-- moments: [{at, does, level}] besides reminders and escalation.
INSERT INTO task (id, subject, workflow, kind, stage, round, whom, roles, candidates, holder, office, data, cases, opened_at, opened_by,
    opened_from, due_at, moments, state)
SELECT e.d->>'task', e.subject, e.d->>'workflow', e.d->>'kind', e.d->>'stage', (e.d->>'round')::integer, e.d->>'whom',
    ARRAY(SELECT jsonb_array_elements_text(e.d->'roles')), ARRAY(SELECT jsonb_array_elements_text(e.d->'candidates')),
    e.d->>'holder', e.d->>'office', e.d->'data', ARRAY(SELECT jsonb_array_elements_text(e.d->'cases')),
    e.at, e.d->>'opened_by', e.d->>'opened_from', (e.d->>'due_at')::timestamptz,
    coalesce(e.d->'moments', '[]'), 'open'
FROM e;

-- name: task.closed
-- By a decision: task, verdict, decided_by. Because its stage moved on: task, why.
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
UPDATE task t SET
    claimed_by = CASE e.d->>'how' WHEN 'claim' THEN e.actor WHEN 'unclaim' THEN '' ELSE t.claimed_by END,
    candidates = CASE WHEN e.d->>'how' = 'reassign' THEN ARRAY[e.d->>'person'] ELSE t.candidates END
FROM e WHERE t.id = e.d->>'task';

-- name: task.shifted
-- After a hold the working time left is left again; a check that is postponed is due with its obligation. Keys: task, due_at, moments.
UPDATE task t SET due_at = (e.d->>'due_at')::timestamptz, moments = coalesce(e.d->'moments', t.moments) FROM e WHERE t.id = e.d->>'task';

-- name: decision.counted
-- Keys: receipt, task, kind, stage, round, whom, verdict, key, signed, reason_code, comment_sha256, message_sha256, data_sha256.
INSERT INTO decision (subject, sequence, receipt, task, kind, stage, round, whom, actor, role, on_behalf_of, verdict, counted, rules, reason_code,
    comment_sha256, message_sha256, data_sha256, signed, at)
SELECT e.subject, e.sequence, e.d->>'receipt', e.d->>'task', e.d->>'kind', e.d->>'stage', (e.d->>'round')::integer, e.d->>'whom',
    e.actor, e.role, e.on_behalf_of, e.d->>'verdict', true, '{}', e.d->>'reason_code',
    e.d->>'comment_sha256', e.d->>'message_sha256', e.d->>'data_sha256', (e.d->>'signed')::boolean, e.at
FROM e;

-- name: decision.refused
-- Keys: as decision.counted, and rules.
INSERT INTO decision (subject, sequence, receipt, task, kind, stage, round, whom, actor, role, on_behalf_of, verdict, counted, rules, reason_code,
    comment_sha256, message_sha256, data_sha256, signed, at)
SELECT e.subject, e.sequence, e.d->>'receipt', e.d->>'task', e.d->>'kind', e.d->>'stage', (e.d->>'round')::integer, e.d->>'whom',
    e.actor, e.role, e.on_behalf_of, e.d->>'verdict', false, ARRAY(SELECT jsonb_array_elements_text(e.d->'rules')), e.d->>'reason_code',
    e.d->>'comment_sha256', e.d->>'message_sha256', e.d->>'data_sha256', (e.d->>'signed')::boolean, e.at
FROM e;
