"""Keys for machines: made, shown once, kept as a hash, limited to a source, offices, scopes and days.

The hash is one SHA-256 and no slow one: a slow hash protects what people choose, which can be guessed; a key of ours holds 256 random
bits, of which no number of guesses finds one, and it is checked at every request.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import asyncpg

from api.caller import EVERYWHERE, Caller, Grant
from db.sql import queries
from policy.access import SCOPES
from schemas.findings import Finding

PREFIX = "pca_"
SQL = queries("identity")
_KEY = re.compile(r"pca_(?P<id>[0-9a-f]{12})_(?P<secret>[A-Za-z0-9_-]{43})")
_OFFICE = re.compile(r"[A-Z]{2}|\*")


class KeyRefused(Exception):
    """The key opens nothing, or cannot be made as asked; every reason."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        super().__init__("; ".join(finding.rule for finding in findings))


@dataclass(frozen=True)
class NewKey:
    """A key just made: the only moment at which it is known whole."""

    id: str
    key: str = field(repr=False)


def looks_like_one(text: str) -> bool:
    """Whether a bearer token is meant as a key, good or not."""
    return text.startswith(PREFIX)


def hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


async def create(
    pool: asyncpg.Pool,
    *,
    name: str,
    offices: Collection[str],
    scopes: Collection[str],
    source: str,
    expires_at: datetime,
    by: str,
    at: datetime,
) -> NewKey:
    """A new key. Errors: `KeyRefused` with everything that is wrong with what was asked for."""
    found = []
    if not name.strip():
        found.append(_finding("key_name", "A key has a name that says whose it is.", "$.name"))
    if not offices or any(not _OFFICE.fullmatch(office) for office in offices):
        found.append(_finding("key_offices", "A key is for one office or more (two letters each), or for * alone.", "$.offices"))
    if not scopes or set(scopes) - SCOPES.keys():
        found.append(_finding("key_scopes", f"A key is for one or more of {', '.join(SCOPES)}.", "$.scopes"))
    if "intake" in scopes and not source.strip():
        found.append(_finding("key_source", "A key for intake names the source that it submits for.", "$.source"))
    if expires_at <= at:
        found.append(_finding("key_expires", "A key expires in the future.", "$.expires_at"))
    if found:
        raise KeyRefused(found)
    identifier = secrets.token_hex(6)
    key = f"{PREFIX}{identifier}_{secrets.token_urlsafe(32)}"
    everywhere = EVERYWHERE in offices
    kept = [EVERYWHERE] if everywhere else sorted(set(offices))
    await pool.execute(SQL["key_new"], identifier, hashed(key), name.strip(), source.strip(), kept, sorted(set(scopes)), at, by, expires_at)
    return NewKey(identifier, key)


async def keys(pool: asyncpg.Pool) -> list[dict[str, Any]]:
    """All keys, newest first, without what opens."""
    return [dict(row) for row in await pool.fetch(SQL["keys"])]


async def revoke(pool: asyncpg.Pool, identifier: str, *, by: str, at: datetime) -> bool:
    """Whether there was such a key, not revoked before."""
    done: str = await pool.execute(SQL["key_revoke"], identifier, at, by)
    return done.endswith(" 1")


async def caller(pool: asyncpg.Pool, key: str, *, at: datetime | None = None) -> Caller:
    """The machine with that key. Errors: `KeyRefused`."""
    now = at or datetime.now(UTC)
    match = _KEY.fullmatch(key)
    row = await pool.fetchrow(SQL["key"], match["id"]) if match else None
    if row is None or not hmac.compare_digest(row["sha256"], hashed(key)):
        raise KeyRefused(
            [_finding("key_unknown", "There is no such key.", "", step="Use the key whole, as it was shown when it was made.")]
        )
    found = []
    if row["revoked_at"] is not None and row["revoked_at"] <= now:
        found.append(_finding("key_revoked", f"The key was revoked on {row['revoked_at']:%Y-%m-%d}.", "", step="Ask for a new key."))
    if row["expires_at"] <= now:
        found.append(_finding("key_expired", f"The key expired on {row['expires_at']:%Y-%m-%d}.", "", step="Ask for a new key."))
    if found:
        raise KeyRefused(found)
    await _used(pool, row["id"], row["last_used_on"], now.date())
    return Caller(
        actor=f"key:{row['id']}",
        name=row["name"],
        kind="machine",
        source=row["source"],
        scopes=frozenset(row["scopes"]),
        grants=frozenset(Grant(office, SCOPES[scope]) for office in row["offices"] for scope in row["scopes"]),
    )


async def _used(pool: asyncpg.Pool, identifier: str, before: date | None, today: date) -> None:
    if before != today:
        await pool.execute(SQL["key_used"], identifier, today)


def _finding(rule: str, message: str, path: str, step: str = "See `pca api-keys new --help`.") -> Finding:
    return Finding(rule=rule, message=message, path=path, next_step=step)
