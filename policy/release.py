"""Checked at release: everything that must hold at the moment cash leaves (stages.md 8), as one function over the rows.

Every unmet check is told at once. The recording transaction calls it with the rows locked; nothing else may pay.
"""

from datetime import date
from decimal import Decimal

from pydantic import Field

from policy import cash
from policy.pack import Pack
from schemas.base import Tolerant
from schemas.engine import Block
from schemas.findings import Finding


class ReleaseFacts(Tolerant):
    """The rows of one release, as they stand under the lock. Amounts in the document's currency, dates local to the office."""

    day: date
    instalment: int
    amount: Decimal = Field(description="what the releaser would pay")
    currency: str
    approved_amount: Decimal = Field(description="the lower of certified and checked")
    # PCA and document
    umbrella_status: str
    document_status: str
    under_notice: bool = False
    blocks: list[Block] = Field(default_factory=list, description="of case, partner and umbrella")
    supplies_only: bool = False
    # money
    office_cash: Decimal
    authorised_before: Decimal = Field(default=Decimal(0), description="released by earlier instalments and orders that stand")
    reserved: Decimal = Decimal(0)
    reservation_currency: str = ""
    instalment_released: bool = Field(default=False, description="an order of this instalment stands")
    payment_problem_open: bool = False
    # FACE
    face_signed_by_listed_officer: bool
    face_certified: bool
    face_checked: bool
    face_currency: str
    face_lines_findings: list[Finding] = Field(default_factory=list, description="of `cash.check_request`, run again on the rows")
    modality: str = "direct_cash_transfer"
    risk: str = "high"
    mitigation_approved: bool = False
    # account
    face_account: str
    umbrella_account: str
    account_confirmed: bool
    # reports and obligations
    previous_reported: bool = Field(default=True, description="every earlier instalment paid is reported, or this is the first")
    waiver_until: date | None = None
    unreported_period_ends: list[date] = Field(default_factory=list, description="of paid periods without a report")
    overdue_obligations: list[str] = Field(default_factory=list, description="kinds whose consequence blocks an instalment")
    conditions_before_cash: list[str] = Field(default_factory=list, description="open conditions with gate before_cash")
    # screening
    screening_fresh: bool
    open_hits: int = 0
    # first instalment
    ceiling: Decimal | None = Field(default=None, description="the cap of a first instalment, if any")
    # who
    releaser_findings: list[Finding] = Field(default_factory=list, description="role, dates and segregation of the releaser")


def check(facts: ReleaseFacts, pack: Pack) -> list[Finding]:
    """Everything that stands against paying now; none: cash may leave."""
    found: list[Finding] = []

    def unmet(rule: str, message: str, source: str, next_step: str, *, wait: bool = False, path: str = "") -> None:
        found.append(
            Finding(rule=rule, message=message, severity="wait" if wait else "refusal", path=path, source=source, next_step=next_step)
        )

    if facts.umbrella_status != "signed":
        unmet("pca_not_signed", f"The PCA is {facts.umbrella_status}.", "PCA 8.5(b)", "The PCA must be signed and in force.", wait=True)
    if facts.document_status != "active":
        unmet(
            "document_not_active", f"The document is {facts.document_status}.", "PCA 8.5(b)", "Cash is paid from the start on.", wait=True
        )
    if facts.under_notice:
        unmet("under_notice", "A notice of termination runs.", "GTC 13.5", "No disbursement until it is settled.")
    for block in facts.blocks:
        if block.scope in ("cash", "all", "instalment"):
            unmet(
                "blocked",
                f"Payments are stopped: {block.cause} (since {block.since:%Y-%m-%d}).",
                "blocks",
                "The cause must be settled.",
                wait=True,
            )
        elif block.scope == "direct_payment_only" and facts.modality != "direct_payment":
            unmet("direct_payment_only", f"Only direct payment is possible: {block.cause}.", "PCA 8.9(b)", "Request direct payment.")
    # reservation and ceiling
    drawn = facts.authorised_before + facts.amount
    if facts.reserved < drawn or (facts.reserved and facts.reservation_currency != facts.currency):
        unmet(
            "reservation_too_small",
            f"{facts.reserved:,.2f} {facts.reservation_currency or facts.currency} is reserved; {drawn:,.2f} {facts.currency} is needed.",
            pack.source("reservation.required"),
            "The finance officer tops up the reservation.",
            wait=True,
        )
    if drawn > facts.office_cash:
        unmet(
            "above_office_cash",
            f"Released in all {drawn:,.2f}; the document has {facts.office_cash:,.2f}.",
            "PCA 8.1",
            "Lower the amount.",
            path="$.data.amount",
        )
    if facts.instalment_released:
        unmet("already_released", f"Instalment {facts.instalment} was released.", "ledger", "Nothing: it is paid once.")
    if facts.payment_problem_open:
        unmet("payment_problem", "A payment problem is open.", "stages 8", "It must be resolved first.", wait=True)
    # the FACE
    if facts.amount <= 0 or facts.amount > facts.approved_amount:
        unmet(
            "amount_not_approved",
            f"{facts.amount:,.2f} was not certified and checked; {facts.approved_amount:,.2f} was.",
            "PCA 8.7",
            "Release at most what was certified and checked.",
            path="$.data.amount",
        )
    if not facts.face_signed_by_listed_officer:
        unmet("face_not_signed", "The FACE is not signed by an officer listed in the PCA.", "PCA 8.5(a)", "A listed officer signs.")
    if not facts.face_certified:
        unmet("not_certified", "The request is not certified.", "PCA 8.6", "The budget owner certifies.", wait=True)
    if not facts.face_checked:
        unmet("not_checked", "The request is not checked.", "PCA 8.6", "The finance officer checks.", wait=True)
    if facts.face_currency != facts.currency:
        unmet("other_currency", f"The FACE is in {facts.face_currency}, the document in {facts.currency}.", "PCA 10.3", "Correct the FACE.")
    found += [finding for finding in facts.face_lines_findings if finding.severity != "warning"]
    found += cash.check_modality(facts.modality, facts.risk, pack, mitigated=facts.mitigation_approved)
    if facts.face_account != facts.umbrella_account:
        unmet(
            "other_account",
            "The account is not the one of the PCA.",
            "PCA 8.11",
            "Request to the PCA's account.",
            path="$.data.face.account_ref",
        )
    if not facts.account_confirmed:
        unmet("account_not_confirmed", "The account is not confirmed.", "PCA 8.11", "The finance officer confirms it.", wait=True)
    # reports and obligations
    waived = facts.waiver_until is not None and facts.day <= facts.waiver_until
    if not facts.previous_reported and not waived:
        unmet("previous_not_reported", "An earlier instalment is not reported.", "PCA 8.5(c)", "The partner reports.", wait=True)
    if cash.six_months_passed(facts.unreported_period_ends, facts.day, pack):
        unmet("six_months", "A period has been unreported for more than six months.", "PCA 10.2(a)", "The partner reports.", wait=True)
    for kind in facts.overdue_obligations:
        unmet("overdue_obligation", f"The obligation {kind} is overdue.", "obligations", "It must be met or extended.", wait=True)
    for text in facts.conditions_before_cash:
        unmet("condition_before_cash", f"The condition {text} is open.", "review conditions", "Its owner meets it.", wait=True)
    # screening
    if not facts.screening_fresh:
        unmet("screening_not_fresh", "The screening is older than allowed, or a newer list exists.", "IDP", "It is run again.", wait=True)
    if facts.open_hits:
        unmet("screening_hit", f"{facts.open_hits} screening hit(s) are open.", "IDP", "The risk officer disposes of them.", wait=True)
    if facts.ceiling is not None and facts.amount > facts.ceiling:
        unmet(
            "above_cap",
            f"{facts.amount:,.2f} is above the cap of {facts.ceiling:,.2f} while a check is deferred.",
            pack.source("cash.cap_percent"),
            f"Release at most {facts.ceiling:,.2f}, or meet the deferred checks.",
            path="$.data.amount",
        )
    return found + [finding for finding in facts.releaser_findings if finding.severity != "warning"]
