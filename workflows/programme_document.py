"""Programme document: both sides draft in turns until both accept the same text, then the budget owner submits it for review."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from schemas.engine import Closing, Event, Opening, StageInput, StageOutcome
    from workflows.stage import Heard, Stage


@dataclass(frozen=True)
class Track:
    """`on_behalf`: the office may accept for the partner while it is the partner's turn. That its acceptance and submission may be one act
    is the catalogue's to say."""

    on_behalf: bool


STANDARD = Track(on_behalf=False)
EMERGENCY = Track(on_behalf=True)
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
            await self.follow_track()

    async def follow_track(self) -> None:
        """The case has changed track while it is the partner's turn: from now on the office may accept on its behalf, or no longer."""
        before, self.state["track"] = self.state.get("track", self.start.view.track), self.view.track
        if before == self.view.track:
            return
        beside = TRACKS[self.view.track].on_behalf
        turns = [t.whom for t in self.tasks.values() if t.kind == "partner_turn"]
        mine = {t.whom: t for t in self.tasks.values() if t.kind == "office_turn" and t.whom in turns}
        # a way back and forth is another key each time: the view's version
        key = f"to_{self.view.track}:{self.view.version}"
        if opens := [self.on_behalf(whom) for whom in turns if beside and whom not in mine]:
            await self.record(key, opens=opens)
        elif closes := [Closing(task=t.id, why="standard") for t in mine.values() if not beside]:
            await self.record(key, closes=closes)

    async def answer(self, heard: Heard) -> bool:
        """True when the document is submitted."""
        match heard.kind, heard.verdict:
            case "office_turn", "send_to_partner":
                await self.count(heard, [Event(type="document.sent", take=["version", "sha256"])], self.turn("partner_turn", heard))
            case "office_turn", "accept":
                await self.accepted(heard, "office", "partner_turn")
            case "partner_turn", "return_to_office":
                event = Event(type="document.returned", take=["version", "sha256"])
                await self.count(heard, [event], self.turn("office_turn", heard), self.beside(heard))
            case "partner_turn", "accept":
                await self.accepted(heard, "partner", "office_turn")
            case "office_turn", "accept_on_behalf":
                # the partner asked in writing, or its turn has passed; its signature is never given on its behalf
                await self.accepted(heard, "partner", "office_turn", on_behalf=True)
            case "office_turn", "accept_and_submit":
                accepted = Event(type="document.accepted", data={"side": "office"}, take=["sha256"])
                return await self.count(heard, [accepted, *self.submission()]) is not None
            case "attach_annex", verdict:
                event = Event(type="document.annex_attached", data={"annex": heard.whom, "verdict": verdict}, take=["sha256"])
                await self.count(heard, [event])
            case "clear_clause_deviation", verdict:
                await self.count(heard, [Event(type="clause.deviation_settled", data={"clause": heard.whom, "verdict": verdict})])
            case "submit_for_review", "submit":
                return await self.count(heard, self.submission()) is not None
            case "submit_for_review", "unlock":
                await self.count(heard, [Event(type="document.unlocked", data={"why": "unlock"})], self.turn("office_turn", heard))
            case "answer_question", "answer":
                await self.count(heard, [Event(type="review.question_answered", data={"question": heard.whom})])
            case "ask", _:
                event = Event(type="review.question_asked", data={"task": heard.said.task}, take=["to"])
                await self.count(heard, [event], [self.question(heard)])
            case _:
                await self.count(heard)
        return False

    def submission(self) -> list[Event]:
        return [
            Event(type="review.submitted", data={"round": self.start.round}),
            Event(type="case.status_changed", data={"to": "in_review", "trigger": "submit_for_review"}),
        ]

    async def accepted(self, heard: Heard, side: str, other: str, *, on_behalf: bool = False) -> None:
        """Both accept one hash: submission. One does: the court moves to the other."""
        event = Event(type="document.accepted", data={"side": side} | ({"on_behalf": True} if on_behalf else {}), take=["sha256"])
        submission = Opening(kind="submit_for_review", whom=heard.whom, optional="both")
        turns = [turn.model_copy(update={"unless": "both"}) for turn in self.turn(other, heard)]
        await self.count(heard, [event], [submission, *turns], self.beside(heard))

    def turn(self, kind: str, after: Heard) -> list[Opening]:
        """The next turn: one court at a time. Its number is how people speak of it (third turn), so it may stand in a key. On the fast path
        the focal point may accept for the partner meanwhile: a task of the same turn, which the partner holds all the same."""
        whom = f"turn-{int(after.whom.removeprefix('turn-')) + 1}"
        turn = Opening(kind=kind, whom=whom)
        if kind != "partner_turn" or not TRACKS[self.view.track].on_behalf:
            return [turn]
        return [turn, self.on_behalf(whom)]

    def on_behalf(self, whom: str) -> Opening:
        return Opening(kind="office_turn", whom=whom, roles=["focal_point"], holder="partner")

    def beside(self, heard: Heard) -> list[Closing]:
        """The task of the same turn that the other side could have answered: the turn is over."""
        other = {"office_turn": "partner_turn", "partner_turn": "office_turn"}.get(heard.kind, "")
        return [Closing(task=t.id, why="turn_over") for t in self.tasks.values() if t.kind == other and t.whom == heard.whom]

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
