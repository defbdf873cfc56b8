-- What the rules of the review read.

-- name: review
-- The review of a round.
SELECT kind, submitted_at, overall_approver, result FROM review WHERE subject = $1 AND round = $2;

-- name: members
-- Everybody who was named in a round, also those who left.
SELECT person, function, section, state FROM member WHERE subject = $1 AND round = $2 ORDER BY person;

-- name: opinions
-- The opinions that count in a round: of members who still sit, in the order given.
SELECT o.member, o.verdict, o.at FROM opinion o
JOIN member m ON m.subject = o.subject AND m.round = o.round AND m.person = o.member
WHERE o.subject = $1 AND o.round = $2 AND o.purpose = 'review' AND m.state = 'named' ORDER BY o.at, o.member;

-- name: conditions_proposed
-- The conditions that the opinions of a round propose, in the order given.
SELECT data -> 'data' -> 'conditions' AS conditions FROM event
WHERE subject = $1 AND type = 'review.opinion_given' AND (data -> 'data' ->> 'round')::integer = $2 AND data -> 'data' ->> 'member' = ANY($3::text[])
ORDER BY sequence;

-- name: conditions_before
-- How many conditions the reviews of this round have set already.
SELECT count(*) FROM condition WHERE subject = $1 AND starts_with(id, $2);
