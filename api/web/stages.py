"""The five stages of a case as a line, and how the same case would stand on the other track. Says nothing that the record does not."""

from dataclasses import dataclass
from typing import Any, Literal

from api.web.texts import Texts

ORDER = ("vetting", "document", "review", "approval", "cash")
TRACKS = ("standard", "emergency")
State = Literal["done", "now", "ahead", "stopped"]
REACHED = {
    "received": 0, "vetting": 0, "drafting": 1, "in_review": 2, "in_approval": 3, "in_signature": 3, "signed": 4, "active": 4, "ended": 4,
    "closed": 5,
}  # fmt: skip
"""Status to the place of its stage; 5: all are done."""


@dataclass(frozen=True)
class Stage:
    """One stage of the line. `note`: what the track does in it."""

    stage: str
    state: State
    note: str = ""


def line(track: str, status: str, stage: str, *, cleared: bool, t: Texts) -> list[Stage]:
    """The line on a track. `stage`: where a case that has ended early was. `cleared`: its partner has a clearance.

    On the standard track nothing is drafted before the clearance; on the emergency track vetting runs beside the other stages.
    """
    at = REACHED.get(status)
    ended = at is None
    if at is None:
        at = ORDER.index(stage) if stage in ORDER else 0
    if track == "standard" and not cleared and not ended:
        at = 0
    states: list[State] = ["done" if place < at else "ahead" for place in range(len(ORDER))]
    if at < len(ORDER):
        states[at] = "stopped" if ended else "now"
    if track == "emergency" and not ended and at < len(ORDER):
        states[0] = "done" if cleared else "now"
        if at == 0:
            states[1] = "now"
    return [Stage(name, state, t(f"path.{track}.{name}")) for name, state in zip(ORDER, states, strict=True)]


def lines(case: dict[str, Any], t: Texts) -> list[tuple[str, list[Stage]]]:
    """The line on the case's own track, then the other's. `case`: as `activities.read.show` has it."""
    own = case["track"] or "standard"
    cleared = any(clearance["state"] == "granted" for clearance in case["vetting"]["clearances"])
    return [
        (track, line(track, case["status"], case["stage"], cleared=cleared, t=t))
        for track in sorted(TRACKS, key=lambda name: name != own)
    ]  # fmt: skip
