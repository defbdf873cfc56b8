"""Deciding a task and saying something to a case: a form, everything that stands against it, then the word itself.

Two steps. The first reads the form, checks it and rehearses it with the record's own judgement; every reason stands at its field before
anybody commits. The second says it through `worker/doors.py`. Its key is made with the confirmation, so a double click counts once, and
trying again after a refusal is a new attempt. Works without a script: rows are added and removed by buttons that send the form.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, get_args
from urllib.parse import quote

import asyncpg
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData, ImmutableMultiDict, UploadFile

from api import views
from api.app import Ground, GroundDep
from api.caller import Caller
from api.problems import Problem, not_found
from api.web import case_parts, forms, people, suggest
from api.web.frame import Visitor, formats, page, texts
from api.web.texts import Formats, Texts
from db.sql import queries
from policy import access
from policy.ladder import STEP_ASIDE_ROLE
from schemas.findings import Finding
from schemas.messages import Answer, ReasonCode
from schemas.names import owner_of
from schemas.tasks import ANYONE, CATALOGUE, MESSAGES, MessageKind, Verdict
from worker import doors, rehearsal
from worker.doors import Words

SQL = queries("web")
Plain = dict[str, Any]
router = APIRouter(include_in_schema=False)
REASONS: tuple[str, ...] = get_args(ReasonCode)
LARGEST_FILE = 10_000_000
"""Bytes of one file that is put into the record with a form."""
LOCAL = frozenset({"invalid_data", "comment_required", "message_required", "reason_required"})
"""Rules of the record that the form says itself, in the person's language."""
PANELS: Mapping[str, tuple[str, ...]] = {
    "vetting": ("vetting",), "document": ("summary",), "review": ("summary", "reviews", "vetting"), "cash": ("money",),
    "approval": ("summary", "reviews", "vetting"), "obligations": ("money", "vetting"), "umbrella": ("vetting",),
    "case": ("money", "summary"),
}  # fmt: skip
"""What somebody needs to see to decide a task of a stage, besides stops, conditions and obligations."""
ROLES_OF_PEOPLE = {"overall_approver": ("overall_approver", "committee_chair")}


@dataclass(frozen=True)
class Said:
    """What goes with a verdict or message besides its data, as the form holds it."""

    roles: list[str] = field(default_factory=list)
    role: str = ""
    comment: str = ""
    message_to_partner: str = ""
    reason_code: str = ""
    on_behalf_of: str = ""
    principals: list[tuple[str, str]] = field(default_factory=list)
    may_comment: bool = True
    errors: dict[str, list[str]] = field(default_factory=dict)

    NAMES = ("role", "comment", "message_to_partner", "reason_code", "on_behalf_of")

    def read(self, form: forms.Form) -> "Said":
        """The same with what the form says. A role that is not offered is nobody's to choose."""
        given = {name: str(form.get(name) or "").replace("\r\n", "\n").strip() for name in self.NAMES if isinstance(form.get(name), str)}
        role = given.get("role", "")
        return replace(self, **{**given, "role": role if role in self.roles else self.role})

    def carried(self) -> list[tuple[str, str]]:
        return [(name, getattr(self, name)) for name in self.NAMES if getattr(self, name)]

    def words(self, data: Plain, spec: Verdict | MessageKind) -> Words:
        return Words(comment=self.comment, message_to_partner=self.message_to_partner, data=data if spec.data else None)


@dataclass(frozen=True)
class Filled:
    """A form as it was sent: its data, its fields with what is wrong at each, every finding."""

    said: Said
    data: Plain
    fields: tuple[forms.Field, ...]
    findings: list[Finding] = field(default_factory=list)

    def with_findings(self, findings: Sequence[Finding]) -> "Filled":
        """Each at its field; `names` of all that a summary may link to."""
        errors: dict[str, list[str]] = {}
        for finding in findings:
            name = finding.path.removeprefix("$.")
            if name in Said.NAMES:
                errors.setdefault(name, []).append(finding.message)
        return replace(
            self, said=replace(self.said, errors=errors), fields=forms.placed(self.fields, findings), findings=list(findings)
        )  # fmt: skip

    def names(self, spec: Verdict | MessageKind) -> list[str]:
        shown = [each.name for one in self.fields for each in one.walk()]
        shown += ["comment"] if spec.comment or self.said.may_comment else []
        return [*shown, *(["message_to_partner", "reason_code"] if spec.message else []), *(["role"] if len(self.said.roles) > 1 else [])]


# Reading a form -------------------------------------------------------------------------------------------------------------------


async def sent(request: Request, pool: asyncpg.Pool, actor: str) -> ImmutableMultiDict[str, Any]:
    """The form as a browser sent it, files put into the record and named by their hash."""
    form: FormData = await request.form()
    items = [(name, value) for name, value in form.multi_items() if not name.endswith("!file")]
    for name, value in form.multi_items():
        if name.endswith("!file") and isinstance(value, UploadFile) and value.filename:
            body = await value.read(LARGEST_FILE + 1)
            if len(body) > LARGEST_FILE:
                raise Problem(413, "too_large", f"A file may hold {LARGEST_FILE // 1_000_000} MB.")
            reference = await doors.put(pool, body, by=actor)
            own = name.removesuffix("!file")
            items = [(each, held) for each, held in items if each != own] + [(own, reference.sha256)]
            beside = own.rpartition(".")[0] + ".document"
            items = [(each, value.filename[:300] if each == beside and not held else held) for each, held in items]
    return ImmutableMultiDict(items)


def filled(spec: Verdict | MessageKind, form: forms.Form, said: Said, f: Formats) -> Filled:
    """What the form says; a row more, or a row less, where its button was pressed."""
    without, more = str(form.get("remove") or ""), str(form.get("add") or "")
    data = forms.read(spec.model, form, f, without=without)
    rows = forms.rows_of(form)
    if more:
        rows[more] = min(rows.get(more, 0) + 1, forms.MOST_ROWS)
    if without:
        listed = without.rpartition("[")[0]
        rows[listed] = max(rows.get(listed, 1) - 1, 0)
    if not (more or without):
        rows = {}
    return Filled(said.read(form), data, forms.fields(spec.model, data, f, rows=rows))


def local(spec: Verdict | MessageKind, given: Filled, t: Texts) -> list[Finding]:
    """What the form itself finds wrong, in the person's language."""
    missing = [
        name
        for name, wanted in (("comment", spec.comment), ("message_to_partner", spec.message), ("reason_code", spec.message))
        if wanted and not getattr(given.said, name)
    ]
    return [
        *(
            Finding(rule="invalid_data", message=t.fault(kind, context), path=path)
            for path, kind, context in forms.faults(spec.model, given.data)
        ),
        *(Finding(rule=f"{name}_required", message=t("fault.missing"), path=f"$.{name}") for name in missing),
    ]  # fmt: skip


def summary(given: Filled, t: Texts, f: Formats, names: Mapping[str, str]) -> list[tuple[str, str]]:
    """What will be recorded, line by line, for the person who confirms it."""

    def told(one: forms.Field, before: tuple[str, ...]) -> Iterable[tuple[str, str]]:
        label = t.label(one.spec) + (f" {one.row}" if one.row else "")
        chain = before if before and before[-1].startswith(label) else (*before, label)
        if one.spec.shape in ("group", "rows", "pairs"):
            for item in one.items:
                yield from told(item, before if one.spec.shape in ("rows", "pairs") else chain)
        elif one.value not in ("", [], False):
            yield " › ".join(chain), shown(one)

    def shown(one: forms.Field) -> str:
        match one.spec.shape:
            case "yes" | "must":
                return t("choice.true")
            case "many" | "one" | "flag":
                return ", ".join(t.option(one.spec, code) for code in one.chosen)
            case "date":
                return f.date(one.value)
            case "hash":
                return f"{one.value[:12]}…"
            case _:
                return names.get(one.value, str(one.value)) if one.spec.key in forms.PEOPLE else str(one.value)

    lines = [line for one in given.fields for line in told(one, ())]
    if given.said.reason_code:
        lines.append((t("decide.reason_code"), t.of("reason", given.said.reason_code)))
    lines += [(t(f"decide.{name}"), getattr(given.said, name)) for name in ("message_to_partner", "comment") if getattr(given.said, name)]
    return lines


def people_of(office: people.OfficeNames, facts: asyncpg.Record | None, caller: Caller) -> dict[str, list[tuple[str, str]]]:
    """Who can be chosen in fields that hold a person. The partner's people choose among their own only."""
    partner = (facts["partner"] if facts is not None else None) or {}
    theirs = [(each["actor"], each["name"]) for each in [*(partner.get("officers") or ()), *(partner.get("focal_points") or ())]]
    theirs = list(dict(theirs).items())
    if caller.of_partner:
        return {"signed_by": theirs}
    found = {key: office.options(*ROLES_OF_PEOPLE.get(key, ())) for key in ("person", "overall_approver")}
    return {**found, "signed_by": theirs + office.options("head_of_office"), "partner_person": theirs}


# A task ---------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AtTask:
    """A task in somebody's sight, and what its page needs."""

    ground: Ground
    caller: Caller
    task: Plain
    place: str
    facts: asyncpg.Record | None
    office: people.OfficeNames
    t: Texts
    f: Formats

    @property
    def kind(self) -> str:
        return str(self.task["kind"])

    @property
    def verdicts(self) -> list[Verdict]:
        """Those that the caller could give now."""
        offered = {each["verdict"] for each in self.task["verdicts"]} if self.task["state"] == "open" else set()
        return [verdict for name, verdict in CATALOGUE[self.kind].verdicts.items() if name in offered and self.roles(verdict)]

    def roles(self, verdict: Verdict) -> list[str]:
        """In which of his roles the caller could give it: those that the task asks for first, then those that serve them."""
        wanted = list(verdict.roles or self.task["roles"])
        candidates, me = self.task.get("candidates") or [], self.caller.actor
        if candidates and me not in candidates:
            return []
        held = set(self.caller.roles_in(self.place)) | ({*wanted} & access.BY_CASE if me in candidates else set())
        serving = {role for role in held if access.serves(role, wanted) or (role == STEP_ASIDE_ROLE and "head_of_office" in wanted)}
        return [role for role in wanted if role in serving] + sorted(serving - {*wanted})

    def said(self, verdict: Verdict) -> Said:
        roles = self.roles(verdict)
        return Said(roles, roles[0] if roles else "")


async def at_task(request: Request, ground: Ground, caller: Caller, identifier: str) -> AtTask:
    """The task, if the caller may see it; raises `Problem` 404."""
    task = await views.task(ground.pool, caller, identifier)
    row = await ground.pool.fetchrow(SQL["task_case"], identifier)
    assert row is not None  # it is in sight
    task = {"claimed_by": "", **task, "whom": row["whom"]}
    office = await people.of(ground.pool, row["office"])
    facts = None
    for reference in task["cases"]:
        facts = facts or await ground.pool.fetchrow(SQL["facts"], reference)
    named = people.OfficeNames(office.zone) if caller.of_partner else office
    return AtTask(ground, caller, task, row["office"], facts, named, texts(request), formats(request, office.zone))


async def show_task(
    request: Request,
    here: AtTask,
    *,
    verdict: Verdict | None = None,
    given: Filled | None = None,
    confirm: bool = False,
    findings: Sequence[Finding] = (),
    key: str = "",
    outcome: Plain | None = None,
    status: int = 200,
) -> Response:
    """The page of a task: what one needs to know beside what one may say."""
    task, t, f = here.task, here.t, here.f
    fields: tuple[forms.Field, ...] = given.fields if given else ()
    said = given.said if given else Said()
    if verdict is not None and given is None:
        begun = {}
        if here.facts is not None:
            begun = await suggest.values(here.ground.pool, here.facts, task, verdict.name, zone=f.zone, actor=here.caller.actor)
        fields, said = forms.fields(verdict.model, begun, f), here.said(verdict)
    carried = [("verdict", verdict.name), *said.carried(), *forms.pairs(fields), ("key", key)] if verdict and confirm else []
    context = await beside(here)
    return page(
        request,
        "task.html",
        status=status,
        zone=f.zone,
        section="tasks",
        live=f"/v1/live?case={quote(task['cases'][0])}" if task["cases"] else "",
        **context,
        task={**task, "whom_text": whom_of(task, here.office.names, t)},
        verdicts=here.verdicts,
        verdict=verdict,
        step="confirm" if confirm else "fill",
        fields=fields,
        words=said,
        reasons=REASONS,
        options=people_of(here.office, here.facts, here.caller),
        problems=list(given.findings) if given and not confirm else [],
        form_names=given.names(verdict) if given and verdict else [],
        rehearsed=rehearsal.Rehearsed(True, tuple(findings)),
        carried=carried,
        summary=summary(given, t, f, here.office.names) if given and verdict and confirm else [],
        task_messages=messages_about(here),
        said=outcome,
    )


async def beside(here: AtTask) -> Plain:
    """What the page shows of the first of the task's cases that the caller may see."""
    for reference in here.task["cases"]:
        try:
            case = await views.case(here.ground.pool, here.caller, reference)
        except Problem:
            continue
        if here.caller.of_partner:
            return {**NO_CASE, "partner_view": case, "case_title": case.get("title", ""), **case_parts.partner_side(case, here.t, here.f)}
        parts = await case_parts.office_side(here.ground.pool, here.caller, case, here.office, here.t, here.f)
        return {**NO_CASE, **parts, "panels": PANELS.get(here.task["stage"], ("summary",))}
    return {**NO_CASE, "names": here.office.names}


NO_CASE: Plain = {"case": None, "case_title": "", "partner_view": None, "panels": (), "internal": False, "conditions": [], "document": None, "cap": None}


def whom_of(task: Plain, names: Mapping[str, str], t: Texts) -> str:
    """What tells tasks of one kind apart, in words."""
    whom = str(task["whom"] or "")
    if task["stage"] == "cash" and whom.split("-")[0].isdigit():
        return t("tasks.instalment", number=whom.split("-")[0])
    return names.get(whom, "")


def messages_about(here: AtTask) -> list[str]:
    """What else may be said about an open task."""
    if here.task["state"] != "open" or not here.task["cases"]:
        return []
    mine, may_decide = here.task["claimed_by"] == here.caller.actor, bool(here.verdicts)
    offered = {
        "claim": may_decide and not here.task["claimed_by"],
        "unclaim": mine,
        "ask": may_decide,
        "note": may_decide,
        "reassign": True,
    }
    return [kind for kind, fits in offered.items() if fits and here.caller.may(access.say(kind), here.place)]


@router.get("/tasks/{identifier:path}")
async def task(request: Request, ground: GroundDep, caller: Visitor, identifier: str, verdict: str = "", recorded: str = "") -> Response:
    here = await at_task(request, ground, caller, identifier)
    offered = here.verdicts
    chosen = next((each for each in offered if each.name == verdict), offered[0] if len(offered) == 1 else None)
    outcome = await recorded_before(ground.pool, caller, f"{identifier}:{recorded}", here.t) if recorded else None
    return await show_task(request, here, verdict=chosen, outcome=outcome)


async def recorded_before(pool: asyncpg.Pool, caller: Caller, receipt: str, t: Texts) -> Plain | None:
    """What became of something that the caller said: the record is asked, so a page that is loaded again says the same."""
    row = await pool.fetchrow(SQL["receipt"], receipt)
    request = row["request"] if row is not None else None
    if row is None or not request or request.get("actor") != caller.actor:
        return None
    findings = [Finding.model_validate(each) for each in row["response"].get("findings", [])]
    if row["response"].get("refused"):
        return {"tone": "late", "title": t("done.refused"), "text": "", "findings": findings}
    what = t.of("verdict", request["verdict"]) if "verdict" in request else t.of("message", request.get("kind"))
    return {"tone": "good", "title": t("done.recorded"), "text": t("done.what", what=what), "findings": findings}


@router.post("/tasks/{identifier:path}")
async def decide(request: Request, ground: GroundDep, caller: Visitor, identifier: str) -> Response:
    here = await at_task(request, ground, caller, identifier)
    form = await sent(request, ground.pool, caller.actor)
    verdict = next((each for each in here.verdicts if each.name == form.get("verdict")), None)
    if verdict is None:  # decided meanwhile, or never the caller's to give: the record says which, and keeps nothing
        return await show_task(request, here, outcome=closed(here), status=409 if here.task["state"] != "open" else 403)
    given = filled(verdict, form, here.said(verdict), here.f)
    match form.get("step"):
        case "check":
            return await check(request, here, verdict, given)
        case "confirm":
            return await confirm(request, here, verdict, given, str(form.get("key") or ""))
        case _:
            return await show_task(request, here, verdict=verdict, given=given)


def closed(here: AtTask) -> Plain:
    if here.task["state"] == "open":
        return {"tone": "late", "title": here.t("done.not_yours"), "text": here.t("decide.not_yours"), "findings": []}
    return {"tone": "soon", "title": here.t("done.too_late"), "text": here.t("done.too_late_text"), "findings": []}


async def check(request: Request, here: AtTask, verdict: Verdict, given: Filled) -> Response:
    """Everything that stands against it, before anybody commits."""
    own = local(verdict, given, here.t)
    rehearsed = await rehearsal.decision(
        here.ground.pool,
        task=here.task["id"],
        actor=here.caller.actor,
        role=given.said.role,
        verdict=verdict.name,
        words=given.said.words(suggest.resolved(given.data, here.facts), verdict),
        reason_code=reason_of(given),
        on_behalf_of=given.said.on_behalf_of or None,
        signer=here.ground.signer,
    )
    findings = [*own, *(each for each in rehearsed.findings if not (own and each.rule in LOCAL))]
    if own or not rehearsed.would_count:
        return await show_task(request, here, verdict=verdict, given=given.with_findings(findings), status=422)
    return await show_task(request, here, verdict=verdict, given=given, confirm=True, findings=findings, key=secrets.token_hex(12))


def reason_of(given: Filled) -> str | None:
    return given.said.reason_code if given.said.reason_code in REASONS else None


async def confirm(request: Request, here: AtTask, verdict: Verdict, given: Filled, key: str) -> Response:
    """It is said. Counted: back to the task, which tells it from the record."""
    if own := local(verdict, given, here.t):
        return await show_task(request, here, verdict=verdict, given=given.with_findings(own), status=422)
    key = key[:64] or secrets.token_hex(12)
    try:
        answer = await doors.decide(
            here.ground.pool,
            here.ground.client,
            task=here.task["id"],
            actor=here.caller.actor,
            role=given.said.role,
            verdict=verdict.name,
            words=given.said.words(suggest.resolved(given.data, here.facts), verdict),
            reason_code=reason_of(given),
            on_behalf_of=given.said.on_behalf_of or None,
            key=f"web-{key}",
            signer=here.ground.signer,
        )
    except doors.NoAnswer:
        waiting = {"tone": "soon", "title": here.t("done.waiting"), "text": here.t("done.waiting_text"), "findings": []}
        return await show_task(request, here, verdict=verdict, given=given, confirm=True, key=key, outcome=waiting, status=202)
    if answer.counted:
        return RedirectResponse(f"/tasks/{quote(here.task['id'])}?recorded={quote(f'web-{key}')}", 303)
    return await show_task(request, here, verdict=verdict, given=given.with_findings(answer.findings), status=status_of(answer))


def status_of(answer: Answer) -> int:
    """409 where somebody else was faster, 422 for every other reason."""
    return 409 if {"task_closed", "key_reused", "case_closed"} & {each.rule for each in answer.findings} else 422


# A message ------------------------------------------------------------------------------------------------------------------------


def messages_to(caller: Caller, case: Mapping[str, Any], office: str) -> list[str]:
    """What the caller may say to the case now, that is no answer to a task."""
    status, overlays = str(case["status"]), case["overlays"]
    also = ["submitter"] if caller.actor == case.get("submitter") else []
    now = {
        "hold": not overlays["on_hold"], "resume": bool(overlays["on_hold"]), "request_lift": bool(overlays["suspended"]), "lift": False,
        "recuse": status == "in_review", "declare_emergency": case["track"] != "emergency",
        "return_to_standard": case["track"] == "emergency",
    }  # fmt: skip
    return [
        kind.name
        for kind in MESSAGES.values()
        if not kind.on_task
        and (not kind.statuses or status in kind.statuses)
        and now.get(kind.name, True)
        and caller.may(access.say(kind.name), office, also=also)
    ]


@dataclass(frozen=True)
class AtCase:
    """A case that something is said to."""

    ground: Ground
    caller: Caller
    reference: str
    title: str
    spec: MessageKind
    facts: asyncpg.Record
    office: people.OfficeNames
    about: str
    t: Texts
    f: Formats

    def said(self) -> Said:
        held = sorted(self.caller.roles_in(self.facts["office"]))
        fitting = [role for role in held if ANYONE in self.spec.who or access.serves(role, self.spec.who)]
        if "submitter" in self.spec.who and not fitting:
            fitting = ["submitter"]
        return Said(fitting, fitting[0] if fitting else "", may_comment=self.spec.comment)


async def at_case(request: Request, ground: Ground, caller: Caller, reference: str, kind: str, about: str) -> AtCase:
    case = await views.case(ground.pool, caller, reference)
    facts = await ground.pool.fetchrow(SQL["facts"], case["reference"])
    if kind not in MESSAGES or facts is None or not caller.may(access.say(kind), facts["office"], also=["submitter", access.NAMED]):
        raise not_found()
    if about:
        await views.task(ground.pool, caller, about)  # somebody else's is not there
    office = await people.of(ground.pool, facts["office"])
    named = people.OfficeNames(office.zone) if caller.of_partner else office
    t, f = texts(request), formats(request, office.zone)
    return AtCase(ground, caller, case["reference"], str(case.get("title") or ""), MESSAGES[kind], facts, named, about, t, f)


async def show_message(
    request: Request,
    here: AtCase,
    *,
    given: Filled | None = None,
    confirm: bool = False,
    findings: Sequence[Finding] = (),
    key: str = "",
    outcome: Plain | None = None,
    status: int = 200,
) -> Response:
    fields = given.fields if given else forms.fields(here.spec.model, {}, here.f)
    said = given.said if given else here.said()
    row = await here.ground.pool.fetchrow(SQL["task_case"], here.about) if here.about else None
    about = [("task", here.about)] if here.about else []
    return page(
        request,
        "say.html",
        status=status,
        zone=here.f.zone,
        spec=here.spec,
        reference=here.reference,
        case_title=here.title,
        about=here.about,
        about_task=here.t.of("task", row["kind"]) if row is not None else "",
        step="confirm" if confirm else "fill",
        fields=fields,
        words=said,
        reasons=REASONS,
        options=people_of(here.office, here.facts, here.caller),
        problems=list(given.findings) if given and not confirm else [],
        form_names=given.names(here.spec) if given else [],
        rehearsed=rehearsal.Rehearsed(True, tuple(findings)),
        carried=[*said.carried(), *forms.pairs(fields), *about, ("key", key)] if confirm else [],
        summary=summary(given, here.t, here.f, here.office.names) if given and confirm else [],
        said=outcome,
    )


@router.get("/cases/{reference:path}/say/{kind}")
async def message(request: Request, ground: GroundDep, caller: Visitor, reference: str, kind: str, task: str = "") -> Response:
    return await show_message(request, await at_case(request, ground, caller, reference, kind, task))


@router.post("/cases/{reference:path}/say/{kind}")
async def say(request: Request, ground: GroundDep, caller: Visitor, reference: str, kind: str) -> Response:
    form = await sent(request, ground.pool, caller.actor)
    here = await at_case(request, ground, caller, reference, kind, str(form.get("task") or ""))
    given = filled(here.spec, form, here.said(), here.f)
    if form.get("step") not in ("check", "confirm"):
        return await show_message(request, here, given=given)
    own = local(here.spec, given, here.t)
    words, reason = given.said.words(given.data, here.spec), reason_of(given)
    who: Plain = {"actor": caller.actor, "role": given.said.role, "words": words, "reason_code": reason, "signer": ground.signer}
    if form.get("step") == "check" or own:
        rehearsed = await rehearsal.message(ground.pool, subject=here.facts["subject"], kind=kind, task=here.about or None, **who)
        findings = [*own, *(each for each in rehearsed.findings if not (own and each.rule in LOCAL))]
        if own or not rehearsed.would_count:
            return await show_message(request, here, given=given.with_findings(findings), status=422)
        return await show_message(request, here, given=given, confirm=True, findings=findings, key=secrets.token_hex(12))
    key = str(form.get("key") or "")[:64] or secrets.token_hex(12)
    found = await doors.addressee(ground.pool, here.reference)
    assert found is not None  # the case is in sight
    workflow, owner = found
    row = await ground.pool.fetchrow("SELECT workflow, subject FROM task WHERE id = $1", here.about) if here.about else None
    if row is not None:
        workflow, owner = row["workflow"], owner_of(row["subject"])
    try:
        answer = await doors.tell(
            ground.pool, ground.client, workflow=workflow, owner=owner, kind=kind, task=here.about or None, key=f"web-{key}", **who
        )
    except doors.NoAnswer:
        waiting = {"tone": "soon", "title": here.t("done.waiting"), "text": here.t("done.waiting_text"), "findings": []}
        return await show_message(request, here, given=given, confirm=True, key=key, outcome=waiting, status=202)
    if answer.counted:
        receipt = quote(f"{owner}:message:{kind}:web-{key}")
        back = f"/tasks/{quote(here.about)}" if here.about else f"/cases/{quote(here.reference)}"
        return RedirectResponse(f"{back}?told={receipt}", 303)
    return await show_message(request, here, given=given.with_findings(answer.findings), status=status_of(answer))
