"""What a form begins with: what the record knows already, so that nobody types a hash or an amount twice. The record judges."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

import asyncpg

from db.sql import queries
from worker import forms

SQL = queries("web")
Plain = dict[str, Any]


def business_time(facts: asyncpg.Record | None) -> datetime:
    """Now, by the clock of the case."""
    return datetime.now(UTC) + ((facts["offset"] if facts is not None else None) or timedelta(0))


def _instalment(whom: str) -> int:
    first = whom.split("-")[0]
    return int(first) if first.isdigit() else 1


def masked(account: str | None) -> str | None:
    """An account as a form shows it: by its last four characters (casebook 6)."""
    return f"ending-{account[-4:]}" if account else None


def resolved(data: Plain, facts: asyncpg.Record | None) -> Plain:
    """The data with the account that its mask stands for: nobody has to know the reference to ask for cash."""
    face = data.get("face")
    if facts is None or not isinstance(face, dict) or face.get("account_ref") is None:
        return data
    account = facts["account_ref"] if face["account_ref"] == masked(facts["account_ref"]) else face["account_ref"]
    return {**data, "face": {**face, "account_ref": account}}


def _lines(amounts: Mapping[str, Decimal]) -> list[Plain]:
    return [{"activity": line, "amount": str(amount)} for line, amount in amounts.items() if amount > 0]


async def values(pool: asyncpg.Pool, facts: asyncpg.Record, task: Mapping[str, Any], verdict: str, *, zone: str, actor: str) -> Plain:
    """The data that the verdict's form begins with. `facts`: the row of `web.facts` of a case that the task serves."""
    today = business_time(facts).astimezone(ZoneInfo(zone)).date()
    suggest = SUGGESTIONS.get((task["kind"], verdict)) or SUGGESTIONS.get((task["kind"], "")) or SUGGESTIONS.get(("", verdict))
    return await suggest(pool, facts, task, today, actor) if suggest else {}


async def _version(_pool: Any, facts: asyncpg.Record, _task: Any, _today: date, _actor: str) -> Plain:
    return {"version": facts["document_version"] or 1, "sha256": facts["document_sha256"]}


async def _accepted(_pool: Any, facts: asyncpg.Record, _task: Any, _today: date, _actor: str) -> Plain:
    return {"sha256": facts["document_sha256"]}


async def _deferrals(pool: asyncpg.Pool, facts: asyncpg.Record, _task: Any, _today: date, _actor: str) -> Plain:
    return {"deferrals_seen": [row["element"] for row in await pool.fetch(SQL["postponed"], facts["partner_subject"])]}


async def _signed(_pool: Any, facts: asyncpg.Record, _task: Any, today: date, _actor: str) -> Plain:
    common = {"signed_on": str(today), "method": "electronic"}
    objects = [{"object": "document", "sha256": facts["document_sha256"], **common}]
    return {"objects": [{"object": "pca", "reference": facts["pca"], **common}, *objects] if facts["carries"] else objects}


async def _reserved(_pool: Any, facts: asyncpg.Record, _task: Any, _today: date, _actor: str) -> Plain:
    return {"vendor_number": facts["vendor_number"], "currency": facts["currency"], "amount": str(facts["office_cash"])}


async def _requested(pool: asyncpg.Pool, facts: asyncpg.Record, task: Mapping[str, Any], today: date, actor: str) -> Plain:
    period = _instalment(task["whom"])
    subject = facts["subject"]
    needs = await (forms.first_request(pool, subject) if period == 1 else forms.period_need(pool, subject, period))
    face = {
        "period": period, "modality": await forms.modality(pool, subject), "currency": facts["currency"], "lines": _lines(needs),
        "account_ref": masked(facts["account_ref"]),
    }  # fmt: skip
    return {"face": face, "signed_by": actor, "signed_on": str(today)}


async def _asked(pool: asyncpg.Pool, facts: asyncpg.Record, task: Mapping[str, Any], _today: date, _actor: str) -> Plain:
    row = await pool.fetchrow(SQL["instalment"], facts["subject"], _instalment(task["whom"]))
    return {"lines": (row["certified_lines"] or row["lines"]) if row else []}


async def _released(pool: asyncpg.Pool, facts: asyncpg.Record, task: Mapping[str, Any], today: date, _actor: str) -> Plain:
    row = await pool.fetchrow(SQL["instalment"], facts["subject"], _instalment(task["whom"]))
    passed = [row[name] for name in ("certified", "checked") if row[name] is not None] if row else []
    return {"amount": str(min(passed)) if passed else None, "value_date": str(today)}


async def _reported(pool: asyncpg.Pool, facts: asyncpg.Record, task: Mapping[str, Any], today: date, actor: str) -> Plain:
    row = await pool.fetchrow(SQL["instalment"], facts["subject"], _instalment(task["whom"]))
    lines = (row["checked_lines"] or row["certified_lines"] or row["lines"]) if row else []
    return {"lines": lines, "refunds": "0.00", "signed_by": actor, "signed_on": str(today)}


async def _reviewed(pool: asyncpg.Pool, facts: asyncpg.Record, task: Mapping[str, Any], _today: date, _actor: str) -> Plain:
    row = await pool.fetchrow(SQL["report"], facts["subject"], _instalment(task["whom"]))
    lines = cast("list[Plain]", row["lines"] or []) if row else []
    return {"lines": [{"activity": line["activity"], "accepted": line["amount"], "rejected": "0.00"} for line in lines]}


async def _hit(_pool: Any, _facts: Any, task: Mapping[str, Any], _today: date, _actor: str) -> Plain:
    return {"hit": str(task["whom"]).removesuffix(":again")}


async def _annex(_pool: Any, _facts: Any, task: Mapping[str, Any], _today: date, _actor: str) -> Plain:
    return {"annex": task["whom"]}


async def _signing(_pool: Any, _facts: Any, _task: Any, today: date, actor: str) -> Plain:
    return {"signed_by": actor, "signed_on": str(today)}


SUGGESTIONS: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("", "send_to_partner"): _version,
    ("", "return_to_office"): _version,
    ("office_turn", "accept"): _accepted,
    ("partner_turn", "accept"): _accepted,
    ("", "accept_on_behalf"): _accepted,
    ("", "accept_and_submit"): _accepted,
    ("approve_document", "approve"): _deferrals,
    ("sign_as_partner", "sign"): _signed,
    ("sign_for_office", "sign"): _signed,
    ("sign_partner_declaration", "sign"): _signing,
    ("reserve_funds", ""): _reserved,
    ("request_cash", "submit"): _requested,
    ("", "certify_reduced"): _asked,
    ("", "pass_reduced"): _asked,
    ("release_cash", "release"): _released,
    ("submit_report", "submit"): _reported,
    ("", "accept_in_part"): _reviewed,
    ("dispose_screening_hit", ""): _hit,
    ("attach_annex", "attach"): _annex,
}
"""By kind and verdict; an empty one stands for all."""
