"""An emergency activation keeps its end and tells the cases that rely on it; each of them is then decided, and goes on fast until it is."""

from datetime import datetime, timedelta

import pytest

from schemas.engine import CaseView, Clock
from schemas.names import owner_of
from tests.workflows.conftest import Bench, Running
from tests.workflows.emergency import REASONS, REVIEWER, STATUSES, in_drafting, in_review, iso, signed, submit

ACTIVATION = "activation:XX-L2-2026-01"
REFERENCE = "XX-L2-2026-01"


async def activation(bench: Bench, days: float = 10, **facts: object) -> Running:
    bench.effects.facts["activation"] = {"state": "declared", "ends_at": iso(days), "cases": []} | facts
    started = await bench.start("Activation", "activation", ACTIVATION, view=CaseView(clock=Clock(name="test")))
    await started.settled()
    return started


def expires(bench: Bench, *cases: str) -> None:
    """What the record shows once it is over."""
    bench.effects.ending = {"activation.expired": ("activation", "expired")}
    bench.effects.facts["activation"] |= {"cases": list(cases)}


async def test_it_expires_by_itself_at_its_end_and_not_before(bench: Bench) -> None:
    stage = await activation(bench)
    bench.effects.ending = {"activation.expired": ("activation", "expired")}
    bench.effects.facts["activation"]["state"] = "declared"
    await stage.later(9.9)
    assert bench.effects.events() == []
    await stage.later(0.2)
    assert bench.effects.events() == ["activation.expired"]
    assert (await stage.outcome()).result == "expired"
    await bench.keep(stage, "activation")


async def test_its_cases_are_told_when_it_has_expired(bench: Bench) -> None:
    case = await bench.start("ProgrammeDocument", "document")
    stage = await activation(bench)
    expires(bench, case.handle.id, "pca.XX.ended-long-ago")
    assert "look_again" not in await case.signals()
    await stage.later(10.1)
    assert (await stage.outcome()).result == "expired"
    assert "look_again" in await case.signals()


async def test_renewed_in_time_it_ends_later(bench: Bench) -> None:
    stage = await activation(bench)
    bench.effects.facts["activation"]["ends_at"] = iso(40)
    await stage.handle.signal("look_again")
    await stage.later(39)
    assert bench.effects.events() == []
    bench.effects.ending = {"activation.expired": ("activation", "expired")}
    await stage.later(2)
    assert (await stage.outcome()).result == "expired"


async def test_renewed_while_its_end_was_on_its_way_it_goes_on(bench: Bench) -> None:
    stage = await activation(bench, 1)

    async def renewed() -> None:
        bench.effects.facts["activation"]["ends_at"] = iso(40)

    bench.effects.refuse = bench.effects.saying("activation_in_force", on="activation.expired")
    bench.effects.meanwhile = {f"{owner_of(ACTIVATION)}:activation:1:expired": renewed}
    await stage.later(2.2)
    assert bench.effects.events() == []
    bench.effects.refuse = bench.effects.nothing
    bench.effects.ending = {"activation.expired": ("activation", "expired")}
    await stage.later(40)
    assert bench.effects.events() == ["activation.expired"]


async def test_revoked_it_tells_its_cases_and_closes(bench: Bench) -> None:
    case = await bench.start("ProgrammeDocument", "document")
    stage = await activation(bench)
    bench.effects.facts["activation"] |= {"state": "revoked", "cases": [case.handle.id]}
    await stage.handle.signal("look_again")
    assert (await stage.outcome()).result == "revoked"
    assert "activation.expired" not in bench.effects.events()
    assert "look_again" in await case.signals()


async def test_one_that_the_record_does_not_know_closes(bench: Bench) -> None:
    bench.effects.facts["activation"] = {"state": "unknown"}
    stage = await bench.start("Activation", "activation", ACTIVATION)
    assert (await stage.outcome()).result == "unknown"


async def test_it_is_no_place_for_decisions_and_what_cannot_be_read_is_recorded(bench: Bench) -> None:
    stage = await activation(bench)
    assert [f.rule for f in (await stage.decide("approve_document", "approve")).findings] == ["task_closed"]
    assert [f.rule for f in (await stage.say("hold", data={"until": "2026-12-31"})).findings] == ["unknown_message"]
    await stage.handle.signal("expire", {"now": True})
    await stage.settled()
    assert bench.effects.unreadable() == ["signal expire: not a message of this engine"]
    assert bench.effects.events() == []


async def test_it_continues_as_new_and_keeps_its_end(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = await activation(bench)
    monkeypatch.setattr("workflows.stage.MESSAGES_PER_RUN", 1)
    for _ in range(2):
        await stage.say("note", task="nothing")
    bench.effects.ending = {"activation.expired": ("activation", "expired")}
    await stage.later(11)
    assert bench.effects.events() == ["activation.expired"]


# -- what its end means for a case --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [*STATUSES, "signed"])
async def test_the_head_of_office_decides_what_becomes_of_each_case(bench: Bench, status: str) -> None:
    play = await (STATUSES | {"signed": signed})[status](bench)
    before = bench.effects.open()
    bench.effects.facts["case"] = {"activation_ended": REFERENCE}
    await play.case.handle.signal("look_again")
    await play.settled()
    assert f"decide_at_activation_end {REFERENCE}" in await play.case.open()
    assert bench.effects.events().count("case.activation_ended") == 1
    assert set(before) < set(bench.effects.open())  # it goes on where it is, on the fast path
    assert bench.effects.view.track == "emergency"


@pytest.mark.parametrize("verdict", ["convert", "close", "extend_by_amendment", "finish_as_is"])
async def test_every_verdict_at_the_end_of_the_activation_is_recorded_once(bench: Bench, verdict: str) -> None:
    play = await in_review(bench)
    bench.effects.facts["case"] = {"activation_ended": REFERENCE}
    await play.case.handle.signal("look_again")
    await play.case.settled()
    said = {"data": {"by": iso(30)[:10]}} if verdict == "convert" else {"comment": "so be it"}
    await play.case.agreed("decide_at_activation_end", verdict, REFERENCE, **said)
    assert bench.effects.recorded("activation.end_decided") == [{"verdict": verdict}]
    await play.case.handle.signal("look_again")
    await play.settled()
    assert bench.effects.events().count("case.activation_ended") == 1
    assert await play.case.open() == ["confirm_emergency_track"]
    assert bench.effects.view.status == "in_review"


async def test_a_decision_at_the_end_that_is_late_is_escalated_and_decides_nothing(bench: Bench) -> None:
    play = await in_drafting(bench)
    bench.effects.facts["case"] = {"activation_ended": REFERENCE}
    await play.case.handle.signal("look_again")
    await play.later(20)
    escalated = [e.data["task"] for b in bench.effects.batches for e in b.events if e.type == "task.escalated"]
    assert [t for t in escalated if "decide_at_activation_end" in t] != []
    assert f"decide_at_activation_end {REFERENCE}" in await play.case.open()
    assert bench.effects.recorded("activation.end_decided") == []


async def test_a_case_that_is_told_twice_is_asked_once(bench: Bench) -> None:
    play = await in_drafting(bench)
    bench.effects.facts["case"] = {"activation_ended": REFERENCE}
    for _ in range(3):
        await play.case.handle.signal("look_again")
        await play.case.settled()
    assert bench.effects.open().count(f"decide_at_activation_end {REFERENCE}") == 1


async def test_a_case_that_returns_to_the_standard_track_is_asked_nothing_more_of_the_fast_one(bench: Bench) -> None:
    play = await in_review(bench)
    bench.effects.facts["case"] = {"activation_ended": REFERENCE}
    await play.case.handle.signal("look_again")
    await play.settled()
    assert await play.case.open() == ["confirm_emergency_track", f"decide_at_activation_end {REFERENCE}"]
    said = {"actor": "xx.002", "role": "partnership_manager", "data": {"reason": "Roads are open."}}
    assert (await play.case.say("return_to_standard", **said)).counted
    await play.settled()
    assert await play.case.open() == []


async def revoke(bench: Bench, *, signal: Running) -> None:
    """Its record returns the case to the standard track, and tells it."""
    bench.effects.change(track="standard")
    await signal.handle.signal("look_again")


async def test_a_revocation_returns_a_case_in_drafting_to_the_standard_track(bench: Bench) -> None:
    play = await in_drafting(bench)
    await revoke(bench, signal=play.case)
    await play.settled()
    assert (await play.stage("document").state())["view"]["track"] == "standard"
    answer = await play.stage("document").decide("office_turn", "accept_and_submit", "turn-1", data={"sha256": "a" * 64})
    assert [f.rule for f in answer.findings] == ["wrong_verdict"]
    assert bench.effects.needs[-1] == "full"


async def test_a_revocation_closes_the_confirmation_that_nobody_can_give_any_more(bench: Bench) -> None:
    play = await in_drafting(bench)
    await revoke(bench, signal=play.case)
    await play.settled()
    assert await play.case.open() == []
    assert bench.effects.open() == ["office_turn turn-1"]


async def test_a_revocation_after_the_approval_leaves_the_case_on_the_fast_path_and_asks(bench: Bench) -> None:
    play = await STATUSES["in_signature"](bench)
    bench.effects.facts["case"] = {"activation_ended": REFERENCE}
    await play.case.handle.signal("look_again")
    await play.settled()
    assert (await play.stage("approval").state())["view"]["track"] == "emergency"
    assert f"decide_at_activation_end {REFERENCE}" in await play.case.open()
    for kind in ("sign_as_partner", "sign_for_office"):
        await play.stage("approval").agreed(kind, "sign", data={"objects": [{"object": "document"}]})
    await play.settled()
    assert bench.effects.view.status == "signed"


async def test_a_case_returned_by_a_revocation_while_it_is_reviewed_is_concluded_by_the_one_person(bench: Bench) -> None:
    play = await in_review(bench)
    await revoke(bench, signal=play.case)
    await play.settled()
    await play.stage("review").agreed("give_opinion", "not_recommend", REVIEWER, actor=REVIEWER, **REASONS)
    await play.settled()
    assert bench.effects.view.status == "in_approval"


async def test_a_case_that_is_returned_for_changes_after_the_end_drafts_again_on_the_fast_path(bench: Bench) -> None:
    play = await in_review(bench)
    bench.effects.facts["case"] = {"activation_ended": REFERENCE}
    await play.stage("review").agreed("give_opinion", "return", REVIEWER, actor=REVIEWER, **REASONS)
    await play.settled()
    await submit(play, 2)
    assert bench.effects.open("review") == [f"give_opinion {REVIEWER}"]


async def test_the_end_moment_of_an_activation_is_business_time(bench: Bench) -> None:
    stage = await activation(bench, 3)
    bench.effects.ending = {"activation.expired": ("activation", "expired")}
    await stage.later(3.5)
    ends = datetime.fromisoformat(bench.effects.facts["activation"]["ends_at"])
    assert ends <= bench.effects.batches[-1].at < ends + timedelta(minutes=1)
