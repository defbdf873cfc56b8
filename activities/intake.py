"""Intake: the record first. A message becomes a case, or is refused with every reason and kept.

One transaction takes (source, source reference), keeps the facts, resolves the instrument against the umbrella under its lock, gives
the reference, pins packs, office file and rates, and appends `case.received`. Only then is the workflow started, by reference, so that
a start that fails is made good by `sweep`. Facts never go into a workflow's history.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, cast

import asyncpg
from pydantic import ValidationError
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities import activation, versions
from activities.settle_vetting import account_hash
from activities.shared import TASK_QUEUE, start_shared
from activities.view import view_of
from db.content import canonical, sha256
from db.events import Chains, body
from policy.eligibility import Appraisal, Door, Overdue, Sibling, appraise
from policy.instrument import UmbrellaState
from schemas.engine import StageInput
from schemas.findings import Finding
from schemas.intake import Intake, faults
from schemas.names import case_subject, case_workflow, office_subject, partner_subject, source_subject, umbrella_subject
from schemas.office import Office, Rates
from schemas.search_attributes import PCA_COUNTRY, PCA_PARTNER, PCA_REF, PCA_STATUS, PCA_TRACK

MAY_START_LATE = timedelta(seconds=5)
"""How long a submission may wait for its own start before the sweep looks at it."""


@dataclass(frozen=True)
class Taken:
    """The case of this submission: taken now, or there already with the same content. `findings` are warnings."""

    reference: str
    workflow: str
    state: Literal["taken", "repeated"]
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class Refused:
    """No case: every reason, each with its JSON path. `existing`: the case that has the same source and reference, with other content."""

    findings: list[Finding]
    existing: str = ""


@dataclass(frozen=True)
class _Ground:
    """What the door needs to know beside the message, read under lock."""

    office: Office | None
    rates: Rates
    pins: dict[str, dict[str, str]]
    umbrella: UmbrellaState
    umbrella_reference: str
    umbrella_known: bool


# Reading the message --------------------------------------------------------------------------------------------------------------


def read(raw: Any) -> Intake | list[Finding]:
    """The message as a model, or every fault with its JSON path. `raw`: parsed JSON, JSON text or bytes, or the model itself."""
    if isinstance(raw, Intake):
        return raw
    if isinstance(raw, str | bytes):
        try:
            raw = json.loads(raw)
        except ValueError as error:
            return [Finding(rule="not_json", message=str(error), path="$", source="schemas.intake", next_step="Send one JSON object.")]
    if not isinstance(raw, Mapping):
        return [Finding(rule="not_an_object", message="One JSON object was expected.", path="$", source="schemas.intake")]
    try:
        return Intake.model_validate(raw)
    except ValidationError as error:
        return faults(error)


async def check(pool: asyncpg.Pool, raw: Any) -> list[Finding]:
    """Everything the door would say, taking nothing."""
    intake = read(raw)
    if not isinstance(intake, Intake):
        return intake
    async with pool.acquire() as conn:
        return list((await _appraised(cast("asyncpg.Connection", conn), intake))[1].findings)


async def take(
    pool: asyncpg.Pool, raw: Any, *, clock: str = "", at: datetime | None = None, event_id: str | None = None
) -> Taken | Refused:
    """Take a message as it came, once per (source, source reference) and (source, event id).

    `clock`: the practice clock that the case joins (it must exist). `at`: business time, by default that of the clock.
    Raises `activities.versions.UnknownVersion` if no rule pack is loaded, LookupError for an unknown clock.
    """
    moment = at or await _now(pool, clock)
    intake = read(raw)
    if not isinstance(intake, Intake):
        source = str(raw.get("source", ""))[:80] if isinstance(raw, Mapping) else ""
        reference = str(raw.get("source_reference", ""))[:200] if isinstance(raw, Mapping) else ""
        return await _refuse(pool, source or "unknown", reference, raw, intake, moment, clock)
    outcome = await _looking_again(pool, intake, clock, moment, event_id)
    if isinstance(outcome, Refused) and not outcome.existing:
        return await _refuse(pool, intake.source, intake.source_reference, intake, outcome.findings, moment, clock)
    if isinstance(outcome, Refused) or outcome.state == "repeated":
        await _repeated(pool, intake, outcome, moment, clock)
    return outcome


async def _now(pool: asyncpg.Pool, clock: str) -> datetime:
    if not clock:
        return datetime.now(UTC)
    offset = await pool.fetchval('SELECT "offset" FROM clock WHERE name = $1', clock)
    if offset is None:
        raise LookupError(f"there is no practice clock {clock}")
    return datetime.now(UTC) + cast("timedelta", offset)


async def _looking_again(pool: asyncpg.Pool, intake: Intake, clock: str, at: datetime, event_id: str | None) -> Taken | Refused:
    """Take; somebody who took the same submission or reference at this moment is looked at twice before that is an error."""
    for _ in range(2):
        with suppress(asyncpg.UniqueViolationError):
            return await _take(pool, intake, clock, at, event_id)
    return await _take(pool, intake, clock, at, event_id)


async def _take(pool: asyncpg.Pool, intake: Intake, clock: str, at: datetime, event_id: str | None) -> Taken | Refused:
    facts = intake.model_dump(mode="json", by_alias=True)
    digest = sha256(canonical(facts))
    async with pool.acquire() as borrowed, borrowed.transaction():
        conn = cast("asyncpg.Connection", borrowed)
        chains = Chains(conn)
        partner = partner_subject(intake.office, intake.partner.id)
        umbrella = umbrella_subject(intake.office, intake.partner.id, intake.programme)
        await chains.lock([office_subject(intake.office), partner, umbrella])
        if known := await _known(conn, intake, digest, facts, event_id):
            return known
        ground, appraisal = await _appraised(conn, intake, hold=True)
        if not appraisal.accepted or ground.office is None:
            return Refused(list(appraisal.findings))
        reference, warnings = await _reference(conn, intake, ground.office)
        subject = case_subject(reference)
        workflow = case_workflow(intake.office, reference)
        await conn.execute(
            "INSERT INTO submission (source, source_reference, event_id, facts_sha256, facts, reference, clock, received_at) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp())",
            intake.source, intake.source_reference, event_id, digest, facts, reference, clock,
        )  # fmt: skip
        await chains.begin(subject)
        said: dict[str, Any] = {
            "actor": {"id": intake.submitter, "role": "submitter", "on_behalf_of": None},
            "track": intake.track,
            "pack": ground.pins[intake.track],
            "cause": {"kind": "event", "id": f"{intake.source}:{intake.source_reference}"},
            "clock": clock,
        }
        received = _case(intake, ground.office, appraisal, ground.pins, digest) | {
            "reference": reference, "workflow": workflow, "partner_subject": partner, "umbrella": umbrella, "clock": clock,
        }  # fmt: skip
        await chains.append(subject, body("case.received", at, received, **said))
        for name, data in _umbrella(intake, ground, appraisal, reference, subject, clock):
            await chains.append(umbrella, body(name, at, data, **said))
    return Taken(reference, workflow, "taken", [*appraisal.findings, *warnings])


async def _known(
    conn: asyncpg.Connection, intake: Intake, digest: str, facts: dict[str, Any], event_id: str | None
) -> Taken | Refused | None:
    row = await conn.fetchrow(
        "SELECT reference, facts_sha256, facts FROM submission WHERE source = $1 AND (source_reference = $2 OR event_id = $3)",
        intake.source, intake.source_reference, event_id,
    )  # fmt: skip
    if row is None:
        return None
    if row["facts_sha256"] == digest:
        return Taken(row["reference"], case_workflow(intake.office, row["reference"]), "repeated")
    return Refused(
        [
            Finding(
                rule="reference_taken_with_other_content",
                message=f"{row['reference']} was taken from this source and reference with other content here.",
                path=path,
                source="design 6",
                next_step="Correct a fact of the case, or submit under another reference.",
            )
            for path in differences(row["facts"], facts)
        ],
        existing=row["reference"],
    )


def differences(one: Any, other: Any, path: str = "$") -> list[str]:
    """JSON paths at which two values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted(one.keys() | other.keys())
        return [found for key in keys for found in differences(one.get(key), other.get(key), f"{path}.{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [found for n, pair in enumerate(zip(one, other, strict=True)) for found in differences(*pair, f"{path}[{n}]")]
    return [] if one == other else [path]


# What the record knows ------------------------------------------------------------------------------------------------------------


async def _appraised(conn: asyncpg.Connection, intake: Intake, *, hold: bool = False) -> tuple[_Ground, Appraisal]:
    """What the door says. `hold`: the activation that is relied on is not revoked while this transaction lasts."""
    ground = await _ground(conn, intake)
    pack = await versions.pack_by_hash(conn, ground.pins[intake.track]["sha256"])
    door = Door(
        office=ground.office,
        rates=ground.rates,
        umbrella=ground.umbrella,
        umbrella_reference=ground.umbrella_reference,
        overdue=tuple(await _overdue(conn, intake)),
        siblings=tuple(await _siblings(conn, intake)),
        activation=await activation.facts(conn, intake.activation, hold=hold) if intake.activation else None,
    )
    return ground, appraise(intake, door, pack)


async def _ground(conn: asyncpg.Connection, intake: Intake) -> _Ground:
    day = intake.submitted_on
    pins: dict[str, dict[str, str]] = {}
    for name, found in (
        ("standard", await versions.pin(conn, "pack", "standard", day)),
        ("emergency", await versions.pin(conn, "pack", "emergency", day)),
        ("office", await versions.pin(conn, "office", intake.office, day)),
        ("rates", await versions.pin(conn, "rates", "un", day)),
    ):
        if found is not None:
            pins[name] = found._asdict()
        elif name in ("standard", "emergency"):
            raise versions.UnknownVersion(f"no {name} pack is in force on {day}: load the packs")
    office = await versions.office_by_hash(conn, pins["office"]["sha256"]) if "office" in pins else None
    rates = await versions.rates_by_hash(conn, pins["rates"]["sha256"]) if "rates" in pins else Rates(months={})
    row = await conn.fetchrow(
        "SELECT status, reference FROM umbrella WHERE subject = $1", umbrella_subject(intake.office, intake.partner.id, intake.programme)
    )
    if row is not None and row["status"] != "cancelled":
        return _Ground(office, rates, pins, row["status"], row["reference"], True)
    standing = intake.partner.pca
    if standing is not None and standing.programme in (None, intake.programme):
        state: UmbrellaState = "signed" if standing.end >= day else "ended"
        return _Ground(office, rates, pins, state, standing.reference, False)
    return _Ground(office, rates, pins, "none", "", False)


async def _overdue(conn: asyncpg.Connection, intake: Intake) -> list[Overdue]:
    rows = await conn.fetch(
        "SELECT kind, due_at, consequences, subject FROM obligation WHERE overdue AND state IN ('open', 'evidence_in') AND subject = $1",
        partner_subject(intake.office, intake.partner.id),
    )
    bars: dict[str, Literal["new_emergency", "new_document"]] = {
        "block_new_emergency": "new_emergency", "block_new_document": "new_document",
    }  # fmt: skip
    return [
        Overdue(row["kind"], row["due_at"].date(), row["subject"], bars[code])
        for row in rows
        for code in row["consequences"]
        if code in bars
    ]


async def _siblings(conn: asyncpg.Connection, intake: Intake) -> list[Sibling]:
    rows = await conn.fetch(
        "SELECT c.reference, s.facts #>> '{document,title}' AS title, c.office_total, c.currency, "
        "coalesce(c.start_on, c.start_requested) AS start_on, coalesce(c.end_on, c.end_requested) AS end_on "
        'FROM "case" c JOIN submission s USING (reference) WHERE c.partner_subject = $1 '
        "AND c.status NOT IN ('rejected', 'withdrawn', 'cancelled', 'terminated', 'expired')",
        partner_subject(intake.office, intake.partner.id),
    )
    return [Sibling(row["reference"], row["title"], row["office_total"], row["currency"], row["start_on"], row["end_on"]) for row in rows]


async def _reference(conn: asyncpg.Connection, intake: Intake, office: Office) -> tuple[str, list[Finding]]:
    """The wanted reference if it is free, else the next number of the office's year; the office's head is locked."""
    warnings: list[Finding] = []
    if intake.reference is not None:
        if not await conn.fetchval("SELECT true FROM submission WHERE reference = $1", intake.reference):
            return intake.reference, []
        warnings.append(
            Finding(
                rule="reference_in_use",
                message=f"{intake.reference} is another case's; the engine gave the next number.",
                severity="warning",
                path="$.reference",
            )
        )
    series = f"{office.iso3}/{intake.submitted_on.year}/"
    last = await conn.fetchval(
        "SELECT max(substr(reference, length($1) + 1)::bigint) FROM submission "
        "WHERE starts_with(reference, $1) AND substr(reference, length($1) + 1) ~ '^[0-9]{1,9}$'",
        series,
    )
    return f"{series}{(last or 0) + 1:04d}", warnings


# What is recorded -----------------------------------------------------------------------------------------------------------------


def _case(intake: Intake, office: Office, appraisal: Appraisal, pins: dict[str, dict[str, str]], digest: str) -> dict[str, Any]:
    document = intake.document
    section = document.section or document.sector
    return {
        "office": intake.office,
        "programme": intake.programme,
        "partner": intake.partner.id,
        "source": intake.source,
        "source_reference": intake.source_reference,
        "facts_sha256": digest,
        "title_sha256": sha256(document.title),
        "instrument": appraisal.instrument.instrument,
        "document_type": "contingency" if intake.instrument == "contingency_document" else appraisal.kind,
        "humanitarian": intake.humanitarian,
        "submitter": intake.submitter,
        "section": section,
        "focal_point": intake.focal_point or _who(office, "focal_point", section, intake.submitted_on),
        "budget_owner": intake.budget_owner or _who(office, "budget_owner", section, intake.submitted_on),
        "currency": document.currency,
        "rate": appraisal.rate,
        "office_total": appraisal.totals.office_total,
        "office_cash": appraisal.totals.office_cash,
        "office_total_usd": appraisal.office_total_usd,
        "office_cash_usd": appraisal.office_cash_usd,
        "submitted_on": intake.submitted_on,
        "start_requested": document.start,
        "end_requested": document.end,
        "carries_umbrella": appraisal.instrument.carries,
        "packs": pins,
        "activation": intake.activation if intake.track == "emergency" else None,
        "assumed_facts": list(intake.assumed_facts),
    }


def _who(office: Office, role: str, section: str, day: date) -> str:
    """Whom the office file names for a section; of several the first, of the section before others."""
    held = [
        (person.actor, grant.section) for person in office.people for grant in person.roles if grant.role == role and grant.in_force(day)
    ]
    own = [actor for actor, its in held if its == section]
    return next(iter(own or [actor for actor, its in held]), "")


def _umbrella(
    intake: Intake, ground: _Ground, appraisal: Appraisal, reference: str, subject: str, clock: str
) -> list[tuple[str, dict[str, Any]]]:
    """The PCA that this case opens, or that the facts bring and the record lacks."""
    office, standing = ground.office, intake.partner.pca
    assert office is not None
    opened = {"office": intake.office, "partner": intake.partner.id, "programme": intake.programme, "clock": clock}
    if appraisal.instrument.carries:
        parts = reference.split("/")
        own = f"{parts[0]}/PCA{'/'.join(parts[1:])}" if len(parts) > 1 else f"PCA-{reference}"
        officers = [officer.actor for officer in intake.partner.officers]
        return [("umbrella.opened", opened | {"reference": own, "carrier": subject, "officers": officers})]
    if standing is None or ground.umbrella_known:
        return []
    terms = {
        "officers": list(standing.officers) or [officer.actor for officer in intake.partner.officers],
        "account_hash": account_hash(standing.account_ref) if standing.account_ref else None,
    }
    signed = {"start": standing.start, "end": standing.end, "signed_on": standing.signed_on, "source": "intake"}
    return [
        ("umbrella.opened", opened | {"reference": standing.reference, "carrier": None} | terms),
        ("umbrella.signed", signed | terms),
    ]


async def _refuse(pool: asyncpg.Pool, source: str, reference: str, raw: Any, findings: list[Finding], at: datetime, clock: str) -> Refused:
    """Kept as it came, also where it is no JSON; no case exists."""
    text = raw.decode(errors="replace") if isinstance(raw, bytes) else raw if isinstance(raw, str) else _text(raw)
    told = [{"rule": f.rule, "path": f.path, "severity": f.severity} for f in findings]
    async with pool.acquire() as borrowed, borrowed.transaction():
        conn = cast("asyncpg.Connection", borrowed)
        chains = Chains(conn)
        await chains.lock([source_subject(source)])
        await conn.execute(
            "INSERT INTO rejected_intake (source, source_reference, body, findings) VALUES ($1, $2, $3, $4)",
            source, reference, text.replace("\x00", ""), [finding.model_dump(mode="json") for finding in findings],
        )  # fmt: skip
        data = {"source": source, "source_reference": reference, "findings": told}
        cause = {"kind": "event", "id": f"{source}:{reference}"}
        await chains.append(source_subject(source), body("intake.rejected", at, data, cause=cause, clock=clock))
    return Refused(findings)


def _text(raw: Any) -> str:
    try:
        return canonical(raw)
    except (TypeError, ValueError):
        return repr(raw)


async def _repeated(pool: asyncpg.Pool, intake: Intake, outcome: Taken | Refused, at: datetime, clock: str) -> None:
    """The same source and reference came again."""
    same = isinstance(outcome, Taken)
    data = {
        "case": outcome.reference if isinstance(outcome, Taken) else outcome.existing,
        "same_content": same,
        "differences": [] if isinstance(outcome, Taken) else [finding.path for finding in outcome.findings],
    }
    async with pool.acquire() as borrowed, borrowed.transaction():
        chains = Chains(cast("asyncpg.Connection", borrowed))
        subject = source_subject(intake.source)
        await chains.lock([subject])
        cause = {"kind": "event", "id": f"{intake.source}:{intake.source_reference}"}
        await chains.append(subject, body("intake.repeated", at, data, cause=cause, clock=clock))


# Starting -------------------------------------------------------------------------------------------------------------------------


async def start_case(pool: asyncpg.Pool, client: Client, taken: Taken) -> None:
    """Start the case's workflow by its reference; starting it twice starts it once, and a case that has ended stays ended.

    Raises the client's errors; the sweep repeats what failed.
    """
    subject = case_subject(taken.reference)
    async with pool.acquire() as borrowed:
        conn = cast("asyncpg.Connection", borrowed)
        row = await conn.fetchrow('SELECT office, partner, clock, status, activation FROM "case" WHERE subject = $1', subject)
        if row is None:
            raise LookupError(f"the record has no case {taken.reference}")
        keeper = await activation.start_of(conn, row["activation"]) if row["activation"] else None
        track = await conn.fetchval("SELECT facts->>'track' FROM submission WHERE reference = $1", taken.reference)
        view = (await view_of(conn, subject)).model_copy(update={"track": track})
        if row["clock"]:
            await conn.execute(
                "INSERT INTO clock_member (clock, workflow) VALUES ($1, $2) ON CONFLICT DO NOTHING", row["clock"], taken.workflow
            )
    if keeper is not None:
        await start_shared(pool, client, keeper)  # somebody keeps the end of the activation from the first case on
    try:
        await client.start_workflow(
            "EmergencyAgreement" if track == "emergency" else "Agreement",
            StageInput(subject=subject, stage="case", view=view),
            id=taken.workflow,
            task_queue=TASK_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            static_summary=f"{taken.reference}: programme document of {row['partner']}, {track} track",
            search_attributes=TypedSearchAttributes(
                [
                    SearchAttributePair(PCA_REF, taken.reference),
                    SearchAttributePair(PCA_COUNTRY, row["office"]),
                    SearchAttributePair(PCA_PARTNER, row["partner"]),
                    SearchAttributePair(PCA_TRACK, track),
                    SearchAttributePair(PCA_STATUS, row["status"]),
                ]
            ),
        )
    except WorkflowAlreadyStartedError:
        pass
    await pool.execute("UPDATE submission SET started_at = coalesce(started_at, clock_timestamp()) WHERE reference = $1", taken.reference)


async def sweep(pool: asyncpg.Pool, client: Client, *, older_than: timedelta = MAY_START_LATE) -> list[str]:
    """Start what was received and not started; returns the references. Whoever sweeps at the same moment does no harm."""
    rows = await pool.fetch(
        'SELECT s.reference, c.workflow FROM submission s JOIN "case" c USING (reference) '
        "WHERE s.started_at IS NULL AND s.received_at < clock_timestamp() - $1::interval ORDER BY s.received_at LIMIT 100",
        older_than,
    )
    for row in rows:
        await start_case(pool, client, Taken(row["reference"], row["workflow"], "repeated"))
    return [row["reference"] for row in rows]
