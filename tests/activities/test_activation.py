"""Emergency activations on real Postgres: who declares them, what they let through, and what their end does."""

from datetime import date
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities import activation, intake
from activities.activation import ActivationRefused
from activities.intake import Refused
from schemas.engine import Event, Opening
from tests.activities import fast_path as fp
from tests.activities.desk import Desk, at, facts, rules
from tests.activities.fast_path import declaration, fast, in_force
from tests.kept import kept


async def refused(desk: Desk, **changes: Any) -> set[str]:
    with pytest.raises(ActivationRefused) as told:
        await activation.declare(desk.pool, declaration(**changes), at=at("2026-03-09"))
    return rules(told.value.findings)


async def test_a_declaration_is_one_row_and_the_same_again_is_no_other(desk: Desk) -> None:
    await in_force(desk)
    assert not await activation.declare(desk.pool, declaration(), at=at("2026-03-10"))
    row = await desk.row("activation", "activation:MOZ-L2-2026-01")
    assert row is not None
    assert (row["state"], row["level"], row["declared_by"]) == ("declared", "L2", "mz.023")


async def test_what_is_wrong_with_a_declaration_is_told_at_once(desk: Desk) -> None:
    assert await refused(desk, role="head_of_office", valid_to=date(2026, 6, 10)) == {
        "above_authority",
        "activation_too_long",
        "wrong_role",
    }


async def test_an_activation_declared_before_with_other_content_is_refused(desk: Desk) -> None:
    await in_force(desk)
    assert await refused(desk, areas=[]) == {"activation_exists"}


async def test_a_step_aside_is_the_coordinators(desk: Desk) -> None:
    assert "above_authority" in await refused(desk, step_aside={"from": date(2026, 3, 10), "to": date(2026, 3, 20)})


async def test_the_door_asks_for_an_activation(desk: Desk) -> None:
    found = await intake.take(desk.pool, facts("C3"), at=at("2026-03-11"))
    assert isinstance(found, Refused)
    assert "no_activation" in rules(found.findings)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"valid_from": date(2026, 3, 12), "valid_to": date(2026, 6, 8)}, "activation_not_valid"),
        ({"sectors": ["health"]}, "activation_other_sector"),
        ({"areas": ["MZ-N"]}, "activation_other_area"),
    ],
)
async def test_an_activation_that_does_not_cover_the_case_is_no_reason_for_the_fast_path(
    desk: Desk, changes: dict[str, Any], rule: str
) -> None:
    await in_force(desk, **changes)
    found = await intake.take(desk.pool, facts("C3"), at=at("2026-03-11"))
    assert isinstance(found, Refused)
    assert rule in rules(found.findings)


async def test_who_declared_it_submits_no_case_under_it(desk: Desk) -> None:
    await in_force(desk)
    found = await intake.take(desk.pool, facts("C3") | {"submitter": "mz.023"}, at=at("2026-03-11"))
    assert isinstance(found, Refused)
    assert "declared_by_submitter" in rules(found.findings)


async def test_a_case_on_the_fast_path_drafts_at_once_and_knows_its_activation(desk: Desk) -> None:
    await in_force(desk)
    case = await desk.case(await fast(desk))
    assert (case["track"], case["status"], case["activation"]) == ("emergency", "drafting", "MOZ-L2-2026-01")


async def test_an_activation_is_renewed_before_it_lapses_and_not_after(desk: Desk) -> None:
    await in_force(desk)
    who = {"actor": "mz.023", "role": "regional_director"}
    await activation.renew(desk.pool, "MOZ-L2-2026-01", to=date(2026, 9, 8), at=at("2026-06-08"), **who)
    assert rules(await _renewed(desk, date(2026, 12, 8), "2026-09-09")) == {"activation_lapsed"}
    assert rules(await _renewed(desk, date(2026, 12, 9), "2026-09-08")) == {"activation_too_long"}


async def _renewed(desk: Desk, to: date, day: str) -> list[Any]:
    with pytest.raises(ActivationRefused) as told:
        await activation.renew(desk.pool, "MOZ-L2-2026-01", to=to, actor="mz.023", role="regional_director", at=at(day))
    return told.value.findings


async def test_it_expires_by_itself_when_its_last_day_is_over(desk: Desk) -> None:
    reference = await in_force(desk)
    subject = f"activation:{reference}"
    case = await fast(desk)
    early = await desk.system(subject, "activation", "expired", at("2026-06-08", "20:00"), [Event(type="activation.expired")])
    assert rules(early.findings) == {"activation_in_force"}
    begun = await desk.begin(subject, "activation", at("2026-06-08", "20:00"))
    assert (begun["state"], begun["ends_at"], begun["cases"]) == ("declared", "2026-06-08T22:00:00+00:00", [])
    late = await desk.system(subject, "activation", "expired", at("2026-06-08", "22:00"), [Event(type="activation.expired")])
    assert not late.refused
    assert (await desk.begin(subject, "activation", at("2026-06-09")))["cases"] == [(await desk.case(case))["workflow"]]


async def test_the_end_of_an_activation_is_decided_for_each_case_within_ten_working_days(desk: Desk) -> None:
    reference = await in_force(desk)
    case = await fast(desk)
    await desk.system(f"activation:{reference}", "activation", "x", at("2026-06-08", "22:00"), [Event(type="activation.expired")])
    assert (await desk.begin(case, "case", at("2026-06-09")))["activation_ended"] == reference
    opens = [Opening(kind="decide_at_activation_end", whom=reference)]
    done = await desk.system(case, "case", "end", at("2026-06-09"), [Event(type="case.activation_ended")], opens=opens, workflow="w")
    assert not done.refused, done.findings
    owed = await desk.row("obligation", case, kind="activation_end_decision")
    assert owed is not None
    assert owed["due_at"].date() == date(2026, 6, 22)
    assert done.tasks[0].due == owed["due_at"]
    decided = Event(type="activation.end_decided", data={"verdict": "finish_as_is"})
    said = await desk.decide(
        done.tasks[0], "mz.008", "head_of_office", "finish_as_is", at("2026-06-15"), [decided], subject=case, comment="As signed."
    )
    assert not said.refused, said.findings
    owed = await desk.row("obligation", case, kind="activation_end_decision")
    assert owed is not None
    assert owed["state"] == "met"


async def test_a_revocation_returns_what_nobody_has_approved(desk: Desk) -> None:
    reference = await in_force(desk)
    case = await fast(desk)
    who = {"actor": "mz.023", "role": "regional_director", "at": at("2026-03-12")}
    assert await activation.revoke(desk.pool, reference, reason="The water has fallen.", **who) == ["MOZ/2026/0031"]
    row = await desk.case(case)
    assert (row["track"], row["status"]) == ("standard", "drafting")
    with pytest.raises(ActivationRefused) as told:
        await activation.revoke(desk.pool, reference, reason="Again.", **who)
    assert rules(told.value.findings) == {"activation_ended"}


async def test_a_standard_case_is_declared_an_emergency_midway(desk: Desk) -> None:
    await in_force(desk, "UKR-L3-2026-01")
    case = await desk.taken(facts("C8"))
    changed = [Event(type="case.track_changed", data={"from": "standard", "to": "emergency"}, take=["activation"])]
    data = {"activation": "UKR-L3-2026-01"}
    by_submitter = await desk.tell(
        case, "declare_emergency", (await desk.case(case))["submitter"], "partnership_manager", at("2026-09-22"), changed, data=data
    )
    assert by_submitter.refused
    done = await desk.tell(case, "declare_emergency", "ua.002", "partnership_manager", at("2026-09-22"), changed, data=data)
    assert not done.refused, done.findings
    row = await desk.case(case)
    assert (row["track"], row["status"], row["activation"]) == ("emergency", "vetting", "UKR-L3-2026-01")
    again = await desk.tell(case, "declare_emergency", "ua.002", "partnership_manager", at("2026-09-23"), changed, data=data)
    assert rules(again.findings) == {"already_emergency"}


async def test_a_case_returns_to_the_standard_track_while_nobody_has_approved(desk: Desk) -> None:
    await in_force(desk)
    case = await fast(desk)
    changed = [Event(type="case.track_changed", data={"from": "emergency", "to": "standard"}, take=["reason"])]
    done = await desk.tell(
        case, "return_to_standard", "mz.002", "partnership_manager", at("2026-03-12"), changed, data={"reason": "Roads are open."}
    )
    assert not done.refused, done.findings
    assert (await desk.case(case))["track"] == "standard"


# Bad input at the door ------------------------------------------------------------------------------------------------------------


async def at_the_door(desk: Desk, name: str = "C3", when: str = "2026-03-11", **changes: Any) -> set[str]:
    """Why the door refuses it; nothing of it is a case."""
    found = await intake.take(desk.pool, facts(name) | changes, at=at(when))
    assert isinstance(found, Refused), found
    assert all(finding.next_step or finding.path for finding in found.findings)
    assert await desk.pool.fetchval('SELECT count(*) FROM "case" WHERE reference = $1', facts(name)["reference"]) == 0
    return {finding.rule for finding in found.findings if finding.severity == "refusal"}


async def test_an_activation_that_is_not_yet_valid_lets_nothing_through(desk: Desk) -> None:
    """Bad input: an activation that is not yet."""
    await in_force(desk, valid_from=date(2026, 3, 12))
    assert await at_the_door(desk) == {"activation_not_valid"}


async def test_an_activation_counts_on_its_first_and_on_its_last_day(desk: Desk) -> None:
    await in_force(desk, valid_from=date(2026, 3, 11), valid_to=date(2026, 3, 11))
    assert (await desk.case(await fast(desk)))["track"] == "emergency"


async def test_an_activation_that_is_no_longer_valid_lets_nothing_through(desk: Desk) -> None:
    """Bad input: an activation that is no longer."""
    await in_force(desk, valid_to=date(2026, 3, 10))
    assert await at_the_door(desk) == {"activation_not_valid"}


async def test_an_activation_that_was_revoked_lets_nothing_through(desk: Desk) -> None:
    """Bad input: an activation that is no longer, because it was revoked."""
    await in_force(desk)
    who = {"actor": "mz.023", "role": "regional_director", "at": at("2026-03-10")}
    assert await activation.revoke(desk.pool, "MOZ-L2-2026-01", reason="The water has fallen.", **who) == []
    assert await at_the_door(desk) == {"activation_revoked"}


async def test_an_activation_of_another_area_or_office_lets_nothing_through(desk: Desk) -> None:
    """Bad input: an activation elsewhere."""
    await in_force(desk, areas=["MZ-N"])
    assert await at_the_door(desk) == {"activation_other_area"}
    await in_force(desk, "PHL-L2-2026-02", valid_from=date(2026, 3, 9), valid_to=date(2026, 6, 8), declared_on=date(2026, 3, 9))
    assert await at_the_door(desk, activation="PHL-L2-2026-02") == {"activation_other_office", "activation_other_area"}


async def test_an_activation_for_another_sector_lets_nothing_through(desk: Desk) -> None:
    """Bad input: an activation for another sector."""
    await in_force(desk, sectors=["health"])
    assert await at_the_door(desk) == {"activation_other_sector"}


async def test_who_declared_an_activation_submits_nothing_under_it(desk: Desk) -> None:
    """Bad input: an activation declared by the submitter."""
    await in_force(desk, level="L1", declared_by="mz.008", role="head_of_office")
    assert await at_the_door(desk, submitter="mz.008") >= {"declared_by_submitter"}


async def test_a_renewal_after_the_lapse_is_refused_and_changes_nothing(desk: Desk) -> None:
    """Bad input: an activation renewed after it lapsed."""
    await in_force(desk)
    found = await _renewed(desk, date(2026, 9, 8), "2026-06-09")
    assert rules(found) == {"activation_lapsed"}
    assert found[0].next_step == "Declare a new one."
    row = await desk.row("activation", "activation:MOZ-L2-2026-01")
    assert row is not None
    assert (row["valid_to"], row["renewals"]) == (date(2026, 6, 8), 0)
    assert await desk.told("activation:MOZ-L2-2026-01", "activation.renewed") == []


async def test_a_renewal_goes_forward_and_is_told_apart_from_a_revocation(desk: Desk) -> None:
    await in_force(desk)
    assert rules(await _renewed(desk, date(2026, 6, 8), "2026-06-01")) == {"renewal_backwards"}
    who = {"actor": "mz.023", "role": "regional_director", "at": at("2026-03-12")}
    await activation.revoke(desk.pool, "MOZ-L2-2026-01", reason="The water has fallen.", **who)
    found = await _renewed(desk, date(2026, 9, 8), "2026-03-13")
    assert rules(found) == {"activation_lapsed"}
    assert found[0].message == "It was revoked."


async def test_a_second_pca_that_is_asked_for_is_refused_by_name(desk: Desk) -> None:
    """Bad input: a second PCA asked for, while the first is carried by another case."""
    await in_force(desk)
    await fast(desk)
    assert await at_the_door(desk, "C4", "2026-03-13", instrument="pca_with_document") == {"pca_exists"}
    assert await desk.pool.fetchval("SELECT count(*) FROM umbrella WHERE subject LIKE 'umbrella:MZ:%'") == 1


# Declaring, renewing, stepping aside, revoking: everything wrong at once -----------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"offices": ["XX"]}, {"unknown_office"}),
        ({"valid_from": date(2026, 3, 9), "valid_to": date(2026, 3, 8)}, {"dates", "activation_lapsed"}),
        ({"valid_from": date(2026, 1, 9), "valid_to": date(2026, 3, 8)}, {"activation_lapsed"}),
        ({"declared_by": "xx.001"}, {"unknown_actor"}),
        ({"step_aside": {"from": date(2026, 3, 1), "to": date(2026, 3, 20)}}, {"step_aside_outside", "above_authority"}),
        ({"level": "L4", "document": ""}, {"invalid_value"}),
    ],
    ids=["office", "dates", "passed", "unknown_actor", "step_aside", "form"],
)
async def test_what_is_wrong_with_a_declaration_is_named(desk: Desk, changes: dict[str, Any], expected: set[str]) -> None:
    found = await refused(desk, **changes)
    assert found == expected
    assert await desk.pool.fetchval("SELECT count(*) FROM activation") == 0


async def test_a_higher_authority_declares_a_lower_level(desk: Desk) -> None:
    await in_force(desk, level="L1")
    row = await desk.row("activation", "activation:MOZ-L2-2026-01")
    assert row is not None
    assert (row["level"], row["declared_role"]) == ("L1", "regional_director")


async def test_a_declaration_with_a_step_aside_tells_both(desk: Desk) -> None:
    await in_force(desk, "UKR-L3-2026-01")
    told = await desk.told("activation:UKR-L3-2026-01", "activation.stepped_aside")
    assert [(one["from"], one["to"]) for one in told] == [("2026-09-22", "2026-12-20")]


COORDINATOR = {"actor": "mz.027", "role": "global_emergency_coordinator"}


async def stepping(desk: Desk, day: str = "2026-03-12", first: str = "2026-03-12", last: str = "2026-04-30", **who: str) -> set[str]:
    with pytest.raises(ActivationRefused) as told:
        await activation.step_aside(
            desk.pool, "MOZ-L2-2026-01", first=date.fromisoformat(first), last=date.fromisoformat(last), at=at(day),
            **{**COORDINATOR, **who},
        )  # fmt: skip
    assert all(finding.next_step for finding in told.value.findings)
    return rules(told.value.findings)


async def test_a_step_aside_lies_within_its_activation_and_is_the_coordinators(desk: Desk) -> None:
    assert await stepping(desk) == {"no_activation"}
    await in_force(desk)
    assert await stepping(desk, first="2026-03-01") == {"step_aside_outside"}
    assert await stepping(desk, actor="mz.023", role="regional_director") == {"above_authority"}
    assert await stepping(desk, "2026-06-09") == {"activation_lapsed"}
    assert await desk.told("activation:MOZ-L2-2026-01", "activation.stepped_aside") == []


async def test_what_no_record_knows_is_neither_renewed_nor_revoked(desk: Desk) -> None:
    assert rules(await _renewed(desk, date(2026, 9, 8), "2026-06-01")) == {"no_activation"}
    with pytest.raises(ActivationRefused) as told:
        await activation.revoke(desk.pool, "X-1", reason="r", actor="mz.023", role="regional_director", at=at("2026-03-12"))
    assert rules(told.value.findings) == {"no_activation"}


async def test_a_revocation_needs_its_authority_and_a_reason(desk: Desk) -> None:
    await in_force(desk)
    case = await fast(desk)
    with pytest.raises(ActivationRefused) as told:
        await activation.revoke(desk.pool, "MOZ-L2-2026-01", reason=" ", actor="mz.008", role="head_of_office", at=at("2026-03-12"))
    assert rules(told.value.findings) == {"above_authority", "reason"}
    assert (await desk.case(case))["track"] == "emergency"
    assert await desk.told("activation:MOZ-L2-2026-01", "activation.revoked") == []


async def test_a_revocation_leaves_what_is_approved_on_the_fast_path_and_asks_what_becomes_of_it(desk: Desk) -> None:
    case = await fp.in_signature(desk)
    who = {"actor": "mz.023", "role": "regional_director", "at": at("2026-03-18")}
    assert await activation.revoke(desk.pool, "MOZ-L2-2026-01", reason="The water has fallen.", **who) == []
    assert (await desk.case(case))["track"] == "emergency"
    assert (await desk.begin(case, "case", at("2026-03-18")))["activation_ended"] == "MOZ-L2-2026-01"
    opens = [Opening(kind="decide_at_activation_end", whom="MOZ-L2-2026-01")]
    ended = [Event(type="case.activation_ended")]
    fp.taken(await desk.system(case, "case", "end", at("2026-03-18", "11:00"), ended, opens=opens, workflow="w"))
    owed = await desk.row("obligation", case, kind="activation_end_decision")
    assert owed is not None
    assert owed["due_at"].date() == date(2026, 4, 1), "ten working days after the revocation"
    assert set(await fp.owed(desk, fp.PARTNER)) == {"hact_assessment", "partner_verification", "psea_assessment"}, "obligations stay"


async def test_a_return_to_the_standard_track_is_the_decision_at_the_end_of_the_activation(desk: Desk) -> None:
    case = await fp.drafting(desk)
    expired = [Event(type="activation.expired")]
    fp.taken(await desk.system("activation:MOZ-L2-2026-01", "activation", "x", at("2026-06-08", "22:00"), expired))
    opens = [Opening(kind="decide_at_activation_end", whom="MOZ-L2-2026-01")]
    fp.taken(await desk.system(case, "case", "end", at("2026-06-09"), [Event(type="case.activation_ended")], opens=opens, workflow="w"))
    changed = [Event(type="case.track_changed", data={"to": "standard"}, take=["reason"])]
    said = {"data": {"reason": "Roads are open."}}
    fp.taken(await desk.tell(case, "return_to_standard", "mz.002", "partnership_manager", at("2026-06-10"), changed, **said))
    assert (await fp.owed(desk, case))["activation_end_decision"][1] == "met"


async def test_a_case_is_not_told_of_an_end_that_has_not_come(desk: Desk) -> None:
    await in_force(desk)
    case = await fast(desk)
    done = await desk.system(case, "case", "end", at("2026-03-12"), [Event(type="case.activation_ended")])
    assert rules(done.findings) == {"activation_in_force"}
    assert await desk.row("obligation", case) is None
    assert "activation_ended" not in await desk.begin(case, "case", at("2026-03-12"))


@kept
async def ended(desk: Desk) -> tuple[str, Any]:
    """C3, signed; its activation has expired and the head of office is asked."""
    case = await fp.signed(desk)
    expired = [Event(type="activation.expired")]
    fp.taken(await desk.system("activation:MOZ-L2-2026-01", "activation", "x", at("2026-06-08", "22:00"), expired))
    opens = [Opening(kind="decide_at_activation_end", whom="MOZ-L2-2026-01")]
    told = [Event(type="case.activation_ended")]
    done = fp.taken(await desk.system(case, "case", "end", at("2026-06-09"), told, opens=opens, workflow="w"))
    return case, done.tasks[0]


async def test_until_it_is_decided_new_instalments_are_stopped_once_the_days_have_passed(desk: Desk) -> None:
    case, task = await ended(desk)
    identity = "MOZ/2026/0031:activation_end_decision:MOZ-L2-2026-01"
    fp.taken(await fp.falls_due(desk, case, identity, "2026-06-22"))
    assert await fp.stops(desk, case) == {"instalment"}
    decided = [Event(type="activation.end_decided", data={"verdict": "finish_as_is"})]
    said = await desk.decide(task, "mz.008", "head_of_office", "finish_as_is", at("2026-06-23"), decided, subject=case)
    await fp.nothing_changed(desk, case, said, "comment_required")
    fp.taken(await desk.decide(task, "mz.008", "head_of_office", "finish_as_is", at("2026-06-23"), decided, subject=case, comment="c"))
    assert await fp.stops(desk, case) == set()


@pytest.mark.parametrize(("by", "due"), [("2026-06-15", date(2026, 6, 15)), ("2026-07-31", date(2026, 6, 19))], ids=["earlier", "later"])
async def test_a_conversion_brings_the_completion_forward_and_never_back(desk: Desk, by: str, due: date) -> None:
    case, task = await ended(desk)
    event = [Event(type="activation.end_decided", data={"verdict": "convert"}, take=["by"])]
    fp.taken(await desk.decide(task, "mz.008", "head_of_office", "convert", at("2026-06-10"), event, subject=case, data={"by": by}))
    owed = await fp.owed(desk, case)
    assert (owed["document_completion"], owed["activation_end_decision"][1]) == ((due, "open"), "met")


async def test_all_of_a_hundred_and_fifty_cases_are_told_when_their_activation_ends(desk: Desk) -> None:
    """The event of the end hints at every one; the slice of the workflow names as many as fit into 4 KB, and the rest after those."""
    await in_force(desk)
    await fast(desk)
    first = await desk.pool.fetchrow('SELECT * FROM "case"')
    assert first is not None
    names = [f"MOZ/2026/{'9' * 44}{n:04d}" for n in range(149)]  # as long as references may be
    columns = ", ".join(f'"{name}"' for name in first.keys() if name not in ("subject", "reference", "workflow"))  # noqa: SIM118 (a record)
    await desk.pool.execute(
        f"""INSERT INTO "case" (subject, reference, workflow, {columns})
            SELECT 'case:' || name, name, 'pca.MZ.' || replace(name, '/', '-'), {columns} FROM "case", unnest($1::text[]) AS name""",
        names,
    )
    over = await desk.system("activation:MOZ-L2-2026-01", "activation", "x", at("2026-06-08", "22:00"), [Event(type="activation.expired")])
    assert not over.refused, over.findings
    assert len(set(over.look_again)) == 150
    begun = await desk.begin("activation:MOZ-L2-2026-01", "activation", at("2026-06-09"))
    assert 0 < len(begun["cases"]) <= 50
    assert set(begun["cases"]) <= set(over.look_again)


async def test_a_case_that_is_over_is_not_told(desk: Desk) -> None:
    await in_force(desk)
    case = await fast(desk)
    await desk.pool.execute("UPDATE \"case\" SET status = 'withdrawn' WHERE subject = $1", case)
    over = await desk.system("activation:MOZ-L2-2026-01", "activation", "x", at("2026-06-08", "22:00"), [Event(type="activation.expired")])
    assert over.look_again == []


async def test_the_record_says_so_of_an_activation_that_it_does_not_know(desk: Desk) -> None:
    assert await desk.begin("activation:X-1", "activation", at("2026-03-12")) == {"state": "unknown"}
    async with desk.pool.acquire() as conn:
        assert await activation.start_of(conn, "X-1") is None  # type: ignore[arg-type]


async def test_an_activation_that_has_ended_does_not_expire_again(desk: Desk) -> None:
    await in_force(desk)
    expired = [Event(type="activation.expired")]
    await desk.system("activation:MOZ-L2-2026-01", "activation", "x", at("2026-06-08", "22:00"), expired)
    again = await desk.system("activation:MOZ-L2-2026-01", "activation", "y", at("2026-06-09", "22:00"), expired)
    assert rules(again.findings) == {"activation_ended"}


# Change of track ------------------------------------------------------------------------------------------------------------------


async def declare_it(desk: Desk, case: str, reference: str = "UKR-L3-2026-01", day: str = "2026-09-22", actor: str = "ua.002") -> Any:
    changed = [Event(type="case.track_changed", data={"from": "standard", "to": "emergency"}, take=["activation"])]
    return await desk.tell(case, "declare_emergency", actor, "partnership_manager", at(day), changed, data={"activation": reference})


@pytest.mark.parametrize(
    ("changes", "day", "expected"),
    [
        ({}, "2026-09-20", {"activation_not_valid"}),
        ({}, "2026-12-21", {"activation_not_valid"}),
        ({"sectors": ["health"]}, "2026-09-22", {"activation_other_sector"}),
        ({"areas": ["UA-01"]}, "2026-09-22", {"activation_other_area"}),
    ],
    ids=["not_yet", "no_longer", "sector", "area"],
)
async def test_midway_an_activation_must_cover_the_case_as_at_the_door(
    desk: Desk, changes: dict[str, Any], day: str, expected: set[str]
) -> None:
    """Bad input: an activation that is not yet, no longer, elsewhere or for another sector, declared midway."""
    await in_force(desk, "UKR-L3-2026-01", **changes)
    case = await desk.taken(facts("C8"))
    await fp.nothing_changed(desk, case, await declare_it(desk, case, day=day), *expected, what="message")
    assert (await desk.case(case))["track"] == "standard"


async def test_who_submitted_a_case_never_declares_it_an_emergency_not_even_with_the_role(desk: Desk) -> None:
    """Bad input: an activation declared by the submitter, midway."""
    await in_force(desk, "UKR-L3-2026-01")
    case = await desk.taken(facts("C8"))
    submitter = (await desk.case(case))["submitter"]
    await fp.office(desk, submitter, [{"role": "focal_point"}, {"role": "partnership_manager"}])
    done = await declare_it(desk, case, actor=submitter)
    await fp.nothing_changed(desk, case, done, "submitter_declares", what="message")
    assert done.findings[0].next_step == "Another partnership manager, or the head of office."
    assert (await desk.case(case))["track"] == "standard"


async def test_a_case_that_is_on_the_fast_path_is_not_declared_again(desk: Desk) -> None:
    await in_force(desk)
    case = await fast(desk)
    changed = [Event(type="case.track_changed", data={"to": "emergency"}, take=["activation"])]
    data = {"activation": "MOZ-L2-2026-01"}
    done = await desk.tell(case, "declare_emergency", "mz.002", "partnership_manager", at("2026-03-12"), changed, data=data)
    await fp.nothing_changed(desk, case, done, "already_emergency", what="message")


async def test_a_track_that_no_pack_of_the_case_knows_is_refused(desk: Desk) -> None:
    await in_force(desk)
    case = await fast(desk)
    done = await desk.system(case, "case", "x", at("2026-03-12"), [Event(type="case.track_changed", data={"to": "slow"})])
    assert rules(done.findings) == {"no_pack"}
    assert (await desk.case(case))["track"] == "emergency"


async def test_what_has_no_day_and_what_is_owed_otherwise_keeps_its_own_on_a_change_of_track(desk: Desk) -> None:
    await in_force(desk, "UKR-L3-2026-01")
    case = await desk.taken(facts("C8"))
    await desk.open(case, "obligations", at("2026-09-18"), Opening(kind="meet_obligation", whom="x", due=at("2026-12-01")))
    fp.taken(await declare_it(desk, case))
    row = await desk.row("task", case, kind="meet_obligation")
    assert row is not None
    assert row["due_at"] == at("2026-12-01")


async def test_an_emergency_that_nobody_declared_is_named(desk: Desk) -> None:
    case = await desk.taken(facts("C8"))
    await fp.nothing_changed(desk, case, await declare_it(desk, case, "UKR-L3-2026-99"), "no_activation", what="message")


async def test_while_an_obligation_is_overdue_that_bars_it_no_emergency_is_declared(desk: Desk) -> None:
    await in_force(desk, "UKR-L3-2026-01")
    case = await desk.taken(facts("C8"))
    partner = (await desk.case(case))["partner_subject"]
    owed = {"obligation": "x:psea_assessment", "kind": "psea_assessment", "due_at": at("2026-09-10").isoformat(), "cases": []}
    await desk.system(partner, "vetting", "owed", at("2026-09-08"), [Event(type="obligation.created", data=owed)], track="emergency")
    fp.taken(await fp.falls_due(desk, partner, "x:psea_assessment", "2026-09-10"))
    await fp.nothing_changed(desk, case, await declare_it(desk, case), "overdue_obligation", what="message")


async def test_on_the_way_to_the_fast_path_no_task_is_due_later(desk: Desk) -> None:
    await in_force(desk, "UKR-L3-2026-01")
    case = await desk.taken(facts("C8"))
    partner = (await desk.case(case))["partner_subject"]
    await desk.ask(case, at("2026-09-07", "08:01"))
    (soon, late) = await desk.open(
        partner,
        "vetting",
        at("2026-09-18"),
        Opening(kind="verify_partner_profile", due=at("2026-09-22", "12:00")),
        Opening(kind="assess_hact"),
    )
    assert late.due is not None
    done = fp.taken(await declare_it(desk, case))
    assert "pca.partner.P-UA-0044.UA.vetting" in done.look_again, "the vetting keeps its moments in memory"
    rows = {row["kind"]: row["due_at"] for row in await desk.pool.fetch("SELECT kind, due_at FROM task WHERE subject = $1", partner)}
    assert rows["verify_partner_profile"] == soon.due
    assert rows["assess_hact"] < late.due
    assert rows["assess_hact"].date() == date(2026, 9, 23), "one working day from the declaration"


async def test_what_has_started_on_the_fast_path_is_finished_on_it(desk: Desk) -> None:
    case = await fp.in_approval(desk)
    changed = [Event(type="case.track_changed", data={"from": "emergency", "to": "standard"}, take=["reason"])]
    done = await desk.tell(
        case, "return_to_standard", "mz.002", "partnership_manager", at("2026-03-17"), changed, data={"reason": "Roads are open."}
    )
    assert done.refused
    assert rules(done.findings) & {"stage_started", "not_allowed"}
    assert (await desk.case(case))["track"] == "emergency"
    assert len(await desk.told(case, "message.refused")) == 1


async def test_the_track_may_be_returned_instead_of_confirmed_but_only_once(desk: Desk) -> None:
    await in_force(desk)
    case = await fast(desk)
    (task,) = await desk.open(case, "case", at("2026-03-11", "09:00"), Opening(kind="confirm_emergency_track"))
    changed = [Event(type="case.track_changed", data={"from": "emergency", "to": "standard"})]
    fp.taken(await desk.decide(task, "mz.002", "partnership_manager", "to_standard", at("2026-03-12"), changed, subject=case, **fp.REFUSAL))
    row = await desk.case(case)
    assert (row["track"], row["activation"]) == ("standard", "MOZ-L2-2026-01")
    again = await desk.tell(
        case, "return_to_standard", "mz.002", "partnership_manager", at("2026-03-13"), changed, data={"reason": "Roads are open."}
    )
    await fp.nothing_changed(desk, case, again, "already_standard", what="message")


# The workflow that keeps its end --------------------------------------------------------------------------------------------------


async def test_a_declaration_starts_the_workflow_that_keeps_its_end_on_its_clock(desk: Desk, client: Client) -> None:
    await desk.pool.execute("""INSERT INTO clock (name, "offset") VALUES ('play', interval '-3 days')""")
    found = declaration(reference="MOZ-L2-2026-77")
    assert await activation.declare(desk.pool, found, at=at("2026-03-09", "07:00"), clock="play", client=client)
    handle = client.get_workflow_handle("pca.activation.MOZ-L2-2026-77")
    assert (await handle.describe()).workflow_type == "Activation"
    async with desk.pool.acquire() as conn:
        start = await activation.start_of(conn, "MOZ-L2-2026-77")  # type: ignore[arg-type]
    assert start is not None
    assert (start.input.view.clock.name, start.input.view.clock.offset.days) == ("play", -3)
    await handle.terminate("tested")


async def test_a_revocation_tells_its_cases_and_misses_none_that_has_ended(desk: Desk, client: Client) -> None:
    await in_force(desk)
    await fast(desk)  # no workflow of it is running: nothing is lost, and nothing fails
    who = {"actor": "mz.023", "role": "regional_director", "at": at("2026-03-12")}
    assert await activation.revoke(desk.pool, "MOZ-L2-2026-01", reason="The water has fallen.", client=client, **who) == ["MOZ/2026/0031"]
    await client.get_workflow_handle("pca.activation.MOZ-L2-2026-01").terminate("tested")


async def test_a_server_that_is_away_is_no_silent_loss(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        async def signal(self, _name: str) -> None:
            raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")

    monkeypatch.setattr(client, "get_workflow_handle", lambda _id: Away())
    with pytest.raises(RPCError, match="away"):
        await activation._look_again(client, "pca.MZ.MOZ-2026-0031")
