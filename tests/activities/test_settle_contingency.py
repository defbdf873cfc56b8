"""Contingency documents on real Postgres: activated within their protocol, refused above it, over with their programme."""

from typing import Any

from schemas.engine import Event, Opening, Recorded, Task
from tests.activities.desk import Desk, at, facts, rules, sha
from tests.activities.test_activation import in_force

LETTER = sha("letter")
SUBMIT = {
    "letter": LETTER,
    "trigger_met": "Signal 5 in Region VIII",
    "start": "2026-07-21",
    "end": "2026-11-20",
    "budget_version": 1,
    "targets": "",
    "reports": [],
}


async def taken(desk: Desk, name: str = "C5") -> str:
    """The activation of C5, its partner cleared by the facts and screened."""
    await in_force(desk, "PHL-L2-2026-02")
    case = await desk.taken(facts(name))
    await desk.ask(case, at("2026-07-20", "08:01"), "emergency")
    await desk.screen(case, at("2026-07-20", "08:02"))
    return case


async def prepare(desk: Desk, case: str, **changed: Any) -> Recorded:
    (task,) = await desk.open(case, "approval", at("2026-07-20", "08:10"), Opening(kind="prepare_activation"))
    events = [
        Event(type="contingency.prepared", take=["letter", "start", "end", "budget_version"]),
        Event(type="case.status_changed", data={"to": "in_approval", "trigger": "prepare_activation"}),
    ]
    opens = [Opening(kind="approve_activation")]
    day = at("2026-07-20")
    return await desk.decide(task, "ph.001", "focal_point", "submit", day, events, subject=case, opens=opens, data=SUBMIT | changed)


async def activate(
    desk: Desk, case: str, task: Task, *, letter: str = LETTER, actor: str = "ph.008", role: str = "head_of_office"
) -> Recorded:
    events = [
        Event(type="approval.given", data={"object": "activation", "round": 1}),
        Event(type="contingency.activated"),
        Event(type="case.status_changed", data={"to": "signed", "trigger": "approve_activation"}),
    ]
    return await desk.decide(task, actor, role, "activate", at("2026-07-21", "01:00"), events, subject=case, data={"letter_sha256": letter})


async def test_an_activation_within_the_ceiling_is_signed_without_review_and_signature(desk: Desk) -> None:
    case = await taken(desk)
    assert (await desk.begin(case, "case", at("2026-07-20")))["route"] == "activation"
    assert (await desk.begin(case, "approval", at("2026-07-20")))["route"] == "activation"
    prepared = await prepare(desk, case)
    assert not prepared.refused, prepared.findings
    assert (await desk.case(case))["status"] == "in_approval"
    done = await activate(desk, case, prepared.tasks[0])
    assert not done.refused, done.findings
    row = await desk.case(case)
    assert (row["status"], str(row["start_on"]), str(row["end_on"])) == ("signed", "2026-07-21", "2026-11-20")
    periods = await desk.pool.fetch("SELECT period, start_on, end_on FROM period WHERE subject = $1 ORDER BY period", case)
    assert [str(period["end_on"]) for period in periods] == ["2026-10-20", "2026-11-20"]
    authorised = await desk.row("authorised", case)
    assert authorised is not None
    assert str(authorised["amount"]) == "16050000.00"


async def test_above_the_ceiling_the_way_is_an_amendment(desk: Desk) -> None:
    case = await taken(desk, "C5-above-ceiling")
    done = await prepare(desk, case)
    assert rules(done.findings) == {"above_ceiling"}
    assert "amendment" in done.findings[0].next_step


async def test_an_activation_longer_than_its_protocol_is_refused(desk: Desk) -> None:
    case = await taken(desk)
    assert rules((await prepare(desk, case, end="2027-03-20")).findings) == {"longer_than_protocol"}


async def test_only_the_letter_that_was_prepared_is_activated_by_who_has_the_authority(desk: Desk) -> None:
    case = await taken(desk)
    prepared = await prepare(desk, case)
    assert rules((await activate(desk, case, prepared.tasks[0], letter=sha("another"))).findings) == {"other_letter"}
    by_other = await activate(desk, case, prepared.tasks[0], actor="ph.006", role="authorised_officer")
    assert "wrong_role" in rules(by_other.findings)


async def test_a_partner_without_full_clearance_is_not_activated(desk: Desk) -> None:
    case = await taken(desk)
    row = await desk.case(case)
    await desk.pool.execute("UPDATE clearance SET valid_until = '2026-07-01' WHERE subject = $1", row["partner_subject"])
    assert rules((await prepare(desk, case)).findings) == {"clearance_full"}


async def test_a_contingency_document_that_is_never_activated_ends_with_its_programme(desk: Desk) -> None:
    case = await taken(desk)
    await desk.pool.execute("UPDATE \"case\" SET document_type = 'contingency', status = 'signed' WHERE subject = $1", case)
    begun = await desk.begin(case, "case", at("2026-07-20"))
    assert begun["expires_at"] == "2028-12-31T16:00:00+00:00"
    over = [Event(type="case.status_changed", data={"to": "expired", "trigger": "programme_over"}), Event(type="case.expired")]
    assert "programme_over" in rules((await desk.system(case, "case", "expire", at("2028-12-31", "15:00"), over)).findings)
    done = await desk.system(case, "case", "expire", at("2028-12-31", "16:00"), over)
    assert not done.refused, done.findings
    assert (await desk.case(case))["status"] == "expired"
