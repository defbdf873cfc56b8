"""Contingency documents on real Postgres: activated within their protocol, refused above it, over with their programme."""

from datetime import date
from typing import Any

import pytest

from activities import activation
from db import content
from schemas.engine import Event, Opening, Recorded, Task
from tests.activities import fast_path as fp
from tests.activities.desk import Desk, at, facts, rules, sha
from tests.activities.fast_path import in_force
from tests.kept import kept

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


@kept
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


# Refusals -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"start": "2026-08-01", "end": "2026-07-31"}, "dates"),
        ({"start": "2026-06-01", "end": "2026-07-19"}, "dates"),
        ({"end": "2027-01-21"}, "longer_than_protocol"),
    ],
    ids=["backwards", "over_already", "a_day_too_long"],
)
async def test_an_activation_whose_dates_do_not_fit_its_protocol_is_refused(desk: Desk, changed: dict[str, Any], expected: str) -> None:
    case = await taken(desk)
    done = await prepare(desk, case, **changed)
    await fp.nothing_changed(desk, case, done, expected)
    assert done.findings[0].next_step
    assert (await desk.case(case))["status"] == "drafting"
    assert await desk.told(case, "contingency.prepared") == []


async def test_its_last_allowed_day_is_allowed(desk: Desk) -> None:
    case = await taken(desk)
    fp.taken(await prepare(desk, case, end="2027-01-20"))


async def test_a_protocol_without_a_trigger_activates_nothing(desk: Desk) -> None:
    intake = facts("C5")
    intake["document"]["protocol"]["trigger"] = " "
    await in_force(desk, "PHL-L2-2026-02")
    case = await desk.taken(intake)
    await desk.ask(case, at("2026-07-20", "08:01"), "emergency")
    await desk.screen(case, at("2026-07-20", "08:02"))
    await fp.nothing_changed(desk, case, await prepare(desk, case), "within_protocol")


async def test_above_the_ceiling_nothing_changes_and_the_attempt_is_kept(desk: Desk) -> None:
    case = await taken(desk, "C5-above-ceiling")
    done = await prepare(desk, case)
    await fp.nothing_changed(desk, case, done, "above_ceiling")
    assert (done.findings[0].path, "20,400,000.00" in done.findings[0].message) == ("$.document.protocol", True)


async def test_a_stale_screening_bars_the_preparation(desk: Desk) -> None:
    case = await taken(desk)
    await desk.pool.execute("UPDATE screening SET done_at = $1", at("2026-05-01"))
    await fp.nothing_changed(desk, case, await prepare(desk, case), "screening_not_fresh")


async def test_what_was_lost_since_the_preparation_bars_the_approval(desk: Desk) -> None:
    case = await taken(desk)
    task = fp.taken(await prepare(desk, case)).tasks[0]
    partner = (await desk.case(case))["partner_subject"]
    await desk.pool.execute("UPDATE clearance SET state = 'refused' WHERE subject = $1", partner)
    await desk.pool.execute(
        "INSERT INTO block (id, subject, scope, cause, since) VALUES ('x', $1, 'signature', 'renewal', $2)", partner, at("2026-07-20")
    )
    await fp.nothing_changed(desk, case, await activate(desk, case, task), "clearance_full", "signature_blocked")
    assert (await desk.case(case))["status"] == "in_approval"


async def test_the_coordinator_activates_while_the_head_of_office_has_stepped_aside(desk: Desk) -> None:
    case = await taken(desk)
    task = fp.taken(await prepare(desk, case)).tasks[0]
    coordinator = {"actor": "ph.027", "role": "global_emergency_coordinator"}
    days = {"first": date(2026, 7, 20), "last": date(2026, 8, 20)}
    await activation.step_aside(desk.pool, "PHL-L2-2026-02", **days, at=at("2026-07-20"), **coordinator)
    await fp.nothing_changed(desk, case, await activate(desk, case, task), "step_aside_in_force")
    fp.taken(await activate(desk, case, task, **coordinator))
    assert (await desk.case(case))["status"] == "signed"


async def test_an_activation_starts_on_the_day_it_is_approved_at_the_earliest(desk: Desk) -> None:
    case = await taken(desk)
    task = fp.taken(await prepare(desk, case, start="2026-07-10")).tasks[0]
    fp.taken(await activate(desk, case, task))
    assert str((await desk.case(case))["start_on"]) == "2026-07-21"


async def test_an_activation_that_is_over_before_it_is_approved_is_refused(desk: Desk) -> None:
    case = await taken(desk)
    task = fp.taken(await prepare(desk, case, start="2026-07-19", end="2026-07-20")).tasks[0]
    done = await activate(desk, case, task)
    await fp.nothing_changed(desk, case, done, "dates")
    assert "other dates" in done.findings[0].next_step


async def test_without_a_preparation_nothing_is_activated(desk: Desk) -> None:
    case = await taken(desk)
    by_itself = await desk.system(case, "approval", "x", at("2026-07-21", "01:00"), [Event(type="contingency.activated")])
    assert rules(by_itself.findings) == {"dates"}
    (task,) = await desk.open(case, "approval", at("2026-07-20", "08:10"), Opening(kind="approve_activation"))
    assert "other_letter" in rules((await activate(desk, case, task)).findings)


async def test_who_prepares_an_activation_does_not_approve_it(desk: Desk) -> None:
    case = await taken(desk)
    task = fp.taken(await prepare(desk, case)).tasks[0]
    done = await activate(desk, case, task, actor="ph.001")
    assert done.refused
    assert rules(done.findings) & {"wrong_role", "submitter_approves"}
    refused = await desk.decide(task, "ph.008", "head_of_office", "refuse", at("2026-07-21", "01:00"), subject=case, **fp.REFUSAL)
    fp.taken(refused)  # a refusal asks for no letter


async def signed_before(desk: Desk, case: str, ceiling: str, status: str = "signed") -> None:
    """The contingency document that C5 activates, as the record holds it, with a ceiling of its own."""
    document = facts("C5")["document"]
    document["protocol"]["ceiling"] = ceiling
    digest = (await content.put(desk.pool, document)).sha256
    row = await desk.case(case)
    mine = {"subject": "case:PHL/2025/0099", "reference": "PHL/2025/0099", "workflow": "pca.PH.PHL-2025-0099"}
    columns = ", ".join(f'"{name}"' for name in row.keys() if name not in mine)  # noqa: SIM118 (a record)
    await desk.pool.execute(
        f"""INSERT INTO "case" ({", ".join(mine)}, {columns}) SELECT $1, $2, $3, {columns} FROM "case" WHERE subject = $4""",
        *mine.values(), case,
    )  # fmt: skip
    await desk.pool.execute(
        """UPDATE "case" SET document_type = 'contingency', status = $3, document_sha256 = $2, signed_on = '2025-08-14',
           carries_umbrella = false WHERE subject = $1""",
        mine["subject"], digest, status,
    )  # fmt: skip


@kept
async def activating(desk: Desk) -> str:
    """C5, activating a document of the record instead of one that its own facts describe."""
    await in_force(desk, "PHL-L2-2026-02")
    case = await desk.taken(facts("C5") | {"activates": "PHL/2025/0099"})
    await desk.ask(case, at("2026-07-20", "08:01"), "emergency")
    await desk.screen(case, at("2026-07-20", "08:02"))
    return case


async def test_the_protocol_that_was_signed_counts_not_what_the_activation_says_of_it(desk: Desk) -> None:
    case = await activating(desk)
    await signed_before(desk, case, "18000000.00")
    await fp.nothing_changed(desk, case, await prepare(desk, case), "above_ceiling")


async def test_within_the_signed_protocol_the_activation_goes_on(desk: Desk) -> None:
    case = await activating(desk)
    await signed_before(desk, case, "18651000.00")
    fp.taken(await prepare(desk, case))


async def test_a_partner_that_was_activated_before_the_approval_has_no_second_start(desk: Desk) -> None:
    """The contingency document does not expire any more once another case has activated it."""
    case = await activating(desk)
    await signed_before(desk, case, "18651000.00")
    task = fp.taken(await prepare(desk, case)).tasks[0]
    fp.taken(await activate(desk, case, task))
    over = [Event(type="case.status_changed", data={"to": "expired", "trigger": "programme_over"})]
    done = await desk.system("case:PHL/2025/0099", "case", "expire", at("2028-12-31", "16:00"), over)
    assert "never_activated" in rules(done.findings)
