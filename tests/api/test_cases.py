"""One case over HTTP: as its office's people may see it, and as nobody else does."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from api import views
from schemas.engine import Event, Opening
from tests.activities import fast_path as fp
from tests.activities import test_settle_document as document_tests
from tests.activities.desk import Desk, at, facts
from tests.activities.test_screen import LB, listed
from tests.api.conftest import Called

Become = Callable[..., Called]
CASE = "/v1/cases/MOZ/2026/0031"


async def test_a_case_is_shown_whole_to_its_office(desk: Desk, as_: Become) -> None:
    await fp.paid(desk)
    answer = await as_("mz.008", "MZ:head_of_office").get(CASE)
    assert answer.status_code == 200, answer.text
    case = answer.json()
    assert (case["reference"], case["status"], case["track"]) == ("MOZ/2026/0031", "active", "emergency")
    assert case["title"]
    assert case["money"]["paid"] == fp.CEILING
    assert case["reviews"][0]["opinions"]
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", [CASE, CASE.replace("MOZ/2026/0031", "MOZ%2F2026%2F0031")])
async def test_a_reference_may_be_written_with_its_slashes_or_without(desk: Desk, as_: Become, path: str) -> None:
    await fp.signed(desk)
    assert (await as_("mz.008", "MZ:head_of_office").get(path)).json()["reference"] == "MOZ/2026/0031"


@pytest.mark.parametrize(
    "path",
    [
        "", "/events", "/document/versions", "/document/versions/1", "/document/differences?before=1&after=1", "/tasks", "/decisions",
        "/obligations", "/ledger",
    ],
)  # fmt: skip
async def test_somebody_elses_case_is_not_there(desk: Desk, as_: Become, path: str) -> None:
    await fp.paid(desk)
    there = (await as_("mz.008", "MZ:head_of_office").get(CASE + path)).status_code
    assert there in (200, 404) if "versions/1" in path or "differences" in path else there == 200
    strangers = (
        as_("ke.008", "KE:head_of_office"), as_("p", "MZ:partner_authorised_officer", partners=("partner:MZ:another",)),
        as_("key:k", "KE:scope:read", kind="machine"), as_("nobody"),
    )  # fmt: skip
    for stranger in strangers:
        caller = stranger.caller
        for reference in (CASE, "/v1/cases/MOZ/2026/9999"):
            stranger.caller = caller
            answer = await stranger.get(reference + path)
            assert answer.status_code == 404, (caller, path, answer.text)
            assert "MOZ/2026" not in answer.text.replace(reference + path.partition("?")[0], "")


async def test_who_is_named_by_an_open_task_sees_the_case_wherever_he_works(desk: Desk, as_: Become) -> None:
    case = await fp.signed(desk)
    lent = as_("ke.017", "KE:committee_member")
    assert (await lent.get(CASE)).status_code == 404
    (task,) = await desk.open(case, "review", at("2026-03-20"), Opening(kind="give_opinion", whom="ke.017", candidates=["ke.017"]))
    assert (await lent.get(CASE)).status_code == 200
    assert (await lent.get(f"/v1/tasks/{task.id}")).json()["roles_of_caller"] == ["committee_member"]


async def test_who_sees_what_of_the_inner_life(desk: Desk, as_: Become) -> None:
    await fp.paid(desk)
    seen = {role: (await as_("x", f"MZ:{role}").get(CASE)).json() for role in ("focal_point", "ops", "scope:read")}
    assert seen["focal_point"]["reviews"][0]["opinions"]
    for role in ("ops", "scope:read"):
        assert seen[role]["reviews"][0]["opinions"] == seen[role]["reviews"][0]["members"] == []
        assert seen[role]["reviews"][0]["overall_approver"] is None


async def hit_and_flag(desk: Desk) -> str:
    """C6: its partner has an open hit, and an open flag."""
    await listed(desk)
    case = await desk.taken(facts("C6"))
    await desk.ask(case, at("2026-03-02", "08:01"))
    found = await desk.screen(LB, at("2026-03-02", "09:00"))
    hits = [Opening(kind="dispose_screening_hit", whom=hit) for hit in found.open_hits]
    await desk.open(LB, "vetting", at("2026-03-02", "09:30"), Opening(kind="weigh_partner_flag", whom="f1"), *hits)
    return case


async def test_screening_and_flags_are_for_who_may_read_them(desk: Desk, as_: Become) -> None:
    await hit_and_flag(desk)
    path = "/v1/cases/LBN/2026/0005"
    paths = (path, f"{path}/events", f"{path}/tasks", "/v1/tasks", "/v1/tasks?state=done", "/v1/blocks", "/v1/inbox")

    async def all_of(role: str) -> str:
        api = as_("x", f"LB:{role}")
        return "".join([(await api.get(path)).text for path in paths])

    await desk.pool.execute(
        "INSERT INTO block (id, subject, scope, cause, since, office, partner_subject) "
        "VALUES ('x:screening:690100', $1, 'all', 'screening', now(), 'LB', $1)",
        LB,
    )
    risk = await all_of("risk_officer")
    hit = await desk.pool.fetchval("SELECT id FROM hit")
    assert all(word in risk for word in ("weigh_partner_flag", "dispose_screening_hit", hit, "690100"))
    for role in ("focal_point", "finance_officer", "ops", "scope:read", "partnership_manager", "regional_director"):
        told = await all_of(role)
        for word in ("weigh_partner_flag", "dispose_screening_hit", hit, "690100", "best_score"):
            assert word not in told, (role, word)
        case = (await as_("x", f"LB:{role}").get(path)).json()
        assert case["vetting"]["hits"] == []
        assert case["vetting"]["screening"] is None
        assert [(block["scope"], block["cause"]) for block in case["blocks"]] == [("all", "confidential")], (
            "that it is stopped is no secret"
        )


async def suspended(desk: Desk, reason: str = "fraud") -> str:
    case = await fp.paid(desk)
    events = [Event(type="case.suspended", data={"scope": "cash"})]
    done = await desk.tell(
        case, "suspend", "mz.012", "risk_officer", at("2026-03-25"), events, comment="INTERNAL-CANARY", message_to_partner="WRITTEN-TO-YOU",
        reason_code=reason, data={"scope": "cash"},
    )  # fmt: skip
    assert not done.refused, done.findings
    return case


async def test_a_confidential_reason_is_one_word_to_all_but_three_roles(desk: Desk, as_: Become) -> None:
    await suspended(desk)
    for role, shown in (("risk_officer", "fraud"), ("head_of_office", "fraud"), ("auditor", "fraud"), ("focal_point", "confidential")):
        api = as_("x", f"MZ:{role}")
        case = (await api.get(CASE)).json()
        assert {block["reason_code"] for block in case["blocks"]} == {shown}, role
        events = (await api.get(CASE + "/events", params={"kind": "case.suspended"})).json()["items"]
        assert [event["data"]["reason_code"] for event in events] == [shown], role
        assert {row["reason_code"] for row in (await api.get("/v1/blocks")).json()["items"]} == {shown}, role
        if role == "focal_point":
            assert "fraud" not in json.dumps(case) + json.dumps(events)


async def test_the_document_and_what_changed_in_it(desk: Desk, as_: Become) -> None:
    case = await document_tests.drafting(desk)
    api = as_("ke.001", "KE:focal_point")
    path = f"/v1/cases/{case.removeprefix('case:')}"
    first = (await api.get(f"{path}/document/versions/1")).json()["document"]
    second = json.loads(json.dumps(first))
    second["title"] = "Another <b>title</b>"
    second["outputs"][0]["activities"][0]["title"] = "Something else"
    put = await api.post(f"{path}/contents", json=second)
    assert put.status_code == 201, put.text
    task = await document_tests.turn(desk, case, "office_turn", 1, "2026-03-02")
    data = {"version": 2, "sha256": put.json()["sha256"]}
    events = [Event(type="document.sent", take=["version", "sha256"])]
    done = await desk.decide(task, "ke.001", "focal_point", "send_to_partner", at("2026-03-02"), events, subject=case, data=data)
    assert not done.refused, done.findings
    versions = (await api.get(f"{path}/document/versions")).json()
    assert [row["version"] for row in versions] == [1, 2]
    changes = {row["path"]: row for row in (await api.get(f"{path}/document/differences", params={"before": 1, "after": 2})).json()}
    activity = first["outputs"][0]["activities"][0]["id"]
    assert changes["$.title"]["after"] == "Another <b>title</b>"
    assert set(changes) == {"$.title", f"$.outputs[{first['outputs'][0]['id']}].activities[{activity}].title"}
    assert (await api.get(f"{path}/document/versions/3")).status_code == 404
    assert (await api.get(f"{path}/document/differences", params={"before": 1, "after": 9})).status_code == 404
    assert (await as_("key:k", "KE:scope:read", kind="machine").post(f"{path}/contents", json={"a": 1})).status_code == 422


@pytest.mark.parametrize(
    ("one", "other", "paths"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2, "b": 3}, ["$.a", "$.b"]),
        ({"l": [{"id": "x", "v": 1}, {"id": "y", "v": 2}]}, {"l": [{"id": "y", "v": 3}, {"id": "x", "v": 1}]}, ["$.l[y].v"]),
        ({"l": [{"id": "x"}]}, {"l": []}, ["$.l[x]"]),
        ({"l": [1, 2]}, {"l": [1]}, ["$.l[1]"]),
        ({"l": [{"id": "x"}, {"id": "x"}]}, {"l": [{"id": "x"}]}, ["$.l[1]"]),
        ({"a": None}, {}, []),
    ],
)
def test_differences(one: Any, other: Any, paths: list[str]) -> None:
    assert [change["path"] for change in views.changes(one, other)] == paths


async def test_the_public_knows_of_what_is_signed_and_not_confidential(desk: Desk, as_: Become, api: Called) -> None:
    await fp.in_signature(desk)
    api.caller = None
    assert (await api.get("/v1/public/agreements/MOZ/2026/0031")).status_code == 404
    await fp.sign(desk, "case:MOZ/2026/0031", "partner", "2026-03-18")
    await fp.sign(desk, "case:MOZ/2026/0031", "office", "2026-03-19", last=True)
    answer = await api.get("/v1/public/agreements/MOZ/2026/0031")
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"reference", "partner", "title", "locations", "purpose", "cash", "currency", "signed_on"}


async def test_a_confidential_document_is_not_published(desk: Desk, api: Called) -> None:
    await fp.signed(desk)
    await desk.pool.execute("UPDATE submission SET facts = jsonb_set(facts, '{document,confidential}', 'true'), facts_sha256 = 'other'")
    assert (await api.get("/v1/public/agreements/MOZ/2026/0031")).status_code == 404


async def test_without_saying_who_one_is_nothing_is_shown(desk: Desk, api: Called) -> None:
    await fp.signed(desk)
    api.caller = None
    for path in (CASE, CASE + "/events", "/v1/cases", "/v1/inbox", "/v1/live?inbox=true", "/v1/tasks/x"):
        assert (await api.get(path)).status_code == 401, path
