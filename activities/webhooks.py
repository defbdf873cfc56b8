"""Webhooks: events to whoever subscribed, as CloudEvents signed by the Standard Webhooks scheme.

Each subscription is a subscriber of `activities.delivery`: at least once, in order per case, back-off, dead letters. One that fails rests
as a whole for a while, so a receiver that is down costs one request at a time however many cases wait; each has a task of its own, so
nobody waits for another. Nothing is sent that its owner may not see, nothing of a practice clock unless practice is allowed, nothing to an
address that `activities.reach` does not permit. Of an answer only the status counts; its body is not read.
"""

import asyncio
import base64
import email.utils
import hashlib
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import structlog
from cloudevents.core.bindings.http import to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as Envelope
from standardwebhooks import Webhook as Signer

from activities import delivery, reach
from activities.delivery import NotTaken, Told
from activities.reach import Reach, Unreachable
from activities.sealed import class_of, without_sealed
from db.sql import queries
from schemas.events import CloudEvent
from schemas.names import kind_of, reference_of
from schemas.webhooks import matches

SQL = queries("webhooks")
Row = asyncpg.Record
PREFIX = "webhook:"
LONGEST_REST = timedelta(minutes=5)
"""Of a subscription that fails: afterwards it is tried again with one event."""
LONGEST_WAIT = timedelta(days=1)
"""What a receiver may ask for with Retry-After."""
SENDERS = 16
"""Requests under way at one time, of one worker."""
TEST = "webhook.test"
log = structlog.get_logger(__name__)


class Gone(NotTaken):
    """The receiver says that it will never take anything again."""


def subscriber(identifier: str) -> str:
    """The name of a subscription in the queue."""
    return PREFIX + identifier


def new_secret() -> str:
    """32 random bytes, as the Standard Webhooks libraries read them."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def message_id(event: CloudEvent) -> str:
    """`webhook-id`: the same whenever the event is sent again, so that a receiver can tell."""
    return "msg_" + hashlib.sha256(f"{event.source}\n{event.id}".encode()).hexdigest()[:32]


def structured(event: CloudEvent) -> tuple[str, bytes]:
    """Content type and body of a CloudEvent in structured mode."""
    attributes = event.model_dump(exclude={"data"}, exclude_none=True)
    message = to_structured(Envelope(attributes=attributes, data=event.data), JSONFormat())
    return message.headers["content-type"], message.body


def signed(event: CloudEvent, keys: list[str], at: datetime) -> tuple[dict[str, str], bytes]:
    """Headers and body of one delivery, with a signature by each of the secrets."""
    media_type, body = structured(event)
    name = message_id(event)
    headers = {
        "content-type": media_type,
        "user-agent": "pca-engine",
        "webhook-id": name,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Signer(key).sign(name, at, body.decode()) for key in keys),
    }
    return headers, body


async def offices_of(conn: asyncpg.Pool | asyncpg.Connection, subject: str) -> frozenset[str]:
    """The offices that a subject belongs to; none: only who sees every office sees it."""
    match kind_of(subject):
        case "partner" | "umbrella" | "office":
            return frozenset({reference_of(subject).partition(":")[0]})
        case "case" | "activation":
            return frozenset(await conn.fetchval(SQL["offices_of"], subject) or ())
        case _:
            return frozenset()


def seen(subscription: Row, told: Told, offices: frozenset[str], *, practice: bool) -> CloudEvent | None:
    """The event as this subscription may see it; None: it does not."""
    if not matches(subscription["types"], told.type) or (told.data.get("clock") and not practice):
        return None
    if subscription["offices"] is not None and offices.isdisjoint(subscription["offices"]):
        return None
    kind = class_of(told.type, told.data)
    if kind == "never" or (kind == "sealed" and not subscription["sealed"]):
        return None
    body = told.data if subscription["sealed"] else without_sealed(told.data)
    source = f"/pca/{'+'.join(sorted(offices))}" if offices else "/pca"
    return CloudEvent.of(told.subject, told.sequence, body, source=source)


def retry_after(value: str, now: datetime) -> timedelta:
    """What a Retry-After header asks for, in seconds or as a date; nothing that is not readable, and a day at most."""
    try:
        wait = timedelta(seconds=int(value)) if value.isascii() and value.isdigit() else email.utils.parsedate_to_datetime(value) - now
    except (ValueError, TypeError, OverflowError):
        return timedelta(0)
    return min(max(wait, timedelta(0)), LONGEST_WAIT)


class Webhooks:
    """Sends to subscriptions. `now`: wall clock of signatures and headers; `practice`: events of practice clocks are sent too."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        reach_: Reach,
        *,
        practice: bool = False,
        http: httpx.AsyncClient | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._pool, self._reach, self._practice, self._now = pool, reach_, practice, now
        self._http = http or reach.client(reach_)
        self._slots = asyncio.Semaphore(SENDERS)
        self._busy: dict[str, asyncio.Task[None]] = {}

    async def close(self) -> None:
        """Ends what is under way: it will be sent again."""
        for task in self._busy.values():
            task.cancel()
        await self.settled()
        await self._http.aclose()

    async def settled(self) -> None:
        """Until nothing is under way."""
        while self._busy:
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def post(self, subscription: Row, event: CloudEvent) -> str:
        """Send one event; what was answered. Raises NotTaken with what may be shown, Gone for 410."""
        now = self._now()
        keys = [subscription["secret"]]
        if subscription["previous_until"] is not None and subscription["previous_until"] > now:
            keys.append(subscription["previous_secret"])
        headers, body = signed(event, keys, now)
        if faults := self._reach.faults(subscription["url"]):
            raise NotTaken(faults[0].rule)
        try:
            async with self._http.stream("POST", subscription["url"], content=body, headers=headers) as response:
                status, after = response.status_code, response.headers.get("retry-after", "")
        except Unreachable as error:
            raise NotTaken(str(error)) from None
        except httpx.TimeoutException:
            raise NotTaken("no answer in time") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotTaken(type(error).__name__) from None
        if 200 <= status < 300:
            return f"HTTP {status}"
        if status == httpx.codes.GONE:
            raise Gone("HTTP 410")
        more = ": redirects are not followed" if 300 <= status < 400 else ""
        raise NotTaken(f"HTTP {status}{more}", retry_after(after, now) if status in (429, 503) else timedelta(0))

    async def serve(self, subscription: Row, *, at: datetime | None = None) -> None:
        """Send what is due to one subscription, until nothing is or it fails."""
        name = subscriber(subscription["id"])
        offices: dict[str, frozenset[str]] = {}

        async def take(told: Told) -> None:
            if told.subject not in offices:
                offices.clear()
                offices[told.subject] = await offices_of(self._pool, told.subject)
            event = seen(subscription, told, offices[told.subject], practice=self._practice)
            if event is not None:
                await self.post(subscription, event)

        while True:
            async with self._slots:
                found = await delivery.portion(self._pool, name, take, at=at)
            if not found.subject:
                return
            match found.failure:
                case None:
                    await self._pool.execute(SQL["works"], subscription["id"])
                case Gone():
                    await self._pool.execute(SQL["disable"], subscription["id"], "the receiver answered 410 Gone")
                    log.warning("webhook.gone", subscription=subscription["id"])
                    return
                case error:
                    rest = min(delivery.back_off(subscription["failures"] + 1), LONGEST_REST)
                    rest = max(rest, getattr(error, "after", timedelta(0)))
                    await self._pool.execute(SQL["rests"], subscription["id"], rest, delivery.why(error), at)
                    return
            current = await self._pool.fetchrow(SQL["one"], subscription["id"])
            if current is None or current["state"] != "active":
                return
            subscription = current

    async def look(self, *, at: datetime | None = None) -> int:
        """Begin to send to every subscription that is due and not under way; how many were begun."""
        begun = 0
        for subscription in await self._pool.fetch(SQL["active"], at):
            if subscription["id"] in self._busy:
                continue
            await delivery.enter(self._pool, subscriber(subscription["id"]), subscription["since"])
            task = asyncio.create_task(self._guarded(subscription, at))
            self._busy[subscription["id"]] = task
            task.add_done_callback(lambda _, name=subscription["id"]: self._busy.pop(name, None))  # type: ignore[misc]
            begun += 1
        return begun

    async def _guarded(self, subscription: Row, at: datetime | None) -> None:
        try:
            await self.serve(subscription, at=at)
        except delivery.OUTAGE as error:
            log.warning("webhooks.wait", error=type(error).__name__)

    async def for_ever(self, rest: Callable[[float], Awaitable[Any]] = asyncio.sleep) -> None:
        """The worker's loop, until it is cancelled. An outage of the record is waited out."""
        try:
            while True:
                try:
                    await self.look()
                except delivery.OUTAGE as error:
                    log.warning("webhooks.wait", error=type(error).__name__)
                await rest(delivery.IDLE)
        finally:
            await self.close()


def trial(name: str, at: datetime) -> CloudEvent:
    """What `POST /v1/webhooks/{id}/test` sends: no event of the record. `name`: id of the subscription."""
    body = {"type": TEST, "at": at.isoformat(), "data": {"subscription": name}}
    return CloudEvent.of(f"subscription:{name}", int(at.timestamp()), body)
