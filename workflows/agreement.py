"""The case: one programme document from intake to closure. Thin: it runs its stages, takes what is said to the case as a whole, and
keeps its own moments (end of a hold, start, end, end of a notice). It never continues as new while a stage runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ApplicationError, ChildWorkflowError
from temporalio.workflow import ChildWorkflowHandle, ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from schemas import search_attributes as attributes
    from schemas.engine import Ask, Asked, CaseView, Cause, Closing, Event, Opening, StageInput, StageOutcome
    from schemas.names import stage_workflow
    from workflows.approval import Approval, EmergencyApproval
    from workflows.cash_transfer import CashTransfer, EmergencyCashTransfer
    from workflows.committee_review import CommitteeReview, EmergencyCommitteeReview
    from workflows.effects import WRITE, Effects
    from workflows.programme_document import EmergencyProgrammeDocument, ProgrammeDocument
    from workflows.stage import Heard, Stage


@dataclass(frozen=True)
class Track:
    """What a case of this track needs of its partner, which workflows run its stages, and what runs beside what.

    `first`: the status that the case takes when its track is set. `beside`: vetting runs beside the document. `cash_from`: the status from
    which funds are reserved. `confirmed`: somebody confirms that this track may be used.
    """

    level: str
    first: str
    beside: bool
    cash_from: frozenset[str]
    confirmed: bool
    stages: Mapping[str, Any]


STANDARD = Track(
    level="full",
    first="vetting",
    beside=False,
    cash_from=frozenset({"in_signature"}),
    confirmed=False,
    stages=MappingProxyType({"document": ProgrammeDocument, "review": CommitteeReview, "approval": Approval, "cash": CashTransfer}),
)
EMERGENCY = Track(
    level="emergency",
    first="drafting",
    beside=True,
    cash_from=frozenset({"in_review", "in_approval", "in_signature"}),
    confirmed=True,
    stages=MappingProxyType(
        {
            "document": EmergencyProgrammeDocument,
            "review": EmergencyCommitteeReview,
            "approval": EmergencyApproval,
            "cash": EmergencyCashTransfer,
        }
    ),
)
TRACKS: Mapping[str, Track] = MappingProxyType({"standard": STANDARD, "emergency": EMERGENCY})

ONE_DAY = timedelta(days=1)
A_MOMENT = timedelta(minutes=1)
"""Before a stage that was ended from outside is started again."""


def failed(child: ChildWorkflowHandle[Any, StageOutcome]) -> bool:
    """Ops ended it, or a bug did."""
    return child.done() and (child.cancelled() or child.exception() is not None)


MESSAGES = frozenset(
    {
        "hold", "resume", "withdraw", "cancel", "suspend", "request_lift", "propose_termination", "raise_concern", "report_allegation",
        "flag_partner", "reassign_focal_point", "declare_conflict", "correct_fact", "declare_emergency", "return_to_standard",
    }
)  # fmt: skip
"""What is said to a case as a whole."""

FAST_ONLY = frozenset({"confirm_emergency_track", "decide_at_activation_end"})
"""Tasks of the case that mean nothing once it is back on the standard track."""


class CaseStage(Stage):
    messages = MESSAGES
    renews = False

    async def procedure(self) -> StageOutcome:
        self.children: dict[str, ChildWorkflowHandle[Any, StageOutcome]] = {}
        self.sent: CaseView | None = None
        self.round = 1
        self.cleared = ""  # the level of the clearance that the case has: another is asked for when its track changes
        facts = await self.begin()
        await self.set_track()
        # where vetting runs beside, drafting begins without a clearance: it stays to be asked for, also if an activation that was
        # revoked meanwhile has made it a standard case
        if self.view.status != "drafting" and not TRACKS[self.view.track].beside and not await self.vetted():
            return await self.end()
        if facts.get("route") == "activation":  # of a contingency document, which was reviewed and signed when there was time
            if not self.view.ended and (await self.run_stage("approval")).result == "signed":
                await self.live()
            return await self.end()
        while not self.view.ended:
            document = await self.run_stage("document")
            if document.result != "submitted":
                break
            review = await self.run_stage("review")
            if review.result == "returned":
                self.round += 1
                continue
            if review.result == "ended" or not await self.let_through():
                break
            approval = await self.run_stage("approval")
            if approval.result == "returned":
                self.round += 1
                continue
            if approval.result == "signed":
                await self.live()
            break
        return await self.end()

    # -- the way through the stages ------------------------------------------------------------------------------------------------

    async def set_track(self) -> None:
        track = TRACKS[self.view.track]
        await self.record(
            "track",
            [
                Event(type="case.track_set", data={"track": self.view.track}),
                Event(type="case.status_changed", data={"to": track.first, "trigger": "track_set"}),
            ],
            [Opening(kind="confirm_emergency_track")] if track.confirmed else [],
        )

    async def vetted(self) -> bool:
        """Ask for the partner's clearance until the record grants or refuses it; a hint or a day later, ask again."""
        while not self.view.ended:
            if self.held:
                await self.attend()
                continue
            level = TRACKS[self.view.track].level
            asked = await self.ask("vetting")
            if asked.state == "granted":
                self.cause, self.cleared = asked.cause, level
                done = await self.record(
                    "vetted", [Event(type="case.status_changed", data={"to": "drafting", "trigger": "conclude_vetting"})]
                )
                if not done.refused:
                    return True
            elif asked.state == "refused":
                rejected = [
                    Event(type="case.status_changed", data={"to": "rejected", "trigger": "conclude_vetting_reject"}),
                    Event(type="case.rejected", data={"stage": "vetting", "reason_code": asked.reason_code}),
                ]
                if not (await self.record("vetting_refused", rejected)).refused:
                    return False
            await self.attend(until=self.now() + ONE_DAY)
        return False

    async def look_beside(self) -> None:
        """Vetting runs beside the document: ask until it is granted; a refusal ends the case, whatever stage it is in."""
        track = TRACKS[self.view.track]
        if self.cleared == track.level or self.view.ended:
            return
        asked = await self.ask("vetting")
        self.cleared = track.level if asked.state == "granted" else ""
        if asked.state == "refused":
            await self.record(
                "vetting_refused",
                [
                    Event(type="case.status_changed", data={"to": "rejected", "trigger": "conclude_vetting_reject"}),
                    Event(type="case.rejected", data={"stage": "vetting", "reason_code": asked.reason_code}),
                ],
            )
            await self.broadcast()  # the stage that runs closes

    async def let_through(self) -> bool:
        """From review to approval only with the clearance of the case's level; where vetting ran beside, it may still be awaited."""
        while self.view.status == "in_review" and not self.view.ended:
            await self.look_beside()
            moved = Event(type="case.status_changed", data={"to": "in_approval", "trigger": "recommendation"})
            if not self.view.ended and (await self.record(f"cleared:{self.round}", [moved])).refused:
                await self.attend(until=self.now() + ONE_DAY)
        return not self.view.ended

    async def ask(self, need: str) -> Asked:
        asked: Asked = await workflow.execute_activity_method(
            Effects.ask,
            Ask(subject=self.start.subject, need=need, level=TRACKS[self.view.track].level, at=self.now(), clock=self.clock),
            summary=f"Ask for {need} of the partner",
            **WRITE,
        )
        await self._tell([], asked.starts)
        return asked

    async def run_stage(self, stage: str) -> StageOutcome:
        """Start a stage and attend to the case until it has ended."""
        await self.start_stage(stage)
        child = self.children[stage]
        while not child.done():
            await self.look_beside()
            track = TRACKS[self.view.track]
            if self.view.status in track.cash_from and stage != "document" and "cash" not in self.children:
                await self.start_stage("cash")  # funds are reserved while others decide
            await self.attend(also=child.done)
            if stage == "approval":
                await self.refresh()
        del self.children[stage]
        try:
            outcome = child.result()
        except ChildWorkflowError:
            # ops ended it, or a bug did: the record knows what was decided, so the stage starts anew and finds everything as it was
            await self.attend(until=self.now() + A_MOMENT)
            return StageOutcome(result="ended") if self.view.ended else await self.run_stage(stage)
        self.cause = Cause.model_validate(outcome.facts.get("cause", {}))
        await self.refresh()
        if outcome.result in ("returned", "ended", "rejected") and "cash" in self.children:
            while not self.children["cash"].done():  # it stands down, and starts again with the next signature
                await self.attend(also=self.children["cash"].done)
            self.forget_ended()
        return outcome

    async def start_stage(self, stage: str) -> None:
        what = TRACKS[self.view.track].stages[stage]
        view = self.view.model_copy(update={"clock": self.view.clock.model_copy(update={"offset": self.offset})})
        self._told.add(stage_workflow(workflow.info().workflow_id, stage))
        self.children[stage] = await workflow.start_child_workflow(
            what.run,
            StageInput(
                subject=self.start.subject,
                stage=stage,
                round=self.round,
                view=view,
                case=workflow.info().workflow_id,
                cause=self.cause,
            ),
            id=stage_workflow(workflow.info().workflow_id, stage),
            parent_close_policy=ParentClosePolicy.REQUEST_CANCEL,
            static_summary=f"{self.name} {stage}, round {self.round}, {self.view.track}",
            search_attributes=TypedSearchAttributes(
                [SearchAttributePair(attributes.PCA_REF, self.name), SearchAttributePair(attributes.PCA_STAGE, stage)]
            ),
        )

    async def live(self) -> None:
        """Signed: active by itself at the start, when the last condition is met; ended by itself at the end date."""
        facts = await self.begin()
        while not self.view.ended and self.view.status in ("signed", "active"):
            moment = None
            if self.view.status == "signed" and facts.get("expires_at"):
                moment = datetime.fromisoformat(facts["expires_at"])
                if moment <= self.now():
                    over = Event(type="case.status_changed", data={"to": "expired", "trigger": "programme_over"})
                    if not (await self.record("expire", [over, Event(type="case.expired")])).refused:
                        continue
                    moment = self.now() + ONE_DAY
            elif self.view.status == "signed":
                moment = await self.activate()
            if self.view.status == "active":
                facts = await self.begin() if not facts.get("ends_at") else facts
                moment = datetime.fromisoformat(facts["ends_at"]) if facts.get("ends_at") else None
                if moment and moment <= self.now():
                    over = Event(type="case.status_changed", data={"to": "ended", "trigger": "end_date_passed"})
                    if not (await self.record("end", [over, Event(type="case.ended")])).refused:
                        continue
                    moment = self.now() + ONE_DAY
            await self.attend_with_cash(moment)
        while not self.view.ended:  # reports and closure; closing a case is later work
            await self.attend_with_cash()

    async def attend_with_cash(self, until: datetime | None = None) -> None:
        """What is signed has its cash stage: also where nothing was reserved beside the approval, or ops ended it."""
        if "cash" not in self.children:
            await self.start_stage("cash")
        await self.attend(until, also=lambda: failed(self.children["cash"]))
        if failed(self.children["cash"]):
            del self.children["cash"]
            await self.attend(until=self.now() + A_MOMENT)

    async def activate(self) -> datetime | None:
        """Try; the record says what is still missing, and when to try again."""
        done = await self.record(
            "activate",
            [
                Event(type="case.status_changed", data={"to": "active", "trigger": "conditions_met"}, optional="activate"),
                Event(type="case.activated", optional="activate"),
            ],
        )
        if "activate" not in done.left_out and not done.refused:
            await self.broadcast()
            return None
        moment = datetime.fromisoformat(done.facts["next"]) if done.facts.get("next") else None
        return moment if moment and moment > self.now() else self.now() + ONE_DAY

    def running(self) -> list[str]:
        return [child.id for child in self.children.values() if not child.done()]

    def forget_ended(self) -> None:
        self.children = {stage: child for stage, child in self.children.items() if not child.done()}

    async def end(self) -> StageOutcome:
        """Every stage closes before the case does."""
        await self.broadcast()
        for child in list(self.children.values()):
            await workflow.wait_condition(child.done)
        return await self.close(self.view.ended or self.view.status)

    # -- what is said to the case ----------------------------------------------------------------------------------------------------

    async def attend(self, until: datetime | None = None, also: Any = lambda: False) -> None:
        """One thing said to the case, one change of its view, or one of its own moments; the stages are told."""
        own = [m for m in (until, *self.own_moments().values()) if m is not None]
        heard = await self.hear(until=min(own, default=None), also=lambda: bool(also()))
        if isinstance(heard, Heard):
            await self.answer(heard)
        else:
            await self.keep_own_moments()
            await self.look_at_activation()
        await self.broadcast()

    async def look_at_activation(self) -> None:
        """The head of office decides when the activation that this case relies on has ended, when its document was not completed in
        time, or when its review was not ratified: once each."""
        if not TRACKS[self.view.track].confirmed:
            # an activation that was revoked has returned the case: its fast track is nobody's to confirm any more
            if closes := [Closing(task=t.id, why="standard") for t in self.tasks.values() if t.kind in FAST_ONLY]:
                await self.record(f"returned:{self.view.version}", closes=closes)
            return
        facts = await self.begin()
        asked: list[str] = self.state.setdefault("asked", [])
        if facts.get("not_ratified") and "not_ratified" not in asked:
            asked.append("not_ratified")
            await self.record("not_ratified", opens=[Opening(kind="decide_suspension", whom="not-ratified")])
        if (ended := facts.get("activation_ended")) and ended not in asked:
            asked.append(ended)
            opens = [Opening(kind="decide_at_activation_end", whom=ended)]
            await self.record(f"activation_end:{ended}", [Event(type="case.activation_ended")], opens)
        if (late := facts.get("convert_or_end")) and late not in asked:
            asked.append(late)
            await self.record(f"convert_or_end:{late}", opens=[Opening(kind="decide_at_activation_end", whom=late)])

    def own_moments(self) -> dict[str, datetime]:
        """The end of a hold, two working days before it, the end of a notice."""
        return {name: datetime.fromisoformat(at) for name, at in self.state.get("moments", {}).items()}

    async def keep_own_moments(self) -> None:
        for name, at in self.own_moments().items():
            if at <= self.now():
                del self.state["moments"][name]
                match name:
                    case "review_hold":
                        await self.record(f"review_hold:{at:%Y-%m-%d}", opens=[Opening(kind="review_hold", whom=f"{at:%Y-%m-%d}")])
                    case "hold_until":
                        resumed = Event(type="case.resumed", data={"why": "hold_ended"})
                        await self.record(f"hold_end:{at:%Y-%m-%d}", [resumed], closes=self.closing("review_hold"))
                    case "notice_over":
                        await self.record(
                            f"notice_over:{at:%Y-%m-%d}",
                            [
                                Event(type="case.status_changed", data={"to": "terminated", "trigger": "notice_over"}),
                                Event(type="case.terminated"),
                            ],
                        )

    def remember(self, facts: dict[str, Any], *names: str) -> None:
        """Moments that the record computed with the office's calendar."""
        moments = self.state.setdefault("moments", {})
        moments |= {name: facts[name] for name in names if facts.get(name)}

    async def answer(self, heard: Heard) -> None:
        key = heard.said.key
        match heard.kind, heard.verdict:
            case "hold", _:
                if done := await self.count(heard, [Event(type="case.held", take=["reason", "until"])]):
                    self.remember(done.facts, "review_hold", "hold_until")
            case ("resume", _) | ("review_hold", "resume"):
                if await self.count(
                    heard, [Event(type="case.resumed", data={"why": "resumed"})], closes=self.closing("review_hold", heard)
                ):
                    for name in ("review_hold", "hold_until"):
                        self.state.get("moments", {}).pop(name, None)
            case "review_hold", "extend_hold":
                if done := await self.count(heard, [Event(type="case.held", data={"extended": True}, take=["until"])]):
                    self.remember(done.facts, "review_hold", "hold_until")
            case "declare_emergency", _:
                await self.change_track(heard, "emergency", take=["activation"])
            case ("return_to_standard", _) | ("confirm_emergency_track", "to_standard"):
                await self.change_track(heard, "standard", take=["reason"])
            case "confirm_emergency_track", "confirm":
                await self.count(heard, [Event(type="case.track_confirmed")])
            case "decide_at_activation_end", verdict:
                await self.count(heard, [Event(type="activation.end_decided", data={"verdict": verdict}, take=["by"])])
            case "withdraw", _:
                await self.ends(heard, "withdrawn", Event(type="case.withdrawn", take=["reason"]))
            case "cancel", _:
                await self.ends(heard, "cancelled", Event(type="case.cancelled", take=["justification"]))
            case "suspend", _:
                event = Event(type="case.suspended", data={"block": f"suspension:{key}"}, take=["scope", "until"])
                await self.count(heard, [event])
            case "request_lift", _:
                await self.count(
                    heard, [Event(type="case.lift_requested", take=["evidence"])], [Opening(kind="decide_suspension", whom=f"lift-{key}")]
                )
            case "decide_suspension", "lift":
                await self.count(heard, [Event(type="case.suspension_lifted", take=["block"])])
            case "decide_suspension", "keep":
                await self.count(heard, [Event(type="case.suspension_kept", take=["scope", "until"])])
            case "decide_suspension", "start_termination":
                await self.count(
                    heard, [Event(type="case.termination_proposed", take=["ground"])], [Opening(kind="decide_termination", whom=heard.whom)]
                )
            case "propose_termination", _:
                await self.count(
                    heard, [Event(type="case.termination_proposed", take=["ground"])], [Opening(kind="decide_termination", whom=key)]
                )
            case "decide_termination", "issue":
                event = Event(
                    type="notice.sent", data={"notice": key}, take=["ground", "notice_days", "effective_on", "document", "object"]
                )
                if done := await self.count(heard, [event], [Opening(kind="answer_notice", whom=key)]):
                    self.remember(done.facts, "notice_over")
            case "answer_notice", verdict:
                await self.count(heard, [Event(type="notice.answered", data={"verdict": verdict})])
            case "raise_concern", _:
                await self.count(
                    heard, [Event(type="concern.raised", data={"concern": key})], [Opening(kind="answer_partner_concern", whom=key)]
                )
            case "answer_partner_concern", "answer":
                await self.count(heard, [Event(type="concern.answered", data={"concern": heard.whom})])
            case "report_allegation", _:
                await self.count(heard, [Event(type="allegation.received", data={"allegation": key})])
            case "flag_partner", _:
                await self.count(heard, [Event(type="partner.flagged", data={"flag": key}, take=["type", "category"])])
            case "reassign_focal_point", _:
                await self.count(heard, [Event(type="case.focal_point_changed", take=["person"])])
            case "assign_focal_point", "assign":
                await self.count(heard, [Event(type="case.focal_point_changed", take=["person"])])
            case "declare_conflict", _:
                await self.count(
                    heard,
                    [Event(type="conflict.declared", data={"conflict": key})],
                    [Opening(kind="resolve_conflict_of_interest", whom=key)],
                )
            case "resolve_conflict_of_interest", verdict:
                await self.count(heard, [Event(type="conflict.resolved", data={"conflict": heard.whom, "verdict": verdict})])
            case "correct_fact", _:
                await self.count(
                    heard, [Event(type="case.correction_asked", take=["path"])], [Opening(kind="confirm_correction", whom=key)]
                )
            case "confirm_correction", verdict:
                await self.count(
                    heard,
                    [Event(type="case.fact_corrected", data={"correction": heard.whom, "verdict": verdict}, take=["fact", "reopens"])],
                )
            case _:
                await self.count(heard)

    async def change_track(self, heard: Heard, to: str, take: list[str]) -> None:
        """Stages not started run on the new track; the stage that runs is told and reacts in one place. Nobody is asked any more what
        only the fast track raises: whether it may be used, and what becomes of the case at its end."""
        moot = [Closing(task=t.id, why=to) for t in self.tasks.values() if t.kind in FAST_ONLY and t is not heard.task]
        event = Event(type="case.track_changed", data={"from": self.view.track, "to": to}, take=take)
        if await self.count(heard, [event], closes=moot):
            self.cleared = ""

    async def ends(self, heard: Heard, status: str, event: Event) -> None:
        """The case ends; its stages are told, answer whoever is still waiting, and close."""
        trigger = {"withdrawn": "withdraw", "cancelled": "cancel"}[status]
        await self.count(heard, [Event(type="case.status_changed", data={"to": status, "trigger": trigger}), event])

    def closing(self, kind: str, heard: Heard | None = None) -> list[Closing]:
        """The tasks of a kind, but the one that is just decided."""
        decided = heard.task.id if heard and heard.task else ""
        return [Closing(task=t.id, why="resumed") for t in self.tasks.values() if t.kind == kind and t.id != decided]

    # -- the view ----------------------------------------------------------------------------------------------------------------

    async def refresh(self) -> None:
        """A stage changed the record: read how the case stands now."""
        await self.begin()
        self._heard_version = self.view.version
        await self.broadcast()

    async def broadcast(self) -> None:
        """Every stage that runs gets the whole view, if something in it concerns stages."""

        def matters(view: CaseView) -> tuple[Any, ...]:
            return (view.track, view.status, view.held, view.ended, view.under_notice, view.blocks)

        if self.sent is not None and matters(self.sent) == matters(self.view):
            return
        self.sent = self.view
        for child in list(self.children.values()):
            if not child.done():
                self._told.add(child.id)
                try:
                    await child.signal("case_changed", self.view)
                except ApplicationError:
                    pass  # it has just ended: it gets the view at its next start


@workflow.defn
class Agreement(CaseStage):
    @workflow.run
    async def run(self, start: StageInput) -> StageOutcome:
        return await self.procedure()


@workflow.defn
class EmergencyAgreement(CaseStage):
    @workflow.run
    async def run(self, start: StageInput) -> StageOutcome:
        return await self.procedure()
