"""What a stage begins with, and its open tasks as the record has them."""

from typing import cast

import asyncpg
import pytest

from activities import begin
from activities.view import CaseUnknown, view_of
from schemas.engine import BeginStage, Event, Opening
from tests.activities.desk import Desk, at, facts

KE = "partner:KE:P-KE-0001"


async def test_a_case_begins_with_whose_it_is_and_the_track_it_asked_for(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    begun = await desk.begin(case, "case", at("2026-02-16"))
    assert begun == {
        "partner_subject": KE,
        "office": "KE",
        "track": "standard",
        "umbrella": "umbrella:KE:P-KE-0001:KE-2023",
    }


async def test_a_stage_of_a_case_that_nobody_knows_does_not_begin(desk: Desk) -> None:
    with pytest.raises(CaseUnknown):
        await desk.begin("case:KEN/1999/0001", "document", at("2026-02-16"))


async def test_a_workflow_on_a_practice_clock_is_entered_as_its_member(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    await desk.pool.execute("""INSERT INTO clock (name, "offset") VALUES ('play', interval '0')""")
    for _ in (1, 2):
        what = BeginStage(subject=case, stage="case", round=1, at=at("2026-02-16"), workflow="pca.KE.KEN-2026-0007", clock="play")
        await begin.begin_stage(desk.pool, what)
    assert await desk.pool.fetchval("SELECT count(*) FROM clock_member") == 1


async def test_a_stage_finds_its_open_tasks_again_with_the_moments_still_to_come(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    (opened,) = await desk.open(case, "document", at("2026-02-16"), Opening(kind="office_turn", whom="turn-1"))
    await desk.open(case, "document", at("2026-02-16"), Opening(kind="office_turn", whom="turn-9"), round=2)
    what = BeginStage(subject=case, stage="document", round=1, at=at("2026-02-16"))
    assert await begin.tasks_of(desk.pool, what) == [opened]
    await desk.system(case, "document", "remind", at("2026-02-18"), [Event(type="task.reminded", data={"task": opened.id, "level": 1})])
    (again,) = await begin.tasks_of(desk.pool, what)
    assert len(again.moments) == len(opened.moments) - 1


async def test_a_partner_that_nobody_waits_for_needs_nothing(desk: Desk) -> None:
    await desk.taken(facts("C1"))
    begun = await desk.begin(KE, "vetting", at("2026-02-16"))
    assert (begun["levels"], begun["needed"], begun["cases"], begun["unconcluded"]) == ([], [], [], False)


async def test_a_slice_is_small(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    case = await desk.taken(facts("C1"))
    monkeypatch.setattr(begin, "LARGEST_SLICE", 100)
    with pytest.raises(begin.SliceTooLarge):
        await desk.begin(case, "case", at("2026-02-16"))


@pytest.mark.parametrize("stage", ["approval", "cash"])
async def test_no_stage_about_money_begins_for_a_case_that_nobody_knows(desk: Desk, stage: str) -> None:
    with pytest.raises(LookupError, match="KEN/1999/0001"):
        await desk.begin("case:KEN/1999/0001", stage, at("2026-02-16"))


async def test_the_vetting_of_a_partner_without_a_case_does_not_begin(desk: Desk) -> None:
    with pytest.raises(LookupError, match="no case of partner:KE:P-KE-0042"):
        await desk.begin("partner:KE:P-KE-0042", "vetting", at("2026-02-16"))


async def test_a_review_that_nobody_submitted_begins_with_the_kind_that_its_amount_asks_for(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    begun = await desk.begin(case, "review", at("2026-02-16"))
    assert (begun["kind"], begun["quorum"]) == ("committee", 3)


async def test_a_pca_in_draft_has_no_last_day(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    umbrella = (await desk.case(case))["umbrella"]
    assert await desk.begin(umbrella, "umbrella", at("2026-02-16")) == {"status": "draft", "ends_at": None}


async def test_a_stage_without_open_tasks_finds_none(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    assert await begin.tasks_of(desk.pool, BeginStage(subject=case, stage="document", round=1, at=at("2026-02-16"))) == []


async def test_a_case_that_nobody_knows_has_no_view(desk: Desk) -> None:
    async with desk.pool.acquire() as conn:
        with pytest.raises(CaseUnknown):
            await view_of(cast("asyncpg.Connection", conn), "case:KEN/1999/0001")


async def test_before_its_first_version_a_document_begins_as_it_was_submitted(desk: Desk) -> None:
    intake = facts("C1")
    intake["document"]["template_deviations"] = ["12.1"]
    begun = await desk.begin(await desk.taken(intake), "document", at("2026-02-16"))
    assert (begun["version"], begun["first"], begun["deviations"]) == (0, True, ["12.1"])
