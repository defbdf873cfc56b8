"""The figures of one case as `examples/expected.json` writes them, read from the record, and every place where they differ.

Used by the demo and by the scenario tests. Nothing here computes a figure that the record or `policy/` has.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg

from activities import read
from db import content
from policy import budget
from schemas.intake import Document


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
    zone = ZoneInfo(await _zone(pool, case["policy"]["office"]["sha256"]))
    money, vetting, reviews = case["money"], case["vetting"], case["reviews"]
    versions = case["document"]["versions"]
    clearance = next((row for row in vetting["clearances"]), None)
    types = [event["type"] for event in story if event["subject"] == f"case:{case['reference']}"]

    reasons = await _reasons(pool, case["decisions"])

    def day(moment: str | None) -> str | None:
        return None if moment is None else datetime.fromisoformat(moment).astimezone(zone).date().isoformat()

    return {
        **{name: case[name] for name in _PLAIN},
        "umbrella": case["umbrella"]["status"] if case["umbrella"] else None,
        "management_share": _rounded(versions[-1]["management_share"], "0.1") if versions else await _share(pool, case, "management"),
        "partner_share": await _share(pool, case, "partner"),
        "review_kind": reviews[-1]["kind"] if reviews else None,
        "rounds": [review["result"] for review in reviews],
        "opinions": sum(len(review["opinions"]) for review in reviews),
        "recusals": sum(1 for review in reviews for member in review["members"] if member["state"] == "recused"),
        "acceptances_cleared": types.count("pca.document.unlocked.v1"),
        "versions": len(versions),
        "clearance": "reused" if "pca.clearance.reused.v1" in types else clearance["state"] if clearance else None,
        "reason_code": clearance["reason_code"] if clearance else None,
        "message_to_partner": await _text(pool, clearance["message_sha256"] if clearance else None),
        "hits": [{"score": _rounded(hit["score"], "0.01"), "state": hit["state"]} for hit in vetting["hits"]],
        "holder_days": case["holder_days"],
        "clocks": {name: clock["days"] for name, clock in case["clocks"].items()},
        "clock_a_missed": case["clocks"]["a"]["missed"],
        "conditions": [{"gate": row["gate"], "state": row["state"]} for row in case["conditions"]],
        "payments": [
            {"instalment": row["instalment"], "amount": row["paid"], "currency": row["currency"], "paid_on": day(row["paid_at"])}
            for row in money["instalments"]
            if row["paid"] is not None
        ],
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
        "consequences": _consequences(story, {row["id"]: row["kind"] for row in case["obligations"]}, day),
        "refused": [
            *({"kind": row["kind"], "rule": rule} for row in case["decisions"] if not row["counted"] for rule in row["rules"]),
            *({"kind": "intake", "rule": rule} for rule in await _refused_intakes(pool, list(refused_intakes))),
        ],
        "tasks": sorted({task["kind"] for task in case["tasks"]}),
        "hand_overs": case["hand_overs"]["to_first_payment"],
    }


_PLAIN = (
    "reference", "status", "track", "instrument", "carries_umbrella", "office_total", "office_cash", "office_total_usd", "office_cash_usd",
    "signed_on", "start_requested", "start_on", "end_on",
)  # fmt: skip


async def _zone(pool: asyncpg.Pool, office: str) -> str:
    return str(await pool.fetchval("SELECT body->>'time_zone' FROM versioned WHERE kind = 'office' AND sha256 = $1", office))


async def _share(pool: asyncpg.Pool, case: dict[str, Any], whose: str) -> str | None:
    body = await content.get(pool, case["document_sha256"] or "")
    document = Document.model_validate_json(body) if body else (await content.intake(pool, case["reference"])).document
    sums = budget.totals(document)
    return _rounded(sums.management_share if whose == "management" else sums.partner_share, "0.1")


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
    case may have had none.
    """
    asked = {name: value for name, value in expected.items() if name != "no_tasks"}
    had = [kind for kind in expected.get("no_tasks", ()) if kind in found.get("tasks", ())]
    return [*([Difference(case, "no_tasks", "none of these", had)] if had else []), *_compare(case, asked, found, "")]


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
