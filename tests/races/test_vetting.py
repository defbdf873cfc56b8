"""Races of cases that share a partner: who asks, who postpones and who concludes at one moment."""

import random

import asyncpg
import pytest

from schemas.engine import Asked, Event, Opening, Recorded, Task
from tests.activities import fast_path as fp
from tests.activities.desk import Desk, at, facts, rules
from tests.races.many import multiplied
from tests.races.turns import Act, Table, sequence
from tests.races.whole import holds

pytestmark = pytest.mark.timeout(1200)  # a thousand of each, where that is asked for

NAMES = {
    "MOZ/2026/0031": "MOZ/2027/A{n:04}", "MOZ-2026-0031": "MOZ-2027-A{n:04}", "TEMBE-WASH-01": "A{n}",
    "MOZ/2026/0033": "MOZ/2027/B{n:04}", "MOZ-2026-0033": "MOZ-2027-B{n:04}", "TEMBE-CP-02": "B{n}",
    "MOZ/2026/0039": "MOZ/2027/C{n:04}", "MOZ-2026-0039": "MOZ-2027-C{n:04}", "TEMBE-03": "C{n}",
    "P-MZ-0031": "P-MZ-1{n:04}",
}  # fmt: skip
DUE = {"2026-03-12": "2026-06-12", "2026-03-13": "2026-06-15", "2026-03-16": "2026-06-16"}
"""Three months later; the 13th of June is a Saturday."""
KINDS = ("verify_partner_profile", "assess_psea", "assess_hact")


async def three_cases(desk: Desk) -> None:
    """C3, C4 and a standard case of their partner; everything that may never be postponed is closed, nobody has asked again since."""
    await fp.in_force(desk)
    first, partner = await fp.fast(desk), fp.partner_of()
    desk.tracks[partner] = "emergency"
    await desk.ask(first, at("2026-03-11", "08:01"), "emergency")
    await fp.fast(desk, "C4")
    slow = facts("C4") | {"track": "standard", "reference": "MOZ/2026/0039", "source_reference": "TEMBE-03"}
    slow["document"]["title"] += " (later)"
    del slow["activation"]
    await desk.taken(slow)
    await desk.screen(partner, at("2026-03-11", "08:02"))
    await fp.declared(desk, partner)
    tasks = [Opening(kind=kind) for kind in KINDS] + [Opening(kind="conclude_vetting", whom=whom) for whom in "012"]
    await desk.open(partner, "vetting", at("2026-03-11", "09:00"), *tasks)


def asks(case: str, level: str, day: str) -> Act:
    return lambda desk: desk.ask(case, at(day), level)


def concludes(partner: str, whom: str, day: str) -> Act:
    async def act(desk: Desk) -> Recorded:
        task = Task(id=f"{partner.split(':')[2]}:vetting:1:conclude_vetting:{whom}", kind="conclude_vetting", whom=whom)
        data = {"deferrals": [{"element": name, "reason": "Behind the flood."} for name in ("profile", "psea", "hact")]}
        event = Event(type="clearance.granted", data={"level": "emergency"}, take=["conditions", "deferrals"])
        return await desk.decide(
            task, "mz.002", "partnership_manager", "clear_with_deferrals", at(day), [event], subject=partner,
            opens=[Opening(kind="set_up_vendor", optional="vendor")], data=data, comment="Nobody reaches the office.",
        )  # fmt: skip

    return act


def assumes(partner: str, day: str) -> Act:
    async def act(desk: Desk) -> Recorded:
        task = Task(id=f"{partner.split(':')[2]}:vetting:1:assess_psea", kind="assess_psea", whom="")
        event = Event(type="vetting.element_recorded", data={"element": "psea", "task": "assess_psea"})
        return await desk.decide(
            task, "mz.014", "assurance_officer", "assume_low_capacity", at(day), [event], subject=partner, comment="Cut off.",
            opens=[Opening(kind="assess_psea", whom="deferred")],
        )  # fmt: skip

    return act


async def test_two_cases_that_postpone_at_one_moment_owe_it_once_with_the_first_date(
    desk: Desk, pool: asyncpg.Pool, table: Table, runs: int
) -> None:
    await three_cases(desk)
    await multiplied(pool, NAMES, runs)
    for seed in range(runs):
        chance = random.Random(seed)
        partner = f"partner:MZ:P-MZ-1{seed:04}"
        one, other, slow = (f"case:MOZ/2027/{letter}{seed:04}" for letter in "ABC")
        days = chance.sample(sorted(DUE), 3)
        acts = {
            "one": sequence(asks(one, "emergency", days[0]), concludes(partner, "0", days[0]), asks(one, "emergency", days[0])),
            "other": sequence(asks(other, "emergency", days[1]), concludes(partner, "1", days[1]), asks(other, "emergency", days[1])),
            "slow": sequence(asks(slow, "full", days[2]), *([assumes(partner, days[2])] if chance.random() < 0.5 else [])),
        }
        answers = await table.race(seed, acts, {partner: "emergency"})
        said = [answer for name in acts for answer in answers[name] if isinstance(answer, Recorded)]
        told = {(answer.refused, *rules(answer.findings)) for answer in said if answer.refused}
        assert told <= {(True, "deferred_before")}, (seed, said)  # who assumes what is postponed already is told so
        assert not any(answer.refused for name in ("one", "other") for answer in answers[name] if isinstance(answer, Recorded)), seed
        for name, level in (("one", "granted"), ("other", "granted"), ("slow", "waiting")):
            last = [answer for answer in answers[name] if isinstance(answer, Asked)][-1]
            assert last.state == level, (seed, name, last)
        rows = await pool.fetch("SELECT * FROM obligation WHERE subject = $1", partner)
        assert sorted(row["kind"] for row in rows) == ["hact_assessment", "partner_verification", "psea_assessment"], seed
        for row in rows:
            assert {one, other} <= set(row["cases"]), (seed, row["kind"], row["cases"])
            assert row["state"] == "open"
        events = await pool.fetch(
            "SELECT data FROM event WHERE subject = $1 AND type IN ('obligation.created', 'obligation.due_set') ORDER BY position", partner
        )
        assert len(events) == 3, seed
        due = {row["data"]["data"]["kind"]: row["data"]["data"]["due_at"][:10] for row in events}
        created = {row["data"]["data"]["kind"]: row["data"]["at"][:10] for row in events}
        for kind, day in created.items():
            assert due[kind] == DUE[day], (seed, kind)
        deferred = await pool.fetchval("SELECT count(*) FROM event WHERE subject = $1 AND type = 'vetting.element_deferred'", partner)
        assert deferred == 3, seed
    assert len(table.orders) > runs * 0.9, len(table.orders)
    print(f"{runs} races, {len(table.orders)} orders, {table.waits} waits")
    await holds(pool)
