"""Keys for machines: shown once, kept as a hash, limited in every direction."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from temporalio.client import Client

from api.identity import api_keys
from api.identity.api_keys import KeyRefused, NewKey, hashed
from policy import access
from tests.api.test_login import HERE, Browser, browsing
from worker.settings import Settings

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


async def made(pool: asyncpg.Pool, **changes: Any) -> NewKey:
    usual: dict[str, Any] = {
        "name": "intake of Kenya", "offices": ["KE"], "scopes": ["intake", "read"], "source": "etools", "by": "ke.ops", "at": NOW,
        "expires_at": NOW + timedelta(days=30),
    }  # fmt: skip
    return await api_keys.create(pool, **(usual | changes))


async def refused(pool: asyncpg.Pool, key: str, at: datetime = NOW) -> list[str]:
    with pytest.raises(KeyRefused) as error:
        await api_keys.caller(pool, key, at=at)
    return [finding.rule for finding in error.value.findings]


async def test_a_key_opens_for_its_source_offices_and_scopes(pool: asyncpg.Pool) -> None:
    caller = await api_keys.caller(pool, (await made(pool)).key, at=NOW)
    assert (caller.kind, caller.source, caller.scopes, caller.offices) == ("machine", "etools", {"intake", "read"}, {"KE"})
    assert caller.actor.startswith("key:")
    assert caller.may(access.SUBMIT_INTAKE, "KE")
    assert caller.may(access.SEE_CASE, "KE")
    assert not caller.may(access.SUBMIT_INTAKE, "UA")
    assert not caller.may(access.MANAGE_WEBHOOKS, "KE")
    assert not caller.may(access.SEE_INTERNAL, "KE")


async def test_a_key_for_all_offices(pool: asyncpg.Pool) -> None:
    key = await made(pool, offices=["*"], scopes=["read"], source="")
    assert (await api_keys.caller(pool, key.key, at=NOW)).offices is None


async def test_the_record_keeps_no_key_and_nothing_shows_one(pool: asyncpg.Pool) -> None:
    key = await made(pool)
    assert len(key.key) == len("pca_") + 12 + 1 + 43
    row = await pool.fetchrow("SELECT * FROM api_key")
    assert row is not None
    assert row["sha256"] == hashed(key.key)
    assert all(key.key not in str(value) for value in row.values())
    assert key.key not in repr(key)
    (listed,) = await api_keys.keys(pool)
    assert "sha256" not in listed


@pytest.mark.parametrize("key", ["", "pca_", "pca_x", "pca_000000000000_" + "x" * 43, "x" * 5000, "pca_\x00"])
async def test_what_is_no_key_opens_nothing(pool: asyncpg.Pool, key: str) -> None:
    assert await refused(pool, key) == ["key_unknown"]


async def test_the_right_id_with_another_secret_opens_nothing(pool: asyncpg.Pool) -> None:
    key = (await made(pool)).key
    assert await refused(pool, key[:-1] + ("A" if key[-1] != "A" else "B")) == ["key_unknown"]


async def test_an_expired_and_revoked_key_says_both(pool: asyncpg.Pool) -> None:
    key = await made(pool)
    assert await refused(pool, key.key, NOW + timedelta(days=30)) == ["key_expired"]
    assert await api_keys.revoke(pool, key.id, by="ke.ops", at=NOW)
    assert await refused(pool, key.key) == ["key_revoked"]
    assert await refused(pool, key.key, NOW + timedelta(days=31)) == ["key_revoked", "key_expired"]


async def test_a_revocation_stands_and_another_changes_nothing(pool: asyncpg.Pool) -> None:
    key = await made(pool)
    assert await api_keys.revoke(pool, key.id, by="ke.ops", at=NOW)
    assert not await api_keys.revoke(pool, key.id, by="somebody", at=NOW + timedelta(days=1))
    assert not await api_keys.revoke(pool, "no such key", by="somebody", at=NOW)
    (listed,) = await api_keys.keys(pool)
    assert (listed["revoked_by"], listed["revoked_at"]) == ("ke.ops", NOW)


async def test_the_day_of_the_last_use_is_noted(pool: asyncpg.Pool) -> None:
    key = await made(pool)
    for hours in (0, 1, 30):
        await api_keys.caller(pool, key.key, at=NOW + timedelta(hours=hours))
    (listed,) = await api_keys.keys(pool)
    assert listed["last_used_on"] == (NOW + timedelta(hours=30)).date()


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        ({"name": " "}, ["key_name"]),
        ({"offices": []}, ["key_offices"]),
        ({"offices": ["Kenya"]}, ["key_offices"]),
        ({"scopes": []}, ["key_scopes"]),
        ({"scopes": ["everything"]}, ["key_scopes"]),
        ({"source": ""}, ["key_source"]),
        ({"expires_at": NOW}, ["key_expires"]),
        (
            {"name": "", "offices": [], "scopes": ["intake"], "source": "", "expires_at": NOW},
            ["key_name", "key_offices", "key_source", "key_expires"],
        ),
    ],
)  # fmt: skip
async def test_a_key_that_cannot_be_is_refused_with_every_reason(pool: asyncpg.Pool, changes: dict[str, Any], rules: list[str]) -> None:
    with pytest.raises(KeyRefused) as error:
        await made(pool, **changes)
    assert [finding.rule for finding in error.value.findings] == rules
    assert await api_keys.keys(pool) == []


@pytest_asyncio.fixture(loop_scope="session")
async def machine(pool: asyncpg.Pool, client: Client) -> AsyncIterator[Browser]:
    async with browsing(pool, client, Settings.model_validate({"PCA_PUBLIC_URL": HERE})) as found:
        yield found


async def test_a_key_is_shown_in_either_header(machine: Browser, pool: asyncpg.Pool) -> None:
    key = (await made(pool, at=datetime.now(UTC), expires_at=datetime.now(UTC) + timedelta(days=1))).key
    for headers in ({"x-api-key": key}, {"authorization": f"Bearer {key}"}, {"authorization": f"bearer {key}"}):
        assert (await machine.get("/who", headers=headers)).json()["name"] == "intake of Kenya"
    assert (await machine.put("/v1/thing", json={"a": "b"}, headers={"x-api-key": key})).json() == {"a": "b"}


async def test_a_bad_key_is_refused_as_the_standard_says(machine: Browser) -> None:
    answer = await machine.get("/who", headers={"authorization": "Bearer pca_no"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Bearer error="invalid_token"')
    assert answer.json()["findings"][0]["rule"] == "key_unknown"
