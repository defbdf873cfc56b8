-- What screening reads.

-- name: lists_in_force
-- The newest edition of every sanctions list that is in effect on a day.
SELECT DISTINCT ON (name) name, version FROM sanctions_list WHERE effective <= $1 ORDER BY name, effective DESC, version DESC;

-- name: entries
-- The entries of one edition.
SELECT entry, names FROM sanctions_entry WHERE list = $1 AND version = $2 ORDER BY entry;

-- name: hits
-- Every hit of a partner, however it was disposed of.
SELECT id, state, score FROM hit WHERE subject = $1 ORDER BY id;

-- name: live_cases
-- The cases of a partner that are signed and not over: what a new hit stops at once.
SELECT subject, workflow FROM "case" WHERE partner_subject = $1 AND status IN ('signed', 'active', 'ended') ORDER BY subject;

-- name: partner_of
-- The partner of a case.
SELECT partner_subject FROM "case" WHERE subject = $1;

-- name: partners_with_cases
-- The partners with a case that is not over, each with the clock that its cases live by; of one clock only, if it is named.
SELECT DISTINCT c.partner_subject, c.clock, k."offset" FROM "case" c LEFT JOIN clock k ON k.name = c.clock
WHERE c.status NOT IN ('rejected', 'withdrawn', 'cancelled', 'terminated', 'expired', 'closed') AND ($1::text IS NULL OR c.clock = $1)
ORDER BY c.partner_subject, c.clock;
