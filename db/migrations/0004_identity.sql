-- Keys of machines, and browser sessions that ended before their time. Not projected: nothing of a case depends on either.

CREATE TABLE api_key (
    id           text PRIMARY KEY,          -- the part of the key that may be shown
    sha256       text NOT NULL UNIQUE CHECK (sha256 ~ '^[0-9a-f]{64}$'),    -- of the whole key, which is kept nowhere
    name         text NOT NULL CHECK (name <> ''),
    source       text NOT NULL,             -- of intakes: the only one it may submit for; '' without that scope
    offices      text[] NOT NULL CHECK (cardinality(offices) > 0),          -- ISO2, or *
    scopes       text[] NOT NULL CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY['intake', 'read', 'webhooks']),
    created_at   timestamptz NOT NULL,
    created_by   text NOT NULL,
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz,
    revoked_by   text,
    last_used_on date,
    CHECK ((revoked_at IS NULL) = (revoked_by IS NULL)),
    CHECK (source <> '' OR NOT 'intake' = ANY (scopes))
);

-- A session lives in the browser's cookie; a copy of a cookie whose session was logged out must not open anything.
CREATE TABLE ended_session (
    id    text PRIMARY KEY,
    until timestamptz NOT NULL              -- from then on the cookie itself is too old, and the row can go
);

DO $$
BEGIN
    GRANT SELECT, INSERT, UPDATE ON api_key TO pca_app;
    GRANT SELECT, INSERT, DELETE ON ended_session TO pca_app;
EXCEPTION WHEN undefined_object OR insufficient_privilege THEN
    RAISE NOTICE 'nothing was granted to pca_app';
END $$;
