"""Several tasks of one kind decided in one go, where their packs allow it (`batch.kinds`): chosen, one verdict, looked at, each answered singly.

What is said of one is said of all; each is judged by itself and counts, or does not, by itself. Never more than the inbox shows.
"""

import secrets
from dataclasses import dataclass
from typing import Any

import asyncpg
from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import ValidationError

from activities import browse
from api import views
from api.app import Ground, GroundDep
from api.caller import Caller
from api.problems import Problem
from api.web import decide, forms, lists, people
from api.web.decide import AtTask, Filled, Said
from api.web.frame import Visitor, formats, page, texts
from schemas.findings import Finding
from schemas.tasks import CATALOGUE, Verdict
from worker import doors, rehearsal

router = APIRouter(include_in_schema=False)
Plain = dict[str, Any]
MOST = 50
"""Tasks that are decided in one go, at most."""


@dataclass(frozen=True)
class Outcome:
    """What became of one, or would: `state`: ready, refused, counted, pending."""

    task: Plain
    state: str
    findings: tuple[Finding, ...] = ()


async def kinds(pool: asyncpg.Pool) -> list[str]:
    """Kinds that a pack in force allows; of each task its own pack is asked again."""
    packs = [await lists.pack(pool, track) for track in ("standard", "emergency")]
    return [kind for kind in CATALOGUE if any(pack is not None and kind in pack["batch.kinds"] for pack in packs)]


async def offered(pool: asyncpg.Pool, caller: Caller, kind: str) -> list[Plain]:
    """Open tasks of the person's inbox that may be decided together."""
    found = await browse.inbox(pool, views.reach_of(caller), kind=kind, limit=MOST)
    return [task for task in views.items(caller, "tasks", found).items if kind in await browse.batch_kinds(pool, task["id"])]


@router.get("/batch")
async def choose(request: Request, ground: GroundDep, caller: Visitor, kind: str = "", verdict: str = "") -> Response:
    """Which kinds there are; of one kind its tasks and verdicts; of one verdict its form."""
    known = await kinds(ground.pool)
    if kind not in known:
        waiting = {name: tasks for name in known if (tasks := await offered(ground.pool, caller, name))}
        return page(request, "batch.html", section="tasks", waiting=waiting)
    return await _form(request, ground, caller, kind, verdict)


async def _form(
    request: Request,
    ground: Ground,
    caller: Caller,
    kind: str,
    verdict: str,
    *,
    given: Filled | None = None,
    chosen: frozenset[str] = frozenset(),
    missing: str = "",
    status: int = 200,
) -> Response:
    tasks = await offered(ground.pool, caller, kind)
    spec = CATALOGUE[kind].verdicts.get(verdict)
    f = formats(request)
    fields = given.fields if given else forms.fields(spec.model, {}, f) if spec else ()
    return page(
        request,
        "batch_form.html",
        status=status,
        section="tasks",
        kind=kind,
        tasks=tasks,
        partners=await people.partners(ground.pool, [task["partner_subject"] for task in tasks if task["partner_subject"]]),
        verdicts=list(CATALOGUE[kind].verdicts.values()),
        verdict=spec,
        fields=fields,
        words=given.said if given else Said(),
        reasons=decide.REASONS,
        options={},
        chosen=chosen or frozenset(task["id"] for task in tasks if given is None),
        missing=missing,
        problems=list(given.findings) if given else [],
        form_names=given.names(spec) if given and spec else [],
    )


@router.post("/batch")
async def decide_all(request: Request, ground: GroundDep, caller: Visitor) -> Response:
    """Check all, or say all: one after the other, so that an answer is that of its own task."""
    form = await decide.sent(request, ground.pool, caller.actor)
    kind, verdict = str(form.get("kind") or ""), str(form.get("verdict") or "")
    t, f = texts(request), formats(request)
    spec = CATALOGUE[kind].verdicts.get(verdict) if kind in await kinds(ground.pool) else None
    if spec is None:
        return await choose(request, ground, caller)
    wanted = frozenset(str(task) for task in form.getlist("tasks"))
    given = decide.filled(spec, form, Said(), f)
    if form.get("step") not in ("check", "confirm"):
        return await _form(request, ground, caller, kind, verdict, given=given, chosen=wanted)
    if own := decide.local(spec, given, t):
        return await _form(request, ground, caller, kind, verdict, given=given.with_findings(own), chosen=wanted, status=422)
    if not wanted:
        return await _form(request, ground, caller, kind, verdict, given=given, missing=t("batch.choose_some"), status=422)
    confirmed, key = form.get("step") == "confirm", str(form.get("key") or "")[:64] or secrets.token_hex(12)
    tasks = {task["id"]: task for task in await offered(ground.pool, caller, kind)}
    outcomes = []
    for identifier in sorted(wanted)[:MOST]:
        try:
            here = await decide.at_task(request, ground, caller, identifier)
        except Problem:
            continue  # not in sight: it is not said that it exists
        allowed = here.kind == kind and (identifier in tasks or (confirmed and kind in await browse.batch_kinds(ground.pool, identifier)))
        if not allowed:
            outcomes.append(Outcome(here.task, "refused", (Finding(rule="not_in_batches", message=t("batch.not_open")),)))
        else:
            outcomes.append(await (_said(here, spec, given, key) if confirmed else _rehearsed(here, spec, given)))
    partners = await people.partners(ground.pool, [task["partner_subject"] for task in tasks.values() if task["partner_subject"]])
    ready = [each for each in outcomes if each.state == "ready"]
    carried = [("kind", kind), ("verdict", verdict), ("key", key), *given.said.carried(), *forms.pairs(given.fields)]
    return page(
        request,
        "batch_done.html" if confirmed else "batch_check.html",
        section="tasks",
        kind=kind,
        verdict=spec,
        outcomes=outcomes,
        ready=ready,
        partners={task: partners.get(row["partner_subject"] or "", "") for task, row in tasks.items()},
        carried=[*carried, *(("tasks", each.task["id"]) for each in ready)],
        back=[*carried, *(("tasks", task) for task in sorted(wanted))],
        summary=decide.summary(spec, given, t, f, {}),
    )


def _role(here: AtTask, verdict: Verdict) -> str:
    return here.said(verdict).role


async def _rehearsed(here: AtTask, verdict: Verdict, given: Filled) -> Outcome:
    found = await rehearsal.decision(
        here.ground.pool,
        task=here.task["id"],
        actor=here.caller.actor,
        role=_role(here, verdict),
        verdict=verdict.name,
        words=given.said.words(given.data, verdict),
        reason_code=decide.reason_of(given),
        signer=decide.signer(here.ground),
    )
    return Outcome(here.task, "ready" if found.would_count else "refused", found.findings)


async def _said(here: AtTask, verdict: Verdict, given: Filled, key: str) -> Outcome:
    try:
        answer = await doors.decide(
            here.ground.pool,
            here.ground.client,
            task=here.task["id"],
            actor=here.caller.actor,
            role=_role(here, verdict),
            verdict=verdict.name,
            words=given.said.words(given.data, verdict),
            reason_code=decide.reason_of(given),
            key=f"web-{key}",
            signer=decide.signer(here.ground),
        )
    except doors.NoAnswer:
        return Outcome(here.task, "pending")
    except ValidationError as error:  # no decision at all: a role that is none
        return Outcome(here.task, "refused", tuple(Finding(rule=each["type"], message=each["msg"]) for each in error.errors()))
    return Outcome(here.task, "counted" if answer.counted else "refused", tuple(answer.findings))
