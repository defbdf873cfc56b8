"""Plays: an example case acted out by everyone in it, on a practice clock that begins on its submission date.

A play is a file of steps (`examples/plays/README.md`); the player advances the clock to each step, finds the open task, puts what comes
with the verdict into the record and sends the decision through the same doors as every client. It decides nothing and knows no rule.
"""

import fnmatch
import json
import tomllib
from collections.abc import Callable
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

    @property
    def clock(self) -> str:
        return f"play-{self.case}"


def read(path: Path) -> Play:
    """The play in `path`, with the intake that it names."""
    raw = tomllib.loads(path.read_text())
    folder = path.parent.parent
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
            refused=step.get("refused", ""),
        )
        for step in raw["step"]
    ]
    return Play(
        case=raw["case"],
        reference=raw["reference"],
        folder=folder,
        intake=json.loads((folder / raw["intake"]).read_text()),
        begins=raw["begins"],
        until=raw["until"],
        bank=raw.get("bank", {}),
        steps=tuple(steps),
    )


@dataclass
class Player:
    """Acts out one play. `told` hears one line for each act; `zone` is the office's."""

    pool: asyncpg.Pool
    client: Client
    bank_url: str
    told: Callable[[Play, str], None]

    async def play(self, play: Play) -> None:
        """From submission to the last day of the play. Errors: `PlayFailed`."""
        zone = ZoneInfo(await self._zone(play))
        begins = datetime.combine(play.begins, time(8), zone)
        await practice.create(self.pool, play.clock, begins)
        if play.bank:
            await bank.behave(self.bank_url, bank.Behaviour(match=f"{play.reference}:*", **play.bank))
        taken = await doors.submit(self.pool, self.client, play.intake, clock=play.clock)
        if taken.findings and not taken.reference:
            raise PlayFailed(f"{play.case}: the intake was refused: {'; '.join(f.rule for f in taken.findings)}")
        self.told(play, f"{play.begins:%d %b %Y}  submitted, taken as {taken.reference}")
        for number, step in enumerate(play.steps, 1):
            when = datetime.combine(step.on, step.at, zone)
            await practice.advance(self.pool, self.client, play.clock, when)
            await self._act(play, number, step)
        await practice.advance(self.pool, self.client, play.clock, datetime.combine(play.until, time(23), zone))

    async def _zone(self, play: Play) -> str:
        zone = await self.pool.fetchval(
            "SELECT body->>'time_zone' FROM versioned WHERE kind = 'office' AND name = $1 ORDER BY effective DESC LIMIT 1",
            play.intake["office"],
        )
        return str(zone or "UTC")

    async def _act(self, play: Play, number: int, step: Step) -> None:
        where = f"{play.case} step {number} ({step.on} {step.task or step.message or step.submit} {step.verdict})"
        if step.submit:
            taken = await doors.submit(self.pool, self.client, json.loads((play.folder / step.submit).read_text()), clock=play.clock)
            rules = [f.rule for f in taken.findings]
            if bool(step.refused) != (step.refused in rules):
                raise PlayFailed(f"{where}: expected {step.refused or 'to be taken'}, found {rules or taken.reference}")
            self.told(play, f"{step.on:%d %b %Y}  {step.submit} refused at the door: {', '.join(rules)}")
            return
        answer, name = await (self._tell(play, step, number) if step.message else self._decide(play, step, number, where))
        rules = [f.rule for f in answer.findings if f.severity != "warning"]
        if step.refused and (answer.counted or step.refused not in rules):
            raise PlayFailed(f"{where}: expected to be refused by {step.refused}, found {'counted' if answer.counted else rules}")
        if not step.refused and not answer.counted:
            raise PlayFailed(
                f"{where}: expected to count, was refused: {'; '.join(f'{f.rule}: {f.message} {f.path}' for f in answer.findings)}"
            )
        outcome = f"refused: {step.refused}" if step.refused else step.verdict
        self.told(play, f"{step.on:%d %b %Y}  {step.role:28} {name}  {outcome}")

    async def _decide(self, play: Play, step: Step, number: int, where: str) -> tuple[Answer, str]:
        task = await self._find(play, step.task)
        if task is None:
            open_now = [r["id"] for r in await self._open(play)]
            raise PlayFailed(f"{where}: no such task is open; open are {', '.join(open_now) or 'none'}")
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
        return answer, f"{task['kind']}{' ' + task['whom'] if task['whom'] else ''}"

    async def _tell(self, play: Play, step: Step, number: int) -> tuple[Answer, str]:
        case = await self.pool.fetchval('SELECT workflow FROM "case" WHERE reference = $1', play.reference)
        task = await self._find(play, step.task) if step.task else None
        answer = await doors.tell(
            self.pool,
            self.client,
            workflow=task["workflow"] if task else case,
            owner=play.reference,
            kind=step.message,
            actor=step.who,
            role=step.role,
            words=doors.Words(comment=step.comment, message_to_partner=step.text, data=_fill(step.data, "", "", "") if step.data else None),
            reason_code=step.reason_code,
            task=task["id"] if task else None,
            key=f"step-{number}",
        )
        return answer, step.message

    async def _open(self, play: Play) -> list[asyncpg.Record]:
        return await self.pool.fetch(
            """SELECT t.id, t.kind, t.whom, t.workflow FROM task t
               WHERE t.state = 'open' AND (t.subject = $1 OR $1 = ANY(t.cases)
                 OR t.subject = (SELECT partner_subject FROM "case" WHERE subject = $1))
               ORDER BY t.opened_at, t.id""",
            f"case:{play.reference}",
        )

    async def _find(self, play: Play, task: str) -> asyncpg.Record | None:
        kind, _, whom = task.partition(":")
        for row in await self._open(play):
            if row["kind"] == kind and (not whom or fnmatch.fnmatchcase(row["whom"], whom)):
                return row
        return None

    async def _document(self, play: Play, step: Step) -> str:
        if step.document:
            reference = await doors.put(self.pool, json.loads((play.folder / step.document).read_text()), by=step.who)
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
