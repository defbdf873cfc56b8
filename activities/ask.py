"""A case asks for what many cases share: granted, or entered as waiting, or refused for good.

One transaction under the locks of the case and of what it asks for, so that a conclusion and a question never miss each other: either the
question sees the conclusion, or the conclusion sees who waits. What the case's own facts say of the partner is put into the ledger
first. Asked again, it answers as the record stands; nothing is written twice. This module must never conclude a vetting.
"""

from datetime import date
from typing import cast

import asyncpg

from activities import deferrals, ledger, versions
from activities.chronicle import Chronicle
from activities.guards import SQL as GUARDS
from activities.ledger import SATISFIES, SQL
from activities.screen import vetting_start
from activities.settle_vetting import account_hash
from activities.view import CaseUnknown, view_of
from db import content
from db.events import Chains
from db.sql import queries
from policy import vetting
from policy.calendar import Calendar
from policy.pack import Pack
from schemas.engine import Ask, Asked, Batch, Cause, Start
from schemas.findings import Finding
from schemas.intake import Intake
from schemas.names import reference_of

CASE = queries("case")

Row = asyncpg.Record


async def ask(pool: asyncpg.Pool, what: Ask) -> Asked:
    """Answer the case `what.subject`. Raises `CaseUnknown`."""
    async with pool.acquire() as conn, conn.transaction():
        return await _asked(cast("asyncpg.Connection", conn), what)


async def _asked(conn: asyncpg.Connection, what: Ask) -> Asked:
    shared = await conn.fetchrow(CASE["case_row"], what.subject)
    if shared is None:
        raise CaseUnknown(what.subject)
    subject = shared["partner_subject" if what.need == "vetting" else "umbrella"]
    chains = Chains(conn)
    await chains.lock([what.subject, subject])
    case = await conn.fetchrow(CASE["case_row"], what.subject)
    assert case is not None
    batch = Batch(
        key=f"{what.subject}:ask:{what.need}",
        subject=what.subject,
        stage="vetting" if what.need == "vetting" else "case",
        at=what.at,
        clock=what.clock,
        track=(await view_of(conn, what.subject)).track,
    )
    chronicle = Chronicle(conn, chains, batch)
    answer = await _vetting(chronicle, case, what) if what.need == "vetting" else await _umbrella(chronicle, case)
    return answer.model_copy(update={"view": await view_of(conn, what.subject)})


# Vetting -----------------------------------------------------------------------------------------------------------------------------


async def _vetting(write: Chronicle, case: Row, what: Ask) -> Asked:
    conn, subject = write.conn, case["partner_subject"]
    pack = await versions.pack_in_force(conn, write.batch.track, what.at.date())
    office = await versions.office_in_force(conn, case["office"], what.at.date())
    day = Calendar.of(office, pack).local_date(what.at)
    intake = await content.intake(conn, reference_of(case["subject"]))
    await _seed(write, subject, intake, pack)
    clearances = {row["level"]: row for row in await conn.fetch(SQL["clearances"], subject)}
    waiting = await conn.fetch(SQL["waiting"], subject)
    mine = next((row for row in waiting if row["case"] == case["subject"]), None)

    refused = clearances.get(what.level)
    if ledger.refusal_stands(refused, mine["since"] if mine else case["received_at"]):
        assert refused is not None
        if mine is not None:
            await write.append(subject, "waiting.left", {"case": case["subject"]})
        return Asked(state="refused", cause=await _cause(conn, subject), reason_code=refused["reason_code"] or "other")

    standing = next((row for level in SATISFIES[what.level] if _stands(row := clearances.get(level), day)), None)
    if standing is None and (level := await _granted_before(write, subject, intake, what.level, day, pack)):
        clearances = {row["level"]: row for row in await conn.fetch(SQL["clearances"], subject)}
        standing = clearances[level]
    if standing is not None:
        return await _granted(write, case, subject, standing, mine)

    if mine is None or mine["level"] != what.level:
        if waiting and mine is None:
            await write.append(subject, "vetting.joined", {"case": case["subject"], "level": what.level})
        await write.append(subject, "waiting.entered", {"case": case["subject"], "level": what.level})
    # A worker may have died between this transaction and the start of the vetting: asking again starts it again, or does no harm.
    return Asked(state="waiting", starts=[await _start(write, subject)])


async def _granted(write: Chronicle, case: Row, subject: str, standing: Row, mine: Row | None) -> Asked:
    """The clearance that stands serves this case; one that was concluded while it waited was its own, not a reused one.

    A case on the fast path relies on what is postponed: it takes over what is owed, with its due dates.
    """
    conn = write.conn
    fast = case["track"] == "emergency"
    if mine is not None:
        await write.append(subject, "waiting.left", {"case": case["subject"]})
    asked_at = await conn.fetchval(SQL["first_waited"], subject, case["subject"])
    own = asked_at is not None and standing["granted_at"] >= asked_at
    early = ("received", "vetting", "drafting") if fast else ("received", "vetting")
    if not own and case["status"] in early and not await conn.fetchval(SQL["reused_by"], case["subject"]):
        limiting = standing["limiting_element"]
        data = {"clearance": standing["level"], "granted_at": standing["granted_at"].isoformat(), "limiting_element": limiting}
        if fast:
            data["still_needed"] = await deferrals.elements(conn, subject)
            if await conn.fetch(SQL["open_tasks"], subject):
                await write.append(subject, "vetting.joined", {"case": case["subject"], "level": standing["level"]})
        await write.append(case["subject"], "clearance.reused", data)
    for owed in await deferrals.owed(conn, subject) if fast else ():
        if case["subject"] not in owed["cases"]:
            await write.append(subject, "obligation.joined", {"obligation": owed["id"], "case": case["subject"]})
    vendor = await conn.fetchrow(GUARDS["vendor_row"], subject)
    confirmed = vendor is not None and vendor["confirmed_at"] is not None
    return Asked(
        state="granted",
        cause=await _cause(conn, subject) if own else Cause(),
        starts=[] if confirmed else [await _start(write, subject)],  # vendor and account are part of the way to the first payment
    )


async def _seed(write: Chronicle, subject: str, intake: Intake, pack: Pack) -> None:
    """What the facts of this case say of the partner, where the ledger holds nothing or something older."""
    rows = {row["element"]: row for row in await write.conn.fetch(SQL["elements"], subject)}
    partner = intake.partner
    for line in vetting.from_intake(partner, pack, pca_end=partner.pca.end if partner.pca else None):
        if ledger.newer(line, rows.get(line.element)):
            await write.append(subject, "vetting.element_recorded", ledger.recorded(line, intake=reference_of(write.batch.subject)))
    vendor = partner.vendor
    if vendor is not None and vendor.confirmed and await write.conn.fetchrow(GUARDS["vendor_row"], subject) is None:
        await write.append(
            subject,
            "vendor.confirmed",
            {
                "vendor_number": vendor.vendor_number,
                "account_ref": vendor.account_ref,
                "account_hash": account_hash(vendor.account_ref),
                "currency": vendor.currency or intake.document.currency,
                "bank_country": vendor.bank_country or None,
                "source": "intake",
            },
        )


async def _granted_before(write: Chronicle, subject: str, intake: Intake, level: str, day: date, pack: Pack) -> str | None:
    """A clearance that the office gave before the engine knew the partner, if it is still in force: entered once. Its level, or None."""
    given = intake.partner.standing_clearance
    if given is None or given.level not in SATISFIES[level]:
        return None
    found = vetting.clearance(*(await _book(write, subject, pack)), given.level)
    until = given.valid_until or found.valid_until
    if until is not None and day > until:
        return None
    await write.append(
        subject,
        "clearance.granted",
        {
            "level": given.level,
            "granted_on": given.granted_on.isoformat(),
            "valid_until": until.isoformat() if until else None,
            "limiting_element": given.limiting_element or found.limiting_element or None,
            "conditions": [],
            "source": "intake",
        },
    )
    return given.level


async def _book(write: Chronicle, subject: str, pack: Pack) -> tuple[tuple[str, ...], tuple[vetting.Element, ...]]:
    book = await ledger.read(write.conn, subject, pack)
    return book.required, book.lines


def _stands(row: Row | None, day: date) -> bool:
    return row is not None and row["state"] == "granted" and (row["valid_until"] is None or day <= row["valid_until"])


async def _cause(conn: asyncpg.Connection, subject: str) -> Cause:
    """The decision that concluded the vetting."""
    row = await conn.fetchrow(SQL["conclusion"], subject)
    return Cause(task=row["task"], actor=row["actor"]) if row is not None else Cause()


async def _start(write: Chronicle, subject: str) -> Start:
    return await vetting_start(write.conn, subject, track=write.batch.track, clock=write.batch.clock)


# Umbrella ----------------------------------------------------------------------------------------------------------------------------


async def _umbrella(write: Chronicle, case: Row) -> Asked:
    """The PCA of the case: there when signed, waited for while in draft or suspended; when it is over, another one is needed."""
    subject = case["umbrella"]
    row = await write.conn.fetchrow(GUARDS["umbrella_row"], subject)
    status = row["status"] if row is not None else "none"
    waits = await write.conn.fetchval(CASE["waits"], subject, case["subject"])
    if status in ("draft", "suspended"):
        if not waits:
            await write.append(subject, "waiting.entered", {"case": case["subject"], "level": "signed"})
        return Asked(state="waiting")
    if waits:
        await write.append(subject, "waiting.left", {"case": case["subject"]})
    if status == "signed":
        return Asked(state="granted")
    over = Finding(rule="no_pca", message=f"The PCA of this partner is {status}.", source="stages 1", next_step="A new PCA is needed.")
    return Asked(state="refused", reason_code="eligibility", findings=[over])
