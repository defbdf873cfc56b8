-- What vetting reads: the ledger of a partner, who waits for it, and the cases it serves.

-- name: elements
-- The ledger of a partner, line by line.
SELECT element, result, source, agency, recorded_at, valid_until, details FROM element WHERE subject = $1 ORDER BY element;

-- name: waiting
-- The cases that wait for a partner, the first one first.
SELECT w."case", w.level, w.since, c.workflow, c.focal_point, c.submitter
FROM waiting w JOIN "case" c ON c.subject = w."case" WHERE w.subject = $1 ORDER BY w.since, w."case";

-- name: clearances
-- What was concluded of a partner, level by level.
SELECT level, state, granted_at, valid_until, limiting_element, reason_code FROM clearance WHERE subject = $1 ORDER BY level;

-- name: cases_of
-- The cases of a partner in this office, the newest first.
SELECT subject, reference, workflow, status, focal_point, received_at FROM "case" WHERE partner_subject = $1 ORDER BY received_at DESC, reference DESC;

-- name: planned_cash
-- Planned cash in US$ of the live and pending documents of a partner.
SELECT coalesce(sum(office_cash_usd), 0)::numeric FROM "case"
WHERE partner_subject = $1 AND status NOT IN ('rejected', 'withdrawn', 'cancelled', 'terminated', 'expired', 'closed');

-- name: tasks_of_kind
-- The tasks of a kind that this partner had, the newest first.
SELECT id, whom, state, opened_at, closed_at, verdict, decided_by FROM task WHERE subject = $1 AND kind = $2 ORDER BY opened_at DESC, id DESC;

-- name: conclusion
-- The decision that concluded the vetting of a partner last.
SELECT task, actor, verdict, at FROM decision
WHERE subject = $1 AND counted AND (kind = 'conclude_vetting' OR verdict = 'true_match') ORDER BY at DESC, sequence DESC LIMIT 1;

-- name: first_waited
-- When a case first waited for what a partner's vetting would say.
SELECT min(at) FROM event WHERE subject = $1 AND type = 'waiting.entered' AND data -> 'data' ->> 'case' = $2;

-- name: reused_by
-- Whether a case has already been told which clearance it uses.
SELECT EXISTS (SELECT 1 FROM event WHERE subject = $1 AND type = 'clearance.reused');

-- name: hit
-- One hit of a partner.
SELECT id, state, score, name_role, list_entry, found_at FROM hit WHERE subject = $1 AND id = $2;

-- name: pca_end
-- When the PCA of a partner in force ends.
SELECT max(end_on) FROM umbrella WHERE office = $1 AND partner = $2 AND status = 'signed';

-- name: cash_outstanding
-- Whether a partner holds cash that it has not reported.
SELECT EXISTS (
    SELECT 1 FROM instalment i JOIN "case" c ON c.subject = i.subject WHERE c.partner_subject = $1 AND i.state IN ('released', 'paid')
);

-- name: open_tasks
-- The tasks of a subject that wait for somebody.
SELECT kind, whom FROM task WHERE subject = $1 AND state = 'open' ORDER BY id;

-- name: hits_by_state
-- The hits of a partner that somebody must still look at.
SELECT id, state FROM hit WHERE subject = $1 AND state IN ('open', 'second_check') ORDER BY id;

-- name: depending
-- The cases of a partner that are signed or on the way to it: what is found of it concerns them.
SELECT subject FROM "case" WHERE partner_subject = $1
  AND status NOT IN ('received', 'rejected', 'withdrawn', 'cancelled', 'terminated', 'expired', 'closed') ORDER BY received_at, reference;
