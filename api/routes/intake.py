"""Intake: agreements as plain JSON, or as CloudEvents in the three modes of HTTP; what was refused, for ops to look at and submit again.

The record decides what is taken; here is only who may submit for whom, and which answer says what. What was taken once is answered as
taken, whatever becomes of the workflow's start: the worker's sweep makes that good.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import HTTPMessage, from_binary, from_structured
from cloudevents.core.exceptions import BaseCloudEventException, CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from fastapi import APIRouter, Body, Header, Path, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from temporalio.service import RPCError

from activities import browse
from api.app import Ground, GroundDep
from api.caller import Caller, CallerDep
from api.listing import After, Code, Limit, Listing, allowed
from api.problems import Problem, documented, invalid, not_found
from policy import access
from schemas.findings import Finding
from schemas.intake import Intake
from worker import doors

router = APIRouter(prefix="/v1", tags=["intake"])

TYPE = "pca.agreement.submitted.v1"
STRUCTURED, BATCHED = "application/cloudevents+json", "application/cloudevents-batch+json"
KEY = 200
"""Characters of an idempotency key, or of the id of an event, at most."""
MOST = 1000
"""Events of a batch, at most."""
SOURCE = "CloudEvents 1.0"
REQUIRED = ("specversion", "id", "source", "type")


class Taken(BaseModel):
    """What became of a submission."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"reference": "KEN/2026/0007", "location": "/v1/cases/KEN/2026/0007", "repeated": False, "findings": []}]
        }
    )

    reference: str = Field(description="reference of the case")
    location: str = Field(description="where it is shown")
    repeated: bool = Field(description="it had been taken before, with the same content")
    findings: list[Finding] = Field(default_factory=list, description="warnings")


class EventTaken(BaseModel):
    """What became of one event of a batch."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"id": "e-1", "source": "/portal", "status": 202, "reference": "KEN/2026/0007", "location": "/v1/cases/KEN/2026/0007"}
            ]
        }
    )

    id: str
    source: str
    status: int = Field(description="as if it had come alone: 202 taken, 200 repeated, 403, 409 or 422 refused")
    reference: str | None = None
    location: str | None = None
    findings: list[Finding] = Field(default_factory=list, description="why it was refused; or warnings")


def _location(reference: str) -> str:
    return f"/v1/cases/{reference}"


_TAKEN: dict[int | str, dict[str, Any]] = {
    200: {"model": Taken, "description": "It had been taken before."},
    202: {"model": Taken, "description": "Taken: the case begins.", "headers": {"Location": {"schema": {"type": "string"}}}},
}
_TAKEN_ALL: dict[int | str, dict[str, Any]] = {
    status: {**answer, "model": Taken | list[EventTaken], "description": f"{answer['description']} Of a batch: each event with its status."}
    for status, answer in _TAKEN.items()
}


# Who may ------------------------------------------------------------------------------------------------------------------------


def _may_submit(caller: Caller, raw: Mapping[str, Any]) -> None:
    """Raises `Problem` 403 with every reason: a machine submits for its source and offices, a person for his offices and as himself."""
    if caller.of_partner or not caller.may(access.SUBMIT_INTAKE):
        raise Problem(403, "forbidden", "You may not submit agreements.")
    found: list[Finding] = []
    office, source, submitter = raw.get("office"), raw.get("source"), raw.get("submitter")
    if isinstance(office, str) and not caller.may(access.SUBMIT_INTAKE, office):
        found.append(
            _finding("foreign_office", f"You may not submit for the office {office[:10]}.", "$.office", "Submit it with its own key.")
        )
    if caller.kind == "machine" and isinstance(source, str) and source != caller.source:
        found.append(_finding("foreign_source", f"This key submits for the source {caller.source}.", "$.source", "Name that source."))
    if caller.kind == "person" and isinstance(submitter, str) and submitter != caller.actor:
        found.append(
            _finding("not_yourself", f"The submitter is you: {caller.actor}.", "$.submitter", "Name yourself, or leave it to a machine.")
        )
    if found:
        raise Problem(403, "forbidden", found[0].message, found)


def _finding(rule: str, message: str, path: str, next_step: str) -> Finding:
    return Finding(rule=rule, message=message, path=path, source="api.intake", next_step=next_step)


# Taking -------------------------------------------------------------------------------------------------------------------------


async def _submit(ground: Ground, raw: Any, event_id: str | None) -> doors.Submitted:
    """The record first. Where the workflow cannot be started now, what was taken is taken: the sweep starts it."""
    try:
        return await doors.submit(ground.pool, ground.client, raw, event_id=event_id)
    except RPCError:
        known = await doors.submit(ground.pool, None, raw, event_id=event_id)
        if not known.reference:
            raise
        return known


async def _take(ground: Ground, caller: Caller, raw: Any, event_id: str | None) -> tuple[int, Taken]:
    """Status and answer. Raises `Problem` 403, 409, 422."""
    _may_submit(caller, raw if isinstance(raw, Mapping) else {})
    found = await _submit(ground, raw, event_id)
    if found.existing:
        detail = f"{found.existing} was taken under this source and reference, or key, with other content."
        raise Problem(409, "taken_otherwise", detail, found.findings, headers={"Location": _location(found.existing)})
    if not found.reference:
        raise invalid(found.findings)
    location = _location(found.reference)
    taken = Taken(reference=found.reference, location=location, repeated=found.repeated, findings=list(found.findings))
    return 200 if found.repeated else 202, taken


def _answer(status: int, taken: Taken) -> JSONResponse:
    return JSONResponse(taken.model_dump(mode="json"), status_code=status, headers={"Location": taken.location})


@router.post(
    "/agreements",
    status_code=202,
    operation_id="submit_agreement",
    responses=documented(409) | _TAKEN,
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Intake"}}}}},
)
async def submit(
    request: Request,
    ground: GroundDep,
    caller: CallerDep,
    idempotency_key: Annotated[
        str | None,
        Header(min_length=1, max_length=KEY, pattern=r"^[\x21-\x7e]+$", description="the same key with the same body is taken once"),
    ] = None,
) -> JSONResponse:
    """Submit an agreement. Taken once by source and source reference, and by the key where there is one."""
    status, taken = await _take(ground, caller, await _json(request), f"key:{idempotency_key}" if idempotency_key else None)
    return _answer(status, taken)


async def _json(request: Request) -> Any:
    body = await request.body()
    try:
        return json.loads(body)
    except ValueError as error:
        finding = Finding(rule="not_json", message="One JSON object was expected.", path="$", next_step="Send the agreement as JSON.")
        raise Problem(400, "broken_json", finding.message, [finding]) from error


# CloudEvents --------------------------------------------------------------------------------------------------------------------


@router.post(
    "/events",
    status_code=202,
    operation_id="submit_events",
    responses=documented(409)
    | _TAKEN_ALL
    | {207: {"model": list[EventTaken], "description": "A batch of which some were refused, each with its own status."}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                STRUCTURED: {"schema": {"$ref": "#/components/schemas/SubmittedEvent"}},
                BATCHED: {"schema": {"type": "array", "maxItems": MOST, "items": {"$ref": "#/components/schemas/SubmittedEvent"}}},
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/Intake"},
                    "description": "binary mode: the attributes are headers, `ce-id`, `ce-source`, `ce-type`, `ce-specversion`",
                },
            },
        }
    },
)
async def events(request: Request, ground: GroundDep, caller: CallerDep) -> JSONResponse:
    """Submit agreements as CloudEvents 1.0: structured, binary, or batched. Each (source, id) is taken once."""
    message = HTTPMessage(dict(request.headers), await request.body())
    kind = message.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == BATCHED:
        return await _batch(ground, caller, message.body)
    event = _read(message, structured=kind == STRUCTURED)
    status, taken = await _take(ground, caller, _data(event), _event_id(event))
    return _answer(status, taken)


async def _batch(ground: Ground, caller: Caller, body: bytes) -> JSONResponse:
    raw = json.loads(body)
    if not isinstance(raw, list) or len(raw) > MOST:
        raise invalid([_envelope("batch", f"A batch is an array of at most {MOST} events.", "$", "Send an array; or several batches.")])
    if caller.of_partner or not caller.may(access.SUBMIT_INTAKE):
        raise Problem(403, "forbidden", "You may not submit agreements.")
    told: list[EventTaken] = []
    for one in raw:
        named = one if isinstance(one, dict) else {}
        identity = {"id": str(named.get("id", ""))[:KEY], "source": str(named.get("source", ""))[:KEY]}
        try:
            event = _read(HTTPMessage({"content-type": STRUCTURED}, json.dumps(one).encode()), structured=True)
            status, taken = await _take(ground, caller, _data(event), _event_id(event))
            told.append(EventTaken(**identity, status=status, **taken.model_dump(exclude={"repeated"})))
        except Problem as problem:
            told.append(EventTaken(**identity, status=problem.status, findings=problem.findings))
    refused = any(one.status >= 400 for one in told)
    status = 207 if refused else 202 if any(one.status == 202 for one in told) else 200
    return JSONResponse([one.model_dump(mode="json") for one in told], status_code=status)


def _envelope(rule: str, message: str, path: str, next_step: str) -> Finding:
    return Finding(rule=rule, message=message, path=path, source=SOURCE, next_step=next_step)


def _read(message: HTTPMessage, *, structured: bool) -> BaseCloudEvent:
    """The event, by the library. Raises `Problem` 422 with every fault of its envelope."""
    found: list[Finding] = []
    try:
        if structured and not isinstance(json.loads(message.body), dict):
            raise ValueError("an event is one JSON object")
        # the library gives an event what it lacks; the specification does not
        said = json.loads(message.body) if structured else {name.removeprefix("ce-"): value for name, value in message.headers.items()}
        found += [
            _envelope("cloudevent", f"The attribute {name} is missing.", f"$.{name}", "Send it.") for name in REQUIRED if not said.get(name)
        ]
        if said.get("specversion") != "1.0":
            found.append(_envelope("specversion", "Events of CloudEvents 1.0 are taken.", "$.specversion", "Send specversion 1.0."))
        if found:
            raise invalid(found)  # the library would say less
        event = (from_structured if structured else from_binary)(message, JSONFormat(), CloudEvent)
        if event.get_type() != TYPE:
            found.append(_envelope("event_type", f"{str(event.get_type())[:80]} is not taken here.", "$.type", f"Send {TYPE}."))
        if len(_event_id(event)) > KEY:
            found.append(_envelope("event_id", f"Source and id have at most {KEY} characters together.", "$.id", "Send a shorter id."))
    except CloudEventValidationError as error:
        found += [_envelope("cloudevent", str(each), f"$.{name}", "Correct it.") for name, each in _faults(error)]
    except (BaseCloudEventException, ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
        found.append(_envelope("cloudevent", f"This is no CloudEvent: {str(error)[:200]}.", "$", "Send one as CloudEvents 1.0 says."))
    if found:
        raise invalid(found)
    return event


def _faults(error: CloudEventValidationError) -> list[tuple[str, Exception]]:
    return [(name, each) for name, errors in error.errors.items() for each in errors]


def _data(event: BaseCloudEvent) -> Any:
    """What it carries: JSON, also where the sender calls it something else."""
    data = event.get_data()
    return data.decode(errors="replace") if isinstance(data, bytes) else data


def _event_id(event: BaseCloudEvent) -> str:
    return f"{event.get_source()}#{event.get_id()}"


class SubmittedEvent(BaseModel):
    """A CloudEvent 1.0 that carries an agreement, in structured mode. Extension attributes are taken and ignored."""

    model_config = ConfigDict(extra="allow")

    specversion: Literal["1.0"]
    id: str = Field(min_length=1, description="unique within the source")
    source: str = Field(min_length=1, description="URI reference of the sender", examples=["/portal"])
    type: Literal["pca.agreement.submitted.v1"]
    data: Intake
    datacontenttype: Literal["application/json"] = "application/json"


SCHEMAS: tuple[type[BaseModel], ...] = (Intake, SubmittedEvent)
"""Models of bodies that are read as they come; the document of the API names them."""


# Refused ------------------------------------------------------------------------------------------------------------------------

Identifier = Annotated[int, Path(ge=1, lt=2**63, description="number of the refused message")]


@router.get("/rejected-intake", operation_id="list_rejected_intake", responses=documented())
async def rejected(
    ground: GroundDep,
    caller: CallerDep,
    source: Annotated[Code, Query(description="submitting system")] = None,
    after: After = None,
    limit: Limit = 50,
) -> Listing:
    """What was refused at the door, the last first, with its findings."""
    allowed(caller, access.SEE_REJECTED)
    scope = _rejected_scope(caller)
    found = await browse.rejected(ground.pool, scope, source=source, after=after, limit=limit)
    return Listing(items=found.items, next=found.next)


def _rejected_scope(caller: Caller) -> browse.Scope:
    """Offices in which the caller is ops; what names no office is seen by who is ops everywhere."""
    held = frozenset(grant.office for grant in caller.grants if caller.may(access.SEE_REJECTED, grant.office))
    return browse.EVERYTHING if browse.EVERYWHERE in held else browse.Scope(offices=held)


async def _rejected_one(ground: Ground, caller: Caller, identifier: int) -> dict[str, Any]:
    found = await browse.rejected_one(ground.pool, identifier)
    scope = _rejected_scope(caller)
    if found is None or not (scope.offices is None or found["office"] in scope.offices):
        raise not_found()
    return found


@router.get("/rejected-intake/{identifier}", operation_id="get_rejected_intake", responses=documented())
async def rejected_one(ground: GroundDep, caller: CallerDep, identifier: Identifier) -> dict[str, Any]:
    """One refused message as it came."""
    allowed(caller, access.SEE_REJECTED)
    return await _rejected_one(ground, caller, identifier)


@router.post("/rejected-intake/{identifier}/resubmit", status_code=202, operation_id="resubmit_intake", responses=documented(409) | _TAKEN)
async def resubmit(
    ground: GroundDep,
    caller: CallerDep,
    identifier: Identifier,
    corrected: Annotated[dict[str, Any] | None, Body(description="the message as corrected; left out: as it came")] = None,
) -> JSONResponse:
    """Submit a refused message again, as it came or corrected. Its source and office stay what they were."""
    allowed(caller, access.RESUBMIT)
    found = await _rejected_one(ground, caller, identifier)
    raw: Any = corrected if corrected is not None else found["body"]
    if corrected is not None:
        kept = {"source": found["source"], "office": found["office"]}
        other = [name for name, value in kept.items() if value not in (None, "unknown") and corrected.get(name) != value]
        office = corrected.get("office")
        if isinstance(office, str) and not caller.may(access.RESUBMIT, office):
            other.append("office")
        if other:
            raise invalid(
                [
                    _finding("resubmitted_otherwise", f"The {name} stays what it was.", f"$.{name}", "Leave it.")
                    for name in dict.fromkeys(other)
                ]
            )
    again = await _submit(ground, raw, None)
    if again.existing:
        raise Problem(409, "taken_otherwise", f"{again.existing} was taken with other content.", again.findings)
    if not again.reference:
        raise invalid(again.findings)
    taken = Taken(reference=again.reference, location=_location(again.reference), repeated=again.repeated, findings=list(again.findings))
    return _answer(200 if again.repeated else 202, taken)
