"""Tasks: the inbox, one task with the verdicts it takes, a decision, a message to a case, decisions in one go.

Who says it is who calls, never what the body says. A decision waits for the workflow's answer; where that takes longer than the caller
will wait, the answer is 202 and a place to look, and saying the same again under the same key is safe.
"""

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import ConfigDict, Field, JsonValue, ValidationError

from activities import browse
from api import views
from api.app import Ground, GroundDep
from api.caller import Caller, CallerDep
from api.listing import CSV, After, Code, Iso2, Limit, Listing, allowed, exported, listed
from api.problems import Problem, documented, invalid, not_found
from api.routes.cases import Holder, Reference, Whole
from policy import access
from schemas.base import Strict
from schemas.findings import Finding
from schemas.messages import Answer, ReasonCode
from schemas.tasks import MESSAGES, SUBMITTER
from worker import doors

router = APIRouter(prefix="/v1", tags=["tasks"])

LONGEST = 30
"""Seconds for which an answer is waited for, at most."""
SHORTEST = 0.1
IN_CONFLICT = frozenset({"key_reused", "task_closed", "unknown_task", "task_unknown", "claimed_by_another"})
"""Rules by which what was said comes too late, or twice: 409. By all others it cannot be taken: 422."""
BATCH = 100

TaskId = Annotated[str, Path(max_length=300, description="id of the task", examples=["KEN/2026/0007:review:1:give_opinion:ke.021"])]
Prefer = Annotated[str | None, Header(max_length=100, description="`wait=N`: seconds to wait for the answer, at most 30; 10 if not said")]
IdempotencyKey = Annotated[
    str | None, Header(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$", description="the same key says the same thing once")
]
Text = Annotated[str, Field(max_length=20_000)]


class Said(Strict):
    """What comes with a verdict or a message."""

    role: str | None = Field(
        default=None, max_length=60, description="role in which you act; left out: the one you have there", examples=["focal_point"]
    )
    comment: Text = Field(default="", description="internal comment")
    message_to_partner: Text = Field(default="", description="what the partner reads")
    reason_code: ReasonCode | None = Field(default=None, description="coded reason, where it is asked for")
    on_behalf_of: str | None = Field(default=None, max_length=100, description="the principal, where you act by delegation")
    data: dict[str, JsonValue] | None = Field(default=None, description="the verdict's data, as its schema says")
    key: str | None = Field(default=None, min_length=1, max_length=200, pattern=r"^[^\x00]+$", description="or the header Idempotency-Key")


class NewDecision(Said):
    """A verdict on a task."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"role": "budget_owner", "verdict": "certify", "comment": "", "key": "d-1"}]})

    verdict: str = Field(min_length=1, max_length=60, pattern=r"^[a-z_]+$", description="one of the task's verdicts", examples=["certify"])


class NewMessage(Said):
    """Something said to a case that is no verdict: hold, withdraw, raise_concern, ask, note ..."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"kind": "hold", "role": "focal_point", "data": {"reason": "Access is closed", "until": "2026-03-20"}, "key": "m-1"}
            ]
        }
    )

    kind: str = Field(min_length=1, max_length=60, pattern=r"^[a-z_]+$", description="which message", examples=["hold"])
    task: str | None = Field(default=None, max_length=300, description="the task it is about, where it is about one")


class OneOfMany(NewDecision):
    """One decision of a batch."""

    task: str = Field(min_length=1, max_length=300, description="id of the task")


class NewDecisions(Strict):
    """Decisions in one go, of kinds that the pack allows."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "decisions": [
                        {"task": "MOZ/2026/0031:case:1:confirm_emergency_track", "verdict": "confirm", "role": "partnership_manager"}
                    ]
                }
            ]
        }
    )

    decisions: list[OneOfMany] = Field(min_length=1, max_length=BATCH)


class Result(Answer):
    """What became of one of them."""

    task: str = Field(description="id of the task")
    pending: bool = Field(default=False, description="there is no answer yet")


class Pending(Strict):
    """There is no answer yet."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"state": "pending", "location": "/v1/tasks/KEN/2026/0007:cash:1:certify_request:1", "key": "d-1"}]}
    )

    state: Literal["pending"] = "pending"
    location: str = Field(description="where to look")
    key: str = Field(description="say the same under this key to be told the answer")


_ANSWERED: dict[int | str, dict[str, Any]] = {
    200: {"model": Answer, "description": "It counted; or it had been said before, and this is the first answer."},
    202: {"model": Pending, "description": "No answer yet.", "headers": {"Location": {"schema": {"type": "string"}}}},
}


# Reading ------------------------------------------------------------------------------------------------------------------------


@router.get("/inbox", operation_id="inbox", responses=documented())
async def inbox(
    ground: GroundDep,
    caller: CallerDep,
    kind: Code = None,
    case: Annotated[Code, Query(description="reference of a case")] = None,
    overdue: bool = False,
    mine: Annotated[bool, Query(description="only what you have claimed")] = False,
    after: After = None,
    limit: Limit = 50,
) -> Listing:
    """Open tasks that the caller may decide: what is overdue first."""
    allowed(caller, access.SEE_TASK)
    claimed = caller.actor if mine else None
    found = await browse.inbox(
        ground.pool,
        await views.reach(ground.pool, caller),
        kind=kind,
        case=case,
        overdue=overdue,
        claimed=claimed,
        after=after,
        limit=limit,
    )
    return listed(caller, "tasks", found)


@router.get("/tasks", operation_id="list_tasks", responses=documented())
async def tasks(
    ground: GroundDep,
    caller: CallerDep,
    state: Literal["open", "done"] = "open",
    office: Iso2 = None,
    kind: Code = None,
    role: Code = None,
    holder: Holder | None = None,
    overdue: bool = False,
    after: After = None,
    limit: Limit = 50,
) -> Listing:
    """Tasks of the caller's offices: open by due moment, or done, the last first."""
    allowed(caller, access.SEE_TASK)
    found = await browse.tasks(
        ground.pool, views.scope_of(caller), state=state, office=office, kind=kind, role=role, holder=holder, overdue=overdue, after=after,
        limit=limit,
    )  # fmt: skip
    return listed(caller, "tasks", found)


@router.get("/tasks.csv", operation_id="export_tasks", response_class=StreamingResponse, responses=documented() | CSV)
async def tasks_csv(
    ground: GroundDep, caller: CallerDep, office: Iso2 = None, kind: Code = None, overdue: bool = False
) -> StreamingResponse:
    """Open tasks as CSV."""
    allowed(caller, access.EXPORT_REGISTER)
    columns = (
        "id",
        "kind",
        "stage",
        "round",
        "holder",
        "roles",
        "candidates",
        "office",
        "cases",
        "opened_at",
        "due_at",
        "overdue",
        "claimed_by",
    )
    return exported(caller, "tasks", columns, browse.tasks, ground.pool, views.scope_of(caller), office=office, kind=kind, overdue=overdue)


# Saying -------------------------------------------------------------------------------------------------------------------------


def _patience(prefer: str | None) -> timedelta:
    """How long to wait for the answer (RFC 7240)."""
    said = re.search(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,4})", prefer or "")
    return doors.PATIENCE if said is None else timedelta(seconds=max(SHORTEST, min(int(said[1]), LONGEST)))


def _person(caller: Caller) -> None:
    if caller.kind != "person":
        raise Problem(403, "forbidden", "A machine decides nothing and says nothing to a case.")


def _role(caller: Caller, said: Said, office: str, wanted: list[str], also: tuple[str, ...]) -> str:
    """The role in which the caller acts. Raises `Problem` 403 for one that he does not hold there, 422 where it must be said."""
    held = caller.roles_in(office)
    if said.on_behalf_of is not None:
        if said.role is None:
            raise invalid([_needed("role", "Whoever acts for somebody else says in which role.")])
        return said.role  # the delegation is judged by the record
    if said.role is None:
        fitting = [role for role in wanted if role in held] or sorted(role for role in held if access.serves(role, wanted))
        if len(set(fitting)) != 1:
            raise invalid([_needed("role", "Say in which role you act.")])
        return fitting[0]
    named = access.NAMED in also and said.role in access.BY_CASE
    if said.role in held or named or (said.role == SUBMITTER and not caller.of_partner):
        return said.role
    finding = Finding(
        rule="wrong_role", message=f"You do not hold the role {said.role} there.", path="$.role", next_step="Act in a role of yours."
    )
    raise Problem(403, "forbidden", finding.message, [finding])


def _needed(name: str, message: str) -> Finding:
    return Finding(rule="missing", message=message, path=f"$.{name}", next_step=f"Send {name}.")


def _refused(answer: Answer) -> Problem:
    """What did not count, with every reason."""
    rules = {finding.rule for finding in answer.findings if finding.severity != "warning"}
    count = len(answer.findings)
    detail = f"It did not count: {count} finding{'s' if count != 1 else ''}."
    return Problem(409 if rules & IN_CONFLICT else 422, "not_counted", detail, answer.findings)


def _pending(location: str, key: str) -> JSONResponse:
    return JSONResponse(
        Pending(location=location, key=key).model_dump(), status_code=202, headers={"Location": location, "Retry-After": "2"}
    )


def _words(said: Said) -> doors.Words:
    return doors.Words(comment=said.comment, message_to_partner=said.message_to_partner, data=said.data)


async def _decide(
    ground: Ground,
    caller: Caller,
    identifier: str,
    said: NewDecision,
    key: str,
    patience: timedelta,
    *,
    shown: dict[str, Any] | None = None,
) -> Answer:
    """The workflow's answer. Raises `Problem`, `doors.NoAnswer`."""
    task = shown or await views.task(ground.pool, caller, identifier)
    office = task.get("office") or await browse.office_of_task(ground.pool, identifier)
    also = (access.NAMED,) if caller.actor in (task.get("candidates") or ()) else ()
    if not caller.may(access.decide(task["kind"]), office, also=also) and said.on_behalf_of is None:
        raise Problem(403, "forbidden", f"This takes a right that you do not have: {access.TABLE[access.decide(task['kind'])].what}.")
    role = _role(caller, said, office, task["roles"], also)
    try:
        return await doors.decide(
            ground.pool, ground.client, task=identifier, actor=caller.actor, role=role, verdict=said.verdict, words=_words(said),
            reason_code=said.reason_code, on_behalf_of=said.on_behalf_of, key=key, signer=ground.signer, patience=patience,
        )  # fmt: skip
    except ValidationError as error:
        raise _unfit(error) from error


def _unfit(error: ValidationError) -> Problem:
    return invalid(
        [Finding(rule=each["type"], message=each["msg"], path="$." + ".".join(map(str, each["loc"]))) for each in error.errors()]
    )


def _key(said: Said, header: str | None, caller: Caller, *more: object) -> str:
    """The key under which it is said: the caller's own, or one made of what is said."""
    return header or said.key or doors.content_key(caller.actor, said.model_dump(mode="json"), *more)


@router.post("/tasks/{identifier:path}/decision", operation_id="decide", responses=documented(409) | _ANSWERED)
async def decide(
    ground: GroundDep,
    caller: CallerDep,
    identifier: TaskId,
    said: NewDecision,
    prefer: Prefer = None,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Decide a task, and be told whether it counted: 200, or 409/422 with every reason why not."""
    _person(caller)
    key = _key(said, idempotency_key, caller)
    try:
        answer = await _decide(ground, caller, identifier, said, key, _patience(prefer))
    except doors.NoAnswer:
        return _pending(f"/v1/tasks/{identifier}", key)
    if not answer.counted:
        raise _refused(answer)
    return JSONResponse(answer.model_dump(mode="json"))


@router.post("/decisions", operation_id="decide_many", responses=documented())
async def decide_many(ground: GroundDep, caller: CallerDep, body: NewDecisions, prefer: Prefer = None) -> list[Result]:
    """Decide several tasks in one go, where the pack of each allows its kind (`batch.kinds`): all are sent, or none."""
    _person(caller)
    shown: list[dict[str, Any]] = []
    found: list[Finding] = []
    for n, one in enumerate(body.decisions):
        task = await views.task(ground.pool, caller, one.task)
        shown.append(task)
        kinds = await browse.batch_kinds(ground.pool, one.task)
        if task["kind"] not in kinds:
            found.append(
                Finding(
                    rule="not_in_batches",
                    message=f"{task['kind']} is decided one by one.",
                    path=f"$.decisions[{n}].task",
                    source="pack rule batch.kinds",
                    next_step=f"In one go: {', '.join(kinds)}." if kinds else "Decide it by itself.",
                )
            )
    if found:
        raise invalid(found)
    results: list[Result] = []
    for one, task in zip(body.decisions, shown, strict=True):
        key = _key(one, None, caller, one.task)
        try:
            answer = await _decide(ground, caller, one.task, one, key, _patience(prefer), shown=task)
            results.append(Result(task=one.task, **answer.model_dump()))
        except doors.NoAnswer:
            results.append(Result(task=one.task, counted=False, pending=True))
        except Problem as problem:
            own = problem.findings or [Finding(rule=problem.kind, message=problem.detail if hasattr(problem, "detail") else str(problem))]
            results.append(Result(task=one.task, counted=False, findings=own))
    return results


@router.post("/cases/{reference:path}/messages", tags=["cases"], operation_id="say", responses=documented(409) | _ANSWERED)
async def say(
    ground: GroundDep,
    caller: CallerDep,
    reference: Reference,
    said: NewMessage,
    prefer: Prefer = None,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Say something to a case that is no verdict."""
    _person(caller)
    seen = await views.sight(ground.pool, caller, reference)
    message = MESSAGES.get(said.kind)
    if message is None:
        step = f"One of {', '.join(MESSAGES)}."
        raise invalid([Finding(rule="unknown_message", message=f"There is no message {said.kind}.", path="$.kind", next_step=step)])
    if not seen.may(caller, access.say(said.kind)) and said.role != SUBMITTER:
        raise Problem(403, "forbidden", f"This takes a right that you do not have: {access.TABLE[access.say(said.kind)].what}.")
    workflow, owner = await doors.addressee(ground.pool, seen.reference) or _nobody()
    if said.task is not None:
        about = await views.task(ground.pool, caller, said.task)
        if seen.reference not in about["cases"]:
            raise not_found()
        workflow = await browse.workflow_of_task(ground.pool, said.task)
    key = _key(said, idempotency_key, caller)
    role = _role(caller, said, seen.office, list(message.who), seen.also)
    try:
        answer = await doors.tell(
            ground.pool, ground.client, workflow=workflow, owner=owner, kind=said.kind, actor=caller.actor, role=role, words=_words(said),
            reason_code=said.reason_code, task=said.task, key=key, signer=ground.signer, patience=_patience(prefer),
        )  # fmt: skip
    except doors.NoAnswer:
        return _pending(f"/v1/cases/{seen.reference}", key)
    except ValidationError as error:
        raise _unfit(error) from error
    if not answer.counted:
        raise _refused(answer)
    return JSONResponse(answer.model_dump(mode="json"))


def _nobody() -> tuple[str, str]:
    raise not_found()


@router.get("/tasks/{identifier:path}", operation_id="get_task", responses=documented())
async def task(ground: GroundDep, caller: CallerDep, identifier: TaskId) -> Whole:
    """One task, with the verdicts it takes and the JSON Schema of the data of each. Somebody else's is not there (404)."""
    return Whole(**await views.task(ground.pool, caller, identifier))
