"""Which review a case gets, and whom the emergency roster names for it. Reads only, and never asks anybody for an opinion."""

from datetime import date

import asyncpg

from activities import activation, people, versions
from db.sql import queries
from policy import review as rules
from policy import segregation
from policy.pack import Pack
from schemas.office import Office

SQL = queries("review")
MEMBERS = frozenset({"committee_member", "committee_chair"})


async def kind(conn: asyncpg.Connection, case: asyncpg.Record, round_: int, pack: Pack) -> rules.ReviewKind:
    """By amount, track and level of the activation. A review that one person began alone is ended so, whatever becomes of the track."""
    row = await conn.fetchrow(SQL["review"], case["subject"], round_)
    if row is not None and row["kind"] == "single":
        return rules.ReviewKind("single", "begun on the emergency track")
    found = await activation.of_case(conn, case["subject"])
    unlocked = activation.unlocked(found["level"] if found is not None else None, pack) if pack.track == "emergency" else frozenset()
    return rules.kind(case["office_total_usd"], pack, single_unlocked="single_reviewer" in unlocked)


async def roster(conn: asyncpg.Connection, case: asyncpg.Record, day: date) -> tuple[str, ...]:
    """Emergency reviewers in order: of the activation, or where it names none, of the office."""
    found = await activation.of_case(conn, case["subject"])
    if found is not None and found["roster"]:
        return tuple(found["roster"])
    return tuple((await versions.office_in_force(conn, case["office"], day)).roster)


async def from_roster(conn: asyncpg.Connection, case: asyncpg.Record, round_: int, day: date) -> rules.Member | None:
    """The first of the roster who may review this case in this round: in office on the day, outside the submitting section, with no other
    duty in the case, not named in the round before. None: the secretary names somebody.
    """
    named = {row["person"] for row in await conn.fetch(SQL["members"], case["subject"], round_)}
    acts = await people.acts_of(conn, [case])
    offices = sorted(await versions.offices(conn, day), key=lambda office: office.iso2 != case["office"])
    for actor in await roster(conn, case, day):
        home = next((office for office in offices if office.person(actor) is not None), None)
        member = _member(home, actor, day, lent=home is not None and home.iso2 != case["office"]) if home is not None else None
        if member is None or actor in named or (member.section == case["section"] and not member.lent):
            continue
        if not segregation.objections(acts, actor, "give_opinion", whom=actor, round=round_):
            return member
    return None


async def seated(conn: asyncpg.Connection, subject: str, round_: int) -> rules.Member | None:
    """The one person who sits in a review by one person, if somebody does."""
    rows = [row for row in await conn.fetch(SQL["members"], subject, round_) if row["state"] == "named"]
    return rules.Member(person=rows[0]["person"], function=rows[0]["function"], section=rows[0]["section"]) if len(rows) == 1 else None


def _member(home: Office, actor: str, day: date, *, lent: bool) -> rules.Member | None:
    person = home.person(actor)
    for grant in person.roles if person is not None else ():
        if grant.role in MEMBERS and grant.functions and grant.in_force(day):
            return rules.Member(person=actor, function=grant.functions[0], section=grant.section or "", lent=lent)
    return None
