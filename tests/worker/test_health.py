"""The health endpoint answers what its checks find."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from worker.health import Health


async def well() -> None: ...


async def ill() -> None:
    raise ConnectionError("postgresql://pca:s3cret@host/pca")


async def stuck() -> None:
    await asyncio.Event().wait()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as http:
        yield http


async def ask(http: httpx.AsyncClient, health: Health, path: str) -> httpx.Response:
    async with await health.serve():
        return await http.get(f"http://127.0.0.1:{health.port}{path}")


async def test_a_worker_whose_servers_answer_is_ready(http: httpx.AsyncClient) -> None:
    answer = await ask(http, Health({"postgres": well, "temporal": well}), "/readyz")
    assert (answer.status_code, answer.json()) == (200, {"worker": "ok", "postgres": "ok", "temporal": "ok"})


async def test_a_server_that_does_not_answer_is_named_without_its_address(http: httpx.AsyncClient) -> None:
    answer = await ask(http, Health({"postgres": ill, "temporal": well}), "/readyz")
    assert (answer.status_code, answer.json()["postgres"]) == (503, "ConnectionError")
    assert "s3cret" not in answer.text


async def test_a_check_that_hangs_is_not_waited_for(http: httpx.AsyncClient) -> None:
    answer = await ask(http, Health({"postgres": stuck}, patience=0.01), "/readyz")
    assert answer.json()["postgres"] == "TimeoutError"


async def test_a_worker_is_alive_while_its_servers_are_not(http: httpx.AsyncClient) -> None:
    assert (await ask(http, Health({"postgres": ill}), "/livez")).status_code == 200


async def test_a_stopped_worker_is_neither_alive_nor_ready(http: httpx.AsyncClient) -> None:
    assert (await ask(http, Health({}, alive=lambda: False), "/livez")).status_code == 503
    assert (await ask(http, Health({}, alive=lambda: False), "/readyz")).status_code == 503


async def test_another_path_is_not_found(http: httpx.AsyncClient) -> None:
    assert (await ask(http, Health({}), "/")).status_code == 404


async def test_what_is_no_http_does_no_harm(http: httpx.AsyncClient) -> None:
    async with await Health({}).serve() as health:
        _, writer = await asyncio.open_connection("127.0.0.1", health.port)
        writer.write(b"\xff\xfe\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        assert (await http.get(f"http://127.0.0.1:{health.port}/livez")).status_code == 200
