-- The keys that vouch for decisions and messages. Never deleted; a key is only ever ended earlier (the table itself refuses the rest).

-- name: find
-- One key, while a proof made with it is judged.
SELECT key_id, public_key, valid_from, valid_to, void_from FROM signing_key WHERE key_id = $1;

-- name: list
-- All of them, the newest first.
SELECT key_id, valid_from, valid_to, void_from, note, added_at FROM signing_key ORDER BY valid_from DESC, key_id;

-- name: add
-- A key that is not known yet; one that is known stays as it is, retired or void.
INSERT INTO signing_key (key_id, public_key, valid_from, note) VALUES ($1, $2, coalesce($3, clock_timestamp()), $4) ON CONFLICT DO NOTHING;

-- name: retire
-- What is signed after that moment no longer counts.
UPDATE signing_key SET valid_to = $2 WHERE key_id = $1 RETURNING key_id;

-- name: revoke
-- What was signed from that moment on is void.
UPDATE signing_key SET void_from = $2 WHERE key_id = $1 RETURNING key_id;

-- name: counted_since
-- What counted under a key's signature since a moment: somebody has to look at it when the key is revoked.
SELECT subject, sequence, type, at, data #>> '{actor,id}' AS actor, data #>> '{actor,role}' AS role,
    coalesce(data #>> '{data,task}', data #>> '{data,kind}') AS said, data #>> '{data,verdict}' AS verdict
FROM event WHERE type IN ('decision.counted', 'message.counted') AND data #>> '{data,key_id}' = $1
    AND (data #>> '{data,signed_at}')::timestamptz >= $2 ORDER BY position;
