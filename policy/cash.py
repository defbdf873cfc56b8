"""The cash cycle's arithmetic: need of a period, the cap on a first request, FACE lines against the budget, liquidation A to G.

Amounts are Decimal in the document's currency. The ceiling of all cash is office cash. Whether cash may leave at all is
`policy.release`; nothing here pays.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal

from policy import budget
from policy.calendar import add_months, periods
from policy.pack import Pack
from policy.rates import CENT, cents
from schemas.findings import Finding
from schemas.intake import Activity, Document

ZERO = Decimal(0)
SUPPORT_COST = "H"
"""Line id of the support cost on a FACE."""

Lines = Mapping[str, Decimal]
"""Line id (activity, M1 to M3, H) to amount."""


def _spread(amount: Decimal, parts: int) -> list[Decimal]:
    """Evenly, to the cent; the last part takes what is left over."""
    each = (amount / parts).quantize(CENT, ROUND_DOWN)
    return [each] * (parts - 1) + [amount - each * (parts - 1)]


def _line_by_period(office_cash: Decimal, first: Decimal | None, periods: Sequence[int], count: int) -> list[Decimal]:
    """Office cash of one line by period: what is stated for the first, the rest evenly over the line's later periods.

    A line without later periods has the rest in its last one. Without a stated first period all is spread over `periods`.
    """
    by_period = [ZERO] * count
    timed = sorted({period for period in periods if 1 <= period <= count}) or list(range(1, count + 1))
    if first is None:
        rest, over = office_cash, timed
    else:
        by_period[0] = min(first, office_cash)
        rest = office_cash - by_period[0]
        over = [period for period in timed if period > 1] or ([count] if count > 1 else [1])
    if rest:
        for period, amount in zip(over, _spread(rest, len(over)), strict=True):
            by_period[period - 1] += amount
    return by_period


def _activity_by_period(activity: Activity, count: int) -> list[Decimal]:
    if activity.by_period is not None:
        stated = [*activity.by_period[:count], *[ZERO] * (count - len(activity.by_period))]
        stated[-1] += sum(activity.by_period[count:], ZERO)
        return stated
    return _line_by_period(activity.office_cash, activity.first_quarter, activity.periods, count)


def plan(document: Document, count: int) -> list[dict[str, Decimal]]:
    """Office cash of every line in each of `count` periods; each line adds up to its office cash. Deactivated activities have none."""
    lines: dict[str, list[Decimal]] = {}
    for output in document.outputs:
        for activity in output.activities:
            if activity.active:
                lines[activity.id] = _activity_by_period(activity, count)
    every = range(1, count + 1)
    for line in document.management:
        lines[line.id] = _line_by_period(line.office_cash, line.first_quarter, every, count)
    support = document.support_cost
    if support.amount:
        lines[SUPPORT_COST] = _line_by_period(support.amount, support.first_quarter, every, count)
    return [{line: amounts[index] for line, amounts in lines.items()} for index in range(count)]


def need(document: Document, period: int, count: int) -> Decimal:
    """Office cash needed in a period, counted from 1."""
    return sum(plan(document, count)[period - 1].values(), ZERO)


def planned_between(document: Document, start: date, end: date, first: date, last: date) -> Decimal:
    """Office cash of the periods of a document (start to end) that begin from `first` to `last`, such as a HACT year."""
    timed = periods(start, end)
    return sum(
        (
            sum(lines.values(), ZERO)
            for period, lines in zip(timed, plan(document, len(timed)), strict=True)
            if first <= period.start <= last
        ),
        ZERO,
    )


@dataclass(frozen=True)
class Ceiling:
    """The most a first request may ask, and why."""

    amount: Decimal
    capped: bool
    rule: str


def first_ceiling(period_need: Decimal, office_cash: Decimal, *, deferred: bool, rate: Decimal, pack: Pack) -> Ceiling:
    """Need of the first period; where a vetting element is assumed or deferred, the lower of that and 40 % of office cash, but not
    less than 50,000 US$ or the whole office cash if smaller. `rate` is units per US$.
    """
    if not deferred:
        return Ceiling(period_need, capped=False, rule="need")
    share = cents(office_cash * pack.number("cash.cap_percent") / budget.HUNDRED)
    floor = min(cents(pack.number("cash.floor_usd") * rate), office_cash)
    cap, rule = (share, "cash.cap_percent") if share >= floor else (floor, "cash.floor_usd")
    return Ceiling(cap, capped=True, rule=rule) if cap < period_need else Ceiling(period_need, capped=False, rule="need")


def modalities(risk: str, pack: Pack, *, mitigated: bool = False, direct_payment_only: bool = False) -> tuple[str, ...]:
    """The modalities a partner of this risk may use. Unknown risk counts as high; mitigation approved opens advances at high."""
    if direct_payment_only:
        return ("direct_payment",)
    table = pack["cash.modalities"]
    allowed = tuple(table[risk if risk in table else "high"])
    return ("direct_cash_transfer", *allowed) if mitigated and "direct_cash_transfer" not in allowed else allowed


def check_modality(modality: str, risk: str, pack: Pack, *, mitigated: bool, path: str = "") -> list[Finding]:
    """`modality_not_allowed`, with the ones that are possible, where a partner of this risk may not be paid that way."""
    allowed = modalities(risk, pack, mitigated=mitigated)
    if modality in allowed:
        return []
    return [
        Finding(
            rule="modality_not_allowed",
            message=f"{modality.replace('_', ' ')} is not possible at {risk} risk.",
            path=path,
            source=pack.source("cash.modalities"),
            next_step=f"Possible: {', '.join(item.replace('_', ' ') for item in allowed)}; or mitigation is approved.",
        )
    ]


def check_request(
    lines: Lines,
    *,
    document: Document,
    period: int,
    authorised: Lines,
    ceiling: Decimal | None = None,
    estimate: Lines | None = None,
) -> list[Finding]:
    """A FACE's lines against the budget: known and active lines, timed in the period, within what is left; all faults at once.

    `authorised` is what earlier instalments already took of each line; `ceiling` the most of the whole request; `estimate` the
    itemised cost estimate summed by line, which must equal the line.
    """
    budgeted: dict[str, Decimal] = {}
    activities: dict[str, Activity] = {}
    for output in document.outputs:
        for activity in output.activities:
            activities[activity.id] = activity
            budgeted[activity.id] = activity.office_cash
    budgeted |= {line.id: line.office_cash for line in document.management}
    if document.support_cost.amount:
        budgeted[SUPPORT_COST] = document.support_cost.amount
    found: list[Finding] = []

    def refuse(rule: str, message: str, line: str, next_step: str, source: str = "PCA 8.6") -> None:
        path = "$.data.face.lines" + (f"[{list(lines).index(line)}]" if line else "")
        found.append(Finding(rule=rule, message=message, path=path, source=source, next_step=next_step))

    for line, amount in lines.items():
        if line not in budgeted:
            refuse("unknown_line", f"The budget has no line {line}.", line, "Use the lines of the signed document.")
            continue
        if amount <= 0:
            refuse("line_not_positive", f"Line {line} asks for {amount:,.2f}.", line, "Leave it out, or state an amount.")
        known = activities.get(line)
        if known is not None and not known.active:
            refuse("line_inactive", f"Activity {line} is not active.", line, "Leave it out.")
        if known is not None and known.periods and min(known.periods) > period and not (period == 1 and known.first_quarter):
            refuse("line_not_timed", f"Activity {line} does not run by period {period}.", line, "Ask for it in its own period.")
        left = budgeted[line] - authorised.get(line, ZERO)
        if amount > left:
            refuse(
                "line_above_remaining",
                f"Line {line} asks for {amount:,.2f}; {left:,.2f} is left.",
                line,
                f"Lower it to {left:,.2f}.",
                "PCA 8.1",
            )
        if estimate is not None and estimate.get(line, ZERO) != amount:
            refuse(
                "estimate_does_not_match",
                f"The cost estimate of line {line} adds up to {estimate.get(line, ZERO):,.2f}, not {amount:,.2f}.",
                line,
                "Correct the estimate or the line.",
                "PCA 8.3",
            )
    if estimate is not None:
        for extra in estimate:
            if extra not in lines:
                refuse("estimate_without_line", f"The cost estimate names {extra}, which is not asked for.", "", "Remove it.", "PCA 8.3")
    asked = sum(lines.values(), ZERO)
    if not lines:
        refuse("no_lines", "The request asks for nothing.", "", "State the lines, or decide nothing_needed.")
    if ceiling is not None and asked > ceiling:
        refuse(
            "above_ceiling",
            f"The request asks for {asked:,.2f}; at most {ceiling:,.2f} can be paid now.",
            "",
            f"Lower it to {ceiling:,.2f}.",
        )
    return found


def lower_of(*sides: Lines) -> dict[str, Decimal]:
    """The lower amount counts per line; a line that one side leaves out counts as nothing."""
    return {line: min(side.get(line, ZERO) for side in sides) for line in sides[0]}


def check_reduction(reduced: Lines, asked: Lines) -> list[Finding]:
    """A reduction may lower lines, never raise one or add one."""
    return [
        Finding(
            rule="not_a_reduction",
            message=f"Line {line} was asked with {asked.get(line, ZERO):,.2f}; {amount:,.2f} is more.",
            path=f"$.data.lines[{index}]",
            source="PCA 8.7",
            next_step="Lower it, or return the request.",
        )
        for index, (line, amount) in enumerate(reduced.items())
        if amount > asked.get(line, ZERO) or amount < 0
    ]


@dataclass(frozen=True)
class LiquidationLine:
    """One line of a FACE's report: A authorised, B spent, C accepted."""

    line: str
    authorised: Decimal
    spent: Decimal
    accepted: Decimal

    @property
    def rejected(self) -> Decimal:
        """B - C."""
        return self.spent - self.accepted

    @property
    def balance(self) -> Decimal:
        """D = A - C."""
        return self.authorised - self.accepted


@dataclass(frozen=True)
class Liquidation:
    """A reported instalment, columns A to D, and E to G with the next request."""

    lines: tuple[LiquidationLine, ...]
    requested: Decimal = ZERO
    newly_authorised: Decimal = ZERO

    @property
    def a(self) -> Decimal:
        return sum((line.authorised for line in self.lines), ZERO)

    @property
    def b(self) -> Decimal:
        return sum((line.spent for line in self.lines), ZERO)

    @property
    def c(self) -> Decimal:
        return sum((line.accepted for line in self.lines), ZERO)

    @property
    def d(self) -> Decimal:
        return self.a - self.c

    @property
    def e(self) -> Decimal:
        return self.requested

    @property
    def f(self) -> Decimal:
        return self.newly_authorised

    @property
    def g(self) -> Decimal:
        """D + F, the outstanding authorised amount."""
        return self.d + self.f

    @property
    def rejected(self) -> Decimal:
        return self.b - self.c


def liquidate(
    authorised: Lines, spent: Lines, programme: Lines, finance: Lines, *, requested: Decimal = ZERO, newly_authorised: Decimal = ZERO
) -> Liquidation:
    """Columns A to G. Of each line the lower of the two reviews counts, and never more than was spent.

    `programme` and `finance` are the accepted amounts; a line that a review does not name it accepts as reported.
    """
    return Liquidation(
        tuple(
            LiquidationLine(
                line,
                authorised.get(line, ZERO),
                used := spent.get(line, ZERO),
                min(used, programme.get(line, used), finance.get(line, used)),
            )
            for line in dict.fromkeys((*authorised, *spent))
        ),
        requested,
        newly_authorised,
    )


def check_report(spent: Lines, authorised: Lines) -> list[Finding]:
    """A report's lines: known, not negative. Spending above a line is shown as a warning; reviewers decide on it."""
    found: list[Finding] = []
    for index, (line, amount) in enumerate(spent.items()):
        path = f"$.data.lines[{index}]"
        if line not in authorised:
            found.append(
                Finding(
                    rule="unknown_line",
                    message=f"Nothing was authorised on line {line}.",
                    path=path,
                    source="PCA 10.2(e)",
                    next_step="Report only authorised lines.",
                )
            )
        elif amount < 0:
            found.append(
                Finding(rule="negative_amount", message=f"Line {line} is negative.", path=path, source="PCA 10.2", next_step="Correct it.")
            )
        elif amount > authorised[line]:
            found.append(
                Finding(
                    rule="spent_above_authorised",
                    message=f"Line {line} reports {amount:,.2f}; {authorised[line]:,.2f} was authorised.",
                    severity="warning",
                    path=path,
                    source="Reference Document on revisions (REV)",
                    next_step="Explain the difference.",
                )
            )
    return found


def six_months_end(period_end: date, pack: Pack) -> date:
    """The last day on which a report of a period can come before all further cash is suspended."""
    return add_months(period_end, pack["cash.six_months"])


def six_months_passed(unreported_period_ends: Iterable[date], day: date, pack: Pack) -> bool:
    """Whether a paid period has stayed without a report for more than six months after its end (PCA 10.2(a))."""
    return any(day > six_months_end(end, pack) for end in unreported_period_ends)


def late_from(report_due: date, pack: Pack) -> date:
    """The first day on which a report counts as late."""
    return report_due + timedelta(days=pack["cash.report_late_days"] + 1)
