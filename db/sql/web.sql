-- What the pages read beside the views: names, zones, and what a form is filled in with. Reads only.

-- name: office
-- The office file in force on a day.
SELECT sha256, body FROM versioned WHERE kind = 'office' AND name = $1 AND effective <= $2 ORDER BY effective DESC LIMIT 1;

-- name: partner_names
-- Legal names of partners, by subject, as they were submitted last.
SELECT DISTINCT ON (c.partner_subject) c.partner_subject, s.facts -> 'partner' ->> 'legal_name' AS name
FROM "case" c JOIN submission s ON s.reference = c.reference
WHERE c.partner_subject = ANY ($1::text[]) ORDER BY c.partner_subject, c.received_at DESC;

-- name: facts
-- What a form about a case is filled in with.
SELECT c.subject, c.reference, c.office, c.partner_subject, c.umbrella, c.currency, c.office_cash, c.document_version, c.document_sha256,
    c.track, c.status, c.focal_point, c.budget_owner, k."offset",
    u.carrier = c.subject AND u.status = 'draft' AS carries, u.reference AS pca, u.officers,
    v.vendor_number, v.account_ref, s.facts -> 'partner' AS partner
FROM "case" c LEFT JOIN clock k ON k.name = c.clock LEFT JOIN umbrella u ON u.subject = c.umbrella
LEFT JOIN vendor v ON v.subject = c.partner_subject LEFT JOIN submission s ON s.reference = c.reference
WHERE c.reference = $1;

-- name: postponed
-- Elements of a partner that are assumed or postponed.
SELECT element FROM element WHERE subject = $1 AND source IN ('assumed', 'deferred') ORDER BY element;

-- name: instalment
SELECT * FROM instalment WHERE subject = $1 AND instalment = $2;

-- name: report
SELECT * FROM report WHERE subject = $1 AND instalment = $2;

-- name: receipt
-- What the record answered to what was said under a key.
SELECT request, response FROM receipt WHERE key = $1;

-- name: task_case
-- The subject of a task and the references of the cases that it serves.
SELECT id, kind, whom, subject, office, cases FROM task WHERE id = $1;

-- name: cap
-- The cap on the first request, as the case was started with it.
SELECT data -> 'data' ->> 'cap' FROM event WHERE subject = $1 AND type = 'case.activated' ORDER BY sequence DESC LIMIT 1;
