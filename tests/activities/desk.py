"""Says to the record what people, and the workflows on their behalf, say: the arrangement of the tests on real Postgres."""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import asyncpg

from activities import versions
from activities.ask import ask
from activities.begin import begin_stage
from activities.intake import Taken, take
from activities.record import Recorder
from activities.sanctions import load
from activities.screen import screen
from db import content
from schemas.engine import Ask, Asked, Batch, BeginStage, Closing, Event, Opening, Recorded, Screen, Screened, Task
from schemas.findings import Finding
from schemas.messages import Decision, Message
from schemas.names import case_subject, task_id
from schemas.tasks import CATALOGUE, MESSAGES

EXAMPLES = Path(__file__).parents[2] / "examples"
FIRST = {"standard": "vetting", "emergency": "drafting"}
"""Where a case goes when its track is set."""

YES = {f"q{number}": "agree" for number in range(1, 9)}
"""The eight questions of the review, all answered well."""

NO_HITS = b"""<?xml version="1.0" encoding="UTF-8"?>
<CONSOLIDATED_LIST dateGenerated="2020-01-01T00:00:00Z">
  <INDIVIDUALS>
    <INDIVIDUAL><DATAID>1</DATAID><FIRST_NAME>ZZYZX</FIRST_NAME><SECOND_NAME>QWERTOP</SECOND_NAME><REFERENCE_NUMBER>T.001</REFERENCE_NUMBER></INDIVIDUAL>
  </INDIVIDUALS>
  <ENTITIES/>
</CONSOLIDATED_LIST>
"""


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def at(day: str, time: str = "10:00") -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(f"{day}T{time}:00").replace(tzinfo=UTC)


def facts(name: str) -> dict[str, Any]:
    """The intake of an example case, to be changed at will."""
    found: dict[str, Any] = json.loads((EXAMPLES / "intake" / f"{name}.json").read_text())
    return found


def rules(findings: Iterable[Finding]) -> set[str]:
    return {finding.rule for finding in findings}


class Desk:
    """One database and everything that is said to it."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool, self.recorder, self.keys = pool, Recorder(pool), 0
        self.tracks: dict[str, str] = {}

    async def opened(self) -> Self:
        for path in sorted((EXAMPLES / "offices").glob("*.toml")):
            await versions.load_file(self.pool, path)
        await versions.load_file(self.pool, EXAMPLES / "rates.toml")
        async with self.pool.acquire() as conn:
            await load(conn, NO_HITS)
        return self

    async def taken(self, intake: dict[str, Any], when: datetime | None = None) -> str:
        """The subject of the case of an intake, on its way to vetting."""
        moment = when or at(intake["submitted_on"], "08:00")
        found = await take(self.pool, intake, at=moment)
        assert isinstance(found, Taken), found
        subject = case_subject(found.reference)
        events = [
            Event(type="case.track_set", data={"track": intake.get("track", "standard")}),
            Event(type="case.status_changed", data={"to": FIRST[intake.get("track", "standard")], "trigger": "track_set"}),
        ]
        done = await self.system(subject, "case", "track", moment, events)
        assert not done.refused, done.findings
        return subject

    async def system(self, subject: str, stage: str, key: str, when: datetime, events: Iterable[Event] = (), **more: Any) -> Recorded:
        """A write of a workflow that nobody's decision caused."""
        self.keys += 1
        more.setdefault("track", await self.track(subject))
        batch = Batch(key=f"{subject}:{stage}:{key}:{self.keys}", subject=subject, stage=stage, at=when, events=list(events), **more)
        return await self.recorder.record(batch)

    async def open(self, subject: str, stage: str, when: datetime, *opens: Opening, **more: Any) -> list[Task]:
        done = await self.system(subject, stage, "open", when, opens=list(opens), workflow="w", **more)
        assert not done.refused, done.findings
        return done.tasks

    async def decide(
        self,
        task: Task,
        actor: str,
        role: str,
        verdict: str,
        when: datetime,
        events: Iterable[Event] = (),
        *,
        subject: str,
        opens: Iterable[Opening] = (),
        closes: Iterable[Closing] = (),
        keep_open: bool = False,
        **said: Any,
    ) -> Recorded:
        """A decision with the events that its workflow gives it; `said`: comment, message_to_partner, reason_code, data, key ..."""
        self.keys += 1
        said = await self._put(said, sealed=CATALOGUE[task.kind].sealed)
        decision = Decision(task=task.id, actor=actor, role=role, verdict=verdict, key=said.pop("key", f"k{self.keys}"), **said)
        stage, round_ = (
            task.id.removeprefix(subject.partition(":")[2] + ":").split(":")[:2] if subject.startswith("case:") else ("vetting", "1")
        )
        batch = Batch(
            key=decision.receipt,
            subject=subject,
            stage=stage,
            round=int(round_),
            at=when,
            decision=decision,
            task=task,
            events=list(events),
            opens=list(opens),
            closes=list(closes),
            keep_open=keep_open,
            workflow="w",
            track=await self.track(subject),
        )
        return await self.recorder.record(batch)

    async def tell(
        self,
        subject: str,
        kind: str,
        actor: str,
        role: str,
        when: datetime,
        events: Iterable[Event] = (),
        *,
        opens: Iterable[Opening] = (),
        stage: str = "case",
        **said: Any,
    ) -> Recorded:
        """A message to the case, or to one of its stages."""
        self.keys += 1
        said = await self._put(said, sealed=MESSAGES[kind].sealed)
        message = Message(kind=kind, actor=actor, role=role, key=said.pop("key", f"m{self.keys}"), **said)
        batch = Batch(
            key=message.receipt(subject.partition(":")[2]),
            subject=subject,
            stage=stage,
            at=when,
            message=message,
            events=list(events),
            opens=list(opens),
            workflow="w",
            track=await self.track(subject),
        )
        return await self.recorder.record(batch)

    async def track(self, subject: str) -> str:
        """The track that the workflow of a subject would write on: of a case its own, of a partner the one named in `tracks`."""
        if subject.startswith("case:"):
            return await self.pool.fetchval('SELECT track FROM "case" WHERE subject = $1', subject) or "standard"
        return self.tracks.get(subject, "standard")

    async def _put(self, said: dict[str, Any], *, sealed: bool) -> dict[str, Any]:
        """Put, then decide: texts and data by reference."""
        return {
            name: await content.put(self.pool, value, sealed=sealed) if name in ("comment", "message_to_partner", "data") else value
            for name, value in said.items()
        }

    async def ask(self, subject: str, when: datetime, level: str = "full", need: str = "vetting") -> Asked:
        return await ask(self.pool, Ask.model_validate({"subject": subject, "need": need, "level": level, "at": when}))

    async def screen(self, subject: str, when: datetime, trigger: str = "vetting") -> Screened:
        return await screen(self.pool, Screen(subject=subject, trigger=trigger, at=when))

    async def begin(self, subject: str, stage: str, when: datetime, round_: int = 1) -> dict[str, Any]:
        return (await begin_stage(self.pool, BeginStage(subject=subject, stage=stage, round=round_, at=when))).facts

    async def row(self, table: str, subject: str, **where: Any) -> asyncpg.Record | None:
        """One row of a projection."""
        more = "".join(f' AND "{name}" = ${n}' for n, name in enumerate(where, 2))
        return await self.pool.fetchrow(f'SELECT * FROM "{table}" WHERE subject = $1{more}', subject, *where.values())

    async def case(self, subject: str) -> asyncpg.Record:
        row = await self.row("case", subject)
        assert row is not None
        return row

    async def told(self, subject: str, name: str) -> list[dict[str, Any]]:
        """The data of every event of a type on a chain."""
        rows = await self.pool.fetch(
            "SELECT data -> 'data' AS d FROM event WHERE subject = $1 AND type = $2 ORDER BY sequence", subject, name
        )
        return [row["d"] for row in rows]

    async def task(self, subject: str, kind: str, whom: str = "", stage: str = "vetting", round_: int = 1) -> Task:
        """A task that is open already."""
        owner = subject.partition(":")[2] if subject.startswith("case:") else subject.split(":", 2)[2]
        name = task_id(owner, stage, round_, kind, whom)
        row = await self.pool.fetchrow("SELECT id, kind, whom FROM task WHERE id = $1", name)
        assert row is not None, name
        return Task(id=row["id"], kind=row["kind"], whom=row["whom"])
