"""The whole stack and a real browser: headless Chromium, driven by Playwright.

Skipped where there is no Chromium (`apt-get install chromium`, or PCA_CHROMIUM names one); CI installs it and sets PCA_REQUIRE_BROWSER.
"""

import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg
import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from bench import lifecycle
from cli.stack import prepare
from db.pool import connect_pool
from embedded import bank
from embedded.stack import Stack

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip
"""Nothing of Chromium's own business on the network."""


def chromium() -> str | None:
    """The browser of this machine."""
    return os.environ.get("PCA_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium, or a reason why not."""
    path = chromium()
    if path is None:
        if os.environ.get("PCA_REQUIRE_BROWSER"):
            pytest.fail("PCA_REQUIRE_BROWSER is set and there is no Chromium")
        pytest.skip("no Chromium on this machine: apt-get install chromium, or set PCA_CHROMIUM")
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield started
        await started.close()


@dataclass(frozen=True)
class World:
    """A running stack in real time, with an office whose programme runs today."""

    stack: Stack
    pool: asyncpg.Pool

    @property
    def url(self) -> str:
        return self.stack.state.api_url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def world(browser: Browser) -> AsyncIterator[World]:
    """Servers, worker, identity provider and API, as `pca up` starts them; a bank that answers on the day."""
    async with Stack(signals=False) as stack:
        await prepare(stack.database_url, stack.signing_key)
        pool = await connect_pool(stack.database_url, size=4)
        try:
            await lifecycle.load(pool, datetime.now(UTC).date())
            await bank.behave(stack.bank_url, bank.Behaviour(delay_days=0))
            await stack.start_worker()
            await stack.start_identity()
            await stack.start_api()
            yield World(stack, pool)
        finally:
            await pool.close()
