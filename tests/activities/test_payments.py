"""Payment orders against a real record and the real simulated bank: sent once, asked about ever after."""

from collections.abc import AsyncIterator
from datetime import datetime
from itertools import count

import asyncpg
import httpx
import pytest
import pytest_asyncio
from temporalio.exceptions import ApplicationError

from activities.gateway import BankAnswer, HttpGateway, Ordered, PaymentOrder, Rejected, Unknown
from activities.payments import ask_bank, order_payment, said_by_bank
from embedded.bank import Behaviour, behave, movements
from embedded.servers import free_port
from embedded.stack import Stack
from schemas.engine import Order
from tests.activities.desk import at

MONDAY = at("2026-06-01", "09:00")
NEXT_WEEK = at("2026-06-08", "09:00")
NUMBERS = count(1)


class Line:
    """A gateway in memory: what was sent, and what to answer."""

    def __init__(self, *answers: Ordered | Rejected | Unknown) -> None:
        self.answers, self.sent, self.asked = list(answers), list[PaymentOrder](), 0

    async def order(self, order: PaymentOrder) -> Ordered | Rejected | Unknown:
        self.sent.append(order)
        return self.answers.pop(0)

    async def ask(self, order: str, as_of: datetime) -> BankAnswer | None:
        self.asked += 1
        return None


@pytest_asyncio.fixture(loop_scope="session")
async def bank(stack: Stack) -> AsyncIterator[HttpGateway]:
    async with HttpGateway(stack.bank_url, timeout=5) as gateway:
        yield gateway
    async with httpx.AsyncClient(base_url=stack.bank_url) as http:
        await http.delete("/behaviour")


async def recorded(pool: asyncpg.Pool, state: str = "ordered") -> Order:
    """An order that the record holds, of a number that no other test uses."""
    number = f"PAY/2026/{next(NUMBERS):04}:1:1"
    await pool.execute(
        'INSERT INTO payment_order ("order", subject, instalment, amount, currency, account_ref, vendor_number, value_date, state, '
        "ordered_at) "
        "VALUES ($1, 'case:PAY', 1, 100.00, 'KES', 'ACC-1', 'V-1', $2, $3, $4)",
        number, MONDAY.date(), state, MONDAY,
    )  # fmt: skip
    return Order(order=number, at=MONDAY, clock="play")


def later(order: Order) -> Order:
    return order.model_copy(update={"at": NEXT_WEEK})


async def test_an_order_is_sent_as_recorded_and_confirmed_later(pool: asyncpg.Pool, bank: HttpGateway) -> None:
    order = await recorded(pool)
    answer = await order_payment(pool, bank, order)
    assert [word.kind for word in answer.words] == ["accepted"]
    answer = await ask_bank(pool, bank, later(order))
    assert [word.kind for word in answer.words] == ["accepted", "confirmed"]
    word = answer.words[1]
    assert word.same_amount
    said = await said_by_bank(pool, order.order, word.reference)
    assert said is not None
    assert (said["kind"], said["amount"], said["currency"]) == ("confirmed", "100.00", "KES")


async def test_invariant_10_an_order_tried_again_is_not_sent_again(pool: asyncpg.Pool, bank: HttpGateway, stack: Stack) -> None:
    await behave(stack.bank_url, Behaviour(not_idempotent=True))
    order = await recorded(pool)
    for _ in range(3):
        await order_payment(pool, bank, order)
    assert len([line for line in await movements(stack.bank_url) if line.order == order.order]) == 1


async def test_invariant_10_a_worker_that_died_between_mark_and_answer_only_asks(pool: asyncpg.Pool) -> None:
    order = await recorded(pool)
    await pool.execute("INSERT INTO receipt (key, request_hash, response) VALUES ($1, '', '{}')", f"sent:{order.order}")
    line = Line()
    answer = await order_payment(pool, line, order)
    assert (answer.unknown, line.sent, line.asked) == (True, [], 1)
    assert [word.kind for word in answer.words] == ["unknown"]


async def test_a_lost_answer_is_unknown_and_found_by_asking(pool: asyncpg.Pool, bank: HttpGateway, stack: Stack) -> None:
    order = await recorded(pool)
    await behave(stack.bank_url, Behaviour(match=order.order, lose_answer=True, times=1))
    assert (await order_payment(pool, bank, order)).unknown
    assert [word.kind for word in (await order_payment(pool, bank, later(order))).words] == ["accepted", "confirmed"]


async def test_a_lost_order_stays_unknown_and_is_not_sent_again(pool: asyncpg.Pool, bank: HttpGateway, stack: Stack) -> None:
    order = await recorded(pool)
    await behave(stack.bank_url, Behaviour(match=order.order, lose_order=True, times=1))
    assert (await order_payment(pool, bank, order)).unknown
    assert (await order_payment(pool, bank, later(order))).unknown
    assert [line for line in await movements(stack.bank_url) if line.order == order.order] == []


async def test_a_bank_that_is_down_is_tried_a_few_times_and_may_be_tried_later(pool: asyncpg.Pool, bank: HttpGateway) -> None:
    order = await recorded(pool)
    async with HttpGateway(f"http://127.0.0.1:{free_port()}", timeout=2) as nobody:
        assert (await order_payment(pool, nobody, order, pause=0)).unknown
        assert (await ask_bank(pool, nobody, order)).unknown
    # it surely did not leave, so that sending it now is the first time
    assert [word.kind for word in (await order_payment(pool, bank, order)).words] == ["accepted"]


async def test_a_connection_that_comes_back_sends_it_once(pool: asyncpg.Pool) -> None:
    order = await recorded(pool)
    line = Line(Unknown(order.order, "ConnectError", sent=False), Ordered(order.order, "accepted"))
    assert [word.kind for word in (await order_payment(pool, line, order, pause=0)).words] == ["accepted"]
    assert len(line.sent) == 2


async def test_what_the_bank_does_not_take_is_refused_with_its_reason(pool: asyncpg.Pool) -> None:
    order = await recorded(pool)
    answer = await order_payment(pool, Line(Rejected(order.order, "practice_clock")), order)
    assert [(word.kind, word.reason) for word in answer.words] == [("refused", "practice_clock")]


async def test_another_amount_is_told_apart(pool: asyncpg.Pool, bank: HttpGateway, stack: Stack) -> None:
    order = await recorded(pool)
    await behave(stack.bank_url, Behaviour.model_validate({"match": order.order, "other_amount": "99.00"}))
    await order_payment(pool, bank, order)
    answer = await ask_bank(pool, bank, later(order))
    assert [word.same_amount for word in answer.words if word.kind == "confirmed"] == [False]


async def test_an_order_that_is_settled_is_only_asked_about(pool: asyncpg.Pool) -> None:
    line = Line()
    await order_payment(pool, line, await recorded(pool, "cancelled"))
    assert line.sent == []


async def test_an_order_that_the_record_does_not_hold_is_never_sent(pool: asyncpg.Pool) -> None:
    line = Line()
    with pytest.raises(ApplicationError, match="no payment order") as raised:
        await order_payment(pool, line, Order(order="PAY/2026/9999:1:1", at=MONDAY))
    assert raised.value.type == "order_unknown"
    assert not raised.value.non_retryable
    assert line.sent == []


async def test_a_bank_is_asked_as_of_a_moment_that_has_a_zone() -> None:
    async with HttpGateway("http://127.0.0.1:1") as gateway:
        with pytest.raises(ValueError, match="no zone"):
            await gateway.ask("KEN/2026/0007:1:1", datetime(2026, 6, 1, 9))  # noqa: DTZ001 (that is the point)
