"""The PCA: it takes suspend and lift, and ends with its programme."""

from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import WorkflowUpdateStage

from schemas.engine import CaseView, Clock
from schemas.messages import Answer, Message
from schemas.names import owner_of
from tests.workflows.conftest import UMBRELLA, Bench, Running


async def pca(bench: Bench, days: float = 100, status: str = "signed") -> Running:
    ends = datetime.now(UTC) + timedelta(days=days)
    bench.effects.facts["umbrella"] = {"status": status, "ends_at": ends.isoformat()}
    return await bench.start("Umbrella", "umbrella", UMBRELLA, view=CaseView(clock=Clock(name="test")))


async def test_a_pca_is_suspended_and_lifted(bench: Bench) -> None:
    stage = await pca(bench)
    assert (await stage.say("suspend", data={"scope": "cash"})).counted
    assert (await stage.say("lift", data={"block": "b"})).counted
    assert bench.effects.events() == ["umbrella.suspended", "umbrella.lifted"]


async def test_a_pca_takes_nothing_else(bench: Bench) -> None:
    stage = await pca(bench)
    assert [f.rule for f in (await stage.say("withdraw")).findings] == ["unknown_message"]
    assert [f.rule for f in (await stage.decide("sign_for_office", "sign")).findings] == ["task_closed"]


async def test_a_pca_ends_with_its_programme(bench: Bench) -> None:
    stage = await pca(bench)
    await stage.settled()
    bench.effects.refuse = bench.effects.saying("not_yet", on="umbrella.ended")
    await stage.later(101)
    assert bench.effects.events() == []
    bench.effects.refuse = bench.effects.nothing
    bench.effects.ending = {"umbrella.ended": ("umbrella", "ended")}
    await stage.later(1.1)
    assert (await stage.outcome()).result == "ended"
    assert bench.effects.events() == ["umbrella.ended"]
    await bench.keep(stage, "umbrella")


async def test_a_pca_that_the_record_shows_terminated_closes(bench: Bench) -> None:
    stage = await pca(bench)
    await stage.settled()
    bench.effects.facts["umbrella"]["status"] = "terminated"
    await stage.handle.signal("look_again")
    assert (await stage.outcome()).result == "terminated"


async def test_what_is_said_while_a_pca_ends_is_answered_and_recorded_before_it_leaves(bench: Bench) -> None:
    stage = await pca(bench)
    await stage.settled()
    bench.effects.ending = {"umbrella.ended": ("umbrella", "ended")}
    late: list[Any] = []

    async def meanwhile() -> None:
        suspend = Message(kind="suspend", actor="xx.001", role="head_of_office", key="late", data={"scope": "cash"})
        accepted = WorkflowUpdateStage.ACCEPTED
        late.append(await stage.handle.start_update("submit_message", suspend, wait_for_stage=accepted, result_type=Answer))
        await stage.handle.signal("lift_it", {"yes": True})

    bench.effects.meanwhile[f"{owner_of(UMBRELLA)}:umbrella:1:ended"] = meanwhile
    bench.effects.facts["umbrella"]["ends_at"] = datetime.now(UTC).isoformat()
    await stage.handle.signal("look_again")
    assert (await stage.outcome()).result == "ended"
    assert [f.rule for f in (await late[0].result()).findings] == ["stage_closed"]
    assert bench.effects.events() == ["umbrella.ended"]
    assert bench.effects.unreadable() == ["signal lift_it: not a message of this engine"]
