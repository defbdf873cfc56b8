-- The record: event chains first, then everything that is projected from them, then versioned data and the queues.
-- Forward only. A projection column comes from its event alone: no DEFAULT now(), no sequence, no chance.

-- 1. The chains ---------------------------------------------------------------------------------------------------------------

CREATE TABLE stream (                       -- the head of every subject's chain; each append locks its row
    subject     text PRIMARY KEY,
    sequence    bigint NOT NULL DEFAULT 0,
    hash        text NOT NULL DEFAULT ''
);

CREATE TABLE event (
    subject     text NOT NULL REFERENCES stream,
    sequence    bigint NOT NULL,
    position    bigint GENERATED ALWAYS AS IDENTITY,        -- order of rebuild and of reading across subjects; never of delivery
    type        text NOT NULL,
    at          timestamptz NOT NULL,                       -- business time
    body        text NOT NULL,                              -- canonical JSON as hashed
    data        jsonb GENERATED ALWAYS AS (body::jsonb) STORED,
    previous    text NOT NULL,
    hash        text NOT NULL,                              -- sha256(previous \n subject \n sequence \n body)
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (subject, sequence)
);
CREATE UNIQUE INDEX event_position ON event (position);
CREATE INDEX event_type ON event (type, position);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: the record is append-only', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE receipt (                      -- what was said under a key, and the answer
    key          text PRIMARY KEY,
    request_hash text NOT NULL,
    request      jsonb,                    -- the decision or message as said; null: the system's own write
    response     jsonb NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE content (                      -- "put, then decide": comments, messages, data, document versions, by their hash
    sha256      text PRIMARY KEY,
    size        integer NOT NULL,
    media_type  text NOT NULL DEFAULT 'application/json',
    sealed      boolean NOT NULL DEFAULT false,
    body        bytea NOT NULL,
    put_by      text NOT NULL DEFAULT '',
    put_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- 2. Intake -------------------------------------------------------------------------------------------------------------------

CREATE TABLE submission (                   -- what intake systems sent and we took, once per (source, id) and (source, reference)
    source           text NOT NULL,
    source_reference text NOT NULL,
    event_id         text,
    facts_sha256     text NOT NULL,
    facts            jsonb NOT NULL,
    reference        text NOT NULL UNIQUE,
    clock            text NOT NULL DEFAULT '',
    received_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at       timestamptz,           -- set when the workflow was started; the worker sweeps what was not
    PRIMARY KEY (source, source_reference),
    UNIQUE (source, event_id)
);
CREATE INDEX submission_not_started ON submission (received_at) WHERE started_at IS NULL;

CREATE TABLE rejected_intake (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source           text NOT NULL,
    source_reference text NOT NULL,
    body             text NOT NULL,         -- as it came, also where it is no JSON
    findings         jsonb NOT NULL,
    received_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- 3. Versioned data: packs, office files, rates, lists; a version once used is never edited ------------------------------------

CREATE TABLE versioned (
    kind        text NOT NULL CHECK (kind IN ('pack', 'office', 'rates')),
    name        text NOT NULL,              -- standard, emergency; ISO2 of the office; rates table
    version     text NOT NULL,
    effective   date NOT NULL,
    sha256      text NOT NULL,
    body        jsonb NOT NULL,
    loaded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (kind, name, version),
    UNIQUE (sha256, kind, name)
);
CREATE TRIGGER versioned_append_only BEFORE UPDATE OR DELETE ON versioned FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE sanctions_list (
    name        text NOT NULL,
    version     text NOT NULL,
    effective   date NOT NULL,
    sha256      text NOT NULL,
    entries     integer NOT NULL,
    loaded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (name, version)
);
CREATE TABLE sanctions_entry (
    list        text NOT NULL,
    version     text NOT NULL,
    entry       text NOT NULL,              -- DATAID or reference number
    kind        text NOT NULL CHECK (kind IN ('individual', 'entity')),
    names       jsonb NOT NULL,             -- primary name first, then aliases, in original and transliterated form
    details     jsonb NOT NULL,             -- born, nationality, listed on
    PRIMARY KEY (list, version, entry),
    FOREIGN KEY (list, version) REFERENCES sanctions_list
);

CREATE TABLE clock (                        -- practice clocks; empty in real life
    name        text PRIMARY KEY,
    "offset"    interval NOT NULL
);
CREATE TABLE clock_member (                 -- the open workflows of a practice clock, entered by whoever starts them
    clock       text NOT NULL REFERENCES clock,
    workflow    text NOT NULL,
    PRIMARY KEY (clock, workflow)
);

-- 4. Projections: rebuilt from events alone; every row belongs to one subject ---------------------------------------------------

CREATE TABLE "case" (
    subject       text PRIMARY KEY,         -- case:<reference>
    reference     text NOT NULL UNIQUE,
    workflow      text NOT NULL,            -- pca.<ISO2>.<reference with - for />
    office        text NOT NULL,
    programme     text NOT NULL,
    partner       text NOT NULL,
    partner_subject text NOT NULL,          -- partner:<office>:<partner>
    umbrella      text NOT NULL,            -- umbrella:<office>:<partner>:<programme>
    source        text NOT NULL,
    source_reference text NOT NULL,
    facts_sha256  text NOT NULL,
    title_sha256  text,
    instrument    text NOT NULL,
    document_type text NOT NULL,            -- programme_document, simplified, simplified_humanitarian, contingency
    humanitarian  boolean NOT NULL,
    track         text NOT NULL DEFAULT '',
    status        text NOT NULL,
    stage         text NOT NULL DEFAULT '',
    round         integer NOT NULL DEFAULT 1,
    view_version  integer NOT NULL DEFAULT 0,
    held          boolean NOT NULL DEFAULT false,
    hold_until    timestamptz,
    under_notice  boolean NOT NULL DEFAULT false,
    submitter     text NOT NULL,
    section       text NOT NULL,
    focal_point   text NOT NULL,
    budget_owner  text NOT NULL,
    currency      text NOT NULL,
    office_total  numeric(18,2) NOT NULL,
    office_cash   numeric(18,2) NOT NULL,
    rate          numeric(18,6) NOT NULL,   -- units of currency per US$ in the month of submission
    office_total_usd numeric(18,2) NOT NULL,
    office_cash_usd  numeric(18,2) NOT NULL,
    submitted_on  date NOT NULL,
    received_at   timestamptz NOT NULL,
    start_requested date,                   -- null: a contingency document
    end_requested   date,
    start_on      date,                     -- effective, set at the last signature
    end_on        date,
    signed_on     date,                     -- the later signature
    first_partner_act timestamptz,          -- clock b
    review_submitted_at timestamptz,        -- clock c
    activated_at  timestamptz,
    carries_umbrella boolean NOT NULL DEFAULT false,
    document_version integer NOT NULL DEFAULT 0,
    document_sha256  text,
    packs         jsonb NOT NULL,           -- {"standard": {version, sha256}, "emergency": ..., "office": ..., "rates": ...} pinned at intake
    clock         text NOT NULL DEFAULT '',
    ended_reason  text NOT NULL DEFAULT ''
);
CREATE INDEX case_register ON "case" (office, status, reference);
CREATE INDEX case_partner ON "case" (partner_subject);

CREATE TABLE task (
    id          text PRIMARY KEY,
    subject     text NOT NULL,
    workflow    text NOT NULL,
    kind        text NOT NULL,
    stage       text NOT NULL,
    round       integer NOT NULL,
    whom        text NOT NULL DEFAULT '',
    roles       text[] NOT NULL,
    candidates  text[] NOT NULL,
    holder      text NOT NULL CHECK (holder IN ('office', 'partner', 'external')),
    office      text NOT NULL,
    data        jsonb NOT NULL,
    cases       text[] NOT NULL,            -- the cases that wait for it
    opened_at   timestamptz NOT NULL,
    opened_by   text NOT NULL,              -- actor whose decision opened it; '' for the system
    opened_from text NOT NULL,              -- task whose decision opened it; '' for the system
    due_at      timestamptz,
    moments     jsonb NOT NULL,             -- besides reminders and escalation: [{at, does, level}]
    claimed_by  text NOT NULL DEFAULT '',
    level       integer NOT NULL DEFAULT 0, -- of escalation
    reminded    integer NOT NULL DEFAULT 0,
    state       text NOT NULL CHECK (state IN ('open', 'decided', 'closed')),
    closed_at   timestamptz,
    verdict     text,
    decided_by  text,
    closed_why  text
);
CREATE INDEX task_open ON task (office, due_at) WHERE state = 'open';
CREATE INDEX task_subject ON task (subject, state);
CREATE INDEX task_cases ON task USING gin (cases);

CREATE TABLE decision (                     -- one row per decision.counted or decision.refused
    subject     text NOT NULL,
    sequence    bigint NOT NULL,            -- of its event
    receipt     text NOT NULL,              -- <task>:<key>; a key used again for something else is refused, and stands here too
    task        text NOT NULL,
    kind        text NOT NULL,
    stage       text NOT NULL,
    round       integer NOT NULL,
    whom        text NOT NULL,
    actor       text NOT NULL,
    role        text NOT NULL,
    on_behalf_of text,
    verdict     text NOT NULL,
    counted     boolean NOT NULL,
    rules       text[] NOT NULL,            -- why not
    reason_code text,
    comment_sha256 text,
    message_sha256 text,
    data_sha256 text,
    signed      boolean NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (subject, sequence)
);
CREATE INDEX decision_subject ON decision (subject, at);
CREATE INDEX decision_task ON decision (task) WHERE counted;
CREATE UNIQUE INDEX decision_receipt ON decision (receipt) WHERE counted;

CREATE TABLE block (
    id          text PRIMARY KEY,           -- <subject>:<cause>[:<what>]
    subject     text NOT NULL,              -- case, partner or umbrella
    scope       text NOT NULL,
    cause       text NOT NULL,
    reason_code text,
    since       timestamptz NOT NULL,
    until       timestamptz,
    lifted_at   timestamptz,
    lifted_by   text
);
CREATE INDEX block_in_force ON block (subject) WHERE lifted_at IS NULL;

CREATE TABLE waiting (                      -- cases that wait for what they share; read and written under the lock of the subject waited for
    subject     text NOT NULL,              -- partner:... or umbrella:...
    "case"      text NOT NULL,
    level       text NOT NULL,
    since       timestamptz NOT NULL,
    PRIMARY KEY (subject, "case")
);

CREATE TABLE element (                      -- the vetting ledger of a partner in an office
    subject     text NOT NULL,              -- partner:...
    element     text NOT NULL,              -- declaration, registration, profile, core_values, psea, hact, conflict:<case>, flag:<id>, screening
    result      text NOT NULL,
    source      text NOT NULL CHECK (source IN ('own', 'reused', 'assumed', 'deferred', 'intake')),
    agency      text,
    recorded_at timestamptz NOT NULL,
    valid_until date,
    details     jsonb NOT NULL,
    PRIMARY KEY (subject, element)
);
CREATE TABLE clearance (
    subject     text NOT NULL,
    level       text NOT NULL,
    state       text NOT NULL CHECK (state IN ('granted', 'refused')),
    granted_at  timestamptz NOT NULL,
    valid_until date,
    limiting_element text,
    conditions  jsonb NOT NULL,
    reason_code text,
    message_sha256 text,
    PRIMARY KEY (subject, level)
);
CREATE TABLE screening (
    subject     text PRIMARY KEY,           -- the last run
    done_at     timestamptz NOT NULL,
    trigger     text NOT NULL,
    lists       jsonb NOT NULL,
    names       integer NOT NULL,
    hits        integer NOT NULL,
    best_score  numeric(5,4)
);
CREATE TABLE hit (
    id          text PRIMARY KEY,           -- <partner>:<list>:<entry>:<hash of the name screened>
    subject     text NOT NULL,
    list_entry  text NOT NULL,
    name_role   text NOT NULL,
    score       numeric(5,4) NOT NULL,
    found_at    timestamptz NOT NULL,
    state       text NOT NULL CHECK (state IN ('open', 'second_check', 'false_positive', 'true_match')),
    disposed_at timestamptz
);
CREATE TABLE vendor (
    subject     text PRIMARY KEY,           -- partner:...
    vendor_number text NOT NULL,
    account_ref text NOT NULL,              -- opaque reference of the account in the vendor file
    account_hash text NOT NULL,
    currency    text NOT NULL,
    bank_country text,
    set_up_by   text NOT NULL,
    confirmed_by text,
    confirmed_at timestamptz
);

CREATE TABLE umbrella (
    subject     text PRIMARY KEY,           -- umbrella:<office>:<partner>:<programme>
    office      text NOT NULL,
    partner     text NOT NULL,
    programme   text NOT NULL,
    reference   text NOT NULL,
    status      text NOT NULL CHECK (status IN ('draft', 'signed', 'suspended', 'ended', 'terminated', 'cancelled')),
    carrier     text,                       -- the case that carries it while in draft
    start_on    date,
    end_on      date,
    officers    text[] NOT NULL,            -- actor ids of the partner's authorised officers
    account_hash text,
    signed_on   date,
    clock       text NOT NULL DEFAULT ''
);

CREATE TABLE document_version (
    subject     text NOT NULL,
    version     integer NOT NULL,
    sha256      text NOT NULL,
    side        text NOT NULL,
    at          timestamptz NOT NULL,
    office_total numeric(18,2) NOT NULL,
    office_cash  numeric(18,2) NOT NULL,
    management_share numeric(7,4) NOT NULL,
    changed     text[] NOT NULL,
    PRIMARY KEY (subject, version)
);
CREATE TABLE acceptance (
    subject     text NOT NULL,
    side        text NOT NULL CHECK (side IN ('office', 'partner')),
    sha256      text NOT NULL,
    on_behalf   boolean NOT NULL,
    at          timestamptz NOT NULL,
    actor       text NOT NULL,
    PRIMARY KEY (subject, side)
);
CREATE TABLE annex (
    subject     text NOT NULL,
    annex       text NOT NULL,
    sha256      text,                       -- null: not needed
    at          timestamptz NOT NULL,
    PRIMARY KEY (subject, annex)
);
CREATE TABLE deviation (                    -- a clause that differs from the certified template
    subject     text NOT NULL,
    clause      text NOT NULL,
    verdict     text,                       -- null: open
    at          timestamptz NOT NULL,
    PRIMARY KEY (subject, clause)
);
CREATE TABLE member (                       -- of a committee, per round; also those replaced
    subject     text NOT NULL,
    round       integer NOT NULL,
    person      text NOT NULL,
    function    text NOT NULL,
    section     text NOT NULL,
    state       text NOT NULL CHECK (state IN ('named', 'recused', 'replaced')),
    PRIMARY KEY (subject, round, person)
);
CREATE TABLE review (
    subject     text NOT NULL,
    round       integer NOT NULL,
    kind        text NOT NULL,              -- committee, two_person, single, none
    submitted_at timestamptz NOT NULL,
    overall_approver text,
    result      text,
    counts      jsonb,
    concluded_at timestamptz,
    PRIMARY KEY (subject, round)
);
CREATE TABLE opinion (
    subject     text NOT NULL,
    round       integer NOT NULL,
    member      text NOT NULL,
    purpose     text NOT NULL DEFAULT 'review',
    verdict     text NOT NULL,
    answers     jsonb NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (subject, round, purpose, member)
);
CREATE TABLE condition (
    id          text PRIMARY KEY,           -- <case>:<round>:<review|approval>:<n-th of its decision>
    subject     text NOT NULL,
    text_sha256 text NOT NULL,
    owner_role  text NOT NULL,
    gate        text NOT NULL,
    due         date,
    set_by      text NOT NULL,
    state       text NOT NULL CHECK (state IN ('open', 'met', 'waived')),
    closed_at   timestamptz
);
CREATE TABLE signature (
    subject     text NOT NULL,              -- case or umbrella
    object      text NOT NULL,              -- pca, document, data_processing ...
    side        text NOT NULL CHECK (side IN ('office', 'partner')),
    signed_by   text NOT NULL,
    signed_on   date NOT NULL,
    method      text NOT NULL,
    sha256      text NOT NULL,
    recorded_by text NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (subject, object, side)
);
CREATE TABLE approval (
    subject     text NOT NULL,
    object      text NOT NULL,              -- document, pca, activation
    round       integer NOT NULL,
    actor       text NOT NULL,
    role        text NOT NULL,
    amount_usd  numeric(18,2) NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (subject, object)
);

CREATE TABLE reservation (
    subject     text NOT NULL,
    number      text NOT NULL UNIQUE,       -- a reservation serves one document
    vendor_number text NOT NULL,
    currency    text NOT NULL,
    amount      numeric(18,2) NOT NULL CHECK (amount > 0),
    lines       jsonb NOT NULL,             -- [{grant, amount, expires_on}]
    at          timestamptz NOT NULL,
    PRIMARY KEY (subject, number)
);
CREATE TABLE period (                       -- reporting and cash periods of the signed document
    subject     text NOT NULL,
    period      integer NOT NULL,
    start_on    date NOT NULL,
    end_on      date NOT NULL,
    PRIMARY KEY (subject, period)
);
CREATE TABLE instalment (
    subject     text NOT NULL,
    instalment  integer NOT NULL,
    period      integer NOT NULL,
    modality    text NOT NULL,
    currency    text NOT NULL,
    requested   numeric(18,2) NOT NULL,
    lines       jsonb NOT NULL,             -- [{activity, amount}] as requested
    certified   numeric(18,2),
    certified_lines jsonb,
    checked     numeric(18,2),
    checked_lines jsonb,
    released    numeric(18,2),
    value_date  date,
    paid        numeric(18,2),
    state       text NOT NULL CHECK (state IN ('requested', 'certified', 'checked', 'released', 'paid', 'reported', 'returned', 'refused')),
    account_ref text NOT NULL,
    face_sha256 text NOT NULL,
    signed_by   text NOT NULL,
    requested_at timestamptz NOT NULL,
    released_at timestamptz,
    paid_at     timestamptz,
    reported_at timestamptz,
    PRIMARY KEY (subject, instalment)
);
CREATE TABLE payment_order (
    "order"     text PRIMARY KEY,           -- <case>:<instalment>:<n-th order>
    subject     text NOT NULL,
    instalment  integer NOT NULL,
    amount      numeric(18,2) NOT NULL CHECK (amount > 0),
    currency    text NOT NULL,
    account_ref text NOT NULL,
    vendor_number text NOT NULL,
    value_date  date NOT NULL,
    state       text NOT NULL CHECK (state IN ('ordered', 'accepted', 'unknown', 'confirmed', 'refused', 'cancelled')),
    bank_reference text,
    ordered_at  timestamptz NOT NULL,
    confirmed_at timestamptz
);
CREATE TABLE report (
    subject     text NOT NULL,
    instalment  integer NOT NULL,
    period      integer NOT NULL,
    due         date NOT NULL,
    submitted_at timestamptz,
    submitted   numeric(18,2),              -- B
    accepted    numeric(18,2),              -- C
    rejected    numeric(18,2),              -- B - C
    balance     numeric(18,2),              -- D = A - C
    lines       jsonb,
    reviews     jsonb NOT NULL,             -- {programme: [...], finance: [...]}
    sha256      text,
    waived_until date,
    state       text NOT NULL CHECK (state IN ('due', 'submitted', 'returned', 'accepted')),
    PRIMARY KEY (subject, instalment)
);

CREATE TABLE obligation (
    id          text PRIMARY KEY,           -- <reference or partner id>:<kind>[:<what>]
    subject     text NOT NULL,              -- case:... or partner:...
    kind        text NOT NULL,
    owner_role  text NOT NULL,
    verifier_role text NOT NULL,
    reason      text NOT NULL DEFAULT '',
    authority   text NOT NULL DEFAULT '',
    due_at      timestamptz,                -- null: not before the event that sets it
    consequences text[] NOT NULL,
    cases       text[] NOT NULL,
    state       text NOT NULL CHECK (state IN ('open', 'evidence_in', 'met', 'written_off')),
    overdue     boolean NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL,
    closed_at   timestamptz,
    data        jsonb NOT NULL
);
CREATE INDEX obligation_subject ON obligation (subject);

-- 5. The ledger: double entry; the database itself refuses what may not be ------------------------------------------------------

CREATE TABLE journal (
    id          text PRIMARY KEY,           -- <reference>:<instalment>:<kind>:<sequence of its event>
    subject     text NOT NULL,
    instalment  integer NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('release', 'payment', 'liquidation', 'cancellation', 'recovery')),
    at          timestamptz NOT NULL,
    currency    text NOT NULL
);
CREATE UNIQUE INDEX one_payment_per_instalment ON journal (subject, instalment) WHERE kind = 'payment';
CREATE TABLE entry (
    journal     text NOT NULL REFERENCES journal,
    account     text NOT NULL CHECK (account IN ('outstanding', 'payable', 'bank', 'expenditure', 'receivable')),
    amount      numeric(18,2) NOT NULL CHECK (amount <> 0),      -- debit positive, credit negative
    PRIMARY KEY (journal, account)
);
CREATE TABLE authorised (                   -- how much a case may draw in all: its office cash as signed
    subject     text PRIMARY KEY,
    amount      numeric(18,2) NOT NULL CHECK (amount >= 0),
    currency    text NOT NULL,
    drawn       numeric(18,2) NOT NULL DEFAULT 0,
    CONSTRAINT never_over_the_amount CHECK (drawn <= amount AND drawn >= 0)
);

CREATE FUNCTION journal_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT coalesce(sum(amount), 0) FROM entry WHERE journal = NEW.journal) <> 0 THEN
        RAISE EXCEPTION 'journal % does not balance', NEW.journal USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER entry_balances AFTER INSERT ON entry DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION journal_balances();

-- 6. Delivery: one sender per (subscriber, subject) at a time, read by sequence --------------------------------------------------

CREATE TABLE delivery (
    subscriber    text NOT NULL,
    subject       text NOT NULL,
    next_sequence bigint NOT NULL DEFAULT 1,
    attempts      integer NOT NULL DEFAULT 0,
    next_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_error    text,
    dead          boolean NOT NULL DEFAULT false,
    PRIMARY KEY (subscriber, subject)
);

-- 7. Least privilege: the engine's own role may add to the record and never take away. -------------------------------------------
-- Where the migrating user may not create roles (hosted databases), the operator does it; the triggers above hold either way.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pca_app') THEN
        CREATE ROLE pca_app NOLOGIN;
    END IF;
EXCEPTION WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN
    RAISE NOTICE 'role pca_app was not created';
END $$;
DO $$
BEGIN
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO pca_app;
    REVOKE UPDATE, DELETE, TRUNCATE ON event, versioned, content, rejected_intake FROM pca_app;
    GRANT UPDATE ON content TO pca_app;     -- only to seal what was put unsealed
EXCEPTION WHEN undefined_object OR insufficient_privilege THEN
    RAISE NOTICE 'nothing was granted to pca_app';
END $$;
