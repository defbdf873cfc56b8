"""Contingency documents: signed ahead with no money and no dates, ended with their programme, or activated within their protocol. Then one
prepares, another approves, funds are reserved beside; nobody reviews or signs again."""

import pytest

from schemas.engine import Asked, BankWord, CaseView, Clock
from tests.workflows import test_agreement as standard
from tests.workflows.conftest import Bench, Play, Running
from tests.workflows.emergency import ONE_PERIOD, REASONS, iso

LETTER = {"letter": "b" * 64, "start": "2026-07-21", "end": "2026-11-20", "budget_version": 1}
TRACKS = pytest.mark.parametrize("track", ["standard", "emergency"])


async def activating(bench: Bench, track: str = "standard", *asked: Asked) -> Play:
    e = bench.effects
    e.view = CaseView(version=1, status="received", track=track, clock=Clock(name="test"))  # type: ignore[arg-type]
    e.facts["case"] = {"route": "activation"}
    e.facts["approval"] = {"carried": False, "umbrella": "umbrella:XX:P-1:XX-2026", "route": "activation"}
    e.facts["cash"] = {"reserved": False, "periods": [dict(period) for period in ONE_PERIOD]}
    e.words = {1: [BankWord(kind="confirmed", reference="B1")]}
    e.asked = list(asked) or e.asked
    play = await bench.case()
    await play.settled()
    return play


async def prepared(bench: Bench, track: str = "standard") -> tuple[Play, Running]:
    play = await activating(bench, track)
    stage = play.stage("approval")
    await stage.agreed("prepare_activation", "submit", data=LETTER)
    await play.settled()
    return play, stage


@TRACKS
async def test_an_activation_is_prepared_approved_and_paid_without_review_and_signature(bench: Bench, track: str) -> None:
    play = await activating(bench, track)
    assert [t for t in bench.effects.open() if t != "confirm_emergency_track"] == ["prepare_activation"]
    stage, cash = play.stage("approval"), play.stage("cash")
    await stage.agreed("prepare_activation", "submit", data=LETTER)
    assert bench.effects.screened[-2:] == ["before_activation", "before_activation"]
    await stage.agreed("approve_activation", "activate", data={"letter_sha256": "b" * 64})
    await play.settled()
    assert bench.effects.screened[-1] == "before_approval"
    assert bench.effects.view.status == "active"
    assert [d["object"] for d in bench.effects.recorded("approval.given")] == ["activation"]
    assert "contingency.activated" in bench.effects.events()
    assert not [e for e in bench.effects.events() if e.startswith(("review.", "signature.", "document."))]
    await cash.agreed("reserve_funds", "reserve", data={"number": "F1"})
    await cash.agreed("request_cash", "submit", "1")
    assert await cash.open() == ["certify_request 1", *(["check_request 1"] if track == "emergency" else [])]


async def test_on_the_fast_path_funds_are_reserved_while_the_activation_is_approved(bench: Bench) -> None:
    _, stage = await prepared(bench, "emergency")
    assert await stage.open() == ["approve_activation"]
    assert bench.effects.open("cash") == ["reserve_funds"]


async def test_an_activation_waits_for_nothing_less_than_the_clearance_of_its_track(bench: Bench) -> None:
    play = await activating(bench, "standard", Asked(state="waiting"))
    assert bench.effects.open() == []
    bench.effects.asked = [Asked(state="granted")]
    await play.case.handle.signal("look_again")
    await play.settled()
    assert bench.effects.open() == ["prepare_activation"]
    assert bench.effects.needs == ["full", "full"]


async def test_a_partner_refused_before_the_activation_ends_it(bench: Bench) -> None:
    play = await activating(bench, "standard", Asked(state="refused", reason_code="sanctions"))
    assert (await play.case.outcome()).result == "rejected"
    assert bench.effects.open() == []


async def test_an_activation_above_the_ceiling_is_refused_and_may_be_prepared_again(bench: Bench) -> None:
    play = await activating(bench)
    stage = play.stage("approval")
    bench.effects.refuse = bench.effects.saying("above_ceiling", on="contingency.prepared")
    assert [f.rule for f in (await stage.decide("prepare_activation", "submit", data=LETTER)).findings] == ["above_ceiling"]
    assert await stage.open() == ["prepare_activation"]
    bench.effects.refuse = bench.effects.nothing
    await stage.agreed("prepare_activation", "submit", data=LETTER)
    assert await stage.open() == ["approve_activation"]


async def test_an_abandoned_activation_withdraws_the_case(bench: Bench) -> None:
    play = await activating(bench)
    await play.stage("approval").agreed("prepare_activation", "abandon", comment="no storm")
    assert (await play.case.outcome()).result == "withdrawn"
    assert bench.effects.recorded("case.withdrawn") == [{"by": "office"}]


async def test_an_abandoning_that_the_record_refuses_leaves_it_to_be_prepared(bench: Bench) -> None:
    play = await activating(bench)
    bench.effects.refuse = bench.effects.saying("wrong_role", on="case.withdrawn")
    assert not (await play.stage("approval").decide("prepare_activation", "abandon", comment="no")).counted
    assert await play.stage("approval").open() == ["prepare_activation"]


async def test_a_returned_activation_is_prepared_again_and_approved_again(bench: Bench) -> None:
    play, stage = await prepared(bench)
    await stage.agreed("approve_activation", "return", key="r", comment="other dates")
    assert bench.effects.view.status == "drafting"
    assert await stage.open() == ["prepare_activation after-r"]
    await stage.agreed("prepare_activation", "submit", "after-r", data=LETTER)
    assert await stage.open() == ["approve_activation after-r"]
    await stage.agreed("approve_activation", "activate", "after-r", data={"letter_sha256": "b" * 64})
    await play.settled()
    assert bench.effects.view.status == "active"


async def test_a_refused_activation_ends_the_case(bench: Bench) -> None:
    play, stage = await prepared(bench)
    await stage.agreed("approve_activation", "refuse", **REASONS)
    assert (await play.case.outcome()).result == "rejected"
    assert bench.effects.open() == []


@pytest.mark.parametrize("verdict", ["activate", "refuse", "return"])
async def test_an_approval_that_the_record_bars_leaves_the_activation_open(bench: Bench, verdict: str) -> None:
    _, stage = await prepared(bench)
    bench.effects.refuse = bench.effects.saying("step_aside_in_force", on="case.status_changed")
    said = {"data": {"letter_sha256": "b" * 64}} if verdict == "activate" else REASONS
    assert [f.rule for f in (await stage.decide("approve_activation", verdict, **said)).findings] == ["step_aside_in_force"]
    assert await stage.open() == ["approve_activation"]


async def test_an_activation_withdrawn_while_it_is_approved_closes(bench: Bench) -> None:
    play, _ = await prepared(bench)
    assert (await play.case.say("withdraw", data={"reason": "no storm"})).counted
    assert (await play.case.outcome()).result == "withdrawn"
    assert bench.effects.open() == []


async def test_an_activation_withdrawn_while_it_is_vetted_never_starts(bench: Bench) -> None:
    play = await activating(bench, "standard", Asked(state="waiting"))
    assert (await play.case.say("withdraw", data={"reason": "no storm"})).counted
    assert (await play.case.outcome()).result == "withdrawn"
    assert "prepare_activation" not in [row.task.kind for row in bench.effects.rows.values()]


# -- the document itself, signed ahead ------------------------------------------------------------


async def ahead(bench: Bench) -> Play:
    bench.effects.facts["case"] = {"expires_at": iso(30)}
    bench.effects.facts["cash"] = {"reserved": True, "periods": []}
    play = await standard.in_approval(bench)
    bench.effects.facts["cash"] = {"reserved": True, "periods": []}
    await play.stage("approval").agreed("approve_document", "approve")
    await play.settled()
    await standard.sign(play)
    return play


async def test_a_contingency_document_stays_signed_without_money_until_its_programme_is_over(bench: Bench) -> None:
    play = await ahead(bench)
    bench.effects.left_out = set()
    await play.later(29)
    assert bench.effects.view.status == "signed"
    assert "case.activated" not in bench.effects.events()
    assert bench.effects.open() == []
    await play.later(1.5)
    assert bench.effects.recorded("case.status_changed")[-1] == {"to": "expired", "trigger": "programme_over"}
    assert bench.effects.events()[-1] == "case.expired"


async def test_an_expiry_that_the_record_does_not_take_today_is_recorded_tomorrow(bench: Bench) -> None:
    play = await ahead(bench)
    bench.effects.refuse = bench.effects.saying("activated_meanwhile", on="case.expired")
    await play.later(31)
    assert "case.expired" not in bench.effects.events()
    bench.effects.refuse = bench.effects.nothing
    await play.later(1.1)
    assert "case.expired" in bench.effects.events()
