"""The example cases, played once by everyone in them on a stack of their own; the tests look at what is left."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, fields, replace
from typing import Any

import asyncpg
import pytest_asyncio
from temporalio.client import Client, WorkflowHistory

from activities import versions
from cli.demo import EXAMPLES, Outcome, play_examples
from cli.figures import Difference, differences, figures
from db import migrate
from db.pool import connect_pool
from embedded.bank import Movement, movements
from embedded.player import Play, Player, PlayFailed, Step, read
from embedded.stack import Stack
from worker.connect import connect_temporal
from worker.main import build_worker

CACHED = int(os.environ.get("PCA_TEST_CACHE", "1000"))


@dataclass(frozen=True)
class Played:
    """What the plays left behind."""

    outcome: Outcome
    pool: asyncpg.Pool
    client: Client
    histories: list[WorkflowHistory]
    bank: list[Movement]
    variants: list[Difference]


VARIANTS = (("C3-withdrawn", "C4-carrier"), ("C3", "C4-signs-first"), ("C5-above-ceiling",), ("C8-second-request",))
"""The variants of the casebook, played together where they share a clock; C3 is the one of the demo."""

APART = {
    "MOZ/2026/": "MOZ/2027/{n}", "PHL/2025/": "PHL/2027/{n}", "UKR/2026/": "UKR/2027/{n}",
    "MOZ-L2-2026-01": "MOZ-L2-2026-9{n}", "PHL-L2-2026-02": "PHL-L2-2026-9{n}", "UKR-L3-2026-01": "UKR-L3-2026-9{n}",
    "P-MZ-": "P-MZ-{n}", "P-PH-": "P-PH-{n}", "P-UA-": "P-UA-{n}", "FR-MZ-": "FR-MZ-{n}", "FR-UA-": "FR-UA-{n}",
    "ACC-MZ-": "ACC-MZ-{n}", "ACC-UA-": "ACC-UA-{n}",
}  # fmt: skip
"""What a variant may not share with the demo, in whose record it is played: references, activation, partner, account, reservation."""


def _apart(value: Any, number: int) -> Any:
    """The same with references of its own."""
    match value:
        case str():
            for old, new in APART.items():
                value = value.replace(old, new.format(n=number))
            return value
        case dict():
            return {key: _apart(item, number) for key, item in value.items()}
        case list():
            return [_apart(item, number) for item in value]
        case Step():
            return replace(value, **{f.name: _apart(getattr(value, f.name), number) for f in fields(value)})
        case _:
            return value


def _variant(case: str, number: int) -> Play:
    folder = EXAMPLES / "plays" if case == "C3" else EXAMPLES / "plays" / "variants"
    play = read(folder / f"{case}.toml")
    intake = _apart(play.intake, number)
    return replace(
        play,
        reference=_apart(play.reference, number),
        intake=intake | {"source_reference": f"{intake['source_reference']}-{number}"},
        activation=_apart(play.activation, number),
        shared_clock=f"variant-{number}",
        steps=tuple(_apart(step, number) for step in play.steps if case != "C3" or step.on.isoformat() <= "2026-03-24"),
        until=min(play.until, play.begins.replace(month=3, day=31)) if case == "C3" else play.until,
    )


async def _play_variants(pool: asyncpg.Pool, client: Client, bank_url: str) -> list[Difference]:
    """Every variant side by side; where they end otherwise than expected."""
    expected = json.loads((EXAMPLES / "expected.json").read_text(encoding="utf-8"))
    found: list[Difference] = []

    async def group(number: int, cases: tuple[str, ...]) -> None:
        plays = [_variant(case, number) for case in cases]
        try:
            await Player(pool, client, bank_url, told=lambda play, line: None).play(*plays)
        except PlayFailed as error:
            found.append(Difference(error.case, "play", "every step as written", str(error)))
            return
        for play in plays:
            if play.case != "C3":
                wanted = _apart(expected[play.case], number)
                found.extend(differences(play.case, wanted, await figures(pool, play.reference)))

    await asyncio.gather(*(group(number, cases) for number, cases in enumerate(VARIANTS, 1)))
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def played() -> AsyncIterator[Played]:
    """All cases of the demo, side by side on their practice clocks, then the variants in the same record."""
    async with Stack(practice=True, signals=False) as stack:
        await asyncio.to_thread(migrate.apply, stack.database_url)
        pool = await connect_pool(stack.database_url, size=12)
        await versions.load_shipped_packs(pool)
        client = await connect_temporal(address=stack.temporal_address)
        async with build_worker(client, pool, bank_url=stack.bank_url, cached=CACHED):
            outcome = await play_examples(stack, (), quiet=True)
            variants = await _play_variants(pool, client, stack.bank_url)
            histories = [history async for history in client.list_workflows().map_histories()]
            yield Played(outcome, pool, client, histories, await movements(stack.bank_url), variants)
        await pool.close()
