-- What the guards of the transition table read of the rows.

-- name: clearance_in_force
-- The clearance of a level, as it stands.
SELECT level, state, granted_at, valid_until, limiting_element, conditions, reason_code FROM clearance WHERE subject = $1 AND level = $2;

-- name: last_screening
-- The last run of the screening of a partner.
SELECT done_at, trigger, lists, names, hits, best_score FROM screening WHERE subject = $1;

-- name: lists_in_force
-- The newest edition of every sanctions list that is in effect on a day.
SELECT DISTINCT ON (name) name, version FROM sanctions_list WHERE effective <= $1 ORDER BY name, effective DESC, version DESC;

-- name: hits_of
-- The hits of a partner that are not disposed of, and those that are true.
SELECT id, state, score, name_role, list_entry FROM hit WHERE subject = $1 AND state IN ('open', 'second_check', 'true_match') ORDER BY id;

-- name: umbrella_row
-- The PCA of a case.
SELECT status, carrier, reference, start_on, end_on, officers, account_hash, signed_on FROM umbrella WHERE subject = $1;

-- name: vendor_row
-- The partner as vendor.
SELECT vendor_number, account_ref, account_hash, currency, bank_country, set_up_by, confirmed_by, confirmed_at FROM vendor WHERE subject = $1;

-- name: blocks_in_force
-- The blocks that stand on these subjects.
SELECT id, subject, scope, cause, since, until FROM block WHERE subject = ANY($1::text[]) AND lifted_at IS NULL ORDER BY since, id;

-- name: open_conditions
-- The conditions of a case with this gate that are neither met nor waived.
SELECT id, owner_role, due FROM condition WHERE subject = $1 AND gate = $2 AND state = 'open' ORDER BY id;

-- name: reserved
-- How much is reserved for a case.
SELECT coalesce(sum(amount), 0)::numeric FROM reservation WHERE subject = $1;

-- name: opinions_given
-- How many members who still sit in this round have spoken.
SELECT count(*) FROM opinion o JOIN member m ON m.subject = o.subject AND m.round = o.round AND m.person = o.member
WHERE o.subject = $1 AND o.round = $2 AND o.purpose = 'review' AND m.state = 'named';

-- name: review_row
-- The review of a round.
SELECT kind, submitted_at, overall_approver, result, counts FROM review WHERE subject = $1 AND round = $2;

-- name: acceptances
-- Which version each side has accepted.
SELECT side, sha256, on_behalf, at, actor FROM acceptance WHERE subject = $1;

-- name: annexes_in
-- The annexes that are attached or said not to be needed.
SELECT annex, sha256 FROM annex WHERE subject = $1;

-- name: next_carrier
-- The next case under a PCA that could carry it, oldest first.
SELECT subject, workflow, status FROM "case"
WHERE umbrella = $1 AND subject <> $2
  AND status IN ('received', 'vetting', 'drafting', 'in_review', 'in_approval', 'in_signature')
ORDER BY received_at, reference LIMIT 1;

-- name: conflicts
-- The conflicts of interest that were declared in a case.
SELECT element, result FROM element WHERE subject = $1 AND starts_with(element, $2) ORDER BY element;

-- name: last_notice
-- The last notice of termination of a case.
SELECT data -> 'data' ->> 'effective_on' AS effective_on, data -> 'data' ->> 'document_sha256' AS document_sha256
FROM event WHERE subject = $1 AND type = 'notice.sent' ORDER BY sequence DESC LIMIT 1;

-- name: both_signed
-- Whether both sides have signed the document.
SELECT count(DISTINCT side) = 2 FROM signature WHERE subject = $1 AND object = 'document';

-- name: open_tasks_of_stage
-- The open tasks of a stage and round, with everything that its task is made of.
SELECT * FROM task WHERE subject = $1 AND stage = $2 AND round = $3 AND state = 'open' ORDER BY opened_at, id;

-- name: last_review_round
-- The last round of the review of a case.
SELECT max(round) FROM review WHERE subject = $1;
