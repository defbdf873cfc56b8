"""The parts of a case that several pages show, as the templates take them: tables of texts, in the language and zone of who looks."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import asyncpg

from api import views
from api.caller import Caller
from api.problems import Problem
from api.web import people, sentences, stages
from api.web.texts import NOTHING, Formats, Texts
from db import content
from db.sql import queries
from policy import access, budget
from schemas.intake import Document
from schemas.names import case_subject

SQL = queries("web")
Plain = dict[str, Any]
QUIET = frozenset({"task.closed", "task.reminded", "obligation.reminded", "screening.done", "waiting.left", "vetting.joined"})
"""Events that a timeline leaves out: what they say stands in another one."""
LATEST = 25
MOST_EVENTS = 1000
QUESTIONS = tuple(f"q{number}" for number in range(1, 9))
TONES = {
    "rejected": "late", "terminated": "late", "cancelled": "calm", "withdrawn": "calm", "expired": "calm", "signed": "good",
    "active": "good", "closed": "good",
}  # fmt: skip


async def office_side(
    pool: asyncpg.Pool,
    caller: Caller,
    case: Plain,
    office: people.OfficeNames,
    t: Texts,
    f: Formats,
    *,
    compare: tuple[int, int] | None = None,
) -> Plain:
    """Everything of a case that its panels show to the office's people. `compare`: two versions; by default the last two."""
    named = await people.partners(pool, [case["vetting"]["subject"]])
    rows = case["document"]["versions"]
    numbers = [row["version"] for row in rows]
    chosen = compare if compare and set(compare) <= set(numbers) else (numbers[-2], numbers[-1]) if len(numbers) > 1 else None
    changes = await views.differences(pool, caller, case["reference"], *chosen) if chosen else []
    return {
        "case": case,
        "case_title": case.get("title") or "",
        "partner_name": named.get(case["vetting"]["subject"], ""),
        "names": office.names,
        "lines": stages.lines(case, t),
        "open_tasks": [task for task in case["tasks"] if task["state"] == "open"],
        "document": await document(pool, caller, case, f),
        "versions": [_version(row, case["currency"], t, f) for row in rows],
        "changes": [change(each, t) for each in changes],
        "range_": chosen,
        "conditions": [await _condition(pool, row, t, f) for row in case["conditions"]],
        "cap": await pool.fetchval(SQL["cap"], case_subject(case["reference"])),
        "internal": caller.may(access.SEE_INTERNAL, case["office"], also=_named(caller, case)),
        "tone": lambda status: TONES.get(status, "info"),
        **tables(office.names, t, f),
    }


def _named(caller: Caller, case: Plain) -> list[str]:
    """Whom an open task of the case names may see what it is about."""
    return [access.NAMED] if any(caller.actor in task["candidates"] for task in case["tasks"] if task["state"] == "open") else []


async def document(pool: asyncpg.Pool, caller: Caller, case: Plain, f: Formats) -> Plain | None:
    """The current version in short: purpose, dates, results, budget."""
    if not case["document_version"]:
        return None
    try:
        found = await views.document(pool, caller, case["reference"], case["document_version"])
    except Problem:
        return None
    return summary(found["document"], f, office_total_usd=case.get("office_total_usd"))


def summary(raw: Mapping[str, Any], f: Formats, *, office_total_usd: Any = None) -> Plain:
    """A document (JSON of `schemas.intake.Document`) as the panel shows it."""
    document = Document.model_validate(raw)
    sums = budget.totals(document)
    lines = [
        [a.id, a.title, f.number(a.office_cash), f.number(a.first_quarter), f.number(a.partner_cash)]
        for output in document.outputs
        for a in output.activities
    ]
    lines += [[m.id, m.title, f.number(m.office_cash), f.number(m.first_quarter), f.number(m.partner_cash)] for m in document.management]
    if document.support_cost.amount:
        lines.append(["H", "", f.number(document.support_cost.amount), f.number(document.support_cost.first_quarter), NOTHING])
    return {
        "title": document.title,
        "start": document.start,
        "end": document.end,
        "currency": document.currency,
        "office_total": sums.office_total,
        "office_cash": sums.office_cash,
        "partner_total": sums.partner_total,
        "management_share": sums.management_share,
        "office_total_usd": office_total_usd,
        "outputs": [
            {
                "id": output.id,
                "title": output.title,
                "indicators": [[i.title, f.number(i.baseline), f.number(i.target)] for i in output.indicators],
            }
            for output in document.outputs
        ],
        "lines": lines,
    }


def _version(row: Plain, currency: str, t: Texts, f: Formats) -> list[str]:
    share = f.percent(row["management_share"])
    return [str(row["version"]), t.of("holder", row["side"]), f.moment(row["at"]), f.money(row["office_total"], currency), share]


def change(found: Plain, t: Texts) -> list[str]:
    """One difference between two versions, in words."""

    def said(value: Any) -> str:
        return NOTHING if value in (None, "", [], {}) else str(value)

    return [where(str(found["path"]), t), said(found.get("before")), said(found.get("after"))]


def where(path: str, t: Texts) -> str:
    """A JSON path of the document in words: `$.outputs[0].activities[1].office_cash` is "Outputs 1 › Activities 2 › Office cash"."""
    words = []
    for part in path.removeprefix("$").removeprefix(".").removeprefix("document.").split("."):
        name, _, index = part.partition("[")
        number = index.partition("]")[0]
        text = t.of("doc", name) if name else ""
        words.append(f"{text} {int(number) + 1 if number.isdigit() else number}".strip())
    found = " › ".join(word for word in words if word)
    return found[:1].upper() + found[1:]


async def _condition(pool: asyncpg.Pool, row: Plain, t: Texts, f: Formats) -> list[str]:
    body = await content.get(pool, row["text_sha256"]) if row.get("text_sha256") else None
    text = body.decode() if body is not None else row.get("text") or NOTHING
    return [text, t.of("role", row["owner_role"]), t.of("choice", row["gate"]), f.date(row["due"]), t.of("state", row["state"])]


def tables(names: Mapping[str, str], t: Texts, f: Formats) -> dict[str, Callable[..., Any]]:
    """What the templates call to make rows of texts out of rows of the record."""

    def who(actor: Any) -> str:
        return names.get(str(actor), str(actor)) if actor else NOTHING

    def opinion_rows(review: Plain) -> list[list[str]]:
        return [
            [who(o["member"]), t.of("verdict", o["verdict"]), *(t.of("choice", (o["answers"] or {}).get(q)) for q in QUESTIONS)]
            for o in review["opinions"]
        ]

    def instalment_rows(money: Plain) -> list[list[str]]:
        amounts = ("requested", "certified", "checked", "released", "paid")
        return [
            [str(i["instalment"]), str(i["period"]), *(f.number(i[name]) for name in amounts), t.of("state", i["state"])]
            for i in money["instalments"]
        ]

    def report_rows(money: Plain) -> list[list[str]]:
        amounts = ("submitted", "accepted", "rejected", "balance")
        return [
            [str(r["instalment"]), f.date(r["due"]), *(f.number(r[name]) for name in amounts), t.of("state", r["state"])]
            for r in money["reports"]
        ]

    def ledger_rows(money: Plain) -> list[list[str]]:
        return [
            [f.date(j["at"]), t.of("journal", j["kind"]), str(j["instalment"] or NOTHING), t.of("account", account), f.number(amount)]
            for j in money["ledger"]["journals"]
            for account, amount in j["entries"].items()
        ]

    def element_rows(case: Plain) -> list[list[str]]:
        return [
            [
                t.of("element", e["element"].partition(":")[0]),
                t.of("state", e["result"]),
                t.of("source", e["source"]) + (f" ({e['agency']})" if e["agency"] else ""),
                f.date(e["valid_until"]),
            ]
            for e in case["vetting"]["elements"]
        ]

    return {
        "question_head": lambda: [(t("review.q", number=number), "") for number in range(1, 9)],
        "opinion_rows": opinion_rows,
        "member_rows": lambda review: [
            [who(m["person"]), t.of("choice", m["function"]), m["section"], t.of("state", m["state"])] for m in review["members"]
        ],
        "instalment_rows": instalment_rows,
        "report_rows": report_rows,
        "ledger_rows": ledger_rows,
        "element_rows": element_rows,
        "hit_rows": lambda case: [[h["list_entry"], f.number(h["score"]), t.of("state", h["state"])] for h in case["vetting"]["hits"]],
        "obligation_words": lambda owed: sentences.obligation(owed, t, f),
    }


async def timeline(
    pool: asyncpg.Pool, caller: Caller, reference: str, names: Mapping[str, str], t: Texts, f: Formats, *, currency: str, every: bool
) -> tuple[list[Plain], bool]:
    """The last events in sentences, the newest first, and whether there are more."""
    found = await views.events(pool, caller, reference, limit=MOST_EVENTS)
    told = [item for item in reversed(found.items) if sentences.name_of(item) not in QUIET]
    shown: Sequence[Plain] = told if every else told[:LATEST]
    say = sentences.to_partner if caller.of_partner else sentences.event
    return [
        {"at": item["at"], "sentence": say(item, t, f, currency), "by": t.of("holder", item["by"]) if "by" in item else _by(item, names, t)}
        for item in shown
    ], len(told) > len(shown)


# The partner's side ---------------------------------------------------------------------------------------------------------------

AMOUNTS = frozenset(
    {"office_total", "office_cash", "partner_total", "total", "requested", "certified", "released", "paid", "submitted", "accepted",
     "rejected", "balance", "activities", "management", "support_cost", "supplies", "amount", "authorised", "outstanding"}
)  # fmt: skip
MOMENTS = frozenset({"at", "asked_at", "requested_at", "released_at", "paid_at", "submitted_at", "since"})
CODES = {
    "document_type": "doctype", "element": "element", "side": "holder", "gate": "choice", "object": "choice", "modality": "choice",
    "scope": "scope", "ground": "choice", "status": "status", "obligations": "obligation", "by": "holder", "annex": "choice",
}  # fmt: skip
OF_PART = {"to_sign": {"state": "state"}, "elements": {"state": "phrase"}, "account": {"state": "phrase"}, "notice": {"kind": "message"}}
_SLUG = re.compile(r"[^a-z0-9]+")


def partner_side(view: Plain, t: Texts, f: Formats) -> Plain:
    """The partner's view (`api/partner_side.py`) as the templates show it: every word in the person's language."""
    parts = [(part, _shown(part, value, t, f, _currency(view))) for part, value in view["shown"].items() if value not in (None, [], {})]
    return {
        "view": view,
        "label": sentences.public_label(view["status"]["label"], t),
        "labels": [sentences.public_label(label, t) for label in view["status"]["labels"][1:]],
        "stages_line": [stages.Stage(stage["stage"], stage["state"]) for stage in view["stages"]],
        "owed": [{**row, "sentence": sentences.obligation(row, t, f, to_partner=True)} for row in view["obligations"]],
        "parts": parts,
        "acts": [_act(act, t, f) for act in view["acts"]],
        "version_rows": [
            [str(row["version"]), t.of("holder", row["side"]), f.moment(row["at"]), row["sha256"]] for row in view["documents"]["versions"]
        ],
        "annex_rows": [
            [t.of("choice", row["annex"]), f.moment(row["at"]), row["sha256"] or NOTHING] for row in view["documents"]["annexes"]
        ],
        "messages_may": [each["act"] for each in view["may"] if each["is"] == "message"],
        "tasks_may": {each["task"] for each in view["may"] if each["is"] == "task"},
    }  # fmt: skip


def _act(act: Plain, t: Texts, f: Formats) -> list[str]:
    counted = t.of("choice", str(act["counted"]).lower())
    return [f.moment(act["at"]), t.of("task", act["kind"]), t.of("verdict", act["verdict"]), counted, act["by"]]


def _currency(view: Plain) -> str:
    for part in view["shown"].values():
        rows = part if isinstance(part, list) else [part]
        for row in rows:
            if isinstance(row, dict) and row.get("currency"):
                return str(row["currency"])
    return ""


def _shown(part: str, value: Any, t: Texts, f: Formats, currency: str) -> Plain:
    """One part as the template takes it: `rows` of a table, `facts`, `items` of a list, or one `text`."""
    families = {**CODES, **OF_PART.get(part, {})}

    def one(key: str, held: Any) -> str:
        if held in (None, "", [], {}):
            return NOTHING
        if isinstance(held, bool):
            return t.of("choice", str(held).lower())
        if isinstance(held, list):
            return ", ".join(" ".join(one(k, v) for k, v in each.items()) if isinstance(each, dict) else one(key, each) for each in held)
        if key == "path":
            return where(str(held), t)
        if key in families:
            return t.of(families[key], held)
        if key in AMOUNTS:
            return f.money(held, currency) if currency else f.number(held)
        if key in MOMENTS:
            return f.moment(held)
        if isinstance(held, str) and re.fullmatch(r"\d{4}-\d\d-\d\d(T.*)?", held):
            return f.date(held)
        return phrase(str(held), t)

    if isinstance(value, list) and all(isinstance(row, dict) for row in value):
        keys = [
            key
            for key in value[0]
            if key not in ("id", "task", "currency", "rule") and any(row.get(key) not in (None, [], "") for row in value)
        ]
        head = [(t.of("key", key), "number" if key in AMOUNTS else "") for key in keys]
        tasks = [row.get("task") for row in value]
        return {"head": head, "rows": [[one(key, row[key]) for key in keys] for row in value], "tasks": [task for task in tasks if task]}
    if isinstance(value, list):
        return {"items": [one(part, held) for held in value]}
    if isinstance(value, dict):
        return {
            "facts": [(t.of("key", key), one(key, held)) for key, held in value.items() if held not in (None, [], "") and key != "currency"]
        }
    return {"text": t.of("choice", value) if part == "hact_rating" else one(part, value)}


def phrase(text: str, t: Texts) -> str:
    """A fixed sentence of the view in the person's language; what people wrote stays as they wrote it."""
    identifier = "phrase." + _SLUG.sub("_", text.lower()).strip("_")
    return t(identifier) if t.has(identifier) else text


def _by(item: Plain, names: Mapping[str, str], t: Texts) -> str:
    actor = item.get("actor") or (item.get("data") or {}).get("actor")
    if not isinstance(actor, Mapping) or not actor.get("id"):
        return ""
    name = names.get(actor["id"], "")
    role = t.of("role", actor.get("role"))
    return f"{name}, {role}" if name else role
