"""Obligations: every promise to do something later is a task with a due date, an owner and a consequence that fires by itself.

One workflow for a partner in an office and one for a case, started with the first obligation, ended when none is open; conditions of
review and approval are closed here too. The consequence is a block in the record; meeting the obligation lifts that block alone.
"""

from datetime import datetime
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from schemas.engine import Closing, Event, Moment, Opening, StageInput, StageOutcome
    from workflows.stage import Fell, Heard, Stage

OUTCOMES = {"accept": "obligation.met", "extend": "obligation.extended", "write_off": "obligation.written_off"}


RATIFYING = frozenset({"prepare_review", "give_opinion", "ratify_emergency_review"})
RATIFIERS = 3
"""How many people look at the file of an emergency review before it is ratified (casebook 1, task 28)."""


class ObligationsStage(Stage):
    held_with_case = False

    async def procedure(self) -> StageOutcome:
        stale = not self.start.carried
        while True:
            if stale:
                await self.look()
                stale = False
            if not self.tasks:
                return await self.close("none_open")
            if self.full():
                await self.continue_as_new()
            heard = await self.hear()
            if isinstance(heard, Heard):
                if await self.ratified(heard):
                    stale = heard.kind == "ratify_emergency_review"
                    continue
                await self.answer(heard)
            elif isinstance(heard, Fell):
                await self.fell(heard)
            stale = heard is None or not self.tasks

    async def ratified(self, heard: Heard) -> bool:
        """The full review after the fact: three people look at what one has recommended, then the overall approver ratifies."""
        match heard.kind, heard.verdict:
            case "prepare_review", "convene":
                named = Event(type="review.ratification_convened", take=["members", "overall_approver", "meeting_on"])
                if done := await self.count(
                    heard, [named], [Opening(kind="give_opinion", each="members", data={"purpose": "ratification"})]
                ):
                    self.state |= {"approver": done.facts["overall_approver"], "convened": self.convened + 1}
            case "give_opinion", "recuse":
                asked = any(t.kind == "prepare_review" for t in self.tasks.values())  # the secretary names somebody else
                await self.count(heard, opens=[] if asked else [self.convening(heard.task.due if heard.task else None)])
            case "give_opinion", verdict:
                spoken = int(self.state.get("ratifying", 0)) + 1
                event = Event(
                    type="review.opinion_given",
                    data={"round": self.start.round, "member": heard.whom, "verdict": verdict, "purpose": "ratification"},
                    take=["answers", "conditions"],
                )
                enough = [Opening(kind="ratify_emergency_review", candidates=[self.state["approver"]])] if spoken == RATIFIERS else []
                if await self.count(heard, [event], enough):
                    self.state["ratifying"] = spoken
            case "ratify_emergency_review", "not_ratify":
                await self.count(heard, [Event(type="review.not_ratified")])
            case "ratify_emergency_review", _:
                await self.count(heard, [Event(type="review.ratified", data={"verdict": heard.verdict}, take=["conditions"])])
            case _:
                return False
        return True

    async def look(self) -> None:
        """Open what was created, close what was met elsewhere (a report met the duty to report)."""
        facts = await self.begin()
        wanted = {o["id"]: o for o in facts.get("open", [])}
        conditions = {c["id"]: c for c in facts.get("conditions", [])}
        self.state["verifiers"] = {id_: o["verifier_role"] for id_, o in wanted.items() if o.get("verifier_role")}
        self.follow_due_moments(wanted)
        have = {task.whom.split(" ")[0] for task in self.tasks.values()}
        again = self.state.get("again", {})
        opens = [self.obligation(o, again.get(id_, "")) for id_, o in wanted.items() if id_ not in have and not o.get("evidence_in")]
        opens += [
            Opening(kind="check_obligation_evidence", whom=id_, roles=[o["verifier_role"]])
            for id_, o in wanted.items()
            if id_ not in have and o.get("evidence_in") and o.get("verifier_role")
        ]
        opens += [
            Opening(
                kind="meet_condition",
                whom=id_,
                roles=c.get("roles") or [c["owner_role"]],
                candidates=c.get("candidates", []),
                due=c.get("due"),
            )
            for id_, c in conditions.items()
            if id_ not in have
        ]
        if facts.get("ratification") and not any(t.kind in RATIFYING for t in self.tasks.values()):
            # the file of an emergency review is looked at by a full committee afterwards
            opens.append(self.convening(facts.get("ratify_by")))
        gone = [
            Closing(task=task.id, why="met")
            for task in self.tasks.values()
            if (
                not facts.get("ratification")
                if task.kind in RATIFYING
                else task.whom.split(" ")[0] not in wanted and task.whom.split(" ")[0] not in conditions
            )
        ]
        if opens or gone:
            await self.record(
                f"look:{'+'.join(o.kind[0] + o.whom for o in opens)}:{'+'.join(c.task for c in gone)}", opens=opens, closes=gone
            )

    @property
    def convened(self) -> int:
        """How often the secretary has named people to ratify."""
        return int(self.state.get("convened", 0))

    def convening(self, due: Any) -> Opening:
        return Opening(kind="prepare_review", whom=f"again-{self.convened}" if self.convened else "", due=due)

    def follow_due_moments(self, wanted: dict[str, dict[str, Any]]) -> None:
        """An event has set another due date (a first signature, a second release): what happens at it and around it moves along."""
        for task in list(self.tasks.values()):
            due = wanted.get(task.whom.split(" ")[0], {}).get("due")
            if task.kind != "meet_obligation" or due is None or task.due is None or (new := datetime.fromisoformat(due)) == task.due:
                continue
            moments = [m.model_copy(update={"at": m.at + (new - task.due)}) for m in task.moments]
            self.tasks[task.id] = task.model_copy(update={"due": new, "moments": moments})

    def obligation(self, o: dict[str, Any], again: str = "") -> Opening:
        return Opening(
            kind="meet_obligation",
            whom=o["id"] + (f" {again}" if again else ""),
            roles=[o["owner_role"]],
            candidates=o.get("candidates", []),
            due=o.get("due"),
            moments=[Moment.model_validate(m) for m in o.get("moments", [])],
            data={"obligation": o["id"]},
        )

    async def answer(self, heard: Heard) -> None:
        id_ = heard.whom.split(" ")[0]
        data = {"obligation": id_}
        match heard.kind, heard.verdict:
            case "meet_obligation", "submit_evidence":
                event = Event(type="obligation.evidence_submitted", data=data, take=["documents"])
                await self.count(heard, [event], [self.next_task(heard, "check_obligation_evidence")])
            case "meet_obligation", verdict:
                event = Event(type="obligation.decision_asked", data=data | {"verdict": verdict}, take=["until"])
                await self.count(heard, [event], [self.next_task(heard, "decide_obligation")])
            case (("check_obligation_evidence" | "decide_obligation"), "refuse"):
                await self.count(heard, [Event(type="obligation.evidence_refused", data=data)], [self.next_task(heard, "meet_obligation")])
            case (("check_obligation_evidence" | "decide_obligation"), verdict):
                if await self.count(heard, [Event(type=OUTCOMES[verdict], data=data, take=["until"])]) and verdict == "extend":
                    self.state.setdefault("again", {})[id_] = f"after {heard.said.key}"
                    await self.look()  # it is to be met all the same, with the new due date
            case "meet_condition", verdict:
                await self.count(heard, [Event(type="condition.met" if verdict == "met" else "condition.waived", data={"condition": id_})])
            case _:
                await self.count(heard)

    def next_task(self, heard: Heard, kind: str) -> Opening:
        """Whoever has it now, the due moment of the obligation stays where it was, and with it what happens then."""
        assert heard.task is not None
        id_ = heard.whom.split(" ")[0]
        kept = [m for m in heard.task.moments if m.does not in ("remind", "escalate")]
        due = next((m.at for m in kept if m.does == "overdue"), None) if kind == "meet_obligation" else None
        verifier = self.state.get("verifiers", {}).get(id_)
        roles = [verifier] if kind == "check_obligation_evidence" and verifier else None
        return Opening(kind=kind, whom=f"{id_} after {heard.said.key}", roles=roles, due=due, moments=kept, data={"obligation": id_})

    async def fell(self, fell: Fell) -> None:
        """The due moment has passed unmet: the consequence fires. A notice only tells."""
        if fell.task.kind in RATIFYING:
            return  # a silent member holds nothing up: the secretary may name more than three
        id_ = fell.task.whom.split(" ")[0]
        when = f"{fell.moment.at:%Y-%m-%d}"
        if fell.moment.does == "overdue":
            await self.record(
                f"overdue:{id_}:{when}", [Event(type="obligation.overdue", data={"obligation": id_, "level": fell.moment.level})]
            )
        else:
            await self.record(
                f"{fell.moment.does}:{id_}:{when}",
                [Event(type="obligation.reminded", data={"obligation": id_, "notice": fell.moment.does})],
            )


@workflow.defn
class Obligations(ObligationsStage):
    @workflow.run
    async def run(self, start: StageInput) -> StageOutcome:
        return await self.procedure()
