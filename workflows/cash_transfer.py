"""Cash transfer: funds are reserved, the partner requests what a period needs, two people check, a third releases, the bank pays,
the partner reports, two people accept; then the next period. One instalment a cycle; the run continues as new with each.

An order is recorded before it is sent and sent once. No answer means unknown: the bank is asked by the order's number, and only a
person's verdict makes a new order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from schemas.engine import BankAnswer, Closing, Event, Opening, Order, Recorded, StageInput, StageOutcome
    from workflows.effects import EXTERNAL, Effects
    from workflows.stage import Heard, Stage


@dataclass(frozen=True)
class Track:
    """`side_by_side`: programme certifies and finance checks at the same time; else one after the other. `waits_in`: statuses before the
    signature in which funds may already be reserved; in any other the stage stands down. `waiver`: the condition of a report may be waived.
    """

    side_by_side: bool
    waits_in: frozenset[str]
    waiver: bool


STANDARD = Track(side_by_side=False, waits_in=frozenset({"in_signature"}), waiver=False)
EMERGENCY = Track(side_by_side=True, waits_in=frozenset({"in_review", "in_approval", "in_signature"}), waiver=True)
TRACKS: Mapping[str, Track] = MappingProxyType({"standard": STANDARD, "emergency": EMERGENCY})

BEFORE_SIGNATURE = frozenset({"drafting", "in_review", "in_approval", "in_signature", "rejected"})
ONE_DAY = timedelta(days=1)
ASK_BANK_EVERY = ONE_DAY
WATCH_AFTER = timedelta(days=3)
"""A confirmed order is asked about once more, so that a second payment of the bank does not pass unseen."""


class CashStage(Stage):
    async def procedure(self) -> StageOutcome:
        if not self.start.carried:
            facts = await self.begin()
            self.state = {"requested": 0, "reports": {}, "orders": {}, "returns": {}, "reviewing": {}, "done": []}
            if not facts.get("reserved"):
                await self.record("start", opens=[Opening(kind="reserve_funds")])
        while True:
            if self.view.ended:
                return await self.close("ended")
            # what began while others decide goes on so, whatever becomes of the track
            if self.view.status in BEFORE_SIGNATURE - TRACKS[self.view.track].waits_in - TRACKS[self.start.view.track].waits_in:
                return await self.close("stood_down")  # the document went back before it was signed
            await self.do_what_is_due()
            if self.finished():
                return await self.close("liquidated")
            if self.full():
                await self.continue_as_new()
            heard = await self.hear(until=self.next_moment())
            if isinstance(heard, Heard):
                await self.answer(heard)

    # -- what time does ------------------------------------------------------------------------------------------------------------

    async def do_what_is_due(self) -> None:
        if self.view.status not in ("signed", "active", "ended"):
            return
        if "periods" not in self.state:
            periods: list[dict[str, Any]] = (await self.begin())["periods"]
            if periods:  # the first request may come with the signature; a document of supplies only has none
                periods[0] |= {"request_from": self.now().isoformat()}
            self.state["periods"] = periods
        for period in self.state["periods"]:
            if int(period["period"]) == self.state["requested"] + 1 and _at(period["request_from"]) <= self.now():
                await self.open_request(period)
        for n, due in list(self.state["reports"].items()):
            if _at(due["from"]) <= self.now():
                await self.open_report(n, _at(due["due"]))
        for order, state in list(self.state["orders"].items()):
            if _at(state["ask_at"]) <= self.now():
                await self.ask_bank(order)

    def next_moment(self) -> datetime | None:
        moments = [_at(due["from"]) for due in self.state["reports"].values()] + [_at(o["ask_at"]) for o in self.state["orders"].values()]
        coming = self.state["requested"]  # periods are numbered from 1: this is the index of the next one
        if coming < len(self.state.get("periods", [])):
            moments.append(_at(self.state["periods"][coming]["request_from"]))
        return min(moments, default=None)

    def finished(self) -> bool:
        """Every period has been requested, paid and reported."""
        return (
            "periods" in self.state
            and self.state["requested"] == len(self.state["periods"])
            and not self.tasks
            and not self.state["reports"]
            and not self.state["orders"]
        )

    async def open_request(self, period: dict[str, Any]) -> None:
        """A new cycle: the next request opens ten working days before its period. What the record refuses is tried again a day later."""
        n = int(period["period"])
        if n > 1 and not self.inbox and self.state.get("cycle", 1) != n:
            self.state["cycle"] = n
            await self.continue_as_new()
        done = await self.record(f"request:{n}", opens=[Opening(kind="request_cash", whom=str(n))])
        if done.refused:
            period["request_from"] = (self.now() + ONE_DAY).isoformat()
        else:
            self.state["requested"] = n

    async def open_report(self, n: str, due: datetime) -> None:
        done = await self.record(
            f"report:{n}",
            [Event(type="report.due", data={"instalment": int(n)})],
            [Opening(kind="submit_report", whom=n, due=due)],
        )
        if done.refused:
            self.state["reports"][n]["from"] = (self.now() + ONE_DAY).isoformat()
        else:
            del self.state["reports"][n]

    # -- what people do --------------------------------------------------------------------------------------------------------------

    async def answer(self, heard: Heard) -> None:
        n = heard.whom.split("-")[0]
        about: dict[str, Any] = {"instalment": int(n)} if n.isdigit() else {}
        match heard.kind, heard.verdict:
            case "reserve_funds", "reserve" | "top_up":
                await self.count(heard, [Event(type="funds.reserved", take=["number", "vendor_number", "currency", "amount", "lines"])])
            case "reserve_funds", "cannot_reserve":
                await self.count(heard, [Event(type="funds.reservation_refused")])
            case "request_cash", "submit":
                event = Event(type="cash.requested", data=about, take=["face"])
                both = [Opening(kind="check_request", whom=heard.whom)] if TRACKS[self.view.track].side_by_side else []
                await self.count(heard, [event], [Opening(kind="certify_request", whom=heard.whom), *both, *self.waiver(n)])
            case "decide_report_waiver", "grant":
                await self.count(heard, [Event(type="report.waived", data=about, take=["until"])])
            case "request_cash", "nothing_needed":
                await self.count(heard, [Event(type="cash.not_needed", data=about)])
            case "certify_request", "certify" | "certify_reduced":
                event = Event(type="cash.certified", data=about, take=["lines"])
                await self.count(heard, [event], self.after_checks(heard, "check_request"))
            case "check_request", "pass" | "pass_reduced":
                event = Event(type="cash.checked", data=about, take=["lines", "coding"])
                await self.count(heard, [event], self.after_checks(heard, "certify_request"))
            case (("certify_request" | "check_request" | "release_cash"), "return"):
                await self.returned(heard, n, "cash.returned", "request_cash")
            case "release_cash", "release":
                await self.release(heard, about)
            case "release_cash", "refuse":
                await self.count(heard, [Event(type="cash.returned", data=about | {"refused": True})])
            case "resolve_payment_problem", verdict:
                await self.resolve(heard, verdict)
            case "submit_report", "submit":
                event = Event(
                    type="report.submitted",
                    data=about,
                    take=["lines", "refunds", "balance", "indicators", "sha256", "signed_by", "signed_on"],
                )
                reviews = [Opening(kind=kind, whom=heard.whom) for kind in ("review_report_programme", "review_report_finance")]
                if await self.count(heard, [event], reviews):
                    self.state["reviewing"][heard.whom] = []
            case (("review_report_programme" | "review_report_finance"), "return"):
                await self.returned(heard, n, "report.reviewed", "submit_report")
            case ("review_report_programme" | "review_report_finance") as kind, verdict:
                event = Event(type="report.reviewed", data=about | {"side": kind.rsplit("_", 1)[1], "result": verdict}, take=["lines"])
                await self.count(heard, [event])
            case _:
                await self.count(heard)

    def waiver(self, n: str) -> list[Opening]:
        """On the fast path the head of office may waive that the instalment before is reported."""
        before = str(int(n) - 1)
        owed = before in self.state["reports"] or any(t.whom.split("-")[0] == before and "report" in t.kind for t in self.tasks.values())
        return [Opening(kind="decide_report_waiver", whom=n)] if TRACKS[self.view.track].waiver and owed else []

    def after_checks(self, heard: Heard, other: str) -> list[Opening]:
        """One after the other, the second check follows the first; side by side, the release follows whichever comes last."""
        if heard.kind == "certify_request" and not TRACKS[self.view.track].side_by_side and not self.is_open("check_request", heard.whom):
            return [Opening(kind="check_request", whom=heard.whom)]
        return [] if self.is_open(other, heard.whom) else [Opening(kind="release_cash", whom=heard.whom)]

    def is_open(self, kind: str, whom: str) -> bool:
        return any(t.kind == kind and t.whom == whom for t in self.tasks.values())

    async def returned(self, heard: Heard, n: str, event: str, again: str) -> None:
        """Back to the partner: what stood beside it is closed, and the same thing is asked for again."""
        times = int(self.state["returns"].get(f"{again}:{n}", 0)) + 1
        beside = [
            Closing(task=t.id, why="returned") for t in self.tasks.values() if t.whom == heard.whom and heard.task and t.id != heard.task.id
        ]
        happened = Event(type=event, data={"instalment": int(n), "result": "returned", "side": heard.kind.rsplit("_", 1)[1]})
        if await self.count(heard, [happened], [Opening(kind=again, whom=f"{n}-return-{times}")], beside):
            self.state["returns"][f"{again}:{n}"] = times

    # -- the bank ------------------------------------------------------------------------------------------------------------------

    async def release(self, heard: Heard, about: dict[str, Any]) -> None:
        """Every check holds at this moment, or nothing moves; the order is recorded, then sent."""
        await self.screen("before_release")
        done = await self.count(
            heard, [Event(type="cash.released", data=about, take=["amount", "value_date"]), Event(type="payment.ordered", data=about)]
        )
        if done:
            await self.send(done.facts["order"], done.facts.get("late_at"))

    async def send(self, order: str, late_at: str | None) -> None:
        now = self.now()
        self.state["orders"][order] = {
            "ask_at": (now + ASK_BANK_EVERY).isoformat(),
            "late_at": late_at or (now + timedelta(days=4)).isoformat(),
            "words": 0,
            "confirmed": False,
        }
        answer: BankAnswer = await workflow.execute_activity_method(
            Effects.order_payment, Order(order=order, at=now, clock=self.clock), summary=f"Order payment {order}", **EXTERNAL
        )
        await self.take_words(order, answer)

    async def ask_bank(self, order: str) -> None:
        answer: BankAnswer = await workflow.execute_activity_method(
            Effects.ask_bank, Order(order=order, at=self.now(), clock=self.clock), summary=f"Ask the bank about {order}", **EXTERNAL
        )
        self.state["orders"][order]["ask_at"] = (self.now() + ASK_BANK_EVERY).isoformat()
        await self.take_words(order, answer)

    async def take_words(self, order: str, answer: BankAnswer) -> None:
        """Each word of the bank once; money is booked for the first confirmation of the right amount, and for no other."""
        known = self.state["orders"][order]
        words = [w for w in answer.words if w.kind in ("confirmed", "refused")]
        for nth, word in enumerate(words[known["words"] :], known["words"] + 1):
            data = {"order": order, "bank_reference": word.reference, "at": word.at.isoformat() if word.at else None}
            if word.kind == "refused":
                await self.problem(order, f"refused:{nth}", Event(type="payment.refused", data=data | {"why": word.reason}))
            elif known["confirmed"] or known.get("given_up"):
                await self.problem(order, f"twice:{nth}", Event(type="payment.anomaly", data=data | {"kind": "twice"}))
            elif not word.same_amount:
                await self.problem(order, f"amount:{nth}", Event(type="payment.anomaly", data=data | {"kind": "other_amount"}))
            else:
                done = await self.record(f"confirmed:{order}", [Event(type="payment.confirmed", data=data)])
                if done.refused:
                    await self.problem(order, f"not_ordered:{nth}", Event(type="payment.anomaly", data=data | {"kind": "not_ordered"}))
                else:
                    known["confirmed"] = True
                    self.expect_report(done)
        known["words"] = max(known["words"], len(words))
        if known["words"] or known.get("given_up"):
            if known.get("watched"):
                del self.state["orders"][order]
            else:
                known |= {"watched": True, "ask_at": (self.now() + WATCH_AFTER).isoformat()}
        elif _at(known["late_at"]) <= self.now() and not known.get("late"):
            known["late"] = True
            kind = "unknown" if answer.unknown else "late"
            await self.problem(order, "late", Event(type="payment.anomaly", data={"order": order, "kind": kind}))

    def expect_report(self, paid: Recorded) -> None:
        """What is paid is to be reported: from the end of its period on."""
        if report := paid.facts.get("report"):
            self.state["reports"][str(report["instalment"])] = {"from": report["from"], "due": report["due"]}

    async def problem(self, order: str, key: str, event: Event) -> None:
        """A person looks at it; until then no second order for this instalment."""
        looked_at = any(t.kind == "resolve_payment_problem" and t.whom.split(" ")[0] == order for t in self.tasks.values())
        whom = f"{order} {key}" if self.state["orders"][order].get("problem") else order  # one decided does not open again
        await self.record(f"{key}:{order}", [event], [] if looked_at else [Opening(kind="resolve_payment_problem", whom=whom)])
        self.state["orders"][order]["problem"] = True

    async def resolve(self, heard: Heard, verdict: str) -> None:
        order = heard.whom.split(" ")[0]
        event = Event(type="payment.problem_resolved", data={"order": order, "verdict": verdict}, take=["amount"])
        again = [Event(type="payment.ordered", data={"again": order})] if verdict == "send_again" else []
        # once the account is corrected, the same question is put again
        after = [Opening(kind="resolve_payment_problem", whom=f"{order} after {heard.said.key}")] if verdict == "correct_account" else []
        done = await self.count(heard, [event, *again], after)
        if not done:
            return
        self.expect_report(done)  # a payment of another amount was accepted
        if verdict in ("send_again", "cancel_payment") and order in self.state["orders"]:
            # the bank is asked about it once more all the same: money that comes late under a given up order must not pass unseen
            self.state["orders"][order] |= {"given_up": True, "watched": False, "ask_at": (self.now() + ASK_BANK_EVERY).isoformat()}
        if again:
            await self.send(done.facts["order"], done.facts.get("late_at"))


def _at(iso: str) -> datetime:
    return datetime.fromisoformat(iso)


@workflow.defn
class CashTransfer(CashStage):
    @workflow.run
    async def run(self, start: StageInput) -> StageOutcome:
        return await self.procedure()


@workflow.defn
class EmergencyCashTransfer(CashStage):
    @workflow.run
    async def run(self, start: StageInput) -> StageOutcome:
        return await self.procedure()
