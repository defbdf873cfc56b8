"""What every list of the pages has in common: one page after the other and back, the offices to choose from, forms that name their faults.

A list goes on by key, which only knows the way forward; the way back is the trail of keys in the address. Nothing is kept on the server.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

import asyncpg
from fastapi import Query

from activities import browse
from api import views
from api.caller import Caller
from api.web import forms
from db.sql import queries
from policy import pack as packs
from policy.pack import Pack
from schemas.findings import Finding
from schemas.office import Office

SQL = queries("pages")
PAGE = 25
LONGEST_TRAIL = 40
"""Pages that one may go back without beginning again; an address has its limits."""

After = Annotated[list[str], Query(max_length=LONGEST_TRAIL)]
"""The trail of keys: the last one is that of the page shown."""
Trail = Sequence[str]


@dataclass(frozen=True)
class Pager:
    """Where a page of a list lies. `filters`: what the list is asked for, in the order of its form; empty ones are left out."""

    path: str
    filters: Sequence[tuple[str, str]]
    trail: Trail
    next: str | None

    def address(self, trail: Trail = (), path: str = "") -> str:
        asked = [(name, value) for name, value in self.filters if value]
        query = urlencode([*asked, *(("after", key) for key in trail)])
        return (path or self.path) + (f"?{query}" if query else "")

    @property
    def first(self) -> str:
        """The first page; empty if this is it."""
        return self.address() if self.trail else ""

    @property
    def previous(self) -> str:
        return self.address(self.trail[:-1]) if self.trail else ""

    @property
    def more(self) -> str:
        return self.address([*self.trail, self.next][-LONGEST_TRAIL:]) if self.next else ""

    @property
    def asked(self) -> bool:
        """Whether the list is filtered at all."""
        return any(value for _, value in self.filters)


def last(trail: Trail) -> str | None:
    return trail[-1] if trail else None


def one_of(value: str | None, known: Mapping[str, Any] | Sequence[str] | frozenset[str]) -> str:
    """The value if it is one that the form offers, else nothing: a filter that nobody knows filters nothing."""
    return value if value is not None and value in known else ""


def code(value: str | None) -> str:
    """An id as a person typed it."""
    return (value or "").strip().replace("\x00", "")[:100]


def day(value: str | None) -> date | None:
    try:
        return date.fromisoformat(value or "")
    except ValueError:
        return None


def as_of_now(page: browse.Page, overdue: bool, now: datetime) -> browse.Page:
    """Of a list by due moment only what is overdue: it comes first, so the list ends where something is not."""
    if not overdue:
        return page
    items = [item for item in page.items if item["next_due"] is not None and datetime.fromisoformat(item["next_due"]) < now]
    return browse.Page(items, page.next if len(items) == len(page.items) else None)


# Offices and packs --------------------------------------------------------------------------------------------------------------


async def offices(pool: asyncpg.Pool, caller: Caller) -> dict[str, str]:
    """Offices whose record the caller sees: ISO2 to name."""
    scope = views.scope_of(caller)
    if scope.partners:
        codes: list[str] | None = sorted({subject.split(":")[1] for subject in scope.partners})
    else:
        codes = None if scope.offices is None else sorted(scope.offices)
    return {row["name"]: row["title"] or row["name"] for row in await pool.fetch(SQL["offices"], codes)}


_offices: dict[str, Office] = {}
_packs: dict[str, Pack] = {}


async def office_file(pool: asyncpg.Pool, iso2: str) -> Office | None:
    """The office file in force today. A file never changes, so it is read once."""
    row = await pool.fetchrow(SQL["version"], "office", iso2, datetime.now(UTC).date())
    if row is None:
        return None
    if row["sha256"] not in _offices:
        _offices[row["sha256"]] = Office.model_validate(row["body"])
    return _offices[row["sha256"]]


async def pack(pool: asyncpg.Pool, track: str) -> Pack | None:
    """The pack of a track in force today."""
    row = await pool.fetchrow(SQL["version"], "pack", track, datetime.now(UTC).date())
    if row is None:
        return None
    if row["sha256"] not in _packs:
        _packs[row["sha256"]] = packs.parse(row["body"]["text"])
    return _packs[row["sha256"]]


# Forms that are written by hand -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entries:
    """A form as it was filled in, and what is wrong with it. `names`: of its fields, which are also the paths of the findings."""

    names: Sequence[str]
    given: Mapping[str, Sequence[str]] = field(default_factory=dict)
    findings: Sequence[Finding] = ()

    @classmethod
    def read(cls, names: Sequence[str], form: forms.Form) -> "Entries":
        texts = {name: [value.replace("\r\n", "\n").replace("\x00", "").strip() for value in form.getlist(name) if isinstance(value, str)]
                 for name in names}  # fmt: skip
        return cls(names, texts)

    def one(self, name: str) -> str:
        return next(iter(self.given.get(name, ())), "")

    def many(self, name: str) -> list[str]:
        return [value for value in self.given.get(name, ()) if value]

    def lines(self, name: str) -> list[str]:
        """A field of one text a line."""
        return [line.strip() for line in self.one(name).split("\n") if line.strip()]

    def errors(self, name: str) -> list[str]:
        return [each.message for each in self.findings if forms.place_of(each.path, self.names) == name]

    def refused(self, findings: Sequence[Finding]) -> "Entries":
        return Entries(self.names, self.given, findings)
