"""Payment orders to the bank: sent once, asked about ever after.

An order is a row of the record before it is sent. The dangerous moment is the one between sending and knowing: a worker may die
there, an answer may be lost. Therefore a mark `sent:<order>` is written, and committed, *before* the order leaves; whoever finds the
mark (a retry of this activity, another worker, a reset workflow) only asks the bank by order number. Found there: good. Not found
(404) although the mark is there: *unknown*; the order may still be on its way, so it is never sent again. Only `send_again`, a
person's verdict and a new order number, sends again. The mark is taken back in one case: no connection was made, so the order
surely did not leave.

What the bank said is kept under `bank:<order>:<reference>`, because amounts have no place in a workflow's history: the workflow is
told the reference and whether the amount is ours, the record reads the rest here. Nothing in this module changes an order's state:
that is an event of the workflow's next batch.
"""

import asyncio
import hashlib
import json
from datetime import datetime
from typing import Any

import asyncpg
from temporalio.exceptions import ApplicationError

from activities.gateway import Answer, Gateway, GatewayUnknown, Ordered, PaymentOrder, Rejected
from schemas.engine import BankAnswer, BankWord, Order

TRIES = 3
"""How often a connection is tried before the order waits for a person; the stage must not stand still for a bank that is down."""


async def order_payment(pool: asyncpg.Pool, gateway: Gateway, order: Order, *, pause: float = 1.0) -> BankAnswer:
    """Sends an order that the record holds, once. `pause`: seconds between tries to connect.

    Errors: `order_unknown` (not to be tried again) if the record has no such order. Never raises for what the bank or the network
    does: not knowing is an answer.
    """
    row = await _order(pool, order.order)
    if row["state"] != "ordered":
        return await ask_bank(pool, gateway, order)
    for attempt in range(TRIES):
        if not await _mark(pool, order):
            return await ask_bank(pool, gateway, order)
        answer = await gateway.order(
            PaymentOrder(
                order=row["order"],
                amount=row["amount"],
                currency=row["currency"],
                account_ref=row["account_ref"],
                vendor_number=row["vendor_number"],
                value_date=row["value_date"],
                ordered_at=row["ordered_at"],
                clock=order.clock or None,
            )
        )
        if isinstance(answer, Ordered):
            return BankAnswer(words=[BankWord(kind="accepted", at=order.at)])
        if isinstance(answer, Rejected):
            return BankAnswer(words=[BankWord(kind="refused", at=order.at, reason=answer.reason)])
        if answer.sent:
            break
        await pool.execute("DELETE FROM receipt WHERE key = $1", _sent(order.order))
        if attempt + 1 < TRIES:
            await asyncio.sleep(pause)
    return BankAnswer(unknown=True)


async def ask_bank(pool: asyncpg.Pool, gateway: Gateway, order: Order) -> BankAnswer:
    """Everything the bank has said about an order up to `order.at` (business time), oldest first; keeps each answer in the record."""
    row = await _order(pool, order.order)
    try:
        answer = await gateway.ask(order.order, order.at)
    except GatewayUnknown:
        return BankAnswer(unknown=True)
    if answer is None:
        return BankAnswer(words=[BankWord(kind="unknown", at=order.at, reason="not_known")], unknown=True)
    words = [BankWord(kind="accepted")]
    for said in answer.answers:
        await _keep(pool, order.order, said)
        same = (said.amount, said.currency) == (row["amount"], row["currency"])
        words.append(BankWord(kind=said.kind, reference=said.reference, at=said.at, same_amount=same, reason=said.reason or ""))
    return BankAnswer(words=words)


async def said_by_bank(conn: asyncpg.Connection | asyncpg.Pool, order: str, reference: str) -> dict[str, Any] | None:
    """What the bank said under that reference: {kind, amount (string), currency, at, reason}; None if it said nothing of the kind."""
    response = await conn.fetchval("SELECT response FROM receipt WHERE key = $1", f"bank:{order}:{reference}")
    return response if response is None or isinstance(response, dict) else json.loads(response)


def _sent(order: str) -> str:
    return f"sent:{order}"


async def _order(pool: asyncpg.Pool, number: str) -> asyncpg.Record:
    row = await pool.fetchrow('SELECT * FROM payment_order WHERE "order" = $1', number)
    if row is None:
        # retried: a stage that failed over it would take its whole case with it
        raise ApplicationError(f"the record has no payment order {number}", type="order_unknown")
    return row


async def _mark(pool: asyncpg.Pool, order: Order) -> bool:
    """Whether the order may be sent: the mark was not there and is now, committed."""
    return await _receipt(pool, _sent(order.order), {"at": order.at.isoformat()})


async def _keep(pool: asyncpg.Pool, order: str, said: Answer) -> None:
    moment: datetime = said.at
    said_json = {"kind": said.kind, "amount": str(said.amount), "currency": said.currency, "at": moment.isoformat(), "reason": said.reason}
    await _receipt(pool, f"bank:{order}:{said.reference}", said_json)


async def _receipt(pool: asyncpg.Pool, key: str, response: dict[str, Any]) -> bool:
    text = json.dumps(response, sort_keys=True, separators=(",", ":"))
    inserted = await pool.fetchval(
        "INSERT INTO receipt (key, request_hash, response) VALUES ($1, $2, $3::text::jsonb) ON CONFLICT DO NOTHING RETURNING key",
        key,
        hashlib.sha256(text.encode()).hexdigest(),
        text,
    )
    return inserted is not None
