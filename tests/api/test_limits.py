"""What no route could read is refused before one sees it, with a defined answer; and what every answer tells a browser."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI, Form, UploadFile
from starlette.types import Receive, Scope, Send
from temporalio.client import Client

from api.app import Ground, create_app
from api.edge import DEEPEST, Body, policy
from worker.settings import Settings

LIMIT = 4096
JSON = {"content-type": "application/json"}


@pytest_asyncio.fixture(loop_scope="session")
async def open_api(pool: asyncpg.Pool, client: Client) -> AsyncIterator[httpx.AsyncClient]:
    """The application with routes that take anything from anybody, so that what is refused is refused before them."""
    settings = Settings.model_validate({"PCA_MAX_BODY": str(LIMIT), "PCA_PUBLIC_URL": "https://pca.example"})

    @asynccontextmanager
    async def ground() -> AsyncIterator[Ground]:
        yield Ground(pool, client, settings)

    app = create_app(ground(), settings=settings)
    _routes(app)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as found:
            yield found


def _routes(app: FastAPI) -> None:
    @app.post("/v1/take")
    async def take(body: dict[str, Any] | list[Any] | str) -> dict[str, int]:
        return {"taken": len(body)}

    @app.post("/form")
    async def form(word: Annotated[str, Form()]) -> dict[str, str]:
        return {"word": word}

    @app.post("/file")
    async def file(file: UploadFile) -> dict[str, int]:
        return {"size": len(await file.read())}

    @app.get("/v1/fault")
    async def fault() -> None:
        raise RuntimeError("postgresql://pca:s3cret@db")


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def refusal(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    (finding,) = answer.json()["findings"]
    assert finding["message"]
    assert finding["next_step"]
    return answer.status_code, finding["rule"]


async def test_what_is_readable_reaches_its_route(open_api: httpx.AsyncClient) -> None:
    assert (await open_api.post("/v1/take", json={"a": "é\\u0000"})).json() == {"taken": 1}
    assert (await open_api.post("/v1/take", content=b"[1]", headers={"content-type": "application/json; charset=UTF-8"})).json() == {
        "taken": 1
    }
    assert (await open_api.post("/v1/take", content=b"[1]", headers={"content-type": "application/cloudevents+json"})).json() == {
        "taken": 1
    }
    assert (await open_api.post("/form", data={"word": "so"})).json() == {"word": "so"}
    assert (await open_api.post("/file", files={"file": ("x.bin", b"\x00\xff")})).json() == {"size": 2}
    assert (await open_api.post("/v1/take", json="x" * (LIMIT - 2))).status_code == 200


async def test_more_than_the_limit_is_too_much_said_or_not(open_api: httpx.AsyncClient) -> None:
    assert refusal(await open_api.post("/v1/take", json="x" * LIMIT)) == (413, "body_too_large")
    answer = await open_api.post("/v1/take", content=pieces(b'"', b"x" * LIMIT, b'"'), headers=JSON)
    assert "content-length" not in answer.request.headers
    assert refusal(answer) == (413, "body_too_large")
    assert answer.headers["connection"] == "close"


async def test_what_says_that_it_is_too_long_is_not_read() -> None:
    sent: list[dict[str, Any]] = []

    async def nobody(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("a route was asked")

    async def unread() -> dict[str, Any]:
        raise AssertionError("the body was read")

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/x", "query_string": b"", "headers": [(b"content-length", b"5000")]}
    await Body(nobody, limit=LIMIT)(scope, unread, send)
    assert sent[0]["status"] == 413


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "text/html", "application/jsonx", "json", "", None, "text/json"])
async def test_another_kind_of_content_is_refused(open_api: httpx.AsyncClient, kind: str | None) -> None:
    headers = {} if kind is None else {"content-type": kind}
    assert refusal(await open_api.post("/v1/take", content=b"{}", headers=headers)) == (415, "content_type")


async def test_a_form_is_for_pages_only(open_api: httpx.AsyncClient) -> None:
    assert refusal(await open_api.post("/v1/take", data={"word": "so"})) == (415, "content_type")


async def test_what_is_compressed_is_refused(open_api: httpx.AsyncClient) -> None:
    answer = await open_api.post("/v1/take", content=b"{}", headers=JSON | {"content-encoding": "gzip"})
    assert refusal(answer) == (415, "content_encoding")


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"{", "broken_json"),
        (b"", None),
        (b"{}}", "broken_json"),
        (b"{'a': 1}", "broken_json"),
        (b'{"a": NaN}', "broken_json"),
        (b"[Infinity]", "broken_json"),
        (b"\xef\xbb\xbf{}", "broken_json"),
        (b"9" * 4000, None),
        (b'{"a": "\xe9"}', "charset"),
        ('{"a": "é"}'.encode("utf-16"), "charset"),
        (b'{"a": "\\u0000"}', "null_character"),
        (b'{"\\u0000": 1}', "null_character"),
        (b'["\\ud800"]', "null_character"),
        (b'["\\uD83D\\uDE00"]', None),
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "json_too_deep"),
        (b"[" * 2000 + b"]" * 2000, "json_too_deep"),
    ],
)
async def test_json_that_is_none_is_refused_with_its_place(open_api: httpx.AsyncClient, content: bytes, rule: str | None) -> None:
    answer = await open_api.post("/v1/take", content=content, headers=JSON)
    if rule is None:
        assert answer.status_code in (200, 422)
    else:
        assert refusal(answer) == (400, rule)


async def test_another_encoding_is_refused_where_it_is_said(open_api: httpx.AsyncClient) -> None:
    headers = {"content-type": 'application/json; charset="ISO-8859-1"'}
    assert refusal(await open_api.post("/v1/take", content=b"{}", headers=headers)) == (400, "charset")


@pytest.mark.parametrize("path", ["/v1/take%00", "/livez?x=%00", "/nowhere?a=1&b=%00c"])
async def test_a_null_character_in_an_address_is_refused(open_api: httpx.AsyncClient, path: str) -> None:
    assert refusal(await open_api.get(path)) == (400, "null_character")


async def test_a_null_character_in_a_form_is_refused(open_api: httpx.AsyncClient) -> None:
    assert refusal(await open_api.post("/form", data={"word": "a\x00"})) == (400, "null_character")


async def test_a_fault_of_ours_tells_nothing_and_still_has_its_headers(open_api: httpx.AsyncClient) -> None:
    answer = await open_api.get("/v1/fault")
    assert answer.status_code == 500
    assert "s3cret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"]


async def test_every_answer_tells_browsers_what_they_may_do(open_api: httpx.AsyncClient) -> None:
    for answer in (await open_api.get("/livez"), await open_api.get("/nowhere"), await open_api.post("/v1/take", content=b"x")):
        told = answer.headers
        assert told["x-content-type-options"] == "nosniff"
        assert told["referrer-policy"] == "same-origin"
        assert told["x-frame-options"] == "DENY"
        assert told["cache-control"] == "no-store"
        assert told["strict-transport-security"].startswith("max-age=31536000")
        policies = dict(part.strip().split(" ", 1) for part in told["content-security-policy"].split(";"))
        assert policies["default-src"] == "'none'"
        assert policies["script-src"] == "'self'"
        assert policies["frame-ancestors"] == policies["base-uri"] == "'none'"
        assert "unsafe" not in told["content-security-policy"]
        assert "server" not in told


def test_a_form_may_lead_to_the_provider_and_nowhere_else() -> None:
    assert "form-action 'self' https://login.example;" in policy("https://login.example/realms/pca")
    assert "form-action 'self';" in policy("")


async def test_a_request_keeps_a_sane_id_of_its_own(open_api: httpx.AsyncClient) -> None:
    assert (await open_api.get("/livez", headers={"x-request-id": "abc-1"})).headers["x-request-id"] == "abc-1"
    for odd in ("a b", "x" * 65, "é".encode()):
        assert (await open_api.get("/livez", headers={"x-request-id": odd})).headers["x-request-id"] != odd


async def test_no_page_of_the_framework_is_open(open_api: httpx.AsyncClient) -> None:
    assert [(await open_api.get(path)).status_code for path in ("/docs", "/redoc")] == [404, 404]
    assert json.loads((await open_api.get("/openapi.json")).text)["openapi"].startswith("3.1")
