-- Keys of machines and ended sessions (0004_identity).

-- name: key_new
-- A key, by its hash.
INSERT INTO api_key (id, sha256, name, source, offices, scopes, created_at, created_by, expires_at)
VALUES ($1, $2, $3, $4, $5::text[], $6::text[], $7, $8, $9);

-- name: key
-- The key somebody shows, by the part that names it.
SELECT id, sha256, name, source, offices, scopes, expires_at, revoked_at, last_used_on FROM api_key WHERE id = $1;

-- name: keys
-- All keys, without their hashes, newest first.
SELECT id, name, source, offices, scopes, created_at, created_by, expires_at, revoked_at, revoked_by, last_used_on
FROM api_key ORDER BY created_at DESC, id;

-- name: key_used
-- The day of its last use; one write a day at most.
UPDATE api_key SET last_used_on = $2 WHERE id = $1 AND last_used_on IS DISTINCT FROM $2;

-- name: key_revoke
-- From now on it opens nothing; the first revocation stands.
UPDATE api_key SET revoked_at = $2, revoked_by = $3 WHERE id = $1 AND revoked_at IS NULL;

-- name: session_end
-- This session is over.
INSERT INTO ended_session (id, until) VALUES ($1, $2) ON CONFLICT DO NOTHING;

-- name: session_ended
-- Whether it is.
SELECT EXISTS (SELECT FROM ended_session WHERE id = $1);

-- name: sessions_forget
-- Those whose cookies are too old anyway.
DELETE FROM ended_session WHERE until < $1;
