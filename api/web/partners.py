"""Partners: which there are, and one with its clearance, elements, exposure, obligations and cases (`api/partners.py` says how far)."""

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from activities import browse
from api import partners as record
from api import views
from api.app import GroundDep
from api.listing import allowed
from api.web import lists, people, sentences
from api.web.frame import Visitor, formats, page, texts
from api.web.register import LABELS
from api.web.texts import Formats, Texts
from policy import access

router = APIRouter(include_in_schema=False)
Plain = dict[str, Any]
STATES = ("granted", "refused")


@router.get("/partners")
async def partners(request: Request, ground: GroundDep, caller: Visitor, after: lists.After = []) -> Response:  # noqa: B006
    """Partners in the person's sight; the partner's people are led to their own."""
    allowed(caller, access.SEE_PARTNER)
    if len(caller.partners) == 1:
        _, office, identifier = next(iter(caller.partners)).split(":", 2)
        return RedirectResponse(f"/partners/{office}/{quote(identifier)}", 303)
    offices = await lists.offices(ground.pool, caller)
    asked = request.query_params.get
    chosen = {
        "office": lists.one_of(asked("office"), offices),
        "partner": lists.code(asked("partner")),
        "clearance": lists.one_of(asked("clearance"), STATES),
    }
    found = await browse.partners(
        ground.pool,
        views.scope_of(caller),
        office=chosen["office"] or None,
        partner=chosen["partner"] or None,
        clearance=chosen["clearance"] or None,
        after=lists.last(after),
        limit=lists.PAGE,
    )
    shown = views.items(caller, "partners", found).items
    subjects = [f"partner:{row['office']}:{row['partner']}" for row in shown]
    named = await people.partners(ground.pool, subjects)
    return page(
        request,
        "partners.html",
        section="partners",
        pager=lists.Pager("/partners", list(chosen.items()), after, found.next),
        filters=chosen,
        offices=offices,
        states=STATES,
        partners=[{**row, "name": named.get(subject, "")} for row, subject in zip(shown, subjects, strict=True)],
    )


@router.get("/partners/{office}/{identifier:path}")
async def partner(request: Request, ground: GroundDep, caller: Visitor, office: str, identifier: str) -> Response:
    """One partner."""
    found = await record.partner(ground.pool, caller, office, identifier)
    place = await people.of(ground.pool, office)
    t, f = texts(request), formats(request, place.zone)
    names = await people.partners(ground.pool, [found["subject"]])
    common: Plain = {
        "zone": place.zone,
        "section": "own_partner" if caller.of_partner else "partners",
        "partner": found,
        "partner_name": names.get(found["subject"]) or identifier,
        "ageing": [[row["currency"], t.of("months", row["months"].replace(" ", "_")), str(row["instalments"]),
                    f.money(row["amount"], row["currency"])] for row in found["ageing"]],
        "owed": [_owed(row, t, f, to_partner=caller.of_partner) for row in found["obligations"].items],
    }  # fmt: skip
    if caller.of_partner:
        rows = [{**case, "row": LABELS[case["label"]]} for case in found["cases"].items]
        return page(request, "partner_own.html", **common, cases=rows)
    hits = [[hit["list_entry"], f.number(hit["score"]), t.of("state", hit["state"])] for hit in found["hits"]]
    return page(request, "partner.html", **common, names=place.names, hits=hits)


def _owed(row: Plain, t: Texts, f: Formats, *, to_partner: bool) -> Plain:
    return {**row, "words": sentences.obligation(row, t, f, to_partner=True) if to_partner else ""}
