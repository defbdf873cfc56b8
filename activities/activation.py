"""Emergency activations: declared, renewed, revoked, and the step-aside, each in one transaction by who has the authority for its level.

The row of an activation is what the door, the fast path and the approvers go by. Whoever relies on one (an intake, a case that declares an
emergency) holds its row while it writes, so that a revocation either comes before it or finds the case. Nothing here lets an activation
expire: its workflow does that at the end date. This module must never start a case nor decide what becomes of one.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Literal, cast

import asyncpg
from pydantic import Field, ValidationError
from temporalio.client import Client

from activities import versions
from activities.shared import start_shared
from db import content
from db.events import Chains, body
from db.sql import queries
from policy.calendar import Calendar, add_months
from policy.ladder import acts_for
from policy.pack import Pack
from schemas.base import Sha256, Strict
from schemas.engine import CaseView, Clock, StageInput, Start
from schemas.findings import Finding
from schemas.intake import Country, Identifier, Reference, faults
from schemas.names import activation_subject, activation_workflow, case_subject
from schemas.office import ActivationFacts, Office

SQL = queries("activation")

AUTHORITY: Mapping[str, str] = {"L1": "head_of_office", "L2": "regional_director", "L3": "global_emergency_coordinator"}
"""Who declares which level (stages 9)."""

RETURNS_FROM = frozenset({"received", "vetting", "drafting", "in_review"})
"""Statuses in which a revocation, or a message, still returns a case to the standard track: nobody has approved or signed yet."""

SOURCE = "emergency procedures (SSOPW)"


class StepAside(Strict):
    """The days on which the Global Emergency Coordinator has the representative's authority."""

    from_: date = Field(alias="from", description="first day")
    to: date = Field(description="last day")


class Declaration(Strict):
    """An activation as it is declared."""

    reference: Reference = Field(description="reference of the activation", examples=["MOZ-L2-2026-01"])
    level: Literal["L1", "L2", "L3"] = Field(description="level declared")
    offices: tuple[Country, ...] = Field(min_length=1, description="offices covered; the first one's calendar counts")
    areas: tuple[str, ...] = Field(default=(), description="areas covered; empty: all")
    sectors: tuple[str, ...] = Field(default=(), description="sectors covered; empty: all")
    document: str = Field(min_length=1, max_length=300, description="the paper it is declared with")
    document_sha256: Sha256 | None = Field(default=None, description="hash of that paper")
    valid_from: date = Field(description="first day")
    valid_to: date = Field(description="last day, at most three months later")
    step_aside: StepAside | None = Field(default=None, description="days on which the head of office steps aside, if any")
    roster: tuple[Identifier, ...] = Field(default=(), description="emergency reviewers, in order; empty: the office's")
    declared_by: Identifier = Field(description="actor who declares")
    role: str = Field(description="role in which")
    declared_on: date | None = Field(default=None, description="day on the paper; the record's own day is what counts")


class ActivationRefused(Exception):
    """Nothing was changed, for these reasons."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("; ".join(finding.message for finding in findings))
        self.findings = findings


# Read ----------------------------------------------------------------------------------------------------------------------------


def facts_of_row(row: asyncpg.Record) -> ActivationFacts:
    """What the rules read of an activation, `valid_to` as renewed."""
    return ActivationFacts(
        reference=row["reference"],
        level=row["level"],
        offices=tuple(row["offices"]),
        areas=tuple(row["areas"]),
        sectors=tuple(row["sectors"]),
        valid_from=row["valid_from"],
        valid_to=row["valid_to"],
        revoked_on=row["ended_at"].date() if row["state"] == "revoked" else None,
        step_aside_from=row["step_aside_from"],
        step_aside_to=row["step_aside_to"],
        roster=tuple(row["roster"]),
        declared_by=row["declared_by"],
    )


async def facts(conn: asyncpg.Connection, reference: str, *, hold: bool = False) -> ActivationFacts | None:
    """The activation of that reference. `hold`: nobody revokes it until this transaction has ended."""
    row = await conn.fetchrow(SQL["activation_shared" if hold else "activation"], activation_subject(reference))
    return facts_of_row(row) if row is not None else None


async def of_case(conn: asyncpg.Connection, subject: str) -> asyncpg.Record | None:
    """The row of the activation that a case names."""
    return await conn.fetchrow(SQL["of_case"], subject)


async def steps_aside(conn: asyncpg.Connection, subject: str, day: date) -> bool:
    """Whether the head of office has stepped aside for this case on `day`."""
    row = await of_case(conn, subject)
    if row is None or row["step_aside_from"] is None or row["state"] == "revoked":
        return False
    return bool(row["step_aside_from"] <= day <= row["step_aside_to"])


def unlocked(level: str | None, pack: Pack) -> frozenset[str]:
    """What a level unlocks; no activation known: nothing."""
    return frozenset(pack["activation.unlocks"].get(level, ())) if level else frozenset()


def ends_at(row: asyncpg.Record, calendar: Calendar) -> datetime:
    """The moment after the last day, where its first office is."""
    return calendar.moment(row["valid_to"] + timedelta(days=1))


async def calendar_of(conn: asyncpg.Connection, offices: list[str] | tuple[str, ...], day: date) -> Calendar:
    """The working days of the first office covered."""
    office = await versions.office_in_force(conn, offices[0], day)
    return Calendar.of(office, await versions.pack_in_force(conn, "emergency", day))


async def start_of(conn: asyncpg.Connection, reference: str) -> Start | None:
    """The workflow that keeps the end of an activation; to be started, or told to look again."""
    row = await conn.fetchrow(SQL["activation"], activation_subject(reference))
    if row is None:
        return None
    clock = Clock()
    if row["clock"]:
        offset = await conn.fetchval('SELECT "offset" FROM clock WHERE name = $1', row["clock"])
        clock = Clock(name=row["clock"], offset=offset or timedelta(0))
    return Start(
        workflow="Activation",
        id=activation_workflow(reference),
        input=StageInput(subject=row["subject"], stage="activation", view=CaseView(track="emergency", clock=clock)),
        summary=f"Emergency activation {reference}",
    )


# Change --------------------------------------------------------------------------------------------------------------------------


async def declare(
    pool: asyncpg.Pool, declared: Mapping[str, Any] | Declaration, *, at: datetime, clock: str = "", client: Client | None = None
) -> bool:
    """Declare an activation; False if the same was declared before.

    `client`: its workflow is started at once; without one it starts with the first case that relies on it.
    Raises `ActivationRefused` with every reason.
    """
    try:
        what = declared if isinstance(declared, Declaration) else Declaration.model_validate(declared)
    except ValidationError as error:
        raise ActivationRefused(faults(error)) from error
    async with pool.acquire() as borrowed, borrowed.transaction():
        conn = cast("asyncpg.Connection", borrowed)
        chains = Chains(conn)
        await chains.lock([activation_subject(what.reference)])
        standing = await conn.fetchrow(SQL["activation"], activation_subject(what.reference))
        if standing is not None:
            if _same(what, standing):
                return False
            raise ActivationRefused([_finding("activation_exists", f"{what.reference} was declared before.", "$.reference", "Renew it.")])
        await _check(conn, what, at)
        aside = what.step_aside
        data = {
            "level": what.level,
            "offices": list(what.offices),
            "areas": list(what.areas),
            "sectors": list(what.sectors),
            "document": what.document,
            "document_sha256": what.document_sha256,
            "from": what.valid_from.isoformat(),
            "to": what.valid_to.isoformat(),
            "roster": list(what.roster),
            "step_aside_from": aside.from_.isoformat() if aside else None,
            "step_aside_to": aside.to.isoformat() if aside else None,
            "by": what.declared_by,
            "role": what.role,
            "clock": clock,
        }
        await _append(chains, what.reference, "activation.declared", data, at, what.declared_by, what.role, clock)
        if aside:
            aside_data = {"from": aside.from_.isoformat(), "to": aside.to.isoformat(), "by": what.declared_by}
            await _append(chains, what.reference, "activation.stepped_aside", aside_data, at, what.declared_by, what.role, clock)
    await _nudge(pool, client, what.reference)
    return True


async def renew(pool: asyncpg.Pool, reference: str, *, to: date, actor: str, role: str, at: datetime, client: Client | None = None) -> None:
    """Lengthen an activation before it lapses, at most three months at a time. Raises `ActivationRefused`."""
    async with pool.acquire() as borrowed, borrowed.transaction():
        conn = cast("asyncpg.Connection", borrowed)
        row, chains = await _mine(conn, reference)
        day = (await calendar_of(conn, row["offices"], at.date())).local_date(at)
        pack = await versions.pack_in_force(conn, "emergency", at.date())
        found = await _authority(conn, row["level"], row["offices"], actor, role, day)
        if row["state"] != "declared" or day > row["valid_to"]:
            lapsed = f"It lapsed on {row['valid_to']}." if row["state"] != "revoked" else "It was revoked."
            found.append(_finding("activation_lapsed", lapsed, "$.reference", "Declare a new one."))
        elif to <= row["valid_to"]:
            found.append(_finding("renewal_backwards", f"{to} is not after {row['valid_to']}.", "$.to", "Name a later day."))
        elif to > (longest := add_months(row["valid_to"], pack["activation.longest_months"])):
            found.append(_too_long(pack, f"A renewal reaches at most to {longest}.", "$.to"))
        if found:
            raise ActivationRefused(found)
        await _append(chains, reference, "activation.renewed", {"to": to.isoformat(), "by": actor}, at, actor, role, row["clock"])
    await _nudge(pool, client, reference)


async def step_aside(
    pool: asyncpg.Pool, reference: str, *, first: date, last: date, actor: str, role: str, at: datetime, client: Client | None = None
) -> None:
    """From `first` to `last` the Global Emergency Coordinator has the representative's authority. Raises `ActivationRefused`."""
    async with pool.acquire() as borrowed, borrowed.transaction():
        conn = cast("asyncpg.Connection", borrowed)
        row, chains = await _mine(conn, reference)
        day = (await calendar_of(conn, row["offices"], at.date())).local_date(at)
        found = await _authority(conn, "L3", row["offices"], actor, role, day)
        if row["state"] != "declared" or day > row["valid_to"]:
            found.append(_finding("activation_lapsed", f"{reference} is {row['state']}.", "$.reference", "Declare a new one."))
        found += _aside(first, last, row["valid_from"], row["valid_to"])
        if found:
            raise ActivationRefused(found)
        data = {"from": first.isoformat(), "to": last.isoformat(), "by": actor}
        await _append(chains, reference, "activation.stepped_aside", data, at, actor, role, row["clock"])
    await _nudge(pool, client, reference)


async def revoke(
    pool: asyncpg.Pool, reference: str, *, reason: str, actor: str, role: str, at: datetime, client: Client | None = None
) -> list[str]:
    """End an activation at once. Its cases that nobody has approved yet return to the standard track; the others are decided one by one
    (`decide_at_activation_end`). Obligations stay. Answers the references returned. Raises `ActivationRefused`.
    """
    async with pool.acquire() as borrowed, borrowed.transaction():
        conn = cast("asyncpg.Connection", borrowed)
        row, own = await _mine(conn, reference)
        day = (await calendar_of(conn, row["offices"], at.date())).local_date(at)
        cases = await conn.fetch(SQL["cases_under"], reference)
        found = await _authority(conn, row["level"], row["offices"], actor, role, day)
        if row["state"] != "declared":
            found.append(_finding("activation_ended", f"{reference} is {row['state']} already.", "$.reference", "Nothing is left to do."))
        if not reason.strip():
            found.append(_finding("reason", "A revocation needs a reason.", "$.reason", "Say why."))
        if found:
            raise ActivationRefused(found)
        chains = Chains(conn)
        await chains.lock([case["subject"] for case in cases])
        text = await content.put(conn, reason, by=actor)
        data = {"reason_sha256": text.sha256, "by": actor, "cases": [case["reference"] for case in cases]}
        await _append(own, reference, "activation.revoked", data, at, actor, role, row["clock"])
        returned = []
        for case in await conn.fetch(SQL["cases_under"], reference):  # as they stand under their locks
            if case["status"] in RETURNS_FROM:
                changed = {"from": "emergency", "to": "standard", "reason": "activation_revoked", "stages_affected": [], "deferrals": []}
                cause = {"kind": "event", "id": row["subject"]}
                said = {"id": actor, "role": role, "on_behalf_of": None}
                told = body("case.track_changed", at, changed, actor=said, stage="case", track="standard", cause=cause, clock=row["clock"])
                await chains.append(case_subject(case["reference"]), told)
                returned.append(case["reference"])
        looks = [case["workflow"] for case in cases]
    if client is not None:
        for workflow in looks:
            await _look_again(client, workflow)
    await _nudge(pool, client, reference)
    return returned


async def _look_again(client: Client, workflow: str) -> None:
    from temporalio.service import RPCError, RPCStatusCode

    try:
        await client.get_workflow_handle(workflow).signal("look_again")
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise  # one that has ended has nothing to look at


async def _nudge(pool: asyncpg.Pool, client: Client | None, reference: str) -> None:
    if client is None:
        return
    async with pool.acquire() as conn:
        start = await start_of(cast("asyncpg.Connection", conn), reference)
    if start is not None:
        await start_shared(pool, client, start)


async def _mine(conn: asyncpg.Connection, reference: str) -> tuple[asyncpg.Record, Chains]:
    """The activation, to be changed: its head before its row, as `record` takes them when it expires. Heads of cases come after both."""
    subject = activation_subject(reference)
    chains = Chains(conn)
    await chains.lock([subject])
    row = await conn.fetchrow(SQL["activation_locked"], subject)
    if row is None:
        raise ActivationRefused([_unknown(reference)])
    return row, chains


async def _append(chains: Chains, reference: str, name: str, data: dict[str, Any], at: datetime, actor: str, role: str, clock: str) -> None:
    subject = activation_subject(reference)
    said = {"id": actor, "role": role, "on_behalf_of": None}
    cause = {"kind": "message", "id": f"{subject}:{name}:{at.isoformat()}"}
    await chains.append(subject, body(name, at, data, actor=said, stage="activation", track="emergency", cause=cause, clock=clock))


# Rules ---------------------------------------------------------------------------------------------------------------------------


def _finding(rule: str, message: str, path: str, next_step: str) -> Finding:
    return Finding(rule=rule, message=message, path=path, source=SOURCE, next_step=next_step)


def _unknown(reference: str) -> Finding:
    return _finding("no_activation", f"There is no activation {reference}.", "$.reference", "See `pca emergency list`.")


def _too_long(pack: Pack, message: str, path: str) -> Finding:
    of = "activation.longest_months"
    return pack.finding("activation_too_long", message, of=of, path=path, next_step="Name an earlier day; renew it later.")


def _same(what: Declaration, row: asyncpg.Record) -> bool:
    """The same declaration again; later renewals and another step-aside are no part of it."""
    mine = (what.level, what.offices, what.areas, what.sectors, what.document, what.valid_from, what.roster, what.declared_by, what.role)
    names = ("level", "offices", "areas", "sectors", "document", "valid_from", "roster", "declared_by", "declared_role")
    return mine == tuple(tuple(row[name]) if isinstance(row[name], list) else row[name] for name in names)


async def _check(conn: asyncpg.Connection, what: Declaration, at: datetime) -> None:
    """Everything that stands against a declaration, at once."""
    offices = {office.iso2 for office in await versions.offices(conn, at.date())}
    found = [
        _finding("unknown_office", f"There is no office {name}.", f"$.offices[{index}]", "Load its office file, or leave it out.")
        for index, name in enumerate(what.offices)
        if name not in offices
    ]
    if found:
        raise ActivationRefused(found)
    pack = await versions.pack_in_force(conn, "emergency", at.date())
    day = (await calendar_of(conn, what.offices, at.date())).local_date(at)
    found += await _authority(conn, what.level, what.offices, what.declared_by, what.role, day)
    if what.valid_to < what.valid_from:
        found.append(_finding("dates", "The last day lies before the first.", "$.valid_to", "Correct the dates."))
    elif what.valid_to > (longest := add_months(what.valid_from, pack["activation.longest_months"])):
        found.append(_too_long(pack, f"An activation lasts at most to {longest}.", "$.valid_to"))
    if what.valid_to < day:
        found.append(_finding("activation_lapsed", f"{what.valid_to} has passed.", "$.valid_to", "Name a later day."))
    if what.step_aside is not None:
        found += _aside(what.step_aside.from_, what.step_aside.to, what.valid_from, what.valid_to)
        if what.role != AUTHORITY["L3"]:
            found.append(
                _finding("above_authority", "A step-aside is the global emergency coordinator's.", "$.role", "The coordinator decides.")
            )
    if found:
        raise ActivationRefused(found)


def _aside(first: date, last: date, valid_from: date, valid_to: date) -> list[Finding]:
    if valid_from <= first <= last <= valid_to:
        return []
    return [_finding("step_aside_outside", f"A step-aside lies within {valid_from} to {valid_to}.", "$.step_aside", "Correct the days.")]


async def _authority(
    conn: asyncpg.Connection, level: str, offices: list[str] | tuple[str, ...], actor: str, role: str, day: date
) -> list[Finding]:
    """The role that the level needs (a higher one of the ladder may), held on the day in one of the offices covered; never the submitter
    of a case under it (the door asks the same of every later case)."""
    wanted = AUTHORITY[level]
    found: list[Finding] = []
    if not acts_for(role, (wanted,)):
        found.append(
            _finding("above_authority", f"{level} is declared by the {wanted}, not by the {role}.", "$.role", f"The {wanted} decides.")
        )
    files: list[Office] = [await versions.office_in_force(conn, name, day) for name in offices]
    people = [person for office in files if (person := office.person(actor)) is not None]
    if not people:
        found.append(_finding("unknown_actor", f"No office covered knows {actor}.", "$.declared_by", "Correct the id."))
    elif not any(grant.role == role and grant.in_force(day) for person in people for grant in person.roles):
        found.append(_finding("wrong_role", f"{actor} does not hold the role {role} on {day}.", "$.role", "Who holds it decides."))
    return found
