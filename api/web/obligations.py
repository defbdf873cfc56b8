"""What is owed: by whom, by when, and what follows by itself if it is not done. To the partner in words written for it."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from activities import browse
from api import views
from api.app import GroundDep
from api.listing import allowed
from api.web import lists, people, sentences
from api.web.frame import Visitor, formats, page, texts
from policy import access, partner_view
from schemas.names import kind_of, office_and_partner, reference_of
from schemas.tasks import PARTNER_ROLES, ROLES

router = APIRouter(include_in_schema=False)
STATES = ("owed", "open", "evidence_in", "met", "written_off")
KINDS = tuple(sorted((*partner_view.OBLIGATIONS, views.OF_A_FLAG)))


@router.get("/obligations")
async def obligations(request: Request, ground: GroundDep, caller: Visitor, after: lists.After = []) -> Response:  # noqa: B006
    """Obligations in the person's sight, by due moment."""
    allowed(caller, access.SEE_OBLIGATION)
    offices = await lists.offices(ground.pool, caller)
    kinds = KINDS if caller.may(access.see_sealed("weigh_partner_flag")) else tuple(partner_view.OBLIGATIONS)
    roles = tuple(sorted(PARTNER_ROLES if caller.of_partner else ROLES))
    asked = request.query_params.get
    until = lists.day(asked("due_to"))
    chosen = {
        "office": lists.one_of(asked("office"), offices),
        "kind": lists.one_of(asked("kind"), kinds),
        "owner_role": lists.one_of(asked("owner_role"), roles),
        "state": lists.one_of(asked("state"), STATES),
        "due_to": until.isoformat() if until else "",
        "overdue": "yes" if asked("overdue") else "",
    }
    found = await browse.obligations(
        ground.pool,
        views.scope_of(caller),
        office=chosen["office"] or None,
        kind=chosen["kind"] or None,
        owner_role=chosen["owner_role"] or None,
        state=chosen["state"] or "owed",
        overdue=True if chosen["overdue"] else None,
        due_to=browse.day_begins(until) if until else None,
        after=lists.last(after),
        limit=lists.PAGE,
    )
    shown = views.items(caller, "obligations", found).items
    known = sorted({row["office"] for row in shown if row.get("office")})
    zones = {office: (await people.of(ground.pool, office)).zone for office in known}
    zone = next(iter(zones.values())) if len(zones) == 1 else "UTC"
    t, f = texts(request), formats(request, zone)
    subjects = [] if caller.of_partner else [row["partner_subject"] for row in shown if row["partner_subject"]]
    named = await people.partners(ground.pool, subjects)
    rows = []
    for row in shown:
        case = row.get("reference") or (reference_of(row["subject"]) if kind_of(row.get("subject", "")) == "case" else "")
        words = sentences.obligation(row, t, f, to_partner=True) if caller.of_partner else ""
        who = office_and_partner(row["partner_subject"]) if row.get("partner_subject") else None
        rows.append({**row, "case": case, "words": words, "who": who, "partner_name": named.get(row.get("partner_subject") or "", "")})
    return page(
        request,
        "obligations.html",
        zone=zone,
        section="obligations",
        pager=lists.Pager("/obligations", list(chosen.items()), after, found.next),
        filters=chosen,
        offices=offices,
        kinds=kinds,
        roles=roles,
        states=STATES,
        obligations=rows,
    )
