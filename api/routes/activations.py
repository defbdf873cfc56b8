"""Emergency activations: which there are, declared, renewed, revoked by who has the authority for their level."""

from datetime import UTC, date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import ConfigDict, Field

from activities import browse
from api import views
from api.app import GroundDep
from api.caller import Caller, CallerDep
from api.listing import After, Iso2, Limit, Listing, allowed, listed
from api.problems import Problem, documented, invalid
from api.routes.cases import Whole
from policy import access
from schemas.base import Sha256, Strict
from schemas.findings import Finding
from schemas.intake import Country, Identifier, Reference
from worker import doors

router = APIRouter(prefix="/v1/activations", tags=["activations"])

Role = Annotated[str, Field(max_length=60, description="role in which you act", examples=["regional_director"])]
ActivationReference = Annotated[str, Path(max_length=200, description="reference of the activation", examples=["MOZ-L2-2026-01"])]


class NewActivation(Strict):
    """An activation as it is declared; who declares it is who calls."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "reference": "MOZ-L2-2026-01",
                    "level": "L2",
                    "offices": ["MZ"],
                    "document": "Declaration of 8 March 2026",
                    "valid_from": "2026-03-08",
                    "valid_to": "2026-06-07",
                    "role": "regional_director",
                }
            ]
        }
    )

    reference: Reference
    level: Literal["L1", "L2", "L3"]
    offices: tuple[Country, ...] = Field(min_length=1, max_length=50, description="offices covered; the first one's calendar counts")
    areas: tuple[str, ...] = Field(default=(), description="areas covered; empty: all")
    sectors: tuple[str, ...] = Field(default=(), description="sectors covered; empty: all")
    document: str = Field(min_length=1, max_length=300, description="the paper it is declared with")
    document_sha256: Sha256 | None = None
    valid_from: date
    valid_to: date
    roster: tuple[Identifier, ...] = Field(default=(), description="emergency reviewers, in order; empty: the office's")
    role: Role


class Renewal(Strict):
    """Until when it is lengthened."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"to": "2026-09-06", "role": "regional_director"}]})

    to: date
    role: Role


class Revocation(Strict):
    """Why it ends at once."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "The flood has receded", "role": "regional_director"}]})

    reason: str = Field(min_length=1, max_length=2000)
    role: Role


def _may(caller: Caller, offices: tuple[str, ...], role: str) -> None:
    """Raises `Problem` 403; the authority for the level is judged by the record."""
    if caller.kind != "person":
        raise Problem(403, "forbidden", "A machine declares nothing.")
    if not any(caller.may(access.DECLARE_ACTIVATION, office) and role in caller.roles_in(office) for office in offices):
        finding = Finding(
            rule="wrong_role", message=f"You do not hold the role {role} there.", path="$.role", next_step="Who holds it decides."
        )
        raise Problem(403, "forbidden", finding.message, [finding])


def _done(found: list[Finding]) -> None:
    if found:
        raise invalid(found)


@router.get("", operation_id="list_activations", responses=documented())
async def activations(
    ground: GroundDep,
    caller: CallerDep,
    state: Literal["declared", "expired", "revoked"] | None = None,
    level: Literal["L1", "L2", "L3"] | None = None,
    office: Iso2 = None,
    after: After = None,
    limit: Limit = 50,
) -> Listing:
    """Activations that cover an office of the caller's, the last declared first."""
    allowed(caller, access.SEE_ACTIVATION)
    found = await browse.activations(ground.pool, views.scope_of(caller), state=state, level=level, office=office, after=after, limit=limit)
    return listed(caller, "activations", found)


@router.post("", status_code=201, operation_id="declare_activation", responses=documented())
async def declare(ground: GroundDep, caller: CallerDep, said: NewActivation) -> Whole:
    """Declare an activation. The same declaration again changes nothing."""
    _may(caller, said.offices, said.role)
    declared = said.model_dump(mode="json") | {"declared_by": caller.actor}
    _done(await doors.declare_emergency(ground.pool, ground.client, declared, at=datetime.now(UTC)))
    return Whole(reference=said.reference, state="declared")  # type: ignore[call-arg]


@router.post("/{reference:path}/renewal", operation_id="renew_activation", responses=documented())
async def renew(ground: GroundDep, caller: CallerDep, reference: ActivationReference, said: Renewal) -> Whole:
    """Lengthen an activation before it lapses."""
    _may(caller, await browse.offices_of_activation(ground.pool, views.scope_of(caller), reference), said.role)
    _done(
        await doors.renew_emergency(
            ground.pool, ground.client, reference, to=said.to, actor=caller.actor, role=said.role, at=datetime.now(UTC)
        )
    )
    return Whole(reference=reference, state="declared", valid_to=said.to.isoformat())  # type: ignore[call-arg]


@router.post("/{reference:path}/revocation", operation_id="revoke_activation", responses=documented())
async def revoke(ground: GroundDep, caller: CallerDep, reference: ActivationReference, said: Revocation) -> Whole:
    """End an activation at once; its cases that nobody has approved yet return to the standard track."""
    _may(caller, await browse.offices_of_activation(ground.pool, views.scope_of(caller), reference), said.role)
    found = await doors.revoke_emergency(
        ground.pool, ground.client, reference, reason=said.reason, actor=caller.actor, role=said.role, at=datetime.now(UTC)
    )
    if isinstance(found[0] if found else "", Finding):
        raise invalid([each for each in found if isinstance(each, Finding)])
    return Whole(reference=reference, state="revoked", returned=found)  # type: ignore[call-arg]
