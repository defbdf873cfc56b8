"""Which instrument an intake is: resolved against the umbrella (the PCA) that the office already has with the partner.

Intake systems do not know what the office has signed, so `auto` is the default and the table of stages.md 1 decides. Resolution
reads facts only; opening, joining or using an umbrella is done by whoever records the case.
"""

from dataclasses import dataclass
from typing import Literal

from schemas.findings import Finding
from schemas.intake import Instrument

UmbrellaState = Literal["none", "draft", "signed", "suspended", "ended", "terminated", "cancelled"]
SOURCE = "one PCA per partner and country programme (PMP, eTools agreements)"


@dataclass(frozen=True)
class Resolution:
    """What the case is. `instrument` None: refused, for the reasons in `findings`."""

    instrument: Instrument | None
    carries: bool = False
    signature_waits: bool = False
    findings: tuple[Finding, ...] = ()


def _refused(rule: str, message: str, next_step: str) -> Resolution:
    return Resolution(None, findings=(Finding(rule=rule, message=message, path="$.instrument", source=SOURCE, next_step=next_step),))


def resolve(asked: Instrument, umbrella: UmbrellaState, reference: str = "", *, readmitted: bool = False) -> Resolution:
    """The instrument of a case.

    `umbrella` is the state of the PCA of this partner and programme, `reference` names it in a refusal. A cancelled PCA counts as
    none; an ended one belongs to a programme that is over, so that a new one is opened under the programme in force; a terminated
    one refuses until head_of_office has re-admitted the partner.
    """
    if umbrella == "terminated" and not readmitted:
        return _refused(
            "pca_terminated",
            f"The PCA {reference} with this partner was terminated.".replace("  ", " "),
            "The head of office must re-admit it.",
        )
    standing = umbrella in ("draft", "signed", "suspended")
    waits = umbrella in ("draft", "suspended")
    if asked in ("pca_with_document", "pca_only"):
        if standing:
            return _refused(
                "pca_exists",
                f"A PCA with this partner and programme exists ({umbrella}): {reference}.",
                "Submit with instrument auto or document_under_pca.",
            )
        return Resolution(asked, carries=True)
    if asked == "auto":
        return Resolution("document_under_pca", signature_waits=waits) if standing else Resolution("pca_with_document", carries=True)
    # document_under_pca, contingency_document and contingency_activation all need a PCA that stands
    if not standing:
        return _refused("no_pca", "There is no PCA with this partner and programme.", "Submit with instrument auto or pca_with_document.")
    return Resolution(asked, signature_waits=waits)
