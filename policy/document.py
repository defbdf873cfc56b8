"""The programme document: its kind, what it must contain on each track, its annexes, and what a clerical change may touch.

The kind follows purpose and amount; the review kind does not follow the kind (see `policy.review`). A check that the emergency
track leaves out is not dropped: it is named by `left_out` and becomes the obligation `document_completion`.
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from policy import budget, calendar
from policy.pack import Pack
from schemas.findings import Finding
from schemas.intake import Document

Kind = Literal["programme_document", "simplified", "simplified_humanitarian"]

ANNEXES: Mapping[str, str] = {
    "personal_data": "data_processing_agreement",
    "children": "children",
    "construction": "construction_conditions",
    "vehicles": "vehicle_loan",
    "research": "research_ethics",
}
"""Flag to the annex it requires, on both tracks."""

SIGNED_ANNEXES = frozenset({"data_processing_agreement", "construction_conditions", "vehicle_loan"})
"""Annexes that are objects of the signature themselves."""


def kind(*, humanitarian: bool, office_total_usd: Decimal, start: date | None, end: date | None, pack: Pack) -> Kind:
    """The document's kind. Humanitarian up to 12 months is simplified at any amount, longer is a programme document.

    A document without dates (contingency) counts as short.
    """
    if humanitarian:
        long = start is not None and end is not None and calendar.exceeds_months(start, end, pack["document.humanitarian_months"])
        return "programme_document" if long else "simplified_humanitarian"
    return "programme_document" if office_total_usd >= pack.number("document.threshold_usd") else "simplified"


def annexes(document: Document) -> tuple[str, ...]:
    """The annexes that the document's flags require, in the order of the flags."""
    return tuple(annex for flag, annex in ANNEXES.items() if getattr(document.flags, flag))


def missing_annexes(document: Document, settled: frozenset[str] = frozenset()) -> list[Finding]:
    """`annex_missing` for each required annex neither in the document nor in `settled` (attached or found not needed by a task)."""
    have = {annex.annex for annex in document.annexes} | settled
    return [
        Finding(
            rule="annex_missing",
            message=f"The annex {annex} is missing.",
            path="$.document.annexes",
            source="GTC 9.2" if annex == "data_processing_agreement" else "PCA template instructions (PMP)",
            next_step="Attach it, or the budget owner says why it is not needed.",
        )
        for annex in annexes(document)
        if annex not in have
    ]


def _found(rule: str, message: str, path: str, next_step: str, source: str = "eTools state_draft_valid (ET)") -> Finding:
    return Finding(rule=rule, message=message, path=path, source=source, next_step=next_step)


def _activities_timed(document: Document, _pack: Pack, _kind: Kind) -> list[Finding]:
    last = len(calendar.periods(document.start, document.end)) if document.start and document.end else None
    found: list[Finding] = []
    for at, output in enumerate(document.outputs):
        for index, activity in enumerate(output.activities):
            path = f"$.document.outputs[{at}].activities[{index}].periods"
            if not activity.periods:
                found.append(_found("activity_not_timed", f"Activity {activity.id} has no period.", path, "Say in which periods it runs."))
            elif last is not None and max(activity.periods) > last:
                found.append(
                    _found(
                        "activity_outside_document",
                        f"Activity {activity.id} runs in period {max(activity.periods)}; the document has {last}.",
                        path,
                        "Move the activity or the end date.",
                    )
                )
    return found


def _programme_output(document: Document, _pack: Pack, _kind: Kind) -> list[Finding]:
    return [
        _found(
            "output_not_linked",
            f"Output {output.id} is tied to no programme output.",
            f"$.document.outputs[{at}].programme_output",
            "Name one.",
        )
        for at, output in enumerate(document.outputs)
        if not output.programme_output
    ]


def _indicator(document: Document, _pack: Pack, _kind: Kind) -> list[Finding]:
    if not document.outputs:
        return [_found("no_results", "The document has no output.", "$.document.outputs", "State at least one output with an indicator.")]
    return [
        _found("no_indicator", f"Output {output.id} has no indicator.", f"$.document.outputs[{at}].indicators", "State one.")
        for at, output in enumerate(document.outputs)
        if not output.indicators
    ]


def _target(document: Document, _pack: Pack, _kind: Kind) -> list[Finding]:
    return [
        _found(
            "no_target",
            f"Indicator {item.id} has no target.",
            f"$.document.outputs[{at}].indicators[{index}].target",
            "State the value aimed at.",
        )
        for at, output in enumerate(document.outputs)
        for index, item in enumerate(output.indicators)
        if item.target is None
    ]


def _baseline(document: Document, _pack: Pack, _kind: Kind) -> list[Finding]:
    return [
        _found(
            "no_baseline",
            f"Indicator {item.id} has no baseline.",
            f"$.document.outputs[{at}].indicators[{index}].baseline",
            "State it, or say that it is unknown.",
        )
        for at, output in enumerate(document.outputs)
        for index, item in enumerate(output.indicators)
        if item.baseline is None and not item.baseline_unknown
    ]


def _budget(document: Document, pack: Pack, _kind: Kind) -> list[Finding]:
    sums = budget.totals(document)
    found = budget.check_names(document) + budget.check_sums(document, pack) + budget.check_support_cost(sums, pack)
    if sums.office_total <= 0:
        found.append(_found("budget_zero", "The office contributes nothing.", "$.document", "State a budget."))
    return found


def _risks(document: Document, _pack: Pack, _kind: Kind) -> list[Finding]:
    if not document.risks:
        return [_found("no_risks", "No risk is stated.", "$.document.risks", "State at least one risk with its mitigation.")]
    return [
        _found("no_mitigation", f"The {risk.type} risk has no mitigation.", f"$.document.risks[{index}].mitigation", "State it.")
        for index, risk in enumerate(document.risks)
        if not risk.mitigation.strip()
    ]


def _ratings(document: Document, _pack: Pack, which: Kind) -> list[Finding]:
    if which == "simplified":
        return []
    return [
        _found("no_rating", f"The rating of {name} is missing.", f"$.document.ratings.{name}", "Rate it.", "eTools permission matrix (ET)")
        for name in ("gender", "equity", "sustainability")
        if getattr(document.ratings, name) is None
    ]


def _reporting(document: Document, _pack: Pack, _kind: Kind) -> list[Finding]:
    stated = document.reporting.periods
    if not stated or document.start is None or document.end is None:
        return []
    found: list[Finding] = []
    day = timedelta(days=1)
    expected = document.start
    for index, period in enumerate(stated):
        path = f"$.document.reporting.periods[{index}]"
        if period.end < period.start:
            found.append(_found("reporting_dates", "The period ends before it starts.", f"{path}.end", "Correct the dates."))
        if period.start > expected:
            found.append(
                _found("reporting_gap", f"No report covers {expected} to {period.start - day}.", f"{path}.start", "Close the gap.")
            )
        if period.start < expected:
            rule = "reporting_overlap" if index else "reporting_before_start"
            found.append(_found(rule, f"The period starts on {period.start}, before {expected}.", f"{path}.start", "Correct the dates."))
        expected = max(expected, period.end + day)
    if expected <= document.end:
        found.append(
            _found(
                "reporting_gap", f"No report covers {expected} to {document.end}.", "$.document.reporting.periods", "Add the last period."
            )
        )
    if stated[-1].end > document.end:
        path = f"$.document.reporting.periods[{len(stated) - 1}].end"
        found.append(_found("reporting_after_end", "The last report ends after the document.", path, "Correct the date."))
    return found


def _visits(document: Document, _pack: Pack, _kind: Kind) -> list[Finding]:
    if document.visits:
        return []
    return [
        _found("no_visits", "No programmatic visit is planned.", "$.document.visits", "Plan at least one.", "eTools planned visits (ET)")
    ]


CHECKS: Mapping[str, Callable[[Document, Pack, Kind], list[Finding]]] = {
    "activities_timed": _activities_timed,
    "programme_output": _programme_output,
    "indicator": _indicator,
    "target": _target,
    "baseline": _baseline,
    "budget": _budget,
    "risks": _risks,
    "ratings": _ratings,
    "reporting": _reporting,
    "visits": _visits,
}
"""Name of the content check, as packs list it, to the check."""


def content(document: Document, which: Kind, pack: Pack) -> list[Finding]:
    """Everything that the document lacks before review on the pack's track."""
    return [finding for name in pack["document.content"] for finding in CHECKS[name](document, pack, which)]


def left_out(document: Document, which: Kind, pack: Pack) -> list[Finding]:
    """What the track lets go for now: the substance of the obligation `document_completion`. None: nothing is owed."""
    return [finding for name in pack["document.completion"] for finding in CHECKS[name](document, pack, which)]


def changed_sections(old: Document, new: Document) -> tuple[str, ...]:
    """Top-level fields in which two versions differ, in the order of the model."""
    return tuple(name for name in type(new).model_fields if getattr(old, name) != getattr(new, name))


def same_quarter(one: date, other: date) -> bool:
    """Whether two days lie in the same quarter of the same year."""
    return (one.year, (one.month - 1) // 3) == (other.year, (other.month - 1) // 3)
