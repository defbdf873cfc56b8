"""Whether the API lives, is ready, and what it counted: open to all, and about no case."""

from collections.abc import Callable

import asyncpg
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from temporalio.client import Client

from api.app import Ground
from tests.api.conftest import Called


@pytest.fixture(autouse=True)
async def nobody(api: Called) -> None:
    api.caller = None


async def test_it_lives_and_is_ready(api: Called) -> None:
    live, ready = await api.get("/livez"), await api.get("/readyz")
    assert (live.status_code, live.json()) == (200, {"api": "ok"})
    assert (ready.status_code, ready.json()) == (200, {"api": "ok", "postgres": "ok", "temporal": "ok"})


async def test_it_lives_and_is_not_ready_without_its_database(api: Called, pool: asyncpg.Pool, client: Client) -> None:
    transport = api._transport
    assert isinstance(transport, httpx.ASGITransport)
    app = transport.app
    closed = await asyncpg.create_pool(str(pool._connect_args[0]), min_size=1, max_size=1)
    await closed.close()
    app.state.ground = Ground(closed, client, app.state.ground.settings)  # type: ignore[attr-defined]
    ready = await api.get("/readyz")
    assert (ready.status_code, ready.json()) == (503, {"api": "ok", "postgres": "InterfaceError", "temporal": "ok"})
    assert (await api.get("/livez")).status_code == 200


async def figures(api: Called) -> dict[tuple[str, str, str], float]:
    answer = await api.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.labels["route"], sample.labels["method"], sample.labels["status"]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name == "pca_http_requests_total"
    }


async def test_requests_are_counted_by_route_and_never_by_address(api: Called, as_: Callable[..., Called]) -> None:
    as_("ke.008", "KE:head_of_office")
    for reference in ("KEN/2026/0001", "KEN/2026/0002"):
        await api.get(f"/v1/cases/{reference}")
    await api.get("/v1/nowhere/KEN/2026/0003")
    await api.request("BREW", "/livez")
    found = await figures(api)
    assert sum(value for (route, _, status), value in found.items() if route.startswith("/v1/cases/{") and status == "404") == 2
    assert found[("(none)", "GET", "404")] == 1
    assert [key for key in found if key[1] == "other"]
    assert "2026" not in (await api.get("/metrics")).text


async def test_the_time_of_answers_and_the_memory_of_the_process_are_there(api: Called) -> None:
    await api.get("/livez")
    text = (await api.get("/metrics")).text
    assert 'pca_http_request_seconds_bucket{le="0.25",method="GET",route="/livez"} 1.0' in text
    assert "process_resident_memory_bytes" in text
