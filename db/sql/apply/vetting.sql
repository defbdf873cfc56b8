-- The vetting ledger of a partner in an office: elements, clearance, screening, vendor. The event's subject is partner:<office>:<partner>.
-- `details` holds ratings, scores and hashes; never names.

-- name: screening.done
-- Keys: trigger, lists: [{name, version}], names_screened, hits, best_score.
INSERT INTO screening (subject, done_at, trigger, lists, names, hits, best_score)
SELECT e.subject, e.at, e.d->>'trigger', e.d->'lists', (e.d->>'names_screened')::integer, (e.d->>'hits')::integer, (e.d->>'best_score')::numeric
FROM e
ON CONFLICT (subject) DO UPDATE SET done_at = excluded.done_at, trigger = excluded.trigger, lists = excluded.lists, names = excluded.names,
    hits = excluded.hits, best_score = excluded.best_score;

-- name: screening.hit_found
-- Keys: hit, list_entry, name_role, score.
INSERT INTO hit (id, subject, list_entry, name_role, score, found_at, state)
SELECT e.d->>'hit', e.subject, e.d->>'list_entry', e.d->>'name_role', (e.d->>'score')::numeric, e.at, 'open' FROM e;

-- name: screening.hit_disposed
-- Keys: hit, verdict (false_positive, true_match; second_check: waits for the second person; open: the second person disagrees), reason_code.
UPDATE hit h SET state = e.d->>'verdict', disposed_at = CASE WHEN e.d->>'verdict' IN ('false_positive', 'true_match') THEN e.at END
FROM e WHERE h.id = e.d->>'hit' AND h.subject = e.subject;

-- name: vetting.element_recorded
-- Keys: element, result, source (own, reused, assumed, intake), agency, valid_until, details.
INSERT INTO element (subject, element, result, source, agency, recorded_at, valid_until, details)
SELECT e.subject, e.d->>'element', e.d->>'result', e.d->>'source', e.d->>'agency', e.at, (e.d->>'valid_until')::date,
    coalesce(e.d->'details', '{}')
FROM e
ON CONFLICT (subject, element) DO UPDATE SET result = excluded.result, source = excluded.source, agency = excluded.agency,
    recorded_at = excluded.recorded_at, valid_until = excluded.valid_until, details = excluded.details;

-- name: vetting.element_deferred
-- How long it may stay so is the obligation's to say: the line itself has no end. Keys: element, authority (role), obligation, due,
-- source (deferred or assumed), rating (of what is assumed).
INSERT INTO element (subject, element, result, source, recorded_at, details)
SELECT e.subject, e.d->>'element', coalesce(e.d->>'source', 'deferred'), coalesce(e.d->>'source', 'deferred'), e.at,
    jsonb_strip_nulls(jsonb_build_object('obligation', e.d->>'obligation', 'rating', e.d->>'rating', 'role', e.d->>'authority'))
FROM e
ON CONFLICT (subject, element) DO UPDATE SET result = excluded.result, source = excluded.source, agency = NULL,
    recorded_at = excluded.recorded_at, valid_until = NULL, details = excluded.details;

-- name: vetting.element_expired
-- Keys: element, cases.
UPDATE element l SET result = 'expired' FROM e WHERE l.subject = e.subject AND l.element = e.d->>'element';

-- name: partner.flagged
-- Keys: flag, type, category, comment_sha256. The flag is an element until it is weighed.
INSERT INTO element (subject, element, result, source, recorded_at, details)
SELECT e.subject, 'flag:' || (e.d->>'flag'), 'open', 'own', e.at, e.d - 'flag' FROM e
ON CONFLICT (subject, element) DO NOTHING;

-- name: partner.flag_weighed
-- Keys: flag, verdict (accept_risk, escalate, block), valid_until (expires_on of an accepted risk).
UPDATE element l SET result = e.d->>'verdict', recorded_at = e.at, valid_until = (e.d->>'valid_until')::date
FROM e WHERE l.subject = e.subject AND l.element = 'flag:' || (e.d->>'flag');

-- name: clearance.granted
-- Keys: level, conditions, deferrals, valid_until, limiting_element.
INSERT INTO clearance (subject, level, state, granted_at, valid_until, limiting_element, conditions)
SELECT e.subject, e.d->>'level', 'granted', e.at, (e.d->>'valid_until')::date, e.d->>'limiting_element', coalesce(e.d->'conditions', '[]') FROM e
ON CONFLICT (subject, level) DO UPDATE SET state = 'granted', granted_at = excluded.granted_at, valid_until = excluded.valid_until,
    limiting_element = excluded.limiting_element, conditions = excluded.conditions, reason_code = NULL, message_sha256 = NULL;

-- name: clearance.refused
-- Keys: levels: [..] (none: full), reason_code, message_sha256, cases.
INSERT INTO clearance (subject, level, state, granted_at, conditions, reason_code, message_sha256)
SELECT e.subject, l.level, 'refused', e.at, '[]', e.d->>'reason_code', e.d->>'message_sha256'
FROM e, jsonb_array_elements_text(coalesce(e.d->'levels', '["full"]')) AS l(level)
ON CONFLICT (subject, level) DO UPDATE SET state = 'refused', granted_at = excluded.granted_at, valid_until = NULL, limiting_element = NULL,
    conditions = '[]', reason_code = excluded.reason_code, message_sha256 = excluded.message_sha256;

-- name: vendor.account_changed
-- Keys: result (set_up: waits for a second person; refused: the row goes; change_asked), vendor_number, account_ref, account_hash, currency,
-- bank_country, old_hash. Who set it up is the event's actor.
, gone AS (DELETE FROM vendor v USING e WHERE v.subject = e.subject AND e.d->>'result' = 'refused')
INSERT INTO vendor (subject, vendor_number, account_ref, account_hash, currency, bank_country, set_up_by)
SELECT e.subject, e.d->>'vendor_number', e.d->>'account_ref', e.d->>'account_hash', e.d->>'currency', e.d->>'bank_country', e.actor
FROM e WHERE e.d->>'result' = 'set_up'
ON CONFLICT (subject) DO UPDATE SET vendor_number = excluded.vendor_number, account_ref = excluded.account_ref,
    account_hash = excluded.account_hash, currency = excluded.currency, bank_country = excluded.bank_country, set_up_by = excluded.set_up_by,
    confirmed_by = NULL, confirmed_at = NULL;

-- name: vendor.confirmed
-- Keys: vendor_number, account_ref, account_hash, currency, bank_country; source: intake if two people confirmed it before the engine.
INSERT INTO vendor (subject, vendor_number, account_ref, account_hash, currency, bank_country, set_up_by, confirmed_by, confirmed_at)
SELECT e.subject, e.d->>'vendor_number', e.d->>'account_ref', e.d->>'account_hash', e.d->>'currency', e.d->>'bank_country', '', e.actor, e.at
FROM e
ON CONFLICT (subject) DO UPDATE SET vendor_number = excluded.vendor_number, account_ref = excluded.account_ref,
    account_hash = excluded.account_hash, currency = excluded.currency, confirmed_by = excluded.confirmed_by, confirmed_at = excluded.confirmed_at;
