-- name: reserved_of
-- How much is reserved for a case, in which currencies, and the first expiry of a grant.
SELECT coalesce(sum(amount), 0)::numeric(18,2) AS amount,
       array_agg(DISTINCT currency) FILTER (WHERE currency IS NOT NULL) AS currencies,
       array_agg(DISTINCT vendor_number) FILTER (WHERE vendor_number IS NOT NULL) AS vendors
FROM reservation WHERE subject = $1;

-- name: reservations_of
-- The reservations of a case.
SELECT number, vendor_number, currency, amount, lines FROM reservation WHERE subject = $1 ORDER BY at, number;

-- name: reservation_number_used
-- The case that a reservation number serves already.
SELECT subject FROM reservation WHERE number = $1;

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
-- All reports of a case, in order.
SELECT * FROM report WHERE subject = $1 ORDER BY instalment;

-- name: order_of
-- One payment order.
SELECT * FROM payment_order WHERE "order" = $1;

-- name: orders_of
-- All payment orders of an instalment, in order of their numbers.
SELECT * FROM payment_order WHERE subject = $1 AND instalment = $2 ORDER BY ordered_at, length("order"), "order";

-- name: authorised_of
-- How much a case may draw in all, and how much it has drawn.
SELECT amount, currency, drawn FROM authorised WHERE subject = $1;

-- name: balances_of
-- The ledger of one instalment by account.
SELECT e.account, sum(e.amount)::numeric(18,2) AS amount FROM entry e JOIN journal j ON j.id = e.journal
WHERE j.subject = $1 AND j.instalment = $2 GROUP BY e.account;

-- name: journal_kinds
-- Which journals an instalment has.
SELECT id, kind FROM journal WHERE subject = $1 AND instalment = $2 ORDER BY at, id;

-- name: acts_on_instalment
-- Who decided what on a case, and on its partner's vetting: the acts that bar a person from a later one.
SELECT actor, role, kind, verdict, whom, on_behalf_of FROM decision WHERE subject = ANY($1::text[]) AND counted ORDER BY at;

-- name: open_problem
-- Open payment problems of a case.
SELECT id, whom FROM task WHERE subject = $1 AND kind = 'resolve_payment_problem' AND state = 'open';

-- name: clock_offset
-- How far a practice clock is away from the real one.
SELECT "offset" FROM clock WHERE name = $1;
