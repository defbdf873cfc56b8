-- name: reservations_of
-- The reservations of a case.
SELECT number, vendor_number, currency, amount, lines FROM reservation WHERE subject = $1 ORDER BY at, number;

-- name: reservation_serves
-- Which case a reservation number serves already.
SELECT subject FROM reservation WHERE number = $1;

-- name: umbrella_of
-- The PCA of a case.
SELECT subject, status, officers, account_hash, start_on, end_on FROM umbrella WHERE subject = $1;

-- name: vendor_of
-- The partner as vendor.
SELECT vendor_number, account_ref, account_hash, currency, confirmed_at FROM vendor WHERE subject = $1;

-- name: elements_of
-- What the partner's vetting knows.
SELECT element, result, source, valid_until, details FROM element WHERE subject = $1;

-- name: clearance_of
-- The clearance of a partner, the best first.
SELECT level, state, conditions FROM clearance WHERE subject = $1 AND state = 'granted' ORDER BY level = 'full' DESC LIMIT 1;

-- name: periods_of
-- Reporting and cash periods of the signed document.
SELECT period, start_on, end_on FROM period WHERE subject = $1 ORDER BY period;

-- name: instalment_of
-- One instalment.
SELECT * FROM instalment WHERE subject = $1 AND instalment = $2;

-- name: instalments_of
-- All instalments of a case, in order.
SELECT * FROM instalment WHERE subject = $1 ORDER BY instalment;

-- name: report_of
-- The report of one instalment.
SELECT * FROM report WHERE subject = $1 AND instalment = $2;

-- name: reports_of
-- All reports of a case, with the end of the period they are about.
SELECT r.instalment, r.state, r.waived_until, p.end_on FROM report r JOIN period p ON p.subject = r.subject AND p.period = r.period
WHERE r.subject = $1 ORDER BY r.instalment;

-- name: order_of
-- One payment order.
SELECT * FROM payment_order WHERE "order" = $1;

-- name: orders_of
-- All payment orders of an instalment.
SELECT "order", state FROM payment_order WHERE subject = $1 AND instalment = $2;

-- name: authorised_of
-- How much a case may draw in all, and how much it has drawn.
SELECT amount, currency, drawn FROM authorised WHERE subject = $1;

-- name: paid_in_ledger
-- Whether the ledger has a payment of this instalment.
SELECT EXISTS (SELECT 1 FROM journal WHERE subject = $1 AND instalment = $2 AND kind = 'payment');

-- name: open_problems
-- Open payment problems of a case: the orders they are about.
SELECT whom FROM task WHERE subject = $1 AND kind = 'resolve_payment_problem' AND state = 'open';

-- name: open_conditions
-- Conditions of a case whose gate is still shut.
SELECT id FROM condition WHERE subject = $1 AND gate = $2 AND state = 'open' ORDER BY id;

-- name: not_relied_on
-- Obligations of a partner that concern other cases only: this one did not rely on what was postponed.
SELECT id FROM obligation WHERE subject = $1 AND cases <> '{}' AND NOT $2 = ANY (cases);

-- name: owed_now
-- Obligations of case and partner whose day has passed and whose consequence is not yet in force; evidence that is being checked counts as in time.
SELECT o.id, o.kind, o.due_at, o.consequences FROM obligation o
WHERE o.subject = ANY($1::text[]) AND o.state NOT IN ('met', 'written_off', 'evidence_in') AND o.due_at < $2
  AND o.consequences && ARRAY['block_instalment', 'suspend_cash', 'direct_payment_only']
  AND NOT EXISTS (SELECT 1 FROM block b WHERE b.cause = o.id AND b.lifted_at IS NULL)
ORDER BY o.id;
