"""Obligations: opened, met, checked, extended, written off; what was promised falls due by itself."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.engine import Moment
from tests.workflows.conftest import PARTNER, Bench, Running

PROMISE = "P-1:psea_assessment"


def promised(days: float = 10, **more: Any) -> dict[str, Any]:
    due = datetime.now(UTC) + timedelta(days=days)
    moments = [Moment(at=due - timedelta(days=5), does="notice_5"), Moment(at=due, does="overdue", level=1)]
    return {
        "id": PROMISE, "owner_role": "assurance_officer", "verifier_role": "partnership_manager", "due": due.isoformat(),
        "moments": [m.model_dump(mode="json") for m in moments],
    } | more  # fmt: skip


async def obligations(
    bench: Bench, *open_: dict[str, Any], conditions: list[dict[str, Any]] | None = None, subject: str = PARTNER
) -> Running:
    bench.effects.facts["obligations"] = {"open": list(open_), "conditions": conditions or []}
    stage = await bench.start("Obligations", "obligations", subject)
    await stage.settled()
    return stage


def met(bench: Bench) -> None:
    bench.effects.facts["obligations"] = {"open": [], "conditions": []}


async def test_an_obligation_is_met_when_another_person_accepts_the_evidence(bench: Bench) -> None:
    stage = await obligations(bench, promised())
    assert await stage.open() == [f"meet_obligation {PROMISE}"]
    await stage.agreed("meet_obligation", "submit_evidence", PROMISE, key="e")
    assert await stage.open() == [f"check_obligation_evidence {PROMISE} after e"]
    met(bench)
    await stage.agreed("check_obligation_evidence", "accept", f"{PROMISE} after e")
    assert (await stage.outcome()).result == "none_open"
    assert bench.effects.events() == ["obligation.evidence_submitted", "obligation.met"]
    await bench.keep(stage, "obligations")


async def test_refused_evidence_leaves_the_obligation_with_its_due_date(bench: Bench) -> None:
    promise = promised()
    stage = await obligations(bench, promise)
    await stage.agreed("meet_obligation", "submit_evidence", PROMISE, key="e")
    await stage.agreed("check_obligation_evidence", "refuse", f"{PROMISE} after e", key="r", comment="No")
    assert await stage.open() == [f"meet_obligation {PROMISE} after r"]
    due = datetime.fromisoformat((await stage.state())["tasks"][0]["due"])
    assert due == datetime.fromisoformat(promise["due"])


async def test_invariant_5_an_unmet_obligation_falls_due_by_itself_after_its_notice(bench: Bench) -> None:
    stage = await obligations(bench, promised())
    await stage.later(6)
    assert bench.effects.recorded("obligation.reminded") == [{"obligation": PROMISE, "notice": "notice_5"}]
    await stage.later(5)
    assert bench.effects.recorded("obligation.overdue") == [{"obligation": PROMISE, "level": 1}]
    await stage.later(100)
    assert bench.effects.events().count("obligation.overdue") == 1
    assert await stage.open() == [f"meet_obligation {PROMISE}"]


async def test_invariant_5_evidence_that_waits_for_its_check_does_not_stop_the_due_moment(bench: Bench) -> None:
    stage = await obligations(bench, promised())
    await stage.agreed("meet_obligation", "submit_evidence", PROMISE, key="e")
    await stage.later(11)
    assert bench.effects.recorded("obligation.overdue") == [{"obligation": PROMISE, "level": 1}]


async def test_an_extension_is_asked_for_given_and_still_to_be_met(bench: Bench) -> None:
    stage = await obligations(bench, promised(), promised(id="P-1:other"))
    await stage.agreed("meet_obligation", "ask_extension", PROMISE, key="a", comment="rain", data={"until": "2026-12-31"})
    assert f"decide_obligation {PROMISE} after a" in await stage.open()
    bench.effects.facts["obligations"]["open"] = [promised(40), promised(id="P-1:other")]
    await stage.agreed("decide_obligation", "extend", f"{PROMISE} after a", key="x", comment="yes", data={"until": "2026-12-31"})
    await stage.settled()
    assert await stage.open() == ["meet_obligation P-1:other", f"meet_obligation {PROMISE} after x"]
    await stage.later(20)
    assert [d["obligation"] for d in bench.effects.recorded("obligation.overdue")] == ["P-1:other"]
    await stage.later(25)
    assert [d["obligation"] for d in bench.effects.recorded("obligation.overdue")] == ["P-1:other", PROMISE]


@pytest.mark.parametrize(("verdict", "event"), [("write_off", "obligation.written_off"), ("refuse", "obligation.evidence_refused")])
async def test_what_cannot_be_met_is_decided(bench: Bench, verdict: str, event: str) -> None:
    stage = await obligations(bench, promised())
    await stage.agreed("meet_obligation", "cannot_meet", PROMISE, key="c", comment="closed")
    if verdict == "write_off":
        met(bench)
    await stage.agreed("decide_obligation", verdict, f"{PROMISE} after c", key="d", comment="so be it")
    assert bench.effects.events()[-1] == event
    if verdict == "write_off":
        assert (await stage.outcome()).result == "none_open"
    else:
        assert await stage.open() == [f"meet_obligation {PROMISE} after d"]


@pytest.mark.parametrize(("verdict", "event"), [("met", "condition.met"), ("waive", "condition.waived")])
async def test_a_condition_is_met_or_waived_here(bench: Bench, verdict: str, event: str) -> None:
    condition = {"id": "c1", "owner_role": "focal_point", "candidates": ["xx.001"]}
    stage = await obligations(bench, conditions=[condition], subject=bench.subject)
    assert await stage.open() == ["meet_condition c1"]
    met(bench)
    await stage.agreed("meet_condition", verdict, "c1", comment="done")
    assert (await stage.outcome()).result == "none_open"
    assert bench.effects.recorded(event) == [{"condition": "c1"}]


async def test_what_was_met_elsewhere_closes_its_task_and_what_is_new_opens(bench: Bench) -> None:
    stage = await obligations(bench, promised())
    bench.effects.facts["obligations"]["open"] = [promised(id="P-1:new")]
    await stage.handle.signal("look_again")
    await stage.settled()
    assert await stage.open() == ["meet_obligation P-1:new"]
    assert bench.effects.open() == ["meet_obligation P-1:new"]


async def test_evidence_that_is_in_already_is_checked(bench: Bench) -> None:
    stage = await obligations(bench, promised(evidence_in=True))
    assert await stage.open() == [f"check_obligation_evidence {PROMISE}"]


async def test_nothing_open_ends_it_at_once(bench: Bench) -> None:
    assert (await (await obligations(bench)).outcome()).result == "none_open"


async def test_invariant_8_a_hold_of_the_case_stops_no_obligation(bench: Bench) -> None:
    bench.effects.change(held=True)
    stage = await obligations(bench, promised(), subject=bench.subject)
    await stage.later(11)
    assert "obligation.overdue" in bench.effects.events()
    await stage.agreed("meet_obligation", "submit_evidence", PROMISE)
