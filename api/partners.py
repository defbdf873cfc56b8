"""One partner in one country as the caller may see it: clearance, elements with their source, exposure, what is owed, its cases.

The office's people see the vetting ledger less what is sealed to them; the partner's people see the checks as casebook 6 words them, their
own cash and what is owed, and nothing of screening, flags, stops of the confidential class or other organisations.
"""

from datetime import UTC, datetime
from typing import Any, cast

import asyncpg

from activities import browse, read
from api import partner_side, views
from api.caller import Caller
from api.problems import not_found
from db.sql import queries
from policy import access
from schemas.names import partner_subject

SQL = queries("pages")
Plain = dict[str, Any]
LATEST = 25
"""Cases and obligations that are shown at most; the lists have the others."""
FLAG = "flag:"


async def _rows(pool: asyncpg.Pool, name: str, *values: Any) -> list[Plain]:
    return [cast("Plain", read.plain(dict(row))) for row in await pool.fetch(SQL[name], *values)]


async def partner(pool: asyncpg.Pool, caller: Caller, office: str, identifier: str, *, at: datetime | None = None) -> Plain:
    """Raises `Problem` 404 where there is no such partner, or it is not the caller's to see.

    Both sides: subject, office, partner, what `browse.partners` says of it (its number of cases as cases_ever), ageing ([{currency, months, instalments, amount}]),
    cases and obligations (pages). Office: clearances, elements, flags, screening and hits (None, [] for whom they are not), blocks.
    Partner: elements ([{element, state, agency, until}]).
    """
    subject = partner_subject(office, identifier)
    scope = views.scope_of(caller)
    if not (caller.may(access.SEE_PARTNER, office) and scope.holds(office, subject)):
        raise not_found()
    page = await browse.partners(pool, scope, office=office, partner=identifier, limit=1)
    shown = views.items(caller, "partners", page).items
    if not shown or shown[0]["partner"] != identifier:  # a prefix finds longer ids too, but the shortest first
        raise not_found()
    now = at or datetime.now(UTC)
    common = {
        **shown[0],
        "cases_ever": shown[0]["cases"],
        "subject": subject,
        "ageing": await _rows(pool, "ageing", subject, now),
        "cases": views.items(caller, "cases", await browse.cases(pool, scope, office=office, partner=identifier, limit=LATEST)),
        "obligations": views.items(
            caller, "obligations", await browse.obligations(pool, scope, office=office, partner=identifier, limit=LATEST)
        ),
    }
    ledger = await _rows(pool, "elements", subject)
    if caller.of_partner:
        open_kinds = {row["kind"] for row in await _rows(pool, "open_kinds", subject)}
        owed = [{"kind": row["kind"], "due": (row["due_at"] or "")[:10] or None} for row in await _rows(pool, "owed_elements", subject)]
        return {"view": "partner", **common, "elements": partner_side.elements(ledger, open_kinds, owed)}
    return {"view": "office", **common, **await _inside(pool, caller, office, subject, ledger, scope, identifier)}


async def _inside(
    pool: asyncpg.Pool, caller: Caller, office: str, subject: str, ledger: list[Plain], scope: browse.Scope, identifier: str
) -> Plain:
    """What only the office's people see, as far as each of them may."""
    hits = caller.may(access.see_sealed("dispose_screening_hit"), office)
    flags = caller.may(access.see_sealed("weigh_partner_flag"), office)
    blocks = await browse.blocks(pool, scope, office=office, partner=identifier, limit=LATEST)
    clearances = await _rows(pool, "clearances", subject)
    for row in clearances:
        if not views.shows_element(row["limiting_element"] or "", hits=hits, flags=flags):
            row["limiting_element"] = views.WORD
    screening = await _rows(pool, "screening", subject) if hits else []
    open_to = [row for row in ledger if views.shows_element(row["element"], hits=hits, flags=flags)]
    return {
        "clearances": clearances if caller.may(access.SEE_CONFIDENTIAL, office) else views.masked(clearances),
        "elements": [row for row in open_to if not row["element"].startswith(FLAG)],
        "may_see_flags": flags,
        "flags": [row for row in open_to if row["element"].startswith(FLAG)],
        "screening": screening[0] if screening else None,
        "hits": await _rows(pool, "hits", subject) if hits else [],
        "blocks": views.items(caller, "blocks", blocks).items,
    }
