"""Programme document: both sides draft in turns until both accept the same text, then the budget owner submits it for review."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from schemas.engine import Event, Opening, StageInput, StageOutcome
    from workflows.stage import Heard, Stage


@dataclass(frozen=True)
class Track:
    """`on_behalf`: the office may accept for the partner. `merged`: the office's acceptance and submission are one act."""

    on_behalf: bool
    merged: bool


STANDARD = Track(on_behalf=False, merged=False)
EMERGENCY = Track(on_behalf=True, merged=True)
TRACKS: Mapping[str, Track] = MappingProxyType({"standard": STANDARD, "emergency": EMERGENCY})


class DocumentStage(Stage):
    messages = frozenset({"ask"})

    async def procedure(self) -> StageOutcome:
        if not self.start.carried:
            facts = await self.begin()
            await self.record(
                "start",
                [Event(type="document.version_stored", data={"version": 1, "side": "office"})] if self.start.round == 1 else [],
                [
                    Opening(kind="office_turn", whom="turn-1"),
                    *(Opening(kind="attach_annex", whom=annex) for annex in facts.get("annexes", [])),
                    *(Opening(kind="clear_clause_deviation", whom=clause) for clause in facts.get("deviations", [])),
                ],
            )
        while True:
            if self.full():
                await self.continue_as_new()
            heard = await self.hear()
            if self.view.ended:
                return await self.close("ended")
            if isinstance(heard, Heard) and await self.answer(heard):
                return await self.close("submitted")

    async def answer(self, heard: Heard) -> bool:
        """True when the document is submitted."""
        match heard.kind, heard.verdict:
            case "office_turn", "send_to_partner":
                await self.count(heard, [Event(type="document.sent", take=["version", "sha256"])], [self.turn("partner_turn", heard)])
            case "office_turn", "accept":
                await self.accepted(heard, "office", "partner_turn")
            case "partner_turn", "return_to_office":
                await self.count(heard, [Event(type="document.returned", take=["version", "sha256"])], [self.turn("office_turn", heard)])
            case "partner_turn", "accept":
                await self.accepted(heard, "partner", "office_turn")
            case "attach_annex", verdict:
                event = Event(type="document.annex_attached", data={"annex": heard.whom, "verdict": verdict}, take=["sha256"])
                await self.count(heard, [event])
            case "clear_clause_deviation", verdict:
                await self.count(heard, [Event(type="clause.deviation_settled", data={"clause": heard.whom, "verdict": verdict})])
            case "submit_for_review", "submit":
                events = [
                    Event(type="review.submitted", data={"round": self.start.round}),
                    Event(type="case.status_changed", data={"to": "in_review", "trigger": "submit_for_review"}),
                ]
                return await self.count(heard, events) is not None
            case "submit_for_review", "unlock":
                await self.count(heard, [Event(type="document.unlocked", data={"why": "unlock"})], [self.turn("office_turn", heard)])
            case "answer_question", "answer":
                await self.count(heard, [Event(type="review.question_answered", data={"question": heard.whom})])
            case "ask", _:
                event = Event(type="review.question_asked", data={"task": heard.said.task}, take=["to"])
                await self.count(heard, [event], [self.question(heard)])
            case _:
                await self.count(heard)
        return False

    async def accepted(self, heard: Heard, side: str, other: str) -> None:
        """Both accept one hash: submission. One does: the court moves to the other."""
        event = Event(type="document.accepted", data={"side": side}, take=["sha256"])
        submission = Opening(kind="submit_for_review", whom=heard.whom, optional="both")
        await self.count(heard, [event], [submission, self.turn(other, heard).model_copy(update={"unless": "both"})])

    def turn(self, kind: str, after: Heard) -> Opening:
        """The next turn: one court at a time. Its number is how people speak of it (third turn), so it may stand in a key."""
        return Opening(kind=kind, whom=f"turn-{int(after.whom.removeprefix('turn-')) + 1}")

    def question(self, heard: Heard) -> Opening:
        return Opening(kind="answer_question", whom=f"{heard.said.actor}-{heard.said.key}")


@workflow.defn
class ProgrammeDocument(DocumentStage):
    @workflow.run
    async def run(self, start: StageInput) -> StageOutcome:
        return await self.procedure()


@workflow.defn
class EmergencyProgrammeDocument(DocumentStage):
    @workflow.run
    async def run(self, start: StageInput) -> StageOutcome:
        return await self.procedure()
