"""Which workflows there are, and the one sandbox in which they run: for the worker, for tests and for replay."""

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from workflows.activation import Activation
from workflows.agreement import Agreement, EmergencyAgreement
from workflows.approval import Approval, EmergencyApproval
from workflows.cash_transfer import CashTransfer, EmergencyCashTransfer
from workflows.committee_review import CommitteeReview, EmergencyCommitteeReview
from workflows.obligations import Obligations
from workflows.programme_document import EmergencyProgrammeDocument, ProgrammeDocument
from workflows.umbrella import Umbrella
from workflows.vetting import EmergencyVetting, Vetting

WORKFLOWS: list[type] = [
    Agreement, Vetting, ProgrammeDocument, CommitteeReview, Approval, CashTransfer,
    EmergencyAgreement, EmergencyVetting, EmergencyProgrammeDocument, EmergencyCommitteeReview, EmergencyApproval, EmergencyCashTransfer,
    Obligations, Umbrella, Activation,
]  # fmt: skip

PASSED_THROUGH = ("schemas", "policy", "workflows.effects", "structlog", "pydantic", "pydantic_core")
"""Modules that are the same inside and outside the sandbox: pure, or only names. Importing 40 models per workflow costs 80 ms without."""


RESTRICTIONS = SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)


def sandbox() -> SandboxedWorkflowRunner:
    """Deterministic by construction: what is not passed through is imported anew for each workflow."""
    return SandboxedWorkflowRunner(restrictions=RESTRICTIONS)
