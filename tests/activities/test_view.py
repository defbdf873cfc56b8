"""The view of a case: what its stages are told of how it stands."""

from typing import cast

import asyncpg

from activities.view import view_of
from tests.activities.desk import Desk, facts
from tests.activities.fast_path import in_force


async def test_before_its_track_is_set_a_case_is_on_the_one_that_it_asked_for(desk: Desk) -> None:
    """Another case of the partner may raise its version at that moment: the view read then must not name the other track."""
    await in_force(desk)
    case = await desk.taken(facts("C3"))
    assert (await desk.case(case))["track"] == ""
    async with desk.pool.acquire() as conn:
        assert (await view_of(cast("asyncpg.Connection", conn), case)).track == "emergency"
