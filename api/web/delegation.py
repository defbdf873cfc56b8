"""Out of office: who acts for whom, from a day to a day. Entered by who is absent (or the head of office), accepted by who is to act.

Whether it may be so is judged by the record; what it finds stands at the fields. The office's people only: a partner's people do not act
for each other.
"""

from datetime import UTC, date, datetime
from typing import Any

import asyncpg
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from api.app import Ground, GroundDep
from api.caller import Caller
from api.problems import not_found
from api.web import lists
from api.web.frame import Visitor, page, texts
from api.web.lists import Entries
from db.sql import queries
from policy import access
from policy.calendar import Calendar
from policy.ladder import acts_for
from schemas.findings import Finding
from schemas.office import Office
from worker import doors

router = APIRouter(include_in_schema=False)
SQL = queries("delegations")
Plain = dict[str, Any]
ENTERED = ("office", "principal", "delegate", "roles", "from", "to", "sign")
"""Fields of a delegation."""
ANSWERS = {"accept": "accepted", "decline": "declined", "end": "ended"}
ABOVE = "head_of_office"
"""Who enters and ends those of others, with the higher ones of the ladder."""


class Here:
    """An office in which the person may be covered, and as what the person acts there."""

    def __init__(self, office: Office, caller: Caller, today: date) -> None:
        self.office, self.caller, self.today = office, caller, today
        self.held = [grant.role for person in [office.person(caller.actor)] if person for grant in person.roles if grant.in_force(today)]

    @property
    def above(self) -> str:
        """The role in which others' delegations are entered and ended; empty: in none."""
        return next((role for role in self.held if acts_for(role, (ABOVE,))), "")

    def role(self, *, for_others: bool = False) -> str:
        return self.above if for_others else next(iter(self.held), "")

    def roles_of(self, actor: str) -> list[str]:
        """Roles that a person holds or will hold: those that may be delegated."""
        person = self.office.person(actor)
        return (
            list(dict.fromkeys(grant.role for grant in person.roles if grant.until is None or grant.until >= self.today)) if person else []
        )


async def _here(pool: asyncpg.Pool, caller: Caller, code: str) -> tuple[Here, dict[str, str]]:
    """The office asked for, or the first in which the person is known; raises `Problem` 404 where there is none."""
    if caller.of_partner or caller.kind != "person":
        raise not_found()
    known = {office: name for office, name in (await lists.offices(pool, caller)).items() if caller.may(access.ENTER_DELEGATION, office)}
    if code and code not in known:
        raise not_found()
    now, found = datetime.now(UTC), []
    for office in [code] if code else known:
        if (file := await lists.office_file(pool, office)) is not None:
            pack = await lists.pack(pool, "standard")
            found.append(Here(file, caller, Calendar.of(file, pack).local_date(now) if pack else now.date()))
    if not found:
        raise not_found()
    return next((here for here in found if here.held), found[0]), known


@router.get("/delegation")
async def delegation(
    request: Request, ground: GroundDep, caller: Visitor, office: str = "", principal: str = "", done: str = ""
) -> Response:
    here, known = await _here(ground.pool, caller, office)
    whom = principal if here.above and here.office.person(principal) else caller.actor
    entries = Entries(ENTERED, {"office": [here.office.iso2], "principal": [whom]})
    return await _show(request, ground, here, known, entries, done=done)


async def _show(
    request: Request,
    ground: Ground,
    here: Here,
    known: dict[str, str],
    entries: Entries,
    *,
    done: str = "",
    answered: str = "",
    refused: list[Finding] | None = None,
) -> Response:
    """The page. `answered`: the delegation whose answer was refused, for these reasons."""
    caller, t = here.caller, texts(request)
    principal = entries.one("principal") or caller.actor
    rows = await _rows(ground.pool, here)
    said = None
    if done and any(row["state"] == done for row in rows) or done == "declined":
        said = {"tone": "good", "title": t("done.recorded"), "text": t(f"delegation.done.{done}"), "findings": []} if done in DONE else None
    if refused:
        said = {"tone": "late", "title": t("done.refused"), "text": "", "findings": refused}
    return page(
        request,
        "delegation.html",
        status=422 if entries.findings or refused else 200,
        zone=here.office.time_zone,
        section="delegation",
        office=here.office.iso2,
        offices=known if len(known) > 1 else {},
        names={person.actor: person.name for person in here.office.people},
        offers=[row for row in rows if row["state"] == "offered" and row["delegate"] == caller.actor],
        standing=[row for row in rows if row["state"] in ("offered", "accepted", "office_file") and row["until"] >= here.today],
        over=[row for row in rows if caller.actor in (row["principal"], row["delegate"]) and row["id"] and
              (row["state"] not in ("offered", "accepted") or row["until"] < here.today)][:10],
        may_end=lambda row: bool(row["id"]) and (caller.actor in (row["principal"], row["delegate"]) or bool(here.above)),
        above=bool(here.above),
        principal=principal,
        own=principal == caller.actor,
        roles=here.roles_of(principal),
        people=[(person.actor, person.name) for person in sorted(here.office.people, key=lambda each: each.name) if person.roles],
        entries=entries,
        problems=list(entries.findings),
        form_names=ENTERED,
        answered=answered,
        said=said,
    )  # fmt: skip


DONE = frozenset({"offered", *ANSWERS.values()})


async def _rows(pool: asyncpg.Pool, here: Here) -> list[Plain]:
    """What was entered, as it stands now, then what the office file names."""
    names = ("id", "principal", "delegate", "roles", "since", "until", "sign", "accept_by")
    rows = await pool.fetch(SQL["delegations"], here.office.iso2, datetime.now(UTC))
    found: list[Plain] = [{**{name: row[name] for name in names}, "state": row["stands"]} for row in rows]
    for entry in here.office.delegations:
        found.append(entry.model_dump() | {"id": "", "accept_by": None, "state": "office_file" if entry.accepted else "offered"})
    return found


@router.post("/delegation")
async def enter(request: Request, ground: GroundDep, caller: Visitor) -> Response:
    """Offer a delegation."""
    entries = Entries.read(ENTERED, await request.form())
    here, known = await _here(ground.pool, caller, entries.one("office"))
    principal = entries.one("principal") or caller.actor
    said = {
        "office": here.office.iso2,
        "principal": principal,
        "delegate": entries.one("delegate"),
        "roles": entries.many("roles"),
        "from": entries.one("from"),
        "to": entries.one("to"),
        "sign": bool(entries.one("sign")),
    }
    t = texts(request)
    missing = [
        Finding(rule="missing", message=t("fault.missing"), path=f"$.{name}")
        for name in ("delegate", "roles", "from", "to")
        if not said[name]
    ]
    role = here.role(for_others=principal != caller.actor)
    findings = missing or await doors.delegate(ground.pool, said, actor=caller.actor, role=role, at=datetime.now(UTC))
    if isinstance(findings, list):
        return await _show(request, ground, here, known, entries.refused(findings))
    return RedirectResponse(f"/delegation?office={here.office.iso2}&done=offered", 303)


@router.post("/delegation/{identifier:path}")
async def answer(request: Request, ground: GroundDep, caller: Visitor, identifier: str) -> Response:
    """Accept, decline or end one."""
    here, known = await _here(ground.pool, caller, identifier.partition(":")[0])
    form = await request.form()
    verdict, reason = str(form.get("verdict") or ""), str(form.get("reason") or "").strip()
    row = await ground.pool.fetchrow(SQL["delegation"], identifier, datetime.now(UTC))
    if row is None or verdict not in ANSWERS:
        raise not_found()
    for_others = verdict == "end" and caller.actor not in (row["principal"], row["delegate"])
    findings = await doors.answer_delegation(
        ground.pool,
        identifier,
        verdict,  # type: ignore[arg-type]
        actor=caller.actor,
        role=here.role(for_others=for_others),
        at=datetime.now(UTC),
        reason=reason,
    )
    if findings:
        entries = Entries(ENTERED, {"office": [here.office.iso2], "principal": [caller.actor]})
        return await _show(request, ground, here, known, entries, answered=identifier, refused=findings)
    return RedirectResponse(f"/delegation?office={here.office.iso2}&done={ANSWERS[verdict]}", 303)
