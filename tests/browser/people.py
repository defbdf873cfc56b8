"""People at their browsers: who signs in once, opens a task, fills in its form and commits to it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page

SERIOUS = frozenset({"serious", "critical"})
SIZES = {"desktop": (1280, 900), "phone": (360, 740)}
SHOTS = Path(".shots")
"""Where screenshots are kept to be looked at; not committed."""


def fields(data: Any, name: str = "data") -> Iterator[tuple[str, Any]]:
    """The inputs of a form with what goes into each: `data.face.lines[0].amount`."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from fields(value, f"{name}.{key}")
    elif isinstance(data, list) and data and isinstance(data[0], dict):
        for index, value in enumerate(data):
            yield from fields(value, f"{name}[{index}]")
    else:
        yield name, data


class People:
    """Everybody of an office and its partner, each with a browser of their own, in windows of one size."""

    def __init__(self, browser: Browser, url: str, size: str) -> None:
        self.browser, self.url, self.size = browser, url, size
        self.contexts: dict[str, BrowserContext] = {}
        self.faults: list[str] = []
        self.shots = 0

    async def at(self, actor: str, path: str) -> Page:
        """The page at `path`, after signing in where that is needed."""
        if actor not in self.contexts:
            width, height = SIZES[self.size]
            self.contexts[actor] = await self.browser.new_context(
                viewport={"width": width, "height": height}, locale="en-GB", reduced_motion="reduce"
            )
        page = await self.contexts[actor].new_page()
        page.on("pageerror", lambda error: self.faults.append(f"{path}: {error}"))
        page.on("console", lambda said: self.faults.append(f"{path}: {said.text}") if said.type == "error" else None)
        await page.goto(self.url + path)
        if not page.url.startswith(self.url):  # at the identity provider
            await page.locator(f'button[name=sub][value="{actor}"]').first.click()
            await page.wait_for_url(self.url + "/**")
        return page

    async def look(self, page: Page, name: str) -> None:
        """Keep a screenshot, and note what a person could not use: serious findings of axe, a page wider than its window."""
        SHOTS.mkdir(exist_ok=True)
        self.shots += 1
        await page.screenshot(path=SHOTS / f"{self.size}-{self.shots:02}-{name}.png", full_page=True)
        found = await Axe().run(page)
        self.faults += [
            f"{name}: {each['id']} {each['help']} {each['nodes'][0]['html'][:200]}"
            for each in found.response["violations"]
            if each["impact"] in SERIOUS
        ]
        wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            self.faults.append(f"{name}: {wide} px wider than the window")

    async def decide(self, actor: str, role: str, task: str, verdict: str, data: dict[str, Any] | None, *, look: bool = True) -> str:
        """Through the page of the task: choose the verdict, fill in its form, check, commit. What the page says then."""
        page = await self.at(actor, f"/tasks/{quote(task)}")
        kind = task.split(":")[3]
        if not await page.locator(f'input[name=verdict][value="{verdict}"]').count():
            await self.look(page, f"{kind}-not-offered")
            raise AssertionError(f"{verdict} is not offered to {actor} at {page.url}: {await page.locator('body').inner_text()}")
        await page.check(f'input[name=verdict][value="{verdict}"]')
        await page.click("form.verdicts button[type=submit]")
        for name, value in fields(data or {}):
            await self._fill(page, name, value)
        if await page.locator("select[name=role]").count():
            await page.select_option("select[name=role]", role)
        if look:
            await self.look(page, f"{kind}-form")
        await page.click('form.answer .buttons button[value="check"]')
        confirm = page.locator('button[name=step][value="confirm"]')
        if not await confirm.count():
            await self.look(page, f"{kind}-refused")
            raise AssertionError(f"{task} {verdict} as {actor}: {await page.locator('#decide').inner_text()}")
        if look:
            await self.look(page, f"{kind}-check")
        await confirm.click()
        await page.wait_for_load_state()
        said = await page.locator("main").inner_text()
        if look:
            await self.look(page, f"{kind}-said")
        await page.close()
        return said

    async def _fill(self, page: Page, name: str, value: Any) -> None:
        """One field, after adding the rows that it stands in."""
        for row in re.finditer(r"\[(\d+)\]", name):
            rows = name[: row.start()]
            for _ in range(20):
                if await page.locator(f'[name^="{rows}[{row[1]}]"]').count():
                    break
                await page.click(f'button[name=add][value="{rows}"]')
        box = page.locator(f'form.answer [name="{name}"]')
        if isinstance(value, bool):
            if await box.first.get_attribute("type") == "checkbox":
                await box.set_checked(value)
            else:
                await page.check(f'form.answer [name="{name}"][value="{str(value).lower()}"]')
        elif isinstance(value, list):
            for each in value:
                await page.check(f'form.answer [name="{name}"][value="{each}"]')
        elif await box.first.evaluate("e => e.tagName") == "SELECT":
            await box.select_option(str(value))
        elif await box.first.get_attribute("type") == "radio":
            await page.check(f'form.answer [name="{name}"][value="{value}"]')
        else:
            await box.fill(str(value))

    async def close(self) -> None:
        for context in self.contexts.values():
            await context.close()
