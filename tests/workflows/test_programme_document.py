"""The document goes back and forth, one court at a time, until both accept one text."""

from tests.workflows.conftest import Bench, Running

HASH = "a" * 64
TEXT = {"version": 1, "sha256": HASH}
ACCEPT = {"sha256": HASH}


async def drafting(bench: Bench, **facts: object) -> Running:
    bench.effects.facts["document"] = dict(facts)
    return await bench.start("ProgrammeDocument", "document")


async def test_both_sides_take_turns_and_the_budget_owner_submits(bench: Bench) -> None:
    stage = await drafting(bench)
    await stage.agreed("office_turn", "send_to_partner", "turn-1", data=TEXT)
    await stage.agreed("partner_turn", "return_to_office", "turn-2", data={"version": 2, "sha256": HASH})
    bench.effects.left_out = {"both"}
    await stage.agreed("office_turn", "accept", "turn-3", data=ACCEPT)
    bench.effects.left_out = set()
    await stage.agreed("partner_turn", "accept", "turn-4", data=ACCEPT)
    await stage.agreed("submit_for_review", "submit", "turn-4", data={})
    assert (await stage.outcome()).result == "submitted"
    assert bench.effects.events() == [
        "document.version_stored", "document.sent", "document.returned", "document.accepted", "document.accepted",
        "review.submitted", "case.status_changed",
    ]  # fmt: skip
    await bench.keep(stage, "document")


async def test_the_other_side_cannot_act_out_of_turn(bench: Bench) -> None:
    stage = await drafting(bench)
    answer = await stage.decide("partner_turn", "accept", "turn-2", data=ACCEPT)
    assert not answer.counted
    assert [f.rule for f in answer.findings] == ["task_closed"]
    assert bench.effects.refused() == ["task_closed"]


async def test_an_acceptance_that_the_other_side_shares_opens_the_submission_and_no_further_turn(bench: Bench) -> None:
    stage = await drafting(bench)
    await stage.agreed("office_turn", "send_to_partner", "turn-1", data=TEXT)
    await stage.agreed("partner_turn", "accept", "turn-2", data=ACCEPT)
    assert await stage.open() == ["submit_for_review turn-2"]


async def test_unlocking_gives_the_court_back_to_the_office(bench: Bench) -> None:
    stage = await drafting(bench)
    await stage.agreed("office_turn", "accept", "turn-1", data=ACCEPT)
    await stage.agreed("submit_for_review", "unlock", "turn-1", comment="A typo")
    assert await stage.open() == ["office_turn turn-2"]
    assert bench.effects.recorded("document.unlocked") == [{"why": "unlock"}]


async def test_annexes_and_clause_deviations_stand_beside_the_turns(bench: Bench) -> None:
    stage = await drafting(bench, annexes=["data_protection"], deviations=["8.5"])
    await stage.settled()
    assert await stage.open() == ["attach_annex data_protection", "clear_clause_deviation 8.5", "office_turn turn-1"]
    await stage.agreed("attach_annex", "attach", "data_protection", data={"annex": "data_protection", "sha256": HASH})
    await stage.agreed("clear_clause_deviation", "refuse", "8.5", comment="No")
    assert await stage.open() == ["office_turn turn-1"]
    assert bench.effects.recorded("clause.deviation_settled") == [{"clause": "8.5", "verdict": "refuse"}]
    assert bench.effects.recorded("document.annex_attached") == [{"annex": "data_protection", "verdict": "attach"}]


async def test_a_submission_that_the_record_refuses_stays_to_be_done(bench: Bench) -> None:
    stage = await drafting(bench)
    await stage.agreed("office_turn", "accept", "turn-1", data=ACCEPT)
    bench.effects.refuse = bench.effects.saying("annex_missing", on="review.submitted")
    answer = await stage.decide("submit_for_review", "submit", "turn-1")
    assert [f.rule for f in answer.findings] == ["annex_missing"]
    assert await stage.open() == ["submit_for_review turn-1"]
    bench.effects.refuse = bench.effects.nothing
    await stage.agreed("submit_for_review", "submit", "turn-1")
    assert (await stage.outcome()).result == "submitted"


async def test_a_refused_send_does_not_use_up_a_turn(bench: Bench) -> None:
    stage = await drafting(bench)
    bench.effects.refuse = bench.effects.saying("invalid_data", on="document.sent")
    assert not (await stage.decide("office_turn", "send_to_partner", "turn-1", data=TEXT)).counted
    bench.effects.refuse = bench.effects.nothing
    await stage.agreed("office_turn", "send_to_partner", "turn-1", data=TEXT)
    assert await stage.open() == ["partner_turn turn-2"]


async def test_a_question_is_a_task_beside_the_turn(bench: Bench) -> None:
    stage = await drafting(bench)
    answer = await stage.say("ask", key="q1", task=stage.task("office_turn", "turn-1"), data={"to": "xx.002", "question": "Why?"})
    assert answer.counted
    assert await stage.open() == ["answer_question xx.001-q1", "office_turn turn-1"]
    await stage.agreed("answer_question", "answer", "xx.001-q1", data={"answer": "Because"})
    assert await stage.open() == ["office_turn turn-1"]
    assert bench.effects.recorded("review.question_answered") == [{"question": "xx.001-q1"}]


async def test_a_later_round_stores_no_first_version_again(bench: Bench) -> None:
    stage = await bench.start("ProgrammeDocument", "document", round=2)
    await stage.settled()
    assert await stage.open() == ["office_turn turn-1"]
    assert bench.effects.events() == []
    assert list(bench.effects.rows) == [f"{bench.reference}:document:2:office_turn:turn-1"]


async def test_a_decision_for_the_round_before_is_refused(bench: Bench) -> None:
    stage = await bench.start("ProgrammeDocument", "document", round=2)
    before = stage.task("office_turn", "turn-1").replace(":2:", ":1:")
    answer = await stage.put(stage.decision(before, "accept", data=ACCEPT))
    assert [f.rule for f in answer.findings] == ["task_closed"]


async def test_a_case_that_ended_closes_the_document(bench: Bench) -> None:
    stage = await drafting(bench, annexes=["construction"])
    await stage.settled()
    await stage.handle.signal("case_changed", bench.effects.change(status="withdrawn", ended="withdrawn"))
    assert (await stage.outcome()).result == "ended"
    assert bench.effects.open() == []
