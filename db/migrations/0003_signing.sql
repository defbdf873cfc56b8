-- The keys whose signatures the record takes. Forward only. Not projected: a key is no event of a case, and replay needs none.

CREATE TABLE signing_key (
    key_id      text PRIMARY KEY CHECK (key_id ~ '^[0-9a-f]{16}$'),     -- beginning of the SHA-256 of the public key
    public_key  bytea NOT NULL UNIQUE CHECK (octet_length(public_key) = 32),    -- Ed25519, raw
    valid_from  timestamptz NOT NULL,
    valid_to    timestamptz CHECK (valid_to >= valid_from),             -- retired: signed later does not count
    void_from   timestamptz,                                            -- revoked: signed from then on is void
    note        text NOT NULL DEFAULT '',
    added_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE FUNCTION only_ends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.key_id, NEW.public_key, NEW.valid_from, NEW.added_at) IS DISTINCT FROM (OLD.key_id, OLD.public_key, OLD.valid_from, OLD.added_at)
        OR coalesce(NEW.valid_to, 'infinity') > coalesce(OLD.valid_to, 'infinity')
        OR coalesce(NEW.void_from, 'infinity') > coalesce(OLD.void_from, 'infinity')
    THEN
        RAISE EXCEPTION 'a signing key is only ever ended, and only earlier' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER signing_key_only_ends BEFORE UPDATE ON signing_key FOR EACH ROW EXECUTE FUNCTION only_ends();
CREATE TRIGGER signing_key_stays BEFORE DELETE ON signing_key FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER signing_key_no_truncate BEFORE TRUNCATE ON signing_key FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Who runs the engine verifies; only the owner of the schema says which keys there are.
DO $$
BEGIN
    REVOKE ALL ON signing_key FROM pca_app;
    GRANT SELECT ON signing_key TO pca_app;
EXCEPTION WHEN undefined_object OR insufficient_privilege THEN
    RAISE NOTICE 'nothing was granted to pca_app';
END $$;
