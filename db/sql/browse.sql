-- Lists, a page at a time (activities/browse.py). Nothing here locks or writes.
-- A list is read in the order of an index, from where the last page ended, once for each place it is read from (an office, a partner, a
-- state ...): these are /*places*/, and /*where*/ says that a row is of its place, meets the filters and comes after the last one.
-- `x` is the row of the list in every block; `@value` is what a filter is asked for. Blocks `<list>.<filter>` are its filters.

-- name: cases
-- The register. Holder, next due moment and number of open tasks are looked up for the page alone.
SELECT x.subject, x.reference, x.office, x.partner, x.partner_subject, x.track, x.status, x.stage, x.round, x.held, x.under_notice,
    x.humanitarian, x.document_type, x.focal_point, x.currency, x.office_total, x.office_total_usd, x.submitted_on, x.received_at,
    x.signed_on, x.title_sha256, x.workflow, x.source, x.source_reference, nullif(n.next_due, 'infinity') AS next_due,
    coalesce(n.open_tasks, 0) AS open_tasks,
    CASE WHEN x.status IN ('rejected', 'withdrawn', 'cancelled', 'terminated', 'expired', 'closed') THEN NULL
        ELSE coalesce(n.holder, 'office') END AS holder, /*keys*/
FROM (
    SELECT x.* FROM /*places*/ CROSS JOIN LATERAL (SELECT x.* FROM "case" x WHERE /*where*/ ORDER BY /*order*/ LIMIT /*limit*/) x
    ORDER BY /*order*/ LIMIT /*limit*/
) x LEFT JOIN LATERAL (
    SELECT min(a.due_at) AS next_due, count(*) AS open_tasks,
        CASE WHEN bool_or(a.holder = 'office') THEN 'office' WHEN bool_or(a.holder = 'partner') THEN 'partner' ELSE min(a.holder) END AS holder
    FROM awaited a WHERE a."case" = x.subject
) n ON true
ORDER BY /*order*/

-- name: cases_by_due
-- The register by the next due moment: along the open tasks, each case at its first one. Looked up one by one (OFFSET 0), as far as the
-- page goes: never joined as a whole.
SELECT x.subject, x.reference, x.office, x.partner, x.partner_subject, x.track, x.status, x.stage, x.round, x.held, x.under_notice,
    x.humanitarian, x.document_type, x.focal_point, x.currency, x.office_total, x.office_total_usd, x.submitted_on, x.received_at,
    x.signed_on, x.title_sha256, x.workflow, x.source, x.source_reference, nullif(n.next_due, 'infinity') AS next_due,
    coalesce(n.open_tasks, 0) AS open_tasks, coalesce(n.holder, 'office') AS holder, /*keys*/
FROM (
    SELECT x.* FROM /*places*/ CROSS JOIN LATERAL (
        SELECT x.* FROM (
            SELECT c.*, a.due_at AS due, a.office AS due_in, a."case" AS due_case
            FROM awaited a CROSS JOIN LATERAL (SELECT * FROM "case" c WHERE c.subject = a."case" OFFSET 0) c
            WHERE coalesce((
                SELECT false FROM awaited b WHERE b."case" = a."case" AND (b.due_at, b.task) < (a.due_at, a.task) LIMIT 1), true)
        ) x WHERE /*where*/ ORDER BY /*order*/ LIMIT /*limit*/
    ) x ORDER BY /*order*/ LIMIT /*limit*/
) x LEFT JOIN LATERAL (
    SELECT min(a.due_at) AS next_due, count(*) AS open_tasks,
        CASE WHEN bool_or(a.holder = 'office') THEN 'office' WHEN bool_or(a.holder = 'partner') THEN 'partner' ELSE min(a.holder) END AS holder
    FROM awaited a WHERE a."case" = x.subject
) n ON true
ORDER BY /*order*/

-- name: cases_of_few_by_due
-- The same where a partner or a focal point leaves only few cases: they are found first, then put in order.
SELECT x.subject, x.reference, x.office, x.partner, x.partner_subject, x.track, x.status, x.stage, x.round, x.held, x.under_notice,
    x.humanitarian, x.document_type, x.focal_point, x.currency, x.office_total, x.office_total_usd, x.submitted_on, x.received_at,
    x.signed_on, x.title_sha256, x.workflow, x.source, x.source_reference, nullif(x.due, 'infinity') AS next_due, x.open_tasks,
    coalesce(x.next_holder, 'office') AS holder, /*keys*/
FROM /*places*/ CROSS JOIN LATERAL (
    SELECT x.* FROM (
        SELECT c.*, c.subject AS due_case, n.* FROM "case" c CROSS JOIN LATERAL (
            SELECT min(a.due_at) AS due, count(*) AS open_tasks,
                CASE WHEN bool_or(a.holder = 'office') THEN 'office' WHEN bool_or(a.holder = 'partner') THEN 'partner'
                    ELSE min(a.holder) END AS next_holder
            FROM awaited a WHERE a."case" = c.subject
        ) n WHERE n.due IS NOT NULL
    ) x WHERE /*where*/
) x ORDER BY /*order*/ LIMIT /*limit*/

-- name: cases.status
x.status = ANY (@value::text[])
-- name: cases.track
x.track = @value::text
-- name: cases.stage
x.stage = @value::text
-- name: cases.humanitarian
x.humanitarian = @value::boolean
-- name: cases.offices
x.office = ANY (@value::text[])
-- name: cases.of
x.partner_subject = ANY (@value::text[])
-- name: cases.open
-- Only what has not ended: in the words of the index that holds only these.
x.status NOT IN ('rejected', 'withdrawn', 'cancelled', 'terminated', 'expired', 'closed')
-- name: cases.holder
-- Who holds it: the office while any task of it is open or none is, else the partner, else an external.
CASE @value::text
    WHEN 'office' THEN EXISTS (SELECT FROM awaited a WHERE a."case" = x.subject AND a.holder = 'office')
        OR NOT EXISTS (SELECT FROM awaited a WHERE a."case" = x.subject)
    WHEN 'partner' THEN EXISTS (SELECT FROM awaited a WHERE a."case" = x.subject AND a.holder = 'partner')
        AND NOT EXISTS (SELECT FROM awaited a WHERE a."case" = x.subject AND a.holder = 'office')
    ELSE EXISTS (SELECT FROM awaited a WHERE a."case" = x.subject)
        AND NOT EXISTS (SELECT FROM awaited a WHERE a."case" = x.subject AND a.holder IN ('office', 'partner')) END
-- name: cases.reference
x.reference >= @value::text AND x.reference < @value::text || chr(1114111)
-- name: cases.received_from
x.received_at >= @value::timestamptz
-- name: cases.received_to
x.received_at < @value::timestamptz

-- name: inbox
-- Open tasks of a person: by himself and by each role in each place; a task reached in two ways is shown once.
SELECT t.*, /*keys*/ FROM (
    SELECT DISTINCT ON (x.due_at, x.task) x.due_at, x.task FROM /*places*/ CROSS JOIN LATERAL (
        SELECT x.due_at, x.task FROM inbox x WHERE /*where*/ ORDER BY /*order*/ LIMIT /*limit*/
    ) x ORDER BY /*order*/ LIMIT /*limit*/
) x JOIN task t ON t.id = x.task ORDER BY /*order*/

-- name: inbox.overdue
x.due_at < @value::timestamptz
-- name: inbox.kind
EXISTS (SELECT FROM task t WHERE t.id = x.task AND t.kind = @value::text)
-- name: inbox.case
EXISTS (SELECT FROM awaited a WHERE a.task = x.task AND a."case" = @value::text)
-- name: inbox.claimed
EXISTS (SELECT FROM task t WHERE t.id = x.task AND t.claimed_by = @value::text)

-- name: tasks
SELECT x.*, /*keys*/ FROM /*places*/ CROSS JOIN LATERAL (SELECT x.* FROM task x WHERE /*where*/ ORDER BY /*order*/ LIMIT /*limit*/) x
ORDER BY /*order*/ LIMIT /*limit*/

-- name: tasks.open
x.state = 'open'
-- name: tasks.done
x.state <> 'open'
-- name: tasks.offices
x.office = ANY (@value::text[])
-- name: tasks.of
x.partner_subject = ANY (@value::text[])
-- name: tasks.case
-- Those that serve a case: its own, and those of what it shares.
x.cases @> ARRAY[@value::text]
-- name: tasks.kind
x.kind = @value::text
-- name: tasks.role
@value::text = ANY (x.roles)
-- name: tasks.holder
x.holder = @value::text
-- name: tasks.overdue
coalesce(x.due_at, 'infinity'::timestamptz) < @value::timestamptz

-- name: decisions
SELECT x.*, /*keys*/ FROM /*places*/ CROSS JOIN LATERAL (SELECT x.* FROM decision x WHERE /*where*/ ORDER BY /*order*/ LIMIT /*limit*/) x
ORDER BY /*order*/ LIMIT /*limit*/

-- name: decisions.offices
x.office = ANY (@value::text[])
-- name: decisions.of
x.partner_subject = ANY (@value::text[])
-- name: decisions.counted
x.counted
-- name: decisions.refused
NOT x.counted
-- name: decisions.kind
x.kind = @value::text

-- name: obligations
SELECT x.*, /*keys*/ FROM /*places*/ CROSS JOIN LATERAL (SELECT x.* FROM obligation x WHERE /*where*/ ORDER BY /*order*/ LIMIT /*limit*/) x
ORDER BY /*order*/ LIMIT /*limit*/

-- name: obligations.offices
x.office = ANY (@value::text[])
-- name: obligations.of
x.partner_subject = ANY (@value::text[])
-- name: obligations.overdue
x.overdue = @value::boolean
-- name: obligations.owner_role
x.owner_role = @value::text
-- name: obligations.kind
x.kind = @value::text
-- name: obligations.due_to
coalesce(x.due_at, 'infinity'::timestamptz) < @value::timestamptz
-- name: obligations.relied_on_by
-- Its own, and those of its partner that it relies on.
(x.subject = @value::text OR @value::text = ANY (x.cases))

-- name: blocks
SELECT x.*, /*keys*/ FROM /*places*/ CROSS JOIN LATERAL (
    SELECT x.* FROM block x WHERE x.lifted_at IS NULL AND /*where*/ ORDER BY /*order*/ LIMIT /*limit*/
) x ORDER BY /*order*/ LIMIT /*limit*/

-- name: blocks.offices
x.office = ANY (@value::text[])
-- name: blocks.of
x.partner_subject = ANY (@value::text[])
-- name: blocks.kind
x.scope = @value::text

-- name: activations
-- There are few of them.
SELECT x.*, /*keys*/ FROM /*places*/ CROSS JOIN activation x WHERE /*where*/ ORDER BY /*order*/ LIMIT /*limit*/

-- name: activations.offices
x.offices && @value::text[]
-- name: activations.state
x.state = @value::text
-- name: activations.level
x.level = @value::text
-- name: activations.office
x.offices @> ARRAY[@value::text]

-- name: partners
-- From one partner to the next along the index of cases; clearance and exposure are looked up for the page alone.
SELECT x.*, /*keys*/ FROM /*places*/ CROSS JOIN LATERAL (
    SELECT x.* FROM (
        WITH RECURSIVE walk AS (
            (SELECT c.office, c.partner_subject AS subject FROM "case" c WHERE c.office = p1.place AND c.partner_subject > @after
             ORDER BY c.partner_subject LIMIT 1)
            UNION ALL
            SELECT n.* FROM walk w CROSS JOIN LATERAL (
                SELECT c.office, c.partner_subject FROM "case" c WHERE c.office = p1.place AND c.partner_subject > w.subject
                ORDER BY c.partner_subject LIMIT 1
            ) n
        ) SELECT * FROM walk
    ) x WHERE /*where*/ LIMIT /*limit*/
) x ORDER BY /*order*/ LIMIT /*limit*/

-- name: partners.of
x.subject = ANY (@value::text[])
-- name: partners.prefix
starts_with(x.subject, 'partner:' || x.office || ':' || @value::text)
-- name: partners.clearance
EXISTS (SELECT FROM clearance k WHERE k.subject = x.subject AND k.state = @value::text)

-- name: standing_of_partners
-- How partners stand. $1 their subjects.
SELECT s.subject,
    (SELECT jsonb_agg(jsonb_build_object('level', k.level, 'state', k.state, 'valid_until', k.valid_until) ORDER BY k.level)
     FROM clearance k WHERE k.subject = s.subject) AS clearances,
    (SELECT v.confirmed_at IS NOT NULL FROM vendor v WHERE v.subject = s.subject) AS vendor_confirmed,
    (SELECT count(*) FROM "case" c WHERE c.partner_subject = s.subject) AS cases,
    (SELECT count(*) FROM "case" c WHERE c.partner_subject = s.subject
        AND c.status NOT IN ('rejected', 'withdrawn', 'cancelled', 'terminated', 'expired', 'closed')) AS open_cases,
    (SELECT jsonb_agg(jsonb_build_object('currency', o.currency, 'outstanding', o.amount::text) ORDER BY o.currency) FROM (
        SELECT j.currency, sum(n.amount) AS amount FROM journal j JOIN entry n ON n.journal = j.id AND n.account = 'outstanding'
        WHERE j.partner_subject = s.subject GROUP BY j.currency HAVING sum(n.amount) <> 0) o) AS exposure,
    (SELECT count(*) FROM obligation o WHERE o.partner_subject = s.subject AND o.state IN ('open', 'evidence_in')) AS open_obligations,
    (SELECT count(*) FROM obligation o WHERE o.partner_subject = s.subject AND o.state IN ('open', 'evidence_in') AND o.overdue)
        AS overdue_obligations,
    (SELECT array_agg(DISTINCT b.scope ORDER BY b.scope) FROM block b WHERE b.partner_subject = s.subject AND b.lifted_at IS NULL) AS blocks
FROM unnest($1::text[]) AS s(subject)

-- name: instalments
SELECT x.*, /*keys*/ FROM /*places*/ CROSS JOIN LATERAL (SELECT x.* FROM instalment x WHERE /*where*/ ORDER BY /*order*/ LIMIT /*limit*/) x
ORDER BY /*order*/ LIMIT /*limit*/

-- name: instalments.offices
x.office = ANY (@value::text[])
-- name: instalments.of
x.partner_subject = ANY (@value::text[])
-- name: instalments.state
x.state = @value::text

-- name: ledger
-- One journal a row, with its entries by account.
SELECT x.id, x.subject, x.instalment, x.kind, x.at, x.currency,
    (SELECT jsonb_object_agg(n.account, n.amount::text) FROM entry n WHERE n.journal = x.id) AS entries, /*keys*/
FROM /*places*/ CROSS JOIN LATERAL (SELECT x.* FROM journal x WHERE /*where*/ ORDER BY /*order*/ LIMIT /*limit*/) x
ORDER BY /*order*/ LIMIT /*limit*/

-- name: ledger.offices
x.office = ANY (@value::text[])
-- name: ledger.of
x.partner_subject = ANY (@value::text[])
-- name: ledger.kind
x.kind = @value::text

-- name: events
SELECT x.subject, x.sequence, x.type, x.at, x.data, x.hash, x.position, x.recorded_at, /*keys*/
FROM /*places*/ CROSS JOIN LATERAL (SELECT x.* FROM event x WHERE /*where*/ ORDER BY /*order*/ LIMIT /*limit*/) x
ORDER BY /*order*/ LIMIT /*limit*/

-- name: events.type
x.type = @value::text
-- name: events.prefix
starts_with(x.type, @value::text)
-- name: events.types
x.type = ANY (@value::text[])

-- name: rejected
SELECT x.id, x.source, x.source_reference, x.office, x.findings, x.received_at, /*keys*/
FROM /*places*/ CROSS JOIN LATERAL (SELECT x.* FROM rejected_intake x WHERE /*where*/ ORDER BY /*order*/ LIMIT /*limit*/) x
ORDER BY /*order*/ LIMIT /*limit*/

-- name: rejected.source
x.source = @value::text

-- name: offices
-- Every office that the record can hold cases of.
SELECT DISTINCT name FROM versioned WHERE kind = 'office' ORDER BY name

-- name: within
-- The office and the partner that a subject belongs to; of an activation none.
SELECT office_of($1) AS office, partner_of($1) AS partner_subject

-- name: one_rejected
SELECT id, source, source_reference, office, body, findings, received_at FROM rejected_intake WHERE id = $1

-- name: subject_of_case
SELECT subject FROM "case" WHERE reference = $1

-- name: heads
-- How far the chains of these subjects have grown.
SELECT subject, sequence FROM stream WHERE subject = ANY ($1::text[])

-- name: stays
-- Stays of an office that ended from a moment on, by status, track and days where the office is. $1 office, $2 from, $3 time zone.
SELECT status, track, (began_at AT TIME ZONE $3)::date AS began, (ended_at AT TIME ZONE $3)::date AS ended, count(*) AS cases
FROM stay WHERE office = $1 AND ended_at >= $2::timestamptz GROUP BY 1, 2, 3, 4

-- name: signed
-- Cases of an office signed from a day on: from receipt to the later signature. $1 office, $2 from, $3 time zone.
SELECT track, humanitarian, (received_at AT TIME ZONE $3)::date AS began, signed_on AS ended, count(*) AS cases
FROM "case" WHERE office = $1 AND signed_on >= $2 GROUP BY 1, 2, 3, 4

-- name: first_payments
-- First instalments paid from a moment on: from request to payment. $1 office, $2 from, $3 time zone.
SELECT (requested_at AT TIME ZONE $3)::date AS began, (paid_at AT TIME ZONE $3)::date AS ended, count(*) AS cases
FROM instalment WHERE office = $1 AND instalment = 1 AND paid_at >= $2::timestamptz GROUP BY 1, 2

-- name: waits
-- Where the open tasks of an office wait now. $1 office, $2 now.
SELECT stage, holder, count(DISTINCT "case") AS cases, count(*) AS tasks, count(*) FILTER (WHERE due_at < $2::timestamptz) AS overdue,
    min(opened_at) AS since
FROM awaited WHERE office = $1 GROUP BY 1, 2 ORDER BY 1, 2

-- name: ageing
-- Cash paid and not yet reported, by months since it was paid. $1 office, $2 now.
SELECT currency, count(*) AS instalments, sum(paid) AS amount, CASE WHEN paid_at > $2::timestamptz - interval '3 months' THEN 'under 3'
    WHEN paid_at > $2::timestamptz - interval '6 months' THEN '3 to 6'
    WHEN paid_at > $2::timestamptz - interval '9 months' THEN '6 to 9' ELSE 'over 9' END AS months
FROM instalment WHERE office = $1 AND state = 'paid' GROUP BY currency, months ORDER BY currency, months

-- name: fates
-- What is owed in an office, by kind: in time, overdue, evidence in. $1 office.
SELECT kind, count(*) FILTER (WHERE state = 'open' AND NOT overdue) AS in_time, count(*) FILTER (WHERE overdue) AS overdue,
    count(*) FILTER (WHERE state = 'evidence_in') AS evidence_in, min(due_at) AS next_due
FROM obligation WHERE office = $1 AND state IN ('open', 'evidence_in') GROUP BY 1 ORDER BY 1

-- name: standing_cases
-- Open cases of an office by status and track. $1 office.
SELECT status, track, count(*) AS cases FROM "case"
WHERE office = $1 AND status NOT IN ('rejected', 'withdrawn', 'cancelled', 'terminated', 'expired', 'closed') GROUP BY 1, 2 ORDER BY 1, 2

-- name: office_of_task
SELECT office FROM task WHERE id = $1

-- name: workflow_of_task
SELECT workflow FROM task WHERE id = $1

-- name: packs_of_task
-- Of the case that a task serves, the first where there are several.
SELECT c.packs, c.track FROM task t JOIN "case" c ON c.subject = t.cases[1] WHERE t.id = $1

-- name: offices_of_activation
SELECT offices FROM activation WHERE reference = $1

-- name: inbox_mark
-- Of the first hundred tasks for each reader. $1 readers.
SELECT md5(string_agg(i.task || i.due_at::text, ',' ORDER BY i.due_at, i.task)) FROM unnest($1::text[]) AS r(reader)
CROSS JOIN LATERAL (SELECT task, due_at FROM inbox WHERE reader = r.reader ORDER BY due_at, task LIMIT 100) i
