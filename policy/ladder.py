"""Who approves: the ladder by office total, higher authority acting for lower, step-aside, and a negative recommendation.

The ladder's figures are the pack's or the office's. A silent approver is never replaced by time. Whether the person may act at all
(role, dates, segregation) is said elsewhere.
"""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

from policy.pack import Pack
from schemas.findings import Finding
from schemas.office import LadderStep

ORDER = ("authorised_officer", "head_of_office", "regional_director")
"""The one ladder, from lower to higher."""

STEP_ASIDE_ROLE = "global_emergency_coordinator"
Object = Literal["document", "pca", "activation"]


def rank(role: str) -> int:
    """Place on the ladder; -1 is not on it."""
    return ORDER.index(role) if role in ORDER else -1


def acts_for(role: str, wanted: Collection[str]) -> bool:
    """Whether `role` may act where `wanted` roles may: as one of them, or as a higher one on the same ladder."""
    if role in wanted:
        return True
    return any(-1 < rank(other) < rank(role) for other in wanted)


def higher(role: str) -> str | None:
    """The next role up, or None."""
    place = rank(role)
    return ORDER[place + 1] if 0 <= place < len(ORDER) - 1 else None


def steps(pack: Pack, office: Sequence[LadderStep] = ()) -> tuple[LadderStep, ...]:
    """The ladder in force on the pack's track: the office's own on the standard track if it has one, else the pack's."""
    if office and pack.track == "standard":
        return tuple(office)
    return tuple(_step(row) for row in pack["approval.ladder"])


def _step(row: Mapping[str, Any]) -> LadderStep:
    return LadderStep(role=row["role"], up_to_usd=row.get("up_to_usd"))


def required(office_total_usd: Decimal, ladder: Sequence[LadderStep]) -> str:
    """The lowest role that may approve an amount; limits are inclusive. Above every limit it is the last step's."""
    return next((step.role for step in ladder if step.up_to_usd is None or office_total_usd <= step.up_to_usd), ladder[-1].role)


def approver(
    thing: Object,
    *,
    office_total_usd: Decimal,
    pack: Pack,
    office: Sequence[LadderStep] = (),
    step_aside: bool = False,
    negative: bool = False,
) -> str | None:
    """The lowest role that may approve `thing`; None: nobody can (against a negative recommendation at the top of the ladder)."""
    role = required(office_total_usd, steps(pack, office)) if thing == "document" else str(pack["approval.pca_role"])
    if step_aside and pack.track == "emergency" and role == "head_of_office":
        return STEP_ASIDE_ROLE
    return higher(role) if negative and thing == "document" else role


def check(
    role: str,
    thing: Object,
    *,
    office_total_usd: Decimal,
    pack: Pack,
    office: Sequence[LadderStep] = (),
    step_aside: bool = False,
    negative: bool = False,
    reason: bool = False,
) -> list[Finding]:
    """Why `role` may not approve `thing`; all reasons.

    Rules: `above_authority`, `step_aside_in_force` (the coordinator has the representative's authority, and only then),
    `against_recommendation` (a reason is needed), `no_higher_authority`. `reason` says whether a reason is given.
    """
    wanted = approver(thing, office_total_usd=office_total_usd, pack=pack, office=office, step_aside=step_aside, negative=negative)
    found: list[Finding] = []
    if negative and thing == "document" and not reason:
        found.append(
            pack.finding(
                "against_recommendation",
                "The committee does not recommend the document; approving it needs a reason.",
                of="approval.ladder",
                path="$.comment",
                next_step="Give the reason, or return or reject the document.",
            )
        )
    if wanted is None:
        return [
            *found,
            pack.finding(
                "no_higher_authority",
                "The committee does not recommend the document and there is no higher authority to approve it.",
                of="approval.ladder",
                next_step="Return or reject the document.",
            ),
        ]
    if wanted == STEP_ASIDE_ROLE and role != STEP_ASIDE_ROLE:
        found.append(
            pack.finding(
                "step_aside_in_force",
                "The global emergency coordinator has the representative's authority.",
                of="approval.step_aside_role",
                path="$.role",
                next_step="The global emergency coordinator decides.",
            )
        )
    elif role != wanted and not acts_for(role, (wanted,)):
        found.append(
            pack.finding(
                "above_authority",
                f"US$ {office_total_usd:,.2f} needs {wanted}"
                + (" against a negative recommendation" if negative and thing == "document" else "")
                + f"; {role} has no authority for it.",
                of="approval.ladder" if thing == "document" else "approval.pca_role",
                path="$.role",
                next_step=f"The {wanted.replace('_', ' ')} decides.",
            )
        )
    return found


def informs_regional_director(office_total_usd: Decimal, pack: Pack) -> bool:
    """Emergency only: above this amount the regional director is told, which does not stop the case."""
    return pack.track == "emergency" and office_total_usd > pack.number("approval.inform_above_usd")
