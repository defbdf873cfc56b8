"""A new sanctions list reaches every partner with a case that is not over."""

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

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


async def test_only_the_cases_of_one_practice_clock_are_screened_if_it_is_named(desk: Desk, client: Client) -> None:
    case = await desk.taken(facts("C6"))
    await desk.taken(facts("C1"))
    await desk.pool.execute("""INSERT INTO clock (name, "offset") VALUES ('play', interval '-3 days')""")
    await desk.pool.execute("UPDATE \"case\" SET clock = 'play' WHERE subject = $1", case)
    assert (await rescreen(desk.pool, client, clock="play")).partners == 1
    assert len(await desk.told(LB, "screening.done")) == 1
    assert await desk.told("partner:KE:P-KE-0001", "screening.done") == []


async def test_what_a_new_hit_stops_is_stopped_before_anybody_is_told(desk: Desk, client: Client) -> None:
    """The case's workflow is not there: the record has the stop all the same, and the vetting that disposes of the hit is started."""
    await desk.taken(facts("C6"))
    await listed(desk, "2026-02-02")
    assert (await rescreen(desk.pool, client)).with_hits == (LB,)
    assert await desk.pool.fetchval("SELECT count(*) FROM hit WHERE subject = $1 AND state = 'open'", LB) == 1
    assert (await client.get_workflow_handle("pca.partner.P-LB-0005.LB.vetting").describe()).workflow_type == "Vetting"


async def test_a_server_that_cannot_be_reached_is_no_silent_loss(desk: Desk, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from activities import rescreen as module

    class Away:
        async def signal(self, _name: str) -> None:
            raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")

    monkeypatch.setattr(client, "get_workflow_handle", lambda _id: Away())
    with pytest.raises(RPCError, match="away"):
        await module._look_again(client, "pca.LB.LBN-2026-0005")
