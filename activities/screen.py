"""Screening: everyone named for a partner against the sanctions lists in force, unless a fresh screening stands.

One transaction under the partner's lock. A likeness is a hit that a person must dispose of; one already disposed of for the same entry and
name stays disposed. This module must never dispose of a hit, and never skip a run because it would be inconvenient: nothing but a
fresh run against the newest lists counts (IDP).
"""

import hashlib
from datetime import timedelta
from typing import Any, cast

import asyncpg

from activities import ledger, versions
from activities.chronicle import Chronicle
from activities.guards import screening_of
from activities.view import view_of
from db.events import Chains
from db.sql import queries
from policy import screening
from policy.pack import Pack
from schemas.engine import Batch, CaseView, Clock, Screen, Screened, StageInput, Start, Track
from schemas.names import block_id, kind_of, office_and_partner, vetting_workflow

SQL = queries("screening")

BLOCK = "screening"
"""Cause of the block that an open hit puts on a partner with signed cases."""

_editions: dict[tuple[str, str], tuple[screening.Entry, ...]] = {}


async def screen(pool: asyncpg.Pool, what: Screen) -> Screened:
    """Screen the partner, or the partner of a case. Repeated, it finds the fresh run and writes nothing.

    `clear` is False while a hit is open or true, or while no list is loaded. Raises LookupError if the record has no such subject.
    """
    async with pool.acquire() as conn, conn.transaction():
        return await _screened(cast("asyncpg.Connection", conn), what)


async def _screened(conn: asyncpg.Connection, what: Screen) -> Screened:
    subject = await _partner(conn, what.subject)
    chains = Chains(conn)
    await chains.lock([subject])
    pack = await versions.pack_in_force(conn, await _track(conn, what), what.at.date())
    standing = await screening_of(conn, subject, what.at, pack)
    new: list[screening.Hit] = []
    if not standing.fresh:
        new = await _run(conn, chains, subject, what, pack)
        standing = await screening_of(conn, subject, what.at, pack)
    return Screened(
        clear=standing.clear,
        open_hits=list(standing.open_hits),
        second=await _second(conn, subject, standing.open_hits, pack),
        starts=[await vetting_start(conn, subject, track=pack.track, clock=what.clock)] if new and what.trigger != "vetting" else [],
        view=await view_of(conn, what.subject) if kind_of(what.subject) == "case" else None,
    )


async def _run(conn: asyncpg.Connection, chains: Chains, subject: str, what: Screen, pack: Pack) -> list[screening.Hit]:
    """One run against every list in force; new hits only are recorded as found. Returns those."""
    lists = await conn.fetch(SQL["lists_in_force"], what.at.date())
    if not lists:
        return []  # a run against no list is none
    names = {name for intake in await ledger.intakes(conn, subject) for name in screening.names_of(intake)}
    entries = [entry for row in lists for entry in await _entries(conn, row["name"], row["version"])]
    hits = screening.screen(names, entries, pack)
    known = {row["id"] for row in await conn.fetch(SQL["hits"], subject)}
    new = [hit for hit in hits if hit_id(subject, hit) not in known]
    batch = Batch(
        key=f"{subject}:screening:{what.at.isoformat()}", subject=subject, stage="vetting", at=what.at, clock=what.clock, track=pack.track
    )
    chronicle = Chronicle(conn, chains, batch)
    await chronicle.append(
        subject,
        "screening.done",
        {
            "trigger": what.trigger,
            "lists": [{"name": row["name"], "version": row["version"]} for row in lists],
            "names_screened": len(names),
            "hits": len(hits),
            "best_score": str(max(hit.score for hit in hits)) if hits else None,
        },
    )
    for hit in new:
        await chronicle.append(
            subject,
            "screening.hit_found",
            {"hit": hit_id(subject, hit), "list_entry": f"{hit.list_name}:{hit.entry}", "name_role": hit.role, "score": str(hit.score)},
        )
    if new and await conn.fetch(SQL["live_cases"], subject):
        # what is signed stops at once, by a block on the partner: no case of it pays while a hit is open
        blocks = [
            {
                "id": block_id(subject, BLOCK, hit_id(subject, hit)),
                "scope": "all",
                "cause": BLOCK,
                "reason_code": "sanctions",
                "until": None,
            }
            for hit in new
        ]
        await chronicle.append(subject, "case.suspended", {"scope": "all", "reason_code": "sanctions", "automatic": True, "blocks": blocks})
    return new


def hit_id(subject: str, hit: screening.Hit) -> str:
    """The id of a hit of this partner: the same likeness has the same id at every run, and no other partner's."""
    return hashlib.sha256(f"{subject}\x1f{hit.id}".encode()).hexdigest()[:16]


async def vetting_start(conn: asyncpg.Connection, subject: str, *, track: str = "standard", clock: str = "") -> Start:
    """The vetting of a partner has something to do: started if it is not running, else told to look again."""
    office, partner = office_and_partner(subject)
    # the head tells one run's conclusion from the next run's, the round its tasks from those of the vetting before
    head = await conn.fetchval("SELECT sequence FROM stream WHERE subject = $1", subject)
    before = await conn.fetchval("SELECT count(*) FROM event WHERE subject = $1 AND type = 'vetting.started'", subject)
    offset = await conn.fetchval('SELECT "offset" FROM clock WHERE name = $1', clock) if clock else None
    of_track: Track = "emergency" if track == "emergency" else "standard"
    view = CaseView(version=head or 0, track=of_track, clock=Clock(name=clock, offset=offset or timedelta(0)))
    return Start(
        workflow="EmergencyVetting" if of_track == "emergency" else "Vetting",
        id=vetting_workflow(office, partner),
        input=StageInput(subject=subject, stage="vetting", round=before + 1, view=view),
        summary=f"Vetting of {partner} in {office}",
    )


async def _partner(conn: asyncpg.Connection, subject: str) -> str:
    if kind_of(subject) == "partner":
        return subject
    found = await conn.fetchval(SQL["partner_of"], subject)
    if found is None:
        raise LookupError(f"the record has no {subject}")
    return str(found)


async def _track(conn: asyncpg.Connection, what: Screen) -> str:
    if kind_of(what.subject) != "case":
        return "standard"
    return (await view_of(conn, what.subject)).track


async def _entries(conn: asyncpg.Connection, name: str, version: str) -> tuple[screening.Entry, ...]:
    """The entries of an edition, read once per process: an edition never changes."""
    if (name, version) not in _editions:
        rows = await conn.fetch(SQL["entries"], name, version)
        _editions[name, version] = tuple(screening.Entry(row["entry"], name, _names(row["names"])) for row in rows)
    return _editions[name, version]


def _names(names: list[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(form for item in names for form in (item["name"], item["latin"]) if form))


async def _second(conn: asyncpg.Connection, subject: str, open_hits: tuple[str, ...], pack: Pack) -> list[str]:
    """Open hits that a second person must look at: from the pack's score on, or any while cash is outstanding."""
    scores = {row["id"]: row["score"] for row in await conn.fetch(SQL["hits"], subject)}
    outstanding = bool(open_hits) and await conn.fetchval(ledger.SQL["cash_outstanding"], subject)
    return [hit for hit in open_hits if outstanding or scores[hit] >= pack.number("screening.second_check")]
