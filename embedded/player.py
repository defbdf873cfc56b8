"""Plays: an example case acted out by everyone in it, on a practice clock that begins on its submission date.

A play is a file of steps (`examples/plays/README.md`); the player advances the clock to each step, finds the open task, puts what comes
with the verdict into the record and sends the decision through the same doors as every client. It decides nothing and knows no rule.

Plays that name one clock are played together: everything of all of them in the order of its moment.
"""

import fnmatch
import json
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
from temporalio.client import Client

from embedded import bank, practice
from schemas.messages import Answer
from worker import doors


class PlayFailed(Exception):
    """A step did not go as the play says: which, what was expected, what came."""

    def __init__(self, case: str, message: str) -> None:
        super().__init__(message)
        self.case = case


@dataclass(frozen=True)
class Step:
    """One act of a person on a day."""

    on: date
    at: time
    who: str = ""
    role: str = ""
    task: str = ""
    message: str = ""
    verdict: str = ""
    data: dict[str, Any] | None = None
    comment: str = ""
    text: str = ""
    reason_code: str | None = None
    document: str = ""
    submit: str = ""
    load: str = ""
    refused: str = ""


@dataclass(frozen=True)
class Play:
    """A case, its days, and what everyone does."""

    case: str
    reference: str
    folder: Path
    intake: dict[str, Any]
    begins: date
    until: date
    bank: dict[str, Any]
    steps: tuple[Step, ...]
    shared_clock: str = ""
    after: str = ""
    activation: dict[str, Any] | None = None

    @property
    def clock(self) -> str:
        """Plays that share one name one; any other has its own."""
        return f"play-{self.shared_clock or self.case}"

    def message(self, path: str) -> Any:
        """What stands in a JSON file of the examples."""
        return json.loads((self.folder / path).read_text(encoding="utf-8"))


def read(path: Path) -> Play:
    """The play in `path`, with the intake that it names."""
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    folder = next(parent.parent for parent in path.parents if parent.name == "plays")
    steps = [
        Step(
            on=step["on"],
            at=time.fromisoformat(step.get("at", "10:00")),
            who=step.get("who", ""),
            role=step.get("role", ""),
            task=step.get("task", ""),
            message=step.get("tell", ""),
            verdict=step.get("verdict", ""),
            data=step.get("data"),
            comment=step.get("comment", ""),
            text=step.get("message", ""),
            reason_code=step.get("reason_code"),
            document=step.get("document", ""),
            submit=step.get("submit", ""),
            load=step.get("load", ""),
            refused=step.get("refused", ""),
        )
        for step in raw["step"]
    ]
    return Play(
        case=raw["case"],
        reference=raw["reference"],
        folder=folder,
        intake=json.loads((folder / raw["intake"]).read_text(encoding="utf-8")),
        begins=raw["begins"],
        until=raw["until"],
        bank=raw.get("bank", {}),
        steps=tuple(steps),
        shared_clock=raw.get("clock", ""),
        after=raw.get("after", ""),
        activation=tomllib.loads((folder / raw["activation"]).read_text(encoding="utf-8")) if "activation" in raw else None,
    )


def together(plays: Iterable[Play]) -> list[tuple[Play, ...]]:
    """The plays by clock, each with those that it comes `after` before it."""
    clocks: dict[str, list[Play]] = {}
    for play in sorted(plays, key=lambda play: bool(play.after)):
        clocks.setdefault(play.clock, []).append(play)
    return [tuple(group) for group in clocks.values()]


@dataclass(frozen=True)
class _Act:
    """One thing of a play at its moment: a step, the declaration of its activation, or (None) its submission."""

    on: date
    at: time
    play: Play
    what: Step | dict[str, Any] | None
    number: int = 0


MORNING = time(8)
"""When intakes are submitted and activations declared, the declaration first."""


def _in_order(plays: Sequence[Play]) -> list[_Act]:
    """Everything of plays of one clock by its moment; at the same moment as the plays come. An activation is declared once."""
    declared = {play.activation["reference"]: (play, play.activation) for play in reversed(plays) if play.activation}
    acts = [_Act(facts["declared_on"], MORNING, play, facts) for play, facts in declared.values()]
    for play in plays:
        acts.append(_Act(play.begins, MORNING, play, None))
        acts += [_Act(step.on, step.at, play, step, number) for number, step in enumerate(play.steps, 1)]
    return sorted(acts, key=lambda act: (act.on, act.at))


@dataclass
class Player:
    """Acts out plays. `told` hears one line for each act; local times are those of the office."""

    pool: asyncpg.Pool
    client: Client
    bank_url: str
    told: Callable[[Play, str], None]

    async def play(self, *plays: Play) -> None:
        """From the first thing that happens in plays of one clock to the last day of them all. Errors: `PlayFailed`."""
        clock, zone = plays[0].clock, ZoneInfo(await self._zone(plays[0]))
        acts = _in_order(plays)
        await practice.create(self.pool, clock, datetime.combine(acts[0].on, acts[0].at, zone))
        for play in plays:
            if play.bank:
                await bank.behave(self.bank_url, bank.Behaviour(match=f"{play.reference}:*", **play.bank))
        round_, spoken_to = practice.Round(self.pool, self.client, clock), None
        for act in acts:
            await self._advance(round_, datetime.combine(act.on, act.at, zone), spoken_to)
            spoken_to = None
            match act.what:
                case Step() as step:
                    spoken_to = await self._act(act.play, act.number, step)
                case dict() as declared:
                    await self._declare(act.play, declared, datetime.combine(act.on, act.at, zone))
                case None:
                    await self._submit(act.play)
        until = max(play.until for play in plays)
        await self._advance(round_, datetime.combine(until, time(23), zone), spoken_to)

    async def _advance(self, round_: practice.Round, to: datetime, since: set[str] | None) -> None:
        """To that moment; a clock that passed it meanwhile (they run on while we are busy) stays where it is."""
        if to > await practice.now(self.pool, round_.name):
            await round_.advance(to, since)
        else:
            await round_.settle(since)

    async def _submit(self, play: Play) -> None:
        taken = await doors.submit(self.pool, self.client, play.intake, clock=play.clock)
        if taken.findings and not taken.reference:
            raise PlayFailed(play.case, f"{play.case}: the intake was refused: {'; '.join(f.rule for f in taken.findings)}")
        self.told(play, f"{play.begins:%d %b %Y}  submitted, taken as {taken.reference}")

    async def _declare(self, play: Play, declared: dict[str, Any], at: datetime) -> None:
        if refused := await doors.declare_emergency(self.pool, self.client, declared, at=at, clock=play.clock):
            raise PlayFailed(play.case, f"{play.case}: the activation was refused: {'; '.join(f.message for f in refused)}")
        self.told(play, f"{at:%d %b %Y}  {declared['role']:28} activation {declared['reference']} declared")

    async def _load(self, play: Play, step: Step) -> None:
        loaded = await doors.load_sanctions(self.pool, self.client, (play.folder / step.load).read_bytes(), clock=play.clock)
        self.told(play, f"{step.on:%d %b %Y}  sanctions list {loaded.version} loaded, {loaded.entries} entries")

    async def _zone(self, play: Play) -> str:
        zone = await self.pool.fetchval(
            "SELECT body->>'time_zone' FROM versioned WHERE kind = 'office' AND name = $1 ORDER BY effective DESC LIMIT 1",
            play.intake["office"],
        )
        return str(zone or "UTC")

    async def _act(self, play: Play, number: int, step: Step) -> set[str] | None:
        """The workflow that was spoken to; None where it may be any."""
        where = f"{play.case} step {number} ({step.on} {step.task or step.message or step.submit or step.load} {step.verdict})"
        if step.load:
            await self._load(play, step)
            return None
        if step.submit:
            taken = await doors.submit(self.pool, self.client, play.message(step.submit), clock=play.clock)
            rules = [f.rule for f in taken.findings]
            if bool(step.refused) != (step.refused in rules):
                raise PlayFailed(play.case, f"{where}: expected {step.refused or 'to be taken'}, found {rules or taken.reference}")
            self.told(play, f"{step.on:%d %b %Y}  {step.submit} refused at the door: {', '.join(rules)}")
            return None
        answer, name, workflow = await (self._tell(play, step, number, where) if step.message else self._decide(play, step, number, where))
        rules = [f.rule for f in answer.findings if f.severity != "warning"]
        if step.refused and (answer.counted or step.refused not in rules):
            found = "counted" if answer.counted else rules
            raise PlayFailed(play.case, f"{where}: expected to be refused by {step.refused}, found {found}")
        if not step.refused and not answer.counted:
            found = "; ".join(f"{f.rule}: {f.message} {f.path}" for f in answer.findings)
            raise PlayFailed(play.case, f"{where}: expected to count, was refused: {found}")
        outcome = f"refused: {step.refused}" if step.refused else step.verdict
        self.told(play, f"{step.on:%d %b %Y}  {step.role:28} {name}  {outcome}")
        return {workflow}

    async def _decide(self, play: Play, step: Step, number: int, where: str) -> tuple[Answer, str, str]:
        task = await self._task(play, step, where)
        current = await self._document(play, step)
        data = None if step.data is None else _fill(step.data, task["whom"], current, await self._pca(play))
        answer = await doors.decide(
            self.pool,
            self.client,
            task=task["id"],
            actor=step.who,
            role=step.role,
            verdict=step.verdict,
            words=doors.Words(comment=step.comment, message_to_partner=step.text, data=data),
            reason_code=step.reason_code,
            key=f"step-{number}",
        )
        return answer, f"{task['kind']}{' ' + task['whom'] if task['whom'] else ''}", task["workflow"]

    async def _tell(self, play: Play, step: Step, number: int, where: str) -> tuple[Answer, str, str]:
        case = await self.pool.fetchval('SELECT workflow FROM "case" WHERE reference = $1', play.reference)
        task = await self._task(play, step, where) if step.task else None
        workflow = task["workflow"] if task else case
        answer = await doors.tell(
            self.pool,
            self.client,
            workflow=workflow,
            owner=play.reference,
            kind=step.message,
            actor=step.who,
            role=step.role,
            words=doors.Words(comment=step.comment, message_to_partner=step.text, data=_fill(step.data, "", "", "") if step.data else None),
            reason_code=step.reason_code,
            task=task["id"] if task else None,
            key=f"step-{number}",
        )
        return answer, step.message, workflow

    async def _open(self, play: Play) -> list[asyncpg.Record]:
        return await self.pool.fetch(
            """SELECT t.id, t.kind, t.whom, t.workflow FROM task t
               WHERE t.state = 'open' AND (t.subject = $1 OR $1 = ANY(t.cases)
                 OR t.subject = (SELECT partner_subject FROM "case" WHERE subject = $1))
               ORDER BY t.opened_at, t.id""",
            f"case:{play.reference}",
        )

    async def _task(self, play: Play, step: Step, where: str) -> asyncpg.Record:
        """The open task that the step names. Errors: `PlayFailed`, with those that are open."""
        kind, _, whom = step.task.partition(":")
        rows = await self._open(play)
        for row in rows:
            if row["kind"] == kind and (not whom or fnmatch.fnmatchcase(row["whom"], whom)):
                return row
        raise PlayFailed(play.case, f"{where}: no such task is open; open are {', '.join(row['id'] for row in rows) or 'none'}")

    async def _document(self, play: Play, step: Step) -> str:
        if step.document:
            reference = await doors.put(self.pool, play.message(step.document), by=step.who)
            return reference.sha256
        return str(await self.pool.fetchval('SELECT document_sha256 FROM "case" WHERE reference = $1', play.reference) or "")

    async def _pca(self, play: Play) -> str:
        return str(
            await self.pool.fetchval(
                'SELECT u.reference FROM umbrella u JOIN "case" c ON c.umbrella = u.subject WHERE c.reference = $1', play.reference
            )
            or ""
        )


def _fill(value: Any, whom: str, document: str, pca: str) -> Any:
    """Strings that begin with @ are filled in when the step is played."""
    if isinstance(value, dict):
        return {k: _fill(v, whom, document, pca) for k, v in value.items()}
    if isinstance(value, list):
        return [_fill(v, whom, document, pca) for v in value]
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, str) and value.startswith("@"):
        if value.startswith("@sha256:"):
            return sha256(value.removeprefix("@sha256:").encode()).hexdigest()
        return {"@document": document, "@whom": whom, "@pca": sha256(pca.encode()).hexdigest()}[value]
    return value
