-- What is read of the promises of a fast case, and of the review that ratifies it afterwards.

-- name: last_review_kind
-- Which review a case had last.
SELECT kind FROM review WHERE subject = $1 ORDER BY round DESC LIMIT 1;

-- name: signed_by_other
-- Whether the other side has signed the document.
SELECT EXISTS (SELECT 1 FROM signature WHERE subject = $1 AND object = 'document' AND side = $2);

-- name: unreported
-- Reports of paid instalments before this one that are not in, the earliest first, with the end of their period.
SELECT r.instalment, r.waived_until, p.end_on FROM report r JOIN period p ON p.subject = r.subject AND p.period = r.period
WHERE r.subject = $1 AND r.instalment < $2 AND r.state NOT IN ('submitted', 'accepted') ORDER BY r.instalment;

-- name: released_before
-- Whether cash was let go for an earlier instalment of a case.
SELECT EXISTS (SELECT 1 FROM instalment WHERE subject = $1 AND instalment < $2 AND state IN ('released', 'paid', 'reported'));

-- name: direct_payment_only
-- What leaves nothing but direct payment to a case: stops on it, its PCA and its partner, and what is overdue there and has not stopped
-- anything yet; not checks that only other cases relied on.
SELECT b.cause FROM block b LEFT JOIN obligation o ON o.id = b.cause
WHERE b.subject IN ($1, $2, $3) AND b.scope = 'direct_payment_only' AND b.lifted_at IS NULL
  AND (o.id IS NULL OR o.cases = '{}' OR $1 = ANY (o.cases))
UNION
SELECT o.id FROM obligation o
WHERE o.subject IN ($1, $2, $3) AND o.state NOT IN ('met', 'written_off', 'evidence_in') AND o.due_at < $4
  AND 'direct_payment_only' = ANY (o.consequences) AND (o.cases = '{}' OR $1 = ANY (o.cases)) ORDER BY 1;

-- name: ratification
-- The obligation to put an emergency review before a full committee, while it is open.
SELECT id, due_at FROM obligation
WHERE subject = $1 AND kind = 'committee_ratification' AND state NOT IN ('met', 'written_off') ORDER BY created_at DESC LIMIT 1;

-- name: reviewers
-- Who recommended the case: they do not ratify what they said themselves.
SELECT DISTINCT member FROM opinion WHERE subject = $1 AND purpose = 'review' ORDER BY member;

-- name: ratifiers
-- Everybody who was named to ratify, in order.
SELECT m.value AS member FROM event, jsonb_array_elements(data -> 'data' -> 'members') AS m(value)
WHERE subject = $1 AND type = 'review.ratification_convened' ORDER BY sequence;

-- name: ratifiers_asked
-- Of those, who has still to speak.
SELECT whom FROM task WHERE subject = $1 AND stage = 'obligations' AND kind = 'give_opinion' AND state = 'open' ORDER BY whom;

-- name: ratifying_opinions
-- What was said in the ratification, in the order given.
SELECT member, verdict FROM opinion WHERE subject = $1 AND purpose = 'ratification' ORDER BY at, member;

-- name: not_ratified
-- Whether the ratification was refused.
SELECT EXISTS (SELECT 1 FROM event WHERE subject = $1 AND type = 'review.not_ratified');

-- name: convert_or_end
-- Whether it waits to be decided what becomes of a case whose document was not completed in time.
SELECT EXISTS (
    SELECT 1 FROM obligation WHERE subject = $1 AND kind = 'activation_end_decision' AND id LIKE '%:document_completion'
    AND state NOT IN ('met', 'written_off')
);

-- name: annex_not_needed
-- Whether the budget owner found an annex not needed.
SELECT EXISTS (SELECT 1 FROM annex WHERE subject = $1 AND annex = $2 AND sha256 IS NULL);

-- name: agreement_signed
-- Whether both sides have signed the data processing agreement, beside the document or as its annex.
SELECT (SELECT count(DISTINCT side) FROM signature WHERE subject = $1 AND object = 'data_processing') = 2
    OR EXISTS (SELECT 1 FROM annex WHERE subject = $1 AND annex = $2 AND sha256 IS NOT NULL);
