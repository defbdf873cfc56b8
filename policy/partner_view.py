"""What the partner sees: the table of casebook 6 as data, row by row, and which words of which event are told to it.

An allow-list through and through: a part, a field or an event that is not named here is not shown. Which parts there are is said here; how
each is read from the record stands in `api/views.py`. Pure data and the choice of rows; nothing here reads a case.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from schemas.messages import CONFIDENTIAL

TRACKS: Mapping[str, str] = MappingProxyType(
    {
        "standard": "standard procedure: all checks are done before signature",
        "emergency": "emergency procedure: some checks are postponed with a date",
    }
)
"""The track with its meaning."""

ALWAYS = (
    "reference", "title", "track", "status", "holder", "stages", "documents", "acts", "obligations", "messages", "days", "contact",
    "tasks", "may",
)  # fmt: skip
"""What is shown at every status."""

HIDDEN_ALWAYS = (
    "opinions", "scores", "names of reviewers", "screening", "flags", "internal comments", "other partners",
    "reasons of the confidential class",
)  # fmt: skip
"""In words: what is never shown."""


@dataclass(frozen=True)
class Row:
    """One row of the table. `sees`: parts shown in addition; `may`: kinds of task and message; `hidden`: in words, what is not shown."""

    label: str
    sees: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()


_DRAFTING = ("partner_turn", "attach_annex", "answer_question", "raise_concern", "withdraw")
_NOTICE = ("answer_notice", "meet_obligation", "submit_report", "raise_concern")

TABLE: Mapping[str, Row] = MappingProxyType(
    {
        "received": Row("Received", ("taken", "assumed_facts"), ("raise_concern", "withdraw", "correct_fact")),
        "vetting": Row(
            "Checks on your organisation",
            ("elements",),
            ("sign_partner_declaration", "provide_registration", "provide_vetting_information", "raise_concern", "withdraw"),
            ("screening and its results", "flags", "PSEA detail of others", "scorer's working notes"),
        ),
        "drafting": Row(
            "Your turn to draft",
            ("versions", "content_checks", "budget", "acceptances"),
            _DRAFTING,
            ("internal notes", "funds available", "ladder"),
        ),
        "drafting_office": Row("With the office", ("last_sent", "due_back", "on_behalf"), ("raise_concern", "withdraw")),
        "in_review": Row(
            "Under review",
            ("submitted", "review_kind", "expected_end", "questions"),
            ("answer_question", "raise_concern", "withdraw"),
            ("members", "opinions", "answers to the eight questions", "counts", "recusals", "meeting date"),
        ),
        "returned": Row(
            "Returned for changes",
            ("returned", "versions", "content_checks", "budget", "acceptances"),
            _DRAFTING,
            ("who returned", "internal comment", "opinions"),
        ),
        "in_approval": Row(
            "Waiting for approval",
            ("sent_for_approval", "expected_end", "conditions"),
            ("meet_condition", "raise_concern", "withdraw"),
            ("approver's name before the decision", "deferral arguments"),
        ),
        "in_signature": Row(
            "Ready for signature",
            ("to_sign", "signatories", "starts_on_signature", "pca", "account", "conditions"),
            ("sign_as_partner", "request_cash", "raise_concern", "withdraw"),
            ("the account number beyond its last four characters",),
        ),
        "signed": Row(
            "Signed, not started",
            ("start", "missing"),
            ("request_cash", "meet_condition", "meet_obligation", "propose_termination", "raise_concern"),
            ("reservation number", "grants and donors unless disclosed"),
        ),
        "active": Row(
            "Running",
            ("periods", "instalments", "cap", "reports", "visits", "hact_rating"),
            (
                "request_cash",
                "submit_report",
                "answer_question",
                "meet_obligation",
                "meet_condition",
                "propose_termination",
                "raise_concern",
            ),
            ("spot-check selection before announcement", "ageing of others", "risk scores", "segregation refusals"),
        ),
        "on_hold": Row("Paused", ("hold", "runs_on"), ("raise_concern", "withdraw"), ("internal reason",)),
        "suspended_cash": Row(
            "Payments stopped",
            ("suspension",),
            ("answer_notice", "request_lift", "meet_obligation", "submit_report", "raise_concern"),
            ("reason_code of the confidential class", "hits", "allegations"),
        ),
        "suspended_all": Row(
            "Suspended",
            ("suspension", "no_new_commitments"),
            ("answer_notice", "request_lift", "meet_obligation", "raise_concern"),
            ("reason_code of the confidential class", "hits", "allegations"),
        ),
        "under_notice": Row(
            "Notice given",
            ("notice",),
            _NOTICE,
            ("reason_code of the confidential class", "hits", "allegations"),
        ),
        "ended": Row("Ended, closing", ("closure",), ("submit_report", "meet_obligation", "answer_notice", "raise_concern")),
        "closed": Row("Closed", ("final_figures", "retention"), (), ("internal performance remarks",)),
        "rejected": Row(
            "Not approved", ("outcome", "apply_again"), ("raise_concern",), ("reason_code of the confidential class", "scores")
        ),
        "withdrawn": Row("Withdrawn", ("outcome",), (), ("internal justification",)),
        "cancelled": Row("Cancelled", ("outcome",), (), ("internal justification",)),
        "expired": Row("Lapsed", ("outcome",), (), ("internal justification",)),
        "terminated": Row(
            "Terminated", ("outcome", "to_return"), ("submit_report", "meet_obligation", "answer_notice"), ("investigation",)
        ),
    }
)
"""Every row of casebook 6 but the first (refused at the door: there is no case), by status and what lies over it."""

OVER = ("under_notice", "suspended_all", "suspended_cash", "on_hold")
"""Rows that lie over a status; the first that holds gives the label."""


def rows_of(
    status: str,
    *,
    turn: str = "office",
    returned: bool = False,
    held: bool = False,
    scopes: Collection[str] = (),
    under_notice: bool = False,
) -> tuple[str, ...]:
    """The rows of the table that hold: what lies over the status first, the status last.

    `turn`: whose it is in drafting (office or partner); `returned`: the document came back after it was submitted; `scopes`: of the stops
    in force on the case.
    """
    over = {
        "under_notice": under_notice,
        "suspended_all": "all" in scopes,
        "suspended_cash": "cash" in scopes and "all" not in scopes,
        "on_hold": held,
    }
    own = status
    if status == "drafting":
        own = "drafting_office" if turn != "partner" else "drafting"
        if returned:
            own = "returned"
    return (*(name for name in OVER if over[name]), own)


def parts_of(rows: Collection[str]) -> tuple[str, ...]:
    """The parts shown in addition, each once, in the order of the table."""
    return tuple(dict.fromkeys(part for row in rows for part in TABLE[row].sees))


def may_of(rows: Collection[str]) -> frozenset[str]:
    """Kinds of task and message that the partner may use: what every row allows that lies over, and what the status allows."""
    own = frozenset(TABLE[tuple(rows)[-1]].may)
    over = [frozenset(TABLE[row].may) for row in tuple(rows)[:-1]]
    return own if not over else frozenset().union(*over) | (own & _RUNS_ON)


_RUNS_ON = frozenset({"meet_obligation", "submit_report", "answer_question", "raise_concern", "withdraw", "meet_condition"})
"""What goes on under a hold, a stop or a notice: obligations, reports, answers."""

EXAMINED = "Payments are stopped while a matter is examined; your contact is {contact}."
"""All that is said of a stop of the confidential class."""

# --- vetting and obligations ------------------------------------------------------------------------------------------------------

ELEMENTS = ("declaration", "registration", "profile", "core_values", "psea", "hact")
"""Elements of the ledger that are shown: never the screening, a flag or a conflict of interest."""

PARTNERS_ELEMENTS: Mapping[str, str] = MappingProxyType({"declaration": "sign_partner_declaration", "registration": "provide_registration"})
"""Elements that the partner itself provides, by the kind of the task in which it does."""

STAGES = ("vetting", "document", "review", "approval", "cash")
"""The five-stage line."""

OBLIGATIONS: Mapping[str, str] = MappingProxyType(
    {
        "partner_verification": "We have not yet verified your organisation's profile.",
        "registration_certificate": "A valid certificate of your registration is still to be provided.",
        "core_values_assessment": "The assessment of your organisation against our core values is still to be done.",
        "psea_assessment": "We could not yet check your arrangements against sexual exploitation and abuse.",
        "hact_assessment": "We could not yet assess your financial management.",
        "psea_strengthening_plan": "A plan against sexual exploitation and abuse is to be agreed and carried out.",
        "assessment_renewal": "An assessment of your organisation will expire and is to be renewed.",
        "selection_justification": "We still have to write down why your organisation was selected directly.",
        "partner_acceptance_record": "The office accepted the document on your behalf; your signature of the same text is still to come.",
        "signed_original": "The document was signed by e-mail; the signed original, or an electronic signature of it, is still to come.",
        "committee_ratification": "The document was reviewed by one person; our full committee still has to look at it.",
        "document_completion": "Sections of the document that were left out are to be completed and accepted by both sides.",
        "first_assurance_visit": "A first visit or check follows the first payment.",
        "review_condition": "A condition of the review is to be met.",
        "approval_condition": "A condition of the approval is to be met.",
        "waived_report": "A report for which you were given more time is to be handed in.",
        "reservation_top_up": "Our reservation of funds is to be topped up before the next payment.",
        "quarterly_face": "The report on the cash of a period is to be handed in.",
        "activation_end_decision": "The emergency activation has ended; the office decides how your agreement goes on.",
        "new_pca_required": "Your agreement runs longer than the PCA; the next PCA is to be signed.",
        "data_processing_agreement": "The data processing agreement is to be signed with the document.",
        "paper_entry_confirmation": "Something was entered here on your behalf; please confirm it.",
        "final_face_and_report": "The final report and statement of expenditure are to be handed in.",
        "refund": "Unspent cash and supplies are to be returned.",
    }
)
"""Kinds of obligation that are shown, in plain words. Not among them: the end of an accepted risk, which tells of a flag."""

MEANWHILE: Mapping[str, str] = MappingProxyType(
    {"psea_assessment": "we count your risk as high", "hact_assessment": "we count your risk as high"}
)
"""What holds as long as it is not done."""

CONSEQUENCES: Mapping[str, str] = MappingProxyType(
    {
        "block_instalment": "no further instalment is paid",
        "block_signature": "nothing more is signed",
        "block_amendment": "no amendment is made",
        "block_new_emergency": "no new emergency agreement is taken",
        "block_new_document": "no new agreement is taken",
        "direct_payment_only": "only direct payments are made",
        "suspend_cash": "all payments stop",
        "escalate": "our management is told",
        "convert_or_end": "it is decided whether the agreement is converted or ends",
    }
)

ROLES: Mapping[str, str] = MappingProxyType(
    {
        "partner_focal_point": "your focal point's", "partner_authorised_officer": "your authorised officer's", "partner_viewer": "your",
    }
)  # fmt: skip
"""Whose turn it is, where it is the partner's; of the office's people it is "our <role>'s"."""


def in_words(kind: str, owner_role: str, due: str | None, consequences: Collection[str], *, met: bool = False) -> str:
    """An obligation in plain words: what, by when, what follows, whose turn it is. `due`: a day in words, or None."""
    said = OBLIGATIONS[kind]
    if met:
        return f"{said} This has been done."
    meanwhile = MEANWHILE.get(kind)
    until = f"Until {due} {meanwhile}" if due and meanwhile else f"It is due on {due}" if due else "Its date is set by a later step"
    effects = [CONSEQUENCES[code] for code in consequences if code in CONSEQUENCES]
    then = f"; from then on {' and '.join(effects)} until it is done" if effects else ""
    whose = ROLES.get(owner_role) or f"our {owner_role.replace('_', ' ')}'s"
    return f"{said} {until}{then}. It is {whose} turn."


# --- events -----------------------------------------------------------------------------------------------------------------------

IN_FULL: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "case.received": (
            "reference", "office", "programme", "partner", "source", "source_reference", "instrument", "document_type", "humanitarian",
            "focal_point", "currency", "rate", "office_total", "office_cash", "office_total_usd", "office_cash_usd", "submitted_on",
            "start_requested", "end_requested", "assumed_facts",
        ),
        "case.track_set": ("track",),
        "case.track_changed": ("from", "to"),
        "case.activation_ended": ("ended",),
        "case.holder_changed": ("holder",),
        "case.focal_point_changed": ("to", "interim"),
        "vetting.element_deferred": ("element", "due"),
        "vetting.information_requested": ("items", "due"),
        "vetting.information_provided": ("items",),
        "clearance.granted": ("level", "deferrals", "valid_until"),
        "clearance.reused": ("still_needed",),
        "document.version_stored": (
            "version", "sha256", "side", "changed_sections", "office_total", "office_cash", "office_total_usd", "office_cash_usd",
            "management_share",
        ),
        "document.sent": ("version", "sha256", "due"),
        "document.returned": ("version", "sha256", "first"),
        "document.accepted": ("side", "sha256", "on_behalf"),
        "document.unlocked": ("by", "why"),
        "document.annex_attached": ("annex", "sha256"),
        "review.corrected": ("fields", "sha256", "old_sha256"),
        "approval.given": ("object", "round", "amount_usd"),
        "signature.recorded": ("object", "side", "signed_by", "signed_on", "method", "sha256", "reference"),
        "umbrella.signed": ("start", "end", "signed_on"),
        "document.signed": (
            "later_signature", "start", "end", "start_requested", "days_a", "days_b", "days_c", "periods", "authorised", "currency",
        ),
        "case.activated": ("start", "first_period", "cap"),
        "contingency.activated": ("letter_sha256", "start", "end", "budget", "ceiling", "signed_on", "periods", "authorised", "currency"),
        "cash.requested": ("instalment", "period", "modality", "currency", "amount", "lines", "face_sha256", "signed_by"),
        "cash.released": ("instalment", "amount", "currency", "value_date"),
        "cash.not_needed": ("instalment",),
        "payment.ordered": ("instalment", "amount", "currency", "value_date"),
        "payment.confirmed": ("instalment", "period", "amount", "currency", "paid_at", "report_due"),
        "report.due": ("instalment", "period", "due"),
        "report.late": ("instalment", "period", "due", "days_late"),
        "report.submitted": ("instalment", "period", "amount", "lines", "refunds", "balance", "indicators", "sha256", "signed_by"),
        "report.reviewed": ("instalment", "side", "result", "lines", "final", "currency", "accepted", "rejected", "balance"),
        "report.waived": ("instalment", "until"),
        "obligation.created": ("obligation", "kind", "owner_role", "due_at", "consequences"),
        "obligation.due_set": ("obligation", "due_at"),
        "obligation.joined": ("obligation",),
        "obligation.reminded": ("obligation", "day"),
        "obligation.evidence_submitted": ("obligation",),
        "obligation.evidence_refused": ("obligation",),
        "obligation.decision_asked": ("obligation", "until"),
        "obligation.met": ("obligation",),
        "obligation.extended": ("obligation", "due_at", "until"),
        "obligation.written_off": ("obligation",),
        "obligation.overdue": ("obligation", "kind", "days"),
        "obligation.consequence_applied": ("obligation", "consequence"),
        "obligation.consequence_lifted": ("obligation", "consequence"),
        "case.held": ("until", "extended"),
        "case.resumed": ("why",),
        "notice.sent": ("kind", "object", "ground", "days", "effective_on", "document_sha256"),
        "notice.answered": ("verdict",),
        "case.terminated": ("ground", "document_sha256"),
        "case.withdrawn": ("by", "reason_code"),
        "case.cancelled": (),
        "case.expired": (),
        "case.closed": (),
        "case.ended": ("end",),
        "concern.raised": ("concern",),
        "concern.answered": ("concern", "days"),
        "activation.end_decided": ("verdict",),
    }
)  # fmt: skip
"""Events that `schemas.events` shows in full: which of their words the partner reads. Never who of the office's people acted, nor why."""

IF_THEIRS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "review.question_asked": ("question", "task"),
        "review.question_answered": ("question", "task"),
        "condition.set": ("condition", "gate", "due"),
        "condition.met": ("condition",),
        "condition.waived": ("condition",),
        "task.opened": ("task", "kind", "stage", "round", "due_at"),
        "task.reminded": ("task",),
        "task.escalated": ("task",),
        "task.reassigned": ("task",),
        "task.shifted": ("task", "due_at"),
        "task.closed": ("task", "verdict"),
        "decision.counted": ("task", "kind", "stage", "round", "verdict"),
        "decision.refused": ("task", "kind", "stage", "round", "verdict", "rules"),
        "message.counted": ("kind", "task"),
        "message.refused": ("kind", "task", "rules"),
    }
)  # fmt: skip
"""Events that are shown where the task, the question or the condition is the partner's own."""

COARSE: Mapping[str, str] = MappingProxyType(
    {
        "case.status_changed": "",
        "case.fact_corrected": "A fact was corrected",
        "vetting.started": "Checks on your organisation have begun",
        "vetting.element_recorded": "A check on your organisation was recorded",
        "vetting.element_expired": "A check on your organisation expired",
        "clearance.refused": "The checks on your organisation have ended",
        "vendor.confirmed": "Your bank account is confirmed",
        "vendor.account_changed": "Your bank account is being checked",
        "clause.deviation_opened": "A clause differs from the template",
        "clause.deviation_settled": "A clause that differed was settled",
        "review.submitted": "Submitted for review",
        "review.concluded": "The review has ended",
        "review.ratified": "The review was confirmed",
        "review.not_ratified": "The review was not confirmed",
        "approval.returned": "Returned for changes",
        "case.rejected": "Not approved",
        "umbrella.opened": "A PCA is being prepared",
        "umbrella.carrier_changed": "The PCA goes on with another document",
        "umbrella.cancelled": "The draft of the PCA was dropped",
        "umbrella.suspended": "The PCA is suspended",
        "umbrella.lifted": "The suspension of the PCA is over",
        "umbrella.terminated": "The PCA was terminated",
        "umbrella.ended": "The PCA has ended",
        "funds.reserved": "Funds are reserved",
        "funds.reservation_refused": "Funds are not reserved yet",
        "contingency.prepared": "The activation was prepared",
        "cash.certified": "Your request was certified",
        "cash.checked": "Your request was checked",
        "cash.returned": "Your request was returned",
        "cash.refused": "Your request was refused",
        "payment.accepted": "The bank has the order",
        "payment.refused": "The bank refused the payment",
        "payment.cancelled": "A payment was taken back",
        "payment.problem_resolved": "A payment problem was settled",
        "cash.stopped": "Payments are stopped",
        "cash.resumed": "Payments go on",
        "case.suspended": "Stopped",
        "case.suspension_lifted": "A stop was lifted",
        "case.suspension_kept": "The stop stays",
        "case.lift_requested": "It was asked to lift the stop",
        "case.termination_proposed": "It was proposed to end the agreement",
        "case.correction_asked": "A correction was asked for",
        "intake.rejected": "Not accepted",
    }
)
"""Events of which the partner reads only that it happened, in these words (of a change of status: the public label)."""


def visible_obligation(identifier: str) -> bool:
    """Whether an obligation of that id is one that the partner is shown."""
    return any(part in OBLIGATIONS for part in identifier.split(":"))


def confidential(value: object) -> bool:
    """Whether a reason or ground is of the confidential class."""
    return value in CONFIDENTIAL


# --- the public -------------------------------------------------------------------------------------------------------------------

PUBLIC_FROM = frozenset({"signed", "active", "ended", "closed", "terminated"})
"""Statuses in which what is signed may be known to all, unless the document is confidential."""
