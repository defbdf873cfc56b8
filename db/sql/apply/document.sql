-- The programme document: versions, acceptances, annexes, deviations.

-- name: document.version_stored
-- Keys: version, sha256 (of the content row), side (office, partner), changed_sections, office_total, office_cash, management_share (percent),
-- office_total_usd, office_cash_usd, title_sha256.
, v AS (
    INSERT INTO document_version (subject, version, sha256, side, at, office_total, office_cash, management_share, changed)
    SELECT e.subject, (e.d->>'version')::integer, e.d->>'sha256', e.d->>'side', e.at, (e.d->>'office_total')::numeric,
        (e.d->>'office_cash')::numeric, (e.d->>'management_share')::numeric,
        ARRAY(SELECT jsonb_array_elements_text(coalesce(e.d->'changed_sections', '[]')))
    FROM e
)
UPDATE "case" c SET document_version = (e.d->>'version')::integer, document_sha256 = e.d->>'sha256',
    office_total = (e.d->>'office_total')::numeric, office_cash = (e.d->>'office_cash')::numeric,
    office_total_usd = coalesce((e.d->>'office_total_usd')::numeric, c.office_total_usd),
    office_cash_usd = coalesce((e.d->>'office_cash_usd')::numeric, c.office_cash_usd),
    title_sha256 = coalesce(e.d->>'title_sha256', c.title_sha256)
FROM e WHERE c.subject = e.subject;

-- name: document.returned
-- The partner's first act sets clock b. Keys: version, sha256, first.
UPDATE "case" c SET first_partner_act = coalesce(c.first_partner_act, e.at) FROM e WHERE c.subject = e.subject;

-- name: document.accepted
-- Keys: side (office, partner), sha256, on_behalf, evidence.
, c AS (
    UPDATE "case" c SET first_partner_act = coalesce(c.first_partner_act, e.at) FROM e WHERE c.subject = e.subject AND e.d->>'side' = 'partner'
)
INSERT INTO acceptance (subject, side, sha256, on_behalf, at, actor)
SELECT e.subject, e.d->>'side', e.d->>'sha256', coalesce((e.d->>'on_behalf')::boolean, false), e.at, e.actor FROM e
ON CONFLICT (subject, side) DO UPDATE SET sha256 = excluded.sha256, on_behalf = excluded.on_behalf, at = excluded.at, actor = excluded.actor;

-- name: document.unlocked
-- Acceptances, and what was approved and signed on them, are cleared; the events keep them. Keys: by, why.
, a AS (DELETE FROM approval a USING e WHERE a.subject = e.subject)
, s AS (DELETE FROM signature s USING e WHERE s.subject = e.subject)
DELETE FROM acceptance a USING e WHERE a.subject = e.subject;

-- name: document.annex_attached
-- Keys: annex, sha256 (null: not needed).
INSERT INTO annex (subject, annex, sha256, at) SELECT e.subject, e.d->>'annex', e.d->>'sha256', e.at FROM e
ON CONFLICT (subject, annex) DO UPDATE SET sha256 = excluded.sha256, at = excluded.at;

-- name: clause.deviation_opened
-- Keys: clause.
INSERT INTO deviation (subject, clause, at) SELECT e.subject, e.d->>'clause', e.at FROM e
ON CONFLICT (subject, clause) DO UPDATE SET verdict = NULL, at = excluded.at;

-- name: clause.deviation_settled
-- Keys: clause, verdict (clear, clear_with_changes, refuse, use_template), text_sha256.
INSERT INTO deviation (subject, clause, verdict, at) SELECT e.subject, e.d->>'clause', e.d->>'verdict', e.at FROM e
ON CONFLICT (subject, clause) DO UPDATE SET verdict = excluded.verdict, at = excluded.at;
