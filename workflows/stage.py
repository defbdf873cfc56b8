"""The stage machine: everything a stage does that is not its procedure.

Doors, inbox, tasks, clock, recording and exit, once, for all stages, the case itself and what cases share.

- **Doors only enqueue.** A cold worker may run handlers before an activity result that history shows earlier (sdk-rust#1146), so no
  handler and no validator reads or changes state. The procedure is the only consumer, through `hear`.
- **Put state, then record.** A decision's task is closed in state before its decision is recorded, and opened again if the record
  refuses. Tasks are opened by the record's answer; nobody can be too early, because nobody is heard while a write is under way.
- **One exit.** `close` answers whoever is still waiting, waits for the handlers, looks again, and only then returns.
- **Business time** is `now()`; all waiting is in `hear`. A practice clock moves by the update `advance_clock`, which answers when
  nothing is left to do at the new time.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Never, TypeVar

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel, ValidationError

    from schemas import search_attributes as attributes
    from schemas.engine import (
        Batch,
        BeginStage,
        Carried,
        CaseView,
        Cause,
        Closing,
        Event,
        Moment,
        Opening,
        Recorded,
        Screen,
        Screened,
        StageFacts,
        StageInput,
        StageOutcome,
        Start,
        Task,
        Tick,
        Ticked,
    )
    from schemas.findings import Finding
    from schemas.messages import Answer, ContentRef, Decision, Message
    from schemas.names import owner_of, task_name
    from schemas.tasks import CATALOGUE
    from workflows.effects import READ, WRITE, Effects

M = TypeVar("M", bound=BaseModel)

REMEMBERED = 300
"""How many receipts a stage remembers; older ones are answered by the record, which remembers all."""
REFUSALS_RECORDED = 20
"""From the 20th refusal of one actor on one task on, it is answered and counted, not recorded singly."""
MESSAGES_PER_RUN = 1500
"""A run takes at most 2,000 updates; a stage continues as new before that."""
ABOUT_TASKS = frozenset({"claim", "unclaim", "reassign", "note"})
"""Messages that every open task takes; the machine itself records them."""
ON_TASKS = ABOUT_TASKS | {"ask", "recuse"}
"""Messages that are about an open task."""


DURING_A_HOLD = frozenset({"resume", "review_hold", "withdraw", "raise_concern", "report_allegation"})
"""All that is heard while a case is on hold."""


@dataclass
class Heard:
    """One thing that was said, and its answer once there is one."""

    said: Decision | Message
    answer: Answer | None = None
    task: Task | None = None

    @property
    def kind(self) -> str:
        """What it is about: the kind of the task decided, or of the message."""
        if isinstance(self.said, Message):
            return self.said.kind
        return self.task.kind if self.task else ""

    @property
    def verdict(self) -> str:
        return self.said.verdict if isinstance(self.said, Decision) else ""

    @property
    def whom(self) -> str:
        return self.task.whom if self.task else ""

    @property
    def sha256(self) -> str:
        """Hash of the data that came with it; what tells two things said under one key apart."""
        data = self.said.data
        return data.sha256 if isinstance(data, ContentRef) else ""

    def fingerprint(self) -> str:
        """The content without what changes when it is sent again."""
        return hashlib.sha256(self.said.model_dump_json(exclude={"sent_at", "proof"}).encode()).hexdigest()


@dataclass
class Fell:
    """A moment of a task that its stage knows how to answer (reminders and escalation the machine does itself)."""

    task: Task
    moment: Moment


@dataclass
class _Ticking:
    tick: Tick
    answer: Ticked | None = None


@dataclass
class _Memory:
    """What was said and answered, newest last."""

    answers: dict[str, tuple[str, bool]] = field(default_factory=dict)

    def keep(self, receipt: str, fingerprint: str, counted: bool) -> None:
        if self.answers.get(receipt, (fingerprint,))[0] != fingerprint:
            return  # the key belongs to what was said first under it
        self.answers.pop(receipt, None)
        self.answers[receipt] = (fingerprint, counted)
        while len(self.answers) > REMEMBERED:
            del self.answers[next(iter(self.answers))]


class Stage:
    """Base of every workflow of the engine. Subclasses give `procedure`, and are decorated shells with `run` (see `sketch`).

    `messages`: what it takes that is no verdict, beside what every open task takes. `held_with_case`: whether a hold of the case stops
    it; obligations run on. `renews`: whether it continues as new when its run is full; its procedure asks `full` before it hears.
    """

    messages: ClassVar[frozenset[str]] = frozenset()
    held_with_case: ClassVar[bool] = True
    renews: ClassVar[bool] = True

    async def procedure(self) -> StageOutcome:
        """What this stage does, from its first task to its outcome."""
        raise NotImplementedError

    @workflow.init
    def __init__(self, start: StageInput) -> None:
        self.start = start
        self.view: CaseView = start.view
        self.offset: timedelta = start.view.clock.offset
        carried = start.carried or Carried()
        self.tasks: dict[str, Task] = {task.id: task for task in carried.tasks}
        self.memory = _Memory({receipt: (value[1:], value[0] == "+") for receipt, value in carried.seen.items()})
        self.refused_of: dict[str, int] = dict(carried.refusals)
        self.state: dict[str, Any] = dict(carried.state)
        self.inbox: list[Heard] = []
        self.ticks: list[_Ticking] = []
        self.odd: list[str] = []
        self.nudged = 0
        self.taken = 0
        self.cause: Cause = start.cause
        self._heard_version = self.view.version
        self._heard_nudge = -1 if start.carried else 0  # what was news in the last moment of the run before is news still
        self._was_held = self.held
        self._was_track = self.view.track
        self._worked = 0
        self._told: set[str] = set()
        self._shown: dict[str, Any] = {}
        self._last: list[str] = []

    # -- doors: they only enqueue ------------------------------------------------------------------------------------------------

    @workflow.update(
        name="submit_decision",
        description='Decide a task. {"task":"KEN/2026/0007:approval:1:approve_document","actor":"ke.010",'
        '"role":"authorised_officer","verdict":"approve","key":"d1"}',
    )
    async def submit_decision(self, decision: Decision) -> Answer:
        """A decision, answered when the record has it. The supported door."""
        return await self._answered(Heard(decision))

    @workflow.update(
        name="submit_message",
        description='Say what is no verdict. {"kind":"hold","actor":"ke.001","role":"focal_point","key":"m1",'
        '"data":{"reason":"flood","until":"2026-03-20"}}',
    )
    async def submit_message(self, message: Message) -> Answer:
        """A message, answered when the record has it."""
        return await self._answered(Heard(message))

    async def _answered(self, heard: Heard) -> Answer:
        self.inbox.append(heard)
        await workflow.wait_condition(lambda: heard.answer is not None)
        assert heard.answer is not None
        return heard.answer

    @workflow.signal(name="decide", description="The same as submit_decision, without an answer.")
    def decide(self, *values: Any) -> None:
        if decision := self._read(Decision, values):
            self.inbox.append(Heard(decision))

    @workflow.signal(name="message", description="The same as submit_message, without an answer.")
    def message(self, *values: Any) -> None:
        if message := self._read(Message, values):
            self.inbox.append(Heard(message))

    @workflow.signal(name="case_changed", description="Between ourselves: the whole view of the case; a lower version is ignored.")
    def case_changed(self, *values: Any) -> None:
        if (view := self._read(CaseView, values)) and view.version > self.view.version:
            self._take(view)

    @workflow.signal(name="look_again", description="Between ourselves: the record changed; nothing is carried.")
    def look_again(self, *values: Any) -> None:
        self.nudged += 1

    @workflow.signal(dynamic=True)
    def unknown(self, name: str, values: Sequence[RawValue]) -> None:
        self.odd.append(f"signal {name[:60]}: not a message of this engine")

    @workflow.update(
        name="advance_clock", description="Practice stacks only: the practice clock moves; answers when nothing is left to do."
    )
    async def advance_clock(self, tick: Tick) -> Ticked:
        ticking = _Ticking(tick)
        self.ticks.append(ticking)
        await workflow.wait_condition(lambda: ticking.answer is not None)
        assert ticking.answer is not None
        return ticking.answer

    @workflow.query(name="state", description="Open tasks, view of the case, what could not be read.")
    def show_state(self) -> dict[str, Any]:
        return {
            "tasks": [task.model_dump(mode="json") for task in self.tasks.values()],
            "view": self.view.model_dump(mode="json"),
            "state": self.state,
            "waiting_in_inbox": len(self.inbox),
            "now": self.now().isoformat(),
        }

    def _read(self, model: type[M], values: tuple[Any, ...]) -> M | None:
        """A signal's one value, or None and a line for the record: nothing that is sent may fail a workflow."""
        try:
            (value,) = values
            return model.model_validate(value)
        except ValidationError as error:
            self.odd.append("; ".join(f"{model.__name__}.{'.'.join(map(str, e['loc']))}: {e['type']}" for e in error.errors())[:400])
        except (ValueError, TypeError):
            self.odd.append(f"{model.__name__}: one JSON object was expected, {len(values)} values came")
        return None

    # -- who and when ------------------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The reference of the case, or the partner, that the keys of this stage begin with."""
        return owner_of(self.start.subject)

    @property
    def at(self) -> str:
        """Stage and round, as in keys: <case>:<stage>:<round>."""
        return f"{self.name}:{self.start.stage}:{self.start.round}"

    @property
    def clock(self) -> str:
        """The practice clock that was joined at start, for good; none in real life."""
        return self.start.view.clock.name

    @property
    def held(self) -> bool:
        """On hold: no moment falls, and nothing is taken but what may end the hold."""
        return self.view.held and self.held_with_case

    def running(self) -> list[str]:
        """Ids of the workflows that this one has started and waits for."""
        return []

    def now(self) -> datetime:
        """Business time."""
        return workflow.now() + self.offset

    def _take(self, view: CaseView) -> None:
        self.view = view
        self.offset = max(self.offset, view.clock.offset)

    # -- effects -----------------------------------------------------------------------------------------------------------------

    async def begin(self) -> dict[str, Any]:
        """The slice of pack, calendar and record that this stage goes by."""
        slice_ = await workflow.execute_local_activity_method(
            Effects.begin_stage, self._beginning(), summary=f"Read what {self.start.stage} goes by", **READ
        )
        assert isinstance(slice_, StageFacts)
        if slice_.view.version > self.view.version:
            self._take(slice_.view)
        return slice_.facts

    def _beginning(self) -> BeginStage:
        return BeginStage(
            subject=self.start.subject,
            stage=self.start.stage,
            round=self.start.round,
            at=self.now(),
            workflow=workflow.info().workflow_id,
            clock=self.clock,
        )

    async def screen(self, trigger: str) -> Screened:
        """Everyone named for the partner against the lists in force, unless a fresh screening stands."""
        screened: Screened = await workflow.execute_activity_method(
            Effects.screen,
            Screen(subject=self.start.subject, trigger=trigger, at=self.now(), clock=self.clock),
            summary=f"Screen the partner: {trigger}",
            **WRITE,
        )
        await self._tell([], screened.starts)
        return screened

    async def record(
        self,
        key: str,
        events: Sequence[Event] = (),
        opens: Sequence[Opening] = (),
        closes: Sequence[Closing] = (),
    ) -> Recorded:
        """A write of the stage itself: no decision caused it. `key` is completed to <case>:<stage>:<round>:<key>."""
        self._forget(closes)
        done = await self._write(self._batch(f"{self.at}:{key}", events, opens, closes))
        if not done.refused:
            await self._tell(done.look_again, done.starts)
        return done

    async def count(
        self,
        heard: Heard,
        events: Sequence[Event] = (),
        opens: Sequence[Opening] = (),
        closes: Sequence[Closing] = (),
        *,
        keep_open: bool = False,
    ) -> Recorded | None:
        """Record what was said with its consequences, and answer. None: the record refused, and nothing has changed."""
        said, task = heard.said, heard.task
        stays = keep_open or (isinstance(said, Decision) and task is not None and not CATALOGUE[task.kind].verdicts[said.verdict].closes)
        if task is not None and isinstance(said, Decision) and not stays:
            self.tasks.pop(task.id, None)  # closed in state before the first await
        forgotten = self._forget(closes)
        batch = self._batch(self._receipt(heard), events, opens, closes)
        if isinstance(said, Decision):
            batch = batch.model_copy(update={"decision": said, "task": task, "keep_open": stays})
        else:
            batch = batch.model_copy(update={"message": said})
        done = await self._write(batch)
        if done.refused:
            if task is not None:
                self.tasks.setdefault(task.id, task)  # the record said no: open again
            self.tasks |= {t.id: t for t in forgotten}
            self._reply(heard, counted=False, findings=done.findings, repeated=done.repeated)
            return None
        self.cause = Cause(task=task.id if task else "", actor=said.actor)
        self._last = [*self._last[-4:], f"{said.actor} ({said.role}): {heard.kind} {heard.verdict}".rstrip()]
        self.show()
        self._reply(heard, counted=True, findings=done.findings, repeated=done.repeated)
        await self._tell(done.look_again, done.starts)
        return done

    async def refuse(self, heard: Heard, *findings: Finding) -> None:
        """Answer no, and record the attempt."""
        said = heard.said
        count_key = f"{said.actor}:{said.task or getattr(said, 'kind', '')}"
        self.refused_of[count_key] = self.refused_of.get(count_key, 0) + 1
        if self.refused_of[count_key] <= REFUSALS_RECORDED:
            batch = self._batch(self._receipt(heard), (), (), ()).model_copy(
                update={"refused": list(findings), "decision" if isinstance(said, Decision) else "message": said}
            )
            done = await self._put(batch)
            if done.repeated:  # the record had answered it already, perhaps otherwise
                self._reply(heard, counted=not done.refused, findings=done.findings, repeated=True)
                return
            if done.findings:
                findings = tuple(done.findings)
        self._reply(heard, counted=False, findings=list(findings))

    def _receipt(self, heard: Heard) -> str:
        return heard.said.receipt if isinstance(heard.said, Decision) else heard.said.receipt(self.name)

    def _reply(self, heard: Heard, *, counted: bool, findings: list[Finding], repeated: bool = False) -> None:
        self.memory.keep(self._receipt(heard), heard.fingerprint(), counted)
        heard.answer = Answer(counted=counted, repeated=repeated, findings=findings)

    def _forget(self, closes: Iterable[Closing]) -> list[Task]:
        return [task for closing in closes if (task := self.tasks.pop(closing.task, None))]

    def _batch(self, key: str, events: Sequence[Event], opens: Sequence[Opening], closes: Sequence[Closing]) -> Batch:
        return Batch(
            key=key,
            subject=self.start.subject,
            stage=self.start.stage,
            round=self.start.round,
            at=self.now(),
            clock=self.clock,
            track=self.view.track,
            workflow=workflow.info().workflow_id,
            cause=self.cause,
            events=list(events),
            opens=list(opens),
            closes=list(closes),
        )

    async def _write(self, batch: Batch) -> Recorded:
        """One transaction. State follows only what was recorded."""
        done = await self._put(batch)
        if done.refused:
            return done
        for task in done.tasks:
            self.tasks[task.id] = task
        # after a reset the record may show a task decided already: what was decided is heard again and settled by its receipt
        self.inbox.extend(Heard(decided.decision) for decided in done.decided)
        for decided in done.decided:
            self.tasks.setdefault(decided.task, _task_of(decided.task))
        if done.view and done.view.version > self.view.version:
            self._take(done.view)
            self._heard_version = max(self._heard_version, done.view.version)  # our own doing is no news to us
        self.show()
        return done

    async def _put(self, batch: Batch) -> Recorded:
        done: Recorded = await workflow.execute_activity_method(Effects.record, batch, summary=_sentence(batch), **WRITE)
        self._worked += 1
        return done

    async def _tell(self, cases: Iterable[str], starts: Iterable[Start]) -> None:
        """Hints: whoever waits for what changed looks again. The record is the truth, so a hint that is lost costs a day at most."""
        for start in starts:
            await workflow.execute_activity_method(Effects.start_shared, start, summary=f"Start or nudge {start.workflow}", **WRITE)
            self._told.add(start.id)
        for case in cases:
            if case == workflow.info().workflow_id:
                self.nudged += 1
                continue
            self._told.add(case)
            try:
                await workflow.get_external_workflow_handle(case).signal("look_again")
            except ApplicationError:
                pass  # it has ended: nobody waits there any more

    async def nudge_case(self) -> None:
        """The case has something to do now that this stage's write made possible."""
        if self.start.case:
            await self._tell([self.start.case], [])

    # -- the only consumer ---------------------------------------------------------------------------------------------------------

    async def hear(self, until: datetime | None = None, also: Callable[[], bool] = lambda: False) -> Heard | Fell | None:
        """Wait for the next thing that this stage's procedure must answer.

        Returns a `Heard` that is well formed and open to be decided, a `Fell` moment that only the stage knows, or None: the case's
        view changed, somebody said look again, `until` has come, `also` is true, or the run is full. Everything else is done here:
        repeats, refusals, messages about tasks, reminders, escalation, practice ticks.
        """
        while True:
            self._wind()
            if self._was_held != self.held:
                self._was_held = self.held
                if not self.held:
                    await self.read_due_moments()
            elif self._was_track != self.view.track:
                self._was_track = self.view.track
                await self.read_due_moments()  # what is open may be due earlier on the fast path
            elif self.odd:
                await self._record_odd()
            elif self.inbox:
                if (heard := await self._judge(self.inbox.pop(0))) is not None:
                    return heard
            elif self.view.version != self._heard_version or self.nudged != self._heard_nudge:
                self._heard_version, self._heard_nudge = self.view.version, self.nudged
                return None
            elif also() or (until is not None and until <= self.now()):
                return None
            elif fallen := self._fallen():
                if (fell := await self._fall(*fallen)) is not None:
                    return fell
            elif self.renews and self.full():
                return None
            else:
                await self._wait(until, also)

    def _wind(self) -> None:
        """The practice clock: forward only, before anything else is looked at. Real time cannot be moved."""
        for ticking in self.ticks:
            if self.clock and ticking.tick.clock in ("", self.clock):
                self.offset = max(self.offset, ticking.tick.offset)

    async def read_due_moments(self) -> None:
        """Due moments have moved: a hold has ended, or what was deferred is due later. The record did it, with the office's calendar."""
        tasks: list[Task] = await workflow.execute_local_activity_method(
            Effects.tasks_of, self._beginning(), summary="Read the due moments, which have moved", **READ
        )
        self.tasks |= {task.id: task for task in tasks if task.id in self.tasks}

    async def _wait(self, until: datetime | None, also: Callable[[], bool]) -> None:
        moments = [m.at for t in self.tasks.values() for m in t.moments] if not self.held else []
        coming = min([*moments, *([until] if until else [])], default=None)
        if self.ticks:  # nothing is left to do at this time
            for ticking in self.ticks:
                ticking.answer = Ticked(next=coming, worked=self._worked, told=sorted(self._told), running=self.running())
            self._told.clear()
            self.ticks, self._worked = [], 0

        def news() -> bool:
            return bool(
                self.inbox
                or self.odd
                or self.ticks
                or self.view.version != self._heard_version
                or self.nudged != self._heard_nudge
                or also()
            )

        timeout = None if coming is None else max(coming - self.now(), timedelta(0))
        try:
            await workflow.wait_condition(news, timeout=timeout, timeout_summary=self._next_sentence(coming) if coming else None)
        except TimeoutError:
            pass

    def _fallen(self) -> tuple[Task, Moment] | None:
        """The first moment that has come, in order of time and then of task; a held stage has none."""
        if self.held:
            return None
        past = sorted(
            ((m.at, t.id, m.does, m.level, t, m) for t in self.tasks.values() for m in t.moments if m.at <= self.now()), key=lambda x: x[:4]
        )
        return (past[0][4], past[0][5]) if past else None

    async def _fall(self, task: Task, moment: Moment) -> Fell | None:
        left = task.model_copy(update={"moments": [m for m in task.moments if m is not moment]})
        self.tasks[task.id] = left
        if moment.does not in ("remind", "escalate"):
            return Fell(left, moment)
        name = "task.reminded" if moment.does == "remind" else "task.escalated"
        await self._write(
            self._batch(
                f"{task.id}:{moment.does}:{moment.level}", [Event(type=name, data={"task": task.id, "level": moment.level})], (), ()
            )
        )
        return None

    async def _judge(self, heard: Heard) -> Heard | None:
        """What the stage itself can say; facts about people and rules over rows are the record's to say."""
        self.taken += 1
        said = heard.said
        if (known := self.memory.answers.get(self._receipt(heard))) and known[0] == heard.fingerprint():
            heard.answer = Answer(counted=known[1], repeated=True)
            return None
        if isinstance(said, Message) and said.kind not in ABOUT_TASKS | self.messages:
            await self.refuse(
                heard,
                Finding(
                    rule="unknown_message",
                    message=f"{self.start.stage} takes {', '.join(sorted(ABOUT_TASKS | self.messages))}; not {said.kind}.",
                    path="$.kind",
                    next_step="See `pca schema message`.",
                ),
            )
            return None
        if isinstance(said, Message) and said.kind not in ON_TASKS:
            return await self._admitted(heard)
        heard.task = self.tasks.get(said.task or "")
        if heard.task is None:
            await self.refuse(
                heard, Finding(rule="task_closed", message=f"No open task {said.task} here.", path="$.task", next_step="See `pca tasks`.")
            )
            return None
        if isinstance(said, Decision) and said.verdict not in (verdicts := CATALOGUE[heard.task.kind].verdicts_on(self.view.track)):
            await self.refuse(
                heard,
                Finding(
                    rule="wrong_verdict",
                    message=f"{heard.task.kind} takes {', '.join(sorted(verdicts))}; not {said.verdict}.",
                    path="$.verdict",
                ),
            )
            return None
        return await self._admitted(heard)

    async def _admitted(self, heard: Heard) -> Heard | None:
        said = heard.said
        if self.view.ended:
            await self.refuse(heard, Finding(rule="case_closed", message=f"The case is {self.view.ended}."))
            return None
        if self.held and heard.kind not in DURING_A_HOLD:
            await self.refuse(heard, Finding(rule="on_hold", message="The case is on hold.", next_step="Resume it first."))
            return None
        if isinstance(said, Message) and said.kind in ABOUT_TASKS:
            await self._about_task(heard)
            return None
        return heard

    async def _about_task(self, heard: Heard) -> None:
        """claim, unclaim, reassign, note: said about a task, decided by nobody."""
        said, task = heard.said, heard.task
        assert isinstance(said, Message)
        events = (
            [Event(type="task.reassigned", data={"task": task.id, "how": said.kind}, take=["person"])]
            if task and said.kind != "note"
            else []
        )
        done = await self.count(heard, events)
        if done and task and said.kind == "reassign" and (person := done.facts.get("person")):
            self.tasks[task.id] = task.model_copy(update={"candidates": [person]})

    async def _record_odd(self) -> None:
        odd, self.odd = self.odd, []
        digest = hashlib.sha256("\n".join(odd).encode()).hexdigest()[:16]
        await self._write(self._batch(f"{self.at}:unreadable:{digest}", (), (), ()).model_copy(update={"unreadable": odd}))

    # -- the exit ----------------------------------------------------------------------------------------------------------------

    async def close(self, result: str, **facts: Any) -> StageOutcome:
        """The one exit: close what is open, answer who is still waiting, wait for the handlers, look again, leave."""
        if self.tasks:
            await self.record(f"close:{result}", closes=[Closing(task=t, why=result) for t in self.tasks])
            self.tasks.clear()
        while True:
            await self._answer_all()
            await workflow.wait_condition(workflow.all_handlers_finished)
            if not (self.inbox or self.odd or self.ticks):
                break
        return StageOutcome(result=result, facts={"cause": self.cause.model_dump(), **facts})

    async def _answer_all(self) -> None:
        while self.inbox or self.odd or self.ticks:
            self._wind()
            for ticking in self.ticks:
                ticking.answer = Ticked(worked=self._worked, told=sorted(self._told), again=True)
            self.ticks, self._worked = [], 0
            if self.odd:
                await self._record_odd()
            if self.inbox and (heard := await self._judge(self.inbox.pop(0))) is not None:
                await self.refuse(
                    heard, Finding(rule="stage_closed", message=f"The stage {self.start.stage} has ended.", next_step="See `pca show`.")
                )

    async def continue_as_new(self) -> Never:
        """The same stage with a fresh history: tasks, receipts and state go along."""
        while True:
            while self.inbox or self.odd or self.ticks:
                await self._answer_all_but_keep()
            await workflow.wait_condition(workflow.all_handlers_finished)
            if not (self.inbox or self.odd or self.ticks):
                break
        carried = Carried(
            tasks=list(self.tasks.values()),
            seen={receipt: ("+" if counted else "-") + mark for receipt, (mark, counted) in self.memory.answers.items()},
            refusals=self.refused_of,
            state=self.state,
        )
        view = self.view.model_copy(update={"clock": self.view.clock.model_copy(update={"offset": self.offset})})
        workflow.continue_as_new(self.start.model_copy(update={"carried": carried, "view": view, "cause": self.cause}))

    async def _answer_all_but_keep(self) -> None:
        """Before continuing as new: what is in the inbox is put to the procedure's next run by asking the sender to say it again."""
        self._wind()
        for ticking in self.ticks:
            ticking.answer = Ticked(next=self.now(), worked=self._worked + 1, told=sorted(self._told), again=True)
        self.ticks, self._worked = [], 0
        if self.odd:
            await self._record_odd()
        if self.inbox and (heard := await self._judge(self.inbox.pop(0))) is not None:
            heard.answer = Answer(
                counted=False,
                findings=[Finding(rule="say_again", message="The stage was moving on at that moment.", next_step="Send the same again.")],
            )

    def full(self) -> bool:
        """Time to continue as new: at a quiet moment only, so that nobody has to say anything again."""
        return not self.inbox and (self.taken >= MESSAGES_PER_RUN or workflow.info().is_continue_as_new_suggested())

    # -- what ops see ------------------------------------------------------------------------------------------------------------

    def show(self) -> None:
        """Search attributes where they changed, and the current details of the Temporal UI."""
        waiting = sorted(self.tasks.values(), key=lambda t: (t.due or datetime.max.replace(tzinfo=self.now().tzinfo), t.id))
        first = waiting[0] if waiting else None
        values: dict[str, Any] = {
            "PcaStage": self.start.stage,
            "PcaStatus": self.view.status + (" on_hold" if self.view.held else ""),
            "PcaTrack": self.view.track,
            "PcaWaitingOn": "/".join(sorted({r for t in waiting for r in t.roles})[:3]) or "-",
            "PcaDueAt": first.due if first else None,
            "PcaOverdue": bool(first and first.due and first.due < self.now()),
        }
        changed = {name: value for name, value in values.items() if self._shown.get(name, "") != value}
        if changed:
            workflow.upsert_search_attributes(attributes.updates(changed))
            self._shown |= changed
        lines = [
            f"# {self.name}: {self.start.stage}, round {self.start.round}",
            f"- status **{values['PcaStatus']}**, track {self.view.track}",
        ]
        lines += [
            f"- awaits **{t.kind}** {t.whom} from {' or '.join(t.candidates or t.roles)} ({t.holder}), due {t.due:%d %b %Y %H:%M} UTC"
            if t.due
            else f"- awaits **{t.kind}** {t.whom} from {' or '.join(t.candidates or t.roles)}"
            for t in waiting
        ]
        lines += [f"- stopped: {b.scope}, {b.cause}" for b in self.view.blocks]
        lines += ["", "Last decisions:", *[f"- {line}" for line in self._last]] if self._last else []
        workflow.set_current_details("\n".join(lines))

    def _next_sentence(self, moment: datetime) -> str:
        for task in self.tasks.values():
            for m in task.moments:
                if m.at == moment:
                    return f"{m.does.capitalize()}: {task.kind} {task.whom}".strip()
        return f"Next moment of {self.start.stage}"


def _sentence(batch: Batch) -> str:
    """What the Temporal UI shows beside the write."""
    said = ""
    if batch.refused:
        said = "refused: " + ", ".join(f.rule for f in batch.refused)
    elif batch.decision:
        said = f"{batch.task.kind if batch.task else batch.decision.task} {batch.decision.verdict}"
    elif batch.message:
        said = batch.message.kind
    happened = [e.type for e in batch.events] + [f"open {o.kind} {o.whom}".rstrip() for o in batch.opens]
    return re.sub(r"\s+", " ", "; ".join([part for part in (said, ", ".join(happened)) if part]))[:190] or batch.key[:190]


def _task_of(task_id: str) -> Task:
    """A task known only by its id: stage machine of a reset run, which the record knows better."""
    name = task_name(task_id)
    assert name is not None
    return Task(id=task_id, kind=name.kind, whom=name.whom)
