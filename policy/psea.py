"""The PSEA scorer: six core standards, each absent (1), progressing (2) or adequate (3), into a risk band.

One UN entity's assessment serves all. A rating that is assumed in an emergency is the worst one until somebody assesses.
"""

from collections.abc import Mapping
from datetime import date
from typing import Literal

from policy.calendar import add_years
from policy.pack import Pack
from schemas.findings import Finding

Band = Literal["low", "moderate", "high"]
STANDARDS = ("s1", "s2", "s3", "s4", "s5", "s6")


def check(scores: Mapping[str, int]) -> list[Finding]:
    """Every standard answered, each 1 to 3, and no other."""
    found = [
        Finding(
            rule="psea_answer",
            message=f"Standard {name} needs 1 (absent), 2 (progressing) or 3 (adequate).",
            path=f"$.data.{name}",
            source="eTools psea models (ET)",
            next_step="Answer all six standards.",
        )
        for name in STANDARDS
        if scores.get(name) not in (1, 2, 3)
    ]
    return found + [
        Finding(rule="psea_answer", message=f"There is no standard {name}.", path=f"$.data.{name}", source="eTools psea models (ET)")
        for name in scores
        if name not in STANDARDS
    ]


def band(total: int, pack: Pack) -> Band:
    """The band of a total of 6 to 18: 8 or less high, 9 to 14 moderate, 15 or more low."""
    if total <= pack["psea.high_to"]:
        return "high"
    return "moderate" if total <= pack["psea.moderate_to"] else "low"


def rate(scores: Mapping[str, int], pack: Pack) -> tuple[int, Band]:
    """Total and band of the six standards. Check them first (`check`); a missing answer raises KeyError."""
    total = sum(scores[name] for name in STANDARDS)
    return total, band(total, pack)


def valid_until(assessed_on: date, pack: Pack) -> date:
    """Last day of validity: the anniversary (4 years)."""
    return add_years(assessed_on, pack["vetting.psea_years"])


def country_assessment_needed(*, international: bool, reasons: frozenset[str], pack: Pack) -> bool:
    """Whether the partner is assessed in the country: every national CSO; an international one only for one of four reasons."""
    return not international or bool(reasons & set(pack["psea.ingo_reasons"]))
