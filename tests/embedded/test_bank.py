"""The simulated bank over HTTP, and the engine's gateway to it: every way to answer, and to give no answer."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from activities.gateway import BankAnswer, GatewayUnknown, HttpGateway, Ordered, PaymentOrder, Rejected, Unknown
from embedded.bank import Bank, Behaviour, OtherContent, application, behave, movements
from embedded.bank import Order as BankOrder
from embedded.servers import free_port
from embedded.stack import Stack

MONDAY = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
LATER = MONDAY + timedelta(days=365)
NUMBERS = count(1)


def order(**changes: object) -> PaymentOrder:
    """An order of its own number; KES 10,518,100.00, ordered and valued on Monday 1 June 2026."""
    usual = {
        "order": f"KEN/2026/{next(NUMBERS):04}:1:1",
        "amount": Decimal("10518100.00"),
        "currency": "KES",
        "account_ref": "ACC-7",
        "vendor_number": "V-100",
        "value_date": date(2026, 6, 1),
        "ordered_at": MONDAY,
        "clock": "C1",
    }
    return PaymentOrder.model_validate(usual | changes)


@pytest_asyncio.fixture(loop_scope="session")
async def gateway(stack: Stack) -> AsyncIterator[HttpGateway]:
    async with HttpGateway(stack.bank_url, timeout=5) as gateway:
        yield gateway
    async with httpx.AsyncClient(base_url=stack.bank_url) as http:
        await http.delete("/behaviour")


async def heard(gateway: HttpGateway, number: str, as_of: datetime = LATER) -> BankAnswer:
    answer = await gateway.ask(number, as_of)
    assert answer is not None
    return answer


async def moved(stack: Stack, number: str) -> list[Decimal]:
    return [line.amount for line in await movements(stack.bank_url) if line.order == number]


async def test_an_order_is_confirmed_on_the_next_bank_day(gateway: HttpGateway) -> None:
    sent = order()
    assert await gateway.order(sent) == Ordered(sent.order, "accepted")
    answer = await heard(gateway, sent.order)
    assert answer.state == "confirmed"
    (confirmation,) = answer.answers
    assert (confirmation.kind, confirmation.amount, confirmation.currency) == ("confirmed", Decimal("10518100.00"), "KES")
    assert confirmation.at == datetime(2026, 6, 2, 9, 0, tzinfo=UTC)


async def test_the_bank_says_nothing_before_the_moment_of_its_answer(gateway: HttpGateway) -> None:
    sent = order()
    await gateway.order(sent)
    answer = await heard(gateway, sent.order, as_of=MONDAY + timedelta(hours=23))
    assert (answer.state, answer.answers) == ("accepted", ())


async def test_an_order_of_friday_is_confirmed_on_monday(gateway: HttpGateway) -> None:
    sent = order(ordered_at=datetime(2026, 6, 5, 9, 0, tzinfo=UTC))
    await gateway.order(sent)
    assert (await heard(gateway, sent.order)).answers[0].at == datetime(2026, 6, 8, 9, 0, tzinfo=UTC)


async def test_a_later_value_date_is_waited_for(gateway: HttpGateway) -> None:
    sent = order(value_date=date(2026, 6, 10))
    await gateway.order(sent)
    assert (await heard(gateway, sent.order)).answers[0].at == datetime(2026, 6, 11, 0, 0, tzinfo=UTC)


async def test_the_same_order_sent_again_is_paid_once(gateway: HttpGateway, stack: Stack) -> None:
    sent = order()
    assert await gateway.order(sent) == await gateway.order(sent.model_copy(update={"ordered_at": MONDAY + timedelta(hours=1)}))
    assert await moved(stack, sent.order) == [sent.amount]


async def test_the_same_number_with_other_content_is_rejected(gateway: HttpGateway, stack: Stack) -> None:
    sent = order()
    await gateway.order(sent)
    assert await gateway.order(sent.model_copy(update={"amount": Decimal("1.00")})) == Rejected(sent.order, "other_content")
    assert await moved(stack, sent.order) == [sent.amount]


async def test_an_unknown_order_is_not_known(gateway: HttpGateway) -> None:
    assert await gateway.ask("KEN/2026/9999:1:1", LATER) is None


async def test_a_delay_counts_calendar_days(gateway: HttpGateway, stack: Stack) -> None:
    sent = order()
    await behave(stack.bank_url, Behaviour(match=sent.order, delay_days=2))
    await gateway.order(sent)
    assert (await heard(gateway, sent.order)).answers[0].at == MONDAY + timedelta(days=2)


async def test_a_refusal_carries_its_reason_and_moves_no_money(gateway: HttpGateway, stack: Stack) -> None:
    sent = order()
    await behave(stack.bank_url, Behaviour(match=sent.order, refuse="account_closed"))
    await gateway.order(sent)
    answer = await heard(gateway, sent.order)
    assert (answer.state, answer.answers[0].reason) == ("refused", "account_closed")
    assert await moved(stack, sent.order) == []


async def test_an_answer_given_twice_is_one_movement_of_money(gateway: HttpGateway, stack: Stack) -> None:
    sent = order()
    await behave(stack.bank_url, Behaviour(match=sent.order, twice=True))
    await gateway.order(sent)
    first, second = (await heard(gateway, sent.order)).answers
    assert first == second
    assert await moved(stack, sent.order) == [sent.amount]


async def test_money_paid_twice_has_two_references(gateway: HttpGateway, stack: Stack) -> None:
    sent = order()
    await behave(stack.bank_url, Behaviour(match=sent.order, pay_twice=True))
    await gateway.order(sent)
    assert len({answer.reference for answer in (await heard(gateway, sent.order)).answers}) == 2
    assert await moved(stack, sent.order) == [sent.amount, sent.amount]


async def test_another_amount_is_what_moves(gateway: HttpGateway, stack: Stack) -> None:
    sent = order()
    await behave(stack.bank_url, Behaviour(match=sent.order, other_amount=Decimal("10518000.00")))
    await gateway.order(sent)
    assert (await heard(gateway, sent.order)).answers[0].amount == Decimal("10518000.00")
    assert await moved(stack, sent.order) == [Decimal("10518000.00")]


async def test_a_lost_answer_is_unknown_to_the_caller_and_paid_by_the_bank(gateway: HttpGateway, stack: Stack) -> None:
    sent = order()
    await behave(stack.bank_url, Behaviour(match=sent.order, lose_answer=True))
    outcome = await gateway.order(sent)
    assert isinstance(outcome, Unknown)
    assert outcome.sent
    assert (await heard(gateway, sent.order)).state == "confirmed"


async def test_a_lost_order_is_unknown_to_the_caller_and_to_the_bank(gateway: HttpGateway, stack: Stack) -> None:
    sent = order()
    await behave(stack.bank_url, Behaviour(match=sent.order, lose_order=True))
    assert isinstance(await gateway.order(sent), Unknown)
    assert await gateway.ask(sent.order, LATER) is None


async def test_a_bank_that_is_not_idempotent_pays_again(gateway: HttpGateway, stack: Stack) -> None:
    sent = order()
    await behave(stack.bank_url, Behaviour(match=sent.order, not_idempotent=True))
    await gateway.order(sent)
    await gateway.order(sent)
    assert await moved(stack, sent.order) == [sent.amount, sent.amount]


async def test_a_behaviour_ends_after_its_number_of_times(gateway: HttpGateway, stack: Stack) -> None:
    await behave(stack.bank_url, Behaviour(match="ACC-once", refuse="account_closed", times=1))
    first, second = order(account_ref="ACC-once"), order(account_ref="ACC-once")
    await gateway.order(first)
    await gateway.order(second)
    assert [(await heard(gateway, sent.order)).state for sent in (first, second)] == ["refused", "confirmed"]


async def test_a_pattern_fits_every_order_of_a_case(gateway: HttpGateway, stack: Stack) -> None:
    sent = order()
    await behave(stack.bank_url, Behaviour(match=f"{sent.order.split(':')[0]}:*", delay_days=5))
    await gateway.order(sent)
    assert (await heard(gateway, sent.order)).answers[0].at == MONDAY + timedelta(days=5)


async def test_the_ledger_as_of_a_moment_leaves_out_later_money(gateway: HttpGateway, stack: Stack) -> None:
    sent = order()
    await gateway.order(sent)
    assert sent.order not in [line.order for line in await movements(stack.bank_url, MONDAY)]


async def test_a_malformed_order_is_rejected_with_its_faults(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.bank_url) as http:
        answer = await http.post("/orders", json={"order": "x", "amount": "-1"})
    assert answer.status_code == 422
    assert {"amount", "currency"} <= {fault["path"] for fault in answer.json()["faults"]}


async def test_a_bank_that_cannot_be_reached_is_unknown_and_nothing_was_sent() -> None:
    async with HttpGateway(f"http://127.0.0.1:{free_port()}", timeout=1) as gateway:
        sent = order()
        assert await gateway.order(sent) == Unknown(sent.order, why="ConnectError", sent=False)
        with pytest.raises(GatewayUnknown):
            await gateway.ask(sent.order, LATER)


@pytest.mark.parametrize("status", [500, 502, 503, 408, 429])
async def test_a_server_error_is_unknown(status: int) -> None:
    gateway = answering(lambda request: httpx.Response(status))
    assert isinstance(await gateway.order(order()), Unknown)
    with pytest.raises(GatewayUnknown):
        await gateway.ask("x", LATER)


async def test_a_timeout_is_unknown() -> None:
    def too_late(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("too late")

    gateway = answering(too_late)
    outcome = await gateway.order(order())
    assert outcome == Unknown(outcome.order, why="ReadTimeout", sent=True)
    with pytest.raises(GatewayUnknown):
        await gateway.ask("x", LATER)


async def test_a_404_that_is_not_the_banks_own_word_is_unknown() -> None:
    gateway = answering(lambda request: httpx.Response(404, text="<html>no such page</html>"))
    with pytest.raises(GatewayUnknown):
        await gateway.ask("x", LATER)


def answering(handler: object) -> HttpGateway:
    """A gateway whose bank is a function."""
    gateway = HttpGateway("http://bank.example")
    gateway._http = httpx.AsyncClient(base_url="http://bank.example", transport=httpx.MockTransport(handler))  # type: ignore[arg-type]
    return gateway


async def test_a_real_bank_refuses_orders_of_a_practice_clock(tmp_path: Path) -> None:
    bank = Bank(tmp_path / "bank.sqlite")
    transport = httpx.ASGITransport(application(bank, refuse_practice=True))
    gateway = HttpGateway("http://bank.example")
    gateway._http = httpx.AsyncClient(base_url="http://bank.example", transport=transport)
    practised, real = order(), order(clock=None)
    assert await gateway.order(practised) == Rejected(practised.order, "practice_clock")
    assert await gateway.order(real) == Ordered(real.order, "accepted")
    bank.close()


async def test_the_banks_books_survive_a_restart(tmp_path: Path) -> None:
    file, sent = tmp_path / "bank.sqlite", BankOrder.model_validate(order().model_dump())
    bank = Bank(file)
    bank.take(sent)
    bank.close()
    again = Bank(file)
    assert again.ask(sent.order, LATER) is not None
    with pytest.raises(OtherContent):
        again.take(sent.model_copy(update={"currency": "USD"}))
    again.close()
