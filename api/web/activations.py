"""Emergency activations: which there are, one with what it unlocks and the cases under it; declared, renewed, revoked by who may.

Whether somebody has the authority for a level is judged by the record (`worker/doors.py`); what it finds stands at the fields.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from activities import browse
from activities.read import plain
from api import views
from api.app import Ground, GroundDep
from api.caller import Caller
from api.listing import allowed
from api.problems import not_found
from api.web import lists, people
from api.web.frame import Visitor, page, texts
from api.web.lists import Entries
from api.web.texts import Texts
from policy import access
from policy.transitions import ENDS
from schemas.findings import Finding
from schemas.office import Office
from worker import doors

router = APIRouter(include_in_schema=False)
SQL = lists.SQL
Plain = dict[str, Any]
STATES = ("declared", "expired", "revoked")
LEVELS = ("L1", "L2", "L3")
CASES = 100
DECLARED = ("reference", "level", "offices", "areas", "sectors", "document", "valid_from", "valid_to", "roster", "role")
"""Fields of a declaration."""
DONE = {"declared": "declared", "renewed": "declared", "revoked": "revoked"}
"""What was done, to the state in which the record then is: a page says that only what the record says."""


def declaring(caller: Caller, offices: Mapping[str, str] | list[str]) -> list[str]:
    """Offices in which the caller may declare."""
    return [office for office in offices if caller.kind == "person" and caller.may(access.DECLARE_ACTIVATION, office)]


def roles_of(caller: Caller, offices: list[str]) -> list[str]:
    """Roles of those that declare which the caller holds in one of these offices."""
    held = {role for office in offices for role in caller.roles_in(office)}
    return sorted(held & access.TABLE[access.DECLARE_ACTIVATION].roles)


@router.get("/activations")
async def activations(request: Request, ground: GroundDep, caller: Visitor, after: lists.After = []) -> Response:  # noqa: B006
    """Activations that cover an office of the person's."""
    if caller.of_partner:
        raise not_found()
    allowed(caller, access.SEE_ACTIVATION)
    offices = await lists.offices(ground.pool, caller)
    asked = request.query_params.get
    chosen = {
        "office": lists.one_of(asked("office"), offices),
        "level": lists.one_of(asked("level"), LEVELS),
        "state": lists.one_of(asked("state"), STATES),
    }
    found = await browse.activations(
        ground.pool,
        views.scope_of(caller),
        office=chosen["office"] or None,
        level=chosen["level"] or None,
        state=chosen["state"] or None,
        after=lists.last(after),
        limit=lists.PAGE,
    )
    return page(
        request,
        "activations.html",
        section="activations",
        pager=lists.Pager("/activations", list(chosen.items()), after, found.next),
        filters=chosen,
        offices=offices,
        levels=LEVELS,
        states=STATES,
        activations=found.items,
        may_declare=bool(declaring(caller, offices)),
    )


# Declare ------------------------------------------------------------------------------------------------------------------------


@router.get("/declare")
async def form(request: Request, ground: GroundDep, caller: Visitor) -> Response:
    return await _declare(request, ground, caller, Entries(DECLARED))


@router.post("/declare")
async def declare(request: Request, ground: GroundDep, caller: Visitor) -> Response:
    """Declare an activation; the same declaration again changes nothing."""
    entries = Entries.read(DECLARED, await request.form())
    mine = declaring(caller, await lists.offices(ground.pool, caller))
    given = {name: entries.one(name) for name in ("reference", "level", "document", "valid_from", "valid_to", "role")}
    said = {**given, "offices": entries.many("offices"), "declared_by": caller.actor}
    said |= {name: entries.lines(name) for name in ("areas", "sectors", "roster")}
    t = texts(request)
    findings = [
        Finding(rule="missing", message=t("fault.missing"), path=f"$.{name}")
        for name in ("reference", "level", "offices", "document", "valid_from", "valid_to", "role")
        if not said[name]
    ]
    if not findings and not set(entries.many("offices")) & set(mine):
        findings = [Finding(rule="wrong_role", message=t("activation.not_yours"), path="$.offices")]
    findings = findings or await doors.declare_emergency(ground.pool, ground.client, said, at=datetime.now(UTC))
    if findings:
        return await _declare(request, ground, caller, entries.refused(findings))
    return RedirectResponse(f"/activations/{entries.one('reference')}?done=declared", 303)


async def _declare(request: Request, ground: Ground, caller: Caller, entries: Entries) -> Response:
    known = {} if caller.of_partner else await lists.offices(ground.pool, caller)
    mine = declaring(caller, known)
    if not mine:
        raise not_found()
    return page(
        request,
        "declare.html",
        status=422 if entries.findings else 200,
        section="activations",
        entries=entries,
        problems=list(entries.findings),
        form_names=DECLARED,
        offices={office: known[office] for office in mine},
        levels=[(level, await _unlocks(ground.pool, level, texts(request))) for level in LEVELS],
        roles=roles_of(caller, mine),
    )


async def _unlocks(pool: asyncpg.Pool, level: str, t: Texts) -> list[str]:
    """What a level unlocks, in words."""
    pack = await lists.pack(pool, "emergency")
    return [
        t(f"unlocks.{what}") if t.has(f"unlocks.{what}") else what for what in (pack["activation.unlocks"].get(level, ()) if pack else ())
    ]


# One ----------------------------------------------------------------------------------------------------------------------------


@router.get("/activations/{reference:path}")
async def activation(request: Request, ground: GroundDep, caller: Visitor, reference: str, done: str = "") -> Response:
    """One activation."""
    return await _activation(request, ground, caller, await _found(ground.pool, caller, reference), done=done)


async def _found(pool: asyncpg.Pool, caller: Caller, reference: str) -> Plain:
    """The row, with `now`: the moment by its clock. Raises `Problem` 404."""
    scope = views.scope_of(caller)
    if caller.of_partner or not caller.may(access.SEE_ACTIVATION):
        raise not_found()
    row = await pool.fetchrow(SQL["activation"], reference, None if scope.offices is None else sorted(scope.offices))
    if row is None:
        raise not_found()
    found: Plain = {name: plain(value) for name, value in row.items() if name != "offset"}
    return {**found, "now": datetime.now(UTC) + (row["offset"] or timedelta(0))}


async def _activation(
    request: Request, ground: Ground, caller: Caller, found: Plain, *, act: str = "", entries: Entries | None = None, done: str = ""
) -> Response:
    """The page. `act`: what is being done: `renew`, `revoke`, or `confirm` a revocation."""
    scope, t = views.scope_of(caller), texts(request)
    offices = None if scope.offices is None else sorted(scope.offices)
    cases = [dict(row) for row in await ground.pool.fetch(SQL["cases_under"], found["reference"], offices, CASES)]
    mine = declaring(caller, found["offices"]) if found["state"] == "declared" else []
    files = [file for office in found["offices"] if (file := await lists.office_file(ground.pool, office)) is not None]
    entries = entries or Entries(("to", "reason", "role"))
    said = None
    if done and DONE.get(done) == found["state"]:
        said = {"tone": "good", "title": t("done.recorded"), "text": t(f"activation.done.{done}"), "findings": []}
    return page(
        request,
        "activation.html",
        status=422 if entries.findings else 200,
        zone=(await people.of(ground.pool, found["offices"][0])).zone,
        section="activations",
        activation=found,
        unlocks=await _unlocks(ground.pool, found["level"], t),
        names=_names(files),
        cases=cases,
        running=[case for case in cases if case["track"] == "emergency" and case["status"] not in ENDS],
        partners=await people.partners(ground.pool, [case["partner_subject"] for case in cases]),
        may_change=bool(mine),
        roles=roles_of(caller, mine),
        act=act,
        entries=entries,
        problems=list(entries.findings),
        form_names=entries.names if act != "confirm" else (),
        said=said,
    )


def _names(files: list[Office]) -> dict[str, str]:
    return {person.actor: person.name for file in files for person in file.people}


@router.post("/activations/{reference:path}/renew")
async def renew(request: Request, ground: GroundDep, caller: Visitor, reference: str) -> Response:
    """Lengthen it."""
    found = await _found(ground.pool, caller, reference)
    entries = Entries.read(("to", "role"), await request.form())
    to: date | None = lists.day(entries.one("to"))
    if not declaring(caller, found["offices"]):
        raise not_found()
    if to is None:
        findings = [Finding(rule="missing", message=texts(request)("fault.missing"), path="$.to")]
    else:
        findings = await doors.renew_emergency(
            ground.pool, ground.client, reference, to=to, actor=caller.actor, role=entries.one("role"), at=found["now"]
        )
    if findings:
        return await _activation(request, ground, caller, found, act="renew", entries=entries.refused(findings))
    return RedirectResponse(f"/activations/{reference}?done=renewed", 303)


@router.post("/activations/{reference:path}/revoke")
async def revoke(request: Request, ground: GroundDep, caller: Visitor, reference: str) -> Response:
    """End it at once: first what that means for each case, then the word itself."""
    found = await _found(ground.pool, caller, reference)
    sent = await request.form()
    entries = Entries.read(("reason", "role"), sent)
    if not declaring(caller, found["offices"]):
        raise not_found()
    if not entries.one("reason"):
        missing = [Finding(rule="reason", message=texts(request)("fault.missing"), path="$.reason")]
        return await _activation(request, ground, caller, found, act="revoke", entries=entries.refused(missing))
    match sent.get("step"):
        case "confirm":
            answer = await doors.revoke_emergency(
                ground.pool,
                ground.client,
                reference,
                reason=entries.one("reason"),
                actor=caller.actor,
                role=entries.one("role"),
                at=found["now"],
            )
        case "edit":
            return await _activation(request, ground, caller, found, act="revoke", entries=entries)
        case _:
            return await _activation(request, ground, caller, found, act="confirm", entries=entries)
    if findings := [each for each in answer if isinstance(each, Finding)]:
        return await _activation(request, ground, caller, found, act="revoke", entries=entries.refused(findings))
    return RedirectResponse(f"/activations/{reference}?done=revoked", 303)
