"""The register, one case with all that belongs to it, and the lists across cases; each as the caller may see it.

A reference may be written as it is, with its slashes (`/v1/cases/KEN/2026/0007`), or with each slash as `%2F`.
"""

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from activities import browse, overview, read
from api import views
from api.app import GroundDep
from api.caller import CallerDep
from api.listing import CSV, After, Code, Iso2, Limit, Listing, allowed, exported, listed
from api.problems import documented, invalid, not_found
from db import content
from policy import access
from policy.transitions import CASE_STATUSES
from schemas.findings import Finding
from schemas.messages import ContentRef

router = APIRouter(prefix="/v1")

Reference = Annotated[str, Path(max_length=200, description="reference of the case", examples=["KEN/2026/0007"])]
Track = Literal["standard", "emergency"]
Holder = Literal["office", "partner", "external"]
Sort = Literal["reference", "-reference", "received_at", "-received_at", "next_due"]
Status = Literal[CASE_STATUSES]  # type: ignore[valid-type]
Stage = Literal["vetting", "document", "review", "approval", "cash"]


class Whole(BaseModel):
    """A thing of the record, as far as the caller may see it. The fields of a partner's view are those of casebook 6."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [{"reference": "KEN/2026/0007", "status": "in_review"}]})


class Change(BaseModel):
    """One place at which two versions of a document differ."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"path": "$.outputs[1.1].activities[1.1.1].office_cash", "before": "10.00", "after": "12.00"}]}
    )

    path: str = Field(description="JSON path; lines are named by their id")
    before: JsonValue
    after: JsonValue


def _filters(
    status: Annotated[list[Status] | None, Query(description="one or more statuses")] = None,
    track: Track | None = None,
    stage: Stage | None = None,
    office: Iso2 = None,
    partner: Annotated[Code, Query(description="id of the partner", examples=["P-KE-0001"])] = None,
    focal_point: Annotated[Code, Query(description="actor id")] = None,
    holder: Holder | None = None,
    humanitarian: bool | None = None,
    reference: Annotated[Code, Query(description="how the reference begins", examples=["KEN/2026/"])] = None,
    received_from: Annotated[date | None, Query(description="first day of receipt, UTC")] = None,
    received_to: Annotated[date | None, Query(description="day before which it was received, UTC")] = None,
    sort: Annotated[Sort, Query(description="`next_due` lists only cases with an open task")] = "reference",
) -> dict[str, Any]:
    """What the register is asked for."""
    return {
        "status": status or (),
        "track": track,
        "stage": stage,
        "office": office,
        "partner": partner,
        "focal_point": focal_point,
        "holder": holder,
        "humanitarian": humanitarian,
        "reference": reference,
        "received_from": browse.day_begins(received_from) if received_from else None,
        "received_to": browse.day_begins(received_to) if received_to else None,
        "sort": sort,
    }


Filters = Annotated[dict[str, Any], Depends(_filters)]

REGISTER = (
    "reference", "office", "partner", "track", "status", "stage", "round", "held", "under_notice", "humanitarian", "document_type",
    "focal_point", "currency", "office_total", "office_total_usd", "submitted_on", "received_at", "signed_on", "next_due", "open_tasks",
    "holder", "source", "source_reference",
)  # fmt: skip


@router.get("/cases", tags=["cases"], operation_id="list_cases", responses=documented())
async def cases(ground: GroundDep, caller: CallerDep, filters: Filters, after: After = None, limit: Limit = 50) -> Listing:
    """The register."""
    allowed(caller, access.SEE_REGISTER)
    return listed(caller, "cases", await browse.cases(ground.pool, views.scope_of(caller), after=after, limit=limit, **filters))


@router.get("/cases.csv", tags=["cases"], operation_id="export_cases", response_class=StreamingResponse, responses=documented() | CSV)
async def cases_csv(ground: GroundDep, caller: CallerDep, filters: Filters) -> StreamingResponse:
    """The register as CSV, with the same filters and order."""
    allowed(caller, access.EXPORT_REGISTER)
    return exported(caller, "cases", REGISTER, browse.cases, ground.pool, views.scope_of(caller), **filters)


@router.get("/obligations", tags=["obligations"], operation_id="list_obligations", responses=documented())
async def obligations(
    ground: GroundDep,
    caller: CallerDep,
    office: Iso2 = None,
    partner: Code = None,
    kind: Code = None,
    owner_role: Code = None,
    state: Literal["owed", "open", "evidence_in", "met", "written_off"] = "owed",
    overdue: bool | None = None,
    due_to: Annotated[date | None, Query(description="day before which it is due, UTC")] = None,
    after: After = None,
    limit: Limit = 50,
) -> Listing:
    """Obligations by due moment."""
    allowed(caller, access.SEE_OBLIGATION)
    found = await browse.obligations(
        ground.pool, views.scope_of(caller), office=office, partner=partner, kind=kind, owner_role=owner_role, state=state, overdue=overdue,
        due_to=browse.day_begins(due_to) if due_to else None, after=after, limit=limit,
    )  # fmt: skip
    return listed(caller, "obligations", found)


@router.get("/decisions", tags=["decisions"], operation_id="list_decisions", responses=documented())
async def decisions(
    ground: GroundDep, caller: CallerDep, actor: Code = None, counted: bool | None = None, after: After = None, limit: Limit = 50
) -> Listing:
    """Decisions, the last first, counted or not."""
    allowed(caller, access.SEE_DECISION)
    found = await browse.decisions(ground.pool, views.scope_of(caller), actor=actor, counted=counted, after=after, limit=limit)
    return listed(caller, "decisions", found)


@router.get("/blocks", tags=["cases"], operation_id="list_blocks", responses=documented())
async def blocks(
    ground: GroundDep,
    caller: CallerDep,
    office: Iso2 = None,
    partner: Code = None,
    kind: Code = None,
    after: After = None,
    limit: Limit = 50,
) -> Listing:
    """Stops in force, the oldest first. `kind`: how far they reach."""
    allowed(caller, access.SEE_CASE)
    found = await browse.blocks(ground.pool, views.scope_of(caller), office=office, partner=partner, kind=kind, after=after, limit=limit)
    return listed(caller, "blocks", found)


@router.get("/instalments", tags=["cash"], operation_id="list_instalments", responses=documented())
async def instalments(
    ground: GroundDep,
    caller: CallerDep,
    office: Iso2 = None,
    state: Literal["requested", "certified", "checked", "released", "paid", "reported", "returned", "refused"] | None = None,
    after: After = None,
    limit: Limit = 50,
) -> Listing:
    """Instalments, the last requested first."""
    allowed(caller, access.SEE_CASE)
    found = await browse.instalments(ground.pool, views.scope_of(caller), office=office, state=state, after=after, limit=limit)
    return listed(caller, "instalments", found)


JOURNAL = Literal["release", "payment", "liquidation", "cancellation", "recovery"]


@router.get("/ledger", tags=["cash"], operation_id="list_ledger", responses=documented())
async def ledger(ground: GroundDep, caller: CallerDep, kind: JOURNAL | None = None, after: After = None, limit: Limit = 50) -> Listing:
    """Journals of the ledger, the last first; debit positive."""
    allowed(caller, access.SEE_LEDGER)
    return listed(caller, "ledger", await browse.ledger(ground.pool, views.scope_of(caller), kind=kind, after=after, limit=limit))


@router.get("/ledger.csv", tags=["cash"], operation_id="export_ledger", response_class=StreamingResponse, responses=documented() | CSV)
async def ledger_csv(ground: GroundDep, caller: CallerDep, kind: JOURNAL | None = None) -> StreamingResponse:
    """The ledger as CSV."""
    allowed(caller, access.SEE_LEDGER)
    columns = ("id", "subject", "instalment", "kind", "at", "currency", "entries")
    return exported(caller, "ledger", columns, browse.ledger, ground.pool, views.scope_of(caller), kind=kind)


@router.get("/offices/{office}/overview", tags=["offices"], operation_id="office_overview", responses=documented())
async def office_overview(
    ground: GroundDep,
    caller: CallerDep,
    office: Annotated[str, Path(pattern=r"^[A-Z]{2}$", description="office", examples=["KE"])],
    since: Annotated[date | None, Query(description="first day of what has ended; by default 90 days ago")] = None,
) -> Whole:
    """Stage times against their targets, where cases wait, cash by age, what is owed."""
    if caller.of_partner or not (caller.offices is None or office in caller.offices):
        raise not_found()
    allowed(caller, access.SEE_OVERVIEW, office)
    try:
        return Whole(**await overview.office(ground.pool, office, since=since))
    except overview.UnknownVersion:
        raise not_found() from None


# One case: what belongs to it comes first, for a reference takes whatever follows ------------------------------------------------


@router.get("/cases/{reference:path}/events", tags=["cases"], operation_id="list_events", responses=documented())
async def events(
    ground: GroundDep,
    caller: CallerDep,
    reference: Reference,
    kind: Annotated[Code, Query(description="a type of event, or how it begins, with its dot", examples=["payment."])] = None,
    after: After = None,
    limit: Limit = 100,
) -> Listing:
    """The events of a case in the order of its chain."""
    found = await views.events(ground.pool, caller, reference, kind=kind, after=after, limit=limit)
    return Listing(items=found.items, next=found.next)


@router.get("/cases/{reference:path}/document/versions/{version}", tags=["documents"], operation_id="get_version", responses=documented())
async def version(ground: GroundDep, caller: CallerDep, reference: Reference, version: Annotated[int, Path(ge=1, le=10_000)]) -> Whole:
    """One version of the document, in full."""
    return Whole(**await views.document(ground.pool, caller, reference, version))


@router.get("/cases/{reference:path}/document/versions", tags=["documents"], operation_id="list_versions", responses=documented())
async def versions(ground: GroundDep, caller: CallerDep, reference: Reference) -> list[Whole]:
    """The versions of the document that the caller may read."""
    _, rows = await views.versions(ground.pool, caller, reference)
    return [
        Whole(**{name: row[name] for name in ("version", "sha256", "side", "at", "office_total", "office_cash", "changed")}) for row in rows
    ]


@router.get("/cases/{reference:path}/document/differences", tags=["documents"], operation_id="compare_versions", responses=documented())
async def differences(
    ground: GroundDep,
    caller: CallerDep,
    reference: Reference,
    before: Annotated[int, Query(ge=1, le=10_000, description="one version")],
    after: Annotated[int, Query(ge=1, le=10_000, description="the other")],
) -> list[Change]:
    """What changed between two versions, place by place."""
    return [Change(**change) for change in await views.differences(ground.pool, caller, reference, before, after)]


@router.get("/cases/{reference:path}/tasks", tags=["tasks"], operation_id="list_tasks_of_case", responses=documented())
async def tasks_of(
    ground: GroundDep,
    caller: CallerDep,
    reference: Reference,
    state: Literal["open", "done"] = "open",
    after: After = None,
    limit: Limit = 50,
) -> Listing:
    """Tasks that serve the case, its own and those of what it shares."""
    seen = await views.sight(ground.pool, caller, reference)
    return listed(
        caller, "tasks", await browse.tasks(ground.pool, browse.EVERYTHING, case=seen.reference, state=state, after=after, limit=limit)
    )


@router.get("/cases/{reference:path}/decisions", tags=["decisions"], operation_id="list_decisions_of_case", responses=documented())
async def decisions_of(
    ground: GroundDep, caller: CallerDep, reference: Reference, kind: Code = None, after: After = None, limit: Limit = 50
) -> Listing:
    """Decisions in the case, the last first."""
    seen = await views.sight(ground.pool, caller, reference)
    found = await browse.decisions(ground.pool, browse.EVERYTHING, case=seen.reference, kind=kind, after=after, limit=limit)
    return listed(caller, "decisions", found)


@router.get("/cases/{reference:path}/obligations", tags=["obligations"], operation_id="list_obligations_of_case", responses=documented())
async def obligations_of(
    ground: GroundDep,
    caller: CallerDep,
    reference: Reference,
    state: Literal["owed", "open", "evidence_in", "met", "written_off"] = "owed",
    after: After = None,
    limit: Limit = 50,
) -> Listing:
    """Obligations of the case, and those of its partner that it relies on."""
    seen = await views.sight(ground.pool, caller, reference)
    found = await browse.obligations(ground.pool, browse.EVERYTHING, case=seen.reference, state=state, after=after, limit=limit)
    return listed(caller, "obligations", found)


@router.get("/cases/{reference:path}/ledger", tags=["cash"], operation_id="ledger_of_case", responses=documented())
async def ledger_of(ground: GroundDep, caller: CallerDep, reference: Reference) -> Whole:
    """The double entries of the case, and the balance of each account."""
    seen = await views.sight(ground.pool, caller, reference)
    allowed(caller, access.SEE_LEDGER, seen.office)
    return Whole(**await read.ledger(ground.pool, seen.reference))


@router.post("/cases/{reference:path}/contents", tags=["documents"], operation_id="put_content", status_code=201, responses=documented())
async def put_content(
    ground: GroundDep,
    caller: CallerDep,
    reference: Reference,
    body: dict[str, JsonValue],
) -> ContentRef:
    """Put a document version (or other data) into the record before a decision refers to it by its hash."""
    seen = await views.sight(ground.pool, caller, reference)
    allowed(caller, access.SEE_DOCUMENT, seen.office)
    if caller.kind != "person":
        raise invalid([Finding(rule="persons_only", message="Only a person puts content.", path="$")])
    return await content.put(ground.pool, body, by=caller.actor)


@router.get("/cases/{reference:path}", tags=["cases"], operation_id="get_case", responses=documented())
async def case(ground: GroundDep, caller: CallerDep, reference: Reference, response: Response) -> Whole:
    """One case as the caller may see it. A case of somebody else's is not there (404)."""
    response.headers["Cache-Control"] = "no-store"
    return Whole(**await views.case(ground.pool, caller, reference))


@router.get("/public/agreements/{reference:path}", tags=["public"], operation_id="public_agreement", responses=documented())
async def public_agreement(ground: GroundDep, reference: Reference) -> Whole:
    """What anybody may know of a signed agreement that is not confidential: partner, title, location, purpose, cash."""
    return Whole(**await views.public(ground.pool, reference))
