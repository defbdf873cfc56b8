"""Connecting: to what is there, with patience for what is not, and errors that say what to do and never a password."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest
from temporalio.client import Client

from embedded.servers import free_port
from embedded.stack import Stack
from worker.connect import ConnectionRefused, ServerUnreachable, connect_pool, connect_temporal
from worker.search_attributes import missing, register
from worker.telemetry import runtime


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", "/dev/null")
    for name in ("TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "TEMPORAL_API_KEY", "TEMPORAL_TLS"):
        monkeypatch.delenv(name, raising=False)


async def test_the_standard_settings_lead_to_the_server(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", stack.temporal_address)
    client = await connect_temporal(seconds=5)
    assert client.service_client.config.target_host == stack.temporal_address


async def test_the_runtime_serves_prometheus_metrics_of_the_client(stack: Stack) -> None:
    port = free_port()
    made = runtime(metrics_address=f"127.0.0.1:{port}", labels={"service": "pca"})
    client = await connect_temporal(address=stack.temporal_address, runtime=made)
    await client.count_workflows()
    async with httpx.AsyncClient(trust_env=False) as http:
        text = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
    assert "temporal_request_latency" in text
    assert 'service="pca"' in text


async def test_a_temporal_server_that_is_not_there_is_named_with_what_to_start() -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(ServerUnreachable, match=address) as refusal:
        await connect_temporal(address=address, seconds=0)
    assert "pca up" in refusal.value.next_step


async def test_an_unknown_namespace_is_named(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", stack.temporal_address)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "nowhere")
    with pytest.raises(ConnectionRefused, match="nowhere"):
        await connect_temporal(seconds=0)


async def test_a_missing_certificate_is_a_setting_to_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_TLS_CLIENT_CERT_PATH", "/no/such/certificate.pem")
    with pytest.raises(ConnectionRefused, match="settings"):
        await connect_temporal(seconds=0)


async def test_a_pool_answers(database_url: str) -> None:
    pool = await connect_pool(database_url, size=2, seconds=5)
    try:
        assert await pool.fetchval("SELECT 1") == 1
    finally:
        await pool.close()


async def test_a_database_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(ServerUnreachable, match="PostgreSQL") as refusal:
        await connect_pool(f"postgresql://pca:s3cret@127.0.0.1:{free_port()}/pca", seconds=0)
    assert "s3cret" not in str(refusal.value)
    assert "DATABASE_URL" in refusal.value.next_step


async def test_a_wrong_password_is_not_waited_for(database_url: str) -> None:
    server = database_url.rpartition("@")[2]
    with pytest.raises(ConnectionRefused, match="password"):
        await asyncio.wait_for(connect_pool(f"postgresql://pca:wrong@{server}", seconds=60), timeout=5)


async def test_an_unknown_database_is_not_waited_for(database_url: str) -> None:
    server = database_url.rpartition("/")[0]
    with pytest.raises(ConnectionRefused, match="no such database"):
        await asyncio.wait_for(connect_pool(f"{server}/nowhere", seconds=60), timeout=5)


async def test_an_unreadable_address_says_how_to_write_it() -> None:
    with pytest.raises(ConnectionRefused, match="DATABASE_URL cannot be read"):
        await connect_pool("postgresql://pca@host:port/pca", seconds=0)


async def test_a_server_that_comes_up_late_is_waited_for() -> None:
    """The port opens after the first attempts; what answers there is no PostgreSQL, so that waiting ends in another error than refusal."""
    port = free_port()

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.set()
        writer.close()

    @contextlib.asynccontextmanager
    async def late() -> AsyncIterator[None]:
        server = await asyncio.start_server(hang_up, "127.0.0.1", port)
        yield
        server.close()
        await server.wait_closed()

    reached = asyncio.Event()
    waiting = asyncio.ensure_future(connect_pool(f"postgresql://pca@127.0.0.1:{port}/pca", seconds=2))
    async with late():
        await asyncio.wait_for(reached.wait(), timeout=5)
        with pytest.raises(ServerUnreachable):
            await waiting


async def test_the_embedded_server_has_every_search_attribute(client: Client) -> None:
    assert await missing(client) == []
    assert await register(client) == []
