"""A new sanctions list reaches every partner with a case that is not over."""

from temporalio.client import Client

from activities.rescreen import rescreen
from tests.activities.desk import Desk, facts
from tests.activities.test_screen import LB, listed


async def test_every_partner_with_an_open_case_is_screened_against_a_new_list(desk: Desk, client: Client) -> None:
    await desk.taken(facts("C6"))
    await desk.taken(facts("C1"))
    assert (await rescreen(desk.pool, client)).with_hits == ()
    await listed(desk, "2026-02-02")
    found = await rescreen(desk.pool, client)
    assert (found.partners, found.with_hits) == (2, (LB,))
    assert len(await desk.told(LB, "screening.done")) == 2


async def test_what_is_screened_already_is_left_alone(desk: Desk, client: Client) -> None:
    await desk.taken(facts("C6"))
    await rescreen(desk.pool, client)
    await rescreen(desk.pool, client)
    assert len(await desk.told(LB, "screening.done")) == 1


async def test_a_case_that_is_over_asks_for_no_screening(desk: Desk, client: Client) -> None:
    case = await desk.taken(facts("C6"))
    await desk.pool.execute("UPDATE \"case\" SET status = 'withdrawn' WHERE subject = $1", case)
    assert (await rescreen(desk.pool, client)).partners == 0
