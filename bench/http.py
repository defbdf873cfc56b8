"""The HTTP doors: intake of a thousand events at once, decisions over HTTP beside the update alone, memory of the API under load.

Everything goes through the embedded stack as `pca up` starts it: identity provider, API, worker. What is compared runs on the same stack
in the same minute.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
import psutil
from cloudevents.core.bindings.http import to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from temporalio.client import Client

from api.identity import api_keys
from bench import lifecycle
from embedded.stack import Stack

EVENTS = 1000
TYPE = "pca.agreement.submitted.v1"
AT_ONCE = 50
"""Connections of the intake system."""


@dataclass
class Measured:
    """What was measured of the HTTP doors."""

    events: int = 0
    accepted: int = 0
    cases: int = 0
    intake_rate: float = 0.0
    start_rate: float = 0.0
    http: list[float] = field(default_factory=list)
    update: list[float] = field(default_factory=list)
    memory_before: int = 0
    memory_after: int = 0
    requests: int = 0


@asynccontextmanager
async def calling(url: str, token: str) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=AT_ONCE)
    async with httpx.AsyncClient(base_url=url, headers={"authorization": f"Bearer {token}"}, limits=limits, timeout=120) as http:
        yield http


async def _all(calls: list[Callable[[], Awaitable[None]]]) -> float:
    """Seconds for all of them, begun at once."""
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for call in calls:
            group.create_task(call())  # type: ignore[arg-type]
    return time.monotonic() - began


async def intake(stack: Stack, pool: asyncpg.Pool, client: Client, measured: Measured) -> None:
    """A thousand events at once, beside as many starts of that workflow by the Temporal client alone. No worker runs meanwhile: it would
    be measured with them."""
    now = datetime.now(UTC)
    key = await api_keys.create(
        pool, name="bench", offices=("BD",), scopes=("intake",), source="bench", by="bench", at=now, expires_at=now + timedelta(days=1)
    )
    today = now.date()
    messages = []
    for n in range(EVENTS):
        data = lifecycle.intake(f"http-{n}", today)
        attributes = {"id": f"http-{n}", "source": "/bench", "type": TYPE, "specversion": "1.0", "datacontenttype": "application/json"}
        messages.append(to_structured(CloudEvent(attributes, data), JSONFormat()))
    statuses: list[int] = []
    async with calling(stack.state.api_url, key.key) as http:

        def sending(message: Any) -> Callable[[], Awaitable[None]]:
            async def send() -> None:
                statuses.append((await http.post("/v1/events", content=message.body, headers=message.headers)).status_code)

            return send

        api = psutil.Process(stack.server("api").identity.pid)
        took = await _all([sending(message) for message in messages])
        measured.memory_before = api.memory_info().rss
        # once more, each event a second time: nothing new is taken, and the memory that this costs stays
        await _all([sending(message) for message in messages])
        measured.memory_after = api.memory_info().rss
    measured.events, measured.requests = EVENTS, 2 * EVENTS
    measured.accepted = statuses.count(202)
    measured.cases = await pool.fetchval("SELECT count(*) FROM \"case\" WHERE source = 'bench'")
    measured.intake_rate = EVENTS / took
    limit = asyncio.Semaphore(AT_ONCE)

    def starting(n: int) -> Callable[[], Awaitable[None]]:
        async def start() -> None:
            async with limit:
                await client.start_workflow("Agreement", {"subject": f"case:X{n}"}, id=f"bare-{n}", task_queue="nobody")

        return start

    measured.start_rate = EVENTS / await _all([starting(n) for n in range(EVENTS)])


class ByHttp(lifecycle.Lifecycles):
    """The same lifecycle, each decision said over HTTP by whoever takes it."""

    def __init__(self, lives: lifecycle.Lifecycles, url: str, tokens: Callable[[str], Awaitable[str]]) -> None:
        super().__init__(lives.pool, lives.client, lives.watch, lives.signer)
        self.tokens = tokens
        self.http = httpx.AsyncClient(base_url=url, timeout=120)

    async def decide(self, task: str, act: lifecycle.Act) -> None:
        token = await self.tokens(act.actor)
        began = time.monotonic()
        answer = await self.http.post(
            f"/v1/tasks/{quote(task)}/decision",
            json={"role": act.role, "verdict": act.verdict, "data": act.data},
            headers={"authorization": f"Bearer {token}", "prefer": "wait=30"},
        )
        if answer.status_code != 200 or not answer.json()["counted"]:
            raise lifecycle.Unexpected(f"{task} {act.verdict}: {answer.status_code} {answer.text}")
        self.latencies.append(time.monotonic() - began)


async def decisions(lives: lifecycle.Lifecycles, by_http: ByHttp, number: int, measured: Measured) -> None:
    """Lifecycles by turns: one over HTTP, one by the update alone, so that whatever else the machine does disturbs both."""
    await lives.play("http-warm-0")
    await by_http.play("http-warm-1")
    lives.latencies.clear()
    by_http.latencies.clear()
    for n in range(number):
        await by_http.play(f"by-http-{n}")
        await lives.play(f"by-update-{n}")
    measured.http, measured.update = list(by_http.latencies), list(lives.latencies)


def median(values: list[float]) -> float:
    return statistics.median(values) if values else 0.0
