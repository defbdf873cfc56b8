"""Committee review: independent people answer the eight questions and recommend; an opinion not given is never a yes."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from schemas.engine import Closing, Event, Opening, StageInput, StageOutcome
    from schemas.findings import Finding
    from workflows.stage import Fell, Heard, Stage


@dataclass(frozen=True)
class Track:
    """`waits`: the case may have to wait for its partner's clearance before it goes on to approval. Whether one opinion is the
    recommendation is no matter of the track but of the kind of review: a level of activation may unlock no single reviewer."""

    waits: bool


STANDARD = Track(waits=False)
EMERGENCY = Track(waits=True)
TRACKS: Mapping[str, Track] = MappingProxyType({"standard": STANDARD, "emergency": EMERGENCY})

RESULTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "recommend": ("recommended", "in_approval"),
        "recommend_with_conditions": ("recommended_with_conditions", "in_approval"),
        "not_recommend": ("not_recommended", "in_approval"),
        "return": ("returned", "drafting"),
    }
)
"""Verdict of the consolidation: result of the review, and the status it leads to."""


class ReviewStage(Stage):
    messages = frozenset({"ask", "recuse"})

    async def procedure(self) -> StageOutcome:
        if not self.start.carried:
            self.state |= {"spoken": [], "approver": ""}
            await self.form("start")
        while True:
            if self.full():
                await self.continue_as_new()
            heard = await self.hear()
            if self.view.ended:
                return await self.close("ended")
            if self.view.track != self.state.get("track", self.view.track):
                await self.form(f"to_{self.view.track}")
            if isinstance(heard, Fell):
                await self.replace_silent(heard)
            elif heard is not None and (result := await self.answer(heard)):
                return await self.close(result)

    async def form(self, key: str) -> None:
        """Who reviews: the secretary names a committee; on the fast path the roster names one person, who is asked at once. Where one
        person takes the place of a committee, opinions given before are kept, and who has still to speak is asked no more."""
        facts = await self.begin()
        as_it_began = key != "start" and facts["kind"] == self.state["kind"]
        self.state |= {"kind": facts["kind"], "quorum": facts["quorum"], "track": self.view.track}
        if as_it_began:
            return
        waiting = [
            Closing(task=t.id, why=key) for t in self.tasks.values() if t.kind in ("prepare_review", "give_opinion", "reform_committee")
        ]
        if reviewer := facts.get("reviewer"):
            named = Event(
                type="review.convened" if key == "start" else "review.reformed",
                data={"round": self.start.round, "members": [facts["member"]], "overall_approver": reviewer},
            )
            await self.record(key, [named], [Opening(kind="give_opinion", whom=reviewer, candidates=[reviewer])], waiting)
            self.state |= {"approver": reviewer}
        elif key == "start" or not self.state["approver"]:
            await self.record(key, opens=[Opening(kind="prepare_review", whom="" if key == "start" else key)], closes=waiting)

    async def answer(self, heard: Heard) -> str | None:
        """The result, once there is one."""
        match heard.kind, heard.verdict:
            case "prepare_review", "convene":
                if done := await self.convene(heard, "review.convened"):
                    self.state["approver"] = done["overall_approver"]
            case "prepare_review", "correct_clerical":
                await self.count(heard, [Event(type="review.corrected", take=["fields"])])
            case "prepare_review", "return":
                return await self.conclude(heard, "return")
            case "give_opinion", "recuse":
                await self.recused(heard)
            case "give_opinion", verdict if self.state["kind"] == "single":
                return await self.conclude(heard, verdict)
            case "give_opinion", verdict:
                await self.opinion(heard, verdict)
            case "recuse", _:
                await self.recused(heard)
            case "reform_committee", "replace":
                await self.convene(heard, "review.reformed")
            case "ask", _:
                question = Opening(kind="answer_question", whom=f"{heard.said.actor}-{heard.said.key}")
                await self.count(heard, [Event(type="review.question_asked", data={"task": heard.said.task}, take=["to"])], [question])
            case "answer_question", "answer":
                await self.count(heard, [Event(type="review.question_answered", data={"question": heard.whom})])
            case "consolidate_recommendation", verdict:
                return await self.conclude(heard, verdict)
            case _:
                await self.count(heard)
        return None

    async def convene(self, heard: Heard, event: str) -> dict[str, Any] | None:
        """People are named; each is asked for an opinion."""
        happened = Event(type=event, data={"round": self.start.round}, take=["members", "overall_approver", "meeting_on"])
        done = await self.count(heard, [happened], [Opening(kind="give_opinion", each="members")])
        return done.facts if done else None

    async def opinion(self, heard: Heard, verdict: str) -> None:
        """An opinion is kept for ever. When the quorum has spoken, the recommendation can be consolidated."""
        spoken = [*self.state["spoken"], heard.whom]
        event = self.given(heard, verdict)
        opens = [] if len(spoken) < self.state["quorum"] or self.consolidating() else [self.consolidation()]
        if await self.count(heard, [event], opens):
            self.state["spoken"] = spoken

    def given(self, heard: Heard, verdict: str) -> Event:
        return Event(
            type="review.opinion_given",
            data={"round": self.start.round, "member": heard.whom, "verdict": verdict, "purpose": "review"},
            take=["answers", "conditions"],
        )

    async def recused(self, heard: Heard) -> None:
        """A conflict leaves the quorum; the secretary forms the committee anew."""
        task, said = heard.task, heard.said
        assert task is not None
        if task.kind != "give_opinion" or task.whom != said.actor:
            await self.refuse(
                heard, Finding(rule="not_a_member", message="Only a member who has still to speak can recuse.", path="$.task")
            )
            return
        event = Event(type="review.member_recused", data={"round": self.start.round, "member": task.whom})
        reform = (
            [] if any(t.kind == "reform_committee" for t in self.tasks.values()) else [Opening(kind="reform_committee", whom=task.whom)]
        )
        closes = [Closing(task=task.id, why="recused")] if not heard.verdict else []
        await self.count(heard, [event], reform, closes)

    async def replace_silent(self, fell: Fell) -> None:
        """Some days after the due day the secretary may replace a silent member. Silence itself decides nothing."""
        if fell.moment.does == "replaceable" and not any(t.kind == "reform_committee" for t in self.tasks.values()):
            await self.record(f"silent:{fell.task.whom}", opens=[Opening(kind="reform_committee", whom=f"silent-{fell.task.whom}")])

    def consolidating(self) -> bool:
        return any(t.kind == "consolidate_recommendation" for t in self.tasks.values())

    def consolidation(self) -> Opening:
        return Opening(kind="consolidate_recommendation", candidates=[self.state["approver"]] if self.state["approver"] else [])

    async def conclude(self, heard: Heard, verdict: str) -> str | None:
        """Recommended and not recommended go to the approver; returned goes back to drafting, and both sides accept again."""
        result, status = RESULTS[verdict]
        # where vetting runs beside the document, the case itself moves on when the clearance comes
        waits = "cleared" if (TRACKS[self.view.track].waits or self.state["kind"] == "single") and status == "in_approval" else ""
        events = [
            *([self.given(heard, verdict)] if heard.kind == "give_opinion" else []),
            Event(
                type="review.concluded",
                data={"round": self.start.round, "result": result, "verdict": verdict},
                take=["conditions", "departs_because"],
            ),
            Event(
                type="case.status_changed",
                data={"to": status, "trigger": "return" if result == "returned" else "recommendation"},
                optional=waits,
            ),
        ]
        if result == "returned":
            events.append(Event(type="document.unlocked", data={"why": "returned"}))
        others = [Closing(task=t, why="concluded") for t in self.tasks if heard.task is None or t != heard.task.id]
        return result if await self.count(heard, events, closes=others) else None


@workflow.defn
class CommitteeReview(ReviewStage):
    @workflow.run
    async def run(self, start: StageInput) -> StageOutcome:
        return await self.procedure()


@workflow.defn
class EmergencyCommitteeReview(ReviewStage):
    @workflow.run
    async def run(self, start: StageInput) -> StageOutcome:
        return await self.procedure()
