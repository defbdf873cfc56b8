"""Versioned data: loaded once, found by day or hash, never edited."""

from datetime import date
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from activities import versions
from activities.versions import UnknownVersion, VersionEdited, VersionUnreadable


def office(**changes: Any) -> dict[str, Any]:
    return {"iso2": "XK", "iso3": "XKX", "name": "Test", "time_zone": "UTC", "currency": "EUR"} | changes


async def test_loading_the_same_twice_loads_it_once(pool: asyncpg.Pool) -> None:
    assert (await versions.load_office(pool, office())).new
    assert not (await versions.load_office(pool, office())).new
    assert not (await versions.load_shipped_packs(pool))[0].new


async def test_a_version_in_use_is_never_edited(pool: asyncpg.Pool) -> None:
    await versions.load_office(pool, office())
    with pytest.raises(VersionEdited, match="new version"):
        await versions.load_office(pool, office(name="Edited"))
    with pytest.raises(asyncpg.RestrictViolationError):
        await pool.execute("UPDATE versioned SET effective = now()")


async def test_the_newest_in_force_on_the_day_is_found(pool: asyncpg.Pool) -> None:
    await versions.load_office(pool, office(version="1", effective_on=date(2026, 1, 1)))
    await versions.load_office(pool, office(version="2", effective_on=date(2026, 3, 1), name="Later"))

    assert (await versions.office_in_force(pool, "XK", date(2026, 2, 28))).name == "Test"
    assert (await versions.office_in_force(pool, "XK", date(2026, 3, 1))).name == "Later"
    with pytest.raises(UnknownVersion):
        await versions.office_in_force(pool, "XK", date(2025, 12, 31))
    assert "XK" in {found.iso2 for found in await versions.offices(pool, date(2026, 3, 1))}


async def test_an_unknown_hash_is_named(pool: asyncpg.Pool) -> None:
    with pytest.raises(UnknownVersion, match="no pack with hash 00"):
        await versions.pack_by_hash(pool, "00")


async def test_every_fault_of_an_office_file_is_told(pool: asyncpg.Pool) -> None:
    with pytest.raises(VersionUnreadable) as caught:
        await versions.load_office(pool, {"iso2": "kosovo", "colour": "blue"})
    assert {finding.path for finding in caught.value.findings} >= {"$.iso2", "$.colour", "$.name"}


async def test_a_file_is_told_apart_by_what_it_holds(pool: asyncpg.Pool, tmp_path: Path) -> None:
    file = tmp_path / "rates.toml"
    file.write_text('version = "t1"\n[months."2026-03"]\nEUR = "0.92"\n')
    assert (await versions.load_file(pool, file)).kind == "rates"
    assert (await versions.load_file(pool, Path("policy/packs/standard-2026-01.toml"))).kind == "pack"
