"""Partners in countries, with clearance and exposure."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from activities import browse
from api import views
from api.app import GroundDep
from api.caller import CallerDep
from api.listing import After, Code, Iso2, Limit, Listing, allowed, listed
from api.problems import documented
from policy import access

router = APIRouter(prefix="/v1/partners", tags=["partners"])


@router.get("", operation_id="list_partners", responses=documented())
async def partners(
    ground: GroundDep,
    caller: CallerDep,
    office: Iso2 = None,
    partner: Annotated[Code, Query(description="how the id begins", examples=["P-KE-"])] = None,
    clearance: Literal["granted", "refused"] | None = None,
    after: After = None,
    limit: Limit = 25,
) -> Listing:
    """Partners of the caller's offices (or the caller's own organisation): clearance, open cases, cash outstanding, what is owed."""
    allowed(caller, access.SEE_PARTNER)
    found = await browse.partners(
        ground.pool, views.scope_of(caller), office=office, partner=partner, clearance=clearance, after=after, limit=limit
    )
    return listed(caller, "partners", found)
