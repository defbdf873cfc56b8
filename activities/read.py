"""Reading the record: the register, one case as a whole, its story, the inbox, the ledger. What `pca list`, `show` and `tasks` print.

Everything is plain data: amounts as text with their currency beside them, moments as ISO 8601 in UTC, days as working days of the
office by the calendar that the case pinned. Reads only; nothing here decides, and nothing is remembered.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, cast

import asyncpg

from activities import versions
from activities.view import ENDS
from db.sql import queries
from policy.calendar import Calendar
from policy.pack import Pack
from schemas.names import case_subject
from schemas.tasks import CATALOGUE

SQL = queries("read")
Row = asyncpg.Record
Plain = dict[str, Any]

PER_TURN = frozenset({"office_turn", "partner_turn", "request_cash", "certify_request", "check_request", "release_cash", "submit_report"})
"""Kinds of which each turn is a hand-over of its own; of all others those opened side by side count once."""
NOT_COUNTED = frozenset(kind.name for kind in CATALOGUE.values() if kind.beside and kind.name != "reserve_funds") | {"approve_pca"}
"""Kinds that run beside the line and make nobody wait: never a hand-over."""
BESIDE_ON = {"emergency": frozenset({"vetting"})}
"""Stages that run beside the line on a track; obligations do so on both."""
SIDE_BY_SIDE = {"check_request": "certify_request"}
"""Kinds that count once with another one that was opened in the same moment."""


class NoSuchCase(LookupError):
    """The record has no case of that reference."""


def plain(value: Any) -> Any:
    """A row's value as JSON holds it."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def _fields(row: Row, names: Sequence[str]) -> Plain:
    return {name: plain(row[name]) for name in names}


async def _now(conn: asyncpg.Connection, clock: str, at: datetime | None) -> datetime:
    """Business time of a case."""
    offset = await conn.fetchval('SELECT "offset" FROM clock WHERE name = $1', clock) if clock else None
    return at or (datetime.now(UTC) + offset if offset is not None else datetime.now(UTC))


async def find(conn: asyncpg.Connection, reference: str) -> Row:
    """The case with this reference, or with this reference of its source. Raises NoSuchCase."""
    row = await conn.fetchrow(SQL["case_by_reference"], reference)
    if row is None:
        raise NoSuchCase(f"the record has no case {reference}")
    return row


# Lists ----------------------------------------------------------------------------------------------------------------------------


async def register(
    pool: asyncpg.Pool,
    *,
    office: str | None = None,
    status: str | None = None,
    track: str | None = None,
    partner: str | None = None,
    limit: int = 1000,
) -> list[Plain]:
    """Cases, by reference: where each stands, the next due moment, how many tasks are open."""
    rows = await pool.fetch(SQL["register"], office, status, track, partner, limit)
    return [cast("Plain", plain(dict(row))) for row in rows]


TASK = (
    "id", "kind", "stage", "round", "whom", "state", "holder", "roles", "candidates", "office", "subject", "cases", "workflow",
    "opened_at", "opened_by", "due_at", "claimed_by", "level", "closed_at", "verdict", "decided_by", "closed_why", "data",
)  # fmt: skip


def _task(row: Row, now: datetime) -> Plain:
    ended = row["closed_at"] or now
    return _fields(row, TASK) | {"overdue": row["due_at"] is not None and row["due_at"] < ended}


async def tasks(
    pool: asyncpg.Pool,
    *,
    role: str | None = None,
    office: str | None = None,
    overdue: bool = False,
    holder: str | None = None,
    case: str | None = None,
    at: datetime | None = None,
    limit: int = 1000,
) -> list[Plain]:
    """The inbox: open tasks by due moment. `case`: a reference. `at`: the moment for `overdue`, by default now."""
    now = at or datetime.now(UTC)
    rows = await pool.fetch(SQL["inbox"], role, office, now if overdue else None, holder, case_subject(case) if case else None, limit)
    return [_task(row, now) for row in rows]


async def task(pool: asyncpg.Pool, identifier: str, *, at: datetime | None = None) -> Plain | None:
    """One task, open or not."""
    row = await pool.fetchrow(SQL["one_task"], identifier)
    return _task(row, at or datetime.now(UTC)) if row else None


async def events(pool: asyncpg.Pool, reference: str, *, shared: bool = True) -> list[Plain]:
    """The story of a case in the names of the casebook; with `shared` also what happened to its partner and PCA since it was received."""
    async with pool.acquire() as borrowed:
        case = await find(cast("asyncpg.Connection", borrowed), reference)
        others = [case["partner_subject"], case["umbrella"]] if shared else []
        rows = await borrowed.fetch(SQL["story"], case["subject"], others)
    return [
        {
            **{key: value for key, value in row["data"].items() if key != "type"},
            "type": f"pca.{row['type']}.v1",
            "subject": row["subject"],
            "sequence": row["sequence"],
            "position": row["position"],
            "hash": row["hash"],
            "recorded_at": plain(row["recorded_at"]),
        }
        for row in rows
    ]


async def ledger(pool: asyncpg.Pool, reference: str) -> Plain:
    """The double entries of a case, and the balance of each account; debit positive."""
    async with pool.acquire() as borrowed:
        conn = cast("asyncpg.Connection", borrowed)
        return await _ledger(conn, await find(conn, reference))


async def totals(pool: asyncpg.Pool) -> Plain:
    """What Postgres holds, in numbers."""
    row = await pool.fetchrow(SQL["totals"])
    return dict(row) if row else {}


# One case -------------------------------------------------------------------------------------------------------------------------


async def show(pool: asyncpg.Pool, reference: str, *, at: datetime | None = None) -> Plain:
    """The case as a whole. `at`: business time, by default that of its clock. Raises NoSuchCase.

    Keys: reference ... identity and dates; status, stage, round, overlays, holder; umbrella, vetting; document, reviews; tasks, decisions,
    obligations, conditions, blocks; money; clocks (a to d, working days); hand_overs; holder_days (to the end of clock a); policy.
    """
    async with pool.acquire() as borrowed, borrowed.transaction(isolation="repeatable_read", readonly=True):
        conn = cast("asyncpg.Connection", borrowed)
        case = await find(conn, reference)
        now = await _now(conn, case["clock"], at)
        subject, shared = case["subject"], [case["partner_subject"], case["umbrella"]]
        pack = await versions.pack_by_hash(conn, case["packs"][case["track"] or "standard"]["sha256"])
        calendar = Calendar.of(await versions.office_by_hash(conn, case["packs"]["office"]["sha256"]), pack)
        work = await conn.fetch(SQL["tasks_of_case"], subject)
        timeline = Timeline(
            case, [Span.of(row) for row in work], await conn.fetch(SQL["moves"], subject), await conn.fetch(SQL["holds"], subject), now
        )
        blocks = await conn.fetch(SQL["blocks_of"], [subject, *shared])
        ids = {row["id"] for row in work}
        decisions = [
            row
            for row in await conn.fetch(SQL["decisions_of"], [subject, case["partner_subject"]])
            if row["subject"] == subject or row["task"] in ids
        ]
        instalments = await conn.fetch("SELECT * FROM instalment WHERE subject = $1 ORDER BY instalment", subject)
        umbrella = await _one(conn, "SELECT * FROM umbrella WHERE subject = $1", case["umbrella"])
        return {
            **_fields(case, CASE),
            # a PCA that was passed on is carried by another case than the one that was taken with it
            "carries_umbrella": umbrella is not None and umbrella["carrier"] == subject,
            "overlays": {
                "on_hold": {"until": plain(case["hold_until"])} if case["held"] else None,
                "suspended": sorted({row["scope"] for row in blocks if row["scope"] in ("cash", "all")}) or None,
                "under_notice": case["under_notice"],
            },
            "holder": timeline.holder(now) if case["status"] not in ENDS else None,
            "umbrella": umbrella,
            "vetting": await _vetting(conn, case["partner_subject"]),
            "document": await _document(conn, subject),
            "reviews": await _reviews(conn, subject),
            "approvals": await _all(conn, "SELECT * FROM approval WHERE subject = $1 ORDER BY object", subject),
            "signatures": await _all(conn, "SELECT * FROM signature WHERE subject = $1 ORDER BY object, side", subject),
            "tasks": [_task(row, now) for row in work],
            "decisions": [_decision(row) for row in decisions],
            "obligations": await _obligations(conn, case, calendar),
            "conditions": await _all(conn, "SELECT * FROM condition WHERE subject = $1 ORDER BY id", subject),
            "blocks": [cast("Plain", plain(dict(row))) for row in blocks],
            "money": await _money(conn, case, instalments),
            "clocks": _clocks(case, instalments, calendar, pack, timeline.end_of_a, now),
            "hand_overs": _hand_overs(work, instalments, case),
            "holder_days": timeline.days(calendar),
            "policy": plain(case["packs"]),
        }


CASE = (
    "reference", "workflow", "track", "activation", "status", "stage", "round", "ended_reason", "instrument", "document_type",
    "humanitarian", "office", "programme", "partner", "source", "source_reference", "submitter", "section", "focal_point",
    "budget_owner", "currency", "office_total",
    "office_cash", "rate", "office_total_usd", "office_cash_usd", "submitted_on", "received_at", "start_requested", "end_requested",
    "start_on", "end_on", "signed_on", "activated_at", "carries_umbrella", "document_version", "document_sha256", "facts_sha256", "clock",
)  # fmt: skip


async def _all(conn: asyncpg.Connection, sql: str, *values: Any) -> list[Plain]:
    return [{key: plain(value) for key, value in row.items() if key != "subject"} for row in await conn.fetch(sql, *values)]


async def _one(conn: asyncpg.Connection, sql: str, *values: Any) -> Plain | None:
    row = await conn.fetchrow(sql, *values)
    return {key: plain(value) for key, value in row.items()} if row else None


def _decision(row: Row) -> Plain:
    names = (
        "task", "kind", "stage", "round", "whom", "actor", "role", "on_behalf_of", "verdict", "counted", "rules", "reason_code", "signed",
        "at",
        "comment_sha256", "message_sha256", "data_sha256",
    )  # fmt: skip
    return _fields(row, names)


async def _vetting(conn: asyncpg.Connection, partner: str) -> Plain:
    return {
        "subject": partner,
        "clearances": await _all(conn, "SELECT * FROM clearance WHERE subject = $1 ORDER BY level", partner),
        "elements": await _all(conn, "SELECT * FROM element WHERE subject = $1 ORDER BY element", partner),
        "screening": await _one(conn, "SELECT * FROM screening WHERE subject = $1", partner),
        "hits": await _all(conn, "SELECT * FROM hit WHERE subject = $1 ORDER BY id", partner),
        "vendor": await _one(
            conn,
            "SELECT vendor_number, account_hash, currency, set_up_by, confirmed_by, confirmed_at FROM vendor WHERE subject = $1",
            partner,
        ),
    }


async def _obligations(conn: asyncpg.Connection, case: Row, calendar: Calendar) -> list[Plain]:
    """Those of the case and those of its partner that it relies on; `due` is the office's date, null until an event sets it."""
    rows = await conn.fetch(SQL["obligations_of"], case["subject"], case["partner_subject"])
    return [
        cast("Plain", plain(dict(row))) | {"due": plain(calendar.local_date(row["due_at"])) if row["due_at"] is not None else None}
        for row in rows
    ]


async def _document(conn: asyncpg.Connection, subject: str) -> Plain:
    return {
        "versions": await _all(conn, "SELECT * FROM document_version WHERE subject = $1 ORDER BY version", subject),
        "acceptances": await _all(conn, "SELECT * FROM acceptance WHERE subject = $1 ORDER BY side", subject),
        "annexes": await _all(conn, "SELECT * FROM annex WHERE subject = $1 ORDER BY annex", subject),
        "deviations": await _all(conn, "SELECT * FROM deviation WHERE subject = $1 ORDER BY clause", subject),
    }


async def _reviews(conn: asyncpg.Connection, subject: str) -> list[Plain]:
    reviews = await _all(conn, "SELECT * FROM review WHERE subject = $1 ORDER BY round", subject)
    members = await _all(conn, "SELECT * FROM member WHERE subject = $1 ORDER BY round, person", subject)
    opinions = await _all(conn, "SELECT * FROM opinion WHERE subject = $1 ORDER BY round, at, member", subject)
    return [
        review
        | {
            "members": [m for m in members if m["round"] == review["round"]],
            "opinions": [o for o in opinions if o["round"] == review["round"]],
        }
        for review in reviews
    ]


# Money ----------------------------------------------------------------------------------------------------------------------------


async def _ledger(conn: asyncpg.Connection, case: Row) -> Plain:
    journals: dict[str, Plain] = {}
    for row in await conn.fetch(SQL["journals"], case["subject"]):
        journal = journals.setdefault(row["id"], _fields(row, ("id", "instalment", "kind", "at", "currency")) | {"entries": {}})
        journal["entries"][row["account"]] = plain(row["amount"])
    balances = {row["account"]: plain(row["amount"]) for row in await conn.fetch(SQL["balances"], case["subject"])}
    return {"currency": case["currency"], "balances": balances, "journals": list(journals.values())}


async def _money(conn: asyncpg.Connection, case: Row, instalments: list[Row]) -> Plain:
    subject = case["subject"]
    authorised = await conn.fetchrow("SELECT amount, drawn FROM authorised WHERE subject = $1", subject)
    reports = await _all(conn, "SELECT * FROM report WHERE subject = $1 ORDER BY instalment", subject)
    reservations = await _all(
        conn, "SELECT number, currency, amount, lines, at FROM reservation WHERE subject = $1 ORDER BY at, number", subject
    )
    released = {row["instalment"]: row["released"] for row in instalments}
    return {
        "currency": case["currency"],
        "office_total": plain(case["office_total"]),
        "office_cash": plain(case["office_cash"]),
        "authorised": plain(authorised["amount"]) if authorised else None,
        "drawn": plain(authorised["drawn"]) if authorised else None,
        "reserved": str(sum((Decimal(row["amount"]) for row in reservations), Decimal("0.00"))),
        "paid": plain(sum((row["paid"] for row in instalments if row["paid"] is not None), Decimal("0.00"))),
        "reservations": reservations,
        "instalments": [{key: plain(value) for key, value in row.items() if key not in ("subject", "account_ref")} for row in instalments],
        "orders": await _all(
            conn,
            'SELECT "order", instalment, amount, currency, value_date, state, bank_reference, ordered_at, confirmed_at FROM payment_order '
            'WHERE subject = $1 ORDER BY ordered_at, "order"',
            subject,
        ),
        "reports": [report | {"a": plain(released.get(report["instalment"]))} for report in reports],
        "anomalies": [{"at": plain(row["at"]), **row["data"]} for row in await conn.fetch(SQL["anomalies"], subject)],
        "ledger": await _ledger(conn, case),
    }


# Clocks, hand-overs, holders ------------------------------------------------------------------------------------------------------


def _clocks(case: Row, instalments: list[Row], calendar: Calendar, pack: Pack, end_of_a: datetime, now: datetime) -> Plain:
    """The four published clocks, in working days: the day of beginning not counted, the last day counted."""
    signed = case["signed_on"]
    local = calendar.local_date
    first = min((row for row in instalments), key=lambda row: row["instalment"], default=None)
    targets = {
        "a": int(pack["target.humanitarian_days" if case["humanitarian"] else "target.signature_days"]),
        "d": int(pack["target.payment_days"]),
    }

    def clock(name: str, begun: date | None, ended: date | None, last: date) -> Plain:
        days = None if begun is None else calendar.working_days(begun, ended or last)
        target = targets.get(name)
        return {
            "from": plain(begun),
            "to": plain(ended),
            "days": days,
            "running": begun is not None and ended is None and case["status"] not in ENDS,
            "target": target,
            "missed": None if target is None or days is None else days > target,
        }

    last = local(end_of_a)

    def since(moment: datetime | None) -> date | None:
        return None if moment is None else local(moment)

    return {
        "a": clock("a", local(case["received_at"]), signed, last),
        "b": clock("b", since(case["first_partner_act"]), signed, last),
        "c": clock("c", since(case["review_submitted_at"]), signed, last),
        "d": clock("d", since(first["requested_at"]) if first else None, since(first["paid_at"]) if first else None, local(now)),
    }


def _hand_overs(work: Iterable[Row], instalments: list[Row], case: Row) -> Plain:
    """Tasks that could not open before another person's decision: to the later signature, and to the first payment.

    Only the line counts, not what runs beside it on the case's track. What the office accepts on behalf is the partner's turn.
    """
    work, fast = list(work), case["track"] == "emergency"
    beside = BESIDE_ON.get(case["track"] or "standard", frozenset()) | {"obligations"}
    opened_together = {(row["kind"], row["whom"], row["opened_at"]) for row in work}
    paid = min((row["paid_at"] for row in instalments if row["paid_at"] is not None), default=None)
    signed = next((row["closed_at"] for row in sorted(work, key=_closed, reverse=True) if row["kind"] in SIGNATURES), None)
    counted: dict[tuple[str, int, str, str], datetime] = {}
    for row in work:
        decided_by = "" if row["verdict"] == "accept_on_behalf" else row["decided_by"]
        if row["opened_by"] in ("", decided_by) or row["kind"] in NOT_COUNTED or row["state"] == "closed":
            continue
        if row["stage"] in beside or (fast and row["kind"] == "reserve_funds"):
            continue
        if (SIDE_BY_SIDE.get(row["kind"]), row["whom"], row["opened_at"]) in opened_together:
            continue
        key = (row["stage"], row["round"], row["kind"], row["whom"] if row["kind"] in PER_TURN else "")
        counted.setdefault(key, row["opened_at"])

    def until(moment: datetime | None) -> int:
        return sum(1 for opened in counted.values() if moment is None or opened <= moment)

    return {
        "to_signature": until(signed if case["signed_on"] else None),
        "to_first_payment": until(paid),
        "counted": [":".join(str(part) for part in key if part != "") for key in counted],
    }


SIGNATURES = frozenset({"sign_as_partner", "sign_for_office"})


def _closed(row: Row) -> datetime:
    return cast("datetime", row["closed_at"] or datetime.min.replace(tzinfo=UTC))


@dataclass(frozen=True)
class Span:
    """One task as a claim on the case's time."""

    holder: str
    opened: datetime
    closed: datetime | None
    beside: bool
    vetting: bool

    @classmethod
    def of(cls, row: Row) -> "Span":
        beside = row["kind"] in NOT_COUNTED or row["kind"] == "reserve_funds"
        return cls(row["holder"], row["opened_at"], row["closed_at"], beside, row["stage"] == "vetting")

    def open_at(self, moment: datetime) -> bool:
        return self.opened <= moment and (self.closed is None or moment < self.closed)


class Timeline:
    """Who held the case, moment by moment: office, partner, external; hold apart.

    The office holds while any task of it is open, else the partner, else an external; with nothing open the office. What runs beside the
    line counts only where nothing else is open, and vetting only while the case is in vetting. A day is charged to who held the case when
    it began.
    """

    def __init__(self, case: Row, spans: Sequence[Span], moves: Sequence[Row], holds: Sequence[Row], now: datetime) -> None:
        self.received: datetime = case["received_at"]
        self.spans = spans
        self.moves = [(row["at"], row["status"]) for row in moves]
        self.held = [(row["at"], row["type"] == "case.held") for row in holds]
        ended = [at for at, status in self.moves if status in ENDS or status == "signed"]
        self.end_of_a: datetime = ended[0] if ended else now

    def _last(self, pairs: Sequence[tuple[datetime, Any]], moment: datetime, default: Any) -> Any:
        return next((value for at, value in reversed(pairs) if at <= moment), default)

    def at(self, moment: datetime) -> str:
        """Who holds the case at a moment."""
        if self._last(self.held, moment, False):
            return "hold"
        vetting = self._last(self.moves, moment, "received") in ("received", "vetting")
        open_ = [span for span in self.spans if span.open_at(moment) and (vetting or not span.vetting)]
        holders = {span.holder for span in open_ if not span.beside} or {span.holder for span in open_}
        return next((name for name in ("office", "partner", "external") if name in holders), "office")

    def _changes(self) -> list[datetime]:
        moments = {self.received, self.end_of_a}
        moments |= {at for at, _ in [*self.moves, *self.held]}
        moments |= {at for span in self.spans for at in (span.opened, span.closed) if at is not None}
        return sorted(at for at in moments if self.received <= at <= self.end_of_a)

    def holder(self, now: datetime) -> Plain:
        """Who holds it now, and since when."""
        who = self.at(now)
        moments = sorted(
            {self.received, *(at for span in self.spans for at in (span.opened, span.closed) if at), *(at for at, _ in self.moves)}
        )
        since = self.received
        for moment in reversed([at for at in moments if at <= now]):
            if self.at(moment) != who:
                break
            since = moment
        return {"who": who, "since": plain(since)}

    def days(self, calendar: Calendar) -> dict[str, int]:
        """Working days by holder from receipt to the end of clock a (or now); their sum is clock a."""
        changes = self._changes()
        spans = [(self.at(begin), begin, end) for begin, end in pairwise(changes)]
        return {"office": 0, "partner": 0, "external": 0, "hold": 0} | calendar.holder_days(spans)
