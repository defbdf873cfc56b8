-- The review: who reads, what they say, what comes of it; and the conditions set by review or approval.

-- name: review.submitted
-- Clock c begins with the first submission. Keys: round, review_kind (committee, two_person, single, none), why_this_kind.
, c AS (UPDATE "case" c SET review_submitted_at = coalesce(c.review_submitted_at, e.at) FROM e WHERE c.subject = e.subject)
INSERT INTO review (subject, round, kind, submitted_at) SELECT e.subject, (e.d->>'round')::integer, e.d->>'review_kind', e.at FROM e;

-- name: review.convened
-- Keys: round, kind, members: [{person, function, section}], overall_approver, meeting_on, quorum.
, r AS (
    UPDATE review r SET overall_approver = e.d->>'overall_approver', kind = coalesce(e.d->>'kind', r.kind) FROM e WHERE r.subject = e.subject AND r.round = (e.d->>'round')::integer
)
INSERT INTO member (subject, round, person, function, section, state)
SELECT e.subject, (e.d->>'round')::integer, m.person, m.function, m.section, 'named'
FROM e, jsonb_to_recordset(e.d->'members') AS m(person text, function text, section text);

-- name: review.reformed
-- Keys: round, kind, members: [{person, function, section}] (the new ones), overall_approver (if another one), replaced: [persons], quorum.
, r AS (
    UPDATE review r SET overall_approver = coalesce(e.d->>'overall_approver', r.overall_approver), kind = coalesce(e.d->>'kind', r.kind)
    FROM e WHERE r.subject = e.subject AND r.round = (e.d->>'round')::integer
)
, gone AS (
    UPDATE member m SET state = 'replaced' FROM e
    WHERE m.subject = e.subject AND m.round = (e.d->>'round')::integer AND m.state = 'named' AND coalesce(e.d->'replaced', '[]') ? m.person
)
INSERT INTO member (subject, round, person, function, section, state)
SELECT e.subject, (e.d->>'round')::integer, m.person, m.function, m.section, 'named'
FROM e, jsonb_to_recordset(e.d->'members') AS m(person text, function text, section text)
ON CONFLICT (subject, round, person) DO NOTHING;

-- name: review.member_recused
-- Keys: round, member, quorum_left.
UPDATE member m SET state = 'recused' FROM e
WHERE m.subject = e.subject AND m.round = (e.d->>'round')::integer AND m.person = e.d->>'member';

-- name: review.opinion_given
-- Keys: round, member, verdict, answers: {q1..q8}, purpose (none: review).
INSERT INTO opinion (subject, round, member, purpose, verdict, answers, at)
SELECT e.subject, (e.d->>'round')::integer, e.d->>'member', coalesce(e.d->>'purpose', 'review'), e.d->>'verdict', e.d->'answers', e.at FROM e;

-- name: review.corrected
-- A clerical correction moves the acceptances to the corrected text. Keys: fields, sha256, old_sha256 (the version itself: document.version_stored).
UPDATE acceptance a SET sha256 = e.d->>'sha256' FROM e WHERE a.subject = e.subject AND a.sha256 = e.d->>'old_sha256';

-- name: review.concluded
-- Keys: round, result (recommended, recommended_with_conditions, returned, not_recommended), counts, conditions: [ids].
UPDATE review r SET result = e.d->>'result', counts = e.d->'counts', concluded_at = e.at
FROM e WHERE r.subject = e.subject AND r.round = (e.d->>'round')::integer;

-- name: condition.set
-- Keys: condition, text_sha256, owner_role, gate, due, set_by.
INSERT INTO condition (id, subject, text_sha256, owner_role, gate, due, set_by, state)
SELECT e.d->>'condition', e.subject, e.d->>'text_sha256', e.d->>'owner_role', e.d->>'gate', (e.d->>'due')::date, e.d->>'set_by', 'open' FROM e;

-- name: condition.met
-- Keys: condition, evidence.
UPDATE condition c SET state = 'met', closed_at = e.at FROM e WHERE c.subject = e.subject AND c.id = e.d->>'condition';

-- name: condition.waived
-- Keys: condition.
UPDATE condition c SET state = 'waived', closed_at = e.at FROM e WHERE c.subject = e.subject AND c.id = e.d->>'condition';
