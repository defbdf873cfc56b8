"""Migrations: plain SQL files, in order, forward only, run by yoyo. Nothing else may change the schema.

The worker calls `require_known_schema` before it takes work and refuses to start on a schema that it does not know.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from yoyo import get_backend, read_migrations
from yoyo.backends.base import DatabaseBackend
from yoyo.migrations import MigrationList


class UnknownSchema(RuntimeError):
    """The database is not at the version of this release; run `pca migrate`."""


def _folder() -> Path:
    return Path(str(resources.files("db") / "migrations"))


def expected_version() -> str:
    """The last migration of this release, such as `0001_core`."""
    return max(path.stem for path in _folder().glob("*.sql"))


@contextmanager
def _backend(database_url: str) -> Iterator[tuple[DatabaseBackend, MigrationList]]:
    # yoyo picks the driver by scheme; ours is psycopg 3
    scheme, _, rest = database_url.partition("://")
    backend = get_backend(f"postgresql+psycopg://{rest}" if scheme in ("postgres", "postgresql") else database_url)
    try:
        yield backend, read_migrations(str(_folder()))
    finally:
        backend.connection.close()


def pending(database_url: str) -> list[str]:
    """Migrations of this release that the database lacks, in order."""
    with _backend(database_url) as (backend, migrations):
        return [migration.id for migration in backend.to_apply(migrations)]


def applied_unknown(database_url: str) -> list[str]:
    """Migrations in the database that this release does not know: a newer release was here."""
    with _backend(database_url) as (backend, migrations):
        known = {migration.hash for migration in migrations}
        return sorted(found for found in backend.get_applied_migration_hashes() if found not in known)


def apply(database_url: str) -> list[str]:
    """Apply what is pending, under yoyo's lock, and return the names."""
    with _backend(database_url) as (backend, migrations), backend.lock():
        todo = backend.to_apply(migrations)
        names = [migration.id for migration in todo]
        backend.apply_migrations(todo)
        return names


def require_known_schema(database_url: str) -> None:
    """Raises UnknownSchema, naming the command that mends it."""
    if todo := pending(database_url):
        raise UnknownSchema(f"the schema lacks {', '.join(todo)}: run `pca migrate`")
    if newer := applied_unknown(database_url):
        raise UnknownSchema(f"the schema holds {len(newer)} migrations of a newer release: upgrade this one before it writes")
