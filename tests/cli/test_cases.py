"""`pca list, show, tasks, decide, tell` on a running engine: what counts, what does not and why, and that every attempt is kept."""

import pytest

from tests.cli.conftest import Asked, Engine, Ran


async def _first_turn(engine: Engine) -> tuple[str, str, str]:
    """Reference, its open task, the hash of its document."""
    reference = await engine.case()
    tasks = (await engine.pca("tasks", "--case", reference, "--json")).json
    case = (await engine.pca("show", reference, "--json")).json
    return reference, tasks[0]["id"], case["document_sha256"]


async def _accept(pca: Asked, task: str, sha256: str, *more: str, who: str = "bd.001", role: str = "focal_point") -> Ran:
    data = f'{{"sha256": "{sha256}"}}'
    return await pca("decide", task, "--as", who, "--role", role, "--verdict", "accept", "--data", data, "--json", *more)


async def test_a_case_is_listed_shown_and_in_the_inbox(engine: Engine) -> None:
    reference, task, _ = await _first_turn(engine)
    listed = (await engine.pca("list", "--json", "--office", "BD", "--status", "drafting", "--stage", "document")).json
    assert [row["reference"] for row in listed] == [reference]
    assert (await engine.pca("list", "--json", "--stage", "review")).json == []
    assert task.endswith(":office_turn:turn-1")
    case = (await engine.pca("show", reference, "--json")).json
    for part in (
        "track",
        "stage",
        "status",
        "holder",
        "tasks",
        "decisions",
        "obligations",
        "blocks",
        "money",
        "clocks",
        "hand_overs",
        "policy",
    ):
        assert part in case
    shown = await engine.pca("show", reference)
    assert (shown.code, "\x1b" in shown.out) == (0, False)


async def test_the_story_of_a_case_is_told_in_the_names_of_the_casebook(engine: Engine) -> None:
    reference, _, _ = await _first_turn(engine)
    types = [event["type"] for event in (await engine.pca("show", reference, "--events", "--json")).json["events"]]
    assert types[0] == "pca.case.received.v1"
    assert "pca.clearance.reused.v1" in types
    assert "pca.case.received.v1" in (await engine.pca("show", reference, "--events")).out


async def test_a_decision_counts_once_however_often_it_is_sent(engine: Engine) -> None:
    _, task, sha256 = await _first_turn(engine)
    first, second = await _accept(engine.process, task, sha256), await _accept(engine.process, task, sha256)
    assert (first.code, first.json["counted"], first.json["repeated"]) == (0, True, False)
    assert (second.code, second.json["counted"], second.json["repeated"]) == (0, True, True)
    assert await engine.pool.fetchval("SELECT count(*) FROM decision WHERE task = $1", task) == 1


async def test_a_decision_on_a_decided_task_is_refused_with_who_decided_what(engine: Engine) -> None:
    _, task, sha256 = await _first_turn(engine)
    await _accept(engine.pca, task, sha256)
    ran = await _accept(engine.pca, task, sha256, who="bd.003", role="budget_owner")
    assert ran.code == 3
    assert ran.json["findings"][0]["rule"] == "task_closed"
    assert "bd.001 decided accept on 2026-03-02" in ran.json["findings"][0]["message"]
    assert await engine.pool.fetchval("SELECT rules FROM decision WHERE task = $1 AND NOT counted", task) == ["task_closed"]


async def test_the_same_key_with_other_content_is_refused(engine: Engine) -> None:
    _, task, sha256 = await _first_turn(engine)
    await _accept(engine.pca, task, sha256, "--key", "k")
    ran = await _accept(engine.pca, task, sha256, "--key", "k", who="bd.003", role="budget_owner")
    assert (ran.code, ran.json["findings"][0]["rule"]) == (3, "key_reused")


async def test_a_wrong_role_and_a_wrong_verdict_are_refused_and_kept(engine: Engine) -> None:
    _, task, sha256 = await _first_turn(engine)
    wrong_role = await _accept(engine.pca, task, sha256, role="head_of_office")
    wrong_verdict = await engine.pca("decide", task, "--as", "bd.001", "--role", "focal_point", "--verdict", "fly")
    assert (wrong_role.code, wrong_role.json["findings"][0]["rule"]) == (3, "wrong_role")
    assert wrong_verdict.code == 3
    assert "wrong_verdict" in wrong_verdict.err
    rules = [row["rules"] for row in await engine.pool.fetch("SELECT rules FROM decision WHERE task = $1 ORDER BY sequence", task)]
    assert rules == [["wrong_role"], ["wrong_verdict"]]


async def test_an_unknown_task_of_a_known_case_is_refused_and_the_attempt_kept(engine: Engine) -> None:
    reference, _, sha256 = await _first_turn(engine)
    ran = await _accept(engine.pca, f"{reference}:approval:1:approve_document", sha256)
    assert (ran.code, ran.json["findings"][0]["rule"]) == (3, "task_unknown")
    assert await engine.pool.fetchval("SELECT rules FROM decision WHERE kind = 'approve_document'") == ["task_unknown"]


async def test_a_task_or_case_that_nobody_knows_is_exit_code_4(engine: Engine) -> None:
    assert (await _accept(engine.pca, "XXX/2026/0001:approval:1:approve_document", "0" * 64)).code == 4
    assert (await engine.pca("show", "XXX/2026/0001")).code == 4
    assert (await engine.pca("tell", "XXX/2026/0001", "hold", "--as", "bd.001", "--role", "focal_point")).code == 4


async def test_a_message_that_is_no_task_counts_and_its_effect_is_shown(engine: Engine) -> None:
    reference, _, _ = await _first_turn(engine)
    data = '{"reason": "flood", "until": "2026-03-20"}'
    ran = await engine.pca("tell", reference, "hold", "--as", "bd.001", "--role", "focal_point", "--data", data)
    assert (ran.code, ran.out.strip()) == (0, f"counted: {reference} hold")
    assert (await engine.pca("show", reference, "--json")).json["overlays"]["on_hold"]


async def test_a_pca_is_suspended_and_lifted_for_every_document_under_it(engine: Engine) -> None:
    reference = await engine.case()
    pca = await engine.pool.fetchval("SELECT reference FROM umbrella")
    words = ("--comment", "c", "--message", "m", "--reason-code", "fraud")
    ran = await engine.pca("tell", pca, "suspend", "--as", "bd.002", "--role", "partnership_manager", *words, "--data", '{"scope": "cash"}')
    assert (ran.code, ran.out.strip()) == (0, f"counted: {pca} suspend"), ran
    shown = (await engine.pca("show", reference, "--json")).json
    assert [(block["scope"], block["cause"]) for block in shown["blocks"]] == [("cash", "suspension")]
    lifted = await engine.pca("tell", pca, "lift", "--as", "bd.002", "--role", "partnership_manager", "--comment", "c")
    assert lifted.code == 3, "the head of office lifts"
    lifted = await engine.pca("tell", pca, "lift", "--as", "bd.008", "--role", "head_of_office", "--comment", "c", "--data", "{}")
    assert lifted.code == 0, lifted
    assert (await engine.pca("show", reference, "--json")).json["blocks"] == []


async def test_a_message_that_nobody_knows_is_a_usage_error_that_names_those_there_are(engine: Engine) -> None:
    ran = await engine.pca("tell", "BGD/2026/0001", "fly", "--as", "bd.001", "--role", "focal_point")
    assert ran.code == 2
    assert "withdraw" in ran.err


async def test_a_decision_to_a_stage_that_has_ended_is_refused_and_the_attempt_kept(engine: Engine) -> None:
    reference, task, sha256 = await _first_turn(engine)
    said = ("--as", "bd.p01", "--role", "partner_authorised_officer", "--data", '{"reason": "other"}', "--json")
    gone = await engine.pca("tell", reference, "withdraw", *said)
    assert gone.code == 0, gone
    await engine.pca("clock", "advance", (await engine.pca("show", reference, "--json")).json["clock"], "--to", "2026-03-03")
    ran = await _accept(engine.pca, task, sha256)
    assert (ran.code, ran.json["findings"][0]["rule"]) == (3, "task_closed")
    again = await _accept(engine.pca, task, sha256)
    assert (again.code, again.json["repeated"]) == (3, True)
    assert await engine.pool.fetchval("SELECT count(*) FROM decision WHERE task = $1 AND NOT counted", task) == 1


async def test_the_record_is_whole_and_the_state_follows_from_it(engine: Engine) -> None:
    _, task, sha256 = await _first_turn(engine)
    await _accept(engine.pca, task, sha256)
    verify, rebuild = await engine.pca("audit", "verify", "--json"), await engine.pca("audit", "rebuild", "--check", "--json")
    assert (verify.code, verify.json["problems"]) == (0, [])
    assert (rebuild.code, rebuild.json["problems"]) == (0, [])


async def test_a_decision_that_nobody_answers_says_how_to_repeat_it(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from worker import doors

    async def silent(*_: object, **__: object) -> None:
        raise doors.NoAnswer("the workflow did not answer within 10 s")

    _, task, sha256 = await _first_turn(engine)
    monkeypatch.setattr(doors, "decide", silent)
    ran = await _accept(engine.pca, task, sha256, "--key", "mine")
    assert ran.code == 5
    assert "--key mine" in ran.err
