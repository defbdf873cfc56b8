"""Several tasks in one go, where the pack allows it: everything is shown before, and each is answered singly."""

from typing import Any

import pytest

from api.web import batch
from schemas.engine import Opening
from schemas.findings import Finding
from schemas.messages import Answer
from tests.activities import fast_path as fp
from tests.activities.desk import Desk, at
from tests.api.web.looking import KENYA, LANGUAGES, MOZAMBIQUE, PARTNER, SCRIPT, Become, page, send, text
from tests.kept import kept

KIND = "confirm_emergency_track"
TASK = "MOZ/2026/0031:case:1:confirm_emergency_track"


@kept
async def waiting(desk: Desk) -> str:
    """C3 waits for somebody to confirm its track."""
    await fp.in_force(desk)
    case = await fp.fast(desk)
    (task,) = await desk.open(case, "case", at("2026-03-11"), Opening(kind=KIND))
    return task.id


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What was said to workflows; the second one is refused."""
    found: list[dict[str, Any]] = []

    async def decide(*_: Any, **words: Any) -> Answer:
        found.append(words)
        if len(found) > 1:
            return Answer(counted=False, findings=[Finding(rule="task_closed", message="It was decided already.")])
        return Answer(counted=True, findings=[])

    monkeypatch.setattr(batch.doors, "decide", decide)
    return found


@pytest.mark.parametrize("language", LANGUAGES)
async def test_all_are_looked_at_before_anything_is_sent(as_: Become, desk: Desk, said: list[Any], language: str) -> None:
    task = await waiting(desk)
    assert task == TASK
    api = as_(*MOZAMBIQUE)
    assert f"/batch?kind={KIND}" in await page(api, "/batch", language=language)
    form = await page(api, f"/batch?kind={KIND}&verdict=confirm", language=language)
    assert f'name="tasks" value="{TASK}" checked' in form
    sent = {"kind": KIND, "verdict": "confirm", "tasks": [TASK], "step": "check"}
    look = await send(api, "/batch", sent, language=language)
    assert "MOZ/2026/0031" in text(look)
    assert ("Envoyer 1 décision" if language == "fr" else "Send 1 decision") in look
    assert said == []
    done = await send(api, "/batch", {**sent, "step": "confirm", "key": "k1"}, language=language)
    assert ("1 sur 1 enregistrées" if language == "fr" else "1 of 1 recorded") in text(done)
    assert [(each["task"], each["actor"], each["role"], each["verdict"], each["key"]) for each in said] == [
        (TASK, "mz.002", "partnership_manager", "confirm", "web-k1")
    ]


async def test_each_is_answered_by_itself(as_: Become, desk: Desk, said: list[Any]) -> None:
    await waiting(desk)
    await desk.pool.execute(
        'INSERT INTO task SELECT (jsonb_populate_record(t, \'{"id": "MOZ/2026/0031:case:2:confirm_emergency_track"}\')).* FROM task t'
    )
    await desk.pool.execute("INSERT INTO inbox SELECT t.id, i.reader, i.due_at FROM inbox i, task t ON CONFLICT DO NOTHING")
    await desk.pool.execute(
        "INSERT INTO awaited SELECT (jsonb_populate_record(a, jsonb_build_object('task', t.id))).* FROM awaited a, task t ON CONFLICT DO NOTHING"
    )
    both = [TASK, "MOZ/2026/0031:case:2:confirm_emergency_track"]
    body = await send(as_(*MOZAMBIQUE), "/batch", {"kind": KIND, "verdict": "confirm", "tasks": both, "step": "confirm", "key": "k"})
    assert "1 of 2 recorded" in text(body)
    assert "It was decided already." in body
    assert [each["task"] for each in said] == both


async def test_what_stands_against_one_is_shown_and_it_is_left_out(as_: Become, desk: Desk, said: list[Any]) -> None:
    await waiting(desk)
    api = as_("mz.stranger", "MZ:partnership_manager")  # the office file does not know him
    body = await send(api, "/batch", {"kind": KIND, "verdict": "confirm", "tasks": [TASK], "step": "check"})
    assert 'value="confirm">Send' not in body
    assert "finding" in body
    assert said == []


async def test_a_verdict_that_needs_words_asks_for_them(as_: Become, desk: Desk, said: list[Any]) -> None:
    await waiting(desk)
    sent: dict[str, Any] = {"kind": KIND, "verdict": "to_standard", "tasks": [TASK], "step": "check"}
    body = await send(as_(*MOZAMBIQUE), "/batch", sent, status=422)
    assert 'id="f-comment-error"' in body
    assert 'id="f-message_to_partner-error"' in body
    sent |= {"comment": f"c {SCRIPT}", "message_to_partner": "m", "reason_code": "out_of_scope"}
    look = await send(as_(*MOZAMBIQUE), "/batch", sent)
    assert SCRIPT not in look
    assert "&lt;script&gt;" in look
    back = await send(as_(*MOZAMBIQUE), "/batch", {**sent, "step": "edit"})
    assert "c &lt;script&gt;" in back
    assert 'id="f-tasks-error"' in await send(as_(*MOZAMBIQUE), "/batch", {**sent, "tasks": []}, status=422)
    assert said == []


async def test_other_kinds_and_other_peoples_tasks_are_not_decided_so(as_: Become, desk: Desk, said: list[Any]) -> None:
    task = await waiting(desk)
    sent = {"kind": KIND, "verdict": "confirm", "tasks": [task], "step": "confirm", "key": "k"}
    assert "None of them" in await send(as_(*KENYA), "/batch", {**sent, "step": "check"})
    await send(as_(*KENYA), "/batch", sent)
    await send(as_("mz.p02", "MZ:partner_viewer", partners=(PARTNER,)), "/batch", sent)
    for kind in ("release_cash", "nonsense"):
        assert "Decide several at once" in await send(as_(*MOZAMBIQUE), "/batch", {**sent, "kind": kind, "verdict": "release"})
    case = "case:MOZ/2026/0031"
    (other,) = await desk.open(case, "document", at("2026-03-11"), Opening(kind="attach_annex", whom="a"))
    mixed = await send(as_(*MOZAMBIQUE), "/batch", {**sent, "tasks": [other.id]})
    assert "0 of" in text(mixed)
    assert said == []


async def test_nothing_to_decide_together_is_said(as_: Become, desk: Desk) -> None:
    assert "nothing that may be decided together" in await page(as_(*KENYA), "/batch")
    assert "nothing that may be decided together" in await page(as_(*KENYA), f"/batch?kind={KIND}")
