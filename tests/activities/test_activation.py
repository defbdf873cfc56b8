"""Emergency activations on real Postgres: who declares them, what they let through, and what their end does."""

import tomllib
from datetime import date
from typing import Any

import pytest

from activities import activation, intake
from activities.activation import ActivationRefused
from activities.intake import Refused
from schemas.engine import Event
from tests.activities.desk import EXAMPLES, Desk, at, facts, rules


def declared(name: str = "MOZ-L2-2026-01", **changes: Any) -> dict[str, Any]:
    """An example declaration, changed at will."""
    return tomllib.loads((EXAMPLES / "activations" / f"{name}.toml").read_text()) | changes


async def in_force(desk: Desk, name: str = "MOZ-L2-2026-01", **changes: Any) -> str:
    found = declared(name, **changes)
    await activation.declare(desk.pool, found, at=at(str(found["declared_on"]), "07:00"))
    return str(found["reference"])


async def fast(desk: Desk, name: str = "C3", **changes: Any) -> str:
    """The subject of an emergency case, in drafting."""
    return await desk.taken(facts(name) | changes)


async def refused(desk: Desk, **changes: Any) -> set[str]:
    with pytest.raises(ActivationRefused) as told:
        await activation.declare(desk.pool, declared(**changes), at=at("2026-03-09"))
    return rules(told.value.findings)


async def test_a_declaration_is_one_row_and_the_same_again_is_no_other(desk: Desk) -> None:
    await in_force(desk)
    assert not await activation.declare(desk.pool, declared(), at=at("2026-03-10"))
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
    from schemas.engine import Opening

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
