"""The closed transition tables of case and umbrella, and the one question put to them: may this move be made.

What is not listed is refused `not_allowed`. A listed move reports every unmet guard at once. The tables are data that can be read
aloud; who may ask (role, segregation) is not theirs to say, and they change nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from schemas.findings import Finding

BEFORE_LAST_SIGNATURE = ("received", "vetting", "drafting", "in_review", "in_approval", "in_signature")
AFTER_LAST_SIGNATURE = ("signed", "active", "ended")
ENDS = ("closed", "rejected", "withdrawn", "cancelled", "terminated", "expired")
CASE_STATUSES = (*BEFORE_LAST_SIGNATURE, *AFTER_LAST_SIGNATURE, *ENDS)
UMBRELLA_STATUSES = ("draft", "signed", "suspended", "ended", "terminated", "cancelled")


@dataclass(frozen=True)
class Guard:
    """A condition of a move, in the words shown when it is unmet. `wait`: time or another person will meet it."""

    message: str
    severity: Literal["refusal", "wait"] = "refusal"
    next_step: str = ""
    source: str = ""


GUARDS: Mapping[str, Guard] = {
    "standard_track": Guard("The case is not on the standard track."),
    "emergency_track": Guard("The case is not on the emergency track."),
    "clearance_full": Guard("The partner has no clearance of level full.", "wait", "Vetting must be concluded."),
    "clearance_of_level": Guard("The partner has no clearance of the level that the case needs.", "wait", "Vetting must be concluded."),
    "vetted_to_submit": Guard(
        "The partner's vetting does not stand: a clearance on the standard track, a clear screening on the emergency one.",
        "wait",
        "Vetting must go on.",
        "stages 2",
    ),
    "screening_clear": Guard("A screening hit is open.", "wait", "The risk officer disposes of the hit."),
    "screening_fresh": Guard("The sanctions screening is older than allowed, or a newer list exists.", "wait", "It is run again.", "IDP"),
    "reason": Guard("A reason is required."),
    "comment": Guard("A comment is required."),
    "message_to_partner": Guard("A message to the partner is required."),
    "same_hash_accepted": Guard("Office and partner have not accepted the same version.", "refusal", "Both accept one version."),
    "annexes": Guard("A required annex is missing.", "refusal", "Attach it."),
    "content": Guard("The document is incomplete.", "refusal", "Complete it and send it again."),
    "contingency_route": Guard("This is not a contingency document."),
    "within_protocol": Guard("The activation is outside the protocol.", "refusal", "An amendment is needed."),
    "within_ceiling": Guard("The amount is above the protocol's ceiling.", "refusal", "An amendment is needed."),
    "quorum": Guard("The quorum has not spoken.", "wait", "The members give their opinions."),
    "conditions_before_approval": Guard("A condition with gate before_approval is open.", "wait", "Its owner meets it."),
    "conditions_before_signature": Guard("A condition with gate before_signature is open.", "wait", "Its owner meets it."),
    "conditions_before_start": Guard("A condition with gate before_start is open.", "wait", "Its owner meets it."),
    "listed_fields": Guard("A clerical correction may touch only title, names, references and dates within the same quarters."),
    "authority": Guard("The approver has no authority for this amount.", "refusal", "The next on the ladder decides."),
    "segregation": Guard("Segregation of duties bars this person.", "refusal", "Another person decides."),
    "umbrella_not_suspended": Guard("The PCA is suspended.", "wait", "Its suspension must be lifted.", "GTC 13.9"),
    "umbrella_signed": Guard(
        "The PCA is not signed.", "wait", "Both signatures are needed.", "eTools start_date_related_agreement_valid (ET)"
    ),
    "vendor_confirmed": Guard(
        "Vendor and bank account are not confirmed.", "wait", "The finance officer confirms the account.", "PCA 8.11"
    ),
    "officers_listed": Guard("The signer is not an officer listed in the PCA.", "refusal", "A listed officer signs.", "PCA 1.1"),
    "no_future_date": Guard("A signature is dated in the future.", "refusal", "Enter the day of signature.", "eTools signature dates (ET)"),
    "partner_not_blocked": Guard("The partner is blocked.", "wait", "The block must be lifted.", "eTools validation (ET)"),
    "start_reached": Guard("The start date is not reached.", "wait", "Nothing to do: it comes by itself."),
    "reservation": Guard("No funds are reserved.", "wait", "The finance officer attaches a reservation.", "eTools active guard (ET)"),
    "not_contingency": Guard("A contingency document becomes active only by activation."),
    "contingency": Guard("This is not a contingency document."),
    "letter": Guard("The activation letter is missing."),
    "dates": Guard("Start and end are missing."),
    "budget_above_zero": Guard("The budget is zero."),
    "programme_over": Guard("The country programme is not over.", "wait"),
    "never_activated": Guard("The document has been activated."),
    "end_passed": Guard("The end date has not passed.", "wait"),
    "closure_checklist": Guard("The closure checklist is not complete.", "wait"),
    "justification": Guard("A justification is required."),
    "notice_over": Guard("The notice period is not over.", "wait"),
    "termination_document": Guard("The termination document is missing.", "refusal", "Attach it.", "eTools termination (ET)"),
    "until": Guard("A hold needs an end date."),
    "not_on_hold": Guard("The case is on hold already."),
    "on_hold": Guard("The case is not on hold."),
    "scope": Guard("A suspension needs a scope: cash or all."),
    "block_named": Guard("No suspension of that id stands."),
    "true_match": Guard("No true match is recorded."),
    "both_signatures": Guard("A signature is missing.", "wait", "Both sides sign."),
    "declaration_signed": Guard("The partner declaration is not signed.", "wait", "It is signed before the PCA.", "GTC 4.1"),
    "officers_named": Guard("No authorised officers are named.", "refusal", "Name them.", "PCA 1.1"),
    "no_case_carries": Guard("A case carries this PCA."),
}


@dataclass(frozen=True)
class Transition:
    """One row: from any of `sources` to `to` by `trigger`, when all `guards` hold."""

    sources: tuple[str, ...]
    to: str
    trigger: str
    guards: tuple[str, ...] = ()
    by: str = "system"


STAYS = "same"
"""Target of a row that sets or clears an overlay and leaves the status."""

CASE: tuple[Transition, ...] = (
    Transition(("received",), "vetting", "track_set", ("standard_track",)),
    Transition(("received",), "drafting", "track_set", ("emergency_track",)),
    Transition(("vetting",), "drafting", "conclude_vetting", ("clearance_full",), "partnership_manager"),
    Transition(("vetting", "drafting"), "rejected", "conclude_vetting_reject", ("reason",), "partnership_manager"),
    Transition(BEFORE_LAST_SIGNATURE, "rejected", "sanctions_match", ("true_match",), "risk_officer"),
    Transition(
        ("drafting",), "in_review", "submit_for_review", ("same_hash_accepted", "annexes", "content", "vetted_to_submit"), "budget_owner"
    ),
    Transition(
        ("drafting",), "in_approval", "prepare_activation", ("contingency_route", "within_protocol", "within_ceiling"), "focal_point"
    ),
    Transition(
        ("in_review",), "in_approval", "recommendation", ("quorum", "conditions_before_approval", "clearance_of_level"), "overall_approver"
    ),
    Transition(("in_review", "in_approval", "in_signature"), "drafting", "return", ("comment",), "reviewer or approver"),
    Transition(("in_review", "in_approval", "in_signature"), "drafting", "request_change", ("comment",), "partner_authorised_officer"),
    Transition(("in_review",), STAYS, "correct_clerical", ("listed_fields",), "committee_secretary"),
    Transition(
        ("in_approval",), "in_signature", "approve", ("authority", "segregation", "screening_fresh", "umbrella_not_suspended"), "approver"
    ),
    Transition(("in_approval",), "rejected", "reject", ("reason", "message_to_partner"), "approver"),
    Transition(
        ("in_signature",),
        "signed",
        "last_signature",
        ("umbrella_signed", "vendor_confirmed", "officers_listed", "no_future_date", "screening_fresh", "partner_not_blocked"),
        "signatories",
    ),
    Transition(
        ("signed",),
        "active",
        "conditions_met",
        ("start_reached", "reservation", "conditions_before_start", "umbrella_signed", "not_contingency"),
    ),
    Transition(
        ("in_approval",),
        "signed",
        "approve_activation",
        ("contingency_route", "letter", "dates", "budget_above_zero", "umbrella_signed", "vendor_confirmed", "screening_fresh"),
        "head_of_office",
    ),
    Transition(
        ("signed",),
        "active",
        "approve_activation",
        ("contingency", "letter", "dates", "budget_above_zero", "reservation"),
        "head_of_office",
    ),
    Transition(("signed",), "expired", "programme_over", ("contingency", "programme_over", "never_activated")),
    Transition(("active",), "ended", "end_date_passed", ("end_passed",)),
    Transition(("ended",), "closed", "closure", ("closure_checklist",)),
    Transition(BEFORE_LAST_SIGNATURE, "withdrawn", "withdraw", ("reason",), "either side"),
    Transition(("drafting", "in_review", "in_approval", "in_signature"), "cancelled", "cancel", ("justification",), "committee_secretary"),
    Transition(("signed", "active"), "terminated", "notice_over", ("notice_over", "termination_document")),
    Transition(BEFORE_LAST_SIGNATURE, STAYS, "hold", ("reason", "until", "not_on_hold"), "focal_point, partnership_manager"),
    Transition(BEFORE_LAST_SIGNATURE, STAYS, "resume", ("on_hold",), "focal_point, partnership_manager"),
    Transition(AFTER_LAST_SIGNATURE, STAYS, "suspend", ("reason", "scope"), "focal_point, partnership_manager, risk_officer"),
    Transition(AFTER_LAST_SIGNATURE, STAYS, "lift", ("reason", "block_named"), "head_of_office"),
)

UMBRELLA: tuple[Transition, ...] = (
    Transition(
        ("draft",), "signed", "sign", ("both_signatures", "declaration_signed", "vendor_confirmed", "officers_named", "no_future_date")
    ),
    Transition(("draft",), "cancelled", "cancel", ("no_case_carries",)),
    Transition(("signed",), "suspended", "suspend", ("reason",), "head_of_office"),
    Transition(("suspended",), "signed", "lift", ("reason",), "head_of_office"),
    Transition(("signed", "suspended"), "terminated", "terminate", ("termination_document",)),
    Transition(("signed", "suspended"), "ended", "programme_over", ("programme_over",)),
)

Facts = Mapping[str, bool | Sequence[Finding]]
"""Guard to whether it holds, or to the findings that say why it does not (none: it holds). A guard not told is unmet."""


@dataclass(frozen=True)
class Move:
    """The answer: the new status, or None and everything that stands against it."""

    to: str | None
    findings: tuple[Finding, ...] = ()

    @property
    def allowed(self) -> bool:
        return self.to is not None


def unmet(guards: Sequence[str], facts: Facts, source: str = "") -> list[Finding]:
    """The findings of every guard that does not hold."""
    found: list[Finding] = []
    for name in guards:
        fact = facts.get(name, False)
        if isinstance(fact, bool):
            if not fact:
                guard = GUARDS[name]
                found.append(
                    Finding(
                        rule=name,
                        message=guard.message,
                        severity=guard.severity,
                        source=guard.source or source or "transition table",
                        next_step=guard.next_step,
                    )
                )
        else:
            found += [finding for finding in fact if finding.severity != "warning"]
    return found


def possible(table: Sequence[Transition], source: str) -> list[Transition]:
    """The rows that lead out of a status (or set an overlay in it)."""
    return [row for row in table if source in row.sources]


def move(table: Sequence[Transition], source: str, trigger: str, facts: Facts, to: str | None = None) -> Move:
    """Whether `trigger` may move `source`, and where to.

    `to` chooses between rows of one trigger (`track_set`); without it the first row whose guards all hold is taken, else the
    findings of the first row. A row that leaves the status answers the same status.
    """
    rows = [row for row in table if source in row.sources and row.trigger == trigger and (to is None or _target(row, source) == to)]
    if not rows:
        listed = sorted({row.trigger for row in possible(table, source)})
        return Move(
            None,
            (
                Finding(
                    rule="not_allowed",
                    message=f"{trigger} is not possible in status {source}" + (f" (to {to})." if to else "."),
                    path="$.trigger",
                    source="transition table",
                    next_step=f"Possible here: {', '.join(listed)}." if listed else "This status is an end.",
                ),
            ),
        )
    answers = [(row, unmet(row.guards, facts)) for row in rows]
    for row, findings in answers:
        if not findings:
            return Move(_target(row, source))
    return Move(None, tuple(answers[0][1]))


def _target(row: Transition, source: str) -> str:
    return source if row.to == STAYS else row.to
