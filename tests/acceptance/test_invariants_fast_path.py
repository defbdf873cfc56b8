"""The invariants of the design (section 8) attacked on the fast path: what an emergency postpones is never dropped.

From one state everything is tried and taken back; then many random orders of the acts of a case are played, and whatever the order, the
rules that span them hold after each act.
"""

import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from activities import activation
from activities.activation import ActivationRefused
from db import audit
from policy.obligations import BLOCKS
from policy.pack import load
from schemas.engine import Event, Opening, Recorded
from tests.acceptance.attempts import imagined
from tests.activities import fast_path as fp
from tests.activities.desk import Desk, at, rules, sha

ELEMENTS = {"profile": "partner_verification", "psea": "psea_assessment", "hact": "hact_assessment"}
HIT = Event(type="screening.hit_found", data={"hit": "h", "list_entry": "l:1", "name_role": "leader", "score": "0.95"})


async def ready(desk: Desk) -> str:
    """C3, active, with everything done for its first instalment but the release."""
    case = await fp.active(desk)
    fp.taken(await fp.request(desk, case))
    for kind in ("certify_request", "check_request"):
        fp.taken(await fp.check(desk, case, kind))
    return case


# 1. Screening is never waived -------------------------------------------------------------------------------------------------------------


async def test_invariant_1_on_the_fast_path_a_match_stops_approval_signature_and_release(desk: Desk) -> None:
    case = await fp.in_approval(desk)
    async with imagined(desk) as attempt:
        await attempt.system(fp.PARTNER, "vetting", "hit", at("2026-03-17", "06:00"), [HIT])
        assert rules((await fp.approve(attempt, case)).findings) == {"screening_hit_open"}
    await fp.account(desk)
    fp.taken(await fp.approve(desk, case))
    fp.taken(await fp.approve(desk, case, "pca", last=True))
    fp.taken(await fp.sign(desk, case, "partner", "2026-03-18"))
    async with imagined(desk) as attempt:
        await attempt.system(fp.PARTNER, "vetting", "hit", at("2026-03-19", "06:00"), [HIT])
        done = await fp.sign(attempt, case, "office", "2026-03-19", last=True)
        assert "screening_hit_open" in rules(done.findings)
        assert await attempt.told(case, "document.signed") == []


# 2. No cash unless every check holds ------------------------------------------------------------------------------------------------------


async def test_invariant_2_on_the_fast_path_the_cap_is_one_more_check_of_a_release(desk: Desk) -> None:
    case = await fp.active(desk)
    async with imagined(desk) as attempt:
        assert "above_ceiling" in rules((await fp.request(attempt, case, fp.NEED)).findings)
    async with imagined(desk) as attempt:  # asked for while nothing was postponed, which then is: the release asks again
        await attempt.pool.execute("UPDATE element SET source = 'own' WHERE source IN ('assumed', 'deferred')")
        fp.taken(await fp.request(attempt, case, fp.NEED))
        for kind in ("certify_request", "check_request"):
            fp.taken(await fp.check(attempt, case, kind))
        await attempt.pool.execute("UPDATE element SET source = 'assumed' WHERE element = 'psea'")
        done = await fp.release(attempt, case, str(sum(Decimal(amount) for amount in fp.NEED.values())))
        assert "above_ceiling" in rules(done.findings) or "above_cap" in rules(done.findings), done.findings
        assert await attempt.told(case, "cash.released") == []


# 3. Never above the amount ----------------------------------------------------------------------------------------------------------------


async def test_invariant_3_on_the_fast_path_an_instalment_leaves_once(desk: Desk) -> None:
    case = await ready(desk)
    fp.taken(await fp.release(desk, case))
    for whom in ("1-return-1", "1-again"):
        async with imagined(desk) as attempt:
            assert "already_released" in rules((await fp.release(attempt, case, whom=whom)).findings)


# 4. Never back-dated ----------------------------------------------------------------------------------------------------------------------


async def test_invariant_4_the_fast_path_never_starts_before_the_later_signature(desk: Desk) -> None:
    case = await fp.in_signature(desk)
    days = ("2026-03-17", "2026-03-18", "2026-03-20")
    for one in days:
        for other in (day for day in days if day >= one):  # each is heard on the day that it bears
            async with imagined(desk) as attempt:
                fp.taken(await fp.sign(attempt, case, "partner", one))
                fp.taken(await fp.sign(attempt, case, "office", other, last=True))
                row = await attempt.case(case)
                assert row["start_on"] >= date.fromisoformat(max(one, other)) == row["signed_on"]
    for side in ("partner", "office"):
        async with imagined(desk) as attempt:
            done = await fp.sign(attempt, case, side, "2026-03-18", signed_on="2026-03-16")
            assert "back_dated" in rules(done.findings), "before the approval of the 17th"


# 5. Every postponed check is owed ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("element", ELEMENTS)
async def test_invariant_5_what_is_postponed_has_owner_day_and_a_consequence_that_fires_and_lifts(desk: Desk, element: str) -> None:
    case = await ready(desk)
    kind = ELEMENTS[element]
    row = await desk.row("obligation", fp.PARTNER, kind=kind)
    assert row is not None
    rule = load("emergency-2026-01").obligations[kind]
    assert (row["owner_role"] in rule.owners, row["due_at"] is not None, row["consequences"]) == (True, True, list(rule.consequences))
    async with imagined(desk) as attempt:
        early = await fp.falls_due(attempt, fp.PARTNER, row["id"], "2026-03-23")
        assert rules(early.findings) == {"not_due"}
    async with imagined(desk) as attempt:
        for level in (0, 1):
            fp.taken(await fp.falls_due(attempt, fp.PARTNER, row["id"], "2026-07-01", level))
        assert await fp.stops(attempt, fp.PARTNER) == {BLOCKS[name] for name in rule.consequences if name in BLOCKS}
        stopped = rules((await fp.release(attempt, case, when="2026-07-01")).findings)
        assert stopped & {"blocked", "direct_payment_only", "overdue_obligation"}, stopped
        met = Event(type="obligation.met", data={"obligation": row["id"], "by": "test"})
        fp.taken(await attempt.system(fp.PARTNER, "obligations", "met", at("2026-07-02"), [met]))
        assert await fp.stops(attempt, fp.PARTNER) == set()


async def test_invariant_5_no_check_is_postponed_twice_by_any_way(desk: Desk) -> None:
    await fp.cleared(desk)
    for element, kind, verdict, who, data in (
        ("psea", "assess_psea", "assume_low_capacity", ("mz.014", "assurance_officer"), {}),
        ("hact", "assess_hact", "assume_high", ("mz.014", "assurance_officer"), {"assessment_planned_on": "2026-06-01"}),
        ("profile", "verify_partner_profile", "defer", ("mz.002", "partnership_manager"), {}),
    ):
        async with imagined(desk) as attempt:
            (task,) = await attempt.open(fp.PARTNER, "vetting", at("2026-03-13"), Opening(kind=kind, whom="again"))
            event = Event(type="vetting.element_recorded", data={"element": element, "task": kind})
            done = await attempt.decide(task, *who, verdict, at("2026-03-13"), [event], subject=fp.PARTNER, comment="c", data=data)
            assert "deferred_before" in rules(done.findings), (kind, done.findings)


# 6. Duties ------------------------------------------------------------------------------------------------------------------------------


async def test_invariant_6_no_person_is_both_owner_and_verifier_of_evidence(desk: Desk) -> None:
    """Whoever holds both roles still brings the evidence of an obligation or verifies it, never both."""
    case = await fp.signed(desk)
    row = await desk.row("obligation", case, kind="document_completion")
    assert row is not None
    owner, verifier = row["owner_role"], row["verifier_role"]
    await fp.office(desk, "mz.001", [{"role": role} for role in {owner, verifier}])
    (task,) = await desk.open(
        case, "obligations", at("2026-03-20"), Opening(kind="meet_obligation", whom=row["id"], roles=[owner])
    )  # fmt: skip
    data = {"documents": [{"document": "x.pdf", "sha256": sha("x"), "kind": "letter"}]}
    brought = Event(type="obligation.evidence_submitted", data={"obligation": row["id"]})
    fp.taken(
        await desk.decide(task, "mz.001", owner, "submit_evidence", at("2026-03-20", "11:00"), [brought], subject=case, data=data)
    )  # fmt: skip
    check = Opening(kind="check_obligation_evidence", whom=row["id"], roles=[verifier])
    (task,) = await desk.open(case, "obligations", at("2026-03-20", "12:00"), check)
    met = Event(type="obligation.met", data={"obligation": row["id"]})
    done = await desk.decide(task, "mz.001", verifier, "accept", at("2026-03-20", "13:00"), [met], subject=case)
    assert rules(done.findings) == {"owner_verifies"}
    assert row["id"] not in {told["obligation"] for told in await desk.told(case, "obligation.met")}


# 7. The table is closed -------------------------------------------------------------------------------------------------------------------


async def test_invariant_7_nothing_is_approved_on_the_fast_path_before_the_clearance(desk: Desk) -> None:
    case = await fp.drafting(desk, level="L2")  # screened, and not cleared
    _, offices = await fp.sent(desk, case)
    (task,) = fp.taken(await fp.on_behalf(desk, case, offices)).tasks
    fp.taken(await fp.submit(desk, case, task))
    done = fp.taken(await fp.opine(desk, case, await fp.asked(desk, case)))
    assert (done.left_out, (await desk.case(case))["status"]) == (["cleared"], "in_review")
    move = Event(type="case.status_changed", data={"to": "in_approval", "trigger": "recommendation"})
    for events in ([move], [move.model_copy(update={"data": {"to": "in_signature", "trigger": "approve"}})]):
        async with imagined(desk) as attempt:
            assert (await attempt.system(case, "case", "cleared", at("2026-03-16"), events)).refused
    async with imagined(desk) as attempt:
        assert (await fp.approve(attempt, case, "pca", last=True)).refused
        assert (await attempt.case(case))["status"] == "in_review"


# 8. A stop is lifted alone ----------------------------------------------------------------------------------------------------------------


async def test_invariant_8_the_stops_of_what_is_owed_are_lifted_one_by_one_and_the_case_is_where_it_was(desk: Desk) -> None:
    case = await ready(desk)
    names = {kind: f"{fp.PARTNER.split(':')[2]}:{kind}" for kind in ELEMENTS.values()}
    before = await desk.case(case)
    async with imagined(desk) as attempt:
        for identity in names.values():
            for level in (0, 1):
                fp.taken(await fp.falls_due(attempt, fp.PARTNER, identity, "2026-07-01", level))
        causes = {row["cause"] for row in await attempt.pool.fetch("SELECT cause FROM block WHERE lifted_at IS NULL")}
        for kind, identity in names.items():
            met = Event(type="obligation.met", data={"obligation": identity, "by": "test"})
            fp.taken(await attempt.system(fp.PARTNER, "obligations", kind, at("2026-07-02"), [met]))
            causes -= {identity}
            assert {row["cause"] for row in await attempt.pool.fetch("SELECT cause FROM block WHERE lifted_at IS NULL")} == causes
        assert causes == set()
        assert dict(await attempt.case(case)) == dict(before)


# 10. Said twice ---------------------------------------------------------------------------------------------------------------------------


async def test_invariant_10_an_activation_that_is_ended_twice_is_ended_once(desk: Desk) -> None:
    case = await fp.drafting(desk)
    who: dict[str, Any] = {"reason": "The water has fallen.", "actor": "mz.023", "role": "regional_director", "at": at("2026-03-13")}
    assert await activation.revoke(desk.pool, "MOZ-L2-2026-01", **who) == [case.partition(":")[2]]
    with pytest.raises(ActivationRefused):
        await activation.revoke(desk.pool, "MOZ-L2-2026-01", **who)
    assert len(await desk.told(case, "case.track_changed")) == 1
    states = {
        row["kind"]: row["state"] for row in await desk.pool.fetch("SELECT kind, state FROM obligation WHERE subject = $1", fp.PARTNER)
    }
    assert states == dict.fromkeys(ELEMENTS.values(), "open"), "obligations stay"


# Whatever the order -----------------------------------------------------------------------------------------------------------------------

Act = Callable[[Desk, str, random.Random], Awaitable[Any]]


async def _rate(desk: Desk, _case: str, _chance: random.Random) -> Any:
    task = await desk.task(fp.PARTNER, "assess_psea")
    evidence = [{"document": "psea.pdf", "sha256": sha("psea"), "kind": "assessment"}]
    data = {f"s{n}": 3 for n in range(1, 7)} | {"assessed_on": "2026-03-19", "evidence": evidence}
    event = Event(type="vetting.element_recorded", data={"element": "psea", "task": "assess_psea"})
    return await desk.decide(task, "mz.014", "assurance_officer", "rate", at("2026-03-20"), [event], subject=fp.PARTNER, data=data)


async def _reserve(desk: Desk, case: str, _chance: random.Random) -> Any:
    return await fp.reserve(desk, case)


async def _activate(desk: Desk, case: str, _chance: random.Random) -> Any:
    events = [Event(type="case.status_changed", data={"to": "active", "trigger": "conditions_met"}), Event(type="case.activated")]
    return await desk.system(case, "case", "activate", at("2026-03-20", "12:00"), events)


async def _suspend(desk: Desk, _case: str, chance: random.Random) -> Any:
    event = Event(type="umbrella.suspended", take=["scope", "until"])
    return await desk.tell(
        fp.UMBRELLA, "suspend", "mz.002", "partnership_manager", at("2026-03-18"), [event], stage="umbrella",
        data={"scope": chance.choice(("cash", "all"))}, comment="c", message_to_partner="m", reason_code="other",
    )  # fmt: skip


async def _owed(desk: Desk, case: str, chance: random.Random) -> Any:
    rows = await desk.pool.fetch("SELECT id, subject FROM obligation WHERE subject = ANY($1) ORDER BY id", [case, fp.PARTNER])
    row = chance.choice(rows)
    return await fp.falls_due(desk, row["subject"], row["id"], chance.choice(("2026-03-22", "2026-07-01")), chance.choice((0, 1)))


async def _release(desk: Desk, case: str, chance: random.Random) -> Any:
    need = str(sum(Decimal(amount) for amount in fp.NEED.values()))
    return await fp.release(desk, case, chance.choice((fp.CEILING, need)), whom=chance.choice(("1", "1-again")))


async def _withdraw(desk: Desk, case: str, _chance: random.Random) -> Any:
    events = [
        Event(type="case.withdrawn", take=["reason"]),
        Event(type="case.status_changed", data={"to": "withdrawn", "trigger": "withdraw"}),
    ]
    data = {"reason": "We left."}
    return await desk.tell(case, "withdraw", "mz.p01", "partner_authorised_officer", at("2026-03-18"), events, data=data)


async def _revoke(desk: Desk, _case: str, _chance: random.Random) -> Any:
    return await activation.revoke(
        desk.pool, "MOZ-L2-2026-01", reason="Over.", actor="mz.023", role="regional_director", at=at("2026-03-18")
    )


AFTER_APPROVAL: Mapping[str, Act] = {
    "the partner signs": lambda desk, case, _: fp.sign(desk, case, "partner", "2026-03-18"),
    "the office signs": lambda desk, case, _: fp.sign(desk, case, "office", "2026-03-19", last=True),
    "the office signs first": lambda desk, case, _: fp.sign(desk, case, "office", "2026-03-18"),
    "the partner signs last": lambda desk, case, _: fp.sign(desk, case, "partner", "2026-03-19", last=True),
    "the PCA is suspended": _suspend,
    "the profile is verified": lambda desk, case, _: fp.verified(desk, "2026-03-20"),
    "the risk is assessed": lambda desk, case, _: fp.assessed(desk, "2026-03-20"),
    "safeguarding is rated": _rate,
    "funds are reserved": _reserve,
    "the case becomes active": _activate,
    "little is asked for": lambda desk, case, _: fp.request(desk, case),
    "much is asked for": lambda desk, case, _: fp.request(desk, case, fp.NEED, whom="1-return-1"),
    "programme certifies": lambda desk, case, _: fp.check(desk, case, "certify_request"),
    "finance checks": lambda desk, case, _: fp.check(desk, case, "check_request"),
    "cash is released": _release,
    "something falls due": _owed,
    "the partner withdraws": _withdraw,
    "the activation is revoked": _revoke,
}

USUAL = (
    "the partner signs", "the office signs", "funds are reserved", "the case becomes active", "little is asked for",
    "programme certifies", "finance checks", "cash is released",
)  # fmt: skip
"""An order in which it works; most random ones mix others into it, or else hardly any would get as far as the money."""


async def _done(act: Act, desk: Desk, case: str, chance: random.Random) -> Any:
    """The act, tried: a task that is not there (any more) is no act, and a refusal of the activation's doors is an answer."""
    with suppress(ValueError, AssertionError, ActivationRefused):
        async with desk.pool.acquire() as conn, conn.transaction():
            return await act(desk, case, chance)
    return None


async def test_whatever_the_order_no_cap_is_passed_nothing_is_signed_under_a_stop_and_nothing_owed_vanishes(desk: Desk) -> None:
    case = await fp.in_signature(desk)
    reached: dict[str, int] = {}
    for seed in range(60):
        chance = random.Random(seed)
        order = [*USUAL] if chance.random() < 0.8 else []
        for name in chance.choices(sorted(AFTER_APPROVAL), k=7):
            order.insert(chance.randint(0, len(order)), name)
        async with imagined(desk) as attempt:
            owed: set[str] = set()
            suspended = signed = False
            for name in order:
                answer = await _done(AFTER_APPROVAL[name], attempt, case, chance)
                if isinstance(answer, Recorded) and not answer.refused:
                    reached[name] = reached.get(name, 0) + 1
                row = await attempt.case(case)
                pca = await attempt.row("umbrella", fp.UMBRELLA)
                assert pca is not None
                if row["signed_on"] and not signed:
                    signed = True
                    assert (pca["status"], suspended) == ("signed", False), (seed, order, "signed under a stop")
                suspended = pca["status"] == "suspended"
                postponed = await attempt.pool.fetchval(
                    "SELECT count(*) FROM element WHERE subject = $1 AND source IN ('assumed', 'deferred')", fp.PARTNER
                )
                paid = await attempt.pool.fetchval("SELECT coalesce(sum(released), 0) FROM instalment WHERE subject = $1", case)
                if name == "cash is released" and postponed:
                    assert paid <= Decimal(fp.CEILING), (seed, order)
                assert not (paid and not signed), (seed, order)
                rows = await attempt.pool.fetch("SELECT id, state FROM obligation")
                assert owed <= {one["id"] for one in rows}, (seed, order, "what is owed vanished")
                owed = {one["id"] for one in rows}
                for one in rows:
                    if one["state"] not in ("open", "evidence_in"):
                        told = await attempt.pool.fetchval(
                            "SELECT count(*) FROM event WHERE type IN ('obligation.met', 'obligation.written_off', 'obligation.lapsed') "
                            "AND data -> 'data' ->> 'obligation' = $1",
                            one["id"],
                        )
                        assert told == 1, (seed, order, one)
    missing = set(USUAL) - reached.keys()
    assert not missing, f"never reached: {missing}, {reached}"
    assert len(reached) >= len(AFTER_APPROVAL) - 3, reached
    assert await audit.verify(desk.pool) == []


BEFORE_APPROVAL: Mapping[str, Act] = {
    "the partner declares": lambda desk, case, _: fp.declared(desk, fp.PARTNER, "2026-03-14"),
    "vetting is concluded": lambda desk, case, chance: fp.concluded(
        desk, fp.PARTNER, *chance.choice((("profile", "psea", "hact"), ("psea", "hact"), ("profile",))), day="2026-03-15",
        whom=str(chance.random()),
    ),
    "the reviewer speaks": lambda desk, case, chance: _opine(desk, case, chance.choice(("recommend", "recommend", "not_recommend"))),
    "the case moves": lambda desk, case, _: desk.system(
        case, "case", "cleared", at("2026-03-16", "11:00"),
        [Event(type="case.status_changed", data={"to": "in_approval", "trigger": "recommendation"})],
    ),
    "the document is approved": lambda desk, case, chance: fp.approve(
        desk, case, seen=chance.choice((("profile", "psea", "hact"), ("psea",))), last=chance.random() < 0.5
    ),
    "the PCA is approved": lambda desk, case, chance: fp.approve(desk, case, "pca", last=chance.random() < 0.5),
    "the activation is revoked": _revoke,
}  # fmt: skip


async def _opine(desk: Desk, case: str, verdict: str) -> Any:
    whom = await desk.pool.fetchval("SELECT whom FROM task WHERE subject = $1 AND kind = 'give_opinion'", case)
    return await fp.opine(desk, case, await desk.task(case, "give_opinion", whom, "review"), verdict)


async def test_whatever_the_order_nothing_is_approved_without_clearance_and_review_and_nobody_approves_unseen(desk: Desk) -> None:
    case = await fp.drafting(desk, level="L2")
    _, offices = await fp.sent(desk, case)
    (task,) = fp.taken(await fp.on_behalf(desk, case, offices)).tasks
    fp.taken(await fp.submit(desk, case, task))
    await fp.asked(desk, case)
    for kind in ("verify_partner_profile", "assess_psea", "assess_hact"):
        await desk.open(fp.PARTNER, "vetting", at("2026-03-13", "14:00"), Opening(kind=kind))
    approvals = 0
    for seed in range(60):
        chance = random.Random(seed)
        names = list(BEFORE_APPROVAL)
        order = names[:-1] if chance.random() < 0.6 else []
        for name in chance.choices(names, k=5):
            order.insert(chance.randint(0, len(order)), name)
        async with imagined(desk) as attempt:
            for name in order:
                await _done(BEFORE_APPROVAL[name], attempt, case, chance)
            given = await attempt.told(case, "approval.given")
            status = (await attempt.case(case))["status"]
            if not given and status in ("in_review", "drafting"):
                continue
            approvals += bool(given)
            clearance = await attempt.pool.fetchval("SELECT state FROM clearance WHERE subject = $1 AND level = 'emergency'", fp.PARTNER)
            assert clearance == "granted", (seed, order)
            assert await attempt.told(case, "review.concluded"), (seed, order)
            for told in given:
                if told["object"] == "document":
                    elements = await attempt.pool.fetch("SELECT element FROM element WHERE source IN ('assumed', 'deferred')")
                    assert {row["element"] for row in elements} <= set(told["deferrals_seen"]), (seed, order)
    assert approvals >= 5, approvals
