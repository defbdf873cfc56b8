"""Live pages: server-sent events that say what has changed, by ids only; whoever is told asks again for what it may see.

One look at the record a second serves everybody who listens in this process: the heads of the chains that are watched, and the inboxes.
Nothing is kept: a listener that comes back says what it knew last (`Last-Event-ID`), and is told at once if that is no longer so.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Header, Query, Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from activities import browse
from api import views
from api.app import GroundDep
from api.caller import CallerDep
from api.problems import Problem, documented, invalid
from schemas.findings import Finding
from schemas.names import reference_of

router = APIRouter(prefix="/v1", tags=["live"])

SECONDS = 1.0
MOST = 50
"""Cases that one listener watches, at most."""
LISTENERS = 2000
"""Listeners of one process, at most."""
PING = 15
State = dict[str, str]
"""What is watched, and how it stands: a case's chain by its length, an inbox by what is in it."""


class Listener:
    """One open page: what it watches, how that stood last, and whether it has changed."""

    def __init__(self, subjects: frozenset[str], reach: browse.Reach | None) -> None:
        self.subjects, self.reach = subjects, reach
        self.inbox = "inbox " + " ".join(reach.readers) if reach is not None else ""
        self.known: State = {}
        self.changed = asyncio.Event()
        self.now: State = {}

    def see(self, state: State) -> None:
        own = {name: state[name] for name in (*sorted(self.subjects), *([self.inbox] if self.inbox else [])) if name in state}
        if own != self.known:
            self.now = own
            self.changed.set()


class Watch:
    """Looks at the record for every listener of the process, as long as there is one."""

    def __init__(self, pool: asyncpg.Pool, seconds: float = SECONDS) -> None:
        self.pool, self.seconds = pool, seconds
        self.listeners: set[Listener] = set()
        self._looking: asyncio.Task[None] | None = None

    async def look(self) -> None:
        """One look: every listener whose part has changed is woken."""
        listeners = list(self.listeners)
        heads = await browse.heads(self.pool, {subject for listener in listeners for subject in listener.subjects})
        state: State = {subject: str(sequence) for subject, sequence in heads.items()}
        for name, reach in {listener.inbox: listener.reach for listener in listeners if listener.reach is not None}.items():
            state[name] = await browse.inbox_mark(self.pool, reach)
        for listener in listeners:
            listener.see(state)

    async def _run(self) -> None:
        while self.listeners:
            with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):  # a database that is away comes back
                await self.look()
            await asyncio.sleep(self.seconds)

    def add(self, listener: Listener) -> None:
        self.listeners.add(listener)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._run())

    def remove(self, listener: Listener) -> None:
        self.listeners.discard(listener)
        if not self.listeners and self._looking is not None:
            self._looking.cancel()
            self._looking = None


def mark(state: State) -> str:
    """A state as the id of an event, to be told again by who comes back."""
    return base64.urlsafe_b64encode(json.dumps(sorted(state.values()), separators=(",", ":")).encode()).decode().rstrip("=")


async def stream(watch: Watch, listener: Listener, last: str | None) -> AsyncIterator[ServerSentEvent]:
    """What changes, as it changes. The first look tells how things stand only to who knew something else."""
    watch.add(listener)
    try:
        first = True
        while True:
            await listener.changed.wait()
            listener.changed.clear()
            before, listener.known = listener.known, dict(listener.now)
            news = [name for name, how in listener.known.items() if before.get(name) != how]
            told = first and (last is None or last == mark(listener.known))
            first = False
            data: dict[str, Any] = {
                "cases": [] if told else [reference_of(name) for name in news if name != listener.inbox],
                "inbox": not told and bool(listener.inbox) and listener.inbox in news,
            }
            yield ServerSentEvent(event="ready" if told else "changed", id=mark(listener.known), data=json.dumps(data))
    finally:
        watch.remove(listener)


def _watch(request: Request, pool: asyncpg.Pool) -> Watch:
    """The one of this process."""
    state = request.app.state
    if not hasattr(state, "watch"):
        state.watch = Watch(pool)
    watch: Watch = state.watch
    return watch


@router.get(
    "/live",
    operation_id="live",
    response_class=EventSourceResponse,
    responses=documented(429)
    | {
        200: {
            "description": "Server-sent events `ready` and `changed`, with ids only.",
            "content": {
                "text/event-stream": {"schema": {"type": "string"}, "example": 'event: changed\ndata: {"cases": ["KEN/2026/0007"]}\n\n'}
            },
        }
    },
)
async def live(
    request: Request,
    ground: GroundDep,
    caller: CallerDep,
    case: Annotated[list[str] | None, Query(max_length=MOST, description="references of cases to watch")] = None,
    inbox: Annotated[bool, Query(description="watch the caller's inbox too")] = False,
    last_event_id: Annotated[str | None, Header(max_length=10_000, description="id of the last event that was received")] = None,
) -> EventSourceResponse:
    """Be told what changes. Ends when the API shuts down; a browser comes back by itself."""
    subjects = frozenset([(await views.sight(ground.pool, caller, reference)).subject for reference in dict.fromkeys(case or ())])
    if not subjects and not inbox:
        raise invalid(
            [Finding(rule="missing", message="Name a case, or the inbox.", path="$.case", next_step="Ask with case=... or inbox=true.")]
        )
    watch = _watch(request, ground.pool)
    if len(watch.listeners) >= LISTENERS:
        raise Problem(429, "too_many_listeners", "Too many pages are open. Load the page again by hand.", headers={"Retry-After": "60"})
    listener = Listener(subjects, await views.reach(ground.pool, caller) if inbox else None)
    return EventSourceResponse(stream(watch, listener, last_event_id), ping=PING, headers={"Cache-Control": "no-store"})
