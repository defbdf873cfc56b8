"""The pages of the inbox: my tasks, a case; deciding and saying stand in `decide.py`, the frame of all in `frame.py`.

What is shown comes from `api/views.py`, as far as the person may see it; a case of somebody else's is not there. Lists are paged by key.
"""

from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response

from activities import browse
from api import views
from api.app import Ground, GroundDep
from api.caller import Caller
from api.web import (
    activations, batch, case_parts, decide, delegation, frame, obligations, overview, partners, people, register,
)  # fmt: skip
from api.web.frame import Visitor, formats, page, texts
from api.web.texts import Texts
from schemas.tasks import CATALOGUE

router = APIRouter(include_in_schema=False)
router.include_router(frame.router)
PAGE = 25
ENDS = frozenset({"rejected", "withdrawn", "cancelled", "terminated", "expired", "closed"})


@router.get("/")
@router.get("/tasks")
async def my_tasks(
    request: Request,
    ground: GroundDep,
    caller: Visitor,
    kind: str = "",
    case: str = "",
    overdue: str = "",
    claimed: str = "",
    after: str = "",
) -> Response:
    """Open tasks that the person may decide, by due moment: what is overdue comes first."""
    kind, case = kind if kind in CATALOGUE else "", case.strip()[:60]
    chosen = {"kind": kind, "case": case, "overdue": overdue, "claimed": claimed}
    found = await browse.inbox(
        ground.pool,
        views.reach_of(caller),
        kind=kind or None,
        case=case or None,
        overdue=bool(overdue),
        claimed=caller.actor if claimed else None,
        after=after or None,
        limit=PAGE,
    )
    offices = {item["office"] for item in found.items}
    known = {office: await people.of(ground.pool, office) for office in sorted(offices)}
    partners = await people.partners(ground.pool, [item["partner_subject"] for item in found.items if item.get("partner_subject")])
    items = [
        {**item, "partner_name": "" if caller.of_partner else partners.get(item.get("partner_subject") or "", "")} for item in found.items
    ]
    first = {name: value for name, value in chosen.items() if value}
    return page(
        request,
        "tasks.html",
        zone=next(iter(known.values())).zone if len(known) == 1 else "UTC",
        section="tasks",
        live="/v1/live?inbox=true",
        page=browse.Page(items, found.next),
        kinds=CATALOGUE,
        filters={**chosen, "after": after, "any": bool(first)},
        names={} if caller.of_partner else {actor: name for office in known.values() for actor, name in office.names.items()},
        first=f"/tasks?{urlencode(first)}",
        more=f"/tasks?{urlencode({**first, 'after': found.next})}" if found.next else "",
    )


# The messages' addresses are longer than a case's and would be taken for one: they come first.
router.include_router(decide.router)
for more in (register, partners, obligations, activations, overview, delegation, batch):
    router.include_router(more.router)


@router.get("/cases/{reference:path}")
async def case(request: Request, ground: GroundDep, caller: Visitor, reference: str, told: str = "", events: str = "") -> Response:
    """One case, as the office or its partner sees it."""
    found = await views.case(ground.pool, caller, reference)
    t = texts(request)
    facts = await ground.pool.fetchrow(decide.SQL["facts"], found["reference"])
    office = await people.of(ground.pool, facts["office"])
    f = formats(request, office.zone)
    outcome = await decide.recorded_before(ground.pool, caller, told, t) if told else None
    names = {} if caller.of_partner else office.names
    story, more = await case_parts.timeline(
        ground.pool, caller, found["reference"], names, t, f, currency=facts["currency"], every=events == "all"
    )  # fmt: skip
    common: dict[str, Any] = {
        "zone": office.zone,
        "section": "cases",
        "live": f"/v1/live?case={quote(found['reference'])}",
        "events": story,
        "more_events": f"/cases/{quote(found['reference'])}?events=all#h-timeline" if more else "",
        "said": outcome,
    }
    if caller.of_partner:
        return page(
            request,
            "partner_case.html",
            **common,
            **case_parts.partner_side(found, t, f),
            **await _own_changes(request, ground, caller, found, t),
        )
    parts = await case_parts.office_side(ground.pool, caller, found, office, t, f, compare=_versions(request))
    kinds = [] if found["status"] in ENDS else decide.messages_to(caller, found, found["office"])
    return page(request, "case.html", **common, **parts, kinds=kinds)


async def _own_changes(request: Request, ground: Ground, caller: Caller, view: dict[str, Any], t: Texts) -> dict[str, Any]:
    """What changed between two versions that the partner may read: those asked for, else the last two."""
    numbers = [row["version"] for row in view["documents"]["versions"]]
    asked = _versions(request)
    pair = asked if asked and set(asked) <= set(numbers) else (numbers[-2], numbers[-1]) if len(numbers) > 1 else None
    found = await views.differences(ground.pool, caller, view["reference"], *pair) if pair else []
    return {"range_": pair, "changes": [case_parts.change(each, t) for each in found]}


def _versions(request: Request) -> tuple[int, int] | None:
    """Two versions to compare, if the address names them."""
    before, after = request.query_params.get("from", ""), request.query_params.get("to", "")
    return (int(before), int(after)) if before.isdigit() and after.isdigit() and len(before + after) < 12 else None
