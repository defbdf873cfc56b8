"""What every request passes before a route sees it, and every answer before it leaves: limits, headers, the log and the figures.

Five small ASGI layers, outermost first: `Observed` (log, metrics, request id), `Headers` (what browsers are told), `Cookies` (what the
session has to write), `Faults` (what nobody expected), `Body` (size, kind and encoding of what was sent). None knows a route; none looks
into what a body means.
"""

import json
import re
import secrets
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import structlog
from prometheus_client import CollectorRegistry, Counter, GCCollector, Histogram, PlatformCollector, ProcessCollector
from starlette.datastructures import Headers as Received
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import Problem, answered, handle
from schemas.findings import Finding

log = structlog.get_logger(__name__)

MEGABYTE = 1 << 20
WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_JSON = re.compile(r"application/(?:[\w.-]+\+)?json")
_REQUEST_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)
_SURROGATE = re.compile(r"[\ud800-\udfff]")
DEEPEST = 100
"""Levels of a JSON value; no message of ours has more than twelve."""


# --- what was sent ----------------------------------------------------------------------------------------------------


class Body:
    """Reads what was sent, up to the limit, and refuses what no route could read: 413, 415, 400, each with its finding."""

    def __init__(self, app: ASGIApp, *, limit: int = MEGABYTE) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            _readable_address(scope)
            if scope["method"] not in WITH_BODY:
                await self._app(scope, receive, send)
                return
            body = await self._whole(scope, receive)
            if body:
                _readable(scope, body)
        except Problem as problem:
            await answered(problem, Request(scope))(scope, receive, send)
            return
        told = False

        async def again() -> Message:
            nonlocal told
            if told:
                return await receive()
            told = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, again, send)

    async def _whole(self, scope: Scope, receive: Receive) -> bytes:
        """The body. One that says that it is too long is not read, one that does not say so is read until it is."""
        said = Received(scope=scope).get("content-length", "")
        if said.isdigit() and int(said) > self._limit:
            raise self._too_large()
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Problem(400, "disconnected", "The request ended before its body did.")
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._limit:
                raise self._too_large()
            if not message.get("more_body", False):
                return b"".join(parts)

    def _too_large(self) -> Problem:
        said = f"A request carries at most {self._limit} bytes."
        finding = Finding(rule="body_too_large", message=said, path="$", next_step="Send it in smaller parts.")
        # what is still to come is not read: the connection ends with the answer
        return Problem(413, "too_large", said, [finding], headers={"Connection": "close"})


def _readable_address(scope: Scope) -> None:
    if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
        raise _unreadable("null_character", "The address holds a null character, which no text of ours does.")


def _readable(scope: Scope, body: bytes) -> None:
    headers = Received(scope=scope)
    kind, _, parameters = headers.get("content-type", "").partition(";")
    kind = kind.strip().lower()
    of_pages = kind in FORMS and not scope["path"].startswith("/v1/")
    if not (_JSON.fullmatch(kind) or of_pages):
        raise _unsupported("content_type", f"What is sent here is {'JSON' if scope['path'].startswith('/v1/') else 'JSON or a form'}.")
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise _unsupported("content_encoding", "What is sent here is not compressed.")
    charset = re.search(r"charset\s*=\s*\"?([^\s;\"]+)", parameters, re.IGNORECASE)
    if charset and charset[1].lower().replace("_", "-") not in ("utf-8", "utf8", "us-ascii"):
        raise _unreadable("charset", "What is sent here is encoded in UTF-8.")
    if kind == "multipart/form-data":
        return  # its parts are read by the route, which knows which of them are files
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _unreadable("charset", f"What was sent is not UTF-8 (byte {error.start}).") from error
    if of_pages:
        if "\x00" in text or "%00" in text:
            raise _unreadable("null_character", "A field holds a null character, which no text of ours does.")
        return
    _readable_json(text)


def _readable_json(text: str) -> None:
    """JSON as RFC 8259 has it, of a sane depth, with texts that a database can hold."""

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is no number of JSON")

    try:
        value = json.loads(text, parse_constant=refuse)
    except RecursionError as error:
        raise _unreadable("json_too_deep", f"It is nested more than {DEEPEST} levels deep.") from error
    except json.JSONDecodeError as error:
        raise _unreadable("broken_json", f"It is no JSON: {error.msg} (line {error.lineno}, column {error.colno}).") from error
    except ValueError as error:
        raise _unreadable("broken_json", f"It is no JSON: {error}.") from error
    depth, level = 0, [value]
    while level:
        depth += 1
        if depth > DEEPEST:
            raise _unreadable("json_too_deep", f"It is nested more than {DEEPEST} levels deep.")
        level = [item for each in level for item in _items(each)]
    if ("\\u0000" in text or "\\ud" in text.lower()) and _unstorable(value):
        raise _unreadable("null_character", "A text holds a null character or half of a character pair, which no text of ours does.")


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return (item for item in value.values() if isinstance(item, dict | list))
    return (item for item in value if isinstance(item, dict | list)) if isinstance(value, list) else ()


def _unstorable(value: Any) -> bool:
    match value:
        case str():
            return "\x00" in value or _SURROGATE.search(value) is not None
        case dict():
            return any(_unstorable(name) or _unstorable(item) for name, item in value.items())
        case list():
            return any(map(_unstorable, value))
    return False


def _unreadable(rule: str, message: str) -> Problem:
    return Problem(400, "unreadable", message, [Finding(rule=rule, message=message, path="$", next_step="Correct it and send it again.")])


def _unsupported(rule: str, message: str) -> Problem:
    finding = Finding(rule=rule, message=message, path="$", next_step="See the OpenAPI document, /openapi.json.")
    return Problem(415, "unsupported_media_type", message, [finding])


# --- what leaves ------------------------------------------------------------------------------------------------------


def policy(*forms_may_lead_to: str) -> str:
    """The content security policy: our own files only, no script in a page, in nobody's frame. A form of ours may be answered with a way
    to the identity provider (the logout), which browsers count as the form's own."""
    others = " ".join(sorted({f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, filter(None, forms_may_lead_to))}))
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
        f"manifest-src 'self'; form-action 'self' {others}".rstrip()
        + "; base-uri 'none'; frame-ancestors 'none'"
    )


class Headers:
    """What browsers are told with every answer. `https`: whether we are reached that way only."""

    def __init__(self, app: ASGIApp, *, https: bool, issuer: str = "") -> None:
        self._app = app
        self._fixed = {
            "content-security-policy": policy(issuer),
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
            "referrer-policy": "same-origin",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "permissions-policy": "camera=(), microphone=(), geolocation=()",
        } | ({"strict-transport-security": "max-age=31536000; includeSubDomains"} if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._fixed.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")  # what is of one person alone; a file of ours says otherwise itself
            await send(message)

        await self._app(scope, receive, with_headers)


class Cookies:
    """Writes what `request.state.set_cookies` holds: a session's cookie anew, or its end."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope.setdefault("state", {})

        async def with_cookies(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for value in state.get("set_cookies", ()):
                    headers.append("set-cookie", value)
            await send(message)

        await self._app(scope, receive, with_cookies)


class Faults:
    """What no handler took becomes an answer here, within the layers that give answers their headers and count them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            if begun or scope["type"] != "http":
                raise
            await (await handle(Request(scope), error))(scope, receive, send)


# --- what we see of it ------------------------------------------------------------------------------------------------

PROBES = frozenset({"/livez", "/readyz", "/metrics"})


class Figures:
    """The counters of one application, in a registry of its own: route templates, never addresses, which name cases."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self.requests = Counter("pca_http_requests", "Requests answered.", ("route", "method", "status"), registry=self.registry)
        self.seconds = Histogram(
            "pca_http_request_seconds",
            "Time to the end of the answer; streams are counted, not timed.",
            ("route", "method"),
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=self.registry,
        )


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Observed:
    """Counts, times and logs every request, and gives it an id. Never an address, a query or a name: those hold what people wrote."""

    def __init__(self, app: ASGIApp, figures: Figures) -> None:
        self._app, self._figures = app, figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, stream = time.perf_counter(), 500, False
        given = Received(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)

        async def seen(message: Message) -> None:
            nonlocal status, stream
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                stream = headers.get("content-type", "").startswith("text/event-stream")
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, seen)
            finally:
                self._note(scope, status, time.perf_counter() - began, stream)

    def _note(self, scope: Scope, status: int, seconds: float, stream: bool) -> None:
        route = getattr(scope.get("route"), "path", None) or "(none)"
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._figures.requests.labels(route, method, str(status)).inc()
        if not stream:
            self._figures.seconds.labels(route, method).observe(seconds)
        if route not in PROBES:
            log.info("api.request", route=route, method=method, status=status, milliseconds=round(seconds * 1000, 1))
