"""The dates of PCA and programme document, and what a signature must be.

The start is never before the later signature: the fast path defers checks, it never back-dates. Days are local to the office.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from policy.pack import Pack
from schemas.findings import Finding


@dataclass(frozen=True)
class Dates:
    """Effective start and end (inclusive), the later signature, and what is to be told about them."""

    start: date
    end: date
    signed_on: date
    findings: tuple[Finding, ...] = ()


def umbrella(signatures: Iterable[date], programme_start: date, programme_end: date) -> Dates:
    """A PCA: from the latest of both signatures and the programme's start, to the programme's end."""
    signed_on = max(signatures)
    start = max(signed_on, programme_start)
    findings: tuple[Finding, ...] = ()
    if start > programme_end:
        findings = (
            Finding(
                rule="programme_over",
                message=f"The programme ended on {programme_end}, before the PCA could start on {start}.",
                path="$.programme",
                source="PCA 13.1",
                next_step="Use the next country programme.",
            ),
        )
    return Dates(start, programme_end, signed_on, findings)


def document(
    *,
    requested_start: date,
    requested_end: date,
    signatures: Iterable[date],
    pca_start: date,
    pca_end: date,
    if_late: Literal["keep_end", "keep_duration"] = "keep_end",
) -> Dates:
    """A programme document: from the latest of requested start, both signatures and the PCA's start.

    `keep_end` keeps the end, so the last period is shorter; `keep_duration` moves the end by as many days as the start moved.
    Refused `no_time_left` if nothing remains; told `crosses_programme` if it ends after the PCA.
    """
    signed_on = max(signatures)
    start = max(requested_start, signed_on, pca_start)
    end = requested_end + (start - requested_start) if if_late == "keep_duration" else requested_end
    found: list[Finding] = []
    if start > end:
        found.append(
            Finding(
                rule="no_time_left",
                message=f"The document would end on {end}, before it can start on {start}.",
                path="$.document.end",
                source="PCA 5.1(b)",
                next_step="Return it for a new end date.",
            )
        )
    if end > pca_end:
        found.append(
            Finding(
                rule="crosses_programme",
                message=f"The document ends on {end}, after the PCA on {pca_end}.",
                severity="warning",
                path="$.document.end",
                source="PCA 13.1; eTools check_pca_required (ET)",
                next_step="A PCA of the next programme must be signed before.",
            )
        )
    return Dates(start, end, signed_on, tuple(found))


def check(
    *,
    signed_on: date,
    today: date,
    not_before: date,
    method: str,
    signer: str,
    listed: Collection[str],
    sha256: str,
    accepted_sha256: str,
    pack: Pack,
    path: str = "$.data.objects[0]",
    from_listed_address: bool = True,
) -> list[Finding]:
    """One signature on one object; all faults at once.

    `not_before` is the day of approval: what was not approved was not signed. `listed` are the actors who may sign for that side.
    """
    found: list[Finding] = []

    def refuse(rule: str, message: str, at: str, source: str, next_step: str) -> None:
        found.append(Finding(rule=rule, message=message, path=f"{path}{at}", source=source, next_step=next_step))

    if signed_on > today:
        refuse(
            "signed_in_future", f"{signed_on} is in the future.", ".signed_on", "eTools signature dates (ET)", "Enter the day of signature."
        )
    if signed_on < not_before:
        refuse(
            "back_dated",
            f"{signed_on} is before the approval on {not_before}.",
            ".signed_on",
            pack.source("signature.no_backdating"),
            "Sign what was approved.",
        )
    if method not in pack["signature.methods"]:
        refuse(
            "signature_method",
            f"{method} is no method of signature.",
            ".method",
            pack.source("signature.methods"),
            f"Possible: {', '.join(pack['signature.methods'])}.",
        )
    if signer not in listed:
        refuse("officer_not_listed", "The signer is not listed for this side.", "", "PCA 1.1", "A listed officer signs.")
    if sha256 != accepted_sha256:
        refuse(
            "other_hash", "What was signed is not what both accepted and was approved.", ".sha256", "PCA 3.1", "Sign the approved version."
        )
    if method == "email" and not from_listed_address:
        refuse("other_address", "The e-mail does not come from the listed address.", ".method", "COV", "Sign from the listed address.")
    return found


def original_due(signed_on: date, pack: Pack) -> date:
    """Until when the original of an e-mail signature must be there."""
    return signed_on + timedelta(days=pack["signature.original_days"])
