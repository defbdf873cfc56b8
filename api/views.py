"""What of the record a caller may see: the office's side less what is sealed, the partner's side by the table of casebook 6.

The partner's view is an allow-list (`policy/partner_view.py`, `api/partner_side.py`): what is not named there does not leave. Whoever may
not see a case gets `not_found`, whether it exists or not. Pages and routes both take what they show from here, never from
`activities.read` itself.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import asyncpg

from activities import browse, read
from api.caller import Caller
from api.problems import not_found
from db import content
from db.sql import queries
from policy import access, budget, partner_view
from policy.ladder import STEP_ASIDE_ROLE
from schemas.messages import CONFIDENTIAL
from schemas.names import kind_of, office_and_partner, reference_of
from schemas.tasks import CATALOGUE, MESSAGES, PARTNER_ROLES, ROLES, Verdict, example

SQL = queries("views")
Plain = dict[str, Any]

WORD = "confidential"
"""What stands in the place of a reason that is not for everybody."""
REASONS = frozenset({"reason_code", "ground", "ended_reason"})
UNNAMED = {"id": WORD, "cause": WORD, "reason_code": None}
"""A stop whose cause is not for everybody: that it stands, and how far it reaches, is."""
NO_REVIEWERS: Plain = {"members": [], "opinions": [], "counts": None, "overall_approver": None}
SCREENING = "screening"
FLAGS = ("flag",)
OF_A_FLAG = "risk_acceptance_expiry"
"""The obligation that tells of an accepted risk."""


# Who ------------------------------------------------------------------------------------------------------------------------------


def scope_of(caller: Caller) -> browse.Scope:
    """Whose record the caller's lists are read from."""
    if caller.of_partner:
        return browse.Scope(partners=caller.partners)
    return browse.Scope(offices=caller.offices)


def serving(role: str) -> frozenset[str]:
    """Every role in whose place somebody with this one may act."""
    found = {wanted for wanted in ROLES if access.serves(role, (wanted,))}
    return frozenset(found | ({"head_of_office"} if role == STEP_ASIDE_ROLE else set()))


def reach_of(caller: Caller) -> browse.Reach:
    """Whose inbox is the caller's: all roles that he may act in, by office or partner, and himself."""
    if caller.kind == "machine":
        return browse.Reach()
    places = {
        grant.office: [subject for subject in caller.partners if office_and_partner(subject)[0] == grant.office]
        if caller.of_partner
        else [grant.office]
        for grant in caller.grants
    }
    roles = {(place, role) for grant in caller.grants for place in places[grant.office] for role in serving(grant.role)}
    return browse.Reach(
        persons=frozenset({caller.actor}),
        roles=frozenset((place, role) for place, role in roles if (role in PARTNER_ROLES) == caller.of_partner),
    )


async def reach(pool: asyncpg.Pool, caller: Caller, *, at: datetime | None = None) -> browse.Reach:
    """The same, with the tasks of those whom the caller covers today."""
    own = reach_of(caller)
    if caller.of_partner or caller.kind == "machine":
        return own
    offices = sorted({grant.office for grant in caller.grants} - {browse.EVERYWHERE})
    covered = await browse.covering(pool, caller.actor, offices, (at or datetime.now(UTC)).date())
    roles = {(office, wanted) for office, role in covered.roles for wanted in serving(role)}
    return browse.Reach(own.persons | covered.persons, own.roles | roles)


@dataclass(frozen=True)
class Sight:
    """A case in the caller's sight, and what he is there beside his roles."""

    subject: str
    reference: str
    office: str
    partner_subject: str
    also: tuple[str, ...] = ()

    def may(self, caller: Caller, action: str) -> bool:
        return caller.may(action, self.office, also=self.also)


def _sees(caller: Caller, office: str, partner: str) -> bool:
    if caller.of_partner:
        return partner in caller.partners
    return (caller.offices is None or office in caller.offices) and caller.may(access.SEE_CASE, office)


async def sight(pool: asyncpg.Pool, caller: Caller, reference: str) -> Sight:
    """The case of that reference, or of that reference of its source. Raises `Problem` 404 where it is not in the caller's sight."""
    row = await pool.fetchrow(SQL["place"], reference)
    if row is None:
        raise not_found()
    named = not caller.of_partner and bool(await pool.fetchval(SQL["named"], row["subject"], caller.actor))
    if not (_sees(caller, row["office"], row["partner_subject"]) or named):
        raise not_found()
    if caller.of_partner and row["reference"] != reference:
        raise not_found()  # what its source calls it is not the partner's to try out
    return Sight(row["subject"], row["reference"], row["office"], row["partner_subject"], (access.NAMED,) if named else ())


# One case -------------------------------------------------------------------------------------------------------------------------


async def case(pool: asyncpg.Pool, caller: Caller, reference: str, *, at: datetime | None = None) -> Plain:
    """One case as the caller may see it. Raises `Problem` 404.

    Office side: the keys of `activities.read.show`, `title`, `messages` ({at, kind, text, reason_code} written to the partner); sealed
    matters left out and confidential reasons shown as "confidential" for whom they are not.
    Partner side: what `api.partner_side` builds.
    """
    seen = await sight(pool, caller, reference)
    found = await read.show(pool, seen.reference, at=at)
    if caller.of_partner:
        from api import partner_side  # it takes its words from here

        return await partner_side.case(pool, caller, seen, found, at=at)
    found["title"] = (await _document_now(pool, found)).title
    found["messages"] = [
        {"at": said["at"], "kind": said["kind"], "text": said["text"], "reason_code": said["reason_code"]}
        for said in await messages(pool, seen)
        if not is_sealed(said["kind"]) or seen.may(caller, access.see_sealed(said["kind"]))
    ]
    return for_office(found, lambda action: seen.may(caller, action))


async def _document_now(pool: asyncpg.Pool, found: Plain) -> Any:
    return await content.document(pool, found["reference"], found["document_sha256"])


async def messages(pool: asyncpg.Pool, seen: Sight) -> list[Plain]:
    """What was written to the partner: [{at, kind, verdict, text, reason_code, type}], the first first, each text of a moment once."""
    found: dict[tuple[Any, bytes], Plain] = {}
    for row in await pool.fetch(SQL["texts"], seen.subject, seen.partner_subject):
        data = row["data"]
        found.setdefault(
            (row["at"], bytes(row["body"])),
            {
                "at": read.plain(row["at"]),
                "kind": data.get("kind") or row["type"],
                "verdict": data.get("verdict"),
                "text": bytes(row["body"]).decode(errors="replace"),
                "reason_code": data.get("reason_code"),
                "type": row["type"],
            },
        )
    return list(found.values())


def is_sealed(kind: str) -> bool:
    found = CATALOGUE.get(kind) or MESSAGES.get(kind)
    return found is not None and found.sealed


May = Callable[[str], bool]
"""Whether the caller may do an action of `policy.access` in the office concerned."""


def for_office(found: Plain, may: May) -> Plain:
    """A case as its office's people may see it, one with these rights."""
    hits, flags = may(access.see_sealed("dispose_screening_hit")), may(access.see_sealed("weigh_partner_flag"))
    internal = may(access.SEE_INTERNAL)

    def open_to(kind: str) -> bool:
        return not is_sealed(kind) or may(access.see_sealed(kind))

    vetting = found["vetting"]
    told = {
        **found,
        "vetting": {
            **vetting,
            "elements": [row for row in vetting["elements"] if shows_element(row["element"], hits=hits, flags=flags)],
            "screening": vetting["screening"] if hits else None,
            "hits": vetting["hits"] if hits else [],
        },
        "tasks": [row for row in found["tasks"] if open_to(row["kind"])],
        "decisions": [
            row if internal else {**row, "comment_sha256": None, "data_sha256": None} for row in found["decisions"] if open_to(row["kind"])
        ],
        "reviews": [
            row if internal else {**row, "members": [], "opinions": [], "counts": None, "overall_approver": None}
            for row in found["reviews"]
        ],
        "obligations": [row for row in found["obligations"] if flags or row["kind"] != OF_A_FLAG],
        "blocks": [
            row if _block(row, hits=hits, flags=flags) else {**row, "id": WORD, "cause": WORD, "reason_code": None}
            for row in found["blocks"]
        ],
        "hand_overs": {
            **found["hand_overs"],
            "counted": [name for name in found["hand_overs"]["counted"] if all(open_to(part) for part in name.split(":"))],
        },
    }
    return cast("Plain", told if may(access.SEE_CONFIDENTIAL) else masked(told))


def shows_element(name: str, *, hits: bool, flags: bool) -> bool:
    """Whether an element of the vetting ledger is shown to who may read screening hits, or flags."""
    return (name != SCREENING or hits) and (not name.startswith(FLAGS) or flags)


def _block(row: Mapping[str, Any], *, hits: bool, flags: bool) -> bool:
    return (hits or SCREENING not in row["cause"]) and (flags or not (row["cause"].startswith(FLAGS) or OF_A_FLAG in row["cause"]))


def masked(value: Any, key: str = "") -> Any:
    """The same with every reason of the confidential class replaced by one word."""
    if isinstance(value, Mapping):
        return {name: masked(item, name) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item, key) for item in value]
    return WORD if key in REASONS and value in CONFIDENTIAL else value


# Tasks ----------------------------------------------------------------------------------------------------------------------------


async def task(pool: asyncpg.Pool, caller: Caller, identifier: str, *, at: datetime | None = None) -> Plain:
    """One task, with `verdicts`: [{verdict, comment, message, closes, schema, example}] that it takes, and `roles_of_caller`.

    Raises `Problem` 404 where the task is not in the caller's sight.
    """
    found = await read.task(pool, identifier, at=at)
    row = await pool.fetchrow(SQL["task"], identifier)
    if found is None or row is None:
        raise not_found()
    named = not caller.of_partner and bool(await pool.fetchval(SQL["named_in"], identifier, caller.actor))
    kind = CATALOGUE[found["kind"]]
    if not (_sees(caller, found["office"], row["partner_subject"] or "") or named):
        raise not_found()
    also = (access.NAMED,) if named else ()
    if caller.of_partner and not theirs(found):
        raise not_found()
    if kind.sealed and not caller.may(access.see_sealed(kind.name), found["office"], also=also):
        raise not_found()
    roles = sorted(
        {role for place, role in reach_of(caller).roles if place in (found["office"], browse.EVERYWHERE, row["partner_subject"])}
    )
    item_ = {name: value for name, value in found.items() if not caller.of_partner or name in PARTNERS_TASK}
    track = await _track(pool, found)
    return {
        **item_,
        "cases": [reference_of(subject) for subject in found["cases"]],
        "case": reference_of(found["cases"][0]) if found["cases"] else None,
        "verdicts": [_verdict(verdict) for verdict in kind.verdicts.values() if verdict.on(track)],  # type: ignore[arg-type]
        "roles_of_caller": _roles(found, roles, named=named),
    }


def _roles(found: Plain, held: list[str], *, named: bool) -> list[str]:
    """In which of its roles the caller could decide a task: those that he serves; named by it, also what is given per case."""
    if found["candidates"] and not named:
        return []
    return [role for role in found["roles"] if role in held or (named and role in access.BY_CASE)]


async def _track(pool: asyncpg.Pool, found: Plain) -> str:
    """The track whose verdicts a task takes: that of the case it serves, the emergency one first where it serves several."""
    tracks = {await pool.fetchval('SELECT track FROM "case" WHERE subject = $1', subject) for subject in found["cases"]}
    return "emergency" if "emergency" in tracks else "standard"


def _verdict(verdict: Verdict) -> Plain:
    return {
        "verdict": verdict.name,
        "comment": verdict.comment,
        "message": verdict.message,
        "closes": verdict.closes,
        "roles": list(verdict.roles),
        "schema": verdict.model.model_json_schema(by_alias=True),
        "example": example(verdict.model),
    }


PARTNERS_TASK = (
    "id", "kind", "stage", "round", "state", "holder", "opened_at", "due_at", "overdue", "closed_at", "verdict", "roles",
)  # fmt: skip
"""What the partner sees of a task of its own."""


def theirs(row: Mapping[str, Any] | asyncpg.Record) -> bool:
    """Whether a task is one that the partner's people decide."""
    return not PARTNER_ROLES.isdisjoint(row["roles"]) and not is_sealed(row["kind"])


# Events ---------------------------------------------------------------------------------------------------------------------------


async def events(
    pool: asyncpg.Pool, caller: Caller, reference: str, *, kind: str | None = None, after: str | None = None, limit: int = 100
) -> browse.Page:
    """The events of a case's own chain as the caller may see them; of the partner by `policy.partner_view`, never `cause`.

    Items: subject, sequence, type, at, actor, stage, round, track, data; for the office also cause, hash, position, recorded_at.
    """
    seen = await sight(pool, caller, reference)
    if caller.of_partner:
        from api import partner_side

        return await partner_side.events(pool, seen, kind=kind, after=after, limit=limit)
    page = await browse.events(pool, browse.EVERYTHING, seen.subject, kind=kind, after=after, limit=limit)
    may = lambda action: seen.may(caller, action)  # noqa: E731
    return browse.Page([told for row in page.items if (told := event_for_office(row, may)) is not None], page.next)


def event_for_office(row: Plain, may: May) -> Plain | None:
    """An event as the office's people may see it, or None where it tells of something sealed."""
    body = row["data"]
    data = body.get("data") or {}
    if row["type"].startswith("allegation.") and not may(access.see_sealed("report_allegation")):
        return None
    hits, flags = may(access.see_sealed("dispose_screening_hit")), may(access.see_sealed("weigh_partner_flag"))
    if (row["type"].startswith("screening.") and not hits) or (row["type"].startswith("partner.flag") and not flags):
        return None
    if not shows_element(str(data.get("element") or ""), hits=hits, flags=flags):
        return None
    names = {str(data.get("kind") or ""), *_kinds_in(data.get("task")), *_kinds_in((body.get("cause") or {}).get("id"))}
    closed = [name for name in names if is_sealed(name) and not may(access.see_sealed(name))]
    if closed and (is_sealed(str(data.get("kind") or "")) or _kinds_in(data.get("task"))):
        return None
    cause = {"kind": body["cause"]["kind"], "id": WORD} if closed else body.get("cause")
    told = {
        "subject": row["subject"],
        "sequence": row["sequence"],
        "type": row["type"],
        "at": row["at"],
        "actor": body.get("actor"),
        "stage": body.get("stage"),
        "round": body.get("round"),
        "track": body.get("track"),
        "data": data if may(access.SEE_INTERNAL) else {name: value for name, value in data.items() if name not in INTERNAL},
        "cause": cause,
        "hash": row["hash"],
        "position": row["position"],
        "recorded_at": row["recorded_at"],
    }
    return told if may(access.SEE_CONFIDENTIAL) else cast("Plain", masked(told))


INTERNAL = frozenset({"members", "member", "overall_approver", "answers", "counts", "comment_sha256", "data_sha256", "score", "roster"})
"""Words of events that are internal to the office's people."""


def _kinds_in(identifier: Any) -> set[str]:
    """Kinds of sealed tasks that an id names."""
    return {part for part in str(identifier or "").split(":") if is_sealed(part)}


# The document ---------------------------------------------------------------------------------------------------------------------


async def versions(pool: asyncpg.Pool, caller: Caller, reference: str) -> tuple[Sight, list[Plain]]:
    """The versions of a case's document that the caller may read."""
    seen = await sight(pool, caller, reference)
    rows = [cast("Plain", read.plain(dict(row))) for row in await pool.fetch(SQL["versions"], seen.subject)]
    if caller.of_partner:
        from api import partner_side

        return seen, await partner_side.own_versions(pool, seen, rows)
    return seen, rows


async def document(pool: asyncpg.Pool, caller: Caller, reference: str, version: int) -> Plain:
    """One version of the document, in full: {version, sha256, side, at, document}. Raises `Problem` 404."""
    seen, rows = await versions(pool, caller, reference)
    row = next((row for row in rows if row["version"] == version), None)
    if row is None:
        raise not_found()
    whole = await content.document(pool, seen.reference, row["sha256"])
    return {name: row[name] for name in ("version", "sha256", "side", "at")} | {"document": whole.model_dump(mode="json", by_alias=True)}


async def differences(pool: asyncpg.Pool, caller: Caller, reference: str, before: int, after: int) -> list[Plain]:
    """What changed between two versions: [{path, before, after}], in the order of the document. Raises `Problem` 404."""
    one, other = [(await document(pool, caller, reference, version))["document"] for version in (before, after)]
    return changes(one, other)


def changes(one: Any, other: Any, path: str = "$") -> list[Plain]:
    """Where two values differ. Lines with an id are compared by it, wherever they stand."""
    if isinstance(one, dict) and isinstance(other, dict):
        return [found for key in {**one, **other} for found in changes(one.get(key), other.get(key), f"{path}.{key}")]
    if isinstance(one, list) and isinstance(other, list):
        left, right = _by_id(one), _by_id(other)
        if left is not None and right is not None and (left or right):
            return [found for key in {**left, **right} for found in changes(left.get(key), right.get(key), f"{path}[{key}]")]
        longest = max(len(one), len(other))
        pairs = [(one[n] if n < len(one) else None, other[n] if n < len(other) else None) for n in range(longest)]
        return [found for n, pair in enumerate(pairs) for found in changes(*pair, f"{path}[{n}]")]
    return [] if one == other else [{"path": path, "before": one, "after": other}]


def _by_id(rows: list[Any]) -> dict[str, Any] | None:
    """Rows by their ids, or None where they have none or one stands twice."""
    ids = [row.get("id") if isinstance(row, dict) else None for row in rows]
    return dict(zip(cast("list[str]", ids), rows, strict=True)) if None not in ids and len(set(ids)) == len(ids) else None


async def public(pool: asyncpg.Pool, reference: str) -> Plain:
    """What anybody may know of a signed agreement: partner, title, location, purpose, cash. Raises `Problem` 404 before the signature."""
    row = await pool.fetchrow('SELECT reference, status, signed_on, document_sha256 FROM "case" WHERE reference = $1', reference)
    if row is None or row["status"] not in partner_view.PUBLIC_FROM or row["signed_on"] is None:
        raise not_found()
    facts = await content.intake(pool, row["reference"])
    signed = await content.document(pool, row["reference"], row["document_sha256"])
    if signed.confidential or facts.document.confidential:
        raise not_found()
    return {
        "reference": row["reference"],
        "partner": facts.partner.legal_name,
        "title": signed.title,
        "locations": list(signed.areas),
        "purpose": [output.title for output in signed.outputs],
        "cash": str(budget.totals(signed).office_cash),
        "currency": signed.currency,
        "signed_on": row["signed_on"].isoformat(),
    }


# Lists ----------------------------------------------------------------------------------------------------------------------------

PARTNERS_LISTS: Mapping[str, tuple[str, ...]] = {
    "cases": (
        "reference", "track", "stage", "humanitarian", "document_type", "currency", "office_total", "submitted_on", "received_at",
        "signed_on", "holder",
    ),
    "tasks": (*PARTNERS_TASK, "cases"),
    "obligations": ("id", "kind", "owner_role", "due_at", "state", "overdue"),
    "instalments": (
        "instalment", "period", "modality", "currency", "requested", "certified", "released", "paid", "state", "requested_at",
        "released_at", "paid_at", "reported_at", "value_date",
    ),
    "decisions": ("task", "kind", "stage", "round", "verdict", "counted", "at"),
    "partners": ("office", "partner", "cases", "open_cases", "exposure", "vendor_confirmed"),
}  # fmt: skip
"""What the partner sees of the rows of each list; of those not named here, nothing."""


def item(caller: Caller, kind: str, row: Plain) -> Plain | None:
    """One row of a list of `activities.browse` (`kind`: its name) as the caller may see it; None: not at all."""
    if caller.of_partner:
        return _partners_item(kind, row)
    office = row.get("office") or (office_and_partner(row["subject"])[0] if kind_of(row.get("subject") or "") == "partner" else None)

    def may(action: str) -> bool:
        return caller.may(action, office, also=(access.NAMED,) if caller.actor in (row.get("candidates") or ()) else ())

    hits, flags = may(access.see_sealed("dispose_screening_hit")), may(access.see_sealed("weigh_partner_flag"))
    if kind in ("tasks", "decisions") and is_sealed(row["kind"]) and not may(access.see_sealed(row["kind"])):
        return None
    if kind == "obligations" and row["kind"] == OF_A_FLAG and not flags:
        return None
    if kind == "blocks" and not _block(row, hits=hits, flags=flags):
        row = {**row, **UNNAMED}
    if kind == "decisions" and not may(access.SEE_INTERNAL):
        row = {**row, "comment_sha256": None, "data_sha256": None}
    return row if may(access.SEE_CONFIDENTIAL) else cast("Plain", masked(row))


def _partners_item(kind: str, row: Plain) -> Plain | None:
    if kind == "tasks" and not theirs(row):
        return None
    if kind == "decisions" and (row["role"] not in PARTNER_ROLES or is_sealed(row["kind"])):
        return None
    if kind == "obligations" and row["kind"] not in partner_view.OBLIGATIONS:
        return None
    shown: Plain = {name: row[name] for name in PARTNERS_LISTS.get(kind, ()) if name in row}
    if not shown:
        return None
    if kind == "cases":
        rows = partner_view.rows_of(row["status"], turn=row["holder"] or "office", held=row["held"], under_notice=row["under_notice"])
        shown |= {"status": row["status"], "label": partner_view.TABLE[rows[0]].label}
    if kind == "obligations":
        closed = row["state"] in ("met", "written_off")
        due = (row["due_at"] or "")[:10] or None
        shown["words"] = partner_view.in_words(row["kind"], row["owner_role"], due, row["consequences"], met=closed)
        shown["consequences"] = [code for code in row["consequences"] if code in partner_view.CONSEQUENCES]
    if kind in ("obligations", "instalments") and kind_of(row["subject"]) == "case":
        shown["reference"] = reference_of(row["subject"])
    return shown


def items(caller: Caller, kind: str, page: browse.Page) -> browse.Page:
    """A page of a list as the caller may see it; it may be shorter than what was asked for, and `next` still goes on."""
    return browse.Page([shown for row in page.items if (shown := item(caller, kind, row)) is not None], page.next)


def csv_cell(value: Any) -> str:
    """A value as a spreadsheet may read it: what it would take for a formula is a text."""
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
    return "'" + text if text[:1] in FORMULA and not _number(text) else text


FORMULA = frozenset("=+-@\t\r\n|")


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
