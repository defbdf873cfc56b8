"""The payment gateway: what the engine asks of a bank, and the client that speaks to one over HTTP.

No answer is not an answer: a timeout, a broken connection or a server error means *unknown*, never "not paid". This module must never
send an order twice by itself; whoever does not know asks by order number.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from types import TracebackType
from typing import Literal, Protocol, Self
from urllib.parse import quote, urlsplit

import httpx
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError


class _Model(BaseModel):
    # tolerant: a bank may add fields to its answers
    model_config = ConfigDict(frozen=True, extra="ignore")


class PaymentOrder(_Model):
    """An instruction to pay; money in the currency's own units, moments in business time."""

    order: str
    amount: Decimal
    currency: str
    account_ref: str
    vendor_number: str
    value_date: date
    ordered_at: AwareDatetime
    clock: str | None = None


@dataclass(frozen=True)
class Ordered:
    """The bank has the order."""

    order: str
    state: str


@dataclass(frozen=True)
class Rejected:
    """The bank says that it did not take the order (`other_content`, `practice_clock`, `not_readable`, ...): nothing will be paid by it."""

    order: str
    reason: str


@dataclass(frozen=True)
class Unknown:
    """Nobody knows whether the bank has the order: ask by its number."""

    order: str
    why: str
    sent: bool = True
    """False if no connection was made, so that the order surely did not leave."""


class Answer(_Model):
    """One confirmation or refusal; one `reference` is one movement of money."""

    kind: Literal["confirmed", "refused"]
    reference: str
    amount: Decimal
    currency: str
    at: AwareDatetime
    reason: str | None = None


class BankAnswer(_Model):
    """What the bank says about an order, its answers oldest first; no answers yet is an order that it has accepted."""

    order: str
    state: str
    answers: tuple[Answer, ...] = ()


class GatewayUnknown(Exception):
    """The bank cannot be asked now; asking again later is safe."""


class Gateway(Protocol):
    """What the engine needs of a bank."""

    async def order(self, order: PaymentOrder) -> Ordered | Rejected | Unknown:
        """Sends the order once. Raises nothing for what the network or the bank does: not knowing is an answer here."""
        ...

    async def ask(self, order: str, as_of: datetime) -> BankAnswer | None:
        """What the bank answered by `as_of` (aware); None if it does not know the order. Errors: `GatewayUnknown`."""
        ...


class HttpGateway:
    """The gateway over HTTP, in the form that `embedded/bank.py` documents. `timeout` in seconds, for one request as a whole step."""

    def __init__(self, url: str, timeout: float = 10.0) -> None:
        # a proxy of the environment is for the world outside, not for a bank on this machine
        outside = urlsplit(url).hostname not in {"127.0.0.1", "localhost", "::1"}
        # A connection for each request: one kept from before may be closed by the bank as the order enters it, and nobody would know.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout, limits=limits, trust_env=outside)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def order(self, order: PaymentOrder) -> Ordered | Rejected | Unknown:
        try:
            answer = await self._http.post("/orders", content=order.model_dump_json(), headers={"content-type": "application/json"})
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return Unknown(order.order, why=type(error).__name__, sent=False)
        except httpx.HTTPError as error:
            return Unknown(order.order, why=type(error).__name__)
        if answer.is_success:
            state = _field(answer, "state")
            return Ordered(order.order, state) if state else Unknown(order.order, why="answer not readable")
        # 408 and 429 say nothing about the order either
        if answer.is_client_error and answer.status_code not in (408, 429):
            return Rejected(order.order, reason=_field(answer, "error") or f"HTTP {answer.status_code}")
        return Unknown(order.order, why=f"HTTP {answer.status_code}")

    async def ask(self, order: str, as_of: datetime) -> BankAnswer | None:
        if as_of.tzinfo is None:
            raise ValueError("as_of has no zone")
        try:
            answer = await self._http.get(f"/orders/{quote(order, safe='')}", params={"as_of": as_of.isoformat()})
        except httpx.HTTPError as error:
            raise GatewayUnknown(type(error).__name__) from error
        # Only the bank's own words say that it does not know an order: a 404 of something in between must not pass for them.
        if answer.status_code == 404 and _field(answer, "error") == "unknown":
            return None
        if not answer.is_success:
            raise GatewayUnknown(f"HTTP {answer.status_code}")
        try:
            return BankAnswer.model_validate_json(answer.content)
        except ValidationError as error:
            raise GatewayUnknown("answer not readable") from error


def _field(answer: httpx.Response, name: str) -> str | None:
    """A text field of a JSON object, None if there is none."""
    try:
        body = answer.json()
    except ValueError:
        return None
    value = body.get(name) if isinstance(body, dict) else None
    return value if isinstance(value, str) else None
