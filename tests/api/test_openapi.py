"""The document of the API against the API: whatever is sent, no fault of ours and no answer that is not documented."""

import asyncio
import itertools
import json
import socket
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from tests.activities import fast_path as fp
from tests.activities.desk import Desk
from tests.api.conftest import Called
from tests.api.serving import served

Become = Callable[..., Called]
ENDLESS = "live"
"""The operation whose answer has no end: tests/api/test_live.py is about it."""
CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]


@pytest.fixture(autouse=True)
def _no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test asks a name server: of hosts that are made up none has an address."""
    known = socket.getaddrinfo

    def here(host: Any, *args: Any, **more: Any) -> Any:
        if host not in (None, "127.0.0.1", b"127.0.0.1", "localhost"):
            raise socket.gaierror(socket.EAI_NONAME, "no such host")
        return known(host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", here)


def fuzz(address: str, examples: int) -> tuple[Counter[str], list[str]]:
    """How often each operation was called, and what was wrong with the answers."""
    called: Counter[str] = Counter()
    wrong: list[str] = []
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.definition.raw.get("operationId") == ENDLESS:
            continue
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            try:
                _calls(operation.label, operation.as_strategy(generation_mode=mode), examples, called, wrong)
            except Unsatisfiable:
                pass  # nothing can be wrong with a request that has no part
            except (Exception, FailureGroup) as error:
                if "negat" not in str(error).lower():
                    wrong.append(f"{operation.label}: {type(error).__name__}: {str(error)[:300]}")
    return called, wrong


def _calls(label: str, strategy: Any, examples: int, called: Counter[str], wrong: list[str]) -> None:
    """So many calls of one operation."""

    @settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=strategy)
    def one(case: Any) -> None:
        called[label] += 1
        response = case.call(timeout=30)
        try:
            case.validate_response(response, checks=CHECKS)
        except (Exception, FailureGroup) as error:
            wrong.append(f"{label} -> {response.status_code}: {str(error)[:400]}\n{response.text[:300]}")

    one()


async def check(desk: Desk, as_: Become, examples: int, who: tuple[str, ...] = ("*:head_of_office", "*:ops"), **more: Any) -> None:
    await fp.paid(desk)
    api = as_("mz.008", *who, **more)
    app = api._transport.app  # type: ignore[attr-defined]
    async with served(app) as address:
        called, wrong = await asyncio.to_thread(fuzz, address, examples)
    assert wrong == [], "\n\n".join(itertools.islice(dict.fromkeys(wrong), 30))
    assert len(called) > 30


async def test_nothing_that_is_sent_is_a_fault_of_ours_or_answered_otherwise_than_documented(desk: Desk, as_: Become) -> None:
    await check(desk, as_, 4)


@pytest.mark.slow
@pytest.mark.parametrize("who", [("*:head_of_office", "*:ops"), ("MZ:focal_point",), ("*:scope:read",)])
async def test_nothing_at_length(desk: Desk, as_: Become, who: tuple[str, ...]) -> None:
    await check(desk, as_, 60, who)


async def test_every_operation_is_named_described_and_tells_its_errors(api: Called) -> None:
    document = (await api.get("/openapi.json")).json()
    names: list[str] = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            names.append(operation["operationId"])
            assert operation.get("tags"), (path, method)
            assert operation.get("description") or operation.get("summary"), (path, method)
            if path.startswith("/v1/"):
                assert {"400", "401", "403", "404", "422", "503"} <= set(operation["responses"]), (path, method)
                problem = operation["responses"]["422"]["content"]
                assert "application/problem+json" in problem, (path, method)
    assert len(names) == len(set(names))


async def test_every_body_has_an_example(api: Called) -> None:
    document = (await api.get("/openapi.json")).json()
    schemas = document["components"]["schemas"]

    def has_example(schema: dict[str, Any]) -> bool:
        if "$ref" in schema:
            return has_example(schemas[schema["$ref"].rpartition("/")[2]])
        if schema.get("examples") or "example" in schema or schema.get("additionalProperties"):
            return True
        inner = [schema[name] for name in ("items",) if name in schema] + list(schema.get("anyOf", []))
        return any(has_example(each) for each in inner) or any(has_example(each) for each in schema.get("properties", {}).values())

    for path, operations in document["paths"].items():
        if not path.startswith("/v1/"):
            continue
        for method, operation in operations.items():
            for kind, content in operation.get("requestBody", {}).get("content", {}).items():
                assert "example" in content or has_example(content["schema"]), (path, method, kind)


async def test_every_reference_of_the_document_leads_somewhere(api: Called) -> None:
    text = (await api.get("/openapi.json")).text
    schemas = json.loads(text)["components"]["schemas"]
    import re

    for name in set(re.findall(r'"#/components/schemas/([^"]+)"', text)):
        assert name in schemas, name
