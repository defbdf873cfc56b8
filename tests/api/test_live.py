"""Live pages: who listens is told which cases have changed, by reference alone, and once."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import asyncpg
import httpx

from activities.browse import Reach
from api.routes.live import Listener, Watch, mark, stream
from schemas.engine import Opening
from tests.activities.desk import Desk, at, facts
from tests.api.conftest import Called
from tests.api.serving import served

Become = Callable[..., Called]
CASE = "case:KEN/2026/0007"
MINE = Reach(roles=frozenset({("KE", "focal_point")}))
NEVER = 3600.0


class Quiet(Watch):
    """Looks only when it is told to."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        super().__init__(pool, NEVER)


async def told(events: Any, watch: Watch) -> tuple[str, dict[str, Any], str]:
    """The next event, after one look."""
    coming = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    await watch.look()
    event = await asyncio.wait_for(coming, 20)
    return event.event, json.loads(event.data), event.id


async def test_a_change_is_told_once_by_reference_alone(desk: Desk) -> None:
    await desk.taken(facts("C1"))
    watch = Quiet(desk.pool)
    events = stream(watch, Listener(frozenset({CASE}), MINE), None)
    kind, data, first = await told(events, watch)
    assert (kind, data) == ("ready", {"cases": [], "inbox": False})
    await desk.open(CASE, "document", at("2026-03-04"), Opening(kind="attach_annex", whom="c1"))
    kind, data, second = await told(events, watch)
    assert (kind, data) == ("changed", {"cases": ["KEN/2026/0007"], "inbox": True})
    assert first != second
    coming = asyncio.ensure_future(anext(events))
    await watch.look()
    await watch.look()
    assert not coming.done(), "nothing has changed"
    coming.cancel()
    await asyncio.gather(coming, return_exceptions=True)
    await events.aclose()
    assert watch.listeners == set()


async def test_who_comes_back_is_told_what_was_missed(desk: Desk) -> None:
    await desk.taken(facts("C1"))
    watch = Quiet(desk.pool)
    events = stream(watch, Listener(frozenset({CASE}), None), None)
    _, _, known = await told(events, watch)
    await events.aclose()
    same = stream(watch, Listener(frozenset({CASE}), None), known)
    assert (await told(same, watch))[0] == "ready"
    await same.aclose()
    await desk.open(CASE, "document", at("2026-03-04"), Opening(kind="attach_annex", whom="c1"))
    later = stream(watch, Listener(frozenset({CASE}), None), known)
    assert (await told(later, watch))[:2] == ("changed", {"cases": ["KEN/2026/0007"], "inbox": False})
    await later.aclose()
    garbled = stream(watch, Listener(frozenset({CASE}), None), "%%%")
    assert (await told(garbled, watch))[0] == "changed"
    await garbled.aclose()


async def test_one_look_serves_everybody_and_ends_with_the_last(desk: Desk) -> None:
    await desk.taken(facts("C1"))
    watch = Quiet(desk.pool)
    listeners = [Listener(frozenset({CASE}), None) for _ in range(20)]
    for listener in listeners:
        watch.add(listener)
    looking = watch._looking
    await watch.look()
    assert all(listener.changed.is_set() for listener in listeners)
    for listener in listeners:
        watch.remove(listener)
    assert looking is not None
    await asyncio.gather(looking, return_exceptions=True)
    assert looking.done()


def test_a_mark_says_how_things_stand() -> None:
    assert mark({"a": "1", "b": "2"}) == mark({"b": "2", "a": "1"}) != mark({"a": "1", "b": "3"})


async def test_somebody_elses_case_is_not_watched(desk: Desk, as_: Become) -> None:
    await desk.taken(facts("C1"))
    assert (await as_("mz.001", "MZ:focal_point").get("/v1/live", params={"case": "KEN/2026/0007"})).status_code == 404
    assert (await as_("ke.001", "KE:focal_point").get("/v1/live")).status_code == 422
    many = {"case": [f"KEN/2026/{n}" for n in range(51)]}
    assert (await as_("ke.001", "KE:focal_point").get("/v1/live", params=many)).status_code == 422


async def test_a_browser_is_told_over_the_wire_and_the_stream_ends_with_the_server(desk: Desk, as_: Become) -> None:
    await desk.taken(facts("C1"))
    api = as_("ke.001", "KE:focal_point")
    app = api._transport.app  # type: ignore[attr-defined]
    lines: list[str] = []
    async with (
        served(app) as address,
        httpx.AsyncClient(base_url=address, timeout=30, trust_env=False) as client,
        client.stream("GET", "/v1/live", params={"case": "KEN/2026/0007"}) as answer,
    ):
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        async for line in answer.aiter_lines():
            lines.append(line)
            if line.startswith("event: ready"):
                await desk.open(CASE, "document", at("2026-03-04"), Opening(kind="attach_annex", whom="c1"))
            if line.startswith("data: ") and "KEN/2026/0007" in line:
                break
    assert "event: changed" in lines
    assert app.state.watch.listeners == set()
