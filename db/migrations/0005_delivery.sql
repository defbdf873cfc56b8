-- Events out: subscriptions of webhooks, and letters. Not projected: queues, subscriptions and what was sent are no part of the record.
-- A worker of the release before still runs on this: what is new of a pair has a default, and its own statements do not know it.

-- A pair (subscriber, subject) is leased while its events are sent: no transaction is open while a slow receiver is waited for.
ALTER TABLE delivery
    ADD COLUMN pending      boolean NOT NULL DEFAULT true,  -- there may be events that were not told yet
    ADD COLUMN lease        text,                           -- of whoever sends now; what comes back under another one is not believed
    ADD COLUMN leased_until timestamptz;
CREATE INDEX delivery_due ON delivery (subscriber, next_at) WHERE pending AND NOT dead;
CREATE INDEX delivery_dead ON delivery (subscriber) WHERE dead;

CREATE TABLE delivery_cursor (              -- how far a subscriber's pairs were entered; never how far its events were sent
    subscriber text PRIMARY KEY,
    position   bigint NOT NULL
);

CREATE TABLE subscription (
    id          text PRIMARY KEY,
    url         text NOT NULL,
    description text NOT NULL DEFAULT '',
    owner       text NOT NULL,              -- who made it: an actor, or the name of a key
    offices     text[],                     -- ISO2; null: every office
    types       text[] NOT NULL,            -- names or `noun.*` of the catalogue; `*`: all
    sealed      boolean NOT NULL,           -- screening, flags, confidential reasons too
    since       bigint NOT NULL,            -- events after this position of the record
    secret      text NOT NULL,              -- whsec_...: must be there in plain, or nothing could be signed
    previous_secret text,                   -- signs beside the new one until then
    previous_until  timestamptz,
    state       text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'disabled')),
    state_why   text NOT NULL DEFAULT '',
    failures    integer NOT NULL DEFAULT 0, -- in a row, of all its pairs
    failing_since timestamptz,
    next_at     timestamptz NOT NULL DEFAULT '-infinity',   -- the whole subscription rests until then
    last_error  text,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((previous_secret IS NULL) = (previous_until IS NULL))
);

CREATE TABLE mailed (                       -- letters: to be sent, sent, or given up; once a person, matter and day
    person      text NOT NULL,              -- actor of the office file or of the intake
    what        text NOT NULL,              -- `digest`, or `<subject>#<sequence>` of the event that it tells of
    day         date NOT NULL,              -- of the office
    office      text NOT NULL,
    partner     boolean NOT NULL,           -- the partner's side: shown what casebook section 6 shows
    cases       text[] NOT NULL,            -- subjects of the cases by whose intake the person is known; none: by the office file
    clock       text NOT NULL DEFAULT '',   -- practice: goes to a local mail catcher, or nowhere
    state       text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'dropped', 'dead')),
    attempts    integer NOT NULL DEFAULT 0,
    next_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    lease       text,
    leased_until timestamptz,
    last_error  text,
    written_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at    timestamptz,
    PRIMARY KEY (person, what, day)
);
CREATE INDEX mailed_due ON mailed (next_at) WHERE state = 'waiting';
CREATE INDEX mailed_dead ON mailed (person) WHERE state = 'dead';

DO $$
BEGIN
    GRANT SELECT, INSERT, UPDATE, DELETE ON delivery_cursor, subscription, mailed TO pca_app;
EXCEPTION WHEN undefined_object OR insufficient_privilege THEN
    RAISE NOTICE 'nothing was granted to pca_app';
END $$;
