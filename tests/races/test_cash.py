"""Races about cash: a stop against a release, two who release, one decision sent twice, a decision against the end of its task."""

import random
from collections.abc import Callable, Iterable

import asyncpg
import pytest
import pytest_asyncio

from schemas.engine import Closing, Event, Opening, Recorded, Task
from tests.activities import fast_path as fp
from tests.activities.desk import Desk, at, rules
from tests.races.many import multiplied
from tests.races.turns import Act, Table, sequence
from tests.races.whole import holds

pytestmark = pytest.mark.timeout(1200)  # a thousand of each, where that is asked for

NAMES = {
    "MOZ/2026/0031": "MOZ/2027/{n:04}", "MOZ-2026-0031": "MOZ-2027-{n:04}", "P-MZ-0031": "P-MZ-1{n:04}",
    "TEMBE-WASH-01": "TEMBE-WASH-1{n:04}", "FR-MZ-1": "FR-MZ-1{n:04}",
}  # fmt: skip


@pytest_asyncio.fixture(loop_scope="session")
async def many(desk: Desk, pool: asyncpg.Pool, runs: int) -> Callable[[int], tuple[str, str, str, Task]]:
    """C3 with everything done for its first instalment but the release, as many times: n to case, partner, PCA and task."""
    case = await fp.active(desk)
    fp.taken(await fp.request(desk, case))
    for kind in ("certify_request", "check_request"):
        fp.taken(await fp.check(desk, case, kind))
    await desk.open(case, "cash", at("2026-03-23", "06:00"), Opening(kind="release_cash", whom="1"))
    await desk.screen(case, at("2026-03-23", "07:00"), "before_release")
    await multiplied(pool, NAMES, runs)

    def nth(n: int) -> tuple[str, str, str, Task]:
        partner, reference = f"P-MZ-1{n:04}", f"MOZ/2027/{n:04}"
        task = Task(id=f"{reference}:cash:1:release_cash:1", kind="release_cash", whom="1")
        return f"case:{reference}", f"partner:MZ:{partner}", f"umbrella:MZ:{partner}:MZ-2022", task

    return nth


def release(case: str, task: Task, key: str, amount: str = fp.CEILING, actor: str = "mz.006") -> Act:
    events = [
        Event(type="cash.released", data={"instalment": 1}, take=["amount", "value_date"]),
        Event(type="payment.ordered", data={"instalment": 1}),
    ]

    async def act(desk: Desk) -> Recorded:
        data = {"amount": amount, "value_date": "2026-03-23"}
        return await desk.decide(task, actor, "authorised_officer", "release", at("2026-03-23"), events, subject=case, data=data, key=key)

    return act


def suspend_case(case: str, scope: str) -> Act:
    async def act(desk: Desk) -> Recorded:
        event = Event(type="case.suspended", data={"block": "suspension:s"}, take=["scope", "until"])
        return await desk.tell(
            case, "suspend", "mz.002", "partnership_manager", at("2026-03-23"), [event], key="s", data={"scope": scope},
            comment="c", message_to_partner="m", reason_code="report_missing",
        )  # fmt: skip

    return act


def suspend_umbrella(umbrella: str) -> Act:
    async def act(desk: Desk) -> Recorded:
        event = Event(type="umbrella.suspended", take=["scope", "until"])
        return await desk.tell(
            umbrella, "suspend", "mz.002", "partnership_manager", at("2026-03-23"), [event], key="u", stage="umbrella",
            data={"scope": "all"}, comment="c", message_to_partner="m", reason_code="other",
        )  # fmt: skip

    return act


def stop_partner(partner: str) -> Act:
    """What is owed falls due, and its consequence fires."""

    async def act(desk: Desk) -> Recorded:
        identity = f"{partner.split(':')[2]}:psea_assessment"
        event = Event(type="obligation.overdue", data={"obligation": identity, "level": 0})
        return await desk.system(partner, "obligations", "due", at("2026-07-01"), [event])

    return act


def lift_case(case: str, task: Task) -> Act:
    async def act(desk: Desk) -> Recorded:
        event = Event(type="case.suspension_lifted", take=["block"])
        return await desk.decide(
            task, "mz.008", "head_of_office", "lift", at("2026-03-23"), [event], subject=case, comment="done", data={"block": "s"}
        )

    return act


STOPPED = {"blocked", "pca_not_signed", "document_not_active", "overdue_obligation"}


def told(answers: Iterable[Recorded]) -> set[str]:
    return {rule for answer in answers if answer.refused for rule in rules(answer.findings)}


async def test_cash_leaves_before_a_stop_or_not_at_all(
    desk: Desk, pool: asyncpg.Pool, table: Table, many: Callable[[int], tuple[str, str, str, Task]], runs: int
) -> None:
    left = stopped = 0
    for seed in range(runs):
        chance = random.Random(seed)
        case, partner, umbrella, task = many(seed)
        (lifting,) = await desk.open(case, "case", at("2026-03-23", "08:00"), Opening(kind="decide_suspension", whom="s"))
        stops = {
            "case": suspend_case(case, chance.choice(("cash", "all"))),
            "umbrella": suspend_umbrella(umbrella),
            "partner": stop_partner(partner),
            "passing": sequence(suspend_case(case, "cash"), lift_case(case, lifting)),
        }
        acts = {name: stops[name] for name in chance.sample(sorted(stops), chance.choice((1, 2, 2)))}
        if {"case", "passing"} <= acts.keys():
            del acts["case"]
        order = [*acts.items(), ("release", release(case, task, "r"))]
        chance.shuffle(order)
        answers = await table.race(seed, dict(order))
        if answers["release"].refused:
            assert told([answers["release"]]) <= STOPPED, (seed, answers["release"].findings)
            stopped += 1
        else:
            left += 1
        for name in acts:
            if name != "passing":
                assert not answers[name].refused, (seed, name, answers[name].findings)
    assert min(left, stopped) > runs // 20, (left, stopped)
    assert len(table.orders) > runs // 2, len(table.orders)
    print(f"{runs} races, {len(table.orders)} orders, {table.waits} waits, {left} left, {stopped} stopped")
    await holds(pool)


async def test_whatever_is_said_twice_at_one_moment_counts_once(
    desk: Desk, pool: asyncpg.Pool, table: Table, many: Callable[[int], tuple[str, str, str, Task]], runs: int
) -> None:
    for seed in range(runs):
        chance = random.Random(seed)
        case, _, _, task = many(seed)

        async def close(desk: Desk, case: str = case, task: Task = task) -> Recorded:
            return await desk.system(case, "cash", "close", at("2026-03-23"), closes=[Closing(task=task.id, why="case_over")])

        acts = {
            "first": release(case, task, "same"),
            "again": release(case, task, "same"),
            "other": release(case, task, "same", amount="1.00") if chance.random() < 0.5 else release(case, task, "second"),
        }
        if chance.random() < 0.5:
            acts["close"] = close
        order = list(acts.items())
        chance.shuffle(order)
        answers = await table.race(seed, dict(order))
        counted = [name for name, answer in answers.items() if name != "close" and not answer.refused and not answer.repeated]
        assert len(counted) <= 1, (seed, counted)
        assert told(answers.values()) <= {"task_closed", "key_reused", "amount_not_approved"}, (seed, answers)
        if counted in (["first"], ["again"]):
            twin = answers["again" if counted == ["first"] else "first"]
            assert (twin.refused, twin.repeated) == (False, True), seed
        released = await pool.fetchval("SELECT count(*) FROM payment_order WHERE subject = $1", case)
        assert released == len(counted), seed
        if "close" not in acts and released == 0:  # the refused sum was said first, under the key of the others
            assert "key_reused" in told(answers.values()), seed
    assert len(table.orders) > runs // 2, len(table.orders)
    print(f"{runs} races, {len(table.orders)} orders, {table.waits} waits")
    await holds(pool)
