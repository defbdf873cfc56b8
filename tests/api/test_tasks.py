"""Decisions and messages over HTTP, with a worker: counted or not and why, once under one key, in nobody else's name."""

import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from temporalio.client import Client

from activities import read
from embedded import practice
from embedded.stack import Stack
from schemas.engine import Opening
from tests.activities.desk import Desk, at, facts
from tests.api.conftest import Called
from worker import doors
from worker.main import build_worker

Become = Callable[..., Called]


@pytest_asyncio.fixture(loop_scope="session")
async def working(stack: Stack, client: Client, pool: asyncpg.Pool) -> AsyncIterator[None]:
    async with build_worker(client, pool, bank_url=stack.bank_url, grace=1):
        yield


async def turn(pool: asyncpg.Pool, client: Client, number: int) -> dict[str, Any]:
    """A case on a practice clock whose office has its turn; the open task."""
    intake = facts("C2") | {"reference": f"BGD/2026/{8000 + number}", "source_reference": f"TASK-{number}"}
    intake["partner"]["id"] = f"P-TASK-{number}"
    clock = f"tasks-{number}"
    await practice.create(pool, clock, at("2026-03-02"))
    taken = await doors.submit(pool, client, intake, clock=clock)
    assert taken.reference, taken
    await practice.settle(pool, client, clock)
    (found,) = [task for task in await read.tasks(pool, case=taken.reference) if task["kind"] == "office_turn"]
    return found


async def test_a_decision_counts_once_and_is_signed(working: None, as_: Become, pool: asyncpg.Pool, client: Client) -> None:
    task = await turn(pool, client, 1)
    path = f"/v1/tasks/{task['id']}"
    sha256 = await pool.fetchval('SELECT document_sha256 FROM "case"')
    focal = await pool.fetchval('SELECT focal_point FROM "case"')
    api = as_(focal, "BD:focal_point")
    shown = (await api.get(path)).json()
    accept = next(verdict for verdict in shown["verdicts"] if verdict["verdict"] == "accept")
    assert accept["schema"]["properties"]["sha256"]
    assert shown["roles_of_caller"] == ["focal_point"]

    said = {"verdict": "accept", "data": {"sha256": sha256}}
    first = await api.post(f"{path}/decision", json=said, headers={"Idempotency-Key": "d-1"})
    again = await api.post(f"{path}/decision", json=said, headers={"Idempotency-Key": "d-1"})
    assert first.status_code == 200, first.text
    assert (first.json()["counted"], first.json()["repeated"]) == (True, False)
    assert (again.status_code, again.json()["repeated"]) == (200, True)
    row = await pool.fetchrow("SELECT actor, role, signed, counted FROM decision WHERE kind = 'office_turn'")
    assert dict(row) == {"actor": focal, "role": "focal_point", "signed": True, "counted": True}

    other = await api.post(f"{path}/decision", json=said | {"comment": "changed"}, headers={"Idempotency-Key": "d-1"})
    assert (other.status_code, [f["rule"] for f in other.json()["findings"]]) == (409, ["key_reused"])
    late = await api.post(f"{path}/decision", json=said | {"key": "d-2"})
    assert late.status_code == 409, late.text


async def test_what_does_not_count_says_every_reason(working: None, as_: Become, pool: asyncpg.Pool, client: Client) -> None:
    task = await turn(pool, client, 2)
    focal = await pool.fetchval('SELECT focal_point FROM "case"')
    api = as_(focal, "BD:focal_point")
    answer = await api.post(f"/v1/tasks/{task['id']}/decision", json={"verdict": "accept_on_behalf", "data": {"colour": "blue"}})
    assert answer.status_code == 422, answer.text
    assert answer.json()["type"] == "urn:pca:problem:not_counted"
    assert "wrong_verdict" in {finding["rule"] for finding in answer.json()["findings"]}
    wrong = await api.post(f"/v1/tasks/{task['id']}/decision", json={"verdict": "accept", "data": {"sha256": "0" * 64, "x": 1}})
    assert {"$.data.x"} <= {finding["path"] for finding in wrong.json()["findings"]}
    assert await pool.fetchval("SELECT state FROM task WHERE id = $1", task["id"]) == "open"


async def test_a_message_takes_effect_and_is_said_by_who_calls(working: None, as_: Become, pool: asyncpg.Pool, client: Client) -> None:
    task = await turn(pool, client, 3)
    reference = task["cases"][0].removeprefix("case:")
    focal = await pool.fetchval('SELECT focal_point FROM "case"')
    path = f"/v1/cases/{reference}/messages"
    api = as_(focal, "BD:focal_point")
    hold = {"kind": "hold", "role": "focal_point", "data": {"reason": "flood", "until": "2026-03-10"}}
    assert (await api.post(path, json=hold | {"actor": "somebody.else"})).status_code == 422, "an actor in the body is an unknown field"
    claimed = await api.post(path, json={"kind": "claim", "role": "focal_point", "task": task["id"]})
    assert claimed.status_code == 200, claimed.text
    assert (await api.get("/v1/inbox", params={"mine": True})).json()["items"][0]["id"] == task["id"]
    held = await api.post(path, json=hold)
    assert held.status_code == 200, held.text
    assert await pool.fetchval('SELECT held FROM "case"')
    assert await pool.fetchval("SELECT data->'actor'->>'id' FROM event WHERE type = 'case.held'") == focal
    assert (await api.post(path, json=hold | {"key": "again"})).status_code == 422
    stranger = as_("bd.099", "BD:finance_officer")
    assert (await stranger.post(path, json=hold | {"role": "finance_officer"})).status_code == 403
    assert (await as_("ke.001", "KE:focal_point").post(path, json={"kind": "hold", "role": "focal_point"})).status_code == 404
    unknown = await as_(focal, "BD:focal_point").post(path, json={"kind": "dance", "role": "focal_point"})
    assert [finding["rule"] for finding in unknown.json()["findings"]] == ["unknown_message"]


# Without a worker ---------------------------------------------------------------------------------------------------------------


async def one(desk: Desk, kind: str = "attach_annex", whom: str = "c1") -> str:
    case = await desk.taken(facts("C1"))
    (task,) = await desk.open(case, "document", at("2026-03-04"), Opening(kind=kind, whom=whom))
    return f"/v1/tasks/{task.id}"


@pytest.mark.parametrize("prefer", ["wait=0", "respond-async, wait=0", 'wait="0"'])
async def test_without_an_answer_in_time_there_is_a_place_to_look(
    desk: Desk, as_: Become, monkeypatch: pytest.MonkeyPatch, prefer: str
) -> None:
    path = await one(desk)
    waited: list[timedelta] = []

    async def silent(*args: Any, patience: timedelta, **more: Any) -> Any:
        waited.append(patience)
        raise doors.NoAnswer("nobody")

    monkeypatch.setattr(doors, "decide", silent)
    said = {"verdict": "not_needed", "comment": "none", "key": "k-1"}
    answer = await as_("ke.003", "KE:budget_owner").post(f"{path}/decision", json=said, headers={"Prefer": prefer})
    assert (answer.status_code, answer.headers["Location"]) == (202, path)
    assert answer.json() == {"state": "pending", "location": path, "key": "k-1"}
    await as_("ke.003", "KE:budget_owner").post(f"{path}/decision", json=said, headers={"Prefer": "wait=9999"})
    assert waited == [timedelta(seconds=0.1), timedelta(seconds=30)]


async def test_nobody_decides_what_is_not_his(desk: Desk, as_: Become) -> None:
    path = f"{await one(desk)}/decision"
    said = {"verdict": "not_needed", "comment": "none"}
    assert (await as_("mz.003", "MZ:budget_owner").post(path, json=said)).status_code == 404
    assert (await as_("ke.012", "KE:risk_officer").post(path, json=said)).status_code == 403
    assert (await as_("key:x", "KE:scope:read", kind="machine").post(path, json=said)).status_code == 403
    other = await as_("ke.001", "KE:focal_point").post(path, json=said | {"role": "budget_owner"})
    assert (other.status_code, [finding["rule"] for finding in other.json()["findings"]]) == (403, ["wrong_role"])
    partner = as_("p", "KE:partner_authorised_officer", partners=("partner:KE:P-KE-0001",))
    assert (await partner.post(path, json=said)).status_code == 404
    assert (
        await as_("ke.003", "KE:budget_owner").post("/v1/tasks/KEN/2026/0007:document:1:nothing/decision", json=said)
    ).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {}, {"verdict": ""}, {"verdict": "x", "actor": "ke.010"}, {"verdict": "x", "proof": {}}, {"verdict": "x", "signed": True},
        {"verdict": "x", "reason_code": "because"}, {"verdict": "x", "data": []}, {"verdict": "x", "comment": "y" * 20_001}, [],
        {"verdict": "'; --"},
    ],
)  # fmt: skip
async def test_a_body_that_is_no_decision_is_refused(desk: Desk, as_: Become, body: Any) -> None:
    answer = await as_("ke.003", "KE:budget_owner").post(f"{await one(desk)}/decision", json=body)
    assert answer.status_code == 422, answer.text
    assert all(finding["path"].startswith("$") for finding in answer.json()["findings"])


async def test_decisions_in_one_go_are_of_kinds_that_the_pack_allows(desk: Desk, as_: Become, monkeypatch: pytest.MonkeyPatch) -> None:
    path = await one(desk)
    money = path.removeprefix("/v1/tasks/")
    case = "case:KEN/2026/0007"
    (hold,) = await desk.open(case, "case", at("2026-03-04"), Opening(kind="review_hold", whom="1"))
    api = as_("ke.002", "KE:partnership_manager", "KE:budget_owner")
    body = {"decisions": [{"task": hold.id, "verdict": "resume"}, {"task": money, "verdict": "not_needed"}]}
    refused = await api.post("/v1/decisions", json=body)
    assert (refused.status_code, refused.json()["findings"][0]["path"]) == (422, "$.decisions[1].task")
    said: list[str] = []

    async def heard(*args: Any, task: str, **more: Any) -> Any:
        said.append(task)
        raise doors.NoAnswer("nobody")

    monkeypatch.setattr(doors, "decide", heard)
    answer = await api.post("/v1/decisions", json={"decisions": body["decisions"][:1]})
    assert answer.status_code == 200, answer.text
    assert [(result["task"], result["pending"]) for result in answer.json()] == [(hold.id, True)]
    assert said == [hold.id]


async def test_an_activation_is_declared_renewed_and_revoked_by_who_calls(desk: Desk, as_: Become) -> None:
    from datetime import UTC, datetime

    today = datetime.now(UTC).date()
    body = {
        "reference": "KEN-L1-01", "level": "L1", "offices": ["KE"], "document": "Declaration", "valid_from": today.isoformat(),
        "valid_to": (today + timedelta(days=30)).isoformat(), "role": "head_of_office",
    }  # fmt: skip
    head = as_("ke.008", "KE:head_of_office")
    assert (await head.post("/v1/activations", json=body | {"declared_by": "ke.001"})).status_code == 422
    assert (await as_("mz.008", "MZ:head_of_office").post("/v1/activations", json=body)).status_code == 403
    head = as_("ke.008", "KE:head_of_office")
    made = await head.post("/v1/activations", json=body)
    assert made.status_code == 201, made.text
    assert (await head.post("/v1/activations", json=body)).status_code == 201
    above = await head.post("/v1/activations", json=body | {"reference": "KEN-L2-01", "level": "L2"})
    assert "above_authority" in {finding["rule"] for finding in above.json()["findings"]}
    later = {"to": (today + timedelta(days=60)).isoformat(), "role": "head_of_office"}
    assert (await head.post("/v1/activations/KEN-L1-01/renewal", json=later)).status_code == 200
    assert (await head.post("/v1/activations/KEN-L1-01/renewal", json=later)).status_code == 422
    assert (await as_("mz.008", "MZ:head_of_office").post("/v1/activations/KEN-L1-01/renewal", json=later)).status_code == 403
    head = as_("ke.008", "KE:head_of_office")
    ended = await head.post("/v1/activations/KEN-L1-01/revocation", json={"reason": "over", "role": "head_of_office"})
    assert (ended.status_code, ended.json()["returned"]) == (200, []), ended.text
    (row,) = (await head.get("/v1/activations")).json()["items"]
    assert (row["reference"], row["state"], row["declared_by"]) == ("KEN-L1-01", "revoked", "ke.008")
    with contextlib.suppress(KeyError):
        assert row["valid_to"] == later["to"]
