-- What the pages of the register, of partners, activations and delegations read beside the lists. Reads only.

-- name: offices
-- Offices with their names. $1: only these; null: all.
SELECT DISTINCT ON (name) name, body ->> 'name' AS title FROM versioned WHERE kind = 'office' AND ($1::text[] IS NULL OR name = ANY ($1))
ORDER BY name, effective DESC, loaded_at DESC;

-- name: version
-- The office file or pack in force on a day. $1 kind, $2 name, $3 day.
SELECT sha256, body FROM versioned WHERE kind = $1 AND name = $2 AND effective <= $3
ORDER BY effective DESC, loaded_at DESC, version DESC LIMIT 1;

-- name: clearances
SELECT level, state, granted_at, valid_until, limiting_element, reason_code FROM clearance WHERE subject = $1 ORDER BY level;

-- name: elements
SELECT element, result, source, agency, recorded_at, valid_until, details FROM element WHERE subject = $1 ORDER BY element;

-- name: screening
SELECT done_at, names, hits FROM screening WHERE subject = $1;

-- name: hits
SELECT id, list_entry, score, state FROM hit WHERE subject = $1 ORDER BY id;

-- name: owed_elements
-- What is owed of the elements of a partner: for when they are postponed to.
SELECT kind, due_at FROM obligation WHERE subject = $1 AND state IN ('open', 'evidence_in');

-- name: open_kinds
-- Kinds of the open tasks of a partner.
SELECT DISTINCT kind FROM task WHERE subject = $1 AND state = 'open';

-- name: ageing
-- Cash of a partner paid and not yet reported, by months since it was paid. $1 subject, $2 now.
SELECT currency, count(*) AS instalments, sum(paid) AS amount, CASE WHEN paid_at > $2::timestamptz - interval '3 months' THEN 'under 3'
    WHEN paid_at > $2::timestamptz - interval '6 months' THEN '3 to 6'
    WHEN paid_at > $2::timestamptz - interval '9 months' THEN '6 to 9' ELSE 'over 9' END AS months
FROM instalment WHERE partner_subject = $1 AND state = 'paid' GROUP BY currency, months ORDER BY currency, months;

-- name: activation
-- One activation, if it covers an office in sight. $1 reference, $2 offices; null: all.
SELECT a.*, k."offset" FROM activation a LEFT JOIN clock k ON k.name = a.clock
WHERE a.reference = $1 AND ($2::text[] IS NULL OR a.offices && $2);

-- name: cases_under
-- Cases that run, or ran, under an activation. $1 reference, $2 offices; null: all. $3 how many.
SELECT subject, reference, office, partner, partner_subject, status, stage, track, received_at FROM "case"
WHERE activation = $1 AND ($2::text[] IS NULL OR office = ANY ($2)) ORDER BY received_at DESC, reference LIMIT $3;
