"""A case from its intake to a paid instalment, everybody at a browser of their own, on a desktop and on a phone."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from playwright.async_api import Browser

from api.identity import api_keys
from bench.lifecycle import Lifecycles, Watch, intake
from embedded.servers import poll
from tests.browser.conftest import World
from tests.browser.people import SIZES, People
from worker.signing import Signer

pytestmark = pytest.mark.browser
DAY = timedelta(days=1)
PARTNER = "P-BD-0317"
"""The partner of C2, whose people the identity provider knows."""


def _message(size: str) -> dict[str, Any]:
    """C2, submitted today."""
    raw = intake("browser", datetime.now(UTC).date())
    raw["source_reference"] = f"browser-{size}"
    raw["partner"]["id"] = PARTNER
    return raw


async def _submitted(world: World, size: str) -> str:
    """The case of an intake that came over HTTP from a machine with a key."""
    now = datetime.now(UTC)
    key = await api_keys.create(
        world.pool, name=f"browser-{size}", offices=("BD",), scopes=("intake",), source="bench", by="ops", at=now, expires_at=now + DAY
    )
    async with httpx.AsyncClient(base_url=world.url, headers={"authorization": f"Bearer {key.key}"}) as http:
        answer = await http.post("/v1/agreements", json=_message(size), headers={"idempotency-key": f"browser-{size}"})
    assert answer.status_code == 202, answer.text
    reference: str = answer.json()["reference"]
    return reference


async def _paid(pool: asyncpg.Pool, subject: str) -> None:
    """Until the bank has confirmed the first instalment."""

    async def paid() -> bool:
        return bool(await pool.fetchval("SELECT paid FROM instalment WHERE subject = $1 AND instalment = 1", subject))

    assert await poll(paid, seconds=120)


@pytest.mark.parametrize("size", list(SIZES))
async def test_a_case_goes_from_intake_to_a_paid_instalment(world: World, browser: Browser, size: str) -> None:
    people = People(browser, world.url, size)
    watch = Watch(world.pool)
    looking = asyncio.create_task(watch.run())
    try:
        reference = await _submitted(world, size)
        subject = f"case:{reference}"
        script = Lifecycles(world.pool, None, watch, Signer.load(world.stack.signing_key))  # type: ignore[arg-type]
        for act in await script.acts("browser", reference):
            task = await watch.task(subject, act.kind, act.whom)
            said = await people.decide(act.actor, act.role, task, act.verdict, act.data)
            assert await world.pool.fetchval("SELECT signed FROM decision WHERE task = $1 AND counted", task), said
        await _paid(world.pool, subject)
        for actor, path, name in (
            ("bd.p01", f"/cases/{reference}", "partner-case"),
            ("bd.001", f"/cases/{reference}", "case"),
            ("bd.009", "/tasks", "tasks"),
        ):
            page = await people.at(actor, path)
            await people.look(page, name)
            if "case" in name:
                assert "2,625,000.00" in await page.locator("main").inner_text(), "the amount paid is shown"
        assert people.faults == []
    finally:
        looking.cancel()
        await people.close()
