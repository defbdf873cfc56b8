"""Who may say it: actor, role, office and dates against the office file of the day, or the partner's people of the intake.

The binding check of the recording transaction. It says who may act on a task or say a message at all; authority by amount, composition
of a committee and the like are rules of the stages. Duties that exclude each other are judged here too, over everything that was decided
in the case and in its partner's vetting. Reads only.
"""

from collections.abc import Collection, Sequence
from datetime import date

import asyncpg

from activities import activation
from activities.settling import Row, Settling
from db import content
from policy import delegation, segregation
from policy.ladder import STEP_ASIDE_ROLE, acts_for
from policy.segregation import Act
from schemas.findings import Finding
from schemas.intake import Intake
from schemas.messages import Decision, Message
from schemas.names import kind_of, reference_of
from schemas.office import Office
from schemas.tasks import ANYONE, PARTNER_ROLES, SUBMITTER

BY_CASE = frozenset({"committee_member", "overall_approver"})
"""Functions given per case: who is named as candidate may act in them without an entry of this office's file (another may lend one)."""

REPRESENTATIVE = "head_of_office"
SIGNING = frozenset({"sign_for_office"})
SOURCE = "office file"


def _wrong_role(actor: str, role: str, wanted: Collection[str]) -> Finding:
    return Finding(
        rule="wrong_role",
        message=f"{actor} may not act as {role} here; it takes {' or '.join(sorted(wanted))}.",
        path="$.role",
        source=SOURCE,
        next_step="Somebody who holds that role decides.",
    )


def _unknown(actor: str, where: str) -> Finding:
    return Finding(
        rule="unknown_actor", message=f"{where} does not know {actor}.", path="$.actor", source=SOURCE, next_step="Correct the id."
    )


def serves(role: str, wanted: Collection[str]) -> bool:
    """Whether `role` may act where `wanted` may: the same, a higher one of the ladder, or the partner's officer for its focal point."""
    return acts_for(role, wanted) or (role == "partner_authorised_officer" and "partner_focal_point" in wanted)


async def cases_of(s: Settling) -> list[str]:
    """The cases whose people and acts count: the case itself, or those that wait for the task of what they share."""
    if kind_of(s.batch.subject) == "case":
        return [s.batch.subject]
    if s.task_row is not None and s.task_row["cases"]:
        return list(s.task_row["cases"])
    column = "partner_subject" if kind_of(s.batch.subject) == "partner" else "umbrella"
    rows = await s.db.fetch(f'SELECT subject FROM "case" WHERE {column} = $1 ORDER BY subject', s.batch.subject)  # noqa: S608 (two fixed names)
    return [row["subject"] for row in rows]


async def _intakes(s: Settling) -> list[Intake]:
    return [await content.intake(s.db, reference_of(subject)) for subject in await cases_of(s)]


def partner_roles(intakes: Sequence[Intake], actor: str) -> set[str]:
    """In which roles the partner's own people may act, by what the intakes name."""
    found: set[str] = set()
    for intake in intakes:
        partner = intake.partner
        if any(officer.actor == actor for officer in partner.officers) or (partner.pca and actor in partner.pca.officers):
            found |= {"partner_authorised_officer", "partner_focal_point"}
        if any(person.actor == actor for person in partner.focal_points) or intake.partner_focal_point == actor:
            found.add("partner_focal_point")
    return found


async def who_may(s: Settling, said: Decision | Message, wanted: Collection[str], candidates: Collection[str]) -> list[Finding]:
    """Everything that stands against this person in this role. `wanted` roles may hold the functions of `schemas.tasks`."""
    if said.role in PARTNER_ROLES:
        return await _partner(s, said, wanted, candidates)
    if said.role == STEP_ASIDE_ROLE and REPRESENTATIVE in wanted and await _steps_aside(s):
        wanted = {*wanted, STEP_ASIDE_ROLE}
    office = await s.office()
    found: list[Finding] = []
    holder = said.on_behalf_of or said.actor
    if said.role == SUBMITTER and SUBMITTER in wanted and kind_of(s.batch.subject) == "case":
        return [] if said.actor == (await s.case())["submitter"] else [_wrong_role(said.actor, said.role, wanted)]
    by_case = said.role in BY_CASE and holder in candidates
    if not by_case:
        found += [_unknown(name, f"Office {office.iso2}") for name in sorted({said.actor, holder}) if office.person(name) is None]
        if found:
            return found
        found += _held(office, holder, said.role, wanted, await s.today())
    if ANYONE not in wanted and not serves(said.role, wanted) and not found:
        found.append(_wrong_role(said.actor, said.role, wanted))
    if said.on_behalf_of:
        kind = s.task_row["kind"] if s.task_row is not None else ""
        found += delegation.check(
            office.delegations,
            delegate=said.actor, principal=said.on_behalf_of, role=said.role, day=await s.today(), signing=kind in SIGNING,
        )  # fmt: skip
    return found + _named(holder, candidates)


async def _steps_aside(s: Settling) -> bool:
    """Whether the head of office has stepped aside for this case today: the coordinator acts where the representative would."""
    return kind_of(s.batch.subject) == "case" and await activation.steps_aside(s.db, s.batch.subject, await s.today())


def _held(office: Office, holder: str, role: str, wanted: Collection[str], day: date) -> list[Finding]:
    person = office.person(holder)
    assert person is not None
    if any(grant.role == role and grant.in_force(day) for grant in person.roles):
        return []
    return [_wrong_role(holder, role, [name for name in wanted if name != ANYONE] or ["a role that the person holds"])]


async def _partner(s: Settling, said: Decision | Message, wanted: Collection[str], candidates: Collection[str]) -> list[Finding]:
    intakes = await _intakes(s)
    held = partner_roles(intakes, said.actor)
    if not held:
        return [_unknown(said.actor, "The partner's file")]
    if said.role not in held or not (ANYONE in wanted or serves(said.role, wanted)):
        return [_wrong_role(said.actor, said.role, [name for name in wanted if name != ANYONE] or sorted(held))]
    return _named(said.actor, candidates)


def _named(holder: str, candidates: Collection[str]) -> list[Finding]:
    if not candidates or holder in candidates:
        return []
    return [
        Finding(
            rule="not_candidate",
            message=f"This task waits for {', '.join(sorted(candidates))}, not for {holder}.",
            path="$.actor",
            next_step="The person named decides, or the task is reassigned.",
        )
    ]


# Segregation ----------------------------------------------------------------------------------------------------------------------

_ACTS = """
SELECT actor, role, kind, verdict, whom, on_behalf_of, round FROM decision
WHERE subject = ANY ($1::text[]) AND counted AND ($2::text[] IS NULL OR actor = ANY ($2) OR on_behalf_of = ANY ($2))
ORDER BY at, subject, sequence
"""


async def acts_of(conn: asyncpg.Connection, cases: Sequence[Row], persons: Collection[str] | None = None) -> list[Act]:
    """Every act that counts for segregation in these cases (rows of "case") and their partners' vetting; of `persons` only, if given."""
    subjects = sorted({case["subject"] for case in cases} | {case["partner_subject"] for case in cases})
    acts = [Act(actor=case["submitter"], kind="submit_case") for case in cases]
    acts += [Act(actor=case["focal_point"], kind="act_as_focal_point") for case in cases if case["focal_point"]]
    return acts + [_act(row) for row in await conn.fetch(_ACTS, subjects, list(persons) if persons is not None else None)]


def _act(row: Row) -> Act:
    return Act(**{**dict(row), "on_behalf_of": row["on_behalf_of"] or ""})


async def segregated(s: Settling, decision: Decision, task: Row) -> list[Finding]:
    """Why this person may not do this, given what was done before: across the whole case, whatever the order."""
    cases = [await s.case(subject) for subject in await cases_of(s)]
    who = [name for name in (decision.actor, decision.on_behalf_of) if name]
    acts = await acts_of(s.db, cases, who)
    if not cases:  # of a partner no case waits for any more
        acts = [_act(row) for row in await s.db.fetch(_ACTS, [s.batch.subject], who)]
    return segregation.objections(
        acts, decision.actor, task["kind"], decision.verdict, decision.on_behalf_of,
        role=decision.role, whom=task["whom"], round=task["round"],
    )  # fmt: skip
