-- Delegations entered at run time, beside those of the office file. Forward only; projected from events alone, as all before.

CREATE TABLE delegation (
    id          text PRIMARY KEY,           -- <ISO2>:<principal>:<delegate>:<first day>
    subject     text NOT NULL,              -- office:<ISO2>
    office      text NOT NULL,
    principal   text NOT NULL,
    delegate    text NOT NULL,
    roles       text[] NOT NULL,
    since       date NOT NULL,
    until       date NOT NULL,
    sign        boolean NOT NULL,           -- in writing: also to sign for the office
    entered_by  text NOT NULL,
    entered_at  timestamptz NOT NULL,
    accept_by   timestamptz NOT NULL,       -- offered and not accepted by then, it has lapsed
    state       text NOT NULL CHECK (state IN ('offered', 'accepted', 'declined', 'ended')),
    changed_at  timestamptz NOT NULL,
    reason_sha256 text
);
CREATE INDEX delegation_standing ON delegation (office, delegate) WHERE state IN ('offered', 'accepted');

DO $$
BEGIN
    GRANT SELECT, INSERT, UPDATE, DELETE ON delegation TO pca_app;
EXCEPTION WHEN undefined_object OR insufficient_privilege THEN
    RAISE NOTICE 'nothing was granted to pca_app';
END $$;
