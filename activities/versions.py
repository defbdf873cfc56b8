"""Versioned data: rule packs, office files, exchange rates. Loaded once, hashed, never edited; found by hash or by the day.

A case pins hashes and reads its pinned versions for ever; what is shared reads the newest version in force on the day. Bodies never
change, so they are parsed once per process. Loading decides nothing.
"""

import tomllib
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import asyncpg
from pydantic import ValidationError

from db.content import canonical, sha256
from policy import pack as packs
from policy.pack import Pack
from schemas.findings import Finding
from schemas.intake import faults
from schemas.office import Office, Rates

Kind = Literal["pack", "office", "rates"]
Connection = asyncpg.Connection | asyncpg.Pool
T = TypeVar("T")

_parsed: dict[tuple[str, str], Any] = {}


class UnknownVersion(LookupError):
    """The record has no such pack, office file or rate table; `pca load FILE` brings one in."""


class VersionEdited(Exception):
    """A version that is in use was edited: give the file a new version and effective date instead."""


class VersionUnreadable(Exception):
    """The file is no office file or rate table; every fault is in `findings`."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("; ".join(f"{f.path} {f.message}" for f in findings))
        self.findings = findings


class Loaded(NamedTuple):
    """What loading did: `new` is False if this very version was there already."""

    kind: Kind
    name: str
    version: str
    sha256: str
    new: bool


class Pin(NamedTuple):
    version: str
    sha256: str


# Loading --------------------------------------------------------------------------------------------------------------------------


async def _load(conn: Connection, kind: Kind, name: str, version: str, effective: date, body: Any, digest: str) -> Loaded:
    status = await conn.execute(
        "INSERT INTO versioned (kind, name, version, effective, sha256, body) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        kind, name, version, effective, digest, body,
    )  # fmt: skip
    new = status.endswith(" 1")
    if not new:
        row = await conn.fetchrow(
            "SELECT version, sha256 FROM versioned WHERE kind = $1 AND name = $2 AND (version = $3 OR sha256 = $4) "
            "ORDER BY (version = $3) DESC LIMIT 1",
            kind, name, version, digest,
        )  # fmt: skip
        if row is None or row["sha256"] != digest:
            raise VersionEdited(f"{kind} {name} version {version} is in use with other content: give the edited file a new version")
        version = row["version"]
    return Loaded(kind, name, version, digest, new)


async def load_pack(conn: Connection, text: str) -> Loaded:
    """A rule pack from its TOML text. Raises VersionEdited; for faults of the text see `policy.pack.parse`."""
    found = packs.parse(text)
    return await _load(conn, "pack", found.track, found.id, found.effective_on, {"text": text}, found.sha256)


async def load_shipped_packs(conn: Connection) -> list[Loaded]:
    """Every pack that comes with this release."""
    return [await load_pack(conn, text) for text in packs.shipped()]


async def load_office(conn: Connection, raw: dict[str, Any] | Office) -> Loaded:
    """An office file. Raises VersionUnreadable with every fault, VersionEdited."""
    office = raw if isinstance(raw, Office) else _fit(Office, raw)
    body = office.model_dump(mode="json", by_alias=True)
    return await _load(conn, "office", office.iso2, office.version, office.effective_on or date(1970, 1, 1), body, sha256(canonical(body)))


async def load_rates(conn: Connection, raw: dict[str, Any] | Rates, *, effective: date | None = None) -> Loaded:
    """A table of exchange rates. Without `effective` it counts from the beginning of time."""
    rates = raw if isinstance(raw, Rates) else _fit(Rates, raw)
    body = rates.model_dump(mode="json", by_alias=True)
    return await _load(conn, "rates", "un", rates.version, effective or date(1970, 1, 1), body, sha256(canonical(body)))


async def load_file(conn: Connection, path: Path) -> Loaded:
    """A TOML file of any of the three kinds, told apart by what it holds."""
    text = path.read_text(encoding="utf-8")
    raw = tomllib.loads(text, parse_float=Decimal)
    if "rules" in raw and "tasks" in raw:
        return await load_pack(conn, text)
    return await load_rates(conn, raw) if "months" in raw else await load_office(conn, raw)


def _fit(model: type[T], raw: dict[str, Any]) -> T:
    try:
        return model.model_validate(raw)  # type: ignore[attr-defined,no-any-return]
    except ValidationError as error:
        raise VersionUnreadable(faults(error)) from error


# Reading --------------------------------------------------------------------------------------------------------------------------


async def pin(conn: Connection, kind: Kind, name: str, day: date) -> Pin | None:
    """The newest version in force on `day`."""
    row = await conn.fetchrow(
        "SELECT version, sha256 FROM versioned WHERE kind = $1 AND name = $2 AND effective <= $3 "
        "ORDER BY effective DESC, loaded_at DESC, version DESC LIMIT 1",
        kind, name, day,
    )  # fmt: skip
    return Pin(row["version"], row["sha256"]) if row else None


async def _by_hash(conn: Connection, kind: Kind, digest: str, parse: Callable[[Any], T]) -> T:
    if (kind, digest) not in _parsed:
        body = await conn.fetchval("SELECT body FROM versioned WHERE kind = $1 AND sha256 = $2", kind, digest)
        if body is None:
            raise UnknownVersion(f"no {kind} with hash {digest}")
        _parsed[kind, digest] = parse(body)
    found: T = _parsed[kind, digest]
    return found


def _pack(body: Any) -> Pack:
    return packs.parse(body["text"])


async def pack_by_hash(conn: Connection, digest: str) -> Pack:
    return await _by_hash(conn, "pack", digest, _pack)


async def office_by_hash(conn: Connection, digest: str) -> Office:
    return await _by_hash(conn, "office", digest, Office.model_validate)


async def rates_by_hash(conn: Connection, digest: str) -> Rates:
    return await _by_hash(conn, "rates", digest, Rates.model_validate)


async def _in_force(conn: Connection, kind: Kind, name: str, day: date) -> Pin:
    found = await pin(conn, kind, name, day)
    if found is None:
        raise UnknownVersion(f"no {kind} {name} is in force on {day}")
    return found


async def pack_in_force(conn: Connection, track: str, day: date) -> Pack:
    """The newest pack of the track. Raises UnknownVersion."""
    return await pack_by_hash(conn, (await _in_force(conn, "pack", track, day)).sha256)


async def office_in_force(conn: Connection, iso2: str, day: date) -> Office:
    """The newest office file. Raises UnknownVersion."""
    return await office_by_hash(conn, (await _in_force(conn, "office", iso2, day)).sha256)


async def offices(conn: Connection, day: date) -> list[Office]:
    """Every office in force on `day`, by code."""
    names = await conn.fetch("SELECT DISTINCT name FROM versioned WHERE kind = 'office' AND effective <= $1 ORDER BY name", day)
    return [await office_in_force(conn, row["name"], day) for row in names]
