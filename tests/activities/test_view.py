"""The view of a case: what its stages are told of how it stands."""

from typing import cast

import asyncpg

from activities import intake
from activities.view import view_of
from schemas.names import case_subject
from tests.activities.desk import Desk, at, facts
from tests.activities.fast_path import in_force


async def test_before_its_track_is_set_a_case_is_on_the_one_that_it_asked_for(desk: Desk) -> None:
    """Another case of the partner may raise its version at that moment: the view read then must not name the other track."""
    await in_force(desk)
    taken = await intake.take(desk.pool, facts("C3"), at=at("2026-03-11"))
    assert isinstance(taken, intake.Taken)
    case = case_subject(taken.reference)
    assert (await desk.case(case))["track"] == ""
    async with desk.pool.acquire() as conn:
        assert (await view_of(cast("asyncpg.Connection", conn), case)).track == "emergency"
