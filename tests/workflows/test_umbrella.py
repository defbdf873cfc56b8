"""The PCA: it takes suspend and lift, and ends with its programme."""

from datetime import UTC, datetime, timedelta

from schemas.engine import CaseView, Clock
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
