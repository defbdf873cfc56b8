"""Lists of the record, a page at a time: keyset-paged, filtered, sorted, and never beyond what the reader may see.

Each list has a closed set of filters and of orders; each takes a `Scope`, which is part of its SQL (`db/sql/browse.sql`). A page costs
the same at ten thousand agreements and at a million: it is read in the order of an index from where the last one ended, once for each
place (an office, a partner, a state), and the places are merged. `next` is opaque and is checked when it comes back; one that is not
ours raises `NotUnderstood`. It can only say where to go on, never what may be seen. Reads only.
"""

import base64
import binascii
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, cast

import asyncpg

from activities import delegations, versions
from activities.read import plain
from db.sql import queries
from policy.calendar import Calendar
from policy.pack import Pack
from schemas.findings import Finding
from schemas.names import case_subject, office_and_partner, partner_subject
from schemas.office import Office

SQL = queries("browse")
Plain = dict[str, Any]
LONGEST = 1000
"""Rows of one page, at most."""


class NotUnderstood(ValueError):
    """A cursor, order or limit that this list does not know; `findings` say which. Over HTTP: 422."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__(findings[0].message if findings else "")
        self.findings = findings


@dataclass(frozen=True)
class Page:
    """One page. `next`: what `after` takes for the following one; None: this was the last."""

    items: list[Plain]
    next: str | None


@dataclass(frozen=True)
class Scope:
    """Whose record somebody sees: that of offices (ISO2; None: all), or of partners (`partner:<office>:<id>`). Both empty: nothing."""

    offices: frozenset[str] | None = frozenset()
    partners: frozenset[str] = frozenset()

    def holds(self, office: str | None, partner: str | None) -> bool:
        """Whether what belongs to this office and this partner is in sight."""
        return self.offices is None or office in self.offices or partner in self.partners


EVERYTHING = Scope(offices=None)
EVERYWHERE = "*"
"""The place of a role that is held in every office."""


@dataclass(frozen=True)
class Reach:
    """Whose inbox: the persons (himself, whom he covers) and the roles they may act in: office (or `*`, or partner) and role."""

    persons: frozenset[str] = frozenset()
    roles: frozenset[tuple[str, str]] = frozenset()

    @property
    def readers(self) -> list[str]:
        """As the table `inbox` names them."""
        return sorted({*self.persons, *(f"{place} {role}" for place, role in self.roles)})


# How a page is read ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Order:
    """Columns that order a list, each with its SQL type; the last ones make it total."""

    keys: tuple[tuple[str, str], ...]
    descending: bool = False

    @property
    def sql(self) -> str:
        return ", ".join(f"{column}{' DESC' if self.descending else ''}" for column, _ in self.keys)

    @property
    def selected(self) -> str:
        return ", ".join(f"({column})::text AS _k{n}" for n, (column, _) in enumerate(self.keys))


DUE = "coalesce(x.due_at, 'infinity'::timestamptz)"
BY_REFERENCE = Order((("x.reference", "text"),))
BY_DUE = Order(((DUE, "timestamptz"), ("x.id", "text")))
REGISTER: Mapping[str, Order] = {
    "reference": BY_REFERENCE,
    "-reference": Order(BY_REFERENCE.keys, descending=True),
    "received_at": Order((("x.received_at", "timestamptz"), ("x.reference", "text"))),
    "-received_at": Order((("x.received_at", "timestamptz"), ("x.reference", "text")), descending=True),
    "next_due": Order((("x.due", "timestamptz"), ("x.due_case", "text"))),
}
"""The orders of the register."""


@dataclass
class _Reading:
    """One page being put together. `places`: column to the values it is read for; no values: nothing is in sight."""

    name: str
    order: Order
    places: dict[str, Collection[Any]]
    statement: str = ""
    filters: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def bind(self, value: Any) -> str:
        self.values.append(value)
        return f"${len(self.values)}"

    def where(self, name: str, value: Any = True) -> "_Reading":
        """Add the filter `<list>.<name>`, if there is a value."""
        if value is not None:
            text = re.sub(r"^--.*$", "", SQL[f"{self.name}.{name}"], flags=re.MULTILINE).strip()
            self.filters.append(text.replace("@value", self.bind(value)) if "@value" in text else text)
        return self

    def _cursor(self, keys: Iterable[str]) -> str:
        text = json.dumps([self.name, self.order.sql, *keys], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def _keys(self, after: str) -> list[str]:
        """The keys that a cursor holds, if it is one of this list in this order."""
        try:
            name, order, *keys = json.loads(base64.b64decode(after + "=" * (-len(after) % 4), altchars=b"-_", validate=True))
            if (name, order, len(keys)) == (self.name, self.order.sql, len(self.order.keys)):
                return [_key(key, kind) for key, (_, kind) in zip(keys, self.order.keys, strict=True)]
        except (ValueError, TypeError, binascii.Error, RecursionError):
            pass
        raise NotUnderstood(
            [
                Finding(
                    rule="bad_cursor",
                    message="This place in the list is not known.",
                    path="$.after",
                    next_step="Begin again without it; take `next` as it was given, with the same order.",
                )
            ]
        )

    def sql(self, after: str | None, limit: int, template: str) -> str:
        """The statement of one page; its values are in `values`."""
        conditions = [f"{column} = p{n}.place" for n, column in enumerate(self.places, 1)] + self.filters
        keys = self._keys(after) if after else None
        if keys is not None and "@after" not in template:
            bound = ", ".join(f"{self.bind(key)}::text::{kind}" for key, (_, kind) in zip(keys, self.order.keys, strict=True))
            columns = ", ".join(column for column, _ in self.order.keys)
            conditions.append(f"({columns}) {'<' if self.order.descending else '>'} ({bound})")
        places = " CROSS JOIN ".join(
            f"unnest({self.bind(list(values))}::text[]) AS p{n}(place)" for n, values in enumerate(self.places.values(), 1)
        )
        parts = {
            "/*places*/": places or "(SELECT) AS p0",
            "/*where*/": " AND ".join(conditions) or "true",
            "/*order*/": self.order.sql,
            "/*limit*/": self.bind(limit + 1) + "::integer",
            "/*keys*/": self.order.selected,
        }
        if "@after" in template:
            parts["@after"] = f"{self.bind(keys[0] if keys else '')}::text"
        for mark, text in parts.items():
            template = template.replace(mark, text)
        return template

    async def page(self, pool: asyncpg.Pool, after: str | None, limit: int) -> Page:
        """Read it."""
        if not 1 <= limit <= LONGEST:
            raise NotUnderstood(
                [
                    Finding(
                        rule="bad_limit",
                        message=f"A page has 1 to {LONGEST} rows.",
                        path="$.limit",
                        next_step="Ask for fewer, and go on with `next`.",
                    )
                ]
            )
        sql = self.sql(after, limit, SQL[self.statement or self.name])
        rows = await pool.fetch(sql, *self.values) if all(self.places.values()) else []
        last = rows[limit - 1] if len(rows) > limit else None
        return Page(
            [{key: plain(value) for key, value in row.items() if not key.startswith("_k")} for row in rows[:limit]],
            self._cursor(last[f"_k{n}"] for n in range(len(self.order.keys))) if last is not None else None,
        )


BITS = {"integer": 31, "bigint": 63}


def _key(value: Any, kind: str) -> str:
    """A key of a cursor as its type's text. Raises ValueError if it is none."""
    if not isinstance(value, str) or len(value) > 500 or "\x00" in value:
        raise ValueError("no key")
    if kind == "timestamptz" and value not in ("infinity", "-infinity"):
        datetime.fromisoformat(value)
    elif kind in BITS and not -(2 ** BITS[kind]) <= int(value) < 2 ** BITS[kind]:
        raise ValueError("out of range")
    return value


async def _offices(pool: asyncpg.Pool, scope: Scope, office: str | None = None) -> list[str]:
    """The offices to read from; `office`: only that one, if it is in sight."""
    known = [row["name"] for row in await pool.fetch(SQL["offices"])] if scope.offices is None else sorted(scope.offices)
    return known if office is None else [name for name in known if name == office]


async def _places(pool: asyncpg.Pool, scope: Scope, *, office: str | None = None, partner: str | None = None) -> dict[str, Collection[Any]]:
    """From where a list is read: partners if the scope is theirs or one is asked for, else offices."""
    if scope.partners:
        of = sorted(scope.partners)
        return {
            "x.partner_subject": [
                subject
                for subject, (its_office, its_id) in zip(of, map(office_and_partner, of), strict=True)
                if office in (None, its_office) and partner in (None, its_id)
            ]
        }
    offices = await _offices(pool, scope, office)
    if partner is not None:
        return {"x.partner_subject": [partner_subject(name, partner) for name in offices]}
    return {"x.office": offices}


def _in_sight(reading: _Reading, scope: Scope) -> _Reading:
    """The scope as a filter, for a list that is read from elsewhere (a case, an actor)."""
    if scope.partners:
        return reading.where("of", sorted(scope.partners))
    return reading.where("offices", None if scope.offices is None else sorted(scope.offices))


# The lists ------------------------------------------------------------------------------------------------------------------------


async def cases(
    pool: asyncpg.Pool,
    scope: Scope,
    *,
    status: Collection[str] = (),
    track: str | None = None,
    stage: str | None = None,
    office: str | None = None,
    partner: str | None = None,
    focal_point: str | None = None,
    holder: str | None = None,
    humanitarian: bool | None = None,
    reference: str | None = None,
    received_from: datetime | None = None,
    received_to: datetime | None = None,
    sort: str = "reference",
    after: str | None = None,
    limit: int = 50,
) -> Page:
    """The register. `reference`: a prefix. `sort`: one of `REGISTER`.

    Items: reference, office, partner, partner_subject, track, status, stage, round, held, under_notice, humanitarian, document_type,
    focal_point, currency, office_total, office_total_usd, submitted_on, received_at, signed_on, next_due, open_tasks, holder,
    title_sha256, workflow, source, source_reference. Sorted by `next_due` only cases that have an open task are listed.
    """
    if sort not in REGISTER:
        raise NotUnderstood(
            [
                Finding(
                    rule="bad_sort",
                    message=f"The register is not sorted by {sort}.",
                    path="$.sort",
                    next_step=f"One of {', '.join(REGISTER)}.",
                )
            ]
        )
    places = await _places(pool, scope, office=office, partner=partner)
    reading = _Reading("cases", REGISTER[sort], places)
    if focal_point is not None:
        reading.places = {"x.focal_point": [focal_point] if all(places.values()) else []}
        _in_sight(reading, scope)
        if office is not None or partner is not None:
            column, values = next(iter(places.items()))
            reading.where("offices" if column == "x.office" else "of", list(values))
    by_status = bool(status)
    if sort == "next_due":
        few = "x.office" not in reading.places
        reading.statement = "cases_of_few_by_due" if few else "cases_by_due"
        if not few:
            reading.places = {"x.due_in": reading.places["x.office"]}
    elif status and "x.office" in reading.places:
        reading.places["x.status"] = sorted(set(status))
        by_status = False
    reading.where("status", sorted(set(status)) if by_status else None)
    reading.where("track", track).where("stage", stage).where("humanitarian", humanitarian).where("reference", reference)
    if holder is not None:
        reading.where("open").where("holder", holder)
    reading.where("received_from", received_from).where("received_to", received_to)
    return await reading.page(pool, after, limit)


def _task(item: Plain, at: datetime) -> Plain:
    """What a list of tasks shows of one."""
    ended = item["closed_at"] or plain(at)
    return {name: item[name] for name in TASK} | {
        "cases": [subject.removeprefix("case:") for subject in item["cases"]],
        "overdue": item["due_at"] is not None and item["due_at"] < ended,
    }


TASK = (
    "id", "kind", "stage", "round", "whom", "state", "holder", "roles", "candidates", "office", "partner_subject", "subject", "workflow",
    "opened_at", "opened_by", "due_at", "claimed_by", "level", "closed_at", "verdict", "decided_by", "closed_why", "data",
)  # fmt: skip


async def inbox(
    pool: asyncpg.Pool,
    reach: Reach,
    *,
    kind: str | None = None,
    case: str | None = None,
    overdue: bool = False,
    claimed: str | None = None,
    at: datetime | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page:
    """Open tasks that somebody may decide, by due moment: what is overdue comes first. `case`: its reference. `claimed`: by whom.

    Items as those of `tasks`.
    """
    now = at or datetime.now(UTC)
    if everywhere := {role for place, role in reach.roles if place == EVERYWHERE}:
        named = frozenset((office, role) for office in await _offices(pool, EVERYTHING) for role in everywhere)
        reach = Reach(reach.persons, named | frozenset(pair for pair in reach.roles if pair[0] != EVERYWHERE))
    reading = _Reading("inbox", Order((("x.due_at", "timestamptz"), ("x.task", "text"))), {"x.reader": reach.readers})
    reading.where("overdue", now if overdue else None).where("kind", kind).where("claimed", claimed)
    reading.where("case", case_subject(case) if case is not None else None)
    found = await reading.page(pool, after, limit)
    return Page([_task(item, now) for item in found.items], found.next)


async def tasks(
    pool: asyncpg.Pool,
    scope: Scope,
    *,
    state: str = "open",
    office: str | None = None,
    case: str | None = None,
    kind: str | None = None,
    role: str | None = None,
    holder: str | None = None,
    overdue: bool = False,
    at: datetime | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page:
    """Open tasks by due moment; or, `state` "done" (decided or closed), the last first. `at`: the moment for `overdue`, by default now.

    Items: id, kind, stage, round, whom, state, holder, roles, candidates, office, partner_subject, subject, cases (references), workflow,
    opened_at, opened_by, due_at, claimed_by, level, closed_at, verdict, decided_by, closed_why, overdue, data.
    """
    now = at or datetime.now(UTC)
    done = state != "open"
    order = Order((("x.closed_at", "timestamptz"), ("x.id", "text")), descending=True) if done else BY_DUE
    reading = _Reading("tasks", order, await _places(pool, scope, office=office))
    if case is not None:
        subjects = await _subjects(pool, scope, case)
        reading.places = {} if subjects else {"x.subject": []}
        reading.where("case", case_subject(case))
    if done:
        reading.places["x.state"] = ["closed", "decided"]
        reading.where("done")
    else:
        reading.where("open")
    reading.where("kind", kind).where("role", role).where("holder", holder).where("overdue", now if overdue else None)
    found = await reading.page(pool, after, limit)
    return Page([_task(item, now) for item in found.items], found.next)


async def _subjects(pool: asyncpg.Pool, scope: Scope, case: str) -> list[str]:
    """The subject of a case, if it is in sight."""
    row = await pool.fetchrow(SQL["within"], case_subject(case))
    return [case_subject(case)] if row is not None and row["office"] and scope.holds(row["office"], row["partner_subject"]) else []


async def decisions(
    pool: asyncpg.Pool,
    scope: Scope,
    *,
    case: str | None = None,
    actor: str | None = None,
    kind: str | None = None,
    counted: bool | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page:
    """Decisions, the last first, counted or not (then with their rules). `kind`: only within a `case` or of an `actor`."""
    if kind is not None and case is None and actor is None:
        raise NotUnderstood(
            [
                Finding(
                    rule="too_wide",
                    message="Decisions of one kind are listed within a case, or of one actor.",
                    path="$.kind",
                    next_step="Name the case or the actor too.",
                )
            ]
        )
    order = Order((("x.at", "timestamptz"), ("x.subject", "text"), ("x.sequence", "bigint")), descending=True)
    reading = _Reading("decisions", order, await _places(pool, scope))
    if case is not None:
        reading.places = {"x.subject": await _subjects(pool, scope, case)}
    if actor is not None:
        reading.places = {**({"x.subject": reading.places["x.subject"]} if case is not None else {}), "x.actor": [actor]}
        _in_sight(reading, scope)
    reading.where("kind", kind)
    if counted is not None:
        reading.where("counted" if counted else "refused")
    return await reading.page(pool, after, limit)


OWED = ("evidence_in", "open")


async def obligations(
    pool: asyncpg.Pool,
    scope: Scope,
    *,
    case: str | None = None,
    office: str | None = None,
    partner: str | None = None,
    kind: str | None = None,
    owner_role: str | None = None,
    state: str = "owed",
    overdue: bool | None = None,
    due_to: datetime | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page:
    """Obligations by due moment. `state`: owed (open or evidence_in), open, evidence_in, met, written_off."""
    reading = _Reading("obligations", BY_DUE, await _places(pool, scope, office=office, partner=partner))
    if case is not None:
        within = await pool.fetchrow(SQL["within"], case_subject(case))
        seen = await _subjects(pool, scope, case)
        reading.places = {"x.partner_subject": [within["partner_subject"]] if within is not None and seen else []}
        reading.where("relied_on_by", case_subject(case))
    reading.places["x.state"] = OWED if state == "owed" else [state]
    reading.where("owner_role", owner_role).where("kind", kind).where("overdue", overdue).where("due_to", due_to)
    return await reading.page(pool, after, limit)


async def blocks(
    pool: asyncpg.Pool,
    scope: Scope,
    *,
    case: str | None = None,
    office: str | None = None,
    partner: str | None = None,
    kind: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page:
    """Stops in force, the oldest first. `kind`: their scope (cash, all, instalment ...)."""
    order = Order((("x.since", "timestamptz"), ("x.id", "text")))
    reading = _Reading("blocks", order, await _places(pool, scope, office=office, partner=partner))
    if case is not None:
        reading.places = {"x.subject": await _subjects(pool, scope, case)}
    return await reading.where("kind", kind).page(pool, after, limit)


async def activations(
    pool: asyncpg.Pool,
    scope: Scope,
    *,
    state: str | None = None,
    level: str | None = None,
    office: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page:
    """Emergency activations that cover an office of the scope, the last declared first. Partners see none."""
    order = Order((("x.declared_at", "timestamptz"), ("x.reference", "text")), descending=True)
    reading = _Reading("activations", order, {})
    reading.where("offices", None if scope.offices is None else sorted(scope.offices))
    return await reading.where("state", state).where("level", level).where("office", office).page(pool, after, limit)


async def partners(
    pool: asyncpg.Pool,
    scope: Scope,
    *,
    office: str | None = None,
    partner: str | None = None,
    clearance: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page:
    """Partners in countries, by id, each with clearance and exposure. `partner`: a prefix of the id. `clearance`: granted or refused.

    Items: subject, office, partner, clearances ([{level, state, valid_until}]), vendor_confirmed, cases, open_cases,
    exposure ([{currency, outstanding}]: cash released and not yet reported), open_obligations, overdue_obligations, blocks (scopes).
    """
    reading = _Reading("partners", Order((("x.subject", "text"),)), {})
    offices = await _offices(pool, scope, office)
    if scope.partners:
        offices = sorted({name for name, _ in map(office_and_partner, scope.partners) if office in (None, name)})
        reading.where("of", sorted(scope.partners))
    reading.places = {"x.office": offices}
    found = await reading.where("prefix", partner).where("clearance", clearance).page(pool, after, limit)
    rows = await pool.fetch(SQL["standing_of_partners"], [item["subject"] for item in found.items])
    standing = {row["subject"]: cast("Plain", plain(dict(row))) for row in rows}
    return Page(
        [
            {"office": item["office"], "partner": office_and_partner(item["subject"])[1]}
            | {name: value if value is not None else [] for name, value in standing[item["subject"]].items() if name != "vendor_confirmed"}
            | {"vendor_confirmed": bool(standing[item["subject"]]["vendor_confirmed"])}
            for item in found.items
        ],
        found.next,
    )


async def instalments(
    pool: asyncpg.Pool,
    scope: Scope,
    *,
    case: str | None = None,
    office: str | None = None,
    state: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page:
    """Instalments, the last requested first; without the account."""
    order = Order((("x.requested_at", "timestamptz"), ("x.subject", "text"), ("x.instalment", "integer")), descending=True)
    reading = _Reading("instalments", order, await _places(pool, scope, office=office))
    if case is not None:
        reading.places = {"x.subject": await _subjects(pool, scope, case)}
    found = await reading.where("state", state).page(pool, after, limit)
    return Page([{key: value for key, value in item.items() if key != "account_ref"} for item in found.items], found.next)


async def ledger(
    pool: asyncpg.Pool, scope: Scope, *, case: str | None = None, kind: str | None = None, after: str | None = None, limit: int = 50
) -> Page:
    """Journals of the ledger, the last first: id, subject, instalment, kind, at, currency, entries {account: amount, debit positive}."""
    order = Order((("x.at", "timestamptz"), ("x.id", "text")), descending=True)
    reading = _Reading("ledger", order, await _places(pool, scope))
    if case is not None:
        reading.places = {"x.subject": await _subjects(pool, scope, case)}
    return await reading.where("kind", kind).page(pool, after, limit)


async def events(
    pool: asyncpg.Pool,
    scope: Scope,
    subject: str,
    *,
    kind: str | None = None,
    types: Collection[str] | None = None,
    after: str | None = None,
    limit: int = 100,
) -> Page:
    """Events of one subject in the order of its chain. `kind`: a type, or a prefix ending in a dot. A subject out of sight: none."""
    reading = _Reading("events", Order((("x.sequence", "bigint"),)), {"x.subject": [subject]})
    row = await pool.fetchrow(SQL["within"], subject)
    if row is None or not (scope.offices is None or scope.holds(row["office"], row["partner_subject"])):
        reading.places = {"x.subject": []}
    if kind is not None:
        reading.where("prefix" if kind.endswith(".") else "type", kind)
    return await reading.where("types", sorted(types) if types is not None else None).page(pool, after, limit)


async def rejected(pool: asyncpg.Pool, scope: Scope, *, source: str | None = None, after: str | None = None, limit: int = 50) -> Page:
    """Refused intake, the last first: id, source, source_reference, office (as far as it was readable), findings, received_at; never the
    body. Without an office it is seen by who sees every office."""
    places: dict[str, Collection[Any]] = {} if scope.offices is None else {"x.office": sorted(scope.offices)}
    if source is not None and scope.offices is None:
        places = {"x.source": [source]}
    reading = _Reading("rejected", Order((("x.id", "bigint"),), descending=True), places)
    return await reading.where("source", source).page(pool, after, limit)


async def every(page: Callable[..., Awaitable[Page]], *args: Any, **filters: Any) -> AsyncIterator[Plain]:
    """All items of a list, page by page: for export. `every(cases, pool, scope, status=["active"])`."""
    after: str | None = None
    while True:
        found = await page(*args, after=after, limit=LONGEST, **filters)
        for item in found.items:
            yield item
        if found.next is None:
            return
        after = found.next


# One thing ------------------------------------------------------------------------------------------------------------------------


async def rejected_one(pool: asyncpg.Pool, identifier: int) -> Plain | None:
    """One refused intake as it came, with its findings."""
    row = await pool.fetchrow(SQL["one_rejected"], identifier)
    return cast("Plain", plain(dict(row))) if row is not None else None


async def heads(pool: asyncpg.Pool, subjects: Collection[str]) -> dict[str, int]:
    """How far the chain of each subject has grown; one that has none is left out."""
    return {row["subject"]: row["sequence"] for row in await pool.fetch(SQL["heads"], sorted(subjects))}


def day_begins(day: date) -> datetime:
    """The first moment of a day, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


@dataclass(frozen=True)
class Rules:
    """What a case pinned at its intake: the rules of its track, and its office with the calendar."""

    pack: Pack
    office: Office
    calendar: Calendar


async def rules_of(pool: asyncpg.Pool, case: Plain) -> Rules:
    """The rules of a case as `activities.read.show` gives it."""
    async with pool.acquire() as borrowed:
        conn = cast("asyncpg.Connection", borrowed)
        pack = await versions.pack_by_hash(conn, case["policy"][case["track"] or "standard"]["sha256"])
        office = await versions.office_by_hash(conn, case["policy"]["office"]["sha256"])
    return Rules(pack, office, Calendar.of(office, pack))


async def office_of_task(pool: asyncpg.Pool, task: str) -> str:
    """The office in which a task is decided."""
    return str(await pool.fetchval(SQL["office_of_task"], task) or "")


async def workflow_of_task(pool: asyncpg.Pool, task: str) -> str:
    """The workflow that waits for a task."""
    return str(await pool.fetchval(SQL["workflow_of_task"], task) or "")


async def batch_kinds(pool: asyncpg.Pool, task: str) -> tuple[str, ...]:
    """Kinds of task that may be decided in one go with others, by the pack of the case that a task serves; none where no case does."""
    row = await pool.fetchrow(SQL["packs_of_task"], task)
    if row is None:
        return ()
    async with pool.acquire() as conn:
        pack = await versions.pack_by_hash(cast("asyncpg.Connection", conn), row["packs"][row["track"] or "standard"]["sha256"])
    return tuple(pack["batch.kinds"])


async def offices_of_activation(pool: asyncpg.Pool, scope: Scope, reference: str) -> tuple[str, ...]:
    """The offices that an activation covers; none where there is none in sight."""
    offices = await pool.fetchval(SQL["offices_of_activation"], reference) or []
    return tuple(offices) if scope.offices is None or scope.offices & set(offices) else ()


async def inbox_mark(pool: asyncpg.Pool, reach: Reach) -> str:
    """What an inbox holds, in short: another one as soon as it holds something else among its first tasks."""
    return str(await pool.fetchval(SQL["inbox_mark"], reach.readers) or "")


async def covering(pool: asyncpg.Pool, actor: str, offices: Collection[str], day: date) -> Reach:
    """What reaches somebody for those whom he covers on a day: the tasks that name them, and those of the roles covered, by office."""
    persons: set[str] = set()
    roles: set[tuple[str, str]] = set()
    for office in offices:
        for cover in await delegations.acting_for(pool, office, actor, day):
            persons.add(cover.principal)
            roles |= {(office, role) for role in cover.roles}
    return Reach(frozenset(persons), frozenset(roles))
