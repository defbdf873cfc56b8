"""The table of rights, asked over HTTP: every role, every action, every stage, in its own office and in another.

`REQUESTS` says for each action how it is tried and what having got through means; `ELSEWHERE` names the test that asks it another way.
A new action of `policy.access` that is in neither fails here.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from api.caller import EVERYWHERE, Caller, Grant
from policy import access
from policy.access import BY_CASE, NAMED, OFFICE, SCOPES, STAGES, TABLE, decide, say, see_sealed
from schemas.engine import Opening
from schemas.tasks import CATALOGUE, MESSAGES, PARTNER_ROLES, ROLES, SUBMITTER, Kind
from tests.activities import fast_path as fp
from tests.activities.desk import Desk, at, facts
from tests.api.conftest import Called

ROOT = Path(__file__).parents[2]
REFERENCE, CASE, PARTNER = "MOZ/2026/0031", "case:MOZ/2026/0031", "partner:MZ:P-MZ-0031"
HERE, THERE = "MZ", "KE"
REFUSED = (401, 403, 404)
HOLDERS = sorted(ROLES) + sorted(SCOPES.values())


def caller(holder: str, office: str) -> Caller:
    """Somebody who holds this and nothing else, in the case's office or in another; for the partner of the case or for another."""
    grants = frozenset({Grant(office, holder)})
    if holder in PARTNER_ROLES:
        return Caller(f"x.{holder}", grants=grants, partners=frozenset({PARTNER if office == HERE else f"partner:{office}:P-MZ-0031"}))
    if holder in SCOPES.values():
        scope = next(scope for scope, role in SCOPES.items() if role == holder)
        return Caller(f"key:{scope}", grants=grants, kind="machine", source="etools", scopes=frozenset({scope}))
    return Caller(f"x.{holder}", grants=grants)


# --- by the caller alone ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", TABLE)
@pytest.mark.parametrize("stage", STAGES)
def test_a_role_counts_where_it_is_held_and_nowhere_else(action: str, stage: str) -> None:
    row = TABLE[action]
    if stage not in row.stages:
        return  # it does not arise there
    for holder in HOLDERS:
        assert caller(holder, HERE).may(action, HERE) is (holder in row.roles)
        assert caller(holder, THERE).may(action, HERE) is False
        assert caller(holder, EVERYWHERE).may(action, HERE) is (holder in row.roles)
        assert caller(holder, THERE).may(action) is (holder in row.roles)
    for also in (NAMED, SUBMITTER):
        assert Caller("x").may(action, HERE, also=[also]) is (also in row.roles)
        assert Caller("x").may(action, HERE) is False


# --- over HTTP ------------------------------------------------------------------------------------------------------------

Through = Callable[["World", Caller], Awaitable[bool]]


@dataclass
class World:
    """A case that has been through all stages, with a task of every kind open, and who asks."""

    api: Called
    tasks: Mapping[str, str]
    rejected: str

    async def get(self, path: str) -> httpx.Response:
        return await self.api.get(path)

    async def post(self, path: str, body: Any) -> httpx.Response:
        return await self.api.post(path, json=body)


def seen(path: str) -> Through:
    """Got through: an answer that is not refused, and a list that is not empty."""

    async def ask(world: World, _: Caller) -> bool:
        answer = await world.get(path)
        assert answer.status_code in (200, *REFUSED), answer.text
        if answer.status_code != 200:
            return False
        if not answer.headers["content-type"].startswith("application/json"):
            return REFERENCE in answer.text
        body = answer.json()
        return bool(body["items"] if isinstance(body, dict) and "items" in body else body)

    return ask


def told(word: str) -> Through:
    """Got through: the case tells it."""

    async def ask(world: World, _: Caller) -> bool:
        return word in (await world.get(f"/v1/cases/{REFERENCE}")).text

    return ask


def posted(path: str, body: Callable[[Caller], Any]) -> Through:
    """Got through: not refused for who asks; whether what was asked for holds is another question."""

    async def ask(world: World, who: Caller) -> bool:
        answer = await world.post(path, body(who))
        assert answer.status_code < 500, answer.text
        return answer.status_code not in REFUSED

    return ask


def role_of(who: Caller) -> str:
    (grant,) = who.grants
    return grant.role


def deciding(kind: str) -> Through:
    async def ask(world: World, who: Caller) -> bool:
        body = {"verdict": "no_such_verdict", "role": role_of(who)} if who.kind == "person" else {"verdict": "no_such_verdict"}
        return await posted(f"/v1/tasks/{world.tasks[kind]}/decision", lambda _: body)(world, who)

    return ask


def saying(kind: str) -> Through:
    return posted(
        f"/v1/cases/{REFERENCE}/messages",
        lambda who: {"kind": kind, "key": f"{kind}-{who.actor}"} | ({"role": role_of(who)} if who.kind == "person" else {}),
    )


def reading(kind: str) -> Through:
    async def ask(world: World, who: Caller) -> bool:
        return await seen(f"/v1/tasks/{world.tasks[kind]}")(world, who)

    return ask


async def resubmitting(world: World, who: Caller) -> bool:
    return await posted(f"/v1/rejected-intake/{world.rejected}/resubmit", lambda _: None)(world, who)


def activation(who: Caller) -> dict[str, Any]:
    role = role_of(who) if role_of(who) in ROLES else "auditor"
    return {
        "reference": f"MOZ-L1-2026-{sorted(HOLDERS).index(role_of(who)):02}", "level": "L1", "offices": [HERE], "document": "d.pdf",
        "valid_from": "2026-03-08", "valid_to": "2026-06-07", "role": role,
    }  # fmt: skip


def subscription(who: Caller) -> dict[str, Any]:
    return {"url": "https://hooks.example/pca", "offices": [HERE]}


def kinds(*, sealed: bool | None = None) -> list[Kind]:
    return [kind for kind in CATALOGUE.values() if kind.subject != "office" and (sealed is None or kind.sealed is sealed)]


REQUESTS: Mapping[str, Through] = {
    access.SEE_REGISTER: seen(f"/v1/cases?office={HERE}"),
    access.EXPORT_REGISTER: seen(f"/v1/cases.csv?office={HERE}"),
    access.SEE_CASE: seen(f"/v1/cases/{REFERENCE}"),
    access.SEE_INTERNAL: told("no_conflict"),
    access.SEE_CONFIDENTIAL: told("fraud"),
    access.SEE_DOCUMENT: seen(f"/v1/cases/{REFERENCE}/document/versions"),
    access.SEE_TASK: seen(f"/v1/cases/{REFERENCE}/tasks"),
    access.SEE_DECISION: seen(f"/v1/cases/{REFERENCE}/decisions"),
    access.SEE_OBLIGATION: seen(f"/v1/cases/{REFERENCE}/obligations"),
    access.SEE_EVENT: seen(f"/v1/cases/{REFERENCE}/events"),
    access.SEE_LEDGER: seen("/v1/ledger"),
    access.SEE_PARTNER: seen("/v1/partners"),
    access.SEE_OVERVIEW: seen(f"/v1/offices/{HERE}/overview"),
    access.SEE_ACTIVATION: seen("/v1/activations"),
    access.DECLARE_ACTIVATION: posted("/v1/activations", activation),
    access.SUBMIT_INTAKE: posted("/v1/agreements", lambda who: {"office": HERE, "source": "etools", "submitter": who.actor}),
    access.SEE_REJECTED: seen("/v1/rejected-intake"),
    access.RESUBMIT: resubmitting,
    access.MANAGE_WEBHOOKS: posted("/v1/webhooks", subscription),
    **{decide(kind.name): deciding(kind.name) for kind in kinds()},
    **{say(message): saying(message) for message in MESSAGES},
    **{see_sealed(kind.name): reading(kind.name) for kind in kinds(sealed=True)},
}

ELSEWHERE: Mapping[str, str] = {
    see_sealed("report_allegation"): "tests/api/test_lists.py::test_sealed_tasks_are_listed_to_who_may_read_them_only",
    see_sealed("flag_partner"): "tests/api/test_cases.py::test_screening_and_flags_are_for_who_may_read_them",
    access.ENTER_DELEGATION: "tests/api/web/test_delegation.py::test_it_is_the_offices_peoples_own",
    decide("accept_delegation"): "tests/api/web/test_delegation.py::test_nobody_else_answers_it",
    decide("repair_delivery"): "tests/api/test_access.py::test_every_action_is_asked_here_or_there",  # no task of this kind opens yet
    access.SEE_DEAD_LETTERS: "tests/api/test_access.py::test_dead_letters_are_for_who_manages_subscriptions",
    access.SEND_AGAIN: "tests/api/test_access.py::test_dead_letters_are_for_who_manages_subscriptions",
    access.MANAGE_API_KEYS: "tests/cli/test_api_keys.py::test_a_key_is_made_listed_and_revoked",  # on the command line alone
}


def test_every_action_is_asked_here_or_there() -> None:
    assert REQUESTS.keys() | ELSEWHERE.keys() == TABLE.keys()
    assert not REQUESTS.keys() & ELSEWHERE.keys()
    for place in ELSEWHERE.values():
        file, _, name = place.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text(), place


@pytest_asyncio.fixture(loop_scope="session")
async def world(desk: Desk, api: Called) -> World:
    await fp.paid(desk)
    tasks: dict[str, str] = {}
    for kind in kinds():
        subject, stage = (PARTNER, "vetting") if kind.subject == "partner" else (CASE, access.TABLE[decide(kind.name)].stages[0])
        roles = sorted(TABLE[decide(kind.name)].roles & ROLES) if kind.name in access.OPEN_FOR_ITS_OWNER else None
        opening = Opening(kind=kind.name, whom="asked", roles=roles)
        (task,) = await desk.open(subject, stage, at("2026-06-20"), opening)
        tasks[kind.name] = task.id
    await desk.pool.execute(
        "INSERT INTO block (id, subject, scope, cause, reason_code, since) VALUES ($1, $1, 'cash', 'suspension', 'fraud', now())", CASE
    )
    api.caller = caller("ops", EVERYWHERE)
    refused = await api.post("/v1/agreements", json=facts("C3") | {"reference": "MOZ/2026/7777", "currency": 7, "submitter": "x.ops"})
    assert refused.status_code == 422, refused.text
    (row,) = (await api.get("/v1/rejected-intake")).json()["items"]
    return World(api, tasks, str(row["id"]))


async def _wrong(world: World, actions: list[str]) -> list[str]:
    """The cells in which the application says otherwise than the table."""
    found = []
    for action in actions:
        for office in (HERE, THERE):
            for holder in HOLDERS:
                world.api.caller = who = caller(holder, office)
                expected = office == HERE and holder in TABLE[action].roles
                if await REQUESTS[action](world, who) is not expected:
                    found.append(f"{holder} of {office}: {action} {'should' if expected else 'should not'} get through")
    return found


@pytest.mark.parametrize("stage", STAGES)
async def test_the_application_says_what_the_table_says(world: World, stage: str) -> None:
    """The actions of one stage; what arises in all of them is asked once, in the first."""
    mine = [action for action in REQUESTS if TABLE[action].stages[0] == stage]
    assert mine
    assert await _wrong(world, mine) == []


async def test_whom_a_task_names_may_decide_it_wherever_he_works(world: World, desk: Desk) -> None:
    kinds_by_case = [kind for kind in kinds() if set(kind.decides) & BY_CASE]
    assert kinds_by_case
    for kind in kinds_by_case:
        stage = TABLE[decide(kind.name)].stages[0]
        (task,) = await desk.open(CASE, stage, at("2026-06-20"), Opening(kind=kind.name, whom="lent", candidates=["ke.017"]))
        for actor, through in (("ke.017", True), ("ke.016", False)):
            world.api.caller = Caller(actor, grants=frozenset({Grant(THERE, kind.decides[0])}))
            answer = await world.post(f"/v1/tasks/{task.id}/decision", {"verdict": "no_such_verdict", "role": kind.decides[0]})
            assert (answer.status_code not in REFUSED) is through, (kind.name, actor, answer.text)


async def test_dead_letters_are_for_who_manages_subscriptions(world: World) -> None:
    world.api.caller = caller("ops", HERE)
    made = await world.post("/v1/webhooks", subscription(world.api.caller))
    assert made.status_code == 201, made.text
    letters = f"/v1/webhooks/{made.json()['id']}/dead-letters"
    for office in (HERE, THERE):
        for holder in sorted(OFFICE | PARTNER_ROLES) + sorted(SCOPES.values()):
            world.api.caller = caller(holder, office)
            through = office == HERE and holder in TABLE[access.SEE_DEAD_LETTERS].roles
            assert ((await world.get(letters)).status_code == 200) is through, (holder, office)
            again = await world.post(f"{letters}/{CASE}/send-again", None)
            assert again.status_code == 404 if through else again.status_code in REFUSED  # there is none


async def test_nobody_sees_or_does_anything(world: World) -> None:
    world.api.caller = None
    who = caller("head_of_office", HERE)
    assert [action for action in REQUESTS if await REQUESTS[action](world, who)] == []
