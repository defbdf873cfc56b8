-- Reading stays fast however long the record grows: every list has an index in whose order it is read, by office and by partner.
-- Forward only. What is new in a table of events' making is filled by db/sql/apply, from the event and the case that it stands on.

ALTER TABLE "case" ALTER COLUMN reference TYPE text COLLATE "C";     -- by bytes: a prefix is then a range of its index

-- 1. Where a row of any subject belongs: so that what one office, or one partner, may see is read in order ----------------------

CREATE FUNCTION office_of(subject text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE split_part($1, ':', 1)
        WHEN 'case' THEN (SELECT c.office FROM "case" c WHERE c.subject = $1)
        WHEN 'partner' THEN split_part($1, ':', 2)
        WHEN 'umbrella' THEN split_part($1, ':', 2) END
$$;
CREATE FUNCTION partner_of(subject text) RETURNS text LANGUAGE sql STABLE AS $$      -- an umbrella's id ends in its programme
    SELECT CASE split_part($1, ':', 1)
        WHEN 'case' THEN (SELECT c.partner_subject FROM "case" c WHERE c.subject = $1)
        WHEN 'partner' THEN $1
        WHEN 'umbrella' THEN 'partner:' || regexp_replace(substr($1, 10), ':[^:]*$', '') END
$$;

ALTER TABLE task ADD COLUMN partner_subject text;
ALTER TABLE decision ADD COLUMN office text, ADD COLUMN partner_subject text;
ALTER TABLE obligation ADD COLUMN office text, ADD COLUMN partner_subject text;
ALTER TABLE block ADD COLUMN office text, ADD COLUMN partner_subject text;
ALTER TABLE instalment ADD COLUMN office text, ADD COLUMN partner_subject text;
ALTER TABLE journal ADD COLUMN office text, ADD COLUMN partner_subject text;
UPDATE task SET partner_subject = partner_of(subject);
UPDATE decision SET office = office_of(subject), partner_subject = partner_of(subject);
UPDATE obligation SET office = office_of(subject), partner_subject = partner_of(subject);
UPDATE block SET office = office_of(subject), partner_subject = partner_of(subject);
UPDATE instalment SET office = office_of(subject), partner_subject = partner_of(subject);
UPDATE journal SET office = office_of(subject), partner_subject = partner_of(subject);

-- 2. Open tasks, from the two sides that an array column cannot be read in order from -------------------------------------------

CREATE TABLE awaited (                      -- open tasks by case that waits for them; gone when the task is
    task        text NOT NULL,
    "case"      text NOT NULL,              -- subject
    office      text NOT NULL,
    partner_subject text NOT NULL,
    stage       text NOT NULL,
    holder      text NOT NULL,
    due_at      timestamptz NOT NULL,       -- infinity: no due moment
    opened_at   timestamptz NOT NULL,
    PRIMARY KEY (task, "case")
);
CREATE INDEX awaited_case ON awaited ("case", due_at, task) INCLUDE (holder);
CREATE INDEX awaited_office ON awaited (office, due_at, "case");
CREATE INDEX awaited_where ON awaited (office, stage, holder) INCLUDE (opened_at, due_at);

CREATE TABLE inbox (                        -- open tasks by reader: candidates if any are named, else the roles that decide
    task        text NOT NULL,
    reader      text NOT NULL,              -- actor, or `<office or partner subject> <role>`
    due_at      timestamptz NOT NULL,
    PRIMARY KEY (task, reader)
);
CREATE INDEX inbox_reader ON inbox (reader, due_at, task);

INSERT INTO awaited SELECT t.id, c.subject, c.office, c.partner_subject, t.stage, t.holder, coalesce(t.due_at, 'infinity'), t.opened_at
FROM task t CROSS JOIN unnest(t.cases) AS x("case") JOIN "case" c ON c.subject = x."case" WHERE t.state = 'open';
INSERT INTO inbox SELECT DISTINCT t.id, r.reader, coalesce(t.due_at, 'infinity')
FROM task t CROSS JOIN LATERAL (
    SELECT unnest(t.candidates) AS reader UNION ALL
    SELECT CASE WHEN role LIKE 'partner\_%' THEN t.partner_subject ELSE t.office END || ' ' || role FROM unnest(t.roles) AS role
    WHERE t.candidates = '{}'
) r WHERE t.state = 'open' AND r.reader IS NOT NULL;

CREATE TABLE stay (                         -- how long a case was in each status: what stage times are counted from
    subject     text NOT NULL,
    sequence    bigint NOT NULL,            -- of the event that began it
    office      text NOT NULL,
    track       text NOT NULL,              -- as it was when the stay ended
    status      text NOT NULL,
    began_at    timestamptz NOT NULL,
    ended_at    timestamptz,
    PRIMARY KEY (subject, sequence)
);
CREATE INDEX stay_ended ON stay (office, ended_at) INCLUDE (status, track, began_at) WHERE ended_at IS NOT NULL;

INSERT INTO stay SELECT c.subject, s.sequence, c.office, c.track, s.status, s.at, lead(s.at) OVER (PARTITION BY s.subject ORDER BY s.sequence)
FROM "case" c JOIN (
    SELECT m.*, lag(m.status, 1, '') OVER (PARTITION BY m.subject ORDER BY m.sequence) AS before FROM (
        SELECT subject, sequence, at, CASE type WHEN 'case.received' THEN 'received' ELSE data->'data'->>'to' END AS status
        FROM event WHERE type IN ('case.received', 'case.status_changed')
    ) m
) s ON s.subject = c.subject WHERE s.status <> s.before;

-- 3. Indexes, in the order of each list ------------------------------------------------------------------------------------------

DROP INDEX case_partner;
CREATE INDEX case_office ON "case" (office, reference);
CREATE INDEX case_received ON "case" (office, received_at, reference);
CREATE INDEX case_status_received ON "case" (office, status, received_at, reference);
CREATE INDEX case_partner ON "case" (partner_subject, reference);
CREATE INDEX case_partners ON "case" (office, partner_subject, status);
CREATE INDEX case_focal_point ON "case" (focal_point, reference);
CREATE INDEX case_source_reference ON "case" (source_reference);
CREATE INDEX case_signed ON "case" (office, signed_on) WHERE signed_on IS NOT NULL;
CREATE INDEX case_umbrella ON "case" (umbrella);
CREATE INDEX case_open ON "case" (office, reference)
    WHERE status NOT IN ('rejected', 'withdrawn', 'cancelled', 'terminated', 'expired', 'closed');

DROP INDEX task_open;
CREATE INDEX task_open ON task (office, coalesce(due_at, 'infinity'::timestamptz), id) WHERE state = 'open';
CREATE INDEX task_open_kind ON task (office, kind, coalesce(due_at, 'infinity'::timestamptz), id) WHERE state = 'open';
CREATE INDEX task_open_partner ON task (partner_subject, coalesce(due_at, 'infinity'::timestamptz), id) WHERE state = 'open';
CREATE INDEX task_done ON task (office, state, closed_at, id) WHERE state <> 'open';
CREATE INDEX task_done_partner ON task (partner_subject, state, closed_at, id) WHERE state <> 'open';

CREATE INDEX decision_office ON decision (office, at, subject, sequence);
CREATE INDEX decision_partner ON decision (partner_subject, at, subject, sequence);
CREATE INDEX decision_actor ON decision (actor, at, subject, sequence);
CREATE INDEX decision_refused ON decision (office, at, subject, sequence) WHERE NOT counted;

CREATE INDEX obligation_office ON obligation (office, state, coalesce(due_at, 'infinity'::timestamptz), id);
CREATE INDEX obligation_partner ON obligation (partner_subject, state, coalesce(due_at, 'infinity'::timestamptz), id);
CREATE INDEX obligation_owner ON obligation (office, owner_role, state, coalesce(due_at, 'infinity'::timestamptz), id);
CREATE INDEX obligation_kind ON obligation (office, kind, state, coalesce(due_at, 'infinity'::timestamptz), id);

CREATE INDEX block_office ON block (office, since, id) WHERE lifted_at IS NULL;
CREATE INDEX block_partner ON block (partner_subject, since, id) WHERE lifted_at IS NULL;

CREATE INDEX instalment_office ON instalment (office, requested_at, subject, instalment);
CREATE INDEX instalment_state ON instalment (office, state, requested_at, subject, instalment);
CREATE INDEX instalment_partner ON instalment (partner_subject, requested_at, subject, instalment);
CREATE INDEX instalment_unreported ON instalment (office, currency, paid_at) INCLUDE (paid) WHERE state = 'paid';
CREATE INDEX instalment_paid ON instalment (office, paid_at) WHERE instalment = 1 AND paid_at IS NOT NULL;

CREATE INDEX journal_subject ON journal (subject, at, id);
CREATE INDEX journal_office ON journal (office, at, id);
CREATE INDEX journal_partner ON journal (partner_subject, at, id);

-- the office is read from the text, which may be no JSON at all; within a text of JSON a quotation mark is escaped, and none matches
ALTER TABLE rejected_intake ADD COLUMN office text GENERATED ALWAYS AS (substring(body FROM '"office"\s*:\s*"([A-Z]{2})"')) STORED;
CREATE INDEX rejected_by_source ON rejected_intake (source, id);
CREATE INDEX rejected_by_office ON rejected_intake (office, id);
CREATE INDEX hit_subject ON hit (subject);
CREATE INDEX condition_subject ON condition (subject);
CREATE INDEX payment_order_subject ON payment_order (subject);
CREATE INDEX umbrella_reference ON umbrella (reference);

DO $$
BEGIN
    GRANT SELECT, INSERT, UPDATE, DELETE ON awaited, inbox, stay TO pca_app;
EXCEPTION WHEN undefined_object OR insufficient_privilege THEN
    RAISE NOTICE 'nothing was granted to pca_app';
END $$;
