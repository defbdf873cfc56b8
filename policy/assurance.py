"""Minimum assurance of a partner: programmatic visits, spot checks, audits, and whether they were reached.

Numbers are those of eTools, but for its gap: a partner not assessed counts as high, not as zero. Assurance is never approval.
"""

from bisect import bisect_left
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from policy.pack import Pack

NOT_OF_HACT = frozenset({"un_agency"})
"""Partner types for which no assurance is computed."""


@dataclass(frozen=True)
class Minimum:
    """What is owed in one year."""

    visits: int
    spot_checks: int
    audits: int


def visits(net_cash_usd: Decimal, risk: str, pack: Pack) -> int:
    """Programmatic visits a year by net cash and the worst-of rating; upper bounds are inclusive."""
    row = {"medium": "assurance.visits_medium", "moderate": "assurance.visits_medium", "low": "assurance.visits_low"}
    edges = [Decimal(edge) for edge in pack["assurance.visit_edges_usd"]]
    return int(pack[row.get(risk, "assurance.visits_high")][bisect_left(edges, net_cash_usd)])


def spot_checks(liquidated_usd: Decimal, *, low_risk_assumed: bool, scheduled_audit: bool, pack: Pack) -> int:
    """One above the threshold of liquidation in the assurance year; none if low risk is assumed or an audit is scheduled."""
    if low_risk_assumed or scheduled_audit:
        return 0
    return int(liquidated_usd > pack.number("assurance.spot_check_usd"))


def minimum(
    *,
    net_cash_usd: Decimal,
    liquidated_usd: Decimal,
    risk: str,
    pack: Pack,
    partner_type: str = "",
    low_risk_assumed: bool = False,
    scheduled_audit: bool = False,
    special_audit: bool = False,
) -> Minimum:
    """All three minimums of one partner and year."""
    if partner_type in NOT_OF_HACT:
        return Minimum(0, 0, 0)
    return Minimum(
        visits(net_cash_usd, risk, pack),
        spot_checks(liquidated_usd, low_risk_assumed=low_risk_assumed, scheduled_audit=scheduled_audit, pack=pack),
        int(scheduled_audit) + int(special_audit),
    )


def coverage(owed: Minimum, done: Minimum) -> Literal["complete", "partial", "void"]:
    """Complete if all three minimums are met, void if nothing was done, else partial."""
    if done.visits >= owed.visits and done.spot_checks >= owed.spot_checks and done.audits >= owed.audits:
        return "complete"
    return "partial" if done.visits or done.spot_checks or done.audits else "void"
