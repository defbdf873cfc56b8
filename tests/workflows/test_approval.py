"""Approval and signature: who may approve is the record's to say; here: what is approved, what is signed, and what follows."""

from typing import Any

import pytest

from tests.workflows.conftest import UMBRELLA, Bench, Running

REASONS: dict[str, Any] = {"comment": "No", "message_to_partner": "Sorry", "reason_code": "budget"}
SIGNED = {"objects": [{"object": "document"}]}
BOTH_SIGNED = {"objects": [{"object": "document"}, {"object": "pca"}]}


async def approval(bench: Bench, carried: bool = False) -> Running:
    bench.effects.view = bench.effects.view.model_copy(update={"status": "in_approval"})
    bench.effects.facts["approval"] = {"carried": carried, "umbrella": UMBRELLA}
    stage = await bench.start("Approval", "approval")
    await stage.settled()
    return stage


async def approved(bench: Bench) -> Running:
    stage = await approval(bench)
    await stage.agreed("approve_document", "approve", role="authorised_officer")
    return stage


async def test_a_document_under_a_pca_is_approved_once_and_signed_by_both_sides(bench: Bench) -> None:
    stage = await approved(bench)
    assert await stage.open() == ["sign_as_partner", "sign_for_office"]
    await stage.agreed("sign_as_partner", "sign", data=SIGNED)
    await stage.agreed("sign_for_office", "sign", data=SIGNED)
    assert (await stage.outcome()).result == "signed"
    assert bench.effects.events()[-3:] == ["signature.recorded", "document.signed", "case.status_changed"]
    assert bench.effects.screened == ["before_approval", "before_last_signature"]
    await bench.keep(stage, "approval")


async def test_a_carried_pca_is_approved_and_signed_beside_its_document(bench: Bench) -> None:
    stage = await approval(bench, carried=True)
    assert await stage.open() == ["approve_document", "approve_pca"]
    await stage.agreed("approve_document", "approve")
    assert await stage.open() == ["approve_pca"]
    assert bench.effects.view.status == "in_approval"
    await stage.agreed("approve_pca", "approve")
    assert bench.effects.view.status == "in_signature"
    await stage.agreed("sign_for_office", "sign", data=BOTH_SIGNED)
    await stage.agreed("sign_as_partner", "sign", data=BOTH_SIGNED)
    assert (await stage.outcome()).result == "signed"
    signed = [e for b in bench.effects.batches for e in b.events if e.type == "umbrella.signed"]
    assert [e.subject for e in signed] == [UMBRELLA]
    assert [d["object"] for d in bench.effects.recorded("approval.given")] == ["document", "pca"]


async def taking_over(bench: Bench, stage: Running) -> None:
    """The case that carried the PCA leaves; this one is told that it carries it now."""
    bench.effects.facts["approval"] |= {"carried": True}
    await stage.handle.signal("look_again")
    await stage.settled()


async def test_a_pca_taken_over_before_the_approval_is_approved_and_signed_beside_the_document(bench: Bench) -> None:
    stage = await approval(bench)
    await taking_over(bench, stage)
    assert await stage.open() == ["approve_document", "approve_pca"]
    await stage.agreed("approve_document", "approve")
    assert await stage.open() == ["approve_pca"]
    await stage.agreed("approve_pca", "approve")
    for kind in ("sign_as_partner", "sign_for_office"):
        await stage.agreed(kind, "sign", data=BOTH_SIGNED)
    assert (await stage.outcome()).result == "signed"
    assert "umbrella.signed" in bench.effects.events()


@pytest.mark.parametrize("signed", [(), ("sign_as_partner",), ("sign_as_partner", "sign_for_office")], ids=len)
async def test_a_pca_taken_over_among_the_signatures_is_approved_and_whoever_has_signed_signs_it_too(
    bench: Bench, signed: tuple[str, ...]
) -> None:
    stage = await approved(bench)
    bench.effects.left_out = {"signed"}  # the document waits for the PCA
    for kind in signed:
        await stage.agreed(kind, "sign", data=SIGNED)
    await taking_over(bench, stage)
    await taking_over(bench, stage)
    assert [task for task in await stage.open() if task.startswith("approve")] == ["approve_pca"]
    bench.effects.left_out = set()
    await stage.agreed("approve_pca", "approve")
    assert bench.effects.view.status == "in_signature"
    left = [kind for kind in ("sign_as_partner", "sign_for_office") if kind not in signed]
    assert await stage.open() == sorted([*left, *(f"{kind} pca" for kind in signed)])
    for kind in signed:
        await stage.agreed(kind, "sign", "pca", data={"objects": [{"object": "pca"}]})
    for kind in left:
        await stage.agreed(kind, "sign", data=BOTH_SIGNED)
    assert (await stage.outcome()).result == "signed"
    assert bench.effects.events()[-3:] == ["umbrella.signed", "document.signed", "case.status_changed"]


@pytest.mark.parametrize("order", [("sign_as_partner", "sign_for_office"), ("sign_for_office", "sign_as_partner")])
async def test_the_two_sides_sign_in_either_order(bench: Bench, order: tuple[str, str]) -> None:
    stage = await approved(bench)
    for kind in order:
        await stage.agreed(kind, "sign", data=SIGNED)
    assert (await stage.outcome()).result == "signed"


@pytest.mark.parametrize(
    ("kind", "verdict", "trigger"),
    [
        ("approve_document", "return", "return"),
        ("sign_for_office", "return", "return"),
        ("sign_as_partner", "request_change", "request_change"),
    ],
)
async def test_every_way_back_to_drafting_unlocks_the_document(bench: Bench, kind: str, verdict: str, trigger: str) -> None:
    stage = await approval(bench) if kind == "approve_document" else await approved(bench)
    await stage.agreed(kind, verdict, **REASONS)
    assert (await stage.outcome()).result == "returned"
    assert bench.effects.view.status == "drafting"
    assert bench.effects.events()[-3:] == ["approval.returned", "document.unlocked", "case.status_changed"]
    assert bench.effects.recorded("case.status_changed")[-1]["trigger"] == trigger
    assert bench.effects.open() == []


async def test_a_rejection_ends_the_case(bench: Bench) -> None:
    stage = await approval(bench, carried=True)
    await stage.agreed("approve_pca", "reject", **REASONS)
    assert (await stage.outcome()).result == "rejected"
    assert bench.effects.recorded("case.rejected") == [{"stage": "approval", "reason_code": "budget"}]
    assert bench.effects.view.ended == "rejected"
    assert bench.effects.open() == []


async def test_a_partner_that_refuses_to_sign_withdraws(bench: Bench) -> None:
    stage = await approved(bench)
    await stage.agreed("sign_as_partner", "refuse", comment="No")
    assert (await stage.outcome()).result == "ended"
    assert bench.effects.view.ended == "withdrawn"


async def test_invariant_6_an_approval_that_the_record_bars_leaves_everything_as_it_was(bench: Bench) -> None:
    stage = await approval(bench)
    bench.effects.refuse = bench.effects.saying("segregation", on="approval.given")
    answer = await stage.decide("approve_document", "approve")
    assert [f.rule for f in answer.findings] == ["segregation"]
    assert await stage.open() == ["approve_document"]
    assert bench.effects.view.status == "in_approval"


async def test_invariant_7_the_last_signature_waits_while_something_is_missing_and_is_tried_again(bench: Bench) -> None:
    stage = await approved(bench)
    bench.effects.left_out = {"signed"}
    await stage.agreed("sign_as_partner", "sign", data=SIGNED)
    await stage.agreed("sign_for_office", "sign", data=SIGNED)
    assert "document.signed" not in bench.effects.events()
    bench.effects.refuse = bench.effects.saying("vendor_unconfirmed", on="document.signed")
    await stage.later(3)
    assert bench.effects.view.status == "in_signature"
    bench.effects.refuse = bench.effects.nothing
    await stage.handle.signal("look_again")
    assert (await stage.outcome()).result == "signed"
    assert bench.effects.view.status == "signed"
    assert bench.effects.events().count("signature.recorded") == 2


async def test_what_is_missing_at_the_last_signature_is_looked_at_every_day(bench: Bench) -> None:
    stage = await approved(bench)
    bench.effects.left_out = {"signed"}
    await stage.agreed("sign_as_partner", "sign", data=SIGNED)
    await stage.agreed("sign_for_office", "sign", data=SIGNED)
    ticked = await stage.settled()
    assert ticked.next is not None
    await stage.later(1.01)
    assert (await stage.outcome()).result == "signed"


async def test_the_case_is_told_when_all_is_approved(bench: Bench) -> None:
    told = await bench.start("ProgrammeDocument", "document")
    bench.effects.facts["approval"] = {"carried": False}
    stage = await bench.start("Approval", "approval", case=told.handle.id)
    await stage.agreed("approve_document", "approve")
    await stage.settled()
    names = await told.signals()
    assert names.count("look_again") == 1


async def test_an_approver_may_ask_first(bench: Bench) -> None:
    stage = await approval(bench)
    assert (await stage.say("ask", key="q", task=stage.task("approve_document"), data={"to": "xx.002", "question": "?"})).counted
    await stage.agreed("answer_question", "answer", "xx.001-q")
    assert bench.effects.recorded("review.question_answered") == [{"question": "xx.001-q"}]
    assert await stage.open() == ["approve_document"]


async def test_a_case_that_ended_closes_the_approval(bench: Bench) -> None:
    stage = await approved(bench)
    await stage.handle.signal("case_changed", bench.effects.change(status="cancelled", ended="cancelled"))
    assert (await stage.outcome()).result == "ended"


async def test_a_hold_stops_approval_and_signature(bench: Bench) -> None:
    stage = await approved(bench)
    await stage.handle.signal("case_changed", bench.effects.change(held=True))
    assert [f.rule for f in (await stage.decide("sign_for_office", "sign", data=SIGNED)).findings] == ["on_hold"]
    await stage.handle.signal("case_changed", bench.effects.change(held=False))
    await stage.agreed("sign_for_office", "sign", data=SIGNED)


async def test_invariant_8_a_hold_between_the_signatures_and_what_is_missing_stops_the_last_step(bench: Bench) -> None:
    stage = await approved(bench)
    bench.effects.left_out = {"signed"}
    await stage.agreed("sign_as_partner", "sign", data=SIGNED)
    await stage.agreed("sign_for_office", "sign", data=SIGNED)
    bench.effects.left_out = set()
    await stage.handle.signal("case_changed", bench.effects.change(held=True))
    await stage.later(3)
    assert bench.effects.view.status == "in_signature"
    await stage.handle.signal("case_changed", bench.effects.change(held=False))
    assert (await stage.outcome()).result == "signed"


async def test_a_signature_that_the_record_refuses_is_none(bench: Bench) -> None:
    stage = await approved(bench)
    bench.effects.refuse = bench.effects.saying("objects_missing", on="signature.recorded")
    assert [f.rule for f in (await stage.decide("sign_as_partner", "sign", data=SIGNED)).findings] == ["objects_missing"]
    bench.effects.refuse = bench.effects.nothing
    await stage.agreed("sign_for_office", "sign", data=SIGNED)
    assert await stage.open() == ["sign_as_partner"]
    assert bench.effects.view.status == "in_signature"
