"""Delegations at run time: out of office from a day to a day, entered, accepted or declined, ended, each in one transaction.

They stand beside those of the office file, on the chain of the office. Who is asked to act accepts within the pack's days; what nobody has
accepted has no force and lapses by itself, so nothing has to happen on that day. An office has no workflow: `accept_delegation` is answered
here and is no row of the inbox. This module must never judge what a delegate does: `activities.people` does, with what it reads here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal, cast

import asyncpg
from pydantic import ConfigDict, Field, ValidationError

from activities import versions
from db import content
from db.events import Chains, body
from db.sql import queries
from policy import delegation
from policy.calendar import Calendar
from policy.ladder import acts_for
from schemas.base import Strict
from schemas.findings import Finding
from schemas.intake import Country, Identifier, faults
from schemas.names import delegation_id, office_subject
from schemas.office import DelegationEntry, Office, Role

SQL = queries("delegations")

ENTERS = "head_of_office"
"""Who enters and ends delegations of others, with the higher ones of the ladder: somebody may be absent before he could say so."""

Answered = Literal["accept", "decline", "end"]


class Delegation(Strict):
    """A delegation as it is entered."""

    model_config = ConfigDict(populate_by_name=True)

    office: Country = Field(description="ISO 3166-1 alpha-2 code of the office")
    principal: Identifier = Field(description="actor who is absent")
    delegate: Identifier = Field(description="actor who is to act")
    roles: tuple[Role, ...] = Field(min_length=1, description="roles covered")
    since: date = Field(alias="from", description="first day")
    until: date = Field(alias="to", description="last day")
    sign: bool = Field(default=False, description="written delegation to sign for the office")

    @property
    def id(self) -> str:
        return delegation_id(self.office, self.principal, self.delegate, self.since)

    @property
    def entry(self) -> DelegationEntry:
        return DelegationEntry.model_validate(self.model_dump(exclude={"office"}) | {"accepted": False})


class DelegationRefused(Exception):
    """Nothing was changed, for these reasons."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("; ".join(finding.message for finding in findings))
        self.findings = findings


@dataclass(frozen=True)
class Entered:
    """`new`: False if the very same stands already, and then nothing was written."""

    id: str
    accept_by: datetime
    new: bool


@dataclass(frozen=True)
class ActsFor:
    """For whom a person acts today, in which roles; `sign`: also where it takes a written delegation."""

    principal: str
    roles: tuple[str, ...]
    until: date
    sign: bool


# Read ----------------------------------------------------------------------------------------------------------------------------


def _entry(row: asyncpg.Record) -> DelegationEntry:
    fields = {name: row[name] for name in ("principal", "delegate", "roles", "since", "until", "sign")}
    return DelegationEntry.model_validate(fields | {"accepted": row["state"] == "accepted"})


async def accepted(conn: asyncpg.Connection | asyncpg.Pool, office: Office, day: date) -> list[DelegationEntry]:
    """The recorded delegations in force on `day`, each with the roles that both still hold by the office file."""
    return [delegation.covered(_entry(row), office, day) for row in await conn.fetch(SQL["accepted"], office.iso2, day)]


async def acting_for(pool: asyncpg.Pool | asyncpg.Connection, office: str, actor: str, day: date) -> list[ActsFor]:
    """For whom `actor` acts in an office on `day` (a local date), by the office file and by what was entered since."""
    file = await versions.office_in_force(pool, office, day)
    entries = [entry for entry in file.delegations if entry.accepted and entry.since <= day <= entry.until]
    entries += await accepted(pool, file, day)
    return [
        ActsFor(principal=entry.principal, roles=entry.roles, until=entry.until, sign=entry.sign)
        for entry in entries
        if entry.delegate == actor and entry.roles
    ]


async def offered_to(pool: asyncpg.Pool | asyncpg.Connection, office: str, actor: str, at: datetime) -> list[asyncpg.Record]:
    """The rows of what a person has still to accept or decline."""
    return list(await pool.fetch(SQL["offered_to"], office, actor, at))


async def listed(pool: asyncpg.Pool, office: str | None, at: datetime) -> list[dict[str, Any]]:
    """Every delegation of an office, or of all: what was entered (`state` as it stands at `at`), then what the office files name."""
    names = ("office", "principal", "delegate", "roles", "since", "until", "sign")
    found = [
        {"id": row["id"]} | {name: row[name] for name in names} | {"state": row["stands"]}
        for row in await pool.fetch(SQL["delegations"], office, at)
    ]
    for file in await versions.offices(pool, at.date()):
        if office in (None, file.iso2):
            found += [
                {"id": "", "office": file.iso2} | {name: getattr(entry, name) for name in names[1:]} | {"state": "office file"}
                for entry in file.delegations
            ]
    return found


# Change --------------------------------------------------------------------------------------------------------------------------


async def enter(pool: asyncpg.Pool, entered: Mapping[str, Any] | Delegation, *, actor: str, role: str, at: datetime) -> Entered:
    """Offer a delegation to the delegate: said by the principal, or by the head of office. Raises `DelegationRefused`."""
    try:
        what = entered if isinstance(entered, Delegation) else Delegation.model_validate(entered)
    except ValidationError as error:
        raise DelegationRefused(faults(error)) from error
    async with pool.acquire() as borrowed, borrowed.transaction():
        conn = cast("asyncpg.Connection", borrowed)
        chains = Chains(conn)
        await chains.lock([office_subject(what.office)])
        office, calendar, days = await _office(conn, what.office, at)
        day = calendar.local_date(at)
        rows = await conn.fetch(SQL["standing"], what.office, at)
        for row in rows:
            if row["id"] == what.id and _entry(row).model_copy(update={"accepted": False}) == what.entry:
                return Entered(what.id, row["accept_by"], new=False)
        found = _who(office, actor, role, day, (what.principal,))
        found += delegation.check_new(what.entry, [*office.delegations, *(_entry(row) for row in rows)], office, day)
        if found:
            raise DelegationRefused(found)
        accept_by = calendar.due(at, days).astimezone(UTC)
        data = _data(what.id, what.entry) | {"sign": what.sign, "accept_by": accept_by.isoformat()}
        await _append(chains, what.office, "delegation.recorded", data, at, actor, role)
    return Entered(what.id, accept_by, new=True)


async def answer(pool: asyncpg.Pool, name: str, verdict: Answered, *, actor: str, role: str, at: datetime, reason: str = "") -> bool:
    """`accept`: the delegate acts from its first day on. `decline`: by the delegate. `end`: by either of the two, or the head of office.

    False if the same was said before. Raises `DelegationRefused`.
    """
    code = name.partition(":")[0]
    async with pool.acquire() as borrowed, borrowed.transaction():
        conn = cast("asyncpg.Connection", borrowed)
        chains = Chains(conn)
        if not await conn.fetchval("SELECT EXISTS (SELECT FROM delegation WHERE id = $1)", name):
            raise DelegationRefused(
                [_finding("no_delegation", f"There is no delegation {name}.", "$.delegation", "See `pca delegate list`.")]
            )
        await chains.lock([office_subject(code)])
        row = await conn.fetchrow(SQL["delegation"], name, at)
        assert row is not None  # a delegation once entered stays
        office, calendar, _ = await _office(conn, code, at)
        day = calendar.local_date(at)
        people = (row["delegate"],) if verdict != "end" else (row["principal"], row["delegate"])
        found = _who(office, actor, role, day, people, above=verdict == "end")
        done = {"accept": "accepted", "decline": "declined", "end": "ended"}[verdict]
        if not found and row["stands"] == done:
            return False
        found += _stands(row, verdict, day)
        if verdict == "decline" and not reason.strip():
            found.append(_finding("comment_required", "Declining needs a reason.", "$.reason", "Say why."))
        if found:
            raise DelegationRefused(found)
        if verdict == "accept":
            await _append(chains, code, "delegation.accepted", {"delegation": name}, at, actor, role)
            return True
        text = await content.put(conn, reason, by=actor) if reason.strip() else None
        data = _data(name, _entry(row)) | {"why": done, "reason_sha256": text.sha256 if text else None}
        await _append(chains, code, "delegation.ended", data, at, actor, role)
    return True


def _data(name: str, entry: DelegationEntry) -> dict[str, Any]:
    period = {"from": entry.since.isoformat(), "to": entry.until.isoformat()}
    return {"delegation": name, "from": entry.principal, "to": entry.delegate, "roles": list(entry.roles), "period": period}


async def _append(chains: Chains, office: str, name: str, data: dict[str, Any], at: datetime, actor: str, role: str) -> None:
    said = {"id": actor, "role": role, "on_behalf_of": None}
    cause = {"kind": "message", "id": f"{data['delegation']}:{name}:{at.isoformat()}"}
    await chains.append(office_subject(office), body(name, at, data, actor=said, stage="case", cause=cause))


async def _office(conn: asyncpg.Connection, code: str, at: datetime) -> tuple[Office, Calendar, int]:
    """The office file in force, its working days, and how many of them a delegate has to answer."""
    try:
        office = await versions.office_in_force(conn, code, at.date())
    except versions.UnknownVersion as error:
        raise DelegationRefused([_finding("unknown_office", f"There is no office {code}.", "$.office", "Load its office file.")]) from error
    pack = await versions.pack_in_force(conn, "standard", at.date())
    days = pack.task("accept_delegation").days
    assert days is not None  # a due moment of its own would come with a task, and this is none
    return office, Calendar.of(office, pack), days


# Rules ---------------------------------------------------------------------------------------------------------------------------


def _finding(rule: str, message: str, path: str, next_step: str) -> Finding:
    return Finding(rule=rule, message=message, path=path, source=delegation.SOURCE, next_step=next_step)


def _who(office: Office, actor: str, role: str, day: date, people: tuple[str, ...], *, above: bool = True) -> list[Finding]:
    """The actor holds the role today, and is one of `people` or, with `above`, who enters delegations of others."""
    person = office.person(actor)
    if person is None:
        return [_finding("unknown_actor", f"Office {office.iso2} does not know {actor}.", "$.actor", "Correct the id.")]
    found: list[Finding] = []
    if not any(grant.role == role and grant.in_force(day) for grant in person.roles):
        found.append(_finding("wrong_role", f"{actor} does not hold the role {role} on {day}.", "$.role", "Name a role that is held."))
    if actor not in people and not (above and acts_for(role, (ENTERS,))):
        who = " or ".join([*people, *([f"the {ENTERS.replace('_', ' ')}"] if above else [])])
        found.append(_finding("wrong_actor", f"That is said by {who}, not by {actor}.", "$.actor", f"{who} says it."))
    return found


def _stands(row: asyncpg.Record, verdict: Answered, day: date) -> list[Finding]:
    """Whether it can still be answered, or ended."""
    state, anew = row["stands"], "It is entered anew."
    if state == "lapsed" and verdict != "end":
        when = f"{row['accept_by']:%Y-%m-%d %H:%M} UTC"
        return [_finding("delegation_lapsed", f"It was to be accepted by {when} and has lapsed.", "$.delegation", anew)]
    if row["until"] < day:
        return [_finding("delegation_past", f"It ended on {row['until']}.", "$.delegation", anew)]
    if state not in (("offered", "accepted") if verdict == "end" else ("offered",)):
        step = "End it instead." if state == "accepted" else anew
        return [_finding("delegation_answered", f"It is {state} already.", "$.delegation", step)]
    return []
