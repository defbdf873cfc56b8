"""The figures of one case as `examples/expected.json` writes them, read from the record, and every place where they differ.

Used by the demo and by the scenario tests. Nothing here computes a figure that the record or `policy/` has.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import asyncpg

from activities import read, versions
from db import content
from policy import budget, cash
from policy.calendar import Calendar, periods
from schemas.intake import Activity, Document, ManagementLine


@dataclass(frozen=True)
class Difference:
    """One expectation that does not hold."""

    case: str
    what: str
    expected: Any
    found: Any


def _rounded(value: Any, places: str) -> str | None:
    return None if value is None else str(Decimal(value).quantize(Decimal(places), ROUND_HALF_UP))


async def figures(pool: asyncpg.Pool, reference: str, refused_intakes: Iterable[str] = ()) -> dict[str, Any]:
    """What the record holds of a case. `refused_intakes`: source references of messages that were refused beside it.

    Raises `activities.read.NoSuchCase`.
    """
    case = await read.show(pool, reference)
    story = await read.events(pool, reference)
    calendar = Calendar.of(await versions.office_by_hash(pool, case["policy"]["office"]["sha256"]))
    money, vetting, reviews = case["money"], case["vetting"], case["reviews"]
    texts = case["document"]["versions"]
    document = await content.document(pool, case["reference"], case["document_sha256"])
    taken = await content.intake(pool, case["reference"])
    sums = budget.totals(document)
    clearance = next((row for row in vetting["clearances"]), None)
    types = [event["type"] for event in story if event["subject"] == f"case:{case['reference']}"]
    kinds = {row["id"]: row["kind"] for row in case["obligations"]}
    answers = await _answers(pool, [row["task"] for row in case["decisions"]])

    reasons = await _reasons(pool, case["decisions"])

    def day(moment: str | None) -> str | None:
        return None if moment is None else calendar.local_date(datetime.fromisoformat(moment)).isoformat()

    happened = _happened(story, kinds, day)
    return {
        **{name: case[name] for name in _PLAIN},
        "rate": _rounded(case["rate"], "0.01"),
        "umbrella": case["umbrella"]["status"] if case["umbrella"] else None,
        "pca": {name: case["umbrella"][name] for name in ("reference", "signed_on", "start_on", "end_on")} if case["umbrella"] else None,
        "partner_type": taken.partner.type,
        "selection": taken.selection.model_dump(mode="json"),
        "sector": document.sector,
        "flags": [name for name, raised in document.flags if raised],
        "protocol": document.protocol.model_dump(mode="json") if document.protocol else None,
        "timing": {line.id: list(line.periods) for output in document.outputs for line in output.activities},
        "periods": _periods(story),
        "management_share": _rounded(texts[-1]["management_share"] if texts else sums.management_share, "0.1"),
        "partner_share": _rounded(sums.partner_share, "0.1"),
        "budget": _budget(document),
        "results": {item.id: [_number(item.baseline), _number(item.target)] for output in document.outputs for item in output.indicators},
        "annexes": [row["annex"] for row in case["document"]["annexes"]],
        "review_kind": reviews[-1]["kind"] if reviews else None,
        "members": sorted(f"{m['function']} of {m['section']}" for m in reviews[-1]["members"] if m["state"] == "named") if reviews else [],
        "rounds": [review["result"] for review in reviews],
        "opinions": sum(len(review["opinions"]) for review in reviews),
        "recusals": sum(1 for review in reviews for member in review["members"] if member["state"] == "recused"),
        "acceptances_cleared": types.count("pca.document.unlocked.v1"),
        "versions": len(texts),
        "management_shares": [_rounded(row["management_share"], "0.1") for row in texts],
        "clearance": "reused" if "pca.clearance.reused.v1" in types else clearance["state"] if clearance else None,
        "reason_code": clearance["reason_code"] if clearance else None,
        "message_to_partner": await _text(pool, clearance["message_sha256"] if clearance else None),
        "clearances": {
            row["level"]: {name: row[name] for name in ("state", "valid_until", "limiting_element")} for row in vetting["clearances"]
        },
        "elements": {row["element"]: {**row, "rating": row["details"].get("rating")} for row in vetting["elements"]},
        "hits": [
            {name: hit[name] for name in ("name_role", "state")} | {"score": _rounded(hit["score"], "0.01")} for hit in vetting["hits"]
        ],
        "holder_days": case["holder_days"],
        "clocks": {name: clock["days"] for name, clock in case["clocks"].items()} | _since_declared(happened, case["signed_on"], calendar),
        "clock_a_missed": case["clocks"]["a"]["missed"],
        "conditions": [
            {"gate": row["gate"], "state": row["state"], "text": await _text(pool, row["text_sha256"])} for row in case["conditions"]
        ],
        "signatures": {
            f"{event['data']['object']}:{event['data']['side']}": f"{event['data']['signed_on']} {event['data']['method']}"
            for event in story
            if event["type"] == "pca.signature.recorded.v1"
        },
        "payments": [
            {
                "instalment": row["instalment"],
                "amount": row["paid"],
                "currency": row["currency"],
                "paid_on": day(row["paid_at"]),
                "signed_by": row["signed_by"],
            }
            for row in money["instalments"]
            if row["paid"] is not None
        ],
        "cap": next((event["data"]["cap"] for event in story if event["type"] == "pca.case.activated.v1"), None),
        "reserved": money["reserved"],
        "anomalies": [row["kind"] for row in money["anomalies"]],
        "reports": [
            {
                "instalment": row["instalment"],
                "a": row["a"],
                "b": row["submitted"],
                "c": row["accepted"],
                "d": row["balance"],
                "rejected": _rejected(row["reviews"], reasons),
                "submitted_on": day(row["submitted_at"]),
            }
            for row in money["reports"]
            if row["submitted_at"]
        ],
        "obligations": [{"kind": row["kind"], "due": row["due"], "state": row["state"]} for row in case["obligations"]],
        "consequences": _consequences(story, kinds, day),
        "refused": [
            *(refusal for row in answers if not row["counted"] for refusal in _refusals(row)),
            *({"kind": "intake", "rule": rule} for rule in await _refused_intakes(pool, list(refused_intakes))),
        ],
        "warnings": _grouped(
            (f"{row['kind']}:{row['verdict']}", rule)
            for row in answers
            if row["counted"]
            for rule, found in row["findings"].items()
            if found.get("severity") == "warning"
        ),
        "decided": _grouped(
            (f"{row['kind']}:{row['verdict']}", f"{day(row['at'])} {row['role']}") for row in case["decisions"] if row["counted"]
        ),
        "messages": _grouped(
            [
                (f"{row['kind']}:{row['verdict']}", await _text(pool, row["message_sha256"]))
                for row in case["decisions"]
                if row["counted"] and row["message_sha256"]
            ]
        ),
        "opened": _grouped((task["kind"], f"{day(task['opened_at'])} {task['holder']}") for task in case["tasks"]),
        "due": _grouped((task["kind"], day(task["due_at"])) for task in case["tasks"]),
        "happened": happened,
        "tasks": sorted({task["kind"] for task in case["tasks"]}),
        "hand_overs": case["hand_overs"]["to_first_payment"],
    }


_PLAIN = (
    "reference", "status", "track", "activation", "instrument", "document_type", "humanitarian", "office", "programme", "currency",
    "carries_umbrella", "office_total", "office_cash", "office_total_usd", "office_cash_usd", "submitted_on", "signed_on",
    "start_requested", "end_requested", "start_on", "end_on",
)  # fmt: skip

_TOLD_APART = {
    "approval.given": ("object",), "case.status_changed": ("to",), "document.accepted": ("side",), "message.counted": ("kind",),
    "obligation.reminded": ("notice",), "payment.anomaly": ("kind",), "review.concluded": ("result",), "screening.done": ("trigger",),
    "signature.recorded": ("object", "side"), "vetting.element_deferred": ("element",), "vetting.element_recorded": ("element",),
}  # fmt: skip
"""Events of one name that happen for several things, and what says for which; obligations are told apart by their kind."""


def _happened(story: list[dict[str, Any]], kinds: dict[str, str], day: Callable[[str | None], str | None]) -> dict[str, list[Any]]:
    """The local days on which each thing happened to the case, its partner and its PCA, in order; tasks have their own figures."""

    def name(event: dict[str, Any]) -> str:
        plain = event["type"].removeprefix("pca.").removesuffix(".v1")
        data = event.get("data", {})
        kind = kinds.get(data.get("obligation", ""), "") if plain.startswith("obligation.") else ""
        return ":".join(word for word in (plain, kind, *(data.get(key) for key in _TOLD_APART.get(plain, ()))) if word)

    return _grouped((name(event), day(event["at"])) for event in story if not event["type"].startswith("pca.task."))


def _periods(story: list[dict[str, Any]]) -> list[str]:
    """The periods of the document as it was signed or activated."""
    found = [event["data"]["periods"] for event in story if event["type"] in _SETS_PERIODS and event.get("data", {}).get("periods")]
    return [f"{period['start']} to {period['end']}" for period in found[-1]] if found else []


_SETS_PERIODS = ("pca.document.signed.v1", "pca.contingency.activated.v1")


def _grouped(pairs: Iterable[tuple[str, Any]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _since_declared(happened: dict[str, list[Any]], signed_on: str | None, calendar: Calendar) -> dict[str, int]:
    """Of clock a, what came after the emergency was declared for a case that had begun on the standard track."""
    declared = happened.get("case.track_changed", [])
    if not declared or signed_on is None:
        return {}
    return {"a_since_declared": calendar.working_days(date.fromisoformat(declared[0]), date.fromisoformat(signed_on))}


def _number(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"


def _budget(document: Document) -> dict[str, Any]:
    """The table of the budget: of each line office cash, what of it falls into the first period, and partner cash."""
    sums = budget.totals(document)
    first = cash.plan(document, len(periods(document.start, document.end)))[0] if document.start and document.end else {}
    lines: list[Activity | ManagementLine] = [line for output in document.outputs for line in output.activities]
    lines += document.management
    amounts = {line.id: (line.office_cash, first.get(line.id), line.partner_cash) for line in lines}
    amounts[cash.SUPPORT_COST] = (document.support_cost.amount, first.get(cash.SUPPORT_COST), Decimal(0))
    return {
        "lines": {line: [_rounded(amount, "0.01") for amount in row] for line, row in amounts.items()},
        "direct_cost": _rounded(sums.direct_cash, "0.01"),
        "support_cost_percent": _rounded(sums.support_cost_percent, "0.1"),
        "first_quarter": _rounded(sum(first.values(), Decimal(0)), "0.01"),
        "management": _rounded(sums.management, "0.01"),
        "supplies": _rounded(sums.supplies, "0.01"),
        "partner_cash": _rounded(sums.partner_cash, "0.01"),
        "partner_in_kind": _rounded(sums.partner_in_kind, "0.01"),
        "partner_total": _rounded(sums.partner_total, "0.01"),
        "total": _rounded(sums.total, "0.01"),
    }


async def _answers(pool: asyncpg.Pool, tasks: list[str]) -> list[dict[str, Any]]:
    """What was answered to each decision on these tasks: kind, verdict, counted or the rules that refused it, findings by rule."""
    rows = await pool.fetch(
        "SELECT d.kind, d.verdict, d.counted, d.rules, r.response FROM decision d JOIN receipt r ON r.key = d.receipt "
        "WHERE d.task = ANY ($1::text[]) ORDER BY d.at, d.subject, d.sequence",
        sorted(set(tasks)),
    )
    return [{**row, "findings": {found["rule"]: found for found in row["response"].get("findings", ())}} for row in rows]


def _refusals(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Each rule that refused a decision, with what was said of it and what to do next."""
    told = {rule: answer["findings"].get(rule, {}) for rule in answer["rules"]}
    return [
        {"kind": answer["kind"], "rule": rule, "message": finding.get("message", ""), "next_step": finding.get("next_step", "")}
        for rule, finding in told.items()
    ]


async def _text(pool: asyncpg.Pool, digest: str | None) -> str | None:
    body = await content.get(pool, digest) if digest else None
    return body.decode() if body else None


def _rejected(reviews: dict[str, list[dict[str, Any]]], reasons: dict[str, str]) -> list[dict[str, Any]]:
    """The lower of the two reviews counts, line by line: the larger rejection, with its reason."""
    found: dict[str, Decimal] = {}
    for lines in reviews.values():
        for line in lines or ():
            found[line["activity"]] = max(Decimal(line.get("rejected") or 0), found.get(line["activity"], Decimal(0)))
    return [{"line": line, "amount": str(amount), "reason": reasons.get(line)} for line, amount in found.items() if amount]


async def _reasons(pool: asyncpg.Pool, decisions: list[dict[str, Any]]) -> dict[str, str]:
    """Why lines of reports were rejected: text, which stays with the decision and is found by its hash."""
    found: dict[str, str] = {}
    for row in decisions:
        if row["counted"] and row["kind"].startswith("review_report_") and row["data_sha256"]:
            data = json.loads(await content.get(pool, row["data_sha256"]) or "{}")
            found |= {line["activity"]: line["reason"] for line in data.get("lines", ()) if line.get("reason")}
    return found


def _consequences(story: list[dict[str, Any]], kinds: dict[str, str], day: Callable[[str | None], str | None]) -> list[dict[str, Any]]:
    """What fired by itself when an obligation of the case fell due unmet, and when it lifted."""
    found: list[dict[str, Any]] = []
    for event in story:
        obligation = event.get("data", {}).get("obligation")
        if obligation not in kinds:
            continue
        if event["type"] == "pca.obligation.consequence_applied.v1":
            what = {"kind": kinds[obligation], "consequence": event["data"]["consequence"]}
            found.append({**what, "on": day(event["at"]), "lifted_on": None})
        elif event["type"] == "pca.obligation.consequence_lifted.v1":
            for row in found:
                if row["kind"] == kinds[obligation] and row["lifted_on"] is None:
                    row["lifted_on"] = day(event["at"])
    return found


async def _refused_intakes(pool: asyncpg.Pool, references: list[str]) -> list[str]:
    rows = await pool.fetch("SELECT findings FROM rejected_intake WHERE source_reference = ANY ($1::text[]) ORDER BY id", references)
    return [finding["rule"] for row in rows for finding in row["findings"] if finding.get("severity", "refusal") == "refusal"]


def differences(case: str, expected: dict[str, Any], found: dict[str, Any]) -> list[Difference]:
    """Every expectation that does not hold.

    An object asks only for its own fields; lists of objects agree in any order, others as they stand. `no_tasks` names kinds of which the
    case may have had none, `never` what may not have happened.
    """
    asked = {name: value for name, value in expected.items() if name not in _NONE_OF}
    had = {name: [what for what in expected.get(name, ()) if what in found.get(where, ())] for name, where in _NONE_OF.items()}
    none_of = [Difference(case, name, "none of these", some) for name, some in had.items() if some]
    return [*none_of, *_compare(case, asked, found, "")]


_NONE_OF = {"no_tasks": "tasks", "never": "happened"}
"""Expectations that name what may not be there, and the figure in which it would be."""


def _compare(case: str, expected: Any, found: Any, what: str) -> list[Difference]:
    if isinstance(expected, dict) and isinstance(found, dict):
        return [
            difference
            for name, value in expected.items()
            for difference in _compare(case, value, found.get(name, "nothing of that name"), f"{what}.{name}".lstrip("."))
        ]
    if isinstance(expected, list) and isinstance(found, list) and any(isinstance(item, dict) for item in (*expected, *found)):
        left, missing = list(found), []
        for item in expected:
            match = next((other for other in left if not _compare(case, item, other, what)), None)
            if match is None:
                missing.append(item)
            else:
                left.remove(match)
        return [Difference(case, what, missing, left)] if missing or left else []
    return [] if expected == found else [Difference(case, what, expected, found)]
