"""Cash settled against the rows: reserved, requested, checked, released, paid, reported; every cent by the ledger."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from activities.settle_vetting import account_hash
from db import audit, content
from schemas.engine import Event, Opening, Recorded, Task
from tests.activities import fast_path as fp
from tests.activities.desk import Desk, at, facts, rules, sha
from tests.activities.test_deferrals import rated
from tests.activities.test_settle_approval import PARTNER, UMBRELLA, in_signature, signed
from tests.kept import kept

NEED = {
    "1.1.1": "2300000.00",
    "1.1.2": "3240000.00",
    "1.2.1": "1200000.00",
    "1.2.2": "1490000.00",
    "M1": "880000.00",
    "M2": "390000.00",
    "M3": "330000.00",
    "H": "688100.00",
}
FIRST = "10518100.00"
ORDER = "KEN/2026/0007:1:1"
RETURNED: dict[str, Any] = {"comment": "c", "message_to_partner": "m", "reason_code": "budget"}


def lines(amounts: dict[str, str]) -> list[dict[str, str]]:
    return [{"activity": line, "amount": amount} for line, amount in amounts.items()]


async def reserve(desk: Desk, case: str, amount: str = "21000000.00", whom: str = "", verdict: str = "reserve", **changed: Any) -> Recorded:
    (task,) = await desk.open(case, "cash", at("2026-04-10"), Opening(kind="reserve_funds", whom=whom))
    data = {
        "number": "FR-1",
        "vendor_number": "2500317",
        "currency": "KES",
        "amount": amount,
        "lines": [{"grant": "SC-1", "amount": amount, "expires_on": "2027-12-31"}],
    } | changed
    event = Event(type="funds.reserved", take=["number", "vendor_number", "currency", "amount", "lines"])
    return await desk.decide(task, "ke.009", "finance_officer", verdict, at("2026-04-15"), [event], subject=case, data=data)


@kept
async def active(desk: Desk, conditions: list[dict[str, str]] | None = None, reserved: str = "21000000.00") -> str:
    """C1, signed, funded and started."""
    case = await signed(desk, conditions)
    done = await reserve(desk, case, reserved)
    assert not done.refused, done.findings
    events = [Event(type="case.status_changed", data={"to": "active", "trigger": "conditions_met"}), Event(type="case.activated")]
    started = await desk.system(case, "case", "activate", at("2026-06-01", "00:01"), events)
    assert not started.refused, started.findings
    return case


async def request(
    desk: Desk, case: str, amounts: dict[str, str] | None = None, whom: str = "1", day: str = "2026-05-25", **face: Any
) -> Recorded:
    (task,) = await desk.open(case, "cash", at("2026-04-10"), Opening(kind="request_cash", whom=whom))
    form = {
        "period": 1,
        "modality": "direct_cash_transfer",
        "currency": "KES",
        "lines": lines(amounts or NEED),
        "account_ref": "ACC-KE-7731",
    }
    data = {"face": form | face, "certified": True, "sha256": sha("FACE 1"), "signed_by": face.pop("signed_by", "ke.p02"), "signed_on": day}
    data["face"] = form | face
    event = Event(type="cash.requested", data={"instalment": int(whom[0])}, take=["face"])
    return await desk.decide(task, "ke.p02", "partner_authorised_officer", "submit", at(day), [event], subject=case, data=data)


async def check(desk: Desk, case: str, kind: str, verdict: str, whom: str = "1", amounts: dict[str, str] | None = None) -> Recorded:
    actor, role, event = {
        "certify_request": ("ke.003", "budget_owner", "cash.certified"),
        "check_request": ("ke.010", "finance_officer", "cash.checked"),
    }[kind]
    (task,) = await desk.open(case, "cash", at("2026-05-25"), Opening(kind=kind, whom=whom))
    said: dict[str, Any] = {"data": {"lines": lines(amounts)}} | RETURNED if amounts else {}
    happened = Event(type=event, data={"instalment": int(whom[0])}, take=["lines"])
    return await desk.decide(task, actor, role, verdict, at("2026-05-27"), [happened], subject=case, **said)


async def checked(desk: Desk, case: str) -> str:
    for done in (
        await request(desk, case),
        await check(desk, case, "certify_request", "certify"),
        await check(desk, case, "check_request", "pass"),
    ):
        assert not done.refused, done.findings
    return case


async def release(
    desk: Desk, case: str, amount: str = FIRST, actor: str = "ke.007", when: str = "2026-06-01", *, screened: bool = True, value: str = ""
) -> Recorded:
    (task,) = await desk.open(case, "cash", at("2026-05-29"), Opening(kind="release_cash", whom="1"))
    if screened:
        await desk.screen(case, at(when, "08:00"), "before_release")
    events = [
        Event(type="cash.released", data={"instalment": 1}, take=["amount", "value_date"]),
        Event(type="payment.ordered", data={"instalment": 1}),
    ]
    data = {"amount": amount, "value_date": value or when}
    return await desk.decide(task, actor, "authorised_officer", "release", at(when), events, subject=case, data=data)


@kept
async def released(desk: Desk) -> str:
    case = await checked(desk, await active(desk))
    done = await release(desk, case)
    assert not done.refused, done.findings
    return case


async def bank_says(
    desk: Desk, reference: str, amount: str = FIRST, kind: str = "confirmed", day: str = "2026-06-03", order: str = ORDER
) -> None:
    """The word that `ask_bank` keeps."""
    said = {"kind": kind, "amount": amount, "currency": "KES", "at": at(day).isoformat(), "reason": None}
    await desk.pool.execute(
        "INSERT INTO receipt (key, request_hash, response) VALUES ($1, $2, $3)", f"bank:{order}:{reference}", sha(reference), said
    )


async def confirm(desk: Desk, case: str, reference: str = "B-1", order: str = ORDER) -> Recorded:
    event = Event(type="payment.confirmed", data={"order": order, "bank_reference": reference, "at": at("2026-06-03").isoformat()})
    return await desk.system(case, "cash", f"confirmed:{order}:{reference}", at("2026-06-03", "12:00"), [event])


@kept
async def paid(desk: Desk) -> str:
    case = await released(desk)
    await bank_says(desk, "B-1")
    done = await confirm(desk, case)
    assert not done.refused, done.findings
    return case


async def ledger(desk: Desk, case: str) -> dict[str, Decimal]:
    rows = await desk.pool.fetch(
        "SELECT account, sum(amount) AS amount FROM entry JOIN journal ON journal.id = entry.journal WHERE subject = $1 GROUP BY account",
        case,
    )
    return {row["account"]: row["amount"] for row in rows if row["amount"]}


async def problem(desk: Desk, case: str, verdict: str, *, order: str = ORDER, data: dict[str, str] | None = None, **said: Any) -> Recorded:
    task = await open_problem(desk, case, order)
    events = [Event(type="payment.problem_resolved", data={"order": order, "verdict": verdict}, take=["amount"])]
    if verdict == "send_again":
        events.append(Event(type="payment.ordered", data={"again": order}))
    if data:
        said["data"] = data
    return await desk.decide(task, "ke.010", "finance_officer", verdict, at("2026-06-05"), events, subject=case, comment="c", **said)


async def open_problem(desk: Desk, case: str, order: str = ORDER) -> Task:
    (task,) = await desk.open(case, "cash", at("2026-06-04"), Opening(kind="resolve_payment_problem", whom=order))
    return task


async def anomaly(desk: Desk, case: str, kind: str, reference: str | None = None) -> Recorded:
    event = Event(type="payment.anomaly", data={"order": ORDER, "kind": kind, "bank_reference": reference})
    return await desk.system(case, "cash", f"{kind}:{reference}", at("2026-06-04"), [event])


# Reservation ----------------------------------------------------------------------------------------------------------------------


async def test_a_reservation_below_the_office_cash_owes_a_top_up_and_opens_it(desk: Desk) -> None:
    case = await signed(desk)
    done = await reserve(desk, case)
    assert [(task.kind, task.whom) for task in done.tasks] == [("reserve_funds", "top-up-1")]
    assert [start.workflow for start in done.starts] == ["Obligations"]
    assert len(done.look_again) == 1
    row = await desk.row("obligation", case, kind="reservation_top_up")
    assert row is not None
    assert (row["state"], row["due_at"], row["owner_role"]) == ("open", None, "finance_officer")


async def test_a_top_up_that_covers_the_office_cash_meets_the_obligation(desk: Desk) -> None:
    case = await signed(desk)
    await reserve(desk, case)
    done = await reserve(desk, case, "32072000.00", "top-up-1", "top_up")
    assert not done.refused, done.findings
    row = await desk.row("obligation", case, kind="reservation_top_up")
    assert row is not None
    assert row["state"] == "met"
    assert done.tasks == []


async def test_every_fault_of_a_reservation_is_told_at_once(desk: Desk) -> None:
    case = await signed(desk)
    wrong = [{"grant": "SC-1", "amount": "5.00", "expires_on": "2026-01-31"}]
    done = await reserve(desk, case, "9.00", vendor_number="1", currency="USD", lines=wrong)
    assert rules(done.findings) == {"other_vendor", "other_currency", "amounts_do_not_add_up", "grant_expired"}
    assert await desk.row("reservation", case) is None


async def test_a_reservation_number_serves_one_document_once(desk: Desk) -> None:
    case = await signed(desk)
    await reserve(desk, case)
    done = await reserve(desk, case, "100.00", "again")
    assert rules(done.findings) == {"reservation_used"}


# Request and checks ---------------------------------------------------------------------------------------------------------------


async def test_the_first_need_may_be_requested_before_the_start(desk: Desk) -> None:
    case = await signed(desk)
    done = await request(desk, case)
    assert not done.refused, done.findings
    row = await desk.row("instalment", case, instalment=1)
    assert row is not None
    assert (str(row["requested"]), row["state"], row["signed_by"]) == (FIRST, "requested", "ke.p02")
    (told,) = await desk.told(case, "cash.requested")
    assert "face" not in told


async def test_every_fault_of_a_face_is_told_at_once(desk: Desk) -> None:
    case = await signed(desk)
    done = await request(desk, case, NEED | {"9.9.9": "1.00", "1.1.1": "99000000.00"}, account_ref="ACC-OTHER", currency="USD", period=2)
    assert rules(done.findings) >= {
        "unknown_line",
        "line_above_remaining",
        "other_account",
        "other_currency",
        "other_period",
        "above_ceiling",
    }


async def test_an_estimate_that_does_not_add_up_is_refused(desk: Desk) -> None:
    case = await signed(desk)
    estimate = [{"activity": "1.1.1", "item": "kit", "unit": "kit", "number": "1", "price": "1.00"}]
    done = await request(desk, case, {"1.1.1": "2300000.00"}, estimate=estimate)
    assert rules(done.findings) == {"estimate_does_not_match"}


async def test_a_reduction_lowers_lines_and_never_raises_one(desk: Desk) -> None:
    case = await signed(desk)
    await request(desk, case)
    done = await check(desk, case, "certify_request", "certify_reduced", amounts=NEED | {"M2": "400000.00"})
    assert rules(done.findings) == {"not_a_reduction"}
    done = await check(desk, case, "certify_request", "certify_reduced", amounts=NEED | {"M2": "300000.00"})
    assert not done.refused, done.findings
    (told,) = await desk.told(case, "cash.certified")
    assert (told["amount"], told["reductions"]) == ("10428100.00", [{"activity": "M2", "amount": "90000.00"}])


async def test_a_returned_request_may_come_again(desk: Desk) -> None:
    case = await signed(desk)
    await request(desk, case)
    (task,) = await desk.open(case, "cash", at("2026-05-25"), Opening(kind="certify_request", whom="1"))
    event = Event(type="cash.returned", data={"instalment": 1, "result": "returned", "side": "request"})
    done = await desk.decide(task, "ke.003", "budget_owner", "return", at("2026-05-26"), [event], subject=case, **RETURNED)
    assert not done.refused, done.findings
    again = await request(desk, case, whom="1-return-1", day="2026-05-27")
    assert not again.refused, again.findings
    row = await desk.row("instalment", case, instalment=1)
    assert row is not None
    assert row["state"] == "requested"


async def test_a_refusal_of_the_release_ends_the_instalment(desk: Desk) -> None:
    case = await checked(desk, await active(desk))
    (task,) = await desk.open(case, "cash", at("2026-05-29"), Opening(kind="release_cash", whom="1"))
    event = Event(type="cash.returned", data={"instalment": 1, "refused": True})
    done = await desk.decide(task, "ke.007", "authorised_officer", "refuse", at("2026-06-01"), [event], subject=case, **RETURNED)
    assert not done.refused, done.findings
    row = await desk.row("instalment", case, instalment=1)
    assert row is not None
    assert row["state"] == "refused"


async def test_nothing_needed_is_told_and_moves_nothing(desk: Desk) -> None:
    case = await signed(desk)
    (task,) = await desk.open(case, "cash", at("2026-04-10"), Opening(kind="request_cash", whom="1"))
    event = Event(type="cash.not_needed", data={"instalment": 1})
    done = await desk.decide(
        task, "ke.p02", "partner_authorised_officer", "nothing_needed", at("2026-05-25"), [event], subject=case, comment="c"
    )
    assert not done.refused, done.findings
    assert await desk.told(case, "cash.not_needed") == [{"instalment": 1, "period": 1}]


# Release --------------------------------------------------------------------------------------------------------------------------


async def test_a_release_moves_the_ledger_and_orders_the_payment(desk: Desk) -> None:
    case = await checked(desk, await active(desk))
    done = await release(desk, case)
    assert not done.refused, done.findings
    assert done.facts["order"] == ORDER
    assert done.facts["late_at"] == at("2026-06-03", "14:00").isoformat()
    assert await ledger(desk, case) == {"outstanding": Decimal(FIRST), "payable": -Decimal(FIRST)}
    order = await desk.row("payment_order", case)
    assert order is not None
    assert (str(order["amount"]), order["state"], order["account_ref"], str(order["value_date"])) == (
        FIRST,
        "ordered",
        "ACC-KE-7731",
        "2026-06-01",
    )
    authorised = await desk.row("authorised", case)
    assert authorised is not None
    assert str(authorised["drawn"]) == FIRST


async def test_invariant_2_every_unmet_check_of_a_release_is_told_at_once(desk: Desk) -> None:
    case = await signed(desk, [{"text": "Supervision plan", "owner_role": "focal_point", "gate": "before_cash"}])
    await checked(desk, case)
    await desk.system(PARTNER, "vetting", "gone", at("2026-05-28"), [Event(type="vendor.account_changed", data={"result": "refused"})])
    done = await release(desk, case, "10518100.01", when="2026-07-30", screened=False, value="2026-07-01")
    assert rules(done.findings) >= {
        "document_not_active",
        "reservation_too_small",
        "amount_not_approved",
        "account_not_confirmed",
        "other_account",
        "condition_before_cash",
        "screening_not_fresh",
        "above_cap",
        "value_date_past",
    }
    assert await ledger(desk, case) == {}
    assert await desk.told(case, "cash.released") == []


async def test_invariant_2_who_approved_does_not_release(desk: Desk) -> None:
    case = await checked(desk, await active(desk))
    done = await release(desk, case, actor="ke.006")
    assert "approver_releases" in rules(done.findings)


@pytest.mark.parametrize("subject", [PARTNER, UMBRELLA, "case:KEN/2026/0007"])
async def test_invariant_2_a_stop_on_case_partner_or_pca_stops_the_release(desk: Desk, subject: str) -> None:
    case = await checked(desk, await active(desk))
    await desk.pool.execute(
        "INSERT INTO block (id, subject, scope, cause, since) VALUES ($1, $2, 'cash', 'suspension', $3)",
        f"{subject}:suspension:x",
        subject,
        at("2026-05-30"),
    )
    done = await release(desk, case)
    assert rules(done.findings) == {"blocked"}


async def test_invariant_2_an_overdue_obligation_bars_the_release_before_its_timer_has_run(desk: Desk) -> None:
    case = await checked(desk, await active(desk))
    await desk.pool.execute("UPDATE obligation SET due_at = $2 WHERE subject = $1", case, at("2026-05-31"))
    done = await release(desk, case)
    assert rules(done.findings) == {"overdue_obligation"}


async def test_invariant_2_a_second_instalment_waits_for_the_report_on_the_first(desk: Desk) -> None:
    case = await paid(desk)
    second = {"1.1.1": "2000000.00", "M2": "300000.00"}
    for done in (
        await request(desk, case, second, "2", "2026-08-20", period=2),
        await check(desk, case, "certify_request", "certify", "2"),
        await check(desk, case, "check_request", "pass_reduced", "2", second | {"M2": "200000.00"}),
    ):
        assert not done.refused, done.findings
    (task,) = await desk.open(case, "cash", at("2026-09-01"), Opening(kind="release_cash", whom="2"))
    events = [
        Event(type="cash.released", data={"instalment": 2}, take=["amount", "value_date"]),
        Event(type="payment.ordered", data={"instalment": 2}),
    ]

    async def let_go(day: str) -> Recorded:
        await desk.screen(case, at(day, "08:00"), "before_release")
        data = {"amount": "2200000.00", "value_date": day}
        return await desk.decide(task, "ke.007", "authorised_officer", "release", at(day), events, subject=case, data=data)

    early = await let_go("2026-09-02")
    assert rules(early.findings) == {"previous_not_reported", "overdue_obligation"}
    assert not (await report(desk, case)).refused
    done = await let_go("2026-09-15")
    assert not done.refused, done.findings
    assert done.facts["order"] == "KEN/2026/0007:2:1"
    above = await request(desk, case, {"1.1.1": "10520000.01"}, "3", "2026-09-20", period=3)
    assert rules(above.findings) == {"line_above_remaining"}


async def test_invariant_3_an_instalment_is_released_once(desk: Desk) -> None:
    case = await released(desk)
    (task,) = await desk.open(case, "cash", at("2026-06-02"), Opening(kind="release_cash", whom="1-return-9"))
    events = [Event(type="cash.released", data={"instalment": 1}, take=["amount", "value_date"])]
    data = {"amount": FIRST, "value_date": "2026-06-02"}
    done = await desk.decide(task, "ke.007", "authorised_officer", "release", at("2026-06-02"), events, subject=case, data=data)
    assert "already_released" in rules(done.findings)
    assert (await ledger(desk, case))["outstanding"] == Decimal(FIRST)


async def test_invariant_3_the_database_itself_refuses_more_than_the_authorised_amount(desk: Desk) -> None:
    case = await checked(desk, await active(desk))
    event = Event(type="cash.released", data={"instalment": 1, "amount": "53072000.01", "value_date": "2026-06-01"})
    done = await desk.system(case, "cash", "by-hand", at("2026-06-01"), [event])
    assert rules(done.findings) == {"over_authorised"}


async def test_invariant_3_of_two_releases_at_one_moment_one_counts(desk: Desk) -> None:
    case = await checked(desk, await active(desk))
    tasks = [(await desk.open(case, "cash", at("2026-05-29"), Opening(kind="release_cash", whom=whom)))[0] for whom in ("1", "1-return-1")]
    await desk.screen(case, at("2026-06-01", "08:00"), "before_release")
    events = [
        Event(type="cash.released", data={"instalment": 1}, take=["amount", "value_date"]),
        Event(type="payment.ordered", data={"instalment": 1}),
    ]
    data = {"amount": FIRST, "value_date": "2026-06-01"}
    done = await asyncio.gather(
        *(desk.decide(task, "ke.007", "authorised_officer", "release", at("2026-06-01"), events, subject=case, data=data) for task in tasks)
    )
    assert sorted(one.refused for one in done) == [False, True]
    assert (await ledger(desk, case))["outstanding"] == Decimal(FIRST)


async def test_what_was_not_requested_is_neither_checked_nor_released(desk: Desk) -> None:
    case = await active(desk)
    assert rules((await check(desk, case, "certify_request", "certify")).findings) == {"not_requested"}
    assert rules((await release(desk, case)).findings) == {"not_requested"}


async def test_a_request_before_the_signature_a_strange_modality_and_vendor_are_refused(desk: Desk) -> None:
    case = await in_signature(desk)
    done = await request(desk, case, modality="direct_payment")
    assert rules(done.findings) >= {"not_signed", "no_vendor", "modality_not_agreed"}


async def test_a_reservation_needs_a_vendor_and_warns_of_a_grant_that_ends_early(desk: Desk) -> None:
    case = await signed(desk)
    early = [{"grant": "SC-1", "amount": "21000000.00", "expires_on": "2026-12-31"}]
    warned = await reserve(desk, case, lines=early)
    assert (warned.refused, rules(warned.findings)) == (False, {"grant_expires_before_end"})
    await desk.system(PARTNER, "vetting", "gone", at("2026-04-14"), [Event(type="vendor.account_changed", data={"result": "refused"})])
    done = await reserve(desk, case, "1.00", "more", number="FR-2")
    assert rules(done.findings) == {"vendor_unknown"}


async def test_a_grant_that_has_expired_covers_nothing(desk: Desk) -> None:
    case = await signed(desk)
    await reserve(desk, case, lines=[{"grant": "SC-1", "amount": "21000000.00", "expires_on": "2026-05-31"}])
    events = [Event(type="case.status_changed", data={"to": "active", "trigger": "conditions_met"}), Event(type="case.activated")]
    await desk.system(case, "case", "activate", at("2026-06-01", "00:01"), events)
    done = await release(desk, await checked(desk, case))
    assert rules(done.findings) == {"reservation_too_small"}


# The bank -------------------------------------------------------------------------------------------------------------------------


async def test_a_confirmation_pays_the_instalment_and_owes_the_report(desk: Desk) -> None:
    case = await released(desk)
    await bank_says(desk, "B-1")
    done = await confirm(desk, case)
    assert not done.refused, done.findings
    assert done.facts["report"] == {
        "instalment": 1,
        "from": at("2026-08-31", "06:00").isoformat(),
        "due": at("2026-08-31", "14:00").isoformat(),
    }
    assert await ledger(desk, case) == {"outstanding": Decimal(FIRST), "bank": -Decimal(FIRST)}
    row = await desk.row("obligation", case, kind="quarterly_face")
    assert row is not None
    assert (row["due_at"], row["data"]["then_at"][:10]) == (at("2026-08-31", "14:00"), "2027-02-28")
    report = await desk.row("report", case)
    assert report is not None
    assert (report["state"], str(report["due"])) == ("due", "2026-08-31")


async def test_invariant_3_a_second_confirmation_is_refused_and_told_as_an_anomaly(desk: Desk) -> None:
    case = await paid(desk)
    await bank_says(desk, "B-2")
    assert "paid_twice" in rules((await confirm(desk, case, "B-2")).findings)
    assert not (await anomaly(desk, case, "twice", "B-2")).refused
    (told,) = await desk.told(case, "payment.anomaly")
    assert (told["difference"], told["instalment"]) == (FIRST, 1)
    assert (await ledger(desk, case))["bank"] == -Decimal(FIRST)


async def test_a_word_that_the_bank_did_not_say_pays_nothing(desk: Desk) -> None:
    case = await released(desk)
    assert rules((await confirm(desk, case)).findings) == {"not_said"}


async def test_a_paid_order_is_not_refused_afterwards(desk: Desk) -> None:
    case = await paid(desk)
    done = await desk.system(case, "cash", "refused", at("2026-06-04"), [Event(type="payment.refused", data={"order": ORDER, "why": "x"})])
    assert rules(done.findings) == {"paid"}


async def test_not_more_is_recovered_than_was_paid(desk: Desk) -> None:
    case = await paid(desk)
    assert rules((await problem(desk, case, "recover", data={"amount": "99999999.00"})).findings) == {"above_paid"}


async def test_recovering_a_second_payment_leaves_the_ledger_as_it_is(desk: Desk) -> None:
    case = await paid(desk)
    await bank_says(desk, "B-2")
    done = await problem(desk, case, "recover", data={"amount": FIRST})
    assert not done.refused, done.findings
    assert (await ledger(desk, case))["bank"] == -Decimal(FIRST)


async def test_money_that_comes_under_a_cancelled_order_is_an_anomaly(desk: Desk) -> None:
    case = await released(desk)
    await desk.system(case, "cash", "refused", at("2026-06-04"), [Event(type="payment.refused", data={"order": ORDER, "why": "closed"})])
    await problem(desk, case, "cancel_payment")
    await bank_says(desk, "B-9")
    assert rules((await confirm(desk, case, "B-9")).findings) == {"order_cancelled"}


async def test_money_under_no_order_of_ours_is_never_booked(desk: Desk) -> None:
    case = await released(desk)
    assert rules((await confirm(desk, case, order="KEN/2026/0007:1:9")).findings) == {"order_unknown"}


async def test_another_amount_is_not_booked_until_a_person_accepts_it(desk: Desk) -> None:
    case = await released(desk)
    await bank_says(desk, "B-1", "10518000.00")
    assert "other_amount" in rules((await confirm(desk, case)).findings)
    assert not (await anomaly(desk, case, "other_amount", "B-1")).refused
    (told,) = await desk.told(case, "payment.anomaly")
    assert told["difference"] == "-100.00"
    done = await problem(desk, case, "accept_difference")
    assert not done.refused, done.findings
    assert done.facts["report"]["instalment"] == 1
    assert await ledger(desk, case) == {"outstanding": Decimal("10518000.00"), "bank": -Decimal("10518000.00")}
    row = await desk.row("instalment", case, instalment=1)
    assert row is not None
    assert (str(row["paid"]), row["state"]) == ("10518000.00", "paid")
    authorised = await desk.row("authorised", case)
    assert authorised is not None
    assert str(authorised["drawn"]) == "10518000.00"


async def test_an_overpayment_counts_as_what_was_released(desk: Desk) -> None:
    case = await released(desk)
    await bank_says(desk, "B-1", "10518200.00")
    done = await problem(desk, case, "recover", data={"amount": "100.00"})
    assert not done.refused, done.findings
    assert await ledger(desk, case) == {"outstanding": Decimal(FIRST), "bank": -Decimal(FIRST)}


async def test_send_again_is_a_new_order_number_and_passes_every_check(desk: Desk) -> None:
    case = await released(desk)
    await desk.screen(case, at("2026-06-05", "08:00"), "before_release")
    refused = await desk.system(
        case, "cash", "refused", at("2026-06-04"), [Event(type="payment.refused", data={"order": ORDER, "why": "closed"})]
    )
    assert not refused.refused, refused.findings
    done = await problem(desk, case, "send_again")
    assert not done.refused, done.findings
    assert done.facts["order"] == "KEN/2026/0007:1:2"
    assert await ledger(desk, case) == {"outstanding": Decimal(FIRST), "payable": -Decimal(FIRST)}


async def test_send_again_is_refused_while_a_check_does_not_hold(desk: Desk) -> None:
    case = await released(desk)
    await desk.pool.execute("UPDATE vendor SET confirmed_at = NULL")
    done = await problem(desk, case, "send_again")
    assert "account_not_confirmed" in rules(done.findings)


async def test_what_the_bank_has_paid_is_not_sent_again_or_cancelled(desk: Desk) -> None:
    case = await paid(desk)
    done = await problem(desk, case, "send_again")
    assert "paid" in rules(done.findings)
    done = await problem(desk, case, "cancel_payment")
    assert rules(done.findings) == {"paid"}


async def test_an_order_of_unknown_outcome_is_not_cancelled(desk: Desk) -> None:
    case = await released(desk)
    assert not (await anomaly(desk, case, "unknown")).refused
    row = await desk.row("payment_order", case)
    assert row is not None
    assert row["state"] == "unknown"
    assert rules((await problem(desk, case, "cancel_payment")).findings) == {"outcome_unknown"}
    assert rules((await problem(desk, case, "accept_difference")).findings) == {"not_paid"}


async def test_a_late_answer_leaves_the_order_accepted(desk: Desk) -> None:
    case = await released(desk)
    assert not (await anomaly(desk, case, "late")).refused
    row = await desk.row("payment_order", case)
    assert row is not None
    assert row["state"] == "accepted"


async def test_a_refused_order_that_is_cancelled_takes_the_release_back(desk: Desk) -> None:
    case = await released(desk)
    await desk.system(case, "cash", "refused", at("2026-06-04"), [Event(type="payment.refused", data={"order": ORDER, "why": "closed"})])
    done = await problem(desk, case, "cancel_payment")
    assert not done.refused, done.findings
    assert await ledger(desk, case) == {}
    authorised = await desk.row("authorised", case)
    assert authorised is not None
    assert str(authorised["drawn"]) == "0.00"


async def test_a_wrong_account_is_set_up_anew_by_vetting(desk: Desk) -> None:
    case = await released(desk)
    done = await problem(desk, case, "correct_account")
    assert not done.refused, done.findings
    assert [start.workflow for start in done.starts] == ["Vetting"]
    assert await desk.row("vendor", PARTNER) is None


# Reports --------------------------------------------------------------------------------------------------------------------------

SPENT = NEED | {"1.1.2": "2634300.00"}


async def report(desk: Desk, case: str, amounts: dict[str, str] | None = None, **changed: Any) -> Recorded:
    (task,) = await desk.open(case, "cash", at("2026-08-31"), Opening(kind="submit_report", whom="1", due=at("2026-08-31", "14:00")))
    data = {
        "lines": lines(amounts or SPENT),
        "sha256": sha("FACE report"),
        "signed_by": "ke.p02",
        "signed_on": "2026-09-14",
        "narrative": "What was done.",
    } | changed
    event = Event(
        type="report.submitted",
        data={"instalment": 1},
        take=["lines", "refunds", "balance", "indicators", "sha256", "signed_by", "signed_on"],
    )
    return await desk.decide(task, "ke.p02", "partner_authorised_officer", "submit", at("2026-09-14"), [event], subject=case, data=data)


async def review(desk: Desk, case: str, side: str, verdict: str, cut: dict[str, str] | None = None, reason: str = "VAT") -> Recorded:
    actor, role = {"programme": ("ke.001", "focal_point"), "finance": ("ke.010", "finance_officer")}[side]
    (task,) = await desk.open(case, "cash", at("2026-09-14"), Opening(kind=f"review_report_{side}", whom="1"))
    said: dict[str, Any] = {}
    if cut:
        rows = [
            {"activity": line, "accepted": str(Decimal(SPENT[line]) - Decimal(amount)), "rejected": amount, "reason": reason}
            for line, amount in cut.items()
        ]
        said = {"data": {"lines": rows}} | RETURNED
    result = "returned" if verdict == "return" else verdict
    event = Event(type="report.reviewed", data={"instalment": 1, "side": side, "result": result}, take=["lines"])
    return await desk.decide(
        task, actor, role, verdict, at("2026-09-17"), [event], subject=case, **(said or (RETURNED if verdict == "return" else {}))
    )


async def test_a_report_meets_the_duty_to_report(desk: Desk) -> None:
    case = await paid(desk)
    due = await desk.system(case, "cash", "report:1", at("2026-08-31"), [Event(type="report.due", data={"instalment": 1})])
    assert not due.refused, due.findings
    done = await report(desk, case)
    assert not done.refused, done.findings
    row = await desk.row("obligation", case, kind="quarterly_face")
    assert row is not None
    assert row["state"] == "met"
    (told,) = await desk.told(case, "report.submitted")
    assert (told["amount"], "narrative" in told) == ("9912400.00", False)


async def test_the_lower_of_two_reviews_counts_line_by_line(desk: Desk) -> None:
    case = await paid(desk)
    await report(desk, case)
    assert not (await review(desk, case, "programme", "accept")).refused
    assert (await desk.row("report", case))["state"] == "submitted"  # type: ignore[index]
    done = await review(desk, case, "finance", "accept_in_part", {"1.1.2": "61000.00"})
    assert not done.refused, done.findings
    row = await desk.row("report", case)
    assert row is not None
    assert tuple(str(row[name]) for name in ("submitted", "accepted", "rejected", "balance")) == (
        "9912400.00",
        "9851400.00",
        "61000.00",
        "666700.00",
    )
    assert await ledger(desk, case) == {
        "outstanding": Decimal("666700.00"),
        "expenditure": Decimal("9851400.00"),
        "bank": -Decimal(FIRST),
    }
    assert "VAT" not in str(await desk.told(case, "report.reviewed"))


async def test_a_rejection_adds_up_and_says_why(desk: Desk) -> None:
    case = await paid(desk)
    await report(desk, case)
    done = await review(desk, case, "finance", "accept_in_part", {"1.1.2": "61000.00"}, reason="")
    assert rules(done.findings) == {"reason_required"}


async def test_a_review_names_lines_that_were_reported_and_adds_up(desk: Desk) -> None:
    case = await paid(desk)
    await report(desk, case)
    (task,) = await desk.open(case, "cash", at("2026-09-14"), Opening(kind="review_report_finance", whom="1"))
    wrong = [
        {"activity": "9.9.9", "accepted": "1.00", "rejected": "0.00"},
        {"activity": "M1", "accepted": "1.00", "rejected": "1.00", "reason": "VAT"},
    ]
    event = Event(type="report.reviewed", data={"instalment": 1, "side": "finance", "result": "accept_in_part"}, take=["lines"])
    done = await desk.decide(
        task, "ke.010", "finance_officer", "accept_in_part", at("2026-09-17"), [event], subject=case, data={"lines": wrong}, **RETURNED
    )
    assert rules(done.findings) == {"unknown_line", "amounts_do_not_add_up"}


async def test_a_report_that_is_not_in_is_not_reviewed(desk: Desk) -> None:
    case = await paid(desk)
    assert rules((await review(desk, case, "programme", "accept")).findings) == {"not_reported"}


async def test_a_balance_that_differs_and_a_missing_narrative_are_told_and_bar_nothing(desk: Desk) -> None:
    case = await paid(desk)
    done = await report(desk, case, balance="1.00", narrative="")
    assert (done.refused, rules(done.findings)) == (False, {"balance_differs", "no_narrative"})


async def test_a_returned_report_is_submitted_again(desk: Desk) -> None:
    case = await paid(desk)
    await report(desk, case)
    await review(desk, case, "programme", "accept")
    done = await review(desk, case, "finance", "return")
    assert not done.refused, done.findings
    row = await desk.row("report", case)
    assert row is not None
    assert (row["state"], row["reviews"]) == ("returned", {})


async def test_a_report_names_only_what_was_paid(desk: Desk) -> None:
    case = await paid(desk)
    done = await report(desk, case, SPENT | {"9.9.9": "1.00"}, signed_by="ke.p03", signed_on="2026-12-01")
    assert rules(done.findings) == {"unknown_line", "officer_not_listed", "signed_in_future"}


async def test_what_is_not_paid_is_not_reported(desk: Desk) -> None:
    case = await released(desk)
    assert rules((await report(desk, case)).findings) == {"not_paid"}
    due = await desk.system(case, "cash", "report:1", at("2026-08-31"), [Event(type="report.due", data={"instalment": 1})])
    assert rules(due.findings) == {"not_paid"}


async def test_invariant_11_money_and_obligations_rebuild_from_the_events(desk: Desk) -> None:
    case = await paid(desk)
    assert not (await anomaly(desk, case, "unknown")).refused
    await report(desk, case)
    await review(desk, case, "programme", "accept")
    assert not (await review(desk, case, "finance", "accept_in_part", {"1.1.2": "61000.00"})).refused
    assert await audit.verify(desk.pool) == []
    assert await audit.rebuild_check(desk.pool) == []


# Beginning ------------------------------------------------------------------------------------------------------------------------


async def test_the_stage_begins_with_what_is_reserved_and_when_each_period_may_be_asked_for(desk: Desk) -> None:
    case = await active(desk)
    facts = await desk.begin(case, "cash", at("2026-06-01"))
    assert facts["reserved"] is True
    # ten working days before 1 September
    assert facts["periods"][1] == {"period": 2, "request_from": at("2026-08-18", "06:00").isoformat()}
    assert len(facts["periods"]) == 6


async def test_the_data_of_a_decision_is_kept_by_its_hash(desk: Desk) -> None:
    case = await signed(desk)
    await request(desk, case)
    row = await desk.pool.fetchrow("SELECT data_sha256 FROM decision WHERE subject = $1 AND kind = 'request_cash'", case)
    assert row is not None
    assert await content.get(desk.pool, row["data_sha256"]) is not None


# What is unlike the usual case -------------------------------------------------------------------------------------------------------


async def test_funds_that_cannot_be_reserved_leave_the_task_open(desk: Desk) -> None:
    case = await signed(desk)
    (task,) = await desk.open(case, "cash", at("2026-04-10"), Opening(kind="reserve_funds"))
    done = await desk.decide(
        task, "ke.009", "finance_officer", "cannot_reserve", at("2026-04-15"), subject=case, keep_open=True, comment="The grant is late."
    )
    assert not done.refused, done.findings
    assert await desk.row("reservation", case) is None
    assert not (await reserve(desk, case)).refused


async def test_a_direct_payment_goes_to_the_vendor_that_the_request_names(desk: Desk) -> None:
    case = await active(desk)
    document = facts("C1")["document"] | {"modalities": ["direct_cash_transfer", "direct_payment"]}
    reference = await content.put(desk.pool, document)
    await desk.pool.execute('UPDATE "case" SET document_sha256 = $2 WHERE subject = $1', case, reference.sha256)
    for done in (
        await request(desk, case, modality="direct_payment", vendor="VENDOR-77"),
        await check(desk, case, "certify_request", "certify"),
        await check(desk, case, "check_request", "pass"),
        await release(desk, case),
    ):
        assert not done.refused, done.findings
    order = await desk.row("payment_order", case)
    assert order is not None
    assert (order["account_ref"], str(order["amount"])) == ("VENDOR-77", FIRST)


async def test_a_partner_below_the_threshold_needs_no_rating_to_be_paid(desk: Desk) -> None:
    case = await checked(desk, await active(desk))
    await desk.pool.execute("DELETE FROM element WHERE subject = $1 AND element = 'hact'", PARTNER)
    done = await release(desk, case)
    assert not done.refused, done.findings


async def test_under_a_pca_that_names_no_account_the_confirmed_one_is_paid(desk: Desk) -> None:
    case = await checked(desk, await active(desk))
    await desk.pool.execute("UPDATE umbrella SET account_hash = NULL WHERE subject = $1", UMBRELLA)
    done = await release(desk, case)
    assert not done.refused, done.findings


async def test_nothing_is_ordered_for_an_instalment_that_is_not_there(desk: Desk) -> None:
    case = await active(desk)
    done = await desk.system(case, "cash", "order", at("2026-06-01"), [Event(type="payment.ordered", data={"instalment": 9})])
    assert rules(done.findings) == {"not_released"}
    assert await desk.row("payment_order", case) is None


@pytest.mark.parametrize("event", ["payment.refused", "payment.anomaly", "payment.problem_resolved"])
async def test_nothing_happens_to_an_order_that_the_record_never_sent(desk: Desk, event: str) -> None:
    case = await released(desk)
    data = {"order": "KEN/2026/0007:1:9", "kind": "late", "why": "x", "verdict": "cancel_payment"}
    done = await desk.system(case, "cash", event, at("2026-06-04"), [Event(type=event, data=data)])
    assert rules(done.findings) == {"order_unknown"}
    assert await desk.told(case, event) == []


async def test_a_problem_of_an_order_that_the_record_never_sent_is_not_resolved(desk: Desk) -> None:
    case = await released(desk)
    done = await problem(desk, case, "send_again", order="KEN/2026/0007:1:9")
    assert "order_unknown" in rules(done.findings)
    assert len(await desk.told(case, "payment.ordered")) == 1


async def test_nothing_is_booked_that_the_bank_has_not_said(desk: Desk) -> None:
    case = await released(desk)
    event = Event(type="payment.problem_resolved", data={"order": ORDER, "verdict": "accept_difference"})
    done = await desk.system(case, "cash", "resolved", at("2026-06-05"), [event])
    assert not done.refused, done.findings
    assert await desk.told(case, "payment.confirmed") == []
    assert await ledger(desk, case) == {"outstanding": Decimal(FIRST), "payable": -Decimal(FIRST)}


async def test_the_account_that_turned_out_wrong_is_told_by_its_hash(desk: Desk) -> None:
    case = await released(desk)
    assert not (await problem(desk, case, "correct_account")).refused
    (told,) = await desk.told(PARTNER, "vendor.account_changed")
    assert (told["result"], told["old_hash"]) == ("refused", account_hash("ACC-KE-7731"))


# On the fast path -----------------------------------------------------------------------------------------------------------------


async def drop(desk: Desk, case: str) -> None:
    """C3 is given the document of C4, whose 40 % lie below the floor."""
    digest = (await content.put(desk.pool, facts("C4")["document"])).sha256
    await desk.pool.execute('UPDATE "case" SET document_sha256 = $2 WHERE subject = $1', case, digest)


async def test_while_a_check_is_postponed_a_first_request_reaches_forty_percent_to_the_cent(desk: Desk) -> None:
    case = await fp.active(desk)
    above = await fp.request(desk, case, fp.NEED)
    await fp.nothing_changed(desk, case, above, "above_ceiling")
    assert "9,416,000.00" in above.findings[0].next_step
    cent = await fp.request(desk, case, fp.LOWERED | {"M3": "180000.01"}, "1-return-1")
    await fp.nothing_changed(desk, case, cent, "above_ceiling", attempts=2)
    assert await desk.row("instalment", case) is None
    fp.taken(await fp.request(desk, case, fp.LOWERED, "1-return-2"))


async def test_what_was_asked_for_before_is_released_up_to_the_cap_all_the_same(desk: Desk) -> None:
    """A request that came in before the cap (an element was assumed since) is stopped at the release."""
    case = await fp.active(desk)
    await desk.pool.execute("UPDATE element SET source = 'own' WHERE subject = $1", fp.PARTNER)
    fp.taken(await fp.request(desk, case, fp.NEED))
    for kind in ("certify_request", "check_request"):
        fp.taken(await fp.check(desk, case, kind))
    await desk.pool.execute("UPDATE element SET source = 'assumed' WHERE subject = $1 AND element = 'psea'", fp.PARTNER)
    await fp.nothing_changed(desk, case, await fp.release(desk, case, "9416000.01"), "above_cap")
    assert await ledger(desk, case) == {}
    fp.taken(await fp.release(desk, case, "9416000.00"))
    assert await ledger(desk, case) == {"outstanding": Decimal("9416000.00"), "payable": Decimal("-9416000.00")}


async def test_the_cap_falls_away_by_itself_with_the_last_postponed_check(desk: Desk) -> None:
    case = await fp.active(desk)
    await rated(desk, fp.PARTNER)
    fp.taken(await fp.verified(desk))
    assert rules((await fp.request(desk, case, fp.NEED, when="2026-06-10")).findings) == {"above_ceiling"}, "one is still open"
    fp.taken(await fp.assessed(desk))
    fp.taken(await fp.request(desk, case, fp.NEED, "1-return-1", when="2026-07-03"))


async def test_the_cap_is_never_below_its_floor(desk: Desk) -> None:
    case = await fp.active(desk)
    await drop(desk, case)
    need = {"1.1.1": "1740000.00", "1.1.2": "640000.00", "1.2.1": "435000.00", "M1": "320000.00", "M2": "60000.00"}
    done = await fp.request(desk, case, need | {"M2": "60000.01"})
    await fp.nothing_changed(desk, case, done, "above_ceiling")
    assert "3,195,000.00" in done.findings[0].message, "50,000 US$ at 63.90"
    fp.taken(await fp.request(desk, case, need, "1-return-1"))


async def test_the_floor_is_the_whole_office_cash_if_that_is_smaller(desk: Desk) -> None:
    case = await fp.active(desk)
    await drop(desk, case)
    await desk.pool.execute('UPDATE "case" SET rate = 1000 WHERE subject = $1', case)  # the floor would be 50,000,000.00
    need = {
        "1.1.1": "1740000.00", "1.1.2": "640000.00", "1.2.1": "435000.00", "M1": "320000.00", "M2": "150000.00", "M3": "50000.00",
        "H": "233450.00",
    }  # fmt: skip
    fp.taken(await fp.request(desk, case, need))


async def test_certified_and_checked_are_two_people_and_released_is_a_third(desk: Desk) -> None:
    case = await fp.active(desk)
    both = [{"role": "budget_owner"}, {"role": "finance_officer"}, {"role": "authorised_officer"}]
    await fp.office(desk, "mz.003", both)
    fp.taken(await fp.request(desk, case))
    fp.taken(await fp.check(desk, case, "certify_request"))
    same = await fp.check(desk, case, "check_request", actor="mz.003", role="finance_officer")
    await fp.nothing_changed(desk, case, same, "second_person_cash")
    row = await desk.row("instalment", case, instalment=1)
    assert row is not None
    assert row["checked_lines"] is None
    other = await fp.check(desk, case, "check_request")
    fp.taken(other)
    third = await fp.release(desk, case, actor="mz.003")
    await fp.nothing_changed(desk, case, third, "checker_releases", attempts=2)
    assert await ledger(desk, case) == {}


async def test_after_a_return_they_are_still_two_people(desk: Desk) -> None:
    case = await fp.active(desk)
    await fp.office(desk, "mz.010", [{"role": "budget_owner"}, {"role": "finance_officer"}])
    fp.taken(await fp.request(desk, case))
    fp.taken(await fp.check(desk, case, "certify_request", actor="mz.010", role="budget_owner"))
    again = await fp.check(desk, case, "check_request", "1-return-1")
    await fp.nothing_changed(desk, case, again, "second_person_cash")


async def test_on_the_fast_path_both_checks_may_come_in_either_order(desk: Desk) -> None:
    case = await fp.active(desk)
    fp.taken(await fp.request(desk, case))
    fp.taken(await fp.check(desk, case, "check_request"))
    early = await fp.release(desk, case)
    await fp.nothing_changed(desk, case, early, "not_certified", "amount_not_approved", "no_lines")
    fp.taken(await fp.check(desk, case, "certify_request"))


async def test_who_accepted_on_the_partners_behalf_never_releases(desk: Desk) -> None:
    case = await fp.active(desk)
    await fp.office(desk, "mz.001", [{"role": "focal_point"}, {"role": "authorised_officer"}])
    fp.taken(await fp.request(desk, case))
    for kind in ("certify_request", "check_request"):
        fp.taken(await fp.check(desk, case, kind))
    await fp.nothing_changed(desk, case, await fp.release(desk, case, actor="mz.001"), "recorder_releases")


async def test_a_face_is_refused_that_no_listed_officer_signed_or_that_names_another_account(desk: Desk) -> None:
    case = await fp.active(desk)
    done = await fp.request(desk, case, signed_by="mz.p03", account_ref="ACC-OTHER")
    await fp.nothing_changed(desk, case, done, "officer_not_listed", "other_account")


async def test_a_face_is_refused_while_nothing_is_signed(desk: Desk) -> None:
    case = await fp.in_signature(desk)
    done = await fp.request(desk, case)
    assert rules(done.findings) >= {"not_signed"}
    assert await desk.row("instalment", case) is None


# An assessment that does not come -------------------------------------------------------------------------------------------------


async def hact(desk: Desk) -> Any:
    row = await desk.row("obligation", fp.PARTNER, kind="hact_assessment")
    assert row is not None
    return row


async def test_while_the_assessment_is_overdue_only_the_partners_vendors_are_paid(desk: Desk) -> None:
    case = await fp.paid(desk)
    fp.taken(await fp.report(desk, case))
    fp.taken(await fp.falls_due(desk, fp.PARTNER, (await hact(desk))["id"], "2026-06-19"))
    assert await fp.stops(desk, fp.PARTNER) == {"direct_payment_only", "new_emergency"}
    done = await fp.request(desk, case, {"1.1.1": "100000.00"}, "2", "2026-06-22")
    await fp.nothing_changed(desk, case, done, "direct_payment_only")
    assert done.findings[0].next_step.startswith("Request direct payment")
    direct = await fp.request(desk, case, {"1.1.1": "100000.00"}, "2-return-1", "2026-06-22", modality="direct_payment", vendor="V-1")
    assert "direct_payment_only" not in rules(direct.findings)
    fp.taken(await fp.assessed(desk))
    assert await fp.stops(desk, fp.PARTNER) == set()
    fp.taken(await fp.request(desk, case, {"1.1.1": "100000.00"}, "2-return-2", "2026-07-06"))


async def test_an_assessment_overdue_by_the_calendar_stops_the_partners_own_cash_before_its_timer_has_said_so(desk: Desk) -> None:
    case = await fp.paid(desk)
    fp.taken(await fp.report(desk, case))
    assert await fp.stops(desk, fp.PARTNER) == set()
    done = await fp.request(desk, case, {"1.1.1": "100000.00"}, "2", "2026-06-22")
    await fp.nothing_changed(desk, case, done, "direct_payment_only")
    direct = await fp.request(desk, case, {"1.1.1": "100000.00"}, "2-return-1", "2026-06-22", modality="direct_payment", vendor="V-1")
    assert "direct_payment_only" not in rules(direct.findings)


async def test_a_case_that_relied_on_nothing_postponed_is_paid_all_the_same(desk: Desk) -> None:
    case = await fp.active(desk)
    fp.taken(await fp.falls_due(desk, fp.PARTNER, (await hact(desk))["id"], "2026-06-19"))
    await desk.pool.execute("UPDATE obligation SET cases = '{case:MOZ/2026/0099}' WHERE subject = $1", fp.PARTNER)
    done = await fp.request(desk, case, fp.LOWERED, when="2026-06-22")
    assert "direct_payment_only" not in rules(done.findings)


async def test_the_assessment_is_due_with_the_release_of_the_second_instalment(desk: Desk) -> None:
    case = await fp.paid(desk)
    fp.taken(await fp.report(desk, case, when="2026-06-01"))
    assert (await hact(desk))["due_at"].date().isoformat() == "2026-06-19"
    await fp.written_off(desk, case, "committee_ratification")
    fp.taken(await fp.request(desk, case, {"1.1.1": "100000.00"}, "2", "2026-06-02"))
    for kind in ("certify_request", "check_request"):
        fp.taken(await fp.check(desk, case, kind, "2", "2026-06-03"))
    done = fp.taken(await fp.release(desk, case, "100000.00", "2", "2026-06-04"))
    assert (await hact(desk))["due_at"].date().isoformat() == "2026-06-04"
    psea = await desk.row("obligation", fp.PARTNER, kind="psea_assessment")
    assert psea is not None
    assert psea["due_at"].date().isoformat() == "2026-06-19", "the others keep their day"
    assert "pca.partner.P-MZ-0031.MZ.obligations" in {start.id for start in done.starts}
    task = await desk.row("task", fp.PARTNER, kind="assess_hact", state="open")
    assert task is not None
    assert task["due_at"].date().isoformat() == "2026-06-04"


async def test_a_second_release_shortly_before_it_is_due_never_moves_it_later(desk: Desk) -> None:
    case = await fp.paid(desk)
    fp.taken(await fp.report(desk, case, when="2026-06-01"))
    await fp.written_off(desk, case, "committee_ratification")
    await desk.pool.execute("UPDATE obligation SET due_at = $2 WHERE id = $1", (await hact(desk))["id"], at("2026-06-04", "12:00"))
    fp.taken(await fp.request(desk, case, {"1.1.1": "100000.00"}, "2", "2026-06-02"))
    for kind in ("certify_request", "check_request"):
        fp.taken(await fp.check(desk, case, kind, "2", "2026-06-03"))
    fp.taken(await fp.release(desk, case, "100000.00", "2", "2026-06-04"))
    assert (await hact(desk))["due_at"] == at("2026-06-04", "12:00"), "not the end of that day"


async def test_overdue_checks_of_the_partner_stop_the_instalments_of_every_case_that_relied_on_them(desk: Desk) -> None:
    case = await fp.paid(desk)
    fp.taken(await fp.report(desk, case, when="2026-06-01"))
    fp.taken(await fp.request(desk, case, {"1.1.1": "100000.00"}, "2", "2026-06-02"))
    for kind in ("certify_request", "check_request"):
        fp.taken(await fp.check(desk, case, kind, "2", "2026-06-03"))
    row = await desk.row("obligation", fp.PARTNER, kind="psea_assessment")
    assert row is not None
    fp.taken(await fp.falls_due(desk, fp.PARTNER, row["id"], "2026-06-19"))
    assert await fp.stops(desk, fp.PARTNER) == {"instalment", "amendment", "new_emergency"}
    done = await fp.release(desk, case, "100000.00", "2", "2026-06-22")
    assert {"blocked"} <= rules(done.findings)
    assert await desk.pool.fetchval("SELECT count(*) FROM payment_order WHERE subject = $1", case) == 1
