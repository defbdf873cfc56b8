"""Settling: how a module adds its rules to the one write path, and what such a rule may see and do.

A batch carries what a workflow decided; the record settles it against the rows, under lock. Modules `activities/settle_*.py` register
two kinds of rules here:

    @judges("approve_document")                       # each decision on that kind (or "message:hold"), before its events
    async def authority(s: Settling) -> None: ...

    @settles("review.convened", locks=("umbrella",))  # each event of that type, in order
    async def convened(s: Settling, event: Draft) -> None: ...

A rule reads rows through `s.db`, says what it finds (`refuse`, `wait`, `warn`), fills `event.data`, adds further events. It never
writes a projection itself: rows change by events alone, so that replaying the events gives the same rows. The decision, and every
earlier event of the same write, has been applied when a rule runs; its own event has not. A rule may run twice in one write (again,
after an optional group was left out), so it must have no effect of its own.
"""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import asyncpg

from activities import versions
from db import content
from policy.calendar import Calendar
from policy.pack import Pack
from schemas.base import Strict
from schemas.engine import Batch, Opening, Start, Task
from schemas.findings import Finding
from schemas.intake import Document, Intake
from schemas.messages import Decision, Message
from schemas.names import case_workflow, kind_of, reference_of
from schemas.office import Office

Row = asyncpg.Record


@dataclass
class Draft:
    """An event about to be appended; a settling rule may still change its data."""

    type: str
    subject: str
    data: dict[str, Any]
    optional: str = ""


Judge = Callable[["Settling"], Awaitable[None]]
Settle = Callable[["Settling", Draft], Awaitable[None]]

_judges: dict[str, list[Judge]] = {}
_settles: dict[str, list[Settle]] = {}
_locks: dict[str, frozenset[str]] = {}


def judges(*kinds: str, locks: tuple[str, ...] = ()) -> Callable[[Judge], Judge]:
    """Register a rule for each decision on these task kinds, or for messages as `message:<kind>`.

    `locks`: "umbrella", "partner": heads of the case's umbrella and partner that the write locks beside its own subjects.
    """

    def register(rule: Judge) -> Judge:
        for kind in kinds:
            _judges.setdefault(kind, []).append(rule)
            _locks[kind] = _locks.get(kind, frozenset()) | frozenset(locks)
        return rule

    return register


def settles(*types: str, locks: tuple[str, ...] = ()) -> Callable[[Settle], Settle]:
    """Register a rule for each event of these types. `locks` as in `judges`; it must also name what appended events touch."""

    def register(rule: Settle) -> Settle:
        for name in types:
            _settles.setdefault(name, []).append(rule)
            _locks[name] = _locks.get(name, frozenset()) | frozenset(locks)
        return rule

    return register


def rules_of_decision(kind: str) -> list[Judge]:
    return _judges.get(kind, [])


def rules_of_event(name: str) -> list[Settle]:
    return _settles.get(name, [])


def locks_of(names: list[str]) -> frozenset[str]:
    """Which shared heads these task kinds and event types ask for."""
    return frozenset().union(*(_locks.get(name, frozenset()) for name in names))


def load_rules() -> None:
    """Import every `activities.settle_*` and `activities.begin_*` module: each registers what it knows."""
    package = importlib.import_module("activities")
    for module in pkgutil.iter_modules(package.__path__):
        if module.name.startswith(("settle_", "begin_")):
            importlib.import_module(f"activities.{module.name}")


@dataclass
class Settling:
    """One write while it is settled. Amounts are Decimal, moments aware UTC."""

    db: asyncpg.Connection
    batch: Batch
    task_row: Row | None = None
    """The row of the task that the decision is about."""
    payload: Strict | None = None
    """The verdict's or message's data as its model."""
    data: dict[str, Any] = field(default_factory=dict)
    """The same as plain JSON."""
    findings: list[Finding] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    """What the stage is told: ids, enums, hashes, dates; never names, texts or amounts."""
    left_out: set[str] = field(default_factory=set)
    looks: list[str] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    openings: list[Opening] = field(default_factory=list)
    dues: dict[str, datetime] = field(default_factory=dict)
    """Due moments of tasks that this write opens, by kind, instead of the pack's days."""
    current: Draft | None = None
    """The event being settled; None while a decision is judged."""
    appended: list[Draft] = field(default_factory=list)
    """Further events, taken up right after the current one."""
    pack_name: dict[str, str] | None = None
    """Version and hash of the pack that events of this write name; read once."""
    _cases: dict[str, Row] = field(default_factory=dict)

    # -- what was said ------------------------------------------------------------------------------

    @property
    def at(self) -> datetime:
        """Business time of the write."""
        return self.batch.at

    @property
    def decision(self) -> Decision | None:
        return self.batch.decision

    @property
    def message(self) -> Message | None:
        return self.batch.message

    @property
    def task(self) -> Task | None:
        return self.batch.task

    @property
    def said(self) -> Decision | Message | None:
        """The decision or message of this write."""
        return self.batch.decision or self.batch.message

    @property
    def actor(self) -> str:
        """Who said it; empty for the system."""
        return self.said.actor if self.said else ""

    # -- what the record holds ----------------------------------------------------------------------

    def _case_subject(self, subject: str | None) -> str:
        found = subject or self.batch.subject
        if kind_of(found) != "case":
            raise LookupError(f"{found} is no case: name the case whose row is wanted")
        return found

    async def case(self, subject: str | None = None) -> Row:
        """The row of the case (default: of the batch's own subject)."""
        name = self._case_subject(subject)
        if name not in self._cases:
            row = await self.db.fetchrow('SELECT * FROM "case" WHERE subject = $1', name)
            if row is None:
                raise LookupError(f"the record has no {name}")
            self._cases[name] = row
        return self._cases[name]

    def forget(self, subject: str) -> None:
        """An event of this subject was applied: rows read before are old."""
        self._cases.pop(subject, None)

    async def intake(self, subject: str | None = None) -> Intake:
        """The facts of the case as they were taken."""
        return await content.intake(self.db, reference_of(self._case_subject(subject)))

    async def document(self, subject: str | None = None) -> Document:
        """The content of the current version; before the first version, the document as submitted."""
        case = await self.case(subject)
        return await content.document(self.db, case["reference"], case["document_sha256"])

    async def pack(self, track: str | None = None, subject: str | None = None) -> Pack:
        """The rules: of a case the edition it pinned, of `track` or its own; of others the newest in force."""
        name = subject or self.batch.subject
        if kind_of(name) == "case":
            case = await self.case(name)
            return await versions.pack_by_hash(self.db, case["packs"][track or case["track"] or "standard"]["sha256"])
        return await versions.pack_in_force(self.db, track or self.batch.track, self.at.date())

    async def office_code(self) -> str:
        """ISO2 of the office that the batch's subject belongs to."""
        kind = kind_of(self.batch.subject)
        if kind == "case":
            return str((await self.case())["office"])
        if kind in ("partner", "umbrella", "office"):
            return self.batch.subject.split(":", 2)[1]
        if kind == "activation":
            return str(await self.db.fetchval("SELECT offices[1] FROM activation WHERE subject = $1", self.batch.subject))
        raise LookupError(f"{self.batch.subject} belongs to no office")

    async def office(self, code: str | None = None) -> Office:
        """The office file in force: people, roles, delegations as they are on the day."""
        return await versions.office_in_force(self.db, code or await self.office_code(), self.at.date())

    async def pinned_office(self, subject: str | None = None) -> Office:
        """The office file that the case pinned: calendar, ladder, programmes."""
        case = await self.case(subject)
        return await versions.office_by_hash(self.db, case["packs"]["office"]["sha256"])

    async def calendar(self) -> Calendar:
        """The office's working days: of a case as pinned, else as in force."""
        office = await self.pinned_office() if kind_of(self.batch.subject) == "case" else await self.office()
        return Calendar.of(office, await self.pack())

    async def today(self) -> date:
        """The office's date at the moment of the write."""
        return (await self.calendar()).local_date(self.at)

    # -- what a rule says ---------------------------------------------------------------------------

    def refuse(self, rule: str, message: str, *, path: str = "", source: str = "", next_step: str = "") -> None:
        """Nothing of this write happens."""
        self.findings.append(Finding(rule=rule, message=message, path=path, source=source, next_step=next_step))

    def wait(self, rule: str, message: str, *, path: str = "", source: str = "", next_step: str = "") -> None:
        """An unmet condition: leaves out the optional group of the current event, or refuses where there is none."""
        self.add(Finding(rule=rule, message=message, severity="wait", path=path, source=source, next_step=next_step))

    def warn(self, rule: str, message: str, *, path: str = "", source: str = "", next_step: str = "") -> None:
        """Told beside a yes."""
        self.findings.append(Finding(rule=rule, message=message, severity="warning", path=path, source=source, next_step=next_step))

    def add(self, *findings: Finding) -> None:
        """Findings of a policy function, by their own severity (a `wait` as in `wait`)."""
        for found in findings:
            if found.severity == "wait":
                if self.current is not None and self.current.optional:
                    self.leave_out(self.current.optional)
                else:
                    found = found.model_copy(update={"severity": "refusal"})
            self.findings.append(found)

    def leave_out(self, group: str) -> None:
        """The optional group is not recorded: its events are left out, its openings too."""
        self.left_out.add(group)

    # -- what a rule adds -----------------------------------------------------------------------------

    def append(self, type: str, data: dict[str, Any], subject: str | None = None) -> None:  # noqa: A002 (the event's own word)
        """A further event of this write, settled itself, right after the current one; in the same optional group."""
        self.appended.append(
            Draft(type=type, subject=subject or self.batch.subject, data=data, optional=self.current.optional if self.current else "")
        )

    def open(self, opening: Opening) -> None:
        """A task that only the rows can know of."""
        self.openings.append(opening)

    def hint(self, case_workflow_id: str) -> None:
        """That case waits for what changed here: it gets the empty signal look_again."""
        if case_workflow_id not in self.looks:
            self.looks.append(case_workflow_id)

    async def hint_case(self, subject: str) -> None:
        """The same, by the case's subject."""
        case = await self.case(subject)
        self.hint(case_workflow(case["office"], case["reference"]))

    def start(self, start: Start) -> None:
        """A workflow that no case owns has something to do now."""
        self.starts.append(start)
