"""Races about one emergency activation: its end against a submission, its renewal against its expiry, a declaration midway against both."""

import random
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import asyncpg

from activities import activation
from activities.activation import ActivationRefused
from activities.intake import Refused, Taken, take
from schemas.engine import Event, Recorded
from schemas.names import case_subject
from tests.activities import fast_path as fp
from tests.activities.desk import FIRST, Desk, at, facts, rules
from tests.races.turns import Act, Table, later
from tests.races.whole import holds

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
