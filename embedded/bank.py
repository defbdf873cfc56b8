"""The simulated bank: a process of its own with a file of its own, spoken to over HTTP, that can be told to misbehave.

Run: `python -m embedded.bank --port PORT --file bank.sqlite`. It holds nothing of the engine and must never look at its own clock for
the moment of an answer: orders, confirmations and refusals happen in the caller's business time, so that a play on a practice clock is
literal. Money is text with an ISO 4217 code; moments are ISO 8601 with an offset.

| request | answer |
|---|---|
| `POST /orders` `Order` | 202 `{order, state}`; 409 the number is known with other content; 422 not readable, or a practice clock refused |
| `GET /orders/{order}?as_of=` | 200 `{order, state, answers: [Answer]}` with the answers given by then; 404 unknown |
| `GET /ledger?as_of=` | 200 `{movements: [Movement]}`: the money the bank moved, one line per bank reference |
| `POST /behaviour` `Behaviour` | 200; the newest rule that fits an order applies to it |
| `DELETE /behaviour` | 204; the bank behaves again |
| `GET /health` | 200 |

A real bank refuses orders that carry the name of a practice clock; with `PCA_BANK_REFUSE_PRACTICE=1` (or `--refuse-practice`) this one
does too.
"""

import argparse
import fnmatch
import hashlib
import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal

import httpx
import uvicorn
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_serializer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

State = Literal["accepted", "confirmed", "refused"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Money(_Model):
    amount: Decimal = Field(gt=0, description="In the currency's own units, sent as text.")
    currency: str = Field(pattern="^[A-Z]{3}$", description="ISO 4217.")

    @field_serializer("amount")
    def _as_text(self, amount: Decimal) -> str:
        return f"{amount:f}"


class Order(_Money):
    """An instruction to pay. The order number names it: the same number with the same content is the same order."""

    order: str = Field(min_length=1)
    account_ref: str
    vendor_number: str
    value_date: date = Field(description="Not to be paid before this day.")
    ordered_at: AwareDatetime = Field(description="Business time of the caller.")
    clock: str | None = Field(default=None, description="Name of the practice clock, none in real life.")

    def digest(self) -> str:
        """Of what is to be paid. When it was sent is not part of it: a caller may send the same order again later."""
        content = self.model_dump(mode="json", exclude={"ordered_at"}) | {"amount": f"{self.amount.normalize():f}"}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class Answer(_Money):
    """What the bank says about an order, at a moment of business time."""

    kind: Literal["confirmed", "refused"]
    reference: str = Field(description="The bank's own; one reference is one movement of money, or one refusal.")
    at: AwareDatetime
    reason: str | None = None


class Movement(_Money):
    """A line of the bank's ledger: money that left, once per reference, however often it is confirmed."""

    reference: str
    order: str
    account_ref: str
    at: AwareDatetime
    confirmations: int


class Behaviour(_Model):
    """What the bank does with the orders that `match`; what is not said is as usual: one confirmation, the next bank day."""

    match: str = Field(default="*", description="Order number, account reference, or a pattern of either (`KEN/2026/0007:*`).")
    delay_days: int | None = Field(default=None, ge=0, description="Calendar days until the answer, instead of the next bank day.")
    refuse: str | None = Field(default=None, description="Refuse the order, for this reason.")
    twice: bool = Field(default=False, description="Give the same answer twice; the money moves once.")
    pay_twice: bool = Field(default=False, description="Move the money twice, with two references.")
    other_amount: Decimal | None = Field(default=None, gt=0, description="Pay and confirm this amount instead.")
    lose_answer: bool = Field(default=False, description="Take the order, then break the connection.")
    lose_order: bool = Field(default=False, description="Break the connection without taking the order.")
    not_idempotent: bool = Field(default=False, description="Take a known order number as a new order, and pay again.")
    times: int | None = Field(default=None, ge=1, description="How many orders it applies to; without it, all.")


# --- what the bank does ---------------------------------------------------------------------------------------------


class OtherContent(Exception):
    """The order number is known with other content."""


class Bank:
    """The bank's books in one SQLite file. Every method is one transaction, so a killed bank has either taken an order or not."""

    def __init__(self, file: Path) -> None:
        self._db = sqlite3.connect(file, isolation_level=None)
        self._db.executescript(
            """
            PRAGMA journal_mode = WAL;
            PRAGMA synchronous = NORMAL;
            CREATE TABLE IF NOT EXISTS orders (number TEXT PRIMARY KEY, digest TEXT NOT NULL, content TEXT NOT NULL);
            CREATE TABLE IF NOT EXISTS answers (id INTEGER PRIMARY KEY, number TEXT NOT NULL, at TEXT NOT NULL, content TEXT NOT NULL);
            CREATE INDEX IF NOT EXISTS answers_of_order ON answers (number);
            CREATE TABLE IF NOT EXISTS behaviour (id INTEGER PRIMARY KEY, content TEXT NOT NULL, left INTEGER);
            """
        )

    def close(self) -> None:
        self._db.close()

    def behave(self, behaviour: Behaviour) -> None:
        self._db.execute("INSERT INTO behaviour (content, left) VALUES (?, ?)", (behaviour.model_dump_json(), behaviour.times))

    def behave_again(self) -> None:
        """Forgets what it was told."""
        self._db.execute("DELETE FROM behaviour")

    def take(self, order: Order) -> Behaviour:
        """Takes an order as it was told to, and tells how; a known one is left alone. Errors: `OtherContent`."""
        with self._transaction():
            told = self._behaviour_for(order)
            if told.lose_order:
                return told
            known = self._db.execute("SELECT digest FROM orders WHERE number = ?", (order.order,)).fetchone()
            if known is not None and not told.not_idempotent:
                if known[0] != order.digest():
                    raise OtherContent
                return told
            self._db.execute(
                "INSERT OR REPLACE INTO orders (number, digest, content) VALUES (?, ?, ?)",
                (order.order, order.digest(), order.model_dump_json()),
            )
            for answer in self._answers(order, told):
                self._db.execute(
                    "INSERT INTO answers (number, at, content) VALUES (?, ?, ?)",
                    (order.order, _sortable(answer.at), answer.model_dump_json()),
                )
            return told

    def ask(self, number: str, as_of: datetime) -> tuple[State, list[Answer]] | None:
        """The state of an order and the answers given by `as_of`, oldest first; None if the bank does not know it."""
        if self._db.execute("SELECT 1 FROM orders WHERE number = ?", (number,)).fetchone() is None:
            return None
        rows = self._db.execute(
            "SELECT content FROM answers WHERE number = ? AND at <= ? ORDER BY at, id", (number, _sortable(as_of))
        ).fetchall()
        answers = [Answer.model_validate_json(content) for (content,) in rows]
        return (answers[-1].kind if answers else "accepted"), answers

    def ledger(self, as_of: datetime | None = None) -> list[Movement]:
        """All money moved by `as_of`, or ever, in order of time."""
        end = _sortable(as_of) if as_of else "~"
        rows = self._db.execute(
            "SELECT a.number, a.content, o.content FROM answers a JOIN orders o ON o.number = a.number WHERE a.at <= ? ORDER BY a.at, a.id",
            (end,),
        ).fetchall()
        movements: dict[str, Movement] = {}
        for number, answer_text, order_text in rows:
            answer, order = Answer.model_validate_json(answer_text), Order.model_validate_json(order_text)
            if answer.kind != "confirmed":
                continue
            earlier = movements.get(answer.reference)
            movements[answer.reference] = Movement(
                reference=answer.reference,
                order=number,
                account_ref=order.account_ref,
                amount=answer.amount,
                currency=answer.currency,
                at=earlier.at if earlier else answer.at,
                confirmations=earlier.confirmations + 1 if earlier else 1,
            )
        return list(movements.values())

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._db)

    def _behaviour_for(self, order: Order) -> Behaviour:
        rows = self._db.execute("SELECT id, content, left FROM behaviour ORDER BY id DESC").fetchall()
        for row, content, left in rows:
            told = Behaviour.model_validate_json(content)
            if left == 0 or not any(fnmatch.fnmatchcase(name, told.match) for name in (order.order, order.account_ref)):
                continue
            if left is not None:
                self._db.execute("UPDATE behaviour SET left = left - 1 WHERE id = ?", (row,))
            return told
        return Behaviour()

    def _answers(self, order: Order, told: Behaviour) -> list[Answer]:
        (given,) = self._db.execute("SELECT count(*) FROM answers WHERE number = ?", (order.order,)).fetchone()
        at = answered_at(order, told.delay_days)
        answer = Answer(
            kind="refused" if told.refuse else "confirmed",
            reference=_reference(order.order, given),
            amount=told.other_amount or order.amount,
            currency=order.currency,
            at=at,
            reason=told.refuse,
        )
        answers = [answer]
        if told.twice:
            answers.append(answer)
        if told.pay_twice:
            answers.append(answer.model_copy(update={"reference": _reference(order.order, given + len(answers))}))
        return answers


class _Transaction:
    """One SQLite write transaction: whole, or as if it had never been."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")


def answered_at(order: Order, delay_days: int | None) -> datetime:
    """When the bank answers: the next bank day (Monday to Friday) after the later of order and value date, or `delay_days` later."""
    begin = max(order.ordered_at.astimezone(UTC), datetime.combine(order.value_date, time(), UTC))
    if delay_days is not None:
        return begin + timedelta(days=delay_days)
    day = begin + timedelta(days=1)
    while day.weekday() >= 5:
        day += timedelta(days=1)
    return day


def _reference(order: str, nth: int) -> str:
    """The bank's reference: the same file and orders give the same references, so that a play can be compared literally."""
    return "BNK-" + hashlib.sha256(f"{order}#{nth}".encode()).hexdigest()[:12].upper()


def _sortable(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


# --- HTTP -----------------------------------------------------------------------------------------------------------


class BrokenConnection(Response):
    """Begins an answer and breaks off, so that the caller learns nothing: the server closes a connection that promised more."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"1")]})
        await send({"type": "http.response.body", "body": b""})


def application(bank: Bank, *, refuse_practice: bool = False) -> Starlette:
    """The bank behind HTTP. One process and one connection to the file: requests are taken one at a time."""

    async def post_order(request: Request) -> Response:
        try:
            order = Order.model_validate_json(await request.body())
        except ValidationError as error:
            return _unreadable(error)
        if refuse_practice and order.clock:
            return JSONResponse({"error": "practice_clock", "clock": order.clock}, 422)
        try:
            told = bank.take(order)
        except OtherContent:
            return JSONResponse({"error": "other_content", "order": order.order}, 409)
        if told.lose_order or told.lose_answer:
            return BrokenConnection()
        return JSONResponse({"order": order.order, "state": "accepted"}, 202)

    async def get_order(request: Request) -> Response:
        number = request.path_params["order"]
        try:
            as_of = _moment(request)
        except ValueError:
            return JSONResponse({"error": "as_of is not an ISO 8601 moment with an offset"}, 422)
        if as_of is None:
            return JSONResponse({"error": "as_of is missing"}, 422)
        found = bank.ask(number, as_of)
        if found is None:
            return JSONResponse({"error": "unknown", "order": number}, 404)
        state, answers = found
        return JSONResponse({"order": number, "state": state, "answers": [answer.model_dump(mode="json") for answer in answers]})

    async def get_ledger(request: Request) -> Response:
        try:
            movements = bank.ledger(_moment(request))
        except ValueError:
            return JSONResponse({"error": "as_of is not an ISO 8601 moment with an offset"}, 422)
        return JSONResponse({"movements": [movement.model_dump(mode="json") for movement in movements]})

    async def post_behaviour(request: Request) -> Response:
        try:
            behaviour = Behaviour.model_validate_json(await request.body())
        except ValidationError as error:
            return _unreadable(error)
        bank.behave(behaviour)
        return JSONResponse(behaviour.model_dump(mode="json"))

    async def delete_behaviour(_: Request) -> Response:
        bank.behave_again()
        return Response(status_code=204)

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    return Starlette(
        routes=[
            Route("/orders", post_order, methods=["POST"]),
            Route("/orders/{order:path}", get_order, methods=["GET"]),
            Route("/ledger", get_ledger, methods=["GET"]),
            Route("/behaviour", post_behaviour, methods=["POST"]),
            Route("/behaviour", delete_behaviour, methods=["DELETE"]),
            Route("/health", health, methods=["GET"]),
        ]
    )


def _moment(request: Request) -> datetime | None:
    text = request.query_params.get("as_of")
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError
    return moment


def _unreadable(error: ValidationError) -> Response:
    faults = [{"path": "/".join(map(str, fault["loc"])), "message": fault["msg"]} for fault in error.errors(include_url=False)]
    return JSONResponse({"error": "not_readable", "faults": faults}, 422)


# --- for plays and tests ----------------------------------------------------------------------------------------------


async def behave(bank_url: str, behaviour: Behaviour) -> None:
    """Tells a running bank how to behave. Errors: `httpx.HTTPError`."""
    async with httpx.AsyncClient(base_url=bank_url, trust_env=False) as http:
        (await http.post("/behaviour", content=behaviour.model_dump_json())).raise_for_status()


async def movements(bank_url: str, as_of: datetime | None = None) -> list[Movement]:
    """The ledger of a running bank. Errors: `httpx.HTTPError`."""
    parameters = {"as_of": as_of.isoformat()} if as_of else {}
    async with httpx.AsyncClient(base_url=bank_url, trust_env=False) as http:
        answer = (await http.get("/ledger", params=parameters)).raise_for_status()
    return [Movement.model_validate(line) for line in json.loads(answer.text)["movements"]]


def main(arguments: list[str] | None = None, environment: Mapping[str, str] = os.environ) -> None:
    """Serves the bank until it is told to stop (SIGTERM, SIGINT)."""
    parser = argparse.ArgumentParser(prog="embedded.bank", description="The simulated bank.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--refuse-practice", action="store_true", default=environment.get("PCA_BANK_REFUSE_PRACTICE") == "1")
    options = parser.parse_args(arguments)
    with closing(Bank(options.file)) as bank:
        uvicorn.run(
            application(bank, refuse_practice=options.refuse_practice),
            host="127.0.0.1",
            port=options.port,
            log_level="warning",
            access_log=False,
            ws="none",
            lifespan="off",
        )


if __name__ == "__main__":
    main()
