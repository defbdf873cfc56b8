"""Intake over HTTP: three modes of CloudEvents by the official SDK, plain JSON with a key, and every answer that there is."""

import copy
import json
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from cloudevents.core.bindings.http import to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from policy import access
from tests.activities.desk import facts
from tests.api.conftest import Called

Become = Callable[..., Called]
TYPE = "pca.agreement.submitted.v1"


def agreement(number: int = 1, **changes: Any) -> dict[str, Any]:
    """C2 as a case and partner of its own."""
    intake = copy.deepcopy(facts("C2"))
    intake["partner"]["id"] = f"P-API-{number}"
    return intake | {"reference": f"BGD/2026/{7000 + number}", "source_reference": f"API-{number}"} | changes


@pytest.fixture
def portal(as_: Become) -> Called:
    """A machine with a key for intake from the portal, in Bangladesh."""
    return as_("key:portal", f"BD:{access.INTAKE}", kind="machine", source="portal", scopes=frozenset({"intake"}))


def event(data: Any, *, id: str = "e-1", source: str = "/portal", type: str = TYPE, **more: Any) -> CloudEvent:  # noqa: A002
    attributes = {"id": id, "source": source, "type": type, "specversion": "1.0", "datacontenttype": "application/json"}
    return CloudEvent(attributes | more, data)


async def cases(pool: asyncpg.Pool) -> int:
    found: int = await pool.fetchval('SELECT count(*) FROM "case"')
    return found


def rules(answer: Any) -> set[str]:
    return {finding["rule"] for finding in answer.json()["findings"]}


# CloudEvents ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [to_structured, to_binary])
async def test_an_event_is_taken_once(portal: Called, pool: asyncpg.Pool, mode: Any) -> None:
    message = mode(event(agreement()), JSONFormat())
    first = await portal.post("/v1/events", content=message.body, headers=message.headers)
    again = await portal.post("/v1/events", content=message.body, headers=message.headers)

    assert (first.status_code, again.status_code) == (202, 200), first.text
    assert first.headers["Location"] == again.headers["Location"] == "/v1/cases/BGD/2026/7001"
    assert (first.json()["repeated"], again.json()["repeated"]) == (False, True)
    assert await cases(pool) == 1


async def test_one_event_id_with_another_content_is_a_conflict(portal: Called, pool: asyncpg.Pool) -> None:
    for data, status in ((agreement(1), 202), (agreement(2), 409)):
        message = to_structured(event(data), JSONFormat())
        answer = await portal.post("/v1/events", content=message.body, headers=message.headers)
        assert answer.status_code == status, answer.text
    assert answer.headers["Location"] == "/v1/cases/BGD/2026/7001"
    assert rules(answer) == {"reference_taken_with_other_content"}
    assert await cases(pool) == 1


async def test_a_batch_is_answered_event_by_event(portal: Called, pool: asyncpg.Pool) -> None:
    broken = agreement(3)
    del broken["document"]["currency"]
    events = [event(agreement(1), id="a"), event(agreement(2), id="b"), event(broken, id="c"), event(agreement(1), id="a")]
    body = json.dumps([json.loads(to_structured(one, JSONFormat()).body) for one in events] + [{"id": "d"}])
    answer = await portal.post("/v1/events", content=body, headers={"Content-Type": "application/cloudevents-batch+json"})

    assert answer.status_code == 207, answer.text
    assert [(one["id"], one["status"]) for one in answer.json()] == [("a", 202), ("b", 202), ("c", 422), ("a", 200), ("d", 422)]
    assert answer.json()[2]["findings"][0]["path"] == "$.document.currency"
    assert await cases(pool) == 2


@pytest.mark.parametrize(("body", "status"), [("[]", 200), ("{}", 422), ("7", 422)])
async def test_a_batch_is_an_array(portal: Called, body: str, status: int) -> None:
    answer = await portal.post("/v1/events", content=body, headers={"Content-Type": "application/cloudevents-batch+json"})
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"specversion": "0.3"}, "specversion"), ({"specversion": None}, "specversion"), ({"id": None}, "cloudevent"),
        ({"source": None}, "cloudevent"), ({"type": None}, "cloudevent"), ({"type": "something.else"}, "event_type"),
        ({"time": "yesterday"}, "cloudevent"), ({"time": 7}, "cloudevent"), ({"id": "x" * 300}, "event_id"), ({"id": 7}, "cloudevent"),
        ({"data_base64": "???", "data": None}, "not_json"), ({"UPPER": "x"}, "cloudevent"),
    ],
)  # fmt: skip
async def test_an_envelope_that_is_none_is_refused_with_its_fault(
    portal: Called, pool: asyncpg.Pool, change: dict[str, Any], rule: str
) -> None:
    whole = json.loads(to_structured(event(agreement()), JSONFormat()).body) | change
    body = json.dumps({name: value for name, value in whole.items() if value is not None})
    answer = await portal.post("/v1/events", content=body, headers={"Content-Type": "application/cloudevents+json"})
    assert answer.status_code == 422, answer.text
    assert rule in rules(answer)
    assert await cases(pool) == 0


@pytest.mark.parametrize("body", ["[]", "7", "null", '"text"'])
async def test_what_is_no_object_is_no_event(portal: Called, body: str) -> None:
    answer = await portal.post("/v1/events", content=body, headers={"Content-Type": "application/cloudevents+json"})
    assert (answer.status_code, rules(answer)) == (422, {"cloudevent"})


async def test_binary_mode_without_its_headers_is_no_event(portal: Called) -> None:
    answer = await portal.post("/v1/events", json=agreement())
    assert (answer.status_code, rules(answer)) == (422, {"specversion", "cloudevent"})


# Plain JSON -----------------------------------------------------------------------------------------------------------------------


async def test_an_agreement_with_a_key_is_taken_once(portal: Called, pool: asyncpg.Pool) -> None:
    key = {"Idempotency-Key": "k-1"}
    first = await portal.post("/v1/agreements", json=agreement(1), headers=key)
    again = await portal.post("/v1/agreements", json=agreement(1), headers=key)
    other = await portal.post("/v1/agreements", json=agreement(2), headers=key)
    assert [answer.status_code for answer in (first, again, other)] == [202, 200, 409], other.text
    assert first.json()["reference"] == "BGD/2026/7001"
    assert other.json()["type"] == "urn:pca:problem:taken_otherwise"
    assert await cases(pool) == 1


async def test_the_same_reference_of_a_source_with_other_content_is_a_conflict(portal: Called) -> None:
    assert (await portal.post("/v1/agreements", json=agreement(1))).status_code == 202
    answer = await portal.post("/v1/agreements", json=agreement(1, humanitarian=True))
    assert (answer.status_code, answer.json()["findings"][0]["path"]) == (409, "$.humanitarian")


async def test_every_fault_is_said_at_once_and_the_message_is_kept(portal: Called, pool: asyncpg.Pool) -> None:
    wrong = agreement(1, colour="blue", humanitarian="perhaps")
    wrong["document"]["start"] = "soon"
    answer = await portal.post("/v1/agreements", json=wrong)
    assert answer.status_code == 422
    assert {"$.colour", "$.humanitarian", "$.document.start"} <= {finding["path"] for finding in answer.json()["findings"]}
    assert await pool.fetchval("SELECT office FROM rejected_intake") == "BD"


@pytest.mark.parametrize(("body", "status"), [("", 400), ("{", 400), ("[1]", 422), ("null", 422), ('"x"', 422)])
async def test_what_is_no_agreement_is_refused(portal: Called, body: str, status: int) -> None:
    answer = await portal.post("/v1/agreements", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text


async def test_html_in_a_text_is_kept_as_text(portal: Called, pool: asyncpg.Pool, as_: Become) -> None:
    said = agreement(1)
    said["document"]["title"] = "<script>alert('x')</script> & \"water\""
    assert (await portal.post("/v1/agreements", json=said)).status_code == 202
    read = await as_("bd.010", "BD:head_of_office").get("/v1/cases/BGD/2026/7001")
    assert read.headers["Content-Type"].startswith("application/json")
    assert read.json()["title"] == said["document"]["title"]


# Who may --------------------------------------------------------------------------------------------------------------------------


async def test_a_machine_submits_for_its_own_source_and_offices_only(portal: Called, pool: asyncpg.Pool) -> None:
    answer = await portal.post("/v1/agreements", json=agreement(1, source="cbpf", office="KE"))
    assert (answer.status_code, rules(answer)) == (403, {"foreign_source", "foreign_office"})
    assert await cases(pool) == 0


async def test_a_person_submits_for_his_office_and_as_himself(as_: Become) -> None:
    person = as_("bd.022", "BD:focal_point")
    assert (await person.post("/v1/agreements", json=agreement(1))).status_code == 202
    assert rules(await person.post("/v1/agreements", json=agreement(2, submitter="bd.001"))) == {"not_yourself"}
    assert rules(await person.post("/v1/agreements", json=agreement(3, office="KE"))) == {"foreign_office"}


@pytest.mark.parametrize("who", [("ke.012", "BD:risk_officer"), ("key:r", "BD:scope:read")])
async def test_who_has_no_right_submits_nothing(as_: Become, who: tuple[str, str]) -> None:
    for path, body in (("/v1/agreements", agreement()), ("/v1/events", agreement())):
        headers = {"ce-id": "1", "ce-source": "/portal", "ce-type": TYPE, "ce-specversion": "1.0"}
        assert (await as_(*who).post(path, json=body, headers=headers)).status_code == 403
    partner = as_("bd.p01", "BD:partner_authorised_officer", partners=("partner:BD:P-API-1",))
    assert (await partner.post("/v1/agreements", json=agreement())).status_code == 403


# Refused --------------------------------------------------------------------------------------------------------------------------


async def refuse_one(portal: Called, number: int = 1, **changes: Any) -> dict[str, Any]:
    wrong = agreement(number, **changes)
    del wrong["humanitarian"]
    wrong["document"]["title"] = ""
    assert (await portal.post("/v1/agreements", json=wrong)).status_code == 422
    return wrong


async def test_ops_sees_what_was_refused_and_submits_it_again(portal: Called, as_: Become, pool: asyncpg.Pool) -> None:
    wrong = await refuse_one(portal)
    ops = as_("bd.099", "BD:ops")
    (row,) = (await ops.get("/v1/rejected-intake")).json()["items"]
    assert "body" not in row
    assert {finding["path"] for finding in row["findings"]} >= {"$.document.title"}
    whole = (await ops.get(f"/v1/rejected-intake/{row['id']}")).json()
    assert json.loads(whole["body"])["source_reference"] == "API-1"

    again = f"/v1/rejected-intake/{row['id']}/resubmit"
    assert (await ops.post(again)).status_code == 422
    moved = await ops.post(again, json=agreement(1, office="KE", source="cbpf"))
    assert (moved.status_code, rules(moved)) == (422, {"resubmitted_otherwise"})
    corrected = await ops.post(again, json=wrong | {"humanitarian": False, "document": agreement(1)["document"]})
    assert (corrected.status_code, corrected.json()["reference"]) == (202, "BGD/2026/7001")
    assert (await ops.post(again, json=agreement(1))).status_code == 200
    assert (await ops.post(again, json=agreement(1, humanitarian=True))).status_code == 409
    assert await cases(pool) == 1


async def test_what_was_refused_elsewhere_is_not_there(portal: Called, as_: Become) -> None:
    await refuse_one(portal)
    number = (await as_("bd.099", "BD:ops").get("/v1/rejected-intake")).json()["items"][0]["id"]
    stranger = as_("ke.099", "KE:ops")
    assert (await stranger.get("/v1/rejected-intake")).json()["items"] == []
    assert (await stranger.get(f"/v1/rejected-intake/{number}")).status_code == 404
    assert (await stranger.post(f"/v1/rejected-intake/{number}/resubmit")).status_code == 404
    assert (await as_("all.ops", "*:ops").get(f"/v1/rejected-intake/{number}")).status_code == 200
    assert (await as_("bd.010", "BD:head_of_office").get("/v1/rejected-intake")).status_code == 403
