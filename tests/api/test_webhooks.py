"""Webhooks over HTTP: who may, what is refused, and that a secret is shown once."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any, cast

import asyncpg
import pytest

from activities.reach import Reach
from activities.webhooks import Webhooks
from db.events import Chains, body
from policy import access
from tests.activities.receiver import Receiver, receiving
from tests.api.conftest import Called

OPS = ("ke.ops", "KE:ops")
PARTNER = "partner:KE:P-KE-0001"
As = Callable[..., Called]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as found:
        yield found


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator allows this machine."""
    monkeypatch.setenv("PCA_WEBHOOK_ALLOW", "127.0.0.1")


async def made(http: Called, receiver: Receiver, **wanted: Any) -> dict[str, Any]:
    answer = await http.post("/v1/webhooks", json={"url": receiver.url, "since": "beginning", **wanted})
    assert answer.status_code == 201, answer.text
    receiver.secret = answer.json()["secret"]
    found: dict[str, Any] = answer.json()
    return found


async def write(pool: asyncpg.Pool, subject: str = PARTNER) -> None:
    async with pool.acquire() as conn, conn.transaction():
        chains = Chains(cast("asyncpg.Connection", conn))
        await chains.lock([subject])
        await chains.append(subject, body("document.sent", datetime(2026, 3, 2, tzinfo=UTC), {}, cause={"kind": "timer", "id": "t"}))


async def test_a_subscription_is_of_the_offices_of_who_makes_it_and_its_secret_is_shown_once(as_: As, receiver: Receiver) -> None:
    http = as_(*OPS)
    found = await made(http, receiver, types=["pca.case.held.v1", "payment.*"])
    assert (found["offices"], found["types"], found["owner"], found["state"]) == (["KE"], ["case.held", "payment.*"], "ke.ops", "active")
    (listed,) = (await http.get("/v1/webhooks")).json()
    assert listed == {name: value for name, value in found.items() if name != "secret"}
    assert (await http.get(f"/v1/webhooks/{found['id']}")).json() == listed


@pytest.mark.parametrize(
    ("actor", "grants", "more"),
    [
        ("ke.010", ("KE:head_of_office",), {}),
        ("p.1", (), {"partners": ("partner:KE:P-1",)}),
        ("p.2", ("KE:partner_focal_point",), {}),
        ("key", (f"KE:{access.INTAKE}",), {"kind": "machine", "scopes": frozenset({"intake"})}),
        ("nobody", (), {}),
    ],
)
async def test_nobody_else_looks_after_webhooks(as_: As, actor: str, grants: tuple[str, ...], more: dict[str, Any]) -> None:
    http = as_(actor, *grants, **more)
    for answer in (await http.get("/v1/webhooks"), await http.post("/v1/webhooks", json={"url": "https://example.org/"})):
        assert answer.status_code == 403
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_machine_with_a_key_for_webhooks_may(as_: As, receiver: Receiver) -> None:
    http = as_("erp", f"MZ:{access.WEBHOOKS}", kind="machine", scopes=frozenset({"webhooks"}))
    assert (await made(http, receiver))["offices"] == ["MZ"]


async def test_who_is_ops_everywhere_hears_of_every_office(as_: As, receiver: Receiver) -> None:
    assert (await made(as_("hq.ops", "*:ops"), receiver))["offices"] is None


async def test_nobody_has_not_signed_in(api: Called) -> None:
    assert (await api.get("/v1/webhooks")).status_code == 401


async def test_somebody_elses_is_not_found(as_: As, receiver: Receiver) -> None:
    found = await made(as_(*OPS), receiver)
    http = as_("mz.ops", "MZ:ops")
    place = f"/v1/webhooks/{found['id']}"
    assert (await http.get("/v1/webhooks")).json() == []
    answers = [
        await http.get(place),
        await http.patch(place, json={"state": "paused"}),
        await http.delete(place),
        await http.post(f"{place}/secret"),
        await http.post(f"{place}/test"),
        await http.get(f"{place}/dead-letters"),
        await http.post(f"{place}/dead-letters/{PARTNER}/send-again"),
        await http.get("/v1/webhooks/wh_none"),
    ]
    assert {answer.status_code for answer in answers} == {404}


async def test_events_of_a_foreign_office_cannot_be_asked_for(as_: As, receiver: Receiver) -> None:
    answer = await as_(*OPS).post("/v1/webhooks", json={"url": receiver.url, "offices": ["KE", "MZ"]})
    assert answer.status_code == 422
    (finding,) = answer.json()["findings"]
    assert (finding["rule"], finding["path"]) == ("foreign_office", "$.offices")


@pytest.mark.parametrize(
    ("grants", "status"), [(("KE:ops",), 403), (("KE:ops", "MZ:risk_officer"), 403), (("KE:ops", "KE:risk_officer"), 201)]
)
async def test_sealed_matters_are_told_only_to_who_may_read_them(as_: As, receiver: Receiver, grants: tuple[str, ...], status: int) -> None:
    answer = await as_("ke.x", *grants).post("/v1/webhooks", json={"url": receiver.url, "sealed": True})
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ({"url": "https://10.0.0.1/"}, "$.url"),
        ({"url": "http://example.org/"}, "$.url"),
        ({"url": "https://user:word@example.org/"}, "$.url"),
        ({"url": ""}, "$.url"),
        ({}, "$.url"),
        ({"url": "https://93.184.215.14/", "types": ["no.such"]}, "$.types[0]"),
        ({"url": "https://93.184.215.14/", "types": []}, "$.types"),
        ({"url": "https://93.184.215.14/", "offices": ["Kenya"]}, "$.offices[0]"),
        ({"url": "https://93.184.215.14/", "secret": "mine"}, "$.secret"),
        ({"url": "https://93.184.215.14/", "since": -1}, "$.since"),
    ],
)
async def test_what_is_not_taken_says_where(as_: As, wanted: dict[str, Any], path: str) -> None:
    answer = await as_(*OPS).post("/v1/webhooks", json=wanted)
    assert answer.status_code == 422
    assert any(finding["path"].startswith(path) for finding in answer.json()["findings"]), answer.text


async def test_it_is_changed_paused_and_removed(as_: As, receiver: Receiver) -> None:
    http = as_(*OPS)
    place = f"/v1/webhooks/{(await made(http, receiver))['id']}"
    changed = (await http.patch(place, json={"state": "paused", "types": ["*"], "description": "<b>ERP</b>"})).json()
    assert (changed["state"], changed["types"], changed["description"]) == ("paused", ["*"], "<b>ERP</b>")
    assert (await http.patch(place, json={"url": "https://192.168.0.1/"})).status_code == 422
    assert (await http.patch(place, json={"state": "disabled"})).status_code == 422
    assert (await http.delete(place)).status_code == 204
    assert (await http.get(place)).status_code == 404


async def test_a_new_secret_signs_beside_the_old_one(as_: As, receiver: Receiver) -> None:
    http = as_(*OPS)
    found = await made(http, receiver)
    rotated = (await http.post(f"/v1/webhooks/{found['id']}/secret", json={"hours": 1})).json()
    assert rotated["secret"] != found["secret"]
    assert rotated["previous_secret_until"] is not None
    assert (await http.post(f"/v1/webhooks/{found['id']}/test")).json() == {"taken": True, "why": "HTTP 204"}
    assert len(receiver.asked[0][0]["webhook-signature"].split()) == 2
    assert (await http.post(f"/v1/webhooks/{found['id']}/secret")).status_code == 200
    assert (await http.post(f"/v1/webhooks/{found['id']}/secret", json={"hours": 1000})).status_code == 422


async def test_dead_letters_are_seen_and_sent_again(as_: As, receiver: Receiver, pool: asyncpg.Pool) -> None:
    http = as_(*OPS)
    found = await made(http, receiver)
    place = f"/v1/webhooks/{found['id']}/dead-letters"
    await write(pool)
    sender = Webhooks(pool, Reach.of("127.0.0.1"))
    receiver.status = 400
    await sender.look()
    await sender.settled()
    assert (await http.get(place)).json() == []
    assert (await http.post(f"{place}/{PARTNER}/send-again")).status_code == 404
    await pool.execute("UPDATE delivery SET dead = true, attempts = 19")
    (letter,) = (await http.get(place)).json()
    assert letter == {"subject": PARTNER, "sequence": 1, "type": "pca.document.sent.v1", "attempts": 19, "last_error": "HTTP 400"}

    receiver.status = 204
    again = await http.post(f"{place}/{PARTNER}/send-again")
    assert (again.status_code, again.json()) == (202, [PARTNER])
    await pool.execute("UPDATE subscription SET next_at = '-infinity'")
    await sender.look()
    await sender.settled()
    await sender.close()
    assert receiver.told == [(PARTNER, "1")]
    assert (await http.get(place)).json() == []
