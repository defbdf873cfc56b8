"""Vetting: is this an organisation we may and can work with? One for each partner in a country; many cases share it.

It runs while something is open and ends when the levels asked for are concluded and vendor and account are confirmed; the next case
that asks starts it again. It is no child of any case.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from schemas.engine import Closing, Event, Opening, Recorded, StageInput, StageOutcome
    from schemas.engine import Track as TrackName
    from workflows.stage import Heard, Stage


@dataclass(frozen=True)
class Track:
    """What differs between the tracks: the level that is asked for, and which verdicts on an element are given without a finding. Only on
    the fast path is such a check postponed; a high risk assumed on the standard track stands. What may be postponed is the pack's to say
    (`deferrable` of the slice)."""

    level: str
    deferrals: frozenset[str]


STANDARD = Track(level="full", deferrals=frozenset())
EMERGENCY = Track(level="emergency", deferrals=frozenset({"assume_high", "assume_low_capacity", "defer", "explain"}))
TRACKS: Mapping[str, Track] = MappingProxyType({"standard": STANDARD, "emergency": EMERGENCY})

ELEMENTS: Mapping[str, str] = MappingProxyType(
    {
        "sign_partner_declaration": "declaration",
        "provide_registration": "registration",
        "verify_partner_profile": "profile",
        "assess_core_values": "core_values",
        "assess_psea": "psea",
        "assess_hact": "hact",
    }
)
"""Which element of the ledger each task closes."""


class VettingStage(Stage):
    async def procedure(self) -> StageOutcome:
        facts = await self.begin()
        if not self.start.carried:
            await self.open_what_is_needed(facts)
        while True:
            if not self.tasks:
                facts = await self.begin()  # has another case asked meanwhile?
                if not facts.get("cases") or not (self.needed(facts) or facts.get("unconcluded")):
                    return await self.close("concluded")
                await self.open_what_is_needed(facts)
            if self.full():
                await self.continue_as_new()
            heard = await self.hear()
            if isinstance(heard, Heard):
                await self.answer(heard)
                if heard.verdict == "clear_with_deferrals":
                    await self.read_due_moments()
            elif heard is None:
                if self.state.get("deferrable"):
                    await self.read_due_moments()
                await self.open_what_is_needed(await self.begin())

    def needed(self, facts: dict[str, Any]) -> list[dict[str, Any]]:
        """The elements that the levels asked for need and that nobody has been asked for yet."""
        asked = {(task.kind, task.whom) for task in self.tasks.values()}
        return [n for n in facts.get("needed", []) if (n["kind"], n.get("whom", "")) not in asked]

    async def open_what_is_needed(self, facts: dict[str, Any]) -> None:
        """Screen first, always; then one task for each element missing; if nothing is missing, the conclusion."""
        if not facts.get("cases"):
            return  # nobody asks
        screened = await self.screen("vetting")
        self.state |= {"levels": facts.get("levels", []), "deferrable": facts.get("deferrable", []), "cleared": facts.get("cleared", [])}
        track: TrackName = "emergency" if EMERGENCY.level in self.state["levels"] else "standard"
        self.view = self.view.model_copy(update={"track": track})  # the cases that ask say under which verdicts the partner is vetted
        open_kinds = {(task.kind, task.whom) for task in self.tasks.values()}
        opens = [Opening(kind=n["kind"], whom=n.get("whom", ""), candidates=n.get("candidates", [])) for n in self.needed(facts)]
        for hit in screened.open_hits:
            kind = "second_check_hit" if hit in facts.get("second_check", []) else "dispose_screening_hit"
            if (kind, hit) not in open_kinds:
                opens.append(Opening(kind=kind, whom=hit))
        self.state["second"] = sorted({*self.state.get("second", []), *screened.second})
        if facts.get("unconcluded") and not any(self.holds_up(o.kind) for o in opens):
            opens += self.then(without="")
        if opens:
            levels = "+".join(facts.get("levels", []))
            await self.record(
                f"start:{levels}:{self.conclusion}:{'+'.join(sorted(f'{o.kind}{o.whom}' for o in opens))}",
                [
                    Event(
                        type="vetting.started",
                        data={"levels": facts.get("levels", []), "elements_needed": [n["element"] for n in self.needed(facts)]},
                    )
                ]
                if not self.state.get("started")
                else [],
                opens,
            )
            self.state["started"] = True

    @property
    def conclusion(self) -> str:
        """Tells the conclusions of one vetting apart: the level, the one after each answer of the partner, and the one for a case that
        asked at the moment the last was reached: what is decided once does not open again."""
        answers, reached = int(self.state.get("answers", 0)), int(self.state.get("reached", 0))
        level = f"-{self.level}" if self.level != STANDARD.level else ""
        return (
            str(self.start.view.version)
            + level
            + (f"-after-answer-{answers}" if answers else "")
            + (f"-again-{reached}" if reached else "")
        )

    @property
    def level(self) -> str:
        """The level that is concluded next: the emergency one first, since its case waits for less."""
        levels = [level for level in self.state.get("levels", []) if level not in self.state.get("cleared", [])]
        return levels[0] if levels else TRACKS[self.view.track].level

    def holds_up(self, kind: str) -> bool:
        """Whether an open task of this kind keeps the conclusion of the next level waiting."""
        if kind in ("set_up_vendor", "confirm_bank_account"):
            return False
        return not (self.level == EMERGENCY.level and kind in self.state.get("deferrable", []))

    def then(self, *opens: Opening, without: str) -> list[Opening]:
        """What follows, and the conclusion when nothing else of the vetting is left open."""
        left = [t for t in self.tasks.values() if t.id != without and self.holds_up(t.kind)]
        if opens or left or self.level in self.state.get("cleared", []):
            return list(opens)
        return [Opening(kind="conclude_vetting", whom=self.conclusion)]

    async def answer(self, heard: Heard) -> None:
        """Each verdict with what follows from it."""
        task = heard.task
        assert task is not None
        whom, me = task.whom, task.id
        hit = whom.removesuffix(":again")
        match task.kind, heard.verdict:
            case "dispose_screening_hit", "false_positive" if hit in self.state.get("second", []):
                await self.count(
                    heard, [Event(type="screening.second_check_asked", data={"hit": hit})], [Opening(kind="second_check_hit", whom=hit)]
                )
            case ("dispose_screening_hit", "false_positive") | ("second_check_hit", "agree"):
                event = Event(type="screening.hit_disposed", data={"hit": hit, "verdict": "false_positive"})
                await self.count(heard, [event], self.then(without=me))
            case "second_check_hit", "disagree":
                await self.count(
                    heard,
                    [Event(type="screening.hit_reopened", data={"hit": hit})],
                    [Opening(kind="dispose_screening_hit", whom=f"{hit}:again")],
                )
            case "dispose_screening_hit", "true_match":
                events = [
                    Event(type="screening.hit_disposed", data={"hit": hit, "verdict": "true_match"}),
                    Event(type="clearance.refused", data={"reason_code": "sanctions", "levels": "all"}),
                ]
                self.reached(await self.count(heard, events, closes=self.all_but(me)))
            case kind, verdict if kind in ELEMENTS:
                event = Event(type="vetting.element_recorded", data={"element": ELEMENTS[kind], "verdict": verdict, "task": kind})
                # postponed, not dropped: the same task stays, for whoever does it later
                later = [Opening(kind=kind, whom="deferred")] if self.postpones(verdict) else []
                await self.count(heard, [event], [*self.then(without=me), *later])
            case "weigh_partner_flag", verdict:
                event = Event(type="partner.flag_weighed", data={"flag": whom, "verdict": verdict})
                await self.count(heard, [event], [] if verdict == "escalate" else self.then(without=me))
            case "resolve_conflict_of_interest", verdict:
                event = Event(type="vetting.element_recorded", data={"element": f"conflict:{whom}", "verdict": verdict, "task": task.kind})
                await self.count(heard, [event], self.then(without=me))
            case "provide_vetting_information", verdict:
                self.state["answers"] = int(self.state.get("answers", 0)) + 1
                event = Event(type="vetting.information_provided", data={"verdict": verdict}, take=["items"])
                if not await self.count(heard, [event], self.then(without=me)):
                    self.state["answers"] -= 1
            case "conclude_vetting", _:
                await self.conclude(heard)
            case "set_up_vendor", "set_up":
                event = Event(
                    type="vendor.account_changed",
                    data={"result": "set_up"},
                    take=["vendor_number", "account_ref", "account_holder", "currency", "bank_country"],
                )
                await self.count(heard, [event], [Opening(kind="confirm_bank_account", whom=whom)])
            case "set_up_vendor", verdict:
                event = Event(type="vendor.account_changed", data={"result": verdict})
                await self.count(heard, [event], [Opening(kind="set_up_vendor", whom=f"{whom or 'first'}+")])
            case "confirm_bank_account", "confirm":
                await self.count(heard, [Event(type="vendor.confirmed")])
            case "confirm_bank_account", "refuse":
                event = Event(type="vendor.account_changed", data={"result": "refused"})
                await self.count(heard, [event], [Opening(kind="set_up_vendor", whom=f"{whom or 'first'}+")])
            case _:
                await self.count(heard)

    def postpones(self, verdict: str) -> bool:
        return verdict in TRACKS[self.view.track].deferrals

    async def conclude(self, heard: Heard) -> None:
        """The partner is cleared, asked for more, or refused with every case that waits for it."""
        match heard.verdict:
            case "request_information":
                event = Event(type="vetting.information_requested", take=["items", "court"])
                await self.count(heard, [event], [Opening(kind="provide_vetting_information", whom=self.conclusion)])
            case "reject":
                refused = Event(type="clearance.refused", data={"levels": "all"})
                self.reached(await self.count(heard, [refused], closes=self.all_but(heard.task.id if heard.task else "")))
            case verdict:
                level = self.level
                event = Event(type="clearance.granted", data={"level": level, "verdict": verdict}, take=["conditions", "deferrals"])
                granted = await self.count(heard, [event], [Opening(kind="set_up_vendor", optional="vendor")])
                if granted:
                    self.state["cleared"] = [*self.state.get("cleared", []), level]
                self.reached(granted)

    def reached(self, counted: Recorded | None) -> None:
        """A conclusion that counted; whoever asks from now on gets one of his own."""
        if counted:
            self.state["reached"] = int(self.state.get("reached", 0)) + 1

    def all_but(self, task: str) -> list[Closing]:
        """Whatever else was asked for is no longer needed."""
        return [Closing(task=t, why="refused") for t in self.tasks if t != task]


@workflow.defn
class Vetting(VettingStage):
    @workflow.run
    async def run(self, start: StageInput) -> StageOutcome:
        return await self.procedure()


@workflow.defn
class EmergencyVetting(VettingStage):
    @workflow.run
    async def run(self, start: StageInput) -> StageOutcome:
        return await self.procedure()
