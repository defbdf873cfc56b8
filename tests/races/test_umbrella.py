"""Races of cases that share a PCA: opened once, carried by one, passed on when its carrier leaves at the moment of signature."""

import random
from collections.abc import Iterable

import asyncpg
import pytest

from activities.intake import Taken, take
from schemas.engine import Event, Opening, Recorded, Task
from tests.activities import fast_path as fp
from tests.activities.desk import Desk, at, facts, rules
from tests.races.many import multiplied
from tests.races.turns import Act, Table
from tests.races.whole import holds

pytestmark = pytest.mark.timeout(1200)  # a thousand of each, where that is asked for

NAMES = {
    "MOZ/2026/0031": "MOZ/2027/A{n:04}", "MOZ-2026-0031": "MOZ-2027-A{n:04}", "TEMBE-WASH-01": "A{n}",
    "MOZ/2026/0033": "MOZ/2027/B{n:04}", "MOZ-2026-0033": "MOZ-2027-B{n:04}", "TEMBE-CP-02": "B{n}",
    "P-MZ-0031": "P-MZ-1{n:04}",
}  # fmt: skip


async def both_in_signature(desk: Desk) -> None:
    """C3 carries the PCA, C4 is under it; the partner has signed both, the office neither."""
    first = await fp.in_signature(desk)
    second = await _second(desk)
    for case, objects in ((first, ("pca", "document")), (second, ("document",))):
        (task,) = await desk.open(case, "approval", at("2026-03-18", "09:00"), Opening(kind="sign_as_partner"))
        said = await given(desk, case, objects, "2026-03-18")
        event = Event(type="signature.recorded", data={"side": "partner"}, each="objects")
        fp.taken(
            await desk.decide(
                task, "mz.p01", "partner_authorised_officer", "sign", at("2026-03-18"), [event], subject=case, data={"objects": said}
            )
        )
        await desk.open(case, "approval", at("2026-03-18", "11:00"), Opening(kind="sign_for_office"))
    await desk.ask(second, at("2026-03-18", "12:00"), need="umbrella")


async def _second(desk: Desk) -> str:
    intake = facts("C4")
    intake["document"].pop("flags", None)
    case = await desk.taken(intake, at("2026-03-13", "05:00"))
    await desk.ask(case, at("2026-03-13", "05:01"), "emergency")
    stored = Event(type="document.version_stored", data={"version": 1, "side": "office"})
    opens = [Opening(kind="office_turn", whom="turn-1")]
    fp.taken(await desk.system(case, "document", "start", at("2026-03-13", "05:30"), [stored], opens=opens))
    _, offices = await fp.sent(desk, case, "2026-03-13", focal="mz.029")
    (task,) = fp.taken(await fp.on_behalf(desk, case, offices, time="12:00", focal="mz.029")).tasks
    fp.taken(await fp.submit(desk, case, task, owner="mz.030"))
    fp.taken(await fp.opine(desk, case, await fp.asked(desk, case)))
    fp.taken(await fp.approve(desk, case, last=True))
    return case


async def given(desk: Desk, case: str, objects: Iterable[str], day: str) -> list[dict[str, str]]:
    digest = {"pca": fp.PCA, "document": await fp.sha_of(desk, case)}
    return [{"object": name, "sha256": digest[name], "signed_on": day, "method": "electronic"} for name in objects]


def signs(case: str, umbrella: str, objects: tuple[str, ...]) -> Act:
    """The office signs, last: what its workflow records depends on what the case carries."""

    async def act(desk: Desk) -> Recorded:
        events = [Event(type="signature.recorded", data={"side": "office"}, each="objects")]
        if "pca" in objects:
            events.append(Event(type="umbrella.signed", subject=umbrella, optional="signed"))
        events += [
            Event(type="document.signed", optional="signed"),
            Event(type="case.status_changed", data={"to": "signed", "trigger": "last_signature"}, optional="signed"),
        ]
        task = Task(id=f"{case.partition(':')[2]}:approval:1:sign_for_office", kind="sign_for_office", whom="")
        data = {"objects": await given(desk, case, objects, "2026-03-19")}
        return await desk.decide(task, "mz.008", "head_of_office", "sign", at("2026-03-19"), events, subject=case, data=data)

    return act


def withdraws(case: str) -> Act:
    async def act(desk: Desk) -> Recorded:
        events = [
            Event(type="case.withdrawn", take=["reason"]),
            Event(type="case.status_changed", data={"to": "withdrawn", "trigger": "withdraw"}),
        ]
        data = {"reason": "We left the province."}
        return await desk.tell(case, "withdraw", "mz.p01", "partner_authorised_officer", at("2026-03-19"), events, data=data)

    return act


def asks(case: str) -> Act:
    return lambda desk: desk.ask(case, at("2026-03-19"), need="umbrella")


async def test_the_carrier_leaves_or_signs_and_the_pca_is_never_lost(desk: Desk, pool: asyncpg.Pool, table: Table, runs: int) -> None:
    await both_in_signature(desk)
    await multiplied(pool, NAMES, runs)
    ends: dict[str, int] = {}
    for seed in range(runs):
        chance = random.Random(seed)
        umbrella = f"umbrella:MZ:P-MZ-1{seed:04}:MZ-2022"
        one, other = (f"case:MOZ/2027/{letter}{seed:04}" for letter in "AB")
        acts: dict[str, Act] = {
            "signs": signs(one, umbrella, ("pca", "document")),
            "leaves": withdraws(one),
            "second": signs(other, umbrella, ("document",)),
        }
        if chance.random() < 0.5:
            acts["asks"] = asks(other)
        order = list(acts.items())
        chance.shuffle(order)
        answers = await table.race(seed, dict(order))
        row = await pool.fetchrow("SELECT status, carrier FROM umbrella WHERE subject = $1", umbrella)
        assert row is not None
        status = {r["subject"]: r["status"] for r in await pool.fetch('SELECT subject, status FROM "case" WHERE umbrella = $1', umbrella)}
        sides = {
            tuple(r)
            for r in await pool.fetch("SELECT subject, object, side FROM signature WHERE subject = ANY($1)", [umbrella, one, other])
        }
        assert {(other, "document", "partner"), (one, "document", "partner")} <= sides, seed
        assert ((umbrella, "pca", "partner") in sides) == answers["leaves"].refused, seed  # signed anew with the case that carries it now
        if answers["leaves"].refused:
            assert not answers["signs"].refused, (seed, answers)
            assert answers["signs"].left_out == [], (seed, answers["signs"].findings)
            assert (row["status"], status[one]) == ("signed", "signed"), seed
            assert (umbrella, "pca", "office") in sides
            assert status[other] == ("in_signature" if answers["second"].left_out else "signed"), (seed, status)
            assert not answers["second"].refused, (seed, answers["second"].findings)
        else:
            assert answers["signs"].refused, (seed, answers["signs"])
            assert rules(answers["signs"].findings) <= {"case_closed", "task_closed"}, (seed, answers["signs"].findings)
            assert (row["status"], row["carrier"], status[one]) == ("draft", other, "withdrawn"), (seed, row)
            assert status[other] == "in_signature", seed
            if answers["second"].refused:
                assert rules(answers["second"].findings) == {"objects_missing", "pca_not_approved"}, seed
        end = f"{row['status']} {answers['second'].refused} {answers['second'].left_out}"
        ends[end] = ends.get(end, 0) + 1
    assert len(ends) >= 4, ends
    assert len(table.orders) > runs // 2, len(table.orders)
    print(f"{runs} races, {len(table.orders)} orders, {table.waits} waits, {ends}")
    await holds(pool)


def submits(intake: dict[str, object]) -> Act:
    return lambda desk: take(desk.pool, intake, at=at("2026-02-16", "08:00"))


async def test_submissions_at_one_moment_open_one_pca(desk: Desk, pool: asyncpg.Pool, table: Table, runs: int) -> None:
    for seed in range(runs):
        chance = random.Random(seed)
        acts: dict[str, Act] = {}
        for letter in "AB" if chance.random() < 0.7 else "ABC":
            intake = facts("C1")
            intake["partner"]["id"] = f"P-KE-1{seed:04}"
            intake |= {"reference": f"KEN/2027/{letter}{seed:04}", "source_reference": f"{letter}{seed}"}
            if letter == "B" and chance.random() < 0.3:
                intake["source_reference"] = f"A{seed}"  # the same submission again, with another reference asked for
            acts[letter] = submits(intake)
        answers = await table.race(seed, acts)
        subject = f"umbrella:KE:P-KE-1{seed:04}:KE-2023"
        cases = await pool.fetch('SELECT subject, carries_umbrella, instrument FROM "case" WHERE umbrella = $1', subject)
        assert len(cases) == sum(isinstance(answer, Taken) and answer.state == "taken" for answer in answers.values()), (seed, answers)
        assert sum(case["instrument"] == "pca_with_document" for case in cases) == 1, (seed, cases)
        carrier = await pool.fetchval("SELECT carrier FROM umbrella WHERE subject = $1", subject)
        assert carrier in {case["subject"] for case in cases if case["instrument"] == "pca_with_document"}, seed
    print(f"{runs} races, {len(table.orders)} orders, {table.waits} waits")
    await holds(pool)


async def test_who_takes_the_pca_over_among_the_signatures_has_it_approved_and_signed_too(desk: Desk) -> None:
    """The way of the case that inherits, without a race: nothing is signed before it is approved, and nothing is signed twice."""
    await both_in_signature(desk)
    first, second = "case:MOZ/2026/0031", "case:MOZ/2026/0033"
    left = fp.taken(await withdraws(first)(desk))
    assert set(left.look_again) == {"pca.MZ.MOZ-2026-0033", "pca.MZ.MOZ-2026-0033.approval"}
    early = await signs(second, fp.UMBRELLA, ("pca", "document"))(desk)
    await fp.nothing_changed(desk, second, early, "pca_not_approved")
    fp.taken(await fp.approve(desk, second, "pca", when="2026-03-19"))
    (task,) = await desk.open(second, "approval", at("2026-03-19", "09:00"), Opening(kind="sign_as_partner", whom="pca"))
    event = Event(type="signature.recorded", data={"side": "partner"}, each="objects")
    who = ("mz.p01", "partner_authorised_officer", "sign", at("2026-03-19"), [event])
    twice = await desk.decide(task, *who, subject=second, data={"objects": await given(desk, second, ("pca", "document"), "2026-03-19")})
    await fp.nothing_changed(desk, second, twice, "object_not_to_sign", attempts=2)
    fp.taken(await desk.decide(task, *who, subject=second, data={"objects": await given(desk, second, ("pca",), "2026-03-19")}))
    (task,) = await desk.open(second, "approval", at("2026-03-19", "11:00"), Opening(kind="sign_for_office", whom="again"))
    events = [Event(type="signature.recorded", data={"side": "office"}, each="objects"), *fp.signing()]
    data = {"objects": await given(desk, second, ("pca", "document"), "2026-03-19")}
    done = await desk.decide(task, "mz.008", "head_of_office", "sign", at("2026-03-19", "12:00"), events, subject=second, data=data)
    assert (done.refused, done.left_out) == (False, []), done.findings
    assert (await desk.case(second))["status"] == "signed"
    umbrella = await desk.row("umbrella", fp.UMBRELLA)
    assert umbrella is not None
    assert umbrella["status"] == "signed"
    await holds(desk.pool)
