"""The arithmetic of a programme document's budget, defined once (stages.md 3, "Amounts").

Amounts are Decimal units of the document's currency. Office cash = activities + management + support cost; office total = office
cash + office supplies. No threshold in another currency is compared here without its rate, and nothing is ever a float.
"""

from dataclasses import dataclass
from decimal import Decimal

from policy.pack import Pack
from policy.rates import cents
from schemas.findings import Finding
from schemas.intake import Activity, Document, ManagementLine
from schemas.office import ManagementLimit

ZERO = Decimal(0)
HUNDRED = Decimal(100)
TENTH = Decimal("0.1")


@dataclass(frozen=True)
class Totals:
    """All sums of one budget, in the document's currency."""

    activities: Decimal
    management: Decimal
    support_cost: Decimal
    supplies: Decimal
    partner_cash: Decimal
    partner_in_kind: Decimal

    @property
    def direct_cash(self) -> Decimal:
        """What the support cost is a percentage of."""
        return self.activities + self.management

    @property
    def office_cash(self) -> Decimal:
        return self.direct_cash + self.support_cost

    @property
    def office_total(self) -> Decimal:
        return self.office_cash + self.supplies

    @property
    def partner_total(self) -> Decimal:
        return self.partner_cash + self.partner_in_kind

    @property
    def total(self) -> Decimal:
        return self.office_total + self.partner_total

    @property
    def management_share(self) -> Decimal:
        """Office management cash in % of the office total (unrounded); 0 of an empty budget."""
        return percent(self.management, self.office_total)

    @property
    def partner_share(self) -> Decimal:
        """Partner total in % of everything (unrounded); 0 of an empty budget."""
        return percent(self.partner_total, self.total)

    @property
    def support_cost_percent(self) -> Decimal:
        """Support cost in % of direct cash, rounded to two decimals: 7.00 passes, 7.01 does not."""
        return cents(percent(self.support_cost, self.direct_cash))


def percent(part: Decimal, whole: Decimal) -> Decimal:
    """`part` in % of `whole`; 0 of nothing."""
    return part / whole * HUNDRED if whole else ZERO


def one_decimal(value: Decimal) -> Decimal:
    """A percentage as it is shown."""
    return (value + Decimal("0.05")).quantize(TENTH, "ROUND_FLOOR")


def totals(document: Document) -> Totals:
    """The sums of a document's lines. Activities that were deactivated do not count."""
    activities = [activity for output in document.outputs for activity in output.activities if activity.active]
    return Totals(
        activities=sum((activity.office_cash for activity in activities), ZERO),
        management=sum((line.office_cash for line in document.management), ZERO),
        support_cost=document.support_cost.amount,
        supplies=document.supplies.office,
        partner_cash=sum((activity.partner_cash for activity in activities), ZERO)
        + sum((line.partner_cash for line in document.management), ZERO),
        partner_in_kind=document.supplies.partner_in_kind,
    )


def support_cost_limit(direct_cash: Decimal, pack: Pack) -> Decimal:
    """The most that may be asked as support cost."""
    return cents(direct_cash * pack.number("budget.support_cost_percent") / HUNDRED)


def check_support_cost(sums: Totals, pack: Pack) -> list[Finding]:
    """`support_cost_above_limit`, tested on the percentage rounded to two decimals; any support cost of no direct cash is too much."""
    limit = pack.number("budget.support_cost_percent")
    if sums.support_cost_percent <= limit and (sums.direct_cash or not sums.support_cost):
        return []
    return [
        pack.finding(
            "support_cost_above_limit",
            f"Support cost {sums.support_cost:,.2f} is {sums.support_cost_percent} % of direct cash {sums.direct_cash:,.2f}; "
            f"the limit is {limit:.2f} %.",
            of="budget.support_cost_percent",
            path="$.document.support_cost.amount",
            next_step=f"Lower it to {support_cost_limit(sums.direct_cash, pack):,.2f}.",
        )
    ]


def check_names(document: Document, reserved: str = "H") -> list[Finding]:
    """`named_twice` for each output or budget line whose id another has: cash and reports are counted by these ids.

    `reserved` is the line of the support cost, which no other line may take.
    """
    places: list[tuple[str, str, str]] = [("line", reserved, "")]
    for at, output in enumerate(document.outputs):
        path = f"$.document.outputs[{at}]"
        places.append(("output", output.id, f"{path}.id"))
        places += [("line", item.id, f"{path}.activities[{index}].id") for index, item in enumerate(output.activities)]
    places += [("line", line.id, f"$.document.management[{index}].id") for index, line in enumerate(document.management)]
    seen: set[tuple[str, str]] = set()
    found: list[Finding] = []
    for what, name, path in places:
        if (what, name) in seen:
            found.append(
                Finding(
                    rule="named_twice",
                    message=f"The {what} {name} is named twice.",
                    path=path,
                    source="eTools unique results (ET)",
                    next_step="Give each its own id.",
                )
            )
        seen.add((what, name))
    return found


def check_sums(document: Document, pack: Pack) -> list[Finding]:
    """`amounts_do_not_add_up` for each stated sum that differs from its parts by more than the tolerance, with its path."""
    tolerance = pack.number("budget.tolerance")
    sums = totals(document)
    found: list[Finding] = []

    def compare(path: str, stated: Decimal | None, parts: Decimal, what: str) -> None:
        if stated is not None and abs(stated - parts) > tolerance:
            found.append(
                pack.finding(
                    "amounts_do_not_add_up",
                    f"{what} is stated as {stated:,.2f}; its parts add up to {parts:,.2f}.",
                    of="budget.tolerance",
                    path=path,
                    next_step="Correct the sum or its parts.",
                )
            )

    compare("$.document.office_cash", document.office_cash, sums.office_cash, "Office cash")
    compare("$.document.office_total", document.office_total, sums.office_total, "Office total")
    compare("$.document.partner_total", document.partner_total, sums.partner_total, "Partner total")
    stated = cents(document.support_cost.percent)
    asked = cents(sums.direct_cash * document.support_cost.percent / HUNDRED)
    if stated != sums.support_cost_percent and document.support_cost.percent:
        compare("$.document.support_cost.amount", document.support_cost.amount, asked, f"Support cost of {stated} %")
    for at, output in enumerate(document.outputs):
        for index, activity in enumerate(output.activities):
            path = f"$.document.outputs[{at}].activities[{index}]"
            if activity.by_period is not None:
                compare(f"{path}.by_period", activity.office_cash, sum(activity.by_period, ZERO), f"Office cash of {activity.id}")
            found += _first_quarter(activity, path, pack)
    for index, line in enumerate(document.management):
        found += _first_quarter(line, f"$.document.management[{index}]", pack)
    first = document.support_cost.first_quarter
    if first is not None and first > document.support_cost.amount + tolerance:
        found.append(_too_much("the support cost", first, document.support_cost.amount, "$.document.support_cost.first_quarter", pack))
    return found


def _first_quarter(line: Activity | ManagementLine, path: str, pack: Pack) -> list[Finding]:
    tolerance = pack.number("budget.tolerance")
    if line.first_quarter is None or line.first_quarter <= line.office_cash + tolerance:
        return []
    return [_too_much(line.id, line.first_quarter, line.office_cash, f"{path}.first_quarter", pack)]


def _too_much(what: str, first: Decimal, whole: Decimal, path: str, pack: Pack) -> Finding:
    return pack.finding(
        "amounts_do_not_add_up",
        f"The first period of {what} ({first:,.2f}) is above its office cash ({whole:,.2f}).",
        of="budget.tolerance",
        path=path,
        next_step="Lower the first period or raise the line.",
    )


def check_management(sums: Totals, limit: ManagementLimit, pack: Pack) -> list[Finding]:
    """`management_share_above_limit`: a warning, or a refusal where the office sets its limit hard."""
    if sums.management_share <= limit.percent:
        return []
    return [
        pack.finding(
            "management_share_above_limit",
            f"Management is {one_decimal(sums.management_share)} % of our contribution; the office's limit is {limit.percent:g} %.",
            of="budget.management_limit_percent",
            path="$.document.management",
            severity="refusal" if limit.hard else "warning",
            next_step="Lower the management lines, or answer question 7 of the review with a reason.",
        )
    ]


def check_contribution(document: Document, sums: Totals, *, simplified: bool, pack: Pack) -> list[Finding]:
    """Some contribution of the partner: required of a programme document, a warning on a simplified one.

    A contribution in words only is one, and is told as `no_valued_contribution`.
    """
    if sums.partner_total > 0:
        return []
    if document.partner_contribution.strip():
        return [
            pack.finding(
                "no_valued_contribution",
                "The partner's contribution is stated in words, without a value.",
                of="budget.partner_contribution_required",
                path="$.document.partner_contribution",
                severity="warning",
                next_step="Question 1 of the review looks at it.",
            )
        ]
    return [
        pack.finding(
            "no_partner_contribution",
            "The partner contributes nothing of any kind.",
            of="budget.partner_contribution_required",
            path="$.document",
            severity="warning" if simplified else "refusal",
            next_step="State a contribution in cash, in kind or in words.",
        )
    ]
