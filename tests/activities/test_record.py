"""The one write path: recorded whole, or refused with every reason and nothing changed."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import asyncpg
import pytest
from temporalio.exceptions import ApplicationError

from activities import intake, read, versions
from activities.engine import Activities
from activities.record import Recorder, write
from activities.settling import Draft, Settling, settles
from activities.view import view_of
from db import audit, content
from db.events import Chains, body
from schemas.engine import Batch, Cause, Closing, Event, Opening, Order, Recorded, Task
from schemas.findings import Finding
from schemas.messages import ContentRef, Decision, Message
from workflows.effects import Effects

EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "intake"
CASE = "case:KEN/2026/0007"
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
ANNEX = "KEN/2026/0007:document:1:attach_annex:children"


@pytest.fixture
async def recorder(pool: asyncpg.Pool) -> Recorder:
    """A record with case C1 received on the standard track, and one task open."""
    taken = await intake.take(pool, json.loads((EXAMPLES / "C1.json").read_text()), at=datetime(2026, 2, 16, 7, tzinfo=UTC))
    assert isinstance(taken, intake.Taken)
    recorder = Recorder(pool)
    await recorder.record(batch("track", events=[Event(type="case.track_set", data={"track": "standard"})]))
    await recorder.record(batch("open", opens=[Opening(kind="attach_annex", whom="children")]))
    return recorder


def batch(key: str, **more: Any) -> Batch:
    return Batch(**({"key": key, "subject": CASE, "stage": "document", "at": AT, "workflow": "w"} | more))


def decision(
    task: str = ANNEX, *, verdict: str = "not_needed", actor: str = "ke.003", role: str = "budget_owner", key: str = "d1", **more: Any
):  # type: ignore[no-untyped-def]
    return Decision(**({"task": task, "actor": actor, "role": role, "verdict": verdict, "key": key, "comment": "none in it"} | more))


async def decide(recorder: Recorder, what: Decision, **more: Any) -> Recorded:
    return await recorder.record(batch(what.receipt, decision=what, task=Task(id=what.task, kind="attach_annex"), **more))


def rules(answer: Recorded) -> set[str]:
    return {finding.rule for finding in answer.findings}


async def test_a_task_is_opened_with_roles_holder_and_due_moment(recorder: Recorder) -> None:
    answer = await recorder.record(
        batch("open2", opens=[Opening(kind="office_turn", whom="turn-1")], cause=Cause(actor="ke.002", task="t"))
    )

    (task,) = answer.tasks
    assert task.id == "KEN/2026/0007:document:1:office_turn:turn-1"
    assert (task.holder, task.due) == ("office", datetime(2026, 3, 5, 14, tzinfo=UTC))
    assert next(moment.does for moment in task.moments) == "remind"
    row = await recorder.pool.fetchrow("SELECT * FROM task WHERE id = $1", task.id)
    assert row is not None
    assert (row["opened_by"], row["opened_from"], row["cases"]) == ("ke.002", "t", [CASE])


async def test_a_decision_closes_its_task_and_is_told_once(recorder: Recorder) -> None:
    answer = await decide(recorder, decision())
    again = await decide(recorder, decision())

    assert not answer.refused
    assert (again.repeated, again.refused) == (True, False)
    row = await recorder.pool.fetchrow("SELECT * FROM task WHERE id = $1", ANNEX)
    assert row is not None
    assert (row["state"], row["verdict"], row["decided_by"]) == ("decided", "not_needed", "ke.003")
    assert await recorder.pool.fetchval("SELECT count(*) FROM decision") == 1


async def test_sent_at_and_proof_do_not_make_it_another_decision(recorder: Recorder) -> None:
    await decide(recorder, decision())
    assert (await decide(recorder, decision(sent_at=AT))).repeated


async def test_the_same_key_with_other_content_is_refused_and_recorded(recorder: Recorder) -> None:
    await decide(recorder, decision())
    answer = await decide(recorder, decision(comment="something else"))

    assert rules(answer) == {"key_reused"}
    assert await recorder.pool.fetchval("SELECT rules FROM decision WHERE NOT counted") == ["key_reused"]


async def test_a_refused_decision_changes_nothing_else_and_is_answered_the_same_again(recorder: Recorder) -> None:
    wrong = decision(actor="ke.009", role="finance_officer")
    answer = await decide(recorder, wrong, events=[Event(type="document.unlocked", data={})])
    again = await decide(recorder, wrong)

    assert (answer.refused, rules(answer)) == (True, {"wrong_role"})
    assert (again.refused, again.repeated, rules(again)) == (True, True, {"wrong_role"})
    assert await recorder.pool.fetchval("SELECT state FROM task WHERE id = $1", ANNEX) == "open"
    assert await recorder.pool.fetchval("SELECT count(*) FROM event WHERE type IN ('document.unlocked', 'decision.counted')") == 0


async def test_without_the_comment_or_with_a_wrong_verdict_it_is_refused(recorder: Recorder) -> None:
    assert rules(await decide(recorder, decision(comment=None, key="a"))) == {"comment_required"}
    assert rules(await decide(recorder, decision(verdict="approve", key="b"))) == {"wrong_verdict"}


async def test_everything_wrong_is_said_at_once(recorder: Recorder) -> None:
    answer = await decide(recorder, decision(actor="ke.999", comment=None, data={"colour": "blue"}))
    assert rules(answer) == {"unknown_actor", "comment_required", "invalid_data"}
    assert [finding.path for finding in answer.findings if finding.rule == "invalid_data"] == ["$.data.colour"]


async def test_data_that_was_never_put_is_refused(recorder: Recorder) -> None:
    missing = ContentRef(sha256="0" * 64, size=1)
    assert rules(await decide(recorder, decision(verdict="attach", data=missing, actor="ke.001", role="focal_point"))) == {
        "content_missing"
    }


async def test_data_that_was_put_is_taken_into_the_event(recorder: Recorder) -> None:
    reference = await content.put(recorder.pool, {"annex": "children", "document": "annex.pdf", "sha256": "a" * 64})

    answer = await decide(
        recorder,
        decision(verdict="attach", data=reference, actor="ke.001", role="focal_point"),
        events=[Event(type="document.annex_attached", take=["annex", "sha256"])],
    )

    assert not answer.refused, answer.findings
    assert await recorder.pool.fetchval("SELECT sha256 FROM annex") == "a" * 64


async def test_an_unknown_or_closed_task_is_refused(recorder: Recorder) -> None:
    unknown = decision("KEN/2026/0007:document:9:attach_annex")
    assert rules(await decide(recorder, unknown)) == {"task_unknown"}
    await recorder.record(batch("close", closes=[Closing(task=ANNEX, why="moved on")]))
    assert rules(await decide(recorder, decision())) == {"task_closed"}


async def test_a_stage_that_refuses_has_the_attempt_recorded(recorder: Recorder) -> None:
    answer = await decide(recorder, decision(), refused=[Finding(rule="stage_closed", message="over")])
    assert rules(answer) == {"stage_closed"}
    assert await recorder.pool.fetchval("SELECT rules FROM decision") == ["stage_closed"]


async def test_what_could_not_be_read_is_recorded(recorder: Recorder) -> None:
    answer = await recorder.record(batch("odd", unreadable=["signal x"]))
    assert not answer.refused
    assert await recorder.pool.fetchval("SELECT data->'data'->'what' FROM event WHERE type = 'message.unreadable'") == ["signal x"]


async def test_a_delegate_acts_for_the_principal_only_with_a_delegation(recorder: Recorder) -> None:
    assert "no_delegation" in rules(await decide(recorder, decision(actor="ke.026", on_behalf_of="ke.003")))


async def test_a_task_opened_again_is_given_as_it_is(recorder: Recorder) -> None:
    answer = await recorder.record(batch("open-again", opens=[Opening(kind="attach_annex", whom="children")]))
    assert [task.id for task in answer.tasks] == [ANNEX]
    assert await recorder.pool.fetchval("SELECT count(*) FROM event WHERE type = 'task.opened'") == 1


async def test_a_task_that_was_decided_gives_its_decision_when_opened_again(recorder: Recorder) -> None:
    said = decision()
    await decide(recorder, said)

    answer = await recorder.record(batch("after-reset", opens=[Opening(kind="attach_annex", whom="children")]))

    (decided,) = answer.decided
    assert (decided.task, decided.decision) == (ANNEX, said)
    assert (await decide(recorder, decided.decision)).repeated


async def test_a_closed_task_does_not_open_again(recorder: Recorder) -> None:
    await recorder.record(batch("close", closes=[Closing(task=ANNEX, why="moved on")]))
    answer = await recorder.record(batch("open-again", opens=[Opening(kind="attach_annex", whom="children")]))
    assert rules(answer) == {"task_closed"}


async def test_a_system_write_that_is_refused_may_be_tried_again_under_its_key(recorder: Recorder) -> None:
    move = Event(type="case.status_changed", data={"to": "active", "trigger": "conditions_met"})
    assert (await recorder.record(batch("move", events=[move]))).refused
    assert await recorder.pool.fetchval("SELECT count(*) FROM receipt WHERE key = 'move'") == 0
    assert await recorder.pool.fetchval("SELECT count(*) FROM event WHERE type = 'case.status_changed'") == 0


async def test_the_view_comes_when_the_case_changed_and_only_then(recorder: Recorder) -> None:
    moved = await recorder.record(batch("move", events=[Event(type="case.status_changed", data={"to": "vetting", "trigger": "track_set"})]))
    assert moved.view is not None
    assert moved.view.status == "vetting"
    assert (await decide(recorder, decision())).view is None


@settles("delivery.failed")
async def _settle_for_test(s: Settling, event: Draft) -> None:
    """A rule of this test: waits if told so, and adds an event."""
    if event.data.get("wait"):
        s.wait("not_yet", "Time will meet it.")
    if event.data.get("add"):
        s.append("delivery.recovered", {"of": event.data["add"]})


async def types(pool: asyncpg.Pool) -> list[str]:
    rows = await pool.fetch(
        "SELECT data->'data'->>'of' AS of FROM event WHERE type IN ('delivery.failed', 'delivery.recovered') ORDER BY sequence"
    )
    return [row["of"] for row in rows]


async def test_an_optional_group_is_left_out_whole_while_it_must_wait(recorder: Recorder) -> None:
    answer = await recorder.record(
        batch(
            "group",
            events=[
                Event(type="delivery.failed", data={"of": "first"}),
                Event(type="delivery.failed", data={"of": "second", "add": "added"}, optional="g"),
                Event(type="delivery.failed", data={"of": "third", "wait": True}, optional="g"),
            ],
            opens=[
                Opening(kind="attach_annex", whom="vehicles", optional="g"),
                Opening(kind="attach_annex", whom="research", unless="g"),
            ],
        )
    )

    assert (answer.refused, answer.left_out, rules(answer)) == (False, ["g"], {"not_yet"})
    assert await types(recorder.pool) == ["first"]
    assert [task.whom for task in answer.tasks] == ["research"]


async def test_an_event_that_must_wait_outside_a_group_is_a_refusal(recorder: Recorder) -> None:
    answer = await recorder.record(batch("w", events=[Event(type="delivery.failed", data={"of": "x", "wait": True})]))
    assert (answer.refused, [finding.severity for finding in answer.refusals]) == (True, ["refusal"])


async def test_what_a_rule_adds_comes_right_after_its_event(recorder: Recorder) -> None:
    await recorder.record(
        batch(
            "order",
            events=[Event(type="delivery.failed", data={"of": "a", "add": "b"}), Event(type="delivery.failed", data={"of": "c"})],
        )
    )
    assert await types(recorder.pool) == ["a", "b", "c"]


async def test_an_event_on_a_subject_that_is_not_locked_is_a_bug_told_loudly(recorder: Recorder) -> None:
    @settles("delegation.ended")
    async def strays(s: Settling, event: Draft) -> None:
        event.subject = "case:ANOTHER/1"

    with pytest.raises(LookupError, match="not locked"):
        await recorder.record(batch("stray", events=[Event(type="delegation.ended")]))


def message(kind: str, *, actor: str = "ke.001", role: str = "focal_point", key: str = "m1", **more: Any) -> Message:
    return Message(kind=kind, actor=actor, role=role, key=key, **more)


async def say(recorder: Recorder, what: Message, **more: Any) -> Recorded:
    return await recorder.record(batch(what.receipt("KEN/2026/0007"), message=what, **more))


async def test_a_message_that_counts_is_recorded_as_such(recorder: Recorder) -> None:
    assert not (await say(recorder, message("note", task=ANNEX, data={"text": "seen"}))).refused
    assert await recorder.pool.fetchval("SELECT data->'data'->>'kind' FROM event WHERE type = 'message.counted'") == "note"


async def test_a_message_is_refused_by_kind_role_status_and_form(recorder: Recorder) -> None:
    assert rules(await say(recorder, message("sing"))) == {"unknown_message"}
    assert rules(await say(recorder, message("cancel", data={"justification": "x"}))) >= {"wrong_role", "not_allowed"}
    assert rules(await say(recorder, message("hold"))) >= {"invalid_data"}
    assert rules(await say(recorder, message("note", task="none"))) == {"task_unknown"}
    assert await recorder.pool.fetchval("SELECT count(*) FROM event WHERE type = 'message.refused'") == 4


async def test_what_is_sealed_is_never_typed_inline(recorder: Recorder) -> None:
    assert "inline_sealed" in rules(await say(recorder, message("report_allegation", data={"text": "x"})))


async def test_a_claim_is_the_deciders_and_stands_on_the_task(recorder: Recorder) -> None:
    claim = [Event(type="task.reassigned", data={"task": ANNEX, "how": "claim"})]
    assert rules(await say(recorder, message("claim", actor="ke.009", role="finance_officer", task=ANNEX), events=claim)) == {"wrong_role"}
    assert not (await say(recorder, message("claim", key="m2", task=ANNEX), events=claim)).refused
    assert await recorder.pool.fetchval("SELECT claimed_by FROM task WHERE id = $1", ANNEX) == "ke.001"


async def test_the_partners_people_act_in_the_roles_of_the_intake(recorder: Recorder) -> None:
    text = await content.put(recorder.pool, {"text": "too slow"})
    assert not (await say(recorder, message("raise_concern", actor="ke.p01", role="partner_authorised_officer", data=text))).refused
    assert rules(await say(recorder, message("raise_concern", actor="ke.p99", role="partner_focal_point", key="m2", data=text))) == {
        "unknown_actor"
    }
    assert rules(await say(recorder, message("raise_concern", actor="ke.p03", role="partner_authorised_officer", key="m3", data=text))) == {
        "wrong_role"
    }


async def test_a_case_that_has_ended_takes_nothing(recorder: Recorder) -> None:
    await recorder.pool.execute("UPDATE \"case\" SET status = 'cancelled'")
    assert rules(await decide(recorder, decision())) == {"case_closed"}


async def test_a_case_on_hold_takes_what_ends_the_hold(recorder: Recorder) -> None:
    await recorder.pool.execute('UPDATE "case" SET held = true')
    assert rules(await decide(recorder, decision())) == {"on_hold"}
    assert "on_hold" not in rules(await say(recorder, message("resume")))


async def test_everything_written_here_verifies_and_rebuilds(recorder: Recorder) -> None:
    await decide(recorder, decision(actor="ke.009", role="finance_officer", key="no"))
    await decide(recorder, decision())
    await say(recorder, message("note", task=ANNEX, data={"text": "seen"}))

    assert await audit.verify(recorder.pool) == []
    assert await audit.rebuild_check(recorder.pool) == []


async def test_show_tells_the_whole_case(recorder: Recorder) -> None:
    await decide(recorder, decision())

    told = await read.show(recorder.pool, "KEN/2026/0007", at=datetime(2026, 3, 4, 9, tzinfo=UTC))

    assert json.loads(json.dumps(told)) == told
    assert (told["status"], told["track"], told["holder"]["who"]) == ("received", "standard", "office")
    assert (told["clocks"]["a"]["days"], told["clocks"]["a"]["target"], told["clocks"]["a"]["running"]) == (12, 45, True)
    assert told["holder_days"] == {"office": 12, "partner": 0, "external": 0, "hold": 0}
    assert [found["verdict"] for found in told["decisions"]] == ["not_needed"]
    assert next(event["type"] for event in await read.events(recorder.pool, "KEN/2026/0007")) == "pca.case.received.v1"
    assert [row["reference"] for row in await read.register(recorder.pool, office="KE")] == ["KEN/2026/0007"]
    assert await read.tasks(recorder.pool, role="budget_owner") == []
    assert (await read.ledger(recorder.pool, "KEN/2026/0007"))["balances"] == {}
    assert (await read.totals(recorder.pool))["cases"] == 1
    with pytest.raises(read.NoSuchCase):
        await read.show(recorder.pool, "KEN/2026/9999")


PARTNER = "partner:KE:P-KE-0001"
PROFILE = "P-KE-0001:vetting:1:verify_partner_profile"
CONVENE = "KEN/2026/0007:review:1:prepare_review"
MEMBERS = [
    {"person": "ke.016", "function": "programme", "section": "health"},
    {"person": "ke.017", "function": "finance", "section": "finance"},
]


async def test_one_event_and_one_task_for_each_entry_of_the_data(recorder: Recorder) -> None:
    await recorder.record(batch("r", stage="review", opens=[Opening(kind="prepare_review")]))
    data = {"members": MEMBERS, "overall_approver": "ke.005"}
    said = decision(CONVENE, verdict="convene", actor="ke.004", role="committee_secretary", data=data)

    answer = await recorder.record(
        batch(
            said.receipt,
            stage="review",
            decision=said,
            events=[Event(type="delivery.failed", each="members", data={"of": "member"})],
            opens=[Opening(kind="give_opinion", each="members")],
        )
    )

    assert not answer.refused, answer.findings
    assert [(task.whom, task.candidates) for task in answer.tasks] == [("ke.016", ["ke.016"]), ("ke.017", ["ke.017"])]
    assert "replaceable" in {moment.does for moment in answer.tasks[0].moments}
    assert answer.facts["overall_approver"] == "ke.005"
    rows = await recorder.pool.fetch("SELECT data->'data'->>'person' AS who FROM event WHERE type = 'delivery.failed' ORDER BY sequence")
    assert [row["who"] for row in rows] == ["ke.016", "ke.017"]


async def test_a_return_needs_a_comment_a_message_and_a_reason(recorder: Recorder) -> None:
    await recorder.record(batch("r", stage="review", opens=[Opening(kind="prepare_review")]))
    said = decision(CONVENE, verdict="return", actor="ke.004", role="committee_secretary", comment=None)
    answer = await recorder.record(batch(said.receipt, stage="review", decision=said))
    assert rules(answer) >= {"comment_required", "message_required", "reason_required"}


async def test_an_answer_that_keeps_its_task_open_counts(recorder: Recorder) -> None:
    assert not (await decide(recorder, decision(), keep_open=True)).refused
    assert await recorder.pool.fetchval("SELECT state FROM task WHERE id = $1", ANNEX) == "open"


async def test_invariant_3_what_the_database_refuses_is_a_finding_not_an_error(recorder: Recorder) -> None:
    await recorder.pool.execute("INSERT INTO authorised VALUES ($1, 100, 'KES')", CASE)
    taken_back = {"order": "o", "instalment": 1, "amount": "5.00", "currency": "KES"}
    answer = await decide(recorder, decision(), events=[Event(type="payment.cancelled", data=taken_back)])

    assert (answer.refused, rules(answer)) == (True, {"over_authorised"})
    assert await recorder.pool.fetchval("SELECT rules FROM decision") == ["over_authorised"]
    assert await audit.verify(recorder.pool) == []


async def test_an_event_that_lacks_what_its_row_needs_is_a_bug_told_loudly(recorder: Recorder) -> None:
    with pytest.raises(asyncpg.NotNullViolationError):
        await recorder.record(batch("bug", events=[Event(type="waiting.entered", data={"case": CASE})]))
    assert await audit.verify(recorder.pool) == []


@pytest.fixture
async def vetting(recorder: Recorder) -> Recorder:
    """The case waits for its partner's vetting, and a task of that is open."""
    entered = Event(type="waiting.entered", data={"case": CASE, "level": "full"})
    opened = [Opening(kind="verify_partner_profile"), Opening(kind="sign_partner_declaration")]
    await recorder.record(batch("v", subject=PARTNER, stage="vetting", events=[entered], opens=opened))
    return recorder


async def of_partner(recorder: Recorder, said: Decision) -> Recorded:
    return await recorder.record(batch(said.receipt, subject=PARTNER, stage="vetting", decision=said))


async def test_a_task_of_the_partner_serves_the_cases_that_wait(vetting: Recorder) -> None:
    row = await vetting.pool.fetchrow("SELECT * FROM task WHERE id = $1", PROFILE)
    assert row is not None
    assert (row["cases"], row["office"]) == ([CASE], "KE")
    assert {task["kind"] for task in await read.tasks(vetting.pool, case="KEN/2026/0007")} >= {"verify_partner_profile"}


async def test_invariant_6_the_focal_point_of_a_waiting_case_does_not_vet_its_partner(vetting: Recorder) -> None:
    await vetting.pool.execute("UPDATE \"case\" SET focal_point = 'ke.002'")
    said = decision(PROFILE, verdict="not_verified", actor="ke.002", role="partnership_manager", data={"failed": ["q1"]})
    said = said.model_copy(update={"message_to_partner": "no", "reason_code": "registration"})
    assert "focal_point_vets" in rules(await of_partner(vetting, said))


async def test_the_partner_signs_its_own_declaration(vetting: Recorder) -> None:
    task = "P-KE-0001:vetting:1:sign_partner_declaration"
    stranger = decision(task, verdict="decline", actor="ke.p77", role="partner_authorised_officer", key="a")
    focal = decision(task, verdict="decline", actor="ke.p03", role="partner_focal_point", key="b")
    officer = decision(task, verdict="decline", actor="ke.p01", role="partner_authorised_officer", key="c")

    assert rules(await of_partner(vetting, stranger)) == {"unknown_actor"}
    assert rules(await of_partner(vetting, focal)) == {"wrong_role"}
    assert not (await of_partner(vetting, officer)).refused


async def test_a_task_names_who_is_awaited(recorder: Recorder) -> None:
    await recorder.record(batch("named", opens=[Opening(kind="attach_annex", whom="vehicles", candidates=["ke.001"])]))
    said = decision("KEN/2026/0007:document:1:attach_annex:vehicles")
    assert rules(await decide(recorder, said)) == {"not_candidate"}


async def test_a_delegate_acts_where_the_delegation_covers_it(recorder: Recorder) -> None:
    office = (await versions.office_in_force(recorder.pool, "KE", AT.date())).model_dump(mode="json", by_alias=True)
    office |= {"version": "2", "effective_on": "2026-03-01"}
    office["delegations"] = [
        {"principal": "ke.003", "delegate": "ke.026", "roles": ["budget_owner"], "from": "2026-03-01", "to": "2026-03-31", "accepted": True}
    ]
    await versions.load_office(recorder.pool, office)

    assert not (await decide(recorder, decision(actor="ke.026", on_behalf_of="ke.003"))).refused
    assert await recorder.pool.fetchval("SELECT on_behalf_of FROM decision") == "ke.003"


async def test_the_submitter_may_say_that_a_fact_is_wrong_and_nobody_else_as_submitter(recorder: Recorder) -> None:
    data = {"path": "$.plan", "value": "HRP", "reason": "typing"}
    other = message("correct_fact", actor="ke.001", role="submitter", data=data)
    assert "wrong_role" in rules(await say(recorder, other))
    assert "wrong_role" not in rules(await say(recorder, message("correct_fact", actor="ke.022", role="submitter", key="m2", data=data)))


async def test_inside_another_transaction_the_write_shares_its_locks(recorder: Recorder) -> None:
    async with recorder.pool.acquire() as borrowed, borrowed.transaction():
        conn = cast("asyncpg.Connection", borrowed)
        chains = Chains(conn)
        await chains.lock([CASE, PARTNER])
        assert not (await write(conn, batch("inside", events=[Event(type="delivery.failed", data={"of": "x"})]), chains)).refused


def test_every_effect_has_an_implementation() -> None:
    effects = {name for name in vars(Effects) if not name.startswith("_")}
    assert effects == {found.__name__ for found in Activities(cast("Any", None), None, cast("Any", None)).all()}


async def test_without_a_bank_nothing_is_ordered() -> None:
    with pytest.raises(ApplicationError, match="PCA_BANK_URL"):
        await Activities(cast("Any", None), None, cast("Any", None)).order_payment(Order(order="o", at=AT))


async def test_what_stops_the_partner_reaches_the_view_of_its_case(vetting: Recorder) -> None:
    before = await view_of(cast("asyncpg.Connection", vetting.pool), CASE)
    block = {"id": f"{PARTNER}:overdue", "scope": "instalment", "cause": "obligation", "until": None}
    data = {"obligation": "o", "consequence": "block_instalment", "blocks": [block]}
    async with vetting.pool.acquire() as borrowed, borrowed.transaction():
        chains = Chains(cast("asyncpg.Connection", borrowed))
        await chains.lock([PARTNER])
        cause = {"kind": "timer", "id": "t"}
        await chains.append(PARTNER, body("obligation.consequence_applied", AT, data, cause=cause))

    after = await view_of(cast("asyncpg.Connection", vetting.pool), CASE)

    assert [found.id for found in after.blocks] == [block["id"]]
    assert after.version > before.version, "a stage takes only a higher version"


async def test_a_decision_whose_words_are_gone_does_not_open_its_task_again(recorder: Recorder) -> None:
    await decide(recorder, decision())
    await recorder.pool.execute("UPDATE receipt SET request = NULL")
    answer = await recorder.record(batch("open-again", opens=[Opening(kind="attach_annex", whom="children")]))
    assert rules(answer) == {"task_closed"}


async def test_a_task_of_one_subject_is_never_taken_for_anothers_of_the_same_id(recorder: Recorder) -> None:
    for office in ("KE", "BD"):
        opening = batch("vet", subject=f"partner:{office}:P-KE-0001", stage="vetting", opens=[Opening(kind="set_up_vendor")])
        opening = opening.model_copy(update={"key": f"vet-{office}"})
        if office == "KE":
            assert len((await recorder.record(opening)).tasks) == 1
            continue
        with pytest.raises(LookupError, match="is a task of partner:KE:P-KE-0001"):
            await recorder.record(opening)


async def test_what_belongs_to_no_office_has_no_tasks(recorder: Recorder) -> None:
    with pytest.raises(LookupError, match="belongs to no office"):
        await recorder.record(batch("source", subject="source:unpp", stage="intake", opens=[Opening(kind="set_up_vendor")]))
