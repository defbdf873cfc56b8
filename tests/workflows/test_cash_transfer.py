"""Cash: reserved, requested, checked by two, released by a third, paid by a bank that may be silent, wrong or late, and reported."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.engine import BankWord
from tests.workflows.conftest import Bench, Running

REASONS: dict[str, Any] = {"comment": "No", "message_to_partner": "Please", "reason_code": "budget"}
PAID = BankWord(kind="confirmed", reference="B1")
OTHER = BankWord(kind="confirmed", reference="B1", same_amount=False)
REFUSED = BankWord(kind="refused", reference="B1", reason="account closed")


def periods(*days: float) -> list[dict[str, Any]]:
    """Periods whose requests open that many days from now."""
    return [{"period": n, "request_from": (datetime.now(UTC) + timedelta(days=d)).isoformat()} for n, d in enumerate(days, 1)]


async def cash(bench: Bench, *days: float, status: str = "signed", reserved: bool = True) -> Running:
    bench.effects.view = bench.effects.view.model_copy(update={"status": status})
    bench.effects.facts["cash"] = {"reserved": reserved, "periods": periods(*(days or (0,)))}
    stage = await bench.start("CashTransfer", "cash")
    await stage.settled()
    return stage


async def checked(bench: Bench, *days: float) -> Running:
    stage = await cash(bench, *days)
    await check(stage, "1")
    return stage


async def check(stage: Running, n: str) -> None:
    await stage.agreed("request_cash", "submit", n)
    await stage.agreed("certify_request", "certify", n)
    await stage.agreed("check_request", "pass", n)


async def released(bench: Bench, *days: float, words: list[BankWord] | None = None) -> Running:
    bench.effects.words = {1: words or []}
    stage = await checked(bench, *days)
    await stage.agreed("release_cash", "release", "1")
    await stage.settled()
    return stage


def order(bench: Bench, nth: int = 1) -> str:
    return f"{bench.reference}:1:{nth}"


# -- the way of an instalment ---------------------------------------------------------------------------------------------------------


async def test_an_instalment_is_requested_checked_released_paid_reported_and_accepted(bench: Bench) -> None:
    stage = await cash(bench, status="in_signature", reserved=False)
    assert await stage.open() == ["reserve_funds"]
    await stage.agreed("reserve_funds", "reserve", data={"number": "F1"})
    await stage.handle.signal("case_changed", bench.effects.change(status="signed"))
    await stage.settled()
    bench.effects.words = {1: [PAID]}
    await check(stage, "1")
    assert await stage.open() == ["release_cash 1"]
    await stage.agreed("release_cash", "release", "1")
    await stage.settled()
    assert bench.effects.sent == [order(bench)]
    await stage.later(1.1)
    assert bench.effects.recorded("payment.confirmed") == [{"order": order(bench), "bank_reference": "B1", "at": None}]
    await stage.later(1.1)
    assert await stage.open() == ["submit_report 1"]
    await stage.agreed("submit_report", "submit", "1")
    await stage.agreed("review_report_programme", "accept", "1")
    await stage.agreed("review_report_finance", "accept_in_part", "1", **REASONS)
    await stage.later(5)
    assert (await stage.outcome()).result == "liquidated"
    assert bench.effects.events() == [
        "funds.reserved", "cash.requested", "cash.certified", "cash.checked", "cash.released", "payment.ordered", "payment.confirmed",
        "report.due", "report.submitted", "report.reviewed", "report.reviewed",
    ]  # fmt: skip
    await bench.keep(stage, "cash")


async def test_the_next_instalment_is_a_new_run_of_the_same_stage(bench: Bench) -> None:
    bench.effects.words = {1: [PAID], 2: [PAID]}
    stage = await checked(bench, 0, 60)
    first = (await stage.handle.describe()).run_id
    await stage.agreed("release_cash", "release", "1")
    await stage.settled()
    await stage.later(2.2)
    await stage.agreed("submit_report", "submit", "1")
    await stage.agreed("review_report_programme", "accept", "1")
    await stage.agreed("review_report_finance", "accept", "1")
    await stage.later(60)
    await stage.settled()
    assert (await stage.handle.describe()).run_id != first
    assert await stage.open() == ["request_cash 2"]
    await check(stage, "2")
    await stage.agreed("release_cash", "release", "2")
    await stage.settled()
    assert bench.effects.sent == [order(bench, 1), order(bench, 2)]


async def test_reduced_amounts_go_the_same_way(bench: Bench) -> None:
    stage = await cash(bench)
    await stage.agreed("request_cash", "submit", "1")
    await stage.agreed("certify_request", "certify_reduced", "1", **REASONS)
    await stage.agreed("check_request", "pass_reduced", "1", **REASONS)
    assert await stage.open() == ["release_cash 1"]


async def test_invariant_6_finance_cannot_check_before_programme_has_certified(bench: Bench) -> None:
    stage = await cash(bench)
    await stage.agreed("request_cash", "submit", "1")
    assert await stage.open() == ["certify_request 1"]
    assert [f.rule for f in (await stage.decide("check_request", "pass", "1")).findings] == ["task_closed"]


@pytest.mark.parametrize("step", ["certify_request", "check_request", "release_cash"])
async def test_each_check_may_send_the_request_back_and_it_comes_again_under_a_new_name(bench: Bench, step: str) -> None:
    stage = await cash(bench)
    await stage.agreed("request_cash", "submit", "1")
    for kind, verdict in (("certify_request", "certify"), ("check_request", "pass"), ("release_cash", "release")):
        if kind == step:
            break
        await stage.agreed(kind, verdict, "1")
    await stage.agreed(step, "return", "1", **REASONS)
    assert await stage.open() == ["request_cash 1-return-1"]
    assert bench.effects.recorded("cash.returned")[0]["instalment"] == 1
    await check(stage, "1-return-1")
    await stage.agreed("release_cash", "release", "1-return-1")
    await stage.settled()
    assert bench.effects.sent == [order(bench)]


async def test_nothing_needed_ends_the_period(bench: Bench) -> None:
    stage = await cash(bench)
    await stage.agreed("request_cash", "nothing_needed", "1", comment="enough left")
    assert (await stage.outcome()).result == "liquidated"
    assert bench.effects.recorded("cash.not_needed") == [{"instalment": 1}]


async def test_a_refused_release_moves_no_money(bench: Bench) -> None:
    stage = await checked(bench, 0, 60)
    await stage.agreed("release_cash", "refuse", "1", **REASONS)
    assert bench.effects.sent == []
    assert bench.effects.recorded("cash.returned") == [{"instalment": 1, "refused": True}]


async def test_invariant_2_a_release_that_the_record_bars_sends_no_order(bench: Bench) -> None:
    stage = await checked(bench)
    bench.effects.refuse = bench.effects.saying("screening_stale", on="cash.released")
    assert [f.rule for f in (await stage.decide("release_cash", "release", "1")).findings] == ["screening_stale"]
    assert bench.effects.sent == []
    assert await stage.open() == ["release_cash 1"]
    assert bench.effects.screened == ["before_release"]


async def test_funds_that_cannot_be_reserved_stay_to_be_reserved(bench: Bench) -> None:
    stage = await cash(bench, status="in_signature", reserved=False)
    await stage.agreed("reserve_funds", "cannot_reserve", comment="grant full")
    assert await stage.open() == ["reserve_funds"]
    await stage.agreed("reserve_funds", "top_up", data={"number": "F2"})
    assert bench.effects.events() == ["funds.reservation_refused", "funds.reserved"]


@pytest.mark.parametrize("status", ["drafting", "in_review", "in_approval", "rejected"])
async def test_a_document_that_goes_back_before_it_is_signed_stands_the_cash_down(bench: Bench, status: str) -> None:
    stage = await cash(bench, status="in_signature", reserved=False)
    await stage.handle.signal("case_changed", bench.effects.change(status=status))
    assert (await stage.outcome()).result == "stood_down"
    assert bench.effects.open() == []


async def test_no_cash_is_requested_before_the_last_signature(bench: Bench) -> None:
    stage = await cash(bench, status="in_signature")
    assert await stage.open() == []
    await stage.later(30)
    assert await stage.open() == []


async def test_a_case_that_ended_closes_the_cash(bench: Bench) -> None:
    stage = await checked(bench)
    await stage.handle.signal("case_changed", bench.effects.change(status="terminated", ended="terminated"))
    assert (await stage.outcome()).result == "ended"
    assert bench.effects.open() == []


async def test_what_the_record_does_not_open_today_is_asked_for_again_tomorrow(bench: Bench) -> None:
    bench.effects.refuse = bench.effects.saying("blocked", on="request_cash")
    stage = await cash(bench)
    assert await stage.open() == []
    bench.effects.refuse = bench.effects.nothing
    await stage.later(1.1)
    assert await stage.open() == ["request_cash 1"]


# -- the report ------------------------------------------------------------------------------------------------------------------------


async def reported(bench: Bench) -> Running:
    stage = await released(bench, words=[PAID])
    await stage.later(2.2)
    await stage.agreed("submit_report", "submit", "1")
    return stage


@pytest.mark.parametrize("side", ["review_report_programme", "review_report_finance"])
async def test_either_reviewer_may_return_the_report_and_the_other_review_falls_away(bench: Bench, side: str) -> None:
    stage = await reported(bench)
    assert await stage.open() == ["review_report_finance 1", "review_report_programme 1"]
    await stage.agreed(side, "return", "1", **REASONS)
    assert await stage.open() == ["submit_report 1-return-1"]
    await stage.agreed("submit_report", "submit", "1-return-1")
    assert await stage.open() == ["review_report_finance 1-return-1", "review_report_programme 1-return-1"]
    assert bench.effects.recorded("report.reviewed") == [{"instalment": 1, "result": "returned", "side": side.rsplit("_", 1)[1]}]


async def test_one_review_alone_accepts_nothing(bench: Bench) -> None:
    stage = await reported(bench)
    await stage.agreed("review_report_programme", "accept", "1")
    assert await stage.open() == ["review_report_finance 1"]


async def test_a_report_that_the_record_does_not_open_today_is_asked_for_tomorrow(bench: Bench) -> None:
    stage = await released(bench, words=[PAID])
    bench.effects.refuse = bench.effects.saying("later", on="report.due")
    await stage.later(2.2)
    assert await stage.open() == []
    bench.effects.refuse = bench.effects.nothing
    await stage.later(1.1)
    assert await stage.open() == ["submit_report 1"]


# -- the bank ---------------------------------------------------------------------------------------------------------------------------


async def test_invariant_3_an_order_is_recorded_before_it_is_sent_and_sent_once(bench: Bench) -> None:
    stage = await released(bench)
    await stage.later(10)
    assert bench.effects.sent == [order(bench)]
    assert bench.effects.events().count("payment.ordered") == 1


async def test_invariant_3_a_release_whose_write_crashes_after_its_commit_is_ordered_once(bench: Bench) -> None:
    bench.effects.words = {1: [PAID]}
    stage = await checked(bench)
    release = stage.decision(stage.task("release_cash", "1"), "release")
    bench.effects.crash_once.add(release.receipt)
    assert (await stage.put(release)).counted
    await stage.settled()
    assert bench.effects.crashed == [release.receipt]
    assert bench.effects.sent == [order(bench)]


async def test_a_silent_bank_is_asked_by_number_and_after_its_time_a_person_looks(bench: Bench) -> None:
    stage = await released(bench)
    await stage.later(2)
    assert await stage.open() == []
    await stage.later(2)
    assert await stage.open() == [f"resolve_payment_problem {order(bench)}"]
    assert bench.effects.recorded("payment.anomaly") == [{"order": order(bench), "kind": "late"}]
    await stage.later(10)
    assert bench.effects.events().count("payment.anomaly") == 1


async def test_an_answer_that_never_came_is_unknown_and_never_sent_again(bench: Bench) -> None:
    bench.effects.unknown = True
    stage = await released(bench)
    await stage.later(4)
    assert bench.effects.recorded("payment.anomaly") == [{"order": order(bench), "kind": "unknown"}]
    assert bench.effects.sent == [order(bench)]


async def test_a_late_confirmation_is_booked_once_it_comes(bench: Bench) -> None:
    stage = await released(bench)
    await stage.later(4)
    bench.effects.words = {1: [PAID]}
    await stage.later(1.1)
    assert bench.effects.events().count("payment.confirmed") == 1


async def test_invariant_3_a_second_payment_is_booked_nowhere_and_shown_to_a_person(bench: Bench) -> None:
    stage = await released(bench, words=[PAID, PAID.model_copy(update={"reference": "B2"})])
    await stage.later(1.1)
    assert bench.effects.events().count("payment.confirmed") == 1
    assert [d["kind"] for d in bench.effects.recorded("payment.anomaly")] == ["twice"]
    assert f"resolve_payment_problem {order(bench)}" in await stage.open()


async def test_a_second_payment_days_after_the_first_does_not_pass_unseen(bench: Bench) -> None:
    stage = await released(bench, words=[PAID])
    await stage.later(1.1)
    bench.effects.words = {1: [PAID, PAID.model_copy(update={"reference": "B2"})]}
    await stage.later(3.1)
    assert [d["kind"] for d in bench.effects.recorded("payment.anomaly")] == ["twice"]


async def test_another_amount_is_booked_only_by_a_persons_word(bench: Bench) -> None:
    stage = await released(bench, words=[OTHER])
    await stage.later(1.1)
    assert "payment.confirmed" not in bench.effects.events()
    assert [d["kind"] for d in bench.effects.recorded("payment.anomaly")] == ["other_amount"]
    due = datetime.now(UTC) + timedelta(days=3)
    bench.effects.tells = {"payment.problem_resolved": {"report": {"instalment": 1, "from": due.isoformat(), "due": due.isoformat()}}}
    await stage.agreed("resolve_payment_problem", "accept_difference", order(bench), comment="fees")
    await stage.later(2.1)
    assert await stage.open() == ["submit_report 1"]


async def test_a_payment_that_the_record_never_ordered_is_shown_to_a_person(bench: Bench) -> None:
    bench.effects.refuse = bench.effects.saying("not_ordered", on="payment.confirmed")
    stage = await released(bench, words=[PAID])
    await stage.later(1.1)
    assert [d["kind"] for d in bench.effects.recorded("payment.anomaly")] == ["not_ordered"]


async def test_a_refused_payment_is_sent_again_only_by_a_persons_word_and_under_a_new_number(bench: Bench) -> None:
    stage = await released(bench, words=[REFUSED])
    await stage.later(1.1)
    assert await stage.open() == [f"resolve_payment_problem {order(bench)}"]
    assert bench.effects.recorded("payment.refused")[0]["why"] == "account closed"
    bench.effects.words[2] = [PAID]
    await stage.agreed("resolve_payment_problem", "send_again", order(bench))
    await stage.settled()
    assert bench.effects.sent == [order(bench, 1), order(bench, 2)]
    await stage.later(1.1)
    assert [d["order"] for d in bench.effects.recorded("payment.confirmed")] == [order(bench, 2)]


async def test_a_second_order_that_the_record_bars_is_not_sent(bench: Bench) -> None:
    stage = await released(bench, words=[REFUSED])
    await stage.later(1.1)
    bench.effects.refuse = bench.effects.saying("paid", on="payment.problem_resolved")
    assert not (await stage.decide("resolve_payment_problem", "send_again", order(bench))).counted
    assert bench.effects.sent == [order(bench)]
    assert await stage.open() == [f"resolve_payment_problem {order(bench)}"]


async def test_invariant_3_money_that_comes_under_a_given_up_order_does_not_pass_unseen(bench: Bench) -> None:
    stage = await released(bench)
    await stage.later(4)
    await stage.agreed("resolve_payment_problem", "send_again", order(bench))
    await stage.settled()
    bench.effects.words = {1: [PAID], 2: [PAID]}
    await stage.later(1.1)
    assert [d["order"] for d in bench.effects.recorded("payment.confirmed")] == [order(bench, 2)]
    assert [(d["order"], d["kind"]) for d in bench.effects.recorded("payment.anomaly")] == [
        (order(bench), "late"),
        (order(bench), "twice"),
    ]
    assert [t for t in await stage.open() if t.startswith("resolve")] == [f"resolve_payment_problem {order(bench)} twice:1"]
    await stage.agreed("resolve_payment_problem", "recover", f"{order(bench)} twice:1", comment="call the bank")
    assert bench.effects.recorded("payment.problem_resolved")[-1] == {"order": order(bench), "verdict": "recover"}


async def test_a_corrected_account_puts_the_same_question_again(bench: Bench) -> None:
    stage = await released(bench, words=[REFUSED])
    await stage.later(1.1)
    await stage.agreed("resolve_payment_problem", "correct_account", order(bench), key="c")
    assert await stage.open() == [f"resolve_payment_problem {order(bench)} after c"]
    await stage.agreed("resolve_payment_problem", "send_again", f"{order(bench)} after c")
    await stage.settled()
    assert bench.effects.sent == [order(bench, 1), order(bench, 2)]


async def test_a_cancelled_payment_ends_the_matter(bench: Bench) -> None:
    stage = await released(bench, words=[REFUSED])
    await stage.later(1.1)
    await stage.agreed("resolve_payment_problem", "cancel_payment", order(bench), comment="not needed")
    await stage.later(10)
    assert (await stage.outcome()).result == "liquidated"
    assert bench.effects.sent == [order(bench)]


# -- what the record refuses ---------------------------------------------------------------------------------------------------------------


async def test_a_document_of_supplies_only_has_no_cash_to_ask_for(bench: Bench) -> None:
    bench.effects.view = bench.effects.view.model_copy(update={"status": "signed"})
    bench.effects.facts["cash"] = {"reserved": True, "periods": []}
    stage = await bench.start("CashTransfer", "cash")
    assert (await stage.outcome()).result == "liquidated"
    assert bench.effects.events() == []


async def test_a_report_that_the_record_refuses_is_reviewed_by_nobody(bench: Bench) -> None:
    stage = await released(bench, words=[PAID])
    await stage.later(2.2)
    bench.effects.refuse = bench.effects.saying("over_amount", on="report.submitted")
    assert [f.rule for f in (await stage.decide("submit_report", "submit", "1")).findings] == ["over_amount"]
    assert await stage.open() == ["submit_report 1"]


async def test_a_return_that_the_record_refuses_closes_nothing_beside_it_and_is_not_numbered(bench: Bench) -> None:
    stage = await reported(bench)
    bench.effects.refuse = bench.effects.saying("segregation", on="report.reviewed")
    assert not (await stage.decide("review_report_finance", "return", "1", **REASONS)).counted
    assert await stage.open() == ["review_report_finance 1", "review_report_programme 1"]
    bench.effects.refuse = bench.effects.nothing
    await stage.agreed("review_report_programme", "return", "1", **REASONS)
    assert await stage.open() == ["submit_report 1-return-1"]
