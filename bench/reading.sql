-- A generated record for bench/reading.py: rows only, no event stands behind them and no trigger is asked.
-- @size agreements over @offices offices; an office's number is the square of an even spread, so the first ones hold far more than the last.

CREATE TEMP TABLE g AS
SELECT n, o, 'X' || chr(65 + o / 26) || chr(65 + o % 26) AS iso3, chr(65 + o / 26) || chr(65 + o % 26) AS office,
    'P-' || o || '-' || ((row_number() OVER (PARTITION BY o ORDER BY n) - 1) / @partners) AS partner,
    (ARRAY['received', 'vetting', 'drafting', 'in_review', 'in_approval', 'in_signature', 'signed', 'active', 'active', 'ended',
           'closed', 'closed', 'closed', 'closed', 'closed', 'rejected', 'rejected', 'withdrawn', 'cancelled', 'expired'])[1 + n % 20] AS status,
    timestamptz '2024-01-01' + make_interval(mins => (n::float8 * 1051200 / @size)::int) AS at
FROM (SELECT n, (floor(@offices * power(((n::bigint * 7919) % 10007) / 10007.0, 2)))::int AS o FROM generate_series(1, @size) n) s;
CREATE TEMP TABLE c AS
SELECT *, iso3 || '/2025/' || lpad(n::text, 7, '0') AS reference, 'case:' || iso3 || '/2025/' || lpad(n::text, 7, '0') AS subject,
    'partner:' || office || ':' || partner AS partner_subject, n % 20 < 10 AS live FROM g;

INSERT INTO versioned (kind, name, version, effective, sha256, body)
SELECT 'office', office, 'generated', date '2020-01-01', md5(office),
    jsonb_build_object('iso2', office, 'iso3', iso3, 'name', office, 'time_zone', 'UTC', 'currency', 'USD')
FROM (SELECT DISTINCT office, iso3 FROM c) o;
INSERT INTO "case" (subject, reference, workflow, office, programme, partner, partner_subject, umbrella, source, source_reference, facts_sha256,
    instrument, document_type, humanitarian, track, status, stage, submitter, section, focal_point, budget_owner, currency, office_total,
    office_cash, rate, office_total_usd, office_cash_usd, submitted_on, received_at, packs, signed_on)
SELECT subject, reference, 'pca.' || office || '.' || n, office, 'p', partner, partner_subject, 'umbrella:' || office || ':' || partner || ':p',
    'portal', 'S-' || n, md5(n::text), 'under_pca', 'simplified', n % 3 = 0, CASE WHEN n % 7 = 0 THEN 'emergency' ELSE 'standard' END, status,
    (ARRAY['', 'vetting', 'document', 'review', 'approval', 'approval', 'cash', 'cash', 'cash', 'cash'])[1 + n % 20 % 10], 's', 'nutrition',
    office || '.' || n % 40, office || '.b', 'USD', 50000, 40000, 1, 50000, 40000, at::date, at,
    (SELECT jsonb_object_agg(name, jsonb_build_object('sha256', sha256)) FROM versioned WHERE kind = 'pack')
        || jsonb_build_object('office', jsonb_build_object('sha256', md5(office))),
    CASE WHEN n % 20 BETWEEN 6 AND 14 THEN at::date + 60 END
FROM c;
CREATE TEMP TABLE t AS
SELECT c.*, k, reference || ':stage:' || k || ':kind' AS id, live AND k <= 1 + n % 2 AS open,
    (ARRAY['give_opinion', 'office_turn', 'review_report_finance', 'approve_document', 'sign_as_partner'])[1 + (n + k) % 5] AS kind,
    (ARRAY['committee_member', 'focal_point', 'finance_officer', 'authorised_officer', 'partner_authorised_officer'])[1 + (n + k) % 5] AS role,
    CASE (n + k) % 5 WHEN 4 THEN 'partner' WHEN 2 THEN 'external' ELSE 'office' END AS holder,
    now() + make_interval(mins => ((n * 17 + k * 31) % 40000) - 8000) AS due
FROM c CROSS JOIN generate_series(1, 5) k WHERE n % 20 > 0;
INSERT INTO task (id, subject, workflow, kind, stage, round, roles, candidates, holder, office, data, cases, opened_at, opened_by, opened_from,
    due_at, moments, state, closed_at, verdict, decided_by, partner_subject)
SELECT id, subject, 'w', kind, 'review', 1, ARRAY[role], CASE WHEN role = 'committee_member' THEN ARRAY[office || '.' || n % 40] ELSE '{}' END,
    holder, office, '{}', ARRAY[subject], at, '', '', due, '[]', CASE WHEN open THEN 'open' ELSE 'decided' END,
    CASE WHEN NOT open THEN at + make_interval(days => k) END, CASE WHEN NOT open THEN 'approve' END,
    CASE WHEN NOT open THEN office || '.' || n % 40 END, partner_subject
FROM t;
INSERT INTO awaited SELECT id, subject, office, partner_subject, 'review', holder, due, at FROM t WHERE open;
INSERT INTO inbox SELECT id, CASE role WHEN 'committee_member' THEN office || '.' || n % 40 WHEN 'partner_authorised_officer'
    THEN partner_subject || ' ' || role ELSE office || ' ' || role END, due FROM t WHERE open;
INSERT INTO decision (subject, sequence, receipt, task, kind, stage, round, whom, actor, role, verdict, counted, rules, signed, at, office,
    partner_subject)
SELECT subject, k, id, id, kind, 'review', 1, '', office || '.' || n % 40, role, 'approve', n % 50 > 0, '{}', true,
    at + make_interval(days => k), office, partner_subject FROM t WHERE NOT open;
INSERT INTO stream SELECT subject, 3, '' FROM c;
INSERT INTO event (subject, sequence, type, at, body, previous, hash)
SELECT subject, k, (ARRAY['case.received', 'case.track_set', 'case.status_changed'])[k], at,
    json_build_object('type', 'case.status_changed', 'at', at, 'data', json_build_object('to', status))::text, '', ''
FROM c CROSS JOIN generate_series(1, 3) k;
INSERT INTO submission (source, source_reference, facts_sha256, facts, reference, started_at)
SELECT 'portal', 'S-' || n, md5(n::text), '{"track": "standard", "document": {"title": "t"}}', reference, at FROM c;
INSERT INTO obligation (id, subject, kind, owner_role, verifier_role, due_at, consequences, cases, state, overdue, created_at, data, office,
    partner_subject)
SELECT reference || ':visit', subject, CASE WHEN n % 30 = 0 THEN 'signed_original' ELSE 'first_assurance_visit' END,
    CASE WHEN n % 3 = 0 THEN 'focal_point' ELSE 'assurance_officer' END, 'partnership_manager', at + interval '100 days', '{}', ARRAY[subject],
    CASE WHEN live THEN 'open' ELSE 'met' END, live AND n % 11 = 0, at, '{}', office, partner_subject
FROM c WHERE n % 20 BETWEEN 6 AND 14;
INSERT INTO block (id, subject, scope, cause, since, lifted_at, office, partner_subject)
SELECT reference || ':b', subject, CASE WHEN n % 3 = 0 THEN 'all' ELSE 'cash' END, 'suspension', at,
    CASE WHEN NOT live THEN at + interval '9 days' END, office, partner_subject FROM c WHERE n % 25 = 7;
INSERT INTO instalment (subject, instalment, period, modality, currency, requested, lines, released, paid, state, account_ref, face_sha256,
    signed_by, requested_at, released_at, paid_at, reported_at, office, partner_subject)
SELECT subject, 1, 1, 'direct_cash_transfer', 'USD', 10000, '[]', 10000, 10000, CASE WHEN n % 9 = 0 THEN 'paid' ELSE 'reported' END, 'A', 'f',
    's', at + interval '61 days', at + interval '62 days', at + interval '63 days', at + interval '150 days', office, partner_subject
FROM c WHERE n % 20 BETWEEN 6 AND 14;
INSERT INTO journal SELECT reference || ':1:payment', subject, 1, 'payment', at + interval '63 days', 'USD', office, partner_subject
FROM c WHERE n % 20 BETWEEN 6 AND 14;
INSERT INTO entry SELECT reference || ':1:payment', a, s * 10000 FROM c CROSS JOIN (VALUES ('outstanding', 1), ('payable', -1)) AS x(a, s)
WHERE n % 20 BETWEEN 6 AND 14;
INSERT INTO stay SELECT subject, k, office, CASE WHEN n % 7 = 0 THEN 'emergency' ELSE 'standard' END,
    (ARRAY['received', 'vetting', 'drafting', 'in_review'])[k], at + make_interval(days => k * 5), at + make_interval(days => k * 5 + (n + k) % 20)
FROM c CROSS JOIN generate_series(1, 4) k WHERE n % 20 > 5;
INSERT INTO clearance SELECT DISTINCT partner_subject, 'full', 'granted', timestamptz '2024-01-01', date '2028-01-01', NULL, '[]'::jsonb,
    NULL::text, NULL::text FROM c;
INSERT INTO rejected_intake (source, source_reference, body, findings)
SELECT 'portal', 'R-' || n, '{}', '[]' FROM c WHERE n % 20 = 0;
