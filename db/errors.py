"""What the database refuses, in our words: the one place that maps its errors.

Constraints are the last line of defence behind the rules; when one fires, the person reads a finding, never an exception.
"""

import asyncpg

from schemas.findings import Finding

_CONSTRAINTS: dict[str, Finding] = {
    "never_over_the_amount": Finding(
        rule="over_authorised",
        message="This would draw more than the amount authorised for the case.",
        path="$.data.amount",
        source="PCA 8.5; invariant 3",
        next_step="Release no more than what is left of the office cash as signed.",
    ),
    "one_payment_per_instalment": Finding(
        rule="paid_twice",
        message="This instalment is paid already.",
        source="invariant 3",
        next_step="Treat the second confirmation as a payment anomaly.",
    ),
    "reservation_number_key": Finding(
        rule="reservation_used",
        message="This reservation number serves another document.",
        path="$.data.number",
        source="stages.md 7",
        next_step="Give the number of a reservation made for this document.",
    ),
    "reservation_amount_check": Finding(rule="amount_not_positive", message="The amount must be above zero.", path="$.data.amount"),
    "payment_order_amount_check": Finding(rule="amount_not_positive", message="The amount must be above zero.", path="$.data.amount"),
    "authorised_pkey": Finding(rule="already_signed", message="The document is signed already.", next_step="Look at the case again."),
    "decision_receipt": Finding(rule="already_decided", message="This decision stands in the record already."),
}


class RecordUnreachable(ConnectionError):
    """The record (PostgreSQL) cannot be reached; start it, or set DATABASE_URL. Retried by whoever called."""


def finding_of(error: Exception) -> Finding | None:
    """What a constraint violation says to the person; None for every other error, which is not theirs to mend."""
    if isinstance(error, asyncpg.CheckViolationError | asyncpg.UniqueViolationError | asyncpg.ExclusionViolationError):
        return _CONSTRAINTS.get(getattr(error, "constraint_name", None) or "")
    return None
