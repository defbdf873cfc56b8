"""HACT: the scorers of the micro assessment (v1, v2), when an assessment is needed, and the worst-of rating.

A micro assessment gives a rating, never a pass or fail. Exact fractions, so that a band's edge is its edge.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from policy.calendar import add_years
from policy.pack import Pack
from schemas.findings import Finding

Risk = Literal["low", "medium", "significant", "high"]
RISKS: tuple[Risk, ...] = ("low", "medium", "significant", "high")


MOST = 4
"""Points of the worst answer."""


@dataclass(frozen=True)
class Answer:
    """The answer to one question: 1 low, 2 medium, 3 significant, 4 high, None not applicable; `key` questions weigh double in v1."""

    value: int | None
    key: bool = False


@dataclass(frozen=True)
class Score:
    """Points, the questions that applied, and the rating."""

    score: Decimal
    applicable: int
    rating: Risk


def check(answers: Sequence[Answer]) -> list[Finding]:
    """At least one question must apply."""
    if any(answer.value is not None for answer in answers):
        return []
    return [
        Finding(
            rule="no_applicable_question",
            message="No question of the assessment applies.",
            path="$.data.answers",
            source="eTools audit risks (ET)",
            next_step="Answer the questionnaire, or use the simplified checklist.",
        )
    ]


def _band(value: Fraction, edges: Sequence[Fraction]) -> Risk:
    """The first band whose upper edge lies above the value; an edge belongs to the band above it."""
    return RISKS[sum(value >= edge for edge in edges)]


def _score(value: Fraction, applicable: int, edges: Sequence[Fraction]) -> Score:
    return Score(Decimal(value.numerator) / Decimal(value.denominator), applicable, _band(value, edges))


def micro_v1(answers: Sequence[Answer], pack: Pack) -> Score:
    """Score of the 2016 questionnaire: points over applicable questions; four equal bands between 1 and the highest possible.

    A low answer counts 1 whatever its weight; others count weight times value. Raises ValueError without an applicable question.
    """
    asked = _applicable(answers)
    weight = pack["hact.v1_key_weight"]
    points = sum(_points(value, weight if key else 1) for value, key in asked)
    keys = sum(key for _, key in asked)
    highest = Fraction(MOST * len(asked) + MOST * (weight - 1) * keys, len(asked))
    width = (highest - 1) / 4
    return _score(Fraction(points, len(asked)), len(asked), [1 + width * n for n in (1, 2, 3)])


def _applicable(answers: Sequence[Answer]) -> list[tuple[int, bool]]:
    asked = [(answer.value, answer.key) for answer in answers if answer.value is not None]
    if not asked:
        raise ValueError("no applicable question")
    return asked


def _points(value: int, weight: int) -> int:
    return 1 if value == 1 else weight * value


def micro_v2(answers: Sequence[Answer], pack: Pack) -> Score:
    """Score of the present questionnaire: points between n and 4n; bands end at 15, 30 and 50 % of that range.

    Raises ValueError without an applicable question.
    """
    asked = _applicable(answers)
    number = len(asked)
    points = sum(value for value, _ in asked)
    span = (MOST - 1) * number
    edges = [number + Fraction(span * edge, 100) for edge in pack["hact.v2_bands_percent"]]
    return _score(Fraction(points), number, edges)


def rate(method: str, answers: Sequence[Answer], pack: Pack) -> Score:
    """Score by method. The simplified checklist is scored like the pack says (`hact.simplified_checklist`)."""
    named = pack["hact.simplified_checklist"] if method == "simplified_checklist" else method
    return {"micro_v1": micro_v1, "micro_v2": micro_v2}[named](answers, pack)


def needed(planned_cash_year_usd: Decimal, pack: Pack) -> bool:
    """Whether an assessment is needed: planned cash of the partner's live and pending documents in the HACT year above the threshold."""
    return planned_cash_year_usd > pack.number("hact.threshold_usd")


def approaching(planned_cash_year_usd: Decimal, rating: str, pack: Pack) -> bool:
    """The early flag on a partner rated Not Required."""
    return rating == "not_required" and planned_cash_year_usd > pack.number("hact.approaching_usd")


def year(day: date, pack: Pack) -> tuple[date, date]:
    """First and last day of the HACT year of `day` (October to September)."""
    month = pack["hact.year_starts_month"]
    first = date(day.year if day.month >= month else day.year - 1, month, 1)
    return first, date.fromordinal(add_years(first, 1).toordinal() - 1)


def valid_until(assessed_on: date, pack: Pack) -> date:
    """Last day of validity: the anniversary (4 years)."""
    return add_years(assessed_on, pack["vetting.hact_years"])


PSEA_RISK: dict[str, Risk] = {"low": "low", "moderate": "medium", "high": "high", "no_contact_with_beneficiaries": "low"}
"""PSEA result on the scale of HACT."""


def worst_of(hact: str | None, psea: str | None) -> Risk:
    """The higher of HACT and PSEA rating. An unknown, missing or not required HACT rating counts as high; a missing PSEA too."""
    one = hact if hact in RISKS else "high"
    other = PSEA_RISK.get(psea or "", "high")
    return max((one, other), key=RISKS.index)


def worst(ratings: Iterable[str]) -> Risk:
    """The highest of several HACT ratings; of none, high."""
    known = [rating if rating in RISKS else "high" for rating in ratings]
    return max(known, key=RISKS.index) if known else "high"
