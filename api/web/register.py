"""The register: cases by filter and order, page by page. For a partner its own cases, with the labels that are meant for it."""

from collections.abc import Mapping
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import Response

from activities import browse
from api import views
from api.app import GroundDep
from api.listing import allowed
from api.web import lists, people
from api.web.frame import Visitor, page
from policy import access, partner_view
from policy.transitions import CASE_STATUSES, ENDS

router = APIRouter(include_in_schema=False)
TRACKS = ("standard", "emergency")
STAGES = ("vetting", "document", "review", "approval", "cash")
HOLDERS = ("office", "partner", "external")
LABELS: Mapping[str, str] = {row.label: name for name, row in partner_view.TABLE.items()}
"""The public label of a case to the row of casebook 6 that it stands in: what texts of other languages are found by."""


@router.get("/register")
async def register(request: Request, ground: GroundDep, caller: Visitor, after: lists.After = []) -> Response:  # noqa: B006
    """Cases in the person's sight."""
    allowed(caller, access.SEE_REGISTER)
    offices = await lists.offices(ground.pool, caller)
    asked = request.query_params.get
    chosen = {
        "office": lists.one_of(asked("office"), offices),
        "status": lists.one_of(asked("status"), CASE_STATUSES),
        "track": lists.one_of(asked("track"), TRACKS),
        "stage": lists.one_of(asked("stage"), STAGES),
        "holder": lists.one_of(asked("holder"), HOLDERS),
        "partner": lists.code(asked("partner")),
        "reference": lists.code(asked("reference")),
        "overdue": "yes" if asked("overdue") else "",
        "mine": "yes" if asked("mine") and not caller.of_partner else "",
        "sort": lists.one_of(asked("sort"), browse.REGISTER),
    }
    now = datetime.now(UTC)
    # what is overdue comes first by due moment, and in no other order
    sort = "next_due" if chosen["overdue"] else chosen["sort"] or "reference"
    found = await browse.cases(
        ground.pool,
        views.scope_of(caller),
        status=[chosen["status"]] if chosen["status"] else (),
        track=chosen["track"] or None,
        stage=chosen["stage"] or None,
        office=chosen["office"] or None,
        partner=chosen["partner"] or None,
        holder=chosen["holder"] or None,
        reference=chosen["reference"] or None,
        focal_point=caller.actor if chosen["mine"] else None,
        sort=sort,
        after=lists.last(after),
        limit=lists.PAGE,
    )
    found = lists.as_of_now(found, bool(chosen["overdue"]), now)
    shown = views.items(caller, "cases", found).items
    pager = lists.Pager("/register", list(chosen.items()), after, found.next)
    context = {
        "section": "own_cases" if caller.of_partner else "register",
        "pager": pager,
        "filters": chosen,
        "sort": sort,
        "sorts": list(browse.REGISTER),
        "offices": offices,
        "statuses": CASE_STATUSES,
        "tracks": TRACKS,
        "stages": STAGES,
        "holders": HOLDERS,
    }
    if caller.of_partner:
        rows = [{**case, "row": LABELS[case["label"]]} for case in shown]
        statuses = [status for status in CASE_STATUSES if status in partner_view.TABLE]
        return page(request, "partner_register.html", **{**context, "cases": rows, "statuses": statuses})
    known = {office: await people.of(ground.pool, office) for office in sorted({case["office"] for case in shown})}
    return page(
        request,
        "register.html",
        zone=next(iter(known.values())).zone if len(known) == 1 else "UTC",
        **context,
        cases=[{**case, "overdue": case["next_due"] is not None and datetime.fromisoformat(case["next_due"]) < now} for case in shown],
        partners=await people.partners(ground.pool, [case["partner_subject"] for case in shown]),
        ended=ENDS,
        names={actor: name for office in known.values() for actor, name in office.names.items()},
        csv="" if chosen["overdue"] or not caller.may(access.EXPORT_REGISTER) else _csv(pager, caller.actor),
    )


def _csv(pager: lists.Pager, actor: str) -> str:
    """The same list as a file: under the names that the resource of `/v1` knows."""
    names = {"mine": "focal_point"}
    filters = [(names.get(name, name), actor if name == "mine" and value else value) for name, value in pager.filters]
    return lists.Pager("/v1/cases.csv", filters, (), None).address()
