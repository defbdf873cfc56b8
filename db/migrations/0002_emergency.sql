-- The fast path: emergency activations, and under which one a case runs. Forward only; projected from events alone, as all before.

CREATE TABLE activation (
    subject     text PRIMARY KEY,           -- activation:<reference>
    reference   text NOT NULL UNIQUE,
    level       text NOT NULL CHECK (level IN ('L1', 'L2', 'L3')),
    offices     text[] NOT NULL,            -- ISO2
    areas       text[] NOT NULL,            -- none: all
    sectors     text[] NOT NULL,            -- none: all
    document    text NOT NULL,              -- the paper it was declared with
    document_sha256 text,
    valid_from  date NOT NULL,
    valid_to    date NOT NULL,
    step_aside_from date,
    step_aside_to   date,
    roster      text[] NOT NULL,            -- reviewers, in order
    declared_by text NOT NULL,
    declared_role text NOT NULL,
    declared_at timestamptz NOT NULL,
    state       text NOT NULL CHECK (state IN ('declared', 'expired', 'revoked')),
    renewals    integer NOT NULL,
    ended_at    timestamptz,
    clock       text NOT NULL
);

ALTER TABLE "case" ADD COLUMN activation text;    -- reference of the activation that its fast path rests on, or rested on
CREATE INDEX case_activation ON "case" (activation) WHERE activation IS NOT NULL;
