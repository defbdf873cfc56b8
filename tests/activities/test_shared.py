"""Starting what no case owns: once, findable from its first moment, told to look again either way."""

import uuid

import asyncpg
from temporalio.client import Client

from activities.shared import search_attributes, start_shared
from schemas.engine import CaseView, Clock, StageInput, Start
from schemas.search_attributes import PCA_COUNTRY, PCA_PARTNER, PCA_REF, PCA_STAGE


def starting(subject: str, stage: str = "obligations", clock: str = "") -> Start:
    view = CaseView(clock=Clock(name=clock))
    return Start(
        workflow="Obligations",
        id=f"test.{uuid.uuid4().hex}",
        input=StageInput(subject=subject, stage=stage, view=view),
        summary="Obligations",
    )


async def signals(client: Client, workflow: str) -> list[str]:
    history = await client.get_workflow_handle(workflow).fetch_history()
    return [
        event.workflow_execution_signaled_event_attributes.signal_name
        for event in history.events
        if event.HasField("workflow_execution_signaled_event_attributes")
    ]


async def test_whoever_comes_later_nudges_the_one_that_runs(pool: asyncpg.Pool, client: Client) -> None:
    start = starting("case:KEN/2026/0007", clock="play")
    await pool.execute("""INSERT INTO clock (name, "offset") VALUES ('play', interval '0')""")
    for _ in (1, 2):
        await start_shared(pool, client, start)
    assert await signals(client, start.id) == ["look_again", "look_again"]
    described = await client.get_workflow_handle(start.id).describe()
    assert await described.static_summary() == "Obligations"
    assert described.typed_search_attributes.get(PCA_REF) == "KEN/2026/0007"
    assert await pool.fetchval("SELECT count(*) FROM clock_member WHERE workflow = $1", start.id) == 1
    await client.get_workflow_handle(start.id).terminate()


def test_a_partner_is_found_by_country_and_id_even_with_a_colon_in_it() -> None:
    found = search_attributes(starting("partner:MZ:cbpf:12"))
    assert (found.get(PCA_COUNTRY), found.get(PCA_PARTNER), found.get(PCA_STAGE), found.get(PCA_REF)) == (
        "MZ",
        "cbpf:12",
        "obligations",
        None,
    )


def test_a_pca_is_found_by_its_partner() -> None:
    found = search_attributes(starting("umbrella:MZ:cbpf:12:MZ-CP", "umbrella"))
    assert (found.get(PCA_COUNTRY), found.get(PCA_PARTNER)) == ("MZ", "cbpf:12")


def test_what_belongs_to_an_office_is_found_by_its_country_alone() -> None:
    found = search_attributes(starting("office:MZ", "activation"))
    assert (found.get(PCA_COUNTRY), found.get(PCA_PARTNER)) == ("MZ", None)


async def test_what_runs_on_real_time_is_on_no_clock(pool: asyncpg.Pool, client: Client) -> None:
    start = starting("partner:MZ:cbpf:12")
    await start_shared(pool, client, start)
    assert await signals(client, start.id) == ["look_again"]
    assert await pool.fetchval("SELECT count(*) FROM clock_member") == 0
    await client.get_workflow_handle(start.id).terminate()
