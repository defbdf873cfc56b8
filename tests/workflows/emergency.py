"""A case on the fast path, walked to each of its statuses; what the tests of the fast path share."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.engine import Asked, BankWord, Batch, CaseView, Clock
from schemas.findings import Finding
from tests.workflows.conftest import Bench, Play

HASH = "a" * 64
ACCEPT = {"sha256": HASH}
ON_BEHALF: dict[str, Any] = {"comment": "asked by e-mail", "data": {"sha256": HASH, "because": "asked_in_writing"}}
REASONS: dict[str, Any] = {"comment": "No", "message_to_partner": "Sorry", "reason_code": "budget"}
REVIEWER = "xx.031"
MEMBER = {"person": REVIEWER, "function": "finance", "section": "health"}
SINGLE = {"kind": "single", "quorum": 1, "reviewer": REVIEWER, "member": MEMBER}
ONE_PERIOD = [{"period": 1, "request_from": "2026-01-01T00:00:00+00:00"}]


def fast(status: str = "received", **more: Any) -> CaseView:
    return CaseView(version=1, status=status, track="emergency", clock=Clock(name="test"), **more)


def uncleared(batch: Batch) -> list[Finding]:
    """A record without the partner's clearance: the case itself does not move on to approval."""
    moves = [e for e in batch.events if e.type == "case.status_changed" and e.data["to"] == "in_approval"]
    return [Finding(rule="clearance")] if moves and batch.decision is None else []


async def waiting_for_clearance(bench: Bench, round_: int = 1, play: Play | None = None) -> Play:
    """Recommended, and its partner is not cleared yet."""
    play = play or await in_review(bench, Asked(state="waiting"))
    bench.effects.left_out.add("cleared")
    bench.effects.refuse = uncleared
    await recommend(play, round_)
    return play


async def in_drafting(bench: Bench, *asked: Asked) -> Play:
    """Its partner is vetted beside; the record grants the clearance at once unless told otherwise."""
    e = bench.effects
    e.view = fast()
    e.facts["review"] = dict(SINGLE)
    e.facts["approval"] = {"carried": False}
    e.facts["cash"] = {"reserved": False, "periods": [dict(period) for period in ONE_PERIOD]}
    e.words = {1: [BankWord(kind="confirmed", reference="B1")]}
    e.left_out = {"activate"}
    e.asked = list(asked) or e.asked
    play = await bench.case()
    await play.settled()
    return play


async def in_review(bench: Bench, *asked: Asked) -> Play:
    play = await in_drafting(bench, *asked)
    await submit(play)
    return play


async def in_approval(bench: Bench, *asked: Asked) -> Play:
    play = await in_review(bench, *asked)
    await recommend(play)
    return play


async def in_signature(bench: Bench, *asked: Asked) -> Play:
    play = await in_approval(bench, *asked)
    await play.stage("approval").agreed("approve_document", "approve")
    await play.settled()
    return play


async def signed(bench: Bench) -> Play:
    play = await in_signature(bench)
    for kind in ("sign_as_partner", "sign_for_office"):
        await play.stage("approval").agreed(kind, "sign", data={"objects": [{"object": "document"}]})
    await play.settled()
    return play


async def submit(play: Play, round_: int = 1) -> None:
    """The partner's acceptance given by the office, and acceptance and submission of the office in one act."""
    stage = play.stage("document", round_)
    await stage.agreed("office_turn", "send_to_partner", "turn-1", data={"version": 1, "sha256": HASH})
    left_out = play.bench.effects.left_out
    left_out.add("both")  # the office itself has not accepted yet
    await stage.agreed("office_turn", "accept_on_behalf", "turn-2", **ON_BEHALF)
    left_out.discard("both")
    await stage.agreed("office_turn", "accept_and_submit", "turn-3", data=ACCEPT)
    await play.settled()


async def recommend(play: Play, round_: int = 1, verdict: str = "recommend", **more: Any) -> None:
    await play.stage("review", round_).agreed("give_opinion", verdict, REVIEWER, actor=REVIEWER, **({"data": {}} | more))
    await play.settled()


STATUSES: dict[str, Callable[..., Awaitable[Play]]] = {
    "drafting": in_drafting, "in_review": in_review, "in_approval": in_approval, "in_signature": in_signature,
}  # fmt: skip


def iso(days: float, of: datetime | None = None) -> str:
    return ((of or datetime.now(UTC)) + timedelta(days=days)).isoformat()
