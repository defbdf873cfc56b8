"""The effects in memory, for tests of what the workflows themselves decide. Rules over rows have tests of their own on real Postgres."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from temporalio import activity

from schemas.engine import (
    Ask,
    Asked,
    BankAnswer,
    BankWord,
    Batch,
    BeginStage,
    CaseView,
    Clock,
    Decided,
    Event,
    Moment,
    Opening,
    Order,
    Recorded,
    Screen,
    Screened,
    StageFacts,
    Start,
    Task,
)
from schemas.findings import Finding
from schemas.messages import Decision
from schemas.names import owner_of, task_id
from schemas.tasks import CATALOGUE
from workflows.effects import Effects

ENDS = {"rejected", "withdrawn", "cancelled", "terminated", "expired"}

REMIND_BEFORE = timedelta(days=2)
ESCALATE_AFTER = timedelta(days=1)


@dataclass
class Row:
    """A task as the record has it."""

    task: Task
    state: str = "open"
    decision: Decision | None = None


@dataclass
class FakeEffects(Effects):
    """A record in a dictionary.

    `facts` by stage; `refuse` may refuse a batch; `left_out` names optional groups that wait; `tells` are facts that an event settles;
    `ending` is the status that an event leaves a stage's facts with; `hints` are the cases that an event concerns; `crash_once` are keys
    whose write is committed and then crashes; `meanwhile` is what happens once while the write with that key is under way; `words` are
    what the bank says of its n-th order.
    """

    facts: dict[str, dict[str, Any]] = field(default_factory=lambda: defaultdict(dict))
    refuse: Callable[[Batch], list[Finding]] = field(default_factory=lambda: FakeEffects.nothing)
    left_out: set[str] = field(default_factory=set)
    tells: dict[str, dict[str, Any]] = field(default_factory=dict)
    ending: dict[str, tuple[str, str]] = field(default_factory=dict)
    hints: dict[str, list[str]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=lambda: [Asked(state="granted")])
    hits: list[str] = field(default_factory=list)
    second: list[str] = field(default_factory=list)
    words: dict[int, list[BankWord]] = field(default_factory=dict)
    unknown: bool = False
    due_in: timedelta = timedelta(days=5)
    fast: timedelta = timedelta(days=3)
    crash_once: set[str] = field(default_factory=set)
    meanwhile: dict[str, Callable[[], Awaitable[Any]]] = field(default_factory=dict)
    crashed: list[str] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    receipts: dict[str, tuple[str, Recorded]] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    view: CaseView = field(default_factory=CaseView)
    held_since: datetime | None = None
    orders: int = 0
    sent: list[str] = field(default_factory=list)
    screened: list[str] = field(default_factory=list)
    needs: list[str] = field(default_factory=list)
    started: list[Start] = field(default_factory=list)

    # -- what tests look at ----------------------------------------------------------------------------------------------------------

    def events(self) -> list[str]:
        """Names of everything recorded, in order."""
        return [e.type for batch in self.batches for e in batch.events]

    def recorded(self, type_: str) -> list[dict[str, Any]]:
        """What was recorded under one name."""
        return [e.data for batch in self.batches for e in batch.events if e.type == type_]

    def counted(self) -> list[str]:
        """Every decision that took effect: kind, whom and verdict."""
        return [
            " ".join(filter(None, (b.task.kind, b.task.whom, b.decision.verdict)))
            for b in self.batches
            if b.decision and b.task and not b.refused
        ]

    def refused(self) -> list[str]:
        """The rules of every refusal on record."""
        return [f.rule for b in self.batches for f in b.refused]

    def unreadable(self) -> list[str]:
        return [what for b in self.batches for what in b.unreadable]

    def open(self, stage: str | None = None) -> list[str]:
        """Open tasks: kind and whom."""
        return [
            " ".join(filter(None, (r.task.kind, r.task.whom)))
            for r in self.rows.values()
            if r.state == "open" and (stage is None or f":{stage}:" in r.task.id)
        ]

    def change(self, **change: Any) -> CaseView:
        """The case's view changes, as another write would have it."""
        self.view = self.view.model_copy(update={"version": self.view.version + 1, **change})
        return self.view

    @staticmethod
    def nothing(batch: Batch) -> list[Finding]:
        """Nothing speaks against it."""
        return []

    @staticmethod
    def saying(rule: str, on: str = "") -> Callable[[Batch], list[Finding]]:
        """A record that refuses what brings the event `on` (or opens a task of that kind), or everything."""
        return lambda batch: [Finding(rule=rule)] if not on or on in {e.type for e in batch.events} | {o.kind for o in batch.opens} else []

    def all(self) -> list[Callable[..., Any]]:
        return [
            self.record, self.begin_stage, self.tasks_of, self.ask, self.screen, self.order_payment, self.ask_bank, self.start_shared,
        ]  # fmt: skip

    # -- the record --------------------------------------------------------------------------------------------------------------------

    @activity.defn(name="record")
    async def record(self, batch: Batch) -> Recorded:
        if happens := self.meanwhile.pop(batch.key, None):
            await happens()
        said = batch.decision or batch.message
        mark = said.model_dump_json(exclude={"sent_at", "proof"}) if said else batch.key
        if batch.key in self.receipts:
            known, first = self.receipts[batch.key]
            if known != mark:
                self.batches.append(batch.model_copy(update={"refused": [Finding(rule="key_reused")], "events": []}))
                return Recorded(refused=True, findings=[Finding(rule="key_reused")])
            tasks, decided = self._as_of_now([t.id for t in first.tasks])
            return first.model_copy(update={"repeated": True, "tasks": tasks, "decided": decided})
        findings = batch.refused or self._closed(batch) or self._reopened(batch) or self.refuse(batch)
        if findings:
            done = Recorded(refused=True, findings=findings)
            if said:
                self.receipts[batch.key] = (mark, done)
                self.batches.append(batch.model_copy(update={"refused": findings, "events": []}))
                self._crash(batch.key)
            return done
        kept = [e for e in batch.events if e.optional not in self.left_out or not e.optional]
        left_out = sorted({e.optional for e in batch.events if e.optional} & self.left_out)
        if left_out and not said and not kept:
            return Recorded(left_out=left_out, facts={k: v for name in left_out for k, v in self.tells.get(name, {}).items()})
        data = said.data if said and isinstance(said.data, dict) else {}
        self.batches.append(batch.model_copy(update={"events": kept}))
        self._close(batch)
        opened = [
            id_
            for o in batch.opens
            if (not o.optional or o.optional not in self.left_out) and (not o.unless or o.unless in self.left_out)
            for id_ in self._open(batch, o, data)
        ]
        tasks, decided = self._as_of_now(opened)
        facts: dict[str, Any] = {k: v for k, v in data.items() if k in ("overall_approver", "sha256", "person", "until")}
        facts |= self._apply(kept, batch)
        done = Recorded(
            tasks=tasks,
            decided=decided,
            facts=facts,
            left_out=left_out,
            look_again=[case for e in kept for case in self.hints.get(e.type, [])],
            view=self.view if batch.subject.startswith("case:") else None,
        )
        self.receipts[batch.key] = (mark, done)
        self._crash(batch.key)
        return done

    def _crash(self, key: str) -> None:
        """After the commit: the retry must find the receipt."""
        if key in self.crash_once:
            self.crash_once.discard(key)
            self.crashed.append(key)
            raise RuntimeError("crashed after commit")

    def _closed(self, batch: Batch) -> list[Finding]:
        """The record knows its tasks: what is decided or closed there is not decided again."""
        row = self.rows.get(batch.decision.task) if batch.decision else None
        return [Finding(rule="task_closed")] if row is not None and row.state != "open" else []

    def _reopened(self, batch: Batch) -> list[Finding]:
        """What was closed without a decision does not open again."""
        ids = [task_id(owner_of(batch.subject), batch.stage, batch.round, o.kind, o.whom) for o in batch.opens if not o.each]
        return [Finding(rule="task_closed", path=id_) for id_ in ids if id_ in self.rows and self.rows[id_].state == "closed"]

    def _close(self, batch: Batch) -> None:
        if batch.decision and not batch.keep_open and batch.decision.task in self.rows:
            row = self.rows[batch.decision.task]
            row.state, row.decision = "decided", batch.decision
        for closing in batch.closes:
            if closing.task in self.rows:
                self.rows[closing.task].state = "closed"

    def _open(self, batch: Batch, o: Opening, data: dict[str, Any]) -> list[str]:
        whoms = [(m["person"] if isinstance(m, dict) else str(m)) for m in data.get(o.each, [])] if o.each else [o.whom]
        due = o.due or batch.at + self.due_in
        moments = [
            Moment(at=due - REMIND_BEFORE, does="remind", level=1),
            Moment(at=due + ESCALATE_AFTER, does="escalate", level=1),
            *([Moment(at=due + 2 * ESCALATE_AFTER, does="replaceable")] if o.kind == "give_opinion" else []),
            *o.moments,
        ]
        ids = []
        for whom in whoms:
            task = Task(
                id=task_id(owner_of(batch.subject), batch.stage, batch.round, o.kind, whom),
                kind=o.kind,
                whom=whom,
                roles=o.roles or list(CATALOGUE[o.kind].decides),
                candidates=o.candidates or ([whom] if o.kind == "give_opinion" else []),
                opened=batch.at,
                due=due,
                moments=sorted(moments, key=lambda m: m.at),
            )
            self.rows.setdefault(task.id, Row(task))
            ids.append(task.id)
        return ids

    def _as_of_now(self, ids: list[str]) -> tuple[list[Task], list[Decided]]:
        rows = [self.rows[id_] for id_ in ids]
        return (
            [r.task for r in rows if r.state == "open"],
            [Decided(task=r.task.id, decision=r.decision) for r in rows if r.state == "decided" and r.decision],
        )

    def _apply(self, events: list[Event], batch: Batch) -> dict[str, Any]:
        facts: dict[str, Any] = {}
        said = batch.decision or batch.message
        data: dict[str, Any] = said.data if said and isinstance(said.data, dict) else {}
        for event in events:
            facts |= self.tells.get(event.type, {})
            if event.type in self.ending:
                stage, status = self.ending[event.type]
                self.facts[stage] = self.facts[stage] | {"state" if "state" in self.facts[stage] else "status": status}
            match event.type:
                case "case.status_changed":
                    to = event.data["to"]
                    self.change(status=to, ended=to if to in ENDS else "")
                case "case.track_changed":
                    self.change(track=event.data["to"])
                    if event.data["to"] == "emergency":
                        self.hurry(batch.at)
                case "review.ratification_convened":
                    facts["overall_approver"] = data["overall_approver"]
                case "case.held":
                    self.change(held=True)
                    self.held_since = self.held_since or batch.at
                    ends = datetime.combine(date.fromisoformat(data["until"]), time(17), UTC)
                    facts |= {"hold_until": ends.isoformat(), "review_hold": (ends - timedelta(days=2)).isoformat()}
                case "case.resumed":
                    self.shift(batch.at)
                    self.change(held=False)
                case "case.suspended" | "case.suspension_lifted" | "notice.sent":
                    self.change(under_notice=self.view.under_notice or event.type == "notice.sent")
                case "payment.ordered":
                    self.orders += 1
                    facts |= {
                        "order": f"{owner_of(batch.subject)}:1:{self.orders}",
                        "late_at": (batch.at + timedelta(days=3)).isoformat(),
                    }
                case "payment.confirmed":
                    n = len(self.recorded("payment.confirmed"))
                    facts["report"] = {
                        "instalment": n,
                        "from": (batch.at + timedelta(days=1)).isoformat(),
                        "due": (batch.at + timedelta(days=20)).isoformat(),
                    }
        return facts

    def shift(self, at: datetime) -> None:
        """The open tasks keep the time that was left when the hold began."""
        by = at - self.held_since if self.held_since else timedelta(0)
        self.held_since = None
        for row in self.rows.values():
            if row.state == "open" and row.task.due:
                moments = [m.model_copy(update={"at": m.at + by}) for m in row.task.moments]
                row.task = row.task.model_copy(update={"due": row.task.due + by, "moments": moments})

    def hurry(self, at: datetime) -> None:
        """On the fast path what is open is due as if it had opened now: never later than before."""
        for row in self.rows.values():
            if row.state == "open" and row.task.due and (due := min(row.task.due, at + self.fast)) < row.task.due:
                moments = [m.model_copy(update={"at": m.at + (due - row.task.due)}) for m in row.task.moments]
                row.task = row.task.model_copy(update={"due": due, "moments": moments})

    # -- the other effects -------------------------------------------------------------------------------------------------------------

    @activity.defn(name="begin_stage")
    async def begin_stage(self, begin: BeginStage) -> StageFacts:
        facts = self.facts[begin.stage]
        return StageFacts(view=self.view if begin.subject.startswith("case:") else CaseView(clock=Clock()), facts=dict(facts))

    @activity.defn(name="tasks_of")
    async def tasks_of(self, begin: BeginStage) -> list[Task]:
        beginning = f"{owner_of(begin.subject)}:{begin.stage}:"
        return [r.task for r in self.rows.values() if r.state == "open" and r.task.id.startswith(beginning)]

    @activity.defn(name="ask")
    async def ask(self, ask: Ask) -> Asked:
        self.needs.append(ask.level)
        return self.asked.pop(0) if len(self.asked) > 1 else self.asked[0]

    @activity.defn(name="screen")
    async def screen(self, screen: Screen) -> Screened:
        self.screened.append(screen.trigger)
        return Screened(clear=not self.hits, open_hits=list(self.hits), second=list(self.second))

    @activity.defn(name="order_payment")
    async def order_payment(self, order: Order) -> BankAnswer:
        self.sent.append(order.order)
        return BankAnswer(unknown=True) if self.unknown else BankAnswer(words=[BankWord(kind="accepted")])

    @activity.defn(name="ask_bank")
    async def ask_bank(self, order: Order) -> BankAnswer:
        words = self.words.get(int(order.order.rsplit(":", 1)[1]), [])
        said = [w for w in words if w.at is None or w.at <= order.at]
        return BankAnswer(words=[BankWord(kind="accepted"), *said], unknown=self.unknown and not said)

    @activity.defn(name="start_shared")
    async def start_shared(self, start: Start) -> None:
        self.started.append(start)
