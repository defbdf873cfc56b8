"""Settling the vetting of a partner: hits, elements of the ledger, clearance, vendor and account.

Many cases share it, so who was waiting gets a hint whenever something is concluded. A hit is disposed of by people only; an element holds
what its verdict says, scored and dated by the rules; a clearance stands on every element at once. Personal and bank data never enter
an event: references and hashes do.
"""

from datetime import date
from typing import Any

import asyncpg

from activities import deferrals, ledger
from activities.guards import SQL as GUARDS
from activities.guards import screening_of
from activities.ledger import SQL
from activities.screen import BLOCK
from activities.settle_obligations import create
from activities.settling import Draft, Settling, judges, settles
from db import content
from db.content import canonical, sha256
from db.sql import queries
from policy import vetting
from schemas.engine import Opening
from schemas.names import block_id
from schemas.tasks import CATALOGUE

OBLIGATIONS = queries("obligations")

ALL_LEVELS = ("full", "emergency")
VENDOR_TASKS = frozenset({"set_up_vendor", "confirm_bank_account"})
AGAIN = ":again"
"""Ends the `whom` of a disposition that the second person sent back."""

# What the rows add to who may: people and duties are judged for every decision ----------------------------------------------------


@judges("dispose_screening_hit", "second_check_hit")
async def the_hit_of_the_task(s: Settling) -> None:
    """The hit is there, in the state that the task is about."""
    hit = _hit_of(s)
    row = await s.db.fetchrow(SQL["hit"], s.batch.subject, hit)
    if row is None:
        s.refuse("hit_unknown", f"The record has no hit {hit}.", path="$.task")
        return
    if s.data.get("hit") not in (None, hit):
        s.refuse("other_hit", f"The task is about the hit {hit}, not {s.data['hit']}.", path="$.data.hit")
    wanted = "second_check" if s.task is not None and s.task.kind == "second_check_hit" else "open"
    if row["state"] != wanted:
        s.refuse("hit_disposed", f"The hit is {row['state'].replace('_', ' ')}.", path="$.task", next_step="See `pca show`.")


@judges("assess_hact")
async def may_assume_high(s: Settling) -> None:
    """High risk is assumed by who the pack names (PCA 8.9(b))."""
    if s.decision is None or s.decision.verdict != "assume_high":
        return
    pack = await s.pack()
    allowed = pack["hact.assume_high_roles"]
    if s.decision.role not in allowed:
        s.refuse(
            "wrong_role",
            f"High risk is assumed by {' or '.join(allowed)}.",
            path="$.role",
            source=pack.source("hact.assume_high_roles"),
        )


# Hits ------------------------------------------------------------------------------------------------------------------------------


@settles("screening.second_check_asked")
async def second_check(s: Settling, event: Draft) -> None:
    """A likeness as strong as this, or cash outstanding: a second person looks."""
    event.data.setdefault("hit", _hit_of(s))
    s.append("screening.hit_disposed", {"hit": event.data["hit"], "verdict": "second_check"})


@settles("screening.hit_reopened")
async def reopened(s: Settling, event: Draft) -> None:
    event.data.setdefault("hit", _hit_of(s))
    s.append("screening.hit_disposed", {"hit": event.data["hit"], "verdict": "open"})


@settles("screening.hit_disposed")
async def disposed(s: Settling, event: Draft) -> None:
    """A false positive needs its second person where the pack says so; the stop that the hit put up goes with the hit."""
    hit, verdict = event.data["hit"], event.data["verdict"]
    row = await s.db.fetchrow(SQL["hit"], s.batch.subject, hit)
    if row is None:
        s.refuse("hit_unknown", f"The record has no hit {hit}.")
        return
    event.data["reason_code"] = "sanctions"
    if verdict not in ("false_positive", "true_match"):
        return
    pack = await s.pack()
    if verdict == "false_positive":
        second = row["score"] >= pack.number("screening.second_check") or await s.db.fetchval(SQL["cash_outstanding"], s.batch.subject)
        if second and row["state"] != "second_check":
            s.refuse("second_check_required", "A second person must agree first.", source=pack.source("screening.second_check"))
        block = block_id(s.batch.subject, BLOCK, hit)
        if any(stop["id"] == block for stop in await s.db.fetch(GUARDS["blocks_in_force"], [s.batch.subject])):
            s.append("case.suspension_lifted", {"lifts": [block], "restored_to": ""})
    await _hint_everybody(s)


def _hit_of(s: Settling) -> str:
    return s.task.whom.removesuffix(AGAIN) if s.task is not None else str(s.data.get("hit", ""))


# Elements --------------------------------------------------------------------------------------------------------------------------


@settles("vetting.element_recorded", locks=("partner",))
async def element_recorded(s: Settling, event: Draft) -> None:
    """What the verdict puts into the ledger: result, source and validity come from the scorers, never from the sender.

    Events that bring a result of their own (facts of an intake, a conflict of interest) stand as they are.
    """
    kind = event.data.get("task") or (s.task.kind if s.task is not None else "")
    if "result" in event.data or kind not in vetting.ELEMENTS or s.decision is None:
        return
    pack, day = await s.pack(), await s.today()
    data = s.payload.model_dump() if s.payload is not None else {}
    for name in ("assessed_on", "verified_on", "signed_on", "issued_on"):
        if data.get(name) and data[name] > day:  # before anything is computed from it
            s.refuse("date_in_future", f"{data[name]} is in the future.", path=f"$.data.{name}", next_step="Correct the date.")
            return
    pca_end = (await ledger.read(s.db, s.batch.subject, pack)).pca_end
    outcome = vetting.record(kind, s.decision.verdict, data, day, pack, pca_end=pca_end)
    s.add(*outcome.findings)
    if outcome.element is None:
        return
    details: dict[str, Any] = {"verdict": s.decision.verdict, "role": s.decision.role, "failed": data.get("failed")}
    for name in ("country_reason", "document", "sha256", "assessment_planned_on", "method"):
        value = data.get(name)
        details[name] = value.isoformat() if isinstance(value, date) else value
    if kind == "sign_partner_declaration":
        details["conflicts"] = len(data.get("conflicts", ()))
        details.pop("document")  # a file name may name a person; the hash is enough
    event.data = {**ledger.recorded(outcome.element, **details), "task": kind}
    if outcome.element.source in ("assumed", "deferred") and s.batch.track == "emergency":
        await deferrals.postpone(s, outcome.element.element, source=outcome.element.source, rating=outcome.element.rating)
    elif outcome.element.element == "psea" and outcome.element.rating in ("moderate", "high") and s.decision.verdict == "rate":
        rated = outcome.element.assessed_on.isoformat() if outcome.element.assessed_on else ""
        cases = tuple(row["subject"] for row in await s.db.fetch(OBLIGATIONS["partner_cases"], event.subject))
        anchors, rating = {"rated": day}, outcome.element.rating
        await create(s, "psea_strengthening_plan", event.subject, what=rated, anchors=anchors, reason=rating, cases=cases)


@settles("partner.flag_weighed", locks=("partner",))
async def flag_weighed(s: Settling, event: Draft) -> None:
    """A risk that is accepted to a day is weighed again by then; weighing it meets what was owed before."""
    event.data["valid_until"] = s.data.get("expires_on")
    flag, until = event.data["flag"], s.data.get("expires_on")
    for row in await s.db.fetch(OBLIGATIONS["obligations_of_kind"], event.subject, "risk_acceptance_expiry"):
        if row["data"].get("flag") == flag:
            s.append("obligation.met", {"obligation": row["id"], "by": f"weigh_partner_flag:{event.data['verdict']}"}, event.subject)
    if event.data["verdict"] == "accept_risk" and until:
        what = f"{flag}:{until}"
        anchors = {"given": date.fromisoformat(str(until))}
        await create(s, "risk_acceptance_expiry", event.subject, what=what, anchors=anchors, reason="risk_accepted", data={"flag": flag})


@settles("vetting.started")
async def started(s: Settling, event: Draft) -> None:
    """For whom, and what is still needed."""
    event.data["cases"] = [row["case"] for row in await s.db.fetch(SQL["waiting"], s.batch.subject)]


@settles("vetting.information_requested")
async def information_requested(_s: Settling, event: Draft) -> None:
    """How much is asked for; the words stay with the decision's data."""
    event.data["items"] = len(event.data.get("items") or ())


@settles("vetting.information_provided")
async def information_provided(s: Settling, event: Draft) -> None:
    """What is answered opens again what did not come out right, so that it can; without an answer the file decides."""
    event.data["items"] = len(event.data.get("items") or ())
    if event.data.get("verdict") != "provide":
        return
    pack, day = await s.pack(), await s.today()
    book = await ledger.read(s.db, s.batch.subject, pack)
    for need in book.needs("full", day, pack):
        if need.state in ("negative", "expired") and need.task in CATALOGUE and need.element not in vetting.OF_THE_MOMENT:
            s.open(Opening(kind=need.task, whom=await next_whom(s.db, s.batch.subject, need.task), candidates=candidates(need.task, book)))


async def next_whom(conn: asyncpg.Connection, subject: str, kind: str) -> str:
    """What tells this task of its kind from those before: nothing the first time, then the moment the last one was closed."""
    rows = await conn.fetch(SQL["tasks_of_kind"], subject, kind)
    if not rows:
        return ""
    for row in rows:
        if row["state"] == "open":
            return str(row["whom"])
    return f"after-{max(row['closed_at'] for row in rows):%Y%m%dT%H%M%S}"


def candidates(kind: str, book: ledger.Ledger) -> list[str]:
    """The people of the partner who are asked; office tasks go to whoever has the role."""
    partner = book.partner
    match kind:
        case "sign_partner_declaration":
            return sorted(officer.actor for officer in partner.officers)
        case "provide_registration":
            return sorted(person.actor for person in partner.focal_points)
        case _:
            return []


# Clearance -------------------------------------------------------------------------------------------------------------------------


@settles("clearance.granted")
async def granted(s: Settling, event: Draft) -> None:
    """Every element in validity and positive, the screening fresh and no hit open: else one finding for each, all at once."""
    if event.data.get("source") == "intake":
        return
    pack, day = await s.pack(), await s.today()
    level = event.data["level"]
    book = await ledger.read(s.db, s.batch.subject, pack)
    standing = await screening_of(s.db, s.batch.subject, s.at, pack)
    deferring = [item["element"] for item in s.data.get("deferrals", [])]
    for element in deferring if level == "full" else ():
        s.refuse(
            "full_takes_no_deferral", f"{element} cannot be postponed for a full clearance.", path="$.data.deferrals", source="stages 4"
        )
    s.add(
        *vetting.check_conclusion(
            book.required,
            book.lines,
            level,
            day,
            pack,
            open_hits=len(standing.open_hits) + len(standing.true_matches),
            screening_fresh=standing.fresh,
            deferring=deferring,
            high_assumed_by_head=book.high_assumed_by_head,
        )
    )
    for flag in book.flags:
        s.refuse("flag_open", f"The flag {flag} is not weighed.", path=f"$.elements.flag:{flag}", source="casebook 1, task 10")
    needed = {need.element for need in vetting.needs(book.required, book.lines, "full", day, pack)}
    for element in deferring:
        if element not in needed:
            s.refuse(
                "nothing_to_defer",
                f"{element} is in validity or not needed.",
                path="$.data.deferrals",
                source="stages 4",
                next_step="Leave it out.",
            )
    if any(finding.severity == "refusal" for finding in s.findings):
        return
    for element in deferring:
        await deferrals.postpone(s, element, concluding=True)
    found = vetting.clearance(book.required, book.lines, level)
    event.data |= {
        "valid_until": found.valid_until.isoformat() if found.valid_until else None,
        "limiting_element": found.limiting_element or None,
        "conditions": [await _condition(s, condition) for condition in s.data.get("conditions", [])],
        "deferrals": sorted({*deferring, *(found.deferred if level == "emergency" else ())}),
    }
    if not await vendor_needed(s.db, s.batch.subject):
        s.leave_out("vendor")
    await _hint_waiting(s)


async def _condition(s: Settling, condition: dict[str, Any]) -> dict[str, Any]:
    """A condition of clearance: its words stay in the content store."""
    text = await content.put(s.db, condition["text"], by=s.actor)
    return {**{name: condition.get(name) for name in ("owner_role", "due", "gate")}, "text_sha256": text.sha256}


@settles("clearance.refused")
async def refused(s: Settling, event: Draft) -> None:
    """For every level; every case that waits is told, and follows."""
    levels = event.data.get("levels", "all")
    said = s.decision
    message = said.message_to_partner if said is not None else None
    event.data |= {
        "levels": list(ALL_LEVELS) if levels == "all" else levels,
        "reason_code": event.data.get("reason_code") or (said.reason_code if said is not None else None) or "other",
        "message_sha256": None if message is None else sha256(message) if isinstance(message, str) else message.sha256,
        "cases": [row["case"] for row in await s.db.fetch(SQL["waiting"], s.batch.subject)],
    }
    await _hint_everybody(s)


async def _hint_waiting(s: Settling) -> None:
    for row in await s.db.fetch(SQL["waiting"], s.batch.subject):
        s.hint(row["workflow"])


async def _hint_everybody(s: Settling) -> None:
    """Also the cases that no longer wait: what was concluded of their partner concerns them."""
    await _hint_waiting(s)
    for row in await s.db.fetch(SQL["cases_of"], s.batch.subject):
        if row["status"] in ("in_approval", "in_signature", "signed", "active", "ended"):
            s.hint(row["workflow"])


async def vendor_needed(conn: asyncpg.Connection, subject: str) -> bool:
    """Whether vendor or account are unconfirmed and nobody is at it."""
    vendor = await conn.fetchrow(GUARDS["vendor_row"], subject)
    if vendor is not None and vendor["confirmed_at"] is not None:
        return False
    return all(row["kind"] not in VENDOR_TASKS for row in await conn.fetch(SQL["open_tasks"], subject))


# Vendor and account -----------------------------------------------------------------------------------------------------------------


@settles("vendor.account_changed")
async def account_changed(s: Settling, event: Draft) -> None:
    """The account by its reference, and the hash by which a later change shows. Who holds it stays with the decision's data."""
    event.data.pop("account_holder", None)
    old = await s.db.fetchrow(GUARDS["vendor_row"], event.subject)
    event.data["old_hash"] = old["account_hash"] if old is not None else None
    if event.data["result"] == "set_up":
        event.data |= {name: s.data[name] for name in ("vendor_number", "account_ref", "currency", "bank_country") if name in s.data}
        event.data["account_hash"] = account_hash(event.data["account_ref"])


@settles("vendor.confirmed")
async def confirmed(s: Settling, event: Draft) -> None:
    """What the second person stands for is what the first one set up; the cases that wait to be signed are told."""
    if event.data.get("source") == "intake":
        return
    vendor = await s.db.fetchrow(GUARDS["vendor_row"], s.batch.subject)
    if vendor is None:
        s.refuse("no_vendor", "No vendor is set up for this partner.")
        return
    event.data |= {name: vendor[name] for name in ("vendor_number", "account_ref", "account_hash", "currency", "bank_country")}
    await _hint_everybody(s)


def account_hash(account_ref: str) -> str:
    """Hash by which an account is told from another; the number itself never comes here."""
    return sha256(canonical({"account": account_ref}))
