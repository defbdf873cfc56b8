"""The document goes back and forth, one court at a time, until both accept one text."""

from tests.workflows.conftest import Bench

HASH = "a" * 64
TEXT = {"version": 1, "sha256": HASH}


async def test_both_sides_take_turns_and_the_budget_owner_submits(bench: Bench) -> None:
    stage = await bench.start("ProgrammeDocument", "document")
    say = bench.decide
    assert (await say(stage, bench.task("document", "office_turn", "turn-1"), "send_to_partner", data=TEXT)).counted
    assert (await say(stage, bench.task("document", "partner_turn", "turn-2"), "return_to_office", data={"version": 2, "sha256": HASH})).counted
    bench.effects.left_out.add("both")
    assert (await say(stage, bench.task("document", "office_turn", "turn-3"), "accept", data={"sha256": HASH})).counted
    bench.effects.left_out.clear()
    assert (await say(stage, bench.task("document", "partner_turn", "turn-4"), "accept", data={"sha256": HASH})).counted
    assert (await say(stage, bench.task("document", "submit_for_review", "turn-4"), "submit", data={})).counted
    outcome = await stage.result()
    assert outcome["result"] == "submitted"
    assert bench.effects.events() == [
        "document.version_stored", "document.sent", "document.returned", "document.accepted", "document.accepted",
        "review.submitted", "case.status_changed",
    ]  # fmt: skip


async def test_the_other_side_cannot_act_out_of_turn(bench: Bench) -> None:
    stage = await bench.start("ProgrammeDocument", "document")
    answer = await bench.decide(stage, bench.task("document", "partner_turn", "turn-2"), "accept", data={"sha256": HASH})
    assert not answer.counted and answer.findings[0].rule == "task_closed"
    assert bench.effects.refused() == ["task_closed"]
