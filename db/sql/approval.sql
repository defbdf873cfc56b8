-- name: element_of
-- One element of a partner's vetting ledger.
SELECT * FROM element WHERE subject = $1 AND element = $2;

-- name: elements_of
-- The vetting ledger of a partner.
SELECT * FROM element WHERE subject = $1 ORDER BY element;

-- name: umbrella_of
-- The PCA of a case, whole.
SELECT * FROM umbrella WHERE subject = $1;

-- name: first_under
-- The case that came first of those under a PCA.
SELECT subject FROM "case" WHERE umbrella = $1 ORDER BY received_at, reference LIMIT 1;

-- name: vendor_of
-- The partner as vendor, with who set the account up and who confirmed it.
SELECT * FROM vendor WHERE subject = $1;

-- name: last_review
-- How the review of the case ended last.
SELECT round, kind, result FROM review WHERE subject = $1 ORDER BY round DESC LIMIT 1;

-- name: open_conditions
-- Conditions of a case whose gate is still shut.
SELECT id, gate, owner_role, due FROM condition WHERE subject = $1 AND gate = $2 AND state = 'open' ORDER BY id;

-- name: conditions_set
-- How many conditions one round of one stage has set so far.
SELECT count(*) FROM condition WHERE subject = $1 AND id LIKE $2 || ':%';

-- name: approvals_of
-- What was approved in a round.
SELECT object, actor, role, at FROM approval WHERE subject = $1 AND round = $2;

-- name: signatures_of
-- Signatures on the objects of a case and of its PCA.
SELECT subject, object, side, signed_by, signed_on, method, sha256, recorded_by FROM signature WHERE subject = ANY($1::text[]) ORDER BY object, side;

-- name: annexes_of
-- Annexes that are attached, or were found not needed.
SELECT annex, sha256 FROM annex WHERE subject = $1;

-- name: cases_under
-- Open cases under a PCA, oldest first.
SELECT subject, workflow, status FROM "case"
WHERE umbrella = $1 AND status NOT IN ('rejected', 'withdrawn', 'cancelled', 'terminated', 'expired', 'closed')
ORDER BY received_at, reference;
