-- What is read of contingency documents and their activations.

-- name: signed_contingency
-- A contingency document of the record that is signed.
SELECT subject, document_sha256, signed_on FROM "case" WHERE reference = $1 AND document_type = 'contingency' AND status = 'signed';

-- name: prepared
-- The activation of a case as it was prepared last.
SELECT data -> 'data' FROM event WHERE subject = $1 AND type = 'contingency.prepared' ORDER BY sequence DESC LIMIT 1;

-- name: activated_by
-- Whether a contingency document is, or was, activated by another case.
SELECT EXISTS (
    SELECT 1 FROM submission s JOIN "case" c USING (reference)
    WHERE s.facts ->> 'activates' = $1 AND c.reference <> $1 AND c.status IN ('signed', 'active', 'ended', 'closed')
);
