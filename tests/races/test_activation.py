"""Races about one emergency activation: its end against a submission, its renewal against its expiry, a declaration midway against both."""

import random
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import asyncpg
import pytest

from activities import activation
from activities.activation import ActivationRefused
from activities.intake import Refused, Taken, take
from schemas.engine import Event, Opening, Recorded, Task
from schemas.names import case_subject
from tests.activities import fast_path as fp
from tests.activities.desk import FIRST, YES, Desk, at, facts, rules
from tests.races.many import multiplied
from tests.races.turns import Act, Table, later, sequence
from tests.races.whole import holds

pytestmark = pytest.mark.timeout(1200)  # a thousand of each, where that is asked for

WHO: dict[str, Any] = {"actor": "mz.023", "role": "regional_director"}


def name_of(n: int) -> str:
    return f"MOZ-L2-2026-1{n:04}"


def intake(n: int, letter: str) -> dict[str, Any]:
    """C3 of a partner of its own, under the n-th activation."""
    found = facts("C3")
    found["partner"]["id"] = f"P-MZ-{letter}{n:04}"
    return found | {"reference": f"MOZ/2027/{letter}{n:04}", "source_reference": f"{letter}{n}", "activation": name_of(n)}


def answered(call: Callable[[Desk], Awaitable[Any]]) -> Act:
    """A refusal of the activation's own doors is an answer here: its rules."""

    async def act(desk: Desk) -> Any:
        try:
            return await call(desk)
        except ActivationRefused as refused:
            return rules(refused.findings)

    return act


def submit(n: int, letter: str) -> Act:
    """Taken at the door, then put on its track, as its workflow would."""

    async def act(desk: Desk) -> Any:
        found = await take(desk.pool, intake(n, letter), at=at("2026-03-11", "08:00"))
        if isinstance(found, Refused):
            return rules(found.findings)
        assert isinstance(found, Taken)
        subject = case_subject(found.reference)
        events = [
            Event(type="case.track_set", data={"track": "emergency"}),
            Event(type="case.status_changed", data={"to": FIRST["emergency"], "trigger": "track_set"}),
        ]
        return await desk.system(subject, "case", "track", at("2026-03-11", "08:01"), events, track="emergency")

    return act


def revoke(n: int, when: str = "2026-03-11") -> Act:
    return answered(lambda desk: activation.revoke(desk.pool, name_of(n), reason="The water has fallen.", at=at(when, "09:00"), **WHO))


def renew(n: int) -> Act:
    return answered(lambda desk: activation.renew(desk.pool, name_of(n), to=date(2026, 9, 8), at=at("2026-06-08", "18:00"), **WHO))


def expire(n: int) -> Act:
    async def act(desk: Desk) -> Recorded:
        event = Event(type="activation.expired")
        return await desk.system(f"activation:{name_of(n)}", "activation", "expired", at("2026-06-08", "22:00"), [event], track="emergency")

    return act


async def test_a_revocation_comes_before_a_submission_or_finds_its_case(desk: Desk, pool: asyncpg.Pool, table: Table, runs: int) -> None:
    taken = late = 0
    for seed in range(runs):
        await fp.in_force(desk, reference=name_of(seed))
        chance = random.Random(seed)
        acts = {"one": submit(seed, "A"), "revoke": later(chance.choice((0, 10, 20, 40, 60)), revoke(seed))}
        if chance.random() < 0.3:
            acts["other"] = submit(seed, "B")
        answers = await table.race(seed, acts)
        assert isinstance(answers["revoke"], list), (seed, answers["revoke"])
        for name in acts.keys() - {"revoke"}:
            answer = answers[name]
            if isinstance(answer, Recorded):
                taken += 1
                rows = await pool.fetch('SELECT track, status, activation FROM "case" WHERE activation = $1', name_of(seed))
                assert {row["track"] for row in rows} <= {"standard", ""}, (seed, answer.findings, rows)
            else:
                late += 1
                assert answer == {"activation_revoked"}, (seed, answer)
    assert min(taken, late) > runs // 20, (taken, late)
    print(f"{runs} races, {len(table.orders)} orders, {table.waits} waits, {taken} taken, {late} too late")
    await holds(pool)


NAMES = {
    "MOZ/2026/0031": "MOZ/2027/C{n:04}", "MOZ-2026-0031": "MOZ-2027-C{n:04}", "P-MZ-0031": "P-MZ-C{n:04}", "TEMBE-WASH-01": "C{n}",
    "MOZ-L2-2026-01": "MOZ-L2-2026-1{n:04}",
}  # fmt: skip


def approves(case: str, what: str, last: bool) -> Act:
    async def act(desk: Desk) -> Recorded:
        events = [Event(type="approval.given", data={"object": what, "round": 1}, take=["conditions", "deferrals_seen"])]
        if last:
            events.append(Event(type="case.status_changed", data={"to": "in_signature", "trigger": "approve"}))
        task = Task(id=f"{case.partition(':')[2]}:approval:1:approve_{what}", kind=f"approve_{what}", whom="")
        data = {"deferrals_seen": ["profile", "psea", "hact"], "conditions": []} if what == "document" else {}
        return await desk.decide(task, "mz.008", "head_of_office", "approve", at("2026-03-17", "08:00"), events, subject=case, data=data)

    return act


def moves(case: str) -> Act:
    """The conclusion of a review, recorded once the clearance has come."""

    async def act(desk: Desk) -> Recorded:
        event = Event(type="case.status_changed", data={"to": "in_approval", "trigger": "recommendation"})
        return await desk.system(case, "case", "cleared", at("2026-03-16", "11:00"), [event])

    return act


async def test_a_revocation_returns_a_case_or_leaves_what_has_come_to_approval(
    desk: Desk, pool: asyncpg.Pool, table: Table, runs: int
) -> None:
    """The case is cleared and recommended and about to come to approval; the approvals follow on the same connection."""
    case = await fp.submitted(desk)
    task = await fp.asked(desk, case)
    opinion = Event(type="review.opinion_given", data={"round": 1, "member": task.whom, "verdict": "recommend"}, take=["answers"])
    concluded = Event(type="review.concluded", data={"round": 1, "result": "recommended", "verdict": "recommend"})
    said = {"answers": YES, "no_conflict": True}
    fp.taken(
        await desk.decide(task, task.whom, "committee_member", "recommend", at("2026-03-16"), [opinion, concluded], subject=case, data=said)
    )
    await desk.open(case, "approval", at("2026-03-16", "12:00"), Opening(kind="approve_document"), Opening(kind="approve_pca"))
    await multiplied(pool, NAMES, runs)
    found = left = 0
    for seed in range(runs):
        chance = random.Random(seed)
        case = f"case:MOZ/2027/C{seed:04}"
        approvals = sequence(moves(case), approves(case, "document", last=False), approves(case, "pca", last=True))
        acts = {
            "approvals": later(chance.choice((0, 5, 10, 20)), approvals),
            "revoke": later(chance.choice((0, 0, 30, 60)), revoke(seed, "2026-03-17")),
        }
        answers = await table.race(seed, acts)
        row = await pool.fetchrow('SELECT track, status FROM "case" WHERE subject = $1', case)
        assert row is not None
        moved, _, last = answers["approvals"]
        if answers["revoke"]:
            found += 1
            assert row["track"] == "standard", (seed, row)
            assert row["status"] == "in_review", (seed, row, moved.findings)
        else:
            left += 1
            assert (row["track"], row["status"]) == ("emergency", "in_signature"), (seed, row, last.findings)
            assert not last.refused, seed
    assert min(found, left) > runs // 20, (found, left)
    print(f"{runs} races, {len(table.orders)} orders, {table.waits} waits, {found} returned, {left} left on the fast path")
    await holds(pool)


async def test_an_activation_is_renewed_or_expires_and_is_revoked_once(desk: Desk, pool: asyncpg.Pool, table: Table, runs: int) -> None:
    ends: dict[str, int] = {}
    for seed in range(runs):
        chance = random.Random(seed)
        await fp.in_force(desk, reference=name_of(seed))
        acts = {"renew": renew(seed), "expire": expire(seed)}
        if chance.random() < 0.5:
            acts["revoke"] = revoke(seed, "2026-06-08")
        if chance.random() < 0.3:
            acts["again"] = revoke(seed, "2026-06-08")
        order = list(acts.items())
        chance.shuffle(order)
        answers = await table.race(seed, dict(order))
        row = await pool.fetchrow("SELECT state, valid_to, renewals FROM activation WHERE reference = $1", name_of(seed))
        assert row is not None
        renewed = answers["renew"] is None
        assert (row["renewals"] == 1) == renewed == (row["valid_to"] == date(2026, 9, 8)), seed
        assert renewed or answers["renew"] == {"activation_lapsed"}, (seed, answers["renew"])
        if not answers["expire"].refused:
            assert (renewed, row["state"]) == (False, "expired"), seed
        else:
            assert rules(answers["expire"].findings) <= {"activation_in_force", "activation_ended"}, seed
        revoked = [name for name in ("revoke", "again") if isinstance(answers.get(name), list)]
        assert len(revoked) <= 1, seed
        assert (row["state"] == "revoked") == bool(revoked), seed
        ends[f"{row['state']} {renewed}"] = ends.get(f"{row['state']} {renewed}", 0) + 1
    assert len(ends) >= 4, ends
    print(f"{runs} races, {len(table.orders)} orders, {table.waits} waits, {ends}")
    await holds(pool)
