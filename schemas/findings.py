"""What a rule says of facts: the one form of every refusal, unmet condition and warning."""

from typing import Literal

from pydantic import Field

from schemas.base import Tolerant


class Finding(Tolerant):
    """One thing a rule found: which rule, what is wrong, where, and what to do next."""

    rule: str = Field(description="id of the rule, stable, snake_case", examples=["above_authority"])
    message: str = Field(default="", description="one sentence for the person who reads it")
    severity: Literal["refusal", "wait", "warning"] = Field(
        default="refusal",
        description="refusal: nothing happens; wait: an unmet condition that time or another person will meet; warning: told, not barring",
    )
    path: str = Field(default="", description="JSON path or field the finding is about", examples=["$.document.end"])
    source: str = Field(default="", description="where the rule comes from", examples=["PCA 8.5(b)"])
    next_step: str = Field(default="", description="what the person can do about it")


def refusals(findings: list[Finding]) -> list[Finding]:
    """Those that bar."""
    return [f for f in findings if f.severity == "refusal"]
