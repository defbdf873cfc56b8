"""Approval and signature: somebody with the authority approves, both sides sign; the PCA beside the document where the case carries it.

One procedure for both tracks: days, and who approves, are the packs' to say.
"""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from schemas.engine import Closing, Event, Opening, StageInput, StageOutcome
    from workflows.stage import Heard, Stage


APPROVES: Mapping[str, str] = MappingProxyType({"approve_document": "document", "approve_pca": "pca"})
SIGNS: Mapping[str, str] = MappingProxyType({"sign_as_partner": "partner", "sign_for_office": "office"})
SIDES = frozenset({"partner", "office"})


class ApprovalStage(Stage):
    messages = frozenset({"ask"})

    async def procedure(self) -> StageOutcome:
        if not self.start.carried:
            facts = await self.begin()
            self.state |= {"carried": bool(facts.get("carried")), "umbrella": facts.get("umbrella", ""), "approved": [], "signed": []}
            if facts.get("route") == "activation":
                await self.screen("before_activation")
                await self.record("start", opens=[Opening(kind="prepare_activation")])
            else:
                await self.record("start", opens=[Opening(kind=kind) for kind, what in APPROVES.items() if what in self.objects])
        while True:
            if self.full():
                await self.continue_as_new()
            all_signed = set(self.state["signed"]) == SIDES
            heard = await self.hear(until=self.now() + timedelta(days=1) if all_signed else None)
            if self.view.ended:
                return await self.close("ended")
            if isinstance(heard, Heard):
                if result := await self.answer(heard):
                    return await self.close(result)
                continue
            await self.take_over()
            if set(self.state["signed"]) == SIDES and not self.held and not (await self.record("signed", self.signing(""))).refused:
                return await self.close("signed")

    @property
    def objects(self) -> list[str]:
        """What is approved and signed here."""
        return ["document", "pca"] if self.state["carried"] else ["document"]

    async def take_over(self) -> None:
        """The case that carried the PCA has left and this one carries it now: it is approved here, and signed beside the document."""
        if self.state["carried"] or not (await self.begin()).get("carried"):
            return
        if not (await self.record("carrier", opens=[Opening(kind="approve_pca")])).refused:
            self.state |= {"carried": True, "again": self.state["signed"], "signed": []}  # who has signed signs the PCA too

    async def answer(self, heard: Heard) -> str | None:
        """The result, once there is one."""
        match heard.kind, heard.verdict:
            case kind, "approve" if kind in APPROVES:
                await self.approve(heard, APPROVES[kind])
            case kind, "return" if kind in APPROVES or kind in SIGNS:
                return await self.back_to_drafting(heard, "return")
            case kind, "reject" if kind in APPROVES:
                events = [
                    Event(type="case.status_changed", data={"to": "rejected", "trigger": "reject"}),
                    Event(type="case.rejected", data={"stage": "approval", "reason_code": heard.said.reason_code}),
                ]
                return "rejected" if await self.count(heard, events, closes=self.others(heard)) else None
            case kind, "sign" if kind in SIGNS:
                return await self.sign(heard, SIGNS[kind])
            case (("prepare_activation" | "approve_activation"), _):
                return await self.activation(heard)
            case "sign_as_partner", "request_change":
                return await self.back_to_drafting(heard, "request_change")
            case "sign_as_partner", "refuse":
                events = [
                    Event(type="case.status_changed", data={"to": "withdrawn", "trigger": "withdraw"}),
                    Event(type="case.withdrawn", data={"by": "partner", "reason": "signature_refused"}),
                ]
                return "ended" if await self.count(heard, events, closes=self.others(heard)) else None
            case "ask", _:
                question = Opening(kind="answer_question", whom=f"{heard.said.actor}-{heard.said.key}")
                await self.count(heard, [Event(type="review.question_asked", data={"task": heard.said.task}, take=["to"])], [question])
            case "answer_question", "answer":
                await self.count(heard, [Event(type="review.question_answered", data={"question": heard.whom})])
            case _:
                await self.count(heard)
        return None

    async def activation(self, heard: Heard) -> str | None:
        """A contingency document is activated within its protocol: one prepares, another approves; nothing is reviewed or signed again."""
        match heard.kind, heard.verdict:
            case "prepare_activation", "submit":
                await self.screen("before_activation")
                events = [
                    Event(type="contingency.prepared", take=["letter", "start", "end", "budget_version"]),
                    Event(type="case.status_changed", data={"to": "in_approval", "trigger": "prepare_activation"}),
                ]
                if await self.count(heard, events, [Opening(kind="approve_activation", whom=heard.whom)]):
                    await self.nudge_case()  # funds are reserved beside
            case "prepare_activation", "abandon":
                left = [
                    Event(type="case.status_changed", data={"to": "withdrawn", "trigger": "withdraw"}),
                    Event(type="case.withdrawn", data={"by": "office"}),
                ]
                return "ended" if await self.count(heard, left, closes=self.others(heard)) else None
            case "approve_activation", "activate":
                await self.screen("before_approval")
                events = [
                    Event(type="approval.given", data={"object": "activation", "round": self.start.round}),
                    Event(type="contingency.activated"),
                    Event(type="case.status_changed", data={"to": "signed", "trigger": "approve_activation"}),
                ]
                return "signed" if await self.count(heard, events) else None
            case "approve_activation", "return":
                back = [
                    Event(type="approval.returned", data={"object": "activation", "trigger": "return"}),
                    Event(type="case.status_changed", data={"to": "drafting", "trigger": "return"}),
                ]
                await self.count(heard, back, [Opening(kind="prepare_activation", whom=f"after-{heard.said.key}")])
            case _:
                refused = [
                    Event(type="case.status_changed", data={"to": "rejected", "trigger": "reject"}),
                    Event(type="case.rejected", data={"stage": "approval", "reason_code": heard.said.reason_code}),
                ]
                return "rejected" if await self.count(heard, refused, closes=self.others(heard)) else None
        return None

    async def approve(self, heard: Heard, what: str) -> None:
        """Screening is looked at again before anybody approves. When all is approved, both sides may sign, in either order."""
        await self.screen("before_approval")
        approved = [*self.state["approved"], what]
        events = [Event(type="approval.given", data={"object": what, "round": self.start.round}, take=["conditions", "deferrals_seen"])]
        opens = []
        complete = set(approved) == set(self.objects)
        late = "again" in self.state and what == "pca" and self.view.status == "in_signature"  # taken over among the signatures
        if late:
            again = [kind for kind, side in SIGNS.items() if side in self.state["again"]]
            opens = [Opening(kind=kind, whom="pca", data={"objects": ["pca"]}) for kind in again]
        elif complete:
            events.append(Event(type="case.status_changed", data={"to": "in_signature", "trigger": "approve"}))
            opens = [Opening(kind=kind, data={"objects": self.objects}) for kind in SIGNS]
        if await self.count(heard, events, opens):
            self.state["approved"] = approved
            if complete and not late:
                await self.nudge_case()  # funds are reserved while both sides sign

    async def sign(self, heard: Heard, side: str) -> str | None:
        """The last signature signs the document, if nothing else is missing; else it waits, and the record is asked again."""
        signed = [*self.state["signed"], side]
        last = set(signed) == SIDES
        if last:
            await self.screen("before_last_signature")
        events = [Event(type="signature.recorded", data={"side": side}, each="objects"), *(self.signing("signed") if last else [])]
        done = await self.count(heard, events)
        if done:
            self.state["signed"] = signed
        return "signed" if done and last and "signed" not in done.left_out else None

    def signing(self, optional: str) -> list[Event]:
        pca = [Event(type="umbrella.signed", subject=self.state["umbrella"], optional=optional)] if self.state["carried"] else []
        return [
            *pca,
            Event(type="document.signed", optional=optional),
            Event(type="case.status_changed", data={"to": "signed", "trigger": "last_signature"}, optional=optional),
        ]

    async def back_to_drafting(self, heard: Heard, trigger: str) -> str | None:
        events = [
            Event(type="approval.returned", data={"object": APPROVES.get(heard.kind, "document"), "trigger": trigger}, take=["items"]),
            Event(type="document.unlocked", data={"why": trigger}),
            Event(type="case.status_changed", data={"to": "drafting", "trigger": trigger}),
        ]
        return "returned" if await self.count(heard, events, closes=self.others(heard)) else None

    def others(self, heard: Heard) -> list[Closing]:
        return [Closing(task=t, why=heard.verdict) for t in self.tasks if heard.task is None or t != heard.task.id]


@workflow.defn
class Approval(ApprovalStage):
    @workflow.run
    async def run(self, start: StageInput) -> StageOutcome:
        return await self.procedure()


@workflow.defn
class EmergencyApproval(ApprovalStage):
    @workflow.run
    async def run(self, start: StageInput) -> StageOutcome:
        return await self.procedure()
