"""The invariants of the design (section 8), attacked where they are kept: in the transaction that records, on real Postgres.

Many attempts start from one and the same state and are taken back (`attempts.undone`): from each state everything is tried. What the
workflows owe of the invariants is tried in tests/workflows, what the rules owe in tests/policy.
"""

import asyncio
import itertools
import json
import random
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import asyncpg
import pytest

from activities import versions
from activities.record import write
from db import audit
from policy import transitions
from policy.obligations import BLOCKS
from policy.pack import load
from schemas.engine import Batch, Event, Opening, Recorded, Task
from schemas.messages import Decision, Message
from tests.acceptance.attempts import approved, told_of, undone
from tests.activities.desk import EXAMPLES, YES, Desk, at, facts, rules
from tests.activities.test_screen import listed
from tests.activities.test_settle_approval import PARTNER, UMBRELLA, approve, in_approval, in_signature, objects, sign, signing
from tests.activities.test_settle_case import lift, made, notice, suspend
from tests.activities.test_settle_cash import FIRST, active, bank_says, checked, confirm, ledger, paid, release, released
from tests.activities.test_settle_document import drafting, standing

CASE = "case:KEN/2026/0007"
PACKS = {track: load(f"{track}-2026-01") for track in ("standard", "emergency")}


def hit(state: str = "open") -> list[Event]:
    """A likeness with somebody on a list, found and perhaps disposed of."""
    found = Event(type="screening.hit_found", data={"hit": "h", "list_entry": "l:1", "name_role": "leader", "score": "0.95"})
    steps = {
        "open": [],
        "second_check": ["second_check"],
        "true_match": ["true_match"],
        "false_positive": ["second_check", "false_positive"],
    }
    return [found, *(Event(type="screening.hit_disposed", data={"hit": "h", "verdict": step}) for step in steps[state])]


async def found(desk: Desk, when: str, state: str = "open") -> None:
    done = await desk.system(PARTNER, "vetting", "hit", at(when, "06:00"), hit(state))
    assert not done.refused, done.findings


# 1. Sanctions screening is never waived or deferred; an undisposed match stops the case ---------------------------------------------

UNDISPOSED = ["open", "second_check", "true_match"]


@pytest.mark.parametrize("track", PACKS)
def test_invariant_1_no_track_defers_or_assumes_the_screening(track: str) -> None:
    pack = PACKS[track]
    assert "screening" not in pack["vetting.deferrable"]
    assert not any("screening" in kind or "screening" in rule.arises for kind, rule in pack.obligations.items())


@pytest.mark.parametrize("state", UNDISPOSED)
async def test_invariant_1_an_undisposed_match_stops_the_approval(desk: Desk, state: str) -> None:
    case = await in_approval(desk)
    await found(desk, "2026-04-01", state)
    for what, who in (("document", ("ke.006", "authorised_officer")), ("pca", ("ke.008", "head_of_office"))):
        for last in (False, True):  # whether or not it is the last one that is missing
            async with undone(desk) as (attempt, _):
                assert (await approve(attempt, case, what, *who, last=last)).refused, (what, last)
        done = await approve(desk, case, what, *who, last=True)
        assert rules(done.findings) & {"screening_hit_open", "screening_true_match"}, what
        assert done.refused
    assert (await desk.case(case))["status"] == "in_approval"
    assert await desk.told(case, "approval.given") == []


@pytest.mark.parametrize("state", UNDISPOSED)
async def test_invariant_1_an_undisposed_match_stops_the_last_signature(desk: Desk, state: str) -> None:
    case = await in_signature(desk)
    assert not (await sign(desk, case, "partner", "2026-04-07")).refused
    await found(desk, "2026-04-08", state)
    done = await sign(desk, case, "office", "2026-04-09", last=True)
    assert rules(done.findings) & {"screening_hit_open", "screening_true_match"}
    assert (await desk.case(case))["status"] == "in_signature"
    assert (await desk.told(case, "document.signed"), await desk.told(UMBRELLA, "umbrella.signed")) == ([], [])


@pytest.mark.parametrize("state", UNDISPOSED)
async def test_invariant_1_an_undisposed_match_stops_the_release(desk: Desk, state: str) -> None:
    case = await checked(desk, await active(desk))
    await found(desk, "2026-05-30", state)
    done = await release(desk, case)
    assert "screening_hit" in rules(done.findings)
    assert await ledger(desk, case) == {}


async def test_invariant_1_a_match_that_two_people_disposed_of_stops_nothing(desk: Desk) -> None:
    case = await checked(desk, await active(desk))
    await found(desk, "2026-05-30", "false_positive")
    done = await release(desk, case)
    assert not done.refused, done.findings


async def test_invariant_1_a_newer_list_bars_all_three_until_the_partner_is_screened_against_it(desk: Desk) -> None:
    case = await in_approval(desk)
    await desk.screen(case, at("2026-04-01", "07:30"), "before_approval")
    await listed(desk, "2026-04-01")
    (task,) = await desk.open(case, "approval", at("2026-04-01", "08:00"), Opening(kind="approve_document"))
    event = Event(type="approval.given", data={"object": "document", "round": 1})
    done = await desk.decide(task, "ke.006", "authorised_officer", "approve", at("2026-04-01"), [event], subject=case)
    assert rules(done.findings) == {"screening_not_fresh"}


@pytest.mark.parametrize("status", transitions.BEFORE_LAST_SIGNATURE)
async def test_invariant_1_a_true_match_rejects_the_case_from_any_status_before_the_last_signature(desk: Desk, status: str) -> None:
    case = await desk.taken(facts("C1"))
    await made(desk, case, status=status)
    move = [Event(type="case.status_changed", data={"to": "rejected", "trigger": "sanctions_match"})]
    early = await desk.system(case, "case", "match", at("2026-03-03"), move)
    assert rules(early.findings) == {"true_match"}, "and not without one"
    await found(desk, "2026-03-03", "true_match")
    assert not (await desk.system(case, "case", "match", at("2026-03-03"), move)).refused


# 2. No cash leaves unless every check of stages.md 8 holds at that moment -------------------------------------------------------------

_BLOCK = "INSERT INTO block (id, subject, scope, cause, since) VALUES ('x', '{0}', '{1}', 'suspension', '2026-05-30')"
_EARLIER = (
    "INSERT INTO instalment "
    "(subject, instalment, period, modality, currency, requested, lines, state, account_ref, face_sha256, signed_by, requested_at) "
    "SELECT subject, 0, 1, modality, currency, 1, '[]', 'paid', account_ref, '', '', requested_at FROM instalment"
)
_UNREPORTED = (
    "INSERT INTO period SELECT subject, 0, '2025-01-01', '2025-11-30' FROM period WHERE period = 1; "
    "INSERT INTO report (subject, instalment, period, due, reviews, state) VALUES ('case:KEN/2026/0007', 0, 0, '2025-11-30', '{}', 'due')"
)

BREAKS: Mapping[str, tuple[str, ...]] = {
    "pca_not_signed": ("UPDATE umbrella SET status = 'suspended'",),
    "document_not_active": ("UPDATE \"case\" SET status = 'signed'",),
    "under_notice": ('UPDATE "case" SET under_notice = true',),
    "blocked": tuple(_BLOCK.format(subject, scope) for subject in (CASE, UMBRELLA, PARTNER) for scope in ("cash", "all", "instalment")),
    "direct_payment_only": (_BLOCK.format(PARTNER, "direct_payment_only"),),
    "reservation_too_small": (
        """UPDATE reservation SET lines = '[{"grant": "SC-1", "amount": "10518099.99", "expires_on": "2027-12-31"}]'""",
        """UPDATE reservation SET lines = '[{"grant": "SC-1", "amount": "21000000.00", "expires_on": "2026-05-31"}]'""",
        "DELETE FROM reservation",
        "UPDATE reservation SET currency = 'USD'",
    ),
    "above_office_cash": ("UPDATE authorised SET amount = 10518099.99",),
    "already_released": ("UPDATE instalment SET state = 'paid'",),
    "payment_problem": (
        "CREATE TEMP TABLE problem ON COMMIT DROP AS SELECT * FROM task WHERE kind = 'release_cash'; "
        "UPDATE problem SET id = 't', kind = 'resolve_payment_problem', whom = 'o'; INSERT INTO task SELECT * FROM problem",
    ),
    "amount_not_approved": (
        "UPDATE instalment SET checked_lines = jsonb_set(checked_lines, '{0,amount}', '\"1.00\"')",
        "UPDATE instalment SET certified_lines = '[]'",
    ),
    "face_not_signed": ("UPDATE umbrella SET officers = ARRAY['ke.p01']",),
    "not_certified": ("UPDATE instalment SET certified_lines = NULL",),
    "not_checked": ("UPDATE instalment SET checked_lines = NULL",),
    "other_currency": ("UPDATE instalment SET currency = 'USD'",),
    "modality_not_allowed": ("""UPDATE element SET result = 'high', details = '{"rating": "high"}' WHERE element = 'hact'""",),
    "other_account": (
        "UPDATE umbrella SET account_hash = 'another'",
        "UPDATE vendor SET account_ref = 'ACC-2'",
        "UPDATE instalment SET account_ref = 'ACC-2'",
    ),
    "account_not_confirmed": ("UPDATE vendor SET confirmed_at = NULL", "DELETE FROM vendor"),
    "previous_not_reported": (_EARLIER,),
    "six_months": (_UNREPORTED,),
    "overdue_obligation": ("UPDATE obligation SET due_at = '2026-05-31' WHERE kind = 'reservation_top_up'",),
    "condition_before_cash": (
        "INSERT INTO condition (id, subject, text_sha256, owner_role, gate, set_by, state) "
        "VALUES ('c', 'case:KEN/2026/0007', '', 'focal_point', 'before_cash', 'ke.005', 'open')",
    ),
    "screening_not_fresh": ("UPDATE screening SET done_at = '2026-04-01'", "UPDATE screening SET lists = '[]'", "DELETE FROM screening"),
    "screening_hit": (
        "INSERT INTO hit (id, subject, list_entry, name_role, score, found_at, state) "
        "VALUES ('h', 'partner:KE:P-KE-0001', 'l:1', 'leader', 0.85, '2026-05-30', 'open')",
    ),
}
"""Each check of stages.md 8, and statements that each leave it alone unmet. Who releases is invariant 6; the cap is of the fast path."""

COMES_WITH = {
    "not_certified": {"amount_not_approved", "no_lines"},
    "not_checked": {"amount_not_approved", "no_lines"},
    "account_not_confirmed": {"other_account"},
    "already_released": {"previous_not_reported"},
    "amount_not_approved": {"no_lines"},
}
"""What cannot be unmet without something else being so too."""


async def to_release(desk: Desk) -> tuple[str, Task]:
    """C1 with everything done for its first instalment but the release."""
    case = await checked(desk, await active(desk))
    await desk.screen(case, at("2026-06-01", "08:00"), "before_release")
    (task,) = await desk.open(case, "cash", at("2026-05-29"), Opening(kind="release_cash", whom="1"))
    return case, task


async def let_go(desk: Desk, case: str, task: Task, actor: str = "ke.007", key: str = "", amount: str = FIRST) -> Recorded:
    events = [
        Event(type="cash.released", data={"instalment": 1}, take=["amount", "value_date"]),
        Event(type="payment.ordered", data={"instalment": 1}),
    ]
    data = {"amount": amount, "value_date": "2026-06-01"}
    said = {"key": key} if key else {}
    return await desk.decide(task, actor, "authorised_officer", "release", at("2026-06-01"), events, subject=case, data=data, **said)


async def moved(conn: asyncpg.Connection) -> tuple[int, int, Decimal]:
    """How many journals and payment orders there are, and how much was drawn."""
    return (
        await conn.fetchval("SELECT count(*) FROM journal"),
        await conn.fetchval("SELECT count(*) FROM payment_order"),
        await conn.fetchval("SELECT sum(drawn) FROM authorised"),
    )


NOTHING = (0, 0, Decimal("0.00"))


async def test_invariant_2_each_check_alone_stops_the_release(desk: Desk) -> None:
    case, task = await to_release(desk)
    for rule, statements in BREAKS.items():
        for statement in statements:
            async with undone(desk) as (attempt, conn):
                await conn.execute(statement)
                done = await let_go(attempt, case, task)
                told = rules(done.findings)
                assert done.refused, statement
                assert rule in told, (statement, told)
                assert told - {rule} <= COMES_WITH.get(rule, set()), (statement, told)
                assert (await moved(conn))[:2] == NOTHING[:2], statement
                assert (await told_of(conn, case))[-1] == "decision.refused", statement
    done = await let_go(desk, case, task)
    assert not done.refused, "and with every check met it leaves"


async def test_invariant_2_any_number_of_unmet_checks_is_told_at_once(desk: Desk) -> None:
    case, task = await to_release(desk)
    chance = random.Random(2)
    some = [chance.sample(sorted(BREAKS), chance.randint(2, 9)) for _ in range(25)]
    for broken in [*some, sorted(BREAKS)]:
        async with undone(desk) as (attempt, conn):
            for nth, rule in enumerate(broken):
                statement = chance.choice(BREAKS[rule]).replace("'x'", f"'x{nth}'")
                if not statement.startswith("DELETE"):  # what is gone cannot also be wrong
                    await conn.execute(statement)
                else:
                    await conn.execute(BREAKS[rule][0])
            told = rules((await let_go(attempt, case, task)).findings)
            assert set(broken) <= told, (set(broken) - told, broken)
            assert (await moved(conn))[:2] == NOTHING[:2]


# 3. Never over the amount, no instalment twice ----------------------------------------------------------------------------------------


async def test_invariant_3_two_who_release_at_the_same_moment_release_once(desk: Desk) -> None:
    case, task = await to_release(desk)
    done = await asyncio.gather(*(let_go(desk, case, task, key=f"k{n}") for n in range(5)))
    assert sorted(one.refused for one in done) == [False, True, True, True, True]
    assert {rule for one in done if one.refused for rule in rules(one.findings)} == {"task_closed"}
    assert await ledger(desk, case) == {"outstanding": Decimal(FIRST), "payable": -Decimal(FIRST)}
    assert await desk.pool.fetchval("SELECT count(*) FROM payment_order") == 1


async def test_invariant_3_two_confirmations_at_the_same_moment_pay_once(desk: Desk) -> None:
    case = await released(desk)
    for nth in range(4):
        await bank_says(desk, f"B-{nth}")
    done = await asyncio.gather(*(confirm(desk, case, f"B-{nth}") for nth in range(4)))
    assert sum(not one.refused for one in done) == 1
    assert await desk.pool.fetchval("SELECT count(*) FROM journal WHERE kind = 'payment'") == 1
    assert (await ledger(desk, case))["bank"] == -Decimal(FIRST)


STRAIGHT_AT_THE_ROWS = {
    "a second payment of the instalment": "INSERT INTO journal VALUES ('j', 'case:KEN/2026/0007', 1, 'payment', now(), 'KES')",
    "more drawn than authorised": "UPDATE authorised SET drawn = amount + 0.01",
    "less than nothing drawn": "UPDATE authorised SET drawn = -0.01",
    "authorised below what is drawn": "UPDATE authorised SET amount = drawn - 0.01",
    "one side of a journal": (
        "INSERT INTO entry SELECT id, 'expenditure', 5 FROM journal WHERE kind = 'release'; SET CONSTRAINTS ALL IMMEDIATE"
    ),
    "an order for nothing": "UPDATE payment_order SET amount = 0",
    "a second order of one number": "INSERT INTO payment_order SELECT * FROM payment_order",
    "a reservation serving twice": (
        "INSERT INTO reservation SELECT 'case:other', number, vendor_number, currency, amount, lines, at FROM reservation"
    ),
}


@pytest.mark.parametrize("deed", STRAIGHT_AT_THE_ROWS)
async def test_invariant_3_the_database_refuses_what_goes_round_every_rule(desk: Desk, deed: str) -> None:
    await paid(desk)
    async with undone(desk) as (_, conn):
        with pytest.raises((asyncpg.UniqueViolationError, asyncpg.CheckViolationError)):
            await conn.execute(STRAIGHT_AT_THE_ROWS[deed])


async def test_invariant_3_no_write_of_the_system_gets_past_the_amount_either(desk: Desk) -> None:
    case = await paid(desk)
    rest = Decimal("53072000.00") - Decimal(FIRST)
    chance = random.Random(3)
    for _ in range(30):
        amounts = [rest + Decimal("0.01"), rest * 2, Decimal(chance.randint(1, int(rest * 3)))]
        async with undone(desk) as (attempt, conn):
            for nth, amount in enumerate(amounts, 2):
                event = Event(type="cash.released", data={"instalment": nth, "amount": str(amount), "value_date": "2026-09-01"})
                await attempt.system(case, "cash", "by hand", at("2026-09-01"), [event])
            row = await conn.fetchrow("SELECT amount, drawn FROM authorised")
            assert row is not None
            assert row["drawn"] <= row["amount"] == Decimal("53072000.00")


# 4. The start is never before the later signature -----------------------------------------------------------------------------------


async def ready_to_sign(desk: Desk, start: str) -> str:
    """C1, asking for another start, approved on the first of April."""
    intake = facts("C1")
    intake["document"]["start"] = start
    intake["document"].pop("reporting", None)
    return await approved(desk, intake)


async def test_invariant_4_the_start_is_never_before_the_later_signature_in_whatever_order_they_come(desk: Desk) -> None:
    case = await ready_to_sign(desk, "2026-04-03")
    days = ["2026-04-01", "2026-04-02", "2026-04-03", "2026-04-04", "2026-04-20"]
    tried = 0
    for one, other in itertools.product(days, days):
        for first, second in (("partner", "office"), ("office", "partner")):
            heard = {first: "2026-04-20", second: "2026-04-20"}
            async with undone(desk) as (attempt, conn):
                for side, day, last in ((first, one, False), (second, other, True)):
                    given = [item | {"signed_on": day, "method": "scan"} for item in await objects(desk, case, day)]
                    done = await sign(attempt, case, side, heard[side], given, last=last)
                    assert not done.refused, done.findings
                row = await conn.fetchrow('SELECT start_on, signed_on, end_on FROM "case" WHERE subject = $1', case)
                assert row is not None
                later = date.fromisoformat(max(one, other))
                assert row["signed_on"] == later
                assert row["start_on"] == max(later, date(2026, 4, 3))
                first_day = await conn.fetchval("SELECT min(start_on) FROM period WHERE subject = $1", case)
                assert first_day == row["start_on"], "and no money is planned for the time before"
                tried += 1
    assert tried == 50


@pytest.mark.parametrize(("signed_on", "rule"), [("2026-03-31", "back_dated"), ("2026-04-08", "signed_in_future")])
async def test_invariant_4_no_signature_is_dated_before_the_approval_or_after_today(desk: Desk, signed_on: str, rule: str) -> None:
    case = await in_signature(desk)
    for side in ("partner", "office"):
        async with undone(desk) as (attempt, _):
            given = [item | {"signed_on": signed_on} for item in await objects(desk, case, signed_on)]
            assert rules((await sign(attempt, case, side, "2026-04-07", given, last=side == "office")).findings) == {rule}


async def test_invariant_4_a_workflow_that_names_its_own_dates_is_not_believed(desk: Desk) -> None:
    case = await ready_to_sign(desk, "2026-04-03")
    await sign(desk, case, "partner", "2026-04-07")
    (task,) = await desk.open(case, "approval", at("2026-04-01", "14:00"), Opening(kind="sign_for_office"))
    told = {"start": "2026-01-01", "later_signature": "2026-01-01", "authorised": "99999999.00"}
    events = [Event(type="signature.recorded", data={"side": "office"}, each="objects"), *signing()]
    events[2] = events[2].model_copy(update={"data": told})
    data = {"objects": await objects(desk, case, "2026-04-09")}
    done = await desk.decide(task, "ke.008", "head_of_office", "sign", at("2026-04-09", "12:00"), events, subject=case, data=data)
    assert not done.refused, done.findings
    row = await desk.case(case)
    assert (str(row["start_on"]), str(row["signed_on"])) == ("2026-04-09", "2026-04-09")
    assert await desk.pool.fetchval("SELECT amount FROM authorised") == Decimal("53072000.00")


# 5. What is owed has a day, an owner, and a consequence that fires by itself ----------------------------------------------------------


async def owed(desk: Desk, subject: str, kind: str, due: str = "2026-06-30T14:00:00+00:00") -> str:
    identity = f"{subject.rpartition(':')[2]}:{kind}:attempt"
    data = {"obligation": identity, "kind": kind, "what": "attempt", "due_at": due, "reason": "test"}
    done = await desk.system(subject, "obligations", "owe", at("2026-06-01"), [Event(type="obligation.created", data=data)])
    assert not done.refused, done.findings
    return identity


def overdue(identity: str, level: int) -> list[Event]:
    return [Event(type="obligation.overdue", data={"obligation": identity, "level": level})]


async def standing_blocks(conn: asyncpg.Connection) -> set[tuple[str, str, str]]:
    rows = await conn.fetch("SELECT subject, scope, cause FROM block WHERE lifted_at IS NULL")
    return {(row["subject"], row["scope"], row["cause"]) for row in rows}


@pytest.mark.parametrize("track", PACKS)
async def test_invariant_5_every_obligation_fires_by_itself_as_its_blocks_and_lifts_alone(desk: Desk, track: str) -> None:
    case = await active(desk)
    pack = PACKS[track]
    async with desk.pool.acquire() as conn:
        before = await conn.fetchval("SELECT count(*) FROM block")
    assert before == 0
    for kind, rule in pack.obligations.items():
        subject = PARTNER if rule.scope == "partner" else case
        async with undone(desk) as (attempt, conn):
            identity = await owed(attempt, subject, kind)
            row = await conn.fetchrow("SELECT * FROM obligation WHERE id = $1", identity)
            assert row is not None
            assert row["owner_role"] in rule.owners, kind
            assert row["due_at"], kind
            assert row["consequences"] == list(rule.consequences), kind
            assert rule.consequences, kind
            await conn.execute(_BLOCK.format(case, "cash"))
            for level, day in enumerate(("2026-07-01", "2026-08-01")):  # what is decided late is decided 30 days after
                done = await attempt.system(subject, "obligations", f"due-{level}", at(day), overdue(identity, level))
                assert not done.refused, (kind, done.findings)
            expected = {(subject, BLOCKS[name], identity) for name in rule.consequences if name in BLOCKS}
            other = (case, "cash", "suspension")
            assert await standing_blocks(conn) == expected | {other}, kind
            assert await conn.fetchval("SELECT overdue FROM obligation WHERE id = $1", identity), kind
            met = Event(type="obligation.met", data={"obligation": identity, "by": "test"})
            done = await attempt.system(subject, "obligations", "met", at("2026-08-02"), [met])
            assert not done.refused, (kind, done.findings)
            assert await standing_blocks(conn) == {other}, kind
            again = await attempt.system(subject, "obligations", "late", at("2026-08-03"), overdue(identity, 0))
            assert rules(again.findings) == {"obligation_closed"}, "and never fires once it is met"


async def test_invariant_5_nothing_is_owed_twice_and_a_second_asking_moves_no_day(desk: Desk) -> None:
    await active(desk)
    async with undone(desk) as (attempt, conn):
        identity = await owed(attempt, PARTNER, "psea_assessment")
        await owed(attempt, PARTNER, "psea_assessment", due="2027-06-30T14:00:00+00:00")
        rows = await conn.fetch("SELECT due_at FROM obligation WHERE id = $1", identity)
        assert [row["due_at"] for row in rows] == [at("2026-06-30", "14:00")]


async def test_invariant_5_the_first_payment_waits_for_what_is_overdue_and_goes_on_when_it_is_met(desk: Desk) -> None:
    case, task = await to_release(desk)
    identity = await owed(desk, PARTNER, "risk_acceptance_expiry", due="2026-05-31T14:00:00+00:00")
    assert rules((await let_go(desk, case, task)).findings) == {"overdue_obligation"}, "before its timer has run"
    await desk.system(PARTNER, "obligations", "due", at("2026-06-01", "08:00"), overdue(identity, 0))
    assert rules((await let_go(desk, case, task)).findings) == {"blocked"}, "and after"
    met = Event(type="obligation.met", data={"obligation": identity, "by": "test"})
    await desk.system(PARTNER, "obligations", "met", at("2026-06-01", "09:00"), [met])
    assert not (await let_go(desk, case, task)).refused


# 6. Segregation of duties across the whole case, whatever the order -----------------------------------------------------------------------

RETURN = {"comment": "c", "message_to_partner": "m", "reason_code": "budget"}
ACTS: Mapping[str, tuple[str, str, str, str, dict[str, Any]]] = {
    "submit_for_review": (CASE, "document", "budget_owner", "unlock", {"comment": "c"}),
    "clear_clause_deviation": (CASE, "document", "focal_point", "use_template", {}),
    "give_opinion": (CASE, "review", "committee_member", "recommend", {"data": {"answers": YES, "no_conflict": True}}),
    "consolidate_recommendation": (CASE, "review", "overall_approver", "not_recommend", RETURN | {"data": {}}),
    "approve_document": (CASE, "approval", "authorised_officer", "return", RETURN | {"data": {"items": ["a"]}}),
    "approve_pca": (CASE, "approval", "head_of_office", "return", RETURN | {"data": {"items": ["a"]}}),
    "sign_for_office": (CASE, "approval", "head_of_office", "return", RETURN | {"data": {"items": ["a"]}}),
    "sign_as_partner": (CASE, "approval", "focal_point", "request_change", {"comment": "c", "data": {"items": ["a"]}}),
    "release_cash": (CASE, "cash", "authorised_officer", "return", {"comment": "c"}),
    "set_up_vendor": (PARTNER, "vetting", "vendor_officer", "need_information", RETURN),
    "confirm_bank_account": (PARTNER, "vetting", "finance_officer", "refuse", {"comment": "c"}),
    "dispose_screening_hit": (PARTNER, "vetting", "risk_officer", "escalate", {"comment": "c", "data": {"to": "headquarters"}}),
    "conclude_vetting": (PARTNER, "vetting", "partnership_manager", "reject", RETURN),
}
"""One act of each duty, by a verdict that asks nothing of the rows but who decides."""

DUTIES: Mapping[str, set[str]] = {
    "submit_for_review": {"submits"}, "clear_clause_deviation": {"focal point"}, "give_opinion": {"reviews"},
    "consolidate_recommendation": {"reviews"}, "approve_document": {"approves"}, "approve_pca": {"approves"}, "sign_for_office": {"signs"},
    "sign_as_partner": {"acts for the partner", "focal point"}, "release_cash": {"releases"}, "set_up_vendor": {"sets up the account"},
    "confirm_bank_account": {"confirms the account"}, "dispose_screening_hit": {"disposes"}, "conclude_vetting": {"vets"},
}  # fmt: skip
NEVER_ONE = {
    frozenset(pair)
    for pair in (
        ("submits", "reviews"), ("submits", "approves"), ("reviews", "approves"), ("reviews", "signs"), ("approves", "releases"),
        ("sets up the account", "releases"), ("confirms the account", "releases"), ("sets up the account", "confirms the account"),
        ("disposes", "focal point"), ("disposes", "approves"), ("acts for the partner", "approves"), ("acts for the partner", "releases"),
        ("vets", "focal point"),
    )
}  # fmt: skip
"""stages.md 3, read anew: what one person never does in one case."""

OFFICERS = ("ke.x1", "ke.x2", "ke.x3")
"""People who hold every role, so that nothing but their duties keeps them apart. The third stands in for the first."""


async def small_office(desk: Desk, folder: Path) -> str:
    """C1 in an office where three people are everything; a member of the committee each; one hit is open."""
    roles = sorted({role for _, _, role, _, _ in ACTS.values()})
    people = "".join(
        f'\n[[people]]\nactor = "{actor}"\nname = "{actor}"\nemail = "{actor}@office.example"\nroles = ['
        + ", ".join(f'{{ role = "{role}" }}' for role in roles)
        + "]\n"
        for actor in OFFICERS
    )
    entry = '\n[[delegations]]\nprincipal = "ke.x1"\ndelegate = "ke.x3"\nfrom = 2026-01-01\nto = 2027-12-31\nsign = true\n'
    entry += f"roles = {json.dumps(roles)}\n"
    text = (EXAMPLES / "offices" / "KE.toml").read_text().replace('version = "2026-01"', 'version = "small"')
    path = folder / "KE.toml"
    path.write_text(text.replace("effective_on = 2025-01-01", "effective_on = 2026-01-01") + people + entry)
    await versions.load_file(desk.pool, path)
    case = await desk.taken(facts("C1"))
    for actor in OFFICERS:
        await desk.pool.execute(
            "INSERT INTO member (subject, round, person, function, section, state) VALUES ($1, 1, $2, 'finance', 'finance', 'named')",
            case,
            actor,
        )
    await found(desk, "2026-02-17")
    return case


async def act(desk: Desk, kind: str, actor: str, nth: int, principal: str = "") -> Recorded | None:
    """The attempt; None where that person's own task was decided before."""
    subject, stage, role, verdict, said = ACTS[kind]
    whom = {"give_opinion": principal or actor, "dispose_screening_hit": "h"}.get(kind, f"n{nth}")
    stays = kind == "dispose_screening_hit"
    opened = await desk.open(subject, stage, at("2026-03-02", "08:00"), Opening(kind=kind, whom=whom))
    if not opened:
        return None
    more: dict[str, Any] = {"on_behalf_of": principal} if principal else {}
    return await desk.decide(opened[0], actor, role, verdict, at("2026-03-02"), subject=subject, keep_open=stays, **said, **more)


def apart(kind: str, other: str) -> bool:
    """Whether one person never does both."""
    return any(frozenset((one, two)) in NEVER_ONE for one in DUTIES[kind] for two in DUTIES[other])


async def test_invariant_6_no_two_duties_that_exclude_each_other_in_either_order_nor_through_a_delegate(desk: Desk, tmp_path: Path) -> None:
    await small_office(desk, tmp_path)
    ways = {
        "oneself": (("ke.x1", ""), ("ke.x1", "")),
        "the delegate after the principal": (("ke.x1", ""), ("ke.x3", "ke.x1")),
        "the principal after the delegate": (("ke.x3", "ke.x1"), ("ke.x1", "")),
        "the delegate on his own account": (("ke.x3", "ke.x1"), ("ke.x3", "")),
        "another": (("ke.x1", ""), ("ke.x2", "")),
    }
    for first, second in itertools.permutations(ACTS, 2):
        for name, (one, two) in ways.items() if apart(first, second) else [("oneself", ways["oneself"])]:
            async with undone(desk) as (attempt, _):
                done = await act(attempt, first, one[0], 1, one[1])
                assert done is not None
                assert not done.refused, (first, name, done.findings)
                after = await act(attempt, second, two[0], 2, two[1])
                assert after is not None
                expected = name != "another" and apart(first, second)
                assert after.refused is expected, (first, second, name, after.findings)
                assert all(finding.path == "$.actor" for finding in after.findings), (first, second, name, after.findings)


@pytest.mark.parametrize("seed", range(12))
async def test_invariant_6_three_people_who_try_everything_never_hold_two_duties_that_exclude_each_other(
    desk: Desk, tmp_path: Path, seed: int
) -> None:
    await small_office(desk, tmp_path)
    chance = random.Random(seed)
    held: dict[str, set[str]] = {actor: set() for actor in OFFICERS}
    refused = counted = 0
    async with undone(desk) as (attempt, _):
        for nth in range(60):
            kind, actor = chance.choice(sorted(ACTS)), chance.choice(OFFICERS)
            principal = "ke.x1" if actor == "ke.x3" and chance.random() < 0.4 else ""
            done = await act(attempt, kind, actor, nth, principal)
            if done is None:
                continue
            refused, counted = refused + done.refused, counted + (not done.refused)
            for person in {actor, principal} - {""} if not done.refused else ():
                held[person] |= DUTIES[kind]
    for person, duties in held.items():
        together = {frozenset(pair) for pair in itertools.combinations(sorted(duties), 2)}
        assert not together & NEVER_ONE, (person, duties)
    assert refused > 10
    assert counted > 10


# 7. The transition table is closed ----------------------------------------------------------------------------------------------------


async def test_invariant_7_every_move_that_is_not_listed_is_refused_and_every_listed_one_tells_all_that_is_unmet(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    triggers = sorted({row.trigger for row in transitions.CASE})
    listed_moves = {(source, row.to, row.trigger): row for row in transitions.CASE for source in row.sources if row.to != transitions.STAYS}
    tried = dict.fromkeys(("refused", "unmet", "made"), 0)
    chance = random.Random(7)
    moves = [
        (source, to, trigger)
        for source, to in itertools.product(transitions.CASE_STATUSES, transitions.CASE_STATUSES)
        for trigger in sorted({row.trigger for row in transitions.CASE if row.to == to} | set(chance.sample(triggers, 3)))
    ]
    for source, to, trigger in moves:
        async with undone(desk) as (attempt, conn):
            await conn.execute('UPDATE "case" SET status = $1', source)
            move = Event(type="case.status_changed", data={"to": to, "trigger": trigger})
            done = await attempt.system(case, "case", "move", at("2026-03-02"), [move])
            row = listed_moves.get((source, to, trigger))
            now = await conn.fetchval('SELECT status FROM "case"')
            if row is None and source == to:  # an overlay leaves the status
                assert now == source
            elif row is None:
                assert rules(done.findings) == {"not_allowed"}, (source, to, trigger)
                assert now == source
                tried["refused"] += 1
            elif done.refused:
                assert "not_allowed" not in rules(done.findings), (source, to, trigger)
                assert now == source
                tried["unmet"] += 1
            else:
                assert now == to
                tried["made"] += 1
    assert tried["refused"] > 800
    assert tried["unmet"] > 15


async def test_invariant_7_all_unmet_guards_of_a_move_are_told_at_once(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    await made(desk, case, status="signed", start_on=date(2026, 6, 1))
    move = [Event(type="case.status_changed", data={"to": "active", "trigger": "conditions_met"})]
    done = await desk.system(case, "case", "activate", at("2026-03-02"), move)
    assert rules(done.findings) == {"start_reached", "reservation", "umbrella_signed"}


async def test_invariant_7_the_table_of_the_pca_is_closed_too(desk: Desk) -> None:
    await desk.taken(facts("C1"))
    names = {
        "umbrella.suspended": "suspend",
        "umbrella.lifted": "lift",
        "umbrella.ended": "programme_over",
        "umbrella.terminated": "terminate",
    }
    for status, (name, trigger) in itertools.product(transitions.UMBRELLA_STATUSES, names.items()):
        async with undone(desk) as (attempt, conn):
            await conn.execute("UPDATE umbrella SET status = $1, carrier = NULL", status)
            done = await attempt.system(UMBRELLA, "umbrella", "move", at("2026-03-02"), [Event(type=name)])
            allowed = any(status in row.sources and row.trigger == trigger for row in transitions.UMBRELLA)
            assert done.refused, "and what is listed has a guard that does not hold here"
            assert ("not_allowed" in rules(done.findings)) is not allowed, (status, name)
            assert await conn.fetchval("SELECT status FROM umbrella") == status


# 8. A stop carries reason, scope and date; lifting one leaves the others ---------------------------------------------------------------


async def test_invariant_8_every_stop_says_since_when_why_and_how_far(desk: Desk) -> None:
    case = await active(desk)
    assert not (await suspend(desk, case, "a", reason="report_missing")).refused
    assert not (await notice(desk, case, "inability", 30, "2026-07-31")).refused
    rows = await desk.pool.fetch("SELECT scope, cause, reason_code, since FROM block ORDER BY since, scope")
    assert [tuple(row) for row in rows] == [
        ("cash", "suspension", "report_missing", at("2026-06-10")),
        ("amendment", "notice", "inability", at("2026-07-01")),
        ("cash", "notice", "inability", at("2026-07-01")),
    ]


async def test_invariant_8_a_stop_without_reason_scope_or_message_is_refused(desk: Desk) -> None:
    case = await active(desk)
    event = Event(type="case.suspended", take=["scope", "until"])
    done = await desk.tell(case, "suspend", "ke.002", "partnership_manager", at("2026-06-10"), [event], data={})
    assert {"comment_required", "message_required", "reason_required", "invalid_data"} <= rules(done.findings)
    assert await desk.pool.fetchval("SELECT count(*) FROM block") == 0


async def test_invariant_8_stops_are_lifted_in_any_order_and_the_case_is_then_exactly_where_it_was(desk: Desk) -> None:
    case, task = await to_release(desk)
    owing = await owed(desk, case, "first_assurance_visit", due="2026-05-31T14:00:00+00:00")
    one, two = f"{case}:suspension:a", f"{case}:suspension:b"
    query = 'SELECT * FROM "case" WHERE subject = $1'
    async with undone(desk) as (attempt, conn):
        # Whatever order they were put up in, the row but for its version is as before.
        row = await conn.fetchrow(query, case)
        assert row is not None
        before = {name: value for name, value in row.items() if name != "view_version"}
        await suspend(attempt, case, "a")
        await suspend(attempt, case, "b", scope="all", reason="other")
        await attempt.system(case, "obligations", "due", at("2026-06-01", "06:00"), overdue(owing, 0))
        lifts = {"a": one, "b": two, "owing": owing}
        for order in itertools.permutations(lifts):
            state = conn.transaction()
            await state.start()
            left = set(lifts.values())
            for name in order:
                if name == "owing":
                    met = Event(type="obligation.met", data={"obligation": owing, "by": "test"})
                    done = await attempt.system(case, "obligations", "met", at("2026-06-12"), [met])
                else:
                    done = await lift(attempt, case, name, block=lifts[name])
                assert not done.refused, (order, done.findings)
                left.discard(lifts[name])
                standing_now = await conn.fetch("SELECT id, cause FROM block WHERE lifted_at IS NULL")
                assert {lid if cause == "suspension" else cause for lid, cause in standing_now} == left, order
                told = rules((await let_go(attempt, case, task)).findings) if left else set()
                assert told == ({"blocked"} if left else set()), order
            row = await conn.fetchrow(query, case)
            assert row is not None
            assert {name: value for name, value in row.items() if name != "view_version"} == before, order
            assert not (await let_go(attempt, case, task)).refused, "and the cash goes on from where it stood"
            await state.rollback()


async def test_invariant_8_a_hold_keeps_the_working_time_and_leaves_every_other_row(desk: Desk) -> None:
    case = await drafting(desk)
    (task,) = await desk.open(case, "document", at("2026-03-02"), Opening(kind="office_turn", whom="turn-1"))
    before = dict(await desk.case(case))
    held = [Event(type="case.held", take=["reason", "until"])]
    data = {"reason": "flood", "until": "2026-03-20"}
    assert not (await desk.tell(case, "hold", "ke.001", "focal_point", at("2026-03-03"), held, data=data)).refused
    digest = await standing(desk, case)
    event = Event(type="document.accepted", data={"side": "office"}, take=["sha256"])
    done = await desk.decide(task, "ke.001", "focal_point", "accept", at("2026-03-04"), [event], subject=case, data={"sha256": digest})
    assert rules(done.findings) == {"on_hold"}
    resumed = [Event(type="case.resumed", data={"why": "message"})]
    assert not (await desk.tell(case, "resume", "ke.001", "focal_point", at("2026-03-10"), resumed)).refused
    after = dict(await desk.case(case))
    assert {name for name in before if before[name] != after[name]} == {"view_version"}


# 10. Killing any process at any moment loses nothing and repeats nothing ----------------------------------------------------------------


async def batches(desk: Desk) -> dict[str, Batch]:
    """A decision, a message, and a write of the system, each from one state of C1."""
    case, task = await to_release(desk)
    said = {"amount": FIRST, "value_date": "2026-06-01"}
    decision = Decision(task=task.id, actor="ke.007", role="authorised_officer", verdict="release", key="d", data=said)
    message = Message(kind="raise_concern", actor="ke.p03", role="partner_focal_point", key="m", data={"text": "We wait."})
    events = [
        Event(type="cash.released", data={"instalment": 1}, take=["amount", "value_date"]),
        Event(type="payment.ordered", data={"instalment": 1}),
    ]
    common: dict[str, Any] = {"subject": case, "at": at("2026-06-01"), "workflow": "w"}
    return {
        "decision": Batch(key=decision.receipt, stage="cash", decision=decision, task=task, events=events, **common),
        "message": Batch(
            key=message.receipt("KEN/2026/0007"), stage="case", message=message,
            events=[Event(type="concern.raised", data={"concern": "m"})],
            opens=[Opening(kind="answer_partner_concern", whom="m")], **common,
        ),
        "system": Batch(
            key="KEN/2026/0007:visit", stage="case",
            events=[Event(type="obligation.created", data={"obligation": "o", "kind": "first_assurance_visit"})], **common,
        ),
    }  # fmt: skip


async def everything(pool: asyncpg.Pool) -> dict[str, list[Any]]:
    """Every row of every projection, of the log and of the heads."""
    tables = [*audit.PROJECTIONS, "event", "stream", "receipt"]
    return {name: [row["r"] for row in await pool.fetch(f'SELECT t::text AS r FROM "{name}" t ORDER BY 1')] for name in tables}


@pytest.mark.parametrize("kind", ["decision", "message", "system"])
async def test_invariant_10_an_answer_that_was_lost_is_given_again_and_nothing_happens_twice(desk: Desk, kind: str) -> None:
    batch = (await batches(desk))[kind]
    first = await desk.recorder.record(batch)
    assert not first.refused, first.findings
    after = await everything(desk.pool)
    for _ in range(3):
        again = await desk.recorder.record(batch.model_copy(update={"at": batch.at + timedelta(minutes=5)}))
        assert again.repeated
        assert again.model_copy(update={"repeated": False}) == first
    assert await everything(desk.pool) == after


async def died(desk: Desk, batch: Batch) -> None:
    """The whole write is made, and the process is gone before its commit."""
    async with desk.pool.acquire() as conn, conn.transaction():
        await write(cast("asyncpg.Connection", conn), batch)
        raise ConnectionResetError


@pytest.mark.parametrize("kind", ["decision", "message", "system"])
async def test_invariant_10_a_write_that_died_before_its_commit_never_was_and_may_be_made_again(desk: Desk, kind: str) -> None:
    batch = (await batches(desk))[kind]
    before = await everything(desk.pool)
    with pytest.raises(ConnectionResetError):
        await died(desk, batch)
    assert await everything(desk.pool) == before
    done = await desk.recorder.record(batch)
    assert (done.refused, done.repeated) == (False, False)


@pytest.mark.parametrize("kind", ["decision", "message", "system"])
async def test_invariant_10_a_retry_that_overtakes_its_first_try_is_the_same_write(desk: Desk, kind: str) -> None:
    batch = (await batches(desk))[kind]
    done = await asyncio.gather(*(desk.recorder.record(batch) for _ in range(5)))
    assert sorted(one.repeated for one in done) == [False, True, True, True, True]
    assert not any(one.refused for one in done)
    told = await desk.pool.fetch(
        "SELECT type, count(*) AS n FROM event WHERE subject = $1 AND at = $2 GROUP BY type", CASE, at("2026-06-01")
    )
    assert {row["n"] for row in told if row["type"] in {event.type for event in batch.events}} == {1}


async def test_invariant_10_the_same_key_saying_something_else_is_refused_and_changes_nothing(desk: Desk) -> None:
    batch = (await batches(desk))["decision"]
    assert batch.decision is not None
    await desk.recorder.record(batch)
    before = await ledger(desk, CASE)
    other = batch.decision.model_copy(update={"data": {"amount": "1.00", "value_date": "2026-06-01"}})
    done = await desk.recorder.record(batch.model_copy(update={"decision": other}))
    assert (done.refused, rules(done.findings)) == (True, {"key_reused"})
    assert await ledger(desk, CASE) == before


# 11. Every chain verifies, and replaying the events rebuilds the state exactly ------------------------------------------------------------


async def test_invariant_11_a_whole_case_verifies_and_rebuilds_and_every_tampering_is_found(desk: Desk) -> None:
    case = await paid(desk)
    await suspend(desk, case, "a")
    await owed(desk, case, "first_assurance_visit")
    refused = await suspend(desk, case, "a", scope="all")
    assert rules(refused.findings) == {"key_reused"}
    assert (await audit.verify(desk.pool), await audit.rebuild_check(desk.pool)) == ([], [])

    filled = {name for name in audit.PROJECTIONS if await desk.pool.fetchval(f'SELECT count(*) FROM "{name}"')}
    assert filled >= {"case", "decision", "block", "element", "umbrella", "signature", "instalment", "payment_order", "obligation", "entry"}
    async with desk.pool.acquire() as conn:
        kept = await conn.fetchrow("SELECT * FROM event WHERE subject = $1 ORDER BY sequence DESC LIMIT 1", case)
        assert kept is not None
        await conn.execute("ALTER TABLE event DISABLE TRIGGER USER")
        for statement in (
            "UPDATE event SET body = replace(body, '10518100.00', '10518100.01') WHERE type = 'cash.released'",
            "UPDATE event SET hash = md5(hash) WHERE subject = 'umbrella:KE:P-KE-0001:KE-2023' AND sequence = 1",
            "DELETE FROM event WHERE type = 'approval.given'",
            "DELETE FROM event e USING stream s WHERE e.subject = s.subject AND e.sequence = s.sequence",
            "UPDATE stream SET hash = md5(hash) WHERE subject = 'partner:KE:P-KE-0001'",
        ):
            attempt = conn.transaction()
            await attempt.start()
            assert int((await conn.execute(statement)).rpartition(" ")[2]) > 0, statement
            assert await audit.verify(_One(conn)), statement  # type: ignore[arg-type]
            await attempt.rollback()
        await conn.execute("ALTER TABLE event ENABLE TRIGGER USER")

    await desk.pool.execute("ALTER TABLE entry DISABLE TRIGGER USER")
    for name in sorted(filled - {"journal"}):  # whose rows others refer to
        await desk.pool.execute(f'DELETE FROM "{name}" WHERE ctid = (SELECT min(ctid) FROM "{name}")')
    changed = await audit.rebuild_check(desk.pool)
    assert {difference.table for difference in changed} == filled - {"journal"}


class _One:
    """A pool of the one connection whose tampering nobody else sees."""

    def __init__(self, conn: asyncpg.Connection) -> None:
        self.conn = conn

    def acquire(self) -> "_One":
        return self

    async def __aenter__(self) -> "_One":
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    def transaction(self, **_: Any) -> Any:
        return self.conn.transaction()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.conn, name)
