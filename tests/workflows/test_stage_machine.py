"""The machine that every stage runs on: doors, receipts, clock, hold, exit. Shown on the smallest stages; what is true of one is of all."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateHandle, WorkflowUpdateStage
from temporalio.common import RawValue
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner

from schemas.engine import Carried, CaseView, Clock, StageInput
from schemas.messages import Answer, Decision
from tests.workflows.conftest import PARTNER, UMBRELLA, Bench, Running, running
from tests.workflows.fakes import FakeEffects
from workflows import stage as machine

HASH = "a" * 64
TEXT = {"version": 1, "sha256": HASH}
ACCEPT = {"sha256": HASH}
OFFICE = ("office_turn", "send_to_partner", "turn-1")


@pytest.fixture
async def document(bench: Bench) -> Running:
    return await bench.start("ProgrammeDocument", "document")


SHORT = 4


@pytest.fixture
async def short(client: Client, effects: FakeEffects, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    """Stages that continue as new after few messages and remember few answers; outside the sandbox, which has its own constants."""
    monkeypatch.setattr(machine, "MESSAGES_PER_RUN", SHORT)
    monkeypatch.setattr(machine, "REMEMBERED", 2)
    async with running(client, effects, UnsandboxedWorkflowRunner()) as queue:
        yield Bench(client, queue, effects)


async def submitted(document: Running) -> None:
    await document.agreed("office_turn", "accept", "turn-1", data=ACCEPT)


# -- receipts ----------------------------------------------------------------------------------------------------------------------


async def test_a_decision_said_twice_counts_once_and_gets_its_first_answer_again(bench: Bench, document: Running) -> None:
    decision = document.decision(document.task("office_turn", "turn-1"), "send_to_partner", data=TEXT)
    first, second = await document.put(decision), await document.put(decision)
    assert first.counted
    assert not first.repeated
    assert second.counted
    assert second.repeated
    assert bench.effects.counted() == ["office_turn turn-1 send_to_partner"]


async def test_a_refused_decision_said_twice_is_refused_by_its_first_answer(bench: Bench, document: Running) -> None:
    decision = document.decision(document.task("partner_turn", "turn-2"), "accept", data=ACCEPT)
    first, second = await document.put(decision), await document.put(decision)
    assert not first.counted
    assert not first.repeated
    assert not second.counted
    assert second.repeated
    assert bench.effects.refused() == ["task_closed"]


async def test_one_key_says_one_thing(bench: Bench, document: Running) -> None:
    task = document.task("office_turn", "turn-1")
    assert (await document.put(document.decision(task, "send_to_partner", key="k", data=TEXT))).counted
    other = await document.put(document.decision(task, "accept", key="k", data=ACCEPT))
    assert [f.rule for f in other.findings] == ["key_reused"]
    again = await document.put(document.decision(task, "send_to_partner", key="k", data=TEXT))
    assert again.counted
    assert again.repeated
    assert bench.effects.counted() == ["office_turn turn-1 send_to_partner"]


async def test_when_it_was_said_and_who_vouched_for_it_are_not_part_of_what_was_said(document: Running) -> None:
    decision = document.decision(document.task("office_turn", "turn-1"), "send_to_partner", data=TEXT)
    assert (await document.put(decision)).counted
    later = decision.model_copy(update={"sent_at": datetime(2026, 3, 1, tzinfo=UTC)})
    assert (await document.put(later)).repeated


async def test_what_the_stage_has_forgotten_the_record_still_answers(short: Bench) -> None:
    document = await short.start("ProgrammeDocument", "document")
    decision = document.decision(document.task("office_turn", "turn-1"), "send_to_partner", data=TEXT)
    assert (await document.put(decision)).counted
    for verdict in ("return_to_office", "reject"):  # two later answers are all that it remembers
        await document.decide("partner_turn", verdict, "turn-9")
    answer = await document.put(decision)
    assert answer.counted
    assert answer.repeated
    assert await document.open() == ["partner_turn turn-2"]
    assert short.effects.counted() == ["office_turn turn-1 send_to_partner"]


async def test_a_run_that_remembers_nothing_finds_out_from_the_record_what_was_decided(bench: Bench, document: Running) -> None:
    decision = document.decision(document.task("office_turn", "turn-1"), "send_to_partner", data=TEXT)
    await document.put(decision)
    await document.handle.terminate()
    again = await bench.start("ProgrammeDocument", "document")
    await again.settled()
    assert await again.open() == ["partner_turn turn-2"]
    assert (await again.put(decision)).repeated
    assert bench.effects.counted() == ["office_turn turn-1 send_to_partner"]


# -- refusals ----------------------------------------------------------------------------------------------------------------------


async def test_a_verdict_that_the_task_does_not_have_is_named_with_those_it_has(document: Running) -> None:
    answer = await document.decide("office_turn", "approve", "turn-1")
    assert [(f.rule, f.path) for f in answer.findings] == [("wrong_verdict", "$.verdict")]
    assert "accept, send_to_partner" in answer.findings[0].message


async def test_a_verdict_of_the_other_track_is_none_of_this_track(bench: Bench, document: Running) -> None:
    answer = await document.decide("office_turn", "accept_on_behalf", "turn-1", comment="asked in writing", data=ACCEPT)
    assert [f.rule for f in answer.findings] == ["wrong_verdict"]
    assert await document.open() == ["office_turn turn-1"]


async def test_a_decision_that_the_record_refuses_leaves_its_task_open(bench: Bench, document: Running) -> None:
    bench.effects.refuse = bench.effects.saying("wrong_role", on="document.sent")
    answer = await document.decide(*OFFICE, data=TEXT)
    assert [f.rule for f in answer.findings] == ["wrong_role"]
    assert await document.open() == ["office_turn turn-1"]
    bench.effects.refuse = bench.effects.nothing
    assert (await document.decide(*OFFICE, data=TEXT)).counted


async def test_from_the_twentieth_refusal_on_one_task_an_actor_is_answered_and_no_longer_recorded(bench: Bench, document: Running) -> None:
    answers = [await document.decide("partner_turn", "accept", "turn-2", data=ACCEPT) for _ in range(25)]
    assert all([f.rule for f in a.findings] == ["task_closed"] for a in answers)
    assert len(bench.effects.refused()) == machine.REFUSALS_RECORDED
    await document.decide("partner_turn", "accept", "turn-2", actor="xx.002", data=ACCEPT)
    assert len(bench.effects.refused()) == machine.REFUSALS_RECORDED + 1


async def test_a_message_that_no_stage_takes_is_refused_and_names_those_that_are_taken(bench: Bench, document: Running) -> None:
    answer = await document.say("hold", data={"reason": "flood", "until": "2026-03-20"})
    assert [f.rule for f in answer.findings] == ["unknown_message"]
    assert "ask, claim, note, reassign, unclaim" in answer.findings[0].message


async def test_a_message_named_like_a_task_decides_nothing(bench: Bench, document: Running) -> None:
    assert not (await document.say("attach_annex", data={"annex": "construction"})).counted
    assert bench.effects.events() == ["document.version_stored"]


async def test_a_question_where_nobody_would_answer_is_refused(bench: Bench) -> None:
    bench.effects.facts["obligations"] = {"conditions": [{"id": "c1", "owner_role": "focal_point"}]}
    obligations = await bench.start("Obligations", "obligations")
    answer = await obligations.say("ask", task=obligations.task("meet_condition", "c1"), data={"to": "xx.002", "question": "Why?"})
    assert [f.rule for f in answer.findings] == ["unknown_message"]


# -- doors -------------------------------------------------------------------------------------------------------------------------


async def test_a_decision_by_signal_counts_like_one_by_update(bench: Bench, document: Running) -> None:
    decision = document.decision(document.task("office_turn", "turn-1"), "send_to_partner", data=TEXT)
    await document.handle.signal("decide", decision)
    await document.settled()
    assert bench.effects.counted() == ["office_turn turn-1 send_to_partner"]
    assert (await document.put(decision)).repeated


async def test_a_message_by_signal_counts_like_one_by_update(bench: Bench, document: Running) -> None:
    task = document.task("office_turn", "turn-1")
    await document.handle.signal("message", {"kind": "note", "actor": "xx.001", "role": "focal_point", "key": "m", "task": task})
    await document.settled()
    assert [b.message.kind for b in bench.effects.batches if b.message] == ["note"]


UNREADABLE: list[tuple[str, list[Any], str]] = [
    ("decide", [], "Decision: one JSON object was expected, 0 values came"),
    ("decide", [{"task": "t"}, {"task": "u"}], "Decision: one JSON object was expected, 2 values came"),
    ("decide", ["approve"], "Decision.: model_type"),
    ("decide", [None], "Decision.: model_type"),
    ("decide", [[1, 2]], "Decision.: model_type"),
    (
        "decide",
        [{"task": "t", "actor": "xx.001", "role": "r", "key": "k", "verdict": "v", "colour": "red"}],
        "Decision.colour: extra_forbidden",
    ),
    ("decide", [{"task": "t", "actor": 7, "role": "r", "key": "k", "verdict": "v"}], "Decision.actor: string_type"),
    ("message", [], "Message: one JSON object was expected, 0 values came"),
    ("message", [{"kind": "hold"}], "Message.actor: missing; Message.role: missing; Message.key: missing"),
    ("case_changed", [{"version": "many"}], "CaseView.version: int_parsing"),
    ("approve_now", [{"yes": True}], "signal approve_now: not a message of this engine"),
    ("approve_now", [], "signal approve_now: not a message of this engine"),
]


@pytest.mark.parametrize(("signal", "values", "line"), UNREADABLE)
async def test_invariant_9_a_malformed_signal_is_recorded_and_nothing_else_happens(
    bench: Bench, document: Running, signal: str, values: list[Any], line: str
) -> None:
    await document.handle.signal(signal, args=values)
    await document.settled()
    assert bench.effects.unreadable() == [line]
    assert bench.effects.counted() == []
    assert (await document.decide(*OFFICE, data=TEXT)).counted


async def test_invariant_9_a_signal_without_any_value_to_ourselves_is_no_news(bench: Bench, document: Running) -> None:
    await document.handle.signal("look_again", args=[])
    await document.handle.signal("look_again", args=[1, 2])
    await document.settled()
    assert bench.effects.unreadable() == []
    assert (await document.decide(*OFFICE, data=TEXT)).counted


@pytest.mark.parametrize("update", ["submit_decision", "submit_message", "advance_clock"])
@pytest.mark.parametrize("values", [[], [{}, {}], [{}], ["yes"], [None], [{"task": 1}]])
async def test_invariant_9_a_malformed_update_is_refused_to_its_sender_and_wedges_nothing(
    bench: Bench, document: Running, update: str, values: list[Any]
) -> None:
    with pytest.raises(WorkflowUpdateFailedError):
        await document.handle.execute_update(update, args=values, result_type=RawValue)
    assert (await document.decide(*OFFICE, data=TEXT)).counted


async def test_invariant_9_an_unknown_update_is_refused_to_its_sender(document: Running) -> None:
    with pytest.raises(WorkflowUpdateFailedError):
        await document.handle.execute_update("approve", {"yes": True})
    assert (await document.decide(*OFFICE, data=TEXT)).counted


async def test_invariant_9_the_same_nonsense_twice_is_recorded_once(bench: Bench, document: Running) -> None:
    for _ in range(2):
        await document.handle.signal("approve_now")
        await document.settled()
    assert (await document.decide(*OFFICE, data=TEXT)).counted
    assert len({b.key for b in bench.effects.batches if b.unreadable}) == 1


async def test_invariant_9_a_storm_of_everything_at_once_loses_no_decision(bench: Bench, document: Running) -> None:
    decision = document.decision(document.task("office_turn", "turn-1"), "send_to_partner", data=TEXT)
    await asyncio.gather(
        *(document.handle.signal(name, args=values) for name, values, _ in UNREADABLE),
        *(document.handle.signal("decide", decision) for _ in range(3)),
        *(document.put(decision) for _ in range(3)),
        document.decide("partner_turn", "accept", "turn-9", data=ACCEPT),
        document.say("hold", data={"until": "2026-03-20"}),
        document.settled(),
    )
    await document.settled()
    assert bench.effects.counted() == ["office_turn turn-1 send_to_partner"]
    assert await document.open() == ["partner_turn turn-2"]


# -- too early, too late -------------------------------------------------------------------------------------------------------------


async def test_a_decision_sent_with_the_start_is_heard_when_the_task_is_open(bench: Bench) -> None:
    """Nobody can be too early: nobody is heard while a write is under way."""
    task = f"{bench.reference}:document:1:office_turn:turn-1"
    decision = Decision(task=task, actor="xx.001", role="focal_point", verdict="send_to_partner", key="k", data=TEXT)
    start = StageInput(subject=bench.subject, stage="document", view=bench.effects.view)
    handle = await bench.client.start_workflow(
        "ProgrammeDocument", start, id=f"{bench.id}.document", task_queue=bench.queue, start_signal="decide", start_signal_args=[decision]
    )
    await Running(handle, start, bench.keys).settled()
    assert bench.effects.counted() == ["office_turn turn-1 send_to_partner"]


async def test_a_decision_after_the_end_finds_nobody(bench: Bench, document: Running) -> None:
    await submitted(document)
    await document.agreed("submit_for_review", "submit", "turn-1")
    await document.outcome()
    with pytest.raises(RPCError) as error:
        await document.decide(*OFFICE, data=TEXT)
    assert error.value.status is RPCStatusCode.NOT_FOUND


async def test_four_decisions_at_once_on_a_closing_stage_one_counts_and_the_others_get_an_honest_answer(
    bench: Bench, document: Running
) -> None:
    await submitted(document)
    answers = await asyncio.gather(
        *(document.decide("submit_for_review", "submit", "turn-1", actor=f"xx.00{n}") for n in range(4)), return_exceptions=True
    )
    counted = [a for a in answers if isinstance(a, Answer) and a.counted]
    refused = [f.rule for a in answers if isinstance(a, Answer) for f in a.findings]
    gone = [a for a in answers if not isinstance(a, Answer)]
    assert len(counted) == 1
    assert set(refused) <= {"task_closed", "stage_closed"}
    assert all(is_gone(a) for a in gone), gone
    assert bench.effects.counted()[-1:] == ["submit_for_review turn-1 submit"]
    assert (await document.outcome()).result == "submitted"


def is_gone(error: BaseException) -> bool:
    """What a caller meets at a workflow that has just closed; the record has the answer."""
    if isinstance(error, RPCError):
        return error.status is RPCStatusCode.NOT_FOUND
    return isinstance(error, WorkflowUpdateFailedError)


async def test_whoever_speaks_while_the_stage_closes_is_answered(bench: Bench, document: Running) -> None:
    """The write of the last decision crashes once: meanwhile others speak, and all are answered before the stage leaves."""
    await submitted(document)
    last = document.decision(document.task("submit_for_review", "turn-1"), "submit", key="last")
    bench.effects.crash_once.add(last.receipt)
    first = await document.handle.start_update("submit_decision", last, wait_for_stage=WorkflowUpdateStage.ACCEPTED, result_type=Answer)
    late, note = await asyncio.gather(
        document.decide("submit_for_review", "submit", "turn-1", actor="xx.009"),
        document.say("note", task=document.task("submit_for_review", "turn-1")),
    )
    assert (await first.result()).counted
    assert [f.rule for f in late.findings + note.findings] == ["task_closed", "task_closed"]
    assert (await document.outcome()).result == "submitted"


# -- crashes -------------------------------------------------------------------------------------------------------------------------


async def test_a_write_that_crashes_after_its_commit_is_counted_once(bench: Bench, document: Running) -> None:
    decision = document.decision(document.task("office_turn", "turn-1"), "send_to_partner", data=TEXT)
    bench.effects.crash_once.add(decision.receipt)
    assert (await document.put(decision)).counted
    assert bench.effects.crashed == [decision.receipt]
    assert bench.effects.counted() == ["office_turn turn-1 send_to_partner"]
    assert await document.open() == ["partner_turn turn-2"]


async def test_a_first_write_that_crashes_after_its_commit_opens_its_tasks_once(bench: Bench) -> None:
    bench.effects.crash_once.add(f"{bench.reference}:document:1:start")
    document = await bench.start("ProgrammeDocument", "document")
    assert (await document.decide(*OFFICE, data=TEXT)).counted
    assert bench.effects.events() == ["document.version_stored", "document.sent"]


# -- time ----------------------------------------------------------------------------------------------------------------------------


async def test_a_late_task_is_reminded_of_and_then_escalated_once_each(bench: Bench, document: Running) -> None:
    ticked = await document.settled()
    assert ticked.next is not None
    await document.later(3)
    assert bench.effects.events() == ["document.version_stored", "task.reminded"]
    await document.later(2)
    assert bench.effects.events() == ["document.version_stored", "task.reminded"]
    await document.later(1)
    assert bench.effects.events() == ["document.version_stored", "task.reminded", "task.escalated"]
    ticked = await document.later(300)
    assert ticked.next is None
    assert bench.effects.events() == ["document.version_stored", "task.reminded", "task.escalated"]
    assert await document.open() == ["office_turn turn-1"]  # silence decides nothing


async def test_moments_that_passed_together_fall_in_their_order(bench: Bench, document: Running) -> None:
    await document.settled()
    await document.jump(300)
    assert bench.effects.events() == ["document.version_stored", "task.reminded", "task.escalated"]


async def test_a_decided_task_is_reminded_of_no_more(bench: Bench, document: Running) -> None:
    await document.agreed(*OFFICE, data=TEXT)
    await document.later(3)
    assert [d["task"] for d in bench.effects.recorded("task.reminded")] == [document.task("partner_turn", "turn-2")]


async def test_the_clock_of_real_life_cannot_be_moved(bench: Bench) -> None:
    bench.effects.view = CaseView(version=1, status="drafting", clock=Clock())
    document = await bench.start("ProgrammeDocument", "document")
    await document.jump(300)
    assert bench.effects.events() == ["document.version_stored"]


async def test_the_clock_goes_forward_only(bench: Bench, document: Running) -> None:
    await document.later(10)
    there = (await document.state())["now"]
    await document.jump(-8)
    assert (await document.state())["now"] >= there


async def test_every_write_is_at_business_time(bench: Bench, document: Running) -> None:
    await document.settled()
    await document.later(100)
    await document.agreed(*OFFICE, data=TEXT)
    moved = bench.effects.batches[-1].at - bench.effects.batches[0].at
    assert timedelta(days=100) <= moved < timedelta(days=101)


# -- hold ----------------------------------------------------------------------------------------------------------------------------


async def test_a_held_stage_refuses_decisions_and_no_moment_falls(bench: Bench, document: Running) -> None:
    await document.settled()
    await document.handle.signal("case_changed", bench.effects.change(held=True))
    answer = await document.decide(*OFFICE, data=TEXT)
    assert [f.rule for f in answer.findings] == ["on_hold"]
    ticked = await document.later(300)
    assert ticked.next is None
    assert bench.effects.events() == ["document.version_stored"]


async def test_after_a_hold_the_time_that_was_left_is_left_still(bench: Bench, document: Running) -> None:
    effects = bench.effects
    await document.settled()
    await document.later(1)
    effects.held_since = datetime.fromisoformat((await document.state())["now"])
    await document.handle.signal("case_changed", effects.change(held=True))
    await document.later(10)
    effects.shift(datetime.fromisoformat((await document.state())["now"]))
    await document.handle.signal("case_changed", effects.change(held=False))
    await document.settled()
    assert effects.events() == ["document.version_stored"]
    await document.later(2.1)
    assert effects.events() == ["document.version_stored", "task.reminded"]
    assert (await document.decide(*OFFICE, data=TEXT)).counted


async def test_an_older_view_changes_nothing(bench: Bench, document: Running) -> None:
    await document.settled()
    held = bench.effects.change(held=True)
    await document.handle.signal("case_changed", bench.effects.change(held=False))
    await document.handle.signal("case_changed", held)
    assert (await document.decide(*OFFICE, data=TEXT)).counted


# -- messages about a task -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["claim", "unclaim", "note"])
async def test_an_open_task_takes_messages_and_stays_open(bench: Bench, document: Running, kind: str) -> None:
    assert (await document.say(kind, task=document.task("office_turn", "turn-1"))).counted
    assert await document.open() == ["office_turn turn-1"]
    assert bench.effects.recorded("task.reassigned") == (
        [] if kind == "note" else [{"task": document.task("office_turn", "turn-1"), "how": kind}]
    )


async def test_a_reassigned_task_names_its_new_person(bench: Bench, document: Running) -> None:
    answer = await document.say("reassign", task=document.task("office_turn", "turn-1"), data={"person": "xx.007"})
    assert answer.counted
    assert (await document.state())["tasks"][0]["candidates"] == ["xx.007"]


async def test_a_message_about_a_task_that_is_not_open_is_refused(bench: Bench, document: Running) -> None:
    answer = await document.say("claim", task=document.task("office_turn", "turn-7"))
    assert [f.rule for f in answer.findings] == ["task_closed"]
    answer = await document.say("claim")
    assert [f.rule for f in answer.findings] == ["task_closed"]


# -- continue as new -------------------------------------------------------------------------------------------------------------------


async def test_continue_as_new_takes_tasks_receipts_refusals_and_moments_along(short: Bench) -> None:
    document = await short.start("ProgrammeDocument", "document")
    refused = document.decision(document.task("partner_turn", "turn-9"), "accept", data=ACCEPT)
    sent = document.decision(document.task("office_turn", "turn-1"), "send_to_partner", data=TEXT)
    await document.put(refused)
    await document.put(sent)
    first = await run_of(document)
    for _ in range(SHORT):
        await document.say("claim", key="the same", task=document.task("partner_turn", "turn-2"))
    await document.settled()
    assert await run_of(document) != first
    assert (await document.put(sent)).repeated
    await document.later(3)
    assert short.effects.events().count("task.reminded") == 1
    await document.agreed("partner_turn", "accept", "turn-2", data=ACCEPT)
    await document.agreed("submit_for_review", "submit", "turn-2")
    assert (await document.outcome()).result == "submitted"
    assert short.effects.events().count("document.version_stored") == 1


async def test_decisions_sent_while_a_run_continues_as_new_are_all_answered_and_count_once(short: Bench) -> None:
    short.effects.facts["document"] = {"annexes": [f"a{n}" for n in range(12)]}
    document = await short.start("ProgrammeDocument", "document")

    async def attach(n: int) -> bool:
        decision = document.decision(document.task("attach_annex", f"a{n}"), "attach", data={"annex": f"a{n}", "sha256": HASH})
        while True:  # "say again" is an honest answer, and so is a run that has just closed
            try:
                answer = await document.put(decision)
            except (WorkflowUpdateFailedError, RPCError):
                continue
            if [f.rule for f in answer.findings] != ["say_again"]:
                return answer.counted

    assert all(await asyncio.gather(*(attach(n) for n in range(12))))
    assert sorted(short.effects.counted()) == sorted(f"attach_annex a{n} attach" for n in range(12))
    assert await document.open() == ["office_turn turn-1"]


async def test_what_comes_in_while_a_full_run_moves_on_is_recorded_or_asked_for_again(short: Bench) -> None:
    short.effects.facts["document"] = {"annexes": ["construction"]}
    document = await short.start("ProgrammeDocument", "document")
    first = await run_of(document)
    task = document.task("office_turn", "turn-1")
    sent = document.decision(task, "send_to_partner", data=TEXT)
    nonsense = "signal approve_now: not a message of this engine"
    unreadable = f"{short.reference}:document:1:unreadable:{hashlib.sha256(nonsense.encode()).hexdigest()[:16]}"
    said: list[WorkflowUpdateHandle[Answer]] = []

    async def speak() -> None:
        accepted = WorkflowUpdateStage.ACCEPTED
        said.append(await document.handle.start_update("submit_decision", sent, wait_for_stage=accepted, result_type=Answer))

    annex = document.decision(document.task("attach_annex", "construction"), "not_needed", comment="no works", data={})
    short.effects.meanwhile[annex.receipt] = lambda: document.handle.signal("approve_now")
    short.effects.meanwhile[unreadable] = speak
    for _ in range(SHORT - 1):
        await document.say("note", task=task)
    assert (await document.put(annex)).counted
    await document.settled()
    assert await run_of(document) != first
    assert short.effects.unreadable() == [nonsense]
    assert [f.rule for f in (await said[0].result()).findings] == ["say_again"]
    assert short.effects.counted() == ["attach_annex construction not_needed"]
    assert (await document.put(sent)).counted  # said again, as asked


FULL: dict[str, tuple[str, str, str, dict[str, Any], tuple[str, str, str]]] = {
    "vetting": (
        "Vetting",
        PARTNER,
        "drafting",
        {"cases": ["c"], "unconcluded": True, "levels": ["full"]},
        ("conclude_vetting", "request_information", "1"),
    ),
    "review": ("CommitteeReview", "", "in_review", {"kind": "full", "quorum": 1}, ("prepare_review", "correct_clerical", "")),
    "approval": ("Approval", "", "in_approval", {"carried": True, "umbrella": UMBRELLA}, ("approve_pca", "approve", "")),
    "cash": ("CashTransfer", "", "in_signature", {"reserved": False}, ("reserve_funds", "reserve", "")),
    "obligations": (
        "Obligations",
        PARTNER,
        "active",
        {"open": [{"id": "P-1:audit", "owner_role": "focal_point"}]},
        ("meet_obligation", "submit_evidence", "P-1:audit"),
    ),
}


@pytest.mark.parametrize("stage", FULL)
async def test_every_stage_goes_on_in_its_next_run_with_its_tasks_and_opens_none_twice(short: Bench, stage: str) -> None:
    workflow, subject, status, facts, (kind, verdict, whom) = FULL[stage]
    short.effects.view = CaseView(version=1, status=status, clock=Clock(name="test"))
    short.effects.facts[stage] = facts
    running = await short.start(workflow, stage, subject or None)
    await running.settled()
    first, before, tasks = await run_of(running), await running.open(), list(short.effects.rows)
    for _ in range(SHORT):
        assert (await running.say("note", task=running.task(kind, whom))).counted
    await running.settled()
    assert await run_of(running) != first
    assert await running.open() == before
    assert list(short.effects.rows) == tasks
    await running.agreed(kind, verdict, whom, message_to_partner="Please", comment="x", reason_code="other", data={})


async def test_a_pca_goes_on_in_its_next_run(short: Bench) -> None:
    short.effects.facts["umbrella"] = {"status": "signed"}
    running = await short.start("Umbrella", "umbrella", UMBRELLA)
    first = await run_of(running)
    for _ in range(SHORT):
        assert (await running.say("suspend", data={"scope": "cash"})).counted
    await running.settled()
    assert await run_of(running) != first
    assert (await running.say("lift", data={"block": "b"})).counted


async def run_of(running: Running) -> str:
    return str((await running.handle.describe()).run_id)


async def test_what_was_news_when_a_run_continued_is_news_to_the_next(bench: Bench) -> None:
    """A carried run looks first how the case stands."""
    bench.effects.change(status="withdrawn", ended="withdrawn")
    document = await bench.start("ProgrammeDocument", "document", carried=Carried())
    assert (await document.outcome()).result == "ended"
