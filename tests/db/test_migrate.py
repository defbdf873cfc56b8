"""Migrations: applied once, known or refused with the command that mends it."""

import asyncio

import asyncpg
import pytest

from db import migrate
from db.migrate import UnknownSchema
from embedded.stack import Stack
from tests.conftest import beside


@pytest.fixture
async def empty_url(stack: Stack):  # type: ignore[no-untyped-def]
    conn = await asyncpg.connect(stack.admin_url)
    await conn.execute("CREATE DATABASE pca_empty OWNER pca")
    yield beside(stack.database_url, "pca_empty")
    await conn.execute("DROP DATABASE pca_empty WITH (FORCE)")
    await conn.close()


async def test_an_empty_database_is_brought_to_this_release_and_only_once(empty_url: str) -> None:
    shipped = ["0001_core", "0002_emergency"]
    assert shipped[-1] == migrate.expected_version()
    assert await asyncio.to_thread(migrate.pending, empty_url) == shipped
    assert await asyncio.to_thread(migrate.apply, empty_url) == shipped
    assert await asyncio.to_thread(migrate.apply, empty_url) == []
    await asyncio.to_thread(migrate.require_known_schema, empty_url)


async def test_a_missing_migration_names_the_command(empty_url: str) -> None:
    with pytest.raises(UnknownSchema, match="pca migrate"):
        await asyncio.to_thread(migrate.require_known_schema, empty_url)


async def test_a_schema_of_a_newer_release_is_refused(record_url: str) -> None:
    conn = await asyncpg.connect(record_url)
    await conn.execute(
        "INSERT INTO _yoyo_migration (migration_hash, migration_id, applied_at_utc) VALUES ('abc', '9999_later', timezone('utc', now()))"
    )
    await conn.close()
    with pytest.raises(UnknownSchema, match="newer release"):
        await asyncio.to_thread(migrate.require_known_schema, record_url)


async def test_the_engines_own_role_cannot_change_the_log(pool: asyncpg.Pool) -> None:
    rights = {
        right: await pool.fetchval("SELECT has_table_privilege('pca_app', 'event', $1)", right)
        for right in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
        if await pool.fetchval("SELECT true FROM pg_roles WHERE rolname = 'pca_app'")
    }
    if not rights:
        pytest.skip("the embedded owner may not create roles")
    assert rights == {"SELECT": True, "INSERT": True, "UPDATE": False, "DELETE": False, "TRUNCATE": False}
