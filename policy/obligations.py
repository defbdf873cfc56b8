"""Obligations: what is deferred or owed, when it falls due, the moments on the way, and the blocks that follow by themselves.

The catalogue (casebook 3) stands in the packs; this module reads it. A due date in months ends on the same day of the month and
moves to the next working day; one in calendar days is a legal period and stays where it falls. Silence never meets an obligation.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from policy.calendar import Calendar, add_months
from policy.pack import Pack
from schemas.engine import Moment
from schemas.findings import Finding

BLOCKS: Mapping[str, str] = {
    "block_instalment": "instalment",
    "block_signature": "signature",
    "block_amendment": "amendment",
    "block_new_emergency": "new_emergency",
    "direct_payment_only": "direct_payment_only",
    "suspend_cash": "cash",
}
"""Consequence to the scope of the block it becomes. `escalate` and `block_new_document` are no block of a case."""

CONVERT_OR_END = "convert_or_end"
"""Consequence without a block of its own: the head of office decides what becomes of the case (`decide_at_activation_end`)."""

SECOND = {
    "quarterly_face": ("six_months", "suspend_cash"),
    "psea_strengthening_plan": ("final", "block_amendment"),
    "document_completion": ("convert_or_end", CONVERT_OR_END),
}
"""Kinds with a second moment, its name, and the consequence that fires only then."""

Anchors = Mapping[str, date]
"""What due rules count from, by name, as far as it has happened: first_signature, last_signature, deferral, given, expiry,
period_end, programme_end, first_payment, second_release, next_release, activation_end, act, rated, end, conversion."""


def due(kind: str, anchors: Anchors, calendar: Calendar, pack: Pack) -> date | None:
    """The due date; None while what it counts from has not happened.

    `or_before` takes the earlier of two. `provisional` counts from another anchor until the real one is there; the first signature
    fixes the date once.
    """
    rule = pack.obligation(kind).due
    base = _base(rule, anchors, calendar)
    earlier = anchors.get(rule.get("or_before", ""))
    days = [day for day in (base, earlier) if day is not None]
    return min(days) if days else None


def _base(rule: Mapping[str, Any], anchors: Anchors, calendar: Calendar) -> date | None:
    start = anchors.get(rule.get("after", rule.get("on", "")), anchors.get(rule.get("provisional", "")))
    if start is None:
        return None
    if "months" in rule:
        return calendar.add_months(start, rule["months"])
    if "working_days" in rule:
        return calendar.add_working_days(start, rule["working_days"])
    if "calendar_days" in rule:
        return start + timedelta(days=rule["calendar_days"])
    return start


def second_due(kind: str, anchors: Anchors, calendar: Calendar, pack: Pack) -> date | None:
    """The second moment of a kind that has one: the six-month stop (exact, PCA 10.2(a)), or the final rating. Else None."""
    rule = pack.obligation(kind).due
    start = anchors.get(rule.get("after", rule.get("on", "")))
    if "then_months" not in rule or start is None:
        return None
    return add_months(start, rule["then_months"]) if kind == "quarterly_face" else calendar.add_months(start, rule["then_months"])


def decided_on(due_on: date, pack: Pack) -> date:
    """The day on which what is still owed is the head of office's to decide: the pack's calendar days after the due day."""
    return due_on + timedelta(days=pack["obligation.decide_after_days"])


def moments(kind: str, opened_at: datetime, due_on: date, calendar: Calendar, pack: Pack, second: date | None = None) -> list[Moment]:
    """The moments still to come at `opened_at`, in order: `remind`, `notice_90` ..., `overdue`, and the second one's name.

    `overdue` is the close of business of the due date; notices and reminders come at the start of business. Kinds with notices
    have them instead of reminders at 50 and 80 %.
    """
    rule = pack.obligation(kind).due
    opened_on = calendar.local_date(opened_at)
    found = [Moment(at=calendar.moment(due_on, calendar.open), does="remind", level=3)]
    if "notices_days" in rule:
        found += [
            Moment(at=calendar.moment(due_on - timedelta(days=days), calendar.open), does=f"notice_{days}") for days in rule["notices_days"]
        ]
    else:
        span = (due_on - opened_on).days
        shares = [share for share in pack["clock.reminders_percent"] if share < 100]
        found += [
            Moment(at=calendar.moment(opened_on + timedelta(days=-(-span * share // 100)), calendar.open), does="remind", level=level)
            for level, share in enumerate(shares, start=1)
        ]
    found.append(Moment(at=calendar.end_of_business(due_on), does="overdue"))
    if second is not None:
        found.append(Moment(at=calendar.end_of_business(second), does=SECOND[kind][0]))
    unique = {moment.at: moment for moment in sorted(found, key=lambda item: (item.at, item.does))}
    return [moment for at, moment in sorted(unique.items()) if at > opened_at]


def consequences(kind: str, pack: Pack, moment: str = "overdue") -> tuple[str, ...]:
    """The consequences that fire at a moment: all but the second one's at `overdue`, only that at the second."""
    rule = pack.obligation(kind)
    if kind not in SECOND:
        return rule.consequences if moment == "overdue" else ()
    name, later = SECOND[kind]
    if moment == name:
        return (later,)
    return tuple(item for item in rule.consequences if item != later) if moment == "overdue" else ()


def blocks(applied: Iterable[str]) -> tuple[str, ...]:
    """The scopes of the blocks that these consequences become."""
    return tuple(BLOCKS[item] for item in applied if item in BLOCKS)


def consequence_on(due_on: date, evidence_on: date | None, calendar: Calendar, pack: Pack) -> date:
    """The day whose close of business fires the consequence: later by the grace if evidence came in time and its check is late."""
    if evidence_on is None or evidence_on > due_on:
        return due_on
    return calendar.add_working_days(due_on, pack["obligation.check_grace_days"])


def check_extension(until: date, due_on: date, extensions: int, role: str, pack: Pack) -> list[Finding]:
    """Why an extension cannot be given: at most 30 calendar days at a time, forward, a second one by the regional director."""
    found: list[Finding] = []
    days = pack["obligation.extension_days"]
    if until <= due_on:
        found.append(
            pack.finding(
                "extension_backwards",
                f"{until} is not after {due_on}.",
                of="obligation.extension_days",
                path="$.data.until",
                next_step="Name a later day.",
            )
        )
    elif until > due_on + timedelta(days=days):
        found.append(
            pack.finding(
                "extension_too_long",
                f"At most {days} days: until {due_on + timedelta(days=days)}.",
                of="obligation.extension_days",
                path="$.data.until",
                next_step="Name an earlier day.",
            )
        )
    if extensions and role != "regional_director":
        found.append(
            pack.finding(
                "second_extension",
                "A second extension is the regional director's.",
                of="obligation.extension_days",
                path="$.role",
                next_step="The regional director decides.",
            )
        )
    return found


def met_by(kind: str, task: str, verdict: str, pack: Pack) -> bool:
    """Whether a decision meets an obligation of that kind by itself."""
    return f"{task}:{verdict}" in pack.obligation(kind).met_by


def at_signature(*, crosses_programme: bool, by_email: bool, clearance_ends: date | None, document_ends: date) -> tuple[str, ...]:
    """The obligations of the standard track that the last signature creates."""
    found: list[str] = []
    if crosses_programme:
        found.append("new_pca_required")
    if by_email:
        found.append("signed_original")
    if clearance_ends is not None and clearance_ends <= document_ends:
        found.append("assessment_renewal")
    return tuple(found)
