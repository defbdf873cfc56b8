"""The effects in memory, for tests of what the workflows themselves decide. Rules over rows have tests of their own on real Postgres."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
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
from schemas.names import owner_of, task_id
from schemas.tasks import CATALOGUE
from workflows.effects import Effects

ENDS = {"rejected", "withdrawn", "cancelled", "terminated"}


@dataclass
class FakeEffects(Effects):
    """A record in a dictionary. `facts` by stage; `refuse` may refuse a batch; `left_out` names optional groups that wait."""

    facts: dict[str, dict[str, Any]] = field(default_factory=lambda: defaultdict(dict))
    refuse: Callable[[Batch], list[Finding]] = lambda batch: []
    left_out: set[str] = field(default_factory=set)
    granted: bool = True
    starts_on_ask: list[Start] = field(default_factory=list)
    words: list[BankWord] = field(default_factory=list)
    due_in: timedelta = timedelta(days=5)
    crash_once: set[str] = field(default_factory=set)
    batches: list[Batch] = field(default_factory=list)
    receipts: dict[str, tuple[str, Recorded]] = field(default_factory=dict)
    view: CaseView = CaseView()
    orders: int = 0
    sent: list[str] = field(default_factory=list)

    def events(self) -> list[str]:
        """Names of everything recorded, in order."""
        return [e.type for batch in self.batches for e in batch.events]

    def counted(self) -> list[str]:
        return [f"{b.task.kind} {b.decision.verdict}" for b in self.batches if b.decision and b.task and not b.refused]

    def refused(self) -> list[str]:
        return [f.rule for b in self.batches for f in b.refused]

    def all(self) -> list[Callable[..., Any]]:
        return [
            self.record, self.begin_stage, self.tasks_of, self.ask, self.screen, self.order_payment, self.ask_bank, self.start_shared,
        ]  # fmt: skip

    @activity.defn(name="record")
    async def record(self, batch: Batch) -> Recorded:
        said = batch.decision or batch.message
        mark = said.model_dump_json(exclude={"sent_at", "proof"}) if said else batch.key
        if batch.key in self.receipts:
            known, done = self.receipts[batch.key]
            if known == mark:
                return done.model_copy(update={"repeated": True})
            return Recorded(refused=True, findings=[Finding(rule="key_reused")])
        findings = batch.refused or self.refuse(batch)
        if findings:
            done = Recorded(refused=True, findings=findings)
            if said:
                self.receipts[batch.key] = (mark, done)
                self.batches.append(batch.model_copy(update={"refused": findings}))
            return done
        data = said.data if said and isinstance(said.data, dict) else {}
        kept = [e for e in batch.events if not e.optional or e.optional not in self.left_out]
        left_out = sorted({e.optional for e in batch.events if e.optional} & self.left_out)
        self.batches.append(batch.model_copy(update={"events": kept}))
        tasks = [
            t
            for o in batch.opens
            if (not o.optional or o.optional not in self.left_out) and (not o.unless or o.unless in self.left_out)
            for t in self._open(batch, o, data)
        ]
        facts: dict[str, Any] = {k: v for k, v in data.items() if k in ("overall_approver", "sha256", "person")}
        facts |= self._apply(kept, batch)
        done = Recorded(tasks=tasks, facts=facts, left_out=left_out, view=self.view if batch.subject.startswith("case:") else None)
        self.receipts[batch.key] = (mark, done)
        if batch.key in self.crash_once:  # after its commit: the retry must find the receipt
            self.crash_once.discard(batch.key)
            raise RuntimeError("crashed after commit")
        return done

    def _open(self, batch: Batch, o: Opening, data: dict[str, Any]) -> list[Task]:
        whoms = [(m["person"] if isinstance(m, dict) else str(m)) for m in data.get(o.each, [])] if o.each else [o.whom]
        due = o.due or batch.at + self.due_in
        moments = sorted([Moment(at=due, does="remind", level=1), *o.moments], key=lambda m: m.at)
        return [
            Task(
                id=task_id(owner_of(batch.subject), batch.stage, batch.round, o.kind, whom),
                kind=o.kind,
                whom=whom,
                roles=o.roles or list(CATALOGUE[o.kind].decides),
                candidates=o.candidates or ([whom] if o.kind == "give_opinion" else []),
                opened=batch.at,
                due=due,
                moments=moments,
            )
            for whom in whoms
        ]

    def _apply(self, events: list[Event], batch: Batch) -> dict[str, Any]:
        facts: dict[str, Any] = {}
        for event in events:
            change: dict[str, Any] = {}
            match event.type:
                case "case.status_changed":
                    to = event.data["to"]
                    change = {"status": to, "ended": to if to in ENDS else ""}
                case "case.held":
                    change = {"held": True}
                    until = (batch.message.data or {}).get("until") if batch.message and isinstance(batch.message.data, dict) else None
                    if until:
                        facts["hold_until"] = datetime.fromisoformat(f"{until}T17:00:00+00:00").isoformat()
                case "case.resumed":
                    change = {"held": False}
                case "payment.ordered":
                    self.orders += 1
                    facts |= {"order": f"{owner_of(batch.subject)}:1:{self.orders}", "late_at": (batch.at + timedelta(days=3)).isoformat()}
                case "payment.confirmed":
                    facts["report"] = {"instalment": 1, "from": (batch.at + timedelta(days=1)).isoformat(), "due": (batch.at + timedelta(days=2)).isoformat()}
            if change:
                self.view = self.view.model_copy(update={"version": self.view.version + 1, **change})
        return facts

    @activity.defn(name="begin_stage")
    async def begin_stage(self, begin: BeginStage) -> StageFacts:
        facts = self.facts[begin.stage]
        return StageFacts(view=self.view if begin.subject.startswith("case:") else CaseView(clock=Clock()), facts=dict(facts))

    @activity.defn(name="tasks_of")
    async def tasks_of(self, begin: BeginStage) -> list[Task]:
        return []

    @activity.defn(name="ask")
    async def ask(self, ask: Ask) -> Asked:
        return Asked(state="granted" if self.granted else "waiting", starts=self.starts_on_ask)

    @activity.defn(name="screen")
    async def screen(self, screen: Screen) -> Screened:
        return Screened(clear=True)

    @activity.defn(name="order_payment")
    async def order_payment(self, order: Order) -> BankAnswer:
        self.sent.append(order.order)
        return BankAnswer(words=[BankWord(kind="accepted")])

    @activity.defn(name="ask_bank")
    async def ask_bank(self, order: Order) -> BankAnswer:
        return BankAnswer(words=[BankWord(kind="accepted"), *(w for w in self.words if w.at is None or w.at <= order.at)])

    @activity.defn(name="start_shared")
    async def start_shared(self, start: Start) -> None:
        return None
