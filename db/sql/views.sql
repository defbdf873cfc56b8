-- What the views of the API read beside `activities/read.py` (api/views.py, api/partner_side.py). Reads only.

-- name: place
-- Whose a case is.
SELECT subject, reference, office, partner_subject, status FROM "case" WHERE reference = $1 OR source_reference = $1
ORDER BY (reference = $1) DESC LIMIT 1

-- name: named
-- Whether an open task of a case names somebody. $1 subject of the case, $2 actor.
SELECT EXISTS (SELECT FROM inbox i JOIN awaited a ON a.task = i.task WHERE i.reader = $2 AND a."case" = $1)

-- name: named_in
-- Whether a task names somebody. $1 task, $2 actor.
SELECT EXISTS (SELECT FROM inbox WHERE task = $1 AND reader = $2)

-- name: task
SELECT * FROM task WHERE id = $1

-- name: texts
-- What was written to the partner, in the order of the record: of the case, and of the refusal of its partner. $1 case, $2 partner.
SELECT e.at, e.type, e.data->'actor'->>'role' AS role, e.data->'data' AS data, c.body
FROM event e JOIN content c ON c.sha256 = e.data->'data'->>'message_sha256' AND NOT c.sealed
WHERE e.data->'data'->>'message_sha256' IS NOT NULL AND e.type IN ('decision.counted', 'message.counted', 'case.rejected', 'clearance.refused')
    AND (e.subject = $1 OR (e.subject = $2 AND e.at >= (SELECT at FROM event WHERE subject = $1 AND sequence = 1)))
ORDER BY e.at, e.subject, e.sequence

-- name: told
-- Events of a case of these types. $1 subject, $2 types.
SELECT sequence, type, at, data->'data' AS data, data->'actor'->>'role' AS role FROM event
WHERE subject = $1 AND type = ANY ($2::text[]) ORDER BY sequence

-- name: versions
SELECT version, sha256, side, at, office_total, office_cash, management_share, changed FROM document_version WHERE subject = $1 ORDER BY version

-- name: account
-- The last four characters of an account, and whether it is confirmed.
SELECT right(account_ref, 4) AS ending, confirmed_at IS NOT NULL AS confirmed FROM vendor WHERE subject = $1

-- name: periods
SELECT period, start_on, end_on FROM period WHERE subject = $1 ORDER BY period

-- name: content
SELECT body FROM content WHERE sha256 = $1 AND NOT sealed
